//! How the functions read their arguments, which the evaluator has checked against their signatures.

use std::borrow::Cow;

use crate::{
    call::{Call, FunctionError, LimitReached},
    value::{Kind, List, Map, MapType, Str, Value},
};

/// What a function gives.
pub(super) type Outcome = Result<Value, FunctionError>;

/// How deep values may nest in each other before a function that walks them gives up. Go gives up as well, but it
/// takes the whole process with it.
pub(super) const MAX_DEPTH: usize = 500;

/// What Go says when `reflect.TypeOf(nil).Kind()` is asked.
const NIL_TYPE: &str = "runtime error: invalid memory address or nil pointer dereference";

/// Declares the functions of an area: name, types of the parameters, type of the rest after a semicolon, and what
/// to call.
macro_rules! functions {
    ($($name:literal ($($param:expr),* $(; $rest:expr)?) $call:expr;)*) => {
        pub(super) const FUNCTIONS: &[$crate::call::Function] = {
            #[allow(unused_imports, clippy::enum_glob_use, reason = "short names make the table readable")]
            use $crate::call::Param::*;
            &[$($crate::call::Function {
                name: $name,
                params: &[$($param),*],
                variadic: functions!(@ $($rest)?),
                call: $call,
            }),*]
        };
    };
    (@) => { None };
    (@ $rest:expr) => { Some($rest) };
}
pub(super) use functions;

fn wrong(at: usize, wanted: &str) -> FunctionError {
    FunctionError::new(format!("argument {} is not of type {wanted}", at + 1))
}

/// An argument of any type; nil if there is none.
pub(super) fn any(args: &[Value], at: usize) -> &Value {
    args.get(at).unwrap_or(&Value::Nil)
}

/// The arguments from one on.
pub(super) fn rest(args: &[Value], from: usize) -> &[Value] {
    args.get(from..).unwrap_or_default()
}

/// A `string`.
pub(super) fn string(args: &[Value], at: usize) -> Result<&Str, FunctionError> {
    match any(args, at) {
        Value::String(text) => Ok(text),
        _ => Err(wrong(at, "string")),
    }
}

/// An `int`.
pub(super) fn int(args: &[Value], at: usize) -> Result<i64, FunctionError> {
    match any(args, at) {
        Value::Int(_, number) => Ok(*number),
        _ => Err(wrong(at, "int")),
    }
}

/// A `bool`.
pub(super) fn boolean(args: &[Value], at: usize) -> Result<bool, FunctionError> {
    match any(args, at) {
        Value::Bool(value) => Ok(*value),
        _ => Err(wrong(at, "bool")),
    }
}

/// A `float64`.
pub(super) fn float(args: &[Value], at: usize) -> Result<f64, FunctionError> {
    match any(args, at) {
        Value::Float(number) => Ok(*number),
        _ => Err(wrong(at, "float64")),
    }
}

/// A `map[string]interface {}`, whatever type assignable to it the argument has.
pub(super) fn map(args: &[Value], at: usize) -> Result<Map, FunctionError> {
    match any(args, at) {
        Value::Map(map) => Ok(map.converted(MapType::Any)),
        Value::Nil => Ok(Map::nil(MapType::Any)),
        Value::Object(object) => match object.plain() {
            Value::Map(map) => Ok(map.converted(MapType::Any)),
            _ => Err(wrong(at, "map[string]interface {}")),
        },
        _ => Err(wrong(at, "map[string]interface {}")),
    }
}

/// The items of a slice of any type; `None` for what is not one.
pub(super) fn items(value: &Value) -> Option<Cow<'_, [Value]>> {
    match value {
        Value::List(list) => Some(Cow::Borrowed(list)),
        Value::Bytes(bytes) => Some(Cow::Owned(bytes.iter().map(|byte| byte_value(*byte)).collect())),
        Value::Object(object) if object.kind() == Kind::Slice => match object.plain() {
            Value::List(list) => Some(Cow::Owned(list.to_vec())),
            _ => None,
        },
        _ => None,
    }
}

fn byte_value(byte: u8) -> Value {
    Value::Uint(crate::value::UintType::Uint8, u64::from(byte))
}

/// The items of a slice, or else the error that Go gives, with the kind of the value after `refusal`.
pub(super) fn items_or<'a>(value: &'a Value, refusal: &str) -> Result<Cow<'a, [Value]>, FunctionError> {
    match items(value) {
        Some(items) => Ok(items),
        None => Err(refuse(value, refusal)),
    }
}

/// The error for a value that is not a slice.
pub(super) fn refuse(value: &Value, refusal: &str) -> FunctionError {
    if let Value::Nil = value {
        return FunctionError::new(NIL_TYPE);
    }
    FunctionError::new(format!("{refusal} {}", value.kind().name()))
}

/// Too many values inside each other.
pub(super) fn too_deep() -> FunctionError {
    FunctionError::Limit(LimitReached {
        what: "values inside each other",
        limit: MAX_DEPTH as u64,
    })
}

/// A `[]interface {}`.
pub(super) fn list(items: Vec<Value>) -> Value {
    Value::List(List::new(crate::value::ListType::Any, items))
}

/// A `string` as the result, whose memory is taken from the budget.
pub(super) fn bytes(call: &mut Call<'_>, text: Vec<u8>) -> Outcome {
    call.budget.take(text.len())?;
    Ok(Value::string(text))
}

/// A `bool` as the result.
#[expect(clippy::unnecessary_wraps, reason = "it ends functions that can fail")]
pub(super) fn boolean_value(value: bool) -> Outcome {
    Ok(Value::Bool(value))
}
