//! `airlock health`.

use std::path::PathBuf;
use std::time::Duration;

use airlock_types::Reference;
use clap::Args;

use super::offline::BundleKeys;

/// `airlock health`
#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// What the cluster was installed from, a store or a bundle file: its release of k3s, its images and its charts are
    /// compared with what is there
    #[arg(value_name = "STORE|BUNDLE", env = "AIRLOCK_STORE")]
    pub(crate) path: Option<PathBuf>,
    /// The kubeconfig of the cluster
    #[arg(long, value_name = "FILE", default_value = "/etc/rancher/k3s/k3s.yaml")]
    pub(crate) kubeconfig: PathBuf,
    /// The site.yaml of the cluster, which says what is disabled, and whether there is a mirror
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Check again until nothing fails, for so long at most: 10m
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) wait: Option<Duration>,
    /// Try out as well what changes the cluster for a moment: pods that pull from the mirror and find each other, in a
    /// namespace of their own that is removed again, and a snapshot of etcd
    #[arg(long)]
    pub(crate) probe: bool,
    /// An image with a shell, nslookup, wget and httpd to probe with; otherwise the bundle's busybox
    #[arg(long, value_name = "IMAGE", requires = "probe")]
    pub(crate) probe_image: Option<Reference>,
    /// Make only this check, or the checks of this group; may be repeated
    #[arg(long, value_name = "ID")]
    pub(crate) only: Vec<String>,
    /// The name of this node in the cluster; otherwise its host name
    #[arg(long, value_name = "NAME")]
    pub(crate) node_name: Option<String>,
    /// List the checks
    #[arg(long)]
    pub(crate) list: bool,
    #[command(flatten)]
    pub(crate) bundle: BundleKeys,
}

/// `10m`, `1h30m`, `90s`.
fn duration(text: &str) -> Result<Duration, String> {
    let form = || "the form is 90s, 10m or 1h30m".to_owned();
    let duration: jiff::SignedDuration = text.parse().map_err(|_| form())?;
    Duration::try_from(duration).map_err(|_| form())
}
