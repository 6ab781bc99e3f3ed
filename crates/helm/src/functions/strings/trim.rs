//! Taking characters off strings.

use super::super::{
    args::{Outcome, bytes, string},
    unicode::{is_space, last, widths},
};
use crate::{call::Call, value::Value};

/// Takes characters off both ends while they are unwanted.
fn both(text: &[u8], unwanted: impl Fn(char) -> bool) -> &[u8] {
    let start: usize = widths(text)
        .take_while(|(char, _)| unwanted(*char))
        .map(|(_, width)| width)
        .sum();
    let mut text = text.get(start..).unwrap_or_default();
    while let Some((char, width)) = last(text) {
        if !unwanted(char) {
            break;
        }
        text = text.get(..text.len() - width).unwrap_or_default();
    }
    text
}

pub(super) fn space(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let text = string(args, 0)?;
    call.budget.take(text.len())?;
    Ok(Value::string(both(text, is_space)))
}

pub(super) fn all(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (set, text) = (string(args, 0)?, string(args, 1)?);
    call.budget.take(text.len())?;
    let mut set: Vec<char> = widths(set).map(|(char, _)| char).collect();
    set.sort_unstable();
    Ok(Value::string(both(text, |char| set.binary_search(&char).is_ok())))
}

pub(super) fn prefix(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (prefix, text) = (string(args, 0)?, string(args, 1)?);
    Ok(match text.strip_prefix(prefix.as_bytes()) {
        Some(rest) if !prefix.is_empty() => Value::string(rest),
        _ => text.clone().into(),
    })
}

pub(super) fn suffix(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (suffix, text) = (string(args, 0)?, string(args, 1)?);
    Ok(match text.strip_suffix(suffix.as_bytes()) {
        Some(rest) if !suffix.is_empty() => Value::string(rest),
        _ => text.clone().into(),
    })
}

/// Takes out every byte that is the number of a space; if there is one, bytes beyond ASCII become the characters of
/// their number.
pub(super) fn no_space(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let text = string(args, 0)?;
    if !text.iter().any(|byte| is_space(char::from(*byte))) {
        return Ok(text.clone().into());
    }
    let kept: String = text
        .iter()
        .map(|byte| char::from(*byte))
        .filter(|char| !is_space(*char))
        .collect();
    bytes(call, kept.into_bytes())
}
