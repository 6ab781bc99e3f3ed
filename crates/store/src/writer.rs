use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use airlock_content::{BlobRead, BlobWriter, StoreError, Verifier};
use airlock_types::Digest;
use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use crate::lock::AddingLock;
use crate::{Store, files};

/// Below this length, reserving space costs more than it saves.
const RESERVE_FROM: u64 = 128 * 1024;

/// The digests of the blobs that an addition has placed.
pub(crate) type Added = Arc<Mutex<Vec<Digest>>>;

/// Takes one blob into a [`Store`]: under a temporary name, until it is complete and right.
pub struct FileWriter {
    store: Store,
    verifier: Verifier,
    size: u64,
    /// `None` when the store holds the blob already: then the bytes are checked and let go.
    file: Option<(File, Temporary)>,
    added: Option<Added>,
    lock: Arc<AddingLock>,
}

/// A temporary file, removed unless it was given its name.
struct Temporary {
    path: PathBuf,
    placed: bool,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.placed {
            // What cannot be removed now is removed by the next writer.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl FileWriter {
    pub(crate) fn new(
        store: &Store,
        lock: Arc<AddingLock>,
        digest: Digest,
        size: u64,
        added: Option<Added>,
    ) -> Result<Self, StoreError> {
        let file = if store.size(&digest)? == Some(size) {
            None
        } else {
            let (file, path) = files::create_temporary(&store.temporaries(), "blob-")?;
            let temporary = Temporary { path, placed: false };
            reserve(&file, size).map_err(|error| {
                files::full_or_io("reserving space for the blob", store.root(), size, error)
            })?;
            Some((file, temporary))
        };
        Ok(Self {
            store: store.clone(),
            verifier: Verifier::new(digest, size),
            size,
            file,
            added,
            lock,
        })
    }
}

/// Reserves space without making the file longer, so that what was not written is never mistaken for zeros.
pub(crate) fn reserve(file: &File, size: u64) -> io::Result<()> {
    if size < RESERVE_FROM {
        return Ok(());
    }
    match rustix::io::retry_on_intr(|| rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, 0, size)) {
        // Not every file system can; the writes then find out.
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(()),
        // A size beyond what the file system can address is a size that it has no room for.
        Err(Errno::FBIG) => Err(io::ErrorKind::StorageFull.into()),
        Err(error) => Err(error.into()),
    }
}

impl BlobWriter for FileWriter {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.verifier.update(bytes)?;
        if let Some((file, _)) = &mut self.file {
            file.write_all(bytes).map_err(|error| {
                files::full_or_io("writing the blob", self.store.root(), self.size, error)
            })?;
        }
        Ok(())
    }

    fn commit(self) -> Result<(), StoreError> {
        let digest = self.verifier.digest();
        self.verifier.finish()?;
        let Some((file, mut temporary)) = self.file else {
            return Ok(());
        };
        drop(file);
        self.lock.with_marker(|| {
            if self.store.size(&digest)? == Some(self.size) {
                return Ok(());
            }
            let path = self.store.blob_path(&digest);
            files::rename("placing the blob", &temporary.path, &path)?;
            temporary.placed = true;
            if let Some(added) = &self.added {
                added.lock().unwrap_or_else(PoisonError::into_inner).push(digest);
            }
            Ok(())
        })
    }
}
