//! Arithmetic.

mod decimal;
mod sequence;

use decimal::Decimal;

use super::{
    args::{Outcome, any, float, functions, int, rest},
    convert::{to_float, to_int},
};
use crate::{
    call::{Call, FunctionError},
    value::Value,
};

functions! {
    "add1" (Any) |_, a| Ok(Value::int64(to_int(any(a, 0)).wrapping_add(1)));
    "add" (; Any) |_, a| Ok(fold(0, a, i64::wrapping_add));
    "sub" (Any, Any) |_, a| Ok(Value::int64(to_int(any(a, 0)).wrapping_sub(to_int(any(a, 1)))));
    "mul" (Any; Any) |_, a| Ok(fold(to_int(any(a, 0)), rest(a, 1), i64::wrapping_mul));
    "div" (Any, Any) |_, a| divide(a, i64::wrapping_div);
    "mod" (Any, Any) |_, a| divide(a, i64::wrapping_rem);
    "max" (Any; Any) |_, a| Ok(fold(to_int(any(a, 0)), rest(a, 1), i64::max));
    "biggest" (Any; Any) |_, a| Ok(fold(to_int(any(a, 0)), rest(a, 1), i64::max));
    "min" (Any; Any) |_, a| Ok(fold(to_int(any(a, 0)), rest(a, 1), i64::min));
    "maxf" (Any; Any) |_, a| Ok(fold_float(a, max));
    "minf" (Any; Any) |_, a| Ok(fold_float(a, min));
    "add1f" (Any) |_, a| exact(any(a, 0), &[Value::int(1)], Decimal::add);
    "addf" (; Any) |_, a| exact(&Value::int(0), a, Decimal::add);
    "subf" (Any; Any) |_, a| exact(any(a, 0), rest(a, 1), Decimal::subtract);
    "mulf" (Any; Any) |_, a| exact(any(a, 0), rest(a, 1), Decimal::multiply);
    "divf" (Any; Any) |_, a| exact(any(a, 0), rest(a, 1), Decimal::divide);
    "floor" (Any) |_, a| Ok(to_float(any(a, 0)).floor().into());
    "ceil" (Any) |_, a| Ok(to_float(any(a, 0)).ceil().into());
    "round" (Any, Int; Float64) round;
    "until" (Int) sequence::until;
    "untilStep" (Int, Int, Int) sequence::until_step;
    "seq" (; Int) sequence::seq;
}

fn fold(start: i64, values: &[Value], operation: fn(i64, i64) -> i64) -> Value {
    Value::int64(values.iter().map(to_int).fold(start, operation))
}

fn divide(args: &[Value], operation: fn(i64, i64) -> i64) -> Outcome {
    match to_int(any(args, 1)) {
        0 => Err(FunctionError::new("runtime error: integer divide by zero")),
        by => Ok(Value::int64(operation(to_int(any(args, 0)), by))),
    }
}

fn fold_float(args: &[Value], operation: fn(f64, f64) -> f64) -> Value {
    let start = to_float(any(args, 0));
    Value::Float(rest(args, 1).iter().map(to_float).fold(start, operation))
}

/// Go's `math.Max`.
fn max(one: f64, other: f64) -> f64 {
    if one == f64::INFINITY || other == f64::INFINITY {
        f64::INFINITY
    } else if one.is_nan() || other.is_nan() {
        f64::NAN
    } else if one == 0.0 && other == 0.0 {
        if one.is_sign_negative() { other } else { one }
    } else if one > other {
        one
    } else {
        other
    }
}

/// Go's `math.Min`.
fn min(one: f64, other: f64) -> f64 {
    -max(-one, -other)
}

/// Calculates with decimal numbers, so that 0.1 and 0.2 are 0.3.
fn exact(
    first: &Value,
    rest: &[Value],
    operation: fn(&Decimal, &Decimal) -> Result<Decimal, FunctionError>,
) -> Outcome {
    let mut result = Decimal::from_float(to_float(first))?;
    for value in rest {
        result = operation(&result, &Decimal::from_float(to_float(value))?)?;
    }
    Ok(Value::Float(result.to_float()))
}

#[expect(clippy::cast_precision_loss, reason = "so does Go")]
fn round(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let value = to_float(any(args, 0));
    let places = int(args, 1)? as f64;
    let up_from = if args.len() > 2 { float(args, 2)? } else { 0.5 };
    let power = power_of_ten(places);
    let digits = power * value;
    let fraction = if digits.is_infinite() {
        f64::NAN
    } else {
        digits - digits.trunc()
    };
    let rounded = if fraction >= up_from {
        digits.ceil()
    } else {
        digits.floor()
    };
    Ok(Value::Float(rounded / power))
}

/// Go's `math.Pow(10, exponent)` for a whole exponent, step by step, for its last digit is not always the nearest.
fn power_of_ten(exponent: f64) -> f64 {
    if exponent == 0.0 {
        return 1.0;
    }
    if exponent >= 9.3e18 || exponent.abs() > 4000.0 {
        return if exponent > 0.0 { f64::INFINITY } else { 0.0 };
    }
    let (mut result, mut result_exponent) = (1.0_f64, 0_i32);
    // Ten is 0.625 times two to the fourth.
    let (mut factor, mut factor_exponent) = (0.625_f64, 4_i32);
    let mut count = super::convert::truncated(exponent.abs());
    while count != 0 {
        if count & 1 == 1 {
            result *= factor;
            result_exponent += factor_exponent;
        }
        factor *= factor;
        factor_exponent <<= 1;
        if factor < 0.5 {
            factor += factor;
            factor_exponent -= 1;
        }
        count >>= 1;
    }
    if exponent < 0.0 {
        result = 1.0 / result;
        result_exponent = -result_exponent;
    }
    scale(result, result_exponent)
}

/// `value * 2^exponent`, for a value of about one.
fn scale(mut value: f64, mut exponent: i32) -> f64 {
    while exponent > 1000 && value.is_finite() {
        value *= 2_f64.powi(1000);
        exponent -= 1000;
    }
    // One step only may round.
    while exponent < -1000 && value > 0.0 {
        if exponent > -2000 {
            value *= 2_f64.powi(-1000 + (-exponent - 1000).min(21));
            return value * 2_f64.powi(exponent + 1000 - (-exponent - 1000).min(21));
        }
        value *= 2_f64.powi(-1000);
        exponent += 1000;
    }
    value * 2_f64.powi(exponent)
}
