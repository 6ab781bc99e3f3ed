//! Values to numbers, as spf13/cast and Go's `strconv` do it.

use super::{
    args::{Outcome, any, functions, string},
    text::print,
};
use crate::{call::Call, value::Value};

functions! {
    "atoi" (String) |_, a| Ok(Value::int(clamped(parse_int(string(a, 0)?, 10))));
    "int" (Any) |_, a| Ok(Value::int(to_int(any(a, 0))));
    "int64" (Any) |_, a| Ok(Value::int64(to_int(any(a, 0))));
    "float64" (Any) |_, a| Ok(Value::Float(to_float(any(a, 0))));
    "toDecimal" (Any) to_decimal;
}

/// Why a text is not a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberError {
    Syntax,
    /// Too large; Go gives the nearest number along with the error.
    Range(i64),
}

/// What `strconv` gives for someone who does not look at its error.
pub(super) fn clamped(parsed: Result<i64, NumberError>) -> i64 {
    match parsed {
        Ok(number) | Err(NumberError::Range(number)) => number,
        Err(NumberError::Syntax) => 0,
    }
}

/// Reads octal, as `toDecimal` is meant for file modes.
fn to_decimal(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let text = print(call.budget, any(args, 0))?;
    Ok(Value::int64(parse_int(&text, 8).unwrap_or(0)))
}

/// `cast.ToInt`: what is not a number is 0.
pub(super) fn to_int(value: &Value) -> i64 {
    match value {
        Value::Int(_, number) => *number,
        Value::Uint(_, number) => number.cast_signed(),
        Value::Float(number) => truncated(*number),
        Value::String(text) => parse_int(without_zeros(text), 0).unwrap_or(0),
        Value::Bool(value) => i64::from(*value),
        Value::Object(object) if matches!(object.type_name(), "time.Month" | "time.Weekday") => {
            match object.plain() {
                Value::Int(_, number) => number,
                _ => 0,
            }
        }
        _ => 0,
    }
}

/// `cast.ToFloat64`.
#[expect(clippy::cast_precision_loss, reason = "so does Go")]
pub(super) fn to_float(value: &Value) -> f64 {
    match value {
        Value::Float(number) => *number,
        Value::Uint(_, number) => *number as f64,
        Value::String(text) => parse_float(text).unwrap_or(0.0),
        Value::Int(..) | Value::Bool(_) | Value::Object(_) => to_int(value) as f64,
        _ => 0.0,
    }
}

/// A `float64` to an `int64` as amd64 does it: what does not fit is the lowest number.
#[expect(clippy::cast_possible_truncation, reason = "what does not fit was sorted out")]
pub(super) fn truncated(number: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&number) {
        number as i64
    } else {
        i64::MIN
    }
}

/// cast's `trimZeroDecimal`: `8.00` is 8.
fn without_zeros(text: &[u8]) -> &[u8] {
    let digits = text.len() - text.iter().rev().take_while(|byte| **byte == b'0').count();
    match text.get(..digits).and_then(|text| text.strip_suffix(b".")) {
        Some(whole) if digits < text.len() => whole,
        _ => text,
    }
}

/// Go's `strconv.ParseInt`; base 0 goes by the prefix of the text, and allows underscores.
pub(super) fn parse_int(text: &[u8], base: u32) -> Result<i64, NumberError> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (radix, number) = match (base, digits) {
        (0, [b'0', b'x' | b'X', rest @ ..]) if !rest.is_empty() => (16, rest),
        (0, [b'0', b'b' | b'B', rest @ ..]) if !rest.is_empty() => (2, rest),
        (0, [b'0', b'o' | b'O', rest @ ..] | [b'0', rest @ ..]) if !rest.is_empty() => (8, rest),
        (0, digits) => (10, digits),
        (base, digits) => (base, digits),
    };
    if number.is_empty() {
        return Err(NumberError::Syntax);
    }
    let mut value: Option<u64> = Some(0);
    let mut underscores = false;
    for byte in number {
        if *byte == b'_' && base == 0 {
            underscores = true;
            continue;
        }
        let Some(digit) = char::from(*byte).to_digit(radix) else {
            return Err(NumberError::Syntax);
        };
        value = value
            .and_then(|value| value.checked_mul(u64::from(radix)))
            .and_then(|value| value.checked_add(u64::from(digit)));
        if value.is_none() {
            // Go stops here, so that what follows may be anything.
            return Err(out_of_range(negative));
        }
    }
    if underscores && !underscores_fit(text) {
        return Err(NumberError::Syntax);
    }
    let value = value.unwrap_or(u64::MAX);
    if negative {
        0_i64.checked_sub_unsigned(value).ok_or(out_of_range(true))
    } else {
        i64::try_from(value).map_err(|_| out_of_range(false))
    }
}

