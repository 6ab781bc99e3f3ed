//! Reads a pattern by Go's rules, with Go's errors, and writes it for the crate `regex`.
//!
//! What is written depends on nothing around it: flags are kept here and written at every atom.

use super::classes;
use crate::format::lossy;

/// A pattern for the crate `regex`.
#[derive(Debug)]
pub(super) struct Translated {
    pub(super) text: String,
    /// The names of the groups.
    pub(super) names: Vec<Option<String>>,
    /// About how many instructions it compiles to.
    pub(super) size: u64,
}

/// Why a pattern is bad.
#[derive(Debug, thiserror::Error)]
#[error("error parsing regexp: {what}: `{}`", lossy(text))]
pub(super) struct PatternError {
    what: &'static str,
    text: Vec<u8>,
}

fn bad(what: &'static str, text: &[u8]) -> PatternError {
    PatternError {
        what,
        text: text.to_vec(),
    }
}

const RANGE: &str = "invalid character class range";

#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of Go's")]
struct Flags {
    ignore_case: bool,
    multi_line: bool,
    dot_newline: bool,
    ungreedy: bool,
}

/// Something that can be repeated.
#[derive(Debug)]
struct Atom {
    text: String,
    /// The largest product of the counts of repeats inside each other.
    repeats: u64,
    size: u64,
}

/// A group that is open.
#[derive(Debug)]
struct Frame {
    /// What it started with.
    open: &'static str,
    /// The flags that hold again after it.
    flags: Flags,
    /// The alternatives that are complete.
    before: String,
    atoms: Vec<Atom>,
    repeats: u64,
    size: u64,
}

impl Frame {
    fn new(open: &'static str, flags: Flags) -> Self {
        Self {
            open,
            flags,
            before: String::new(),
            atoms: Vec::new(),
            repeats: 1,
            size: 1,
        }
    }

    fn push(&mut self, text: String, size: u64) {
        self.atoms.push(Atom {
            text,
            repeats: 1,
            size,
        });
    }

    /// Ends an alternative.
    fn flush(&mut self) {
        for atom in self.atoms.drain(..) {
            self.before += &atom.text;
            self.repeats = self.repeats.max(atom.repeats);
            self.size = self.size.saturating_add(atom.size);
        }
    }
}

struct Reader<'a> {
    whole: &'a [u8],
    rest: &'a [u8],
    flags: Flags,
    frames: Vec<Frame>,
    top: Frame,
    names: Vec<Option<String>>,
}

/// Takes a character off the front; at the end, Go finds a bad one that takes no room.
fn next(text: &[u8]) -> Result<(char, &[u8]), PatternError> {
    if text.is_empty() {
        return Ok((char::REPLACEMENT_CHARACTER, text));
    }
    let end = text.len().min(4);
    let head = text.get(..end).unwrap_or_default();
    let chunk = head
        .utf8_chunks()
        .next()
        .map(|chunk| chunk.valid())
        .unwrap_or_default();
    match chunk.chars().next() {
        Some(char) => Ok((char, text.get(char.len_utf8()..).unwrap_or_default())),
        None => Err(bad("invalid UTF-8", text)),
    }
}

/// What was read to get from one rest to another.
fn read<'a>(from: &'a [u8], to: &[u8]) -> &'a [u8] {
    from.get(..from.len() - to.len()).unwrap_or_default()
}

/// The pattern for the crate `regex`, or Go's error.
pub(super) fn translate(pattern: &[u8]) -> Result<Translated, PatternError> {
    let mut reader = Reader {
        whole: pattern,
        rest: pattern,
        flags: Flags::default(),
        frames: Vec::new(),
        top: Frame::new("", Flags::default()),
        names: Vec::new(),
    };
    // Where the last repeat started, if the last thing was one.
    let mut last_repeat = None;
    while !reader.rest.is_empty() {
        let start = reader.rest;
        let repeated = reader.step(last_repeat)?;
        last_repeat = repeated.then_some(start);
    }
    if !reader.frames.is_empty() {
        return Err(bad("missing closing )", pattern));
    }
    reader.top.flush();
    Ok(Translated {
        text: reader.top.before,
        names: reader.names,
        size: reader.top.size,
    })
}

