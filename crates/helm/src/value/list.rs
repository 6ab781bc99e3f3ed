//! Slices of Go.

use std::rc::Rc;

use super::Value;

/// A slice, cheap to clone and without a way to change it.
#[derive(Clone, Debug)]
pub struct List {
    kind: ListType,
    /// A nil slice: it prints like an empty one, but is `null` in JSON and YAML.
    nil: bool,
    items: Rc<[Value]>,
}

/// The element types that templates meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListType {
    /// `[]interface {}`.
    Any,
    /// `[]string`.
    String,
    /// `[]int`.
    Int,
    /// `[]map[string]interface {}`.
    Map,
    /// Any other, by its name in Go.
    Other(&'static str),
}

impl List {
    /// A list of the type; every item must be of it.
    pub fn new(kind: ListType, items: impl IntoIterator<Item = Value>) -> Self {
        Self {
            kind,
            nil: false,
            items: items.into_iter().collect(),
        }
    }

    /// The nil slice of the type.
    pub fn nil(kind: ListType) -> Self {
        Self {
            kind,
            nil: true,
            items: Rc::from([]),
        }
    }

    /// The type.
    pub const fn list_type(&self) -> ListType {
        self.kind
    }

    /// Whether it is a nil slice.
    pub const fn is_nil(&self) -> bool {
        self.nil
    }
}

impl std::ops::Deref for List {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.items
    }
}

impl ListType {
    /// The name in Go.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "[]interface {}",
            Self::String => "[]string",
            Self::Int => "[]int",
            Self::Map => "[]map[string]interface {}",
            Self::Other(name) => name,
        }
    }
}
