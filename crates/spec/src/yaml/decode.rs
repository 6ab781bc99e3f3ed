//! From a tree to values, collecting every problem on the way instead of stopping at the first.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Place, SourceText, Span, did_you_mean};
use super::node::{Key, Node, Value};

/// How many problems of one file are told.
const MAX_PROBLEMS: usize = 1000;

/// Reads the nodes of one file; problems gather in `problems`.
pub(crate) struct Decoder<'a> {
    pub(crate) source: &'a SourceText,
    file: Arc<str>,
    pub(crate) problems: Vec<Diagnostic>,
}

/// The entries of a mapping whose fields are known.
pub(crate) struct Fields<'n> {
    entries: &'n [(Key, Node)],
    span: Span,
    what: &'static str,
}

impl<'n> Fields<'n> {
    /// The value of a field; an empty value counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&'n Node> {
        self.entries
            .iter()
            .find(|(key, node)| key.name == name && !matches!(node.value, Value::Null))
            .map(|(_, node)| node)
    }

    /// The place of a field's name.
    pub(crate) fn key_span(&self, name: &str) -> Span {
        self.entries
            .iter()
            .find(|(key, _)| key.name == name)
            .map_or(self.span, |(key, _)| key.span)
    }
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(source: &'a SourceText) -> Self {
        Self {
            source,
            file: source.name.as_str().into(),
            problems: Vec::new(),
        }
    }

    pub(crate) fn place(&self, span: Span) -> Place {
        Place {
            file: Arc::clone(&self.file),
            line: span.line,
            column: span.column,
        }
    }

    /// Notes a problem; the caller may refine it.
    pub(crate) fn problem(&mut self, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        let problem = Diagnostic::new(self.source, span, message);
        // Each excerpt takes a look through the file, and nobody reads more than these.
        self.problems.truncate(MAX_PROBLEMS - 1);
        self.problems.push(problem);
        let last = self.problems.len() - 1;
        &mut self.problems[last]
    }

    fn wrong_type(&mut self, node: &Node, expected: &str) {
        let found = node.kind();
        self.problem(node.span, format!("expected {expected}, found {found}"));
    }

    /// The entries of a mapping with `known` fields; anything else in it is a problem.
    pub(crate) fn fields<'n>(
        &mut self,
        node: &'n Node,
        what: &'static str,
        known: &[&'static str],
    ) -> Option<Fields<'n>> {
        let Value::Map(entries) = &node.value else {
            self.wrong_type(node, &format!("a mapping ({what})"));
            return None;
        };
        for (key, _) in entries {
            if known.contains(&key.name.as_str()) {
                continue;
            }
            let meant = did_you_mean(&key.name, known.iter().copied());
            let problem = self.problem(key.span, format!("unknown field `{}` in {what}", key.name));
            problem.label = meant.map(|name| format!("did you mean `{name}`?"));
            problem.help = Some(format!("the fields of {what} are {}", known.join(", ")));
        }
        // A block mapping starts where its first key stands.
        let span = match entries.first() {
            Some((key, _)) if node.span.length == 0 => key.span,
            _ => node.span,
        };
        Some(Fields { entries, span, what })
    }

    /// A field that must be there.
    pub(crate) fn required<'n>(
        &mut self,
        fields: &Fields<'n>,
        name: &str,
        example: &str,
    ) -> Option<&'n Node> {
        let found = fields.get(name);
        if found.is_none() {
            let what = fields.what;
            self.problem(fields.span, format!("missing field `{name}` in {what}"))
                .help = Some(format!("for example `{name}: {example}`"));
        }
        found
    }

    pub(crate) fn text<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        if let Value::Text(text) = &node.value {
            if !text.is_empty() {
                return Some(text);
            }
            self.problem(node.span, "expected a text, found an empty one");
        } else {
            self.wrong_type(node, "a text");
        }
        None
    }

    pub(crate) fn list<'n>(&mut self, node: &'n Node) -> &'n [Node] {
        if let Value::List(items) = &node.value {
            items
        } else {
            self.wrong_type(node, "a list");
            &[]
        }
    }

    /// A text that parses as `T`, whose error says what is wrong.
    pub(crate) fn parse<T>(&mut self, node: &Node) -> Option<T>
    where
        T: FromStr,
        T::Err: Display + std::error::Error,
    {
        let text = self.text(node)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(node.span, with_causes(&error));
                None
            }
        }
    }

    /// The name of a release, which is the name of a Secret as well: at most 53 characters (Helm, "Release names").
    pub(crate) fn release(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node)?;
        if text.len() > 53 || !text.split('.').all(is_label) {
            let message = format!(
                "a release is called with at most 53 lower-case letters, digits, '-' and '.': {text:?}"
            );
            self.problem(node.span, message);
            return None;
        }
        Some(text.to_owned())
    }

    pub(crate) fn texts(&mut self, node: Option<&Node>) -> Vec<String> {
        let Some(node) = node else { return Vec::new() };
        self.list(node)
            .iter()
            .filter_map(|item| self.text(item).map(str::to_owned))
            .collect()
    }

    /// One word of a fixed set.
    pub(crate) fn word(&mut self, node: &Node, what: &str, known: &[&'static str]) -> Option<&'static str> {
        let text = self.text(node)?.to_owned();
        if let Some(word) = known.iter().find(|word| **word == text) {
            return Some(word);
        }
        let meant = did_you_mean(&text, known.iter().copied());
        let problem = self.problem(node.span, format!("unknown {what} `{text}`"));
        problem.label = meant.map(|word| format!("did you mean `{word}`?"));
        problem.help = Some(format!("it must be {}", known.join(" or ")));
        None
    }
}

/// Whether a text is a label of a name in DNS, in lower case (RFC 1123, section 2.1).
pub(crate) fn is_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.chars().all(inner)
}

/// An error and what caused it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut out = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        out.push_str(": ");
        out.push_str(&error.to_string());
        cause = error.source();
    }
    out
}
