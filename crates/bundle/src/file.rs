use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use airlock_content::{BlobBody, BlobRead, Generation, GenerationView, StoreError, Verifier};
use airlock_hash::Engine;
use airlock_spec::lock::Lock;
use airlock_trust::{Policy, Verdict, Verified};
use airlock_types::Digest;

use crate::archive::Archive;
use crate::bundle::content_error;
use crate::content;
use crate::header::{BLOCK, BLOCK_LEN, END, explain, header, padding};
use crate::source::{CHUNK, Head, Source};
use crate::{BundleError, CheckedIndex, Entry, EntryPath};

/// A bundle file that is read in place, through an offset index: served without an import, or checked by several
/// threads at once.
///
/// [`BundleFile::open`] establishes the index, the lock, and that the archive has exactly the form that the index
/// demands: every header, all padding, the end. The content of blobs is not looked at until
/// [`BundleFile::check_content`] is called; who serves or imports from a `BundleFile` calls it first, or hashes
/// what it reads. The file must not be writable by others meanwhile.
pub struct BundleFile {
    file: File,
    path: PathBuf,
    verified: Verified<'static>,
    signatures: Vec<(String, Vec<u8>)>,
    index: CheckedIndex,
    lock: Lock,
    /// Where each entry's content starts, in the order of the index.
    offsets: Vec<u64>,
    blobs: HashMap<Digest, (u64, u64)>,
    generation: Arc<Generation>,
}

impl std::fmt::Debug for BundleFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BundleFile")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl BundleFile {
    /// Checks the signatures, the index, the lock and the form of the whole archive, but not the content of blobs.
    pub fn open(path: &Path, policy: &Policy) -> Result<Self, BundleError> {
        // Looked at first, since opening a pipe would wait for a writer.
        let facts = path
            .metadata()
            .map_err(BundleError::io("opening the bundle", path))?;
        if !facts.is_file() {
            return Err(BundleError::NotABundle {
                problem: "it is not a file, which is needed to read it in place".to_owned(),
            });
        }
        let file = File::open(path).map_err(BundleError::io("opening the bundle", path))?;
        let len = file
            .metadata()
            .map_err(BundleError::io("reading the bundle", path))?
            .len();
        let mut archive = Archive::new(&file, path.to_owned());
        let Head { index, signatures } = archive.head()?;
        let verified = airlock_trust::verify(index, &signatures, policy)?;
        let index = CheckedIndex::parse(verified.bytes())?;

        let reader = At { file: &file, path };
        let offsets = reader.check_form(archive.files_start(), len, index.entries())?;
        let mut lock = None;
        let mut blobs = HashMap::new();
        for (entry, offset) in index.entries().iter().zip(&offsets) {
            match &entry.path {
                EntryPath::Lock => {
                    lock = Some(Lock::from_exact_bytes(&reader.read_verified(entry, *offset)?)?);
                }
                EntryPath::Blob(digest) => {
                    blobs.insert(*digest, (*offset, entry.size));
                }
                _ => {}
            }
        }
        let lock = lock.ok_or_else(|| BundleError::index("airlock.lock is not listed"))?;
        index.check_lock(&lock)?;
        Ok(Self {
            generation: Arc::new(index.generation().clone()),
            path: path.to_owned(),
            file,
            verified,
            signatures,
            index,
            lock,
            offsets,
            blobs,
        })
    }

    /// The index.
    pub fn index(&self) -> &CheckedIndex {
        &self.index
    }

    /// The bytes of `airlock.json`, as they were signed.
    pub fn index_bytes(&self) -> &[u8] {
        self.verified.bytes()
    }

    /// Path and content of each signature.
    pub fn signatures(&self) -> &[(String, Vec<u8>)] {
        &self.signatures
    }

    /// Which keys established the index.
    pub fn verdict(&self) -> &Verdict {
        self.verified.verdict()
    }

    /// The lock.
    pub fn lock(&self) -> &Lock {
        &self.lock
    }

    /// Hashes the content of every entry, on `threads` threads, many entries at a time where the processor gains by
    /// it. `progress` hears of the bytes as they are read. The error is that of the first entry that is wrong.
    pub fn check_content(&self, threads: usize, progress: &(dyn Fn(u64) + Sync)) -> Result<(), BundleError> {
        self.check_content_with(Engine::best(), threads, progress)
    }

    /// [`check_content`](Self::check_content) by an engine of the caller's choice.
    ///
    /// # Panics
    /// If this processor cannot run the engine.
    pub fn check_content_with(
        &self,
        engine: Engine,
        threads: usize,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<(), BundleError> {
        let reader = At {
            file: &self.file,
            path: &self.path,
        };
        content::check(
            engine,
            threads,
            reader,
            self.index.entries(),
            &self.offsets,
            progress,
        )
    }
}

