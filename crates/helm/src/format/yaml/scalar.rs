//! What a scalar is once it is resolved, and the maps and lists around it.

use crate::value::{List, Map, Str, Value};

use super::{super::number, build::Numbers};

/// A resolved scalar.
#[derive(Clone, Debug)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    String(Str),
    /// A plain `<<`, which merges where it is a key.
    Merge,
}

/// What stands at one place of a document.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Scalar(Scalar),
    List(List),
    Map(Map),
}

impl Node {
    /// The value; numbers as JSON brings them back, or as YAML has them.
    pub(super) fn into_value(self, numbers: Numbers) -> Value {
        match self {
            Self::Scalar(scalar) => scalar.into_value(numbers),
            Self::List(list) => Value::List(list),
            Self::Map(map) => Value::Map(map),
        }
    }
}

impl Scalar {
    fn into_value(self, numbers: Numbers) -> Value {
        match (self, numbers) {
            (Self::Null, _) => Value::Nil,
            (Self::Bool(value), _) => Value::Bool(value),
            #[expect(
                clippy::cast_precision_loss,
                reason = "what reading the number from JSON does"
            )]
            (Self::Int(value), Numbers::Float) => Value::Float(value as f64),
            #[expect(
                clippy::cast_precision_loss,
                reason = "what reading the number from JSON does"
            )]
            (Self::Uint(value), Numbers::Float) => Value::Float(value as f64),
            (Self::Int(value), Numbers::Kept) => Value::int(value),
            (Self::Uint(value), Numbers::Kept) => Value::uint64(value),
            (Self::Float(value), _) => Value::Float(value),
            (Self::String(value), _) => Value::String(value),
            (Self::Merge, _) => Value::string("<<"),
        }
    }

    /// The key of a JSON object that the scalar becomes; null and numbers beyond `int` become none.
    pub(super) fn key(&self) -> Option<Str> {
        Some(match self {
            Self::Null | Self::Uint(_) => return None,
            Self::Bool(true) => "true".into(),
            Self::Bool(false) => "false".into(),
            Self::Int(value) => value.to_string().into(),
            Self::Float(value) => match number::general_single(*value).as_str() {
                "+Inf" => ".inf".into(),
                "-Inf" => "-.inf".into(),
                "NaN" => ".nan".into(),
                text => text.into(),
            },
            Self::String(value) => value.clone(),
            Self::Merge => "<<".into(),
        })
    }
}
