use std::collections::BTreeSet;

use airlock_content::{MetadataSource, Silent, digest_of};
use airlock_spec::deployment::Deployment;
use airlock_spec::lock::{Artifact, Kind, Lock};
use airlock_spec::manifest::Effective;
use airlock_types::Digest;
use serde::Serialize;

use crate::ask::Asker;
use crate::deploy::{self, Around};
use crate::error::ResolveErrors;
use crate::request::{Ask, Request, plan};
use crate::resolve::{Options, deployment_of, requested};
use crate::{k3s, packages};

/// How a lock and its manifest have drifted apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// The manifest that the lock was made of, when it is not this one.
    pub manifest: Option<Digest>,
    /// What the manifest asks for and the lock does not have, or has under another request.
    pub missing: Vec<String>,
    /// What the lock has and the manifest no longer asks for.
    pub surplus: Vec<String>,
    /// What lies on this machine and has changed since.
    pub moved: Vec<Moved>,
    /// Components whose charts, values, manifests or decisions have changed, so that their images are to be found anew.
    pub deployments: Vec<String>,
}

/// Something on this machine that is not what the lock says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Moved {
    /// As the manifest names it.
    pub name: String,
    /// What the lock says.
    pub locked: Digest,
    /// What is there.
    pub found: Digest,
}

impl std::fmt::Display for Drift {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the lock is not that of this manifest")?;
        let parts = [("missing", &self.missing), ("no longer asked for", &self.surplus)];
        for (what, names) in parts.into_iter().filter(|(_, names)| !names.is_empty()) {
            write!(f, "; {what}: {}", names.join(", "))?;
        }
        for moved in &self.moved {
            write!(f, "; changed: {}", moved.name)?;
        }
        if !self.deployments.is_empty() {
            write!(f, "; images to be found anew: {}", self.deployments.join(", "))?;
        }
        Ok(())
    }
}

impl std::error::Error for Drift {}

/// The lock does not fit, or that could not be found out.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// It does not fit.
    #[error(transparent)]
    Drift(Drift),
    /// Something on this machine could not be read.
    #[error("the lock cannot be compared with what lies on this machine")]
    Unreadable(#[from] ResolveErrors),
}

/// Compares a lock with its manifest and with what lies on this machine. Asks no one on a network: a
/// source that can only read local files is enough.
pub async fn check<S: MetadataSource>(
    manifest: &Effective,
    lock: &Lock,
    options: &Options,
    source: &S,
) -> Result<(), CheckError> {
    let (requests, failures) = plan(manifest, options.referrers);
    if !failures.is_empty() {
        return Err(ResolveErrors {
            failures,
            wanted: requests.len(),
        }
        .into());
    }
    let requests = k3s::with_images(manifest, requests, &lock.artifacts, options.referrers);
    let locked: BTreeSet<Digest> = lock.artifacts.iter().map(|artifact| artifact.request).collect();
    let wanted: BTreeSet<Digest> = requests.iter().map(|request| request.fingerprint).collect();
    let now = digest_of(&manifest.to_canonical());
    let mut drift = Drift {
        manifest: (lock.manifest != now).then_some(lock.manifest),
        missing: requests
            .iter()
            .filter(|request| !locked.contains(&request.fingerprint))
            .map(|request| request.name.clone())
            .collect(),
        surplus: lock
            .artifacts
            .iter()
            .filter(|artifact| !wanted.contains(&artifact.request) && !is_installed(manifest, lock, artifact))
            .map(|artifact| artifact.name.clone())
            .collect(),
        moved: Vec::new(),
        deployments: Vec::new(),
    };
    if drift.missing.is_empty() {
        drift.moved = moved_inputs(&requests, lock, options, source).await?;
    }
    // With every request answered by the lock, only what is local is read.
    if drift.missing.is_empty() && drift.moved.is_empty() {
        let again = requested(manifest, &requests, lock, options, source).await?;
        for (_, artifact) in &again {
            let before = lock
                .artifacts
                .iter()
                .find(|before| before.request == artifact.request);
            if let Some(before) = before
                && before.root.digest != artifact.root.digest
            {
                let (locked, found) = (before.root.digest, artifact.root.digest);
                drift.moved.push(Moved {
                    name: artifact.name.clone(),
                    locked,
                    found,
                });
            }
        }
        drift.deployments = changed_deployments(manifest, &requests, &again, lock, options, source).await?;
    }
    if drift == Drift::default() {
        Ok(())
    } else {
        Err(CheckError::Drift(drift))
    }
}

/// Whether an artifact is there for what a component installs: nobody asks for it by name.
fn is_installed(manifest: &Effective, lock: &Lock, artifact: &Artifact) -> bool {
    let installs = |name: &str| {
        let mut components = manifest.components.iter();
        components.any(|component| component.name == name && deploy::installs(component))
    };
    match artifact.kind {
        Kind::Deployment => installs(&artifact.name),
        Kind::Image => {
            let mut all = lock
                .artifacts
                .iter()
                .filter_map(|artifact| Deployment::of(artifact).ok());
            all.any(|deployment| {
                let mut images = deployment.images.iter();
                installs(&deployment.component)
                    && images
                        .any(|image| image.decision.is_carried() && image.reference == artifact.reference)
            })
        }
        _ => false,
    }
}

/// The components that install something else than what the lock says, which nobody renders to find out.
async fn changed_deployments<S: MetadataSource>(
    manifest: &Effective,
    requests: &[Request],
    artifacts: &[(usize, Artifact)],
    lock: &Lock,
    options: &Options,
    source: &S,
) -> Result<Vec<String>, ResolveErrors> {
    let asker = Asker::new(source, options, &Silent);
    let around = Around {
        manifest,
        cluster: k3s::cluster(manifest, artifacts.iter().map(|(_, artifact)| artifact)),
        artifacts,
        requests,
    };
    let mut changed = Vec::new();
    for component in manifest
        .components
        .iter()
        .filter(|component| deploy::installs(component))
    {
        let previous = deployment_of(Some(lock), &component.name);
        let same = deploy::is_unchanged(&asker, &around, component, previous).await;
        let same = same.map_err(|failures| ResolveErrors {
            failures,
            wanted: requests.len(),
        })?;
        if !same {
            changed.push(component.name.clone());
        }
    }
    Ok(changed)
}

/// Files that packages were chosen by. To choose again would need a network.
async fn moved_inputs<S: MetadataSource>(
    requests: &[Request],
    lock: &Lock,
    options: &Options,
    source: &S,
) -> Result<Vec<Moved>, ResolveErrors> {
    let asker = Asker::new(source, options, &Silent);
    let mut moved = Vec::new();
    for request in requests {
        let Ask::Packages { wanted, .. } = &request.ask else {
            continue;
        };
        let before = lock
            .artifacts
            .iter()
            .find(|before| before.request == request.fingerprint);
        let Some(before) = before else { continue };
        let changed = packages::changed(&asker, wanted, before)
            .await
            .map_err(|cause| ResolveErrors {
                failures: vec![request.failure(cause)],
                wanted: requests.len(),
            })?;
        moved.extend(changed.into_iter().map(|(was, is)| Moved {
            name: is.path,
            locked: was.map_or(before.root.digest, |was| was.digest),
            found: is.digest,
        }));
    }
    Ok(moved)
}
