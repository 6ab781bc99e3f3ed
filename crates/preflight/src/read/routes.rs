//! `/proc/net/route` and `/proc/net/ipv6_route`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use airlock_spec::site::Addresses;

use super::address::network;

/// A route that rejects (`RTF_REJECT` of linux/route.h).
const REJECT: u32 = 0x0200;

/// One route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// The interface; `*` where it leads nowhere (`blackhole`, `unreachable`).
    pub(crate) interface: String,
    /// Where it leads.
    pub(crate) to: Addresses,
}

impl Route {
    /// Whether it is the one for everything that has no other.
    ///
    /// Kubernetes looks at the destination alone, so `0.0.0.0/1` counts for it as well
    /// (`getIPv4DefaultRoutes` in k8s.io/apimachinery/pkg/util/net).
    pub(crate) fn is_default(&self) -> bool {
        self.to.network.is_unspecified()
    }

    /// Whether it names an interface.
    pub(crate) fn has_interface(&self) -> bool {
        self.interface != "*" && self.interface != "lo"
    }
}

/// `/proc/net/route`: addresses are hexadecimal in the machine's byte order.
pub(crate) fn v4(text: &str) -> Vec<Route> {
    text.lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let hex = |at: usize| {
                let field = fields.get(at).filter(|field| field.len() == 8)?;
                u32::from_str_radix(field, 16).ok()
            };
            let (to, mask) = (hex(1)?, hex(7)?);
            let prefix = u8::try_from(mask.count_ones()).ok()?;
            Some(Route {
                interface: (*fields.first()?).to_owned(),
                to: network(Ipv4Addr::from(to.to_ne_bytes()).into(), prefix),
            })
        })
        .collect()
}

/// `/proc/net/ipv6_route`. Rejecting routes have `lo` there and are given `*`, as the other table has it.
pub(crate) fn v6(text: &str) -> Vec<Route> {
    text.lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let address = fields.first().filter(|field| field.len() == 32)?;
            let address = u128::from_str_radix(address, 16).ok()?;
            let prefix = u8::from_str_radix(fields.get(1)?, 16).ok()?;
            let flags = u32::from_str_radix(fields.get(8)?, 16).ok()?;
            let interface = *fields.get(9)?;
            Some(Route {
                interface: if flags & REJECT == 0 { interface } else { "*" }.to_owned(),
                to: network(IpAddr::from(Ipv6Addr::from(address)), prefix),
            })
        })
        .collect()
}
