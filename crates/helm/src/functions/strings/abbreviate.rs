//! Cutting strings, by bytes.

use super::super::args::{Outcome, bytes, int, string};
use crate::{
    call::{Call, FunctionError},
    value::Value,
};

fn bounds(text: impl std::fmt::Display) -> FunctionError {
    FunctionError::new(format!("runtime error: slice bounds out of range {text}"))
}

pub(super) fn trunc(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (count, text) = (int(args, 0)?, string(args, 1)?);
    let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
    let kept = if count < 0 && length.saturating_add(count) > 0 {
        usize::try_from(length + count)
            .ok()
            .and_then(|start| text.get(start..))
    } else if count >= 0 && length > count {
        usize::try_from(count).ok().and_then(|end| text.get(..end))
    } else {
        None
    };
    Ok(kept.map_or_else(|| text.clone().into(), Value::string))
}

pub(super) fn substr(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (start, end, text) = (int(args, 0)?, int(args, 1)?, string(args, 2)?);
    let length = text.len();
    let position = |at: i64| usize::try_from(at).ok().filter(|at| *at <= length);
    let part = if start < 0 {
        match position(end) {
            Some(end) => text.get(..end),
            None if end < 0 => return Err(bounds(format_args!("[:{end}]"))),
            None => return Err(bounds(format_args!("[:{end}] with length {length}"))),
        }
    } else {
        let end = position(end).unwrap_or(length);
        match position(start).filter(|start| *start <= end) {
            Some(start) => text.get(start..end),
            None => return Err(bounds(format_args!("[{start}:{end}]"))),
        }
    };
    Ok(part.map_or_else(|| "".into(), Value::string))
}

pub(super) fn abbrev(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (width, text) = (int(args, 0)?, string(args, 1)?);
    if width < 4 {
        return Ok(text.clone().into());
    }
    bytes(call, shorten(text, 0, width))
}

pub(super) fn abbrev_both(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (left, right, text) = (int(args, 0)?, int(args, 1)?, string(args, 2)?);
    if right < 4 || left > 0 && right < 7 {
        return Ok(text.clone().into());
    }
    bytes(call, shorten(text, left, right))
}

/// `goutils.AbbreviateFull`: at most `width` bytes of the text from about `offset` on, with dots for what is left out.
fn shorten(text: &[u8], offset: i64, width: i64) -> Vec<u8> {
    let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
    if length <= width {
        return text.to_vec();
    }
    let part = |from: i64, to: i64| {
        let at = |position| usize::try_from(position).unwrap_or(0);
        text.get(at(from)..at(to)).unwrap_or_default()
    };
    let mut offset = offset.min(length);
    // An offset far below zero comes out above in Go.
    if length.wrapping_sub(offset) < width - 3 {
        offset = length - (width - 3);
    }
    if offset <= 4 {
        return [part(0, width - 3), b"..."].concat();
    }
    if width < 7 {
        return Vec::new();
    }
    if offset + width - 3 < length {
        // What is left after the dots is shortened at its end; there, nothing is left to be cut at its start.
        let rest = part(offset, length);
        return [b"...", shorten(rest, 0, width - 3).as_slice()].concat();
    }
    [b"...", part(length - (width - 3), length)].concat()
}
