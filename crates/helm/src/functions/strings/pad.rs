//! Making strings longer: repeating, indenting, wrapping, quoting.

use super::super::args::{Outcome, bytes, int, string};
use crate::{
    call::{Call, FunctionError, LimitReached},
    value::Value,
};

/// The text so many times, if the budget has room for it.
fn repeated(call: &mut Call<'_>, text: &[u8], count: i64) -> Result<Vec<u8>, FunctionError> {
    let Ok(count) = usize::try_from(count) else {
        return Err(FunctionError::new("strings: negative Repeat count"));
    };
    let Some(length) = text.len().checked_mul(count) else {
        return Err(FunctionError::new("strings: Repeat output length overflow"));
    };
    call.budget.take(length)?;
    if length == 0 {
        return Ok(Vec::new());
    }
    Ok(text.repeat(count))
}

pub(super) fn repeat(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let text = repeated(call, string(args, 1)?, int(args, 0)?)?;
    Ok(Value::string(text))
}

pub(super) fn indent(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let text = padded(call, args, b"")?;
    Ok(Value::string(text))
}

pub(super) fn nindent(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let text = padded(call, args, b"\n")?;
    Ok(Value::string(text))
}

/// The text with spaces at the start of every line.
fn padded(call: &mut Call<'_>, args: &[Value], before: &[u8]) -> Result<Vec<u8>, FunctionError> {
    let (count, text) = (int(args, 0)?, string(args, 1)?);
    let pad = repeated(call, b" ", count)?;
    let lines = memchr::memchr_iter(b'\n', text).count() + 1;
    let length = pad
        .len()
        .saturating_mul(lines)
        .saturating_add(text.len())
        .saturating_add(before.len());
    call.budget.take(length)?;
    let mut out = Vec::with_capacity(length);
    out.extend(before);
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', text).chain([text.len().saturating_sub(1)]) {
        out.extend(&pad);
        out.extend(text.get(start..=end).unwrap_or_default());
        start = end + 1;
    }
    Ok(out)
}

pub(super) fn wrap(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let text = wrapped(call, string(args, 1)?, int(args, 0)?, b"", false)?;
    Ok(Value::string(text))
}

pub(super) fn wrap_with(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let text = wrapped(call, string(args, 2)?, int(args, 0)?, string(args, 1)?, true)?;
    Ok(Value::string(text))
}

/// `goutils.WrapCustom`: breaks at spaces so that no line is longer than `width` bytes, and words that are longer
/// if told so.
fn wrapped(
    call: &mut Call<'_>,
    text: &[u8],
    width: i64,
    separator: &[u8],
    break_words: bool,
) -> Result<Vec<u8>, LimitReached> {
    let separator = if separator.is_empty() { b"\n" } else { separator };
    let width = usize::try_from(width).unwrap_or(1).max(1);
    let mut out = Vec::new();
    let mut rest = text;
    while rest.len() > width {
        if let Some(after) = rest.strip_prefix(b" ") {
            rest = after;
            continue;
        }
        // One more than the width, for the space that is taken out.
        let (line, more) = rest.split_at(width);
        let at = match more.first() {
            Some(b' ') => Some(width),
            _ => memchr::memrchr(b' ', line),
        };
        let (line, after) = match at {
            Some(at) => (rest.get(..at), rest.get(at + 1..)),
            None if break_words => (Some(line), Some(more)),
            None => {
                let end = memchr::memchr(b' ', more).map_or(rest.len(), |at| width + at);
                (rest.get(..end), rest.get(end + 1..))
            }
        };
        let line = line.unwrap_or_default();
        call.budget.step(1)?;
        call.budget.take(line.len() + separator.len())?;
        out.extend(line);
        let Some(after) = after else {
            return Ok(out);
        };
        out.extend(separator);
        rest = after;
    }
    call.budget.take(rest.len())?;
    out.extend(rest);
    Ok(out)
}

/// Each value that is not nil as a text, with spaces between.
pub(super) fn each(
    call: &mut Call<'_>,
    args: &[Value],
    show: fn(&mut Call<'_>, &Value) -> Result<Vec<u8>, FunctionError>,
) -> Outcome {
    let mut shown = Vec::new();
    for value in args {
        if !matches!(value, Value::Nil) {
            shown.push(show(call, value)?);
        }
    }
    bytes(call, shown.join(&b' '))
}
