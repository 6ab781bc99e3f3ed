//! What a `site.yaml` means, once read.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use airlock_types::Host;
use serde::Serialize;
use url::Url;

use crate::BundleName;

/// One site.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Site {
    /// `metadata.name`.
    pub name: BundleName,
    /// Where nodes fetch images, charts and packages; none for a node that has everything from its bundle.
    pub mirror: Option<Mirror>,
    /// The cluster.
    pub cluster: Cluster,
    /// How charts of the bundle are installed; those that are not named here are installed with the defaults.
    pub charts: Vec<Chart>,
    /// Lines of `/etc/hosts`: the names of an address.
    pub hosts: BTreeMap<IpAddr, Vec<String>>,
    /// Packages of the bundle that every node gets, `chrony`.
    pub packages: Vec<String>,
    /// The firewall of the node.
    pub firewall: Firewall,
    /// What a node does for its site besides.
    pub services: Services,
}

/// `mirror`: `airlock serve`, or the site's own registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mirror {
    /// Scheme, host and port: `https://registry.site:5000`.
    pub url: Url,
    /// The PEM file of its authority.
    pub ca: Option<PathBuf>,
    /// What it wants to see.
    pub auth: Option<MirrorAuth>,
    /// Registries that nodes ask for besides those of the bundle.
    pub hosts: Vec<Host>,
}

/// `mirror.auth`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MirrorAuth {
    /// The user.
    pub username: String,
    /// The file with the password; one line end at its end is not part of it.
    pub password_file: PathBuf,
}

/// `cluster`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// The address that nodes join and agents use: `https://10.0.0.10:6443`.
    pub server: Option<Url>,
    /// The file with the token of servers.
    pub token_file: Option<PathBuf>,
    /// The file with the token of agents.
    pub agent_token_file: Option<PathBuf>,
    /// Names and addresses in the API server's certificate.
    pub tls_san: Vec<String>,
    /// Addresses of pods, `10.42.0.0/16`; of both families for a dual stack.
    pub cluster_cidr: Vec<Addresses>,
    /// Addresses of services.
    pub service_cidr: Vec<Addresses>,
    /// The address of the cluster's DNS.
    pub cluster_dns: Option<IpAddr>,
    /// The domain of services.
    pub cluster_domain: Option<String>,
    /// How pods of different nodes reach each other: `vxlan`, `wireguard-native`, `host-gw`, `none`.
    pub flannel_backend: Option<String>,
    /// Where the state is kept.
    pub datastore: Datastore,
    /// Components of k3s that are not wanted: `traefik`, `servicelb`, `local-storage`, `metrics-server`, `coredns`.
    pub disable: Vec<String>,
    /// Hardening after the CIS benchmark.
    pub cis: bool,
    /// Whether secrets are encrypted in the data store.
    pub secrets_encryption: bool,
    /// Whether nodes pass images on to each other.
    pub embedded_registry: bool,
    /// Where k3s keeps its data, `/var/lib/rancher/k3s`.
    pub data_dir: PathBuf,
    /// SELinux.
    pub selinux: Selinux,
    /// Authorities of the site's own, instead of those that k3s makes.
    pub ca: Option<ClusterAuthority>,
    /// Further options of k3s, as its `config.yaml` has them; they win over those above.
    pub config: BTreeMap<String, serde_json::Value>,
    /// Options of agents, on top.
    pub agent_config: BTreeMap<String, serde_json::Value>,
    /// The namespace of charts whose component names none.
    pub namespace: Option<String>,
}

/// A network in CIDR form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Addresses {
    /// The first address; the bits behind the prefix are zero.
    pub network: IpAddr,
    /// How many bits are fixed.
    pub prefix: u8,
}

/// `cluster.datastore`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Datastore {
    /// SQLite, for one server.
    #[default]
    Sqlite,
    /// The embedded etcd, for one server or more.
    Etcd,
}

/// `cluster.selinux`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selinux {
    /// As the node is: on where it enforces.
    #[default]
    Auto,
    /// On.
    On,
    /// Off.
    Off,
}

/// `cluster.ca`: a folder as k3s' own documentation lays it out for custom authorities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterAuthority {
    /// The folder with `server-ca.crt`, `server-ca.key`, `client-ca.crt` and so on.
    pub folder: PathBuf,
}

