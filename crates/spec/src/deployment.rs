//! The deployment: what a component installs, and every image that it needs.
//!
//! One for each component with charts or manifests. It travels in the bundle as the configuration of an artifact whose
//! layers are the values files and manifests, so that a site can render everything again, and see for itself that
//! nothing points outside of the bundle.

use std::collections::BTreeMap;

use airlock_types::{Digest, Platform, Reference, Tag, json, media_type};
use serde::{Deserialize, Serialize};

use crate::lock::{Artifact, Kind, Lock};

/// The format that this version writes.
pub const VERSION: u32 = 1;

/// What a component installs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// The format, [`VERSION`].
    pub version: u32,
    /// The component.
    pub component: String,
    /// The platforms that its images are wanted for.
    pub platforms: Vec<Platform>,
    /// The cluster that charts are rendered for.
    pub kubernetes: Kubernetes,
    /// Its charts, in the manifest's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub charts: Vec<DeployedChart>,
    /// Its manifests, in the manifest's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<DeployedFile>,
    /// The images that were found, in order of reference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<NeededImage>,
    /// What could not be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

/// A cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kubernetes {
    /// Its version; what Helm assumes where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// API versions that it has besides those of Kubernetes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub api_versions: Vec<String>,
}

/// A chart, and how it is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeployedChart {
    /// Where the manifest asks for it, `charts[0]`.
    pub entry: String,
    /// The chart's name.
    pub name: String,
    /// The reference that it is served under.
    pub reference: Reference,
    /// The packaged chart.
    pub archive: Digest,
    /// The name of the release.
    pub release: String,
    /// The namespace.
    pub namespace: String,
    /// Values files, in the order in which Helm gets them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<DeployedFile>,
    /// Values files that a site may give on top.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<DeployedFile>,
    /// Whether every switch that is off was tried.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub toggles: bool,
}

/// A file of the artifact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeployedFile {
    /// Its path, as in the manifest.
    pub path: String,
    /// Its content.
    pub digest: Digest,
}

/// How sure it is that an image is needed (`docs/images.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// It stands where Kubernetes or an operator takes an image from.
    Sure,
    /// It is written in a way that only makes sense for an image.
    Probable,
    /// It is needed when something is switched on, or somebody says so without proof.
    Possible,
}

impl Certainty {
    /// As it stands in documents and output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sure => "sure",
            Self::Probable => "probable",
            Self::Possible => "possible",
        }
    }
}

impl std::fmt::Display for Certainty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What becomes of an image that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "lowercase")]
pub enum Decision {
    /// It is carried, since nothing speaks against it; a person has not looked at it unless it is sure.
    Carried,
    /// It is carried, since a person said that it is needed.
    Confirmed,
    /// It is not carried, since a person said that it is not needed.
    Ignored {
        /// Why.
        reason: String,
    },
    /// It is not carried, since it is only possible and nobody has said anything.
    Open,
}

impl Decision {
    /// Whether the bundle has to hold the image.
    pub const fn is_carried(&self) -> bool {
        matches!(self, Self::Carried | Self::Confirmed)
    }
}

/// An image that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NeededImage {
    /// What is pulled.
    pub reference: Reference,
    /// How sure that is, at its surest place.
    pub certainty: Certainty,
    /// What becomes of it.
    #[serde(flatten)]
    pub decision: Decision,
    /// The platforms wanted of it; empty for those of the deployment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<Platform>,
    /// The places that need it, the surest first.
    pub needs: Vec<Need>,
}

/// A place that needs an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Need {
    /// The rule that found it.
    pub rule: String,
    /// Chart or manifest of the component, `charts[0]`.
    pub entry: String,
    /// File, object and path.
    pub place: String,
    /// The variant in which it is needed; none for what is installed as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl std::fmt::Display for Need {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} → {}", self.entry, self.place)?;
        if let Some(variant) = &self.variant {
            write!(f, " (with {variant})")?;
        }
        Ok(())
    }
}

/// What could not be told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// What sort of gap: `unreadable`, `incomplete`, `unlisted`, `unread`.
    pub kind: String,
    /// The text there, or what is known of it.
    pub text: String,
    /// Chart or manifest of the component, `charts[0]`.
    pub entry: String,
    /// File, object and path.
    pub place: String,
    /// The variant in which it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Why that does not matter, if a person said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignored: Option<String>,
}

impl std::fmt::Display for Gap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} ({} → {}", self.kind, self.text, self.entry, self.place)?;
        if let Some(variant) = &self.variant {
            write!(f, " with {variant}")?;
        }
        f.write_str(")")
    }
}