/// Reads a file at positions.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    file: &'a File,
    path: &'a Path,
}

impl At<'_> {
    pub(crate) fn read(&self, buffer: &mut [u8], at: u64, entry: &str) -> Result<(), BundleError> {
        self.file.read_exact_at(buffer, at).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                BundleError::Truncated {
                    entry: entry.to_owned(),
                }
            } else {
                BundleError::io("reading the bundle", self.path)(error)
            }
        })
    }

    /// Every header is the one that must stand there, all padding is zero, and the file ends where it must.
    fn check_form(&self, start: u64, len: u64, entries: &[Entry]) -> Result<Vec<u64>, BundleError> {
        let mut offsets = Vec::with_capacity(entries.len());
        let mut at = start;
        let mut before = 0;
        let mut block = [0; 2 * BLOCK_LEN];
        for entry in entries {
            // The padding of the entry before and this entry's header, in one read.
            let name = entry.path.to_string();
            let (zeros, next) = self.gap(&mut block, at, before, BLOCK_LEN, &name)?;
            if zeros.iter().any(|byte| *byte != 0) {
                return Err(BundleError::entry(&name, "does not follow zero bytes"));
            }
            let expected = header(&name, entry.size);
            if next != expected {
                let found = next.try_into().unwrap_or(expected);
                return Err(BundleError::entry(&name, explain(&found, &name, entry.size)));
            }
            offsets.push(at + before + BLOCK);
            at += before + BLOCK + entry.size;
            before = padding(entry.size);
        }
        let mut end = [0; END.len() + BLOCK_LEN];
        let (zeros, blocks) = self.gap(&mut end, at, before, END.len(), "the end of the archive")?;
        if zeros.iter().chain(blocks).any(|byte| *byte != 0) {
            return Err(BundleError::End {
                problem: "other bytes follow".to_owned(),
            });
        }
        if at + before + END.len() as u64 != len {
            return Err(BundleError::End {
                problem: "bytes follow the two zero blocks at its end".to_owned(),
            });
        }
        Ok(offsets)
    }

    /// `before` bytes and then `after` bytes from `at` on, split.
    fn gap<'b>(
        &self,
        buffer: &'b mut [u8],
        at: u64,
        before: u64,
        after: usize,
        name: &str,
    ) -> Result<(&'b [u8], &'b [u8]), BundleError> {
        let before = usize::try_from(before).unwrap_or_default();
        let part = &mut buffer[..before + after];
        self.read(part, at, name)?;
        Ok(part.split_at(before))
    }

    /// The content of an entry that is known to be small.
    fn read_verified(&self, entry: &Entry, offset: u64) -> Result<Vec<u8>, BundleError> {
        let mut bytes = Vec::new();
        let mut verifier = Verifier::new(entry.digest, entry.size);
        let mut left = entry.size;
        while left > 0 {
            let done = bytes.len();
            let want = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
            bytes.resize(done + want, 0);
            let part = &mut bytes[done..];
            self.read(part, offset + (entry.size - left), &entry.path.to_string())?;
            verifier.update(part).map_err(content_error(entry))?;
            left -= want as u64;
        }
        verifier.finish().map_err(content_error(entry))?;
        Ok(bytes)
    }
}

impl BlobRead for BundleFile {
    fn size(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        Ok(self.blobs.get(digest).map(|(_, size)| *size))
    }

    fn open(&self, digest: &Digest) -> Result<Option<BlobBody>, StoreError> {
        let Some((offset, len)) = self.blobs.get(digest).copied() else {
            return Ok(None);
        };
        let file = self
            .file
            .try_clone()
            .map_err(StoreError::io("reading the bundle", &self.path))?;
        Ok(Some(BlobBody::File { file, offset, len }))
    }
}

impl GenerationView for BundleFile {
    fn generation(&self) -> Result<Arc<Generation>, StoreError> {
        Ok(Arc::clone(&self.generation))
    }
}
