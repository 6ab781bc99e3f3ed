//! What Go's `unicode` package knows of characters, and how Go walks over bytes that are not UTF-8.

use std::sync::LazyLock;

use regex_syntax::hir::{Class, ClassUnicode, HirKind};

use crate::template::unicode::chars;

/// The characters of a class of regular expressions.
fn class(pattern: &str) -> ClassUnicode {
    match regex_syntax::Parser::new()
        .parse(pattern)
        .map(regex_syntax::hir::Hir::into_kind)
    {
        Ok(HirKind::Class(Class::Unicode(class))) => class,
        _ => ClassUnicode::empty(),
    }
}

fn contains(class: &ClassUnicode, char: char) -> bool {
    class
        .ranges()
        .binary_search_by(|range| {
            if range.end() < char {
                std::cmp::Ordering::Less
            } else if range.start() > char {
                std::cmp::Ordering::Greater
            } else {
                std::cmp::Ordering::Equal
            }
        })
        .is_ok()
}

macro_rules! classes {
    ($($(#[$doc:meta])* $name:ident $pattern:literal;)*) => {
        $($(#[$doc])*
        pub(crate) fn $name(char: char) -> bool {
            static CLASS: LazyLock<ClassUnicode> = LazyLock::new(|| class($pattern));
            contains(&CLASS, char)
        })*
    };
}

classes! {
    /// Whether Unicode 15.0 has the character, which is the version that Go has; later ones have no properties there.
    is_known r"\p{age=15.0}";
    /// `unicode.IsPunct`.
    is_punct r"[\p{P}&&\p{age=15.0}]";
    /// `unicode.IsNumber`.
    is_number r"[\p{N}&&\p{age=15.0}]";
    /// `unicode.IsDigit`.
    is_digit r"[\p{Nd}&&\p{age=15.0}]";
    /// `unicode.IsLetter`.
    is_letter r"[\p{L}&&\p{age=15.0}]";
    /// `unicode.IsUpper`.
    is_upper r"[\p{Lu}&&\p{age=15.0}]";
    /// `unicode.IsLower`.
    is_lower r"[\p{Ll}&&\p{age=15.0}]";
    /// `unicode.IsPrint`, and `strconv.IsPrint` too: of spaces, it has only that of ASCII.
    is_print r"[[\p{L}\p{M}\p{N}\p{P}\p{S} ]&&\p{age=15.0}]";
    /// `unicode.IsTitle`.
    is_title r"[\p{Lt}&&\p{age=15.0}]";
}

/// `unicode.IsSpace`.
pub(super) fn is_space(char: char) -> bool {
    char.is_whitespace()
}

/// `unicode.ToUpper`: one character for one, so that ß stays as it is.
pub(super) fn to_upper(char: char) -> char {
    match char {
        // Those whose full form has more characters, but which have a form of one character too.
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => offset(char, 8),
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => offset(char, 9),
        '\u{1f88}'..='\u{1f8f}' | '\u{1f98}'..='\u{1f9f}' | '\u{1fa8}'..='\u{1faf}' => char,
        char => single(char, char.to_uppercase()),
    }
}

/// `unicode.ToLower`.
pub(super) fn to_lower(char: char) -> char {
    match char {
        '\u{130}' => 'i',
        char => single(char, char.to_lowercase()),
    }
}

/// `unicode.ToTitle`, which differs from upper case for digraphs and Georgian letters.
pub(super) fn to_title(char: char) -> char {
    match char {
        '\u{1c4}'..='\u{1c6}' => '\u{1c5}',
        '\u{1c7}'..='\u{1c9}' => '\u{1c8}',
        '\u{1ca}'..='\u{1cc}' => '\u{1cb}',
        '\u{1f1}'..='\u{1f3}' => '\u{1f2}',
        '\u{10d0}'..='\u{10fa}' | '\u{10fd}'..='\u{10ff}' => char,
        char => to_upper(char),
    }
}

fn offset(char: char, by: u32) -> char {
    char::from_u32(u32::from(char) + by).unwrap_or(char)
}

fn single(char: char, mut mapped: impl Iterator<Item = char>) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(only), None) if only.is_ascii() || only == char || is_known(only) && is_known(char) => only,
        _ => char,
    }
}

/// The characters of a string as Go's `range` and `[]rune` see them: U+FFFD for each byte that is not UTF-8.
pub(crate) fn runes(text: &[u8]) -> impl Iterator<Item = char> {
    widths(text).map(|(char, _)| char)
}

/// The characters with how many bytes each takes.
pub(super) fn widths(text: &[u8]) -> impl Iterator<Item = (char, usize)> {
    chars(text).map(|(char, bytes)| (char, bytes.len()))
}

/// The last character and how many bytes it takes.
pub(super) fn last(text: &[u8]) -> Option<(char, usize)> {
    let tail = text.get(text.len().saturating_sub(4)..)?;
    for width in 1..=tail.len() {
        let end = tail.get(tail.len() - width..)?;
        if let Ok(valid) = std::str::from_utf8(end)
            && let Some(char) = valid.chars().next()
        {
            return Some((char, width));
        }
    }
    (!text.is_empty()).then_some((char::REPLACEMENT_CHARACTER, 1))
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    /// The hash of what Go's package tells of every character.
    #[test]
    fn every_character_is_as_go_knows_it() {
        let mut hash = Sha256::new();
        for char in '\0'..=char::MAX {
            for mapped in [to_upper(char), to_lower(char), to_title(char)] {
                hash.update(u32::from(mapped).to_le_bytes());
            }
            let properties = [
                is_space(char),
                is_punct(char),
                is_number(char),
                is_digit(char),
                is_letter(char),
                is_upper(char),
                is_lower(char),
                is_title(char),
            ];
            let flags = properties
                .iter()
                .rev()
                .fold(0_u8, |flags, flag| flags << 1 | u8::from(*flag));
            hash.update([flags]);
        }
        let hash = hash
            .finalize()
            .iter()
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        assert_eq!(
            hash,
            "7ddc52de75842a5e2db10a19dfe1c19ab82de8399f32e65c75e9165adb251175"
        );
    }
}
