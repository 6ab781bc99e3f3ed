//! Manifests that were read before: of the renderings of one chart, nearly all are the same.

use std::collections::HashMap;

use crate::render::kept::{Look, look};

use super::found::{Finding, Notice, Source};
use super::sink::{Fact, Sink};

/// How many bytes of manifests and findings may be kept; then all is forgotten.
const MOST: usize = 64 << 20;

/// How many manifests that look alike are kept: somebody may choose them so.
const ALIKE: usize = 8;

/// Roughly what a finding, a notice or a fact takes.
const ONE: usize = 512;

/// What finders know of manifests that one of them has read, for [`super::Finder::manifest_kept`].
#[derive(Debug, Default)]
pub struct Kept {
    manifests: HashMap<Source, HashMap<Look, Alike>>,
    size: usize,
}

/// Manifests that look alike.
type Alike = Vec<(Box<[u8]>, Known)>;

/// What is in one manifest.
#[derive(Debug)]
pub(super) struct Known {
    findings: Vec<Finding>,
    notices: Vec<Notice>,
    facts: Vec<Fact>,
}

impl Kept {
    pub(super) fn get(&self, source: &Source, bytes: &[u8]) -> Option<&Known> {
        let alike = self.manifests.get(source)?.get(&look(bytes))?;
        let same = alike.iter().find(|(text, _)| **text == *bytes);
        same.map(|(_, known)| known)
    }

    pub(super) fn insert(&mut self, source: &Source, bytes: &[u8], known: Known) {
        let size = bytes.len() + ONE * (1 + known.findings.len() + known.notices.len() + known.facts.len());
        if self.size + size > MOST {
            self.manifests.clear();
            self.size = 0;
        }
        let of_source = self.manifests.entry(source.clone()).or_default();
        let alike = of_source.entry(look(bytes)).or_default();
        if size <= MOST && alike.len() < ALIKE {
            self.size += size;
            alike.push((bytes.into(), known));
        }
    }
}

impl Known {
    /// Adds it as if the manifest were read again.
    pub(super) fn add_to(&self, sink: &mut Sink) {
        if sink.full {
            return;
        }
        for one in &self.findings {
            let place = one.place.clone();
            sink.add(one.reference.clone(), one.content, one.rule, &one.written, place);
        }
        for one in &self.notices {
            sink.notice(one.gap, &one.text, one.place.clone());
        }
        let room = sink.limits.findings.saturating_sub(sink.facts.len());
        sink.facts.extend(self.facts.iter().take(room).cloned());
    }
}

/// How much there was before a manifest was read.
pub(super) struct Mark {
    findings: usize,
    notices: usize,
    facts: usize,
}

impl Mark {
    pub(super) fn of(sink: &Sink) -> Self {
        Self {
            findings: sink.findings.len(),
            notices: sink.notices.len(),
            facts: sink.facts.len(),
        }
    }

    /// What has come since; none where a limit was reached, since another finder may come further.
    pub(super) fn since(&self, sink: &Sink) -> Option<Known> {
        if sink.full {
            return None;
        }
        Some(Known {
            findings: sink.findings.get(self.findings..)?.to_vec(),
            notices: sink.notices.get(self.notices..)?.to_vec(),
            facts: sink.facts.get(self.facts..)?.to_vec(),
        })
    }
}
