//! Nodes: installing k3s, and taking it away.

use std::path::PathBuf;
use std::time::Duration;

use airlock_types::Platform;
use clap::{Args, ValueEnum};
use url::Url;

use super::node::NodeRole;
use super::offline::BundleKeys;

/// What starts the services of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Init {
    /// systemd
    Systemd,
    /// OpenRC
    Openrc,
}

/// `airlock install`
#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// The store or bundle file that everything comes from
    #[arg(value_name = "STORE|BUNDLE", env = "AIRLOCK_STORE")]
    pub(crate) path: PathBuf,
    /// What the node will be
    #[arg(long, value_enum)]
    pub(crate) role: NodeRole,
    /// The server that it joins, https://10.0.0.10:6443, instead of what the site says
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<Url>,
    /// The file with the token of the cluster, instead of what the site says
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// The site
    #[arg(long, value_name = "SITE.YAML")]
    pub(crate) config: Option<PathBuf>,
    /// Write the tree of a node into this folder, and start nothing
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Only say what would be changed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The release, where there is more than one: v1.34.5+k3s1, or the component that has it
    #[arg(long, value_name = "NAME")]
    pub(crate) release: Option<String>,
    /// How long k3s, each wave of charts, and in the end the cluster as a whole, may take to be well
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = duration)]
    pub(crate) wait: Duration,
    /// Install k3s alone, and none of the charts and manifests
    #[arg(long)]
    pub(crate) no_charts: bool,
    /// Install even where `airlock preflight` finds that k3s would not run
    #[arg(long)]
    pub(crate) no_preflight: bool,
    /// With --root: the platform of the node
    #[arg(long, value_name = "OS/ARCH", requires = "root")]
    pub(crate) platform: Option<Platform>,
    /// With --root: what starts its services
    #[arg(long, value_enum, requires = "root")]
    pub(crate) init: Option<Init>,
    #[command(flatten)]
    pub(crate) bundle: BundleKeys,
}

/// `airlock uninstall`
#[derive(Debug, Args)]
pub(crate) struct UninstallArgs {
    /// Delete the data of the cluster as well: without it, they stay, and installing again goes on with them
    #[arg(long)]
    pub(crate) delete_data: bool,
    /// Only say what would be undone
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The tree of a node in this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
}

/// `90s`, `15m`, `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("a time is a number and s, m or h, as in 15m: {text:?}");
    let (number, unit) = text.split_at(text.len() - text.chars().next_back().map_or(0, char::len_utf8));
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number
        .checked_mul(factor)
        .filter(|seconds| (1..=7 * 24 * 3600).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(wrong)
}
