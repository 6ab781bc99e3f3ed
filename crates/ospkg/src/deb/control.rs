//! Debian control files (deb822): paragraphs of fields, as in Packages, Release, status and `.sources` files.
//!
//! Everything is borrowed from the input, and nothing is kept beside it, so that a file of any size costs no
//! memory. Source: [Debian Policy 5.1](https://www.debian.org/doc/debian-policy/ch-controlfields.html) and
//! deb822(5). Lines may end in CRLF, the last one in nothing; lines that begin with `#` are comments.
//!
//! ```
//! use airlock_ospkg::deb::control::paragraphs;
//!
//! let text = b"Package: hello\nDescription: greets\n the world\n\nPackage: libc6\n";
//! let names: Result<Vec<_>, _> = paragraphs(text).map(|it| it.map(|it| it.get("package"))).collect();
//! assert_eq!(names.unwrap(), [Some(&b"hello"[..]), Some(&b"libc6"[..])]);
//! ```

use memchr::{memchr, memrchr};

/// Why bytes are not a control file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// The line is neither a field nor the continuation of one.
    #[error("line {line} is not of the form 'Field: value': {text:?}")]
    NotAField {
        /// Its number, from 1.
        line: usize,
        /// Its beginning.
        text: String,
    },
    /// An indented line comes first in its paragraph.
    #[error("line {line} continues a field, but none precedes it: {text:?}")]
    NothingToContinue {
        /// Its number, from 1.
        line: usize,
        /// Its beginning.
        text: String,
    },
}

/// The paragraphs of a control file, in order. Ends after the first error.
pub fn paragraphs(input: &[u8]) -> Paragraphs<'_> {
    paragraphs_from(input, 1)
}

/// The same of a piece of a file that begins at this line.
pub(super) fn paragraphs_from(input: &[u8], line: usize) -> Paragraphs<'_> {
    let mark = if line == 1 { &b"\xef\xbb\xbf"[..] } else { b"" };
    // Some editors write a byte order mark; it is no part of the first name.
    Paragraphs {
        rest: input.strip_prefix(mark).unwrap_or(input),
        line,
    }
}

/// What [`paragraphs`] returns.
#[derive(Clone, Debug)]
pub struct Paragraphs<'a> {
    rest: &'a [u8],
    /// The number of the line that `rest` begins with.
    line: usize,
}

/// One paragraph: at least one field, every line checked.
#[derive(Clone, Copy, Debug)]
pub struct Paragraph<'a> {
    bytes: &'a [u8],
    line: usize,
}

/// A field of a paragraph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    name: &'a [u8],
    value: &'a [u8],
}

/// What a line is by itself.
enum Line {
    Blank,
    Comment,
    Continuation,
    /// With the number of bytes before the colon.
    Field(usize),
    Wrong,
}

/// What the first line of these bytes is; looks no further than it has to, so not for the line's end.
fn kind(here: &[u8]) -> Line {
    match here.first() {
        None | Some(b'\n') => Line::Blank,
        Some(b'#') => Line::Comment,
        Some(first @ (b' ' | b'\t' | b'\r')) => {
            if split_line(here).0.trim_ascii().is_empty() {
                Line::Blank
            } else if *first == b'\r' {
                Line::Wrong
            } else {
                Line::Continuation
            }
        }
        Some(_) => {
            // Names are short: a loop finds the colon sooner than a search that is made for long texts.
            let end = here
                .iter()
                .position(|byte| !byte.is_ascii_graphic() || *byte == b':');
            match end {
                Some(colon) if here[colon] == b':' && is_name(&here[..colon]) => Line::Field(colon),
                _ => Line::Wrong,
            }
        }
    }
}

/// Policy 5.1: printable ASCII without space and colon, not beginning with `#` or `-`.
fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name[0] != b'-' && name.iter().all(u8::is_ascii_graphic)
}

/// The first line without its end, and what comes after it.
fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match memchr(b'\n', bytes) {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[]),
    }
}

impl<'a> Iterator for Paragraphs<'a> {
    type Item = Result<Paragraph<'a>, ControlError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_with(|_| {})
    }
}

