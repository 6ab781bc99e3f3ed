//! A source and a cache in memory, and a lock over their content.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use airlock_bundle::BundleFile;
use airlock_content::{
    BlobBody, BlobClaim, BlobRead, BlobSource, BlobStore, BlobWriter, ByteStream, Claimed, Event, Origin,
    Reporter, SharedStore, Silent, SourceError, SourceErrorKind, StoreError, Verifier, digest_of,
};
use airlock_packer::{NoCache, Options, Output, PackError, PackReport, pack};
use airlock_spec::Channel;
use airlock_spec::lock::{Artifact, Kind, Lock, Pin, REVISION, Source, VERSION};
use airlock_trust::{Policy, SecretKey, sign_blob};
use airlock_types::{Descriptor, Digest, media_type};
use bytes::Bytes;
use futures::StreamExt;

pub(crate) type Contents = BTreeMap<Digest, Bytes>;

/// What goes wrong with a blob.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    NotFound,
    /// Breaks off after so many bytes.
    Breaks(usize),
    /// One bit is wrong.
    Wrong,
    /// A byte is missing.
    Short,
    /// There is more of it.
    Long,
    /// Never ends.
    Stalls,
}

/// Gives out content in pieces, after some turns of the scheduler.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) contents: Contents,
    pub(crate) faults: Mutex<BTreeMap<Digest, Fault>>,
    /// Origins that have nothing.
    pub(crate) empty: Vec<Origin>,
    pub(crate) opened: Mutex<Vec<(Origin, Digest)>>,
    /// From where each of them was asked for.
    pub(crate) offsets: Mutex<Vec<u64>>,
    pub(crate) piece: usize,
    pub(crate) seed: AtomicU64,
}

impl Memory {
    /// xorshift: enough to vary the order of arrival.
    fn random(&self) -> u64 {
        let mut x = self.seed.load(Ordering::Relaxed) | 1;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.seed.store(x, Ordering::Relaxed);
        x
    }

    pub(crate) fn opened(&self) -> usize {
        self.opened.lock().unwrap().len()
    }

    pub(crate) fn fail(&self, digest: Digest, fault: Fault) {
        self.faults.lock().unwrap().insert(digest, fault);
    }
}

async fn turns(count: u64) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}

impl BlobSource for Memory {
    fn open(
        &self,
        origin: &Origin,
        want: &Descriptor,
        offset: u64,
    ) -> impl Future<Output = Result<ByteStream, SourceError>> + Send {
        self.offsets.lock().unwrap().push(offset);
        self.opened.lock().unwrap().push((origin.clone(), want.digest));
        let fault = self.faults.lock().unwrap().get(&want.digest).copied();
        let found = self
            .contents
            .get(&want.digest)
            .filter(|_| !matches!(fault, Some(Fault::NotFound)) && !self.empty.contains(origin))
            .cloned();
        let error = SourceError::new(SourceErrorKind::NotFound, "there is no such blob", origin);
        let (delay, piece) = (self.random() % 7, self.piece.max(1));
        async move {
            turns(delay).await;
            let mut content = found.ok_or(error)?.to_vec();
            match fault {
                Some(Fault::Wrong) => content[0] ^= 1,
                Some(Fault::Short) => drop(content.pop()),
                Some(Fault::Long) => content.extend([0; 600]),
                Some(Fault::Breaks(at)) => content.truncate(at),
                _ => {}
            }
            let content = content.split_off(content.len().min(usize::try_from(offset).unwrap()));
            let mut items: Vec<Result<Bytes, SourceError>> = content
                .chunks(piece)
                .map(|part| Ok(Bytes::copy_from_slice(part)))
                .collect();
            if matches!(fault, Some(Fault::Breaks(_))) {
                items.push(Err(SourceError::new(
                    SourceErrorKind::Unreachable,
                    "broken off",
                    "memory",
                )));
            }
            let stream = futures::stream::iter(items).then(move |item| async move {
                turns(delay).await;
                item
            });
            Ok(if matches!(fault, Some(Fault::Stalls)) {
                stream.chain(futures::stream::pending()).boxed()
            } else {
                stream.boxed()
            })
        }
    }
}

