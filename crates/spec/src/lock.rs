//! The lock: every artifact of a bundle, exactly.
//!
//! The lock decides everything that a pack does. It holds no time and no name of a machine; paths are
//! relative to the manifest's folder, as they were written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use airlock_types::{Descriptor, Digest, Platform, Reference, Repository, Tag, json};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{BundleName, Channel, Version};

mod views;

pub use views::{
    ArtifactTree, Change, ComponentTree, Difference, Entry, Found, K3sTree, PackagesTree, ReferrerTree, Tree,
    Why, WhyNeeded, WhyPackage, diff, tree, why,
};

/// The format that this version writes. A reader refuses a higher `version` and accepts a higher `revision`.
pub const VERSION: u32 = 1;
/// Counts additions that older readers may ignore.
pub const REVISION: u32 = 0;

/// How many places that need an image are told in [`Artifact::why`]; its deployment has all of them.
pub const MAX_WHY: usize = 8;

/// A lock file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lock {
    /// The format, [`VERSION`].
    pub version: u32,
    /// Additions to it, [`REVISION`].
    pub revision: u32,
    /// The manifest's `metadata.name`.
    pub name: BundleName,
    /// The manifest's `metadata.version`.
    pub release: Version,
    /// The manifest's `metadata.channel`.
    pub channel: Channel,
    /// The manifest's `metadata.sequence`: counts releases of a channel upwards, 0 where it is not used.
    pub sequence: u64,
    /// SHA-256 of the effective manifest (variables, imports and selection applied): what `lock --check` compares.
    pub manifest: Digest,
    /// The platforms wanted.
    pub platforms: Vec<Platform>,
    /// Everything that the bundle holds, in order of kind and reference.
    pub artifacts: Vec<Artifact>,
}

/// What sort of thing an artifact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A container image, or any other OCI artifact named as one.
    Image,
    /// A Helm chart, as the standard Helm OCI artifact.
    Chart,
    /// A tree of plain files.
    Files,
    /// OS packages of one distribution.
    Packages,
    /// What a component installs: values, manifests, and every image that they need.
    Deployment,
    /// A release of k3s: what a node needs of it.
    K3s,
}

impl Kind {
    /// As it stands in documents and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Chart => "chart",
            Self::Files => "files",
            Self::Packages => "packages",
            Self::Deployment => "deployment",
            Self::K3s => "k3s",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Content pinned by type, digest and size.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pin {
    /// Its digest.
    pub digest: Digest,
    /// What it is.
    pub media_type: String,
    /// Its length in bytes.
    pub size: u64,
    /// Where it is fetched from, when that is not the artifact's source (the files of a tree).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

impl Pin {
    /// Pins what a descriptor names.
    pub fn of(descriptor: &Descriptor) -> Self {
        Self {
            digest: descriptor.digest,
            media_type: descriptor.media_type.clone(),
            size: descriptor.size,
            source: None,
        }
    }

    /// The plain descriptor.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.media_type.clone(), self.digest, self.size)
    }
}

/// Where content is fetched from. Paths are as written in the manifest, relative to its folder.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Source {
    /// A repository of a registry.
    Registry {
        /// Registry and path.
        repository: Repository,
    },
    /// One file over HTTP(S).
    Http {
        /// Its address, without credentials.
        url: Url,
    },
    /// An OCI image layout folder.
    OciLayout {
        /// The folder.
        path: PathBuf,
    },
    /// A tar of an OCI image layout.
    OciArchive {
        /// The file.
        path: PathBuf,
    },
    /// A tar as `docker save` writes it.
    DockerArchive {
        /// The file.
        path: PathBuf,
    },
    /// A chart folder.
    ChartFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A plain file.
    File {
        /// The file.
        path: PathBuf,
    },
}

/// The manifest chosen for one platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlatformPin {
    /// The platform, as the image declares it.
    pub platform: Platform,
    /// The manifest for it.
    pub digest: Digest,
}

/// A child of an index that is not carried; the index itself is kept as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// The child's digest.
    pub digest: Digest,
    /// The platform it declares, where it declares one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

