//! A chart as it is deployed, and its variants.

use std::collections::BTreeMap;

use airlock_helm::chart::{Chart, Profile};
use airlock_helm::images::{Finder, Source};
use airlock_helm::render::{KubeVersionError, RenderError, ValueSources};

use crate::gather::Gathering;
use crate::need::Needs;
use crate::site::{Given, Site, Tried};
use crate::toggles;

/// The cluster that charts are rendered for. The default is what Helm assumes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// The generation of Helm.
    pub profile: Profile,
    /// The version of Kubernetes, `v1.34.5+k3s1`; what Helm assumes where there is none.
    pub version: Option<String>,
    /// API versions that the cluster has besides Helm's own, `monitoring.coreos.com/v1`.
    pub api_versions: Vec<String>,
}

/// Which switches of values are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Toggles {
    /// None: only what is deployed as it is, and with the values of each variant.
    #[default]
    None,
    /// Every one that is off, one at a time and all together. `docs/images.md` says what a switch is.
    All,
}

/// Values on top of those of the release: what a site may choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// How it is told, which is the name of the file.
    pub name: String,
    /// YAML.
    pub values: Vec<u8>,
}

/// A chart as it is deployed.
#[derive(Clone, Debug)]
pub struct Release<'a> {
    /// The chart, with all of its dependencies.
    pub chart: &'a Chart,
    /// The name of the release.
    pub name: String,
    /// The namespace.
    pub namespace: String,
    /// Whether it is an upgrade, not an installation.
    pub is_upgrade: bool,
    /// Values besides those of the chart.
    pub values: ValueSources,
    /// The content of every file that `--set-file` names in them.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Whether values are checked against the schemas of charts, as Helm does unless told not to.
    pub validate_schema: bool,
    /// What else may be given; each makes a rendering of its own.
    pub variants: Vec<Variant>,
    /// Which switches are tried.
    pub toggles: Toggles,
}

impl<'a> Release<'a> {
    /// The chart installed with its own values, under the name `release-name` in the namespace `default`.
    pub fn new(chart: &'a Chart) -> Self {
        Self {
            chart,
            name: "release-name".to_owned(),
            namespace: "default".to_owned(),
            is_upgrade: false,
            values: ValueSources::default(),
            files: BTreeMap::new(),
            validate_schema: true,
            variants: Vec::new(),
            toggles: Toggles::None,
        }
    }
}

/// What a search may cost. The default is far beyond what public charts need, and ends within seconds on a hostile one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What one rendering may cost.
    pub render: airlock_helm::render::Limits,
    /// What finding may cost, in all renderings together.
    pub find: airlock_helm::images::Limits,
    /// Renderings of variants.
    pub variants: usize,
    /// Steps of all these renderings together.
    pub steps: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            render: airlock_helm::render::Limits::default(),
            find: airlock_helm::images::Limits::default(),
            variants: 4_000,
            steps: 400_000_000,
        }
    }
}

/// Why a release cannot be searched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// It cannot be rendered as it is deployed.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The version of Kubernetes is none.
    #[error(transparent)]
    KubeVersion(#[from] KubeVersionError),
}

/// Every image that a release needs as it is deployed, and with its variants.
///
/// A need of a variant is told with the first one that has it, and only if the image is not needed anyway, in the same
/// class or a surer one. What a variant renders is no longer merely possible. A variant that cannot be rendered is an
/// [`Unknown`](crate::Unknown), and so is a limit that was reached.
pub fn needs(release: &Release<'_>, cluster: &Cluster, limits: Limits) -> Result<Needs, ReleaseError> {
    let mut site = Site::new(release, cluster, limits)?;
    let mut gathering = Gathering::default();
    gathering.deployed(site.deployed()?);
    for variant in &release.variants {
        let file = (variant.name.clone(), variant.values.clone());
        match site.render(&Given::File(&file)) {
            Ok(Tried { found, refused }) => {
                if let Some(found) = found {
                    gathering.variant(&found, &variant.name);
                }
                if let Some(error) = refused {
                    gathering.refused(release.chart, &variant.name, &error);
                }
            }
            Err(bound) => {
                let text = format!("the variant {} was not tried: {bound}", variant.name);
                gathering.bound(release.chart, &text);
            }
        }
    }
    if release.toggles == Toggles::All {
        toggles::all(&mut site, &mut gathering);
    }
    Ok(gathering.finish())
}

/// Every image that plain manifests need, in YAML or JSON, each file by its name.
pub fn manifests(files: &[(String, Vec<u8>)], limits: Limits) -> Needs {
    let mut finder = Finder::new(limits.find);
    for (name, bytes) in files {
        finder.manifest(&Source::file(name), bytes);
    }
    let mut gathering = Gathering::default();
    gathering.deployed(finder.finish());
    gathering.finish()
}