/// A cache in memory.
#[derive(Clone, Default)]
pub(crate) struct Cache(pub(crate) Arc<Mutex<Contents>>);

pub(crate) struct CacheWriter {
    verifier: Verifier,
    bytes: Vec<u8>,
    cache: Cache,
}

impl BlobRead for Cache {
    fn size(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        Ok(self.0.lock().unwrap().get(digest).map(|bytes| bytes.len() as u64))
    }

    fn open(&self, digest: &Digest) -> Result<Option<BlobBody>, StoreError> {
        Ok(self.0.lock().unwrap().get(digest).cloned().map(BlobBody::Memory))
    }
}

impl BlobStore for Cache {
    type Writer = CacheWriter;

    fn create(&self, digest: Digest, size: u64) -> Result<CacheWriter, StoreError> {
        Ok(CacheWriter {
            verifier: Verifier::new(digest, size),
            bytes: Vec::new(),
            cache: self.clone(),
        })
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Several at a time are the business of tests with a real store.
impl SharedStore for Cache {
    type Claim = CacheClaim;

    fn claim(&self, digest: Digest, size: u64) -> Result<Claimed<CacheClaim>, StoreError> {
        Ok(if self.size(&digest)?.is_some() {
            Claimed::Held
        } else {
            Claimed::Granted(CacheClaim(self.clone(), digest, size))
        })
    }

    fn forget(&self, _: &Digest) -> Result<(), StoreError> {
        Ok(())
    }
}

pub(crate) struct CacheClaim(Cache, Digest, u64);

impl BlobClaim for CacheClaim {
    type Writer = CacheWriter;

    fn left(&self) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn read_left(&self) -> Result<Box<dyn io::Read + Send>, StoreError> {
        Ok(Box::new(io::empty()))
    }

    fn writer(&self, _: bool) -> Result<CacheWriter, StoreError> {
        self.0.create(self.1, self.2)
    }
}

impl BlobWriter for CacheWriter {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.verifier.update(bytes)?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn commit(self) -> Result<(), StoreError> {
        let digest = self.verifier.digest();
        self.verifier.finish()?;
        self.cache.0.lock().unwrap().insert(digest, self.bytes.into());
        Ok(())
    }
}

/// A lock, the source of its content, and a key.
pub(crate) struct World {
    pub(crate) source: Memory,
    pub(crate) lock: Lock,
    pub(crate) key: SecretKey,
    pub(crate) inline: Digest,
}

fn pin(contents: &mut Contents, media_type: &str, content: impl Into<Vec<u8>>) -> Pin {
    let content = content.into();
    let digest = digest_of(&content);
    let size = content.len() as u64;
    contents.insert(digest, content.into());
    Pin {
        digest,
        media_type: media_type.to_owned(),
        size,
        source: None,
    }
}

impl World {
    /// Images with layers of these sizes; one layer is shared, one manifest is the lock's own text.
    pub(crate) fn new(images: &[&[usize]]) -> Self {
        let mut contents = Contents::new();
        let mut inline = None;
        let mut artifacts = Vec::new();
        for (image, layers) in images.iter().enumerate() {
            let name = format!("registry.example/app{image}:1");
            let mut blobs = vec![pin(&mut contents, media_type::OCI_EMPTY, "{}")];
            for (at, size) in layers.iter().enumerate() {
                let content: Vec<u8> = (0..*size)
                    .map(|n| (n * 31 + at * 7 + image).to_le_bytes()[0])
                    .collect();
                blobs.push(pin(&mut contents, media_type::OCI_LAYER_TAR, content));
            }
            blobs.sort_by_key(|pin| pin.digest);
            blobs.dedup();
            let text = format!("manifest of {name}");
            let root = pin(&mut contents, media_type::OCI_MANIFEST, text.clone());
            let mut own = BTreeMap::new();
            if image == 0 {
                contents.remove(&root.digest);
                inline = Some(root.digest);
                own.insert(root.digest, text);
            }
            artifacts.push(Artifact {
                kind: Kind::Image,
                name: name.clone(),
                reference: name.parse().unwrap(),
                version: None,
                source: Source::OciLayout {
                    path: format!("images/{image}").into(),
                },
                root,
                platforms: Vec::new(),
                left_out: Vec::new(),
                manifests: Vec::new(),
                blobs,
                inline: own,
                referrers: Vec::new(),
                why: vec![format!("tools → images[{image}]")],
                request: digest_of(b"request"),
            });
        }
        let lock = Lock {
            version: VERSION,
            revision: REVISION,
            name: "edge".parse().unwrap(),
            release: "1.0".parse().unwrap(),
            channel: Channel::default(),
            sequence: 0,
            manifest: digest_of(b"manifest"),
            platforms: Vec::new(),
            artifacts,
        };
        Self {
            source: Memory {
                contents,
                piece: 1000,
                ..Memory::default()
            },
            lock,
            key: SecretKey::generate().unwrap(),
            inline: inline.unwrap(),
        }
    }

    pub(crate) fn small() -> Self {
        Self::new(&[&[0, 1, 511, 512, 70_000], &[3000, 300_000], &[513]])
    }

    /// How many blobs must be fetched.
    pub(crate) fn blobs(&self) -> u64 {
        self.source.contents.len() as u64
    }

    pub(crate) async fn pack(&self, options: Options) -> Result<PackReport, PackError> {
        self.pack_with(options, None::<&Arc<NoCache>>).await
    }

    pub(crate) async fn pack_with<C>(
        &self,
        options: Options,
        cache: Option<&Arc<C>>,
    ) -> Result<PackReport, PackError>
    where
        C: SharedStore + 'static,
        C::Claim: 'static,
        <C::Claim as BlobClaim>::Writer: 'static,
    {
        self.pack_from(&self.source, options, cache, &Silent).await
    }

    pub(crate) async fn pack_from<C>(
        &self,
        source: &Memory,
        options: Options,
        cache: Option<&Arc<C>>,
        reporter: &dyn Reporter,
    ) -> Result<PackReport, PackError>
    where
        C: SharedStore + 'static,
        C::Claim: 'static,
        <C::Claim as BlobClaim>::Writer: 'static,
    {
        let sign = |index: &[u8]| {
            let id = self.key.public().key_id().to_string();
            Ok(vec![(id, sign_blob(&self.key, index).to_json())])
        };
        pack(
            &self.lock,
            Path::new("/base"),
            source,
            cache,
            sign,
            options,
            reporter,
        )
        .await
    }

    /// Packs into the folder and returns the bundle's bytes after checking them all.
    pub(crate) async fn bytes(&self, folder: &Path) -> Vec<u8> {
        let report = self
            .pack(Options::new(Output::Folder(folder.to_owned())))
            .await
            .unwrap();
        self.check(&report)
    }

    pub(crate) fn check(&self, report: &PackReport) -> Vec<u8> {
        let path = report.path.as_ref().unwrap();
        let policy = Policy::new([self.key.public().clone()]).unwrap();
        let bundle = BundleFile::open(path, &policy).unwrap();
        bundle.check_content(1, &|_| ()).unwrap();
        assert_eq!(bundle.lock(), &self.lock);
        assert_eq!(bundle.index().digest(), report.index);
        assert!(!partial(path.parent().unwrap()).exists());
        std::fs::read(path).unwrap()
    }
}

pub(crate) fn partial(folder: &Path) -> PathBuf {
    folder.join("edge-1.0.airlock.tar.partial")
}

/// Keeps the notes.
#[derive(Default)]
pub(crate) struct Notes(pub(crate) Mutex<Vec<String>>);

impl Reporter for Notes {
    fn event(&self, event: Event<'_>) {
        if let Event::Note { text } = event {
            self.0.lock().unwrap().push(text.to_owned());
        }
    }
}

/// A pipe's other end.
#[derive(Clone, Default)]
pub(crate) struct Pipe(pub(crate) Arc<Mutex<Vec<u8>>>);

impl io::Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap()
        .block_on(future)
}
