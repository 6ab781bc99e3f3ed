//! Maps of Go: shared, changing, ordered by key.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use super::{Str, Value};

/// A map; a clone is the same map, as in Go.
#[derive(Clone, Debug)]
pub struct Map {
    kind: MapType,
    inner: Rc<Inner>,
}

#[derive(Debug)]
struct Inner {
    nil: bool,
    entries: RefCell<BTreeMap<Str, Value>>,
}

/// The map types that templates meet; every key is a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapType {
    /// `map[string]interface {}`.
    Any,
    /// `common.Values` (`chartutil.Values` before Helm 4), what `.Values` is.
    Values(&'static str),
    /// `map[string]string`.
    String,
    /// Any other, by its name in Go.
    Other(&'static str),
}

impl Map {
    /// A map of the type; every value must be of it.
    pub fn new(kind: MapType, entries: impl IntoIterator<Item = (Str, Value)>) -> Self {
        Self {
            kind,
            inner: Rc::new(Inner {
                nil: false,
                entries: RefCell::new(entries.into_iter().collect()),
            }),
        }
    }

    /// The nil map of the type.
    pub fn nil(kind: MapType) -> Self {
        Self {
            kind,
            inner: Rc::new(Inner {
                nil: true,
                entries: RefCell::default(),
            }),
        }
    }

    /// The type.
    pub const fn map_type(&self) -> MapType {
        self.kind
    }

    /// The same map as another type, as a conversion of Go gives it: what changes one changes the other.
    #[must_use]
    pub fn converted(&self, kind: MapType) -> Self {
        Self {
            kind,
            inner: Rc::clone(&self.inner),
        }
    }

    /// What tells this map from every other one that lives.
    pub fn address(&self) -> usize {
        Rc::as_ptr(&self.inner).addr()
    }

    /// Whether it is a nil map, which cannot be written to.
    pub fn is_nil(&self) -> bool {
        self.inner.nil
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<Value> {
        self.inner.entries.borrow().get(key).cloned()
    }

    /// Whether the key is there, whatever its value.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.inner.entries.borrow().contains_key(key)
    }

    /// Sets a key, for everybody who holds the map.
    pub fn insert(&self, key: impl Into<Str>, value: Value) {
        self.inner.entries.borrow_mut().insert(key.into(), value);
    }

    /// Removes a key, for everybody who holds the map.
    pub fn remove(&self, key: &[u8]) -> Option<Value> {
        self.inner.entries.borrow_mut().remove(key)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.inner.entries.borrow().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries as they are now, ordered bytewise by key.
    pub fn entries(&self) -> Vec<(Str, Value)> {
        self.inner
            .entries
            .borrow()
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// The keys as they are now, ordered bytewise.
    pub fn keys(&self) -> Vec<Str> {
        self.inner.entries.borrow().keys().cloned().collect()
    }

    /// Whether both are one and the same map.
    pub fn is_same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.inner, &other.inner)
    }
}

impl MapType {
    /// The name in Go.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "map[string]interface {}",
            Self::Values(name) | Self::Other(name) => name,
            Self::String => "map[string]string",
        }
    }
}
