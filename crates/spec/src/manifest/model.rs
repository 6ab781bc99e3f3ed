use std::path::PathBuf;

use airlock_types::{Digest, Platform, Reference};
use serde::{Serialize, Serializer};
use url::Url;

use super::Place;
use super::deploy::{Discover, ImageDecisions, KubernetesRequest, ManifestRequest};
use super::k3s::K3sRequest;
use super::packages::PackagesRequest;
use crate::{BundleName, Channel, Version};

/// A manifest with nothing left open: variables, conditions, imports and selection are applied, every
/// value is parsed, every path is relative to the folder of the manifest that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Effective {
    /// Who it is.
    pub metadata: Metadata,
    /// The platforms wanted, in the order written.
    pub platforms: Vec<Platform>,
    /// What is wanted, in the order written.
    pub components: Vec<Component>,
    /// Upstream signatures that are required.
    pub policy: Vec<PolicyRule>,
    /// The cluster that charts are rendered for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<KubernetesRequest>,
}

impl Effective {
    /// The canonical JSON. Its SHA-256 is `Lock::manifest`: it changes exactly when something that is
    /// wanted changes, not with comments or layout.
    pub fn to_canonical(&self) -> Vec<u8> {
        airlock_types::json::to_canonical(self)
    }

    /// The cluster that charts are rendered for: what `kubernetes` says, else the version of its k3s.
    pub fn cluster(&self) -> KubernetesRequest {
        let mut cluster = self.kubernetes.clone().unwrap_or_default();
        if cluster.version.is_none() {
            let mut releases = self.components.iter().filter_map(|one| one.k3s.as_ref());
            cluster.version = releases.find_map(|k3s| k3s.version.clone());
        }
        cluster
    }
}

/// `metadata`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The name of the bundles made from it.
    pub name: BundleName,
    /// Its version, as its author counts.
    pub version: Version,
    /// The line of releases it belongs to.
    pub channel: Channel,
    /// Counts releases of the channel upwards; 0 where it is not used.
    pub sequence: u64,
}

/// One entry of `components`. Those of an imported manifest are called `IMPORT/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    /// Its name, unique in the manifest.
    pub name: String,
    /// Container images.
    pub images: Vec<ImageRequest>,
    /// What is decided about the images that its charts and manifests need.
    #[serde(skip_serializing_if = "ImageDecisions::is_empty")]
    pub decisions: ImageDecisions,
    /// Helm charts.
    pub charts: Vec<ChartRequest>,
    /// Objects of Kubernetes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<ManifestRequest>,
    /// Plain files.
    pub files: Vec<FileRequest>,
    /// A k3s release.
    pub k3s: Option<K3sRequest>,
    /// Operating system packages.
    pub packages: Vec<PackagesRequest>,
    /// Where it was written.
    #[serde(skip)]
    pub place: Place,
}

impl Component {
    pub(crate) fn is_empty(&self) -> bool {
        self.images.is_empty()
            && self.charts.is_empty()
            && self.manifests.is_empty()
            && self.files.is_empty()
            && self.packages.is_empty()
            && self.k3s.is_none()
    }
}

/// An entry of `images`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageRequest {
    /// As it was written, variables applied.
    pub name: String,
    /// Where it comes from.
    pub source: ImageSource,
    /// The platforms wanted of it; empty for those of the manifest.
    pub platforms: Vec<Platform>,
    /// Where it was written.
    #[serde(skip)]
    pub place: Place,
}

/// Where an image comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ImageSource {
    /// A registry.
    Registry {
        /// Tag, digest or both.
        reference: Reference,
    },
    /// An OCI image layout folder, `oci-layout:PATH[:NAME]`.
    OciLayout {
        /// The folder.
        path: PathBuf,
        /// Which image in it, where there are several.
        image: Option<String>,
    },
    /// A tar of an OCI image layout, `oci-archive:PATH[:NAME]`.
    OciArchive {
        /// The file.
        path: PathBuf,
        /// Which image in it, where there are several.
        image: Option<String>,
    },
    /// A tar as `docker save` writes it, `docker-archive:PATH[:REFERENCE]`.
    DockerArchive {
        /// The file.
        path: PathBuf,
        /// Which image in it, where there are several.
        image: Option<String>,
    },
}

/// An entry of `charts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChartRequest {
    /// Where it comes from.
    pub source: ChartSource,
    /// The name of the release; that of the chart where none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// In which variants it is searched for images.
    #[serde(skip_serializing_if = "Discover::is_plain")]
    pub discover: Discover,
    /// Values files for installing it.
    pub values: Vec<PathBuf>,
    /// The namespace to install it into.
    pub namespace: Option<String>,
    /// Where it was written.
    #[serde(skip)]
    pub place: Place,
}

/// Where a chart comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ChartSource {
    /// A classic chart repository with an `index.yaml`.
    Repository {
        /// Its address.
        repo: Url,
        /// The chart in it.
        name: String,
        /// A version or a range, in Helm's syntax; the newest release where none is given.
        version: Option<String>,
    },
    /// A registry.
    Oci {
        /// Repository, and tag or digest where they were written.
        reference: Reference,
        /// A version or a range, in Helm's syntax; the newest release where none is given.
        version: Option<String>,
    },
    /// A folder.
    Folder {
        /// The folder that holds `Chart.yaml`.
        path: PathBuf,
    },
}

/// An entry of `files`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileRequest {
    /// Where it comes from.
    pub source: FileSource,
    /// Its path in the tree that is served.
    pub path: String,
    /// Its permissions.
    #[serde(serialize_with = "octal")]
    pub mode: u32,
    /// What it must hash to.
    pub checksum: Checksum,
    /// Where it was written.
    #[serde(skip)]
    pub place: Place,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn octal<S: Serializer>(mode: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{mode:04o}"))
}

/// Where a file comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum FileSource {
    /// An address.
    Url {
        /// HTTP(S).
        url: Url,
    },
    /// A file of this machine.
    Path {
        /// Its path.
        path: PathBuf,
    },
}

/// What a file must hash to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Checksum {
    /// Not given: what is there when the lock is made counts.
    Unknown,
    /// Written in the manifest.
    Sha256 {
        /// SHA-256.
        digest: Digest,
    },
    /// In a file as `sha256sum` writes it.
    Published {
        /// Its address.
        url: Url,
    },
}

/// An entry of `policy.require`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyRule {
    /// The references it is about, with `*`.
    #[serde(rename = "match")]
    pub pattern: String,
    /// The public key that must have signed them.
    pub key: PathBuf,
    /// Where it was written.
    #[serde(skip)]
    pub place: Place,
}
