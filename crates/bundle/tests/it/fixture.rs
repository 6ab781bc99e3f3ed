//! A small bundle, its key, and a sink that keeps everything.

use std::collections::BTreeMap;
use std::io::Cursor;

use airlock_bundle::{
    Bundle, BundleError, Document, Entry, EntrySink, Extras, Importer, Layout, Part, Plan, StreamWriter,
    Streamed, Take, Unverified,
};
use airlock_content::{BlobWriter, StoreError, Verifier, digest_of};
use airlock_spec::Channel;
use airlock_spec::lock::{Artifact, Kind, Lock, Pin, REVISION, Referrer, Source, VERSION};
use airlock_trust::{Policy, SecretKey, sign_blob};
use airlock_types::{Digest, media_type};

/// Content by digest.
pub(crate) type Contents = BTreeMap<Digest, Vec<u8>>;

pub(crate) fn pin(contents: &mut Contents, media_type: &str, content: impl Into<Vec<u8>>) -> Pin {
    let content = content.into();
    let digest = digest_of(&content);
    let size = content.len() as u64;
    contents.insert(digest, content);
    Pin {
        digest,
        media_type: media_type.to_owned(),
        size,
        source: None,
    }
}

/// An image whose blobs are as given.
pub(crate) fn artifact(contents: &mut Contents, reference: &str, blobs: &[Vec<u8>]) -> Artifact {
    let mut pins: Vec<Pin> = blobs
        .iter()
        .map(|blob| pin(contents, media_type::OCI_LAYER_TAR, blob.clone()))
        .collect();
    pins.sort_by_key(|pin| pin.digest);
    pins.dedup();
    let root = pin(
        contents,
        media_type::OCI_MANIFEST,
        format!("manifest of {reference}"),
    );
    let signature = pin(
        contents,
        media_type::OCI_MANIFEST,
        format!("signature of {reference}"),
    );
    let tagged = pin(
        contents,
        media_type::OCI_MANIFEST,
        format!("tagged for {reference}"),
    );
    let referrer = |pin: &Pin, tag: Option<String>| Referrer {
        root: pin.clone(),
        subject: root.digest,
        artifact_type: None,
        tag: tag.map(|tag| tag.parse().unwrap()),
        manifests: Vec::new(),
        blobs: Vec::new(),
    };
    let referrers = vec![
        referrer(&signature, None),
        referrer(&tagged, Some(format!("{}.sig", root.digest.referrers_tag()))),
    ];
    let reference: airlock_types::Reference = reference.parse().unwrap();
    Artifact {
        kind: Kind::Image,
        name: reference.to_string(),
        source: Source::Registry {
            repository: reference.repository.clone(),
        },
        reference,
        version: None,
        root,
        platforms: Vec::new(),
        left_out: Vec::new(),
        manifests: Vec::new(),
        blobs: pins,
        inline: BTreeMap::new(),
        referrers,
        why: vec!["tools → images[0]".to_owned()],
        request: digest_of(b"request"),
    }
}

pub(crate) fn lock(artifacts: Vec<Artifact>) -> Lock {
    Lock {
        version: VERSION,
        revision: REVISION,
        name: "edge".parse().unwrap(),
        release: "1.0".parse().unwrap(),
        channel: Channel::default(),
        sequence: 7,
        manifest: digest_of(b"manifest"),
        platforms: vec!["linux/amd64".parse().unwrap()],
        artifacts,
    }
}

