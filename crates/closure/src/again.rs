//! Rendering again what was rendered when the lock was made, from what a bundle carries and with what a site adds.

use std::collections::BTreeMap;

use airlock_content::BlobRead;
use airlock_helm::chart::{Chart, LoadError, Profile};
use airlock_helm::render::ValueSources;
use airlock_spec::deployment::{Decision, DeployedChart, DeployedFile, Deployment};
use airlock_types::Digest;
use bytes::Bytes;

use crate::decide::{Entry, gather};
use crate::held::{HeldError, blob};
use crate::need::Needs;
use crate::release::{Cluster, Limits, Release, ReleaseError, Toggles, Variant, manifests, needs};

/// The largest chart, values file or manifest.
const FILE_LIMIT: u64 = 64 << 20;

/// Values that a site adds to those of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteValues {
    /// The release or the chart they are for; all where none is named.
    pub release: Option<String>,
    /// The name of the file.
    pub name: String,
    /// YAML.
    pub values: Vec<u8>,
}

impl SiteValues {
    /// Whether they are for this chart.
    pub fn is_for(&self, chart: &DeployedChart) -> bool {
        let named = self.release.as_ref();
        named.is_none_or(|name| *name == chart.release || *name == chart.name)
    }
}

/// Why a deployment cannot be rendered again.
#[derive(Debug, thiserror::Error)]
pub enum AgainError {
    /// Something that it needs is not held.
    #[error(transparent)]
    Held(#[from] HeldError),
    /// A chart cannot be loaded.
    #[error("the chart cannot be loaded: {chart}")]
    Load {
        /// Which.
        chart: String,
        /// Why.
        #[source]
        source: LoadError,
    },
    /// A chart cannot be rendered.
    #[error("the chart cannot be rendered: {chart}")]
    Render {
        /// Which.
        chart: String,
        /// Why.
        #[source]
        source: ReleaseError,
    },
}

/// Gives the bytes of charts, values files and manifests.
pub trait Contents {
    /// What has this digest.
    fn content(&self, digest: &Digest) -> Result<Vec<u8>, HeldError>;
}

/// The blobs of a bundle or a store.
#[derive(Clone, Copy, Debug)]
pub struct Blobs<'a, V>(pub &'a V);

impl<V: BlobRead> Contents for Blobs<'_, V> {
    fn content(&self, digest: &Digest) -> Result<Vec<u8>, HeldError> {
        blob(self.0, digest, FILE_LIMIT)
    }
}

/// What was read before.
impl Contents for BTreeMap<Digest, Bytes> {
    fn content(&self, digest: &Digest) -> Result<Vec<u8>, HeldError> {
        let bytes = self.get(digest).ok_or(HeldError::Absent(*digest))?;
        Ok(bytes.to_vec())
    }
}

/// What the deployment needs if it is rendered now: by the rules of this version, and with the values that a site adds.
///
/// What a person decided about an image stays, unless it is surer now that it is needed. All else is needed unless it is
/// only possible.
pub fn again(
    contents: &dyn Contents,
    deployment: &Deployment,
    site: &[SiteValues],
) -> Result<Deployment, AgainError> {
    let mut entries = Vec::new();
    for chart in &deployment.charts {
        entries.push(Entry {
            name: chart.entry.clone(),
            needs: chart_needs(contents, deployment, chart, site)?,
        });
    }
    for (at, file) in deployment.manifests.iter().enumerate() {
        let bytes = contents.content(&file.digest)?;
        entries.push(Entry {
            name: format!("manifests[{at}]"),
            needs: manifests(&[(file.path.clone(), bytes)], Limits::default()),
        });
    }
    let (mut images, mut gaps) = gather(&entries);
    let before: BTreeMap<_, _> = deployment
        .images
        .iter()
        .map(|image| (&image.reference, image))
        .collect();
    for image in &mut images {
        let Some(before) = before.get(&image.reference) else {
            continue;
        };
        image.platforms.clone_from(&before.platforms);
        // A person decided about what was known then: that something which was off is not needed says nothing once it
        // is on.
        let decided = match before.decision {
            Decision::Confirmed => true,
            Decision::Ignored { .. } => image.certainty >= before.certainty,
            Decision::Carried | Decision::Open => false,
        };
        if decided {
            image.decision = before.decision.clone();
        }
    }
    for gap in &mut gaps {
        let mut known = deployment.gaps.iter();
        let known = known.find(|known| known.text == gap.text && known.place == gap.place);
        gap.ignored = known.and_then(|known| known.ignored.clone());
    }
    Ok(Deployment {
        images,
        gaps,
        ..deployment.clone()
    })
}

/// What one chart of a deployment needs.
pub fn chart_needs(
    contents: &dyn Contents,
    deployment: &Deployment,
    chart: &DeployedChart,
    site: &[SiteValues],
) -> Result<Needs, AgainError> {
    let named = || format!("{} → {} ({})", deployment.component, chart.entry, chart.name);
    let read = |files: &[DeployedFile]| -> Result<Vec<(String, Vec<u8>)>, HeldError> {
        let read = |file: &DeployedFile| Ok((file.path.clone(), contents.content(&file.digest)?));
        files.iter().map(read).collect()
    };
    let cluster = Cluster {
        profile: Profile::Helm4,
        version: deployment.kubernetes.version.clone(),
        api_versions: deployment.kubernetes.api_versions.clone(),
    };
    let archive = contents.content(&chart.archive)?;
    let loaded = Chart::from_archive(&archive, cluster.profile).map_err(|source| AgainError::Load {
        chart: named(),
        source,
    })?;
    let mut values = read(&chart.values)?;
    let added = site.iter().filter(|values| values.is_for(chart));
    values.extend(added.map(|added| (added.name.clone(), added.values.clone())));
    let variants = read(&chart.variants)?.into_iter();
    let release = Release {
        name: chart.release.clone(),
        namespace: chart.namespace.clone(),
        values: ValueSources {
            files: values,
            ..ValueSources::default()
        },
        variants: variants.map(|(name, values)| Variant { name, values }).collect(),
        toggles: if chart.toggles {
            Toggles::All
        } else {
            Toggles::None
        },
        ..Release::new(&loaded)
    };
    needs(&release, &cluster, Limits::default()).map_err(|source| AgainError::Render {
        chart: named(),
        source,
    })
}
