//! The fields of a `site.yaml`, one function for each of its mappings.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};

use airlock_types::Host;
use url::Url;

use super::model::{
    Chart, ChartSource, Cluster, ClusterAuthority, Datastore, FailurePolicy, Firewall, Mirror, MirrorAuth,
    Selinux, Site,
};
use super::{Services, networks, secrets, services};
use crate::k3s::Flag;
use crate::yaml::{Decoder, Fields, Node, Problems, SourceText, Value, below, is_label};
use crate::{BundleName, secret_in};

/// The fields of every mapping; a test holds them against the JSON Schema.
pub(super) mod known {
    pub(in crate::site) const SITE: &[&str] = &[
        "apiVersion",
        "kind",
        "metadata",
        "mirror",
        "cluster",
        "charts",
        "hosts",
        "packages",
        "firewall",
        "services",
    ];
    pub(in crate::site) const METADATA: &[&str] = &["name"];
    pub(in crate::site) const MIRROR: &[&str] = &["url", "ca", "auth", "hosts"];
    pub(in crate::site) const MIRROR_AUTH: &[&str] = &["username", "passwordFile"];
    pub(in crate::site) const CLUSTER: &[&str] = &[
        "server",
        "tokenFile",
        "agentTokenFile",
        "tlsSan",
        "clusterCidr",
        "serviceCidr",
        "clusterDns",
        "clusterDomain",
        "flannelBackend",
        "datastore",
        "disable",
        "cis",
        "secretsEncryption",
        "embeddedRegistry",
        "dataDir",
        "selinux",
        "ca",
        "config",
        "agentConfig",
        "namespace",
    ];
    pub(in crate::site) const AUTHORITY: &[&str] = &["folder"];
    pub(in crate::site) const CHART: &[&str] = &[
        "release",
        "enabled",
        "after",
        "values",
        "namespace",
        "source",
        "failurePolicy",
        "backOffLimit",
        "timeout",
    ];
    pub(in crate::site) const SERVICES: &[&str] = &["ntp", "dns", "ca"];
    pub(in crate::site) const NTP: &[&str] = &["servers", "allow", "localStratum"];
    pub(in crate::site) const DNS: &[&str] = &["listen", "domain", "records", "upstream"];
    pub(in crate::site) const INTERNAL_AUTHORITY: &[&str] = &["certificate", "keyFile", "leaves"];
    pub(in crate::site) const LEAF: &[&str] = &["names", "certificate", "key", "days"];
}

/// Components of k3s that can be left out (docs.k3s.io, "k3s server", `--disable`).
pub(super) const COMPONENTS: &[&str] = &[
    "traefik",
    "servicelb",
    "local-storage",
    "metrics-server",
    "coredns",
    "runtimes",
];
/// How pods of different nodes reach each other (docs.k3s.io, "k3s server", `--flannel-backend`).
pub(super) const BACKENDS: &[&str] = &["vxlan", "wireguard-native", "host-gw", "none"];

impl Site {
    /// Reads a `site.yaml`.
    ///
    /// `file` is its path, which problems name, and whose folder relative paths in it are relative to. Everything that is
    /// wrong is told at once.
    pub fn read(text: &str, file: &Path) -> Result<Self, Problems> {
        let source = SourceText {
            name: file.display().to_string(),
            text: text.to_owned(),
        };
        let mut root = Node::parse(&source).map_err(|mut problem| {
            secrets::hide(&mut problem);
            problem
        })?;
        let mut decoder = Decoder::new(&source);
        let secret = secrets::take(&mut decoder, &mut root);
        let base = file.parent().unwrap_or(Path::new(""));
        let site = site(&mut decoder, &root, base);
        let mut problems = decoder.problems;
        for problem in &mut problems {
            for span in secret.get(&problem.line).into_iter().flatten() {
                problem.mask_span(*span);
            }
        }
        problems.sort_by_key(|problem| (problem.line, problem.column));
        match site {
            Some(site) if problems.is_empty() => Ok(site),
            _ => Err(Problems(problems)),
        }
    }
}

