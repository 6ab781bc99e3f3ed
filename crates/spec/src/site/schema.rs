//! The JSON Schema of `site.yaml`, for editors.
//!
//! The types here only describe what [`super::read`] accepts; tests hold the two against each other.
#![expect(
    dead_code,
    clippy::struct_field_names,
    reason = "the fields are read by the schema's derive only, and are called as k3s calls them"
)]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;

/// The JSON Schema (draft 2020-12) of `site.yaml`.
pub fn schema() -> serde_json::Value {
    let mut schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<Site>();
    schema.insert("title".to_owned(), "Airlock site".into());
    schema.to_value()
}

/// What is true of one site, and of no other.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct Site {
    /// The format of this file.
    api_version: ApiVersion,
    /// What this file is.
    kind: SiteKind,
    /// Which site this is.
    metadata: Metadata,
    /// Where nodes fetch images, charts and packages; none for nodes that have everything from their bundle.
    mirror: Option<Mirror>,
    /// The cluster.
    cluster: Option<Cluster>,
    /// How charts of the bundle are installed; those that are not named are installed with the defaults.
    charts: Option<Vec<Chart>>,
    /// Lines of /etc/hosts: the names of an address.
    hosts: Option<BTreeMap<String, OneOrMore<HostName>>>,
    /// Packages of the bundle that every node gets.
    packages: Option<Vec<Package>>,
    /// Whether rules are added to the node's firewall.
    firewall: Option<Firewall>,
    /// What nodes do for the site besides the cluster.
    services: Option<Services>,
}

#[derive(JsonSchema)]
enum ApiVersion {
    #[schemars(rename = "airlock.dev/v1")]
    V1,
}

#[derive(JsonSchema)]
enum SiteKind {
    Site,
}

/// Which site this is.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Metadata {
    /// The name of the site.
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$"))]
    name: String,
}

/// A name in DNS, in lower case.
#[derive(JsonSchema)]
struct HostName(
    #[schemars(
        regex(pattern = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$"),
        length(max = 253),
        example = &"registry.site"
    )]
    String,
);

/// A label of a name in DNS, in lower case.
#[derive(JsonSchema)]
struct Label(#[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"))] String);

/// The name of a release of Helm.
#[derive(JsonSchema)]
struct ReleaseName(
    #[schemars(
        regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$"),
        length(max = 53)
    )]
    String,
);

/// An address of IPv4 or IPv6.
#[derive(JsonSchema)]
struct Address(#[schemars(regex(pattern = r"^[0-9a-fA-F:.]+$"), example = &"10.0.0.5")] String);

/// A network, ADDRESS/BITS.
#[derive(JsonSchema)]
struct Network(
    #[schemars(regex(pattern = r"^[0-9a-fA-F:.]+/[0-9]{1,3}$"), example = &"10.42.0.0/16")] String,
);

/// A path on the node.
#[derive(JsonSchema)]
struct NodePath(#[schemars(regex(pattern = r"^/.*[^/]"), example = &"/srv/k3s")] String);

/// The name of a package.
#[derive(JsonSchema)]
struct Package(#[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9+._-]*$"), example = &"chrony")] String);

/// One, or a list.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum OneOrMore<T> {
    /// One.
    One(T),
    /// A list.
    More(Vec<T>),
}

/// The mirror: airlock serve, or a registry of the site.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Mirror {
    /// Scheme, host and port.
    #[schemars(
        regex(pattern = r"^https?://[^/@]+/?$"),
        example = &"https://registry.site:5000"
    )]
    url: String,
    /// The PEM file of its authority.
    ca: Option<String>,
    /// What it wants to see.
    auth: Option<MirrorAuth>,
    /// Registries that nodes ask for besides those of the bundle.
    hosts: Option<OneOrMore<String>>,
}

/// What a mirror wants to see.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct MirrorAuth {
    /// The user.
    username: String,
    /// The file with the password.
    password_file: String,
}

/// The cluster.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct Cluster {
    /// The address that nodes join and agents use.
    #[schemars(regex(pattern = r"^https://[^/@]+/?$"), example = &"https://10.0.0.10:6443")]
    server: Option<String>,
    /// The file with the token of servers.
    token_file: Option<String>,
    /// The file with the token of agents.
    agent_token_file: Option<String>,
    /// Names and addresses in the API server's certificate.
    tls_san: Option<Vec<String>>,
    /// Addresses of pods; of both families for a dual stack. 10.42.0.0/16 where nothing is given.
    cluster_cidr: Option<Networks>,
    /// Addresses of services; 10.43.0.0/16 where nothing is given.
    service_cidr: Option<Networks>,
    /// The address of the cluster's DNS, one of those of services.
    cluster_dns: Option<Address>,
    /// The domain of services; cluster.local where nothing is given.
    cluster_domain: Option<HostName>,
    /// How pods of different nodes reach each other.
    flannel_backend: Option<FlannelBackend>,
    /// Where the state is kept.
    datastore: Option<Datastore>,
    /// Components of k3s that are not wanted.
    disable: Option<Vec<Component>>,
    /// Hardening after the CIS benchmark.
    cis: Option<Flag>,
    /// Whether secrets are encrypted in the data store.
    secrets_encryption: Option<Flag>,
    /// Whether nodes pass images on to each other.
    embedded_registry: Option<Flag>,
    /// Where k3s keeps its data on the node.
    data_dir: Option<NodePath>,
    /// Whether containers are separated by SELinux.
    selinux: Option<Selinux>,
    /// Authorities of the site's own, instead of those that k3s makes.
    ca: Option<ClusterAuthority>,
    /// Further options of k3s, as its config.yaml has them; they win over those above.
    config: Option<Options>,
    /// Options of agents, on top.
    agent_config: Option<Options>,
    /// The namespace of charts whose component names none.
    namespace: Option<Label>,
}

