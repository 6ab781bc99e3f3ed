//! Requests to the mirror.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use airlock_content::{BlobBody, BlobRead, Generation, GenerationView, RootEntry, StoreError, digest_of};
use airlock_registry::fuzzing::Exchange;
use airlock_testkit as testkit;
use airlock_types::{Descriptor, Digest, media_type};
use bytes::Bytes;
use http::{Method, Request, Uri};

/// A generation in memory.
#[derive(Debug)]
struct Memory {
    blobs: BTreeMap<Digest, Bytes>,
    generation: Arc<Generation>,
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
        Ok(Arc::clone(&self.generation))
    }
}

impl Memory {
    /// An image of two platforms with a signature, under two names, and a chart.
    fn new() -> Option<Self> {
        let image = testkit::multi_arch("fuzz", &["linux/amd64", "linux/arm64"]);
        let signature = testkit::cosign_signature("library/busybox", &image.digest());
        let chart = testkit::Chart::new("app", "1.2.3", "busybox:1").as_oci();
        let mut blobs = BTreeMap::new();
        let mut roots = Vec::new();
        for (reference, image, subject) in [
            ("docker.io/library/busybox:1.37", &image, None),
            ("quay.io/library/busybox:latest", &image, None),
            (
                "docker.io/library/busybox:signature",
                &signature,
                Some(image.digest()),
            ),
            ("registry.example:5000/charts/app:1.2.3", &chart, None),
        ] {
            for blob in image.all_manifests().chain(&image.blobs) {
                blobs.insert(blob.digest, blob.bytes.clone());
            }
            roots.push(RootEntry {
                descriptor: Descriptor::new(
                    &image.root.media_type,
                    image.digest(),
                    image.root.bytes.len() as u64,
                ),
                reference: reference.parse().ok()?,
                subject,
            });
        }
        debug_assert_eq!(image.root.media_type, media_type::OCI_INDEX);
        let generation = Generation::from_index(&Generation::render(&roots)).ok()?;
        Some(Self {
            blobs,
            generation: Arc::new(generation),
        })
    }
}

/// A request: method and target on the first line, headers below it. `@1@` … stand for the digests that are there.
pub fn registry(input: &[u8]) {
    static MIRROR: OnceLock<Option<(Exchange<Memory>, Vec<Digest>)>> = OnceLock::new();
    let mirror = MIRROR.get_or_init(|| {
        let memory = Memory::new()?;
        let digests = memory.blobs.keys().copied().collect();
        Some((Exchange::new(Arc::new(memory)), digests))
    });
    let (mirror, digests) = mirror
        .as_ref()
        .unwrap_or_else(|| panic!("the mirror's content is not valid"));
    let mut text = String::from_utf8_lossy(input).into_owned();
    for (at, digest) in digests.iter().enumerate() {
        let name = format!("@{at}@");
        if text.contains(&name) {
            text = text.replace(&name, &digest.to_string());
        }
    }
    let mut lines = text.lines();
    let (method, target) = lines
        .next()
        .unwrap_or_default()
        .split_once(' ')
        .unwrap_or_default();
    let (Ok(method), Ok(target)) = (method.parse::<Method>(), target.parse::<Uri>()) else {
        return;
    };
    let mut request = Request::builder().method(method).uri(target);
    for line in lines {
        if let Some((name, value)) = line.split_once(": ") {
            request = request.header(name, value);
        }
    }
    let Ok(request) = request.body(()) else { return };
    let get = request.method() == Method::GET;
    let head = request.method() == Method::HEAD;
    let whole = get && request.headers().is_empty();
    let blob = whole.then(|| {
        request
            .uri()
            .path()
            .rsplit_once("/blobs/")?
            .1
            .parse::<Digest>()
            .ok()
    });
    let answer = crate::archives::block_on(mirror.answer(request));
    let status = answer.status().as_u16();
    assert!(status < 500, "{status} for {text:?}");
    assert!(
        !head || answer.body().as_ref().is_some_and(Vec::is_empty),
        "{text:?}"
    );
    if let (Some(Some(digest)), 200, Some(body)) = (blob, status, answer.body()) {
        assert_eq!(digest_of(body), digest, "{text:?}");
    }
}
