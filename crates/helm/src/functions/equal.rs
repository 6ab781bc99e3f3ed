//! Go's `reflect.DeepEqual`.

use std::rc::Rc;

use super::{
    args::{MAX_DEPTH, too_deep},
    semver::Version,
};
use crate::{
    call::{Budget, FunctionError},
    value::{Object, Value},
};

/// Whether both are of the same type and equal, down to the last item.
pub(super) fn deep_equal(budget: &mut Budget, one: &Value, other: &Value) -> Result<bool, FunctionError> {
    equal(budget, one, other, 0)
}

/// Whether any of the items is equal to the value.
pub(super) fn one_of(budget: &mut Budget, items: &[Value], value: &Value) -> Result<bool, FunctionError> {
    for item in items {
        if deep_equal(budget, value, item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A semantic version, which is equal only if it was written the same way.
fn version(object: &Rc<dyn Object>) -> Option<&Version> {
    object.as_any().downcast_ref()
}

#[expect(clippy::float_cmp, reason = "Go compares them exactly")]
fn equal(budget: &mut Budget, one: &Value, other: &Value, depth: usize) -> Result<bool, FunctionError> {
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    budget.step(1)?;
    Ok(match (one, other) {
        (Value::Nil, Value::Nil) => true,
        (Value::Bool(one), Value::Bool(other)) => one == other,
        (Value::Int(kind, one), Value::Int(other_kind, other)) => kind == other_kind && one == other,
        (Value::Uint(kind, one), Value::Uint(other_kind, other)) => kind == other_kind && one == other,
        (Value::Float(one), Value::Float(other)) => one == other,
        (Value::Complex(one, i), Value::Complex(other, j)) => one == other && i == j,
        (Value::String(one), Value::String(other)) => one == other,
        (Value::Bytes(one), Value::Bytes(other)) => one == other,
        (Value::List(one), Value::List(other)) => {
            if one.list_type() != other.list_type()
                || one.is_nil() != other.is_nil()
                || one.len() != other.len()
            {
                return Ok(false);
            }
            // One and the same slice is equal to itself, even with a not-a-number in it.
            if one.as_ptr() == other.as_ptr() {
                return Ok(true);
            }
            for (one, other) in one.iter().zip(other.iter()) {
                if !equal(budget, one, other, depth + 1)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Map(one), Value::Map(other)) => {
            if one.map_type() != other.map_type()
                || one.is_nil() != other.is_nil()
                || one.len() != other.len()
            {
                return Ok(false);
            }
            if one.is_same(other) {
                return Ok(true);
            }
            for ((key, one), (other_key, other)) in one.entries().iter().zip(other.entries()) {
                if *key != other_key || !equal(budget, one, &other, depth + 1)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Object(one), Value::Object(other)) => {
            if Rc::ptr_eq(one, other) {
                return Ok(true);
            }
            if let (Some(one), Some(other)) = (version(one), version(other)) {
                return Ok(one == other);
            }
            one.type_name() == other.type_name()
                && one.stringer() == other.stringer()
                && equal(budget, &one.plain(), &other.plain(), depth + 1)?
        }
        _ => false,
    })
}
