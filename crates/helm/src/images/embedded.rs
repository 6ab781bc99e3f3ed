//! Documents and texts inside strings: the files of ConfigMaps, values of charts, configuration of programs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::found::{Content, Gap};
use super::text::{self, Strength};
use super::walk::{MAX_STRINGS, Scope, Walker};
use super::words;
use super::{Rule, arguments, compose, documents};
use crate::call::Budget;
use crate::format::{TomlDialect, from_json, from_toml, from_yaml_kept};
use crate::value::{List, Str, Value};

/// The text of base64, if it is text.
pub(super) fn decode(text: &[u8]) -> Option<String> {
    let text: Vec<u8> = text
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    String::from_utf8(STANDARD.decode(text).ok()?).ok()
}

/// Whether a string can be more than a word: several lines, JSON in one, or a file by the name of its key.
pub(super) fn is_document(name: &Str, text: &str) -> bool {
    let ends = |end: &str| name.ends_with(end.as_bytes());
    text.len() >= 8
        && (text.contains('\n')
            || text.starts_with(['{', '['])
            || ends(".yaml")
            || ends(".yml")
            || ends(".toml")
            || ends(".properties"))
}

/// Reads what is in a string; false if it is too deep in others.
pub(super) fn document(walker: &mut Walker<'_>, name: &Str, text: &str, scope: Scope) -> bool {
    if scope.strings >= MAX_STRINGS {
        walker.gap(
            Gap::Unread,
            "documents lie in documents more often than is allowed",
        );
        return false;
    }
    let source = walker.source().clone();
    if !walker.sink.take(text.len(), &source) {
        return true;
    }
    // Most texts of ConfigMaps have no word of all this, and parsing them would take longer than all the rest.
    if !worth_parsing(text) && text::references(text).next().is_none() {
        return true;
    }
    let inner = scope.embedded();
    let mut budget = Budget::new(10_000_000, 128 << 20);
    let start = text.trim_start();
    if start.starts_with(['{', '['])
        && let Ok(value @ (Value::Map(_) | Value::List(_))) = from_json(text.as_bytes(), &mut budget)
    {
        walker.into("", |walker| walker.value(&value, inner));
        return true;
    }
    let toml = name.ends_with(b".toml")
        || text
            .lines()
            .any(|line| line.trim_start().starts_with('[') && line.trim_end().ends_with(']'));
    if toml && let Ok(map) = from_toml(text.as_bytes(), TomlDialect::Helm4, &mut budget) {
        walker.into("", |walker| walker.value(&Value::Map(map), inner));
        return true;
    }
    if start.starts_with("#!") {
        lines(walker, text, inner);
        return true;
    }
    let documents: Vec<&str> = documents::split(text).collect();
    for (at, one) in documents.iter().enumerate() {
        let mut budget = Budget::new(10_000_000, 128 << 20);
        let value = if one.contains(':') || one.trim_start().starts_with('-') {
            from_yaml_kept(one.as_bytes(), &mut budget).ok()
        } else {
            None
        };
        let into = if documents.len() > 1 {
            format!("document {}", at + 1)
        } else {
            String::new()
        };
        match value {
            Some(value @ (Value::Map(_) | Value::List(_))) => {
                walker.into(&into, |walker| walker.value(&value, inner));
            }
            _ if documents.len() > 1 => walker.into(&into, |walker| lines(walker, one, inner)),
            _ => lines(walker, one, inner),
        }
    }
    true
}

/// Whether a text has a word of images in it, or of what makes one.
fn worth_parsing(text: &str) -> bool {
    ["mage", "MAGE", "epository", "EPOSITORY", "refs:", "hub"]
        .iter()
        .any(|word| memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some())
}

