//! Networks of the cluster: each by itself, and all against each other.

use std::net::IpAddr;

use url::Host;

use super::model::Site;
use super::read::{list, list_of};
use super::{Addresses, DEFAULT_CLUSTER_CIDR, DEFAULT_SERVICE_CIDR};
use crate::yaml::{Decoder, Node, Span, Value};

pub(super) fn network(decoder: &mut Decoder<'_>, node: &Node) -> Option<Addresses> {
    decoder.parse(node)
}

/// `clusterCidr` and `serviceCidr`: a list, one network, or several between commas as k3s itself writes them.
pub(super) fn cidrs(decoder: &mut Decoder<'_>, node: Option<&Node>) -> Vec<Addresses> {
    let Some(node) = node else { return Vec::new() };
    if let Value::Text(text) = &node.value {
        let parts: Vec<Node> = text
            .split(',')
            .map(|part| Node {
                value: Value::Text(part.trim().to_owned()),
                ..node.clone()
            })
            .collect();
        return parts
            .iter()
            .flat_map(|part| list(decoder, part, network))
            .collect();
    }
    let found = list_of(decoder, Some(node), network);
    if let Value::List(items) = &node.value
        && items.is_empty()
    {
        decoder.problem(node.span, "the list of networks is empty");
    }
    found
}

/// Whether the networks go together. Called when everything was read; what could not be read is not looked at again.
pub(super) fn check(decoder: &mut Decoder<'_>, root: &Node, site: &Site) {
    let at = |path: &[&str]| span_of(root, path);
    let cluster = &site.cluster;
    let pods_at = at(&["cluster", "clusterCidr"]);
    let services_at = at(&["cluster", "serviceCidr"]);
    for (networks, span, name) in [
        (&cluster.cluster_cidr, pods_at, "clusterCidr"),
        (&cluster.service_cidr, services_at, "serviceCidr"),
    ] {
        let of = |ipv4: bool| {
            networks
                .iter()
                .filter(|network| network.is_ipv4() == ipv4)
                .count()
        };
        if of(true) > 1 || of(false) > 1 {
            decoder
                .problem(span, format!("`{name}` has two networks of one family"))
                .help = Some("one of IPv4, one of IPv6, or one of each".to_owned());
        }
    }
    let given = |networks: &[Addresses], default: Addresses| match networks {
        [] => vec![default],
        _ => networks.to_vec(),
    };
    let pods = given(&cluster.cluster_cidr, DEFAULT_CLUSTER_CIDR);
    let services = given(&cluster.service_cidr, DEFAULT_SERVICE_CIDR);
    // What was given and could not be read is not the default.
    let unread = |networks: &[Addresses], span: Span| networks.is_empty() && span != Span::default();
    if unread(&cluster.cluster_cidr, pods_at) || unread(&cluster.service_cidr, services_at) {
        return;
    }
    let span = if services_at == Span::default() {
        pods_at
    } else {
        services_at
    };
    for pod in &pods {
        for service in services.iter().filter(|service| service.overlaps(pod)) {
            decoder
                .problem(
                    span,
                    format!("pods and services share addresses: {pod} and {service}"),
                )
                .help = Some(format!(
                "where nothing is given, pods have {DEFAULT_CLUSTER_CIDR} and services {DEFAULT_SERVICE_CIDR}"
            ));
        }
    }
    if let Some(alone) = services
        .iter()
        .find(|service| !pods.iter().any(|pod| pod.is_ipv4() == service.is_ipv4()))
    {
        decoder
            .problem(
                span,
                format!("services have addresses of a family that pods have none of: {alone}"),
            )
            .help = Some("give `clusterCidr` and `serviceCidr` of the same families".to_owned());
    }
    if let Some(dns) = cluster.cluster_dns
        && !services
            .iter()
            .any(|service| service.contains(dns) && service.network != dns)
    {
        let networks: Vec<String> = services.iter().map(ToString::to_string).collect();
        decoder
            .problem(
                at(&["cluster", "clusterDns"]),
                format!("the cluster's DNS has no address of a service: {dns}"),
            )
            .help = Some(format!("services have {}", networks.join(" and ")));
    }
    addresses_outside(decoder, root, site, &[pods, services].concat());
}

/// Whether the addresses of machines are none of the cluster's own.
fn addresses_outside(decoder: &mut Decoder<'_>, root: &Node, site: &Site, networks: &[Addresses]) {
    let at = |path: &[&str]| span_of(root, path);
    let address_of = |url: Option<&url::Url>| match url.and_then(url::Url::host) {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        _ => None,
    };
    let outside = [
        (
            address_of(site.cluster.server.as_ref()),
            at(&["cluster", "server"]),
        ),
        (
            address_of(site.mirror.as_ref().map(|mirror| &mirror.url)),
            at(&["mirror", "url"]),
        ),
    ];
    let hosts = site.hosts.keys().map(|address| (Some(*address), at(&["hosts"])));
    let mut taken = Vec::new();
    for (address, span) in outside.into_iter().chain(hosts) {
        if let Some(address) = address
            && let Some(network) = networks.iter().find(|network| network.contains(address))
        {
            taken.push((
                span,
                format!("the address belongs to the cluster's own network {network}: {address}"),
            ));
        }
    }
    for (span, message) in taken {
        decoder.problem(span, message);
    }
}

/// Where a value stands; nowhere if it was not given.
fn span_of(root: &Node, path: &[&str]) -> Span {
    let mut node = root;
    for name in path {
        let Value::Map(entries) = &node.value else {
            return Span::default();
        };
        match entries.iter().find(|(key, _)| key.name == *name) {
            Some((_, value)) if !matches!(value.value, Value::Null) => node = value,
            _ => return Span::default(),
        }
    }
    node.start()
}
