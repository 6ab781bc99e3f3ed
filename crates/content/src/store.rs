use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use airlock_types::Digest;
use bytes::Bytes;

use crate::{Generation, Move, StoreError};

/// Verified content, ready to be read.
#[derive(Debug)]
pub enum BlobBody {
    /// A stretch of an open file, so that a server can hand it to the kernel.
    File {
        /// The file. Many bodies may share one open file, so read at positions and leave its cursor alone.
        file: File,
        /// Where the content starts.
        offset: u64,
        /// How long it is.
        len: u64,
    },
    /// Bytes in memory.
    Memory(Bytes),
}

impl BlobBody {
    /// The length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::File { len, .. } => *len,
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads from the first byte to the last. Not hashed again: what a store holds was checked when it came in.
    pub fn into_reader(self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::File { file, offset, len } => Box::new(Stretch {
                file,
                at: offset,
                left: len,
            }),
            Self::Memory(bytes) => Box::new(io::Cursor::new(bytes)),
        })
    }

    /// The whole content in memory; fails above `limit` bytes.
    pub fn into_bytes(self, limit: u64) -> io::Result<Bytes> {
        let len = self.len();
        if len > limit {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("the content is larger than {limit} bytes: {len}"),
            ));
        }
        if let Self::Memory(bytes) = self {
            return Ok(bytes);
        }
        let mut out = Vec::new();
        self.into_reader()?.read_to_end(&mut out)?;
        if out.len() as u64 != len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(out.into())
    }
}

/// Reads part of a file without moving its cursor.
struct Stretch {
    file: File,
    at: u64,
    left: u64,
}

impl Read for Stretch {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let want = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = self.file.read_at(&mut buffer[..want], self.at)?;
        self.at += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

/// Content by digest, for reading.
pub trait BlobRead: Send + Sync {
    /// The length of a blob, `None` where it is not held.
    fn size(&self, digest: &Digest) -> Result<Option<u64>, StoreError>;

    /// A blob, `None` where it is not held.
    fn open(&self, digest: &Digest) -> Result<Option<BlobBody>, StoreError>;
}

/// Content by digest, for reading and adding.
pub trait BlobStore: BlobRead {
    /// Takes the bytes of one blob.
    type Writer: BlobWriter;

    /// Starts to add a blob of which digest and size are known. Nothing is visible until
    /// [`BlobWriter::commit`]; a writer that is dropped leaves nothing behind.
    fn create(&self, digest: Digest, size: u64) -> Result<Self::Writer, StoreError>;

    /// Makes everything committed so far survive a power cut, before a generation names it.
    fn sync(&self) -> Result<(), StoreError>;
}

/// Takes the bytes of one blob, hashing them as they come.
pub trait BlobWriter: Send {
    /// The next bytes; more than announced is an error.
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError>;

    /// The blob is complete: fails unless size and digest are right.
    fn commit(self) -> Result<(), StoreError>;
}

/// A store, or a bundle file, as a server sees it.
pub trait GenerationView: BlobRead {
    /// The current generation. Cheap when it has not changed since the last call, so that it can be
    /// asked for on every request; the same [`Arc`] then comes back.
    fn generation(&self) -> Result<Arc<Generation>, StoreError>;

    /// Every move of the current generation, oldest first; none where there is no journal, as in a bundle.
    fn moves(&self) -> Result<Vec<Move>, StoreError> {
        Ok(Vec::new())
    }

    /// A generation that was current once, `None` where it is not held any more.
    fn earlier(&self, _id: &Digest) -> Result<Option<Generation>, StoreError> {
        Ok(None)
    }
}
