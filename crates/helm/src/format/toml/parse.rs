//! Tables, keys and what they may not do to each other.

use crate::format::lossy;
use crate::functions::unicode::is_letter;
use std::collections::{HashMap, HashSet};

use super::{
    super::{MAX_DEPTH, deeper, text, too_deep},
    TomlDialect,
    key::join,
    scan::{Cursor, Result, Stop, Wrong, quote_char},
    tree::{Name, Slot, Table},
};
use crate::{
    call::{Budget, FunctionError},
    value::{Map, MapType, Value},
};

/// Reads a document.
pub(super) fn parse(
    text: &[u8],
    dialect: TomlDialect,
    budget: &mut Budget,
) -> std::result::Result<Map, FunctionError> {
    budget.step(1 + text.len() as u64 / 1024)?;
    budget.take(text.len())?;
    let text = [&b"\xff\xfe"[..], b"\xfe\xff", b"\xef\xbb\xbf"]
        .iter()
        .find_map(|mark| text.strip_prefix(*mark))
        .unwrap_or(text);
    if text.iter().take(6).any(|byte| *byte == 0) {
        return Err(FunctionError::new(
            "toml: line 1: files cannot contain NULL bytes; probably using UTF-16; TOML files must be UTF-8",
        ));
    }
    let mut parser = Parser {
        cursor: Cursor::new(text, dialect),
        budget,
        root: Table::default(),
        context: Vec::new(),
        current: Vec::new(),
        line: 0,
        implicit: HashSet::new(),
        arrays: HashMap::new(),
    };
    match parser.document() {
        Ok(()) => Ok(parser.root.into_map()),
        Err(Stop::Error(error)) => Err(error),
        Err(Stop::Wrong(Wrong { line, text })) => {
            let last = parser.last_key();
            Err(FunctionError::new(if last.is_empty() {
                format!("toml: line {line}: {text}")
            } else {
                format!("toml: line {line} (last key {}): {text}", text::quote(&last))
            }))
        }
    }
}

struct Parser<'a, 'b> {
    cursor: Cursor<'a>,
    budget: &'b mut Budget,
    root: Table,
    /// The table that keys go to.
    context: Vec<Name>,
    /// The key whose value is being read.
    current: Name,
    /// The line of the last key.
    line: usize,
    /// Tables that only came to be because something is in them.
    implicit: HashSet<Vec<u8>>,
    /// Keys whose value is an array, written out.
    arrays: HashMap<Vec<u8>, bool>,
}

fn name_of(key: &[Name]) -> Vec<u8> {
    join(key.iter().map(Vec::as_slice))
}

impl Parser<'_, '_> {
    fn last_key(&self) -> Vec<u8> {
        let mut key = name_of(&self.context);
        if self.current.is_empty() {
            return key;
        }
        if !self.context.is_empty() {
            key.push(b'.');
        }
        key.extend_from_slice(&self.current);
        key
    }

    /// Something is wrong with a key.
    fn wrong_key<T>(&self, text: String) -> Result<T> {
        Err(Stop::Wrong(Wrong {
            line: self.line,
            text,
        }))
    }

    fn defined<T>(&self, key: &[Name]) -> Result<T> {
        self.wrong_key(format!(
            "Key '{}' has already been defined.",
            lossy(&name_of(key))
        ))
    }

    fn document(&mut self) -> Result<()> {
        loop {
            match self.cursor.peek()? {
                None => return Ok(()),
                Some(blank @ (' ' | '\t' | '\n' | '\r')) => self.cursor.skip(blank),
                Some('#') => self.cursor.comment()?,
                Some('[') => {
                    self.header()?;
                    self.end()?;
                }
                Some(_) => {
                    self.pair(None)?;
                    self.end()?;
                }
            }
        }
    }

    /// Nothing but a comment may follow on the line.
    fn end(&mut self) -> Result<()> {
        self.cursor.blanks()?;
        match self.cursor.peek()? {
            None | Some('\n' | '\r') => Ok(()),
            Some('#') => self.cursor.comment(),
            other => self.cursor.wrong(format!(
                "expected a top-level item to end with a newline, comment, or EOF, but got {} instead",
                quote_char(other)
            )),
        }
    }

