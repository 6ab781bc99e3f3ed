//! Bytes to tokens, with the rules and the error texts of libyaml as Go has it.
//!
//! A mapping key is only known as one when its `:` is found, so tokens wait in a queue while a key may still start
//! there; [`Scanner::peek`] gives a token out when nothing can be put before it any more.

use std::collections::VecDeque;

use super::{
    super::{MAX_DEPTH, too_deep},
    reader::Text,
};
use crate::call::FunctionError;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    StreamEnd,
    Version,
    TagDirective,
    DocumentStart,
    DocumentEnd,
    SequenceStart,
    MappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias,
    Anchor,
    Tag,
    /// A plain scalar.
    Plain,
    /// Any other scalar.
    Quoted,
}

/// The text of a token: a piece of the input where that is possible.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    Span(usize, usize),
    Owned(Vec<u8>),
}

/// A token.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// The line it starts on, counted from 0.
    pub(super) line: usize,
    /// The text of a scalar, name of an anchor, handle of a tag.
    pub(super) text: Piece,
    /// The suffix of a tag, the prefix of a tag directive.
    pub(super) suffix: Vec<u8>,
    /// Which of the possible keys starts here.
    key: Option<usize>,
}

/// A place where a key may have started.
#[derive(Clone, Copy, Debug, Default)]
struct PossibleKey {
    possible: bool,
    /// The indentation asks for a key here.
    required: bool,
    token: usize,
    line: usize,
    column: isize,
}

/// The scanner.
pub(super) struct Scanner<'a> {
    input: &'a [u8],
    /// What comes instead of the end of the input.
    problem: Option<&'static str>,
    ascii: bool,
    pos: usize,
    line: usize,
    column: isize,
    indent: isize,
    indents: Vec<isize>,
    flow: usize,
    keys: Vec<PossibleKey>,
    key_allowed: bool,
    tokens: VecDeque<Token>,
    /// How many tokens were given out.
    given: usize,
    ended: bool,
}

type Result<T> = std::result::Result<T, FunctionError>;

/// A key must end on its line and within this many characters.
const MAX_KEY: isize = 1024;

impl<'a> Scanner<'a> {
    /// A scanner of a text.
    pub(super) fn new(text: &'a Text<'_>) -> Self {
        Self {
            input: &text.bytes,
            problem: text.problem,
            ascii: text.bytes.is_ascii(),
            pos: 0,
            line: 0,
            column: 0,
            indent: -1,
            indents: Vec::new(),
            flow: 0,
            keys: vec![PossibleKey::default()],
            key_allowed: true,
            tokens: VecDeque::new(),
            given: 0,
            ended: false,
        }
    }

    /// The bytes of a piece.
    pub(super) fn text<'b>(&'b self, piece: &'b Piece) -> &'b [u8] {
        match piece {
            Piece::Span(start, end) => self.input.get(*start..*end).unwrap_or_default(),
            Piece::Owned(bytes) => bytes,
        }
    }

