//! What is gathered on the way, within limits.

use std::sync::Arc;

use airlock_types::Reference;

use super::found::{Content, Finding, Gap, Notice, Object, Place, Source};
use super::{Cost, Limits, Rule};

/// An object of an operator, for what can be told only when everything was seen.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    pub(super) place: Place,
    /// The API group, without the version.
    pub(super) group: String,
    pub(super) kind: String,
    /// `spec.version`.
    pub(super) version: String,
    /// `spec.type`.
    pub(super) variant: String,
    /// Whether it names an image itself, in `spec.image` or `spec.imageName`.
    pub(super) has_image: bool,
}

/// Findings, notices and facts.
#[derive(Clone, Debug, Default)]
pub(super) struct Sink {
    pub(super) limits: Limits,
    pub(super) findings: Vec<Finding>,
    pub(super) notices: Vec<Notice>,
    pub(super) facts: Vec<Fact>,
    pub(super) cost: Cost,
    pub(super) full: bool,
}

impl Sink {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Counts work; false when there was too much of it, which is told once.
    pub(super) fn step(&mut self, count: u64, source: &Source) -> bool {
        self.cost.steps = self.cost.steps.saturating_add(count);
        if self.cost.steps > self.limits.steps {
            self.stop("it takes more steps than are allowed", source);
        }
        !self.full
    }

    /// Counts bytes that are read.
    pub(super) fn take(&mut self, bytes: usize, source: &Source) -> bool {
        self.cost.bytes = self.cost.bytes.saturating_add(bytes as u64);
        if self.cost.bytes > self.limits.bytes {
            self.stop("there is more text than is allowed", source);
        }
        !self.full
    }

    fn stop(&mut self, why: &str, source: &Source) {
        if self.full {
            return;
        }
        self.full = true;
        self.notices.push(Notice {
            gap: Gap::Unread,
            text: why.to_owned(),
            place: Place {
                source: source.clone(),
                ..Place::default()
            },
        });
    }

    pub(super) fn add(
        &mut self,
        reference: Reference,
        content: Content,
        rule: Rule,
        written: &str,
        place: Place,
    ) {
        if self.findings.len() >= self.limits.findings {
            let source = place.source.clone();
            return self.stop("there are more references than are allowed", &source);
        }
        self.findings.push(Finding {
            reference,
            content,
            class: rule.class(),
            rule,
            place,
            written: clip(written),
        });
    }

    pub(super) fn notice(&mut self, gap: Gap, text: &str, place: Place) {
        if self.notices.len() >= self.limits.findings {
            let source = place.source.clone();
            return self.stop("there are more gaps than are allowed", &source);
        }
        self.notices.push(Notice {
            gap,
            text: clip(text),
            place,
        });
    }
}

/// Texts for people are short.
fn clip(text: &str) -> String {
    let text = text.trim();
    let first = first(text, 600);
    if first.len() < text.len() {
        format!("{first}…")
    } else {
        first.to_owned()
    }
}

/// The first characters of a text.
pub(super) fn first(text: &str, count: usize) -> &str {
    let end = text.char_indices().nth(count).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}

/// The place of an object as a whole.
pub(super) fn whole(source: &Source, object: Option<&Arc<Object>>) -> Place {
    Place {
        source: source.clone(),
        object: object.cloned(),
        path: String::new(),
    }
}