    /// `[name]` or `[[name]]`.
    fn header(&mut self) -> Result<()> {
        self.cursor.skip('[');
        let array = self.cursor.accept('[')?;
        let key = self.key(']')?;
        if array {
            match self.cursor.peek()? {
                Some(']') => self.cursor.skip(']'),
                other => {
                    let text = format!(
                        "expected end of table array name delimiter ']', but got {} instead",
                        quote_char(other)
                    );
                    return self.wrong_after(other, text);
                }
            }
        }
        self.add_context(&key, array)?;
        self.set_array(b"", false);
        Ok(())
    }

    /// Something is wrong with a character that Go has taken already, so that a line feed counts.
    fn wrong_after<T>(&self, found: Option<char>, text: String) -> Result<T> {
        self.cursor
            .wrong_here(text)
            .map_err(|stop| super::scan::later(stop, usize::from(found == Some('\n'))))
    }

    fn push_part(&mut self, key: &mut Vec<Name>, name: Name) -> Result<()> {
        self.budget.step(1)?;
        key.push(name);
        if self.context.len() + key.len() > MAX_DEPTH {
            return Err(too_deep().into());
        }
        Ok(())
    }

    /// Parts with dots between, and what ends them: the `]` of a table, or the `=` behind a key.
    fn key(&mut self, end: char) -> Result<Vec<Name>> {
        let of_table = end == ']';
        let mut key: Vec<Name> = Vec::new();
        loop {
            self.cursor.blanks()?;
            let name = match self.cursor.peek()? {
                Some('.') if of_table => {
                    return self
                        .cursor
                        .wrong("unexpected table separator (table names cannot be empty)");
                }
                Some('.') => return self.cursor.wrong("unexpected '.'"),
                Some(quote @ ('"' | '\'')) => self.quoted_name(quote)?,
                Some(found) if found != end => self.cursor.bare()?,
                _ if of_table => {
                    return self
                        .cursor
                        .wrong("unexpected end of table name (table names cannot be empty)");
                }
                _ => return self.cursor.wrong("unexpected '='"),
            };
            if key.is_empty() {
                self.line = self.cursor.line;
            }
            self.push_part(&mut key, name)?;
            self.cursor.blanks()?;
            match self.cursor.peek()? {
                Some('.') => self.cursor.skip('.'),
                Some(found) if found == end => {
                    self.cursor.skip(end);
                    return Ok(key);
                }
                other if of_table => {
                    let found = quote_char(other);
                    let text = format!("expected '.' or ']' to end table name, but got {found} instead");
                    return self.wrong_after(other, text);
                }
                None => {
                    return self
                        .cursor
                        .wrong_here("unexpected EOF; expected key separator '='");
                }
                other => {
                    let found = quote_char(other);
                    return self
                        .cursor
                        .wrong(format!("expected '.' or '=', but got {found} instead"));
                }
            }
        }
    }

    fn quoted_name(&mut self, quote: char) -> Result<Name> {
        self.cursor.skip(quote);
        self.cursor.string(quote)
    }

    /// `key = value`, in the current table, and in the table of an inline one.
    fn pair(&mut self, inline: Option<(Map, usize)>) -> Result<()> {
        let outer = self.context.clone();
        self.cursor.blanks()?;
        match self.cursor.peek()? {
            None | Some('=') => return self.cursor.wrong("unexpected '=': key name appears blank"),
            Some('.') => return self.cursor.wrong("unexpected '.': keys cannot start with a '.'"),
            Some(_) => {}
        }
        let mut key = self.key('=')?;
        let last = key.pop().unwrap_or_default();
        self.current.clone_from(&last);
        for part in &key {
            let mut context = self.context.clone();
            context.push(part.clone());
            self.implicit.insert(name_of(&context));
            self.add_context(&context, false)?;
        }
        let depth = inline.as_ref().map_or(0, |(_, depth)| *depth);
        let (value, array) = self.value(false, depth)?;
        self.set_value(&last, Slot::Leaf(value.clone()))?;
        self.set_array(&last, array);
        if let Some((mut table, _)) = inline {
            for part in key {
                let inner = match table.get(&part) {
                    Some(Value::Map(inner)) => inner,
                    None => {
                        let inner = Map::new(MapType::Any, []);
                        table.insert(part, Value::Map(inner.clone()));
                        inner
                    }
                    Some(_) => {
                        let context = text::quote(&name_of(&self.context));
                        return self.wrong_key(format!("{context} is not a table"));
                    }
                };
                table = inner;
            }
            table.insert(last, value);
        }
        self.context = outer;
        if depth == 0 {
            self.current.clear();
        }
        Ok(())
    }