    /// Kind and line of the next token.
    pub(super) fn peek(&mut self) -> Result<(Kind, usize)> {
        loop {
            if let Some(head) = self.tokens.front() {
                let found = (head.kind, head.line);
                let Some(key) = head.key else {
                    return Ok(found);
                };
                let waiting = self
                    .keys
                    .get(key)
                    .is_some_and(|key| key.possible && key.token == self.given);
                if !waiting || !self.still_valid(key)? {
                    return Ok(found);
                }
            } else if self.ended {
                return Ok((Kind::StreamEnd, self.line));
            }
            self.fetch_checked()?;
        }
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Result<Token> {
        let (kind, line) = self.peek()?;
        self.given += 1;
        Ok(self.tokens.pop_front().unwrap_or(Token {
            kind,
            line,
            text: Piece::Span(0, 0),
            suffix: Vec::new(),
            key: None,
        }))
    }

    /// Drops the next token, which was peeked at.
    pub(super) fn skip(&mut self) {
        if self.tokens.pop_front().is_some() {
            self.given += 1;
        }
    }

    fn fail<T>(&self, problem: &str) -> Result<T> {
        Err(failure(if self.line == 0 { 0 } else { self.line + 1 }, problem))
    }

    /// Fetches, and says so if the text breaks off where the scanner looks.
    fn fetch_checked(&mut self) -> Result<()> {
        let result = self.fetch();
        match self.problem {
            Some(problem) if self.pos + 4 > self.input.len() => Err(failure(0, problem)),
            _ => result,
        }
    }

    fn at(&self, offset: usize) -> u8 {
        self.input.get(self.pos + offset).copied().unwrap_or(0)
    }

    /// The length of the line break there; 0 if there is none.
    fn break_at(&self, offset: usize) -> usize {
        match self.at(offset) {
            b'\r' if self.at(offset + 1) == b'\n' => 2,
            b'\n' | b'\r' => 1,
            0xc2 if self.at(offset + 1) == 0x85 => 2,
            0xe2 if self.at(offset + 1) == 0x80 && matches!(self.at(offset + 2), 0xa8 | 0xa9) => 3,
            _ => 0,
        }
    }

    fn blank_at(&self, offset: usize) -> bool {
        matches!(self.at(offset), b' ' | b'\t')
    }

    fn breakz_at(&self, offset: usize) -> bool {
        self.at(offset) == 0 || self.break_at(offset) > 0
    }

    fn blankz_at(&self, offset: usize) -> bool {
        match self.at(offset) {
            0 | b' ' | b'\t' | b'\n' | b'\r' => true,
            0xc2 | 0xe2 => self.break_at(offset) > 0,
            _ => false,
        }
    }

    fn document_mark(&self) -> bool {
        self.column == 0
            && matches!(
                (self.at(0), self.at(1), self.at(2)),
                (b'-', b'-', b'-') | (b'.', b'.', b'.')
            )
            && self.blankz_at(3)
    }

    /// Goes on by bytes of one line.
    fn advance(&mut self, bytes: usize) {
        let end = (self.pos + bytes).min(self.input.len());
        let passed = self.input.get(self.pos..end).unwrap_or_default();
        let characters = if self.ascii {
            passed.len()
        } else {
            passed.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
        };
        self.pos = end;
        self.column = self.column.saturating_add_unsigned(characters);
    }

    /// Goes over a line break of this length, and copies it in Go's form.
    fn take_break(&mut self, length: usize, into: &mut Vec<u8>) {
        if length == 3 {
            into.extend_from_slice(self.input.get(self.pos..self.pos + 3).unwrap_or_default());
        } else {
            into.push(b'\n');
        }
        self.skip_break(length);
    }

    fn skip_break(&mut self, length: usize) {
        self.pos += length;
        self.line += 1;
        self.column = 0;
    }

    fn skip_blanks(&mut self) {
        while self.blank_at(0) {
            self.pos += 1;
            self.column += 1;
        }
    }

    /// The number of bytes up to the end of the line.
    fn line_length(&self) -> usize {
        let rest = self.input.get(self.pos..).unwrap_or_default();
        if self.ascii {
            return memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        }
        let mut length = 0;
        loop {
            match rest
                .get(length..)
                .unwrap_or_default()
                .iter()
                .position(|byte| matches!(byte, b'\n' | b'\r' | 0xc2 | 0xe2))
            {
                None => return rest.len(),
                Some(found) => {
                    length += found;
                    if self.break_at(length) > 0 {
                        return length;
                    }
                    length += 1;
                }
            }
        }
    }

    fn skip_comment(&mut self) {
        if self.at(0) == b'#' {
            let length = self.line_length();
            self.advance(length);
        }
    }

    /// Nothing but a comment may stand in the rest of the line.
    fn end_line(&mut self) -> Result<()> {
        self.skip_blanks();
        self.skip_comment();
        if !self.breakz_at(0) {
            return self.fail("did not find expected comment or line break");
        }
        let length = self.break_at(0);
        if length > 0 {
            self.skip_break(length);
        }
        Ok(())
    }

    fn push(&mut self, kind: Kind, line: usize, text: Piece, key: Option<usize>) {
        self.tokens.push_back(Token {
            kind,
            line,
            text,
            suffix: Vec::new(),
            key,
        });
    }

    /// A token of indicators of this length.
    fn indicator(&mut self, kind: Kind, length: usize, key: Option<usize>) {
        let line = self.line;
        self.advance(length);
        self.push(kind, line, Piece::Span(0, 0), key);
    }

    fn insert(&mut self, number: Option<usize>, kind: Kind, line: usize) {
        let token = Token {
            kind,
            line,
            text: Piece::Span(0, 0),
            suffix: Vec::new(),
            key: None,
        };
        // The place may have been given out already, after an empty flow collection; then Go appends.
        match number.and_then(|number| number.checked_sub(self.given)) {
            Some(place) if place <= self.tokens.len() => self.tokens.insert(place, token),
            _ => self.tokens.push_back(token),
        }
    }

    fn still_valid(&mut self, index: usize) -> Result<bool> {
        let (line, column) = (self.line, self.column);
        let Some(key) = self.keys.get_mut(index).filter(|key| key.possible) else {
            return Ok(false);
        };
        if key.line < line || key.column + MAX_KEY < column {
            if key.required {
                return self.fail("could not find expected ':'");
            }
            key.possible = false;
            return Ok(false);
        }
        Ok(true)
    }

    /// Remembers that a key may start here.
    fn save_key(&mut self) -> Result<Option<usize>> {
        if !self.key_allowed {
            return Ok(None);
        }
        let key = PossibleKey {
            possible: true,
            required: self.flow == 0 && self.indent == self.column,
            token: self.given + self.tokens.len(),
            line: self.line,
            column: self.column,
        };
        self.remove_key()?;
        if let Some(last) = self.keys.last_mut() {
            *last = key;
        }
        Ok(self.keys.len().checked_sub(1))
    }

    /// There is no key any more on this level of flow.
    fn remove_key(&mut self) -> Result<()> {
        if let Some(key) = self.keys.last_mut() {
            if key.possible && key.required {
                return self.fail("could not find expected ':'");
            }
            key.possible = false;
        }
        Ok(())
    }

    /// Starts a block collection if the column is further in than the last one.
    fn roll_indent(&mut self, column: isize, number: Option<usize>, kind: Kind, line: usize) -> Result<()> {
        if self.flow == 0 && self.indent < column {
            self.indents.push(self.indent);
            self.indent = column;
            if self.indents.len() > MAX_DEPTH {
                return Err(too_deep());
            }
            self.insert(number, kind, line);
        }
        Ok(())
    }

    /// Ends the block collections that are further in than the column.
    fn unroll_indent(&mut self, column: isize) {
        if self.flow > 0 {
            return;
        }
        while self.indent > column {
            self.push(Kind::BlockEnd, self.line, Piece::Span(0, 0), None);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    fn skip_to_token(&mut self) {
        loop {
            // At the very start Go has a second byte order mark still in its buffer, and takes it for one.
            if self.pos == 0 && self.input.starts_with(b"\xef\xbb\xbf") {
                self.advance(3);
            }
            while self.at(0) == b' ' || (self.at(0) == b'\t' && (self.flow > 0 || !self.key_allowed)) {
                self.pos += 1;
                self.column += 1;
            }
            self.skip_comment();
            let length = self.break_at(0);
            if length == 0 {
                return;
            }
            self.skip_break(length);
            if self.flow == 0 {
                self.key_allowed = true;
            }
        }
    }

    /// Puts at least one token more into the queue.
    fn fetch(&mut self) -> Result<()> {
        self.skip_to_token();
        self.unroll_indent(self.column);
        let first = self.at(0);
        match first {
            0 => self.stream_end(),
            b'%' if self.column == 0 => self.directive(),
            b'-' | b'.' if self.document_mark() => {
                self.unroll_indent(-1);
                self.remove_key()?;
                self.key_allowed = false;
                let kind = if first == b'-' {
                    Kind::DocumentStart
                } else {
                    Kind::DocumentEnd
                };
                self.indicator(kind, 3, None);
                Ok(())
            }
            b'[' => self.flow_start(Kind::FlowSequenceStart),
            b'{' => self.flow_start(Kind::FlowMappingStart),
            b']' => self.flow_end(Kind::FlowSequenceEnd),
            b'}' => self.flow_end(Kind::FlowMappingEnd),
            b',' => {
                self.remove_key()?;
                self.key_allowed = true;
                self.indicator(Kind::FlowEntry, 1, None);
                Ok(())
            }
            b'-' if self.blankz_at(1) => self.block_entry(),
            b'?' if self.flow > 0 || self.blankz_at(1) => self.key(),
            b':' if self.flow > 0 || self.blankz_at(1) => self.value(),
            b'*' => self.anchor(Kind::Alias),
            b'&' => self.anchor(Kind::Anchor),
            b'!' => self.tag(),
            b'|' if self.flow == 0 => self.block_scalar(true),
            b'>' if self.flow == 0 => self.block_scalar(false),
            b'\'' => self.quoted(true),
            b'"' => self.quoted(false),
            b'-' if !self.blank_at(1) => self.plain(),
            b'?' | b':' if self.flow == 0 && !self.blankz_at(1) => self.plain(),
            b'-' | b'?' | b':' | b'#' | b'|' | b'>' | b'%' | b'@' | b'`' => {
                self.fail("found character that cannot start any token")
            }
            _ if self.blankz_at(0) => self.fail("found character that cannot start any token"),
            _ => self.plain(),
        }
    }

    fn stream_end(&mut self) -> Result<()> {
        if self.column != 0 {
            self.column = 0;
            self.line += 1;
        }
        self.unroll_indent(-1);
        self.remove_key()?;
        self.key_allowed = false;
        self.push(Kind::StreamEnd, self.line, Piece::Span(0, 0), None);
        self.ended = true;
        Ok(())
    }

    fn flow_start(&mut self, kind: Kind) -> Result<()> {
        let key = self.save_key()?;
        self.keys.push(PossibleKey {
            token: self.given + self.tokens.len(),
            ..PossibleKey::default()
        });
        self.flow += 1;
        if self.flow > MAX_DEPTH {
            return Err(too_deep());
        }
        self.key_allowed = true;
        self.indicator(kind, 1, key);
        Ok(())
    }

    fn flow_end(&mut self, kind: Kind) -> Result<()> {
        self.remove_key()?;
        if self.flow > 0 {
            self.flow -= 1;
            let inner = self.keys.pop().unwrap_or_default();
            // Where nothing in it could be a key, Go forgets that the collection itself could be one.
            let opening = inner.token.checked_sub(self.given);
            if let Some(token) = opening.and_then(|place| self.tokens.get_mut(place)) {
                token.key = None;
            }
        }
        self.key_allowed = false;
        self.indicator(kind, 1, None);
        Ok(())
    }

    fn block_entry(&mut self) -> Result<()> {
        if self.flow == 0 {
            if !self.key_allowed {
                return self.fail("block sequence entries are not allowed in this context");
            }
            self.roll_indent(self.column, None, Kind::SequenceStart, self.line)?;
        }
        self.remove_key()?;
        self.key_allowed = true;
        self.indicator(Kind::BlockEntry, 1, None);
        Ok(())
    }

    fn key(&mut self) -> Result<()> {
        if self.flow == 0 {
            if !self.key_allowed {
                return self.fail("mapping keys are not allowed in this context");
            }
            self.roll_indent(self.column, None, Kind::MappingStart, self.line)?;
        }
        self.remove_key()?;
        self.key_allowed = self.flow == 0;
        self.indicator(Kind::Key, 1, None);
        Ok(())
    }

    fn value(&mut self) -> Result<()> {
        let last = self.keys.len().saturating_sub(1);
        if self.still_valid(last)? {
            let key = self.keys.get(last).copied().unwrap_or_default();
            self.insert(Some(key.token), Kind::Key, key.line);
            self.roll_indent(key.column, Some(key.token), Kind::MappingStart, key.line)?;
            if let Some(key) = self.keys.get_mut(last) {
                key.possible = false;
            }
            self.key_allowed = false;
        } else {
            if self.flow == 0 {
                if !self.key_allowed {
                    return self.fail("mapping values are not allowed in this context");
                }
                self.roll_indent(self.column, None, Kind::MappingStart, self.line)?;
            }
            self.key_allowed = self.flow == 0;
        }
        self.indicator(Kind::Value, 1, None);
        Ok(())
    }
}

/// An error of the reader, scanner or parser; line 0 is not told.
pub(super) fn failure(line: usize, problem: &str) -> FunctionError {
    FunctionError::new(if line == 0 {
        format!("yaml: {problem}")
    } else {
        format!("yaml: line {line}: {problem}")
    })
}

fn hex(byte: u8) -> Option<u32> {
    char::from(byte).to_digit(16)
}

mod scalars;
mod tags;
