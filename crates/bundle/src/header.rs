//! The 512 bytes before each entry's content (POSIX.1-1988 ustar), in the one form that is written and accepted.

/// Headers, and the content after them, fill whole blocks.
pub(crate) const BLOCK: u64 = 512;

/// [`BLOCK`], as a length in memory.
pub(crate) const BLOCK_LEN: usize = 512;

/// A header.
pub(crate) type Header = [u8; BLOCK_LEN];

/// The two zero blocks after the last entry.
pub(crate) const END: [u8; 2 * BLOCK_LEN] = [0; 2 * BLOCK_LEN];

/// Sizes from here on do not fit eleven octal digits and are written in base 256.
const OCTAL_LIMIT: u64 = 1 << 33;

/// How many zero bytes follow `size` bytes of content.
pub(crate) fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK
}

/// The one header for a path and size.
///
/// The caller has checked the path: ASCII, at most 100 bytes.
pub(crate) fn header(path: &str, size: u64) -> Header {
    let mut header = [0; BLOCK_LEN];
    put(&mut header, 0, path.as_bytes());
    let mode: &[u8] = if path.starts_with("bin/") {
        b"0000755"
    } else {
        b"0000644"
    };
    put(&mut header, 100, mode);
    put(&mut header, 108, b"0000000");
    put(&mut header, 116, b"0000000");
    if size < OCTAL_LIMIT {
        put(&mut header, 124, format!("{size:011o}").as_bytes());
    } else {
        // Base 256 as GNU tar, bsdtar and others read it: the top bit set, then a big-endian number.
        header[124] = 0x80;
        put(&mut header, 128, &size.to_be_bytes());
    }
    put(&mut header, 136, b"00000000000");
    header[156] = b'0';
    put(&mut header, 257, b"ustar\0");
    put(&mut header, 263, b"00");
    put(&mut header, 329, b"0000000");
    put(&mut header, 337, b"0000000");
    let sum = checksum(&header);
    put(&mut header, 148, format!("{sum:06o}\0 ").as_bytes());
    header
}

fn put(header: &mut Header, at: usize, bytes: &[u8]) {
    header[at..at + bytes.len()].copy_from_slice(bytes);
}

/// The sum of the bytes, with the checksum field itself counted as spaces.
fn checksum(header: &Header) -> u32 {
    header
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            if (148..156).contains(&at) {
                u32::from(b' ')
            } else {
                u32::from(*byte)
            }
        })
        .sum()
}

/// The name field, without its zero bytes; `None` when something follows them.
pub(crate) fn name(header: &Header) -> Option<&[u8]> {
    let field = &header[..100];
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    field[end..]
        .iter()
        .all(|byte| *byte == 0)
        .then_some(&field[..end])
}

/// The size field, where it is in the form that [`header`] writes.
pub(crate) fn size(header: &Header) -> Option<u64> {
    let field = &header[124..136];
    if field[0] == 0x80 {
        let (zero, number) = field[1..].split_at(3);
        return (zero == [0; 3]).then(|| u64::from_be_bytes(number.try_into().unwrap_or_default()));
    }
    let text = std::str::from_utf8(&field[..11]).ok()?;
    text.bytes()
        .all(|digit| (b'0'..=b'7').contains(&digit))
        .then_some(())?;
    u64::from_str_radix(text, 8).ok()
}

/// What is wrong with a header that is not `header(path, size)`: the rest of a sentence that starts with "the entry".
pub(crate) fn explain(found: &Header, path: &str, size: u64) -> String {
    let expected = header(path, size);
    if found.iter().all(|byte| *byte == 0) {
        return "is missing: the archive ends before it".to_owned();
    }
    if found[148..156] != *format!("{:06o}\0 ", checksum(found)).as_bytes() {
        return "has a damaged header: its checksum is wrong".to_owned();
    }
    if found[257..263] != *b"ustar\0" {
        return "does not have a POSIX ustar header".to_owned();
    }
    let other = match found[156] {
        b'0' => None,
        b'1' => Some("a hard link"),
        b'2' => Some("a symbolic link"),
        b'3' => Some("a character device"),
        b'4' => Some("a block device"),
        b'5' => Some("a folder"),
        b'6' => Some("a FIFO"),
        b'x' | b'g' => Some("a PAX extension"),
        b'L' | b'K' => Some("a GNU long name"),
        b'S' => Some("a sparse file"),
        _ => Some("an entry of unknown type"),
    };
    if let Some(other) = other {
        return format!("must be a plain file, but is {other}");
    }
    if found[..100] != expected[..100] || found[345..] != expected[345..] {
        return format!("is not where it must be: {:?} stands there", shown_name(found));
    }
    if found[124..136] != expected[124..136] {
        return match self::size(found) {
            Some(found) => format!("must be {size} bytes long, but its header says {found}"),
            None => "has a size that cannot be read".to_owned(),
        };
    }
    if found[100..108] != expected[100..108] {
        return "has a mode that Airlock does not write".to_owned();
    }
    "has a header that Airlock does not write (owner, time, link or device field)".to_owned()
}

/// The name in a header for an error text, whatever bytes it is made of.
pub(crate) fn shown_name(header: &Header) -> String {
    let end = header[..100]
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1);
    String::from_utf8_lossy(&header[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_fields_stand_where_posix_puts_them() {
        let header = header("airlock.json", 8);
        let mut expected = vec![0; 512];
        let mut at = 0;
        for (text, width) in [
            ("airlock.json", 100),
            ("0000644", 8),
            ("0000000", 8),
            ("0000000", 8),
            ("00000000010", 12),
            ("00000000000", 12),
            ("011513\0 ", 8),
            ("0", 1),
            ("", 100),
            ("ustar", 6),
            ("00", 2),
            ("", 64),
            ("0000000", 8),
            ("0000000", 8),
        ] {
            expected[at..at + text.len()].copy_from_slice(text.as_bytes());
            at += width;
        }
        assert_eq!(at, 345);
        assert_eq!(
            String::from_utf8_lossy(&header),
            String::from_utf8_lossy(&expected)
        );
    }

    proptest! {
        #[test]
        fn name_and_size_can_be_read_back(size in any::<u64>(), name in "[a-z/0-9.]{1,100}") {
            let header = header(&name, size);
            prop_assert_eq!(super::size(&header), Some(size));
            prop_assert_eq!(super::name(&header), Some(name.as_bytes()));
            prop_assert_eq!((size % BLOCK + padding(size)) % BLOCK, 0);
        }

        #[test]
        fn any_bytes_are_explained_without_panic(at in 0usize..512, byte in any::<u8>(), size in any::<u64>()) {
            let mut found = header("index.json", size);
            found[at] = byte;
            let _ = explain(&found, "index.json", size);
        }
    }
}
