//! `airlock template`, with the flags of `helm template`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `airlock template`
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of Helm's")]
pub(crate) struct TemplateArgs {
    /// The name of the release, if there are two words, and the chart: a folder or a packaged chart (.tgz)
    #[arg(required = true, num_args = 1..=2, value_names = ["NAME", "CHART"])]
    pub(crate) words: Vec<String>,
    /// The name of the release
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The namespace of the release
    #[arg(long, short, default_value = "default", env = "HELM_NAMESPACE")]
    pub(crate) namespace: String,
    /// Render as this generation of Helm does
    #[arg(long, value_enum, default_value_t = HelmProfile::Helm4)]
    pub(crate) profile: HelmProfile,
    /// Bring dependencies that `charts/` lacks, if they are folders (file://)
    #[arg(long)]
    pub(crate) dependency_update: bool,
    #[command(flatten)]
    pub(crate) values: ValueArgs,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    /// Print only what is rendered from these templates, patterns included; may be repeated
    #[arg(long, short, value_name = "TEMPLATE", help_heading = "Printing")]
    pub(crate) show_only: Vec<String>,
    /// Print the files of crds/ folders as well
    #[arg(long, help_heading = "Printing")]
    pub(crate) include_crds: bool,
    /// Print no hooks
    #[arg(long, help_heading = "Printing")]
    pub(crate) no_hooks: bool,
    /// Print no hooks that are tests
    #[arg(long, help_heading = "Printing")]
    pub(crate) skip_tests: bool,
    /// Write the rendered templates into files of this folder instead
    #[arg(long, value_name = "DIR", help_heading = "Printing")]
    pub(crate) output_dir: Option<PathBuf>,
    /// With --output-dir, into a folder there that has the name of the release
    #[arg(long, requires = "output_dir", help_heading = "Printing")]
    pub(crate) release_name: bool,
    /// Draw random values from this seed, so that every run gives the same
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
}

/// Values besides those of the chart; files come first, and of two the later counts.
#[derive(Debug, Args)]
#[command(next_help_heading = "Values")]
pub(crate) struct ValueArgs {
    /// Values from a YAML file, or from standard input (-); may be repeated
    #[arg(long = "values", short = 'f', value_name = "FILE", value_delimiter = ',')]
    pub(crate) files: Vec<String>,
    /// Values such as `a.b=1,c[0]=x,d={y,z}`; may be repeated
    #[arg(long, value_name = "VALUES")]
    pub(crate) set: Vec<String>,
    /// The same, and every value is a string
    #[arg(long, value_name = "VALUES")]
    pub(crate) set_string: Vec<String>,
    /// The same, and every value is the name of a file with the value
    #[arg(long, value_name = "FILES")]
    pub(crate) set_file: Vec<String>,
    /// Values in JSON: key=JSON, or a whole object
    #[arg(long, value_name = "JSON")]
    pub(crate) set_json: Vec<String>,
    /// One value, and everything behind = belongs to it
    #[arg(long, value_name = "VALUE")]
    pub(crate) set_literal: Vec<String>,
    /// Check values against the schemas of the charts
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub(crate) validate_schema: bool,
    /// Check no values against schemas
    #[arg(long)]
    pub(crate) skip_schema_validation: bool,
}

/// The cluster that is assumed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterArgs {
    /// The version of Kubernetes
    #[arg(long, value_name = "VERSION")]
    pub(crate) kube_version: Option<String>,
    /// API versions that the cluster has besides the usual ones; may be repeated
    #[arg(long, short, value_name = "VERSIONS", value_delimiter = ',')]
    pub(crate) api_versions: Vec<String>,
    /// Render an upgrade, not an installation
    #[arg(long)]
    pub(crate) is_upgrade: bool,
}

/// A generation of Helm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HelmProfile {
    /// Helm 3.19
    Helm3,
    /// Helm 4.2
    Helm4,
}
