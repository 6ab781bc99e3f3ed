//! Questions to locks, answered as data: why is this here, what hangs together, what has changed.

use std::collections::{BTreeMap, BTreeSet};

use airlock_types::{Digest, Platform, Reference};
use serde::Serialize;

mod needed;

pub use needed::WhyNeeded;

use super::{Artifact, Kind, Lock, Pin, Totals};
use crate::k3s::K3sRelease;
use crate::packages::{DebPackage, DebSet, PackageChange, changes};

/// Why a digest, a name or a reference is in a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    /// What sort of thing the artifact is.
    pub kind: Kind,
    /// The artifact, as the manifest names it.
    pub name: String,
    /// The name it is served under.
    pub reference: Reference,
    /// Paths through the manifest that ask for it.
    pub why: Vec<String>,
    /// What was asked about, as it stands in the artifact.
    pub found: Found,
    /// The content found, where a digest was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The OS package found, where one was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<WhyPackage>,
    /// The charts and manifests that need it, of an image.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needed: Vec<WhyNeeded>,
}

/// An OS package of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WhyPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its architecture.
    pub architecture: String,
    /// Who needs it: `nginx Depends libc6 (>= 2.34)`, or `wanted`.
    pub why: Vec<String>,
}

/// What something is within its artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// The artifact itself, by name, reference or digest.
    Artifact,
    /// A manifest below its root.
    Manifest,
    /// A configuration, layer, chart or file.
    Blob,
    /// An OS package.
    Package,
    /// A signature, attestation or the like that travels with it.
    Referrer,
    /// Part of one that travels with it.
    ReferrerPart,
    /// A child of its index that is not carried.
    LeftOut,
    /// An image that charts or manifests need, and that is not in the lock.
    NotCarried,
}

/// Finds what `query` is and who wants it: a name, a reference or a repository (whole, or its last words), an OS package,
/// or a digest or the beginning of its hex (six digits at least).
pub fn why(lock: &Lock, query: &str) -> Vec<Why> {
    let digest = DigestQuery::parse(query);
    let deployments = needed::deployments(lock);
    let mut out = Vec::new();
    for artifact in &lock.artifacts {
        let answer = |found, digest| {
            let mut why = artifact.why.clone();
            let needed = needed::needed(artifact, &deployments, &mut why);
            Why {
                kind: artifact.kind,
                name: artifact.name.clone(),
                reference: artifact.reference.clone(),
                why,
                found,
                digest,
                package: None,
                needed,
            }
        };
        if is_called(artifact, query) {
            out.push(answer(Found::Artifact, None));
            continue;
        }
        out.extend(packages(artifact, query).into_iter().map(|package| Why {
            package: Some(package),
            ..answer(Found::Package, None)
        }));
        let Some(query) = &digest else { continue };
        let mut seen = BTreeSet::new();
        for (found, digest) in contents(artifact) {
            if query.matches(&digest) && seen.insert(digest) {
                out.push(answer(found, Some(digest)));
            }
        }
    }
    out.extend(needed::not_carried(&deployments, &|reference| {
        is_reference(reference, query)
    }));
    out
}

/// The OS packages of an artifact that are called so.
fn packages(artifact: &Artifact, name: &str) -> Vec<WhyPackage> {
    let set = DebSet::of(artifact).into_iter();
    let own = set
        .flat_map(|set| set.packages)
        .filter(|package| package.field("Package") == Some(name));
    let read = |package: DebPackage| {
        let field = |name| package.field(name).unwrap_or_default().to_owned();
        WhyPackage {
            name: name.to_owned(),
            version: field("Version"),
            architecture: field("Architecture"),
            why: package.why,
        }
    };
    own.map(read).collect()
}

fn is_called(artifact: &Artifact, query: &str) -> bool {
    artifact.name == query || is_reference(&artifact.reference, query)
}

/// Whether a reference or its repository ends with these words.
fn is_reference(reference: &Reference, query: &str) -> bool {
    let ends_with_words = |text: &str| {
        !query.is_empty()
            && text
                .strip_suffix(query)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
    };
    ends_with_words(&reference.to_string()) || ends_with_words(&reference.repository.to_string())
}

