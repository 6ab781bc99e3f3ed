//! The characters of a document, and the values that need no knowledge of tables.

use super::{super::text, TomlDialect, moment};
use crate::format::lossy;
use crate::functions::unicode::is_letter;
use crate::{
    call::FunctionError,
    value::{Str, Value},
};

/// What is wrong, and on which line; the last key is the parser's to add.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) line: usize,
    pub(super) text: String,
}

/// Why reading stops.
#[derive(Debug)]
pub(super) enum Stop {
    Wrong(Wrong),
    Error(FunctionError),
}

impl<E: Into<FunctionError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

pub(super) type Result<T> = std::result::Result<T, Stop>;

/// Where the reader is.
pub(super) struct Cursor<'a> {
    text: &'a [u8],
    pub(super) pos: usize,
    pub(super) line: usize,
    pub(super) dialect: TomlDialect,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(text: &'a [u8], dialect: TomlDialect) -> Self {
        Self {
            text,
            pos: 0,
            line: 1,
            dialect,
        }
    }

    pub(super) fn wrong<T>(&self, text: impl Into<String>) -> Result<T> {
        wrong(self.line, text)
    }

    /// Something is wrong at a place that may be the end, which counts for the line before it.
    pub(super) fn wrong_here<T>(&self, text: impl Into<String>) -> Result<T> {
        let line = match self.pos.checked_sub(1).and_then(|before| self.text.get(before)) {
            Some(b'\n') if self.pos >= self.text.len() => self.line - 1,
            _ => self.line,
        };
        wrong(line, text)
    }

    /// A line end is wrong. Go counts from the line after it, which a carriage return has not started.
    pub(super) fn wrong_line_end<T>(&self, found: char, text: &str) -> Result<T> {
        wrong(self.line - usize::from(found == '\r'), text)
    }

    /// The next character; `None` at the end.
    pub(super) fn peek(&self) -> Result<Option<char>> {
        let Some(first) = self.text.get(self.pos).copied() else {
            return Ok(None);
        };
        if first < 0x80 {
            let lonely = first == b'\r' && self.text.get(self.pos + 1) != Some(&b'\n');
            if lonely || matches!(first, 0..=8 | 11 | 12 | 14..=31 | 0x7f) {
                return self.wrong(format!(
                    "TOML files cannot contain control characters: '0x{first:02x}'"
                ));
            }
            return Ok(Some(char::from(first)));
        }
        let bytes = self
            .text
            .get(self.pos..(self.pos + 4).min(self.text.len()))
            .unwrap_or_default();
        let character = match std::str::from_utf8(bytes) {
            Ok(text) => text.chars().next(),
            Err(error) => std::str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default())
                .unwrap_or_default()
                .chars()
                .next(),
        };
        match character {
            Some(character) => Ok(Some(character)),
            None => self.wrong(format!("invalid UTF-8 byte: 0x{first:02x}")),
        }
    }

    /// Goes over a character that was peeked at.
    pub(super) fn skip(&mut self, character: char) {
        self.pos += character.len_utf8();
        if character == '\n' {
            self.line += 1;
        }
    }

    /// Takes the next character.
    pub(super) fn next(&mut self) -> Result<Option<char>> {
        let character = self.peek()?;
        if let Some(character) = character {
            self.skip(character);
        }
        Ok(character)
    }

    /// Takes the character if it is this one.
    pub(super) fn accept(&mut self, wanted: char) -> Result<bool> {
        if self.peek()? == Some(wanted) {
            self.skip(wanted);
            return Ok(true);
        }
        Ok(false)
    }

    pub(super) fn blanks(&mut self) -> Result<()> {
        while let Some(blank @ (' ' | '\t')) = self.peek()? {
            self.skip(blank);
        }
        Ok(())
    }

    /// Goes over a comment up to the end of its line.
    pub(super) fn comment(&mut self) -> Result<()> {
        while let Some(character) = self.peek()? {
            if matches!(character, '\n' | '\r') {
                break;
            }
            self.skip(character);
        }
        Ok(())
    }

    pub(super) fn since(&self, start: usize) -> &'a [u8] {
        self.text.get(start..self.pos).unwrap_or_default()
    }

    fn since_text(&self, start: usize) -> String {
        lossy(self.since(start)).into_owned()
    }

    /// A bare name, which may be empty.
    pub(super) fn bare(&mut self) -> Result<Vec<u8>> {
        let start = self.pos;
        while let Some(character) = self.peek()? {
            if !u8::try_from(character).is_ok_and(super::key::is_bare) {
                break;
            }
            self.skip(character);
        }
        Ok(self.since(start).to_vec())
    }

    /// A string on one line, after its first quote.
    pub(super) fn string(&mut self, quote: char) -> Result<Vec<u8>> {
        let start = self.pos;
        loop {
            match self.peek()? {
                None => {
                    let expected = if quote == '"' { "'\"'" } else { "\"'\"" };
                    return self.wrong_here(format!("unexpected EOF; expected {expected}"));
                }
                Some(line_end @ ('\n' | '\r')) => {
                    return self.wrong_line_end(line_end, "strings cannot contain newlines");
                }
                Some(character) if character == quote => break,
                Some('\\') if quote == '"' => {
                    self.skip('\\');
                    self.escape(start)?;
                }
                Some(character) => self.skip(character),
            }
        }
        let raw = self.since(start);
        let line = self.line;
        self.skip(quote);
        if quote == '"' {
            unescape(raw, line)
        } else {
            Ok(raw.to_vec())
        }
    }

    /// A string of many lines, after its three quotes.
    pub(super) fn long_string(&mut self, quote: char) -> Result<Vec<u8>> {
        let start = self.pos;
        loop {
            match self.peek()? {
                None => {
                    let expected = if quote == '"' { "'\"\"\"'" } else { "\"'''\"" };
                    return self.wrong_here(format!("unexpected EOF; expected {expected}"));
                }
                Some(character) if character == quote => {
                    let first = self.pos;
                    while self.accept(quote)? {}
                    let count = self.pos - first;
                    if count < 3 {
                        continue;
                    }
                    // Up to two quotes belong to the string.
                    if count >= 6 {
                        let found = if quote == '"' {
                            "'\"\"\"\"\"\"'"
                        } else {
                            "\"''''''\""
                        };
                        return self.wrong(format!("unexpected {found}"));
                    }
                    let text = self.text.get(start..self.pos - 3).unwrap_or_default();
                    let text = text
                        .strip_prefix(b"\r\n")
                        .or(text.strip_prefix(b"\n"))
                        .unwrap_or(text);
                    return if quote == '"' {
                        unescape(&join_lines(text), self.line)
                    } else {
                        Ok(text.to_vec())
                    };
                }
                Some('\\') if quote == '"' => {
                    self.skip('\\');
                    match self.peek()? {
                        Some(line_end @ ('\n' | '\r')) => self.skip(line_end),
                        _ => self.escape(start)?,
                    }
                }
                Some(character) => self.skip(character),
            }
        }
    }

    /// Goes over what is behind a backslash.
    fn escape(&mut self, start: usize) -> Result<()> {
        let (count, name, example) = match self.peek()? {
            Some(known @ ('b' | 't' | 'n' | 'f' | 'r' | '"' | ' ' | '\t' | '\\')) => {
                self.skip(known);
                return Ok(());
            }
            Some('e') if self.dialect == TomlDialect::Helm4 => {
                self.skip('e');
                return Ok(());
            }
            Some('x') if self.dialect == TomlDialect::Helm4 => (2, "two", 'x'),
            Some('u') => (4, "four", 'u'),
            Some('U') => (8, "eight", 'U'),
            Some('\n') => {
                return self
                    .wrong("invalid escape in string '\\\n'")
                    .map_err(|stop| later(stop, 1));
            }
            Some(other) => return self.wrong(format!("invalid escape in string '\\{other}'")),
            None => return wrong(self.line.saturating_sub(1), "invalid escape in string '\\\0'"),
        };
        self.skip(example);
        for _ in 0..count {
            let next = self.next()?;
            if !next.is_some_and(|digit| digit.is_ascii_hexdigit()) {
                let found = text::quote(self.since(start));
                return self.wrong_here(format!(
                    "expected {name} hexadecimal digits after '\\{example}', but got {found} instead"
                ));
            }
        }
        Ok(())
    }

    /// A number, a date or a time, which starts with a digit.
    pub(super) fn number_or_date(&mut self) -> Result<Value> {
        let start = self.pos;
        let first = self.next()?;
        if first == Some('0') {
            match self.peek()? {
                Some(base @ ('b' | 'o' | 'x')) => return self.based(base, start),
                Some('0'..='9') => {}
                Some('_') => return self.decimal(start),
                Some('.' | 'e' | 'E') => return self.float(start),
                _ => return self.integer(start),
            }
        }
        loop {
            match self.peek()? {
                Some(digit @ '0'..='9') => self.skip(digit),
                Some('-' | ':') => return self.datetime(start),
                Some('_') => return self.decimal(start),
                Some('.' | 'e' | 'E') => return self.float(start),
                _ => return self.integer(start),
            }
        }
    }

    fn based(&mut self, base: char, start: usize) -> Result<Value> {
        self.skip(base);
        let (radix, name) = match base {
            'b' => (2, "a binary"),
            'o' => (8, "an octal"),
            _ => (16, "a hexadecimal"),
        };
        let next = self.peek()?;
        if !next.is_some_and(|digit| digit.is_digit(radix)) {
            let next = next.unwrap_or('\0');
            return self.wrong(format!("not {name} number: '{}{next}'", self.since_text(start)));
        }
        while let Some(digit) = self.peek()? {
            if digit != '_' && !digit.is_digit(radix) {
                break;
            }
            self.skip(digit);
        }
        self.integer(start)
    }

    fn decimal(&mut self, start: usize) -> Result<Value> {
        loop {
            match self.peek()? {
                Some(digit @ ('0'..='9' | '_')) => self.skip(digit),
                Some('.' | 'e' | 'E') => return self.float(start),
                _ => return self.integer(start),
            }
        }
    }

    /// A number that starts with a sign.
    pub(super) fn signed(&mut self) -> Result<Value> {
        let start = self.pos;
        self.next()?;
        match self.peek()? {
            Some(first @ ('i' | 'n')) => {
                self.skip(first);
                let (second, third) = if first == 'i' { ('n', 'f') } else { ('a', 'n') };
                if !self.accept(second)? || !self.accept(third)? {
                    let found = self.since_text(start);
                    return self.wrong(format!("invalid float: '{found}'"));
                }
                self.float_of(start)
            }
            Some('.') => self.wrong("floats must start with a digit, not '.'"),
            Some(digit @ '0'..='9') => {
                self.skip(digit);
                if let (b"+0" | b"-0", Some(base @ ('b' | 'o' | 'x'))) = (self.since(start), self.peek()?) {
                    let found = self.since_text(start);
                    return self.wrong(format!(
                        "cannot use sign with non-decimal numbers: '{found}{base}'"
                    ));
                }
                self.decimal(start)
            }
            other => {
                let message = format!("expected a digit but got {}", quote_char(other));
                self.wrong_here(message)
                    .map_err(|stop| later(stop, usize::from(other == Some('\n'))))
            }
        }
    }

    fn float(&mut self, start: usize) -> Result<Value> {
        while let Some(character @ ('0'..='9' | '_' | '.' | '-' | '+' | 'e' | 'E')) = self.peek()? {
            self.skip(character);
        }
        self.float_of(start)
    }

    /// What was read is `inf`, `nan` or looks like a float.
    pub(super) fn float_of(&mut self, start: usize) -> Result<Value> {
        let text = self.since_text(start);
        let quoted = text::quote(text.as_bytes());
        let parts: Vec<&str> = text
            .split(['.', 'e', 'E'])
            .filter(|part| !part.is_empty())
            .collect();
        if !parts.iter().all(|part| underscores_fit(part)) {
            return self.wrong(format!(
                "Invalid float {quoted}: underscores must be surrounded by digits"
            ));
        }
        if parts.first().is_some_and(|part| leading_zero(part)) {
            return self.wrong(format!("Invalid float {quoted}: cannot have leading zeroes"));
        }
        let follows = text
            .char_indices()
            .filter(|(_, character)| *character == '.')
            .all(|(index, _)| {
                text.get(index + 1..)
                    .and_then(|rest| rest.chars().next())
                    .is_some_and(|next| next.is_ascii_digit())
            });
        if !follows {
            return self.wrong(format!(
                "Invalid float {quoted}: '.' must be followed by one or more digits"
            ));
        }
        let plain = text.replace('_', "");
        let value = match plain.as_str() {
            "nan" | "+nan" => f64::NAN,
            "-nan" => -f64::NAN,
            "inf" | "+inf" => f64::INFINITY,
            "-inf" => f64::NEG_INFINITY,
            plain
                if !plain.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-')) =>
            {
                return self.wrong(format!("Invalid float value: {quoted}"));
            }
            plain => match plain.parse::<f64>() {
                Ok(value) if value.is_finite() => value,
                Ok(_) => return self.wrong(format!("{text} is out of range for float64")),
                Err(_) => return self.wrong(format!("Invalid float value: {quoted}")),
            },
        };
        Ok(Value::Float(value))
    }

    fn integer(&mut self, start: usize) -> Result<Value> {
        use super::super::number::{Whole, whole};
        let text = self.since_text(start);
        let quoted = text::quote(text.as_bytes());
        if !underscores_fit(&text) {
            return self.wrong(format!(
                "Invalid integer {quoted}: underscores must be surrounded by digits"
            ));
        }
        if leading_zero(&text) {
            return self.wrong(format!("Invalid integer {quoted}: cannot have leading zeroes"));
        }
        match whole(text.replace('_', "").as_bytes()) {
            Some(Whole::Int(value)) => Ok(Value::int64(value)),
            _ => self.wrong(format!("{text} is out of range for int64")),
        }
    }

    fn datetime(&mut self, start: usize) -> Result<Value> {
        while let Some(character @ ('0'..='9' | '-' | ':' | 'T' | 't' | ' ' | '.' | 'Z' | 'z' | '+')) =
            self.peek()?
        {
            self.skip(character);
        }
        let text = self
            .since_text(start)
            .trim()
            .replace('z', "Z")
            .replace(['t', ' '], "T");
        match moment::parse(&text, self.dialect == TomlDialect::Helm3) {
            Some(time) => Ok(Value::object(time)),
            None => self.wrong(format!("invalid datetime: {}", text::quote(text.as_bytes()))),
        }
    }

    /// `true`, `false`, `inf`, `nan`, or a word that is none of them.
    pub(super) fn word(&mut self, first: char) -> Result<Value> {
        let start = self.pos;
        self.skip(first);
        if matches!(first, 'i' | 'n') {
            let found =
                (self.accept('n')? && self.accept('f')?) || (self.accept('a')? && self.accept('n')?);
            if found {
                return self.float_of(start);
            }
        }
        // Go goes back by one character, wherever it is by now.
        self.pos -= 1;
        let from = self.pos;
        while let Some(letter) = self.peek()?.filter(|letter| is_letter(*letter)) {
            self.skip(letter);
        }
        match self.since(from) {
            b"true" => Ok(Value::Bool(true)),
            b"false" => Ok(Value::Bool(false)),
            other => {
                let message = format!("expected value but found {} instead", text::quote(other));
                self.wrong(message)
            }
        }
    }

    /// A string after its first quote.
    pub(super) fn any_string(&mut self, quote: char) -> Result<Value> {
        self.skip(quote);
        if self.accept(quote)? {
            if self.accept(quote)? {
                return Ok(Value::String(Str::from(self.long_string(quote)?)));
            }
            return Ok("".into());
        }
        Ok(Value::String(Str::from(self.string(quote)?)))
    }
}