    /// A value, and whether it is an array.
    fn value(&mut self, in_array: bool, depth: usize) -> Result<(Value, bool)> {
        if depth > MAX_DEPTH {
            return Err(too_deep().into());
        }
        self.budget.step(1)?;
        self.budget.take(48)?;
        self.cursor.blanks()?;
        let value = match self.cursor.peek()? {
            Some('0'..='9') => self.cursor.number_or_date()?,
            Some('[') => {
                self.cursor.skip('[');
                return Ok((deeper(|| self.array(depth))?, true));
            }
            Some('{') => {
                self.cursor.skip('{');
                deeper(|| self.inline_table(in_array, depth))?
            }
            Some(quote @ ('"' | '\'')) => self.cursor.any_string(quote)?,
            Some('.') => return self.cursor.wrong("floats must start with a digit, not '.'"),
            Some('+' | '-') => self.cursor.signed()?,
            Some(letter) if letter.is_ascii_alphabetic() => self.cursor.word(letter)?,
            Some(letter) if is_letter(letter) => {
                let start = self.cursor.pos;
                while let Some(letter) = self.cursor.peek()?.filter(|letter| is_letter(*letter)) {
                    self.cursor.skip(letter);
                }
                let found = text::quote(self.cursor.since(start));
                return self
                    .cursor
                    .wrong(format!("expected value but found {found} instead"));
            }
            None => return self.cursor.wrong_here("unexpected EOF; expected value"),
            other => {
                return self
                    .cursor
                    .wrong(format!("expected value but found {} instead", quote_char(other)));
            }
        };
        Ok((value, false))
    }

