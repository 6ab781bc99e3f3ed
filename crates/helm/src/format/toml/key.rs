//! Keys: their parts, and how they are written.

use std::borrow::Cow;

/// The parts joined by dots, each in quotes where it must be.
pub(super) fn join<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut text = Vec::new();
    for (index, part) in parts.into_iter().enumerate() {
        if index > 0 {
            text.push(b'.');
        }
        text.extend_from_slice(&quoted_if_needed(part));
    }
    text
}

/// One part of a key, in quotes unless it is bare.
pub(super) fn quoted_if_needed(part: &[u8]) -> Cow<'_, [u8]> {
    if !part.is_empty() && part.iter().all(|byte| is_bare(*byte)) {
        Cow::Borrowed(part)
    } else {
        let mut text = Vec::with_capacity(part.len() + 2);
        quote(part, &mut text);
        Cow::Owned(text)
    }
}

/// A string in double quotes.
pub(super) fn quote(text: &[u8], into: &mut Vec<u8>) {
    into.push(b'"');
    for byte in text {
        match byte {
            b'"' => into.extend_from_slice(b"\\\""),
            b'\\' => into.extend_from_slice(b"\\\\"),
            8 => into.extend_from_slice(b"\\b"),
            b'\t' => into.extend_from_slice(b"\\t"),
            b'\n' => into.extend_from_slice(b"\\n"),
            12 => into.extend_from_slice(b"\\f"),
            b'\r' => into.extend_from_slice(b"\\r"),
            0..0x20 | 0x7f => into.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => into.push(*byte),
        }
    }
    into.push(b'"');
}

/// Whether the character may stand in a key without quotes.
pub(super) const fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}
