//! Functions over lists. Every one of them gives a new list, as Sprig's do.

use super::{
    args::{Outcome, any, boolean_value, functions, int, items, items_or, list, refuse, rest as rest_of},
    convert::to_int,
    defaults::is_empty,
    equal::one_of,
};
use crate::{
    call::{Call, FunctionError},
    value::{List, ListType, Str, Value},
};

functions! {
    "list" (; Any) make;
    "tuple" (; Any) make;
    "first" (Any) first;
    "mustFirst" (Any) first;
    "last" (Any) last;
    "mustLast" (Any) last;
    "rest" (Any) rest;
    "mustRest" (Any) rest;
    "initial" (Any) initial;
    "mustInitial" (Any) initial;
    "append" (Any, Any) append;
    "mustAppend" (Any, Any) append;
    "push" (Any, Any) append;
    "mustPush" (Any, Any) append;
    "prepend" (Any, Any) prepend;
    "mustPrepend" (Any, Any) prepend;
    "concat" (; Any) concat;
    "reverse" (Any) reverse;
    "mustReverse" (Any) reverse;
    "uniq" (Any) uniq;
    "mustUniq" (Any) uniq;
    "without" (Any; Any) without;
    "mustWithout" (Any; Any) without;
    "has" (Any, Any) has;
    "mustHas" (Any, Any) has;
    "slice" (Any; Any) slice;
    "mustSlice" (Any; Any) slice;
    "chunk" (Int, Any) chunk;
    "mustChunk" (Int, Any) chunk;
    "compact" (Any) compact;
    "mustCompact" (Any) compact;
}

/// Takes the cost of walking over some items, and of a list of as many.
fn charge(call: &mut Call<'_>, count: usize) -> Result<(), FunctionError> {
    call.budget.step(count as u64)?;
    call.budget.take(count.saturating_mul(size_of::<Value>()))?;
    Ok(())
}

fn nil_list() -> Value {
    List::nil(ListType::Any).into()
}

fn make(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    charge(call, args.len())?;
    Ok(list(args.to_vec()))
}

fn first(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let items = items_or(any(args, 0), "Cannot find first on type")?;
    Ok(items.first().cloned().unwrap_or_default())
}

fn last(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let items = items_or(any(args, 0), "Cannot find last on type")?;
    Ok(items.last().cloned().unwrap_or_default())
}

fn rest(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let items = items_or(any(args, 0), "Cannot find rest on type")?;
    charge(call, items.len())?;
    Ok(items
        .split_first()
        .map_or_else(nil_list, |(_, rest)| list(rest.to_vec())))
}

fn initial(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let items = items_or(any(args, 0), "Cannot find initial on type")?;
    charge(call, items.len())?;
    Ok(items
        .split_last()
        .map_or_else(nil_list, |(_, rest)| list(rest.to_vec())))
}

fn append(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let mut items = items_or(any(args, 0), "Cannot push on type")?.into_owned();
    charge(call, items.len() + 1)?;
    items.push(any(args, 1).clone());
    Ok(list(items))
}

fn prepend(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let mut items = items_or(any(args, 0), "Cannot prepend on type")?.into_owned();
    charge(call, items.len() + 1)?;
    items.insert(0, any(args, 1).clone());
    Ok(list(items))
}

fn concat(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let mut all = Vec::new();
    for value in args {
        let Some(items) = items(value) else {
            let mut error = refuse(value, "Cannot concat type");
            if let (FunctionError::Failed(text), false) = (&mut error, matches!(value, Value::Nil)) {
                text.push_str(" as list");
            }
            return Err(error);
        };
        charge(call, items.len())?;
        all.extend(items.iter().cloned());
    }
    if all.is_empty() {
        return Ok(nil_list());
    }
    Ok(list(all))
}

fn reverse(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let mut items = items_or(any(args, 0), "Cannot find reverse on type")?.into_owned();
    charge(call, items.len())?;
    items.reverse();
    Ok(list(items))
}

