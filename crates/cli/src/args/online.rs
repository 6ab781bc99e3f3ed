//! The connected side: lock, build, and views of a lock.

use std::path::PathBuf;

use clap::Args;

use super::PasswordArgs;

/// Which manifest, and how it is narrowed.
#[derive(Clone, Debug, Args)]
pub(crate) struct ManifestArgs {
    /// The manifest
    #[arg(
        default_value = "airlock.yaml",
        value_name = "MANIFEST",
        env = "AIRLOCK_MANIFEST"
    )]
    pub(crate) manifest: PathBuf,
    /// The lock file; beside the manifest with the ending .lock unless given
    #[arg(long, value_name = "FILE")]
    pub(crate) lock_file: Option<PathBuf>,
    /// Give a variable of the manifest another value
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = key_value)]
    pub(crate) set: Vec<(String, String)>,
    /// Take only this component; may be repeated
    #[arg(long = "component", value_name = "NAME")]
    pub(crate) components: Vec<String>,
}

pub(crate) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("the form is NAME=VALUE".to_owned()),
    }
}

/// How upstream registries and servers are reached.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Upstream")]
pub(crate) struct UpstreamArgs {
    /// Credentials as docker and podman keep them; otherwise the files of podman and docker are looked for
    #[arg(long, value_name = "FILE", env = "REGISTRY_AUTH_FILE")]
    pub(crate) authfile: Option<PathBuf>,
    /// Trust the certificate authorities in this PEM file as well; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Vec<PathBuf>,
    /// Allow plain HTTP and unverified TLS for this host; may be repeated
    #[arg(long, value_name = "HOST")]
    pub(crate) insecure: Vec<String>,
    /// Ask TO instead of FROM (prefixes such as docker.io=mirror.corp/hub); may be repeated
    #[arg(long, value_name = "FROM=TO", value_parser = key_value)]
    pub(crate) mirror: Vec<(String, String)>,
    /// How many transfers run side by side
    #[arg(long, short, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) jobs: u16,
    /// How often a broken transfer is tried again
    #[arg(long, default_value_t = 5)]
    pub(crate) retries: u32,
    /// How many seconds a server may be silent before that counts as broken
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub(crate) timeout: u16,
}

/// `airlock lock`
#[derive(Debug, Args)]
pub(crate) struct LockArgs {
    #[command(flatten)]
    pub(crate) manifest: ManifestArgs,
    /// Change nothing: exit 1 when the lock is not that of the manifest
    #[arg(long, conflicts_with = "update")]
    pub(crate) check: bool,
    /// Look these artifacts or components up again; with no name, all
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    pub(crate) update: Vec<String>,
    /// Fail, and write no lock, if charts or manifests need something that nobody has confirmed or ignored in the manifest:
    /// images that are only probable or possible, and gaps
    #[arg(long)]
    pub(crate) strict: bool,
    /// Leave signatures, attestations and SBOMs of images behind
    #[arg(long)]
    pub(crate) no_referrers: bool,
    #[command(flatten)]
    pub(crate) upstream: UpstreamArgs,
}

/// `airlock outdated`
#[derive(Debug, Args)]
pub(crate) struct OutdatedArgs {
    #[command(flatten)]
    pub(crate) manifest: ManifestArgs,
    #[command(flatten)]
    pub(crate) upstream: UpstreamArgs,
}

/// `airlock why`
#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    /// A reference, a part of a name, or a digest
    pub(crate) query: String,
    /// The lock
    #[arg(long, value_name = "FILE", default_value = "airlock.lock")]
    pub(crate) lock_file: PathBuf,
}

/// `airlock tree`
#[derive(Debug, Args)]
pub(crate) struct TreeArgs {
    /// The lock
    #[arg(value_name = "LOCK", default_value = "airlock.lock")]
    pub(crate) lock_file: PathBuf,
}

/// `airlock diff`
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The older lock
    pub(crate) old: PathBuf,
    /// The newer lock
    pub(crate) new: PathBuf,
}

/// The key that signs.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Signing")]
pub(crate) struct SigningKey {
    /// Sign with this private key (encrypted PKCS#8 or cosign.key)
    #[arg(long, value_name = "FILE", env = "AIRLOCK_KEY")]
    pub(crate) key: PathBuf,
    #[command(flatten)]
    pub(crate) password: PasswordArgs,
}

/// How a bundle is packed.
#[derive(Clone, Debug, Args)]
pub(crate) struct PackOptions {
    /// The folder for the bundle, or - for standard output
    #[arg(long, short, value_name = "DIR", default_value = "bundles")]
    pub(crate) out: PathBuf,
    /// Keep what is downloaded in this store, for the next build
    #[arg(long, value_name = "DIR", env = "AIRLOCK_CACHE")]
    pub(crate) cache: Option<PathBuf>,
    /// Keep nothing but the bundle
    #[arg(long, conflicts_with = "cache")]
    pub(crate) no_cache: bool,
    /// Put this airlock binary into the bundle; may be repeated. Otherwise the running one is taken if it is static
    #[arg(long, value_name = "PLATFORM=FILE", value_parser = key_value, conflicts_with = "no_importer")]
    pub(crate) importer: Vec<(String, String)>,
    /// Put no airlock binary into the bundle
    #[arg(long)]
    pub(crate) no_importer: bool,
}

/// `airlock build`
#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    #[command(flatten)]
    pub(crate) manifest: ManifestArgs,
    #[command(flatten)]
    pub(crate) pack: PackOptions,
    /// Fail rather than change the lock
    #[arg(long)]
    pub(crate) locked: bool,
    /// Fail if charts or manifests need something that nobody has confirmed or ignored in the manifest
    #[arg(long)]
    pub(crate) strict: bool,
    /// Leave signatures, attestations and SBOMs of images behind
    #[arg(long)]
    pub(crate) no_referrers: bool,
    #[command(flatten)]
    pub(crate) key: SigningKey,
    #[command(flatten)]
    pub(crate) upstream: UpstreamArgs,
}

/// `airlock pack`
#[derive(Debug, Args)]
pub(crate) struct PackArgs {
    /// The lock
    #[arg(value_name = "LOCK", default_value = "airlock.lock")]
    pub(crate) lock_file: PathBuf,
    #[command(flatten)]
    pub(crate) pack: PackOptions,
    #[command(flatten)]
    pub(crate) key: SigningKey,
    #[command(flatten)]
    pub(crate) upstream: UpstreamArgs,
}
