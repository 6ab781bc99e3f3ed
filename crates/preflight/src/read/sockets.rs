//! `/proc/net/{tcp,tcp6,udp,udp6}`: who has bound which port.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The state of a TCP socket that listens (`TCP_LISTEN` of net/tcp_states.h).
pub(crate) const LISTEN: u8 = 0x0a;

/// One socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Socket {
    /// The local address.
    pub(crate) address: IpAddr,
    /// The local port.
    pub(crate) port: u16,
    /// The state.
    pub(crate) state: u8,
    /// The number by which `/proc/PID/fd` names it; 0 for those of the kernel.
    pub(crate) inode: u64,
}

/// Reads one of the tables, with addresses of 4 or of 16 bytes.
pub(crate) fn read(text: &str) -> Vec<Socket> {
    text.lines().filter_map(line).collect()
}

fn line(line: &str) -> Option<Socket> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    if !fields.first()?.ends_with(':') {
        return None;
    }
    let (address, port) = fields.get(1)?.split_once(':')?;
    Some(Socket {
        address: address_of(address)?,
        port: u16::from_str_radix(port, 16).ok()?,
        state: u8::from_str_radix(fields.get(3)?, 16).ok()?,
        inode: fields.get(9)?.parse().ok()?,
    })
}

/// Words of 32 bits in the machine's byte order.
fn address_of(text: &str) -> Option<IpAddr> {
    if !text.is_ascii() {
        return None;
    }
    let word = |at: usize| {
        let digits = text.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut bytes = [0; 16];
            for (at, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(at)?);
            }
            Some(Ipv6Addr::from(bytes).to_canonical())
        }
        _ => None,
    }
}
