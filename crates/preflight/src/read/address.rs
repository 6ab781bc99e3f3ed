//! Networks and addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use airlock_spec::site::Addresses;

/// A network; bits behind the prefix are cleared, and a prefix that is too long is cut.
pub(crate) fn network(address: IpAddr, prefix: u8) -> Addresses {
    match address {
        IpAddr::V4(v4) => {
            let prefix = prefix.min(32);
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            Addresses {
                network: Ipv4Addr::from(u32::from(v4) & mask).into(),
                prefix,
            }
        }
        IpAddr::V6(v6) => {
            let prefix = prefix.min(128);
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            Addresses {
                network: Ipv6Addr::from(u128::from(v6) & mask).into(),
                prefix,
            }
        }
    }
}

/// One address as a network.
pub(crate) fn single(address: IpAddr) -> Addresses {
    network(address, 128)
}

/// `10.0.0.0/8`, or one address.
pub(crate) fn parse(text: &str) -> Option<Addresses> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix.parse().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.trim_matches(['[', ']']).parse().ok()?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.unwrap_or(longest);
    (prefix <= longest).then(|| network(address, prefix))
}

/// Whether every address of `inner` is one of `outer`.
pub(crate) fn contains(outer: &Addresses, inner: &Addresses) -> bool {
    outer.network.is_ipv4() == inner.network.is_ipv4()
        && outer.prefix <= inner.prefix
        && network(inner.network, outer.prefix).network == network(outer.network, outer.prefix).network
}

/// Whether two networks have an address in common.
pub(crate) fn overlap(a: &Addresses, b: &Addresses) -> bool {
    contains(a, b) || contains(b, a)
}

/// Whether other machines can use an address: not loopback, link-local, multicast or unspecified.
pub(crate) fn is_global_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            !(v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_unspecified()
                || v4.is_broadcast())
        }
        IpAddr::V6(v6) => {
            !(v6.is_loopback() || v6.is_unicast_link_local() || v6.is_multicast() || v6.is_unspecified())
        }
    }
}
