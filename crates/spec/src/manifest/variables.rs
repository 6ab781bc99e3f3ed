//! `${name}` in values, and `when`.

use std::collections::BTreeMap;

use crate::yaml::Decoder;
use crate::yaml::{Diagnostic, Span, did_you_mean};
use crate::yaml::{Key, Node, Value};

/// The variables of one file with their values.
pub(crate) type Variables = BTreeMap<String, String>;

fn is_name(text: &str) -> bool {
    text.bytes()
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == b'_')
        && text
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'-')
}

/// Reads `variables`: the value given from outside wins over the one written; values may use other variables.
pub(crate) fn declared(decoder: &mut Decoder<'_>, node: &Node, given: &Variables) -> Variables {
    let Value::Map(entries) = &node.value else {
        let found = node.kind();
        decoder.problem(
            node.span,
            format!("expected a mapping (variables), found {found}"),
        );
        return Variables::new();
    };
    let mut written = BTreeMap::new();
    for (Key { name, span }, value) in entries {
        if !is_name(name) {
            decoder.problem(
                *span,
                format!("a variable's name is letters, digits, '_' and '-': `{name}`"),
            );
        }
        let text = match &value.value {
            Value::Text(text) => text.as_str(),
            Value::Null => "",
            _ => {
                let found = value.kind();
                decoder.problem(value.span, format!("expected a text, found {found}"));
                ""
            }
        };
        written.insert(name.as_str(), (text, value.span));
    }
    let mut resolver = Resolver {
        written: &written,
        given,
        done: Variables::new(),
        open: Vec::new(),
    };
    for name in written.keys() {
        resolver.resolve(decoder, name);
    }
    resolver.done
}

struct Resolver<'a> {
    written: &'a BTreeMap<&'a str, (&'a str, Span)>,
    given: &'a Variables,
    done: Variables,
    open: Vec<&'a str>,
}

impl<'a> Resolver<'a> {
    fn resolve(&mut self, decoder: &mut Decoder<'_>, name: &'a str) {
        let Some((text, span)) = self.written.get(name).copied() else {
            return;
        };
        if self.done.contains_key(name) {
            return;
        }
        if let Some(value) = self.given.get(name) {
            self.done.insert(name.to_owned(), value.clone());
            return;
        }
        self.open.push(name);
        for needed in names(text) {
            if let Some(at) = self.open.iter().position(|open| *open == needed) {
                let circle = self.open[at..].join(" → ");
                decoder.problem(
                    span,
                    format!("the variables need each other: {circle} → {needed}"),
                );
                self.open.pop();
                self.done.insert(name.to_owned(), String::new());
                return;
            }
            if let Some((needed, _)) = self.written.get_key_value(needed) {
                self.resolve(decoder, needed);
            }
        }
        self.open.pop();
        let value = substitute(decoder, text, span, &self.done);
        self.done.insert(name.to_owned(), value);
    }
}

/// The names between `${` and `}`.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("${")
        .filter(|(at, _)| !text[..*at].ends_with('$'))
        .filter_map(|(at, _)| text[at + 2..].split_once('}').map(|(name, _)| name))
}

/// Applies variables to every value below `node`, but for conditions, which name variables without `${}`.
pub(crate) fn apply(decoder: &mut Decoder<'_>, node: &mut Node, variables: &Variables) {
    match &mut node.value {
        Value::Null => {}
        Value::Text(text) => {
            if text.contains("${") {
                *text = substitute(decoder, text, node.span, variables);
            }
        }
        Value::List(items) => items.iter_mut().for_each(|item| apply(decoder, item, variables)),
        Value::Map(entries) => {
            for (key, value) in entries {
                if key.name != "when" && key.name != "variables" {
                    apply(decoder, value, variables);
                }
            }
        }
    }
}

fn substitute(decoder: &mut Decoder<'_>, text: &str, span: Span, variables: &Variables) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(literal) = before.strip_suffix('$') {
            out.push_str(literal);
            out.push_str("${");
            rest = &from[2..];
            continue;
        }
        out.push_str(before);
        let Some((name, after)) = from[2..].split_once('}') else {
            decoder.problem(span, "a variable is not closed with '}'").help =
                Some("write $${ for a literal ${".to_owned());
            return out;
        };
        rest = after;
        match variables.get(name) {
            Some(value) => out.push_str(value),
            None => unknown(decoder, name, span, variables),
        }
    }
    out.push_str(rest);
    out
}

fn unknown(decoder: &mut Decoder<'_>, name: &str, span: Span, variables: &Variables) {
    // Point at the variable itself where its spelling is found on the line.
    let line = decoder
        .source
        .text
        .lines()
        .nth(span.line.saturating_sub(1))
        .unwrap_or_default();
    let written = format!("${{{name}}}");
    let start = line
        .char_indices()
        .nth(span.column.saturating_sub(1))
        .map_or(0, |(at, _)| at);
    let span = match line[start..].find(&written) {
        Some(at) => Span {
            line: span.line,
            column: line[..start + at].chars().count() + 1,
            length: written.chars().count(),
        },
        None => span,
    };
    unknown_name(decoder.problem(span, ""), name, variables);
}

/// The message for a name that no variable has.
pub(crate) fn unknown_name(problem: &mut Diagnostic, name: &str, variables: &Variables) {
    problem.message = format!("unknown variable `{name}`");
    problem.label = did_you_mean(name, variables.keys().map(String::as_str))
        .map(|meant| format!("did you mean `{meant}`?"));
    problem.help = Some(if variables.is_empty() {
        "give it a value below `variables:`".to_owned()
    } else {
        let known: Vec<&str> = variables.keys().map(String::as_str).collect();
        format!("the variables are {}", known.join(", "))
    });
}

/// Decides a `when`: `VAR`, `VAR == VALUE` or `VAR != VALUE`.
pub(crate) fn condition(decoder: &mut Decoder<'_>, node: &Node, variables: &Variables) -> bool {
    let Some(text) = decoder.text(node).map(str::to_owned) else {
        return false;
    };
    let (name, test) = if let Some((name, value)) = text.split_once("!=") {
        (name, Test::Differs(unquoted(value)))
    } else if let Some((name, value)) = text.split_once("==") {
        (name, Test::Equals(unquoted(value)))
    } else {
        (text.as_str(), Test::IsTrue)
    };
    let name = name.trim();
    if !is_name(name) {
        decoder.problem(
            node.span,
            format!("a condition is VARIABLE, VARIABLE == VALUE or VARIABLE != VALUE: {text:?}"),
        );
        return false;
    }
    let Some(actual) = variables.get(name) else {
        unknown_name(decoder.problem(node.span, ""), name, variables);
        return false;
    };
    match test {
        Test::Differs(value) => actual != value,
        Test::Equals(value) => actual == value,
        Test::IsTrue => is_true(actual),
    }
}

enum Test<'a> {
    Differs(&'a str),
    Equals(&'a str),
    IsTrue,
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches(['"', '\''])
}

fn is_true(text: &str) -> bool {
    !matches!(
        text.to_ascii_lowercase().as_str(),
        "" | "0" | "false" | "no" | "off"
    )
}
