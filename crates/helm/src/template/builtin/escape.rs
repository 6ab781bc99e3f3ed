//! `html`, `js` and `urlquery`.

use std::io::Write;

use crate::{
    call::{Budget, LimitReached},
    template::unicode,
};

pub(super) fn html(budget: &mut Budget, text: &[u8]) -> Result<Vec<u8>, LimitReached> {
    budget.take(text.len().saturating_mul(5))?;
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            byte => out.push(*byte),
        }
    }
    Ok(out)
}

pub(super) fn js(budget: &mut Budget, text: &[u8]) -> Result<Vec<u8>, LimitReached> {
    budget.take(text.len().saturating_mul(6))?;
    let mut out = Vec::with_capacity(text.len());
    for (char, bytes) in unicode::chars(text) {
        match char {
            '\\' => out.extend_from_slice(b"\\\\"),
            '\'' => out.extend_from_slice(b"\\'"),
            '"' => out.extend_from_slice(b"\\\""),
            '<' | '>' | '&' | '=' | '\0'..=' ' if char != ' ' => escaped(&mut out, char),
            char if char.is_ascii() || unicode::is_printable(char) => out.extend_from_slice(bytes),
            char => escaped(&mut out, char),
        }
    }
    Ok(out)
}

fn escaped(out: &mut Vec<u8>, char: char) {
    // Writing to memory cannot fail.
    let _ = write!(out, "\\u{:04X}", u32::from(char));
}

pub(super) fn url_query(budget: &mut Budget, text: &[u8]) -> Result<Vec<u8>, LimitReached> {
    budget.take(text.len().saturating_mul(3))?;
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b' ' => out.push(b'+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(*byte),
            // Writing to memory cannot fail.
            byte => drop(write!(out, "%{byte:02X}")),
        }
    }
    Ok(out)
}
