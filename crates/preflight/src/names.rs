//! The node's name.

use std::net::{IpAddr, ToSocketAddrs};

use crate::check::Outcome;
use crate::read::address::is_global_unicast;
use crate::read::hosts;
use crate::{Context, fixes, netlink};

/// Names that images of machines come with, so that two nodes from one image have the same.
const USUAL: [&str; 14] = [
    "debian",
    "ubuntu",
    "rocky",
    "almalinux",
    "centos",
    "fedora",
    "raspberrypi",
    "alpine",
    "template",
    "host",
    "linux",
    "server",
    "node",
    "vm-template",
];
/// The longest name, and the longest part of one (RFC 1123, section 2.1).
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// The name that the node gets, and where it is from.
fn name(context: &Context) -> Option<(String, &'static str)> {
    let given = context.option("node-name").and_then(|name| name.as_str());
    if let Some(name) = given {
        return Some((name.to_owned(), "`node-name` in site.yaml"));
    }
    let of_kernel = context.host.line("/proc/sys/kernel/hostname");
    of_kernel
        .or_else(|| context.host.line("/etc/hostname"))
        .map(|name| (name, "the host name"))
}

/// Nodes are objects of Kubernetes: their names must be names of DNS, and different.
pub(crate) fn hostname(context: &Context) -> Outcome {
    let remedy = "give the machine a name of its own: `hostnamectl set-hostname edge-01`, or `node-name` in `cluster.config`";
    let Some((name, source)) = name(context) else {
        return Outcome::unknown("the host name cannot be read");
    };
    if name.is_empty() || name == "(none)" {
        return Outcome::fail("the machine has no name", remedy);
    }
    let lower = name.to_ascii_lowercase();
    if let Some(fault) = fault(&lower) {
        return Outcome::fail(format!("{source} {name:?} {fault} (RFC 1123)"), remedy);
    }
    let first = lower.split('.').next().unwrap_or(&lower);
    if first == "localhost" {
        return Outcome::fail(format!("{source} {name:?} is every machine's"), remedy);
    }
    if lower != name {
        return Outcome::warn(
            format!("{source} {name:?} has capitals, and Kubernetes calls the node {lower:?}"),
            remedy,
        );
    }
    if USUAL.contains(&first) {
        return Outcome::warn(
            format!("{source} {name:?} is that of many machines, and nodes of one name replace each other"),
            remedy,
        );
    }
    Outcome::ok(format!("{source} is {name}"))
}

/// Why a name cannot be that of a node.
fn fault(name: &str) -> Option<String> {
    if name.len() > MAX_NAME {
        return Some(format!("is longer than {MAX_NAME} characters"));
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Some("has an empty part".to_owned());
        }
        if label.len() > MAX_LABEL {
            return Some(format!("has a part of more than {MAX_LABEL} characters"));
        }
        let bad = label
            .chars()
            .find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-'));
        if let Some(bad) = bad {
            return Some(format!("has a character that names cannot have, {bad:?}"));
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Some("has a part that begins or ends with a hyphen".to_owned());
        }
    }
    None
}

/// A name that does not resolve makes `sudo` slow and `kubectl logs` fail.
pub(crate) fn resolves(context: &Context) -> Outcome {
    let Some((name, _)) = name(context).filter(|(name, _)| fault(&name.to_ascii_lowercase()).is_none())
    else {
        return Outcome::skipped("the machine has no name that could be looked up");
    };
    let text = context.host.read("/etc/hosts").unwrap_or_default();
    let found = hosts::addresses(&text, &name);
    if let Some(first) = found.first() {
        return Outcome::ok(format!("/etc/hosts has {name} as {first}"));
    }
    if !context.host.is_live() {
        return Outcome::unknown(format!(
            "/etc/hosts does not have {name}, and no name server is asked here"
        ));
    }
    match (name.as_str(), 0_u16).to_socket_addrs() {
        Ok(mut addresses) => match addresses.next() {
            Some(address) => Outcome::ok(format!("{name} is {}", address.ip())),
            None => unknown(&name),
        },
        Err(_) => unknown(&name),
    }
}

fn unknown(name: &str) -> Outcome {
    let own: Option<IpAddr> = netlink::addresses()
        .unwrap_or_default()
        .into_iter()
        .map(|it| it.address)
        .find(|address| is_global_unicast(*address));
    let address = own.map_or_else(|| "127.0.1.1".to_owned(), |address| address.to_string());
    let line = format!("{address} {name}");
    Outcome::warn(
        format!("{name} has no address, neither in /etc/hosts nor from a name server"),
        format!("`echo '{line}' >> /etc/hosts`, or put it into `hosts` in site.yaml"),
    )
    .and(fixes::hosts("name", line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_rfc_1123() {
        for good in ["a", "edge-01", "edge-01.site.example", "0", &"a".repeat(63)] {
            assert_eq!(fault(good), None, "{good}");
        }
        let long = ["a".repeat(63).as_str(); 4].join(".");
        for bad in [
            "bad_name",
            "-a",
            "a-",
            "a..b",
            "a b",
            "ä",
            &"a".repeat(64),
            &long,
            "",
        ] {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }
}
