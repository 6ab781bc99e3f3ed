//! Archives of images that are held in memory, read back with another reader of tars.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::sync::Arc;

use airlock_content::{BlobBody, BlobRead, Generation, GenerationView, RootEntry, StoreError, digest_of};
use airlock_export::{Archive, ExportError, Reason, images};
use airlock_types::{Descriptor, Digest, Reference, annotation, media_type};
use bytes::Bytes;
use serde_json::{Value, json};

#[derive(Default)]
struct Memory {
    blobs: HashMap<Digest, Bytes>,
    roots: Vec<RootEntry>,
}

impl Memory {
    fn put(&mut self, media_type: &str, bytes: impl Into<Bytes>) -> Descriptor {
        let bytes = bytes.into();
        let descriptor = Descriptor::new(media_type, digest_of(&bytes), bytes.len() as u64);
        self.blobs.insert(descriptor.digest, bytes);
        descriptor
    }

    fn image(&mut self, platform: &str, content: &str) -> Descriptor {
        let (os, architecture) = platform.split_once('/').unwrap();
        let config = json!({"os": os, "architecture": architecture, "content": content});
        let config = self.put(media_type::OCI_CONFIG, config.to_string());
        let layer = self.put(media_type::OCI_LAYER_GZIP, format!("{platform} {content}"));
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": [layer]});
        let mut manifest = self.put(media_type::OCI_MANIFEST, manifest.to_string());
        manifest.platform = Some(platform.parse().unwrap());
        manifest
    }

    fn index(&mut self, children: &[Descriptor]) -> Descriptor {
        let index = json!({"schemaVersion": 2, "manifests": children});
        self.put(media_type::OCI_INDEX, index.to_string())
    }

    fn root(&mut self, reference: &str, descriptor: &Descriptor, kind: &str) {
        let mut descriptor = descriptor.clone();
        descriptor.platform = None;
        let note = (annotation::KIND.to_owned(), kind.to_owned());
        descriptor.annotations.extend([note]);
        self.roots.push(RootEntry {
            descriptor,
            reference: reference.parse().unwrap(),
            subject: None,
        });
    }
}

impl BlobRead for Memory {
    fn size(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        Ok(self.blobs.get(digest).map(|bytes| bytes.len() as u64))
    }

    fn open(&self, digest: &Digest) -> Result<Option<BlobBody>, StoreError> {
        Ok(self.blobs.get(digest).cloned().map(BlobBody::Memory))
    }
}

impl GenerationView for Memory {
    fn generation(&self) -> Result<Arc<Generation>, StoreError> {
        let index = Generation::render(&self.roots);
        Ok(Arc::new(Generation::from_index(&index).unwrap()))
    }
}

/// An index for three platforms, of which one is not held, with an attestation.
fn multi(memory: &mut Memory) -> (Descriptor, Descriptor) {
    let amd64 = memory.image("linux/amd64", "app");
    let arm64 = memory.image("linux/arm64", "app");
    let absent = memory.image("linux/s390x", "app");
    memory.blobs.remove(&absent.digest);
    let mut attestation = memory.image("linux/amd64", "attestation");
    attestation.platform = Some("unknown/unknown".parse().unwrap());
    let about = [
        ("vnd.docker.reference.type", "attestation-manifest".to_owned()),
        ("vnd.docker.reference.digest", amd64.digest.to_string()),
    ];
    attestation
        .annotations
        .extend(about.map(|(key, value)| (key.to_owned(), value)));
    (memory.index(&[amd64.clone(), arm64, absent, attestation]), amd64)
}

fn plan(memory: &Memory, platform: Option<&str>) -> Result<Archive, ExportError> {
    let platform = platform.map(|platform| platform.parse().unwrap());
    Archive::plan(memory, &images(memory)?, platform.as_ref())
}

/// All files of an archive, by path.
fn files(memory: Memory, archive: &Archive) -> BTreeMap<String, Vec<u8>> {
    let view = Arc::new(memory);
    let mut bytes = Vec::new();
    // An awkward buffer, so that every border is met.
    let mut reader = archive.reader(Arc::clone(&view));
    let mut buffer = [0; 77];
    loop {
        match reader.read(&mut buffer).unwrap() {
            0 => break,
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
    assert_eq!(bytes.len() as u64, archive.size());
    assert_eq!(digest_of(&bytes), archive.digest(view).unwrap());
    let mut tar = tar::Archive::new(bytes.as_slice());
    let mut out = BTreeMap::new();
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.mtime().unwrap(), header.uid().unwrap()), (0, 0));
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        if let Some(hex) = path.strip_prefix("blobs/sha256/").filter(|hex| !hex.is_empty()) {
            assert_eq!(digest_of(&content).hex(), hex);
        }
        out.insert(path, content);
    }
    out
}

