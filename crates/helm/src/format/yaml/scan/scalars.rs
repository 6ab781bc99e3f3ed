//! The four forms of scalars.

use super::{Kind, Piece, Result, Scanner, hex};

/// Line breaks and blanks that are not known yet to be inside the scalar.
#[derive(Default)]
struct Pending {
    /// There was a line break.
    broken: bool,
    first: Vec<u8>,
    more: Vec<u8>,
    blanks: Vec<u8>,
}

impl Pending {
    /// They are inside: a single line break becomes a space.
    fn join(&mut self, into: &mut Vec<u8>) {
        if self.broken {
            if self.first.first() != Some(&b'\n') {
                into.append(&mut self.first);
                into.append(&mut self.more);
            } else if self.more.is_empty() {
                into.push(b' ');
            } else {
                into.append(&mut self.more);
            }
            self.first.clear();
            self.more.clear();
            self.broken = false;
        } else {
            into.append(&mut self.blanks);
        }
    }
}

impl Scanner<'_> {
    /// A plain scalar: it ends at `: `, at ` #`, where the indentation ends and, in flow, at any indicator.
    pub(super) fn plain(&mut self) -> Result<()> {
        let key = self.save_key()?;
        self.key_allowed = false;
        let line = self.line;
        let indent = self.indent + 1;
        let start = self.pos;
        let mut end = start;
        // Filled only if the scalar has more than one line; until then it is a piece of the input.
        let mut folded: Option<Vec<u8>> = None;
        let mut pending = Pending::default();
        loop {
            if self.document_mark() || self.at(0) == b'#' {
                break;
            }
            let length = self.plain_run();
            if length > 0 {
                if pending.broken {
                    let text =
                        folded.get_or_insert_with(|| self.input.get(start..end).unwrap_or_default().to_vec());
                    pending.join(text);
                } else if let Some(text) = &mut folded {
                    text.append(&mut pending.blanks);
                }
                pending.blanks.clear();
                if let Some(text) = &mut folded {
                    text.extend_from_slice(self.input.get(self.pos..self.pos + length).unwrap_or_default());
                }
                self.advance(length);
                end = self.pos;
            }
            if !self.blank_at(0) && self.break_at(0) == 0 {
                break;
            }
            self.plain_blanks(&mut pending, indent)?;
            if self.flow == 0 && self.column < indent {
                break;
            }
        }
        self.push(
            Kind::Plain,
            line,
            folded.map_or(Piece::Span(start, end), Piece::Owned),
            key,
        );
        if pending.broken {
            self.key_allowed = true;
        }
        Ok(())
    }

    /// The number of bytes up to a blank or to what ends a plain scalar.
    fn plain_run(&self) -> usize {
        let mut length = 0;
        loop {
            match self.at(length) {
                0 | b' ' | b'\t' | b'\n' | b'\r' => return length,
                0xc2 | 0xe2 if self.break_at(length) > 0 => return length,
                b':' if self.blankz_at(length + 1) => return length,
                b',' | b'?' | b'[' | b']' | b'{' | b'}' if self.flow > 0 => return length,
                _ => length += 1,
            }
        }
    }

    fn plain_blanks(&mut self, pending: &mut Pending, indent: isize) -> Result<()> {
        loop {
            if self.blank_at(0) {
                if pending.broken {
                    if self.column < indent && self.at(0) == b'\t' {
                        return self.fail("found a tab character that violates indentation");
                    }
                } else {
                    pending.blanks.push(self.at(0));
                }
                self.pos += 1;
                self.column += 1;
            } else if !self.pending_break(pending) {
                return Ok(());
            }
        }
    }

    /// Takes a line break, if there is one.
    fn pending_break(&mut self, pending: &mut Pending) -> bool {
        let length = self.break_at(0);
        if length == 0 {
            return false;
        }
        if pending.broken {
            self.take_break(length, &mut pending.more);
        } else {
            pending.blanks.clear();
            self.take_break(length, &mut pending.first);
            pending.broken = true;
        }
        true
    }

    /// A scalar in quotes.
    pub(super) fn quoted(&mut self, single: bool) -> Result<()> {
        let key = self.save_key()?;
        self.key_allowed = false;
        let line = self.line;
        self.advance(1);
        if let Some(length) = self.quoted_run(single) {
            let start = self.pos;
            self.advance(length + 1);
            self.push(Kind::Quoted, line, Piece::Span(start, start + length), key);
            return Ok(());
        }
        let quote = if single { b'\'' } else { b'"' };
        let mut text = Vec::new();
        let mut pending = Pending::default();
        loop {
            if self.document_mark() {
                return self.fail("found unexpected document indicator");
            }
            if self.at(0) == 0 {
                return self.fail("found unexpected end of stream");
            }
            self.quoted_text(single, &mut text, &mut pending)?;
            if self.at(0) == quote {
                break;
            }
            loop {
                if self.blank_at(0) {
                    if !pending.broken {
                        pending.blanks.push(self.at(0));
                    }
                    self.pos += 1;
                    self.column += 1;
                } else if !self.pending_break(&mut pending) {
                    break;
                }
            }
            let broken = pending.broken;
            if broken && pending.first.is_empty() {
                // After an escaped line break.
                text.append(&mut pending.more);
                pending.broken = false;
            } else {
                pending.join(&mut text);
            }
        }
        self.advance(1);
        self.push(Kind::Quoted, line, Piece::Owned(text), key);
        Ok(())
    }

    /// The length of a scalar in quotes that can be taken as it is: no escapes, no line breaks.
    fn quoted_run(&self, single: bool) -> Option<usize> {
        let rest = self.input.get(self.pos..)?;
        let mut length = 0;
        loop {
            let found = rest
                .get(length..)?
                .iter()
                .position(|byte| matches!(byte, b'"' | b'\'' | b'\\' | b'\n' | b'\r' | 0xc2 | 0xe2))?;
            length += found;
            match self.at(length) {
                b'\'' if single => return (self.at(length + 1) != b'\'').then_some(length),
                b'"' if !single => return Some(length),
                b'\\' if !single => return None,
                _ if self.break_at(length) > 0 => return None,
                _ => length += 1,
            }
        }
    }

    /// Takes what is no blank, with its escapes.
    fn quoted_text(&mut self, single: bool, text: &mut Vec<u8>, pending: &mut Pending) -> Result<()> {
        while !self.blankz_at(0) {
            match self.at(0) {
                b'\'' if single && self.at(1) == b'\'' => {
                    text.push(b'\'');
                    self.advance(2);
                }
                b'\'' if single => break,
                b'"' if !single => break,
                b'\\' if !single && self.break_at(1) > 0 => {
                    self.advance(1);
                    let length = self.break_at(0);
                    self.skip_break(length);
                    pending.broken = true;
                    break;
                }
                b'\\' if !single => self.escape(text)?,
                _ => {
                    let mut length = 1;
                    while !self.blankz_at(length) && !matches!(self.at(length), b'\'' | b'"' | b'\\') {
                        length += 1;
                    }
                    text.extend_from_slice(self.input.get(self.pos..self.pos + length).unwrap_or_default());
                    self.advance(length);
                }
            }
        }
        Ok(())
    }

    fn escape(&mut self, text: &mut Vec<u8>) -> Result<()> {
        let character = match self.at(1) {
            b'0' => '\0',
            b'a' => '\u{7}',
            b'b' => '\u{8}',
            b't' | b'\t' => '\t',
            b'n' => '\n',
            b'v' => '\u{b}',
            b'f' => '\u{c}',
            b'r' => '\r',
            b'e' => '\u{1b}',
            b' ' => ' ',
            b'"' => '"',
            b'\'' => '\'',
            b'\\' => '\\',
            b'N' => '\u{85}',
            b'_' => '\u{a0}',
            b'L' => '\u{2028}',
            b'P' => '\u{2029}',
            b'x' => return self.escaped_number(2, text),
            b'u' => return self.escaped_number(4, text),
            b'U' => return self.escaped_number(8, text),
            _ => return self.fail("found unknown escape character"),
        };
        self.advance(2);
        push_character(text, character);
        Ok(())
    }

    fn escaped_number(&mut self, digits: usize, text: &mut Vec<u8>) -> Result<()> {
        self.advance(2);
        let mut number: u32 = 0;
        for offset in 0..digits {
            let Some(digit) = hex(self.at(offset)) else {
                return self.fail("did not find expected hexdecimal number");
            };
            number = (number << 4) | digit;
        }
        let Some(character) = char::from_u32(number) else {
            return self.fail("found invalid Unicode character escape code");
        };
        push_character(text, character);
        self.advance(digits);
        Ok(())
    }

    /// A scalar after `|` or `>`.
    pub(super) fn block_scalar(&mut self, literal: bool) -> Result<()> {
        self.remove_key()?;
        self.key_allowed = true;
        let line = self.line;
        self.advance(1);
        let mut chomp = 0;
        let mut increment = 0;
        // The two indicators come in any order, each at most once.
        for first in [true, false] {
            match self.at(0) {
                sign @ (b'+' | b'-') if chomp == 0 => {
                    chomp = sign;
                    self.advance(1);
                }
                b'0' if increment == 0 => {
                    return self.fail("found an indentation indicator equal to 0");
                }
                digit @ b'1'..=b'9' if increment == 0 => {
                    increment = isize::from(digit - b'0');
                    self.advance(1);
                }
                _ if first => break,
                _ => {}
            }
        }
        self.end_line()?;
        let mut indent = if increment > 0 {
            self.indent.max(0) + increment
        } else {
            0
        };
        let mut text = Vec::new();
        let mut first = Vec::new();
        let mut more = Vec::new();
        self.block_breaks(&mut indent, &mut more)?;
        let mut leading_blank = false;
        while self.column == indent && self.at(0) != 0 {
            let blank = self.blank_at(0);
            if !literal && first.first() == Some(&b'\n') && !leading_blank && !blank {
                if more.is_empty() {
                    text.push(b' ');
                }
                first.clear();
            } else {
                text.append(&mut first);
            }
            text.append(&mut more);
            leading_blank = blank;
            let length = self.line_length();
            text.extend_from_slice(self.input.get(self.pos..self.pos + length).unwrap_or_default());
            self.advance(length);
            let length = self.break_at(0);
            if length > 0 {
                self.take_break(length, &mut first);
            }
            self.block_breaks(&mut indent, &mut more)?;
        }
        if chomp != b'-' {
            text.append(&mut first);
        }
        if chomp == b'+' {
            text.append(&mut more);
        }
        self.push(Kind::Quoted, line, Piece::Owned(text), None);
        Ok(())
    }

    /// Goes over indentation and empty lines, and finds out the indentation if it is not known.
    fn block_breaks(&mut self, indent: &mut isize, breaks: &mut Vec<u8>) -> Result<()> {
        let mut deepest = 0;
        loop {
            while (*indent == 0 || self.column < *indent) && self.at(0) == b' ' {
                self.pos += 1;
                self.column += 1;
            }
            deepest = deepest.max(self.column);
            if (*indent == 0 || self.column < *indent) && self.at(0) == b'\t' {
                return self.fail("found a tab character where an indentation space is expected");
            }
            let length = self.break_at(0);
            if length == 0 {
                break;
            }
            self.take_break(length, breaks);
        }
        if *indent == 0 {
            *indent = deepest.max(self.indent + 1).max(1);
        }
        Ok(())
    }
}

fn push_character(text: &mut Vec<u8>, character: char) {
    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}