impl<'a> Reader<'a> {
    /// Reads one thing, and tells whether it was a repeat.
    fn step(&mut self, last_repeat: Option<&'a [u8]>) -> Result<bool, PatternError> {
        let (char, after) = next(self.rest)?;
        match char {
            '(' if after.starts_with(b"?") => self.special_group()?,
            '(' => {
                self.names.push(None);
                self.open("(");
                self.rest = after;
            }
            '|' => {
                self.top.flush();
                self.top.before.push('|');
                self.rest = after;
            }
            ')' => {
                self.close()?;
                self.rest = after;
            }
            '^' => self.anchor(if self.flags.multi_line { "(?m:^)" } else { r"\A" }, 1),
            '$' => self.anchor(if self.flags.multi_line { "(?m:$)" } else { r"\z" }, 1),
            '.' => self.anchor(if self.flags.dot_newline { "(?s:.)" } else { "." }, 1),
            '[' => self.class()?,
            '*' => return self.repeat("*", 1, after, last_repeat),
            '+' => return self.repeat("+", 1, after, last_repeat),
            '?' => return self.repeat("?", 1, after, last_repeat),
            '{' => return self.counted(last_repeat),
            '\\' => self.escape()?,
            char => {
                self.literal(u32::from(char));
                self.rest = after;
            }
        }
        Ok(false)
    }

    /// An atom that takes this many bytes of the pattern.
    fn anchor(&mut self, text: &str, length: usize) {
        self.top.push(text.to_owned(), 1);
        self.rest = self.rest.get(length..).unwrap_or_default();
    }

    fn literal(&mut self, code: u32) {
        let text = classes::char(code).unwrap_or_else(|| r"[^\s\S]".to_owned());
        self.push_class(text, 1);
    }

    /// An atom that the case may matter to.
    fn push_class(&mut self, text: String, size: u64) {
        let text = if self.flags.ignore_case {
            format!("(?i:{text})")
        } else {
            text
        };
        self.top.push(text, size);
    }

    fn open(&mut self, open: &'static str) {
        let outer = std::mem::replace(&mut self.top, Frame::new(open, self.flags));
        self.frames.push(outer);
    }

    fn close(&mut self) -> Result<(), PatternError> {
        let Some(outer) = self.frames.pop() else {
            return Err(bad("unexpected )", self.whole));
        };
        let mut inner = std::mem::replace(&mut self.top, outer);
        inner.flush();
        self.flags = inner.flags;
        self.top.atoms.push(Atom {
            text: format!("{}{})", inner.open, inner.before),
            repeats: inner.repeats,
            size: inner.size.saturating_add(2),
        });
        Ok(())
    }

    /// What starts with `(?`: a group with a name, or flags.
    fn special_group(&mut self) -> Result<(), PatternError> {
        let start = self.rest;
        let named = [(b"(?P<".as_slice(), 4), (b"(?<".as_slice(), 3)]
            .into_iter()
            .find(|(mark, length)| start.starts_with(mark) && start.len() > *length);
        if let Some((_, length)) = named {
            let Some(end) = memchr::memchr(b'>', start) else {
                check(start)?;
                return Err(bad("invalid named capture", start));
            };
            let name = start.get(length..end).unwrap_or_default();
            check(name)?;
            if name.is_empty()
                || !name
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
            {
                return Err(bad(
                    "invalid named capture",
                    start.get(..=end).unwrap_or_default(),
                ));
            }
            self.names.push(Some(lossy(name).into_owned()));
            self.open("(");
            self.rest = start.get(end + 1..).unwrap_or_default();
            return Ok(());
        }
        let mut rest = start.get(2..).unwrap_or_default();
        let mut flags = self.flags;
        let (mut on, mut saw_flag) = (true, false);
        while !rest.is_empty() {
            let (char, after) = next(rest)?;
            rest = after;
            match char {
                'i' => flags.ignore_case = on,
                'm' => flags.multi_line = on,
                's' => flags.dot_newline = on,
                'U' => flags.ungreedy = on,
                '-' if on => {
                    (on, saw_flag) = (false, false);
                    continue;
                }
                ':' | ')' if on || saw_flag => {
                    if char == ':' {
                        self.open("(?:");
                    }
                    self.flags = flags;
                    self.rest = rest;
                    return Ok(());
                }
                _ => break,
            }
            saw_flag = true;
        }
        Err(bad("invalid or unsupported Perl syntax", read(start, rest)))
    }

