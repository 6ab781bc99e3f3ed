//! Charts and manifests of the bundle, installed wave by wave.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use airlock_closure::Held;
use airlock_content::{BlobRead, GenerationView};
use airlock_health::{Awaited, Client, Patience, WaitError, retry, wait};
use airlock_installer::charts::{self, ChartsError, FileContent, Inputs, Plan, Wave};
use airlock_installer::{Contents, Secret, Secrets};
use airlock_node::{Change, Content, Node};
use airlock_spec::k3s::K3sRelease;
use airlock_spec::site::Site;
use airlock_types::Digest;
use anyhow::Context;

use crate::args::Global;
use crate::failure::{Failure, Result};
use crate::{files, interrupt, print};

/// What is enough for values and manifests.
const MAX_FILE: u64 = 64 << 20;
/// Where k3s writes the access of root.
const KUBECONFIG: &str = "/etc/rancher/k3s/k3s.yaml";
/// The time between two looks.
const BETWEEN: Duration = Duration::from_secs(2);

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

/// The cluster of this machine, asked while its charts are installed.
pub(super) struct Cluster<'a> {
    runtime: tokio::runtime::Runtime,
    client: Client,
    global: &'a Global,
    patience: Duration,
    stop: &'a AtomicBool,
}

impl<'a> Cluster<'a> {
    pub(super) fn of_this_machine(
        global: &'a Global,
        patience: Duration,
        stop: &'a AtomicBool,
    ) -> Result<Self> {
        let access = super::super::health::access(Path::new(KUBECONFIG))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        // The client starts what it needs when it is made.
        let client = runtime.block_on(async { Client::new(access) })?;
        Ok(Self {
            runtime,
            client,
            global,
            patience,
            stop,
        })
    }

    /// Waits for the API server, and for this node at the release that was installed.
    pub(super) fn ready(&self, release: &K3sRelease, node: String) -> Result {
        self.wait(&[
            Awaited::Api,
            Awaited::Node {
                name: node,
                version: Some(release.release.clone()),
            },
        ])
    }

    /// Waits until the releases of a wave are deployed.
    pub(super) fn deployed(&self, wave: &Wave) -> Result {
        let releases: Vec<_> = wave.releases.iter().map(expected).collect();
        // Whoever runs the command again has mended something.
        for name in self.runtime.block_on(retry(&self.client, &releases)) {
            print::note(
                self.global,
                &format!("  the release {name}: it had failed, and is tried again"),
            );
        }
        let awaited: Vec<_> = releases.into_iter().map(Awaited::Release).collect();
        self.wait(&awaited)
    }

    fn wait(&self, what: &[Awaited]) -> Result {
        if what.is_empty() {
            return Ok(());
        }
        let patience = Patience {
            all: self.patience,
            between: BETWEEN,
        };
        let stopped = async {
            while !self.stop.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let mut tell = |progress: airlock_health::Progress| {
            print::note(self.global, &format!("  {}: {}", progress.what, progress.state));
        };
        let result = self.runtime.block_on(async {
            tokio::select! {
                result = wait(&self.client, what, patience, &mut tell) => Some(result),
                () = stopped => None,
            }
        });
        match result {
            Some(Ok(())) => Ok(()),
            None => Err(interrupt::interrupted()),
            Some(Err(error)) => {
                let hint = match &error {
                    WaitError::TooLong { .. } => {
                        "`airlock health` tells what is missing; the same command goes on from here, with more time by --wait"
                    }
                    WaitError::Failed { .. } => {
                        "`kubectl -n kube-system logs job/helm-install-NAME` tells what Helm said; mend that and run the same command again. What Helm has recorded as failed stays so with `failurePolicy: abort`; with `reinstall` in site.yaml it is removed and installed anew"
                    }
                };
                Err(Failure::no(error).hint(hint))
            }
        }
    }
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
