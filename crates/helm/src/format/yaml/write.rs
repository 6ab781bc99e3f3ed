//! Values to YAML: what `toYaml` and `toYamlPretty` write.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    super::{JsonStyle, MAX_DEPTH, deeper, number, text, to_json, too_deep},
    build::{self, Numbers},
    emit::{Emitter, Place, Style, is_simple_key},
    order, prefixed, resolve,
};
use crate::{
    call::{Budget, FunctionError},
    value::{Map, Object, Str, Value},
};

type Result<T> = std::result::Result<T, FunctionError>;

/// Which encoder of Go's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `sigs.k8s.io/yaml`: through JSON, folded at 80 columns, lists not indented in maps.
    Json,
    /// `go.yaml.in/yaml/v3` with two spaces: neither.
    Pretty,
}

/// The value as `toYaml` writes it, with a line feed at the end; fails where JSON cannot say it.
pub fn to_yaml(value: &Value, budget: &mut Budget) -> Result<String> {
    if is_harmless(value, 0)? {
        return write(value, Dialect::Json, budget);
    }
    // The value has characters that YAML does not allow or takes for line breaks, which Go only finds when it reads
    // its own JSON. So does this.
    let json = to_json(value, JsonStyle::COMPACT, budget)
        .map_err(|error| prefixed("error marshaling into JSON: ", error))?;
    let value = build::load(json.as_bytes(), Numbers::Kept, budget)?;
    write(&value, Dialect::Json, budget)
}

/// The value as `toYamlPretty` writes it, with a line feed at the end.
pub fn to_yaml_pretty(value: &Value, budget: &mut Budget) -> Result<String> {
    write(value, Dialect::Pretty, budget)
}

/// Whether JSON of the value reads back as the value.
fn is_harmless(value: &Value, depth: usize) -> Result<bool> {
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    Ok(match value {
        Value::String(text) => is_harmless_text(text),
        Value::List(list) => {
            for item in list.iter() {
                if !is_harmless(item, depth + 1)? {
                    return Ok(false);
                }
            }
            true
        }
        Value::Map(map) => {
            for (key, value) in map.entries() {
                // Long keys are no keys in one line of JSON; escapes make them longer.
                if key.len() > 160 || !is_harmless_text(&key) || !is_harmless(&value, depth + 1)? {
                    return Ok(false);
                }
            }
            true
        }
        Value::Object(object) => is_harmless(&object.plain(), depth + 1)?,
        _ => true,
    })
}

fn is_harmless_text(text: &[u8]) -> bool {
    if text.is_ascii() {
        return !text.contains(&0x7f);
    }
    // What is no character becomes one, and then two keys may be the same.
    if std::str::from_utf8(text).is_err() {
        return false;
    }
    !text.iter().enumerate().any(|(index, byte)| match byte {
        0x7f => true,
        0xc2 => text
            .get(index + 1)
            .is_some_and(|next| (0x80..0xa0).contains(next)),
        0xef => matches!(text.get(index + 1..index + 3), Some([0xbf, 0xbe | 0xbf])),
        _ => false,
    })
}

fn write(value: &Value, dialect: Dialect, budget: &mut Budget) -> Result<String> {
    let mut writer = Writer {
        emitter: Emitter::new(dialect),
        dialect,
        budget,
        charged: 0,
    };
    writer.value(value, Place::Alone, 0)?;
    writer.emitter.finish();
    writer.charge()?;
    // Only text was written.
    String::from_utf8(writer.emitter.out).map_err(|error| FunctionError::new(error.to_string()))
}

struct Writer<'a> {
    emitter: Emitter,
    dialect: Dialect,
    budget: &'a mut Budget,
    /// How much of the output the budget knows of.
    charged: usize,
}

