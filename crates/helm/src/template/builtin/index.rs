//! `index`, `slice` and `len`.

use super::basic;
use crate::{
    call::{Budget, FunctionError},
    template::exec::{Operand, zero_entry},
    value::{List, Map, UintType, Value},
};

/// `index x 1 "a"`: `x[1]["a"]`.
pub(super) fn index(item: &Operand, indexes: &[Operand]) -> Result<Operand, FunctionError> {
    if matches!(item.value, Value::Nil) {
        return Err(FunctionError::new("index of untyped nil"));
    }
    let mut item = item.clone();
    for index in indexes {
        let plain = basic(&item.value);
        item = match plain.as_ref().unwrap_or(&item.value) {
            Value::Nil => return Err(FunctionError::new("index of nil pointer")),
            Value::List(list) => {
                let at = position(&index.value, list.len())?;
                let value = list.get(at).ok_or_else(|| out_of_range("slice"))?;
                Operand::item(list, value)
            }
            Value::String(bytes) => byte(bytes, &index.value, "string")?,
            Value::Bytes(bytes) => byte(bytes, &index.value, "slice")?,
            Value::Map(map) => entry(map, &index.value)?,
            other => {
                let text = format!("can't index item of type {}", pointee(other));
                return Err(FunctionError::new(text));
            }
        };
    }
    Ok(item)
}

fn byte(bytes: &[u8], index: &Value, what: &str) -> Result<Operand, FunctionError> {
    let at = position(index, bytes.len())?;
    let byte = bytes.get(at).ok_or_else(|| out_of_range(what))?;
    Ok(Operand::plain(Value::Uint(UintType::Uint8, u64::from(*byte))))
}

fn entry(map: &Map, index: &Value) -> Result<Operand, FunctionError> {
    match index {
        Value::String(key) => Ok(match map.get(key) {
            Some(value) => Operand::entry(map, value),
            None => zero_entry(map),
        }),
        Value::Nil => Err(FunctionError::new("value is nil; should be of type string")),
        other => Err(FunctionError::new(format!(
            "value has type {}; should be string",
            other.type_name()
        ))),
    }
}

/// What `reflect` says where an index is just past the end, which the check lets pass.
fn out_of_range(what: &str) -> FunctionError {
    FunctionError::new(format!("reflect: {what} index out of range"))
}

fn position(index: &Value, limit: usize) -> Result<usize, FunctionError> {
    let plain = basic(index);
    let value = match plain.as_ref().unwrap_or(index) {
        Value::Int(_, value) => *value,
        Value::Uint(_, value) => value.cast_signed(),
        Value::Nil => return Err(FunctionError::new("cannot index slice/array with nil")),
        _ => {
            let text = format!("cannot index slice/array with type {}", index.type_name());
            return Err(FunctionError::new(text));
        }
    };
    usize::try_from(value)
        .ok()
        .filter(|value| *value <= limit)
        .ok_or_else(|| FunctionError::new(format!("index out of range: {value}")))
}

/// `slice x 1 2`: `x[1:2]`.
pub(super) fn slice(
    budget: &mut Budget,
    item: &Value,
    indexes: &[Operand],
) -> Result<Operand, FunctionError> {
    if matches!(item, Value::Nil) {
        return Err(FunctionError::new("slice of untyped nil"));
    }
    if indexes.len() > 3 {
        let text = format!("too many slice indexes: {}", indexes.len());
        return Err(FunctionError::new(text));
    }
    let plain = basic(item);
    let plain = plain.as_ref().unwrap_or(item);
    let length = match plain {
        Value::String(_) if indexes.len() == 3 => {
            return Err(FunctionError::new("cannot 3-index slice a string"));
        }
        Value::String(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.len(),
        _ => {
            let text = format!("can't slice item of type {}", pointee(item));
            return Err(FunctionError::new(text));
        }
    };
    let mut bounds = [0, length, length];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        // Unlike `index`, this does not look into an `interface {}`.
        if index.is_boxed() {
            let text = "cannot index slice/array with type interface {}";
            return Err(FunctionError::new(text));
        }
        *bound = position(&index.value, length)?;
    }
    let [start, end, capacity] = bounds;
    for (low, high) in [(start, end), (end, capacity)] {
        if low > high {
            return Err(FunctionError::new(format!("invalid slice index: {low} > {high}")));
        }
    }
    budget.take((end - start).saturating_mul(8))?;
    let part = |bytes: &[u8]| crate::value::Str::from(bytes.get(start..end).unwrap_or_default());
    Ok(Operand::plain(match plain {
        Value::String(bytes) => Value::String(part(bytes)),
        Value::Bytes(bytes) => Value::Bytes(part(bytes).into()),
        Value::List(list) => {
            let items = list.get(start..end).unwrap_or_default();
            Value::List(List::new(list.list_type(), items.iter().cloned()))
        }
        _ => Value::Nil,
    }))
}

pub(super) fn length(item: &Operand) -> Result<Value, FunctionError> {
    let plain = basic(&item.value);
    let length = match plain.as_ref().unwrap_or(&item.value) {
        Value::String(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        Value::Nil if item.is_boxed() => return Err(FunctionError::new("len of nil pointer")),
        Value::Nil => {
            return Err(FunctionError::new(
                "reflect: call of reflect.Value.Type on zero Value",
            ));
        }
        _ => {
            let text = format!("len of type {}", pointee(&item.value));
            return Err(FunctionError::new(text));
        }
    };
    Ok(Value::int(i64::try_from(length).unwrap_or(i64::MAX)))
}

/// The name of the type behind a pointer.
fn pointee(value: &Value) -> &str {
    let name = value.type_name();
    name.strip_prefix('*').unwrap_or(name)
}
