//! Routes, name servers, networks that overlap, proxies.

use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use airlock_spec::site::Addresses;

use crate::check::Outcome;
use crate::netlink;
use crate::read::address::{contains, is_global_unicast, overlap, parse, single};
use crate::read::routes::{self, Route};
use crate::read::{pairs, resolv};
use crate::{Context, Host, fixes};

/// What k3s and its network plugins make themselves.
const OWN_LINKS: [&str; 8] = [
    "cni",
    "flannel",
    "kube-",
    "veth",
    "cali",
    "wg-flannel",
    "nerdctl",
    "lo",
];

/// Routes of both families.
fn all_routes(host: &Host) -> Vec<Route> {
    let mut all = routes::v4(&host.read("/proc/net/route").unwrap_or_default());
    all.extend(routes::v6(&host.read("/proc/net/ipv6_route").unwrap_or_default()));
    all
}

const ROUTE_REMEDY: &str = "on a site without a gateway, a route over a dummy interface is enough: `ip link add k3s0 type dummy && ip link set k3s0 up && ip addr add 203.0.113.254/31 dev k3s0 && ip route add default via 203.0.113.255 dev k3s0 metric 1000`, and the same in the network configuration, so that it survives a restart";

/// Kubernetes takes the node's address from the interface of the default route, and does not start without one.
pub(crate) fn default_route(context: &Context) -> Outcome {
    let host = &context.host;
    if !host.exists("/proc/net/route") && !host.exists("/proc/net/ipv6_route") {
        return Outcome::unknown("/proc/net/route cannot be read");
    }
    let defaults: Vec<Route> = all_routes(host).into_iter().filter(Route::is_default).collect();
    let named: Vec<&Route> = defaults.iter().filter(|route| route.has_interface()).collect();
    let Some(first) = named.first() else {
        let blackhole = defaults
            .iter()
            .any(|route| !route.has_interface() && route.to.network.is_ipv4());
        return if blackhole {
            Outcome::fail(
                "the default route names no interface (blackhole or unreachable), and Kubernetes wants one with an address",
                ROUTE_REMEDY,
            )
        } else {
            Outcome::fail(
                "there is no default route in /proc/net/route or /proc/net/ipv6_route",
                ROUTE_REMEDY,
            )
        };
    };
    let shown = format!("default route over {}", first.interface);
    if !host.is_live() {
        return Outcome::ok(shown);
    }
    let Ok(addresses) = netlink::addresses() else {
        return Outcome::ok(shown);
    };
    // An address of the loopback interface is taken where that of the route has none.
    let usable = addresses.iter().find(|address| {
        is_global_unicast(address.address)
            && (address.interface == "lo"
                || named.iter().any(|route| {
                    route.interface == address.interface
                        && route.to.network.is_ipv4() == address.address.is_ipv4()
                }))
    });
    match usable {
        Some(address) => Outcome::ok(format!("{shown}, address {}", address.address)),
        None => Outcome::fail(
            format!(
                "the interface of the default route has no address: {}",
                first.interface
            ),
            format!(
                "give it one: `ip addr add ADDRESS/PREFIX dev {}`",
                first.interface
            ),
        ),
    }
}

/// Where k3s looks for name servers, in this order; without a usable one it gives pods those of a public company.
const RESOLV: [&str; 2] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];

/// Pods inherit the node's name servers, if those can be reached from a pod.
pub(crate) fn resolv_conf(context: &Context) -> Outcome {
    let remedy = "write the site's name server into it (`nameserver 10.0.0.2`); where a site has none, the address of this node does, with dnsmasq (`services.dns` in site.yaml)";
    if context.option("resolv-conf").is_some() {
        return Outcome::skipped("the site names a resolv.conf of its own (`resolv-conf`)");
    }
    let mut first: Option<resolv::Resolvers> = None;
    for path in RESOLV {
        let Some(text) = context.host.read(path) else {
            continue;
        };
        let found = resolv::read(&text);
        if !found.usable.is_empty() && found.local.is_empty() {
            return Outcome::ok(format!("{path}: {}", list(&found.usable)));
        }
        first.get_or_insert(found);
    }
    let Some(found) = first else {
        return Outcome::fail("there is no /etc/resolv.conf", remedy);
    };
    if found.usable.is_empty() && found.local.is_empty() {
        return Outcome::fail("/etc/resolv.conf names no name server", remedy);
    }
    if found.usable.is_empty() {
        return Outcome::fail(
            format!(
                "/etc/resolv.conf names only servers that pods cannot reach: {}",
                list(&found.local)
            ),
            remedy,
        );
    }
    Outcome::warn(
        format!(
            "/etc/resolv.conf names {} besides {}, which pods cannot reach, so that k3s takes 8.8.8.8 instead of all of them",
            list(&found.local),
            list(&found.usable)
        ),
        "take the loopback address out, or name a file without it as `resolv-conf` in `cluster.config`",
    )
}

