//! Values as text: `%v`, `%q` and Sprig's `toString`.

use crate::{
    call::{Budget, FunctionError},
    template::fmt,
    value::{Str, Value},
};

/// What `toString` gives: strings and bytes as they are, everything else as `%v` prints it.
pub(super) fn strval(budget: &mut Budget, value: &Value) -> Result<Str, FunctionError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bytes(bytes) => Ok(bytes.clone().into()),
        value => print(budget, value),
    }
}

/// What `%v` prints.
pub(super) fn print(budget: &mut Budget, value: &Value) -> Result<Str, FunctionError> {
    Ok(fmt::text(budget, value)?)
}

/// What `%q` prints for a string.
pub(super) fn quoted(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    fmt::quote(&mut out, text);
    out
}