fn site(decoder: &mut Decoder<'_>, root: &Node, base: &Path) -> Option<Site> {
    let fields = decoder.fields(root, "the site", known::SITE)?;
    if let Some(node) = decoder.required(&fields, "apiVersion", "airlock.dev/v1") {
        decoder.word(node, "apiVersion", &["airlock.dev/v1"]);
    }
    if let Some(node) = decoder.required(&fields, "kind", "Site") {
        decoder.word(node, "kind", &["Site"]);
    }
    let name = decoder
        .required(&fields, "metadata", "{name: edge-site}")
        .and_then(|node| metadata(decoder, node));
    let mirror = fields.get("mirror").and_then(|node| mirror(decoder, node, base));
    let cluster = fields
        .get("cluster")
        .and_then(|node| cluster(decoder, node, base));
    let charts = match fields.get("charts") {
        Some(node) => charts(decoder, node, base, fields.get("mirror").is_some()),
        None => Vec::new(),
    };
    let hosts = match fields.get("hosts") {
        Some(node) => hosts(decoder, node),
        None => BTreeMap::new(),
    };
    let packages = list_of(decoder, fields.get("packages"), package);
    let firewall = match fields.get("firewall") {
        Some(node) => match decoder.word(node, "choice of the firewall", &["auto", "leave"]) {
            Some("leave") => Firewall::Leave,
            _ => Firewall::Auto,
        },
        None => Firewall::default(),
    };
    let services = match fields.get("services") {
        Some(node) => services::services(decoder, node, base),
        None => Services::default(),
    };
    let site = Site {
        name: name?,
        mirror,
        cluster: cluster.unwrap_or_default(),
        charts,
        hosts,
        packages,
        firewall,
        services,
    };
    networks::check(decoder, root, &site);
    Some(site)
}

fn metadata(decoder: &mut Decoder<'_>, node: &Node) -> Option<BundleName> {
    let fields = decoder.fields(node, "metadata", known::METADATA)?;
    let node = decoder.required(&fields, "name", "edge-site")?;
    decoder.parse(node)
}

fn mirror(decoder: &mut Decoder<'_>, node: &Node, base: &Path) -> Option<Mirror> {
    let fields = decoder.fields(node, "the mirror", known::MIRROR)?;
    let url_node = decoder.required(&fields, "url", "https://registry.site:5000")?;
    let url = server_url(decoder, url_node, &["https", "http"]);
    let auth = fields.get("auth").and_then(|node| auth(decoder, node, base));
    let ca = file(decoder, fields.get("ca"), base);
    let hosts = match fields.get("hosts") {
        Some(node) => list(decoder, node, host),
        None => Vec::new(),
    };
    let url = url?;
    if url.scheme() == "http" {
        for field in ["auth", "ca"] {
            if fields.get(field).is_some() {
                let message = format!("`{field}` needs a mirror with https");
                decoder.problem(fields.key_span(field), message);
            }
        }
    }
    Some(Mirror { url, ca, auth, hosts })
}

fn auth(decoder: &mut Decoder<'_>, node: &Node, base: &Path) -> Option<MirrorAuth> {
    let fields = decoder.fields(node, "the credentials of the mirror", known::MIRROR_AUTH)?;
    let username = decoder
        .required(&fields, "username", "node")
        .and_then(|node| decoder.text(node));
    let password = decoder.required(&fields, "passwordFile", "secrets/mirror-password");
    let password_file = file(decoder, password, base);
    Some(MirrorAuth {
        username: username?.to_owned(),
        password_file: password_file?,
    })
}