const fn out_of_range(negative: bool) -> NumberError {
    NumberError::Range(if negative { i64::MIN } else { i64::MAX })
}

/// Whether underscores stand only between digits, or after the prefix of a base.
fn underscores_fit(text: &[u8]) -> bool {
    let text = match text {
        [b'-' | b'+', rest @ ..] => rest,
        _ => text,
    };
    let (hexadecimal, mut after_digit, rest) = match text {
        [b'0', b'x' | b'X', rest @ ..] => (true, true, rest),
        [b'0', b'b' | b'B' | b'o' | b'O', rest @ ..] => (false, true, rest),
        _ => (false, false, text),
    };
    let mut after_underscore = false;
    for byte in rest {
        if byte.is_ascii_digit() || hexadecimal && byte.is_ascii_hexdigit() {
            (after_digit, after_underscore) = (true, false);
        } else if *byte == b'_' {
            if !after_digit {
                return false;
            }
            (after_digit, after_underscore) = (false, true);
        } else if after_underscore {
            return false;
        } else {
            (after_digit, after_underscore) = (false, false);
        }
    }
    !after_underscore
}

/// Go's `strconv.ParseFloat`; `None` for what is not a number, or too large for one.
pub(super) fn parse_float(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let (negative, number) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let value = if number.eq_ignore_ascii_case("inf") || number.eq_ignore_ascii_case("infinity") {
        f64::INFINITY
    } else if text.eq_ignore_ascii_case("nan") {
        f64::NAN
    } else {
        if !number.starts_with(|char: char| char.is_ascii_digit() || char == '.') {
            return None;
        }
        if number.contains('_') && !underscores_fit(text.as_bytes()) {
            return None;
        }
        let digits = number.replace('_', "");
        let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
            Some(hexadecimal) => parse_hexadecimal(hexadecimal)?,
            None => digits.parse().ok()?,
        };
        Some(value).filter(|value: &f64| value.is_finite())?
    };
    Some(if negative { -value } else { value })
}

/// A number such as `1.8p-3`, of which the exponent must be there.
fn parse_hexadecimal(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    if exponent.strip_prefix(['+', '-']).unwrap_or(exponent).is_empty()
        || !exponent
            .strip_prefix(['+', '-'])
            .unwrap_or(exponent)
            .bytes()
            .all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let exponent: i64 = exponent
        .trim_start_matches('+')
        .parse()
        .unwrap_or(if exponent.starts_with('-') {
            -100_000
        } else {
            100_000
        });
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (mut bits, mut shift, mut lost) = (0_u64, 0_i64, false);
    for (digit, after_point) in whole
        .chars()
        .map(|c| (c, 0))
        .chain(fraction.chars().map(|c| (c, 4)))
    {
        let digit = u64::from(digit.to_digit(16)?);
        if bits >> 59 == 0 {
            bits = bits << 4 | digit;
            shift -= after_point;
        } else {
            // Beyond what can count, but for whether there is anything.
            lost |= digit != 0;
            shift += 4 - after_point;
        }
    }
    let exponent = exponent.clamp(-100_000, 100_000).saturating_add(shift);
    Some(scaled(bits | u64::from(lost), exponent))
}

/// `bits * 2^exponent`, rounded to even once.
#[expect(
    clippy::cast_precision_loss,
    reason = "the bits that do not fit were rounded off before"
)]
fn scaled(bits: u64, exponent: i64) -> f64 {
    if bits == 0 {
        return 0.0;
    }
    let top = 63 - i64::from(bits.leading_zeros());
    // The weight of the lowest bit that a number of this size can have.
    let lowest = (top + exponent - 52).max(-1074);
    let drop = lowest - exponent;
    let kept = if drop <= 0 {
        return if exponent > 1100 {
            f64::INFINITY
        } else {
            power(bits as f64, exponent)
        };
    } else if drop >= 64 {
        // Less than half of the smallest number, or about half of it.
        u64::from(drop == 64 && bits > 1 << 63)
    } else {
        let drop = u32::try_from(drop).unwrap_or(63);
        let (kept, rest, half) = (bits >> drop, bits & ((1 << drop) - 1), 1_u64 << (drop - 1));
        kept + u64::from(rest > half || rest == half && kept & 1 == 1)
    };
    power(kept as f64, lowest)
}

/// `value * 2^exponent`, where the result can be written exactly or overflows.
fn power(mut value: f64, mut exponent: i64) -> f64 {
    while exponent > 0 {
        let step = exponent.min(1000);
        value *= 2_f64.powi(i32::try_from(step).unwrap_or(1000));
        exponent -= step;
        if value.is_infinite() {
            return value;
        }
    }
    while exponent < 0 {
        let step = exponent.max(-1000);
        value *= 2_f64.powi(i32::try_from(step).unwrap_or(-1000));
        exponent -= step;
        if value == 0.0 {
            return value;
        }
    }
    value
}
