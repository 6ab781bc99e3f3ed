//! Quoted strings and characters as templates write them (`strconv.Unquote`).

use super::unicode;
use crate::value::Str;

/// The value of a string with its quotes, or nothing if an escape is none.
pub(super) fn unquote(quoted: &[u8]) -> Option<Str> {
    match quoted {
        [b'`', inner @ .., b'`'] if memchr::memchr(b'\r', inner).is_none() => Some(Str::from(inner)),
        [b'`', inner @ .., b'`'] => {
            let bytes: Vec<u8> = inner.iter().copied().filter(|byte| *byte != b'\r').collect();
            Some(Str::from(bytes))
        }
        [b'"', inner @ .., b'"'] if is_plain(inner) => Some(Str::from(inner)),
        [b'"', inner @ .., b'"'] => {
            let mut out = Vec::with_capacity(inner.len());
            let mut rest = inner;
            while !rest.is_empty() {
                let (unit, after) = unquote_one(rest, b'"')?;
                match unit {
                    Unit::Byte(byte) => out.push(byte),
                    Unit::Char(char) => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
                }
                rest = after;
            }
            Some(Str::from(out))
        }
        _ => None,
    }
}

/// Whether a string without its quotes stands for itself.
fn is_plain(inner: &[u8]) -> bool {
    inner.is_ascii() && !inner.iter().any(|byte| matches!(byte, b'\\' | b'"' | b'\n'))
}

/// Why a character constant is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadChar {
    Syntax,
    TooLong,
}

/// The number of a character with its quotes.
pub(super) fn unquote_char(quoted: &[u8]) -> Result<u32, BadChar> {
    let (unit, rest) = unquote_one(quoted.get(1..).unwrap_or_default(), b'\'').ok_or(BadChar::Syntax)?;
    if rest != b"'" {
        return Err(BadChar::TooLong);
    }
    Ok(match unit {
        Unit::Byte(byte) => u32::from(byte),
        Unit::Char(char) => u32::from(char),
    })
}

/// What one escape stands for.
enum Unit {
    Byte(u8),
    Char(char),
}

fn unquote_one(text: &[u8], quote: u8) -> Option<(Unit, &[u8])> {
    let (first, rest) = text.split_first()?;
    if *first == quote || *first == b'\n' {
        return None;
    }
    if *first != b'\\' {
        let (char, length) = unicode::decode(text)?;
        return Some((Unit::Char(char), text.get(length..)?));
    }
    let (escape, rest) = rest.split_first()?;
    let byte = |byte| Some((Unit::Byte(byte), rest));
    match escape {
        b'a' => byte(7),
        b'b' => byte(8),
        b'f' => byte(12),
        b'n' => byte(b'\n'),
        b'r' => byte(b'\r'),
        b't' => byte(b'\t'),
        b'v' => byte(11),
        b'\\' => byte(b'\\'),
        b'\'' | b'"' if *escape == quote => byte(*escape),
        b'x' => {
            let (code, rest) = digits(rest, 2, 16)?;
            Some((Unit::Byte(u8::try_from(code).ok()?), rest))
        }
        b'u' | b'U' => {
            let (code, rest) = digits(rest, if *escape == b'u' { 4 } else { 8 }, 16)?;
            Some((Unit::Char(char::from_u32(code)?), rest))
        }
        b'0'..=b'7' => {
            let (code, rest) = digits(text.get(1..)?, 3, 8)?;
            Some((Unit::Byte(u8::try_from(code).ok()?), rest))
        }
        _ => None,
    }
}

fn digits(text: &[u8], count: usize, base: u32) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_at_checked(count)?;
    let mut code: u32 = 0;
    for digit in digits {
        code = code
            .checked_mul(base)?
            .checked_add(char::from(*digit).to_digit(base)?)?;
    }
    Some((code, rest))
}