/// Everything that an artifact names, with what it is there.
fn contents(artifact: &Artifact) -> impl Iterator<Item = (Found, Digest)> {
    let pins = |found: Found, pins: &[Pin]| pins.iter().map(|pin| (found, pin.digest)).collect::<Vec<_>>();
    let mut out = vec![(Found::Artifact, artifact.root.digest)];
    out.extend(pins(Found::Manifest, &artifact.manifests));
    out.extend(pins(Found::Blob, &artifact.blobs));
    for referrer in &artifact.referrers {
        out.push((Found::Referrer, referrer.root.digest));
        out.extend(pins(Found::ReferrerPart, &referrer.manifests));
        out.extend(pins(Found::ReferrerPart, &referrer.blobs));
    }
    out.extend(artifact.left_out.iter().map(|left| (Found::LeftOut, left.digest)));
    out.into_iter()
}

enum DigestQuery {
    Whole(Digest),
    Start(String),
}

impl DigestQuery {
    fn parse(query: &str) -> Option<Self> {
        if let Ok(digest) = query.parse() {
            return Some(Self::Whole(digest));
        }
        let hex = query
            .strip_prefix("sha256:")
            .unwrap_or(query)
            .to_ascii_lowercase();
        let good = hex.len() >= 6 && hex.bytes().all(|c| c.is_ascii_hexdigit());
        good.then_some(Self::Start(hex))
    }

    fn matches(&self, digest: &Digest) -> bool {
        match self {
            Self::Whole(query) => query == digest,
            Self::Start(start) => digest.hex().starts_with(start),
        }
    }
}

/// A lock as a tree: components, what they ask for, what that consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tree {
    /// The lock's name and release.
    pub name: String,
    /// Sums over all of it; what is shared counts once.
    pub totals: Totals,
    /// In order of name.
    pub components: Vec<ComponentTree>,
}

/// One component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ComponentTree {
    /// Its name.
    pub name: String,
    /// The bytes of what it asks for; what is shared among its artifacts counts once.
    pub bytes: u64,
    /// What it asks for, in the lock's order.
    pub artifacts: Vec<ArtifactTree>,
}

/// One artifact below a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactTree {
    /// What sort of thing it is.
    pub kind: Kind,
    /// The name it is served under.
    pub reference: Reference,
    /// Its root.
    pub digest: Digest,
    /// The version that a range was resolved to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// All of its bytes, what it shares with others included.
    pub bytes: u64,
    /// The platforms carried.
    pub platforms: Vec<Platform>,
    /// The OS packages that it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packages: Option<PackagesTree>,
    /// What it holds of a k3s release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub k3s: Option<K3sTree>,
    /// How many children of its index are left out.
    pub left_out: usize,
    /// What travels with it: artifact type and size.
    pub referrers: Vec<ReferrerTree>,
}

/// OS packages below a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PackagesTree {
    /// The distribution.
    pub distro: String,
    /// Its names of the architectures.
    pub architectures: Vec<String>,
    /// How many there are.
    pub count: usize,
    /// Those that were asked for, as written.
    pub wanted: Vec<String>,
}

/// A k3s release below a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct K3sTree {
    /// The platforms of its nodes.
    pub platforms: Vec<Platform>,
    /// How many images of its own list are artifacts of the lock.
    pub images: usize,
    /// Its files, by path.
    pub files: Vec<String>,
}

/// Something that travels with an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReferrerTree {
    /// Its root.
    pub digest: Digest,
    /// What sort of thing it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What it is about.
    pub subject: Digest,
    /// Its bytes.
    pub bytes: u64,
}

fn sum<'a>(pins: impl Iterator<Item = &'a Pin>) -> u64 {
    let sizes: BTreeMap<Digest, u64> = pins.map(|pin| (pin.digest, pin.size)).collect();
    total(sizes.into_values())
}

