//! Rows of whole numbers.

use super::super::args::{Outcome, bytes, int};
use crate::{
    call::{Call, FunctionError},
    value::{List, ListType, Value},
};

pub(super) fn until(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let stop = int(args, 0)?;
    let numbers = row(call, 0, stop, if stop < 0 { -1 } else { 1 })?;
    Ok(as_list(numbers))
}

pub(super) fn until_step(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let numbers = row(call, int(args, 0)?, int(args, 1)?, int(args, 2)?)?;
    Ok(as_list(numbers))
}

fn as_list(numbers: Vec<i64>) -> Value {
    List::new(ListType::Int, numbers.into_iter().map(Value::int)).into()
}

/// The numbers from `start` to just before `stop`.
fn row(call: &mut Call<'_>, start: i64, stop: i64, step: i64) -> Result<Vec<i64>, FunctionError> {
    let mut out = Vec::new();
    let down = stop < start;
    if down && step >= 0 || !down && step <= 0 {
        return Ok(out);
    }
    let mut at = start;
    while if down { at > stop } else { at < stop } {
        call.budget.step(1)?;
        call.budget.take(size_of::<Value>())?;
        out.push(at);
        // Where Go comes out at the other end of the numbers and goes on, the budget ends it.
        at = at.wrapping_add(step);
    }
    Ok(out)
}

/// The numbers up to and including the last one, with spaces between.
pub(super) fn seq(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let numbers: Vec<i64> = (0..args.len())
        .map(|at| int(args, at))
        .collect::<Result<_, _>>()?;
    let direction = |start: i64, end: i64| if end < start { -1 } else { 1 };
    let row = match numbers.as_slice() {
        [end] => {
            let step = direction(1, *end);
            row(call, 1, end.wrapping_add(step), step)?
        }
        [start, end] => {
            let step = direction(*start, *end);
            row(call, *start, end.wrapping_add(step), step)?
        }
        [start, step, end] if !(end < start && *step > 0) => {
            row(call, *start, end.wrapping_add(direction(*start, *end)), *step)?
        }
        _ => Vec::new(),
    };
    let texts: Vec<String> = row.iter().map(i64::to_string).collect();
    bytes(call, texts.join(" ").into_bytes())
}
