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
    entries: Entries,
}

#[derive(Debug)]
enum Entries {
    Own(RefCell<BTreeMap<Str, Value>>),
    /// Those of another map, which is the same map in Go, converted to another type.
    Shared(Map),
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
            entries: Entries::Own(RefCell::new(entries.into_iter().collect())),
        }))
    }

    /// The nil map of the type.
    pub fn nil(kind: MapType) -> Self {
        Self(Rc::new(Inner {
            kind,
            nil: true,
            entries: Entries::Own(RefCell::default()),
        }))
    }

    /// The same map as another type, as a conversion of Go gives it: what changes one changes the other.
    #[must_use]
    pub fn converted(&self, kind: MapType) -> Self {
        let owner = match &self.0.entries {
            Entries::Own(_) => self.clone(),
            Entries::Shared(owner) => owner.clone(),
        };
        Self(Rc::new(Inner {
            kind,
            nil: self.0.nil,
            entries: Entries::Shared(owner),
        }))
    }

    fn cell(&self) -> &RefCell<BTreeMap<Str, Value>> {
        match &self.0.entries {
            Entries::Own(entries) => entries,
            // An owner is never shared itself, so this goes one step deep.
            Entries::Shared(owner) => owner.cell(),
        }
    }

    /// The type.
    pub fn map_type(&self) -> MapType {
        self.0.kind
    }

    /// Whether it is a nil map, which cannot be written to.
    pub fn is_nil(&self) -> bool {
        self.0.nil
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<Value> {
        self.cell().borrow().get(key).cloned()
    }

    /// Whether the key is there, whatever its value.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.cell().borrow().contains_key(key)
    }

    /// Sets a key, for everybody who holds the map.
    pub fn insert(&self, key: impl Into<Str>, value: Value) {
        self.cell().borrow_mut().insert(key.into(), value);
    }

    /// Removes a key, for everybody who holds the map.
    pub fn remove(&self, key: &[u8]) -> Option<Value> {
        self.cell().borrow_mut().remove(key)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.cell().borrow().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries as they are now, ordered bytewise by key.
    pub fn entries(&self) -> Vec<(Str, Value)> {
        self.cell()
            .borrow()
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// The keys as they are now, ordered bytewise.
    pub fn keys(&self) -> Vec<Str> {
        self.cell().borrow().keys().cloned().collect()
    }

    /// Whether both are one and the same map.
    pub fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(self.cell(), other.cell())
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
