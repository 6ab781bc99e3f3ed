//! Just enough of tar to find a file: names, sizes and links, each bounded (POSIX ustar and pax, GNU tar).

use std::io::Read;

use super::ArchiveError;
use super::ar::{self, ends};

/// The most bytes of a long name or of extended headers.
const MAX_EXTENSION: u64 = 64 * 1024;
const BLOCK: u64 = 512;

/// What an entry is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Link,
    Other,
}

/// An entry; its contents follow in the reader.
pub(super) struct Entry {
    /// Without `./` before it.
    pub(super) name: Vec<u8>,
    pub(super) kind: Kind,
    pub(super) size: u64,
    /// Where a link leads.
    pub(super) target: Vec<u8>,
}

pub(super) struct Tar<R> {
    reader: R,
    /// What is left of the last entry, with its padding.
    left: u64,
}

impl<R: Read> Tar<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, left: 0 }
    }

    pub(super) fn next(&mut self) -> Result<Option<Entry>, ArchiveError> {
        let (mut long_name, mut long_target, mut long_size) = (None, None, None);
        loop {
            self.skip()?;
            let mut header = [0; 512];
            let filled = ar::fill(&mut self.reader, &mut header)?;
            if filled < header.len() {
                // dpkg accepts archives without the two empty blocks at their end.
                return if filled == 0 && long_name.is_none() {
                    Ok(None)
                } else {
                    Err(ArchiveError::Truncated)
                };
            }
            if header.iter().all(|&byte| byte == 0) {
                return Ok(None);
            }
            check(&header)?;
            let size =
                number(&header[124..136]).ok_or(ArchiveError::Malformed("a size in tar is damaged"))?;
            let flag = header[156];
            self.left = padded(size)?;
            match flag {
                b'L' => long_name = Some(self.extension(size)?),
                b'K' => long_target = Some(self.extension(size)?),
                b'x' => {
                    let records = self.contents(size, MAX_EXTENSION)?;
                    for (key, value) in pax(&records) {
                        match key {
                            b"path" => long_name = Some(value.to_vec()),
                            b"linkpath" => long_target = Some(value.to_vec()),
                            b"size" => {
                                let size = std::str::from_utf8(value).ok().and_then(|size| size.parse().ok());
                                long_size =
                                    Some(size.ok_or(ArchiveError::Malformed("a size in tar is damaged"))?);
                            }
                            _ => {}
                        }
                    }
                }
                b'g' => {}
                _ => {
                    let kind = match flag {
                        b'0' | 0 | b'7' => Kind::File,
                        b'1' | b'2' => Kind::Link,
                        _ => Kind::Other,
                    };
                    let size = long_size.unwrap_or(size);
                    // Links and folders have no contents, whatever their header says.
                    let size = if kind == Kind::File { size } else { 0 };
                    self.left = padded(size)?;
                    let name = long_name.unwrap_or_else(|| name(&header));
                    return Ok(Some(Entry {
                        name: name.strip_prefix(b"./").unwrap_or(&name).to_vec(),
                        kind,
                        size,
                        target: long_target.unwrap_or_else(|| until_zero(&header[157..257]).to_vec()),
                    }));
                }
            }
        }
    }

    /// The contents of the entry that was just returned.
    pub(super) fn contents(&mut self, size: u64, limit: u64) -> Result<Vec<u8>, ArchiveError> {
        if size > limit {
            return Err(ArchiveError::TooLarge {
                what: "a file in it",
                limit,
            });
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
        self.reader.read_exact(&mut bytes).map_err(ends)?;
        self.left = self.left.saturating_sub(size);
        Ok(bytes)
    }

    fn extension(&mut self, size: u64) -> Result<Vec<u8>, ArchiveError> {
        let bytes = self.contents(size, MAX_EXTENSION)?;
        Ok(until_zero(&bytes).to_vec())
    }

    fn skip(&mut self) -> Result<(), ArchiveError> {
        let mut rest = (&mut self.reader).take(self.left);
        let skipped = std::io::copy(&mut rest, &mut std::io::sink()).map_err(ArchiveError::Read)?;
        if skipped < self.left {
            return Err(ArchiveError::Truncated);
        }
        self.left = 0;
        Ok(())
    }
}

fn padded(size: u64) -> Result<u64, ArchiveError> {
    size.checked_next_multiple_of(BLOCK)
        .ok_or(ArchiveError::Malformed("a size in tar is damaged"))
}

fn check(header: &[u8; 512]) -> Result<(), ArchiveError> {
    let sum: u64 = header
        .iter()
        .enumerate()
        .map(|(index, &byte)| u64::from(if (148..156).contains(&index) { b' ' } else { byte }))
        .sum();
    if number(&header[148..156]) == Some(sum) {
        Ok(())
    } else {
        Err(ArchiveError::Malformed("a checksum in tar is wrong"))
    }
}

/// Octal digits, or GNU's base 256.
fn number(field: &[u8]) -> Option<u64> {
    if field.first() == Some(&0x80) {
        let (high, low) = field.split_at(field.len().saturating_sub(8));
        if high.iter().skip(1).any(|&byte| byte != 0) {
            return None;
        }
        return low.try_into().ok().map(u64::from_be_bytes);
    }
    let text = std::str::from_utf8(until_zero(field)).ok()?.trim();
    if text.is_empty() {
        return Some(0);
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    u64::from_str_radix(text, 8).ok()
}

fn name(header: &[u8; 512]) -> Vec<u8> {
    let name = until_zero(&header[..100]);
    if &header[257..263] != b"ustar\0" || header[345] == 0 {
        return name.to_vec();
    }
    [until_zero(&header[345..500]), b"/", name].concat()
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// `LENGTH KEY=VALUE\n` records.
fn pax(mut records: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut found = Vec::new();
    while let Some(space) = records.iter().position(|&byte| byte == b' ') {
        let length = std::str::from_utf8(&records[..space])
            .ok()
            .and_then(|text| text.parse::<usize>().ok());
        let Some((record, rest)) = length.and_then(|length| records.split_at_checked(length)) else {
            break;
        };
        let Some(body) = record.get(space + 1..).and_then(|body| body.strip_suffix(b"\n")) else {
            break;
        };
        if let Some(equals) = body.iter().position(|&byte| byte == b'=') {
            found.push((&body[..equals], &body[equals + 1..]));
        }
        records = rest;
    }
    found
}
