//! The right to fetch a blob: the lock on the very file that the blob grows in.
//!
//! So the lock goes with the process that holds it, and what a killed one has written is where the next
//! one looks for it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use airlock_content::{
    BlobBody, BlobClaim, BlobRead, BlobWriter, Claimed, HashError, SharedStore, StoreError, Verifier,
};
use airlock_types::Digest;
use rustix::fs::{FlockOperation, flock};

use crate::lock::AddingLock;
use crate::writer::reserve;
use crate::{Store, files};

/// Prefix of the files in `airlock/tmp` that blobs grow in.
pub(crate) const FETCH: &str = "fetch-";
/// How often a file may be replaced under our hands before that is no accident.
const TRIES: u32 = 100;

/// The right to fetch one blob into a [`Store`].
#[derive(Clone, Debug)]
pub struct StoreClaim(Arc<Growing>);

/// The locked file. Its lock is let go when the last claim and writer of it is dropped.
#[derive(Debug)]
struct Growing {
    store: Store,
    digest: Digest,
    size: u64,
    path: PathBuf,
    placed: AtomicBool,
    file: File,
    lock: Arc<AddingLock>,
}

impl Growing {
    fn left(&self) -> Result<u64, StoreError> {
        let metadata = self
            .file
            .metadata()
            .map_err(StoreError::io("reading what was left of the blob", &self.path))?;
        // What is too long is not the beginning of this blob.
        Ok(Some(metadata.len()).filter(|len| *len <= self.size).unwrap_or(0))
    }

    fn empty(&self) -> Result<(), StoreError> {
        self.file.set_len(0).map_err(StoreError::io(
            "letting go of what was left of the blob",
            &self.path,
        ))
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        // Still locked: nobody else can have begun to write to it.
        if !self.placed.load(Ordering::Relaxed) && self.left().is_ok_and(|left| left == 0) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl SharedStore for Store {
    type Claim = StoreClaim;

    fn claim(&self, digest: Digest, size: u64) -> Result<Claimed<StoreClaim>, StoreError> {
        let lock = self.adding_lock()?;
        self.keep_lock(&lock);
        let path = self.fetch_path(&digest);
        for _ in 0..TRIES {
            if self.size(&digest)? == Some(size) {
                return Ok(Claimed::Held);
            }
            let file = files::open_growing(&path)?;
            if !try_lock(&file, &path)? {
                let arrived = file.metadata().map_or(0, |metadata| metadata.len());
                return Ok(Claimed::Taken { arrived });
            }
            // The one before may have given it its name or removed it between opening and locking.
            if !is_at(&file, &path) {
                continue;
            }
            let growing = Growing {
                store: self.clone(),
                digest,
                size,
                path,
                placed: AtomicBool::new(false),
                file,
                lock,
            };
            if self.size(&digest)? == Some(size) {
                growing.empty()?;
                return Ok(Claimed::Held);
            }
            return Ok(Claimed::Granted(StoreClaim(Arc::new(growing))));
        }
        Err(StoreError::Locked { path })
    }

    fn forget(&self, digest: &Digest) -> Result<(), StoreError> {
        let path = self.fetch_path(digest);
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(StoreError::io("opening what was left of the blob", path)(error)),
        };
        if try_lock(&file, &path)? && is_at(&file, &path) {
            files::remove(&path)?;
        }
        Ok(())
    }
}

impl Store {
    fn fetch_path(&self, digest: &Digest) -> PathBuf {
        let name = format!("{FETCH}{}-{}", digest.algorithm(), digest.hex());
        self.temporaries().join(name)
    }
}

fn try_lock(file: &File, path: &Path) -> Result<bool, StoreError> {
    match rustix::io::retry_on_intr(|| flock(file, FlockOperation::NonBlockingLockExclusive)) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(StoreError::io("locking the blob that is fetched", path)(
            error.into(),
        )),
    }
}

/// Whether the open file is the one under this name.
fn is_at(file: &File, path: &Path) -> bool {
    let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(ours), Ok(there)) => id(ours) == id(there),
        _ => false,
    }
}

impl BlobClaim for StoreClaim {
    type Writer = ClaimWriter;

    fn left(&self) -> Result<u64, StoreError> {
        self.0.left()
    }

    fn read_left(&self) -> Result<Box<dyn Read + Send>, StoreError> {
        let failed = || StoreError::io("reading what was left of the blob", &self.0.path);
        let body = BlobBody::File {
            file: self.0.file.try_clone().map_err(failed())?,
            offset: 0,
            len: self.0.left()?,
        };
        body.into_reader().map_err(failed())
    }

    fn writer(&self, keep: bool) -> Result<ClaimWriter, StoreError> {
        let Growing {
            store, digest, size, ..
        } = &*self.0;
        if !keep {
            self.0.empty()?;
        }
        reserve(&self.0.file, *size)
            .map_err(|error| files::full_or_io("reserving space for the blob", store.root(), *size, error))?;
        Ok(ClaimWriter {
            growing: Arc::clone(&self.0),
            verifier: Verifier::new(*digest, *size),
            at: 0,
        })
    }
}

/// Takes a blob that was claimed into a [`Store`].
pub struct ClaimWriter {
    growing: Arc<Growing>,
    verifier: Verifier,
    at: u64,
}

/// Lets go of everything: it is known to be wrong, so nobody may go on from there.
fn wrong(growing: &Growing, error: HashError) -> StoreError {
    match growing.empty() {
        Ok(()) => error.into(),
        Err(error) => error,
    }
}

impl BlobWriter for ClaimWriter {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.verifier
            .update(bytes)
            .map_err(|error| wrong(&self.growing, error))?;
        self.growing.file.write_all_at(bytes, self.at).map_err(|error| {
            files::full_or_io(
                "writing the blob",
                self.growing.store.root(),
                self.growing.size,
                error,
            )
        })?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn commit(self) -> Result<(), StoreError> {
        let growing = &*self.growing;
        // Too little of it is no lie: what there is may be gone on from.
        if self.at == growing.size {
            self.verifier.finish().map_err(|error| wrong(growing, error))?;
        } else {
            self.verifier.finish()?;
        }
        growing.lock.with_marker(|| {
            let path = growing.store.blob_path(&growing.digest);
            fs::rename(&growing.path, &path).map_err(StoreError::io("placing the blob", path))?;
            growing.placed.store(true, Ordering::Relaxed);
            Ok(())
        })
    }
}