fn parsed(files: &BTreeMap<String, Vec<u8>>, path: &str) -> Value {
    serde_json::from_slice(&files[path]).unwrap()
}

fn has(files: &BTreeMap<String, Vec<u8>>, digest: &Digest) -> bool {
    files.contains_key(&format!("blobs/sha256/{}", digest.hex()))
}

#[test]
fn one_platform_under_the_digest_of_the_index() {
    let mut memory = Memory::default();
    let (index, amd64) = multi(&mut memory);
    memory.root("docker.io/acme/app:1", &index, "image");
    let blobs = memory.blobs.len();
    let archive = plan(&memory, Some("linux/amd64")).unwrap();
    assert_eq!(archive.images()[0].names, ["docker.io/acme/app:1"]);
    assert_eq!(archive.images()[0].digest, index.digest);
    let found = files(memory, &archive);
    let entry = &parsed(&found, "index.json")["manifests"][0];
    assert_eq!(entry["digest"], index.digest.to_string());
    assert_eq!(
        entry["annotations"]["io.containerd.image.name"],
        "docker.io/acme/app:1"
    );
    assert_eq!(
        entry["annotations"]["org.opencontainers.image.ref.name"],
        "docker.io/acme/app:1"
    );
    assert!(entry["annotations"].get(annotation::KIND).is_none());
    // Index, manifest, configuration, layer; nothing of the other platforms, nor the attestation.
    let held = found
        .keys()
        .filter(|path| path.starts_with("blobs/sha256/") && path.len() > 20);
    assert_eq!(held.count(), 4);
    assert!(has(&found, &index.digest) && has(&found, &amd64.digest) && blobs > 8);
    let docker = parsed(&found, "manifest.json");
    assert_eq!(docker[0]["RepoTags"], json!(["docker.io/acme/app:1"]));
    let config = docker[0]["Config"].as_str().unwrap();
    assert!(found.contains_key(config) && found.contains_key(docker[0]["Layers"][0].as_str().unwrap()));
    assert_eq!(found["oci-layout"], b"{\"imageLayoutVersion\":\"1.0.0\"}");
}

#[test]
fn without_a_platform_everything_that_is_held_comes_along() {
    let mut memory = Memory::default();
    let (index, _) = multi(&mut memory);
    memory.root("docker.io/acme/app:1", &index, "image");
    let archive = plan(&memory, None).unwrap();
    assert_eq!(archive.images()[0].platforms.len(), 2);
    let found = files(memory, &archive);
    // docker has no words for two builds of one image, and is told nothing rather than half of it.
    assert!(!found.contains_key("manifest.json"));
    let held = found
        .keys()
        .filter(|path| path.starts_with("blobs/sha256/") && path.len() > 20);
    assert_eq!(held.count(), 1 + 3 * 3);
}

#[test]
fn names_for_every_form_of_reference() {
    let mut memory = Memory::default();
    let one = memory.image("linux/amd64", "one");
    let two = memory.image("linux/amd64", "two");
    memory.root("a.example/app:1", &one, "image");
    memory.root(&format!("a.example/app:1@{}", two.digest), &two, "image");
    memory.root(&format!("b.example/app:2@{}", two.digest), &two, "image");
    memory.root(&format!("c.example/app@{}", two.digest), &two, "image");
    memory.root("airlock.local/files/x:1", &one, "files");
    memory.root("airlock.local/k3s/x:1", &one, "k3s");
    let archive = plan(&memory, Some("linux/amd64")).unwrap();
    let (one, two) = (one.digest, two.digest);
    let found = files(memory, &archive);
    let index = parsed(&found, "index.json");
    let names: BTreeMap<&str, &str> = index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let name = entry["annotations"]["io.containerd.image.name"].as_str().unwrap();
            (name, entry["digest"].as_str().unwrap())
        })
        .collect();
    let expected: BTreeMap<String, String> = [
        // The tag alone is what was asked for by tag alone.
        ("a.example/app:1".to_owned(), one),
        (format!("a.example/app@{two}"), two),
        ("b.example/app:2".to_owned(), two),
        (format!("b.example/app@{two}"), two),
        (format!("c.example/app@{two}"), two),
    ]
    .into_iter()
    .map(|(name, digest)| (name, digest.to_string()))
    .collect();
    let expected = expected
        .iter()
        .map(|(name, digest)| (name.as_str(), digest.as_str()));
    assert_eq!(names, expected.collect());
}

