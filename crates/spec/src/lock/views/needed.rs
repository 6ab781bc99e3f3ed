//! Why charts and manifests need an image, and why one that they need is not carried.

use airlock_types::Reference;
use serde::Serialize;

use super::super::{Artifact, Kind, Lock};
use super::{Found, Why};
use crate::deployment::{Certainty, Decision, Deployment, Need, NeededImage, resolve};

/// What one component needs an image for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WhyNeeded {
    /// The component.
    pub component: String,
    /// How sure that is.
    pub certainty: Certainty,
    /// What becomes of it.
    #[serde(flatten)]
    pub decision: Decision,
    /// The places, the surest first.
    pub needs: Vec<Need>,
}

impl WhyNeeded {
    fn new(deployment: &Deployment, image: &NeededImage) -> Self {
        Self {
            component: deployment.component.clone(),
            certainty: image.certainty,
            decision: image.decision.clone(),
            needs: image.needs.clone(),
        }
    }
}

/// The deployments of a lock; one that cannot be read says nothing.
pub(super) fn deployments(lock: &Lock) -> Vec<Deployment> {
    let artifacts = lock.artifacts.iter();
    let artifacts = artifacts.filter(|artifact| artifact.kind == Kind::Deployment);
    artifacts
        .filter_map(|artifact| Deployment::of(artifact).ok())
        .collect()
}

/// Who needs an image of the lock. What is told here is taken out of `why`, which has only some of it.
pub(super) fn needed(
    artifact: &Artifact,
    deployments: &[Deployment],
    why: &mut Vec<String>,
) -> Vec<WhyNeeded> {
    let mut out = Vec::new();
    if artifact.kind != Kind::Image {
        return out;
    }
    for deployment in deployments {
        for image in &deployment.images {
            if resolve([artifact], &image.reference).is_none() || !image.decision.is_carried() {
                continue;
            }
            let own = format!("{} → ", deployment.component);
            let more = format!(
                "{own}{} more places",
                image.needs.len().saturating_sub(super::super::MAX_WHY)
            );
            why.retain(|path| {
                let told = path.strip_prefix(&own);
                let told = told.is_some_and(|path| image.needs.iter().any(|need| need.to_string() == path));
                !told && *path != more
            });
            out.push(WhyNeeded::new(deployment, image));
        }
    }
    out
}

/// Images that are called so, that something needs, and that are not carried.
pub(super) fn not_carried(deployments: &[Deployment], is_called: &dyn Fn(&Reference) -> bool) -> Vec<Why> {
    let mut out = Vec::new();
    for deployment in deployments {
        let images = deployment.images.iter();
        for image in images.filter(|image| !image.decision.is_carried() && is_called(&image.reference)) {
            out.push(Why {
                kind: Kind::Image,
                name: image.reference.to_string(),
                reference: image.reference.clone(),
                why: Vec::new(),
                found: Found::NotCarried,
                digest: None,
                package: None,
                needed: vec![WhyNeeded::new(deployment, image)],
            });
        }
    }
    out
}
