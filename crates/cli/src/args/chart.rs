//! What commands about charts have in common, with the flags of Helm.

use airlock_helm::chart::Profile;
use clap::{Args, ValueEnum};
use url::Url;

/// Where a chart and its dependencies come from.
#[derive(Debug, Args)]
pub(crate) struct ChartArgs {
    /// The repository that CHART is a name in
    #[arg(long, value_name = "URL")]
    pub(crate) repo: Option<Url>,
    /// The version, or a range of versions, of a chart that comes from a repository or a registry; the newest release
    /// where none is given
    #[arg(long, value_name = "RANGE")]
    pub(crate) version: Option<String>,
    /// Take versions before a release as well (the same as --version '>0.0.0-0')
    #[arg(long)]
    pub(crate) devel: bool,
    /// Fetch dependencies that charts/ lacks, in the versions of Chart.lock where they fit; nothing is written there
    #[arg(long)]
    pub(crate) dependency_update: bool,
    /// Follow symbolic links that lead out of the folder of a chart, as Helm does; they are refused otherwise
    #[arg(long)]
    pub(crate) follow_links: bool,
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

impl From<HelmProfile> for Profile {
    fn from(profile: HelmProfile) -> Self {
        match profile {
            HelmProfile::Helm3 => Self::Helm3,
            HelmProfile::Helm4 => Self::Helm4,
        }
    }
}
