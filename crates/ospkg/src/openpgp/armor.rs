//! ASCII armour (RFC 9580, section 6), read strictly and written as GnuPG writes it.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(super) const PUBLIC: &str = "PGP PUBLIC KEY BLOCK";
pub(super) const PRIVATE: &str = "PGP PRIVATE KEY BLOCK";
pub(super) const SIGNATURE: &str = "PGP SIGNATURE";

/// One armoured block.
pub(super) struct Block {
    pub(super) label: String,
    pub(super) contents: Vec<u8>,
}

/// Whether the bytes are armour rather than packets: packets begin with the highest bit set.
pub(super) fn is_armored(bytes: &[u8]) -> bool {
    bytes.first().is_none_or(u8::is_ascii)
}

/// All blocks of a file. Text between blocks is skipped, as `gpg --import` does with exported keys that
/// carry remarks; a caller who must not let any pass uses [`only_block`].
pub(super) fn blocks(bytes: &[u8]) -> Result<Vec<Block>, &'static str> {
    let mut lines = lines(bytes);
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(label) = begin(line) {
            let label = label.to_owned();
            found.push(read(label, &mut lines)?);
        }
    }
    Ok(found)
}

/// The one block that the bytes consist of, with nothing but line ends after it.
pub(super) fn only_block(bytes: &[u8]) -> Result<Block, &'static str> {
    let mut lines = lines(bytes);
    let label = lines
        .by_ref()
        .find(|line| !line.is_empty())
        .and_then(begin)
        .ok_or("it does not begin with an armour header")?
        .to_owned();
    let block = read(label, &mut lines)?;
    if lines.any(|line| !line.is_empty()) {
        return Err("there is text after it");
    }
    Ok(block)
}

/// Lines without their ends and without trailing white space.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end)
}

fn begin(line: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(line).ok()?;
    text.strip_prefix("-----BEGIN ")?.strip_suffix("-----")
}

fn read<'a>(label: String, lines: &mut impl Iterator<Item = &'a [u8]>) -> Result<Block, &'static str> {
    let mut text = Vec::new();
    let mut checksum = None;
    let mut in_headers = true;
    let end = format!("-----END {label}-----");
    for line in lines {
        if line == end.as_bytes() {
            let contents = STANDARD.decode(&text).map_err(|_| "its armour is not base64")?;
            if checksum.is_some_and(|sum| sum != crc24(&contents)) {
                return Err("its armour's checksum is wrong");
            }
            return Ok(Block { label, contents });
        }
        if in_headers {
            // Headers (`Version: …`) end with an empty line; some programs leave both away.
            if line.is_empty() {
                in_headers = false;
                continue;
            }
            if line.windows(2).any(|pair| pair == b": ") || line.ends_with(b":") {
                continue;
            }
            in_headers = false;
        }
        if line.starts_with(b"-") {
            return Err("its armour has no end");
        }
        match line.strip_prefix(b"=") {
            Some(sum) if checksum.is_none() => {
                let sum = STANDARD
                    .decode(sum)
                    .ok()
                    .and_then(|sum| <[u8; 3]>::try_from(sum).ok())
                    .ok_or("its armour's checksum is damaged")?;
                checksum = Some(sum);
            }
            Some(_) => return Err("its armour's checksum is damaged"),
            None if checksum.is_some() && !line.is_empty() => {
                return Err("its armour goes on after the checksum");
            }
            None => text.extend_from_slice(line.trim_ascii_start()),
        }
    }
    Err("its armour has no end")
}

/// Armour with its checksum, which old readers want.
pub(super) fn write(label: &str, contents: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n\n");
    for line in STANDARD.encode(contents).as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str(&format!(
        "={}\n-----END {label}-----\n",
        STANDARD.encode(crc24(contents))
    ));
    text
}

/// The bytes of a file that is either armour or packets; `label` is what the armour has to say.
pub(super) fn decode<'a>(bytes: &'a [u8], label: &str) -> Result<Cow<'a, [u8]>, &'static str> {
    if !is_armored(bytes) {
        return Ok(Cow::Borrowed(bytes));
    }
    let block = only_block(bytes)?;
    if block.label == label {
        Ok(Cow::Owned(block.contents))
    } else {
        Err("its armour holds something else")
    }
}

/// RFC 9580, section 6.1.1.
fn crc24(bytes: &[u8]) -> [u8; 3] {
    let mut crc: u32 = 0x00B7_04CE;
    for &byte in bytes {
        crc ^= u32::from(byte) << 16;
        for _ in 0..8 {
            crc <<= 1;
            if crc & 0x0100_0000 != 0 {
                crc ^= 0x0186_4CFB;
            }
        }
    }
    let [_, a, b, c] = crc.to_be_bytes();
    [a, b, c]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn damage_is_refused() {
        let good = write(SIGNATURE, b"something");
        for bad in [
            good.replace("c29", "c28"),
            good.replace("-----END PGP SIGNATURE-----", ""),
            good.replace("-----END PGP SIGNATURE-----", "-----END PGP MESSAGE-----"),
            format!("{good}more"),
            format!("more\n{good}"),
            format!("{good}{good}"),
            good.replace('=', "=="),
        ] {
            assert!(only_block(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn headers_and_other_line_ends_are_read() {
        let good = write(PUBLIC, b"something");
        for text in [
            good.replace("\n\n", "\nVersion: GnuPG v2\nComment: two\n\n"),
            good.replace('\n', "\r\n"),
            good.replace("\n\n", "\n"),
            format!("\n{good}\n\n"),
        ] {
            assert_eq!(
                only_block(text.as_bytes()).unwrap().contents,
                b"something",
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            let text = write(SIGNATURE, &bytes);
            let block = only_block(text.as_bytes()).unwrap();
            prop_assert_eq!(block.contents, bytes);
            prop_assert_eq!(block.label, SIGNATURE);
        }

        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = only_block(&bytes);
            let _ = blocks(&[b"-----BEGIN X-----\n", &bytes[..], b"\n-----END X-----"].concat());
        }
    }
}
