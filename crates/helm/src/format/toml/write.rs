//! Writing TOML (`Encoder.Encode`).

use super::{
    super::{DEPTH_LIMIT, MAX_DEPTH, deeper, number},
    TomlDialect,
    key::{join, quote, quoted_if_needed},
    moment,
};
use crate::functions::Time;
use crate::{
    call::{Budget, LimitReached},
    value::{Map, Str, Value},
};

/// Why a value cannot be written.
#[derive(Debug)]
pub(in super::super) enum Refusal {
    /// What `Encode` returns; `toToml` gives it as its text.
    Error(String),
    /// What Go panics with, which stops the template.
    Panic(String),
    /// A limit was reached.
    Limit(LimitReached),
}

impl From<LimitReached> for Refusal {
    fn from(limit: LimitReached) -> Self {
        Self::Limit(limit)
    }
}

type Result<T> = std::result::Result<T, Refusal>;

/// The value as TOML.
pub(in super::super) fn write(value: &Value, dialect: TomlDialect, budget: &mut Budget) -> Result<Vec<u8>> {
    let value = plain(value, 0)?;
    let mut writer = Writer {
        out: Vec::new(),
        dialect,
        budget,
        charged: 0,
    };
    match &value {
        Value::Nil => {
            return Err(Refusal::Panic(
                "reflect: call of reflect.Value.Type on zero Value".to_owned(),
            ));
        }
        Value::Map(map) if map.is_nil() => {}
        Value::Map(map) => writer.table(&[], map)?,
        Value::List(items) if kind(&value, 0)? == Some(Type::Tables) => {
            debug_assert!(!items.is_empty(), "an empty list is no list of tables");
            return Err(Refusal::Error(
                "toml: top-level values must be Go maps or structs".to_owned(),
            ));
        }
        Value::Complex(..) => {
            return Err(Refusal::Error(
                "unsupported type for key '': complex128".to_owned(),
            ));
        }
        other => writer.element(other, 0)?,
    }
    writer.charge()?;
    Ok(writer.out)
}

/// What TOML calls the type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Table,
    /// A list of nothing but tables.
    Tables,
    Other,
}

/// The type; `None` for nil, which is left out of tables and may not be in lists.
fn kind(value: &Value, depth: usize) -> Result<Option<Type>> {
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    Ok(Some(match value {
        Value::Nil => return Ok(None),
        Value::Map(map) if map.is_nil() => return Ok(None),
        Value::List(list) if list.is_nil() => return Ok(None),
        Value::Map(_) => Type::Table,
        Value::Complex(..) => return Err(Refusal::Error("unsupported type: complex128".to_owned())),
        Value::List(list) => {
            let mut tables = !list.is_empty();
            for item in list.iter() {
                let item = plain(item, depth)?;
                match deeper(|| kind(&item, depth + 1))? {
                    None => {
                        return Err(Refusal::Error(
                            "toml: cannot encode array with nil element".to_owned(),
                        ));
                    }
                    Some(found) => tables &= found == Type::Table,
                }
            }
            if tables { Type::Tables } else { Type::Other }
        }
        _ => Type::Other,
    }))
}

fn too_deep() -> Refusal {
    Refusal::Limit(DEPTH_LIMIT)
}

/// What is below an object, unless TOML has a form for it.
fn plain(value: &Value, depth: usize) -> Result<Value> {
    let mut value = value.clone();
    for _ in depth..=MAX_DEPTH {
        match &value {
            Value::Object(object) if !object.as_any().is::<Time>() => value = object.plain(),
            _ => return Ok(value),
        }
    }
    Err(too_deep())
}

struct Writer<'a> {
    out: Vec<u8>,
    dialect: TomlDialect,
    budget: &'a mut Budget,
    /// How much of the output the budget knows of.
    charged: usize,
}

