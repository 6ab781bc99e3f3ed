//! PEM, read as leniently as Go reads it.

use super::super::strings::{decode_base64, encode_base64};

/// A block: its label, and what is in it.
pub(super) struct Block {
    pub(super) label: Vec<u8>,
    pub(super) bytes: Vec<u8>,
}

/// The first block in a text.
pub(super) fn decode(text: &[u8]) -> Option<Block> {
    let mut rest = text;
    loop {
        let start = memchr::memmem::find(rest, b"-----BEGIN ")?;
        let line_start = start == 0 || rest.get(start - 1) == Some(&b'\n');
        rest = rest.get(start + 11..)?;
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest.get(..end)?.trim_ascii_end();
        let Some(label) = line.strip_suffix(b"-----").filter(|_| line_start) else {
            continue;
        };
        let body = rest.get(end + 1..)?;
        let closing = [b"-----END ", label, b"-----"].concat();
        let Some(close) = memchr::memmem::find(body, &closing) else {
            continue;
        };
        // Headers end with an empty line.
        let mut content = body.get(..close)?;
        while let Some(colon) = memchr::memchr(b':', content) {
            let next = memchr::memchr(b'\n', content.get(colon..)?)?;
            content = content.get(colon + next + 1..)?;
        }
        let content: Vec<u8> = content
            .iter()
            .copied()
            .filter(|byte| !matches!(byte, b' ' | b'\t'))
            .collect();
        if let Ok(bytes) = decode_base64(&content) {
            return Some(Block {
                label: label.to_vec(),
                bytes,
            });
        }
    }
}

/// A block as Go writes it, with lines of 64 characters.
pub(super) fn encode(label: &str, bytes: &[u8]) -> String {
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in encode_base64(bytes).chunks(64) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    out + &format!("-----END {label}-----\n")
}
