//! Strings: what each says where it stands.

use airlock_types::Reference;

use super::{Scope, Trust, Walker};
use crate::images::found::{Content, Gap};
use crate::images::text::{self, Strength};
use crate::images::words::{self, Key, Role};
use crate::images::{Rule, embedded};
use crate::value::{Map, Str, Value};

impl Walker<'_> {
    /// The value of a key that names an image; `rule` where the shape says more than the key.
    pub(in crate::images) fn image(&mut self, key: &Key, text: &str, scope: Scope, rule: Option<Rule>) {
        let text = text.trim();
        let plain = scope.trust == Trust::Object && rule.is_some();
        if text.is_empty() {
            if plain {
                self.gap(Gap::Unreadable, "the image is empty");
            }
            return;
        }
        let text = text.strip_prefix("docker://").unwrap_or(text);
        let Some(read) = text::read(text) else {
            return self.not_read(text, scope, plain);
        };
        if read.strength <= Strength::Tagged
            && !text.contains('/')
            && let Some((hub, tag)) = self.hubs.last()
        {
            let tag = if read.strength == Strength::Tagged {
                String::new()
            } else {
                format!(":{tag}")
            };
            let written = format!("{hub}/{text}{tag}");
            if let Some(read) = text::read(&written) {
                self.add(read.reference, Rule::Hub, &written, scope);
            }
            return;
        }
        let weak = read.strength < Strength::Tagged;
        if let Some(version) = &self.version
            && !matches!(read.strength, Strength::Tagged | Strength::Full)
        {
            let written = format!("{text}:{version}");
            if let Some(read) = text::read(&written) {
                self.add(read.reference, Rule::Operator, &written, scope);
                return;
            }
        }
        if rule.is_none()
            && weak
            && (words::shows_no_container(&key.prefix)
                || self.below_parent(words::shows_no_container)
                || key.prefix.split(' ').any(|word| word == "image"))
        {
            return;
        }
        let rule = rule.unwrap_or(if weak { Rule::ImageWord } else { Rule::ImageKey });
        self.add(read.reference, rule, text, scope);
    }

    /// What stands for an image and is no reference: several, a document, or something a person must see.
    fn not_read(&mut self, text: &str, scope: Scope, plain: bool) {
        let before = self.sink.findings.len();
        if !plain && text.contains([',', ';', ' ', '\n', '=', '{', '"']) {
            for (_, token) in text::tokens(text) {
                if let Some(read) = text::read(token)
                    && read.strength >= Strength::Tagged
                {
                    self.add(read.reference, Rule::ImageKey, token, scope);
                }
            }
        }
        if self.sink.findings.len() > before || scope.trust == Trust::Values {
            return;
        }
        let address =
            text.contains("://") || text.starts_with(['/', '.']) || text.contains(char::is_whitespace);
        let path = text.contains('/') && text.contains(':');
        if plain || text::is_template(text) || (path && !address) {
            self.gap(Gap::Unreadable, text);
        }
    }

    /// A string of which the key says nothing.
    pub(in crate::images) fn string_of(&mut self, name: &Str, text: &str, scope: Scope) {
        if scope.trust == Trust::Schema {
            if let Some(read) = text::read_full(text) {
                self.add(read.reference, Rule::SchemaDefault, text, scope);
            }
            return;
        }
        if embedded::is_document(name, text) && embedded::document(self, name, text, scope) {
            return;
        }
        self.references(text, scope, Rule::Reference);
    }

    /// The whole references in a text.
    pub(in crate::images) fn references(&mut self, text: &str, scope: Scope, rule: Rule) {
        if !text.contains('/') || !text.contains([':', '@']) {
            return;
        }
        let mut lines = text::Lines::new(text);
        for (at, token, read) in text::references(text) {
            let (line, comment) = lines.line(at);
            if line.is_none() || !comment {
                self.line(line, |walker| walker.add(read.reference, rule, token, scope));
            }
        }
    }

    pub(super) fn annotations(&mut self, map: &Map, scope: Scope) {
        for (name, value) in map.entries() {
            let Value::String(text) = value else {
                continue;
            };
            let text = text.text();
            let Some(read) = text::read(&text).filter(|read| read.strength >= Strength::Tagged) else {
                continue;
            };
            // What stands behind the domain of the name.
            let last = name.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
            let says_image = words::key(last).is_some_and(|key| key.role == Role::Image);
            let rule = match (says_image, read.strength) {
                (true, _) => Rule::AnnotationKey,
                (false, Strength::Full) => Rule::AnnotationReference,
                _ => continue,
            };
            self.key(name, |walker| walker.add(read.reference, rule, &text, scope));
        }
    }

    /// Adds a finding; the class is the rule's, as far as the document allows it.
    pub(in crate::images) fn add(&mut self, reference: Reference, rule: Rule, written: &str, scope: Scope) {
        let rule = scope.trust.rule(rule);
        let place = self.place();
        self.sink.add(reference, Content::Image, rule, written, place);
    }

    pub(in crate::images) fn gap(&mut self, gap: Gap, text: &str) {
        let place = self.place();
        self.sink.notice(gap, text, place);
    }
}
