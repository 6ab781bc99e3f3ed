//! What a plain scalar stands for: Go's mixture of YAML 1.1 and 1.2.

use super::{
    super::number::{self, Whole},
    scalar::Scalar,
};
use crate::calendar::is_date;

/// A plain scalar that is no string.
#[derive(Clone, Debug)]
pub(super) enum Resolved {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    /// A date or time, which stays a string.
    Timestamp,
}

/// What the text stands for if it is plain and without a tag; `None` for a string.
pub(super) fn resolve(text: &[u8]) -> Option<Resolved> {
    let Some(first) = text.first() else {
        return Some(Resolved::Null);
    };
    match first {
        b'0'..=b'9' | b'+' | b'-' => special(text).or_else(|| {
            if timestamp(text) {
                Some(Resolved::Timestamp)
            } else {
                number(text)
            }
        }),
        b'.' => special(text).or_else(|| pointed(text).map(Resolved::Float)),
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => special(text),
        // Go's table of first characters knows no `<`, so the merge key is only told where keys are told.
        _ => None,
    }
}

/// The words.
fn special(text: &[u8]) -> Option<Resolved> {
    Some(match text {
        b"y" | b"Y" | b"yes" | b"Yes" | b"YES" | b"true" | b"True" | b"TRUE" | b"on" | b"On" | b"ON" => {
            Resolved::Bool(true)
        }
        b"n" | b"N" | b"no" | b"No" | b"NO" | b"false" | b"False" | b"FALSE" | b"off" | b"Off" | b"OFF" => {
            Resolved::Bool(false)
        }
        b"~" | b"null" | b"Null" | b"NULL" => Resolved::Null,
        b".nan" | b".NaN" | b".NAN" => Resolved::Float(f64::NAN),
        b".inf" | b".Inf" | b".INF" | b"+.inf" | b"+.Inf" | b"+.INF" => Resolved::Float(f64::INFINITY),
        b"-.inf" | b"-.Inf" | b"-.INF" => Resolved::Float(f64::NEG_INFINITY),
        _ => return None,
    })
}

/// Numbers, after their underscores are taken out.
fn number(text: &[u8]) -> Option<Resolved> {
    let without;
    let plain = if text.contains(&b'_') {
        without = text
            .iter()
            .copied()
            .filter(|byte| *byte != b'_')
            .collect::<Vec<u8>>();
        &without
    } else {
        text
    };
    match number::whole(plain) {
        Some(Whole::Int(value)) => return Some(Resolved::Int(value)),
        Some(Whole::Uint(value)) => return Some(Resolved::Uint(value)),
        None => {}
    }
    if let Some(value) = style_float(plain) {
        return Some(Resolved::Float(value));
    }
    // After `0b` Go reads a signed number once more.
    let (negative, digits) = match plain {
        [b'0', b'b', b'-', digits @ ..] => (true, digits),
        [b'0', b'b', b'+', digits @ ..] => (false, digits),
        _ => return None,
    };
    let size = number::unsigned(digits, 2)?;
    if negative {
        (size <= 1 << 63).then(|| Resolved::Int(size.cast_signed().wrapping_neg()))
    } else {
        i64::try_from(size).ok().map(Resolved::Int)
    }
}