fn wrong<T>(line: usize, text: impl Into<String>) -> Result<T> {
    Err(Stop::Wrong(Wrong {
        line,
        text: text.into(),
    }))
}

/// The same on a later line.
pub(super) fn later(stop: Stop, lines: usize) -> Stop {
    match stop {
        Stop::Wrong(Wrong { line, text }) => Stop::Wrong(Wrong {
            line: line + lines,
            text,
        }),
        error @ Stop::Error(_) => error,
    }
}

/// `strconv.QuoteRune`; the end is a NUL.
pub(super) fn quote_char(character: Option<char>) -> String {
    let character = character.unwrap_or('\0');
    match character {
        '\'' => "'\\''".to_owned(),
        '"' => "'\"'".to_owned(),
        _ => {
            let quoted = text::quote(character.encode_utf8(&mut [0; 4]).as_bytes());
            format!("'{}'", quoted.get(1..quoted.len() - 1).unwrap_or_default())
        }
    }
}

fn leading_zero(text: &str) -> bool {
    match text.as_bytes() {
        [b'0', b'b' | b'o' | b'x', ..] => false,
        [b'0', _, ..] | [b'+' | b'-', b'0', _, ..] => true,
        _ => false,
    }
}

fn underscores_fit(text: &str) -> bool {
    if matches!(text, "nan" | "+nan" | "-nan" | "inf" | "-inf" | "+inf") {
        return true;
    }
    let mut accept = false;
    for character in text.chars() {
        if character == '_' && !accept {
            return false;
        }
        accept = character.is_ascii_hexdigit();
    }
    accept
}