/// Sizes come from a file that anyone may have written.
fn total(sizes: impl IntoIterator<Item = u64>) -> u64 {
    sizes.into_iter().fold(0, u64::saturating_add)
}

/// The lock as a tree. An artifact that several components ask for stands below each of them.
pub fn tree(lock: &Lock) -> Tree {
    let mut components: BTreeMap<&str, Vec<&Artifact>> = BTreeMap::new();
    for artifact in &lock.artifacts {
        let names: BTreeSet<&str> = artifact
            .why
            .iter()
            .map(|path| path.split(" → ").next().unwrap_or_default())
            .collect();
        for name in names {
            components.entry(name).or_default().push(artifact);
        }
    }
    Tree {
        name: format!("{} {}", lock.name, lock.release),
        totals: lock.totals(),
        components: components
            .into_iter()
            .map(|(name, artifacts)| ComponentTree {
                name: name.to_owned(),
                bytes: sum(artifacts.iter().flat_map(|artifact| artifact.pins())),
                artifacts: artifacts.into_iter().map(artifact_tree).collect(),
            })
            .collect(),
    }
}

fn artifact_tree(artifact: &Artifact) -> ArtifactTree {
    ArtifactTree {
        kind: artifact.kind,
        reference: artifact.reference.clone(),
        digest: artifact.root.digest,
        version: artifact.version.clone(),
        bytes: sum(artifact.pins()),
        platforms: artifact
            .platforms
            .iter()
            .map(|pin| pin.platform.clone())
            .collect(),
        packages: DebSet::of(artifact).map(|set| PackagesTree {
            distro: set.distro,
            architectures: set.architectures,
            count: set.packages.len(),
            wanted: set.wanted,
        }),
        k3s: K3sRelease::of(artifact).ok().map(|release| K3sTree {
            platforms: release.nodes.iter().map(|node| node.platform.clone()).collect(),
            images: release.images.len(),
            files: release.files().into_keys().collect(),
        }),
        left_out: artifact.left_out.len(),
        referrers: artifact
            .referrers
            .iter()
            .map(|referrer| ReferrerTree {
                digest: referrer.root.digest,
                artifact_type: referrer.artifact_type.clone(),
                subject: referrer.subject,
                bytes: sum(std::iter::once(&referrer.root)
                    .chain(&referrer.manifests)
                    .chain(&referrer.blobs)),
            })
            .collect(),
    }
}

/// What has changed from one lock to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// Name and release of the first one.
    pub from: String,
    /// Name and release of the second one.
    pub to: String,
    /// Artifacts that only the second one has.
    pub added: Vec<Entry>,
    /// Artifacts that only the first one has.
    pub removed: Vec<Entry>,
    /// Artifacts that both have, with other content.
    pub changed: Vec<Change>,
    /// How many artifacts are the same.
    pub unchanged: usize,
    /// Distinct blobs that only the second one has: what a delta bundle would carry.
    pub new_blobs: u64,
    /// Their bytes.
    pub new_bytes: u64,
    /// The bytes that only the first one has.
    pub dropped_bytes: u64,
}

impl Difference {
    /// Whether both locks hold the same artifacts.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// An artifact in a difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// What sort of thing it is.
    pub kind: Kind,
    /// The name it is served under.
    pub reference: Reference,
    /// The version that a range was resolved to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its root.
    pub digest: Digest,
    /// Its bytes.
    pub bytes: u64,
}

impl Entry {
    fn of(artifact: &Artifact) -> Self {
        Self {
            kind: artifact.kind,
            reference: artifact.reference.clone(),
            version: artifact.version.clone(),
            digest: artifact.root.digest,
            bytes: sum(artifact.pins()),
        }
    }
}

/// An artifact that is another one than before: another root, version, choice of platforms or referrers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Before.
    pub from: Entry,
    /// After.
    pub to: Entry,
    /// Platforms that were not carried before.
    pub platforms_added: Vec<Platform>,
    /// Platforms that are no longer carried.
    pub platforms_removed: Vec<Platform>,
    /// Signatures, attestations and the like that are new.
    pub referrers_added: Vec<Digest>,
    /// Signatures, attestations and the like that are gone.
    pub referrers_removed: Vec<Digest>,
    /// OS packages that are new, gone, or there in other versions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<PackageChange>,
}

