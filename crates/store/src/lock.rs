//! Locks between processes, and the marker for blobs that may not be on the disk yet.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use airlock_content::StoreError;
use rustix::fs::FlockOperation;

use crate::files;

/// Prefix of the markers in `airlock/tmp`.
pub(crate) const UNSYNCED: &str = "unsynced-";

/// A lock file, held until dropped.
#[derive(Debug)]
pub(crate) struct FileLock {
    file: File,
    path: PathBuf,
}

impl FileLock {
    /// Opens the file without taking the lock.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        // For writing, since exclusive locks over NFS need that.
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o644)
            .open(path)
            .map_err(StoreError::io("opening the lock", path))?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// Waits for the lock, alone.
    pub(crate) fn exclusive(path: &Path) -> Result<Self, StoreError> {
        let lock = Self::open(path)?;
        lock.flock(FlockOperation::LockExclusive)?;
        Ok(lock)
    }

    /// Takes the lock alone if nobody has it. Gives up a lock that was held shared.
    pub(crate) fn try_exclusive(&self) -> Result<bool, StoreError> {
        match self.flock(FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Waits for the lock, together with others.
    pub(crate) fn share(&self) -> Result<(), StoreError> {
        self.flock(FlockOperation::LockShared)
    }

    fn flock(&self, operation: FlockOperation) -> Result<(), StoreError> {
        rustix::io::retry_on_intr(|| rustix::fs::flock(&self.file, operation))
            .map_err(io::Error::from)
            .map_err(StoreError::io("taking the lock", &self.path))
    }
}

/// The shared lock of whoever adds blobs, with the marker that says whether there are unsynced ones.
#[derive(Debug)]
pub(crate) struct AddingLock {
    pub(crate) lock: FileLock,
    temporaries: PathBuf,
    /// Read-locked while a blob gets its name, so that a sync covers every blob its marker stood for.
    marker: RwLock<Option<PathBuf>>,
}

impl AddingLock {
    pub(crate) fn new(lock: FileLock, temporaries: PathBuf) -> Self {
        Self {
            lock,
            temporaries,
            marker: RwLock::new(None),
        }
    }

    /// Runs `place`, which gives a blob its name, with the marker in place.
    pub(crate) fn with_marker<T>(
        &self,
        place: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        loop {
            let marker = self.marker.read().unwrap_or_else(PoisonError::into_inner);
            if marker.is_some() {
                return place();
            }
            drop(marker);
            let mut marker = self.marker.write().unwrap_or_else(PoisonError::into_inner);
            if marker.is_none() {
                let (mut file, path) = files::create_temporary(&self.temporaries, UNSYNCED)?;
                file.write_all(boot_id().as_bytes())
                    .and_then(|()| file.sync_all())
                    .map_err(|error| files::full_or_io("writing the marker", &path, 64, error))?;
                files::sync_folder(&self.temporaries)?;
                *marker = Some(path);
            }
        }
    }

    /// Writes every blob placed so far to the disk, then takes the marker away.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let marker = self.marker.write().unwrap_or_else(PoisonError::into_inner).take();
        sync_file_system(&self.temporaries)?;
        marker.as_deref().map_or(Ok(()), files::remove)
    }
}

impl Drop for AddingLock {
    fn drop(&mut self) {
        let unsynced = self.marker.read().is_ok_and(|marker| marker.is_some());
        if unsynced {
            // A failure leaves the marker in place, and with it the work to the next writer.
            let _ = self.sync();
        }
    }
}

/// Writes out the file system that holds the store.
pub(crate) fn sync_file_system(path: &Path) -> Result<(), StoreError> {
    let folder = File::open(path).map_err(StoreError::io("opening the folder", path))?;
    rustix::fs::syncfs(&folder)
        .map_err(io::Error::from)
        .map_err(StoreError::io("writing the file system to the disk", path))
}

/// Tells one run of the machine from the next; empty where the kernel does not say.
pub(crate) fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}
