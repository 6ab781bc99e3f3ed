//! Paths with slashes. Those of the system are the same: charts are rendered as on Linux, everywhere.

use super::args::{Outcome, boolean_value, functions, string};
use crate::{call::Call, value::Value};

functions! {
    "base" (String) base;
    "osBase" (String) base;
    "dir" (String) dir;
    "osDir" (String) dir;
    "clean" (String) |call, a| cleaned(call, string(a, 0)?);
    "osClean" (String) |call, a| cleaned(call, string(a, 0)?);
    "ext" (String) ext;
    "osExt" (String) ext;
    "isAbs" (String) |_, a| boolean_value(string(a, 0)?.starts_with(b"/"));
    "osIsAbs" (String) |_, a| boolean_value(string(a, 0)?.starts_with(b"/"));
}

fn base(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let path = string(args, 0)?;
    if path.is_empty() {
        return Ok(".".into());
    }
    let mut parts = path.split(|byte| *byte == b'/').rev();
    Ok(parts
        .find(|part| !part.is_empty())
        .map_or_else(|| "/".into(), Value::string))
}

/// All but the last part, cleaned.
fn dir(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let path = string(args, 0)?;
    let end = path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    cleaned(call, path.get(..end).unwrap_or_default())
}

/// What follows the last dot of the last part, with the dot.
fn ext(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let path = string(args, 0)?;
    let last = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let dot = last.iter().rposition(|byte| *byte == b'.');
    Ok(Value::string(
        dot.and_then(|at| last.get(at..)).unwrap_or_default(),
    ))
}

/// Go's `path.Clean`: the shortest path that means the same.
fn cleaned(call: &mut Call<'_>, path: &[u8]) -> Outcome {
    call.budget.take(path.len())?;
    let absolute = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => match parts.last() {
                Some(last) if *last != b".." => {
                    parts.pop();
                }
                _ if absolute => {}
                _ => parts.push(part),
            },
            part => parts.push(part),
        }
    }
    let joined = parts.join(&b'/');
    Ok(match (absolute, joined.is_empty()) {
        (true, _) => Value::string([b"/", joined.as_slice()].concat()),
        (false, true) => ".".into(),
        (false, false) => Value::string(joined),
    })
}