/// An entry of `charts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chart {
    /// The release, as the manifest names it.
    pub release: String,
    /// Whether it is installed at all; so where nothing is given.
    pub enabled: bool,
    /// Releases that are installed, and well, before it.
    pub after: Vec<String>,
    /// Values files on top of those of the bundle.
    pub values: Vec<PathBuf>,
    /// Another namespace than the manifest's.
    pub namespace: Option<String>,
    /// Where the cluster takes it from.
    pub source: ChartSource,
    /// What happens when it fails.
    pub failure_policy: FailurePolicy,
    /// How often a failed job is tried again.
    pub back_off_limit: Option<u32>,
    /// How long an installation may take, `10m`.
    pub timeout: Option<String>,
}

/// `charts[].source`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChartSource {
    /// From the servers' own disks: needs no mirror.
    #[default]
    Static,
    /// From the mirror.
    Registry,
}

/// `charts[].failurePolicy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailurePolicy {
    /// A failed release is left as it is, to be looked at.
    #[default]
    Abort,
    /// A failed release is uninstalled and installed again, with the loss of what it kept.
    Reinstall,
}

/// `firewall`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Firewall {
    /// Rules are added where firewalld or ufw runs.
    #[default]
    Auto,
    /// It is left alone.
    Leave,
}

/// `services`: what nodes do for the site besides the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Services {
    /// Time.
    pub ntp: Option<Ntp>,
    /// Names.
    pub dns: Option<Dns>,
    /// Certificates.
    pub ca: Option<InternalAuthority>,
}

/// `services.ntp`, by chrony.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ntp {
    /// The site's time servers; none where this node's own clock is the site's.
    pub servers: Vec<String>,
    /// Networks that may ask this node; none where it only asks.
    pub allow: Vec<Addresses>,
    /// The stratum of this node's own clock when no server answers.
    pub local_stratum: Option<u8>,
}

/// `services.dns`, by dnsmasq.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dns {
    /// Addresses that it listens on.
    pub listen: Vec<IpAddr>,
    /// The site's own domain.
    pub domain: Option<String>,
    /// Names and their addresses.
    pub records: BTreeMap<String, Vec<IpAddr>>,
    /// Other name servers; none on a site that is all by itself.
    pub upstream: Vec<IpAddr>,
}

/// `services.ca`: an authority of the site, kept by Airlock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InternalAuthority {
    /// The authority's certificate, distributed to every node.
    pub certificate: PathBuf,
    /// Its key, where leaves are issued on this machine.
    pub key_file: Option<PathBuf>,
    /// Certificates that are issued to this node.
    pub leaves: Vec<Leaf>,
}

/// `services.ca.leaves[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Leaf {
    /// Names and addresses that it is valid for; the first is its subject.
    pub names: Vec<String>,
    /// Where the certificate goes.
    pub certificate: PathBuf,
    /// Where its key goes.
    pub key: PathBuf,
    /// For how many days it is valid.
    pub days: u16,
}

/// Where k3s keeps its data unless it is told otherwise.
const DATA_DIR: &str = "/var/lib/rancher/k3s";

impl Default for Site {
    /// A site without a `site.yaml`.
    fn default() -> Self {
        Self {
            name: "site".parse().expect("this is a name"),
            mirror: None,
            cluster: Cluster::default(),
            charts: Vec::new(),
            hosts: BTreeMap::new(),
            packages: Vec::new(),
            firewall: Firewall::default(),
            services: Services::default(),
        }
    }
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            server: None,
            token_file: None,
            agent_token_file: None,
            tls_san: Vec::new(),
            cluster_cidr: Vec::new(),
            service_cidr: Vec::new(),
            cluster_dns: None,
            cluster_domain: None,
            flannel_backend: None,
            datastore: Datastore::default(),
            disable: Vec::new(),
            cis: false,
            secrets_encryption: false,
            embedded_registry: false,
            data_dir: PathBuf::from(DATA_DIR),
            selinux: Selinux::default(),
            ca: None,
            config: BTreeMap::new(),
            agent_config: BTreeMap::new(),
            namespace: None,
        }
    }
}

impl Chart {
    /// A release of which nothing is said but its name.
    pub fn new(release: impl Into<String>) -> Self {
        Self {
            release: release.into(),
            enabled: true,
            after: Vec::new(),
            values: Vec::new(),
            namespace: None,
            source: ChartSource::default(),
            failure_policy: FailurePolicy::default(),
            back_off_limit: None,
            timeout: None,
        }
    }
}
