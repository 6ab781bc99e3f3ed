//! The content of all entries of a bundle file, hashed on several threads and in several lanes each.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use airlock_content::HashError;
use airlock_hash::{Engine, Shares, Stream, hash_many};
use airlock_types::Digest;

use crate::bundle::content_error;
use crate::file::At;
use crate::{BundleError, Entry};

/// Compares every entry, whose content starts at the offset of the same place, with its digest.
///
/// Entries are done in the order that keeps all lanes busy, yet the error is that of the first wrong one: when an entry is
/// found to be wrong, those before it are still checked and those after it are given up.
pub(crate) fn check(
    engine: Engine,
    threads: usize,
    file: At<'_>,
    entries: &[Entry],
    offsets: &[u64],
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(), BundleError> {
    let sizes: Vec<u64> = entries.iter().map(|entry| entry.size).collect();
    let shares = Shares::new(&sizes, threads);
    let chunk = engine.chunk(shares.threads());
    let wrong = Wrong::default();
    let run = |thread: usize| {
        let next = || {
            loop {
                let at = shares.next(thread)?;
                if let (Some(entry), Some(offset)) = (entries.get(at), offsets.get(at))
                    && !wrong.is_before(at)
                {
                    return Some(Content {
                        at,
                        entry,
                        offset: *offset,
                        left: entry.size,
                        file,
                        wrong: &wrong,
                        progress,
                    });
                }
            }
        };
        let done = |content: Content<'_>, result: Result<[u8; 32], GivenUp>| match result {
            Ok(hash) if Digest::sha256(hash) == content.entry.digest => {}
            Ok(hash) => {
                let error = HashError::Digest {
                    expected: content.entry.digest,
                    actual: Digest::sha256(hash),
                };
                wrong.set(content.at, content_error(content.entry)(error));
            }
            Err(GivenUp::Failed(error)) => wrong.set(content.at, error),
            Err(GivenUp::Needless) => {}
        };
        loop {
            hash_many(engine, chunk, next, done);
            if !shares.help(thread) {
                break;
            }
        }
    };
    std::thread::scope(|scope| {
        for thread in 1..shares.threads() {
            let run = &run;
            scope.spawn(move || run(thread));
        }
        run(0);
    });
    wrong.into_result()
}

/// The first wrong entry so far.
struct Wrong {
    /// Its place, or `usize::MAX`.
    at: AtomicUsize,
    error: Mutex<Option<(usize, BundleError)>>,
}

impl Default for Wrong {
    fn default() -> Self {
        Self {
            at: AtomicUsize::new(usize::MAX),
            error: Mutex::default(),
        }
    }
}

impl Wrong {
    /// Whether an entry before this one is wrong.
    fn is_before(&self, at: usize) -> bool {
        self.at.load(Ordering::Relaxed) < at
    }

    fn set(&self, at: usize, error: BundleError) {
        let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        if first.as_ref().is_none_or(|(earlier, _)| at < *earlier) {
            self.at.store(at, Ordering::Relaxed);
            *first = Some((at, error));
        }
    }

    fn into_result(self) -> Result<(), BundleError> {
        match self.error.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }
}

/// Why an entry was not read to its end.
enum GivenUp {
    Failed(BundleError),
    /// An earlier one is wrong, so that nobody will hear of this one.
    Needless,
}

/// The content of one entry.
struct Content<'a> {
    at: usize,
    entry: &'a Entry,
    offset: u64,
    left: u64,
    file: At<'a>,
    wrong: &'a Wrong,
    progress: &'a (dyn Fn(u64) + Sync),
}

impl Stream for Content<'_> {
    type Error = GivenUp;

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, GivenUp> {
        if self.wrong.is_before(self.at) {
            return Err(GivenUp::Needless);
        }
        let count = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        if count > 0 {
            self.file
                .read(&mut buffer[..count], self.offset, &self.entry.path.to_string())
                .map_err(GivenUp::Failed)?;
            self.offset += count as u64;
            self.left -= count as u64;
            (self.progress)(count as u64);
        }
        Ok(count)
    }
}