/// A float that starts with its point, which may have underscores between digits.
fn pointed(text: &[u8]) -> Option<f64> {
    if !text.contains(&b'_') {
        return style_float(text);
    }
    let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let fits = text.iter().enumerate().all(|(index, byte)| {
        *byte != b'_'
            || (digit(index.checked_sub(1).and_then(|before| text.get(before))) && digit(text.get(index + 1)))
    });
    let plain: Vec<u8> = text.iter().copied().filter(|byte| *byte != b'_').collect();
    fits.then(|| style_float(&plain)).flatten()
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, where it fits a float64.
fn style_float(text: &[u8]) -> Option<f64> {
    let digits = |from: usize| {
        text.get(from..)
            .unwrap_or_default()
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let mut place = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let whole = digits(place);
    place += whole;
    if text.get(place) == Some(&b'.') {
        let fraction = digits(place + 1);
        if whole == 0 && fraction == 0 {
            return None;
        }
        place += 1 + fraction;
    } else if whole == 0 {
        return None;
    }
    if matches!(text.get(place), Some(b'e' | b'E')) {
        place += 1;
        place += usize::from(matches!(text.get(place), Some(b'+' | b'-')));
        let exponent = digits(place);
        if exponent == 0 {
            return None;
        }
        place += exponent;
    }
    if place != text.len() {
        return None;
    }
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    value.is_finite().then_some(value)
}

/// Whether the text is a date or time in a form that Go takes for one.
pub(super) fn timestamp(text: &[u8]) -> bool {
    date(text).is_some()
}

/// One or two digits.
fn short(text: &[u8]) -> Option<(u32, &[u8])> {
    match text {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] => {
            Some((u32::from(tens - b'0') * 10 + u32::from(ones - b'0'), rest))
        }
        [ones @ b'0'..=b'9', rest @ ..] => Some((u32::from(ones - b'0'), rest)),
        _ => None,
    }
}

fn date(text: &[u8]) -> Option<()> {
    let [y1, y2, y3, y4, b'-', rest @ ..] = text else {
        return None;
    };
    let year = [y1, y2, y3, y4].iter().try_fold(0, |year: u32, digit| {
        digit
            .is_ascii_digit()
            .then(|| year * 10 + u32::from(**digit - b'0'))
    })?;
    let (month, rest) = short(rest)?;
    let rest = rest.strip_prefix(b"-")?;
    let (day, rest) = short(rest)?;
    if !is_date(year, month, day) {
        return None;
    }
    let Some((separator, rest)) = rest.split_first() else {
        return Some(());
    };
    let rest = clock(rest)?;
    match separator {
        b'T' | b't' => zone(rest),
        b' ' if rest.is_empty() => Some(()),
        _ => None,
    }
}

/// Hours, minutes, seconds and any digits of a second.
fn clock(text: &[u8]) -> Option<&[u8]> {
    let (hour, rest) = short(text)?;
    let (minute, rest) = short(rest.strip_prefix(b":")?)?;
    let (second, rest) = short(rest.strip_prefix(b":")?)?;
    if hour >= 24 || minute >= 60 || second >= 60 {
        return None;
    }
    match rest {
        [b'.' | b',', b'0'..=b'9', ..] => {
            let digits = rest
                .iter()
                .skip(1)
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            rest.get(1 + digits..)
        }
        _ => Some(rest),
    }
}

fn zone(text: &[u8]) -> Option<()> {
    match text {
        b"Z" => Some(()),
        [b'+' | b'-', h1, h2, b':', m1, m2] if [h1, h2, m1, m2].iter().all(|byte| byte.is_ascii_digit()) => {
            let hours = (h1 - b'0') * 10 + (h2 - b'0');
            let minutes = (m1 - b'0') * 10 + (m2 - b'0');
            (hours <= 24 && minutes <= 60).then_some(())
        }
        _ => None,
    }
}

const STR: &[u8] = b"tag:yaml.org,2002:str";
const BOOL: &[u8] = b"tag:yaml.org,2002:bool";
const INT: &[u8] = b"tag:yaml.org,2002:int";
const FLOAT: &[u8] = b"tag:yaml.org,2002:float";
const NULL: &[u8] = b"tag:yaml.org,2002:null";
const TIMESTAMP: &[u8] = b"tag:yaml.org,2002:timestamp";
const BINARY: &[u8] = b"tag:yaml.org,2002:binary";
/// The tag of a merge key.
pub(super) const MERGE: &[u8] = b"tag:yaml.org,2002:merge";

/// What a scalar with a tag is, or what Go says of it.
pub(super) fn tagged(tag: &[u8], text: &[u8]) -> Result<Scalar, String> {
    let string = || Scalar::String(text.into());
    if tag == BINARY {
        return binary(text).ok_or_else(|| "yaml: !!binary value contains invalid base64 data".to_owned());
    }
    if tag == STR || ![BOOL, INT, FLOAT, NULL, TIMESTAMP].contains(&tag) {
        return Ok(string());
    }
    // Only with its own tag, or without one, may a timestamp be told from a sum.
    let resolved = match resolve(text) {
        Some(Resolved::Timestamp) if tag != TIMESTAMP => number(text),
        other => other,
    };
    let (found, scalar) = match resolved {
        None => (STR, string()),
        Some(Resolved::Null) => (NULL, Scalar::Null),
        Some(Resolved::Bool(value)) => (BOOL, Scalar::Bool(value)),
        #[expect(clippy::cast_precision_loss, reason = "what Go's conversion does")]
        Some(Resolved::Int(value)) if tag == FLOAT => (FLOAT, Scalar::Float(value as f64)),
        Some(Resolved::Int(value)) => (INT, Scalar::Int(value)),
        Some(Resolved::Uint(value)) => (INT, Scalar::Uint(value)),
        Some(Resolved::Float(value)) => (FLOAT, Scalar::Float(value)),
        Some(Resolved::Timestamp) => (TIMESTAMP, string()),
    };
    if found == tag {
        return Ok(scalar);
    }
    Err(format!(
        "yaml: cannot decode {} `{}` as a {}",
        short_tag(found),
        String::from_utf8_lossy(text),
        short_tag(tag)
    ))
}

/// `!!name` for the tags of YAML itself.
fn short_tag(tag: &[u8]) -> String {
    let text = String::from_utf8_lossy(tag);
    match text.strip_prefix("tag:yaml.org,2002:") {
        Some(name) => format!("!!{name}"),
        None => text.into_owned(),
    }
}

/// Base64 with line breaks, as Go's decoder takes it. What it decodes to need not be UTF-8, and goes through JSON.
fn binary(text: &[u8]) -> Option<Scalar> {
    use base64::{
        Engine as _, alphabet,
        engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    };
    let lenient = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
    );
    let clean: Vec<u8> = text
        .iter()
        .copied()
        .filter(|byte| !matches!(byte, b'\n' | b'\r'))
        .collect();
    let bytes = lenient.decode(clean).ok()?;
    Some(Scalar::String(super::super::text::lossy(&bytes).as_ref().into()))
}
