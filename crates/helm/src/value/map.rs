//! Maps of Go: shared, changing, ordered by key.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use super::{Str, Value};

/// A map; a clone is the same map, as in Go.
#[derive(Clone, Debug)]
pub struct Map(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    kind: MapType,
    nil: bool,
    entries: Rc<Entries>,
}

/// What maps of different types can share.
#[derive(Debug, Default)]
struct Entries(RefCell<BTreeMap<Str, Value>>);

impl Drop for Entries {
    fn drop(&mut self) {
        super::release(std::mem::take(self.0.get_mut()).into_values());
    }
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
        Self(Rc::new(Inner {
            kind,
            nil: false,
            entries: Rc::new(Entries(RefCell::new(entries.into_iter().collect()))),
        }))
    }

    /// The nil map of the type.
    pub fn nil(kind: MapType) -> Self {
        Self(Rc::new(Inner {
            kind,
            nil: true,
            entries: Rc::default(),
        }))
    }

    /// The type.
    pub fn map_type(&self) -> MapType {
        self.0.kind
    }

    /// What tells this map from every other one that lives.
    pub fn address(&self) -> usize {
        Rc::as_ptr(&self.0.entries).addr()
    }

    /// Whether it is a nil map, which cannot be written to.
    pub fn is_nil(&self) -> bool {
        self.0.nil
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<Value> {
        self.0.entries.0.borrow().get(key).cloned()
    }

    /// Whether the key is there, whatever its value.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.0.entries.0.borrow().contains_key(key)
    }

    /// Sets a key, for everybody who holds the map.
    pub fn insert(&self, key: impl Into<Str>, value: Value) {
        self.0.entries.0.borrow_mut().insert(key.into(), value);
    }

    /// Removes a key, for everybody who holds the map.
    pub fn remove(&self, key: &[u8]) -> Option<Value> {
        self.0.entries.0.borrow_mut().remove(key)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.entries.0.borrow().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries as they are now, ordered bytewise by key.
    pub fn entries(&self) -> Vec<(Str, Value)> {
        self.0
            .entries
            .0
            .borrow()
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// The keys as they are now, ordered bytewise.
    pub fn keys(&self) -> Vec<Str> {
        self.0.entries.0.borrow().keys().cloned().collect()
    }

    /// Looks at the keys in place, ordered bytewise; what looks may not change the map.
    pub(crate) fn each_key(&self, mut look: impl FnMut(&[u8])) {
        for key in self.0.entries.0.borrow().keys() {
            look(key);
        }
    }

    /// The values, taken out if nobody else holds the map.
    pub(super) fn into_values(self) -> Vec<Value> {
        let entries = Rc::into_inner(self.0).and_then(|inner| Rc::into_inner(inner.entries));
        entries.map_or_else(Vec::new, |mut entries| {
            std::mem::take(entries.0.get_mut()).into_values().collect()
        })
    }

    /// The same map as another type, as a conversion of Go gives it: what changes one changes the other.
    #[must_use]
    pub fn converted(&self, kind: MapType) -> Self {
        if self.0.kind == kind {
            return self.clone();
        }
        Self(Rc::new(Inner {
            kind,
            nil: self.0.nil,
            entries: Rc::clone(&self.0.entries),
        }))
    }

    /// Whether both are one and the same map.
    pub fn is_same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0.entries, &other.0.entries)
    }
}

impl MapType {
    /// Whether the values have the static type `interface {}`.
    pub(crate) fn is_boxed(self) -> bool {
        match self {
            Self::Any | Self::Values(_) => true,
            Self::String => false,
            Self::Other(name) => name.ends_with("]interface {}"),
        }
    }

    /// The name in Go.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "map[string]interface {}",
            Self::Values(name) | Self::Other(name) => name,
            Self::String => "map[string]string",
        }
    }
}
