//! Comparisons: only values of one basic kind can be compared, but integers of any type.

use std::cmp::Ordering;

use super::basic;
use crate::{
    call::{Budget, FunctionError},
    template::{exec::Operand, fmt},
    value::{Kind, Value},
};

/// What Go's templates compare: the kinds without their sizes.
enum Basic<'v> {
    Bool(bool),
    Complex(f64, f64),
    Int(i64),
    Float(f64),
    String(&'v [u8]),
    Uint(u64),
}

fn basic_kind(value: &Value) -> Option<Basic<'_>> {
    Some(match value {
        Value::Bool(value) => Basic::Bool(*value),
        Value::Complex(real, imaginary) => Basic::Complex(*real, *imaginary),
        Value::Int(_, value) => Basic::Int(*value),
        Value::Float(value) => Basic::Float(*value),
        Value::String(text) => Basic::String(text),
        Value::Uint(_, value) => Basic::Uint(*value),
        _ => return None,
    })
}

/// `eq`: whether the first is equal to any of the rest.
pub(super) fn equal(budget: &mut Budget, first: &Value, rest: &[Operand]) -> Result<bool, FunctionError> {
    if rest.is_empty() {
        return Err(FunctionError::new("missing argument for comparison"));
    }
    for other in rest {
        if equal_one(budget, first, &other.value)? {
            return Ok(true);
        }
    }
    Ok(false)
}

#[expect(clippy::float_cmp, reason = "that is what `eq` does")]
fn equal_one(budget: &mut Budget, first: &Value, second: &Value) -> Result<bool, FunctionError> {
    let (plain_first, plain_second) = (basic(first), basic(second));
    let one = basic_kind(plain_first.as_ref().unwrap_or(first));
    let other = basic_kind(plain_second.as_ref().unwrap_or(second));
    match (one, other) {
        (Some(Basic::Bool(one)), Some(Basic::Bool(other))) => Ok(one == other),
        (Some(Basic::Complex(real, imaginary)), Some(Basic::Complex(other_real, other_imaginary))) => {
            Ok(real == other_real && imaginary == other_imaginary)
        }
        (Some(Basic::Int(one)), Some(Basic::Int(other))) => Ok(one == other),
        (Some(Basic::Float(one)), Some(Basic::Float(other))) => Ok(one == other),
        (Some(Basic::String(one)), Some(Basic::String(other))) => {
            budget.step(one.len().min(other.len()) as u64 / 1024)?;
            Ok(one == other)
        }
        (Some(Basic::Uint(one)), Some(Basic::Uint(other))) => Ok(one == other),
        (Some(Basic::Int(int)), Some(Basic::Uint(uint)))
        | (Some(Basic::Uint(uint)), Some(Basic::Int(int))) => Ok(u64::try_from(int) == Ok(uint)),
        (None, None) => equal_other(budget, first, second),
        _ if matches!(first, Value::Nil) || matches!(second, Value::Nil) => Ok(false),
        _ => Err(incompatible(first, second)),
    }
}

/// Values that are of no basic kind: they may be nil, and objects can be the same.
fn equal_other(budget: &mut Budget, first: &Value, second: &Value) -> Result<bool, FunctionError> {
    let (kind, other_kind) = (first.kind(), second.kind());
    if kind != other_kind && kind != Kind::Invalid && other_kind != Kind::Invalid {
        let first_text = fmt::with_verb(budget, first, 's')?;
        let second_text = fmt::with_verb(budget, second, 'v')?;
        return Err(FunctionError::new(format!(
            "non-comparable types {first_text}: {}, {}: {second_text}",
            first.type_name(),
            second.type_name()
        )));
    }
    if is_nil(first) || is_nil(second) {
        return Ok(is_nil(first) == is_nil(second));
    }
    match (first, second) {
        (Value::Object(one), Value::Object(other)) if other_kind == Kind::Ptr => Ok(std::ptr::addr_eq(
            std::rc::Rc::as_ptr(one),
            std::rc::Rc::as_ptr(other),
        )),
        (Value::Object(one), Value::Object(other)) if other_kind == Kind::Struct => {
            let same = one.type_name() == other.type_name();
            Ok(same && fmt::with_verb(budget, first, 'v')? == fmt::with_verb(budget, second, 'v')?)
        }
        _ => {
            let text = fmt::with_verb(budget, second, 's')?;
            Err(FunctionError::new(format!(
                "non-comparable type {text}: {}",
                second.type_name()
            )))
        }
    }
}

fn is_nil(value: &Value) -> bool {
    match value {
        Value::Nil => true,
        Value::Map(map) => map.is_nil(),
        Value::List(list) => list.is_nil(),
        _ => false,
    }
}

fn incompatible(first: &Value, second: &Value) -> FunctionError {
    FunctionError::new(format!(
        "incompatible types for comparison: {} and {}",
        first.type_name(),
        second.type_name()
    ))
}

/// `lt`.
pub(super) fn less(first: &Value, second: &Value) -> Result<bool, FunctionError> {
    let (plain_first, plain_second) = (basic(first), basic(second));
    let bad = || FunctionError::new("invalid type for comparison");
    let one = basic_kind(plain_first.as_ref().unwrap_or(first)).ok_or_else(bad)?;
    let other = basic_kind(plain_second.as_ref().unwrap_or(second)).ok_or_else(bad)?;
    match (one, other) {
        (Basic::Bool(_), Basic::Bool(_)) | (Basic::Complex(..), Basic::Complex(..)) => Err(bad()),
        (Basic::Int(one), Basic::Int(other)) => Ok(one < other),
        (Basic::Float(one), Basic::Float(other)) => Ok(one.partial_cmp(&other) == Some(Ordering::Less)),
        (Basic::String(one), Basic::String(other)) => Ok(one < other),
        (Basic::Uint(one), Basic::Uint(other)) => Ok(one < other),
        (Basic::Int(one), Basic::Uint(other)) => Ok(u64::try_from(one).map_or(true, |one| one < other)),
        (Basic::Uint(one), Basic::Int(other)) => Ok(u64::try_from(other).is_ok_and(|other| one < other)),
        _ => Err(incompatible(first, second)),
    }
}

/// `le`; `rest` holds the second argument.
pub(super) fn less_or_equal(
    budget: &mut Budget,
    first: &Value,
    rest: &[Operand],
) -> Result<bool, FunctionError> {
    let second = rest.first().map_or(&Value::Nil, |operand| &operand.value);
    Ok(less(first, second)? || equal(budget, first, rest)?)
}
