//! Go values as templates see them.
//!
//! A template never sees more of Go than this: what prints differently, compares differently or fails
//! differently is a different value here. Strings are bytes, since `trunc` cuts a character in two; maps are
//! shared and can change, since `set` changes what every other template sees; lists cannot change, since
//! nothing in a template can change one.

mod list;
mod map;
mod object;
mod string;

pub use list::{List, ListType};
pub use map::{Map, MapType};
pub use object::{Field, Method, Object};
pub use string::{Bytes, Str};

use std::rc::Rc;

/// A value of Go.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// The nil of an interface: what `nil`, a missing key and a null of YAML are.
    #[default]
    Nil,
    /// `bool`.
    Bool(bool),
    /// A signed integer.
    Int(IntType, i64),
    /// An unsigned integer.
    Uint(UintType, u64),
    /// `float64`, what every number of a values file is.
    Float(f64),
    /// `complex128`, which only a constant such as `1i` gives.
    Complex(f64, f64),
    /// `string`.
    String(Str),
    /// `[]byte`.
    Bytes(Bytes),
    /// A slice of anything else.
    List(List),
    /// A map.
    Map(Map),
    /// A struct or named type, with fields or methods.
    Object(Rc<dyn Object>),
}

/// The signed integer types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntType {
    /// `int`, what a whole constant is, and what `len` gives.
    Int,
    /// `int8`.
    Int8,
    /// `int16`.
    Int16,
    /// `int32`, also known as `rune`.
    Int32,
    /// `int64`, what Sprig's arithmetic gives.
    Int64,
}

/// The unsigned integer types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UintType {
    /// `uint`.
    Uint,
    /// `uint8`, also known as `byte`.
    Uint8,
    /// `uint16`.
    Uint16,
    /// `uint32`.
    Uint32,
    /// `uint64`, what the parts of a semantic version are.
    Uint64,
}

/// What `reflect.Kind` tells of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The nil of an interface.
    Invalid,
    /// `bool`.
    Bool,
    /// A signed integer.
    Int(IntType),
    /// An unsigned integer.
    Uint(UintType),
    /// `float64`.
    Float64,
    /// `complex128`.
    Complex128,
    /// `string`.
    String,
    /// A slice.
    Slice,
    /// A map.
    Map,
    /// A struct.
    Struct,
    /// A pointer.
    Ptr,
    /// A function.
    Func,
}

impl Value {
    /// A Go `int`.
    pub const fn int(value: i64) -> Self {
        Self::Int(IntType::Int, value)
    }

    /// A Go `int64`.
    pub const fn int64(value: i64) -> Self {
        Self::Int(IntType::Int64, value)
    }

    /// A Go `uint64`.
    pub const fn uint64(value: u64) -> Self {
        Self::Uint(UintType::Uint64, value)
    }

    /// A Go `string`.
    pub fn string(value: impl Into<Str>) -> Self {
        Self::String(value.into())
    }

    /// A Go `[]interface {}`.
    pub fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self::List(List::new(ListType::Any, items))
    }

    /// A Go `[]string`.
    pub fn strings<S: Into<Str>>(items: impl IntoIterator<Item = S>) -> Self {
        Self::List(List::new(
            ListType::String,
            items.into_iter().map(|item| Self::String(item.into())),
        ))
    }

    /// A Go `map[string]interface {}`.
    pub fn map<K: Into<Str>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(Map::new(
            MapType::Any,
            entries.into_iter().map(|(key, value)| (key.into(), value)),
        ))
    }

    /// An object of Helm's or Sprig's.
    pub fn object(object: impl Object + 'static) -> Self {
        Self::Object(Rc::new(object))
    }

    /// What Go's `reflect` calls the kind of the value.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Nil => Kind::Invalid,
            Self::Bool(_) => Kind::Bool,
            Self::Int(kind, _) => Kind::Int(*kind),
            Self::Uint(kind, _) => Kind::Uint(*kind),
            Self::Float(_) => Kind::Float64,
            Self::Complex(..) => Kind::Complex128,
            Self::String(_) => Kind::String,
            Self::Bytes(_) | Self::List(_) => Kind::Slice,
            Self::Map(_) => Kind::Map,
            Self::Object(object) => object.kind(),
        }
    }

    /// What `%T` prints: the name of the type in Go.
    pub fn type_name(&self) -> &str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(kind, _) => kind.name(),
            Self::Uint(kind, _) => kind.name(),
            Self::Float(_) => "float64",
            Self::Complex(..) => "complex128",
            Self::String(_) => "string",
            Self::Bytes(_) => "[]uint8",
            Self::List(list) => list.list_type().name(),
            Self::Map(map) => map.map_type().name(),
            Self::Object(object) => object.type_name(),
        }
    }

    /// Whether `if` takes the value for true (`text/template.IsTrue`).
    pub fn truth(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(_, value) => *value != 0,
            Self::Uint(_, value) => *value != 0,
            // As in Go, not-a-number is true: it is not equal to zero.
            Self::Float(value) => *value != 0.0,
            Self::Complex(real, imaginary) => *real != 0.0 || *imaginary != 0.0,
            Self::String(value) => !value.is_empty(),
            Self::Bytes(value) => !value.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Object(object) => object.truth(),
        }
    }
}

impl IntType {
    /// The name in Go.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
        }
    }
}

impl UintType {
    /// The name in Go.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uint => "uint",
            Self::Uint8 => "uint8",
            Self::Uint16 => "uint16",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
        }
    }
}

impl Kind {
    /// What `kindOf` prints.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Bool => "bool",
            Self::Int(kind) => kind.name(),
            Self::Uint(kind) => kind.name(),
            Self::Float64 => "float64",
            Self::Complex128 => "complex128",
            Self::String => "string",
            Self::Slice => "slice",
            Self::Map => "map",
            Self::Struct => "struct",
            Self::Ptr => "ptr",
            Self::Func => "func",
        }
    }
}

/// Lets go of values without a call for each level of nesting: a chart can nest them deeper than a stack is.
fn release(values: impl IntoIterator<Item = Value>) {
    let mut nested = Vec::new();
    for value in values {
        if matches!(value, Value::List(_) | Value::Map(_)) {
            nested.push(value);
        }
    }
    while let Some(value) = nested.pop() {
        let inner = match value {
            Value::List(list) => list.into_items(),
            Value::Map(map) => map.into_values(),
            _ => continue,
        };
        nested.extend(
            inner
                .into_iter()
                .filter(|value| matches!(value, Value::List(_) | Value::Map(_))),
        );
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::string(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::string(value)
    }
}

impl From<Str> for Value {
    fn from(value: Str) -> Self {
        Self::String(value)
    }
}

impl From<Map> for Value {
    fn from(value: Map) -> Self {
        Self::Map(value)
    }
}

impl From<List> for Value {
    fn from(value: List) -> Self {
        Self::List(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_nesting_is_let_go_of() {
        let mut value = Value::Nil;
        for round in 0..200_000 {
            value = if round % 2 == 0 {
                Value::list([value])
            } else {
                Value::map([("a", value)])
            };
        }
        drop(value);
    }

    #[test]
    fn values_are_small() {
        assert!(size_of::<Value>() <= 24);
    }
}
