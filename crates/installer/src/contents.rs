//! What a bundle or store has of k3s.

use std::sync::Arc;

use airlock_content::{GenerationView, RootEntry, StoreError, manifest_bytes};
use airlock_node::{Blob, Content};
use airlock_spec::k3s::{K3sError, K3sRelease, ReleaseFile};
use airlock_spec::lock::Kind;
use airlock_types::{Digest, Manifest, Reference, annotation};

/// The largest description of a release.
const MAX_RELEASE: u64 = 16 << 20;

/// Why it cannot be told what a bundle has.
#[derive(Debug, thiserror::Error)]
pub enum ContentsError {
    /// The store has a problem.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A description of a release does not read.
    #[error("the description of a k3s release cannot be read: {reference}")]
    Release {
        /// Of which.
        reference: Reference,
        /// Why.
        #[source]
        source: K3sError,
    },
    /// The manifest of a release names no configuration.
    #[error("the manifest of a k3s release cannot be read: {0}")]
    Manifest(Reference),
    /// There is none.
    #[error("nothing of k3s is in it")]
    None,
    /// There is more than one, and nobody said which.
    #[error("it holds more than one k3s release: {}", .0.join(", "))]
    Many(Vec<String>),
}

/// A bundle or store, as an installer sees it.
pub struct Contents<V> {
    view: Arc<V>,
}

impl<V> std::fmt::Debug for Contents<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Contents")
    }
}

impl<V: GenerationView + 'static> Contents<V> {
    /// What is in a view.
    pub fn new(view: Arc<V>) -> Self {
        Self { view }
    }

    /// The view itself.
    pub fn view(&self) -> &Arc<V> {
        &self.view
    }

    /// The one release, or the one that is called so.
    pub fn release(&self, wanted: Option<&str>) -> Result<K3sRelease, ContentsError> {
        let mut releases = releases(&*self.view)?;
        if let Some(wanted) = wanted {
            releases.retain(|release| release.release == wanted || release.component == wanted);
        }
        match releases.len() {
            0 => Err(ContentsError::None),
            1 => Ok(releases.remove(0)),
            _ => Err(ContentsError::Many(
                releases.into_iter().map(|release| release.release).collect(),
            )),
        }
    }

    /// A file of a release, read when it is needed.
    pub fn file(&self, file: &ReleaseFile) -> Content {
        self.blob(file.digest, file.size)
    }

    /// Any blob, read when it is needed.
    pub fn blob(&self, digest: Digest, size: u64) -> Content {
        let view = Arc::clone(&self.view);
        Content::Blob(Blob::new(digest, size, move || {
            let body = view.open(&digest).map_err(std::io::Error::other)?;
            body.ok_or_else(|| std::io::Error::other(StoreError::Missing(digest)))?
                .into_reader()
        }))
    }
}

/// The k3s releases of a view.
pub fn releases<V: GenerationView + ?Sized>(view: &V) -> Result<Vec<K3sRelease>, ContentsError> {
    let generation = view.generation()?;
    let roots = generation.roots.iter().filter(|root| {
        let kind = root.descriptor.annotations.get(annotation::KIND);
        root.subject.is_none() && kind.is_some_and(|kind| kind == Kind::K3s.as_str())
    });
    roots.map(|root| release(view, root)).collect()
}

fn release<V: GenerationView + ?Sized>(view: &V, root: &RootEntry) -> Result<K3sRelease, ContentsError> {
    let manifest = manifest_bytes(view, &root.descriptor.digest)?;
    let Ok(Manifest::Image(image)) = Manifest::parse(&root.descriptor.media_type, &manifest) else {
        return Err(ContentsError::Manifest(root.reference.clone()));
    };
    let digest = image.config.digest;
    let body = view.open(&digest)?.ok_or(StoreError::Missing(digest))?;
    let bytes = body
        .into_bytes(MAX_RELEASE)
        .map_err(StoreError::io("reading the release", digest.to_string()))?;
    K3sRelease::from_bytes(&bytes).map_err(|source| ContentsError::Release {
        reference: root.reference.clone(),
        source,
    })
}
