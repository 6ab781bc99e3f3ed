//! Strings to lists and back.

use super::super::{
    args::{Outcome, any, bytes, int, items, string},
    text::strval,
    unicode::widths,
};
use crate::{
    call::{Budget, Call, FunctionError},
    value::{Kind, List, ListType, Map, MapType, Str, Value},
};

/// Go's `strings.SplitN`: at most `limit` parts; without a limit if it is `None`.
fn parts(
    budget: &mut Budget,
    text: &[u8],
    separator: &[u8],
    limit: Option<usize>,
) -> Result<Vec<Value>, FunctionError> {
    let limit = limit.unwrap_or(usize::MAX);
    let mut out = Vec::new();
    let mut start = 0;
    let mut push = |part: &[u8]| {
        budget.step(1)?;
        budget.take(part.len() + size_of::<Value>())?;
        out.push(Value::string(part));
        Ok::<(), FunctionError>(())
    };
    if limit == 0 {
        return Ok(out);
    }
    if separator.is_empty() {
        for (at, (_, width)) in widths(text).enumerate() {
            if at + 1 >= limit {
                break;
            }
            push(text.get(start..start + width).unwrap_or_default())?;
            start += width;
        }
        if start < text.len() {
            push(text.get(start..).unwrap_or_default())?;
        }
        return Ok(out);
    }
    for (at, found) in memchr::memmem::find_iter(text, separator).enumerate() {
        if at + 1 >= limit {
            break;
        }
        push(text.get(start..found).unwrap_or_default())?;
        start = found + separator.len();
    }
    push(text.get(start..).unwrap_or_default())?;
    Ok(out)
}

/// Parts under the keys `_0`, `_1` and so on.
fn numbered(parts: Vec<Value>) -> Value {
    let entries = parts
        .into_iter()
        .enumerate()
        .map(|(at, part)| (format!("_{at}").into(), part));
    Map::new(MapType::String, entries).into()
}

pub(super) fn split(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (separator, text) = (string(args, 0)?, string(args, 1)?);
    Ok(numbered(parts(call.budget, text, separator, None)?))
}

pub(super) fn splitn(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (separator, limit, text) = (string(args, 0)?, int(args, 1)?, string(args, 2)?);
    Ok(numbered(parts(
        call.budget,
        text,
        separator,
        usize::try_from(limit).ok(),
    )?))
}

pub(super) fn split_list(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (separator, text) = (string(args, 0)?, string(args, 1)?);
    let parts = parts(call.budget, text, separator, None)?;
    Ok(List::new(ListType::String, parts).into())
}

pub(super) fn replace(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (old, new, text) = (string(args, 0)?, string(args, 1)?, string(args, 2)?);
    let mut out = Vec::with_capacity(text.len());
    let mut start = 0;
    let mut put = |part: &[u8], new: &[u8]| {
        call.budget.take(part.len() + new.len())?;
        out.extend(part);
        out.extend(new);
        Ok::<(), FunctionError>(())
    };
    if old.is_empty() {
        put(b"", new)?;
        for (_, width) in widths(text) {
            put(text.get(start..start + width).unwrap_or_default(), new)?;
            start += width;
        }
    } else if old != new {
        for found in memchr::memmem::find_iter(text, old.as_bytes()) {
            put(text.get(start..found).unwrap_or_default(), new)?;
            start = found + old.len();
        }
    }
    put(text.get(start..).unwrap_or_default(), b"")?;
    Ok(Value::string(out))
}

/// Every item of a slice that is not nil as a text, or else the value itself as the only one.
fn strings(budget: &mut Budget, value: &Value) -> Result<Vec<Str>, FunctionError> {
    let Some(items) = items(value) else {
        return match value {
            Value::Nil => Ok(Vec::new()),
            value => Ok(vec![strval(budget, value)?]),
        };
    };
    let mut out = Vec::with_capacity(items.len());
    for item in items.iter().filter(|item| !matches!(item, Value::Nil)) {
        budget.step(1)?;
        out.push(strval(budget, item)?);
    }
    Ok(out)
}

pub(super) fn join(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let separator = string(args, 0)?;
    let strings = strings(call.budget, any(args, 1))?;
    let texts: Vec<&[u8]> = strings.iter().map(Str::as_bytes).collect();
    call.budget.take(texts.len().saturating_mul(separator.len()))?;
    bytes(call, texts.join(separator.as_bytes()))
}

pub(super) fn to_strings(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    if let Value::List(list) = any(args, 0)
        && list.list_type() == ListType::String
    {
        return Ok(list.clone().into());
    }
    Ok(Value::strings(strings(call.budget, any(args, 0))?))
}

pub(super) fn sort_alpha(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let value = any(args, 0);
    if value.kind() != Kind::Slice {
        return Ok(Value::strings([strval(call.budget, value)?]));
    }
    if let Value::List(list) = value
        && list.list_type() == ListType::String
    {
        call.budget.step(list.len() as u64)?;
        call.budget.take(size_of_val::<[Value]>(list))?;
        list.sort_in_place();
        return Ok(list.clone().into());
    }
    let mut strings = strings(call.budget, value)?;
    strings.sort_unstable();
    Ok(Value::strings(strings))
}
