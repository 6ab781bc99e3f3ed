//! `resolv.conf`.

use std::net::IpAddr;

use super::address::is_global_unicast;

/// The name servers, and how good they are for pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resolvers {
    /// Addresses that pods can reach.
    pub(crate) usable: Vec<IpAddr>,
    /// Those that only this machine can: loopback, link-local.
    pub(crate) local: Vec<IpAddr>,
}

/// Reads the `nameserver` lines; the rest does not matter here.
pub(crate) fn read(text: &str) -> Resolvers {
    let mut found = Resolvers::default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if words.next() != Some("nameserver") {
            continue;
        }
        // A zone (`fe80::1%eth0`) marks a link-local address.
        let Some(address) = words
            .next()
            .map(|word| word.split('%').next().unwrap_or(word))
            .and_then(|word| word.parse().ok())
        else {
            continue;
        };
        if is_global_unicast(address) {
            found.usable.push(address);
        } else {
            found.local.push(address);
        }
    }
    found
}
