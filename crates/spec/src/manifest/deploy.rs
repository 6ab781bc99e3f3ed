//! What is deployed with charts and manifests, and what is decided about the images that they need.

use std::path::{Path, PathBuf};

use airlock_types::{Reference, Repository};
use serde::Serialize;

use super::model::ImageRequest;
use super::read::{image, known, path};
use crate::Pattern;
use crate::yaml::Decoder;
use crate::yaml::Place;
use crate::yaml::below;
use crate::yaml::{Node, Value};

/// `kubernetes`: the cluster that charts are rendered for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KubernetesRequest {
    /// Its version, `v1.34.5`; that of k3s, or what Helm assumes, where none is given.
    pub version: Option<String>,
    /// API versions that it has besides those of Kubernetes, `monitoring.coreos.com/v1`.
    pub api_versions: Vec<String>,
}

/// An entry of `manifests`: objects of Kubernetes in YAML or JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestRequest {
    /// The file.
    pub path: PathBuf,
    /// Where it was written.
    #[serde(skip)]
    pub place: Place,
}

/// `charts[].discover`: in which variants a chart is searched for images, besides as it is deployed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Discover {
    /// Values files that a site may give on top; each is a variant of its own.
    pub values: Vec<PathBuf>,
    /// Whether every switch that is off is tried.
    pub toggles: bool,
}

impl Discover {
    /// Whether the chart is searched as it is deployed, and in no variant.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// What is decided about images that are found: `images` as a mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageDecisions {
    /// What is not needed, although it was found.
    pub ignore: Vec<Ignore>,
    /// What is needed, although it is not sure.
    pub confirm: Vec<Confirm>,
    /// Where images are taken from whose references are those of a site.
    pub upstream: Vec<Upstream>,
}

impl ImageDecisions {
    /// Whether nothing is decided.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// An entry of `images.ignore`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ignore {
    /// What it is about.
    #[serde(flatten)]
    pub what: Ignored,
    /// Why it is not needed, for those who read the lock.
    pub reason: String,
    /// Where it was written.
    #[serde(skip)]
    pub place: Place,
}

/// What is ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Ignored {
    /// Images.
    Match(Pattern),
    /// Gaps, by text or place.
    Gap(Pattern),
}

/// An entry of `images.confirm`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Confirm {
    /// The images.
    #[serde(rename = "match")]
    pub pattern: Pattern,
    /// Where it was written.
    #[serde(skip)]
    pub place: Place,
}

/// An entry of `images.upstream`: what charts call `registry.site.example/acme/app` because the registry of a site is in
/// their values is `docker.io/acme/app` for everybody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Upstream {
    /// The registry, or registry and path, that references begin with.
    pub from: String,
    /// What stands there upstream.
    pub to: String,
    /// Where it was written.
    #[serde(skip)]
    pub place: Place,
}

impl Upstream {
    /// The reference upstream of one that this is about.
    pub fn apply(&self, reference: &Reference) -> Option<Reference> {
        let repository = reference.repository.to_string();
        let rest = repository.strip_prefix(&self.from)?.strip_prefix('/')?;
        let repository: Repository = format!("{}/{rest}", self.to).parse().ok()?;
        Some(Reference {
            repository,
            ..reference.clone()
        })
    }
}

/// Reads `kubernetes`.
pub(crate) fn kubernetes(decoder: &mut Decoder<'_>, node: &Node) -> Option<KubernetesRequest> {
    let fields = decoder.fields(node, "kubernetes", known::KUBERNETES)?;
    let version = match fields.get("version") {
        None => None,
        Some(node) => {
            let text = decoder.text(node)?;
            let mut numbers = text.trim_start_matches('v').split('.');
            let number = |text: Option<&str>| text.is_some_and(|text| text.parse::<u32>().is_ok());
            if !(number(numbers.next())
                && numbers
                    .next()
                    .is_some_and(|text| text.starts_with(|c: char| c.is_ascii_digit())))
            {
                let message = format!("this is not a version of Kubernetes: {text:?}");
                decoder.problem(node.span, message).help = Some("for example v1.34.5".to_owned());
                return None;
            }
            Some(text.to_owned())
        }
    };
    Some(KubernetesRequest {
        version,
        api_versions: decoder.texts(fields.get("apiVersions")),
    })
}

