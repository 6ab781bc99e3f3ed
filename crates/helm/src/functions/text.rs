//! Values as text: `%v`, `%q` and Sprig's `toString`.

use super::{
    args::{MAX_DEPTH, too_deep},
    unicode,
};
use crate::{
    call::{Budget, FunctionError},
    value::{Str, Value},
};

/// What `toString` gives: strings and bytes as they are, everything else as `%v` prints it.
pub(super) fn strval(budget: &mut Budget, value: &Value) -> Result<Str, FunctionError> {
    match value {
        Value::String(text) | Value::Bytes(text) => Ok(text.clone()),
        value => print(budget, value),
    }
}

/// What `%v` prints.
pub(super) fn print(budget: &mut Budget, value: &Value) -> Result<Str, FunctionError> {
    if let Value::String(text) = value {
        return Ok(text.clone());
    }
    let mut out = Vec::new();
    write(budget, &mut out, value, 0)?;
    Ok(out.into())
}

/// Appends what `%v` prints.
pub(super) fn write(
    budget: &mut Budget,
    out: &mut Vec<u8>,
    value: &Value,
    depth: usize,
) -> Result<(), FunctionError> {
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    let start = out.len();
    match value {
        Value::Nil => out.extend(b"<nil>"),
        Value::Bool(value) => out.extend(value.to_string().bytes()),
        Value::Int(_, value) => out.extend(value.to_string().bytes()),
        Value::Uint(_, value) => out.extend(value.to_string().bytes()),
        Value::Float(value) => out.extend(float(*value).bytes()),
        Value::Complex(real, imaginary) => {
            let sign = if imaginary.is_sign_negative() && !imaginary.is_nan() {
                ""
            } else {
                "+"
            };
            let imaginary = float(*imaginary);
            let imaginary = imaginary.trim_start_matches('+');
            out.extend(format!("({}{sign}{imaginary}i)", float(*real)).bytes());
        }
        Value::String(text) => out.extend(text.iter()),
        Value::Bytes(bytes) => {
            let items: Vec<String> = bytes.iter().map(u8::to_string).collect();
            out.extend(format!("[{}]", items.join(" ")).bytes());
        }
        Value::List(list) => {
            out.push(b'[');
            for (at, item) in list.iter().enumerate() {
                budget.step(1)?;
                if at > 0 {
                    out.push(b' ');
                }
                write(budget, out, item, depth + 1)?;
            }
            out.push(b']');
            return Ok(());
        }
        Value::Map(map) => {
            out.extend(b"map[");
            for (at, (key, item)) in map.entries().into_iter().enumerate() {
                budget.step(1)?;
                if at > 0 {
                    out.push(b' ');
                }
                budget.take(key.len())?;
                out.extend(key.iter());
                out.push(b':');
                write(budget, out, &item, depth + 1)?;
            }
            out.push(b']');
            return Ok(());
        }
        Value::Object(object) => match object.stringer().or_else(|| object.print()) {
            Some(text) => out.extend(text.iter()),
            None => write(budget, out, &object.plain(), depth + 1)?,
        },
    }
    budget.take(out.len() - start)?;
    Ok(())
}

/// A `float64` as `%v` prints it: the shortest digits that read back the same, with an exponent from 1e+06 and
/// below 1e-4.
pub(super) fn float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

/// What `%q` prints for a string.
pub(super) fn quoted(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '"' => out.extend(b"\\\""),
                '\\' => out.extend(b"\\\\"),
                '\u{7}' => out.extend(b"\\a"),
                '\u{8}' => out.extend(b"\\b"),
                '\u{c}' => out.extend(b"\\f"),
                '\n' => out.extend(b"\\n"),
                '\r' => out.extend(b"\\r"),
                '\t' => out.extend(b"\\t"),
                '\u{b}' => out.extend(b"\\v"),
                char if unicode::is_print(char) => {
                    out.extend(char.encode_utf8(&mut [0; 4]).bytes());
                }
                char => out.extend(
                    match u32::from(char) {
                        code @ (0..=0x1f | 0x7f) => format!("\\x{code:02x}"),
                        code @ 0..=0xffff => format!("\\u{code:04x}"),
                        code => format!("\\U{code:08x}"),
                    }
                    .bytes(),
                ),
            }
        }
        for byte in chunk.invalid() {
            out.extend(format!("\\x{byte:02x}").bytes());
        }
    }
    out.push(b'"');
    out
}
