//! A chart as it is deployed, and its variants.

use airlock_helm::chart::{Chart, Profile};

/// The cluster that charts are rendered for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The generation of Helm.
    pub profile: Profile,
    /// The version of Kubernetes, `v1.34.5+k3s1`; what Helm assumes where there is none.
    pub version: Option<String>,
    /// API versions that the cluster has besides Helm's own, `monitoring.coreos.com/v1`.
    pub api_versions: Vec<String>,
}

/// Which switches of values are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Toggles {
    /// None: only what is deployed as it is, and with the values of each variant.
    #[default]
    None,
    /// Every one that is off, one at a time and all together.
    All,
}

/// Values on top of those of the release: what a site may choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// How it is told, which is the name of the file.
    pub name: String,
    /// YAML.
    pub values: Vec<u8>,
}

/// A chart as it is deployed.
#[derive(Clone, Debug)]
pub struct Release<'a> {
    /// The chart, with all of its dependencies.
    pub chart: &'a Chart,
    /// The name of the release.
    pub name: String,
    /// The namespace.
    pub namespace: String,
    /// Values files, by name, in the order in which they are given to Helm.
    pub values: Vec<(String, Vec<u8>)>,
    /// What else may be given; each makes a rendering of its own.
    pub variants: Vec<Variant>,
    /// Which switches are tried.
    pub toggles: Toggles,
}

/// Why a release cannot be searched.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReleaseError {
    /// It cannot be rendered as it is deployed.
    #[error(transparent)]
    Render(#[from] airlock_helm::render::RenderError),
}
