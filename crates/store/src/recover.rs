//! Clearing up after a writer that was killed, or a machine that lost power.

use std::fs;
use std::io::{self, Read};

use airlock_content::{BlobRead, HashError, StoreError, Verifier};
use airlock_types::{Algorithm, Digest};

use crate::claim::FETCH;
use crate::lock::{self, UNSYNCED};
use crate::{Store, files};

/// What becomes of unfinished fetches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fetches {
    Stay,
    Go,
}

/// What lay in `airlock/tmp`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Leftovers {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
}

impl Store {
    /// Counts what lies in `airlock/tmp`.
    pub(crate) fn leftovers(&self) -> Result<Leftovers, StoreError> {
        let folder = self.temporaries();
        let mut found = Leftovers::default();
        for name in files::names(&folder)? {
            let path = folder.join(&name);
            if let Ok(metadata) = fs::symlink_metadata(&path)
                && !name.starts_with(UNSYNCED)
            {
                found.count += 1;
                found.bytes += if metadata.is_file() { metadata.len() } else { 0 };
            }
        }
        Ok(found)
    }

    /// Removes what killed writers left. The caller holds `adding` exclusively, which proves that nobody uses it.
    /// The beginnings of blobs that were being fetched may stay, since the next fetch goes on from there.
    pub(crate) fn recover(&self, fetches: Fetches) -> Result<(), StoreError> {
        let folder = self.temporaries();
        let (markers, leftovers): (Vec<_>, Vec<_>) = files::names(&folder)?
            .into_iter()
            .partition(|name| name.starts_with(UNSYNCED));
        for name in leftovers {
            if fetches == Fetches::Stay && name.starts_with(FETCH) {
                continue;
            }
            let path = folder.join(name);
            let removed = match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(&path),
                _ => fs::remove_file(&path),
            };
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(StoreError::io("removing what an earlier run left", path)(error));
                }
                _ => {}
            }
        }
        if markers.is_empty() {
            return Ok(());
        }
        let this_boot = lock::boot_id();
        let survived = !this_boot.is_empty()
            && markers
                .iter()
                .all(|name| fs::read_to_string(folder.join(name)).is_ok_and(|text| text == this_boot));
        if !survived {
            self.drop_torn_blobs()?;
        }
        lock::sync_file_system(&folder)?;
        for name in markers {
            files::remove(&folder.join(name))?;
        }
        Ok(())
    }

    /// After a power cut: removes the blobs that are not what their names say, among those that no
    /// generation reaches. The others were synced before their generation was published.
    fn drop_torn_blobs(&self) -> Result<(), StoreError> {
        let (reached, _) = self.reached_as_far_as_readable()?;
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            for digest in self.blobs(algorithm)? {
                if !reached.contains(&digest) && self.check_blob(&digest, |_| {})?.is_err() {
                    files::remove(&self.blob_path(&digest))?;
                }
            }
        }
        Ok(())
    }

    /// The digests that name a blob, in order.
    pub(crate) fn blobs(&self, algorithm: Algorithm) -> Result<Vec<Digest>, StoreError> {
        Ok(files::names(&self.blob_folder(algorithm))?
            .iter()
            .filter_map(|name| format!("{algorithm}:{name}").parse().ok())
            .collect())
    }

    /// Every blob held and its length, in order: what a builder needs to leave out of a delta.
    pub fn inventory(&self) -> Result<Vec<(Digest, u64)>, StoreError> {
        let mut held = Vec::new();
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            for digest in self.blobs(algorithm)? {
                if let Some(size) = self.size(&digest)? {
                    held.push((digest, size));
                }
            }
        }
        Ok(held)
    }

    /// Reads a blob from end to end and compares it with its name.
    pub(crate) fn check_blob(
        &self,
        digest: &Digest,
        mut progress: impl FnMut(u64),
    ) -> Result<Result<(), BlobFault>, StoreError> {
        let Some(body) = self.open(digest)? else {
            return Ok(Ok(()));
        };
        let mut verifier = Verifier::new(*digest, body.len());
        let read = body.into_reader().and_then(|mut reader| {
            let mut buffer = vec![0; 256 * 1024];
            loop {
                let count = match reader.read(&mut buffer) {
                    Ok(0) => return Ok(Ok(())),
                    Ok(count) => count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error),
                };
                if let Err(error) = verifier.update(&buffer[..count]) {
                    return Ok(Err(error));
                }
                progress(count as u64);
            }
        });
        Ok(match read {
            Ok(Ok(())) => verifier.finish().map_err(BlobFault::Content),
            Ok(Err(error)) => Err(BlobFault::Content(error)),
            Err(error) => Err(BlobFault::Unreadable(error)),
        })
    }
}

/// What is wrong with a blob.
#[derive(Debug)]
pub(crate) enum BlobFault {
    Content(HashError),
    Unreadable(io::Error),
}