/// Why bytes are no deployment.
#[derive(Debug, thiserror::Error)]
pub enum DeploymentError {
    /// Not JSON, or not of the right shape.
    #[error("the deployment is not valid")]
    Json(#[from] json::JsonError),
    /// Written by a later version.
    #[error("the deployment has a format that this version cannot read: {0}")]
    Version(u32),
    /// The lock does not hold the document.
    #[error("the lock does not hold the deployment of the component {0:?}")]
    Missing(String),
}

impl Deployment {
    /// Canonical JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        json::to_canonical(self)
    }

    /// Reads the document.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DeploymentError> {
        let deployment: Self = json::from_slice(bytes)?;
        if deployment.version != VERSION {
            return Err(DeploymentError::Version(deployment.version));
        }
        Ok(deployment)
    }

    /// The deployment of an artifact of [`Kind::Deployment`]; the lock holds its text.
    pub fn of(artifact: &Artifact) -> Result<Self, DeploymentError> {
        let config = artifact
            .blobs
            .iter()
            .find(|pin| pin.media_type == media_type::AIRLOCK_DEPLOYMENT);
        let text = config.and_then(|pin| artifact.inline.get(&pin.digest));
        match text {
            Some(text) => Self::from_bytes(text.as_bytes()),
            None => Err(DeploymentError::Missing(artifact.name.clone())),
        }
    }

    /// The deployments of a lock, in its order.
    pub fn all(lock: &Lock) -> Result<Vec<Self>, DeploymentError> {
        let artifacts = lock.artifacts.iter();
        artifacts
            .filter(|artifact| artifact.kind == Kind::Deployment)
            .map(Self::of)
            .collect()
    }

    /// Every file that it needs besides charts, by digest.
    pub fn files(&self) -> BTreeMap<Digest, &DeployedFile> {
        let of_charts = self.charts.iter();
        let of_charts = of_charts.flat_map(|chart| chart.values.iter().chain(&chart.variants));
        let files = of_charts.chain(&self.manifests);
        files.map(|file| (file.digest, file)).collect()
    }
}

/// The artifact that a reference leads to, as a registry answers: by its digest where it has one, else by its tag.
pub fn resolve<'a>(
    artifacts: impl IntoIterator<Item = &'a Artifact>,
    reference: &Reference,
) -> Option<&'a Artifact> {
    let of_repository = |artifact: &&Artifact| artifact.reference.repository == reference.repository;
    let mut artifacts = artifacts.into_iter().filter(of_repository);
    match (&reference.digest, &reference.tag) {
        (Some(digest), _) => artifacts.find(|artifact| {
            let mut manifests = artifact.manifests.iter();
            artifact.root.digest == *digest || manifests.any(|pin| pin.digest == *digest)
        }),
        (None, tag) => {
            let tag = tag.clone().unwrap_or_else(Tag::latest);
            artifacts.find(|artifact| artifact.reference.tag.as_ref() == Some(&tag))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::tests::sample;

    const SEED: &str = include_str!("../../../fuzz/corpus/index/deployment.json");

    #[test]
    fn documents_round_trip_and_later_ones_are_refused() {
        let deployment = Deployment::from_bytes(SEED.as_bytes()).unwrap();
        assert_eq!(deployment.to_bytes(), SEED.as_bytes());
        assert_eq!(deployment.files().len(), 3);
        let carried: Vec<bool> = deployment
            .images
            .iter()
            .map(|image| image.decision.is_carried())
            .collect();
        assert_eq!(carried, [true, false]);
        let later = SEED.replace("\"version\":1}", "\"version\":2}");
        assert!(matches!(
            Deployment::from_bytes(later.as_bytes()),
            Err(DeploymentError::Version(2))
        ));
        let twice = SEED.replacen("\"component\":", "\"component\":\"other\",\"component\":", 1);
        assert!(matches!(
            Deployment::from_bytes(twice.as_bytes()),
            Err(DeploymentError::Json(_))
        ));
    }

    #[test]
    fn references_lead_where_a_registry_leads_them() {
        let mut artifacts = sample().artifacts;
        artifacts.truncate(1);
        let leads = |text: &str| resolve(&artifacts, &text.parse().unwrap()).is_some();
        assert!(leads("busybox"));
        assert!(leads("docker.io/library/busybox:latest"));
        assert!(!leads("busybox:1"));
        assert!(!leads("ghcr.io/library/busybox"));
        let root = Digest::sha256([1; 32]);
        // The digest counts, whatever the tag is.
        assert!(leads(&format!("busybox@{root}")));
        assert!(leads(&format!("busybox:1@{root}")));
        assert!(!leads(&format!("busybox@{}", Digest::sha256([7; 32]))));
    }
}
