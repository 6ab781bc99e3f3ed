//! The proof before a pack: what is deployed is rendered once more, from the bytes that the lock pins.

use std::collections::{BTreeMap, BTreeSet};

use airlock_closure::{Missing, again, missing};
use airlock_content::{MetadataSource, Silent};
use airlock_spec::deployment::{Deployment, DeploymentError};
use airlock_spec::lock::{Artifact, Kind, Lock, Pin};
use airlock_types::{Digest, media_type};
use bytes::Bytes;

use crate::ask::Asker;
use crate::chart::MAX_CHART;
use crate::content;
use crate::deploy::{MAX_FILE, away};
use crate::error::{Cause, Failure, ResolveErrors, What};
use crate::resolve::Options;

/// Why it cannot be proved that a lock holds what is deployed from it.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The lock says nothing that can be read about it.
    #[error("the lock does not say what is deployed")]
    Deployment(#[from] DeploymentError),
    /// Charts, values or manifests are not to be had, or cannot be rendered.
    #[error(transparent)]
    Contents(#[from] ResolveErrors),
}

/// Renders everything that is deployed, by the rules of this version, and tells what the lock does not hold of it.
///
/// `have` may know blobs already; all others are asked for.
pub async fn prove<S: MetadataSource>(
    lock: &Lock,
    options: &Options,
    source: &S,
    have: &(dyn Fn(&Digest) -> Option<Bytes> + Sync),
) -> Result<Vec<Missing>, ProveError> {
    let deployments = Deployment::all(lock)?;
    let asker = Asker::new(source, options, &Silent);
    let mut contents = BTreeMap::new();
    let mut failures = Vec::new();
    for (artifact, pin, limit) in wanted(lock, &deployments) {
        let read = match (have(&pin.digest), artifact.inline.get(&pin.digest)) {
            (Some(bytes), _) => Ok(bytes),
            (None, Some(text)) => Ok(Bytes::copy_from_slice(text.as_bytes())),
            (None, None) => content::pinned(&asker, artifact, pin, limit).await,
        };
        match read {
            Ok(bytes) => {
                contents.insert(pin.digest, bytes);
            }
            Err(cause) => failures.push(failure(artifact, cause)),
        }
    }
    let mut out = Vec::new();
    if failures.is_empty() {
        for deployment in deployments {
            let given = contents.clone();
            let name = deployment.component.clone();
            match away(move || again(&given, &deployment, &[])).await {
                Ok(deployment) => out.extend(missing(lock, &deployment)),
                Err(error) => failures.push(Failure {
                    kind: What::Artifact(Kind::Deployment),
                    name,
                    needed_by: Vec::new(),
                    place: None,
                    cause: Cause::Render(error.into()),
                }),
            }
        }
    }
    if failures.is_empty() {
        return Ok(out);
    }
    let wanted = lock.artifacts.len();
    Err(ResolveErrors { failures, wanted }.into())
}

fn failure(artifact: &Artifact, cause: Cause) -> Failure {
    Failure {
        kind: What::Artifact(artifact.kind),
        name: artifact.name.clone(),
        needed_by: artifact.why.clone(),
        place: None,
        cause,
    }
}

/// Charts that are deployed, and the files of deployments.
fn wanted<'l>(
    lock: &'l Lock,
    deployments: &[Deployment],
) -> impl Iterator<Item = (&'l Artifact, &'l Pin, u64)> {
    let charts = deployments.iter().flat_map(|deployment| &deployment.charts);
    let archives: BTreeSet<Digest> = charts.map(|chart| chart.archive).collect();
    let pins = lock.artifacts.iter();
    let pins = pins.flat_map(|artifact| artifact.blobs.iter().map(move |pin| (artifact, pin)));
    pins.filter_map(move |(artifact, pin)| match artifact.kind {
        Kind::Chart if archives.contains(&pin.digest) => Some((artifact, pin, MAX_CHART)),
        Kind::Deployment if pin.media_type == media_type::OCTET_STREAM => Some((artifact, pin, MAX_FILE)),
        _ => None,
    })
}
