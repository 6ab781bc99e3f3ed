//! Upper, lower and other cases. Those that split words do it as huandu/xstrings and Masterminds/goutils do.

use super::super::{
    args::{Outcome, bytes, string},
    unicode::{
        is_letter, is_lower, is_number, is_punct, is_space, is_title, is_upper, runes, to_lower, to_title,
        to_upper, widths,
    },
};
use crate::{call::Call, value::Value};

/// Replaces every character.
fn mapped(call: &mut Call<'_>, args: &[Value], mut change: impl FnMut(char) -> char) -> Outcome {
    let text: String = runes(string(args, 0)?).map(&mut change).collect();
    bytes(call, text.into_bytes())
}

pub(super) fn upper(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    mapped(call, args, to_upper)
}

pub(super) fn lower(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    mapped(call, args, to_lower)
}

/// Go's `strings.Title`, which takes letters, digits and underscores for parts of words.
pub(super) fn title(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let separates = |char: char| match char {
        '_' => false,
        '\0'..='\u{7f}' => !char.is_ascii_alphanumeric(),
        char => !is_letter(char) && !super::super::unicode::is_digit(char) && is_space(char),
    };
    let mut before = ' ';
    mapped(call, args, |char| {
        let starts = separates(before);
        before = char;
        if starts { to_title(char) } else { char }
    })
}

pub(super) fn untitle(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let mut starts = true;
    mapped(call, args, |char| {
        if is_space(char) {
            starts = true;
            char
        } else if std::mem::take(&mut starts) {
            to_lower(char)
        } else {
            char
        }
    })
}

pub(super) fn swapcase(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let mut starts = true;
    mapped(call, args, |char| {
        if is_upper(char) || is_title(char) {
            starts = false;
            to_lower(char)
        } else if is_lower(char) {
            if std::mem::take(&mut starts) {
                to_title(char)
            } else {
                to_upper(char)
            }
        } else {
            starts = is_space(char);
            char
        }
    })
}

/// The first byte of every word; bytes beyond ASCII become the characters of their number.
pub(super) fn initials(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let mut starts = true;
    let mut out = String::new();
    for char in string(args, 0)?.iter().map(|byte| char::from(*byte)) {
        if is_space(char) {
            starts = true;
        } else if std::mem::take(&mut starts) {
            out.push(char);
        }
    }
    bytes(call, out.into_bytes())
}

fn connects(char: char) -> bool {
    char == '-' || char == '_' || is_space(char)
}

/// `camelcase`, which is Pascal's: `http_server` becomes `HttpServer`.
pub(super) fn pascal(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let mut chars = runes(string(args, 0)?).peekable();
    let mut out = String::new();
    // Connectors at the start stay.
    while let Some(char) = chars.next_if(|char| connects(*char)) {
        out.push(char);
        if chars.peek().is_none() {
            // Where there is nothing else, xstrings writes the last one twice.
            out.push(char);
        }
    }
    let Some(first) = chars.next() else {
        return bytes(call, out.into_bytes());
    };
    let mut in_upper = is_upper(first);
    let mut current = to_upper(first);
    for next in chars {
        let before = std::mem::replace(&mut current, next);
        if connects(before) {
            if connects(next) {
                out.push(before);
            } else {
                in_upper = is_upper(next);
                current = to_upper(next);
            }
            continue;
        }
        if in_upper {
            if is_upper(next) {
                current = to_lower(next);
            } else {
                in_upper = false;
            }
        }
        out.push(before);
    }
    out.push(current);
    bytes(call, out.into_bytes())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    /// The end, or something that is not UTF-8.
    None,
    Number,
    /// One that starts with an upper-case letter.
    Upper,
    Alphabet,
    Connector,
    Punctuation,
    Other,
}

/// A letter as xstrings means it: not of the characters of Chinese, Japanese and Korean.
fn is_alphabet(char: char) -> bool {
    !matches!(char, '\u{3400}'..='\u{4d85}' | '\u{4e00}'..='\u{9fcc}' | '\u{20000}'..='\u{2b81d}')
        && is_letter(char)
}

/// The next character that is valid, and how many bytes it takes with the invalid ones before it; where there is
/// none, the one before, and the bytes up to the end.
fn next_valid(text: &[u8], before: char) -> (char, usize) {
    let mut size = 0;
    for (char, width) in widths(text) {
        size += width;
        if char != char::REPLACEMENT_CHARACTER {
            return (char, size);
        }
    }
    (before, size)
}

