//! The isolated side: verify, import, serve, and the care of a store.

use std::net::SocketAddr;
use std::path::PathBuf;

use airlock_hash::Engine;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::failure::{Failure, Result};

/// The keys that are trusted to sign.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Trust")]
pub(crate) struct TrustedKeys {
    /// Trust this public key; may be repeated
    #[arg(
        long = "key",
        value_name = "FILE",
        required = true,
        env = "AIRLOCK_PUBLIC_KEY"
    )]
    pub(crate) keys: Vec<PathBuf>,
    /// How many different trusted keys must have signed
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=32))]
    pub(crate) threshold: u16,
}

/// Which store.
#[derive(Clone, Debug, Args)]
pub(crate) struct StoreArg {
    /// The store
    #[arg(long, value_name = "DIR", env = "AIRLOCK_STORE")]
    pub(crate) store: PathBuf,
}

/// How many files are hashed at once.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Hashing {
    /// How each thread hashes: by default the way that should be the fastest on this processor; all give the same
    /// hashes
    #[arg(long = "hash", value_name = "ENGINE", value_enum, default_value_t = HashEngine::Auto)]
    engine: HashEngine,
}

/// See [`Engine`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum HashEngine {
    /// What should be the fastest here
    Auto,
    /// One file after the other
    Lone,
    /// Eight files side by side, with AVX2
    Avx2,
    /// Sixteen files side by side, with AVX-512
    Avx512,
}

impl Hashing {
    /// The engine, if this processor can run it.
    pub(crate) fn engine(self) -> Result<Engine> {
        let engine = match self.engine {
            HashEngine::Auto => Engine::best(),
            HashEngine::Lone => Engine::Lone,
            HashEngine::Avx2 => Engine::Avx2,
            HashEngine::Avx512 => Engine::Avx512,
        };
        if Engine::available().contains(&engine) {
            return Ok(engine);
        }
        let name = self.engine.to_possible_value();
        let name = name.as_ref().map_or("", |value| value.get_name());
        Err(Failure::from(anyhow::anyhow!(
            "this processor cannot hash that way: --hash {name}"
        ))
        .hint("leave --hash away"))
    }
}

/// `airlock verify`
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The bundle: a file, an unpacked folder, or - for standard input
    pub(crate) bundle: PathBuf,
    #[command(flatten)]
    pub(crate) trust: TrustedKeys,
    #[command(flatten)]
    pub(crate) hashing: Hashing,
}

/// Who must have signed what is served or audited, where that is a bundle and not a store.
#[derive(Debug, Args)]
pub(crate) struct BundleKeys {
    /// Trust this public key to have signed the bundle; may be repeated
    #[arg(
        long = "key",
        value_name = "FILE",
        env = "AIRLOCK_PUBLIC_KEY",
        help_heading = "Bundle file"
    )]
    pub(crate) keys: Vec<PathBuf>,
    /// How many different trusted keys must have signed the bundle
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=32), help_heading = "Bundle file")]
    pub(crate) threshold: u16,
}

/// `airlock audit`
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// A store, or a bundle file
    #[arg(value_name = "STORE|BUNDLE", env = "AIRLOCK_STORE")]
    pub(crate) path: PathBuf,
    /// Who may sign upstream's releases: a keyring as apt has it, from a source that you trust; may be repeated. Without
    /// one, the keys are those that the builder carried along
    #[arg(long, value_name = "FILE")]
    pub(crate) keyring: Vec<PathBuf>,
    /// Judge signatures and expiry as of this time (2026-11-21, 2026-11-21T12:00:00Z, now). Otherwise as of the newest release
    /// carried: the earliest time that the packages can have been locked at
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) bundle: BundleKeys,
}

/// A time or a day; the latter begins at midnight UTC.
fn time(text: &str) -> Result<Timestamp, String> {
    if text == "now" {
        return Ok(crate::clock::timestamp());
    }
    let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok();
    text.parse::<Timestamp>()
        .ok()
        .or_else(|| day().map(|day| day.timestamp()))
        .ok_or_else(|| "the form is 2026-11-21, 2026-11-21T12:00:00Z or now".to_owned())
}

/// `airlock inspect`
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The bundle: a file, an unpacked folder, or - for standard input
    pub(crate) bundle: PathBuf,
}

/// `airlock ls`
#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    /// A bundle or a store
    #[arg(value_name = "BUNDLE|STORE")]
    pub(crate) path: PathBuf,
}

/// `airlock import`
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The bundle: a file, an unpacked folder, or - for standard input
    pub(crate) bundle: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArg,
    #[command(flatten)]
    pub(crate) trust: TrustedKeys,
    /// How many versions of one bundle stay served, the new one among them
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) keep_versions: u16,
    /// Accept a release older than one imported before; the reason stands in the receipt
    #[arg(long, value_name = "REASON")]
    pub(crate) allow_downgrade: Option<String>,
}

