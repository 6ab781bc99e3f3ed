//! What may be written on the command line, and nothing of what it means.

mod chart;
mod check;
mod cluster;
mod export;
mod health;
mod images;
mod install;
mod node;
mod offline;
mod online;
mod template;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use chart::{ChartArgs, ValueArgs};
pub(crate) use check::CheckArgs;
pub(crate) use cluster::{ClusterCommand, ClusterInitArgs};
pub(crate) use export::ExportArgs;
pub(crate) use health::HealthArgs;
pub(crate) use images::ImagesArgs;
pub(crate) use install::{Init, InstallArgs, UninstallArgs};
pub(crate) use node::{NodeRole, PreflightArgs};
pub(crate) use offline::{
    AuditArgs, BundleKeys, ConfigArgs, ConfigClient, GcArgs, GenerationsArgs, ImportArgs, InspectArgs,
    InventoryArgs, LsArgs, ReceiptsArgs, RollbackArgs, SbomArgs, SbomFormat, ScrubArgs, ServeArgs,
    VerifyArgs,
};
pub(crate) use online::{
    BuildArgs, DiffArgs, LockArgs, ManifestArgs, OutdatedArgs, PackArgs, PackOptions, SigningKey, TreeArgs,
    UpstreamArgs, WhyArgs, key_value,
};
pub(crate) use template::TemplateArgs;

/// Carries software across an air gap: one manifest, one lock, one signed bundle, one binary.
#[derive(Debug, Parser)]
#[command(
    name = "airlock",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done · 1 the answer is no (verification failed, drift found) · 2 usage or environment · 3 partial, with the list of what is missing\n\nStart with `airlock demo`: the whole round trip on this machine, without root or Internet."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// How results are printed on standard output
    #[arg(long, global = true, value_enum, default_value_t = Output::Text, env = "AIRLOCK_OUTPUT", help_heading = "Global options")]
    pub(crate) output: Output,
    /// How progress is shown on standard error
    #[arg(long, global = true, value_enum, default_value_t = ProgressMode::Auto, env = "AIRLOCK_PROGRESS", help_heading = "Global options")]
    pub(crate) progress: ProgressMode,
    /// Show no progress (the same as --progress none)
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) no_progress: bool,
    /// Print errors only
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        help_heading = "Global options"
    )]
    pub(crate) quiet: bool,
    /// Print more; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,
    /// Colours
    #[arg(long, global = true, value_enum, default_value_t = ColorMode::Auto, env = "AIRLOCK_COLOR", help_heading = "Global options")]
    pub(crate) color: ColorMode,
}

/// The form of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Text,
    /// For programs; its shape is stable
    Json,
}

/// The form of progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressMode {
    /// Bars on a terminal, plain lines otherwise
    Auto,
    /// Bars
    Bars,
    /// Plain lines
    Lines,
    /// One JSON object a line
    Json,
    /// Nothing
    None,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorMode {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The commands, in the order of the work.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List every image that a chart, manifests or a folder of them need, and where
    Images(Box<ImagesArgs>),
    /// Decide exactly what a manifest means: every digest, size and platform
    Lock(LockArgs),
    /// List what is newer upstream than the lock
    Outdated(OutdatedArgs),
    /// Say why something is in the lock
    Why(WhyArgs),
    /// Show the lock as a tree: component, artifact, platform
    Tree(TreeArgs),
    /// Compare two locks
    Diff(DiffArgs),
    /// Lock if needed, pack and sign: a manifest becomes a bundle
    Build(BuildArgs),
    /// Pack and sign a bundle from a lock alone
    Pack(PackArgs),
    /// Make a signing key pair
    Keygen(KeygenArgs),
    /// Check a bundle's signature and every byte of it
    Verify(VerifyArgs),
    /// Walk from upstream's signatures to every OS package of a bundle or store, offline
    Audit(AuditArgs),
    /// Prove offline that every image of the charts and manifests of a bundle or store is there, and compare it with a
    /// cluster
    Check(CheckArgs),
    /// Print what a bundle holds as an SBOM, with the licences of its OS packages
    Sbom(SbomArgs),
    /// Show what a bundle says it is, without verifying it
    Inspect(InspectArgs),
    /// List what a bundle or store holds
    Ls(LsArgs),
    /// Verify a bundle, then take it into a store as one atomic generation
    Import(ImportArgs),
    /// Serve a store, or a bundle file as it is, to clusters and clients
    Serve(ServeArgs),
    /// Write images of a store or bundle as one archive that containerd, k3s, docker and podman load
    Export(ExportArgs),
    /// Print client configuration for a mirror
    Config(ConfigArgs),
    /// Make this machine a node of k3s, from a store or bundle alone
    Install(Box<InstallArgs>),
    /// Put back what was there before Airlock changed this machine
    Uninstall(UninstallArgs),
    /// List the generations of a store
    Generations(GenerationsArgs),
    /// Go back to an earlier generation
    Rollback(RollbackArgs),
    /// Remove what no kept generation needs
    Gc(GcArgs),
    /// Read a store again and find damage
    Scrub(ScrubArgs),
    /// Show the receipts of a store's imports
    Receipts(ReceiptsArgs),
    /// Write down which OS packages a node has, for the base of a manifest's packages
    Inventory(InventoryArgs),
    /// Find what keeps k3s from running on this machine, before anything is installed
    Preflight(Box<PreflightArgs>),
    /// Describe a site for its nodes
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Check whether a cluster does what it was installed for
    Health(Box<HealthArgs>),
    /// Render a Helm chart as `helm template` does, without Helm or a cluster
    Template(Box<TemplateArgs>),
    /// Play the whole round trip on this machine: no root, no Internet
    Demo(DemoArgs),
    /// Print the JSON Schema of the manifest, or of site.yaml
    Schema {
        /// Which document it describes
        #[arg(long, value_enum, default_value_t = Document::Manifest)]
        of: Document,
    },
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a folder
    Man {
        /// The folder
        dir: PathBuf,
    },
}

/// A document that people write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Document {
    /// airlock.yaml
    Manifest,
    /// site.yaml
    Site,
}

/// `airlock keygen`
#[derive(Debug, Args)]
pub(crate) struct KeygenArgs {
    /// Where the private key goes; the public key goes beside it with the ending .pub
    #[arg(long, short, default_value = "airlock.key")]
    pub(crate) out: PathBuf,
    /// The form of the private key
    #[arg(long, value_enum, default_value_t = KeyFormat::Pkcs8)]
    pub(crate) format: KeyFormat,
    #[command(flatten)]
    pub(crate) password: PasswordArgs,
    /// Do not encrypt the private key; whoever reads the file can sign
    #[arg(long, conflicts_with = "password_file")]
    pub(crate) insecure_no_password: bool,
}

/// The file form of a private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyFormat {
    /// Encrypted PKCS#8, which openssl reads
    Pkcs8,
    /// cosign.key, which cosign reads
    Cosign,
}

/// Where a key's password comes from; otherwise it is asked for.
#[derive(Clone, Debug, Args)]
pub(crate) struct PasswordArgs {
    /// Read the key's password from this file (its first line); AIRLOCK_KEY_PASSWORD holds it otherwise
    #[arg(long, value_name = "FILE", env = "AIRLOCK_KEY_PASSWORD_FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

/// `airlock demo`
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Work in this folder, which must not exist or be empty, and keep it; otherwise in a new folder below the
    /// system's temporary folder
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}
