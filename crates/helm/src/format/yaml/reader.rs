//! What may stand in YAML at all: the encoding and the characters.

use std::borrow::Cow;

/// The text of a document, up to the first thing that may not be there.
pub(super) struct Text<'a> {
    /// UTF-8 without anything that is forbidden.
    pub(super) bytes: Cow<'a, [u8]>,
    /// What is wrong after `bytes`; it is only found when the scanner gets there.
    pub(super) problem: Option<&'static str>,
}

/// Go reads this much at a time, and finds what is wrong in all of it at once.
const CHUNK: usize = 512;

const INCOMPLETE: &str = "incomplete UTF-8 octet sequence";

/// Checks the bytes and takes off a byte order mark.
pub(super) fn read(input: &[u8]) -> Text<'_> {
    match input {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => narrow(rest, 3),
        rest => narrow(rest, 0),
    }
}

/// UTF-8. `mark` is the length of the byte order mark, which counts for the first chunk.
fn narrow(input: &[u8], mark: usize) -> Text<'_> {
    let Some((place, problem)) = first_problem(input) else {
        return Text {
            bytes: Cow::Borrowed(input),
            problem: None,
        };
    };
    let mut start = 0;
    let mut end = CHUNK - mark;
    while end <= place {
        start = floor(input, end);
        end = start + CHUNK;
    }
    // It might have gone on, so Go only knows at the very end.
    if problem == INCOMPLETE {
        start = place;
    }
    Text {
        bytes: Cow::Borrowed(input.get(..start).unwrap_or_default()),
        problem: Some(problem),
    }
}

/// The start of the character that reaches over the end, or the end.
fn floor(input: &[u8], end: usize) -> usize {
    let start = (end.saturating_sub(3)..end)
        .rev()
        .find(|place| input.get(*place).is_some_and(|byte| byte & 0xc0 != 0x80));
    match start {
        Some(start) if start + width(input.get(start).copied().unwrap_or(0)) > end => start,
        _ => end,
    }
}

/// How many bytes a character has that starts so.
const fn width(first: u8) -> usize {
    match first {
        0..0xc0 => 1,
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    }
}

/// UTF-16.
fn wide(input: &[u8], unit: fn([u8; 2]) -> u16) -> Text<'static> {
    let units = input.chunks_exact(2).map(|pair| match pair {
        [first, second] => unit([*first, *second]),
        _ => 0,
    });
    let mut text = String::with_capacity(input.len());
    let mut problem = None;
    // Where the chunk started that is being read, in the text.
    let mut chunk_start = 0;
    let mut raw = 2;
    for character in char::decode_utf16(units) {
        let size = character
            .as_ref()
            .map_or(2, |character| 2 * character.len_utf16());
        if raw / CHUNK != (raw + size - 1) / CHUNK || raw % CHUNK == 0 {
            chunk_start = text.len();
        }
        raw += size;
        match character {
            Ok(character) if first_problem(character.encode_utf8(&mut [0; 4]).as_bytes()).is_none() => {
                text.push(character);
                continue;
            }
            Ok(_) => problem = Some("control characters are not allowed"),
            Err(error) if error.unpaired_surrogate() >= 0xdc00 => {
                problem = Some("unexpected low surrogate area");
            }
            Err(_) => problem = Some("expected low surrogate area"),
        }
        text.truncate(chunk_start);
        break;
    }
    if problem.is_none() && !input.len().is_multiple_of(2) {
        problem = Some("incomplete UTF-16 character");
    }
    Text {
        bytes: Cow::Owned(text.into_bytes()),
        problem,
    }
}

/// Where the first thing is that may not be there, and what is said of it.
fn first_problem(input: &[u8]) -> Option<(usize, &'static str)> {
    let (valid, broken) = match std::str::from_utf8(input) {
        Ok(_) => (input.len(), None),
        Err(error) => (error.valid_up_to(), Some(error.valid_up_to())),
    };
    let valid = input.get(..valid).unwrap_or_default();
    if let Some(place) = first_control(valid) {
        return Some((place, "control characters are not allowed"));
    }
    broken.map(|place| (place, broken_character(input.get(place..).unwrap_or_default())))
}

/// The first character of valid UTF-8 that YAML forbids.
fn first_control(valid: &[u8]) -> Option<usize> {
    const BLOCK: usize = 32;
    let is_plain = |byte: u8| byte.wrapping_sub(b' ') < 0x5f || byte == b'\n';
    let (blocks, rest) = valid.as_chunks::<BLOCK>();
    for (number, block) in blocks
        .iter()
        .map(<[u8; BLOCK]>::as_slice)
        .chain([rest])
        .enumerate()
    {
        // Whole blocks are answered without a branch for each byte, and nearly all of them by yes.
        if block.iter().fold(true, |plain, byte| plain & is_plain(*byte)) {
            continue;
        }
        for (place, byte) in (number * BLOCK..).zip(block) {
            // Every forbidden character begins with one of these, and no other has one within it.
            let is_suspect = matches!(byte, 0..=8 | 11 | 12 | 14..=31 | 0x7f | 0xc2 | 0xef);
            if is_suspect && is_forbidden(valid.get(place..).unwrap_or_default()) {
                return Some(place);
            }
        }
    }
    None
}

/// Whether what begins like a forbidden character is one.
fn is_forbidden(text: &[u8]) -> bool {
    match text {
        [0xc2, second, ..] => (0x80..0xa0).contains(second) && *second != 0x85,
        [0xef, rest @ ..] => matches!(rest, [0xbf, 0xbe | 0xbf, ..]),
        _ => true,
    }
}

/// What is said of bytes that are no character.
fn broken_character(bytes: &[u8]) -> &'static str {
    let first = bytes.first().copied().unwrap_or(0);
    if !(0xc0..0xf8).contains(&first) {
        return "invalid leading UTF-8 octet";
    }
    let Some(trailing) = bytes.get(1..width(first)) else {
        return INCOMPLETE;
    };
    if trailing.iter().any(|byte| byte & 0xc0 != 0x80) {
        return "invalid trailing UTF-8 octet";
    }
    let second = trailing.first().copied().unwrap_or(0);
    match (first, second) {
        (0xc0 | 0xc1, _) | (0xe0, 0x80..0xa0) | (0xf0, 0x80..0x90) => "invalid length of a UTF-8 sequence",
        _ => "invalid Unicode character",
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn forbidden_characters_are_found_wherever_they_stand() {
        for (character, forbidden) in [
            ("\u{1}", true),
            ("\u{1f}", true),
            ("\u{7f}", true),
            ("\u{84}", true),
            ("\u{9f}", true),
            ("\u{fffe}", true),
            ("\u{ffff}", true),
            ("\t", false),
            ("\r", false),
            ("\u{85}", false),
            ("\u{a0}", false),
            ("\u{feff}", false),
            ("\u{fffd}", false),
            ("é", false),
        ] {
            for before in 0..70 {
                let text = format!("{}{character}{}", "x".repeat(before), "é".repeat(40));
                let found = super::first_control(text.as_bytes());
                assert_eq!(found, forbidden.then_some(before), "{character:?} after {before}");
            }
        }
    }
}
