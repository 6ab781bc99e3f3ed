//! Values as `%#v` prints them, for the errors that quote a key.

use super::super::{number, text};
use crate::value::Value;

/// The value in Go's own syntax, with the types it has before it goes through JSON.
pub(super) fn show(value: &Value) -> String {
    match value {
        Value::Nil => "interface {}(nil)".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(_, value) => value.to_string(),
        Value::Uint(_, value) => format!("0x{value:x}"),
        #[expect(clippy::cast_possible_truncation, reason = "whole and in range")]
        Value::Float(value) if value.fract() == 0.0 && value.abs() < 9.2e18 => (*value as i64).to_string(),
        Value::Float(value) => number::general(*value),
        Value::String(value) => text::quote(value),
        Value::List(list) => {
            let items: Vec<String> = list.iter().map(show).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Value::Map(map) => {
            let entries: Vec<String> = map
                .entries()
                .iter()
                .map(|(key, value)| format!("{}:{}", text::quote(key), show(value)))
                .collect();
            format!("map[interface {{}}]interface {{}}{{{}}}", entries.join(", "))
        }
        Value::Complex(..) | Value::Bytes(_) | Value::Object(_) => String::new(),
    }
}
