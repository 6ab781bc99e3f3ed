//! Numbers as Go writes and reads them (`strconv`).

use crate::template::fmt::{append_float, append_single};

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::with_capacity(24);
    write(&mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// `strconv.FormatFloat(value, 'g', -1, 64)`.
pub(crate) fn general(value: f64) -> String {
    written(|out| append_float(out, value, b'g', None))
}

/// `strconv.FormatFloat(value, 'g', -1, 32)`, how float keys of YAML become strings.
pub(crate) fn general_single(value: f64) -> String {
    written(|out| append_single(out, value))
}

/// A float64 as `encoding/json` writes it; `None` for what JSON cannot say.
pub(crate) fn json(value: f64) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    let size = value.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return Some(decimal(value));
    }
    let mut text = written(|out| append_float(out, value, b'e', None));
    // `e-09` becomes `e-9`, but `e+09` does not exist here.
    if let Some(start) = text.find("e-0") {
        text.remove(start + 2);
    }
    Some(text)
}

/// `strconv.FormatFloat(value, 'f', -1, 64)`.
pub(crate) fn decimal(value: f64) -> String {
    written(|out| append_float(out, value, b'f', None))
}

/// What `strconv.ParseInt(text, 0, 64)` and, failing that, `strconv.ParseUint(text, 0, 64)` read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    /// It fits an `int64`.
    Int(i64),
    /// It only fits a `uint64`.
    Uint(u64),
}

/// Reads a whole number whose base is told by its prefix. The underscores are gone already.
pub(crate) fn whole(text: &[u8]) -> Option<Whole> {
    let (negative, sign, rest) = match text {
        [b'-', rest @ ..] => (true, true, rest),
        [b'+', rest @ ..] => (false, true, rest),
        rest => (false, false, rest),
    };
    let (base, digits) = match rest {
        [b'0', b'x' | b'X', digits @ ..] => (16, digits),
        [b'0', b'o' | b'O', digits @ ..] => (8, digits),
        [b'0', b'b' | b'B', digits @ ..] => (2, digits),
        [b'0', digits @ ..] if !digits.is_empty() => (8, digits),
        digits => (10, digits),
    };
    let size = unsigned(digits, base)?;
    if negative {
        // The smallest int64 has no positive counterpart.
        return (size <= 1 << 63).then(|| Whole::Int(size.cast_signed().wrapping_neg()));
    }
    match i64::try_from(size) {
        Ok(value) => Some(Whole::Int(value)),
        // `ParseUint` takes no sign.
        Err(_) if sign => None,
        Err(_) => Some(Whole::Uint(size)),
    }
}

/// Digits of a base, at least one, that fit 64 bits.
pub(crate) fn unsigned(digits: &[u8], base: u32) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, digit| {
        let digit = char::from(*digit).to_digit(base)?;
        sum.checked_mul(u64::from(base))?.checked_add(u64::from(digit))
    })
}

/// A float64 of digits, a point and an exponent; `None` if it is too large for one.
pub(crate) fn parse(text: &[u8]) -> Option<f64> {
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    value.is_finite().then_some(value)
}
