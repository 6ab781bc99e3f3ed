//! Characters as Go takes them from bytes, and the classes that it sorts them into.

use crate::functions::unicode::{is_digit, is_letter, is_print};

/// The first character and how many bytes it takes (`utf8.DecodeRune`): what is not UTF-8 is U+FFFD, one byte at a
/// time. Nothing in no bytes.
pub(super) fn decode(bytes: &[u8]) -> Option<(char, usize)> {
    let first = *bytes.first()?;
    if first < 0x80 {
        return Some((char::from(first), 1));
    }
    let length = match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Some((char::REPLACEMENT_CHARACTER, 1)),
    };
    let decoded = bytes
        .get(..length)
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .and_then(|text| text.chars().next());
    Some(decoded.map_or((char::REPLACEMENT_CHARACTER, 1), |char| (char, length)))
}

/// Every character with the bytes it is made of.
pub(crate) fn chars(bytes: &[u8]) -> impl Iterator<Item = (char, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (char, length) = decode(rest)?;
        let (this, after) = rest.split_at(length);
        rest = after;
        Some((char, this))
    })
}

/// How many characters there are (`utf8.RuneCount`).
pub(super) fn count(bytes: &[u8]) -> usize {
    if bytes.is_ascii() {
        return bytes.len();
    }
    chars(bytes).count()
}

/// Whether a character may stand in a name: a letter, a digit or an underscore.
pub(super) fn is_word(char: char) -> bool {
    if char.is_ascii() {
        return char == '_' || char.is_ascii_alphanumeric();
    }
    is_letter(char) || is_digit(char)
}

/// Whether a character is printed as it is (`strconv.IsPrint`).
pub(super) fn is_printable(char: char) -> bool {
    if char.is_ascii() {
        return (' '..='~').contains(&char);
    }
    is_print(char)
}

/// Whether there is nothing but space (`unicode.IsSpace`).
pub(super) fn is_blank(bytes: &[u8]) -> bool {
    chars(bytes).all(|(char, _)| char.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_count_one_by_one() {
        assert_eq!(count(b"a\xe2\x82b\xff\xe2\x82\xac"), 6);
        assert_eq!(decode(b"\xed\xa0\x80"), Some(('\u{fffd}', 1)), "a surrogate");
        assert_eq!(decode(b""), None);
    }

    #[test]
    fn classes_are_those_of_go() {
        assert!(is_word('é') && !is_word('ⅷ') && is_word('٣') && !is_word('€'));
        assert!(is_printable('€') && !is_printable('\u{a0}') && !is_printable('\u{200b}'));
    }
}
