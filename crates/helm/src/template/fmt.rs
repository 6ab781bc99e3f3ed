//! Go's `fmt` and the part of `strconv` below it: how every value prints, by every verb and flag.
//!
//! Everything draws on the [`Budget`], since one short format can ask for megabytes, and since values can share
//! their parts so often that no memory would hold what they print.

mod float;
mod format;
mod number;
mod printer;
mod quote;
mod value;

pub use float::append_float;
pub(crate) use float::append_single;
pub use quote::{quote, quote_ascii, quote_char, quoted};

use crate::{
    call::{Budget, LimitReached},
    value::{Str, Value},
};
use printer::Printer;

/// Prints a value as `fmt.Print` does, and as `{{ }}` does but for nil.
pub fn print(budget: &mut Budget, out: &mut Vec<u8>, value: &Value) -> Result<(), LimitReached> {
    match value {
        // What nearly everything in a chart is needs no printer.
        Value::String(text) => {
            budget.take(text.len())?;
            out.extend_from_slice(text);
            Ok(())
        }
        Value::Int(_, value) => {
            budget.take(20)?;
            number::append_int(out, *value);
            Ok(())
        }
        Value::Float(value) => {
            budget.take(24)?;
            append_float(out, *value, b'g', None);
            Ok(())
        }
        Value::Bool(value) => {
            out.extend_from_slice(if *value { b"true" } else { b"false" });
            Ok(())
        }
        value => Printer::new(budget, out).print_argument(value, 'v'),
    }
}

/// `fmt.Sprint`: a space stands between two that are both no strings.
pub fn sprint(budget: &mut Budget, arguments: &[Value]) -> Result<Vec<u8>, LimitReached> {
    let mut out = Vec::new();
    append_sprint(budget, &mut out, arguments)?;
    Ok(out)
}

/// Appends what [`sprint`] gives.
pub(super) fn append_sprint(
    budget: &mut Budget,
    out: &mut Vec<u8>,
    arguments: &[Value],
) -> Result<(), LimitReached> {
    let mut after_string = true;
    for argument in arguments {
        let is_string = argument.kind() == crate::value::Kind::String;
        if !is_string && !after_string {
            out.push(b' ');
        }
        print(budget, out, argument)?;
        after_string = is_string;
    }
    Ok(())
}

/// `fmt.Sprintln`: a space between any two, and a line feed at the end.
pub fn sprintln(budget: &mut Budget, arguments: &[Value]) -> Result<Vec<u8>, LimitReached> {
    let mut out = Vec::new();
    for (index, argument) in arguments.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        print(budget, &mut out, argument)?;
    }
    out.push(b'\n');
    Ok(out)
}

/// `fmt.Sprintf`.
pub fn sprintf(budget: &mut Budget, format: &[u8], arguments: &[Value]) -> Result<Vec<u8>, LimitReached> {
    let mut out = Vec::with_capacity(format.len());
    append_sprintf(budget, &mut out, format, arguments)?;
    Ok(out)
}

pub(super) use format::run as append_sprintf;

/// `fmt.Sprint` of one value, as a string: what Sprig calls `strval`.
pub fn text(budget: &mut Budget, value: &Value) -> Result<Str, LimitReached> {
    if let Value::String(text) = value {
        return Ok(text.clone());
    }
    let mut out = Vec::new();
    print(budget, &mut out, value)?;
    Ok(out.into())
}

/// One value by one verb without flags, for texts of errors.
pub(crate) fn with_verb(budget: &mut Budget, value: &Value, verb: char) -> Result<String, LimitReached> {
    let mut out = Vec::new();
    Printer::new(budget, &mut out).print_argument(value, verb)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// What lies behind a pointer, for texts of errors: without the methods that print it.
pub(crate) fn without_methods(budget: &mut Budget, value: &Value) -> Result<String, LimitReached> {
    let mut out = Vec::new();
    let mut printer = Printer::new(budget, &mut out);
    printer.erroring = true;
    printer.print_argument(value, 'v')?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}
