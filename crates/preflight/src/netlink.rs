//! The few questions to the kernel that no file answers: addresses by interface, whether links can be made, whether
//! nf_tables is there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

// linux/netlink.h
/// `NETLINK_ROUTE` is 0, as no protocol is.
const ROUTE: Option<Protocol> = None;
const REQUEST: u16 = 0x1;
const ACK: u16 = 0x4;
const DUMP: u16 = 0x300;
const EXCLUSIVE_CREATE: u16 = 0x600;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const HEADER: usize = 16;
// linux/rtnetlink.h
const NEW_LINK: u16 = 16;
const DELETE_LINK: u16 = 17;
const NEW_ADDRESS: u16 = 20;
const GET_ADDRESS: u16 = 22;
// linux/if_link.h
const LINK_NAME: u16 = 3;
const LINK_INFO: u16 = 18;
const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;
const NESTED: u16 = 0x8000;
const VXLAN_ID: u16 = 1;
const VXLAN_PORT: u16 = 15;
// linux/if_addr.h
const ADDRESS: u16 = 1;
const LOCAL: u16 = 2;
const LABEL: u16 = 3;
// linux/netfilter/nfnetlink.h, nf_tables.h
const GET_GENERATION: u16 = (10 << 8) | 16;

/// How long the kernel is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most messages of one answer.
const MAX_MESSAGES: usize = 100_000;

/// An address of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) interface: String,
    pub(crate) address: IpAddr,
}

fn open(protocol: Option<Protocol>) -> Result<OwnedFd, Errno> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        protocol,
    )?;
    set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
    Ok(socket)
}

fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
    let mut out = length.to_ne_bytes().to_vec();
    out.extend(kind.to_ne_bytes());
    out.extend(flags.to_ne_bytes());
    out.extend(1_u32.to_ne_bytes());
    out.extend(0_u32.to_ne_bytes());
    out.extend(body);
    out
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    let mut out = length.to_ne_bytes().to_vec();
    out.extend(kind.to_ne_bytes());
    out.extend(value);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

