//! The framing of OpenPGP packets (RFC 9580, section 4.2), with bounds.

use pgp::packet::{Packet, PacketHeader};
use pgp::types::{PacketLength, Tag};

/// What a file is made of.
pub(super) struct Framed {
    pub(super) tag: Tag,
    /// The packet, or why it cannot be used. Framing errors end the whole file instead.
    pub(super) packet: Result<Packet, String>,
}

/// The most that one key or signature takes.
const MAX_PACKET: u32 = 1 << 20;

/// Splits packets; at most `limit` of them.
///
/// Only lengths that are known in advance are read: keys and signatures have no others. Packets that
/// neither are keys nor signatures are named, not decoded.
pub(super) fn split(mut bytes: &[u8], limit: usize) -> Result<Vec<Framed>, SplitError> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        if found.len() == limit {
            return Err(SplitError::TooMany);
        }
        let header = PacketHeader::try_from_reader(&mut bytes)
            .map_err(|_| SplitError::Malformed("a packet's header is damaged".to_owned()))?;
        let PacketLength::Fixed(length) = header.packet_length() else {
            return Err(SplitError::Malformed(
                "a packet does not say its length".to_owned(),
            ));
        };
        let body = usize::try_from(length)
            .ok()
            .filter(|_| length <= MAX_PACKET)
            .and_then(|length| bytes.split_at_checked(length));
        let Some((body, rest)) = body else {
            return Err(SplitError::Malformed(format!(
                "a packet of {length} bytes goes on past the end"
            )));
        };
        bytes = rest;
        let tag = header.tag();
        let packet = match tag {
            Tag::Signature
            | Tag::PublicKey
            | Tag::PublicSubkey
            | Tag::SecretKey
            | Tag::SecretSubkey
            | Tag::UserId => Packet::from_reader(header, body).map_err(|error| short(&error)),
            other => Err(format!("{other:?}")),
        };
        found.push(Framed { tag, packet });
    }
    Ok(found)
}

/// Why bytes are not a sequence of packets.
pub(super) enum SplitError {
    TooMany,
    Malformed(String),
}

/// The first line of what the parser says, since it may quote all it read.
fn short(error: &pgp::errors::Error) -> String {
    let text = error.to_string();
    text.lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(120)
        .collect()
}
