//! The content of all blobs, hashed on several threads and, for SHA-256, in several lanes each.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use airlock_content::{BlobRead, Event, HashError, Reporter, StoreError};
use airlock_hash::{Engine, Shares, Stream, hash_many};
use airlock_types::{Algorithm, Digest};

use crate::recover::BlobFault;
use crate::{Corrupt, Store};

/// Blobs being compared with their names.
pub(crate) struct Check<'a> {
    store: &'a Store,
    engine: Engine,
    reporter: &'a dyn Reporter,
    corrupt: Mutex<Vec<Corrupt>>,
    /// Set when the check cannot go on, so that no thread begins another blob.
    stop: AtomicBool,
}

impl<'a> Check<'a> {
    pub(crate) fn new(store: &'a Store, engine: Engine, reporter: &'a dyn Reporter) -> Self {
        Self {
            store,
            engine,
            reporter,
            corrupt: Mutex::default(),
            stop: AtomicBool::new(false),
        }
    }

    /// Reads every blob of the list; the corrupt ones come back in order of digest. 0 threads mean one for each processor.
    pub(crate) fn run(self, work: &[(Digest, u64)], threads: usize) -> Result<Vec<Corrupt>, StoreError> {
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            some => some,
        };
        let (lanes, others): (Vec<_>, Vec<_>) = work
            .iter()
            .copied()
            .partition(|(digest, _)| digest.algorithm() == Algorithm::Sha256);
        let sizes: Vec<u64> = lanes.iter().map(|(_, size)| *size).collect();
        let shares = Shares::new(&sizes, threads);
        let next = AtomicUsize::new(0);
        let run = |thread: usize| {
            let result = self
                .in_lanes(&lanes, &shares, thread)
                .and_then(|()| self.one_by_one(&others, &next));
            if result.is_err() {
                self.stop.store(true, Ordering::Relaxed);
            }
            result
        };
        std::thread::scope(|scope| {
            let run = &run;
            let others: Vec<_> = (1..threads.min(work.len()))
                .map(|thread| scope.spawn(move || run(thread)))
                .collect();
            let mut result = run(0);
            for other in others {
                let joined = other
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                result = result.and(joined);
            }
            result
        })?;
        let mut corrupt = self.corrupt.into_inner().unwrap_or_else(PoisonError::into_inner);
        corrupt.sort_unstable_by_key(|blob| blob.digest);
        Ok(corrupt)
    }

    fn in_lanes(&self, work: &[(Digest, u64)], shares: &Shares, thread: usize) -> Result<(), StoreError> {
        // There are more threads than shares when most blobs are not named by SHA-256.
        if thread >= shares.threads() {
            return Ok(());
        }
        let chunk = self.engine.chunk(shares.threads());
        let mut failed = None;
        loop {
            let next = || {
                while !self.stop.load(Ordering::Relaxed) && failed.is_none() {
                    let (digest, size) = work.get(shares.next(thread)?)?;
                    match self.begin(digest, *size) {
                        Ok(Some(blob)) => return Some(blob),
                        Ok(None) => {}
                        Err(error) => failed = Some(error),
                    }
                }
                None
            };
            hash_many(self.engine, chunk, next, |blob, hash| {
                self.end(&blob.name, blob.digest, blob.size, blob.result(hash));
            });
            if let Some(error) = failed {
                return Err(error);
            }
            if self.stop.load(Ordering::Relaxed) || !shares.help(thread) {
                return Ok(());
            }
        }
    }

    /// Opens a blob; nothing when it is gone, which is for others to notice.
    fn begin(&self, digest: &Digest, size: u64) -> Result<Option<Blob<'a>>, StoreError> {
        let name = digest.short();
        self.reporter.event(Event::Start {
            name: &name,
            bytes: Some(size),
        });
        let Some(body) = self.store.open(digest)? else {
            self.end(&name, *digest, size, Ok(()));
            return Ok(None);
        };
        let length = body.len();
        match body.into_reader() {
            Ok(reader) => Ok(Some(Blob {
                digest: *digest,
                size,
                name,
                length,
                seen: 0,
                reader,
                reporter: self.reporter,
            })),
            Err(error) => {
                self.end(&name, *digest, size, Err(BlobFault::Unreadable(error)));
                Ok(None)
            }
        }
    }

    fn one_by_one(&self, work: &[(Digest, u64)], next: &AtomicUsize) -> Result<(), StoreError> {
        while let Some((digest, size)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            let name = digest.short();
            self.reporter.event(Event::Start {
                name: &name,
                bytes: Some(*size),
            });
            let result = self.store.check_blob(digest, |bytes| {
                self.reporter.event(Event::Progress { name: &name, bytes });
            })?;
            self.end(&name, *digest, *size, result);
        }
        Ok(())
    }

    /// Takes note of what became of a blob.
    fn end(&self, name: &str, digest: Digest, size: u64, result: Result<(), BlobFault>) {
        let found = match result {
            Ok(()) => {
                self.reporter.event(Event::Done { name, digest: None });
                return;
            }
            Err(BlobFault::Content(error)) => error.to_string(),
            Err(BlobFault::Unreadable(error)) => format!("the file cannot be read: {error}"),
        };
        self.reporter.event(Event::Failed { name });
        self.corrupt
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Corrupt {
                digest,
                size,
                found,
                needed: false,
                quarantined: None,
            });
    }
}

/// A blob in a lane.
struct Blob<'a> {
    digest: Digest,
    /// Its length when it was listed.
    size: u64,
    name: String,
    /// Its length when it was opened.
    length: u64,
    seen: u64,
    reader: Box<dyn Read + Send>,
    reporter: &'a dyn Reporter,
}

impl Blob<'_> {
    fn result(&self, hash: io::Result<[u8; 32]>) -> Result<(), BlobFault> {
        let actual = Digest::sha256(hash.map_err(BlobFault::Unreadable)?);
        if self.seen < self.length {
            return Err(BlobFault::Content(HashError::TooShort {
                digest: self.digest,
                expected: self.length,
                actual: self.seen,
            }));
        }
        if actual != self.digest {
            return Err(BlobFault::Content(HashError::Digest {
                expected: self.digest,
                actual,
            }));
        }
        Ok(())
    }
}

impl Stream for Blob<'_> {
    type Error = io::Error;

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.reader.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(count) => {
                    self.seen += count as u64;
                    if count > 0 {
                        self.reporter.event(Event::Progress {
                            name: &self.name,
                            bytes: count as u64,
                        });
                    }
                    return Ok(count);
                }
                Err(error) => return Err(error),
            }
        }
    }
}
