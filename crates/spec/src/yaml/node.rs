//! A YAML document as a tree that knows where everything stands.
//!
//! Scalars keep their spelling (`1.10` stays `1.10`), since the fields of the document decide what they are.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::diagnostic::{Diagnostic, SourceText, Span};

/// The largest document that is read.
const MAX_BYTES: usize = 4 << 20;

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) span: Span,
    /// Whether a text is a number or a boolean without quotes.
    pub(crate) bare: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) span: Span,
}

impl Node {
    /// Reads a document. Aliases, nesting and size are bounded, so that a small file stays a small tree.
    pub(crate) fn parse(source: &SourceText) -> Result<Self, Diagnostic> {
        if source.text.len() > MAX_BYTES {
            let problem = format!("the file is longer than the {MAX_BYTES} bytes that are allowed");
            return Err(Diagnostic::of_file(&source.name, problem));
        }
        let options = serde_saphyr::options! {
            with_snippet: false,
            // What an alias repeats is counted again, so these bound aliases, too.
            budget: serde_saphyr::budget! {
                max_depth: 32,
                max_nodes: 100_000,
                max_total_scalar_bytes: 16 << 20,
            },
        };
        let raw: Spanned<Raw> = serde_saphyr::from_str_with_options(&source.text, options)
            .map_err(|error| syntax_error(source, &error))?;
        Ok(Self::build(source, raw))
    }

    fn build(source: &SourceText, raw: Spanned<Raw>) -> Self {
        let span = span(source, raw.referenced);
        let bare = matches!(raw.value, Raw::Plain);
        let value = match raw.value {
            Raw::Null => Value::Null,
            Raw::Text(text) => Value::Text(text),
            Raw::Plain => Value::Text(slice(source, raw.defined).to_owned()),
            Raw::List(items) => {
                Value::List(items.into_iter().map(|item| Self::build(source, item)).collect())
            }
            Raw::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| {
                        let key = Key {
                            span: self::span(source, key.referenced),
                            name: key.value,
                        };
                        (key, Self::build(source, value))
                    })
                    .collect(),
            ),
        };
        Self { value, span, bare }
    }

    /// The value as JSON, for fields whose meaning others decide. A number that JSON would spell another way (`0644`) stays
    /// the text that it is.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Text(text) if self.bare => bare(text),
            Value::Text(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => entries
                .iter()
                .map(|(key, node)| (key.name.clone(), node.to_json()))
                .collect(),
        }
    }

    /// Where it starts; block mappings start where their first key does.
    pub(crate) fn start(&self) -> Span {
        match &self.value {
            Value::Map(entries) => entries.first().map_or(self.span, |(key, _)| key.span),
            _ => self.span,
        }
    }

    /// What it is, for people.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

fn bare(text: &str) -> serde_json::Value {
    if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
        return text.eq_ignore_ascii_case("true").into();
    }
    match serde_json::from_str::<serde_json::Number>(text) {
        Ok(number) if number.to_string() == text => number.into(),
        _ => text.into(),
    }
}

fn slice(source: &SourceText, location: Location) -> &str {
    let span = location.span();
    let range = span
        .byte_offset()
        .zip(span.byte_len())
        .and_then(|(start, length)| {
            let start = usize::try_from(start).ok()?;
            Some(start..start.checked_add(usize::try_from(length).ok()?)?)
        });
    range.and_then(|range| source.text.get(range)).unwrap_or_default()
}

fn span(source: &SourceText, location: Location) -> Span {
    let position = |n: u64| usize::try_from(n).unwrap_or_default();
    // A scalar of several lines is marked on its first one.
    let first_line = slice(source, location).lines().next().unwrap_or_default();
    Span {
        line: position(location.line()),
        column: position(location.column()),
        length: first_line.trim_end().chars().count(),
    }
}

fn syntax_error(source: &SourceText, error: &serde_saphyr::Error) -> Diagnostic {
    let error = error.without_snippet();
    let location = error.location();
    let span = location.map_or_else(Span::default, |location| span(source, location));
    if let serde_saphyr::Error::DuplicateMappingKey { key, .. } = error {
        let key = key.as_deref().unwrap_or_default();
        return Diagnostic::new(source, span, format!("the key `{key}` stands twice"));
    }
    if let serde_saphyr::Error::MultipleDocuments { .. } = error {
        return Diagnostic::new(source, span, "only one YAML document is expected");
    }
    let text = error.to_string();
    // The place is shown with the excerpt; the library repeats it in its text.
    let text = text.split(" at line ").next().unwrap_or_default();
    let found = Diagnostic::new(source, span, format!("this is not valid YAML: {text}"));
    let line = source
        .text
        .lines()
        .nth(span.line.saturating_sub(1))
        .unwrap_or_default();
    if line.trim_start_matches(' ').starts_with('\t') {
        found.help("indent with spaces; YAML does not allow tabs there")
    } else if line.contains('{') && line.contains("${") || line.contains("[${") {
        found.help("put quotes around a value with ${…} inside of { } or [ ]")
    } else {
        found
    }
}

/// What the YAML library delivers.
enum Raw {
    Null,
    /// A string whose text is known.
    Text(String),
    /// A bare number or boolean: the source text is its spelling.
    Plain,
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut out = Vec::new();
        while let Some(item) = items.next_element()? {
            out.push(item);
        }
        Ok(Raw::List(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut out = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            out.push(entry);
        }
        Ok(Raw::Map(out))
    }
}
