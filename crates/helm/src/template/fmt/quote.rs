//! Quoted strings and characters (`strconv.Quote` and its kin).

use crate::template::unicode;
use crate::value::Str;

/// Appends a string in double quotes, with everything escaped that does not print (`strconv.AppendQuote`).
pub fn quote(out: &mut Vec<u8>, text: &[u8]) {
    quote_with(out, text, b'"', false);
}

/// Appends a string in double quotes, with everything escaped that is not printable ASCII
/// (`strconv.AppendQuoteToASCII`).
pub fn quote_ascii(out: &mut Vec<u8>, text: &[u8]) {
    quote_with(out, text, b'"', true);
}

/// Appends a character in single quotes (`strconv.AppendQuoteRune`).
pub fn quote_char(out: &mut Vec<u8>, char: char) {
    quote_char_with(out, char, false);
}

pub(super) fn quote_char_with(out: &mut Vec<u8>, char: char, ascii: bool) {
    out.push(b'\'');
    escape(out, char, b'\'', ascii);
    out.push(b'\'');
}

/// A string in double quotes (`strconv.Quote`).
pub fn quoted(text: &[u8]) -> Str {
    let mut out = Vec::with_capacity(text.len() + 2);
    quote(&mut out, text);
    out.into()
}

fn quote_with(out: &mut Vec<u8>, text: &[u8], mark: u8, ascii: bool) {
    out.push(mark);
    let plain = |byte: &u8| (b' '..=b'~').contains(byte) && *byte != mark && *byte != b'\\';
    let mut rest = text;
    while !rest.is_empty() {
        let run = rest.iter().position(|byte| !plain(byte)).unwrap_or(rest.len());
        let (clean, special) = rest.split_at(run);
        out.extend_from_slice(clean);
        let Some((char, length)) = unicode::decode(special) else {
            break;
        };
        match special {
            [byte, ..] if length == 1 && char == char::REPLACEMENT_CHARACTER => {
                hex(out, b'x', u32::from(*byte), 2);
            }
            _ => escape(out, char, mark, ascii),
        }
        rest = special.get(length..).unwrap_or_default();
    }
    out.push(mark);
}

fn escape(out: &mut Vec<u8>, char: char, mark: u8, ascii: bool) {
    if char == char::from(mark) || char == '\\' {
        out.push(b'\\');
        push(out, char);
    } else if unicode::is_printable(char) && (!ascii || char.is_ascii()) {
        push(out, char);
    } else {
        let short = match char {
            '\x07' => b'a',
            '\x08' => b'b',
            '\x0c' => b'f',
            '\n' => b'n',
            '\r' => b'r',
            '\t' => b't',
            '\x0b' => b'v',
            _ => 0,
        };
        match u32::from(char) {
            _ if short != 0 => out.extend_from_slice(&[b'\\', short]),
            code @ (0..0x20 | 0x7f) => hex(out, b'x', code, 2),
            code @ ..0x1_0000 => hex(out, b'u', code, 4),
            code => hex(out, b'U', code, 8),
        }
    }
}

fn hex(out: &mut Vec<u8>, letter: u8, code: u32, digits: u32) {
    out.extend_from_slice(&[b'\\', letter]);
    for place in (0..digits).rev() {
        let digit = (code >> (4 * place)) & 0xf;
        out.push(char::from_digit(digit, 16).map_or(b'0', |digit| digit as u8));
    }
}

pub(super) fn push(out: &mut Vec<u8>, char: char) {
    out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Whether a string can stand between backquotes (`strconv.CanBackquote`).
pub(super) fn can_backquote(text: &[u8]) -> bool {
    unicode::chars(text).all(|(char, bytes)| match char {
        char::REPLACEMENT_CHARACTER => bytes.len() > 1,
        '\u{feff}' | '`' | '\x7f' => false,
        '\t' => true,
        _ => char >= ' ',
    })
}