    /// `{2,3}` and its like, or else a literal brace.
    fn counted(&mut self, last_repeat: Option<&'a [u8]>) -> Result<bool, PatternError> {
        let start = self.rest;
        let Some((low, high, after)) = counts(start) else {
            self.literal(u32::from('{'));
            self.rest = start.get(1..).unwrap_or_default();
            return Ok(false);
        };
        let high_number = high.unwrap_or(low);
        if low > 1000 || high_number > 1000 || low > high_number {
            return Err(bad("invalid repeat count", read(start, after)));
        }
        let text = match high {
            Some(high) => format!("{{{low},{high}}}"),
            None => format!("{{{low},}}"),
        };
        // What is repeated no times at all counts for nothing, whatever is in it.
        let factor = match high {
            Some(0) => 0,
            _ => high_number.max(1),
        };
        self.repeat(&text, factor, after, last_repeat)?;
        let repeats = self.top.atoms.last().map_or(1, |atom| atom.repeats);
        if high_number >= 2 && repeats > 1000 {
            return Err(bad("invalid repeat count", read(start, self.rest)));
        }
        Ok(true)
    }

    fn repeat(
        &mut self,
        text: &str,
        factor: u64,
        after: &'a [u8],
        last_repeat: Option<&'a [u8]>,
    ) -> Result<bool, PatternError> {
        let start = self.rest;
        let (lazy, after) = match after.strip_prefix(b"?") {
            Some(after) => (!self.flags.ungreedy, after),
            None => (self.flags.ungreedy, after),
        };
        if let Some(last) = last_repeat {
            return Err(bad("invalid nested repetition operator", read(last, after)));
        }
        let Some(atom) = self.top.atoms.last_mut() else {
            return Err(bad("missing argument to repetition operator", read(start, after)));
        };
        atom.text = format!("(?:{}){text}{}", atom.text, if lazy { "?" } else { "" });
        atom.repeats = if factor == 0 {
            1
        } else {
            atom.repeats.saturating_mul(factor)
        };
        atom.size = atom.size.saturating_mul(factor.max(1)).saturating_add(2);
        self.rest = after;
        Ok(true)
    }

    /// What starts with a backslash outside of a class.
    fn escape(&mut self) -> Result<(), PatternError> {
        match self.rest.get(1) {
            Some(b'A') => self.anchor(r"\A", 2),
            Some(b'z') => self.anchor(r"\z", 2),
            Some(b'b') => self.anchor(r"(?-u:\b)", 2),
            Some(b'B') => self.anchor(r"(?-u:\B)", 2),
            Some(b'C') => {
                return Err(bad(
                    "invalid escape sequence",
                    self.rest.get(..2).unwrap_or_default(),
                ));
            }
            Some(b'Q') => {
                let quoted = self.rest.get(2..).unwrap_or_default();
                let end = memchr::memmem::find(quoted, br"\E");
                let mut literal = quoted.get(..end.unwrap_or(quoted.len())).unwrap_or_default();
                while !literal.is_empty() {
                    let (char, after) = next(literal)?;
                    self.literal(u32::from(char));
                    literal = after;
                }
                self.rest = end.and_then(|end| quoted.get(end + 2..)).unwrap_or_default();
            }
            _ => {
                if let Some((item, after)) = named_class(self.rest)? {
                    self.push_class(item, 4);
                    self.rest = after;
                } else {
                    let (code, after) = escaped(self.rest)?;
                    self.literal(code);
                    self.rest = after;
                }
            }
        }
        Ok(())
    }

