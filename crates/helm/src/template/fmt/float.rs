//! Floating-point numbers (`strconv.AppendFloat` for 64 bits), and what flags do to them.

use std::io::Write;

use super::{number::append_int, printer::Printer};
use crate::call::LimitReached;

/// No number of 64 bits has more decimal places, or more significant digits; what follows are zeros. Rust's own
/// formats take no more than 65535.
const MAX_PLACES: usize = 1100;

/// Appends a number in one of Go's forms: `e`, `E`, `f`, `g`, `G`, `b`, `x` or `X`. Without a precision there are as
/// many digits as it takes to read the same number back.
pub fn append_float(out: &mut Vec<u8>, value: f64, form: u8, precision: Option<usize>) {
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
        return;
    }
    if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
        return;
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let value = value.abs();
    match (form, precision) {
        (b'b', _) => binary(out, value),
        (b'x' | b'X', _) => hexadecimal(out, value, form == b'X', precision),
        (b'f', Some(precision)) => {
            let places = precision.min(MAX_PLACES);
            append(out, format_args!("{value:.places$}"));
            out.resize(out.len() + precision - places, b'0');
        }
        (b'f', None) => plain(out, &Digits::shortest(value)),
        (b'e' | b'E', precision) => {
            let digits = precision.map_or_else(
                || Digits::shortest(value),
                |precision| Digits::rounded(value, precision.saturating_add(1)),
            );
            let places = precision.unwrap_or_else(|| digits.text.len().saturating_sub(1));
            exponential(out, &digits, places, form);
        }
        (_, precision) => general(out, value, if form == b'G' { b'E' } else { b'e' }, precision),
    }
}

/// Appends what `g` makes of a number of 32 bits (`strconv.AppendFloat(out, value, 'g', -1, 32)`).
pub(crate) fn append_single(out: &mut Vec<u8>, value: f64) {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what Go does with a float64 at 32 bits"
    )]
    let single = value as f32;
    if !single.is_finite() {
        return append_float(out, f64::from(single), b'g', None);
    }
    if single.is_sign_negative() {
        out.push(b'-');
    }
    let mut buffer = ryu::Buffer::new();
    shortest_general(
        out,
        &Digits::parse(buffer.format_finite(single.abs()).as_bytes()),
        b'e',
    );
}

/// Significant digits without zeros at the end, and where the point stands in them.
struct Digits {
    text: Vec<u8>,
    /// How many digits stand before the point; negative if zeros follow it.
    point: i32,
}

impl Digits {
    fn shortest(value: f64) -> Self {
        Self::parse(ryu::Buffer::new().format_finite(value).as_bytes())
    }

    fn rounded(value: f64, count: usize) -> Self {
        let places = count.saturating_sub(1).min(MAX_PLACES);
        let mut written = Vec::with_capacity(32);
        append(&mut written, format_args!("{value:.places$e}"));
        Self::parse(&written)
    }

    /// Reads what Rust writes: `1.25e-7`, `0.001`, `120.0`.
    fn parse(written: &[u8]) -> Self {
        let at = written
            .iter()
            .position(|byte| *byte == b'e')
            .unwrap_or(written.len());
        let (mantissa, exponent) = written.split_at(at);
        let exponent = exponent
            .get(1..)
            .and_then(|text| std::str::from_utf8(text).ok())
            .and_then(|text| text.parse::<i32>().ok())
            .unwrap_or(0);
        let before = mantissa
            .iter()
            .position(|byte| *byte == b'.')
            .unwrap_or(mantissa.len());
        let mut point = exponent.saturating_add(i32::try_from(before).unwrap_or(0));
        let mut text = Vec::with_capacity(mantissa.len());
        for byte in mantissa.iter().filter(|byte| byte.is_ascii_digit()) {
            if text.is_empty() && *byte == b'0' {
                point -= 1;
            } else {
                text.push(*byte);
            }
        }
        while text.last() == Some(&b'0') {
            text.pop();
        }
        if text.is_empty() {
            point = 0;
        }
        Self { text, point }
    }
}

fn append(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to memory cannot fail.
    let _ = out.write_fmt(text);
}

/// `g` without a precision, which decides on the exponent as if the precision were 6.
fn shortest_general(out: &mut Vec<u8>, digits: &Digits, letter: u8) {
    let exponent = digits.point - 1;
    if (-4..6).contains(&exponent) {
        plain(out, digits);
    } else {
        exponential(out, digits, digits.text.len().saturating_sub(1), letter);
    }
}

