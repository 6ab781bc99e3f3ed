//! What decides which images a component needs: charts as they are pinned, and the files of the manifest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use airlock_content::{MetadataSource, Origin, digest_of};
use airlock_spec::deployment::{DeployedChart, DeployedFile, Deployment, Kubernetes, VERSION};
use airlock_spec::lock::{Artifact, Pin, Source};
use airlock_spec::manifest::{ChartRequest, Component, Place};
use airlock_types::{Descriptor, Digest, json, media_type};
use bytes::Bytes;
use serde_json::json;

use super::{Around, failure};
use crate::ask::Asker;
use crate::chart;
use crate::error::{Cause, Failure, What};

/// The largest values file or manifest that is read.
pub(crate) const MAX_FILE: u64 = 64 << 20;
/// Everything that decides what is found.
pub(super) struct Inputs<'a> {
    pub(super) component: &'a Component,
    pub(super) document: Deployment,
    /// The chart artifacts, in the order of the document's charts.
    pub(super) charts: Vec<&'a Artifact>,
    pub(super) contents: BTreeMap<Digest, Bytes>,
    pub(super) pins: Vec<Pin>,
    pub(super) fingerprint: Digest,
}

/// Reads the files of a component, and describes what it installs.
pub(super) async fn inputs<'a, S: MetadataSource>(
    asker: &Asker<'_, S>,
    around: &'a Around<'_>,
    component: &'a Component,
) -> Result<Option<Inputs<'a>>, Vec<Failure>> {
    let mut files = Files {
        contents: BTreeMap::new(),
        pins: Vec::new(),
        failures: Vec::new(),
    };
    let mut document = Deployment {
        version: VERSION,
        component: component.name.clone(),
        platforms: around.manifest.platforms.clone(),
        kubernetes: Kubernetes {
            version: around.cluster.version.clone(),
            api_versions: around.cluster.api_versions.clone(),
        },
        charts: Vec::new(),
        manifests: Vec::new(),
        images: Vec::new(),
        gaps: Vec::new(),
    };
    let mut charts = Vec::new();
    let mut all = true;
    for (at, request) in component.charts.iter().enumerate() {
        let entry = format!("charts[{at}]");
        let what = format!("{entry} → values");
        let values = files
            .read(asker, component, &request.values, &what, &request.place)
            .await;
        let what = format!("{entry} → discover");
        let variants = files
            .read(asker, component, &request.discover.values, &what, &request.place)
            .await;
        let Some(artifact) = around.chart(component, at) else {
            all = false;
            continue;
        };
        document.charts.push(
            deployed(entry, request, artifact, values, variants)
                .map_err(|cause| vec![failure(component, &request.place, cause)])?,
        );
        charts.push(artifact);
    }
    for (at, request) in component.manifests.iter().enumerate() {
        let what = format!("manifests[{at}]");
        let paths = std::slice::from_ref(&request.path);
        let read = files.read(asker, component, paths, &what, &request.place).await;
        document.manifests.extend(read);
    }
    if !files.failures.is_empty() {
        return Err(files.failures);
    }
    if !all {
        return Ok(None);
    }
    let fingerprint = json!({
        "deployment": document,
        "rules": airlock_closure::RULES,
        "version": around.manifest.metadata.version,
    });
    Ok(Some(Inputs {
        component,
        document,
        charts,
        contents: files.contents,
        pins: files.pins,
        fingerprint: digest_of(&json::to_canonical(&fingerprint)),
    }))
}

fn deployed(
    entry: String,
    request: &ChartRequest,
    artifact: &Artifact,
    values: Vec<DeployedFile>,
    variants: Vec<DeployedFile>,
) -> Result<DeployedChart, Cause> {
    let not_a_chart = || Cause::NotAChart(artifact.root.media_type.clone());
    let archive = chart::archive_of(artifact).ok_or_else(not_a_chart)?;
    let repository = artifact.reference.repository.name.as_str();
    let name = repository.rsplit('/').next().unwrap_or(repository).to_owned();
    Ok(DeployedChart {
        entry,
        release: request.release.clone().unwrap_or_else(|| name.clone()),
        name,
        reference: artifact.reference.clone(),
        archive,
        namespace: request.namespace.clone().unwrap_or_else(|| "default".to_owned()),
        values,
        variants,
        toggles: request.discover.toggles,
    })
}

/// Files of this machine that travel with a deployment.
struct Files {
    contents: BTreeMap<Digest, Bytes>,
    pins: Vec<Pin>,
    failures: Vec<Failure>,
}

impl Files {
    async fn read<S: MetadataSource>(
        &mut self,
        asker: &Asker<'_, S>,
        component: &Component,
        paths: &[PathBuf],
        what: &str,
        place: &Place,
    ) -> Vec<DeployedFile> {
        let mut out = Vec::new();
        for path in paths {
            match self.one(asker, path).await {
                Ok(file) => out.push(file),
                Err(cause) => self.failures.push(Failure {
                    kind: What::Part,
                    name: path.display().to_string(),
                    needed_by: vec![format!("{} → {what}", component.name)],
                    place: Some(place.clone()),
                    cause,
                }),
            }
        }
        out
    }

    async fn one<S: MetadataSource>(
        &mut self,
        asker: &Asker<'_, S>,
        path: &Path,
    ) -> Result<DeployedFile, Cause> {
        let origin = Origin::File(asker.folder.join(path));
        let facts = asker.file(&origin, None).await?;
        let descriptor = Descriptor::new(media_type::OCTET_STREAM, facts.digest, facts.size);
        let bytes = asker.blob(&origin, &descriptor, MAX_FILE).await?;
        let mut pin = Pin::of(&descriptor);
        pin.source = Some(Source::File {
            path: path.to_owned(),
        });
        self.pins.push(pin);
        self.contents.insert(facts.digest, bytes);
        Ok(DeployedFile {
            path: path.display().to_string(),
            digest: facts.digest,
        })
    }
}
