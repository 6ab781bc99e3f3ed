//! A k3s release in a bundle: what a node needs of it, by architecture.
//!
//! Travels as the configuration of an artifact `airlock.local/k3s/COMPONENT:RELEASE` (`+` in a tag is `_`) whose layers
//! are the files, so that an installer needs nothing but the bundle.

mod flags;
mod registries;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use airlock_types::{Digest, Platform, Reference, Tag, json, media_type};
use serde::{Deserialize, Serialize};

use crate::lock::{Artifact, Kind, Lock};

pub use flags::{FLAGS, Flag, FlagKind};
pub use registries::{Registries, RegistriesMirror};

/// The format that this version writes.
pub const VERSION: u32 = 1;
/// Where k3s publishes its releases.
pub const RELEASES: &str = "https://github.com/k3s-io/k3s/releases/download";
/// Where k3s says which release a channel is at.
pub const CHANNELS: &str = "https://update.k3s.io/v1-release/channels";
/// The repository of the image that upgrades nodes.
pub const UPGRADE_IMAGE: &str = "docker.io/rancher/k3s-upgrade";
/// The file of a release that lists its images.
pub const IMAGE_LIST: &str = "k3s-images.txt";

/// A release of k3s, as a bundle carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct K3sRelease {
    /// The format, [`VERSION`].
    pub version: u32,
    /// The component that asked for it.
    pub component: String,
    /// The release, `v1.34.5+k3s1`.
    pub release: String,
    /// What a node of each platform gets.
    pub nodes: Vec<NodeFiles>,
    /// The images of its own list that every node needs, in order of reference; all of them are artifacts of the lock.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<Reference>,
    /// The SELinux policy packages, by distribution (`el9`), each with what it needs besides.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub selinux: BTreeMap<String, Vec<ReleaseFile>>,
    /// What upgrades by the system-upgrade-controller need.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<UpgradeFiles>,
    /// Upstream's own lists, as they were when the lock was made: checksums, images.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<ReleaseFile>,
}

/// What a node of one platform gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeFiles {
    /// The platform.
    pub platform: Platform,
    /// The binary `k3s`.
    pub binary: ReleaseFile,
    /// Upstream's own archive of images, where the manifest asks for it instead of single images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<ReleaseFile>,
}

/// A file of the release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseFile {
    /// Its name, as upstream has it: `k3s-airgap-images-amd64.tar.zst`.
    pub name: String,
    /// Its content.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}

/// What upgrades by the system-upgrade-controller need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpgradeFiles {
    /// The image that replaces the binary on a node.
    pub image: Reference,
    /// The manifests of the controller.
    pub manifests: Vec<ReleaseFile>,
    /// The images of the controller.
    pub images: Vec<Reference>,
}

/// Why bytes are no release.
#[derive(Debug, thiserror::Error)]
pub enum K3sError {
    /// Not JSON, or not of the right shape.
    #[error("the description of the k3s release is not valid")]
    Json(#[from] json::JsonError),
    /// Written by a later version.
    #[error("the description of the k3s release has a format that this version cannot read: {0}")]
    Version(u32),
    /// A file has a name that is none, or leads elsewhere.
    #[error("the description of the k3s release names a file that no folder can hold: {0:?}")]
    Name(String),
    /// The lock does not hold the document.
    #[error("the lock does not hold the description of the k3s release {0:?}")]
    Missing(String),
}

impl K3sRelease {
    /// Canonical JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        json::to_canonical(self)
    }