fn general(out: &mut Vec<u8>, value: f64, letter: u8, precision: Option<usize>) {
    let Some(precision) = precision else {
        // Most numbers of charts are whole and small.
        if value.fract() == 0.0 && value < 1e6 {
            #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
            append_int(out, value as i64);
            return;
        }
        shortest_general(out, &Digits::shortest(value), letter);
        return;
    };
    let precision = precision.max(1);
    let digits = Digits::rounded(value, precision);
    let mut threshold = i32::try_from(precision).unwrap_or(i32::MAX);
    if threshold > count(&digits) && count(&digits) >= digits.point {
        threshold = count(&digits);
    }
    let exponent = digits.point - 1;
    if exponent < -4 || exponent >= threshold {
        exponential(
            out,
            &digits,
            precision.min(digits.text.len()).saturating_sub(1),
            letter,
        );
    } else {
        plain(out, &digits);
    }
}

fn count(digits: &Digits) -> i32 {
    i32::try_from(digits.text.len()).unwrap_or(i32::MAX)
}

/// `%e` with this many digits after the point.
fn exponential(out: &mut Vec<u8>, digits: &Digits, places: usize, letter: u8) {
    out.push(digits.text.first().copied().unwrap_or(b'0'));
    if places > 0 {
        out.push(b'.');
        let rest = digits.text.get(1..).unwrap_or_default();
        let taken = rest.get(..places.min(rest.len())).unwrap_or_default();
        out.extend_from_slice(taken);
        out.resize(out.len() + places - taken.len(), b'0');
    }
    let exponent = if digits.text.is_empty() {
        0
    } else {
        digits.point - 1
    };
    out.extend_from_slice(&[letter, if exponent < 0 { b'-' } else { b'+' }]);
    if exponent.abs() < 10 {
        out.push(b'0');
    }
    append_int(out, i64::from(exponent.abs()));
}

/// `%f` with all the digits.
fn plain(out: &mut Vec<u8>, digits: &Digits) {
    let before = usize::try_from(digits.point).unwrap_or(0);
    if before == 0 {
        out.push(b'0');
    }
    let whole = digits
        .text
        .get(..before.min(digits.text.len()))
        .unwrap_or_default();
    out.extend_from_slice(whole);
    out.resize(out.len() + before - whole.len(), b'0');
    let rest = digits.text.get(whole.len()..).unwrap_or_default();
    if !rest.is_empty() {
        out.push(b'.');
        let zeros = usize::try_from(-digits.point).unwrap_or(0);
        out.resize(out.len() + zeros, b'0');
        out.extend_from_slice(rest);
    }
}

/// The mantissa and the exponent of two that make the number.
fn parts(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let mantissa = bits & ((1 << 52) - 1);
    match i32::try_from((bits >> 52) & 0x7ff).unwrap_or(0) {
        0 => (mantissa, -1022),
        exponent => (mantissa | (1 << 52), exponent - 1023),
    }
}

/// `%b`: mantissa and power of two, in decimal.
fn binary(out: &mut Vec<u8>, value: f64) {
    let (mantissa, exponent) = parts(value);
    append_int(out, mantissa.cast_signed());
    out.push(b'p');
    let exponent = exponent - 52;
    if exponent >= 0 {
        out.push(b'+');
    }
    append_int(out, i64::from(exponent));
}

