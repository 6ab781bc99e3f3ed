//! Numbers of JSON, as they are compared and shown.

use crate::{format::number, value::Value};

/// The number that a value is.
pub(super) fn of(value: &Value) -> Option<f64> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "a bound is seldom that large")]
        Value::Int(_, value) => Some(*value as f64),
        #[expect(clippy::cast_precision_loss, reason = "a bound is seldom that large")]
        Value::Uint(_, value) => Some(*value as f64),
        Value::Float(value) => Some(*value),
        _ => None,
    }
}

/// A size that a schema gives.
pub(super) fn size(value: &Value) -> Option<usize> {
    let value = of(value)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole, and a negative one is no bound"
    )]
    (value.fract() == 0.0).then_some(value.max(0.0) as usize)
}

/// Whether a number is another one times a whole number, in decimals as they are written.
pub(super) fn is_multiple(value: f64, of: f64) -> bool {
    let exact = || -> Option<bool> {
        let (a, a_exponent) = decimal(value)?;
        let (b, b_exponent) = decimal(of)?;
        let low = a_exponent.min(b_exponent);
        let scaled = |digits: i128, exponent: i32| {
            10_i128
                .checked_pow(u32::try_from(exponent - low).ok()?)?
                .checked_mul(digits)
        };
        scaled(a, a_exponent)?
            .checked_rem(scaled(b, b_exponent)?)
            .map(|rest| rest == 0)
    };
    exact().unwrap_or_else(|| (value / of).fract() == 0.0)
}

/// The digits of a number and the power of ten they count.
fn decimal(value: f64) -> Option<(i128, i32)> {
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e')?;
    let fraction = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let digits = digits.replace('.', "").parse().ok()?;
    Some((
        digits,
        exponent.parse::<i32>().ok()? - i32::try_from(fraction).ok()?,
    ))
}

/// A count, with commas between thousands.
pub(super) fn count(number: usize) -> String {
    thousands(&number.to_string())
}

fn thousands(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number as the printer of Go's `text` module shows it in English.
pub(super) fn shown(value: f64) -> String {
    let text = number::general(value);
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.as_str()),
    };
    if let Some((digits, exponent)) = text.split_once('e') {
        let exponent: String = exponent
            .chars()
            .filter_map(|character| match character {
                '-' => Some('⁻'),
                '0' => Some('⁰'),
                '1' => Some('¹'),
                '2' => Some('²'),
                '3' => Some('³'),
                '4'..='9' => char::from_u32(u32::from('⁴') + (u32::from(character) - u32::from('4'))),
                _ => None,
            })
            .collect();
        return format!("{sign}{digits}\u{202f}×\u{202f}10{exponent}");
    }
    match text.split_once('.') {
        Some((whole, fraction)) => format!("{sign}{}.{fraction}", thousands(whole)),
        None => format!("{sign}{}", thousands(text)),
    }
}
