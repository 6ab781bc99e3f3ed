//! Values that belong to nobody: a rendering makes its own shared maps of them.

use crate::value::{IntType, Map, MapType, Str, Value};

/// A tree of values as a document has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Plain {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(Box<[u8]>),
    List(Vec<Plain>),
    Map(Vec<(Box<[u8]>, Plain)>),
}

impl Plain {
    /// The map without entries.
    pub(crate) const fn empty() -> Self {
        Self::Map(Vec::new())
    }

    /// The tree of a value; what no document can hold becomes nil.
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(_, value) => Self::Int(*value),
            Value::Float(value) => Self::Float(*value),
            Value::String(value) => Self::String(value.as_bytes().into()),
            Value::List(list) => Self::List(list.iter().map(Self::of).collect()),
            Value::Map(map) => Self::Map(
                map.entries()
                    .iter()
                    .map(|(key, value)| (key.as_bytes().into(), Self::of(value)))
                    .collect(),
            ),
            _ => Self::Nil,
        }
    }

    /// A value of one's own, which shares nothing with any other.
    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Nil => Value::Nil,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Int(IntType::Int64, *value),
            Self::Float(value) => Value::Float(*value),
            Self::String(value) => Value::string(&**value),
            Self::List(items) => Value::list(items.iter().map(Self::value)),
            Self::Map(entries) => Value::Map(Self::map(entries)),
        }
    }

    /// The same for what is known to be a map; anything else gives an empty one.
    pub(crate) fn table(&self) -> Map {
        match self {
            Self::Map(entries) => Self::map(entries),
            _ => Self::map(&[]),
        }
    }

    fn map(entries: &[(Box<[u8]>, Self)]) -> Map {
        Map::new(
            MapType::Any,
            entries
                .iter()
                .map(|(key, value)| (Str::from(&**key), value.value())),
        )
    }
}
