//! Reading JSON (`encoding/json.Unmarshal`) with Go's texts for what is wrong.

use super::super::{MAX_DEPTH, deeper, number::parse, text, too_deep};
use crate::format::lossy;
use crate::{
    call::{Budget, FunctionError},
    value::{List, ListType, Map, MapType, Str, Value},
};

type Result<T> = std::result::Result<T, FunctionError>;

/// The value of a JSON text, as `json.Unmarshal` reads it into an `interface{}`.
pub fn from_json(text: &[u8], budget: &mut Budget) -> Result<Value> {
    let (value, problem) = read(text, budget)?;
    match problem {
        None => Ok(value),
        Some(problem) => Err(FunctionError::new(problem)),
    }
}

/// The value, and the first number that fits no float64: Go makes it nil, goes on, and says so at the end.
pub(in super::super) fn read(text: &[u8], budget: &mut Budget) -> Result<(Value, Option<String>)> {
    let mut reader = Reader {
        text,
        pos: 0,
        budget,
        problem: None,
    };
    let value = reader.value(0)?;
    reader.blanks();
    if reader.peek().is_some() {
        return Err(reader.unexpected("after top-level value"));
    }
    Ok((value, reader.problem))
}

/// What Go says when a value of JSON cannot be stored in a variable of this type.
pub(in super::super) fn mismatch(value: &Value, wanted: &str) -> FunctionError {
    let found = match value {
        Value::Bool(_) => "bool",
        Value::String(_) => "string",
        Value::List(_) => "array",
        Value::Map(_) => "object",
        _ => "number",
    };
    FunctionError::new(format!(
        "json: cannot unmarshal {found} into Go value of type {wanted}"
    ))
}

struct Reader<'a, 'b> {
    text: &'a [u8],
    pos: usize,
    budget: &'b mut Budget,
    problem: Option<String>,
}

