//! Regular expressions of Go's, which are RE2's.
//!
//! A pattern is read by Go's rules and written again for the crate `regex`, which has the same semantics and also
//! takes linear time. A text that is not UTF-8 is searched with U+FFFD in place of each bad byte, as Go sees it.

mod classes;
mod pattern;
mod search;
mod translate;

use pattern::Pattern;

use super::args::{Outcome, boolean_value, functions, int, string};
use crate::{
    call::{Call, FunctionError},
    value::{List, ListType, Str, Value},
};

functions! {
    "regexMatch" (String, String) |call, a| match matches(call, a) {
        // A bad pattern matches nothing.
        Err(FunctionError::Failed(_)) => boolean_value(false),
        outcome => outcome,
    };
    "mustRegexMatch" (String, String) matches;
    "regexFind" (String, String) |call, a| find(call, a, Pattern::must);
    "mustRegexFind" (String, String) |call, a| find(call, a, Pattern::new);
    "regexFindAll" (String, String, Int) |call, a| find_all(call, a, Pattern::must);
    "mustRegexFindAll" (String, String, Int) |call, a| find_all(call, a, Pattern::new);
    "regexReplaceAll" (String, String, String) |call, a| replace(call, a, Pattern::must, false);
    "mustRegexReplaceAll" (String, String, String) |call, a| replace(call, a, Pattern::new, false);
    "regexReplaceAllLiteral" (String, String, String) |call, a| replace(call, a, Pattern::must, true);
    "mustRegexReplaceAllLiteral" (String, String, String) |call, a| replace(call, a, Pattern::new, true);
    "regexSplit" (String, String, Int) |call, a| split(call, a, Pattern::must);
    "mustRegexSplit" (String, String, Int) |call, a| split(call, a, Pattern::new);
}

/// Whether a pattern of Go's matches somewhere in a text.
pub(crate) fn is_match(call: &mut Call<'_>, pattern: &Str, text: &[u8]) -> Result<bool, FunctionError> {
    Ok(Pattern::new(call, pattern)?.search(text).first(call)?.is_some())
}

/// How a pattern is read: the functions differ in the text of the error.
type Read = fn(&mut Call<'_>, &Str) -> Result<Pattern, FunctionError>;

fn matches(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let pattern = Pattern::new(call, string(args, 0)?)?;
    boolean_value(pattern.search(string(args, 1)?).first(call)?.is_some())
}

fn find(call: &mut Call<'_>, args: &[Value], read: Read) -> Outcome {
    let pattern = read(call, string(args, 0)?)?;
    let text = string(args, 1)?;
    let found = pattern.search(text).first(call)?;
    Ok(Value::string(
        found.and_then(|range| text.get(range)).unwrap_or_default(),
    ))
}

/// Takes the memory of a list of some parts.
fn strings(call: &mut Call<'_>, text: &Str, ranges: &[std::ops::Range<usize>]) -> Outcome {
    let mut parts = Vec::with_capacity(ranges.len());
    for range in ranges {
        call.budget.take(range.len() + size_of::<Value>())?;
        parts.push(Value::string(text.get(range.clone()).unwrap_or_default()));
    }
    Ok(List::new(ListType::String, parts).into())
}

fn find_all(call: &mut Call<'_>, args: &[Value], read: Read) -> Outcome {
    let pattern = read(call, string(args, 0)?)?;
    let (text, limit) = (string(args, 1)?, int(args, 2)?);
    let found = pattern.search(text).all(call, usize::try_from(limit).ok())?;
    if found.is_empty() {
        return Ok(List::nil(ListType::String).into());
    }
    strings(call, text, &found)
}

fn replace(call: &mut Call<'_>, args: &[Value], read: Read, literal: bool) -> Outcome {
    let pattern = read(call, string(args, 0)?)?;
    let (text, replacement) = (string(args, 1)?, string(args, 2)?);
    let out = pattern.search(text).replace(call, replacement, literal)?;
    Ok(Value::string(out))
}

fn split(call: &mut Call<'_>, args: &[Value], read: Read) -> Outcome {
    let pattern = read(call, string(args, 0)?)?;
    let (text, limit) = (string(args, 1)?, int(args, 2)?);
    if limit == 0 {
        return Ok(List::nil(ListType::String).into());
    }
    if text.is_empty() && !string(args, 0)?.is_empty() {
        return Ok(Value::strings([""]));
    }
    let limit = usize::try_from(limit).ok();
    let (mut start, mut end) = (0, 0);
    let mut parts = Vec::new();
    for found in pattern.search(text).all(call, limit)? {
        if limit.is_some_and(|limit| parts.len() + 1 >= limit) {
            break;
        }
        end = found.start;
        if found.end != 0 {
            parts.push(start..found.start);
        }
        start = found.end;
    }
    if end != text.len() {
        parts.push(start..text.len());
    }
    strings(call, text, &parts)
}
