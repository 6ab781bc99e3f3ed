//! Strings of Go that may not be UTF-8.

use std::borrow::Cow;

/// The text as `encoding/json` takes it: each byte that is no part of a character becomes U+FFFD. Unlike
/// [`String::from_utf8_lossy`], which makes one U+FFFD of a truncated character.
pub(super) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    let mut rest = bytes;
    let mut text = match std::str::from_utf8(bytes) {
        Ok(text) => return Cow::Borrowed(text),
        Err(_) => String::with_capacity(bytes.len() + 8),
    };
    loop {
        match std::str::from_utf8(rest) {
            Ok(valid) => {
                text.push_str(valid);
                return Cow::Owned(text);
            }
            Err(error) => {
                let (valid, after) = rest.split_at(error.valid_up_to());
                text.push_str(std::str::from_utf8(valid).unwrap_or_default());
                text.push(char::REPLACEMENT_CHARACTER);
                rest = after.get(1..).unwrap_or_default();
            }
        }
    }
}

/// `strconv.Quote`.
pub(crate) fn quote(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 2);
    text.push('"');
    let mut rest = bytes;
    while !rest.is_empty() {
        match std::str::from_utf8(rest) {
            Ok(valid) => {
                quote_into(&mut text, valid);
                break;
            }
            Err(error) => {
                let (valid, after) = rest.split_at(error.valid_up_to());
                quote_into(&mut text, std::str::from_utf8(valid).unwrap_or_default());
                if let Some((byte, after)) = after.split_first() {
                    text.push_str(&format!("\\x{byte:02x}"));
                    rest = after;
                } else {
                    break;
                }
            }
        }
    }
    text.push('"');
    text
}

fn quote_into(text: &mut String, valid: &str) {
    for character in valid.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{7}' => text.push_str("\\a"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{b}' => text.push_str("\\v"),
            ' '..='~' => text.push(character),
            _ if u32::from(character) < 0x80 => text.push_str(&format!("\\x{:02x}", u32::from(character))),
            _ if printable(character) => text.push(character),
            _ if u32::from(character) < 0x10000 => text.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => text.push_str(&format!("\\U{:08x}", u32::from(character))),
        }
    }
}

/// `strconv.IsPrint` for what is not ASCII, as near as the standard library's own tables come: what `Debug` escapes
/// is what cannot be printed, except that combining marks can.
fn printable(character: char) -> bool {
    !matches!(character, '\u{a0}' | '\u{ad}') && !character.is_whitespace() && {
        let mut escaped = character.escape_debug();
        escaped.next() == Some(character) || !character.is_control() && character.is_alphanumeric()
    }
}
