//! The blocking side of a transfer: bytes come in, are hashed once, and go to their places.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use airlock_content::{BlobWriter, HashError, StoreError, Verifier};
use bytes::Bytes;
use tokio::sync::mpsc::Receiver;

/// How much is read, hashed and written at once.
pub(crate) const CHUNK: usize = 256 * 1024;

/// Tells workers that nobody waits for them any more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cancel(Arc<AtomicBool>);

impl Cancel {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets it when the guard goes out of scope.
    pub(crate) fn on_drop(&self) -> CancelOnDrop {
        CancelOnDrop(self.clone())
    }
}

/// See [`Cancel::on_drop`].
pub(crate) struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Why content was not taken.
#[derive(Debug)]
pub(crate) enum TakeError {
    /// It is not the content that was asked for.
    Wrong(HashError),
    /// The cache failed.
    Cache(StoreError),
    /// The archive could not be written, or a local file not read.
    Io(io::Error),
}

impl From<HashError> for TakeError {
    fn from(error: HashError) -> Self {
        Self::Wrong(error)
    }
}

impl From<StoreError> for TakeError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Hash(error) => Self::Wrong(error),
            other => Self::Cache(other),
        }
    }
}

impl From<io::Error> for TakeError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Who hashes: the cache's writer does so anyway, so nobody else has to.
enum Check<W> {
    Here(Verifier),
    Cache(W),
}

/// Takes one blob.
pub(crate) struct Take<W> {
    check: Check<W>,
    place: Option<(Arc<File>, u64)>,
    buffer: Vec<u8>,
    cancel: Cancel,
}

impl<W: BlobWriter> Take<W> {
    /// Into a place of the archive, checked here.
    pub(crate) fn new(verifier: Verifier, place: Option<(Arc<File>, u64)>, cancel: Cancel) -> Self {
        Self {
            check: Check::Here(verifier),
            place,
            buffer: Vec::new(),
            cancel,
        }
    }

    /// The same, and into the cache, which checks.
    pub(crate) fn with_cache(writer: W, place: Option<(Arc<File>, u64)>, cancel: Cancel) -> Self {
        Self {
            check: Check::Cache(writer),
            place,
            buffer: Vec::new(),
            cancel,
        }
    }

    fn hash(&mut self, bytes: &[u8]) -> Result<(), TakeError> {
        if self.cancel.is_set() {
            return Err(io::Error::from(io::ErrorKind::Interrupted).into());
        }
        match &mut self.check {
            Check::Here(verifier) => verifier.update(bytes)?,
            Check::Cache(writer) => writer.write(bytes)?,
        }
        Ok(())
    }

    /// Hashes the first `count` bytes, which are in their place already.
    pub(crate) fn keep(&mut self, count: u64, passed: &mut dyn FnMut(u64)) -> Result<(), TakeError> {
        let Some((file, start)) = self.place.clone() else {
            return Ok(());
        };
        let mut buffer = vec![0; CHUNK];
        let (mut at, end) = (start, start + count);
        while at < end {
            let want = usize::try_from(end - at).map_or(CHUNK, |left| left.min(CHUNK));
            file.read_exact_at(&mut buffer[..want], at)?;
            self.hash(&buffer[..want])?;
            at += want as u64;
            passed(want as u64);
        }
        self.place = Some((file, end));
        Ok(())
    }

    /// Takes the beginning from a reader: what an earlier attempt left elsewhere.
    pub(crate) fn adopt(
        &mut self,
        mut from: impl Read,
        passed: &mut dyn FnMut(u64),
    ) -> Result<(), TakeError> {
        let mut buffer = vec![0; CHUNK];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => {
                    self.write(&buffer[..count])?;
                    passed(count as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Hashes before it writes, so that nothing is ever written past the blob's own place.
    fn write(&mut self, bytes: &[u8]) -> Result<(), TakeError> {
        self.hash(bytes)?;
        if let Some((file, at)) = &mut self.place {
            file.write_all_at(bytes, *at)?;
            *at += bytes.len() as u64;
        }
        Ok(())
    }

    fn finish(self) -> Result<(), TakeError> {
        match self.check {
            Check::Here(verifier) => verifier.finish()?,
            Check::Cache(writer) => writer.commit()?,
        }
        Ok(())
    }

    /// Takes what comes through a channel until it is closed. Small pieces are gathered.
    pub(crate) fn receive(mut self, mut from: Receiver<Bytes>) -> Result<(), TakeError> {
        while let Some(bytes) = from.blocking_recv() {
            if self.buffer.is_empty() && bytes.len() >= CHUNK {
                self.write(&bytes)?;
                continue;
            }
            self.buffer.extend_from_slice(&bytes);
            if self.buffer.len() >= CHUNK {
                let mut full = std::mem::take(&mut self.buffer);
                self.write(&full)?;
                full.clear();
                self.buffer = full;
            }
        }
        let rest = std::mem::take(&mut self.buffer);
        if !rest.is_empty() {
            self.write(&rest)?;
        }
        self.finish()
    }

    /// Takes everything that a reader has.
    pub(crate) fn read(mut self, from: impl Read, passed: &mut dyn FnMut(u64)) -> Result<(), TakeError> {
        self.adopt(from, passed)?;
        self.finish()
    }
}
