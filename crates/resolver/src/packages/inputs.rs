//! What lies on this machine and decides about packages: keyrings, lists of sources, the status of a node.
//!
//! A lock keeps what these files were, so that a request whose files have changed counts as changed itself.

use std::collections::BTreeSet;
use std::path::PathBuf;

use airlock_content::{MetadataSource, Origin};
use airlock_spec::lock::Artifact;
use airlock_spec::manifest::{PackageBase, PackageRepository, PackagesRequest};
use airlock_spec::packages::{DebSet, Input};

use super::repositories::{keyrings_of, local};
use crate::ask::Asker;
use crate::error::Cause;

/// The files as they are now, in order of their path.
pub(super) async fn of<S: MetadataSource>(
    asker: &Asker<'_, S>,
    wanted: &PackagesRequest,
) -> Result<Vec<Input>, Cause> {
    let mut paths: BTreeSet<PathBuf> = wanted.keyrings.iter().cloned().collect();
    if let PackageBase::Status { path } | PackageBase::Installed { path } = &wanted.base {
        paths.insert(path.clone());
    }
    for repo in &wanted.repos {
        match repo {
            PackageRepository::Apt { signed_by, .. } => paths.extend(signed_by.clone()),
            PackageRepository::Sources { path } => {
                paths.extend(keyrings_of(path, &local(asker, path).await?)?);
                paths.insert(path.clone());
            }
            PackageRepository::Yum { gpgkey, .. } => paths.extend(gpgkey.clone()),
        }
    }
    let mut inputs = Vec::new();
    for path in paths {
        let facts = asker.file(&Origin::File(asker.folder.join(&path)), None).await?;
        inputs.push(Input {
            path: path.display().to_string(),
            digest: facts.digest,
        });
    }
    Ok(inputs)
}

/// The files that are not what they were when the artifact was locked: as they were, where they were there at all, and as
/// they are.
pub(crate) async fn changed<S: MetadataSource>(
    asker: &Asker<'_, S>,
    wanted: &PackagesRequest,
    previous: &Artifact,
) -> Result<Vec<(Option<Input>, Input)>, Cause> {
    let now = of(asker, wanted).await?;
    if now.is_empty() {
        return Ok(Vec::new());
    }
    let before = DebSet::of(previous).map(|set| set.inputs).unwrap_or_default();
    let found = now.into_iter().filter_map(|input| {
        let was = before.iter().find(|before| before.path == input.path);
        (was != Some(&input)).then(|| (was.cloned(), input))
    });
    Ok(found.collect())
}
