//! When two values of JSON are the same, and how a plain one is shown.

use super::{number, problem::quoted};
use crate::{format::number as float, value::Value};

/// Whether the values are the same; numbers by what they are, not by their type.
pub(super) fn equal(first: &Value, second: &Value, depth: usize) -> bool {
    if depth > crate::format::MAX_DEPTH {
        return false;
    }
    match (first, second) {
        (Value::Nil, Value::Nil) => true,
        (Value::Bool(first), Value::Bool(second)) => first == second,
        (Value::String(first), Value::String(second)) => first == second,
        (Value::List(first), Value::List(second)) => {
            first.len() == second.len()
                && first
                    .iter()
                    .zip(second.iter())
                    .all(|(first, second)| equal(first, second, depth + 1))
        }
        (Value::Map(first), Value::Map(second)) => {
            first.len() == second.len()
                && first.entries().iter().all(|(key, value)| {
                    second
                        .get(key)
                        .is_some_and(|other| equal(value, &other, depth + 1))
                })
        }
        _ => match (number::of(first), number::of(second)) {
            #[expect(clippy::float_cmp, reason = "the same number is meant")]
            (Some(first), Some(second)) => first == second,
            _ => false,
        },
    }
}

/// A plain value, as errors show it.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Nil => "<nil>".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::String(value) => quoted(&value.text()),
        Value::Int(_, value) => value.to_string(),
        Value::Uint(_, value) => value.to_string(),
        Value::Float(value) => float::json(*value).unwrap_or_else(|| float::general(*value)),
        _ => "value".to_owned(),
    }
}
