//! What is known of operators: images that are named in their programs, as far as they follow from what is rendered.
//!
//! The table says nothing that cannot be derived: an image is only told with a tag that stands in the manifests. For
//! all else there is a notice that names the operator, so that a person looks its images up.

mod table;

use std::collections::BTreeSet;
use std::sync::Arc;

use airlock_types::Reference;

use super::Rule;
use super::found::{Content, Finding, Gap, Object, Place};
use super::sink::Sink;
use super::text;
use table::{KINDS, OPERATORS, Operator, Pulls, Wanted};

/// Adds what follows from everything that was seen.
pub(super) fn conclude(sink: &mut Sink) {
    for operator in OPERATORS {
        conclude_one(sink, operator);
    }
    let mut derived = Vec::new();
    for fact in &sink.facts {
        let known = KINDS
            .iter()
            .find(|known| known.group == fact.group && known.kind == fact.kind);
        if let Some(known) = known
            && !fact.has_image
        {
            let place = Place {
                path: "spec".to_owned(),
                ..fact.place.clone()
            };
            derived.push((known, fact.version.clone(), fact.variant.clone(), place));
        }
    }
    for (known, version, variant, place) in derived {
        conclude_kind(sink, known, &version, &variant, place);
    }
}

/// The image that follows from an object of an operator.
fn conclude_kind(sink: &mut Sink, known: &Wanted, version: &str, variant: &str, place: Place) {
    let text = known
        .image
        .replace("{version}", version)
        .replace("{type}", variant);
    let said = !known.image.contains("{version}") || !version.is_empty();
    match text::read(&text) {
        Some(read) if said && !text.contains("//") && !known.image.is_empty() => {
            sink.add(read.reference, Content::Image, Rule::Operator, &text, place);
        }
        _ => sink.notice(Gap::Unlisted, known.says, place),
    }
}

fn conclude_one(sink: &mut Sink, operator: &Operator) {
    let Some(evidence) = surest(&sink.findings, operator.evidence) else {
        return;
    };
    if surest(&sink.findings, operator.settled_by).is_some() {
        if operator.name == "istio" {
            forget_placeholders(sink);
        }
        return;
    }
    let place = evidence.place.clone();
    let mut derived = Vec::new();
    let mut told = !operator.pulls.is_empty();
    for pulls in operator.pulls {
        match follow(&sink.findings, evidence, pulls) {
            Some(more) => derived.extend(more),
            None => told = false,
        }
    }
    for (written, reference) in derived {
        sink.add(reference, Content::Image, Rule::Operator, &written, place.clone());
    }
    if operator.name == "istio" && told {
        forget_placeholders(sink);
    }
    if operator.more || !told {
        let text = format!("{}: {}", operator.name, operator.says);
        sink.notice(Gap::Unlisted, &text, place);
    }
}

/// What Istio's injector fills in is known: `image: auto`, and the templates that it fills.
fn forget_placeholders(sink: &mut Sink) {
    let hubs: BTreeSet<Option<Arc<Object>>> = sink
        .findings
        .iter()
        .filter(|finding| finding.rule == Rule::Hub)
        .map(|finding| finding.place.object.clone())
        .collect();
    sink.notices.retain(|notice| {
        let filled = notice.text == "auto"
            || (notice.text.contains("annotation .ObjectMeta") && hubs.contains(&notice.place.object));
        notice.gap != Gap::Unreadable || !filled
    });
}

/// The surest finding of an image whose repository ends so.
fn surest<'f>(findings: &'f [Finding], ends: &[&str]) -> Option<&'f Finding> {
    findings
        .iter()
        .filter(|finding| ends.iter().any(|end| is_at(&finding.reference, end)))
        .min_by_key(|finding| finding.class)
}

/// Whether a repository ends with whole components; with `*` at the end, whether its last one begins so.
fn is_at(reference: &Reference, end: &str) -> bool {
    let name = reference.repository.name.as_str();
    if let Some(start) = end.strip_suffix('*') {
        return name
            .rsplit('/')
            .next()
            .is_some_and(|last| last.starts_with(start));
    }
    name.strip_suffix(end)
        .is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

/// The references that follow from the image of an operator; none where that cannot be told, and an empty list where
/// nothing more is needed.
fn follow(findings: &[Finding], evidence: &Finding, pulls: &Pulls) -> Option<Vec<(String, Reference)>> {
    let (texts, tag): (Vec<String>, _) = match pulls {
        Pulls::Siblings(names) => (siblings(&evidence.reference, names), &evidence.reference.tag),
        Pulls::SiblingsOf(of, names) => match surest(findings, &[of]) {
            Some(other) => (siblings(&other.reference, names), &other.reference.tag),
            None => return None,
        },
        Pulls::Named(name) => (vec![(*name).to_owned()], &evidence.reference.tag),
        Pulls::Between { from, until, name } => {
            let (major, own) = minor_of(evidence.reference.tag.as_ref()?.as_str())?;
            if (major, own) >= (1, *until) {
                return Some(Vec::new());
            }
            if (major, own) < (1, *from) {
                return None;
            }
            (vec![(*name).to_owned()], &evidence.reference.tag)
        }
        Pulls::GitlabHelper => return gitlab_helper(&evidence.reference).map(|one| vec![one]),
    };
    let tag = tag.as_ref().filter(|tag| tag.as_str() != "latest")?;
    let tagged = texts.into_iter().filter_map(|text| {
        let text = format!("{text}:{tag}");
        let reference = text.parse().ok()?;
        Some((text, reference))
    });
    Some(tagged.collect())
}

/// Repositories beside one: of `quay.io/a/b` and `c`, `quay.io/a/c`.
fn siblings(reference: &Reference, names: &[&str]) -> Vec<String> {
    let repository = reference.repository.to_string();
    let Some((folder, _)) = repository.rsplit_once('/') else {
        return Vec::new();
    };
    names.iter().map(|name| format!("{folder}/{name}")).collect()
}

/// Major and minor of a tag such as `v1.14.1`.
fn minor_of(tag: &str) -> Option<(u32, u32)> {
    let mut parts = tag.trim_start_matches('v').split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The helper of a runner of GitLab: of `gitlab-runner:alpine-v17.5.0` it is `gitlab-runner-helper:x86_64-v17.5.0`,
/// one for each architecture; which one is said in the notice.
fn gitlab_helper(reference: &Reference) -> Option<(String, Reference)> {
    let tag = reference.tag.as_ref()?.as_str();
    let version = tag.rsplit('-').next()?;
    minor_of(version).filter(|_| version.starts_with('v'))?;
    let text = format!("registry.gitlab.com/gitlab-org/gitlab-runner/gitlab-runner-helper:x86_64-{version}");
    let reference = text.parse().ok()?;
    Some((text, reference))
}