/// Compares two locks. Artifacts are the same thing when they are served under one reference, or failing
/// that when they are of one kind and repository, so that a new version shows as a change.
pub fn diff(from: &Lock, to: &Lock) -> Difference {
    let mut before: Vec<&Artifact> = from.artifacts.iter().collect();
    let mut after: Vec<&Artifact> = to.artifacts.iter().collect();
    let mut pairs = pair_off(&mut before, &mut after, |artifact| {
        (artifact.kind, artifact.reference.to_string())
    });
    pairs.extend(pair_off(&mut before, &mut after, |artifact| {
        (artifact.kind, artifact.reference.repository.to_string())
    }));
    pairs.sort_by_key(|(_, after)| (after.kind, after.reference.to_string()));
    let changed: Vec<Change> = pairs
        .iter()
        .filter_map(|(before, after)| change(before, after))
        .collect();
    let sizes = |lock: &Lock| -> BTreeMap<Digest, u64> {
        lock.artifacts
            .iter()
            .flat_map(Artifact::pins)
            .map(|pin| (pin.digest, pin.size))
            .collect()
    };
    let (old, new) = (sizes(from), sizes(to));
    let only = |these: &BTreeMap<Digest, u64>, those: &BTreeMap<Digest, u64>| -> Vec<u64> {
        these
            .iter()
            .filter(|(digest, _)| !those.contains_key(digest))
            .map(|(_, size)| *size)
            .collect()
    };
    let fresh = only(&new, &old);
    Difference {
        from: format!("{} {}", from.name, from.release),
        to: format!("{} {}", to.name, to.release),
        added: after.into_iter().map(Entry::of).collect(),
        removed: before.into_iter().map(Entry::of).collect(),
        unchanged: pairs.len() - changed.len(),
        changed,
        new_blobs: fresh.len() as u64,
        new_bytes: total(fresh),
        dropped_bytes: total(only(&old, &new)),
    }
}

/// Takes out of both lists what has a counterpart with the same key, in order.
fn pair_off<'a, K: Ord>(
    before: &mut Vec<&'a Artifact>,
    after: &mut Vec<&'a Artifact>,
    key: impl Fn(&Artifact) -> K,
) -> Vec<(&'a Artifact, &'a Artifact)> {
    let mut open: BTreeMap<K, Vec<&Artifact>> = BTreeMap::new();
    for artifact in before.drain(..).rev() {
        open.entry(key(artifact)).or_default().push(artifact);
    }
    let mut pairs = Vec::new();
    after.retain(|artifact| match open.get_mut(&key(artifact)).and_then(Vec::pop) {
        Some(counterpart) => {
            pairs.push((counterpart, *artifact));
            false
        }
        None => true,
    });
    before.extend(open.into_values().flatten());
    before.sort_by_key(|artifact| (artifact.kind, artifact.reference.to_string()));
    pairs
}