fn compact(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let items = items_or(any(args, 0), "Cannot compact on type")?;
    charge(call, items.len())?;
    Ok(list(
        items.iter().filter(|item| !is_empty(item)).cloned().collect(),
    ))
}

fn uniq(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let items = items_or(any(args, 0), "Cannot find uniq on type")?;
    charge(call, items.len())?;
    // Strings are nearly always all there is; they need not be compared one by one.
    let mut strings = std::collections::HashSet::<Str>::new();
    let mut others = Vec::new();
    let mut kept = Vec::new();
    for item in items.iter() {
        if let Value::String(text) = item {
            if strings.insert(text.clone()) {
                kept.push(item.clone());
            }
        } else if !one_of(call.budget, &others, item)? {
            others.push(item.clone());
            kept.push(item.clone());
        }
    }
    Ok(list(kept))
}

fn without(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let items = items_or(any(args, 0), "Cannot find without on type")?;
    charge(call, items.len())?;
    let unwanted = rest_of(args, 1);
    let mut kept = Vec::new();
    for item in items.iter() {
        if !one_of(call.budget, unwanted, item)? {
            kept.push(item.clone());
        }
    }
    Ok(list(kept))
}

fn has(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (needle, haystack) = (any(args, 0), any(args, 1));
    if let Value::Nil = haystack {
        return boolean_value(false);
    }
    let items = items_or(haystack, "Cannot find has on type")?;
    boolean_value(one_of(call.budget, &items, needle)?)
}

fn slice(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let value = any(args, 0);
    let Some(items) = items(value) else {
        return Err(match value {
            Value::Nil => refuse(value, ""),
            value => refuse(value, "list should be type of slice or array but"),
        });
    };
    if items.is_empty() {
        return Ok(Value::Nil);
    }
    let indexes = rest_of(args, 1);
    let start = indexes.first().map_or(0, to_int);
    let end = match indexes.get(1) {
        Some(end) => usize::try_from(to_int(end)).ok(),
        None => Some(items.len()),
    };
    let range = usize::try_from(start).ok().zip(end);
    let Some(part) = range.and_then(|(start, end)| items.get(start..end)) else {
        return Err(FunctionError::new(
            "reflect.Value.Slice: slice index out of bounds",
        ));
    };
    charge(call, part.len())?;
    Ok(match value {
        Value::Bytes(bytes) => {
            let (start, end) = range.unwrap_or_default();
            Value::Bytes(bytes.get(start..end).unwrap_or_default().into())
        }
        Value::List(whole) => List::new(whole.list_type(), part.to_vec()).into(),
        _ => list(part.to_vec()),
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "Sprig counts the chunks in floating point; what comes of odd sizes is seen"
)]
fn chunk(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let size = int(args, 0)?;
    let items = items_or(any(args, 1), "Cannot chunk type")?;
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let count = ((length - 1) as f64 / size as f64).floor();
    let too_large = || FunctionError::new("runtime error: makeslice: len out of range");
    // What is not a number, or too large for one, becomes the lowest number in Go, which is no length.
    if !count.is_finite() || count + 1.0 < 0.0 {
        return Err(too_large());
    }
    let count = (count + 1.0) as i64;
    charge(call, items.len() + usize::try_from(count).unwrap_or(usize::MAX))?;
    let mut chunks = Vec::new();
    for at in 0..count {
        let mut length_here = size;
        if at == count - 1 {
            length_here = length.checked_rem(size).unwrap_or(0);
            if length_here == 0 {
                length_here = size;
            }
        }
        let (Ok(start), Ok(taken)) = (usize::try_from(at * size), usize::try_from(length_here)) else {
            return Err(too_large());
        };
        let part = items
            .get(start..start.saturating_add(taken))
            .ok_or_else(too_large)?;
        chunks.push(list(part.to_vec()));
    }
    Ok(List::new(ListType::Other("[][]interface {}"), chunks).into())
}