/// A manifest about an artifact (signature, attestation, SBOM) that travels with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Referrer {
    /// The referring manifest.
    pub root: Pin,
    /// What it is about.
    pub subject: Digest,
    /// The artifact type, as the referrers API reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The tag it was found behind (a cosign tag or the fallback tag), `None` when the referrers API named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// Manifests below it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<Pin>,
    /// Blobs below it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blobs: Vec<Pin>,
}

/// One thing that the manifest asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// What sort of thing it is.
    pub kind: Kind,
    /// As the manifest names it.
    pub name: String,
    /// The name it is served under at the site.
    pub reference: Reference,
    /// The version that a range or channel was resolved to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where it is fetched from.
    pub source: Source,
    /// The root manifest.
    pub root: Pin,
    /// The manifests chosen, by platform; empty for what has no platform.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<PlatformPin>,
    /// The index children that are not carried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// The manifests below the root, in order of digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<Pin>,
    /// Configurations and layers, in order of digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blobs: Vec<Pin>,
    /// The text of documents that were made here and cannot be fetched, by digest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inline: BTreeMap<Digest, String>,
    /// What travels with it, in order of digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub referrers: Vec<Referrer>,
    /// Why it is here: paths through the manifest, `monitoring → images[0]`.
    pub why: Vec<String>,
    /// SHA-256 of the request in canonical form: an unchanged request keeps its pins.
    pub request: Digest,
}

impl Artifact {
    /// Every pin of the artifact: root, manifests, blobs, referrers and theirs.
    pub fn pins(&self) -> impl Iterator<Item = &Pin> {
        std::iter::once(&self.root)
            .chain(&self.manifests)
            .chain(&self.blobs)
            .chain(self.referrers.iter().flat_map(|referrer| {
                std::iter::once(&referrer.root)
                    .chain(&referrer.manifests)
                    .chain(&referrer.blobs)
            }))
    }
}

/// Sums over a lock; computed, never believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Artifacts, referrers not counted.
    pub artifacts: u64,
    /// Distinct blobs, manifests counted among them.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Why bytes are not a lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Not JSON, or not of the right shape.
    #[error("the lock is not valid")]
    Json(#[from] json::JsonError),
    /// Written by a later version.
    #[error("the lock has a format that this version cannot read: {0}")]
    Version(u32),
    /// Its sums are not those of its content.
    #[error("the totals of the lock are not those of its content")]
    Totals,
    /// One digest is pinned with two sizes.
    #[error("the lock pins two sizes for one digest: {0}")]
    Conflict(Digest),
    /// It says what a lock says in other bytes, or says more.
    #[error("the lock does not have exactly the bytes that Airlock writes")]
    Form,
}

impl Lock {
    /// Sums over the content.
    pub fn totals(&self) -> Totals {
        let blobs: BTreeMap<Digest, u64> = self
            .artifacts
            .iter()
            .flat_map(Artifact::pins)
            .map(|pin| (pin.digest, pin.size))
            .collect();
        Totals {
            artifacts: self.artifacts.len() as u64,
            blobs: blobs.len() as u64,
            // Sizes come from a file that anyone may have written; a sum that large is refused where it matters.
            bytes: blobs.values().fold(0, |sum, size| sum.saturating_add(*size)),
        }
    }

    /// Every distinct pin, in order of digest: what a bundle holds under `blobs/`.
    pub fn distinct_pins(&self) -> Vec<&Pin> {
        let mut seen = BTreeSet::new();
        let mut pins: Vec<&Pin> = self
            .artifacts
            .iter()
            .flat_map(Artifact::pins)
            .filter(|pin| seen.insert(pin.digest))
            .collect();
        pins.sort_by_key(|pin| pin.digest);
        pins
    }