/// Takes out line ends behind a backslash, with the blanks after them.
fn join_lines(text: &[u8]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(text.len());
    let mut place = 0;
    while let Some(byte) = text.get(place).copied() {
        if byte != b'\\' {
            joined.push(byte);
            place += 1;
            continue;
        }
        if text.get(place + 1) == Some(&b'\\') {
            joined.extend_from_slice(b"\\\\");
            place += 2;
            continue;
        }
        let blanks = text
            .get(place + 1..)
            .unwrap_or_default()
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
            .count();
        let skipped = text.get(place + 1..place + 1 + blanks).unwrap_or_default();
        if skipped.contains(&b'\n') {
            place += 1 + blanks;
        } else {
            joined.push(byte);
            place += 1;
        }
    }
    joined
}

/// Puts in the characters that escapes stand for; which escapes there may be is known by now.
fn unescape(text: &[u8], line: usize) -> Result<Vec<u8>> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'\\' {
            plain.push(*byte);
            continue;
        }
        let Some((code, after)) = rest.split_first() else {
            break;
        };
        rest = after;
        let digits = match code {
            b'b' => return_byte(&mut plain, 8),
            b't' => return_byte(&mut plain, b'\t'),
            b'n' => return_byte(&mut plain, b'\n'),
            b'f' => return_byte(&mut plain, 12),
            b'r' => return_byte(&mut plain, b'\r'),
            b'e' => return_byte(&mut plain, 0x1b),
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            b' ' | b'\t' => return wrong(line, format!("invalid escape: '\\{}'", char::from(*code))),
            other => return_byte(&mut plain, *other),
        };
        if digits > 0 {
            let (number, after) = rest.split_at_checked(digits).unwrap_or((rest, &[]));
            rest = after;
            let number = std::str::from_utf8(number).unwrap_or_default();
            let character = u32::from_str_radix(number, 16).ok().and_then(char::from_u32);
            let Some(character) = character else {
                return wrong(
                    line,
                    format!("Escaped character '\\u{number}' is not valid UTF-8."),
                );
            };
            plain.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    Ok(plain)
}

/// Pushes a byte that an escape stands for; no digits follow.
fn return_byte(plain: &mut Vec<u8>, byte: u8) -> usize {
    plain.push(byte);
    0
}