#[test]
fn what_a_node_cannot_run_is_left_out_by_name() {
    let mut memory = Memory::default();
    let arm = memory.image("linux/arm64", "arm");
    let config = memory.put(media_type::OCI_EMPTY, "{}");
    let artifact =
        json!({"schemaVersion": 2, "artifactType": "application/x", "config": config, "layers": []});
    let artifact = memory.put(media_type::OCI_MANIFEST, artifact.to_string());
    let index = memory.index(std::slice::from_ref(&arm));
    memory.root("a.example/artifact:1", &artifact, "image");
    memory.root("a.example/index:1", &index, "image");
    memory.root("a.example/single:1", &arm, "image");
    let archive = plan(&memory, Some("linux/amd64")).unwrap();
    assert!(archive.images().is_empty());
    let reasons: Vec<&Reason> = archive.left_out().iter().map(|left| &left.reason).collect();
    let platform = Reason::Platform {
        available: vec!["linux/arm64".parse().unwrap()],
    };
    let artifact = Reason::NotAnImage {
        artifact_type: "application/x".to_owned(),
    };
    assert_eq!(reasons, [&artifact, &platform, &platform]);
    assert_eq!(
        archive.left_out()[1].to_string(),
        "a.example/index:1 is for linux/arm64 only"
    );
}

#[test]
fn what_is_missing_fails_before_anything_is_written() {
    let mut memory = Memory::default();
    let image = memory.image("linux/amd64", "app");
    memory.root("a.example/app:1", &image, "image");
    let layer = digest_of(b"linux/amd64 app");
    memory.blobs.remove(&layer);
    let error = plan(&memory, Some("linux/amd64")).unwrap_err();
    assert!(matches!(error, ExportError::Incomplete { digest, .. } if digest == layer));
    let unknown: Reference = "a.example/other:1".parse().unwrap();
    let error = Archive::plan(&memory, &[unknown], None).unwrap_err();
    assert_eq!(error.to_string(), "there is no such image: a.example/other:1");
    // A platform that is wanted and named by the index, and not held, is no other platform.
    let mut memory = Memory::default();
    let image = memory.image("linux/amd64", "app");
    let index = memory.index(std::slice::from_ref(&image));
    memory.root("a.example/app:1", &index, "image");
    memory.blobs.remove(&image.digest);
    let error = plan(&memory, Some("linux/amd64")).unwrap_err();
    assert!(matches!(error, ExportError::Incomplete { digest, .. } if digest == image.digest));
}

#[test]
fn content_that_changes_its_length_underway_ends_the_archive_with_an_error() {
    let mut memory = Memory::default();
    let image = memory.image("linux/amd64", "app");
    memory.root("a.example/app:1", &image, "image");
    let archive = plan(&memory, None).unwrap();
    memory
        .blobs
        .insert(digest_of(b"linux/amd64 app"), Bytes::from_static(b"short"));
    let error = archive
        .reader(Arc::new(memory))
        .read_to_end(&mut Vec::new())
        .unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn the_identity_follows_content_and_names() {
    let id = |reference: &str, content: &str, platform: Option<&str>| {
        let mut memory = Memory::default();
        let image = memory.image("linux/amd64", content);
        memory.root(reference, &image, "image");
        plan(&memory, platform).unwrap().id()
    };
    let first = id("a.example/app:1", "app", None);
    assert_eq!(first, id("a.example/app:1", "app", Some("linux/amd64")));
    assert_ne!(first, id("a.example/app:2", "app", None));
    assert_ne!(first, id("a.example/app:1", "other", None));
}

#[test]
fn indexes_in_indexes_end() {
    let mut memory = Memory::default();
    let mut root = memory.image("linux/amd64", "app");
    for _ in 0..20 {
        root.platform = None;
        root = memory.index(&[root]);
    }
    memory.root("a.example/app:1", &root, "image");
    assert!(matches!(plan(&memory, None), Err(ExportError::TooDeep(_))));
}
