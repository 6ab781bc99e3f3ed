//! Networks in CIDR form (RFC 4632, section 3.1; RFC 4291, section 2.3).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::Addresses;

/// Addresses of pods where nothing is given.
pub const DEFAULT_CLUSTER_CIDR: Addresses = Addresses {
    network: IpAddr::V4(Ipv4Addr::new(10, 42, 0, 0)),
    prefix: 16,
};

/// Addresses of services where nothing is given.
pub const DEFAULT_SERVICE_CIDR: Addresses = Addresses {
    network: IpAddr::V4(Ipv4Addr::new(10, 43, 0, 0)),
    prefix: 16,
};

/// Why a text is not a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressesError {
    /// It has another form.
    #[error("a network is written as ADDRESS/BITS, 10.42.0.0/16: {0:?}")]
    Form(String),
    /// Bits behind the prefix are set.
    #[error("this is an address in a network, whose own is {network}: {given:?}")]
    HostBits {
        /// What was written.
        given: String,
        /// The network that the address lies in.
        network: Addresses,
    },
}

impl Addresses {
    /// Whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        masked(address, self.prefix) == Some(self.network)
    }

    /// Whether an address lies in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.contains(other.network) || other.contains(self.network)
    }

    /// Whether these are addresses of IPv4.
    pub fn is_ipv4(&self) -> bool {
        self.network.is_ipv4()
    }
}

/// The address with the bits behind the prefix cleared; none where it has fewer bits than that.
fn masked(address: IpAddr, prefix: u8) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => {
            let behind = 32_u32.checked_sub(prefix.into())?;
            let mask = u32::MAX.checked_shl(behind).unwrap_or(0);
            Some(Ipv4Addr::from_bits(address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let behind = 128_u32.checked_sub(prefix.into())?;
            let mask = u128::MAX.checked_shl(behind).unwrap_or(0);
            Some(Ipv6Addr::from_bits(address.to_bits() & mask).into())
        }
    }
}

impl FromStr for Addresses {
    type Err = AddressesError;

    fn from_str(text: &str) -> Result<Self, AddressesError> {
        let form = || AddressesError::Form(text.chars().take(200).collect());
        let (address, prefix) = text.split_once('/').ok_or_else(form)?;
        let address: IpAddr = address.parse().map_err(|_| form())?;
        if prefix.is_empty() || prefix.len() > 3 || !prefix.bytes().all(|c| c.is_ascii_digit()) {
            return Err(form());
        }
        let prefix: u8 = prefix.parse().map_err(|_| form())?;
        let network = Self {
            network: masked(address, prefix).ok_or_else(form)?,
            prefix,
        };
        if network.network == address {
            Ok(network)
        } else {
            Err(AddressesError::HostBits {
                given: text.to_owned(),
                network,
            })
        }
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

impl Serialize for Addresses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Addresses {
        text.parse().unwrap()
    }

    #[test]
    fn networks_are_read() {
        for text in [
            "10.42.0.0/16",
            "0.0.0.0/0",
            "10.0.0.1/32",
            "fd42::/56",
            "::/0",
            "::1/128",
        ] {
            assert_eq!(network(text).to_string(), text);
        }
        for text in [
            "",
            "10.42.0.0",
            "10.42.0.0/",
            "10.42.0.0/33",
            "10.42.0.0/+8",
            "a/8",
            "fd42::/129",
            "1.2.3.4/1000",
        ] {
            assert!(
                matches!(text.parse::<Addresses>(), Err(AddressesError::Form(_))),
                "{text}"
            );
        }
        let error = "10.42.7.1/16".parse::<Addresses>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "this is an address in a network, whose own is 10.42.0.0/16: \"10.42.7.1/16\""
        );
    }

    #[test]
    fn networks_overlap_or_do_not() {
        let overlap = |a: &str, b: &str| network(a).overlaps(&network(b));
        assert!(overlap("10.0.0.0/8", "10.42.0.0/16"));
        assert!(overlap("10.42.0.0/16", "0.0.0.0/0"));
        assert!(!overlap("10.42.0.0/16", "10.43.0.0/16"));
        assert!(!overlap("0.0.0.0/0", "::/0"));
        assert!(network("fd42::/16").contains("fd42:1::1".parse().unwrap()));
        assert!(!network("10.42.0.0/16").contains("::".parse().unwrap()));
    }
}
