//! What is known of operators: images that are named in their programs, as far as they follow from what is rendered.
//!
//! The table says nothing that cannot be derived: an image is only told with a tag that stands in the manifests. For
//! all else there is a notice that names the operator, so that a person looks its images up.

mod table;

use airlock_types::Reference;

use super::Rule;
use super::found::{Content, Finding, Gap, Place};
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
        return;
    }
    let place = evidence.place.clone();
    let mut derived = Vec::new();
    for pulls in operator.pulls {
        derived.extend(follow(&sink.findings, evidence, pulls));
    }
    let told = !derived.is_empty();
    for (written, reference) in derived {
        sink.add(reference, Content::Image, Rule::Operator, &written, place.clone());
    }
    if operator.name == "istio" && told {
        // The placeholder of its injector is explained.
        sink.notices
            .retain(|notice| !(notice.gap == Gap::Unreadable && notice.text == "auto"));
    }
    if operator.more || !told {
        let text = format!("{}: {}", operator.name, operator.says);
        sink.notice(Gap::Unlisted, &text, place);
    }
}

/// The surest finding of an image whose repository ends so.
fn surest<'f>(findings: &'f [Finding], ends: &[&str]) -> Option<&'f Finding> {
    findings
        .iter()
        .filter(|finding| ends.iter().any(|end| is_at(&finding.reference, end)))
        .min_by_key(|finding| finding.class)
}

/// Whether a repository ends with whole components.
fn is_at(reference: &Reference, end: &str) -> bool {
    let name = reference.repository.name.as_str();
    name.strip_suffix(end)
        .is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

/// The references that follow from the image of an operator.
fn follow(findings: &[Finding], evidence: &Finding, pulls: &Pulls) -> Vec<(String, Reference)> {
    let (texts, tag): (Vec<String>, _) = match pulls {
        Pulls::Siblings(names) => (siblings(&evidence.reference, names), &evidence.reference.tag),
        Pulls::SiblingsOf(of, names) => match surest(findings, &[of]) {
            Some(other) => (siblings(&other.reference, names), &other.reference.tag),
            None => return Vec::new(),
        },
        Pulls::Named(name) => (vec![(*name).to_owned()], &evidence.reference.tag),
        Pulls::Until { minor, name } => {
            let Some(tag) = &evidence.reference.tag else {
                return Vec::new();
            };
            let is_older = minor_of(tag.as_str()).is_some_and(|(major, own)| major == 1 && own < *minor);
            if !is_older {
                return Vec::new();
            }
            (vec![(*name).to_owned()], &evidence.reference.tag)
        }
        Pulls::GitlabHelper => return gitlab_helper(&evidence.reference).into_iter().collect(),
    };
    let Some(tag) = tag.as_ref().filter(|tag| tag.as_str() != "latest") else {
        return Vec::new();
    };
    texts
        .into_iter()
        .filter_map(|text| {
            let text = format!("{text}:{tag}");
            let reference = text.parse().ok()?;
            Some((text, reference))
        })
        .collect()
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
