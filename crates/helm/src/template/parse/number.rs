//! Numbers: every type that can hold a constant gets its value.

use crate::template::{
    fmt,
    node::{Number, Span},
    quote::{BadChar, unquote_char},
};
use crate::value::Value;

/// A character constant such as `'a'`.
pub(super) fn character(original: Span, text: &[u8]) -> Result<Number, String> {
    let code = unquote_char(text).map_err(|bad| match bad {
        BadChar::Syntax => String::from("invalid syntax"),
        BadChar::TooLong => format!("malformed character constant: {}", String::from_utf8_lossy(text)),
    })?;
    Ok(Number {
        original,
        int: Some(i64::from(code)),
        uint: Some(u64::from(code)),
        float: Some(f64::from(code)),
        ideal: Some(Value::int(i64::from(code))),
    })
}

/// A complex constant such as `1+2i`.
pub(super) fn complex(original: Span, text: &[u8]) -> Result<Number, String> {
    let problem = || String::from("syntax error scanning complex number");
    let hexadecimal = is_hexadecimal(text);
    let split = (1..text.len())
        .find(|at| {
            let exponent = match text.get(at - 1) {
                Some(b'e' | b'E') => !hexadecimal,
                Some(b'p' | b'P') => hexadecimal,
                _ => false,
            };
            matches!(text.get(*at), Some(b'+' | b'-')) && !exponent
        })
        .ok_or_else(problem)?;
    let (real, imaginary) = text.split_at(split);
    let imaginary = imaginary.strip_suffix(b"i").ok_or_else(problem)?;
    match (parse_float(real), parse_float(imaginary)) {
        (Some(real), Some(imaginary)) => Ok(of_complex(original, real, imaginary)),
        _ => Err(problem()),
    }
}

fn of_complex(original: Span, real: f64, imaginary: f64) -> Number {
    let float = (imaginary == 0.0).then_some(real);
    Number {
        original,
        int: float.and_then(whole_int),
        uint: float.and_then(whole_uint),
        float,
        ideal: Some(Value::Complex(real, imaginary)),
    }
}

/// Any other number.
pub(super) fn number(original: Span, text: &[u8]) -> Result<Number, String> {
    if let Some(imaginary) = text.strip_suffix(b"i").and_then(parse_float) {
        return Ok(of_complex(original, 0.0, imaginary));
    }
    let mut int = parse_int(text);
    let mut uint = parse_uint(text);
    if int == Some(0) {
        uint = Some(0);
    }
    #[expect(clippy::cast_precision_loss, reason = "that is what the conversion does")]
    let mut float = int.map(|int| int as f64).or(uint.map(|uint| uint as f64));
    if float.is_none()
        && let Some(value) = parse_float(text)
    {
        if !text.iter().any(|byte| b".eEpP".contains(byte)) {
            return Err(format!("integer overflow: {}", fmt::quoted(text).text()));
        }
        float = Some(value);
        int = whole_int(value);
        uint = whole_uint(value);
    }
    if float.is_none() {
        return Err(format!("illegal number syntax: {}", fmt::quoted(text).text()));
    }
    let has_float_form = text.iter().any(|byte| b".eEpP".contains(byte));
    let is_hexadecimal_int = text.len() > 2
        && matches!(text, [b'0', b'x' | b'X', ..])
        && !text.iter().any(|byte| b"pP".contains(byte));
    let ideal = match (float, int, uint) {
        (Some(float), ..) if has_float_form && !is_hexadecimal_int => Some(Value::Float(float)),
        (_, Some(int), _) => Some(Value::int(int)),
        _ => None,
    };
    Ok(Number {
        original,
        int,
        uint,
        float,
        ideal,
    })
}

fn whole_int(value: f64) -> Option<i64> {
    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value);
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and fits")]
    (fits && value.fract() == 0.0).then_some(value as i64)
}

fn whole_uint(value: f64) -> Option<u64> {
    let fits = (0.0..18_446_744_073_709_551_616.0).contains(&value);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole and fits"
    )]
    (fits && value.fract() == 0.0).then_some(value as u64)
}