impl Reader<'_, '_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.pos).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.pos += 1;
        }
    }

    /// The character there is wrong, or there is none.
    fn unexpected(&self, context: &str) -> FunctionError {
        FunctionError::new(match self.peek() {
            // At the end Go tries with a space, which is wrong inside a word, a number or an escape.
            None if ["in literal", "numeric literal", "escape"]
                .iter()
                .any(|inside| context.contains(inside)) =>
            {
                format!("invalid character ' ' {context}")
            }
            None => "unexpected end of JSON input".to_owned(),
            Some(byte) => {
                let quoted = match byte {
                    b'\'' => "\\'".to_owned(),
                    b'"' => "\"".to_owned(),
                    // Go takes the byte for a character by itself.
                    _ => {
                        let quoted = text::quote(char::from(byte).encode_utf8(&mut [0; 4]).as_bytes());
                        quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
                    }
                };
                format!("invalid character '{quoted}' {context}")
            }
        })
    }

    fn value(&mut self, depth: usize) -> Result<Value> {
        self.blanks();
        self.budget.step(1)?;
        self.budget.take(32)?;
        match self.peek() {
            Some(b'{') => deeper(|| self.object(depth)),
            Some(b'[') => deeper(|| self.array(depth)),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Nil),
            _ => Err(self.unexpected("looking for beginning of value")),
        }
    }

    fn literal(&mut self, word: &str, value: Value) -> Result<Value> {
        for expected in word.chars() {
            if self.peek().map(char::from) != Some(expected) {
                return Err(self.unexpected(&format!("in literal {word} (expecting '{expected}')")));
            }
            self.pos += 1;
        }
        Ok(value)
    }

    fn object(&mut self, depth: usize) -> Result<Value> {
        if depth >= MAX_DEPTH {
            return Err(too_deep());
        }
        self.pos += 1;
        let mut entries: Vec<(Str, Value)> = Vec::new();
        self.blanks();
        if self.peek() == Some(b'}') {
            self.pos += 1;
            return Ok(Value::Map(Map::new(MapType::Any, entries)));
        }
        loop {
            self.blanks();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("looking for beginning of object key string"));
            }
            let key = self.string()?;
            self.blanks();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("after object key"));
            }
            self.pos += 1;
            entries.push((key, self.value(depth + 1)?));
            self.blanks();
            match self.peek() {
                Some(b',') => self.pos += 1,
                Some(b'}') => {
                    self.pos += 1;
                    return Ok(Value::Map(Map::new(MapType::Any, entries)));
                }
                _ => return Err(self.unexpected("after object key:value pair")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value> {
        if depth >= MAX_DEPTH {
            return Err(too_deep());
        }
        self.pos += 1;
        let mut items = Vec::new();
        self.blanks();
        if self.peek() == Some(b']') {
            self.pos += 1;
            return Ok(Value::List(List::new(ListType::Any, items)));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.blanks();
            match self.peek() {
                Some(b',') => self.pos += 1,
                Some(b']') => {
                    self.pos += 1;
                    return Ok(Value::List(List::new(ListType::Any, items)));
                }
                _ => return Err(self.unexpected("after array element")),
            }
        }
    }

    fn digits(&mut self) -> bool {
        let start = self.pos;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.pos += 1;
        }
        self.pos > start
    }

    fn number(&mut self) -> Result<Value> {
        let start = self.pos;
        if self.peek() == Some(b'-') {
            self.pos += 1;
        }
        // Nothing follows a zero but a fraction or an exponent.
        if self.peek() == Some(b'0') {
            self.pos += 1;
        } else if !self.digits() {
            return Err(self.unexpected("in numeric literal"));
        }
        if self.peek() == Some(b'.') {
            self.pos += 1;
            if !self.digits() {
                return Err(self.unexpected("after decimal point in numeric literal"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.pos += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.pos += 1;
            }
            if !self.digits() {
                return Err(self.unexpected("in exponent of numeric literal"));
            }
        }
        let text = self.text.get(start..self.pos).unwrap_or_default();
        Ok(parse(text).map_or_else(
            || {
                let text = lossy(text);
                self.problem.get_or_insert_with(|| {
                    format!("json: cannot unmarshal number {text} into Go value of type float64")
                });
                Value::Nil
            },
            Value::Float,
        ))
    }

    fn string(&mut self) -> Result<Str> {
        self.pos += 1;
        let start = self.pos;
        let mut owned: Option<Vec<u8>> = None;
        loop {
            let from = self.pos;
            while matches!(self.peek(), Some(byte) if byte >= 0x20 && byte != b'"' && byte != b'\\') {
                self.pos += 1;
            }
            if let Some(text) = &mut owned {
                text.extend_from_slice(self.text.get(from..self.pos).unwrap_or_default());
            }
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    let before = self.text.get(start..self.pos).unwrap_or_default();
                    let text = owned.get_or_insert_with(|| before.to_vec());
                    let mut taken = std::mem::take(text);
                    self.pos += 1;
                    self.escape(&mut taken)?;
                    owned = Some(taken);
                }
                _ => return Err(self.unexpected("in string literal")),
            }
        }
        let raw = self.text.get(start..self.pos).unwrap_or_default();
        self.pos += 1;
        let bytes = owned.as_deref().unwrap_or(raw);
        self.budget.take(bytes.len())?;
        Ok(text::lossy(bytes).as_ref().into())
    }

    fn escape(&mut self, into: &mut Vec<u8>) -> Result<()> {
        let byte = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => byte,
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                self.pos += 1;
                return self.unicode(into);
            }
            _ => return Err(self.unexpected("in string escape code")),
        };
        self.pos += 1;
        into.push(byte);
        Ok(())
    }

    fn hex(&mut self) -> Result<u32> {
        let mut number = 0;
        for _ in 0..4 {
            let Some(digit) = self.peek().and_then(|byte| char::from(byte).to_digit(16)) else {
                return Err(self.unexpected("in \\u hexadecimal character escape"));
            };
            number = number * 16 + digit;
            self.pos += 1;
        }
        Ok(number)
    }

    /// A character by its number; half a pair of UTF-16 becomes U+FFFD.
    fn unicode(&mut self, into: &mut Vec<u8>) -> Result<()> {
        let mut number = self.hex()?;
        if (0xd800..0xdc00).contains(&number) && self.text.get(self.pos..self.pos + 2) == Some(b"\\u") {
            let back = self.pos;
            self.pos += 2;
            let low = self.hex()?;
            if (0xdc00..0xe000).contains(&low) {
                number = 0x10000 + ((number - 0xd800) << 10) + (low - 0xdc00);
            } else {
                self.pos = back;
            }
        }
        let character = char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER);
        into.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }
}