fn change(from: &Artifact, to: &Artifact) -> Option<Change> {
    let platforms = |artifact: &Artifact| -> BTreeSet<Platform> {
        artifact
            .platforms
            .iter()
            .map(|pin| pin.platform.clone())
            .collect()
    };
    let referrers = |artifact: &Artifact| -> BTreeSet<Digest> {
        artifact
            .referrers
            .iter()
            .map(|referrer| referrer.root.digest)
            .collect()
    };
    let change = Change {
        from: Entry::of(from),
        to: Entry::of(to),
        platforms_added: platforms(to).difference(&platforms(from)).cloned().collect(),
        platforms_removed: platforms(from).difference(&platforms(to)).cloned().collect(),
        referrers_added: referrers(to).difference(&referrers(from)).copied().collect(),
        referrers_removed: referrers(from).difference(&referrers(to)).copied().collect(),
        packages: match (DebSet::of(from), DebSet::of(to)) {
            (Some(from), Some(to)) => changes(&from, &to),
            _ => Vec::new(),
        },
    };
    let same = change.from == change.to
        && change.platforms_added.is_empty()
        && change.platforms_removed.is_empty()
        && change.referrers_added.is_empty()
        && change.referrers_removed.is_empty();
    (!same).then_some(change)
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    fn lock() -> Lock {
        let mut lock = sample();
        lock.artifacts.truncate(1);
        let mut other = lock.artifacts[0].clone();
        other.name = "example.org/acme/app:1".into();
        other.reference = "example.org/acme/app:1".parse().unwrap();
        other.root.digest = Digest::sha256([0xab; 32]);
        other.root.size = 100;
        other.referrers.clear();
        other.why = vec!["tools → images[1]".into(), "extra → images[0]".into()];
        lock.artifacts.push(other);
        lock
    }

    #[test]
    fn why_by_name_reference_and_digest() {
        let lock = lock();
        let ask = |query: &str| -> Vec<(String, Found)> {
            why(&lock, query)
                .into_iter()
                .map(|why| (why.reference.to_string(), why.found))
                .collect()
        };
        let busybox = ("docker.io/library/busybox:latest".to_owned(), Found::Artifact);
        for query in [
            "busybox",
            "library/busybox",
            "docker.io/library/busybox",
            "busybox:latest",
        ] {
            assert_eq!(ask(query), std::slice::from_ref(&busybox), "{query}");
        }
        for query in ["", "box", "absent", "/"] {
            assert_eq!(ask(query), [], "{query:?}");
        }
        assert_eq!(
            ask("ababab"),
            [("example.org/acme/app:1".to_owned(), Found::Artifact)]
        );
        assert_eq!(ask("aba"), [], "too short to mean a digest");
        let layer = Digest::sha256([3; 32]).to_string();
        assert_eq!(
            ask(&layer),
            [
                (busybox.0.clone(), Found::Blob),
                ("example.org/acme/app:1".to_owned(), Found::Blob)
            ]
        );
        assert_eq!(
            ask(&Digest::sha256([4; 32]).to_string()),
            [(busybox.0, Found::Referrer)]
        );
    }

    #[test]
    fn the_tree_counts_what_is_shared_once() {
        let tree = tree(&lock());
        let shown: Vec<(&str, usize, u64)> = tree
            .components
            .iter()
            .map(|c| (c.name.as_str(), c.artifacts.len(), c.bytes))
            .collect();
        // Blobs of 2 and 3 bytes are in both artifacts; roots have 1 and 100, the referrer 4.
        assert_eq!(shown, [("extra", 1, 105), ("tools", 2, 110)]);
        assert_eq!(tree.totals.bytes, 110);
    }

    #[test]
    fn a_difference_pairs_references_and_then_repositories() {
        let from = lock();
        let mut to = from.clone();
        assert!(diff(&from, &to).is_empty());
        assert_eq!(diff(&from, &to).unchanged, 2);

        to.artifacts[1].reference = "example.org/acme/app:2".parse().unwrap();
        to.artifacts[1].root.digest = Digest::sha256([0xcd; 32]);
        to.artifacts[0].referrers.clear();
        let changed = diff(&from, &to);
        assert_eq!(
            (changed.added.len(), changed.removed.len(), changed.changed.len()),
            (0, 0, 2)
        );
        assert_eq!(changed.changed[0].referrers_removed, [Digest::sha256([4; 32])]);
        assert_eq!(
            changed.changed[1].from.reference.to_string(),
            "example.org/acme/app:1"
        );
        assert_eq!(
            (changed.new_blobs, changed.new_bytes, changed.dropped_bytes),
            (1, 100, 104)
        );

        to.artifacts.remove(0);
        to.artifacts[0].kind = Kind::Chart;
        let changed = diff(&from, &to);
        assert_eq!(
            (changed.added.len(), changed.removed.len(), changed.changed.len()),
            (1, 2, 0)
        );
        let back = diff(&to, &from);
        assert_eq!((back.added.len(), back.removed.len()), (2, 1));
    }
}