/// `strconv.ParseInt` with base 0.
fn parse_int(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    };
    let value = parse_uint(digits)?;
    if negative {
        0i64.checked_sub_unsigned(value)
    } else {
        i64::try_from(value).ok()
    }
}

/// `strconv.ParseUint` with base 0: a leading zero alone means octal.
fn parse_uint(text: &[u8]) -> Option<u64> {
    let (base, digits) = match text {
        [b'0', b'b' | b'B', rest @ ..] if !rest.is_empty() => (2, rest),
        [b'0', b'o' | b'O', rest @ ..] if !rest.is_empty() => (8, rest),
        [b'0', b'x' | b'X', rest @ ..] if !rest.is_empty() => (16, rest),
        [b'0', rest @ ..] => (8, rest),
        [] => return None,
        rest => (10, rest),
    };
    let mut value: u64 = 0;
    for byte in digits {
        if *byte == b'_' {
            continue;
        }
        let digit = char::from(*byte).to_digit(base)?;
        value = value
            .checked_mul(u64::from(base))?
            .checked_add(u64::from(digit))?;
    }
    underscores_are_good(text).then_some(value)
}

/// Whether every underscore stands between digits, or after the prefix of a base.
fn underscores_are_good(text: &[u8]) -> bool {
    if !text.contains(&b'_') {
        return true;
    }
    let ([b'+' | b'-', text @ ..] | text) = text;
    let (hexadecimal, prefixed, rest) = match text {
        [b'0', b'x' | b'X', rest @ ..] => (true, true, rest),
        [b'0', b'b' | b'B' | b'o' | b'O', rest @ ..] => (false, true, rest),
        rest => (false, false, rest),
    };
    let mut after_digit = prefixed;
    let mut after_underscore = false;
    for byte in rest {
        let is_digit = byte.is_ascii_digit() || (hexadecimal && byte.is_ascii_hexdigit());
        match byte {
            b'_' if !after_digit => return false,
            _ if !is_digit && *byte != b'_' && after_underscore => return false,
            _ => {}
        }
        after_underscore = *byte == b'_';
        after_digit = is_digit;
    }
    !after_underscore
}

fn is_hexadecimal(text: &[u8]) -> bool {
    matches!(
        text,
        [b'0', b'x' | b'X', ..] | [b'+' | b'-', b'0', b'x' | b'X', ..]
    )
}

/// `strconv.ParseFloat`; what is too large is no number.
fn parse_float(text: &[u8]) -> Option<f64> {
    if !underscores_are_good(text) {
        return None;
    }
    let digits: String = text
        .iter()
        .filter(|byte| **byte != b'_')
        .map(|byte| char::from(*byte))
        .collect();
    let value = if is_hexadecimal(text) {
        parse_hexadecimal(&digits)?
    } else {
        digits.parse().ok()?
    };
    value.is_finite().then_some(value)
}

/// `0x1.8p3`: the exponent must be there.
fn parse_hexadecimal(text: &str) -> Option<f64> {
    let (sign, rest) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (if text.starts_with('-') { -1.0 } else { 1.0 }, rest),
        None => (1.0, text),
    };
    let (mantissa, exponent) = rest.get(2..)?.split_once(['p', 'P'])?;
    let mut exponent: i32 = exponent.parse().unwrap_or_else(|_| {
        let negative = exponent.starts_with('-');
        let digits = exponent.trim_start_matches(['+', '-']);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            0
        } else if negative {
            -100_000
        } else {
            100_000
        }
    });
    exponent = exponent.clamp(-100_000, 100_000);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut bits: u64 = 0;
    let mut sticky = 0;
    for (index, digit) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = u64::from(digit.to_digit(16)?);
        if bits >> 58 == 0 {
            bits = bits << 4 | digit;
            if index >= whole.len() {
                exponent = exponent.checked_sub(4)?;
            }
        } else {
            sticky |= u64::from(digit != 0);
            if index < whole.len() {
                exponent = exponent.checked_add(4)?;
            }
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "it is rounded here, once")]
    let mut value = (bits | sticky) as f64;
    while exponent != 0 && value != 0.0 && value.is_finite() {
        let step = exponent.clamp(-1000, 1000);
        value *= 2f64.powi(step);
        exponent -= step;
    }
    Some(sign * value)
}
