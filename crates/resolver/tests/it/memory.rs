//! An upstream in memory: a table of answers that counts its questions and can shuffle their order.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use airlock_content::{
    Event, FetchedManifest, FileFacts, ManifestSelector, MetadataSource, Origin, ReferrerFound, ReferrerVia,
    Reporter, SourceError, SourceErrorKind, digest_of,
};
use airlock_spec::manifest::{Effective, Inputs, load};
use airlock_types::{Descriptor, Digest, Platform, Repository, Tag, media_type};
use bytes::Bytes;
use serde_json::{Value, json};
use url::Url;

#[derive(Default)]
pub(crate) struct Memory {
    /// By origin and digest.
    manifests: BTreeMap<(String, Digest), (Descriptor, Bytes, bool)>,
    /// By origin and tag or name.
    names: BTreeMap<(String, String), Digest>,
    blobs: BTreeMap<Digest, Bytes>,
    referrers: BTreeMap<Digest, Vec<ReferrerFound>>,
    documents: BTreeMap<String, Bytes>,
    redirects: BTreeMap<String, String>,
    questions: Mutex<Vec<String>>,
    /// Decides how often each question lets others pass.
    pub(crate) shuffle: u64,
    busy: AtomicUsize,
    pub(crate) busiest: AtomicUsize,
}

impl Memory {
    /// The questions since the last call.
    pub(crate) fn questions(&self) -> Vec<String> {
        std::mem::take(&mut *self.questions.lock().unwrap())
    }

    pub(crate) fn blob_of(&mut self, media_type: &str, bytes: &[u8]) -> Descriptor {
        self.blobs.insert(digest_of(bytes), Bytes::copy_from_slice(bytes));
        Descriptor::new(media_type, digest_of(bytes), bytes.len() as u64)
    }

    pub(crate) fn put(&mut self, origin: &str, media_type: &str, value: &Value) -> Descriptor {
        let bytes = serde_json::to_vec(value).unwrap();
        let descriptor = Descriptor::new(media_type, digest_of(&bytes), bytes.len() as u64);
        self.manifests.insert(
            (origin.to_owned(), descriptor.digest),
            (descriptor.clone(), bytes.into(), false),
        );
        descriptor
    }

    /// Marks everything of an origin as made on the fly.
    pub(crate) fn generated(&mut self, origin: &str) {
        for ((place, _), (_, _, generated)) in &mut self.manifests {
            *generated |= place == origin;
        }
    }

    pub(crate) fn tag(&mut self, origin: &str, tag: &str, to: &Descriptor) {
        self.names.insert((origin.to_owned(), tag.to_owned()), to.digest);
    }

    /// An image for one platform with two layers of its own; its descriptor names the platform.
    pub(crate) fn image(&mut self, origin: &str, platform: &str, content: &str) -> Descriptor {
        let platform: Platform = platform.parse().unwrap();
        let config = json!({"os": platform.os(), "architecture": platform.architecture(), "variant": platform.variant(), "content": content});
        let config = self.blob_of(media_type::OCI_CONFIG, &serde_json::to_vec(&config).unwrap());
        let layer = self.blob_of(
            media_type::OCI_LAYER_GZIP,
            format!("{platform} {content}").as_bytes(),
        );
        let shared = self.blob_of(media_type::OCI_LAYER_GZIP, b"a layer that every image has");
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": [shared, layer]});
        let mut descriptor = self.put(origin, media_type::OCI_MANIFEST, &manifest);
        descriptor.platform = Some(platform);
        descriptor
    }

    /// An artifact that runs nowhere.
    pub(crate) fn artifact(&mut self, origin: &str, kind: &str, content: &str) -> Descriptor {
        let config = self.blob_of(media_type::OCI_EMPTY, b"{}");
        let layer = self.blob_of("text/plain", content.as_bytes());
        self.put(
            origin,
            media_type::OCI_MANIFEST,
            &json!({"schemaVersion": 2, "artifactType": kind, "config": config, "layers": [layer]}),
        )
    }

    pub(crate) fn index(&mut self, origin: &str, children: &[Descriptor]) -> Descriptor {
        self.put(
            origin,
            media_type::OCI_INDEX,
            &json!({"schemaVersion": 2, "manifests": children}),
        )
    }

    pub(crate) fn refers(&mut self, subject: Digest, descriptor: &Descriptor, via: ReferrerVia) {
        let found = ReferrerFound {
            descriptor: descriptor.clone(),
            via,
        };
        self.referrers.entry(subject).or_default().push(found);
    }

    pub(crate) fn document(&mut self, url: &str, bytes: impl Into<Bytes>) {
        self.documents.insert(url.to_owned(), bytes.into());
    }

    pub(crate) fn redirect(&mut self, from: &str, to: &str) {
        self.redirects.insert(from.to_owned(), to.to_owned());
    }

