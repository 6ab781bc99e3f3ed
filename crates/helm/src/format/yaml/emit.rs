//! The layout of YAML: indentation, quoting and folding as libyaml does them, in Go's two variants.

use super::write::Dialect;

/// Where a node stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The whole document, or an item of a list.
    Alone,
    /// A key on one line.
    SimpleKey,
    /// The value of a mapping, or a key after `?`.
    Mapping,
}

/// What is written so far, and where the pen is.
pub(super) struct Emitter {
    pub(super) out: Vec<u8>,
    dialect: Dialect,
    column: usize,
    indent: Option<usize>,
    indents: Vec<Option<usize>>,
    /// The last character was a space.
    whitespace: bool,
    /// There is nothing but indentation on the line.
    indention: bool,
}

/// A way to write a scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

impl Emitter {
    pub(super) const fn new(dialect: Dialect) -> Self {
        Self {
            out: Vec::new(),
            dialect,
            column: 0,
            indent: None,
            indents: Vec::new(),
            whitespace: true,
            indention: true,
        }
    }

    /// The column after which a space becomes a line break.
    const fn width(&self) -> usize {
        match self.dialect {
            Dialect::Json => 80,
            Dialect::Pretty => usize::MAX,
        }
    }

    /// The end of the document.
    pub(super) fn finish(&mut self) {
        self.write_indent();
    }

    /// Goes into a block sequence or mapping.
    pub(super) fn enter(&mut self, sequence: bool, place: Place) {
        let indentless =
            sequence && self.dialect == Dialect::Json && place == Place::Mapping && !self.indention;
        self.increase(false, indentless);
    }

    fn increase(&mut self, flow: bool, indentless: bool) {
        self.indents.push(self.indent);
        self.indent = match self.indent {
            None => Some(if flow { 2 } else { 0 }),
            Some(indent) if indentless => Some(indent),
            Some(indent) => Some(indent + 2),
        };
    }

    /// Leaves it.
    pub(super) fn leave(&mut self) {
        self.indent = self.indents.pop().unwrap_or(None);
    }

    /// The start of an item of a sequence.
    pub(super) fn item(&mut self) {
        self.write_indent();
        self.indicator(b"-", true, false, true);
    }

    /// The start of a key; whether it must be a complex one is the caller's to know.
    pub(super) fn key(&mut self, simple: bool) {
        self.write_indent();
        if !simple {
            self.indicator(b"?", true, false, true);
        }
    }

    /// What is between key and value.
    pub(super) fn colon(&mut self, simple: bool) {
        if simple {
            self.indicator(b":", false, false, false);
        } else {
            self.write_indent();
            self.indicator(b":", true, false, true);
        }
    }

    /// `[]` or `{}`.
    pub(super) fn empty(&mut self, brackets: [u8; 2]) {
        let [open, close] = brackets;
        self.indicator(&[open], true, true, false);
        self.indicator(&[close], false, false, false);
    }

    /// A tag before a scalar.
    pub(super) fn tag(&mut self, tag: &str) {
        self.indicator(tag.as_bytes(), true, false, false);
    }

    /// A word that is plain in any place: a number, `true`, `null`.
    pub(super) fn word(&mut self, word: &str) {
        self.indicator(word.as_bytes(), true, false, false);
    }

