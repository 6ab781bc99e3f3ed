use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use airlock_content::{ByteStream, FileFacts, SourceError, Verifier};
use airlock_hash::{Sha256, Sha512};
use airlock_types::{Algorithm, ByteSize, Descriptor, Digest};
use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::error::{corrupt, local, mismatch, unsupported};

/// How much is read at once. With the one chunk read ahead, a stream holds at most twice this.
const CHUNK: usize = 512 * 1024;

/// A range of an open file: a whole file, or one member of an archive.
#[derive(Clone, Debug)]
pub(crate) struct Region {
    file: Arc<File>,
    start: u64,
    len: u64,
    /// The path, and the member where there is one, for messages.
    what: Arc<str>,
}

impl Region {
    pub(crate) fn new(file: Arc<File>, start: u64, len: u64, what: impl Into<Arc<str>>) -> Self {
        Self {
            file,
            start,
            len,
            what: what.into(),
        }
    }

    /// Opens a regular file. Its kind is looked at first, since opening a pipe would wait for a writer.
    pub(crate) fn open(path: &Path) -> Result<Self, SourceError> {
        const UNREADABLE: &str = "the file cannot be read";
        let wrong_kind = |kind: &str, hint: &str| {
            Err(SourceError::new(
                airlock_content::SourceErrorKind::Local,
                format!("this is {kind}, not a file"),
                path.display(),
            )
            .hint(hint))
        };
        let metadata = path.metadata().map_err(local(UNREADABLE, path))?;
        if metadata.is_dir() {
            return wrong_kind(
                "a folder",
                "name one file in it, or pack the folder into an archive",
            );
        }
        if !metadata.is_file() {
            return wrong_kind("a device, pipe or socket", "name a regular file");
        }
        let file = File::open(path).map_err(local(UNREADABLE, path))?;
        let len = file.metadata().map_err(local(UNREADABLE, path))?.len();
        Ok(Self::new(Arc::new(file), 0, len, path.display().to_string()))
    }

    pub(crate) fn file(&self) -> &Arc<File> {
        &self.file
    }

    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// Up to `most` bytes from `offset` on; empty only at the end.
    pub(crate) fn read(&self, offset: u64, most: usize) -> Result<Vec<u8>, SourceError> {
        let mut buffer = vec![0; self.left(offset, most)];
        self.fill(&mut buffer, offset)?;
        Ok(buffer)
    }

    /// How many bytes there are from `offset` on, `most` at most.
    fn left(&self, offset: u64, most: usize) -> usize {
        usize::try_from(self.len.saturating_sub(offset)).map_or(most, |left| left.min(most))
    }

    fn fill(&self, buffer: &mut [u8], offset: u64) -> Result<(), SourceError> {
        let mut filled = 0;
        while filled < buffer.len() {
            let at = self.start + offset + filled as u64;
            match self.file.read_at(&mut buffer[filled..], at) {
                Ok(0) => {
                    return Err(corrupt("the file became shorter while it was read", &*self.what)
                        .hint("run the command again when nothing writes to it"));
                }
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(local("the file cannot be read", Path::new(&*self.what))(error));
                }
            }
        }
        Ok(())
    }

    /// All of it, if that is at most `limit` bytes.
    pub(crate) fn read_all(&self, limit: u64) -> Result<Vec<u8>, SourceError> {
        match usize::try_from(self.len) {
            Ok(len) if self.len <= limit => self.read(0, len),
            _ => Err(unsupported(
                format!(
                    "the content is larger than the {} allowed: {}",
                    ByteSize(limit),
                    ByteSize(self.len)
                ),
                &*self.what,
            )),
        }
    }

    /// All of it, checked against what it must be.
    pub(crate) fn read_verified(&self, want: &Descriptor, limit: u64) -> Result<Bytes, SourceError> {
        let bytes = self.read_all(limit)?;
        let mut verifier = Verifier::new(want.digest, want.size);
        verifier
            .update(&bytes)
            .and_then(|()| verifier.finish())
            .map_err(|error| mismatch(&*self.what, error))?;
        Ok(bytes.into())
    }

    /// Hands every chunk to `take`, in order, all in one buffer.
    fn each_chunk(&self, mut take: impl FnMut(&[u8])) -> Result<(), SourceError> {
        let mut buffer = vec![0; self.left(0, CHUNK)];
        let mut offset = 0;
        while offset < self.len {
            let part = self.left(offset, CHUNK);
            self.fill(&mut buffer[..part], offset)?;
            take(&buffer[..part]);
            offset += part as u64;
        }
        Ok(())
    }

    /// Its SHA-256 and length, by reading it; with `expected` of another algorithm, that one too.
    pub(crate) fn facts(&self, expected: Option<&Digest>) -> Result<FileFacts, SourceError> {
        let mut sha256 = Sha256::new();
        let mut sha512 = expected
            .is_some_and(|digest| digest.algorithm() == Algorithm::Sha512)
            .then(Sha512::new);
        self.each_chunk(|chunk| {
            sha256.update(chunk);
            if let Some(sha512) = &mut sha512 {
                sha512.update(chunk);
            }
        })?;
        let digest = Digest::Sha256(sha256.finish());
        let comparable = sha512.map_or(digest, |sha512| Digest::Sha512(sha512.finish()));
        match expected {
            Some(expected) if *expected != comparable => Err(mismatch(
                &*self.what,
                airlock_content::HashError::Digest {
                    expected: *expected,
                    actual: comparable,
                },
            )),
            _ => Ok(FileFacts {
                digest,
                size: self.len,
            }),
        }
    }

    /// Streams it from `offset` on, reading one chunk ahead of the caller.
    pub(crate) fn stream(self, offset: u64) -> ByteStream {
        let start = (Arc::new(self), offset, None::<JoinHandle<_>>);
        Box::pin(futures::stream::try_unfold(start, async |(region, at, ahead)| {
            if at >= region.len {
                return Ok(None);
            }
            let task = ahead.unwrap_or_else(|| region.read_ahead(at));
            let chunk: Bytes = joined(task).await?;
            let next = at + chunk.len() as u64;
            let ahead = (next < region.len).then(|| region.read_ahead(next));
            Ok(Some((chunk, (region, next, ahead))))
        }))
    }

    fn read_ahead(self: &Arc<Self>, offset: u64) -> JoinHandle<Result<Bytes, SourceError>> {
        let region = Arc::clone(self);
        spawn_blocking(move || region.read(offset, CHUNK).map(Bytes::from))
    }
}

/// Runs file operations where they may wait.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    joined(spawn_blocking(work)).await
}

async fn joined<T>(task: JoinHandle<Result<T, SourceError>>) -> Result<T, SourceError> {
    task.await.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(error) => Err(SourceError::new(
            airlock_content::SourceErrorKind::Local,
            "the reading was cancelled",
            "a file of this machine",
        )
        .caused_by(error)),
    })
}
