//! What was found: each reference with every place that needs it, and what could not be told.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use airlock_types::Reference;

use super::{Class, Rule};

/// Where something comes from: the file of a chart, or a file alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// The chart, with those that it is in before it: `stack/grafana`.
    pub chart: Option<Arc<str>>,
    /// The file, relative to the chart if there is one.
    pub file: Arc<str>,
}

impl Source {
    /// A file of no chart.
    pub fn file(file: &str) -> Self {
        Self {
            chart: None,
            file: file.into(),
        }
    }

    /// The file of a rendered path: `stack/charts/grafana/templates/a.yaml` is `templates/a.yaml` of `stack/grafana`.
    pub fn rendered(path: &str) -> Self {
        let mut chart = String::new();
        let mut rest = path;
        while let Some((name, after)) = rest.split_once('/') {
            chart.push_str(name);
            rest = after;
            let Some(below) = rest.strip_prefix("charts/").filter(|below| below.contains('/')) else {
                break;
            };
            chart.push('/');
            rest = below;
        }
        Self {
            chart: Some(chart.into()),
            file: rest.into(),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(chart) = &self.chart {
            write!(f, "{chart} ")?;
        }
        f.write_str(&self.file)
    }
}

/// The object that something is in.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// `metadata.namespace`; empty where none is written.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// When Helm runs it, if it is a hook: `test`, `pre-install,pre-upgrade`.
    pub hook: String,
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind)?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)?;
        if !self.hook.is_empty() {
            write!(f, " (hook {})", self.hook)?;
        }
        Ok(())
    }
}

/// Where exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The chart and its file.
    pub source: Source,
    /// The object; none for what is no object of Kubernetes, such as values.
    pub object: Option<Arc<Object>>,
    /// The way to it: `spec.template.spec.containers[0].image`; `>` leads into a document inside a string.
    pub path: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)?;
        if let Some(object) = &self.object {
            write!(f, ", {object}")?;
        }
        if !self.path.is_empty() {
            write!(f, ", {}", self.path)?;
        }
        Ok(())
    }
}

/// What a reference leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Content {
    /// A container image, with platforms.
    Image,
    /// Another OCI artifact: rules, plugins, databases, manifests.
    Artifact,
}

/// A reference at one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What is pulled, with `docker.io`, `library/` and `:latest` written out.
    pub reference: Reference,
    /// What it leads to.
    pub content: Content,
    /// How sure that is, which is the class of the rule.
    pub class: Class,
    /// Why.
    pub rule: Rule,
    /// Where.
    pub place: Place,
    /// As it is written there; of several keys, as they are put together.
    pub written: String,
}

/// What kind of gap there is in what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gap {
    /// Where an image should be there is something else: a placeholder, a template, nothing at all.
    Unreadable,
    /// A repository without the tag that decides what is pulled.
    Incomplete,
    /// An operator pulls images that are named in its program alone.
    Unlisted,
    /// A document was not read, or not to its end.
    Unread,
    /// What may be chosen cannot be rendered, so that nobody knows what it needs.
    Unrendered,
}

impl Gap {
    /// The name in outputs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Incomplete => "incomplete",
            Self::Unlisted => "unlisted",
            Self::Unread => "unread",
            Self::Unrendered => "unrendered",
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a person has to look at, since no reference can be told from it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Notice {
    /// What is missing.
    pub gap: Gap,
    /// The text at the place, or what is known of it, in one clause.
    pub text: String,
    /// Where.
    pub place: Place,
}

/// One image with everything that needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image<'a> {
    /// What is pulled.
    pub reference: &'a Reference,
    /// The surest class of all places.
    pub class: Class,
    /// What it leads to.
    pub content: Content,
    /// Every finding of it, the surest first.
    pub findings: Vec<&'a Finding>,
}

/// All that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Every reference at every place, by reference, the surest first.
    pub findings: Vec<Finding>,
    /// What could not be told.
    pub notices: Vec<Notice>,
}

impl Found {
    /// The set of what is pulled, each once.
    pub fn images(&self) -> Vec<Image<'_>> {
        let mut images: BTreeMap<&Reference, Vec<&Finding>> = BTreeMap::new();
        for finding in &self.findings {
            images.entry(&finding.reference).or_default().push(finding);
        }
        let mut out = Vec::with_capacity(images.len());
        for (reference, mut findings) in images {
            findings.sort_by_key(|finding| finding.class);
            if let Some(first) = findings.first() {
                out.push(Image {
                    reference,
                    class: first.class,
                    content: first.content,
                    findings,
                });
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rendered_paths_tell_charts() {
        let shown = |path| Source::rendered(path).to_string();
        assert_eq!(shown("a/templates/x.yaml"), "a templates/x.yaml");
        assert_eq!(shown("a/charts/b/templates/x.yaml"), "a/b templates/x.yaml");
        assert_eq!(shown("a/charts/b/charts/c/crds/x.yaml"), "a/b/c crds/x.yaml");
        assert_eq!(shown("a/charts/x.yaml"), "a charts/x.yaml");
        assert_eq!(shown("x.yaml"), " x.yaml");
    }
}