/// true or false.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Flag {
    Boolean(bool),
    Text(FlagText),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum FlagText {
    True,
    False,
}

/// One network, several between commas, or a list.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Networks {
    /// One, or several between commas.
    Text(String),
    /// A list.
    List(#[schemars(length(min = 1))] Vec<Network>),
}

/// Options of k3s.
#[derive(JsonSchema)]
struct Options(BTreeMap<String, OneOrMore<Scalar>>);

/// A text, a number or a boolean.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Scalar {
    Text(String),
    Number(f64),
    Boolean(bool),
}

/// How pods of different nodes reach each other.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum FlannelBackend {
    /// In packets of UDP; so where nothing is given.
    Vxlan,
    /// Encrypted.
    WireguardNative,
    /// By routes, in one network.
    HostGw,
    /// By what is installed instead.
    None,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Datastore {
    /// For one server; so where nothing is given.
    Sqlite,
    /// For one server or more.
    Etcd,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Component {
    Traefik,
    Servicelb,
    LocalStorage,
    MetricsServer,
    Coredns,
    Runtimes,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Selinux {
    /// On where the node enforces it; so where nothing is given.
    Auto,
    /// On.
    On,
    /// Off.
    Off,
}

/// Authorities of the site's own.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct ClusterAuthority {
    /// The folder with server-ca.crt, server-ca.key, client-ca.crt and so on.
    folder: String,
}

/// How a chart of the bundle is installed.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct Chart {
    /// The release, as the manifest names it.
    release: ReleaseName,
    /// Whether it is installed at all; so where nothing is given.
    enabled: Option<Flag>,
    /// Releases that are installed, and well, before it.
    after: Option<Vec<ReleaseName>>,
    /// Values files on top of those of the bundle.
    values: Option<Vec<String>>,
    /// Another namespace than the manifest's.
    namespace: Option<Label>,
    /// Where the cluster takes it from.
    source: Option<ChartSource>,
    /// What happens when it fails.
    failure_policy: Option<FailurePolicy>,
    /// How often a failed job is tried again.
    #[schemars(range(max = 1000))]
    back_off_limit: Option<u32>,
    /// How long an installation may take.
    #[schemars(regex(pattern = r"^([0-9]+[hms])+$"), example = &"10m")]
    timeout: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum ChartSource {
    /// From the servers' own disks, without a mirror; so where nothing is given.
    Static,
    /// From the mirror.
    Registry,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum FailurePolicy {
    /// It is left as it is, to be looked at; so where nothing is given.
    Abort,
    /// It is uninstalled and installed again, with the loss of what it kept.
    Reinstall,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Firewall {
    /// Rules are added where firewalld or ufw runs; so where nothing is given.
    Auto,
    /// It is left alone.
    Leave,
}

/// What nodes do for the site besides the cluster.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Services {
    /// Time, by chrony.
    ntp: Option<Ntp>,
    /// Names, by dnsmasq.
    dns: Option<Dns>,
    /// Certificates.
    ca: Option<InternalAuthority>,
}

/// Time, by chrony.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct Ntp {
    /// The site's time servers; none where this node's own clock is the site's.
    servers: Option<Vec<String>>,
    /// Networks that may ask this node.
    allow: Option<Vec<Network>>,
    /// The stratum of this node's own clock when no server answers.
    #[schemars(range(min = 1, max = 15))]
    local_stratum: Option<u8>,
}

/// Names, by dnsmasq.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Dns {
    /// Addresses that it listens on.
    listen: Vec<Address>,
    /// The site's own domain.
    domain: Option<HostName>,
    /// Names and their addresses.
    records: Option<BTreeMap<String, OneOrMore<Address>>>,
    /// Other name servers; none on a site that is all by itself.
    upstream: Option<Vec<Address>>,
}

/// Certificates of an authority of the site.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct InternalAuthority {
    /// The authority's certificate, distributed to every node.
    certificate: String,
    /// The file with its key, where certificates are issued on this machine.
    key_file: Option<String>,
    /// Certificates that are issued to this node.
    leaves: Option<Vec<Leaf>>,
}

/// A certificate that is issued to a node.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Leaf {
    /// Names and addresses that it is valid for; the first is its subject.
    #[schemars(length(min = 1))]
    names: Vec<String>,
    /// Where the certificate goes.
    certificate: NodePath,
    /// Where its key goes.
    key: NodePath,
    /// For how many days it is valid; 365 where nothing is given.
    #[schemars(range(min = 1, max = 3650))]
    days: Option<u16>,
}