fn cluster(decoder: &mut Decoder<'_>, node: &Node, base: &Path) -> Option<Cluster> {
    let fields = decoder.fields(node, "the cluster", known::CLUSTER)?;
    let default = Cluster::default();
    let get = |name: &str| fields.get(name);
    let flag = |decoder: &mut Decoder<'_>, name: &str| get(name).is_some_and(|node| flag(decoder, node));
    let word = |decoder: &mut Decoder<'_>, name: &str, what: &str, known: &[&'static str]| {
        get(name).and_then(|node| decoder.word(node, what, known))
    };
    Some(Cluster {
        server: get("server").and_then(|node| server_url(decoder, node, &["https"])),
        token_file: file(decoder, get("tokenFile"), base),
        agent_token_file: file(decoder, get("agentTokenFile"), base),
        tls_san: list_of(decoder, get("tlsSan"), host_name),
        cluster_cidr: networks::cidrs(decoder, get("clusterCidr")),
        service_cidr: networks::cidrs(decoder, get("serviceCidr")),
        cluster_dns: get("clusterDns").and_then(|node| address(decoder, node)),
        cluster_domain: get("clusterDomain").and_then(|node| domain(decoder, node)),
        flannel_backend: word(decoder, "flannelBackend", "backend of flannel", BACKENDS).map(str::to_owned),
        datastore: match word(decoder, "datastore", "data store", &["sqlite", "etcd"]) {
            Some("etcd") => Datastore::Etcd,
            _ => Datastore::Sqlite,
        },
        disable: list_of(decoder, get("disable"), |decoder, node| {
            decoder
                .word(node, "component of k3s", COMPONENTS)
                .map(str::to_owned)
        }),
        cis: flag(decoder, "cis"),
        secrets_encryption: flag(decoder, "secretsEncryption"),
        embedded_registry: flag(decoder, "embeddedRegistry"),
        data_dir: get("dataDir")
            .and_then(|node| path_on_node(decoder, node))
            .unwrap_or(default.data_dir),
        selinux: match word(decoder, "selinux", "choice of SELinux", &["auto", "on", "off"]) {
            Some("on") => Selinux::On,
            Some("off") => Selinux::Off,
            _ => Selinux::Auto,
        },
        ca: get("ca").and_then(|node| {
            let fields = decoder.fields(node, "the cluster's authorities", known::AUTHORITY)?;
            let folder = decoder.required(&fields, "folder", "cluster-ca");
            Some(ClusterAuthority {
                folder: file(decoder, folder, base)?,
            })
        }),
        config: options(decoder, &fields, "config"),
        agent_config: options(decoder, &fields, "agentConfig"),
        namespace: get("namespace").and_then(|node| label(decoder, node, "a namespace")),
    })
}

/// Options of k3s as its `config.yaml` has them.
fn options(
    decoder: &mut Decoder<'_>,
    fields: &Fields<'_>,
    name: &str,
) -> BTreeMap<String, serde_json::Value> {
    let mut out = BTreeMap::new();
    let Some(node) = fields.get(name) else { return out };
    let Value::Map(entries) = &node.value else {
        decoder.problem(
            node.span,
            format!("expected a mapping of k3s' own options ({name})"),
        );
        return out;
    };
    for (key, value) in entries {
        let option = key.name.strip_suffix('+').unwrap_or(&key.name);
        let well_formed = option.split('-').all(|word| {
            !word.is_empty() && word.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        });
        // What has a field of its own is needed by more than k3s.
        let field = match option {
            "data-dir" => Some("cluster.dataDir"),
            "token-file" => Some("cluster.tokenFile"),
            "agent-token-file" => Some("cluster.agentTokenFile"),
            "server" => Some("cluster.server"),
            "config" | "private-registry" => Some("cluster and mirror"),
            _ => None,
        };
        if !well_formed {
            let message = format!(
                "options of k3s are written as in its config.yaml, tls-san: {:?}",
                key.name
            );
            decoder.problem(key.span, message);
        } else if let Some(field) = field {
            decoder
                .problem(key.span, format!("`{option}` is not set here"))
                .help = Some(format!("use {field}"));
        } else if Flag::named(option).is_none()
            && let Some(meant) = misspelled(option)
        {
            decoder
                .problem(key.span, format!("unknown option of k3s `{option}`"))
                .label = Some(format!("did you mean `{meant}`?"));
        } else if name == "agentConfig" && Flag::named(option).is_some_and(|flag| !flag.agent) {
            let message = format!("`{option}` is an option of servers, and agents pass over it");
            decoder.problem(key.span, message).help = Some("put it into cluster.config".to_owned());
        } else if name == "config" && Flag::named(option).is_some_and(|flag| !flag.server) {
            let message = format!("`{option}` is an option of agents, and servers pass over it");
            decoder.problem(key.span, message).help = Some("put it into cluster.agentConfig".to_owned());
        } else if value_is_flat(value) {
            out.insert(key.name.clone(), value.to_json());
        } else {
            let message = format!("an option of k3s is a value or a list of values: `{option}`");
            decoder.problem(value.start(), message);
        }
    }
    out
}