impl Writer<'_> {
    fn charge(&mut self) -> Result<()> {
        let made = self.emitter.out.len() - self.charged;
        self.charged = self.emitter.out.len();
        self.budget.step(1 + made as u64 / 1024)?;
        Ok(self.budget.take(made)?)
    }

    fn value(&mut self, value: &Value, place: Place, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        self.charge()?;
        match value {
            Value::Nil => self.emitter.word("null"),
            Value::Bool(true) => self.emitter.word("true"),
            Value::Bool(false) => self.emitter.word("false"),
            Value::Int(_, value) => self.emitter.word(&value.to_string()),
            Value::Uint(_, value) => self.emitter.word(&value.to_string()),
            Value::Float(value) => {
                let text = self.float(*value)?;
                self.emitter.word(&text);
            }
            Value::Complex(..) => return Err(self.unsupported("json: unsupported type: complex128")),
            Value::String(text) => self.string(text, place),
            Value::Bytes(bytes) => match self.dialect {
                Dialect::Json => {
                    let text = STANDARD.encode(&**bytes);
                    self.string(text.as_bytes(), place);
                }
                Dialect::Pretty => {
                    let items: Vec<Value> = bytes.iter().map(|byte| Value::int(i64::from(*byte))).collect();
                    self.list(&items, place, depth)?;
                }
            },
            Value::List(list) if list.is_nil() && self.dialect == Dialect::Json => self.emitter.word("null"),
            Value::List(list) => deeper(|| self.list(list, place, depth))?,
            Value::Map(map) if map.is_nil() && self.dialect == Dialect::Json => self.emitter.word("null"),
            Value::Map(map) => deeper(|| self.map(map, place, depth))?,
            Value::Object(object) => self.object(object.as_ref(), place, depth)?,
        }
        Ok(())
    }

    fn object(&mut self, object: &dyn Object, place: Place, depth: usize) -> Result<()> {
        let plain = object.plain();
        match (&plain, self.dialect) {
            // The library writes times as YAML's own, without quotes.
            (Value::String(text), Dialect::Pretty) if object.type_name() == "time.Time" => {
                self.emitter.word(&String::from_utf8_lossy(text));
                Ok(())
            }
            _ => self.value(&plain, place, depth + 1),
        }
    }

    fn unsupported(&self, problem: &str) -> FunctionError {
        match self.dialect {
            Dialect::Json => FunctionError::new(format!("error marshaling into JSON: {problem}")),
            Dialect::Pretty => FunctionError::new("cannot marshal type: complex128"),
        }
    }

    fn float(&self, value: f64) -> Result<String> {
        if !value.is_finite() {
            return match self.dialect {
                Dialect::Json => {
                    Err(self.unsupported(&format!("json: unsupported value: {}", number::general(value))))
                }
                Dialect::Pretty if value.is_nan() => Ok(".nan".to_owned()),
                Dialect::Pretty if value > 0.0 => Ok(".inf".to_owned()),
                Dialect::Pretty => Ok("-.inf".to_owned()),
            };
        }
        if self.dialect == Dialect::Json && value.fract() == 0.0 {
            // JSON writes it whole, and YAML reads a whole number if it fits one.
            #[expect(
                clippy::cast_possible_truncation,
                reason = "whole and in range by the comparison"
            )]
            if value.abs() < 9_007_199_254_740_992.0 {
                return Ok((value as i64).to_string());
            }
            let digits = number::decimal(value);
            if number::whole(digits.as_bytes()).is_some() {
                return Ok(digits);
            }
        }
        Ok(number::general(value))
    }

    fn string(&mut self, bytes: &[u8], place: Place) {
        let text = match (self.dialect, std::str::from_utf8(bytes)) {
            (_, Ok(text)) => Cow::Borrowed(text),
            (Dialect::Json, Err(_)) => text::lossy(bytes),
            (Dialect::Pretty, Err(_)) => return self.binary(bytes, place),
        };
        let wanted = if text.contains('\n') {
            Style::Literal
        } else if self.is_plain(text.as_bytes()) {
            Style::Plain
        } else {
            Style::Double
        };
        self.emitter.scalar(&text, wanted, place);
    }

    /// What is no UTF-8 is base64, in lines of 70.
    fn binary(&mut self, bytes: &[u8], place: Place) {
        let encoded = STANDARD.encode(bytes);
        self.emitter.tag("!!binary");
        if encoded.len() < 70 {
            return self.emitter.scalar(&encoded, Style::Plain, place);
        }
        let mut lines = String::with_capacity(encoded.len() + encoded.len() / 70 + 1);
        for line in encoded.as_bytes().chunks(70) {
            lines.push_str(std::str::from_utf8(line).unwrap_or_default());
            lines.push('\n');
        }
        self.emitter.scalar(&lines, Style::Literal, place);
    }

    /// Whether a string stays a string without quotes.
    fn is_plain(&self, text: &[u8]) -> bool {
        if resolve::resolve(text).is_some() || is_base_60(text) {
            return false;
        }
        self.dialect == Dialect::Json || !is_new_octal(text)
    }

    fn list(&mut self, items: &[Value], place: Place, depth: usize) -> Result<()> {
        if items.is_empty() {
            self.emitter.empty(*b"[]");
            return Ok(());
        }
        self.emitter.enter(true, place);
        for item in items {
            self.emitter.item();
            self.value(item, Place::Alone, depth + 1)?;
        }
        self.emitter.leave();
        Ok(())
    }

    fn map(&mut self, map: &Map, place: Place, depth: usize) -> Result<()> {
        if map.is_empty() {
            self.emitter.empty(*b"{}");
            return Ok(());
        }
        self.emitter.enter(false, place);
        for (text, (key, value)) in self.sorted(map.entries()) {
            let simple = if self.dialect == Dialect::Pretty && std::str::from_utf8(&key).is_err() {
                // Base64 in one line, together with its tag.
                key.len().div_ceil(3) * 4 + "!!binary".len() <= 128 && key.len().div_ceil(3) * 4 < 70
            } else {
                is_simple_key(&text)
            };
            self.emitter.key(simple);
            self.string(&key, if simple { Place::SimpleKey } else { Place::Mapping });
            self.emitter.colon(simple);
            self.value(&value, Place::Mapping, depth + 1)?;
        }
        self.emitter.leave();
        Ok(())
    }

    fn sorted(&self, entries: Vec<(Str, Value)>) -> Vec<(String, (Str, Value))> {
        let entries = entries
            .into_iter()
            .map(|(key, value)| (text::lossy(&key).into_owned(), (key, value)))
            .collect();
        order::sort(entries, self.dialect)
    }
}