    /// Goes over blanks, line ends and comments.
    fn gap(&mut self) -> Result<()> {
        loop {
            match self.cursor.peek()? {
                Some(blank @ (' ' | '\t' | '\n' | '\r')) => self.cursor.skip(blank),
                Some('#') => self.cursor.comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value> {
        let current = self.current.clone();
        self.set_array(&current, true);
        let mut items = Vec::new();
        loop {
            self.gap()?;
            match self.cursor.peek()? {
                Some(',') => return self.cursor.wrong("unexpected comma"),
                Some(']') => break self.cursor.skip(']'),
                _ => {}
            }
            items.push(self.value(true, depth + 1)?.0);
            self.gap()?;
            match self.cursor.peek()? {
                Some(',') => self.cursor.skip(','),
                Some(']') => break self.cursor.skip(']'),
                other => {
                    let text = format!(
                        "expected a comma (',') or array terminator (']'), but got {}",
                        or_end(other)
                    );
                    return self.cursor.wrong_here(text);
                }
            }
        }
        Ok(Value::list(items))
    }

    /// The gap in an inline table, which in TOML 1.0 holds no line ends.
    fn inline_gap(&mut self) -> Result<()> {
        if self.cursor.dialect == TomlDialect::Helm4 {
            return self.gap();
        }
        loop {
            self.cursor.blanks()?;
            match self.cursor.peek()? {
                Some('#') => self.cursor.comment()?,
                Some(found @ ('\n' | '\r')) => {
                    return self
                        .cursor
                        .wrong_line_end(found, "newlines not allowed within inline tables");
                }
                _ => return Ok(()),
            }
        }
    }

    fn inline_table(&mut self, in_array: bool, depth: usize) -> Result<Value> {
        let own = Map::new(MapType::Any, []);
        let outer = self.context.clone();
        let outer_key = std::mem::take(&mut self.current);
        self.context.push(outer_key.clone());
        let context = self.context.clone();
        self.implicit.insert(name_of(&context));
        self.add_context(&context, in_array)?;
        loop {
            self.inline_gap()?;
            match self.cursor.peek()? {
                Some(',') => return self.cursor.wrong("unexpected comma"),
                Some('}') => break self.cursor.skip('}'),
                _ => {}
            }
            self.context.clone_from(&context);
            self.pair(Some((own.clone(), depth + 1)))?;
            self.inline_gap()?;
            match self.cursor.peek()? {
                Some(',') => {
                    self.cursor.skip(',');
                    self.cursor.blanks()?;
                    if self.cursor.dialect == TomlDialect::Helm3 && self.cursor.peek()? == Some('}') {
                        return self.cursor.wrong("trailing comma not allowed in inline tables");
                    }
                }
                Some('}') => break self.cursor.skip('}'),
                other => {
                    let text = format!(
                        "expected a comma or an inline table terminator '}}', but got {} instead",
                        or_end(other)
                    );
                    return self.cursor.wrong_here(text);
                }
            }
        }
        self.context = outer;
        self.current = outer_key;
        Ok(Value::Map(own))
    }

    /// Makes a table the one that keys go to, and makes it if it is not there.
    fn add_context(&mut self, key: &[Name], array: bool) -> Result<()> {
        let Some((last, parents)) = key.split_last() else {
            return Ok(());
        };
        let mut walked: Vec<Name> = Vec::with_capacity(key.len());
        let mut table = &mut self.root;
        for part in parents {
            walked.push(part.clone());
            let slot = table.0.entry(part.clone()).or_insert_with(|| {
                self.implicit.insert(name_of(&walked));
                Slot::Table(Table::default())
            });
            match slot.table() {
                Some(inner) => table = inner,
                None => {
                    return self.wrong_key(format!(
                        "Key '{}' was already created as a hash.",
                        lossy(&name_of(&walked))
                    ));
                }
            }
        }
        self.context = walked;
        if array {
            let slot = table
                .0
                .entry(last.clone())
                .or_insert_with(|| Slot::Tables(Vec::new()));
            if let Slot::Tables(tables) = slot {
                tables.push(Table::default());
            } else {
                return self.wrong_key(format!(
                    "Key '{}' was already created and cannot be used as an array.",
                    lossy(&name_of(key))
                ));
            }
        } else {
            self.set_value(last, Slot::Table(Table::default()))?;
        }
        self.context.push(last.clone());
        Ok(())
    }

    /// Gives a key of the current table its value, unless it has one.
    fn set_value(&mut self, key: &[u8], value: Slot) -> Result<()> {
        let mut table = &mut self.root;
        for (index, part) in self.context.iter().enumerate() {
            let found = table.0.get_mut(part).and_then(Slot::table);
            let Some(inner) = found else {
                let walked = self.context.get(..=index).unwrap_or_default().to_vec();
                return self.defined(&walked);
            };
            table = inner;
        }
        let mut whole = self.context.clone();
        whole.push(key.to_vec());
        let name = name_of(&whole);
        if table.0.contains_key(key) {
            let implicit = self.implicit.contains(&name);
            if self.arrays.get(&name).copied().unwrap_or(false) {
                if !implicit && self.cursor.dialect == TomlDialect::Helm4 {
                    return self.defined(&whole);
                }
                self.implicit.remove(&name);
                table.0.insert(key.to_vec(), value);
                return Ok(());
            }
            if implicit {
                self.implicit.remove(&name);
                return Ok(());
            }
            return self.defined(&whole);
        }
        table.0.insert(key.to_vec(), value);
        Ok(())
    }

    /// Remembers whether the value of a key is an array, written out.
    fn set_array(&mut self, key: &[u8], array: bool) {
        let mut whole = self.context.clone();
        if !key.is_empty() || whole.is_empty() {
            whole.push(key.to_vec());
        }
        self.arrays.insert(name_of(&whole), array);
    }
}

/// The character in quotes as it is, or the end.
fn or_end(found: Option<char>) -> String {
    found.map_or_else(|| "end of file".to_owned(), |character| format!("'{character}'"))
}