fn value_is_flat(node: &Node) -> bool {
    match &node.value {
        Value::Null | Value::Map(_) => false,
        Value::Text(_) => true,
        Value::List(items) => items.iter().all(|item| matches!(item.value, Value::Text(_))),
    }
}

/// An option of which this is one letter off; anything else may be one of a newer k3s.
fn misspelled(option: &str) -> Option<&'static str> {
    let flags = crate::k3s::FLAGS.iter().map(|flag| flag.name);
    flags
        .filter(|name| name.len() > 3)
        .find(|name| strsim::damerau_levenshtein(option, name) == 1)
}

fn charts(decoder: &mut Decoder<'_>, node: &Node, base: &Path, mirror: bool) -> Vec<Chart> {
    let mut out: Vec<Chart> = Vec::new();
    let mut names = BTreeSet::new();
    let mut places = Vec::new();
    for node in decoder.list(node) {
        let Some(chart) = chart(decoder, node, base, mirror) else {
            continue;
        };
        if !names.insert(chart.release.clone()) {
            let message = format!("two charts are called `{}`", chart.release);
            decoder.problem(node.start(), message);
            continue;
        }
        places.push(node.start());
        out.push(chart);
    }
    if let Some(circle) = circle(&out) {
        let path: Vec<&str> = circle
            .iter()
            .chain(circle.first())
            .filter_map(|at| out.get(*at).map(|chart| chart.release.as_str()))
            .collect();
        let span = circle
            .first()
            .and_then(|at| places.get(*at))
            .copied()
            .unwrap_or_default();
        decoder.problem(span, "the charts wait for each other").help = Some(path.join(" after "));
    }
    out
}

/// Charts of which each waits for the next, and the last for the first.
fn circle(charts: &[Chart]) -> Option<Vec<usize>> {
    let position: BTreeMap<&str, usize> = charts
        .iter()
        .enumerate()
        .map(|(at, chart)| (chart.release.as_str(), at))
        .collect();
    let next = |at: usize| -> Vec<usize> {
        let after = charts
            .get(at)
            .map(|chart| chart.after.as_slice())
            .unwrap_or_default();
        after
            .iter()
            .filter_map(|name| position.get(name.as_str()).copied())
            .collect()
    };
    let mut done = BTreeSet::new();
    for start in 0..charts.len() {
        if done.contains(&start) {
            continue;
        }
        // A path, and what is still to be looked at from each chart on it.
        let mut path = vec![(start, next(start))];
        let mut on_path = BTreeSet::from([start]);
        while let Some((at, rest)) = path.last_mut() {
            let at = *at;
            let Some(following) = rest.pop() else {
                done.insert(at);
                on_path.remove(&at);
                path.pop();
                continue;
            };
            if on_path.contains(&following) {
                let circle = path.iter().map(|(at, _)| *at);
                return Some(circle.skip_while(|at| *at != following).collect());
            }
            if !done.contains(&following) {
                on_path.insert(following);
                path.push((following, next(following)));
            }
        }
    }
    None
}

fn chart(decoder: &mut Decoder<'_>, node: &Node, base: &Path, mirror: bool) -> Option<Chart> {
    let fields = decoder.fields(node, "the chart", known::CHART)?;
    let release_node = decoder.required(&fields, "release", "monitoring")?;
    let release = decoder.release(release_node);
    let after = list_of(decoder, fields.get("after"), self::release);
    let values = list_of(decoder, fields.get("values"), |decoder, node| {
        decoder.text(node).map(|text| below(base, Path::new(text)))
    });
    let source = match fields.get("source") {
        Some(node) => match decoder.word(node, "source of charts", &["static", "registry"]) {
            Some("registry") => {
                if !mirror {
                    decoder
                        .problem(node.span, "a chart from the registry needs a mirror")
                        .help = Some("give `mirror: {url: …}`, or leave out `source`".to_owned());
                }
                ChartSource::Registry
            }
            _ => ChartSource::Static,
        },
        None => ChartSource::default(),
    };
    let failure_policy = match fields.get("failurePolicy") {
        Some(node) => match decoder.word(node, "failure policy", &["abort", "reinstall"]) {
            Some("reinstall") => FailurePolicy::Reinstall,
            _ => FailurePolicy::Abort,
        },
        None => FailurePolicy::default(),
    };
    let back_off_limit = fields
        .get("backOffLimit")
        .and_then(|node| number(decoder, node, "a back-off limit", 0..=1000));
    let timeout = fields.get("timeout").and_then(|node| duration(decoder, node));
    let namespace = fields
        .get("namespace")
        .and_then(|node| label(decoder, node, "a namespace"));
    Some(Chart {
        release: release?,
        enabled: fields.get("enabled").is_none_or(|node| flag(decoder, node)),
        after,
        values,
        namespace,
        source,
        failure_policy,
        back_off_limit,
        timeout,
    })
}

