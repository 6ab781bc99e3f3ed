use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use airlock_content::{BlobWriter, StoreError, Verifier};
use airlock_spec::lock::Lock;
use airlock_trust::{Policy, Verdict, Verified};

use crate::archive::{Archive, FileArchive};
use crate::folder::Folder;
use crate::parallel::{Job, Workers};
use crate::source::{Head, Source};
use crate::{BundleError, CheckedIndex, Entry, EntryPath};

/// A bundle of which only the index and the signatures were read. It gives out nothing to be acted on.
pub struct Unverified {
    source: Box<dyn Source>,
    head: Head,
}

impl Unverified {
    /// Opens a file or a folder.
    pub fn open(path: &Path) -> Result<Self, BundleError> {
        let facts = std::fs::metadata(path).map_err(BundleError::io("opening the bundle", path))?;
        if facts.is_dir() {
            return Self::new(Folder::open(path)?);
        }
        let file = File::open(path).map_err(BundleError::io("opening the bundle", path))?;
        if facts.is_file() {
            return Self::new(FileArchive::new(file, path.to_owned()));
        }
        Self::new(Archive::new(file, path.to_owned()))
    }

    /// Reads from a pipe, or anything else that yields the bytes of the archive once.
    pub fn from_reader(reader: impl Read + Send + 'static) -> Result<Self, BundleError> {
        Self::new(Archive::new(reader, "-".into()))
    }

    fn new(mut source: impl Source + 'static) -> Result<Self, BundleError> {
        let head = source.head()?;
        Ok(Self {
            source: Box::new(source),
            head,
        })
    }

    /// The bytes of `airlock.json`.
    pub fn index_bytes(&self) -> &[u8] {
        &self.head.index
    }

    /// Path and content of each signature.
    pub fn signatures(&self) -> &[(String, Vec<u8>)] {
        &self.head.signatures
    }

    /// What the bundle says of itself, for display to a person who is told that nothing of it is established.
    pub fn claimed_index(&self) -> Result<CheckedIndex, BundleError> {
        CheckedIndex::parse(&self.head.index)
    }

    /// Checks the signatures, then the index in the very bytes that were signed.
    pub fn verify(self, policy: &Policy) -> Result<Bundle, BundleError> {
        let Head { index, signatures } = self.head;
        let verified = airlock_trust::verify(index, &signatures, policy)?;
        let index = Arc::new(CheckedIndex::parse(verified.bytes())?);
        Ok(Bundle {
            source: self.source,
            signatures,
            index,
            verified,
        })
    }
}

impl std::fmt::Debug for Unverified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unverified").finish_non_exhaustive()
    }
}

/// A bundle whose index is established by trusted keys, ready to be streamed.
pub struct Bundle {
    source: Box<dyn Source>,
    signatures: Vec<(String, Vec<u8>)>,
    index: Arc<CheckedIndex>,
    verified: Verified<'static>,
}

impl std::fmt::Debug for Bundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bundle")
            .field("index", &self.index.digest())
            .finish_non_exhaustive()
    }
}

/// What is to happen with an entry's content.
pub enum Take<W> {
    /// Check it and keep nothing.
    Verify,
    /// Write it here. The writer checks it (see [`BlobWriter`]), so it is not hashed a second time.
    Into(W),
}

/// Who receives the entries of a bundle.
pub trait EntrySink {
    /// Takes the content of one entry; its `commit` must fail unless digest and size are those of the entry.
    type Writer: BlobWriter;

    /// The lock was read, and agrees with the index. Called before [`EntrySink::take`] is asked about any blob.
    fn lock(&mut self, lock: &Lock) -> Result<(), StoreError> {
        let _ = lock;
        Ok(())
    }

    /// Decides about an entry, before its content is read.
    fn take(&mut self, entry: &Entry) -> Result<Take<Self::Writer>, StoreError>;

    /// More bytes of the bundle have been read.
    fn progress(&mut self, bytes: u64) {
        let _ = bytes;
    }
}

/// What streaming a bundle came to.
#[derive(Clone, Debug)]
pub struct Streamed {
    /// The lock.
    pub lock: Lock,
    /// Entries whose content was checked, by the reader or by a writer.
    pub checked: u64,
    /// The bytes of `airlock.json`, as they were signed.
    pub index_bytes: Vec<u8>,
}

impl Bundle {
    /// The index, to be shared: it may be large, and is needed while and after the bundle is read.
    pub fn index(&self) -> &Arc<CheckedIndex> {
        &self.index
    }

    /// Which keys established it.
    pub fn verdict(&self) -> &Verdict {
        self.verified.verdict()
    }

    /// The bytes of `airlock.json`, as they were signed.
    pub fn index_bytes(&self) -> &[u8] {
        self.verified.bytes()
    }

    /// Path and content of each signature.
    pub fn signatures(&self) -> &[(String, Vec<u8>)] {
        &self.signatures
    }

    /// Reads everything, in the order of the index, and hands it to the sink.
    ///
    /// Success means that every entry was there and checked, that the lock agrees with the index, and that nothing
    /// else was there. After an error the sink must discard what it has: the
    /// entries committed so far are right, but the bundle is not.
    pub fn stream(self, sink: &mut impl EntrySink) -> Result<Streamed, BundleError> {
        self.stream_on(1, sink)
    }

