//! Charts and manifests of the bundle, installed wave by wave.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use airlock_closure::Held;
use airlock_content::{BlobRead, GenerationView};
use airlock_installer::charts::{self, ChartsError, FileContent, Inputs, Plan, Wave};
use airlock_installer::{Contents, Secret, Secrets};
use airlock_node::{Change, Content, Node};
use airlock_spec::site::Site;
use airlock_types::Digest;
use anyhow::Context;

use crate::failure::{Failure, Result};
use crate::files;

/// What is enough for values and manifests.
const MAX_FILE: u64 = 64 << 20;

/// The waves of a site.
pub(in crate::commands) fn plan<V: GenerationView + 'static>(
    contents: &Contents<V>,
    site: &Site,
    secrets: &Secrets,
) -> Result<Plan> {
    let view = &**contents.view();
    let held = Held::read(view)?;
    let deployments: Vec<_> = held
        .deployments()
        .iter()
        .map(|(_, deployment)| deployment.clone())
        .collect();
    let mut values = BTreeMap::new();
    for path in site.charts.iter().flat_map(|chart| &chart.values) {
        values.insert(path.clone(), files::read("the values", path, MAX_FILE)?);
    }
    let inputs = Inputs {
        deployments: &deployments,
        site,
        layer: &|digest| bytes(view, digest),
        values: &values,
        mirror_ca: secrets.mirror_ca.as_deref(),
        mirror_password: secrets.mirror_password.as_ref().map(Secret::expose),
    };
    charts::plan(&inputs).map_err(|error: ChartsError| {
        let hint = error.hint();
        let failure = Failure::from(error);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })
}

fn bytes<V: BlobRead + ?Sized>(view: &V, digest: &Digest) -> Option<Arc<[u8]>> {
    let body = view.open(digest).ok()??;
    Some(Arc::from(&*body.into_bytes(MAX_FILE).ok()?))
}

/// The files of a wave.
pub(super) fn changes<V: GenerationView + 'static>(
    contents: &Contents<V>,
    data: &Path,
    wave: &Wave,
) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    for file in &wave.files {
        let content = match &file.content {
            FileContent::Bytes(bytes) => Content::Bytes(Arc::clone(bytes)),
            FileContent::Blob(digest) => {
                let size = contents.view().size(digest)?;
                let size = size.with_context(|| format!("a chart is not in the bundle: {digest}"))?;
                contents.blob(*digest, size)
            }
        };
        changes.push(Change::File {
            path: data.join(&file.path),
            mode: file.mode,
            content,
            secret: file.secret,
        });
    }
    Ok(changes)
}

/// Notes about charts of an earlier bundle or site, which k3s still has. They are not taken away: what a chart keeps
/// would go with it, and k3s does not uninstall one because its file is gone.
pub(super) fn left(node: &Node, data: &Path, waves: &[Wave]) -> Result<Vec<String>> {
    let folder = data.join("server/manifests");
    let Ok(entries) = std::fs::read_dir(node.followed(&folder)?) else {
        return Ok(Vec::new());
    };
    let wanted: BTreeSet<PathBuf> = waves
        .iter()
        .flat_map(|wave| &wave.files)
        .map(|file| data.join(&file.path))
        .collect();
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !wanted.contains(&folder.join(name)))
        .collect();
    names.sort();
    let notes = names.iter().filter_map(|name| {
        let chart = name.strip_prefix("airlock-chart-")?.strip_suffix(".yaml")?;
        Some(format!(
            "the chart {chart} is not installed any more, and stays: to uninstall it, remove {} and then `kubectl -n {} delete helmchart {chart}`",
            folder.join(name).display(),
            charts::NAMESPACE
        ))
    });
    Ok(notes.collect())
}

/// As the health of a cluster knows a release.
pub(in crate::commands) fn expected(release: &charts::Release) -> airlock_health::Release {
    airlock_health::Release {
        name: release.name.clone(),
        chart_namespace: charts::NAMESPACE.to_owned(),
        namespace: release.namespace.clone(),
        written: Some((charts::SPEC.to_owned(), release.spec.to_string())),
        chart: Some(release.chart.clone()),
    }
}
