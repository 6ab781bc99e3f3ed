//! Slices of Go.

use std::{cell::OnceCell, rc::Rc};

use super::Value;

/// A slice, cheap to clone. Nothing changes it but `sortAlpha`.
#[derive(Clone, Debug)]
pub struct List(Rc<Inner>);

/// Behind one pointer, so that a [`Value`] stays small.
#[derive(Debug)]
struct Inner {
    kind: ListType,
    /// A nil slice: it prints like an empty one, but is `null` in JSON and YAML.
    nil: bool,
    items: Vec<Value>,
    /// The same items in order, from when they were sorted on.
    sorted: OnceCell<Vec<Value>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        super::release(std::mem::take(&mut self.items));
    }
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
        Self(Rc::new(Inner {
            kind,
            nil: false,
            items: items.into_iter().collect(),
            sorted: OnceCell::new(),
        }))
    }

    /// The nil slice of the type.
    pub fn nil(kind: ListType) -> Self {
        Self(Rc::new(Inner {
            kind,
            nil: true,
            items: Vec::new(),
            sorted: OnceCell::new(),
        }))
    }

    /// The type.
    pub fn list_type(&self) -> ListType {
        self.0.kind
    }

    /// Whether it is a nil slice.
    pub fn is_nil(&self) -> bool {
        self.0.nil
    }

    /// Sorts the strings of a `[]string`, whoever holds it (`sort.Strings`). Lists of anything else stay as they are.
    pub(crate) fn sort_in_place(&self) {
        if self.0.kind == ListType::String {
            self.0.sorted.get_or_init(|| {
                let mut sorted = self.0.items.clone();
                sorted.sort_by(|one, other| match (one, other) {
                    (Value::String(one), Value::String(other)) => one.cmp(other),
                    _ => std::cmp::Ordering::Equal,
                });
                sorted
            });
        }
    }

    /// The items, taken out if nobody else holds the list.
    pub(super) fn into_items(self) -> Vec<Value> {
        Rc::into_inner(self.0).map_or_else(Vec::new, |mut inner| std::mem::take(&mut inner.items))
    }
}

impl std::ops::Deref for List {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        self.0.sorted.get().unwrap_or(&self.0.items)
    }
}

impl ListType {
    /// Whether the items have the static type `interface {}`.
    pub(crate) fn is_boxed(self) -> bool {
        match self {
            Self::Any => true,
            Self::Other(name) => name == "[]any" || name == "[]interface {}",
            _ => false,
        }
    }

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