fn list(addresses: &[IpAddr]) -> String {
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

/// Networks of pods and services must be nobody else's.
pub(crate) fn overlaps(context: &Context) -> Outcome {
    let networks = context.cluster_networks();
    let mut found = Vec::new();
    for (at, (name, network)) in networks.iter().enumerate() {
        for (other_name, other) in networks.iter().skip(at + 1) {
            if overlap(network, other) {
                found.push(format!("{name} {network} and {other_name} {other}"));
            }
        }
        for (what, other) in taken(context) {
            if overlap(network, &other) {
                found.push(format!("{name} {network} and {what} {other}"));
            }
        }
    }
    found.dedup();
    let shown: Vec<String> = networks.iter().map(|(name, it)| format!("{name} {it}")).collect();
    if found.is_empty() {
        return Outcome::ok(format!("{} overlap with nothing here", shown.join(", ")));
    }
    Outcome::fail(
        format!("networks overlap: {}", found.join("; ")),
        "choose others in site.yaml (`cluster.clusterCidr`, `cluster.serviceCidr`); they cannot be changed once the cluster is there",
    )
}

/// Networks that this machine uses, with what they are.
fn taken(context: &Context) -> Vec<(String, Addresses)> {
    let host = &context.host;
    let is_foreign = |interface: &str| !OWN_LINKS.iter().any(|own| interface.starts_with(own));
    let mut taken: Vec<(String, Addresses)> = all_routes(host)
        .into_iter()
        .filter(|route| !route.is_default() && route.has_interface() && is_foreign(&route.interface))
        // Link-local and multicast networks are on every interface.
        .filter(|route| is_global_unicast(route.to.network))
        .map(|route| (format!("the route over {} to", route.interface), route.to))
        .collect();
    if host.is_live() {
        let addresses = netlink::addresses().unwrap_or_default();
        taken.extend(
            addresses
                .into_iter()
                .filter(|it| is_foreign(&it.interface) && is_global_unicast(it.address))
                .map(|it| (format!("the address of {},", it.interface), single(it.address))),
        );
    }
    for path in RESOLV {
        let servers = resolv::read(&host.read(path).unwrap_or_default());
        taken.extend(
            servers
                .usable
                .into_iter()
                .map(|address| ("the name server".to_owned(), single(address))),
        );
    }
    taken.sort();
    taken.dedup();
    taken
}

/// Files that the units of k3s take variables from, for systemd and OpenRC.
const ENVIRONMENT: [&str; 10] = [
    "/etc/default/k3s",
    "/etc/default/k3s-agent",
    "/etc/sysconfig/k3s",
    "/etc/sysconfig/k3s-agent",
    "/etc/systemd/system/k3s.service.env",
    "/etc/systemd/system/k3s-agent.service.env",
    "/etc/conf.d/k3s",
    "/etc/conf.d/k3s-agent",
    "/etc/rancher/k3s/k3s.env",
    "/etc/rancher/k3s/k3s-agent.env",
];

/// A proxy between the nodes themselves breaks a cluster in ways that nobody understands.
pub(crate) fn proxy(context: &Context) -> Outcome {
    let mut variables: Vec<(String, String, String)> = Vec::new();
    for path in ENVIRONMENT {
        let text = context.host.read(path).unwrap_or_default();
        let here = pairs::assignments(&text).into_iter();
        variables.extend(here.map(|(name, value)| (name, value, path.to_owned())));
    }
    let given = context.settings.environment.iter().cloned();
    variables.extend(given.map(|(name, value)| (name, value, "the environment".to_owned())));
    let named = |wanted: &[&str]| {
        variables
            .iter()
            .filter(|(name, value, _)| {
                let name = name.to_ascii_uppercase();
                let name = name.strip_prefix("CONTAINERD_").unwrap_or(&name);
                wanted.contains(&name) && !value.trim().is_empty()
            })
            .collect::<Vec<_>>()
    };
    let proxies = named(&["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]);
    let Some((name, _, place)) = proxies.first() else {
        return Outcome::ok("no proxy is set for k3s");
    };
    let direct: Vec<&str> = named(&["NO_PROXY"])
        .into_iter()
        .flat_map(|(_, value, _)| value.split([',', ' ']))
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .collect();
    let mut missing: Vec<String> = context
        .cluster_networks()
        .into_iter()
        .filter(|(_, network)| !covers(&direct, network))
        .map(|(_, network)| network.to_string())
        .collect();
    if context.host.is_live() {
        let own = netlink::addresses().unwrap_or_default();
        missing.extend(
            own.iter()
                .filter(|it| {
                    is_global_unicast(it.address)
                        && !OWN_LINKS.iter().any(|own| it.interface.starts_with(own))
                })
                .map(|it| single(it.address))
                .filter(|address| !covers(&direct, address))
                .map(|address| address.network.to_string()),
        );
    }
    let mut names: Vec<String> = Vec::new();
    if let Some(site) = context.site() {
        let urls = [
            site.mirror.as_ref().map(|mirror| &mirror.url),
            site.cluster.server.as_ref(),
        ];
        names.extend(
            urls.into_iter()
                .flatten()
                .filter_map(|url| url.host_str().map(str::to_owned)),
        );
    }
    missing.extend(names.into_iter().filter(|name| !covers_name(&direct, name)));
    missing.dedup();
    if missing.is_empty() {
        return Outcome::ok(format!(
            "{name} is set in {place}, and NO_PROXY holds what is inside"
        ));
    }
    Outcome::warn(
        format!(
            "{name} is set in {place}, and NO_PROXY lacks {}",
            missing.join(", ")
        ),
        format!(
            "add them to NO_PROXY in {}: `NO_PROXY=127.0.0.0/8,{},.svc,.cluster.local`",
            if place.starts_with('/') {
                place
            } else {
                ENVIRONMENT[0]
            },
            missing.join(",")
        ),
    )
}

/// How long the first server is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// A node that joins a cluster needs its first server.
pub(crate) fn server(context: &Context) -> Outcome {
    let Some(url) = context.site().and_then(|site| site.cluster.server.as_ref()) else {
        return Outcome::skipped("the site names no server to join (`cluster.server`)");
    };
    if !context.host.is_live() {
        return Outcome::skipped("the server is only asked from the machine itself");
    }
    let (Some(host), port) = (url.host_str(), url.port().unwrap_or(6443)) else {
        return Outcome::unknown("the server's address has no host");
    };
    let host = host.trim_matches(['[', ']']);
    let addresses: Vec<SocketAddr> = match (host, port).to_socket_addrs() {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            let evidence = format!("the name of the server is not known: {host} ({error})");
            return match fixes::line_of_site(context.site(), host) {
                Some(line) => Outcome::fail(
                    format!("{evidence}; `hosts` of site.yaml has it, and /etc/hosts does not yet"),
                    format!("`echo '{line}' >> /etc/hosts`; an installation writes it as well"),
                )
                .and(fixes::hosts("server", line)),
                None => Outcome::fail(
                    evidence,
                    "add it to `hosts` in site.yaml (or to /etc/hosts, or to the site's DNS)",
                ),
            };
        }
    };
    let own = netlink::addresses().unwrap_or_default();
    let mut last = "it has no address".to_owned();
    for address in addresses.iter().take(4) {
        if context.is_server() && own.iter().any(|it| it.address == address.ip()) {
            return Outcome::skipped(format!("{host} is this machine"));
        }
        match TcpStream::connect_timeout(address, PATIENCE) {
            Ok(_) => return Outcome::ok(format!("{host} answers at {address}")),
            Err(error) => last = format!("{address}: {error}"),
        }
    }
    Outcome::fail(
        format!("the server is not reached: {last}"),
        format!("start k3s on {host} first, and let TCP {port} through its firewall"),
    )
}

fn covers(direct: &[&str], network: &Addresses) -> bool {
    direct
        .iter()
        .any(|entry| *entry == "*" || parse(entry).is_some_and(|entry| contains(&entry, network)))
}

fn covers_name(direct: &[&str], name: &str) -> bool {
    if let Some(address) = parse(name) {
        return covers(direct, &address);
    }
    direct.iter().any(|entry| {
        let entry = entry.trim_start_matches("*.").trim_start_matches('.');
        *entry == *"*"
            || name.eq_ignore_ascii_case(entry)
            || name
                .to_ascii_lowercase()
                .ends_with(&format!(".{}", entry.to_ascii_lowercase()))
    })
}