    /// Reads the document.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, K3sError> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let head: Head = json::from_slice(bytes)?;
        if head.version != VERSION {
            return Err(K3sError::Version(head.version));
        }
        let release: Self = json::from_slice(bytes)?;
        let plain = |word: &str| {
            !matches!(word, "" | "." | "..") && !word.contains('\\') && !word.chars().any(char::is_control)
        };
        let good =
            |(path, file): (&String, &&ReleaseFile)| !file.name.contains('/') && path.split('/').all(plain);
        let files = release.files();
        let bad = files
            .iter()
            .find(|entry| !good(*entry))
            .map(|(path, _)| path.clone());
        match bad {
            Some(path) => Err(K3sError::Name(path)),
            None => Ok(release),
        }
    }

    /// The release of an artifact of [`Kind::K3s`]; the lock holds its text.
    pub fn of(artifact: &Artifact) -> Result<Self, K3sError> {
        let config = artifact
            .blobs
            .iter()
            .find(|pin| pin.media_type == media_type::AIRLOCK_K3S_RELEASE);
        match config.and_then(|pin| artifact.inline.get(&pin.digest)) {
            Some(text) => Self::from_bytes(text.as_bytes()),
            None => Err(K3sError::Missing(artifact.name.clone())),
        }
    }

    /// The releases of a lock, in its order.
    pub fn all(lock: &Lock) -> Result<Vec<Self>, K3sError> {
        let artifacts = lock.artifacts.iter();
        artifacts
            .filter(|artifact| artifact.kind == Kind::K3s)
            .map(Self::of)
            .collect()
    }

    /// What a node of a platform gets.
    pub fn node(&self, platform: &Platform) -> Option<&NodeFiles> {
        self.nodes.iter().find(|node| node.platform == *platform)
    }

    /// Every file, by its path in the tree that is served: `k3s-arm64`, `selinux/el9/NAME.rpm`, `upgrade/crd.yaml`.
    pub fn files(&self) -> BTreeMap<String, &ReleaseFile> {
        let nodes = self.nodes.iter();
        let plain = nodes.flat_map(|node| std::iter::once(&node.binary).chain(&node.archive));
        let mut out: BTreeMap<String, &ReleaseFile> = plain
            .chain(&self.lists)
            .map(|file| (file.name.clone(), file))
            .collect();
        for (distro, files) in &self.selinux {
            let files = files.iter();
            out.extend(files.map(|file| (format!("selinux/{distro}/{}", file.name), file)));
        }
        let manifests = self.upgrade.iter().flat_map(|upgrade| &upgrade.manifests);
        out.extend(manifests.map(|file| (format!("upgrade/{}", file.name), file)));
        out
    }

    /// Every image that it names: its own, and those for upgrades.
    pub fn all_images(&self) -> impl Iterator<Item = &Reference> {
        let upgrade = self.upgrade.iter();
        let upgrade = upgrade.flat_map(|upgrade| std::iter::once(&upgrade.image).chain(&upgrade.images));
        self.images.iter().chain(upgrade)
    }
}

/// A release as numbers: version, candidate (none comes after all of them), and k3s' own count.
type Numbers = ([u64; 3], u64, u64);

fn numbers(text: &str) -> Option<Numbers> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
        digits.then(|| text.parse::<u64>().ok()).flatten()
    };
    let (version, own) = text.strip_prefix('v')?.split_once("+k3s")?;
    let (version, candidate) = match version.split_once("-rc") {
        Some((version, candidate)) => (version, number(candidate)?),
        None => (version, u64::MAX),
    };
    let mut parts = version.split('.').map(number);
    let version = [parts.next()??, parts.next()??, parts.next()??];
    (parts.next().is_none()).then_some((version, candidate, number(own)?))
}

/// Whether a text is a release as k3s names them: `v1.34.5+k3s1`, `v1.34.5-rc1+k3s1`.
pub fn is_release(text: &str) -> bool {
    text.len() <= 64 && numbers(text).is_some()
}

/// The order of two releases; none if one of the texts is no release.
pub fn compare(a: &str, b: &str) -> Option<Ordering> {
    Some(numbers(a)?.cmp(&numbers(b)?))
}

/// A release as a tag of Airlock's own artifacts has it: `v1.34.5_k3s1`.
pub fn tag_of(release: &str) -> Option<Tag> {
    release.replace('+', "_").parse().ok()
}

/// A release as a tag of k3s' images has it: `v1.34.5-k3s1`.
pub fn image_tag_of(release: &str) -> Option<Tag> {
    release.replace('+', "-").parse().ok()
}

/// How upstream's files for a platform are called; none where there is no k3s for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileNames {
    /// The binary, `k3s-armhf`.
    pub binary: &'static str,
    /// The word in the names of all other files, `arm`.
    pub architecture: &'static str,
}

impl FileNames {
    /// The names for a platform.
    pub fn of(platform: &Platform) -> Option<Self> {
        let (binary, architecture) = match (platform.os(), platform.architecture(), platform.variant()) {
            ("linux", "amd64", _) => ("k3s", "amd64"),
            ("linux", "arm64", _) => ("k3s-arm64", "arm64"),
            ("linux", "arm", None | Some("v7")) => ("k3s-armhf", "arm"),
            _ => return None,
        };
        Some(Self { binary, architecture })
    }

    /// The file of checksums.
    pub fn checksums(self) -> String {
        format!("sha256sum-{}.txt", self.architecture)
    }