/// Reads `manifests`.
pub(crate) fn manifests(decoder: &mut Decoder<'_>, items: &[Node], base: &Path) -> Vec<ManifestRequest> {
    let read = |node: &Node| {
        let path = path(decoder, node, base)?;
        let place = decoder.place(node.span);
        Some(ManifestRequest { path, place })
    };
    items.iter().filter_map(read).collect()
}

/// Reads `discover`.
pub(crate) fn discover(decoder: &mut Decoder<'_>, node: &Node, base: &Path) -> Option<Discover> {
    let fields = decoder.fields(node, "discover", known::DISCOVER)?;
    let values = decoder.texts(fields.get("values"));
    let toggles = match fields.get("toggles") {
        None => false,
        Some(node) => decoder.word(node, "choice of toggles", &["all", "none"])? == "all",
    };
    Some(Discover {
        values: values.iter().map(|text| below(base, Path::new(text))).collect(),
        toggles,
    })
}

/// Reads `images`: a list of what is wanted, or a mapping with what is decided.
pub(crate) fn images(
    decoder: &mut Decoder<'_>,
    node: &Node,
    base: &Path,
) -> (Vec<ImageRequest>, ImageDecisions) {
    let mut decisions = ImageDecisions::default();
    let wanted = |decoder: &mut Decoder<'_>, node: &Node| -> Vec<ImageRequest> {
        let items = decoder.list(node);
        items
            .iter()
            .filter_map(|node| image(decoder, node, base))
            .collect()
    };
    if !matches!(node.value, Value::Map(_)) {
        return (wanted(decoder, node), decisions);
    }
    let Some(fields) = decoder.fields(node, "images", known::IMAGES) else {
        return (Vec::new(), decisions);
    };
    let add = fields
        .get("add")
        .map(|node| wanted(decoder, node))
        .unwrap_or_default();
    if let Some(node) = fields.get("ignore") {
        for item in decoder.list(node) {
            decisions.ignore.extend(ignore(decoder, item));
        }
    }
    if let Some(node) = fields.get("confirm") {
        for item in decoder.list(node) {
            if let Some(pattern) = decoder.parse(item) {
                let place = decoder.place(item.span);
                decisions.confirm.push(Confirm { pattern, place });
            }
        }
    }
    if let Some(node) = fields.get("upstream") {
        decisions.upstream = upstream(decoder, node);
    }
    (add, decisions)
}

fn ignore(decoder: &mut Decoder<'_>, node: &Node) -> Option<Ignore> {
    let fields = decoder.fields(node, "what is ignored", known::IGNORE)?;
    let reason = decoder
        .required(&fields, "reason", "\"only for tests\"")
        .and_then(|node| decoder.text(node))
        .map(str::to_owned);
    let what = match (fields.get("match"), fields.get("gap")) {
        (Some(node), None) => Ignored::Match(decoder.parse(node)?),
        (None, Some(node)) => Ignored::Gap(decoder.parse(node)?),
        _ => {
            let message = "what is ignored is told by one of `match` and `gap`";
            decoder.problem(node.start(), message).help =
                Some("for example {match: \"docker.io/acme/*\", reason: \"only for tests\"}".to_owned());
            return None;
        }
    };
    Some(Ignore {
        what,
        reason: reason?,
        place: decoder.place(node.start()),
    })
}

fn upstream(decoder: &mut Decoder<'_>, node: &Node) -> Vec<Upstream> {
    let Value::Map(entries) = &node.value else {
        let message = "expected a mapping of registries (images.upstream)";
        decoder.problem(node.span, message).help =
            Some("for example {registry.site.example: docker.io}".to_owned());
        return Vec::new();
    };
    let mut out = Vec::new();
    for (key, value) in entries {
        let Some(to) = decoder.text(value) else { continue };
        // Two words more, so that docker.io puts no `library/` between.
        let is_prefix = |text: &str| {
            let below = format!("{text}/a/b");
            let read = below.parse::<Repository>();
            read.is_ok_and(|read| read.to_string() == below)
        };
        for (text, span) in [(key.name.as_str(), key.span), (to, value.span)] {
            if !is_prefix(text) {
                decoder.problem(
                    span,
                    format!("this is not a registry, nor a registry with a path: {text:?}"),
                );
            }
        }
        out.push(Upstream {
            from: key.name.clone(),
            to: to.to_owned(),
            place: decoder.place(key.span),
        });
    }
    // Of two that begin the same, the longer says more.
    out.sort_by_key(|entry| std::cmp::Reverse(entry.from.len()));
    out
}
