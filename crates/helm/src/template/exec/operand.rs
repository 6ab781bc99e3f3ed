//! Values with what little of a static type templates can notice.

use crate::value::{List, Map, Value};

/// A value, and whether its static type is `interface {}`: what an element of a map or slice of anything is until
/// it has passed a pipeline. A boxed nil is an error to look into, where nothing at all (an invalid
/// `reflect.Value`) is just nothing; and errors name the type of the box.
#[derive(Clone, Debug, Default)]
pub(in crate::template) struct Operand {
    pub(in crate::template) value: Value,
    pub(in crate::template) of: Static,
}

/// The static type, as far as it shows. As large as a register: with less, copies of an operand are slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(usize)]
pub(in crate::template) enum Static {
    #[default]
    Own,
    Interface,
}

impl Operand {
    /// A value of its own type; nil is nothing.
    pub(in crate::template) const fn plain(value: Value) -> Self {
        Self {
            value,
            of: Static::Own,
        }
    }

    /// A value in an `interface {}`.
    pub(in crate::template) const fn boxed(value: Value) -> Self {
        Self {
            value,
            of: Static::Interface,
        }
    }

    /// Nothing.
    pub(in crate::template) const fn nothing() -> Self {
        Self::plain(Value::Nil)
    }

    pub(in crate::template) fn item(list: &List, item: &Value) -> Self {
        if list.list_type().is_boxed() {
            Self::boxed(item.clone())
        } else {
            Self::plain(item.clone())
        }
    }

    pub(in crate::template) fn entry(map: &Map, value: Value) -> Self {
        if map.map_type().is_boxed() {
            Self::boxed(value)
        } else {
            Self::plain(value)
        }
    }

    pub(in crate::template) fn is_boxed(&self) -> bool {
        self.of == Static::Interface
    }

    /// Whether there is nothing (`!reflect.Value.IsValid()`).
    pub(in crate::template) fn is_nothing(&self) -> bool {
        !self.is_boxed() && matches!(self.value, Value::Nil)
    }

    /// The name of the static type.
    pub(in crate::template) fn type_name(&self) -> &str {
        if self.is_boxed() {
            "interface {}"
        } else {
            self.value.type_name()
        }
    }

    /// Without the box.
    pub(in crate::template) fn unboxed(mut self) -> Self {
        self.of = Static::Own;
        self
    }
}