    /// The archive of images, smallest first.
    pub fn archives(self) -> [String; 3] {
        ["tar.zst", "tar.gz", "tar"].map(|form| format!("k3s-airgap-images-{}.{form}", self.architecture))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_have_an_order() {
        for good in ["v1.34.5+k3s1", "v1.34.5-rc1+k3s1", "v0.9.10+k3s12"] {
            assert!(is_release(good), "{good}");
        }
        for bad in [
            "1.34.5+k3s1",
            "v1.34+k3s1",
            "v1.34.5",
            "v1.34.5-k3s1",
            "v1.34.5+k3s",
            "v1.34.5.6+k3s1",
            "v1.34.5+k3s1/..",
            "v+1.2.3+k3s1",
        ] {
            assert!(!is_release(bad), "{bad}");
        }
        let mut list = ["v1.34.5+k3s2", "v1.9.0+k3s1", "v1.34.5-rc2+k3s1", "v1.34.5+k3s1"];
        list.sort_by(|a, b| compare(a, b).unwrap());
        assert_eq!(
            list,
            ["v1.9.0+k3s1", "v1.34.5-rc2+k3s1", "v1.34.5+k3s1", "v1.34.5+k3s2"]
        );
    }

    #[test]
    fn files_have_upstreams_names() {
        let names = |text: &str| FileNames::of(&text.parse().unwrap());
        assert_eq!(names("linux/amd64").unwrap().binary, "k3s");
        assert_eq!(names("linux/arm64").unwrap().checksums(), "sha256sum-arm64.txt");
        let arm = names("linux/arm/v7").unwrap();
        assert_eq!(
            (arm.binary, arm.checksums().as_str()),
            ("k3s-armhf", "sha256sum-arm.txt")
        );
        assert_eq!(arm.archives()[0], "k3s-airgap-images-arm.tar.zst");
        for none in ["linux/s390x", "windows/amd64", "linux/arm/v6"] {
            assert_eq!(names(none), None, "{none}");
        }
    }

    const SEED: &str = include_str!("../../../fuzz/corpus/index/k3s.json");

    #[test]
    fn the_seed_of_the_fuzzer_is_a_release() {
        let release = K3sRelease::from_bytes(SEED.as_bytes()).unwrap();
        assert_eq!(release.to_bytes(), SEED.as_bytes());
        assert_eq!(
            release.node(&"linux/arm64".parse().unwrap()).unwrap().binary.name,
            "k3s-arm64"
        );
    }

    #[test]
    fn documents_round_trip_and_later_ones_are_refused() {
        let file = |name: &str, n: u8| ReleaseFile {
            name: name.to_owned(),
            digest: Digest::sha256([n; 32]),
            size: n.into(),
        };
        let release = K3sRelease {
            version: VERSION,
            component: "cluster".to_owned(),
            release: "v1.34.5+k3s1".to_owned(),
            nodes: vec![NodeFiles {
                platform: "linux/amd64".parse().unwrap(),
                binary: file("k3s", 1),
                archive: None,
            }],
            images: vec!["docker.io/rancher/mirrored-pause:3.6".parse().unwrap()],
            selinux: BTreeMap::from([("el9".to_owned(), vec![file("k3s-selinux.rpm", 2)])]),
            upgrade: Some(UpgradeFiles {
                image: "docker.io/rancher/k3s-upgrade:v1.34.5-k3s1".parse().unwrap(),
                manifests: vec![file("crd.yaml", 3)],
                images: Vec::new(),
            }),
            lists: vec![file(IMAGE_LIST, 4)],
        };
        let bytes = release.to_bytes();
        assert_eq!(K3sRelease::from_bytes(&bytes).unwrap(), release);
        let paths: Vec<String> = release.files().into_keys().collect();
        assert_eq!(
            paths,
            [
                "k3s",
                "k3s-images.txt",
                "selinux/el9/k3s-selinux.rpm",
                "upgrade/crd.yaml"
            ]
        );
        assert_eq!(release.all_images().count(), 2);
        for name in ["../k3s", "", "..", "a/b", "a\\b", "a\nb"] {
            let mut bad = release.clone();
            bad.nodes[0].binary.name = name.to_owned();
            let refused = K3sRelease::from_bytes(&bad.to_bytes());
            assert!(matches!(refused, Err(K3sError::Name(_))), "{name:?}");
        }
        let mut bad = release.clone();
        let files = bad.selinux.remove("el9").unwrap();
        bad.selinux.insert("../el9".to_owned(), files);
        assert!(K3sRelease::from_bytes(&bad.to_bytes()).is_err());
        let later = String::from_utf8(bytes)
            .unwrap()
            .replace("\"version\":1}", "\"version\":2}");
        assert!(matches!(
            K3sRelease::from_bytes(later.as_bytes()),
            Err(K3sError::Version(2))
        ));
    }
}
