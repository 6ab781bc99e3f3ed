//! The outer archive of a `.deb` (deb(5), ar(5)).

use std::io::{self, Read};

use super::ArchiveError;

const MAGIC: &[u8; 8] = b"!<arch>\n";

/// One member's header.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) size: u64,
}

pub(super) fn magic(reader: &mut impl Read) -> Result<(), ArchiveError> {
    let mut magic = [0; 8];
    reader.read_exact(&mut magic).map_err(ends)?;
    if magic == *MAGIC {
        Ok(())
    } else {
        Err(ArchiveError::NotDeb)
    }
}

/// The next member's header; none at the end.
pub(super) fn next(reader: &mut impl Read) -> Result<Option<Member>, ArchiveError> {
    let mut header = [0; 60];
    match fill(reader, &mut header)? {
        0 => return Ok(None),
        filled if filled < header.len() => return Err(ArchiveError::Truncated),
        _ => {}
    }
    if &header[58..] != b"`\n" {
        return Err(ArchiveError::Malformed("a member's header is damaged"));
    }
    let text = |from: usize, to: usize| std::str::from_utf8(&header[from..to]).ok().map(str::trim_end);
    let name = text(0, 16).map(|name| name.strip_suffix('/').unwrap_or(name));
    let size = text(48, 58).filter(|size| size.bytes().all(|byte| byte.is_ascii_digit()));
    match (name, size.and_then(|size| size.parse().ok())) {
        (Some(name), Some(size)) if !name.is_empty() => Ok(Some(Member {
            name: name.to_owned(),
            size,
        })),
        _ => Err(ArchiveError::Malformed("a member's header is damaged")),
    }
}

/// Members begin at even places.
pub(super) fn pad(reader: &mut impl Read, size: u64) -> Result<(), ArchiveError> {
    if size % 2 == 1 {
        // The last one's may be left away.
        let mut byte = [0];
        let _ = reader.read(&mut byte).map_err(ArchiveError::Read)?;
    }
    Ok(())
}

pub(super) fn ends(error: io::Error) -> ArchiveError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        ArchiveError::Truncated
    } else {
        ArchiveError::Read(error)
    }
}

/// Reads as much as fits and there is.
pub(super) fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> Result<usize, ArchiveError> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ends(error)),
        }
    }
    Ok(filled)
}
