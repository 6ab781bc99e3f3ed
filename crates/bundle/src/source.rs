use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use airlock_spec::index::INDEX_PATH;
use airlock_trust::{MAX_SIGNATURE_FILES, MAX_SIGNATURE_SIZE};

use crate::{BundleError, Entry};

/// An index larger than this is refused, since it is read before it can be trusted.
pub(crate) const MAX_INDEX: u64 = 16 << 20;

/// A lock larger than this is refused, since it is read into memory.
pub(crate) const MAX_LOCK: u64 = 32 << 20;

/// How much is read at once.
pub(crate) const CHUNK: usize = 1 << 20;

/// Takes content piece by piece.
pub(crate) type Take<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), BundleError>;

/// Where the content of an entry can be read, by any thread.
pub(crate) struct Stretch {
    pub(crate) file: File,
    pub(crate) offset: u64,
    /// For error texts.
    pub(crate) path: PathBuf,
}

impl Stretch {
    /// Passes on the content of an entry, which is not verified.
    pub(crate) fn copy(&self, entry: &Entry, buffer: &mut [u8], take: Take<'_>) -> Result<(), BundleError> {
        let (mut at, mut left) = (self.offset, entry.size);
        while left > 0 {
            let want = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
            let count = match self.file.read_at(&mut buffer[..want], at) {
                Ok(0) => {
                    return Err(BundleError::Truncated {
                        entry: entry.path.to_string(),
                    });
                }
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(BundleError::io("reading the bundle", &self.path)(error)),
            };
            take(&buffer[..count])?;
            at += count as u64;
            left -= count as u64;
        }
        Ok(())
    }
}

/// What is read before anything can be trusted.
#[derive(Debug)]
pub(crate) struct Head {
    /// The bytes of `airlock.json`.
    pub(crate) index: Vec<u8>,
    /// Name and content of each signature, in order of name.
    pub(crate) signatures: Vec<(String, Vec<u8>)>,
}

/// A bundle as an archive or as a folder. The calls come in the order in which they stand here, and the entries in the
/// order of the index.
pub(crate) trait Source: Send {
    /// The index and the signatures, all of bounded size.
    fn head(&mut self) -> Result<Head, BundleError>;

    /// Passes on the content of the next entry, exactly `entry.size` bytes, which are not verified.
    fn copy(&mut self, entry: &Entry, take: Take<'_>) -> Result<(), BundleError>;

    /// Goes past the next entry, and says where its content can be read meanwhile. `None`, and nothing done, where
    /// that is not possible.
    fn locate(&mut self, entry: &Entry) -> Result<Option<Stretch>, BundleError> {
        let _ = entry;
        Ok(None)
    }

    /// Makes sure that nothing follows; `signatures` and `listed` are all that may be there.
    fn finish(&mut self, signatures: &[(String, Vec<u8>)], listed: &[Entry]) -> Result<(), BundleError>;
}

/// Refuses an index of this size.
pub(crate) fn check_index_size(size: u64) -> Result<(), BundleError> {
    if size > MAX_INDEX {
        return Err(BundleError::TooLarge {
            entry: INDEX_PATH.to_owned(),
            size,
            limit: MAX_INDEX,
        });
    }
    Ok(())
}

/// Refuses one more signature, or one of this size.
pub(crate) fn check_signature(so_far: usize, name: &str, size: u64) -> Result<(), BundleError> {
    if so_far >= MAX_SIGNATURE_FILES {
        return Err(BundleError::TooManySignatures {
            limit: MAX_SIGNATURE_FILES,
        });
    }
    let limit = MAX_SIGNATURE_SIZE as u64;
    if size > limit {
        return Err(BundleError::TooLarge {
            entry: name.to_owned(),
            size,
            limit,
        });
    }
    Ok(())
}