    /// The bytes of the lock file: canonical JSON, but for line breaks that put every artifact on a
    /// line of its own, so that a diff of two locks reads as a list of artifacts.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut |part| {
            out.extend_from_slice(part);
            true
        });
        out
    }

    /// Passes on the bytes of the lock file part by part, while `put` wants more.
    fn write(&self, put: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        /// What stands behind the artifacts, in order of the keys.
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Rest<'a> {
            channel: &'a Channel,
            manifest: &'a Digest,
            name: &'a BundleName,
            platforms: &'a [Platform],
            release: &'a Version,
            revision: u32,
            sequence: u64,
            version: u32,
        }
        let mut all = put(b"{\"artifacts\":[");
        for (at, artifact) in self.artifacts.iter().enumerate() {
            all = all && put(if at == 0 { b"\n" } else { b",\n" }) && put(&json::to_canonical(artifact));
        }
        let rest = json::to_canonical(&Rest {
            channel: &self.channel,
            manifest: &self.manifest,
            name: &self.name,
            platforms: &self.platforms,
            release: &self.release,
            revision: self.revision,
            sequence: self.sequence,
            version: self.version,
        });
        let rest = rest.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}"));
        all && put(b"\n],")
            && put(rest.unwrap_or_default())
            && put(b",\n\"totals\":")
            && put(&json::to_canonical(&self.totals()))
            && put(b"}\n")
    }

    /// Whether these are the bytes of this lock.
    fn is_written_as(&self, mut bytes: &[u8]) -> bool {
        self.write(&mut |part| match bytes.strip_prefix(part) {
            Some(rest) => {
                bytes = rest;
                true
            }
            None => false,
        }) && bytes.is_empty()
    }

    /// Reads the lock of a bundle: [`from_bytes`](Self::from_bytes), and a lock of this revision must be written
    /// exactly as [`to_bytes`](Self::to_bytes) does.
    ///
    /// So no field that is not read here, such as `Name` beside `name`, can tell another reader something else. A lock
    /// of a higher revision may say more than this version reads.
    pub fn from_exact_bytes(bytes: &[u8]) -> Result<Self, LockError> {
        let lock = Self::from_bytes(bytes)?;
        if lock.revision > REVISION || lock.is_written_as(bytes) {
            return Ok(lock);
        }
        Err(LockError::Form)
    }

    /// Reads a lock file and checks what it says of itself.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LockError> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        #[derive(Deserialize)]
        struct Tail {
            totals: Totals,
        }
        let head: Head = json::from_slice(bytes)?;
        if head.version != VERSION {
            return Err(LockError::Version(head.version));
        }
        let lock: Self = json::from_slice(bytes)?;
        let Tail { totals } = json::from_slice(bytes)?;
        let mut sizes = BTreeMap::new();
        for pin in lock.artifacts.iter().flat_map(Artifact::pins) {
            if sizes
                .insert(pin.digest, pin.size)
                .is_some_and(|size| size != pin.size)
            {
                return Err(LockError::Conflict(pin.digest));
            }
        }
        if lock.totals() != totals {
            return Err(LockError::Totals);
        }
        Ok(lock)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn sample() -> Lock {
        let digest = |n: u8| Digest::sha256([n; 32]);
        let pin = |n: u8| Pin {
            digest: digest(n),
            media_type: "x/y".into(),
            size: n.into(),
            source: None,
        };
        Lock {
            version: VERSION,
            revision: REVISION,
            name: "edge".parse().unwrap(),
            release: "1.0".parse().unwrap(),
            channel: Channel::default(),
            sequence: 3,
            manifest: digest(0),
            platforms: vec!["linux/amd64".parse().unwrap()],
            artifacts: vec![
                Artifact {
                    kind: Kind::Image,
                    name: "busybox".into(),
                    reference: "busybox:latest".parse().unwrap(),
                    version: None,
                    source: Source::Registry {
                        repository: "docker.io/library/busybox".parse().unwrap()
                    },
                    root: pin(1),
                    platforms: Vec::new(),
                    left_out: Vec::new(),
                    manifests: Vec::new(),
                    blobs: vec![pin(2), pin(3)],
                    inline: BTreeMap::new(),
                    referrers: vec![Referrer {
                        root: pin(4),
                        subject: digest(1),
                        artifact_type: None,
                        tag: Some("x.sig".parse().unwrap()),
                        manifests: Vec::new(),
                        blobs: vec![pin(3)],
                    }],
                    why: vec!["tools → images[0]".into()],
                    request: digest(9),
                };
                2
            ],
        }
    }

    #[test]
    fn bytes_round_trip_and_are_one_artifact_a_line() {
        let lock = sample();
        let bytes = lock.to_bytes();
        assert_eq!(Lock::from_bytes(&bytes).unwrap(), lock);
        assert_eq!(Lock::from_bytes(&bytes).unwrap().to_bytes(), bytes);
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(
            text.lines().filter(|line| line.starts_with("{\"blobs\"")).count(),
            2
        );
        assert_eq!(
            lock.totals(),
            Totals {
                artifacts: 2,
                blobs: 4,
                bytes: 10
            }
        );
    }

    /// What is unknown is passed over for the sake of later revisions, and is no way to say two things in this one.
    #[test]
    fn unknown_keys_are_harmless_and_no_part_of_a_bundle() {
        let lock = sample();
        let text = String::from_utf8(lock.to_bytes()).unwrap();
        assert_eq!(Lock::from_exact_bytes(text.as_bytes()).unwrap(), lock);
        let beside = |key: &str, value: &str| text.replacen('{', &format!("{{\"{key}\":{value},"), 1);
        for changed in [
            beside("Name", "\"other\""),
            beside("NAME", "\"other\""),
            beside("n\u{e4}me", "\"other\""),
            beside("x", "[{\"name\":1}]"),
            text.replacen("\"why\":", "\"Why\":[],\"why\":", 1),
            text.replacen("\"size\":", "\"Size\":7,\"size\":", 1),
            text.replacen("\"type\":", "\"Type\":\"file\",\"type\":", 1),
            text.replacen("\"bytes\":", "\"Bytes\":7,\"bytes\":", 1),
            text.replacen(',', ", ", 1),
            text.replacen("edge", "\\u0065dge", 1),
            text.trim_end().to_owned(),
            format!("{text}\n"),
        ] {
            assert_ne!(changed, text);
            assert_eq!(Lock::from_bytes(changed.as_bytes()).unwrap(), lock, "{changed}");
            let refused = Lock::from_exact_bytes(changed.as_bytes());
            assert!(matches!(refused, Err(LockError::Form)), "{changed}");
        }
        let later = beside("new", "1").replace("\"revision\":0", "\"revision\":1");
        assert_eq!(
            Lock::from_exact_bytes(later.as_bytes()).unwrap(),
            Lock { revision: 1, ..lock }
        );
    }

    #[test]
    fn a_key_twice_at_any_depth_and_depth_itself_are_refused() {
        let text = String::from_utf8(sample().to_bytes()).unwrap();
        let deep = "[".repeat(100_000);
        for changed in [
            text.replacen("\"name\":", "\"name\":\"other\",\"name\":", 1),
            text.replacen("\"kind\":", "\"kind\":\"chart\",\"kind\":", 1),
            text.replacen("\"size\":", "\"size\":7,\"size\":", 1),
            text.replacen("\"type\":", "\"type\":\"file\",\"type\":", 1),
            text.replacen("\"bytes\":", "\"bytes\":1,\"bytes\":", 1),
            text.replacen("\"why\":", "\"new\":{\"a\":1,\"\\u0061\":1},\"why\":", 1),
            text.replacen('{', &format!("{{\"new\":{deep},"), 1),
            text.replacen("\"why\":[", &format!("\"why\":[{deep},"), 1),
            deep,
        ] {
            assert_ne!(changed, text);
            let refused = Lock::from_bytes(changed.as_bytes());
            assert!(matches!(refused, Err(LockError::Json(_))), "{changed:.300}");
        }
    }

    #[test]
    fn lies_about_itself_are_refused() {
        let text = String::from_utf8(sample().to_bytes()).unwrap();
        assert!(matches!(
            Lock::from_bytes(text.replace("\"bytes\":10", "\"bytes\":11").as_bytes()),
            Err(LockError::Totals)
        ));
        assert!(matches!(
            Lock::from_bytes(text.replace("\"version\":1", "\"version\":2").as_bytes()),
            Err(LockError::Version(2))
        ));
        assert!(matches!(
            Lock::from_bytes(text.replacen("\"size\":3", "\"size\":7", 1).as_bytes()),
            Err(LockError::Conflict(_))
        ));
        assert!(matches!(
            Lock::from_bytes(
                text.replace("\"size\":", "\"size\":1844674407370955161")
                    .as_bytes()
            ),
            Err(LockError::Totals)
        ));
    }
}
