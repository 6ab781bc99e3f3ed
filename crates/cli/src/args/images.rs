//! `airlock images`.

use airlock_helm::images::Class;
use clap::{Args, ValueEnum};

use super::chart::{ChartArgs, ClusterArgs, HelmProfile, ValueArgs};
use super::online::UpstreamArgs;

/// `airlock images`
#[derive(Debug, Args)]
// That of a chart is another one.
#[command(disable_version_flag = true)]
pub(crate) struct ImagesArgs {
    /// What is searched: a chart (a folder, a packaged chart, oci://HOST/PATH, the address of a packaged chart, or with
    /// --repo a name in a repository); manifests of Kubernetes in YAML or JSON (a file, a folder with all below it, or -
    /// for standard input); or a manifest of Airlock, with its charts, manifests and images
    #[arg(value_name = "CHART|MANIFEST|DIR")]
    pub(crate) what: String,
    /// Tell every place that needs an image, and the rule that found it
    #[arg(long)]
    pub(crate) why: bool,
    /// Show only images that are as sure as this
    #[arg(long, value_enum, default_value_t = ClassArg::Possible)]
    pub(crate) class: ClassArg,
    /// Turn on every switch of the values that is off, one at a time and all together, and tell what that needs
    #[arg(long, help_heading = "Variants")]
    pub(crate) toggles: bool,
    /// Tell what these values need on top of the others; each file is a variant of its own, and it may be repeated
    #[arg(long = "variant", value_name = "FILE", help_heading = "Variants")]
    pub(crate) variants: Vec<String>,
    /// The name of the release; release-name if none is given
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The namespace of the release; default if none is given
    #[arg(long, short, env = "HELM_NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// Render as this generation of Helm does
    #[arg(long, value_enum, default_value_t = HelmProfile::Helm4)]
    pub(crate) profile: HelmProfile,
    #[command(flatten)]
    pub(crate) from: ChartArgs,
    /// Of a manifest of Airlock, take only this component; may be repeated (--set NAME=VALUE then gives a variable
    /// another value)
    #[arg(long = "component", value_name = "NAME")]
    pub(crate) components: Vec<String>,
    #[command(flatten)]
    pub(crate) values: ValueArgs,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    #[command(flatten)]
    pub(crate) upstream: UpstreamArgs,
}

/// How sure an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClassArg {
    /// It stands where Kubernetes or an operator takes an image from
    Sure,
    /// It only makes sense as an image
    Probable,
    /// It is needed when something else is chosen
    Possible,
}

impl From<ClassArg> for Class {
    fn from(class: ClassArg) -> Self {
        match class {
            ClassArg::Sure => Self::Sure,
            ClassArg::Probable => Self::Probable,
            ClassArg::Possible => Self::Possible,
        }
    }
}
