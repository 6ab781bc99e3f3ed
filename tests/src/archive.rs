//! Takes a bundle apart as bytes, to break it in chosen places.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

/// One entry of a tar, as ranges of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Header, content and padding.
    pub whole: Range<usize>,
    /// The content alone.
    pub content: Range<usize>,
}

impl Entry {
    /// A read of the content.
    pub fn of<'a>(&self, tar: &'a [u8]) -> &'a [u8] {
        &tar[self.content.clone()]
    }
}

/// The entries of a tar in memory, in order.
pub fn entries(tar: &[u8]) -> Vec<Entry> {
    tar::Archive::new(tar)
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let position = |at: u64| usize::try_from(at).unwrap();
            let start = position(entry.raw_file_position());
            let end = start + position(entry.size());
            Entry {
                name: entry.path().unwrap().to_string_lossy().into_owned(),
                whole: position(entry.raw_header_position())..end.next_multiple_of(512),
                content: start..end,
            }
        })
        .collect()
}

/// The tar without the entries that `drop` chooses.
pub fn without(tar: &[u8], drop: impl Fn(&str) -> bool) -> Vec<u8> {
    let mut kept = tar.to_vec();
    for entry in entries(tar).into_iter().rev().filter(|entry| drop(&entry.name)) {
        kept.drain(entry.whole);
    }
    kept
}

/// The tar with another file in front of the entry at `position`.
pub fn with(tar: &[u8], position: usize, header: &tar::Header, content: &[u8]) -> Vec<u8> {
    let at = entries(tar).get(position).map_or(0, |entry| entry.whole.start);
    let mut added = header.as_bytes().to_vec();
    added.extend_from_slice(content);
    added.resize(added.len().next_multiple_of(512), 0);
    [&tar[..at], &added, &tar[at..]].concat()
}

/// A header for [`with`]; `name` is written as it is, however bad.
pub fn header(name: &str, kind: tar::EntryType, size: usize) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_cksum();
    header
}

/// The content of one entry of a tar file, found without reading the others into memory.
pub fn read(path: &Path, name: &str) -> Option<Vec<u8>> {
    let mut archive = tar::Archive::new(File::open(path).unwrap());
    for entry in archive.entries_with_seek().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path().unwrap().to_str() == Some(name) {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            return Some(bytes);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_apart_and_puts_together() {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in [("a", &b"first"[..]), ("sub/b", &[7; 600]), ("c", b"")] {
            let mut plain = header("", tar::EntryType::Regular, content.len());
            builder.append_data(&mut plain, name, content).unwrap();
        }
        let tar = builder.into_inner().unwrap();
        let found = entries(&tar);
        assert_eq!(
            found.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(),
            ["a", "sub/b", "c"]
        );
        assert_eq!(found[1].whole, 1024..2560);
        assert_eq!(found[1].of(&tar), [7; 600]);

        let fewer = without(&tar, |name| name == "sub/b");
        assert_eq!(entries(&fewer).len(), 2);
        let evil = header("../evil", tar::EntryType::Regular, 600);
        assert_eq!(evil.path().unwrap().to_str(), Some("../evil"));
        assert_eq!(
            with(
                &fewer,
                1,
                &header("sub/b", tar::EntryType::Regular, 600),
                &[7; 600]
            ),
            tar
        );
    }
}
