//! `airlock check`.

use std::path::PathBuf;

use clap::Args;

use super::offline::BundleKeys;

/// `airlock check`
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// A store, or a bundle file
    #[arg(value_name = "STORE|BUNDLE", env = "AIRLOCK_STORE")]
    pub(crate) path: PathBuf,
    /// Values that this site gives to a release besides those in the bundle, in the order in which Helm gets them; without
    /// a NAME, to every release; may be repeated
    #[arg(long, short = 'f', value_name = "[NAME=]FILE")]
    pub(crate) values: Vec<String>,
    /// Compare what runs in a cluster with what is here as well: a dump (`kubectl get pods,deployments -A -o json`, or
    /// yaml; a folder of `kubectl cluster-info dump`; `-` for standard input), or a kubeconfig, whose server is asked
    #[arg(long, value_name = "DUMP|KUBECONFIG")]
    pub(crate) cluster: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) bundle: BundleKeys,
}
