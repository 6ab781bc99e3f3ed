//! The lexer: a text into tokens, one at a time.

mod item;
mod number;

use super::unicode::{decode, is_word};
pub(super) use item::{Item, Keyword, Token};

/// Positions fit: the parser takes no text that is too long for them.
pub(super) fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Reads tokens off a text.
pub(super) struct Lexer<'t> {
    text: &'t [u8],
    at: usize,
    start: usize,
    line: usize,
    start_line: usize,
    parentheses: usize,
    inside: bool,
    /// The text of the error, after one.
    problem: Option<Box<str>>,
    /// Whether these words are keywords: functions of the same name go first.
    pub(super) break_is_keyword: bool,
    pub(super) continue_is_keyword: bool,
}

const LEFT: &[u8] = b"{{";
const RIGHT: &[u8] = b"}}";

/// Which bytes are letters, digits or underscores.
const WORD_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || byte == b'_';
        byte += 1;
    }
    table
};

fn is_word_byte(byte: u8) -> bool {
    WORD_BYTES[usize::from(byte)]
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Where two bytes stand. Actions are close to one another, so that a search with preparations does not pay.
fn find(text: &[u8], [first, second]: [u8; 2]) -> Option<usize> {
    memchr::memchr_iter(first, text).find(|at| text.get(at + 1) == Some(&second))
}

fn starts_trimmed(text: &[u8]) -> bool {
    matches!(text, [b'-', space, ..] if is_space(*space))
}

/// Whether an action ends where a text begins, and whether space after it goes with it.
fn right_delimiter(text: &[u8]) -> Option<bool> {
    match text {
        [b'}', b'}', ..] => Some(false),
        [space, b'-', b'}', b'}', ..] if is_space(*space) => Some(true),
        _ => None,
    }
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self {
            text,
            at: 0,
            start: 0,
            line: 1,
            start_line: 1,
            parentheses: 0,
            inside: false,
            problem: None,
            break_is_keyword: true,
            continue_is_keyword: true,
        }
    }

    /// The next token. After an error, and after the end, there are only ends.
    pub(super) fn next(&mut self) -> Item {
        if self.problem.is_some() {
            return Item {
                token: Token::End,
                start: to_u32(self.text.len()),
                end: to_u32(self.text.len()),
                line: to_u32(self.start_line),
            };
        }
        if self.inside {
            return self.inside_action();
        }
        loop {
            if let Some(item) = self.text() {
                return item;
            }
            if let Some(item) = self.left_delimiter() {
                return item;
            }
        }
    }

    /// What is wrong, after a token that is an error.
    pub(super) fn problem(&self) -> &str {
        self.problem.as_deref().unwrap_or_default()
    }

    fn rest(&self) -> &'t [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        decode(self.rest()).map(|(char, _)| char)
    }

    fn advance(&mut self) -> Option<char> {
        let (char, length) = decode(self.rest())?;
        self.at += length;
        if char == '\n' {
            self.line += 1;
        }
        Some(char)
    }

    fn pending(&self) -> &'t [u8] {
        self.text.get(self.start..self.at).unwrap_or_default()
    }

    fn newlines(&self) -> usize {
        let pending = self.pending();
        // A search with preparations does not pay for a few bytes.
        if pending.len() < 4 {
            pending.iter().map(|byte| usize::from(*byte == b'\n')).sum()
        } else {
            memchr::memchr_iter(b'\n', pending).count()
        }
    }

    fn item(&mut self, token: Token) -> Item {
        let item = Item {
            token,
            start: to_u32(self.start),
            end: to_u32(self.at),
            line: to_u32(self.start_line),
        };
        self.start = self.at;
        self.start_line = self.line;
        item
    }

    /// Skips what is pending; it was not read character by character, so its lines are not counted yet.
    fn ignore(&mut self) {
        self.line += self.newlines();
        self.start = self.at;
        self.start_line = self.line;
    }

    fn error(&mut self, problem: impl Into<String>) -> Item {
        self.problem = Some(problem.into().into_boxed_str());
        Item {
            token: Token::Error,
            start: to_u32(self.start),
            end: to_u32(self.at),
            line: to_u32(self.start_line),
        }
    }

    /// Text up to the next action, or up to the end; nothing if an action follows at once.
    fn text(&mut self) -> Option<Item> {
        let Some(length) = find(self.rest(), *b"{{") else {
            self.at = self.text.len();
            if self.at > self.start {
                self.line += self.newlines();
                return Some(self.item(Token::Text));
            }
            return Some(self.item(Token::End));
        };
        if length == 0 {
            return None;
        }
        let end = self.at + length;
        self.at = end;
        if starts_trimmed(self.text.get(end + LEFT.len()..).unwrap_or_default()) {
            while self.at > self.start && self.text.get(self.at - 1).copied().is_some_and(is_space) {
                self.at -= 1;
            }
        }
        self.line += self.newlines();
        let item = self.item(Token::Text);
        self.at = end;
        self.ignore();
        (item.end > item.start).then_some(item)
    }

    /// The opening of an action; nothing after a comment.
    fn left_delimiter(&mut self) -> Option<Item> {
        self.at += LEFT.len();
        let marker = if starts_trimmed(self.rest()) { 2 } else { 0 };
        let after = self.text.get(self.at + marker..).unwrap_or_default();
        if after.starts_with(b"/*") {
            self.at += marker;
            self.ignore();
            return self.comment();
        }
        let item = self.item(Token::LeftDelimiter);
        self.inside = true;
        self.at += marker;
        self.ignore();
        self.parentheses = 0;
        Some(item)
    }

    fn comment(&mut self) -> Option<Item> {
        self.at += 2;
        let Some(length) = find(self.rest(), *b"*/") else {
            return Some(self.error("unclosed comment"));
        };
        self.at += length + 2;
        let Some(trims) = right_delimiter(self.rest()) else {
            return Some(self.error("comment ends before closing delimiter"));
        };
        self.at += RIGHT.len() + if trims { 2 } else { 0 };
        if trims {
            self.skip_space();
        }
        self.ignore();
        None
    }

    fn skip_space(&mut self) {
        while self.rest().first().copied().is_some_and(is_space) {
            self.at += 1;
        }
    }

    fn close(&mut self, trims: bool) -> Item {
        if trims {
            self.at += 2;
            self.ignore();
        }
        self.at += RIGHT.len();
        let item = self.item(Token::RightDelimiter);
        if trims {
            self.skip_space();
            self.ignore();
        }
        self.inside = false;
        item
    }

    fn inside_action(&mut self) -> Item {
        if let Some(trims) = right_delimiter(self.rest()) {
            if self.parentheses == 0 {
                return self.close(trims);
            }
            return self.error("unclosed left paren");
        }
        // What begins like a name is by far the most frequent.
        if let Some(first) = self.rest().first()
            && is_word_byte(*first)
            && !first.is_ascii_digit()
        {
            self.at += 1;
            return self.word();
        }
        let Some(char) = self.advance() else {
            return self.error("unclosed action");
        };
        match char {
            ' ' | '\t' | '\r' | '\n' => self.space(),
            '=' => self.item(Token::Assign),
            ':' => {
                if self.advance() == Some('=') {
                    self.item(Token::Declare)
                } else {
                    self.error("expected :=")
                }
            }
            '|' => self.item(Token::Pipe),
            '"' => self.quoted(b'"', Token::String, "unterminated quoted string"),
            '\'' => self.quoted(b'\'', Token::CharConstant, "unterminated character constant"),
            '`' => self.raw(),
            '$' => self.name(Token::Variable, Token::Variable),
            '.' if self.rest().first().is_some_and(|byte| !byte.is_ascii_digit()) => {
                self.name(Token::Field, Token::Dot)
            }
            '.' | '+' | '-' | '0'..='9' => {
                self.at -= 1;
                self.number()
            }
            char if is_word(char) => self.word(),
            '(' => {
                self.parentheses += 1;
                self.item(Token::LeftParenthesis)
            }
            ')' => match self.parentheses.checked_sub(1) {
                Some(parentheses) => {
                    self.parentheses = parentheses;
                    self.item(Token::RightParenthesis)
                }
                None => self.error("unexpected right paren"),
            },
            '!'..='~' => self.item(Token::Char),
            char => {
                let problem = format!("unrecognized character in action: {}", code(Some(char)));
                self.error(problem)
            }
        }
    }

    /// A run of space, of which the last may belong to the end of the action.
    fn space(&mut self) -> Item {
        let mut previous = (self.start, self.start_line);
        while let Some(byte) = self.rest().first().copied().filter(|byte| is_space(*byte)) {
            previous = (self.at, self.line);
            self.at += 1;
            self.line += usize::from(byte == b'\n');
        }
        let last = self.text.get(previous.0..).unwrap_or_default();
        if right_delimiter(last) == Some(true) {
            (self.at, self.line) = previous;
            if self.at == self.start {
                return self.close(true);
            }
        }
        self.item(Token::Space)
    }

    /// Up to the closing quote. No byte of a longer character is one of those that matter.
    fn quoted(&mut self, quote: u8, token: Token, problem: &str) -> Item {
        loop {
            let byte = self.rest().first().copied();
            self.at += usize::from(byte.is_some());
            match byte {
                Some(b'\\') => {
                    if let None | Some(b'\n') = self.rest().first() {
                        return self.error(problem);
                    }
                    self.at += 1;
                }
                None | Some(b'\n') => return self.error(problem),
                Some(byte) if byte == quote => return self.item(token),
                Some(_) => {}
            }
        }
    }

    fn raw(&mut self) -> Item {
        let Some(length) = memchr::memchr(b'`', self.rest()) else {
            return self.error("unterminated raw quoted string");
        };
        self.at += length + 1;
        self.line += self.newlines();
        self.item(Token::RawString)
    }

    /// The name after a dot or a dollar sign, which may be alone.
    fn name(&mut self, named: Token, alone: Token) -> Item {
        if self.ends_word() {
            return self.item(alone);
        }
        self.skip_word();
        if !self.ends_word() {
            return self.bad_character();
        }
        self.item(named)
    }

    fn skip_word(&mut self) {
        let rest = self.rest();
        let length = rest.iter().position(|byte| !is_word_byte(*byte));
        self.at += length.unwrap_or(rest.len());
        if self.rest().first().is_none_or(u8::is_ascii) {
            return;
        }
        while self.peek().is_some_and(is_word) {
            self.advance();
        }
    }

    fn bad_character(&mut self) -> Item {
        let problem = format!("bad character {}", code(self.peek()));
        self.error(problem)
    }

    /// Whether what follows may follow a name.
    fn ends_word(&self) -> bool {
        matches!(
            self.rest(),
            [] | [
                b' ' | b'\t' | b'\r' | b'\n' | b'.' | b',' | b'|' | b':' | b')' | b'(',
                ..
            ] | [b'}', b'}', ..]
        )
    }

    fn word(&mut self) -> Item {
        self.skip_word();
        if !self.ends_word() {
            return self.bad_character();
        }
        let token = match self.pending() {
            b"block" => Token::Keyword(Keyword::Block),
            b"break" if self.break_is_keyword => Token::Keyword(Keyword::Break),
            b"continue" if self.continue_is_keyword => Token::Keyword(Keyword::Continue),
            b"define" => Token::Keyword(Keyword::Define),
            b"else" => Token::Keyword(Keyword::Else),
            b"end" => Token::Keyword(Keyword::End),
            b"if" => Token::Keyword(Keyword::If),
            b"range" => Token::Keyword(Keyword::Range),
            b"template" => Token::Keyword(Keyword::Template),
            b"with" => Token::Keyword(Keyword::With),
            b"nil" => Token::Nil,
            b"true" | b"false" => Token::Bool,
            _ => Token::Identifier,
        };
        self.item(token)
    }
}

/// A character as `%#U` prints it.
fn code(char: Option<char>) -> String {
    let Some(char) = char else {
        return String::from("U+FFFFFFFFFFFFFFFF");
    };
    let code = format!("U+{:04X}", u32::from(char));
    if super::unicode::is_printable(char) {
        format!("{code} '{char}'")
    } else {
        code
    }
}