fn hosts(decoder: &mut Decoder<'_>, node: &Node) -> BTreeMap<IpAddr, Vec<String>> {
    let mut out: BTreeMap<IpAddr, Vec<String>> = BTreeMap::new();
    let Value::Map(entries) = &node.value else {
        decoder
            .problem(node.span, "expected a mapping of addresses (hosts)")
            .help = Some("for example {10.0.0.5: [registry.site]}".to_owned());
        return out;
    };
    for (key, value) in entries {
        let Ok(address) = key.name.parse::<IpAddr>() else {
            decoder.problem(key.span, format!("this is not an address: {:?}", key.name));
            continue;
        };
        let names = list(decoder, value, domain);
        if out.insert(address, names).is_some() {
            decoder.problem(key.span, format!("the address stands twice: {address}"));
        }
    }
    out
}

fn host(decoder: &mut Decoder<'_>, node: &Node) -> Option<Host> {
    decoder.parse(node)
}

fn release(decoder: &mut Decoder<'_>, node: &Node) -> Option<String> {
    decoder.release(node)
}

/// The name of a package; what apt and dnf take for an option is none (Debian Policy, section 5.6.1).
fn package(decoder: &mut Decoder<'_>, node: &Node) -> Option<String> {
    let text = decoder.text(node)?;
    let inner = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
    if text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(inner) {
        return Some(text.to_owned());
    }
    decoder.problem(node.span, format!("this is not the name of a package: {text:?}"));
    None
}

/// The entries of a list, or what stands for a list of one.
pub(super) fn list<T>(
    decoder: &mut Decoder<'_>,
    node: &Node,
    mut read: impl FnMut(&mut Decoder<'_>, &Node) -> Option<T>,
) -> Vec<T> {
    let items = match &node.value {
        Value::Text(_) => std::slice::from_ref(node),
        _ => decoder.list(node),
    };
    items.iter().filter_map(|item| read(decoder, item)).collect()
}

/// The entries of a list that may be missing, each of them once.
pub(super) fn list_of<T: Ord + Clone>(
    decoder: &mut Decoder<'_>,
    node: Option<&Node>,
    mut read: impl FnMut(&mut Decoder<'_>, &Node) -> Option<T>,
) -> Vec<T> {
    let mut out: Vec<T> = Vec::new();
    let mut seen = BTreeSet::new();
    for item in node.map(|node| decoder.list(node)).unwrap_or_default() {
        if let Some(value) = read(decoder, item)
            && seen.insert(value.clone())
        {
            out.push(value);
        }
    }
    out
}

/// A file of the machine that reads this.
pub(super) fn file(decoder: &mut Decoder<'_>, node: Option<&Node>, base: &Path) -> Option<PathBuf> {
    decoder.text(node?).map(|text| below(base, Path::new(text)))
}

/// A path on the node, which is not relative to anything.
pub(super) fn path_on_node(decoder: &mut Decoder<'_>, node: &Node) -> Option<PathBuf> {
    let text = decoder.text(node)?;
    let path = Path::new(text);
    let mut parts = path.components();
    let plain = parts.next() == Some(Component::RootDir)
        && parts.clone().next().is_some()
        && parts.all(|part| matches!(part, Component::Normal(_)))
        && !text.chars().any(|c| c.is_control() || c == ':');
    if plain {
        // Without the doubled separators that the text may have.
        return Some(path.components().collect());
    }
    decoder
        .problem(
            node.span,
            format!("a path on the node is absolute and plain: {text:?}"),
        )
        .help = Some("for example /srv/k3s".to_owned());
    None
}

pub(super) fn flag(decoder: &mut Decoder<'_>, node: &Node) -> bool {
    decoder.word(node, "value", &["true", "false"]) == Some("true")
}

pub(super) fn address(decoder: &mut Decoder<'_>, node: &Node) -> Option<IpAddr> {
    let text = decoder.text(node)?;
    let found = text.parse().ok();
    if found.is_none() {
        decoder.problem(node.span, format!("this is not an address: {text:?}"));
    }
    found
}

/// A name in DNS (RFC 1123, section 2.1).
pub(super) fn domain(decoder: &mut Decoder<'_>, node: &Node) -> Option<String> {
    let text = decoder.text(node)?;
    if text.len() <= 253 && text.split('.').all(is_label) {
        return Some(text.to_owned());
    }
    let message = format!("a name is lower-case letters, digits and '-' between dots: {text:?}");
    decoder.problem(node.span, message);
    None
}

/// A name in DNS, or an address.
pub(super) fn host_name(decoder: &mut Decoder<'_>, node: &Node) -> Option<String> {
    let text = decoder.text(node)?;
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_string());
    }
    // A name whose last label is a number is an address that went wrong (RFC 1123, section 2.1).
    if text
        .rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().all(|c| c.is_ascii_digit()))
    {
        decoder.problem(
            node.span,
            format!("this is neither a name nor an address: {text:?}"),
        );
        return None;
    }
    domain(decoder, node)
}

