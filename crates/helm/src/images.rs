//! Every image that rendered manifests need: where, by which rule, and how sure that is.
//!
//! A [`Finder`] takes what is known of a site — rendered charts, plain manifests in YAML or JSON, values, what charts
//! say of themselves — and gives [`Found`]: each reference at each place, with the [`Rule`] that found it and the
//! [`Class`] of the rule, and [`Notice`]s of what nobody can tell from the text. `docs/images.md` has every rule with
//! an example.
//!
//! ```
//! use airlock_helm::images::{Class, Finder, Limits, Source};
//!
//! let mut finder = Finder::new(Limits::default());
//! finder.manifest(
//!     &Source::file("pod.yaml"),
//!     b"apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: web, image: nginx:1.27}]}\n",
//! );
//! let found = finder.finish();
//! let images = found.images();
//! assert_eq!(images[0].reference.to_string(), "docker.io/library/nginx:1.27");
//! assert_eq!(images[0].class, Class::Sure);
//! assert_eq!(
//!     images[0].findings[0].place.to_string(),
//!     "pod.yaml, Pod web, spec.containers[0].image"
//! );
//! ```
//!
//! Nothing is ever looked up: no registry is asked, so that nothing is lost because one does not answer. All input may
//! be hostile; [`Limits`] bound what it costs, and reaching one is told as a notice of [`Gap::Unread`].

mod arguments;
mod compose;
mod documents;
mod embedded;
mod found;
mod kept;
mod operators;
mod rule;
mod sink;
mod text;
mod values;
mod walk;
mod words;

pub use found::{Content, Finding, Found, Gap, Image, Notice, Object, Place, Source};
pub use kept::Kept;
pub use rule::{Class, Rule};

use crate::call::Budget;
use crate::chart::Chart;
use crate::render::Templated;
use crate::value::Value;
use sink::Sink;
use walk::{Trust, Walker};

/// What finding may cost. The default is far beyond what the largest public charts need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all documents together, those inside strings included.
    pub bytes: u64,
    /// Values visited and strings scanned.
    pub steps: u64,
    /// References and notices.
    pub findings: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 512 << 20,
            steps: 50_000_000,
            findings: 100_000,
        }
    }
}

/// What finding has cost, in the measures of [`Limits`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Bytes of documents.
    pub bytes: u64,
    /// Values visited and strings scanned.
    pub steps: u64,
}

/// Finds images in what it is given.
#[derive(Clone, Debug)]
pub struct Finder {
    sink: Sink,
}

impl Finder {
    /// One that has seen nothing yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            sink: Sink::new(limits),
        }
    }

    /// Reads manifests: YAML with any number of documents, JSON, arrays and lists of objects.
    ///
    /// A document that cannot be read becomes a notice; what is in the others is found all the same.
    pub fn manifest(&mut self, source: &Source, bytes: &[u8]) {
        if !self.sink.take(bytes.len(), source) {
            return;
        }
        let text = String::from_utf8_lossy(bytes);
        for document in documents::split(&text) {
            let mut walker = Walker::new(&mut self.sink, source, Trust::Object);
            if documents::is_crd(document) {
                walker.schema(document);
                continue;
            }
            // Reading takes a few times the bytes of the document, and nothing more unless it is hostile.
            let mut budget = Budget::new(10_000_000, 256 << 20);
            match documents::read(document, &mut budget) {
                Ok(value) => walker.document(&value),
                Err(error) => walker.unread(document, &error.to_string()),
            }
        }
    }

    /// The same, which takes what is known of a manifest that was read before, from the same source, and costs next
    /// to nothing then. What is found is the same.
    pub fn manifest_kept(&mut self, source: &Source, bytes: &[u8], kept: &mut Kept) {
        if let Some(known) = kept.get(source, bytes) {
            known.add_to(&mut self.sink);
            return;
        }
        let before = kept::Mark::of(&self.sink);
        self.manifest(source, bytes);
        if let Some(known) = before.since(&self.sink) {
            kept.insert(source, bytes, known);
        }
    }

    /// Reads what `helm template` makes of a chart: hooks and tests included, each marked as such.
    pub fn templated(&mut self, templated: &Templated) {
        each_of(templated, |path, text| {
            self.manifest(&Source::rendered(path), text);
        });
    }

    /// The same with [`Finder::manifest_kept`].
    pub fn templated_kept(&mut self, templated: &Templated, kept: &mut Kept) {
        each_of(templated, |path, text| {
            self.manifest_kept(&Source::rendered(path), text, kept);
        });
    }

    /// What it has cost so far, without what was known before.
    pub const fn cost(&self) -> Cost {
        self.sink.cost
    }

    /// Reads what a chart and those below it, on or off, say of themselves: annotations of `Chart.yaml`, `Images.lock`,
    /// and their own `values.yaml`.
    pub fn chart(&mut self, chart: &Chart) {
        values::chart(&mut self.sink, chart, "");
    }

    /// Reads the values that templates of a chart see ([`crate::render::coalesced_values`]), for images that are not
    /// rendered.
    pub fn values(&mut self, chart: &Chart, values: &Value) {
        values::values(&mut self.sink, chart, &chart.metadata().name, values);
    }

    /// What follows from all of it together.
    pub fn finish(mut self) -> Found {
        operators::conclude(&mut self.sink);
        values::keep_what_is_not_rendered(&mut self.sink.findings);
        let Sink {
            mut findings,
            mut notices,
            ..
        } = self.sink;
        findings.sort_by(|a, b| {
            (&a.reference, a.class, a.rule, &a.place).cmp(&(&b.reference, b.class, b.rule, &b.place))
        });
        findings.dedup();
        notices.sort();
        notices.dedup();
        Found { findings, notices }
    }
}

fn each_of(templated: &Templated, mut take: impl FnMut(&str, &[u8])) {
    for (path, file) in &templated.crds {
        take(path, &file.bytes);
    }
    let hooks = templated.hooks.iter().map(|hook| &hook.manifest);
    for manifest in templated.manifests.iter().chain(hooks) {
        take(&manifest.path, &manifest.text);
    }
}

#[cfg(test)]
mod tests;