    async fn ask(&self, question: String) {
        let busy = self.busy.fetch_add(1, Ordering::SeqCst) + 1;
        self.busiest.fetch_max(busy, Ordering::SeqCst);
        let seed = digest_of(format!("{} {question}", self.shuffle).as_bytes());
        self.questions.lock().unwrap().push(question);
        for _ in 0..seed.as_bytes()[0] % 16 {
            tokio::task::yield_now().await;
        }
        self.busy.fetch_sub(1, Ordering::SeqCst);
    }
}

fn missing(what: impl std::fmt::Display) -> SourceError {
    SourceError::new(SourceErrorKind::NotFound, "it does not exist", what)
}

impl MetadataSource for Memory {
    async fn manifest(
        &self,
        origin: &Origin,
        selector: &ManifestSelector,
    ) -> Result<FetchedManifest, SourceError> {
        self.ask(format!("manifest {origin} {selector:?}")).await;
        let place = origin.to_string();
        let digest = match selector {
            ManifestSelector::Digest(digest) => Some(*digest),
            ManifestSelector::Tag(tag) => self.names.get(&(place.clone(), tag.to_string())).copied(),
            ManifestSelector::Named(name) => self.names.get(&(place.clone(), name.clone())).copied(),
            ManifestSelector::Only => self
                .names
                .iter()
                .find(|((origin, _), _)| *origin == place)
                .map(|(_, digest)| *digest),
        };
        let found = digest.and_then(|digest| self.manifests.get(&(place, digest)));
        let (descriptor, bytes, generated) =
            found.ok_or_else(|| missing(format!("{origin} {selector:?}")))?;
        Ok(FetchedManifest {
            descriptor: descriptor.clone(),
            bytes: bytes.clone(),
            name: None,
            generated: *generated,
        })
    }

    async fn referrers(&self, origin: &Origin, subject: &Digest) -> Result<Vec<ReferrerFound>, SourceError> {
        self.ask(format!("referrers {origin} {subject}")).await;
        Ok(self.referrers.get(subject).cloned().unwrap_or_default())
    }

    async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>, SourceError> {
        self.ask(format!("tags {repository}")).await;
        let place = repository.to_string();
        let names = self.names.keys().filter(|(origin, _)| *origin == place);
        Ok(names.map(|(_, tag)| tag.parse().unwrap()).collect())
    }

    async fn blob(&self, origin: &Origin, descriptor: &Descriptor, limit: u64) -> Result<Bytes, SourceError> {
        self.ask(format!("blob {origin} {}", descriptor.digest)).await;
        assert!(descriptor.size <= limit);
        let local = match origin {
            Origin::ChartFolder(path) | Origin::File(path) => self.documents.get(&path.display().to_string()),
            _ => None,
        };
        local
            .or_else(|| self.blobs.get(&descriptor.digest))
            .cloned()
            .ok_or_else(|| missing(descriptor.digest))
    }

    async fn document(&self, url: &Url, _: u64) -> Result<Bytes, SourceError> {
        self.ask(format!("document {url}")).await;
        self.documents
            .get(url.as_str())
            .cloned()
            .ok_or_else(|| missing(url))
    }

    async fn leads_to(&self, url: &Url) -> Result<Url, SourceError> {
        self.ask(format!("leads {url}")).await;
        let to = self.redirects.get(url.as_str()).ok_or_else(|| missing(url))?;
        Ok(to.parse().unwrap())
    }

    async fn chart_folder(&self, path: &Path) -> Result<Bytes, SourceError> {
        self.ask(format!("folder {}", path.display())).await;
        self.documents
            .get(&path.display().to_string())
            .cloned()
            .ok_or_else(|| missing(path.display()))
    }

    async fn file(&self, origin: &Origin, expected: Option<&Digest>) -> Result<FileFacts, SourceError> {
        let how = if expected.is_some() { "expecting" } else { "asking" };
        self.ask(format!("file {origin} {how}")).await;
        let bytes = self
            .documents
            .get(&origin.to_string())
            .ok_or_else(|| missing(origin))?;
        Ok(FileFacts {
            digest: digest_of(bytes),
            size: bytes.len() as u64,
        })
    }
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

/// A manifest for two platforms with the components given as YAML.
pub(crate) fn manifest(components: &str) -> Effective {
    let text = format!(
        "apiVersion: airlock.dev/v1\nkind: Manifest\nmetadata: {{name: edge, version: 1.0+a}}\nplatforms: [linux/amd64, linux/arm64]\ncomponents:\n{components}"
    );
    let loaded = load(Path::new("airlock.yaml"), &Inputs::default(), &mut |_| {
        Ok(text.clone())
    });
    loaded.unwrap_or_else(|errors| panic!("{}", errors.render()))
}