    /// The same with `threads` threads that read, check and write, where the bundle is a regular file. The sink is
    /// asked in the order of the index; its writers work side by side.
    pub fn stream_on<S: EntrySink>(self, threads: usize, sink: &mut S) -> Result<Streamed, BundleError> {
        if threads <= 1 {
            return self.stream_with(None, sink);
        }
        std::thread::scope(|scope| {
            let workers = Workers::start(scope, threads);
            self.stream_with(Some(workers), sink)
        })
    }

    fn stream_with<S: EntrySink>(
        mut self,
        mut workers: Option<Workers<S::Writer>>,
        sink: &mut S,
    ) -> Result<Streamed, BundleError> {
        let walked = self.walk(&mut workers, sink);
        // What was handed out comes from before the place where the walk ended, and so do its errors.
        if let Some(mut workers) = workers {
            workers.drain(sink)?;
        }
        let (lock, checked) = walked?;
        Ok(Streamed {
            lock,
            checked,
            index_bytes: self.verified.into_bytes().into_owned(),
        })
    }

    fn walk<S: EntrySink>(
        &mut self,
        workers: &mut Option<Workers<S::Writer>>,
        sink: &mut S,
    ) -> Result<(Lock, u64), BundleError> {
        let mut lock = None;
        let mut checked = 0;
        for entry in self.index.entries() {
            let failed = |source| BundleError::Sink {
                entry: entry.path.to_string(),
                source,
            };
            if entry.path == EntryPath::Lock {
                let bytes = read_verified(&mut *self.source, entry)?;
                let read = Lock::from_exact_bytes(&bytes)?;
                self.index.check_lock(&read)?;
                sink.lock(&read).map_err(failed)?;
                if let Take::Into(mut writer) = sink.take(entry).map_err(failed)? {
                    writer.write(&bytes).map_err(failed)?;
                    writer.commit().map_err(failed)?;
                }
                sink.progress(entry.size);
                lock = Some(read);
                checked += 1;
                continue;
            }
            let mut receiver = match sink.take(entry).map_err(failed)? {
                Take::Verify => Receiver::Check(Verifier::new(entry.digest, entry.size)),
                Take::Into(writer) => Receiver::Writer(writer),
            };
            checked += 1;
            if let Some(workers) = workers
                && let Some(stretch) = self.source.locate(entry)?
            {
                let job = Job {
                    entry: entry.clone(),
                    stretch,
                    receiver,
                };
                workers.hand_out(job, sink)?;
                continue;
            }
            self.source.copy(entry, &mut |bytes| {
                sink.progress(bytes.len() as u64);
                receiver.write(entry, bytes)
            })?;
            receiver.finish(entry)?;
        }
        self.source.finish(&self.signatures, self.index.entries())?;
        // The index lists the lock, or it would not have been accepted.
        let lock = lock.ok_or_else(|| BundleError::index("airlock.lock is not listed"))?;
        Ok((lock, checked))
    }

    /// Reads and checks everything, and keeps nothing. `progress` hears of the bytes as they are read.
    pub fn check(self, progress: &mut dyn FnMut(u64)) -> Result<Streamed, BundleError> {
        self.stream(&mut CheckOnly(progress))
    }
}

/// Where the content of an entry goes; either way it is checked.
pub(crate) enum Receiver<W> {
    Check(Verifier),
    Writer(W),
}

impl<W: BlobWriter> Receiver<W> {
    pub(crate) fn write(&mut self, entry: &Entry, bytes: &[u8]) -> Result<(), BundleError> {
        match self {
            Self::Check(verifier) => verifier.update(bytes).map_err(content_error(entry)),
            Self::Writer(writer) => writer.write(bytes).map_err(store_error(entry)),
        }
    }

    pub(crate) fn finish(self, entry: &Entry) -> Result<(), BundleError> {
        match self {
            Self::Check(verifier) => verifier.finish().map_err(content_error(entry)),
            Self::Writer(writer) => writer.commit().map_err(store_error(entry)),
        }
    }
}

/// Asks for nothing but checks.
struct CheckOnly<'a>(&'a mut dyn FnMut(u64));

/// A writer that cannot exist.
enum NoWriter {}

impl BlobWriter for NoWriter {
    fn write(&mut self, _: &[u8]) -> Result<(), StoreError> {
        match *self {}
    }

    fn commit(self) -> Result<(), StoreError> {
        match self {}
    }
}

impl EntrySink for CheckOnly<'_> {
    type Writer = NoWriter;

    fn take(&mut self, _: &Entry) -> Result<Take<NoWriter>, StoreError> {
        Ok(Take::Verify)
    }

    fn progress(&mut self, bytes: u64) {
        (self.0)(bytes);
    }
}

/// An entry's content in memory. The caller knows that it is small.
fn read_verified(source: &mut dyn Source, entry: &Entry) -> Result<Vec<u8>, BundleError> {
    let mut out = Vec::new();
    let mut verifier = Verifier::new(entry.digest, entry.size);
    source.copy(entry, &mut |bytes| {
        out.extend_from_slice(bytes);
        verifier.update(bytes).map_err(content_error(entry))
    })?;
    verifier.finish().map_err(content_error(entry))?;
    Ok(out)
}

pub(crate) fn content_error(entry: &Entry) -> impl Fn(airlock_content::HashError) -> BundleError {
    move |source| BundleError::Content {
        entry: entry.path.to_string(),
        source,
    }
}

/// A writer that found wrong content blames the bundle, anything else is the store's trouble.
fn store_error(entry: &Entry) -> impl Fn(StoreError) -> BundleError {
    move |error| match error {
        StoreError::Hash(source) => content_error(entry)(source),
        source => BundleError::Sink {
            entry: entry.path.to_string(),
            source,
        },
    }
}
