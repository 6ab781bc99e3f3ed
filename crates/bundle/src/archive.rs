//! A bundle as a stream of bytes: a file, a pipe.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

use airlock_spec::index::{INDEX_PATH, SIGNATURES_DIR};

use crate::header::{self, BLOCK_LEN, Header, header, padding};
use crate::path::is_signature;
use crate::source::{CHUNK, Head, Source, Stretch, Take, check_index_size, check_signature};
use crate::{BundleError, Entry};

/// Reads the archive from front to back, once.
pub(crate) struct Archive<R> {
    reader: R,
    /// For error texts.
    path: PathBuf,
    /// A header that was read to see whether it is that of another signature.
    ahead: Option<Header>,
    /// Where the next unread byte stands.
    at: u64,
    buffer: Vec<u8>,
}

impl<R: Read> Archive<R> {
    pub(crate) fn new(reader: R, path: PathBuf) -> Self {
        Self {
            reader,
            path,
            ahead: None,
            at: 0,
            buffer: vec![0; CHUNK],
        }
    }

    /// Where the first header after the signatures starts, once the head was read.
    pub(crate) fn files_start(&self) -> u64 {
        self.at - self.ahead.map_or(0, |header| header.len() as u64)
    }

    /// Fills the block from the stream; says how much there was.
    fn read_block(&mut self) -> Result<(Header, usize), BundleError> {
        let mut block = [0; BLOCK_LEN];
        let mut have = 0;
        while have < block.len() {
            match self.reader.read(&mut block[have..]) {
                Ok(0) => break,
                Ok(count) => have += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(BundleError::io("reading the bundle", &self.path)(error)),
            }
        }
        self.at += have as u64;
        Ok((block, have))
    }

    fn next_header(&mut self, entry: &str) -> Result<Header, BundleError> {
        if let Some(header) = self.ahead.take() {
            return Ok(header);
        }
        match self.read_block()? {
            (block, BLOCK_LEN) => Ok(block),
            _ => Err(BundleError::Truncated {
                entry: format!("the header of {entry}"),
            }),
        }
    }

    fn content(&mut self, name: &str, size: u64, take: Take<'_>) -> Result<(), BundleError> {
        let mut left = size;
        while left > 0 {
            let want = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
            let count = match self.reader.read(&mut self.buffer[..want]) {
                Ok(0) => {
                    return Err(BundleError::Truncated {
                        entry: name.to_owned(),
                    });
                }
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(BundleError::io("reading the bundle", &self.path)(error)),
            };
            take(&self.buffer[..count])?;
            left -= count as u64;
            self.at += count as u64;
        }
        self.padding(name, size)
    }

    fn padding(&mut self, name: &str, size: u64) -> Result<(), BundleError> {
        let mut left = usize::try_from(padding(size)).unwrap_or_default();
        while left > 0 {
            let mut block = [0; BLOCK_LEN];
            match self.reader.read(&mut block[..left]) {
                Ok(0) => {
                    return Err(BundleError::Truncated {
                        entry: format!("the zero bytes after {name}"),
                    });
                }
                Ok(count) => {
                    if block[..count].iter().any(|byte| *byte != 0) {
                        return Err(BundleError::entry(name, "is not followed by zero bytes"));
                    }
                    left -= count;
                    self.at += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(BundleError::io("reading the bundle", &self.path)(error)),
            }
        }
        Ok(())
    }

    /// The header of this very entry comes next.
    fn expect(&mut self, entry: &Entry) -> Result<String, BundleError> {
        let name = entry.path.to_string();
        let found = self.next_header(&name)?;
        if found != header(&name, entry.size) {
            return Err(BundleError::entry(
                &name,
                header::explain(&found, &name, entry.size),
            ));
        }
        Ok(name)
    }

    /// Reads a small file whose header is at hand.
    fn small(&mut self, name: &str, size: u64) -> Result<Vec<u8>, BundleError> {
        // Grows with what arrives, not with what is claimed.
        let mut out = Vec::new();
        self.content(name, size, &mut |bytes| {
            out.extend_from_slice(bytes);
            Ok(())
        })?;
        Ok(out)
    }
}

impl<R: Read + Send> Source for Archive<R> {
    fn head(&mut self) -> Result<Head, BundleError> {
        let (first, have) = self.read_block()?;
        not_a_bundle(&first[..have])?;
        let size = header::size(&first).unwrap_or(0);
        if first != header(INDEX_PATH, size) {
            return Err(BundleError::entry(
                INDEX_PATH,
                header::explain(&first, INDEX_PATH, size),
            ));
        }
        check_index_size(size)?;
        let index = self.small(INDEX_PATH, size)?;

        let mut signatures: Vec<(String, Vec<u8>)> = Vec::new();
        loop {
            let next = self.next_header("the entry after airlock.json")?;
            let name = match header::name(&next).map(str::from_utf8) {
                Some(Ok(name)) if name.starts_with(SIGNATURES_DIR) => name.to_owned(),
                _ => {
                    self.ahead = Some(next);
                    break;
                }
            };
            if !is_signature(&name) {
                return Err(BundleError::entry(
                    &format!("{name:?}"),
                    "is not called as a signature is",
                ));
            }
            let size = header::size(&next).unwrap_or(0);
            if next != header(&name, size) {
                return Err(BundleError::entry(&name, header::explain(&next, &name, size)));
            }
            check_signature(signatures.len(), &name, size)?;
            if signatures.last().is_some_and(|(last, _)| *last >= name) {
                return Err(BundleError::entry(&name, "stands twice or out of order"));
            }
            let content = self.small(&name, size)?;
            signatures.push((name, content));
        }
        Ok(Head { index, signatures })
    }