impl Writer<'_> {
    fn charge(&mut self) -> Result<()> {
        let made = self.out.len() - self.charged;
        self.charged = self.out.len();
        self.budget.step(1 + made as u64 / 1024)?;
        Ok(self.budget.take(made)?)
    }

    fn newline(&mut self) {
        if !self.out.is_empty() {
            self.out.push(b'\n');
        }
    }

    fn indent(&mut self, key: &[Str]) {
        for _ in 1..key.len() {
            self.out.extend_from_slice(b"  ");
        }
    }

    fn header(&mut self, key: &[Str], brackets: [&[u8]; 2]) {
        let [open, close] = brackets;
        self.indent(key);
        self.out.extend_from_slice(open);
        let name = join(key.iter().map(|part| &**part));
        self.out.extend_from_slice(&name);
        self.out.extend_from_slice(close);
        self.newline();
    }

    /// The entries of a table: what is no table first, since it would belong to the table before it otherwise.
    fn table(&mut self, key: &[Str], map: &Map) -> Result<()> {
        self.charge()?;
        if key.len() > MAX_DEPTH {
            return Err(too_deep());
        }
        let (direct, tables) = split(map, key.len())?;
        for (name, value) in direct {
            if kind(&value, key.len())?.is_none() {
                continue;
            }
            self.charge()?;
            (0..key.len()).for_each(|_| self.out.extend_from_slice(b"  "));
            self.out.extend_from_slice(&quoted_if_needed(&name));
            self.out.extend_from_slice(b" = ");
            self.element(&value, key.len() + 1)?;
            self.newline();
        }
        for (name, value) in tables {
            let mut key = key.to_vec();
            key.push(name);
            match &value {
                Value::Map(map) => {
                    if key.len() == 1 {
                        self.newline();
                    }
                    self.header(&key, [b"[", b"]"]);
                    deeper(|| self.table(&key, map))?;
                }
                Value::List(items) => {
                    for item in items.iter() {
                        if let Value::Map(map) = plain(item, key.len())? {
                            self.newline();
                            self.header(&key, [b"[[", b"]]"]);
                            deeper(|| self.table(&key, &map))?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A value behind `=` or in a list.
    fn element(&mut self, value: &Value, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        self.charge()?;
        match &plain(value, depth)? {
            Value::Nil => {
                return Err(Refusal::Panic(
                    "reflect: call of reflect.Value.Interface on zero Value".to_owned(),
                ));
            }
            Value::Bool(value) => self.out.extend_from_slice(value.to_string().as_bytes()),
            Value::Int(_, value) => self.out.extend_from_slice(value.to_string().as_bytes()),
            Value::Uint(_, value) => self.out.extend_from_slice(value.to_string().as_bytes()),
            Value::Float(value) => {
                let text = self.float(*value);
                self.out.extend_from_slice(text.as_bytes());
            }
            Value::Complex(..) => return Err(Refusal::Error("unexpected type: complex128".to_owned())),
            Value::String(text) => quote(text, &mut self.out),
            Value::Bytes(bytes) => {
                let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
                self.out
                    .extend_from_slice(format!("[{}]", numbers.join(", ")).as_bytes());
            }
            Value::List(items) => {
                self.out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.out.extend_from_slice(b", ");
                    }
                    self.element(item, depth + 1)?;
                }
                self.out.push(b']');
            }
            Value::Map(map) => deeper(|| self.inline(map, depth))?,
            Value::Object(object) => {
                if let Some(time) = object.as_any().downcast_ref::<Time>() {
                    self.out.extend(moment::write(time));
                }
            }
        }
        Ok(())
    }

    /// A table in one line. Go puts a comma behind every entry but the last of each kind, whether or not the last is
    /// left out.
    fn inline(&mut self, map: &Map, depth: usize) -> Result<()> {
        let (direct, tables) = split(map, depth)?;
        self.out.push(b'{');
        let more = !tables.is_empty();
        for (entries, more) in [(direct, more), (tables, false)] {
            let count = entries.len();
            for (index, (name, value)) in entries.into_iter().enumerate() {
                if kind(&value, depth)?.is_none() {
                    continue;
                }
                self.out.extend_from_slice(&quoted_if_needed(&name));
                self.out.extend_from_slice(b" = ");
                self.element(&value, depth + 1)?;
                if more || index + 1 < count {
                    self.out.extend_from_slice(b", ");
                }
            }
        }
        self.out.push(b'}');
        Ok(())
    }

    fn float(&self, value: f64) -> String {
        if value.is_nan() {
            return if value.is_sign_negative() { "-nan" } else { "nan" }.to_owned();
        }
        if value.is_infinite() {
            return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
        }
        let mut text = match self.dialect {
            TomlDialect::Helm4 => number::general(value),
            TomlDialect::Helm3 => number::decimal(value),
        };
        if !text.contains(['.', 'e']) {
            text.push_str(".0");
        }
        text
    }
}

type Entries = Vec<(Str, Value)>;

/// The entries that are no tables, and those that are.
fn split(map: &Map, depth: usize) -> Result<(Entries, Entries)> {
    let mut direct = Vec::new();
    let mut tables = Vec::new();
    for (name, value) in map.entries() {
        let value = plain(&value, depth)?;
        match kind(&value, depth)? {
            Some(Type::Table | Type::Tables) => tables.push((name, value)),
            Some(Type::Other) | None => direct.push((name, value)),
        }
    }
    Ok((direct, tables))
}