/// Cuts the next word off.
fn next_word(text: &[u8]) -> (Word, &[u8], &[u8]) {
    if text.is_empty() {
        return (Word::None, text, text);
    }
    let (first, size) = next_valid(text, char::REPLACEMENT_CHARACTER);
    if first == char::REPLACEMENT_CHARACTER {
        return (Word::None, text, &[]);
    }
    // Takes characters while they belong to the word, and gives where it ends.
    let extend = |from: usize, before: char, belongs: &dyn Fn(char) -> bool| {
        let (mut end, mut before) = (from, before);
        while let Some(rest) = text.get(end..).filter(|rest| !rest.is_empty()) {
            let (char, size) = next_valid(rest, before);
            if !belongs(char) {
                break;
            }
            before = char;
            end += size;
        }
        end
    };
    let lower = |char| is_alphabet(char) && !is_upper(char);
    let (word, end) = if connects(first) {
        (Word::Connector, extend(size, first, &connects))
    } else if is_punct(first) {
        (Word::Punctuation, extend(size, first, &is_punct))
    } else if is_upper(first) {
        (Word::Upper, upper_word(text, size, first, &extend))
    } else if is_alphabet(first) {
        (Word::Alphabet, extend(size, first, &lower))
    } else if is_number(first) {
        (Word::Number, extend(size, first, &is_number))
    } else {
        let other = |char| !(connects(char) || is_alphabet(char) || is_number(char) || is_punct(char));
        (Word::Other, extend(size, first, &other))
    };
    let (taken, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
    (word, taken, rest)
}

type Extend<'a> = dyn Fn(usize, char, &dyn Fn(char) -> bool) -> usize + 'a;

/// Where a word ends that starts with an upper-case letter: `Status` at its last letter, `HTTP` in `HTTPStatus`
/// before the `S`.
fn upper_word(text: &[u8], size: usize, first: char, extend: &Extend<'_>) -> usize {
    let Some(rest) = text.get(size..).filter(|rest| !rest.is_empty()) else {
        return size;
    };
    let (second, width) = next_valid(rest, first);
    if is_upper(second) {
        let mut end = size + width;
        let (mut last_width, mut before) = (width, second);
        while let Some(rest) = text.get(end..).filter(|rest| !rest.is_empty()) {
            let (char, width) = next_valid(rest, before);
            if !is_upper(char) {
                return if is_alphabet(char) { end - last_width } else { end };
            }
            before = char;
            last_width = width;
            end += width;
        }
        end
    } else if is_alphabet(second) {
        extend(size + width, second, &|char| is_alphabet(char) && !is_upper(char))
    } else {
        size
    }
}

/// Appends a word; upper-case letters become lower-case ones, connectors the one that is wanted.
fn lower_word(out: &mut Vec<u8>, kind: Word, word: &[u8], connector: char) {
    if kind != Word::Upper && kind != Word::Connector {
        out.extend(word);
        return;
    }
    let text: String = runes(word)
        .map(|char| {
            if connects(char) {
                connector
            } else if is_upper(char) {
                to_lower(char)
            } else {
                char
            }
        })
        .collect();
    out.extend(text.bytes());
}

/// `snakecase` and `kebabcase`: `HTTP20xOK` becomes `http_20x_ok`.
pub(super) fn separated(call: &mut Call<'_>, args: &[Value], connector: char) -> Outcome {
    let text = string(args, 0)?;
    let mut out = Vec::with_capacity(text.len());
    let (mut kind, mut word, mut rest) = next_word(text);
    while !rest.is_empty() {
        if kind != Word::Connector {
            lower_word(&mut out, kind, word, connector);
        }
        let (before, last) = (kind, word);
        (kind, word, rest) = next_word(rest);
        match before {
            Word::Number => {
                take_letters(&mut out, &mut kind, &mut word, &mut rest, connector);
                if !matches!(kind, Word::None | Word::Punctuation | Word::Connector) {
                    out.push(connector as u8);
                }
            }
            Word::Connector => lower_word(&mut out, before, last, connector),
            Word::Punctuation => {}
            _ if kind != Word::Number => {
                if !matches!(kind, Word::Connector | Word::Punctuation) {
                    out.push(connector as u8);
                }
            }
            _ if rest.is_empty() => {}
            _ => {
                let number = word;
                (kind, word, rest) = next_word(rest);
                if kind == Word::Alphabet {
                    // Lower-case letters after the number make it a word of its own.
                    out.push(connector as u8);
                    lower_word(&mut out, Word::Number, number, connector);
                    take_letters(&mut out, &mut kind, &mut word, &mut rest, connector);
                    if !matches!(kind, Word::None | Word::Punctuation | Word::Connector) {
                        out.push(connector as u8);
                    }
                } else {
                    lower_word(&mut out, Word::Number, number, connector);
                    if !matches!(kind, Word::Connector | Word::Punctuation) {
                        out.push(connector as u8);
                    }
                }
            }
        }
    }
    lower_word(&mut out, kind, word, connector);
    bytes(call, out)
}

/// Takes lower-case words and numbers as long as they follow each other.
fn take_letters<'a>(
    out: &mut Vec<u8>,
    kind: &mut Word,
    word: &mut &'a [u8],
    rest: &mut &'a [u8],
    connector: char,
) {
    while matches!(kind, Word::Alphabet | Word::Number) {
        lower_word(out, *kind, word, connector);
        (*kind, *word, *rest) = next_word(rest);
    }
}
