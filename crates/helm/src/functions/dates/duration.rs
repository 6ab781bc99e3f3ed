//! Go's `time.Duration`.

use std::fmt;

use super::parse::quoted;
use crate::{
    functions::args::any,
    value::{Kind, Method, Object, Str, Value},
};

/// So many nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Duration(pub(crate) i64);

/// Half of the range of `uint64`, as Go bounds durations.
const LIMIT: u64 = 1 << 63;

const UNITS: [(&[u8], u64); 8] = [
    (b"ns", 1),
    (b"us", 1_000),
    ("\u{b5}s".as_bytes(), 1_000),
    ("\u{3bc}s".as_bytes(), 1_000),
    (b"ms", 1_000_000),
    (b"s", 1_000_000_000),
    (b"m", 60_000_000_000),
    (b"h", 3_600_000_000_000),
];

/// Takes digits off the front; `None` if they are too many.
pub(super) fn leading_number(text: &[u8]) -> Option<(u64, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(length)?;
    let mut number = 0_u64;
    for digit in digits {
        if number > LIMIT / 10 {
            return None;
        }
        number = number * 10 + u64::from(digit - b'0');
        if number > LIMIT {
            return None;
        }
    }
    Some((number, rest))
}

/// Takes digits after the point off the front: their value, and what to divide it by. Those that do not fit are
/// left out.
fn fraction(text: &[u8]) -> (u64, f64, &[u8]) {
    let (mut number, mut scale, mut full) = (0_u64, 1.0, false);
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(length).unwrap_or((text, &[]));
    for digit in digits {
        let next = number.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
        full |= number > (LIMIT - 1) / 10 || next > LIMIT;
        if !full {
            number = next;
            scale *= 10.0;
        }
    }
    (number, scale, rest)
}

impl Duration {
    /// Go's `time.ParseDuration`, with the text of its error.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let invalid = || format!("time: invalid duration {}", quoted(text));
        let (negative, mut rest) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            text => (false, text),
        };
        if rest == b"0" {
            return Ok(Self(0));
        }
        if rest.is_empty() {
            return Err(invalid());
        }
        let mut total = 0_u64;
        while !rest.is_empty() {
            let (whole, after) = leading_number(rest).ok_or_else(invalid)?;
            let mut digits = rest.len() - after.len();
            let (part, scale, after) = match after.strip_prefix(b".") {
                Some(after) => {
                    let (part, scale, rest) = fraction(after);
                    digits += after.len() - rest.len();
                    (part, scale, rest)
                }
                None => (0, 1.0, after),
            };
            if digits == 0 {
                return Err(invalid());
            }
            let length = after
                .iter()
                .take_while(|byte| **byte != b'.' && !byte.is_ascii_digit())
                .count();
            let (name, after) = after.split_at_checked(length).unwrap_or((after, &[]));
            if name.is_empty() {
                return Err(format!("time: missing unit in duration {}", quoted(text)));
            }
            let Some((_, unit)) = UNITS.iter().find(|(known, _)| *known == name) else {
                return Err(format!(
                    "time: unknown unit {} in duration {}",
                    quoted(name),
                    quoted(text)
                ));
            };
            rest = after;
            total = Self::scaled(whole, part, scale, *unit)
                .and_then(|nanoseconds| total.checked_add(nanoseconds))
                .filter(|total| *total <= LIMIT)
                .ok_or_else(invalid)?;
        }
        match (negative, i64::try_from(total)) {
            (true, _) => Ok(Self(0_i64.wrapping_sub_unsigned(total))),
            (false, Ok(total)) => Ok(Self(total)),
            (false, Err(_)) => Err(invalid()),
        }
    }

    /// A number of units in nanoseconds.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "Go takes fractions in floating point"
    )]
    fn scaled(whole: u64, part: u64, scale: f64, unit: u64) -> Option<u64> {
        if whole > LIMIT / unit {
            return None;
        }
        let fraction = (part as f64 * (unit as f64 / scale)) as u64;
        (whole * unit).checked_add(fraction).filter(|sum| *sum <= LIMIT)
    }

    /// To the nearest multiple, half away from zero.
    pub(super) fn rounded(self, unit: i64) -> Self {
        if unit <= 0 {
            return self;
        }
        let rest = self.0 % unit;
        let down = self.0 - rest;
        if rest.unsigned_abs() < unit.unsigned_abs() - rest.unsigned_abs() {
            return Self(down);
        }
        Self(down.saturating_add(if self.0 < 0 { -unit } else { unit }))
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let decimal = |number: u64, unit: u64, places: usize| {
            let text = format!("{}.{:0places$}", number / unit, number % unit);
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        };
        match length {
            0 => f.write_str("0s"),
            1..1_000 => write!(f, "{length}ns"),
            1_000..1_000_000 => write!(f, "{}\u{b5}s", decimal(length, 1_000, 3)),
            1_000_000..1_000_000_000 => write!(f, "{}ms", decimal(length, 1_000_000, 6)),
            _ => {
                let (minutes, rest) = (length / 60_000_000_000, length % 60_000_000_000);
                let (hours, minutes) = (minutes / 60, minutes % 60);
                if hours > 0 {
                    write!(f, "{hours}h")?;
                }
                if hours > 0 || minutes > 0 {
                    write!(f, "{minutes}m")?;
                }
                write!(f, "{}s", decimal(rest, 1_000_000_000, 9))
            }
        }
    }
}

impl Object for Duration {
    fn type_name(&self) -> &'static str {
        "time.Duration"
    }

    fn kind(&self) -> Kind {
        Kind::Int(crate::value::IntType::Int64)
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn method(&self, name: &str) -> Option<Method> {
        super::methods::of_duration(name)
    }

    fn stringer(&self) -> Option<Str> {
        Some(self.to_string().into())
    }

    fn plain(&self) -> Value {
        Value::int64(self.0)
    }

    fn truth(&self) -> bool {
        self.0 != 0
    }
}

/// The duration behind an argument, or that many nanoseconds.
pub(super) fn duration(args: &[Value], at: usize) -> Duration {
    match any(args, at) {
        Value::Int(_, nanoseconds) => Duration(*nanoseconds),
        Value::Object(object) => object.as_any().downcast_ref().copied().unwrap_or_default(),
        _ => Duration::default(),
    }
}
