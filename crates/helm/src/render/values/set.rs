//! The grammar of `--set` (Helm, `pkg/strvals`): `a.b[0].c=x,y={1,2}`, with `\` before a character that means
//! itself.

use crate::chart::{Profile, of_json};
use crate::value::{IntType, Map, MapType, Value};

/// The largest index of a list, and how deep a name may be nested.
const MAX_INDEX: i64 = 65_536;
const MAX_NESTED: usize = 30;
/// How deep names and indexes may stand in one another, which Helm does not bound.
const MAX_DEPTH: usize = 256;

/// What a value is read as.
pub(super) enum Reading<'a> {
    /// Bools, nulls and whole numbers are recognised.
    Typed,
    /// Everything is a string.
    Text,
    /// Everything is the name of a file, whose content counts.
    File(&'a mut dyn FnMut(&str) -> Result<Vec<u8>, String>),
    /// JSON.
    Json,
    /// One key, and everything after `=` is its value.
    Literal,
}

/// Why reading stopped.
enum Stop {
    /// There is no more text; what was read counts.
    End,
    /// The text is refused.
    Refused(String),
}

impl From<String> for Stop {
    fn from(problem: String) -> Self {
        Self::Refused(problem)
    }
}

/// Sets in `target` what a text says.
pub(super) fn apply(
    text: &str,
    target: &Map,
    reading: &mut Reading<'_>,
    profile: Profile,
) -> Result<(), String> {
    let mut parser = Parser {
        rest: text,
        reading,
        profile,
        depth: 0,
    };
    loop {
        match parser.key(target, 0) {
            Ok(()) => {}
            Err(Stop::End) => return Ok(()),
            Err(Stop::Refused(problem)) => return Err(problem),
        }
    }
}

struct Parser<'a, 'b, 'c> {
    rest: &'a str,
    reading: &'b mut Reading<'c>,
    profile: Profile,
    depth: usize,
}

