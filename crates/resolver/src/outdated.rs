use std::sync::Arc;

use airlock_content::{ManifestSelector, MetadataSource, Origin, Reporter};
use airlock_helm::{LooseVersion, MAX_INDEX, chart_versions};
use airlock_spec::lock::{Artifact, Kind, Lock};
use airlock_spec::manifest::{ChartSource, Effective, ImageSource};
use airlock_spec::packages::{DebSet, PackageChange, changes};
use airlock_types::{Digest, Reference, Tag};
use futures::{StreamExt, stream};
use serde::Serialize;

use crate::ask::Asker;
use crate::chart::{archive_of, index_url, range};
use crate::deploy;
use crate::error::{Cause, ResolveErrors};
use crate::request::{Ask, Asked, Request, found, plan};
use crate::resolve::Options;
use crate::{k3s, packages};

/// Something locked that upstream has news about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outdated {
    /// What sort of thing it is.
    pub kind: Kind,
    /// As the manifest names it.
    pub name: String,
    /// The name it is served under.
    pub reference: Reference,
    /// The version that is locked, where it has one.
    pub current: Option<String>,
    /// The newest version that the manifest allows, when it is another one: `lock --update` takes it.
    pub allowed: Option<String>,
    /// The newest version of all, when it is another one: taking it needs a change of the manifest.
    pub newest: Option<String>,
    /// What the tag or version means now, when it is not what is locked.
    pub moved: Option<Digest>,
    /// OS packages that would be others: `lock --update` takes them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<PackageChange>,
}

/// What is newer upstream than in the lock, in the lock's order.
///
/// Images count as newer by tags of the same form (`1.36-alpine` is compared with `1.37-alpine`, not with
/// `1.37`); of OS packages, all are chosen anew and compared; of k3s, its
/// channels are asked. What the manifest no longer asks for is not looked at, and
/// neither are files and local things.
pub async fn outdated<S: MetadataSource>(
    manifest: &Effective,
    lock: &Lock,
    options: &Options,
    source: &S,
    reporter: &dyn Reporter,
) -> Result<Vec<Outdated>, ResolveErrors> {
    let (requests, _) = plan(manifest, options.referrers);
    let mut requests = k3s::with_images(manifest, requests, &lock.artifacts, options.referrers);
    let of_deployments = deploy::requests(manifest, lock);
    requests.extend(found(of_deployments, options.referrers));
    let wanted = requests.len();
    let asker = Asker::new(source, options, reporter);
    let asker = &asker;
    let pairs = lock.artifacts.iter().filter_map(|artifact| {
        let request = requests
            .iter()
            .find(|request| request.fingerprint == artifact.request)?;
        Some((artifact, request))
    });
    let mut answers: Vec<_> = stream::iter(pairs.enumerate().map(|(at, (artifact, request))| async move {
        let answer = one(asker, artifact, request).await;
        (at, answer.map_err(|cause| request.failure(cause)))
    }))
    .buffer_unordered(options.concurrency.max(1) * 4)
    .collect()
    .await;
    answers.sort_by_key(|(at, _)| *at);
    let mut out = Vec::new();
    let mut failures = Vec::new();
    for (_, answer) in answers {
        match answer {
            Ok(found) => out.extend(found),
            Err(failure) => failures.push(failure),
        }
    }
    if failures.is_empty() {
        Ok(out)
    } else {
        Err(ResolveErrors { failures, wanted })
    }
}

async fn one<S: MetadataSource>(
    asker: &Asker<'_, S>,
    artifact: &Artifact,
    request: &Request,
) -> Result<Option<Outdated>, Cause> {
    let mut found = Outdated {
        kind: artifact.kind,
        name: artifact.name.clone(),
        reference: artifact.reference.clone(),
        current: artifact.version.clone(),
        allowed: None,
        newest: None,
        moved: None,
        packages: Vec::new(),
    };
    match &request.ask {
        // Which images k3s needs, it says itself.
        Ask::Image { .. } if request.asked == Asked::OfK3s => return Ok(None),
        Ask::K3s { wanted, .. } => {
            let (allowed, newest) = k3s::newer(asker, wanted, artifact).await?;
            (found.allowed, found.newest) = (allowed, newest);
        }
        Ask::Image {
            source: ImageSource::Registry { reference },
            ..
        } => {
            let Some(tag) = &reference.tag else {
                return Ok(None);
            };
            found.current = Some(tag.to_string());
            found.moved = moved(asker, artifact, tag).await?;
            let tags = asker.tags(&reference.repository).await?;
            found.newest = newest_like(tag, &tags).map(ToString::to_string);
        }
        Ask::Chart(ChartSource::Repository { repo, name, version }) => {
            let range = range(version.as_deref())?;
            let index = asker.shared_document(&index_url(repo), MAX_INDEX).await?;
            let versions = chart_versions(&index, name)?;
            compare(
                &mut found,
                versions.iter().map(|version| &version.version),
                |version| range.matches(version),
            );
            let same = versions
                .iter()
                .find(|known| Some(known.version.as_str()) == found.current.as_deref());
            found.moved = same
                .and_then(|same| same.digest)
                .filter(|digest| Some(*digest) != archive_of(artifact));
        }
        Ask::Chart(ChartSource::Oci { reference, version }) => {
            if let Some(tag) = &artifact.reference.tag {
                found.moved = moved(asker, artifact, tag).await?;
            }
            // A tag or digest that was written allows nothing else.
            let range = range(version.as_deref())?;
            let open = reference.tag.is_none() && reference.digest.is_none();
            let tags = asker.tags(&reference.repository).await?;
            let versions: Vec<LooseVersion> = tags
                .iter()
                .filter_map(|tag| tag.as_str().replace('_', "+").parse().ok())
                .collect();
            compare(&mut found, versions.iter(), |version| {
                open && range.matches(version)
            });
        }
        Ask::Packages { wanted, platforms } => {
            let now = packages::resolve(asker, request, wanted, platforms).await?;
            if let (Some(before), Some(now)) = (DebSet::of(artifact), DebSet::of(&now)) {
                found.packages = changes(&before, &now);
            }
        }
        Ask::Image { .. } | Ask::Chart(ChartSource::Folder { .. }) | Ask::Files { .. } => return Ok(None),
    }
    let news = found.allowed.is_some()
        || found.newest.is_some()
        || found.moved.is_some()
        || !found.packages.is_empty();
    Ok(news.then_some(found))
}

