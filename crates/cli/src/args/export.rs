//! `airlock export`

use std::path::PathBuf;

use airlock_types::{Platform, Reference};
use clap::Args;

use super::offline::BundleKeys;

/// `airlock export`
#[derive(Debug, Args)]
#[command(
    after_help = "The archive is a tar of an OCI image layout. `ctr -n k8s.io images import` and k3s (in \
                  /var/lib/rancher/k3s/agent/images) take every image from it under the reference and digest of the lock; \
                  podman, skopeo and docker read it too."
)]
pub(crate) struct ExportArgs {
    /// The store, or a bundle file
    #[arg(value_name = "STORE|BUNDLE", env = "AIRLOCK_STORE")]
    pub(crate) path: PathBuf,
    /// The images; all of them where none is given
    #[arg(value_name = "IMAGE")]
    pub(crate) images: Vec<Reference>,
    /// Only what runs on this platform, as a node needs it; otherwise everything that is there
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<Platform>,
    /// Write the archive to this file, in place of what is there, or - for standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) bundle: BundleKeys,
}