/// A lock with content of awkward lengths, and a bundle of it.
pub(crate) struct Fixture {
    pub(crate) key: SecretKey,
    pub(crate) contents: Contents,
    pub(crate) lock: Lock,
    pub(crate) layout: Layout,
    pub(crate) archive: Vec<u8>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let mut contents = Contents::new();
        let blobs = [vec![1; 511], vec![2; 512], vec![3; 513], Vec::new(), vec![4; 1]];
        let artifacts = vec![
            artifact(&mut contents, "docker.io/library/busybox:1.36", &blobs),
            artifact(&mut contents, "ghcr.io/acme/app:2", &blobs[..2]),
        ];
        Self::of(lock(artifacts), contents)
    }

    /// The least that has every kind of entry.
    pub(crate) fn small() -> Self {
        let mut contents = Contents::new();
        let mut only = artifact(&mut contents, "busybox:1", &[]);
        only.referrers.clear();
        Self::of(lock(vec![only]), contents)
    }

    fn of(lock: Lock, mut contents: Contents) -> Self {
        let importer = b"#!importer".to_vec();
        let extras = Extras {
            previous: Some(digest_of(b"previous")),
            documents: BTreeMap::from([(Document::SbomSpdx, b"{}".to_vec())]),
            importers: vec![Importer {
                arch: "amd64".parse().unwrap(),
                digest: digest_of(&importer),
                size: importer.len() as u64,
            }],
        };
        contents.insert(digest_of(&importer), importer);
        let key = SecretKey::generate().unwrap();
        let layout = signed(&key, Plan::new(&lock, extras).unwrap());
        let archive = write(layout.clone(), &contents);
        Self {
            key,
            contents,
            lock,
            layout,
            archive,
        }
    }

    pub(crate) fn policy(&self) -> Policy {
        policy(&self.key)
    }

    /// Verifies and streams an archive.
    pub(crate) fn read(&self, archive: Vec<u8>) -> Result<(Streamed, Contents), BundleError> {
        read(Unverified::from_reader(Cursor::new(archive))?.verify(&self.policy())?)
    }
}

pub(crate) fn policy(key: &SecretKey) -> Policy {
    Policy::new([key.public().clone()]).unwrap()
}

pub(crate) fn signature(key: &SecretKey, index: &[u8]) -> (String, Vec<u8>) {
    (key.public().key_id().to_string(), sign_blob(key, index).to_json())
}

pub(crate) fn signed(key: &SecretKey, plan: Plan) -> Layout {
    let signature = signature(key, plan.index_bytes());
    plan.layout(&[signature]).unwrap()
}

pub(crate) fn write(layout: Layout, contents: &Contents) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = StreamWriter::new(layout, &mut out);
    while let Some(entry) = writer.next_entry().unwrap() {
        let content = &contents[&entry.digest];
        for part in content.chunks(100) {
            writer.content(part).unwrap();
        }
    }
    out
}

/// The parts of a layout whose content is to come.
pub(crate) fn open_parts(layout: &Layout) -> usize {
    layout
        .entries()
        .iter()
        .filter(|entry| !matches!(entry.part, Part::Bytes(_)))
        .count()
}

pub(crate) fn read(bundle: Bundle) -> Result<(Streamed, Contents), BundleError> {
    let mut sink = Keep::default();
    let streamed = bundle.stream(&mut sink)?;
    let kept = sink.kept.lock().unwrap().clone();
    Ok((streamed, kept))
}

/// Keeps all content in memory.
#[derive(Default)]
pub(crate) struct Keep {
    pub(crate) kept: std::sync::Arc<std::sync::Mutex<Contents>>,
    pub(crate) saw_lock: bool,
}

pub(crate) struct KeepWriter {
    verifier: Verifier,
    bytes: Vec<u8>,
    kept: std::sync::Arc<std::sync::Mutex<Contents>>,
}

impl EntrySink for Keep {
    type Writer = KeepWriter;

    fn lock(&mut self, _: &Lock) -> Result<(), StoreError> {
        self.saw_lock = true;
        Ok(())
    }

    fn take(&mut self, entry: &Entry) -> Result<Take<KeepWriter>, StoreError> {
        assert!(
            self.saw_lock || !entry.path.is_blob(),
            "a blob came before the lock"
        );
        Ok(Take::Into(KeepWriter {
            verifier: Verifier::new(entry.digest, entry.size),
            bytes: Vec::new(),
            kept: self.kept.clone(),
        }))
    }
}

impl BlobWriter for KeepWriter {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.verifier.update(bytes)?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn commit(self) -> Result<(), StoreError> {
        let digest = self.verifier.digest();
        self.verifier.finish()?;
        self.kept.lock().unwrap().insert(digest, self.bytes);
        Ok(())
    }
}
