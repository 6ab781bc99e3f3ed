//! `airlock template`, with the flags of `helm template`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::chart::{ChartArgs, ClusterArgs, HelmProfile, ValueArgs};
use super::online::{UpstreamArgs, key_value};

/// `airlock template`
#[derive(Debug, Args)]
// Helm's --version is another one.
#[command(allow_missing_positional = true, disable_version_flag = true)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of Helm's")]
pub(crate) struct TemplateArgs {
    /// The name of the release; release-name if none is given
    #[arg(value_name = "NAME")]
    pub(crate) release: Option<String>,
    /// The chart: a folder, a packaged chart (.tgz), oci://HOST/PATH, the address of a packaged chart, or with --repo a
    /// name in a repository
    #[arg(required = true)]
    pub(crate) chart: String,
    /// The name of the release
    #[arg(long, conflicts_with = "release")]
    pub(crate) name: Option<String>,
    /// The name of the release as a template with the functions of Sprig, such as 'web-{{ randAlpha 5 | lower }}'
    #[arg(long, value_name = "TEMPLATE", conflicts_with_all = ["release", "name"])]
    pub(crate) name_template: Option<String>,
    /// Take no NAME; as with Helm, the release is then called release-name
    #[arg(long, short, conflicts_with = "release")]
    pub(crate) generate_name: bool,
    #[command(flatten)]
    pub(crate) from: ChartArgs,
    /// The namespace of the release
    #[arg(long, short, default_value = "default", env = "HELM_NAMESPACE")]
    pub(crate) namespace: String,
    /// Render as this generation of Helm does
    #[arg(long, value_enum, default_value_t = HelmProfile::Helm4)]
    pub(crate) profile: HelmProfile,
    #[command(flatten)]
    pub(crate) values: ValueArgs,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    /// Print only what is rendered from these templates, patterns included; may be repeated
    #[arg(
        long,
        short,
        conflicts_with = "output_dir",
        value_name = "TEMPLATE",
        help_heading = "Printing"
    )]
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
    /// Send what is installed through this program before it is printed, as Helm 3 does (with --profile helm3; the
    /// post-renderers of Helm 4 are plugins)
    #[arg(
        long,
        value_name = "PROGRAM",
        conflicts_with = "output_dir",
        help_heading = "Printing"
    )]
    pub(crate) post_renderer: Option<PathBuf>,
    /// An argument of that program; may be repeated
    #[arg(
        long,
        value_name = "ARGUMENT",
        allow_hyphen_values = true,
        requires = "post_renderer",
        help_heading = "Printing"
    )]
    pub(crate) post_renderer_args: Vec<OsString>,
    /// If what is rendered is not YAML, print it all the same, and fail then
    #[arg(long, help_heading = "Printing")]
    pub(crate) debug: bool,
    /// Draw random values from this seed, so that every run gives the same
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    #[command(flatten)]
    pub(crate) upstream: UpstreamArgs,
    #[command(flatten)]
    pub(crate) unused: UnusedArgs,
}

/// What only matters to a cluster. Helm takes it for `template` as well, so that scripts can share their flags.
#[derive(Debug, Args)]
#[command(next_help_heading = "Taken as Helm takes them, and without effect")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of Helm's")]
#[allow(dead_code, reason = "these have no effect")]
pub(crate) struct UnusedArgs {
    /// A description of the release
    #[arg(long, value_name = "TEXT", hide_short_help = true)]
    description: Option<String>,
    /// Labels of the release: key=value, separated by commas
    #[arg(long, short, value_name = "LABELS", value_delimiter = ',', value_parser = key_value, hide_short_help = true)]
    labels: Vec<(String, String)>,
    /// Rendering is always without a cluster; no other value is taken
    #[arg(long, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "client", value_parser = ["client"], hide_short_help = true)]
    dry_run: Option<String>,
    /// Make the namespace
    #[arg(long, hide_short_help = true)]
    create_namespace: bool,
    /// Install no CRDs (--include-crds prints them all the same)
    #[arg(long, hide_short_help = true)]
    skip_crds: bool,
    /// Use the name of a deleted release again
    #[arg(long, hide_short_help = true)]
    replace: bool,
    /// Wait until everything is ready
    #[arg(long, value_name = "STRATEGY", num_args = 0..=1, require_equals = true, default_missing_value = "watcher", hide_short_help = true)]
    wait: Option<String>,
    /// Wait until jobs are done
    #[arg(long, hide_short_help = true)]
    wait_for_jobs: bool,
    /// Roll back if the installation fails
    #[arg(long, alias = "atomic", hide_short_help = true)]
    rollback_on_failure: bool,
    /// Take what others have installed
    #[arg(long, hide_short_help = true)]
    take_ownership: bool,
    /// Replace instead of changing
    #[arg(long, alias = "force", hide_short_help = true)]
    force_replace: bool,
    /// Change what others have changed
    #[arg(long, hide_short_help = true)]
    force_conflicts: bool,
    /// Check nothing against the cluster's API
    #[arg(long, hide_short_help = true)]
    disable_openapi_validation: bool,
    /// Show no notes
    #[arg(long, hide_short_help = true)]
    hide_notes: bool,
    /// Show the notes of the charts below as well
    #[arg(long, hide_short_help = true)]
    render_subchart_notes: bool,
}