/// What a tag means now, when that is not what is locked.
async fn moved<S: MetadataSource>(
    asker: &Asker<'_, S>,
    artifact: &Artifact,
    tag: &Tag,
) -> Result<Option<Digest>, Cause> {
    let origin = Origin::Registry(artifact.reference.repository.clone());
    let now = asker
        .manifest(&origin, &ManifestSelector::Tag(tag.clone()))
        .await
        .map_err(Arc::new)?;
    Ok(Some(now.descriptor.digest).filter(|digest| *digest != artifact.root.digest))
}

/// Sets the newest version allowed and the newest release of all, where they are above the current one.
fn compare<'a>(
    found: &mut Outdated,
    versions: impl Iterator<Item = &'a LooseVersion>,
    allowed: impl Fn(&LooseVersion) -> bool,
) {
    let current: Option<LooseVersion> = found.current.as_deref().and_then(|version| version.parse().ok());
    let newer: Vec<&LooseVersion> = versions
        .filter(|version| {
            current
                .as_ref()
                .is_none_or(|current| version.precedence(current).is_gt())
        })
        .collect();
    let text = |version: Option<&&LooseVersion>| version.map(|version| version.as_str().to_owned());
    found.allowed = text(newer.iter().filter(|version| allowed(version)).max());
    let newest = text(newer.iter().filter(|version| !version.is_prerelease()).max());
    found.newest = newest.filter(|newest| found.allowed.as_ref() != Some(newest));
}

/// The highest tag of the same form that is above `tag`: as many numbers, same prefix, same suffix.
fn newest_like<'a>(tag: &Tag, tags: &'a [Tag]) -> Option<&'a Tag> {
    let own = Form::of(tag.as_str())?;
    tags.iter()
        .filter_map(|tag| Some((Form::of(tag.as_str())?, tag)))
        .filter(|(form, _)| {
            form.numbers.len() == own.numbers.len()
                && form.prefix == own.prefix
                && form.suffix == own.suffix
                && form.numbers > own.numbers
        })
        .max_by(|(a, _), (b, _)| a.numbers.cmp(&b.numbers))
        .map(|(_, tag)| tag)
}

/// A tag taken apart: `v1.2.3-alpine` is `v`, 1 2 3, `-alpine`.
#[derive(PartialEq, Eq)]
struct Form<'a> {
    prefix: &'a str,
    numbers: Vec<u64>,
    suffix: &'a str,
}

impl<'a> Form<'a> {
    fn of(tag: &'a str) -> Option<Self> {
        let start = usize::from(tag.starts_with('v'));
        let (prefix, rest) = tag.split_at(start);
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (numbers, suffix) = rest.split_at(end);
        // `1.2.` would belong to a word that starts with a dot.
        let numbers = numbers
            .split('.')
            .map(|number| number.parse().ok())
            .collect::<Option<Vec<u64>>>()?;
        Some(Self {
            prefix,
            numbers,
            suffix,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tags_of_one_form_are_compared() {
        let tags: Vec<Tag> = [
            "1.36",
            "1.37",
            "1.9",
            "1.38-alpine",
            "v2.0",
            "2",
            "1.37.1",
            "latest",
            "20240101",
        ]
        .map(|tag| tag.parse().unwrap())
        .into();
        let newest = |tag: &str| newest_like(&tag.parse().unwrap(), &tags).map(ToString::to_string);
        assert_eq!(newest("1.36").as_deref(), Some("1.37"));
        assert_eq!(newest("1.36-alpine").as_deref(), Some("1.38-alpine"));
        assert_eq!(newest("1.37"), None);
        assert_eq!(newest("latest"), None);
        assert_eq!(newest("1.37.0").as_deref(), Some("1.37.1"));
    }
}