impl<'a> Paragraphs<'a> {
    /// The next paragraph, with each field told on the way, since a second walk over a large index costs as much as
    /// the first.
    pub(super) fn next_with(
        &mut self,
        mut field: impl FnMut(Raw<'a>),
    ) -> Option<Result<Paragraph<'a>, ControlError>> {
        let mut start: Option<(&'a [u8], usize)> = None;
        // The field that has not ended yet: from its name on, the length of that, and its lines.
        let mut open: Option<(&'a [u8], usize, usize)> = None;
        let mut close = |open: Option<(&'a [u8], usize, usize)>, rest: usize| {
            if let Some((bytes, colon, lines)) = open {
                field(Raw {
                    name: &bytes[..colon],
                    value: &bytes[colon + 1..bytes.len() - rest],
                    is_line: lines == 1,
                });
            }
        };
        loop {
            let here = self.rest;
            if here.is_empty() {
                close(open, 0);
                return start.map(|(bytes, line)| Ok(Paragraph { bytes, line }));
            }
            let kind = kind(here);
            let from = if let Line::Field(colon) = kind { colon } else { 0 };
            let end = memchr(b'\n', &here[from..]).map_or(here.len(), |at| from + at);
            let number = self.line;
            self.rest = here.get(end + 1..).unwrap_or_default();
            self.line += 1;
            match (kind, start) {
                (Line::Blank, Some((bytes, line))) => {
                    close(open, here.len());
                    let bytes = &bytes[..bytes.len() - here.len()];
                    return Some(Ok(Paragraph { bytes, line }));
                }
                (Line::Field(colon), _) => {
                    close(open, here.len());
                    open = Some((here, colon, 1));
                    start = start.or(Some((here, number)));
                }
                (Line::Blank, None) => {}
                (Line::Comment, _) | (Line::Continuation, Some(_)) => {
                    open = open.map(|(bytes, colon, lines)| (bytes, colon, lines + 1));
                }
                (Line::Continuation, None) => {
                    self.rest = &[];
                    let (line, text) = (number, clip(&here[..end]));
                    return Some(Err(ControlError::NothingToContinue { line, text }));
                }
                (Line::Wrong, _) => {
                    self.rest = &[];
                    let (line, text) = (number, clip(&here[..end]));
                    return Some(Err(ControlError::NotAField { line, text }));
                }
            }
        }
    }
}

/// A field as it stands in the file.
pub(super) struct Raw<'a> {
    pub(super) name: &'a [u8],
    /// What is between the colon and the next field.
    value: &'a [u8],
    is_line: bool,
}

impl<'a> Raw<'a> {
    /// What [`Field::value`] is.
    pub(super) fn value(&self) -> &'a [u8] {
        if self.is_line {
            self.value.trim_ascii()
        } else {
            without_comments_around(self.value)
        }
    }
}

impl std::iter::FusedIterator for Paragraphs<'_> {}

impl<'a> Paragraph<'a> {
    /// The bytes as they are in the file, from the first field to the end of the last line.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The number of its first line in the file, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Its fields in order.
    pub fn fields(&self) -> Fields<'a> {
        Fields { rest: self.bytes }
    }

    /// The value of the first field of this name, whatever the case of either (Policy 5.1).
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.field(name).map(|field| field.value)
    }

    /// The first field of this name, whatever the case of either.
    pub fn field(&self, name: &str) -> Option<Field<'a>> {
        self.fields().find(|field| field.is(name))
    }

    /// A name that two fields have, which Policy 5.1 forbids. Readers differ in which of the two they take, so
    /// whoever decides by a field's value refuses the paragraph.
    pub fn duplicate(&self) -> Option<&'a str> {
        let mut names: Vec<_> = self.fields().map(|field| field.name()).collect();
        names.sort_unstable_by_key(|name| name.to_ascii_lowercase());
        let pair = names
            .windows(2)
            .find(|pair| pair[0].eq_ignore_ascii_case(pair[1]));
        pair.map(|pair| pair[0])
    }
}

/// The fields of a paragraph.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        // Comments between fields; the paragraph's other lines belong to a field.
        while self.rest.first() == Some(&b'#') {
            self.rest = split_line(self.rest).1;
        }
        let here = self.rest;
        let colon = memchr(b':', here)?;
        let mut end = colon;
        loop {
            end = memchr(b'\n', &here[end..]).map_or(here.len(), |at| end + at + 1);
            if !matches!(here.get(end), Some(b' ' | b'\t' | b'#')) {
                break;
            }
        }
        self.rest = &here[end..];
        let name = &here[..colon];
        let value = without_comments_around(&here[colon + 1..end]);
        Some(Field { name, value })
    }
}

/// What is between the colon and the next field, without white space and whole lines of comment at both ends.
fn without_comments_around(mut value: &[u8]) -> &[u8] {
    let (first, after) = split_line(value);
    if first.trim_ascii().is_empty() {
        value = after;
        while value.first() == Some(&b'#') {
            value = split_line(value).1;
        }
    }
    value = value.trim_ascii();
    while let Some(at) = memrchr(b'\n', value) {
        if value.get(at + 1) != Some(&b'#') {
            break;
        }
        value = value[..at].trim_ascii_end();
    }
    value
}

impl std::iter::FusedIterator for Fields<'_> {}

impl<'a> Field<'a> {
    /// The name as written.
    pub fn name(&self) -> &'a str {
        // Checked to be ASCII when the paragraph was read.
        std::str::from_utf8(self.name).unwrap_or_default()
    }

    /// Whether this is its name, whatever the case of either.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value without the white space around it. Line ends, indentation and comments inside of it are as in
    /// the file; [`Self::lines`] takes them away.
    pub fn value(&self) -> &'a [u8] {
        self.value
    }

    /// The lines of the value that hold something, without the white space around them and without comments.
    pub fn lines(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.value
            .split(|byte| *byte == b'\n')
            .enumerate()
            // The first line comes after the colon, so a `#` there is a value.
            .filter(|(index, line)| *index == 0 || line.first() != Some(&b'#'))
            .map(|(_, line)| line.trim_ascii())
            .filter(|line| !line.is_empty())
    }
}

/// The beginning of a line, for a message.
fn clip(line: &[u8]) -> String {
    let line = line.trim_ascii_end();
    String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned()
}

#[cfg(test)]
mod tests;