/// `%x`: `0x1.8p+01`.
fn hexadecimal(out: &mut Vec<u8>, value: f64, upper: bool, precision: Option<usize>) {
    let (mut mantissa, mut exponent) = parts(value);
    if mantissa == 0 {
        exponent = 0;
    }
    // One digit before the point, at bit 60, and it is a 1.
    mantissa <<= 8;
    while mantissa != 0 && mantissa & (1 << 60) == 0 {
        mantissa <<= 1;
        exponent -= 1;
    }
    if let Some(precision) = precision
        && precision < 15
    {
        let shift = precision * 4;
        let extra = (mantissa << shift) & ((1 << 60) - 1);
        mantissa >>= 60 - shift;
        // Half to even.
        if extra | (mantissa & 1) > 1 << 59 {
            mantissa += 1;
        }
        mantissa <<= 60 - shift;
        if mantissa & (1 << 61) != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let start = out.len();
    out.extend_from_slice(b"0x");
    out.push(b'0' + u8::from((mantissa >> 60) & 1 == 1));
    mantissa <<= 4;
    let places = precision.unwrap_or_else(|| (16 - mantissa.trailing_zeros() as usize / 4).min(16));
    if places > 0 && (precision.is_some() || mantissa != 0) {
        out.push(b'.');
        for _ in 0..places {
            let digit = u32::try_from(mantissa >> 60).unwrap_or(0);
            out.push(char::from_digit(digit, 16).map_or(b'0', |digit| digit as u8));
            mantissa <<= 4;
        }
    }
    out.extend_from_slice(&[b'p', if exponent < 0 { b'-' } else { b'+' }]);
    if exponent.abs() < 10 {
        out.push(b'0');
    }
    append_int(out, i64::from(exponent.abs()));
    if upper {
        out.get_mut(start..).unwrap_or_default().make_ascii_uppercase();
    }
}

impl Printer<'_> {
    /// By the verb; false if there is no such verb for floating-point numbers.
    pub(super) fn float(&mut self, value: f64, verb: char) -> Result<bool, LimitReached> {
        let (form, precision) = match verb {
            'v' | 'g' => (b'g', None),
            'b' => (b'b', None),
            'G' => (b'G', None),
            'x' => (b'x', None),
            'X' => (b'X', None),
            'f' | 'F' => (b'f', Some(6)),
            'e' => (b'e', Some(6)),
            'E' => (b'E', Some(6)),
            _ => return Ok(false),
        };
        let precision = self.flags.precision.or(precision);
        self.charge(precision.unwrap_or(0).saturating_add(400))?;
        let mut text = vec![b'+'];
        append_float(&mut text, value, form, precision);
        if matches!(text.get(1), Some(b'-' | b'+')) {
            text.remove(0);
        }
        if self.flags.space && text.first() == Some(&b'+') && !self.flags.plus {
            text[0] = b' ';
        }
        if matches!(text.get(1), Some(b'I' | b'N')) {
            let unsigned = text.get(1) == Some(&b'N') && !self.flags.space && !self.flags.plus;
            let shown = text.get(usize::from(unsigned)..).unwrap_or_default();
            self.pad_without_zeros(shown)?;
            return Ok(true);
        }
        if self.flags.sharp && verb != 'b' {
            with_point(&mut text, verb, precision);
        }
        if self.flags.plus || text.first() != Some(&b'+') {
            if self.flags.zero
                && !self.flags.minus
                && let Some(width) = self.flags.width
                && width > text.len()
            {
                self.write(text.get(..1).unwrap_or_default())?;
                self.padding(width - text.len())?;
                self.write(text.get(1..).unwrap_or_default())?;
            } else {
                self.pad(&text)?;
            }
        } else {
            self.pad(text.get(1..).unwrap_or_default())?;
        }
        Ok(true)
    }

    /// A complex number by the verb, as both of its parts.
    pub(super) fn complex(&mut self, real: f64, imaginary: f64, verb: char) -> Result<bool, LimitReached> {
        if !matches!(verb, 'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E') {
            return Ok(false);
        }
        self.write(b"(")?;
        self.float(real, verb)?;
        let plus = std::mem::replace(&mut self.flags.plus, true);
        self.float(imaginary, verb)?;
        self.flags.plus = plus;
        self.write(b"i)")?;
        Ok(true)
    }
}

/// What `#` does: there is always a point, and zeros at the end stay. `text` starts with a sign.
fn with_point(text: &mut Vec<u8>, verb: char, precision: Option<usize>) {
    let mut digits = match verb {
        'v' | 'g' | 'G' | 'x' => {
            precision.map_or(6, |precision| i64::try_from(precision).unwrap_or(i64::MAX))
        }
        _ => 0,
    };
    let hexadecimal = matches!(verb, 'x' | 'X');
    let mut has_point = false;
    let mut significant = false;
    let mut end = text.len();
    for (index, byte) in text.iter().enumerate().skip(1) {
        match byte {
            b'.' => has_point = true,
            b'p' | b'P' => {
                end = index;
                break;
            }
            b'e' | b'E' if !hexadecimal => {
                end = index;
                break;
            }
            byte => {
                significant |= *byte != b'0';
                digits -= i64::from(significant);
            }
        }
    }
    let tail = text.split_off(end);
    if !has_point {
        // A lone zero counts as a digit.
        if text.len() == 2 && text.get(1) == Some(&b'0') {
            digits -= 1;
        }
        text.push(b'.');
    }
    text.resize(text.len() + usize::try_from(digits).unwrap_or(0), b'0');
    text.extend_from_slice(&tail);
}
