//! Command lines, and variables of the environment.

use std::collections::BTreeSet;

use super::Rule;
use super::compose::{Around, Composed, Part, compose};
use super::embedded;
use super::found::Gap;
use super::text::{self, Strength};
use super::walk::{Scope, Walker, text_of};
use super::words::{self, Key, Role};
use crate::value::{List, Str, Value};

/// The words of a command line.
pub(super) fn list(walker: &mut Walker<'_>, list: &List, scope: Scope) {
    let rules = [Rule::Argument, Rule::ArgumentReference];
    // Whether the word before is a flag that wants an image.
    let mut wanted = false;
    let mut flags: Vec<(usize, Key, String)> = Vec::new();
    for (at, item) in list.iter().enumerate() {
        let Value::String(word) = item else {
            walker.index(at, |walker| walker.value(item, scope));
            wanted = false;
            continue;
        };
        let word = word.text();
        let word = word.trim();
        let is_flag = word.starts_with('-');
        let was_wanted = std::mem::replace(&mut wanted, is_flag && says_image(word));
        walker.index(at, |walker| {
            if word.contains(char::is_whitespace) {
                loose(walker, word, scope, rules);
            } else if let Some((name, value)) = word.split_once('=') {
                if let Some(key) = words::key(name.as_bytes()) {
                    flags.push((at, key, value.to_owned()));
                }
                assigned(walker, name, value, scope, rules);
            } else if was_wanted && !is_flag {
                image(walker, word, scope, Rule::Argument, true);
            } else if !is_flag {
                walker.references(word, scope, Rule::ArgumentReference);
            }
        });
    }
    for (at, written) in together(&flags) {
        walker.index(at, |walker| {
            if let Some(read) = text::read(&written) {
                walker.add(read.reference, Rule::Argument, &written, scope);
            }
        });
    }
}

fn says_image(flag: &str) -> bool {
    words::mentions_image(flag.as_bytes())
}

/// Repositories and tags that are given apart.
fn together(flags: &[(usize, Key, String)]) -> Vec<(usize, String)> {
    let parts: Vec<Part<'_>> = flags
        .iter()
        .map(|(at, key, text)| Part {
            at: *at,
            key: key.clone(),
            text,
        })
        .collect();
    compose(&parts, Around::default())
        .into_iter()
        .filter_map(|one| match one {
            Composed::Whole { written, at, .. } => Some((at, written)),
            Composed::Open { .. } => None,
        })
        .collect()
}

/// The value of a flag or a variable; the rules for one that names an image and for one that does not.
fn assigned(walker: &mut Walker<'_>, name: &str, value: &str, scope: Scope, [named, other]: [Rule; 2]) {
    let value = value.trim_matches(['"', '\'']);
    if says_image(name) {
        let words = words::words(name.as_bytes());
        let ends = words.last().is_some_and(|last| last == "image" || last == "img");
        image(walker, value, scope, named, ends);
    } else {
        walker.references(value, scope, other);
    }
}

/// What is given where an image is wanted; without a tag or a registry it counts only if `ends`, that is, if the name
/// says image at its end.
fn image(walker: &mut Walker<'_>, text: &str, scope: Scope, rule: Rule, ends: bool) {
    let text = text.strip_prefix("docker://").unwrap_or(text.trim());
    if let Some(read) = text::read(text) {
        if ends || read.strength >= Strength::Tagged {
            walker.add(read.reference, rule, text, scope);
        }
        return;
    }
    let mut any = false;
    for (_, token) in text::tokens(text) {
        if let Some(read) = text::read(token).filter(|read| read.strength >= Strength::Tagged) {
            walker.add(read.reference, rule, token, scope);
            any = true;
        }
    }
    if !any && ends && text::is_template(text) {
        walker.gap(Gap::Unreadable, text);
    }
}

/// The text of a script or of lines that assign: whole references, and what is given to flags, variables and keys that
/// name an image; the rules for what is named so and for what is not.
pub(super) fn loose(walker: &mut Walker<'_>, script: &str, scope: Scope, [named, other]: [Rule; 2]) {
    if !walker
        .sink
        .step(1 + script.len() as u64 / 64, &walker.source().clone())
    {
        return;
    }
    let mut before: Option<(usize, &str)> = None;
    let mut lines = text::Lines::new(script);
    for (at, token) in text::tokens(script) {
        let (line, comment) = lines.line(at);
        if comment {
            continue;
        }
        let name = before.replace((at + token.len(), token));
        let given = name.is_some_and(|(end, name)| {
            let between = script.get(end..at).unwrap_or_default();
            let assigns = between.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'');
            let flag = name.starts_with('-') && matches!(assigns, "" | "=");
            let key = matches!(assigns, "=" | ":");
            !between.contains('\n') && (flag || key) && says_image(name)
        });
        let (token, read, rule) = match text::read(token) {
            Some(read) if given && read.strength >= Strength::Path => (token, Some(read), named),
            _ => {
                let token = token.strip_prefix("docker://").unwrap_or(token);
                (token, text::read_full(token), other)
            }
        };
        if let Some(read) = read {
            walker.line(line, |walker| walker.add(read.reference, rule, token, scope));
        }
    }
}

/// Variables that are one image together, `X_REPOSITORY` and `X_TAG`; gives the places of those that are used up.
pub(super) fn variables(walker: &mut Walker<'_>, list: &List, scope: Scope) -> BTreeSet<usize> {
    let mut flags: Vec<(usize, Key, String)> = Vec::new();
    for (at, item) in list.iter().enumerate() {
        if let Value::Map(map) = item
            && let Some(Value::String(name)) = map.get(b"name")
            && let Some(key) = words::key(&name)
        {
            let text = text_of(map, "value");
            if !text.is_empty() {
                flags.push((at, key, text));
            }
        }
    }
    let mut done = BTreeSet::new();
    for (at, written) in together(&flags) {
        if let Some(read) = text::read(&written) {
            walker.index(at, |walker| {
                walker.key("value", |walker| {
                    walker.add(read.reference, Rule::Environment, &written, scope);
                });
            });
            done.insert(at);
        }
    }
    done
}

/// A variable or parameter with its value.
pub(super) fn variable(walker: &mut Walker<'_>, name: &Str, text: &str, scope: Scope) {
    let key = words::key(name).filter(|key| matches!(key.role, Role::Image | Role::Images));
    if let Some(key) = key {
        let ends =
            !key.prefix.split(' ').any(|word| word == "image") && !words::shows_no_container(&key.prefix);
        return image(walker, text, scope, Rule::Environment, ends);
    }
    if words::mentions_image(name) {
        return image(walker, text, scope, Rule::Environment, false);
    }
    if embedded::known_artifact(walker, name, text, scope) {
        return;
    }
    if embedded::is_document(name, text) && embedded::document(walker, name, text, scope) {
        return;
    }
    walker.references(text, scope, Rule::EnvironmentReference);
}
