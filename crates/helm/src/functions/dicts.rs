//! Functions over maps.

use super::{
    args::{Outcome, any, boolean_value, functions, list, map, string},
    merge,
    text::strval,
};
use crate::{
    call::{Call, FunctionError},
    value::{List, ListType, Map, MapType, Value},
};

functions! {
    "dict" (; Any) make;
    "get" (Map, String) |_, a| Ok(map(a, 0)?.get(string(a, 1)?).unwrap_or_else(|| "".into()));
    "set" (Map, String, Any) set;
    "unset" (Map, String) |_, a| {
        let map = map(a, 0)?;
        map.remove(string(a, 1)?);
        Ok(map.into())
    };
    "hasKey" (Map, String) |_, a| boolean_value(map(a, 0)?.contains(string(a, 1)?));
    "pluck" (String; Map) pluck;
    "keys" (; Map) keys;
    "values" (Map) values;
    "pick" (Map; String) pick;
    "omit" (Map; String) omit;
    "dig" (; Any) dig;
    "merge" (Map; Map) merge::merge;
    "mustMerge" (Map; Map) merge::must_merge;
    "mergeOverwrite" (Map; Map) merge::merge_overwrite;
    "mustMergeOverwrite" (Map; Map) merge::must_merge_overwrite;
}

/// What an entry costs.
const ENTRY: usize = 64;

fn make(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let map = Map::new(MapType::Any, []);
    for pair in args.chunks(2) {
        call.budget.take(ENTRY)?;
        let key = strval(call.budget, any(pair, 0))?;
        map.insert(key, pair.get(1).cloned().unwrap_or_else(|| "".into()));
    }
    Ok(map.into())
}

fn set(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (map, key) = (map(args, 0)?, string(args, 1)?);
    if map.is_nil() {
        return Err(FunctionError::new("assignment to entry in nil map"));
    }
    call.budget.take(ENTRY)?;
    map.insert(key.clone(), any(args, 2).clone());
    Ok(map.into())
}

fn pluck(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let key = string(args, 0)?;
    let mut found = Vec::new();
    for at in 1..args.len() {
        call.budget.step(1)?;
        found.extend(map(args, at)?.get(key));
    }
    Ok(list(found))
}

fn keys(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let mut keys = Vec::new();
    for at in 0..args.len() {
        let map = map(args, at)?;
        call.budget.step(map.len() as u64)?;
        call.budget.take(map.len().saturating_mul(size_of::<Value>()))?;
        keys.extend(map.keys().into_iter().map(Value::String));
    }
    Ok(List::new(ListType::String, keys).into())
}

fn values(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let map = map(args, 0)?;
    call.budget.step(map.len() as u64)?;
    call.budget.take(map.len().saturating_mul(size_of::<Value>()))?;
    Ok(list(map.entries().into_iter().map(|(_, value)| value).collect()))
}

fn pick(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let map = map(args, 0)?;
    let picked = Map::new(MapType::Any, []);
    for at in 1..args.len() {
        call.budget.take(ENTRY)?;
        let key = string(args, at)?;
        if let Some(value) = map.get(key) {
            picked.insert(key.clone(), value);
        }
    }
    Ok(picked.into())
}

fn omit(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let map = map(args, 0)?;
    call.budget.step(map.len() as u64)?;
    call.budget.take(map.len().saturating_mul(ENTRY))?;
    let kept = Map::new(MapType::Any, map.entries());
    for at in 1..args.len() {
        kept.remove(string(args, at)?);
    }
    Ok(kept.into())
}

/// What Go says of a type assertion that does not hold.
fn not_a(value: &Value, wanted: &str) -> FunctionError {
    let is = match value {
        Value::Nil => "nil",
        value => value.type_name(),
    };
    FunctionError::new(format!(
        "interface conversion: interface {{}} is {is}, not {wanted}"
    ))
}

/// Only a `map[string]interface {}` is gone into: `common.Values` is another type.
fn dig(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let [keys @ .., default, value] = args else {
        return Err(FunctionError::new("dig needs at least three arguments"));
    };
    if keys.is_empty() {
        return Err(FunctionError::new("dig needs at least three arguments"));
    }
    let as_map = |value: &Value| match value {
        Value::Map(map) if map.map_type() == MapType::Any => Ok(map.clone()),
        value => Err(not_a(value, "map[string]interface {}")),
    };
    let mut map = as_map(value)?;
    let mut names = Vec::new();
    for key in keys {
        match key {
            Value::String(name) => names.push(name),
            key => return Err(not_a(key, "string")),
        }
    }
    let Some((last, path)) = names.split_last() else {
        return Ok(default.clone());
    };
    for name in path {
        match map.get(name) {
            Some(step) => map = as_map(&step)?,
            None => return Ok(default.clone()),
        }
    }
    Ok(map.get(last).unwrap_or_else(|| default.clone()))
}
