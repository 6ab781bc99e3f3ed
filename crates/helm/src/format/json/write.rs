//! Writing JSON (`encoding/json.Marshal`, `MarshalIndent`, `Encoder`).

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::super::{MAX_DEPTH, deeper, number, too_deep};
use crate::{
    call::{Budget, FunctionError},
    value::{Str, Value},
};

/// How JSON is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonStyle {
    /// Two spaces per level, as `toPrettyJson` has it; without spaces otherwise.
    pub pretty: bool,
    /// `<`, `>` and `&` are escaped, as everywhere but in `toRawJson`.
    pub escape_html: bool,
}

impl JsonStyle {
    /// What `toJson` writes.
    pub const COMPACT: Self = Self {
        pretty: false,
        escape_html: true,
    };
    /// What `toPrettyJson` writes.
    pub const PRETTY: Self = Self {
        pretty: true,
        escape_html: true,
    };
    /// What `toRawJson` writes.
    pub const RAW: Self = Self {
        pretty: false,
        escape_html: false,
    };
}

/// The value as JSON; fails with Go's text for not-a-number, infinities and complex numbers.
pub fn to_json(value: &Value, style: JsonStyle, budget: &mut Budget) -> Result<String, FunctionError> {
    let mut writer = Writer {
        out: String::new(),
        style,
        budget,
        charged: 0,
    };
    writer.value(value, 0)?;
    writer.charge()?;
    Ok(writer.out)
}

struct Writer<'a> {
    out: String,
    style: JsonStyle,
    budget: &'a mut Budget,
    /// How much of `out` the budget knows of.
    charged: usize,
}

impl Writer<'_> {
    /// Tells the budget what was written since.
    fn charge(&mut self) -> Result<(), FunctionError> {
        let made = self.out.len() - self.charged;
        self.charged = self.out.len();
        self.budget.step(1 + made as u64 / 1024)?;
        Ok(self.budget.take(made)?)
    }

    fn value(&mut self, value: &Value, depth: usize) -> Result<(), FunctionError> {
        self.charge()?;
        match value {
            Value::Nil => self.out.push_str("null"),
            Value::Bool(true) => self.out.push_str("true"),
            Value::Bool(false) => self.out.push_str("false"),
            Value::Int(_, number) => self.out.push_str(&number.to_string()),
            Value::Uint(_, number) => self.out.push_str(&number.to_string()),
            Value::Float(number) => match number::json(*number) {
                Some(text) => self.out.push_str(&text),
                None => {
                    return Err(FunctionError::new(format!(
                        "json: unsupported value: {}",
                        number::general(*number)
                    )));
                }
            },
            Value::Complex(..) => return Err(FunctionError::new("json: unsupported type: complex128")),
            Value::String(text) => self.string(text),
            Value::Bytes(bytes) => {
                self.out.push('"');
                STANDARD.encode_string(&**bytes, &mut self.out);
                self.out.push('"');
            }
            Value::List(list) if list.is_nil() => self.out.push_str("null"),
            Value::List(list) => deeper(|| self.list(list, depth))?,
            Value::Map(map) if map.is_nil() => self.out.push_str("null"),
            Value::Map(map) => deeper(|| self.map(&map.entries(), depth))?,
            Value::Object(object) => {
                if depth >= MAX_DEPTH {
                    return Err(too_deep());
                }
                match object.json_fields() {
                    Some(fields) => deeper(|| self.map(&fields, depth))?,
                    // What is plain is no object again, so this goes one step deep.
                    None => self.value(&object.plain(), depth)?,
                }
            }
        }
        Ok(())
    }

    fn list(&mut self, items: &[Value], depth: usize) -> Result<(), FunctionError> {
        if depth >= MAX_DEPTH {
            return Err(too_deep());
        }
        self.out.push('[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.line(depth + 1);
            self.value(item, depth + 1)?;
        }
        if !items.is_empty() {
            self.line(depth);
        }
        self.out.push(']');
        Ok(())
    }

    fn map(&mut self, entries: &[(Str, Value)], depth: usize) -> Result<(), FunctionError> {
        if depth >= MAX_DEPTH {
            return Err(too_deep());
        }
        self.out.push('{');
        for (index, (key, value)) in entries.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.line(depth + 1);
            self.string(key);
            self.out.push_str(if self.style.pretty { ": " } else { ":" });
            self.value(value, depth + 1)?;
        }
        if !entries.is_empty() {
            self.line(depth);
        }
        self.out.push('}');
        Ok(())
    }

    /// A new line in pretty JSON.
    fn line(&mut self, depth: usize) {
        if self.style.pretty {
            self.out.push('\n');
            (0..depth).for_each(|_| self.out.push_str("  "));
        }
    }

    fn string(&mut self, text: &[u8]) {
        self.out.push('"');
        let mut rest = text;
        loop {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    self.escaped(valid);
                    break;
                }
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    self.escaped(std::str::from_utf8(valid).unwrap_or_default());
                    // Each byte that is no part of a character by itself.
                    self.out.push_str("\\ufffd");
                    rest = after.get(1..).unwrap_or_default();
                }
            }
        }
        self.out.push('"');
    }

    fn escaped(&mut self, text: &str) {
        let mut written = 0;
        for (index, byte) in text.bytes().enumerate() {
            let escape = match byte {
                b'"' => "\\\"",
                b'\\' => "\\\\",
                b'\n' => "\\n",
                b'\r' => "\\r",
                b'\t' => "\\t",
                8 => "\\b",
                12 => "\\f",
                b'<' if self.style.escape_html => "\\u003c",
                b'>' if self.style.escape_html => "\\u003e",
                b'&' if self.style.escape_html => "\\u0026",
                // U+2028 and U+2029 end lines in JavaScript.
                0xe2 => match text.as_bytes().get(index + 1..index + 3) {
                    Some([0x80, 0xa8]) => "\\u2028",
                    Some([0x80, 0xa9]) => "\\u2029",
                    _ => continue,
                },
                0..0x20 => "",
                _ => continue,
            };
            self.out.push_str(text.get(written..index).unwrap_or_default());
            if escape.is_empty() {
                self.out.push_str(&format!("\\u{byte:04x}"));
            } else {
                self.out.push_str(escape);
            }
            written = index + if byte == 0xe2 { 3 } else { 1 };
        }
        self.out.push_str(text.get(written..).unwrap_or_default());
    }
}
