//! A k3s release in a bundle: what a node needs of it, by architecture.
//!
//! Travels as the configuration of an artifact `airlock.local/k3s/COMPONENT:RELEASE` (`+` in a tag is `_`) whose layers
//! are the files, so that an installer needs nothing but the bundle.

mod flags;

use std::collections::BTreeMap;

pub use flags::{FLAGS, Flag, FlagKind};

use airlock_types::{Digest, Platform, Reference};
use serde::{Deserialize, Serialize};

/// The format that this version writes.
pub const VERSION: u32 = 1;

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
