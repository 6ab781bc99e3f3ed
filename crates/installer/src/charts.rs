//! Charts and manifests of a bundle as the files that a server of k3s applies.
//!
//! k3s applies every file below `server/manifests` in the order of the names, and waits for nothing. So what must come
//! first is in an earlier [`Wave`]: its files are written, then its releases are waited for, then the next wave follows.
//!
//! Facts of k3s that decide how files look: an `Addon` is kept for each file by its name up to the first period, so
//! names have no other period, are the same in every run, and carry no number that would move when a chart is added.
//! The name of a HelmChart is the name of the release, and of the job `helm-install-NAME`. Helm runs in a pod, which
//! knows neither `registries.yaml` nor the hosts and authorities of its node.

mod error;
mod graph;
mod name;
mod resource;
mod values;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use airlock_spec::deployment::{DeployedChart, Deployment};
use airlock_spec::site::{Chart, ChartSource, Site};
use airlock_types::Digest;

pub use error::ChartsError;

/// Where HelmChart resources, their jobs and their secrets live: a namespace that only administrators write to, and
/// that Pod Security leaves alone.
pub const NAMESPACE: &str = "kube-system";

/// The annotation with the digest of a HelmChart's `spec`, which tells that k3s has applied the file.
pub const SPEC: &str = "airlock.dev/spec";

/// The longest text in one object: k3s' own limit for charts, and below that of Kubernetes for a Secret (1 MiB).
pub const MAX_TEXT: usize = 768 << 10;

/// What the plan is made of. Plain data: the caller reads bundle and files.
pub struct Inputs<'a> {
    /// What the components of the bundle install.
    pub deployments: &'a [Deployment],
    /// The site.
    pub site: &'a Site,
    /// The content of a values file or manifest of a deployment.
    pub layer: &'a dyn Fn(&Digest) -> Option<Arc<[u8]>>,
    /// The content of the values files that the site names.
    pub values: &'a BTreeMap<PathBuf, Vec<u8>>,
    /// The certificate of the mirror's authority, PEM.
    pub mirror_ca: Option<&'a str>,
    /// The mirror's password.
    pub mirror_password: Option<&'a str>,
}

/// Files and releases, in the order in which they are installed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// One after the other; none is empty.
    pub waves: Vec<Wave>,
    /// What is not done, or may not work, and why.
    pub notes: Vec<String>,
}

/// What is installed at the same time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wave {
    /// Files, in the order in which they are written: charts before what refers to them.
    pub files: Vec<ServerFile>,
    /// What must be deployed before the next wave.
    pub releases: Vec<Release>,
}

/// A file of a server.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerFile {
    /// Below the data folder of k3s: `server/manifests/airlock-chart-app.yaml`.
    pub path: PathBuf,
    /// Its permissions.
    pub mode: u32,
    /// Whether it holds secrets, which must be shown nowhere.
    pub secret: bool,
    /// What is in it.
    pub content: FileContent,
}

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileContent {
    /// These bytes.
    Bytes(Arc<[u8]>),
    /// A blob of the bundle.
    Blob(Digest),
}

impl fmt::Debug for ServerFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerFile")
            .field("path", &self.path)
            .field("mode", &format_args!("{:04o}", self.mode))
            .field("secret", &self.secret)
            .finish_non_exhaustive()
    }
}

/// A release that is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its name, and that of the HelmChart in [`NAMESPACE`].
    pub name: String,
    /// The namespace that it is installed into.
    pub namespace: String,
    /// The digest in the annotation [`SPEC`].
    pub spec: Digest,
    /// `spec.chart`, which the job has in its environment.
    pub chart: String,
    /// How long Helm waits for it, where the site says so.
    pub timeout: Option<Duration>,
}

/// A chart of the bundle, with what the site says about it.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    component: &'a str,
    chart: &'a DeployedChart,
    site: Option<&'a Chart>,
}

impl Wanted<'_> {
    fn source(&self) -> ChartSource {
        self.site.map(|site| site.source).unwrap_or_default()
    }
}