    /// What is in brackets.
    fn class(&mut self) -> Result<(), PatternError> {
        let whole = self.rest;
        let mut rest = whole.get(1..).unwrap_or_default();
        let mut items = String::new();
        let negated = rest.starts_with(b"^");
        if negated {
            rest = rest.get(1..).unwrap_or_default();
        }
        let (mut first, mut size) = (true, 1);
        while first || !rest.starts_with(b"]") {
            first = false;
            size += 1;
            if let Some((item, after)) = posix_class(rest)? {
                items += &item;
                rest = after;
                continue;
            }
            if let Some((item, after)) = named_class(rest)? {
                items += &item;
                rest = after;
                continue;
            }
            let start = rest;
            let (low, after) = class_char(rest, whole)?;
            let mut high = low;
            rest = after;
            if let Some(after) = rest
                .strip_prefix(b"-")
                .filter(|after| !after.is_empty() && !after.starts_with(b"]"))
            {
                (high, rest) = class_char(after, whole)?;
                if high < low {
                    return Err(bad(RANGE, read(start, rest)));
                }
            }
            items += &classes::range(low, high);
        }
        self.rest = rest.get(1..).unwrap_or_default();
        let text = match (items.is_empty(), negated) {
            (true, false) => r"[^\s\S]".to_owned(),
            (true, true) => r"[\s\S]".to_owned(),
            (false, negated) => classes::item(&items, negated),
        };
        self.push_class(text, size);
        Ok(())
    }
}

fn check(text: &[u8]) -> Result<(), PatternError> {
    let mut rest = text;
    while !rest.is_empty() {
        (_, rest) = next(rest)?;
    }
    Ok(())
}

/// `{n}`, `{n,}` or `{n,m}`: both numbers and what follows.
fn counts(text: &[u8]) -> Option<(u64, Option<u64>, &[u8])> {
    let (low, rest) = count(text.strip_prefix(b"{")?)?;
    let (high, rest) = match rest.strip_prefix(b",") {
        None => (Some(low), rest),
        Some(rest) if rest.starts_with(b"}") => (None, rest),
        Some(rest) => {
            let (high, rest) = count(rest)?;
            (Some(high), rest)
        }
    };
    Some((low, high, rest.strip_prefix(b"}")?))
}

/// A number without leading zeros.
fn count(text: &[u8]) -> Option<(u64, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(length)?;
    if digits.is_empty() || digits.len() > 1 && digits.starts_with(b"0") {
        return None;
    }
    let number = std::str::from_utf8(digits).ok()?.parse().unwrap_or(u64::MAX);
    Some((number, rest))
}

/// An item of a class, and what follows it; `None` if it is not one of these.
type Item<'a> = Result<Option<(String, &'a [u8])>, PatternError>;

/// `[:alpha:]` and its like.
fn posix_class(text: &[u8]) -> Item<'_> {
    let Some(inner) = text.strip_prefix(b"[:") else {
        return Ok(None);
    };
    let Some(end) = memchr::memmem::find(inner, b":]") else {
        return Ok(None);
    };
    let name = inner.get(..end).map(lossy).unwrap_or_default();
    if !classes::is_posix(&name) {
        return Err(bad(RANGE, text.get(..end + 4).unwrap_or_default()));
    }
    Ok(Some((
        format!("[[:{name}:]]"),
        inner.get(end + 2..).unwrap_or_default(),
    )))
}

