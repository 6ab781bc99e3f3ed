//! Why charts cannot be planned.

use std::path::PathBuf;

use airlock_types::Digest;

/// Why charts cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum ChartsError {
    /// `site.yaml` names a release that is not in the bundle.
    #[error("{place} of site.yaml names a release that the bundle does not have: {release:?}")]
    Unknown {
        /// Where.
        place: String,
        /// The name.
        release: String,
    },
    /// `site.yaml` waits for a release that it switches off.
    #[error("{place} of site.yaml waits for a release that is not enabled: {release:?}")]
    Off {
        /// Where.
        place: String,
        /// The name.
        release: String,
    },
    /// `site.yaml` says two things about one release.
    #[error("{0} of site.yaml is about a release that has an entry already: {1:?}")]
    Twice(String, String),
    /// Charts wait for each other.
    #[error("charts of site.yaml wait for each other: {}", .0.join(" → "))]
    Cycle(Vec<String>),
    /// Two charts of the bundle are the same release.
    #[error("two charts of the bundle are the release {release:?}: {first}, {second}")]
    SameRelease {
        /// The name.
        release: String,
        /// The one.
        first: String,
        /// The other.
        second: String,
    },
    /// k3s cannot install a release of this name.
    #[error("k3s cannot install a release of this name ({why}): {release:?}")]
    Name {
        /// The name.
        release: String,
        /// Why.
        why: String,
    },
    /// Something that is no name of a namespace.
    #[error("the release {release:?} has a namespace that is no name for one: {namespace:?}")]
    Namespace {
        /// The release.
        release: String,
        /// The namespace.
        namespace: String,
    },
    /// The bundle lacks a file.
    #[error("the bundle does not hold {path:?} of the component {component:?}: {digest}")]
    NotInBundle {
        /// The component.
        component: String,
        /// The file.
        path: String,
        /// Its content.
        digest: Digest,
    },
    /// A values file of the site was not read.
    #[error("the values file of the release {release:?} was not read: {}", .path.display())]
    NotRead {
        /// The release.
        release: String,
        /// The file.
        path: PathBuf,
    },
    /// Values that cannot be read, in Helm's words.
    #[error("the values of the release {release:?} cannot be used: {problem}")]
    Values {
        /// The release.
        release: String,
        /// What is wrong.
        problem: String,
    },
    /// More text than fits into an object.
    #[error("{what} of the release {release:?} is longer than {limit} bytes: {size}")]
    TooLong {
        /// The release.
        release: String,
        /// What is too long.
        what: &'static str,
        /// How long it is.
        size: usize,
        /// How long it may be.
        limit: usize,
    },
    /// No mirror to take a chart from.
    #[error("the release {0:?} comes from the registry, and site.yaml names no mirror")]
    NoMirror(String),
    /// A chart without a tag has no version that Helm could ask a registry for.
    #[error("the release {release:?} comes from the registry, and its chart has no tag: {reference}")]
    NoTag {
        /// The release.
        release: String,
        /// The chart.
        reference: String,
    },
    /// The mirror's password was not given.
    #[error("the password of the mirror was not read")]
    NoPassword,
    /// Not a duration of Go.
    #[error("the timeout of the release {release:?} is no duration: {timeout:?}")]
    Timeout {
        /// The release.
        release: String,
        /// What is there.
        timeout: String,
    },
    /// More attempts than Kubernetes counts.
    #[error("the back-off limit of the release {release:?} is larger than 2147483647: {limit}")]
    BackOffLimit {
        /// The release.
        release: String,
        /// What is there.
        limit: u32,
    },
    /// Two files of different content would be one.
    #[error("two files of the plan have one path: {}", .0.display())]
    SamePath(PathBuf),
}

impl ChartsError {
    /// What to do about it.
    pub const fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Unknown { .. } => {
                "`airlock ls STORE` lists the deployments of the bundle with their releases"
            }
            Self::Off { .. } => "take it out of `after`, or enable the release",
            Self::Twice(..) => "put everything about a release into one entry",
            Self::Cycle(_) => "take one of them out of `after`",
            Self::SameRelease { .. } => {
                "give one of them another `release` in the manifest: k3s names the resource after it"
            }
            Self::Name { .. } => "give it another `release` in the manifest",
            Self::Namespace { .. } => "lower case letters, digits and `-`, at most 63",
            Self::TooLong { .. } => {
                "move large texts (dashboards, certificates) out of the values into ConfigMaps of a manifest"
            }
            Self::NoMirror(_) => "add `mirror` to site.yaml, or leave `source` at `static`",
            Self::NoTag { .. } => "leave its `source` at `static`",
            Self::Timeout { .. } => "write it as `10m` or `1h30m`",
            Self::NotInBundle { .. }
            | Self::NotRead { .. }
            | Self::Values { .. }
            | Self::NoPassword
            | Self::BackOffLimit { .. }
            | Self::SamePath(_) => return None,
        })
    }
}