/// Plans the charts and manifests of a bundle for a site.
pub fn plan(inputs: &Inputs<'_>) -> Result<Plan, ChartsError> {
    let wanted = wanted(inputs)?;
    let after = wanted.iter().map(|(&name, wanted)| {
        let after = wanted.site.map(|site| site.after.as_slice()).unwrap_or_default();
        (name, after.iter().map(String::as_str).collect())
    });
    let mut plan = Plan::default();
    let mut first = Wave::default();
    if wanted
        .values()
        .any(|wanted| wanted.source() == ChartSource::Registry)
    {
        first.files.extend(resource::mirror_secret(inputs)?);
        plan.notes.extend(resource::unresolved(inputs.site));
    }
    first.files.extend(manifests(inputs, &mut plan.notes)?);
    plan.waves.push(first);
    for (at, names) in graph::waves(&after.collect())?.into_iter().enumerate() {
        if at > 0 {
            plan.waves.push(Wave::default());
        }
        let Some(wave) = plan.waves.last_mut() else {
            continue;
        };
        for name in names {
            let Some(wanted) = wanted.get(name) else { continue };
            let (files, release) = resource::chart(inputs, wanted)?;
            wave.files.extend(files);
            wave.releases.push(release);
        }
        // The chart is there before the resource that refers to it.
        wave.files
            .sort_by_key(|file| file.path.starts_with("server/manifests"));
    }
    let mut seen: BTreeMap<PathBuf, FileContent> = BTreeMap::new();
    let mut clash = None;
    for wave in &mut plan.waves {
        // Releases of one chart share its archive.
        wave.files.retain(
            |file| match seen.insert(file.path.clone(), file.content.clone()) {
                None => true,
                Some(other) => {
                    if other != file.content {
                        clash = Some(file.path.clone());
                    }
                    false
                }
            },
        );
    }
    if let Some(path) = clash {
        return Err(ChartsError::SamePath(path));
    }
    plan.waves.retain(|wave| !wave.files.is_empty());
    Ok(plan)
}

/// The charts that are installed, by release.
fn wanted<'a>(inputs: &Inputs<'a>) -> Result<BTreeMap<&'a str, Wanted<'a>>, ChartsError> {
    let mut wanted: BTreeMap<&str, Wanted<'_>> = BTreeMap::new();
    for deployment in inputs.deployments {
        for chart in &deployment.charts {
            let one = Wanted {
                component: &deployment.component,
                chart,
                site: None,
            };
            if let Some(other) = wanted.insert(&chart.release, one) {
                return Err(ChartsError::SameRelease {
                    release: chart.release.clone(),
                    first: format!("{} → {}", other.component, other.chart.entry),
                    second: format!("{} → {}", deployment.component, chart.entry),
                });
            }
        }
    }
    let mut seen = BTreeSet::new();
    let mut off = BTreeSet::new();
    for (at, site) in inputs.site.charts.iter().enumerate() {
        if !seen.insert(site.release.as_str()) {
            return Err(ChartsError::Twice(format!("charts[{at}]"), site.release.clone()));
        }
        let Some(one) = wanted.get_mut(site.release.as_str()) else {
            return Err(ChartsError::Unknown {
                place: format!("charts[{at}].release"),
                release: site.release.clone(),
            });
        };
        if site.enabled {
            one.site = Some(site);
        } else {
            off.insert(site.release.as_str());
        }
    }
    for (at, site) in inputs
        .site
        .charts
        .iter()
        .enumerate()
        .filter(|(_, site)| site.enabled)
    {
        for (position, name) in site.after.iter().enumerate() {
            let place = format!("charts[{at}].after[{position}]");
            if off.contains(name.as_str()) {
                return Err(ChartsError::Off {
                    place,
                    release: name.clone(),
                });
            }
            if !wanted.contains_key(name.as_str()) {
                return Err(ChartsError::Unknown {
                    place,
                    release: name.clone(),
                });
            }
        }
    }
    wanted.retain(|name, _| !off.contains(name));
    Ok(wanted)
}

/// Manifests as they are in the bundle. k3s tries one again that does not apply yet, so that those that need what a
/// chart brings come with the others.
fn manifests(inputs: &Inputs<'_>, notes: &mut Vec<String>) -> Result<Vec<ServerFile>, ChartsError> {
    let mut files = Vec::new();
    for deployment in inputs.deployments {
        let mut read = Vec::new();
        let mut is_kustomized = false;
        for manifest in &deployment.manifests {
            let bytes = (inputs.layer)(&manifest.digest).ok_or_else(|| ChartsError::NotInBundle {
                component: deployment.component.clone(),
                path: manifest.path.clone(),
                digest: manifest.digest,
            })?;
            is_kustomized |= values::is_kustomization(&manifest.path, &bytes);
            read.push((manifest, bytes));
        }
        for (manifest, bytes) in read {
            let note = |why: &str| {
                format!(
                    "the manifest {:?} of the component {:?} is not applied: {why}",
                    manifest.path, deployment.component
                )
            };
            if is_kustomized {
                notes.push(note(
                    "it belongs to a kustomization; put what `kustomize build` prints into the manifest of the bundle",
                ));
                continue;
            }
            let extension = Path::new(&manifest.path)
                .extension()
                .and_then(|ending| ending.to_str());
            let ending = match extension.map(str::to_ascii_lowercase).as_deref() {
                Some("yaml" | "yml") => "yaml",
                Some("json") => "json",
                _ => {
                    notes.push(note("k3s takes only files that end with .yaml, .yml or .json"));
                    continue;
                }
            };
            let stem = name::file(&["manifest", &deployment.component, &manifest.path]);
            files.push(resource::manifest_file(&stem, ending, bytes, false));
        }
    }
    Ok(files)
}