impl Parser<'_, '_, '_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = self.rest.get(c.len_utf8()..).unwrap_or_default();
        Some(c)
    }

    fn literal(&self) -> bool {
        matches!(self.reading, Reading::Literal)
    }

    /// Everything up to one of these, and which it was; `None` at the end of the text.
    fn until(&mut self, stops: &[char]) -> (String, Option<char>) {
        let mut out = String::new();
        while let Some(c) = self.next() {
            if stops.contains(&c) {
                return (out, Some(c));
            }
            if c == '\\' && !self.literal() {
                match self.next() {
                    Some(escaped) => out.push(escaped),
                    None => return (out, None),
                }
            } else {
                out.push(c);
            }
        }
        (out, None)
    }

    fn deeper<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T, Stop>) -> Result<T, Stop> {
        if self.depth >= MAX_DEPTH {
            return Err(too_deep());
        }
        self.depth += 1;
        let result = run(self);
        self.depth -= 1;
        result
    }

    fn key(&mut self, target: &Map, nested: usize) -> Result<(), Stop> {
        self.deeper(|parser| parser.key_at(target, nested))
    }

    fn key_at(&mut self, target: &Map, nested: usize) -> Result<(), Stop> {
        let stops: &[char] = if self.literal() {
            &['=', '[', '.']
        } else {
            &['=', '[', ',', '.']
        };
        let (key, stop) = self.until(stops);
        let there = target.get(key.as_bytes());
        match stop {
            None if key.is_empty() => Err(Stop::End),
            None => Err(format!("key {key:?} has no value").into()),
            Some('[') => {
                let index = self.index()?;
                let list = match there {
                    None => Vec::new(),
                    Some(Value::List(list)) => list.to_vec(),
                    Some(other) => return Err(panicked(&other, "[]interface {}")),
                };
                match self.item(list.clone(), index, nested) {
                    Ok(list) => set(target, &key, Value::list(list)),
                    Err(stop) => {
                        set(target, &key, Value::list(list));
                        return Err(stop);
                    }
                }
                Ok(())
            }
            Some('=') => match self.value()? {
                Read::Value(value) => {
                    set(target, &key, value);
                    Ok(())
                }
                Read::Nothing => {
                    set(target, &key, Value::from(""));
                    Err(Stop::End)
                }
            },
            Some(',') => {
                set(target, &key, Value::from(""));
                Err(format!("key {key:?} has no value (cannot end with ,)").into())
            }
            Some(_) => {
                if nested >= MAX_NESTED {
                    return Err(too_deep());
                }
                let inner = match there {
                    None => Map::new(MapType::Any, []),
                    Some(Value::Map(map)) => map,
                    Some(other) => return Err(panicked(&other, "map[string]interface {}")),
                };
                let result = self.key(&inner, nested + 1);
                if result.is_ok() && inner.is_empty() {
                    return Err(format!("key map {key:?} has no value").into());
                }
                if !inner.is_empty() {
                    set(target, &key, Value::Map(inner));
                }
                result
            }
        }
    }

    /// The number between `[` and `]`.
    fn index(&mut self) -> Result<i64, Stop> {
        let (text, stop) = self.until(&[']']);
        if stop.is_none() {
            // Helm 4 looks through its own words for the end of the text, and finds it.
            return Err(match self.profile {
                Profile::Helm3 => String::from("error parsing index: EOF").into(),
                Profile::Helm4 => Stop::End,
            });
        }
        text.parse().map_err(|error: std::num::ParseIntError| {
            let problem = match error.kind() {
                std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => {
                    "value out of range"
                }
                _ => "invalid syntax",
            };
            Stop::Refused(format!(
                "error parsing index: strconv.Atoi: parsing {text:?}: {problem}"
            ))
        })
    }

    /// What follows `]`.
    fn item(&mut self, list: Vec<Value>, index: i64, nested: usize) -> Result<Vec<Value>, Stop> {
        self.deeper(|parser| parser.item_at(list, index, nested))
    }

    fn item_at(&mut self, list: Vec<Value>, index: i64, nested: usize) -> Result<Vec<Value>, Stop> {
        if index < 0 {
            return Err(format!("negative {index} index not allowed").into());
        }
        let old = usize::try_from(index).ok().and_then(|at| list.get(at).cloned());
        let (key, stop) = self.until(&['[', '.', '=']);
        if !key.is_empty() {
            let quoted: Vec<String> = key.chars().map(|c| format!("{c:?}")).collect();
            let quoted = quoted.join(" ");
            return Err(format!("unexpected data at end of array index: [{quoted}]").into());
        }
        let value = match stop {
            None => return Err(Stop::End),
            Some('=') => match self.value()? {
                Read::Value(value) => value,
                Read::Nothing => Value::from(""),
            },
            Some('[') => {
                let next = self.index()?;
                let inner = match old {
                    None | Some(Value::Nil) => Vec::new(),
                    Some(Value::List(list)) => list.to_vec(),
                    Some(other) => return Err(panicked(&other, "[]interface {}")),
                };
                Value::list(self.item(inner, next, nested)?)
            }
            Some(_) => {
                let inner = match old {
                    Some(Value::Map(map)) => map,
                    _ => Map::new(MapType::Any, []),
                };
                self.key(&inner, nested)?;
                Value::Map(inner)
            }
        };
        put(list, index, value)
    }

    /// What follows `=`.
    fn value(&mut self) -> Result<Read, Stop> {
        match self.reading {
            Reading::Json => return self.json(),
            Reading::Literal => return Ok(Read::Value(Value::from(std::mem::take(&mut self.rest)))),
            _ => {}
        }
        if self.rest.is_empty() {
            return Ok(Read::Nothing);
        }
        if let Some(rest) = self.rest.strip_prefix('{') {
            self.rest = rest;
            return self.list().map(Read::Value);
        }
        let (text, _) = self.until(&[',']);
        self.scalar(text).map(Read::Value)
    }

    fn list(&mut self) -> Result<Value, Stop> {
        let mut items = Vec::new();
        loop {
            let (text, stop) = self.until(&[',', '}']);
            match stop {
                None => return Err(String::from("list must terminate with '}'").into()),
                Some('}') => {
                    self.rest = self.rest.strip_prefix(',').unwrap_or(self.rest);
                    items.push(self.scalar(text)?);
                    return Ok(Value::list(items));
                }
                Some(_) => items.push(self.scalar(text)?),
            }
        }
    }

    fn scalar(&mut self, text: String) -> Result<Value, Stop> {
        Ok(match self.reading {
            Reading::File(read) => Value::string(read(&text)?),
            Reading::Typed => typed(text),
            _ => Value::from(text),
        })
    }

    fn json(&mut self) -> Result<Read, Stop> {
        if self.blank() {
            return Ok(Read::Value(Value::Nil));
        }
        let mut stream = serde_json::Deserializer::from_str(self.rest).into_iter::<serde_json::Value>();
        let json = match stream.next() {
            Some(Ok(json)) => json,
            Some(Err(error)) => return Err(error.to_string().into()),
            None => return Err(Stop::End),
        };
        let at = stream.byte_offset();
        self.rest = self.rest.get(at..).unwrap_or_default();
        self.blank();
        Ok(Read::Value(of_json(&json)))
    }

    /// Passes over space up to a comma, which goes too, or the end; `false` if something else comes first.
    fn blank(&mut self) -> bool {
        let rest = self.rest.trim_start();
        self.rest = rest.strip_prefix(',').unwrap_or(rest);
        rest.is_empty() || rest.starts_with(',')
    }
}

