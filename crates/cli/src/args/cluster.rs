//! `airlock cluster`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `airlock cluster`
#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Write a site.yaml to start from: what the flags or an install script's settings say, the rest as comments
    Init(Box<ClusterInitArgs>),
}

/// `airlock cluster init`
#[derive(Debug, Args)]
pub(crate) struct ClusterInitArgs {
    /// Where it goes; - for standard output
    #[arg(long, short, value_name = "FILE", default_value = "site.yaml")]
    pub(crate) out: PathBuf,
    /// Write over a file that is there
    #[arg(long)]
    pub(crate) force: bool,
    /// Take over the settings of a classic install script from the environment: K3S_URL, CLUSTER_CIDR,
    /// INSTALL_K3S_EXEC and so on. Secrets go to files of their own
    #[arg(long)]
    pub(crate) from_env: bool,
    /// The name of the site
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The mirror: airlock serve, or a registry of the site's own
    #[arg(long, value_name = "URL")]
    pub(crate) mirror: Option<String>,
    /// The PEM file of the mirror's authority
    #[arg(long, value_name = "FILE")]
    pub(crate) mirror_ca: Option<String>,
    /// What agents and further servers join
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// The file with the token of servers
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<String>,
    /// A name or address in the certificate of the API server
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) tls_san: Vec<String>,
    /// Addresses of pods
    #[arg(long, value_name = "NETWORK", value_delimiter = ',')]
    pub(crate) cluster_cidr: Vec<String>,
    /// Addresses of services
    #[arg(long, value_name = "NETWORK", value_delimiter = ',')]
    pub(crate) service_cidr: Vec<String>,
    /// The address of the cluster's DNS
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) cluster_dns: Option<String>,
    /// Where the state is kept: sqlite or etcd
    #[arg(long, value_name = "KIND")]
    pub(crate) datastore: Option<String>,
    /// A component of k3s that is not wanted
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) disable: Vec<String>,
    /// Harden after the CIS benchmark
    #[arg(long)]
    pub(crate) cis: bool,
    /// Where k3s keeps its data on the node
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<String>,
}
