//! Where the entries of a bundle go.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use airlock_bundle::{Entry, EntryPath, EntrySink, Take};
use airlock_content::{BlobStore, BlobWriter, Event, Reporter, StoreError, Verifier};
use airlock_spec::lock::Lock;
use airlock_spec::receipt::Written;
use airlock_types::{Digest, media_type};

/// Documents larger than this are checked and not kept beside the receipt.
const DOCUMENT_LIMIT: u64 = 64 * 1024 * 1024;
/// More manifests than this are not held in memory; it is room for a hundred thousand of them.
pub(crate) const MANIFESTS_LIMIT: u64 = 256 * 1024 * 1024;

type Kept = Arc<Mutex<BTreeMap<EntryPath, Vec<u8>>>>;

/// Writes blobs into a store, and holds back manifests and documents.
pub(crate) struct Sink<'a, S> {
    store: &'a S,
    reporter: &'a dyn Reporter,
    /// Manifests and whether they are indexes, as the lock says.
    manifests: HashMap<Digest, bool>,
    /// Which artifact a blob belongs to, for people.
    owners: HashMap<Digest, Arc<str>>,
    current: Option<String>,
    kept: Kept,
    pub(crate) written: Written,
    /// Blobs that the store held already.
    pub(crate) held: u64,
    /// The bytes of the manifests, when they are too many.
    pub(crate) too_large: Option<u64>,
}

impl<'a, S: BlobStore> Sink<'a, S> {
    pub(crate) fn new(store: &'a S, reporter: &'a dyn Reporter) -> Self {
        Self {
            store,
            reporter,
            manifests: HashMap::new(),
            owners: HashMap::new(),
            current: None,
            kept: Kept::default(),
            written: Written::default(),
            held: 0,
            too_large: None,
        }
    }

    /// Puts the manifests into the store, now that everything they name is there, and hands over the documents.
    pub(crate) fn finish(mut self) -> Result<Finished, StoreError> {
        self.done();
        let kept = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        let (mut manifests, mut documents) = (Vec::new(), Vec::new());
        for (path, bytes) in kept {
            match path {
                EntryPath::Blob(digest) => {
                    let is_index = self.manifests.get(&digest).copied().unwrap_or_default();
                    manifests.push((is_index, digest, bytes));
                }
                path => documents.push((path.to_string(), bytes)),
            }
        }
        // Images before the indexes that list them.
        manifests.sort_unstable_by_key(|(is_index, digest, _)| (*is_index, *digest));
        for (_, digest, bytes) in manifests {
            let mut writer = self.store.create(digest, bytes.len() as u64)?;
            writer.write(&bytes)?;
            writer.commit()?;
        }
        Ok(Finished {
            documents,
            written: self.written,
            held: self.held,
        })
    }

    fn done(&mut self) {
        if let Some(name) = self.current.take() {
            self.reporter.event(Event::Done {
                name: &name,
                digest: None,
            });
        }
    }

    fn keep(&self, entry: &Entry) -> SinkWriter<S::Writer> {
        SinkWriter::Memory(Box::new(MemoryWriter {
            verifier: Verifier::new(entry.digest, entry.size),
            bytes: Vec::new(),
            path: entry.path.clone(),
            kept: Arc::clone(&self.kept),
        }))
    }
}

/// What is left to do when all entries have passed.
pub(crate) struct Finished {
    /// Name and content of what is kept beside the receipt.
    pub(crate) documents: Vec<(String, Vec<u8>)>,
    pub(crate) written: Written,
    pub(crate) held: u64,
}

/// The digests that a lock pins as manifests, and whether each is an index.
fn manifests_of(lock: &Lock) -> HashMap<Digest, bool> {
    lock.distinct_pins()
        .into_iter()
        .filter(|pin| media_type::is_manifest(&pin.media_type))
        .map(|pin| (pin.digest, media_type::is_index(&pin.media_type)))
        .collect()
}

impl<S: BlobStore> EntrySink for Sink<'_, S> {
    type Writer = SinkWriter<S::Writer>;

    fn lock(&mut self, lock: &Lock) -> Result<(), StoreError> {
        self.manifests = manifests_of(lock);
        let manifests = lock
            .distinct_pins()
            .into_iter()
            .filter(|pin| self.manifests.contains_key(&pin.digest));
        let size = manifests.fold(0, |sum: u64, pin| sum.saturating_add(pin.size));
        if size > MANIFESTS_LIMIT {
            self.too_large = Some(size);
            return Err(StoreError::ManifestTooLong {
                digest: lock.manifest,
                size,
            });
        }
        for artifact in &lock.artifacts {
            let name: Arc<str> = artifact.reference.to_string().into();
            for pin in artifact.pins() {
                self.owners.entry(pin.digest).or_insert_with(|| Arc::clone(&name));
            }
        }
        Ok(())
    }

    fn take(&mut self, entry: &Entry) -> Result<Take<Self::Writer>, StoreError> {
        let EntryPath::Blob(digest) = entry.path else {
            let keep = matches!(
                entry.path,
                EntryPath::Lock | EntryPath::Provenance | EntryPath::SbomSpdx | EntryPath::SbomCdx
            );
            return Ok(
                if keep && (entry.size <= DOCUMENT_LIMIT || entry.path == EntryPath::Lock) {
                    Take::Into(self.keep(entry))
                } else {
                    Take::Verify
                },
            );
        };
        self.done();
        let name = match self.owners.get(&digest) {
            Some(owner) => format!("{owner} ({})", digest.short()),
            None => digest.short(),
        };
        self.reporter.event(Event::Start {
            name: &name,
            bytes: Some(entry.size),
        });
        self.current = Some(name);
        if self.store.size(&digest)? == Some(entry.size) {
            // Its bytes are not needed, but a bundle with a damaged byte is refused whoever holds what.
            self.held += 1;
            return Ok(Take::Verify);
        }
        self.written.blobs += 1;
        self.written.bytes += entry.size;
        Ok(Take::Into(if self.manifests.contains_key(&digest) {
            self.keep(entry)
        } else {
            SinkWriter::Store(self.store.create(digest, entry.size)?)
        }))
    }

    fn progress(&mut self, bytes: u64) {
        let name = self.current.as_deref().unwrap_or("airlock.lock");
        self.reporter.event(Event::Progress { name, bytes });
    }
}

/// Into the store, or into memory.
pub(crate) enum SinkWriter<W> {
    Store(W),
    Memory(Box<MemoryWriter>),
}

pub(crate) struct MemoryWriter {
    verifier: Verifier,
    bytes: Vec<u8>,
    path: EntryPath,
    kept: Kept,
}

impl<W: BlobWriter> BlobWriter for SinkWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        match self {
            Self::Store(writer) => writer.write(bytes),
            Self::Memory(writer) => {
                writer.verifier.update(bytes)?;
                writer.bytes.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Store(writer) => writer.commit(),
            Self::Memory(writer) => {
                writer.verifier.finish()?;
                let mut kept = writer.kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.insert(writer.path, writer.bytes);
                Ok(())
            }
        }
    }
}
