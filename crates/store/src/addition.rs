use std::sync::{Arc, PoisonError};

use airlock_content::{Addition, BlobBody, BlobRead, BlobStore, StoreError};
use airlock_types::Digest;

use crate::lock::AddingLock;
use crate::writer::Added;
use crate::{FileWriter, Store, files};

/// Blobs on their way into a generation of a [`Store`]. Garbage collection waits while it lives.
#[derive(Debug)]
pub struct StoreAddition {
    store: Store,
    lock: Arc<AddingLock>,
    added: Added,
}

impl StoreAddition {
    pub(crate) fn new(store: &Store) -> Result<Self, StoreError> {
        Ok(Self {
            lock: store.adding_lock()?,
            store: store.clone(),
            added: Added::default(),
        })
    }
}

impl BlobRead for StoreAddition {
    fn size(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        self.store.size(digest)
    }

    fn open(&self, digest: &Digest) -> Result<Option<BlobBody>, StoreError> {
        self.store.open(digest)
    }
}

impl BlobStore for StoreAddition {
    type Writer = FileWriter;

    fn create(&self, digest: Digest, size: u64) -> Result<FileWriter, StoreError> {
        FileWriter::new(
            &self.store,
            Arc::clone(&self.lock),
            digest,
            size,
            Some(Arc::clone(&self.added)),
        )
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.lock.sync()
    }
}

impl Addition for StoreAddition {
    fn undo(self) -> Result<usize, StoreError> {
        let added = std::mem::take(&mut *self.added.lock().unwrap_or_else(PoisonError::into_inner));
        if added.is_empty() {
            return Ok(0);
        }
        self.store.release_lock();
        // Others through this handle, or other processes, may have found these blobs and left theirs out.
        let Ok(alone) = Arc::try_unwrap(self.lock) else {
            return Ok(added.len());
        };
        if !alone.lock.try_exclusive()? {
            return Ok(added.len());
        }
        // The lock was open for a moment while it changed hands: someone may have published them meanwhile.
        let Ok(reached) = self.store.reached_by_all() else {
            return Ok(added.len());
        };
        for digest in &added {
            if !reached.contains(digest) {
                files::remove(&self.store.blob_path(digest))?;
            }
        }
        alone.sync()?;
        Ok(0)
    }
}