/// A text that is no document: `k=v`, `k: v`, flags, and whole references anywhere.
pub(super) fn lines(walker: &mut Walker<'_>, text: &str, scope: Scope) {
    arguments::loose(walker, text, scope, [Rule::EmbeddedKey, Rule::EmbeddedReference]);
    let mut pairs = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let Some((name, value)) = line.split_once('=').or_else(|| line.split_once(':')) else {
            continue;
        };
        let value = value.trim().trim_matches(['"', '\'']);
        if let Some(key) = words::key(name.trim().as_bytes()) {
            if matches!(key.role, words::Role::Image)
                && (value.contains("{{") || value.contains("${"))
                && value.contains('/')
            {
                walker.into(&format!("line {}", at + 1), |walker| {
                    walker.gap(Gap::Unreadable, value);
                });
                continue;
            }
            pairs.push(compose::Part { at, key, text: value });
        }
    }
    // A text that says the same twice, as a template does, puts nothing together.
    for one in compose::compose(&pairs, compose::Around::default()) {
        if let compose::Composed::Whole { written, at, .. } = &one
            && let Some(read) = text::read(written)
        {
            walker.into(&format!("line {}", at + 1), |walker| {
                walker.add(read.reference, Rule::Sibling, written, scope);
            });
        }
    }
}

/// OCI artifacts that are no images, by the keys of the programs that fetch them; whether it is one.
pub(super) fn known_artifact(walker: &mut Walker<'_>, name: &Str, text: &str, scope: Scope) -> bool {
    let words = words::words(name);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let known = match words.as_slice() {
        // Trivy appends the versions of its formats: 2 for vulnerabilities, 1 for Java.
        [.., "java", "db", "repository"] => Some("1"),
        [.., "db", "repository"] => Some("2"),
        [.., "oci", "ref" | "reference"] => Some("latest"),
        ["url"] if walker.is_of("extensions.istio.io") => Some("latest"),
        ["package"] if walker.is_of("pkg.crossplane.io") => Some("latest"),
        _ => None,
    };
    let Some(tag) = known else {
        return false;
    };
    // Trivy takes several, and asks the next when one does not answer.
    let mut any = false;
    for text in text.split(',') {
        let text = text.trim();
        let text = text.strip_prefix("oci://").unwrap_or(text);
        let Some(read) = text::read(text).filter(|read| read.strength >= Strength::Path) else {
            continue;
        };
        let tagged = matches!(read.strength, Strength::Tagged | Strength::Full);
        let written = if tagged {
            text.to_owned()
        } else {
            format!("{text}:{tag}")
        };
        if let Ok(reference) = written.parse() {
            walker.artifact(reference, &written, scope);
            any = true;
        }
    }
    any
}

/// Rules and plugins that `falcoctl` fetches: references, or names in its index.
pub(super) fn falco_artifacts(walker: &mut Walker<'_>, list: &List, scope: Scope) {
    for (at, item) in list.iter().enumerate() {
        let Value::String(text) = item else {
            continue;
        };
        let text = text.text();
        walker.index(at, |walker| {
            let written = match text::read(&text) {
                Some(read) if read.strength >= Strength::Hosted => text.to_string(),
                Some(_) => in_index_of_falco(&text),
                None => String::new(),
            };
            match text::read(&written) {
                Some(read) => walker.artifact(read.reference, &written, scope),
                None => walker.gap(Gap::Unreadable, &text),
            }
        });
    }
}

/// The reference of a name in the index of falcoctl (`falcosecurity.github.io/falcoctl/index.yaml`): rules of Falco
/// itself, rules of a plugin, plugins.
fn in_index_of_falco(name: &str) -> String {
    let (bare, tag) = name.split_once(':').unwrap_or((name, "latest"));
    match bare.strip_suffix("-rules") {
        Some("falco" | "falco-incubating" | "falco-sandbox" | "falco-deprecated" | "application") => {
            format!("ghcr.io/falcosecurity/rules/{bare}:{tag}")
        }
        Some(plugin) => format!("ghcr.io/falcosecurity/plugins/ruleset/{plugin}:{tag}"),
        None => format!("ghcr.io/falcosecurity/plugins/plugin/{bare}:{tag}"),
    }
}

impl Walker<'_> {
    /// Adds an artifact that is no image.
    fn artifact(&mut self, reference: airlock_types::Reference, written: &str, scope: Scope) {
        let place = self.place();
        let rule = if scope.trust == super::walk::Trust::Values {
            Rule::Values
        } else {
            Rule::ArtifactReference
        };
        self.sink.add(reference, Content::Artifact, rule, written, place);
    }
}