enum Read {
    Value(Value),
    /// The text ends where a value should be.
    Nothing,
}

fn typed(text: String) -> Value {
    if text.eq_ignore_ascii_case("true") {
        return Value::Bool(true);
    }
    if text.eq_ignore_ascii_case("false") {
        return Value::Bool(false);
    }
    if text.eq_ignore_ascii_case("null") {
        return Value::Nil;
    }
    if (text == "0" || !text.starts_with('0'))
        && let Ok(number) = text.parse()
    {
        return Value::Int(IntType::Int64, number);
    }
    Value::from(text)
}

fn set(target: &Map, key: &str, value: Value) {
    if !key.is_empty() {
        target.insert(key, value);
    }
}

fn put(mut list: Vec<Value>, index: i64, value: Value) -> Result<Vec<Value>, Stop> {
    if index > MAX_INDEX {
        return Err(
            format!("index of {index} is greater than maximum supported index of {MAX_INDEX}").into(),
        );
    }
    let at = usize::try_from(index).unwrap_or_default();
    if list.len() <= at {
        list.resize(at + 1, Value::Nil);
    }
    if let Some(slot) = list.get_mut(at) {
        *slot = value;
    }
    Ok(list)
}

fn too_deep() -> Stop {
    Stop::Refused(format!(
        "value name nested level is greater than maximum supported nested level of {MAX_NESTED}"
    ))
}

/// Helm catches the panic of a type assertion, and says it.
fn panicked(found: &Value, wanted: &str) -> Stop {
    let found = match found {
        Value::Nil => "nil",
        other => other.type_name(),
    };
    Stop::Refused(format!(
        "unable to parse key: interface conversion: interface {{}} is {found}, not {wanted}"
    ))
}

#[cfg(test)]
mod tests {
    use crate::call::Budget;
    use crate::chart::Profile;
    use crate::format::{JsonStyle, to_json};
    use crate::render::ValueSources;
    use crate::value::Value;

    /// Every line was answered by `helm template` 4.2.3 with `{{ .Values | toRawJson }}`.
    #[test]
    fn every_form_is_read_as_helm_reads_it() {
        let mut wrong = Vec::new();
        for line in include_str!("set_cases.txt").lines() {
            let [option, text, answer] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            let mut sources = ValueSources::default();
            let list = match option {
                "set" => &mut sources.set,
                "set-string" => &mut sources.strings,
                "set-json" => &mut sources.json,
                "set-literal" => &mut sources.literals,
                _ => &mut sources.set_files,
            };
            list.push(text.to_owned());
            let mut budget = Budget::new(1_000_000, 1 << 30);
            let mut read = |name: &str| match name {
                "f.txt" => Ok(b"file\ntext".to_vec()),
                _ => Err("no such file".to_owned()),
            };
            let ours = match sources.merge(Profile::Helm4, &mut budget, &mut read) {
                Ok(map) => to_json(&Value::Map(map), JsonStyle::RAW, &mut budget).unwrap(),
                Err(error) => format!("Error: {error}"),
            };
            if ours != answer {
                wrong.push(format!("{line}\n  ours {ours}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn hostile_names_are_refused() {
        let deep = "a".to_owned() + &"[0]".repeat(100_000) + "=1";
        let dots = "a.".repeat(100_000) + "b=1";
        let mixed = "a[0].".repeat(100_000) + "b=1";
        for text in [deep, dots, mixed] {
            let sources = ValueSources {
                set: vec![text],
                ..ValueSources::default()
            };
            let mut budget = Budget::new(1_000_000, 1 << 30);
            let result = sources.merge(Profile::Helm4, &mut budget, &mut |_| Err(String::new()));
            let problem = result.unwrap_err().to_string();
            assert!(problem.contains("maximum supported nested level"), "{problem}");
        }
    }
}