/// `[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?`: sums of 60 in YAML 1.1, which Go quotes but does not read.
fn is_base_60(text: &[u8]) -> bool {
    let text = text
        .strip_prefix(b"+")
        .or(text.strip_prefix(b"-"))
        .unwrap_or(text);
    let mut parts = text.split(|byte| *byte == b':');
    let first = parts.next().unwrap_or_default();
    if !first.first().is_some_and(u8::is_ascii_digit)
        || !first.iter().all(|byte| byte.is_ascii_digit() || *byte == b'_')
    {
        return false;
    }
    let mut rest = parts.peekable();
    if rest.peek().is_none() {
        return false;
    }
    while let Some(part) = rest.next() {
        let part = match part.iter().position(|byte| *byte == b'.') {
            Some(dot) if rest.peek().is_none() => {
                let (whole, fraction) = part.split_at(dot);
                if !fraction
                    .iter()
                    .skip(1)
                    .all(|byte| byte.is_ascii_digit() || *byte == b'_')
                {
                    return false;
                }
                whole
            }
            _ => part,
        };
        let fits = match part {
            [ones] => ones.is_ascii_digit(),
            [tens, ones] => (b'0'..=b'5').contains(tens) && ones.is_ascii_digit(),
            _ => false,
        };
        if !fits {
            return false;
        }
    }
    true
}

/// `0o` and a sign, which only the newer library reads as a number.
fn is_new_octal(text: &[u8]) -> bool {
    let plain: Vec<u8> = text.iter().copied().filter(|byte| *byte != b'_').collect();
    matches!(plain.as_slice(), [b'0', b'o', b'+' | b'-', digits @ ..] if number::unsigned(digits, 8).is_some())
}