    fn write_indent(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.put_break();
        }
        if self.column < indent {
            self.out.resize(self.out.len() + indent - self.column, b' ');
            self.column = indent;
        }
        self.whitespace = true;
        self.indention = true;
    }

    fn put_break(&mut self) {
        self.out.push(b'\n');
        self.column = 0;
        self.indention = true;
    }

    fn put(&mut self, byte: u8) {
        self.out.push(byte);
        self.column += 1;
    }

    fn indicator(&mut self, text: &[u8], need_space: bool, space: bool, indention: bool) {
        if need_space && !self.whitespace {
            self.put(b' ');
        }
        self.out.extend_from_slice(text);
        self.column += text.len();
        self.whitespace = space;
        self.indention &= indention;
    }

    /// A string that may be plain, unless it must be in quotes anyhow.
    pub(super) fn scalar(&mut self, text: &str, wanted: Style, place: Place) {
        let facts = Facts::of(text.as_bytes(), self.dialect);
        let style = facts.style(wanted, text, place == Place::SimpleKey);
        self.increase(true, false);
        let folds = place != Place::SimpleKey;
        match style {
            Style::Plain => self.plain(text, folds),
            Style::Single => self.single(text, folds),
            Style::Double => self.double(text, folds),
            Style::Literal => self.literal(text),
        }
        self.leave();
    }

    /// Writes a piece of one line that has no line break.
    fn piece(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.column += if text.is_ascii() {
            text.len()
        } else {
            text.chars().count()
        };
    }

    fn plain(&mut self, text: &str, folds: bool) {
        if !self.whitespace {
            self.put(b' ');
        }
        if !folds || self.column + text.len() <= self.width() {
            // Nothing reaches the column where folding starts. A plain scalar has no line breaks.
            self.piece(text);
        } else {
            let mut rest = text;
            while let Some(space) = rest.find(' ') {
                let (word, after) = rest.split_at(space);
                self.piece(word);
                let spaces = after.len() - after.trim_start_matches(' ').len();
                if spaces == 1 && self.column > self.width() {
                    self.write_indent();
                } else {
                    self.piece(after.get(..spaces).unwrap_or_default());
                }
                rest = after.get(spaces..).unwrap_or_default();
            }
            self.piece(rest);
        }
        self.whitespace = false;
        self.indention = false;
    }

    fn single(&mut self, text: &str, folds: bool) {
        self.indicator(b"'", true, false, false);
        let mut spaces = false;
        let mut breaks = false;
        let mut characters = text.char_indices().peekable();
        while let Some((index, character)) = characters.next() {
            let next = characters.peek().map(|(_, next)| *next);
            if character == ' ' {
                let inside = index > 0 && next.is_some();
                if folds && !spaces && self.column > self.width() && inside && next != Some(' ') {
                    self.write_indent();
                } else {
                    self.put(b' ');
                }
                spaces = true;
            } else if is_break(character) {
                if !breaks && character == '\n' {
                    self.put_break();
                }
                self.write_break(character);
                breaks = true;
            } else {
                if breaks {
                    self.write_indent();
                }
                if character == '\'' {
                    self.put(b'\'');
                }
                self.character(character);
                self.indention = false;
                spaces = false;
                breaks = false;
            }
        }
        self.indicator(b"'", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn double(&mut self, text: &str, folds: bool) {
        self.indicator(b"\"", true, false, false);
        // Go looks for the mark at the start of the text wherever it is in it.
        let marked = text.starts_with('\u{feff}');
        let mut spaces = false;
        let mut characters = text.char_indices().peekable();
        while let Some((index, character)) = characters.next() {
            if marked || !is_printable(character) || is_break(character) || matches!(character, '"' | '\\') {
                self.escape(character);
                spaces = false;
            } else if character == ' ' {
                let next = characters.peek().map(|(_, next)| *next);
                if folds && !spaces && self.column > self.width() && index > 0 && next.is_some() {
                    self.write_indent();
                    if next == Some(' ') {
                        self.put(b'\\');
                    }
                } else {
                    self.put(b' ');
                }
                spaces = true;
            } else {
                self.character(character);
                spaces = false;
            }
        }
        self.indicator(b"\"", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn escape(&mut self, character: char) {
        let number = u32::from(character);
        let escape = match character {
            '\0' => "\\0".to_owned(),
            '\u{7}' => "\\a".to_owned(),
            '\u{8}' => "\\b".to_owned(),
            '\t' => "\\t".to_owned(),
            '\n' => "\\n".to_owned(),
            '\u{b}' => "\\v".to_owned(),
            '\u{c}' => "\\f".to_owned(),
            '\r' => "\\r".to_owned(),
            '\u{1b}' => "\\e".to_owned(),
            '"' => "\\\"".to_owned(),
            '\\' => "\\\\".to_owned(),
            '\u{85}' => "\\N".to_owned(),
            '\u{a0}' => "\\_".to_owned(),
            '\u{2028}' => "\\L".to_owned(),
            '\u{2029}' => "\\P".to_owned(),
            _ if number <= 0xff => format!("\\x{number:02X}"),
            _ if number <= 0xffff => format!("\\u{number:04X}"),
            _ => format!("\\U{number:08X}"),
        };
        self.out.extend_from_slice(escape.as_bytes());
        self.column += escape.len();
    }

    fn literal(&mut self, text: &str) {
        self.indicator(b"|", true, false, false);
        let mut ends = text.chars().rev().map(is_break);
        if text.starts_with(|first| first == ' ' || is_break(first)) {
            self.indicator(b"2", false, false, false);
        }
        match (ends.next(), ends.next()) {
            (Some(true), Some(false)) => {}
            (Some(true), _) => self.indicator(b"+", false, false, false),
            _ => self.indicator(b"-", false, false, false),
        }
        self.put_break();
        self.whitespace = true;
        let mut breaks = true;
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if is_break(first) {
                self.write_break(first);
                breaks = true;
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            } else {
                if breaks {
                    self.write_indent();
                }
                let end = rest.find(is_break).unwrap_or(rest.len());
                let (line, after) = rest.split_at(end);
                self.piece(line);
                self.indention = false;
                breaks = false;
                rest = after;
            }
        }
    }

    fn character(&mut self, character: char) {
        self.out
            .extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        self.column += 1;
    }

    fn write_break(&mut self, character: char) {
        if character == '\n' {
            self.put_break();
        } else {
            self.character(character);
            self.column = 0;
            self.indention = true;
        }
    }
}

/// Whether the key fits on one line.
pub(super) fn is_simple_key(text: &str) -> bool {
    text.len() <= 128 && !text.contains(is_break)
}

fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether libyaml writes the character as it is. What is beyond U+FFFF it does not.
fn is_printable(character: char) -> bool {
    matches!(character, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        && character != '\u{feff}'
}

/// What forbids the one or other way to write a scalar.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four answers that have nothing to do with each other"
)]
struct Facts {
    multiline: bool,
    plain: bool,
    single: bool,
    block: bool,
}

impl Facts {
    fn of(text: &[u8], dialect: Dialect) -> Self {
        let Some(first) = text.first() else {
            return Self {
                multiline: false,
                plain: true,
                single: true,
                block: false,
            };
        };
        let at = |index: usize| text.get(index).copied();
        let blank = |index: usize| matches!(at(index), None | Some(b' ' | b'\t'));
        let mut indicators = text.starts_with(b"---") || text.starts_with(b"...");
        indicators |= match first {
            b'#' | b',' | b'[' | b']' | b'{' | b'}' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\'' | b'"'
            | b'%' | b'@' | b'`' => true,
            b'?' | b':' | b'-' => blank(1),
            _ => false,
        };
        let mut special = false;
        let mut tabs = false;
        let mut breaks = false;
        let mut break_space = false;
        let mut space_break = false;
        let mut previous = Class::Other;
        // Whether `#` would start a comment.
        let mut after_blank = true;
        let mut index = 0;
        let mut edge = false;
        while let Some(byte) = at(index) {
            let (class, width) = classify(byte, text.get(index..).unwrap_or_default());
            match byte {
                b':' if index > 0 => indicators |= blank(index + 1),
                b'#' if index > 0 => indicators |= after_blank,
                b'\t' => tabs = true,
                _ => {}
            }
            after_blank = matches!(byte, b' ' | b'\t' | 0) || class.is_break();
            let at_edge = index == 0 || index + width >= text.len();
            match class {
                Class::Space => {
                    edge |= at_edge;
                    break_space |= previous.is_break();
                }
                Class::Break | Class::UnprintableBreak => {
                    breaks = true;
                    edge |= at_edge;
                    space_break |= previous == Class::Space;
                    special |= class == Class::UnprintableBreak;
                }
                Class::Special => special |= byte != b'\t' || dialect == Dialect::Json,
                Class::Other => {}
            }
            previous = class;
            index += width;
        }
        let trailing_space = text.ends_with(b" ");
        let pretty_tabs = tabs && dialect == Dialect::Pretty;
        Self {
            multiline: breaks,
            plain: !(edge || break_space || space_break || special || pretty_tabs || breaks || indicators),
            single: !(break_space || space_break || special || pretty_tabs),
            block: !(trailing_space || space_break || special),
        }
    }

    fn style(self, wanted: Style, text: &str, simple_key: bool) -> Style {
        let mut style = wanted;
        if simple_key && self.multiline {
            style = Style::Double;
        }
        if style == Style::Plain && (!self.plain || (text.is_empty() && simple_key)) {
            style = Style::Single;
        }
        if style == Style::Single && !self.single {
            style = Style::Double;
        }
        if style == Style::Literal && (!self.block || simple_key) {
            style = Style::Double;
        }
        style
    }
}

/// What a character is to the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Space,
    Break,
    /// A line break that has to be escaped.
    UnprintableBreak,
    /// It has to be escaped.
    Special,
    Other,
}

impl Class {
    const fn is_break(self) -> bool {
        matches!(self, Self::Break | Self::UnprintableBreak)
    }
}

/// What the character at the start of `rest` is, and how many bytes it has.
fn classify(byte: u8, rest: &[u8]) -> (Class, usize) {
    match byte {
        b' ' => (Class::Space, 1),
        b'\n' => (Class::Break, 1),
        b'\r' => (Class::UnprintableBreak, 1),
        b'!'..=b'~' => (Class::Other, 1),
        0..0x80 => (Class::Special, 1),
        0x80..0xe0 => match rest {
            [0xc2, 0x85, ..] => (Class::UnprintableBreak, 2),
            [0xc2, 0x80..0xa0, ..] => (Class::Special, 2),
            _ => (Class::Other, 2),
        },
        0xe0..0xf0 => match rest {
            [0xe2, 0x80, 0xa8 | 0xa9, ..] => (Class::Break, 3),
            [0xef, 0xbb, 0xbf, ..] | [0xef, 0xbf, 0xbe | 0xbf, ..] => (Class::Special, 3),
            _ => (Class::Other, 3),
        },
        _ => (Class::Special, 4),
    }
}
