//! Nodes: what is checked before k3s comes to them.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use url::Url;

use super::offline::BundleKeys;

/// What a node does in its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum NodeRole {
    /// Runs the control plane, and pods
    Server,
    /// Runs pods
    Agent,
}

/// `airlock preflight`
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct PreflightArgs {
    /// Count the room that this store or bundle file needs, and take the release of k3s from it
    #[arg(value_name = "STORE|BUNDLE", env = "AIRLOCK_STORE")]
    pub(crate) path: Option<PathBuf>,
    /// What the node will be
    #[arg(long, value_enum, default_value_t = NodeRole::Server)]
    pub(crate) role: NodeRole,
    /// The site
    #[arg(long, value_name = "SITE.YAML")]
    pub(crate) config: Option<PathBuf>,
    /// The mirror, instead of that of the site
    #[arg(long, value_name = "URL")]
    pub(crate) mirror: Option<Url>,
    /// Trust this certificate authority (PEM) for the mirror, besides those of the system
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Where k3s will keep its data, instead of what the site says
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Run this check, or this group of checks, only; may be repeated
    #[arg(long, value_name = "ID")]
    pub(crate) only: Vec<String>,
    /// Leave this check, or this group of checks, out; may be repeated
    #[arg(long, value_name = "ID")]
    pub(crate) skip: Vec<String>,
    /// List the checks, with what goes wrong otherwise, and run none
    #[arg(long)]
    pub(crate) list: bool,
    /// Repair what can be repaired safely, recorded in the node's journal, and check again
    #[arg(long)]
    pub(crate) fix: bool,
    /// With --fix: tell what would be changed, and change nothing
    #[arg(long, requires = "fix")]
    pub(crate) dry_run: bool,
    /// Undo what --fix did, and check nothing
    #[arg(long, conflicts_with_all = ["fix", "list"])]
    pub(crate) undo_fixes: bool,
    /// Check the tree of a machine in this folder: only files are read, and nothing is tried out
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) bundle: BundleKeys,
}