/// `\d`, `\pL`, `\p{Greek}` and their like.
fn named_class(text: &[u8]) -> Item<'_> {
    let [b'\\', letter, rest @ ..] = text else {
        return Ok(None);
    };
    if let Some((ranges, negated)) = classes::perl(char::from(*letter)) {
        return Ok(Some((classes::item(ranges, negated), rest)));
    }
    if !matches!(letter, b'p' | b'P') {
        return Ok(None);
    }
    let (char, after) = next(rest)?;
    let (name, after) = if char == '{' {
        let Some(end) = memchr::memchr(b'}', rest) else {
            check(text)?;
            return Err(bad(RANGE, text));
        };
        (
            rest.get(1..end).unwrap_or_default(),
            rest.get(end + 1..).unwrap_or_default(),
        )
    } else {
        (read(rest, after), after)
    };
    check(name)?;
    let name = lossy(name);
    match classes::unicode(&name, *letter == b'P') {
        Some(item) => Ok(Some((item, after))),
        None => Err(bad(RANGE, read(text, after))),
    }
}

/// A character in a class, which may be escaped.
fn class_char<'a>(text: &'a [u8], whole: &[u8]) -> Result<(u32, &'a [u8]), PatternError> {
    if text.is_empty() {
        return Err(bad("missing closing ]", whole));
    }
    if text.starts_with(b"\\") {
        return escaped(text);
    }
    let (char, after) = next(text)?;
    Ok((u32::from(char), after))
}

/// The character that an escape stands for; it need not be one of Unicode.
fn escaped(text: &[u8]) -> Result<(u32, &[u8]), PatternError> {
    let body = text.get(1..).unwrap_or_default();
    if body.is_empty() {
        return Err(bad("trailing backslash at end of expression", b""));
    }
    let (char, mut rest) = next(body)?;
    let octal = |rest: &[u8]| rest.first().filter(|byte| matches!(byte, b'0'..=b'7')).copied();
    let code = match char {
        '0'..='7' if char == '0' || octal(rest).is_some() => {
            let mut code = u32::from(char) - 0x30;
            for _ in 0..2 {
                let Some(digit) = octal(rest) else { break };
                code = code * 8 + u32::from(digit) - 0x30;
                rest = rest.get(1..).unwrap_or_default();
            }
            Some(code)
        }
        'x' => {
            let (code, after) = hexadecimal(rest)?;
            rest = after;
            code
        }
        'a' => Some(7),
        'f' => Some(0xc),
        'n' => Some(0xa),
        'r' => Some(0xd),
        't' => Some(9),
        'v' => Some(0xb),
        char if char.is_ascii() && !char.is_ascii_alphanumeric() => Some(u32::from(char)),
        _ => None,
    };
    match code {
        Some(code) => Ok((code, rest)),
        None => Err(bad("invalid escape sequence", read(text, rest))),
    }
}

/// What follows `\x`: the number, if there is one, and how far was read.
fn hexadecimal(text: &[u8]) -> Result<(Option<u32>, &[u8]), PatternError> {
    if text.is_empty() {
        return Ok((None, text));
    }
    let (first, mut rest) = next(text)?;
    if first != '{' {
        let (second, rest) = next(rest)?;
        let code = first.to_digit(16).zip(second.to_digit(16));
        return Ok((code.map(|(high, low)| high * 16 + low), rest));
    }
    let mut code = None;
    while !rest.is_empty() {
        let (char, after) = next(rest)?;
        rest = after;
        if char == '}' {
            return Ok((code, rest));
        }
        let Some(digit) = char.to_digit(16) else {
            return Ok((None, rest));
        };
        let value = code.unwrap_or(0) * 16 + digit;
        if value > 0x0010_ffff {
            return Ok((None, rest));
        }
        code = Some(value);
    }
    Ok((None, rest))
}