    fn copy(&mut self, entry: &Entry, take: Take<'_>) -> Result<(), BundleError> {
        let name = self.expect(entry)?;
        self.content(&name, entry.size, take)
    }

    fn finish(&mut self, _: &[(String, Vec<u8>)], _: &[Entry]) -> Result<(), BundleError> {
        let problem = |problem: &str| BundleError::End {
            problem: problem.to_owned(),
        };
        for _ in 0..2 {
            let (block, have) = self.read_block()?;
            if block[..have].iter().any(|byte| *byte != 0) {
                return Err(BundleError::End {
                    problem: match header::name(&block) {
                        Some(name) if !name.is_empty() => {
                            format!("{:?} follows", header::shown_name(&block))
                        }
                        _ => "other bytes follow".to_owned(),
                    },
                });
            }
            if have != BLOCK_LEN {
                return Err(problem("the two zero blocks at the end are missing"));
            }
        }
        match self.read_block()? {
            (_, 0) => Ok(()),
            _ => Err(problem("bytes follow the two zero blocks at its end")),
        }
    }
}

/// An archive in a regular file, of which content can be read at any place.
pub(crate) struct FileArchive(Archive<File>);

impl FileArchive {
    pub(crate) fn new(file: File, path: PathBuf) -> Self {
        Self(Archive::new(file, path))
    }
}

impl Source for FileArchive {
    fn head(&mut self) -> Result<Head, BundleError> {
        self.0.head()
    }

    fn copy(&mut self, entry: &Entry, take: Take<'_>) -> Result<(), BundleError> {
        self.0.copy(entry, take)
    }

    fn locate(&mut self, entry: &Entry) -> Result<Option<Stretch>, BundleError> {
        let archive = &mut self.0;
        let name = archive.expect(entry)?;
        let io = |error| BundleError::io("reading the bundle", &archive.path)(error);
        let offset = archive.at;
        // The sizes of all entries add up to less than a file can hold, or the index would have been refused. Where the
        // file ends before, the bytes that follow are missed, here and by who reads the content.
        let end = offset + entry.size;
        let file = archive.reader.try_clone().map_err(io)?;
        archive.reader.seek(SeekFrom::Start(end)).map_err(io)?;
        archive.at = end;
        archive.padding(&name, entry.size)?;
        Ok(Some(Stretch {
            file,
            offset,
            path: archive.path.clone(),
        }))
    }

    fn finish(&mut self, signatures: &[(String, Vec<u8>)], listed: &[Entry]) -> Result<(), BundleError> {
        self.0.finish(signatures, listed)
    }
}

/// What people hand over by mistake deserves a better text than "a damaged header".
fn not_a_bundle(start: &[u8]) -> Result<(), BundleError> {
    const COMPRESSED: [(&[u8], &str); 4] = [
        (b"\x1f\x8b", "gzip"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\xfd7zXZ\0", "xz"),
        (b"BZh", "bzip2"),
    ];
    if let Some((_, with)) = COMPRESSED.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Err(BundleError::Compressed { with });
    }
    let problem = if start.is_empty() {
        "it is empty"
    } else if start.len() < BLOCK_LEN {
        "it is too short"
    } else if !start[257..].starts_with(b"ustar") {
        "it is not a tar archive"
    } else if !start.starts_with(INDEX_PATH.as_bytes()) {
        "it is a tar archive that does not start with airlock.json"
    } else {
        return Ok(());
    };
    Err(BundleError::NotABundle {
        problem: problem.to_owned(),
    })
}