fn label(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<String> {
    let text = decoder.text(node)?;
    if is_label(text) {
        return Some(text.to_owned());
    }
    let message = format!("{what} is called with at most 63 lower-case letters, digits and '-': {text:?}");
    decoder.problem(node.span, message);
    None
}

pub(super) fn number<T>(
    decoder: &mut Decoder<'_>,
    node: &Node,
    what: &str,
    range: std::ops::RangeInclusive<T>,
) -> Option<T>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let text = decoder.text(node)?;
    let found = text.parse().ok().filter(|number| range.contains(number));
    if found.is_none() {
        let message = format!(
            "{what} is a number from {} to {}: {text:?}",
            range.start(),
            range.end()
        );
        decoder.problem(node.span, message);
    }
    found
}

/// A length of time as Go writes it (time.ParseDuration), without fractions.
fn duration(decoder: &mut Decoder<'_>, node: &Node) -> Option<String> {
    let text = decoder.text(node)?;
    let mut rest = text;
    let mut good = !text.is_empty() && text.len() <= 32;
    while good && !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let unit = rest.get(digits..).unwrap_or_default();
        good = digits > 0 && unit.starts_with(['h', 'm', 's']);
        rest = unit.get(1..).unwrap_or_default();
    }
    if good {
        return Some(text.to_owned());
    }
    let message = format!("a length of time is written as 10m, 1h30m or 90s: {text:?}");
    decoder.problem(node.span, message);
    None
}

/// The address of a server: scheme, host and port, and nothing else.
fn server_url(decoder: &mut Decoder<'_>, node: &Node, schemes: &[&str]) -> Option<Url> {
    let text = decoder.text(node)?;
    let example = if schemes.len() == 1 {
        "https://10.0.0.10:6443"
    } else {
        "https://registry.site:5000"
    };
    let message = match Url::parse(text) {
        // What stands before an @ or after a ? may open a door, so such a text is never shown.
        Ok(url) if secret_in(&url).is_some() => "an address here has no credentials in it".to_owned(),
        _ if text.contains(['@', '?']) => "this is not the address of a server".to_owned(),
        Ok(url) if !schemes.contains(&url.scheme()) => {
            format!("the address starts with {}://: {text:?}", schemes.join(":// or "))
        }
        Ok(url) if url.host().is_none() => format!("the address has no host: {text:?}"),
        Ok(url) if url.path() != "/" || url.fragment().is_some() => {
            format!("the address has more than scheme, host and port: {text:?}")
        }
        Ok(url) => return Some(url),
        Err(error) => format!("this is not the address of a server ({error}): {text:?}"),
    };
    let hidden = text.contains(['@', '?']);
    let problem = decoder.problem(node.span, message);
    problem.help = Some(format!("for example {example}"));
    if hidden {
        problem.mask_span(node.span);
    }
    None
}
