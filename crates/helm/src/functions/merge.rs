//! Merging maps as dario.cat/mergo does: in place, and with maps of the source shared rather than copied wherever
//! the destination has none.

use super::{
    args::{MAX_DEPTH, Outcome, map, too_deep},
    defaults,
};
use crate::{
    call::{Budget, Call, FunctionError},
    value::{Kind, Map, MapType, Value},
};

pub(super) fn merge(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    swallowed(merged(call, args, false))
}

pub(super) fn must_merge(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    merged(call, args, false)
}

pub(super) fn merge_overwrite(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    swallowed(merged(call, args, true))
}

pub(super) fn must_merge_overwrite(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    merged(call, args, true)
}

/// What mergo says when a pointer meets something else.
const DIFFERENT: &str = "src and dst must be of same type";

/// `merge` gives "" where mergo gives an error; a panic of Go is an error all the same.
fn swallowed(outcome: Outcome) -> Outcome {
    match outcome {
        Err(FunctionError::Failed(text)) if text == DIFFERENT => Ok("".into()),
        outcome => outcome,
    }
}

fn merged(call: &mut Call<'_>, args: &[Value], overwrite: bool) -> Outcome {
    let mut into = map(args, 0)?;
    for at in 1..args.len() {
        let from = map(args, at)?;
        if into.is_nil() && !from.is_nil() {
            into = Map::new(MapType::Any, []);
        }
        merge_map(call.budget, &into, &from, overwrite, 0)?;
    }
    Ok(into.into())
}

/// mergo's `isEmptyValue`: other than Sprig's `empty`, it looks through pointers, and takes no complex number for
/// empty.
fn is_empty(value: &Value) -> bool {
    !matches!(value, Value::Complex(..)) && defaults::is_empty(value)
}

fn is_map(value: &Value) -> bool {
    value.kind() == Kind::Map
}

/// The map, also if it is below an object.
fn as_map(value: &Value) -> Option<Map> {
    match value {
        Value::Map(map) => Some(map.clone()),
        Value::Object(object) if object.kind() == Kind::Map => match object.plain() {
            Value::Map(map) => Some(map),
            _ => None,
        },
        _ => None,
    }
}

fn merge_map(
    budget: &mut Budget,
    into: &Map,
    from: &Map,
    overwrite: bool,
    depth: usize,
) -> Result<(), FunctionError> {
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    if into.is_nil() {
        return Ok(());
    }
    for (key, new) in from.entries() {
        budget.step(1)?;
        budget.take(64)?;
        let old = into.get(&key);
        // A null is a value for `mergeOverwrite`, and nothing for `merge`, not even where the key is missing.
        if let (Value::Nil, MapType::Any | MapType::Values(_)) = (&new, from.map_type()) {
            if overwrite {
                put(into, from, key, new)?;
            }
            continue;
        }
        match (&old, new.kind()) {
            (Some(old), Kind::Map) => merge_into(budget, old, &new, overwrite, depth)?,
            (Some(old), Kind::Struct) if old.kind() == Kind::Ptr && !overwrite => {
                return Err(FunctionError::new(DIFFERENT));
            }
            _ => {}
        }
        // The old map may have been filled right now, so that it is not empty any more.
        if let Some(old) = old.as_ref().filter(|old| !is_empty(old)) {
            if new.kind() == Kind::Slice {
                if overwrite {
                    put(into, from, key, new)?;
                }
                continue;
            }
            if is_map(&new) && is_map(old) {
                continue;
            }
        }
        if overwrite || old.as_ref().is_none_or(is_empty) {
            put(into, from, key, new)?;
        }
    }
    Ok(())
}

/// Merges a map into what is there already.
fn merge_into(
    budget: &mut Budget,
    old: &Value,
    new: &Value,
    overwrite: bool,
    depth: usize,
) -> Result<(), FunctionError> {
    if let (Some(old), Some(new)) = (as_map(old), as_map(new)) {
        return merge_map(budget, &old, &new, overwrite, depth + 1);
    }
    if old.kind() == Kind::Ptr && !overwrite && !new_is_nil(new) {
        return Err(FunctionError::new(DIFFERENT));
    }
    Ok(())
}

fn new_is_nil(new: &Value) -> bool {
    matches!(new, Value::Map(map) if map.is_nil())
}

/// Sets a key, if the types allow it.
fn put(into: &Map, from: &Map, key: crate::value::Str, value: Value) -> Result<(), FunctionError> {
    if into.map_type() == MapType::String && from.map_type() != MapType::String {
        let name = if value.kind() == Kind::Slice {
            value.type_name()
        } else {
            "interface {}"
        };
        return Err(FunctionError::new(format!(
            "reflect.Value.SetMapIndex: value of type {name} is not assignable to type string"
        )));
    }
    into.insert(key, value);
    Ok(())
}