fn text(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

/// Sends one request, and gives the bodies of what comes back to `take`.
fn ask(protocol: Option<Protocol>, request: &[u8], mut take: impl FnMut(u16, &[u8])) -> Result<(), Errno> {
    let socket = open(protocol)?;
    send(&socket, request, SendFlags::empty())?;
    let mut buffer = vec![0_u8; 64 * 1024];
    for _ in 0..MAX_MESSAGES {
        let (_, length) = recv(&socket, buffer.as_mut_slice(), RecvFlags::empty())?;
        let mut rest = buffer.get(..length).unwrap_or_default();
        while let Some((kind, body, next)) = split(rest) {
            match kind {
                DONE => return Ok(()),
                ERROR => {
                    let code = body.first_chunk().map_or(0, |bytes| i32::from_ne_bytes(*bytes));
                    return if code == 0 {
                        Ok(())
                    } else {
                        Err(Errno::from_raw_os_error(code.saturating_neg()))
                    };
                }
                kind => take(kind, body),
            }
            rest = next;
        }
        if length == 0 {
            break;
        }
    }
    Err(Errno::PROTO)
}

/// The kind and body of the first message, and what follows it.
fn split(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = usize::try_from(u32::from_ne_bytes(*bytes.first_chunk()?)).ok()?;
    let kind = u16::from_ne_bytes(*bytes.get(4..)?.first_chunk()?);
    let body = bytes.get(HEADER..length)?;
    Some((
        kind,
        body,
        bytes.get(length.next_multiple_of(4)..).unwrap_or_default(),
    ))
}

/// The attributes of a message's body.
fn attributes(mut bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut out = Vec::new();
    while let (Some(length), Some(kind)) = (
        bytes.first_chunk().map(|it| usize::from(u16::from_ne_bytes(*it))),
        bytes
            .get(2..4)
            .and_then(|it| it.first_chunk())
            .map(|it| u16::from_ne_bytes(*it)),
    ) {
        let Some(value) = bytes.get(4..length) else { break };
        out.push((kind & !NESTED, value));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    out
}

/// All addresses of all interfaces of this network namespace.
pub(crate) fn addresses() -> Result<Vec<Address>, Errno> {
    let mut found = Vec::new();
    let names = interfaces();
    // struct ifaddrmsg, all families
    let request = message(GET_ADDRESS, REQUEST | DUMP, &[0; 8]);
    ask(ROUTE, &request, |kind, body| {
        if kind == NEW_ADDRESS {
            found.extend(address_of(body, &names));
        }
    })?;
    Ok(found)
}

fn address_of(body: &[u8], names: &[(u32, String)]) -> Option<Address> {
    let index = u32::from_ne_bytes(*body.get(4..)?.first_chunk()?);
    let attributes = attributes(body.get(8..)?);
    let find = |wanted: u16| {
        attributes
            .iter()
            .find(|(kind, _)| *kind == wanted)
            .map(|(_, value)| *value)
    };
    // On a link between two points the address is the other end.
    let value = find(LOCAL).or_else(|| find(ADDRESS))?;
    let address = match value.len() {
        4 => Ipv4Addr::from(*value.first_chunk::<4>()?).into(),
        16 => Ipv6Addr::from(*value.first_chunk::<16>()?).into(),
        _ => return None,
    };
    let label = find(LABEL).map(|label| String::from_utf8_lossy(label).trim_end_matches('\0').to_owned());
    let interface = names
        .iter()
        .find(|(known, _)| *known == index)
        .map(|(_, name)| name.clone())
        .or(label)?;
    Some(Address { interface, address })
}

/// Numbers and names of interfaces, from a dump of links.
fn interfaces() -> Vec<(u32, String)> {
    const GET_LINK: u16 = 18;
    let mut found = Vec::new();
    let request = message(GET_LINK, REQUEST | DUMP, &[0; 16]);
    let _ = ask(ROUTE, &request, |kind, body| {
        let named = || {
            let index = u32::from_ne_bytes(*body.get(4..)?.first_chunk()?);
            let attributes = attributes(body.get(16..)?);
            let (_, name) = attributes.iter().find(|(kind, _)| *kind == LINK_NAME)?;
            Some((
                index,
                String::from_utf8_lossy(name).trim_end_matches('\0').to_owned(),
            ))
        };
        if kind == NEW_LINK {
            found.extend(named());
        }
    });
    found
}

/// Makes a link of a kind (`vxlan`, `wireguard`) under a name that nobody uses, and takes it away again. It is never
/// brought up, so that no packet and no port is touched.
pub(crate) fn try_link(kind: &str, name: &str) -> Result<(), Errno> {
    let data = if kind == "vxlan" {
        let mut data = attribute(VXLAN_ID, &0x00a1_10c4_u32.to_ne_bytes());
        // An uncommon port, since two links of one number and port cannot be.
        data.extend(attribute(VXLAN_PORT, &48_472_u16.to_be_bytes()));
        data
    } else {
        Vec::new()
    };
    let mut info = attribute(INFO_KIND, &text(kind));
    info.extend(attribute(INFO_DATA | NESTED, &data));
    let mut body = vec![0_u8; 16];
    body.extend(attribute(LINK_NAME, &text(name)));
    body.extend(attribute(LINK_INFO | NESTED, &info));
    let create = message(NEW_LINK, REQUEST | ACK | EXCLUSIVE_CREATE, &body);
    ask(ROUTE, &create, |_, _| {})?;
    let mut body = vec![0_u8; 16];
    body.extend(attribute(LINK_NAME, &text(name)));
    ask(ROUTE, &message(DELETE_LINK, REQUEST | ACK, &body), |_, _| {})
}

/// Whether the kernel answers for nf_tables.
pub(crate) fn has_nf_tables() -> Result<(), Errno> {
    // struct nfgenmsg
    let request = message(GET_GENERATION, REQUEST | ACK, &[0; 4]);
    let mut seen = false;
    let answered = ask(Some(netlink::NETFILTER), &request, |_, _| seen = true);
    if seen { Ok(()) } else { answered }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_the_addresses_of_this_machine() {
        let found = addresses().unwrap();
        // A namespace whose loopback is down has none at all.
        for address in &found {
            assert!(!address.interface.is_empty());
            assert_eq!(
                address.interface == "lo",
                address.address.is_loopback(),
                "{address:?}"
            );
        }
    }

    #[test]
    fn what_is_no_message_is_no_message() {
        for length in 0..40 {
            for fill in [0, 1, 7, 0xff] {
                let bytes = vec![fill; length];
                let _ = split(&bytes);
                let _ = attributes(&bytes);
                let _ = address_of(&bytes, &[]);
            }
        }
        let whole = message(5, 0, &[1, 2, 3]);
        assert_eq!(split(&whole), Some((5, &[1, 2, 3][..], &[][..])));
        assert_eq!(attributes(&attribute(3, b"ab")), [(3, &b"ab"[..])]);
    }
}
