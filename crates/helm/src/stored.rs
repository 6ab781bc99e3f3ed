//! gzip without compression: the same bytes from every version of every compressor, since none is asked.

use flate2::Crc;

/// The most that a block can hold (RFC 1951 section 3.2.4).
const BLOCK: usize = 0xffff;

/// No flags, no time, no extra flags, of an unknown system (RFC 1952 section 2.3).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// One gzip member with this content.
pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let blocks = content.len().div_ceil(BLOCK).max(1);
    let mut out = Vec::with_capacity(HEADER.len() + content.len() + blocks * 5 + 8);
    out.extend_from_slice(&HEADER);
    let mut rest = content;
    loop {
        let (block, after) = rest.split_at(rest.len().min(BLOCK));
        rest = after;
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.push(u8::from(rest.is_empty()));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
        if rest.is_empty() {
            break;
        }
    }
    let mut crc = Crc::new();
    crc.update(content);
    out.extend_from_slice(&crc.sum().to_le_bytes());
    // Modulo 2^32, as the format has it.
    out.extend_from_slice(&crc.amount().to_le_bytes());
    out
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_reader_finds_the_content() {
        for length in [0, 1, 0xfffe, 0xffff, 0x10000, 0x1fffe, 200_000] {
            let content: Vec<u8> = (0..length)
                .map(|at: u32| at.to_le_bytes()[at as usize % 3])
                .collect();
            let packed = gzip(&content);
            let mut read = Vec::new();
            flate2::read::GzDecoder::new(&packed[..])
                .read_to_end(&mut read)
                .unwrap();
            assert!(read == content, "{length}");
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_format() {
        assert_eq!(
            gzip(b"abc"),
            b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x01\x03\0\xfc\xffabc\xc2\x41\x24\x35\x03\0\0\0"
        );
    }
}