/// `airlock serve`
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The store, or a bundle file
    #[arg(value_name = "STORE|BUNDLE", env = "AIRLOCK_STORE")]
    pub(crate) path: PathBuf,
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1:5000", env = "AIRLOCK_LISTEN")]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) bundle: BundleKeys,
    /// Serve with this certificate chain (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key", help_heading = "TLS")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert", help_heading = "TLS")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Ask everybody for this user name, and for the password of --password-file
    #[arg(
        long,
        value_name = "NAME",
        requires = "password_file",
        conflicts_with = "insecure_plain_http",
        help_heading = "Access"
    )]
    pub(crate) username: Option<String>,
    /// The file whose first line is the password
    #[arg(long, value_name = "FILE", requires = "username", help_heading = "Access")]
    pub(crate) password_file: Option<PathBuf>,
    /// Serve without TLS outside loopback as well; anyone on the way can read and change what is served
    #[arg(long, conflicts_with = "tls_cert", help_heading = "TLS")]
    pub(crate) insecure_plain_http: bool,
    /// Keep the certificate authority that is made when no certificate is given here; otherwise in the store
    #[arg(long, value_name = "DIR", conflicts_with = "tls_cert", help_heading = "TLS")]
    pub(crate) tls_dir: Option<PathBuf>,
    /// Names and addresses for the certificate that is made when none is given; may be repeated
    #[arg(long, value_name = "NAME", conflicts_with = "tls_cert", help_heading = "TLS")]
    pub(crate) tls_name: Vec<String>,
}

/// `airlock config`
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// For which client
    #[arg(value_enum)]
    pub(crate) client: ConfigClient,
    /// The mirror's address as clients see it
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:5000")]
    pub(crate) url: String,
    /// The path, on the clients, of the certificate authority that signed the mirror's certificate
    #[arg(long, value_name = "PATH")]
    pub(crate) ca: Option<PathBuf>,
    /// The registries to redirect to the mirror; may be repeated. Otherwise those that --from holds, else the usual ones
    #[arg(long, value_name = "HOST")]
    pub(crate) registry: Vec<String>,
    /// Redirect the registries of everything in this store or lock; for apt, the store whose packages are offered
    #[arg(long, value_name = "STORE|LOCK")]
    pub(crate) from: Option<PathBuf>,
    /// Write the files below this folder instead of printing them
    #[arg(long, value_name = "DIR")]
    pub(crate) write: Option<PathBuf>,
}

/// Clients that configuration is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConfigClient {
    /// containerd: certs.d/HOST/hosts.toml
    Containerd,
    /// k3s: registries.yaml
    K3s,
    /// podman, skopeo, buildah: registries.conf
    Podman,
    /// apt: a .sources file for each distribution, with the key that signs the packages; needs --from STORE
    Apt,
}

/// `airlock generations`
#[derive(Debug, Args)]
pub(crate) struct GenerationsArgs {
    #[command(flatten)]
    pub(crate) store: StoreArg,
}

/// `airlock rollback`
#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// The generation to go back to; otherwise the one before the current one
    #[arg(long, value_name = "NUMBER|DIGEST")]
    pub(crate) to: Option<String>,
}

/// `airlock gc`
#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// How many generations to keep, the current one among them
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) keep: u32,
    /// Only say what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `airlock scrub`
#[derive(Debug, Args)]
pub(crate) struct ScrubArgs {
    #[command(flatten)]
    pub(crate) store: StoreArg,
    /// Move damaged blobs out of the way, so that the next import brings them again
    #[arg(long)]
    pub(crate) quarantine: bool,
    #[command(flatten)]
    pub(crate) hashing: Hashing,
}

/// `airlock receipts`
#[derive(Debug, Args)]
pub(crate) struct ReceiptsArgs {
    #[command(flatten)]
    pub(crate) store: StoreArg,
}

/// `airlock inventory`
#[derive(Debug, Args)]
pub(crate) struct InventoryArgs {
    /// The root of the node's file system
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub(crate) root: PathBuf,
    /// Write the inventory to this file, in place of what is there; otherwise to standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// `airlock sbom`
#[derive(Debug, Args)]
pub(crate) struct SbomArgs {
    /// The bundle, a file
    pub(crate) bundle: PathBuf,
    /// The form of the SBOM
    #[arg(long, value_enum, default_value_t = SbomFormat::Spdx)]
    pub(crate) format: SbomFormat,
    #[command(flatten)]
    pub(crate) trust: TrustedKeys,
    #[command(flatten)]
    pub(crate) hashing: Hashing,
}

/// The form of an SBOM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SbomFormat {
    /// SPDX 2.3, JSON
    Spdx,
    /// CycloneDX 1.6, JSON
    Cyclonedx,
}
