use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use airlock_content::{BlobRead, MANIFEST_LIMIT, StoreError};
use airlock_types::{Digest, Manifest, media_type};
use bytes::Bytes;
use http::HeaderValue;

use crate::reply::value;

/// Content could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The store has a problem.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A blob has a problem.
    #[error("a blob could not be read: {digest}")]
    Io {
        /// Which.
        digest: Digest,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The server is stopping.
    #[error("the task that reads was stopped")]
    Task,
}

/// A manifest with the type it is served as.
pub(crate) struct ReadManifest {
    pub(crate) media_type: String,
    pub(crate) bytes: Bytes,
}

/// All bytes of a small blob; none if it is not there or longer than `limit`.
pub(crate) fn read_whole<V: BlobRead + ?Sized>(
    view: &V,
    digest: &Digest,
    limit: u64,
) -> Result<Option<Vec<u8>>, ReadError> {
    let Some(body) = view.open(digest)? else {
        return Ok(None);
    };
    if body.len() > limit {
        return Ok(None);
    }
    let bytes = body.into_bytes(limit).map_err(|source| ReadError::Io {
        digest: *digest,
        source,
    })?;
    Ok(Some(bytes.into()))
}

/// Reads a manifest; `None` where it is not held. For blocking threads.
///
/// The type is the one that its descriptor declares; only one that declares none is guessed.
pub(crate) fn read_manifest<V: BlobRead + ?Sized>(
    view: &V,
    digest: &Digest,
    declared: &str,
) -> Result<Option<ReadManifest>, ReadError> {
    let Some(body) = view.open(digest)? else {
        return Ok(None);
    };
    let bytes = body.into_bytes(MANIFEST_LIMIT).map_err(|source| ReadError::Io {
        digest: *digest,
        source,
    })?;
    let media_type = if declared.is_empty() {
        Manifest::sniff(&bytes).unwrap_or_else(|| media_type::OCTET_STREAM.to_owned())
    } else {
        declared.to_owned()
    };
    Ok(Some(ReadManifest { media_type, bytes }))
}

/// A manifest in memory with the header values it is sent with.
#[derive(Debug)]
pub(crate) struct Cached {
    pub(crate) bytes: Bytes,
    pub(crate) content_type: HeaderValue,
    pub(crate) content_length: HeaderValue,
    pub(crate) digest: HeaderValue,
    pub(crate) etag: HeaderValue,
    /// As declared by the descriptor that it was read for.
    declared: Box<str>,
    used: AtomicU64,
}

impl Cached {
    pub(crate) fn new(digest: &Digest, declared: &str, manifest: ReadManifest) -> Self {
        let text = digest.to_string();
        Self {
            content_type: value(&manifest.media_type),
            content_length: HeaderValue::from(manifest.bytes.len()),
            etag: value(&format!("\"{text}\"")),
            digest: value(&text),
            bytes: manifest.bytes,
            declared: declared.into(),
            used: AtomicU64::new(0),
        }
    }

    /// What an entry costs beside its bytes, roughly.
    fn cost(&self) -> usize {
        self.bytes.len() + 600
    }
}

/// Recently served manifests, bounded by their bytes. Keyed by digest, so it outlives generations.
pub(crate) struct ManifestCache {
    entries: RwLock<HashMap<Digest, Arc<Cached>>>,
    /// Counts uses, so that the least recent can be told.
    clock: AtomicU64,
    bytes: AtomicUsize,
    limit: usize,
}

impl ManifestCache {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            entries: RwLock::default(),
            clock: AtomicU64::new(1),
            bytes: AtomicUsize::new(0),
            limit,
        }
    }

    /// A manifest served before with the same declared type. Two descriptors may give one content two types.
    pub(crate) fn get(&self, digest: &Digest, declared: &str) -> Option<Arc<Cached>> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(digest).filter(|entry| &*entry.declared == declared)?;
        entry
            .used
            .store(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Some(Arc::clone(entry))
    }

    pub(crate) fn insert(&self, digest: Digest, entry: &Arc<Cached>) {
        if entry.cost() > self.limit / 8 {
            return;
        }
        entry
            .used
            .store(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let replaced = entries
            .insert(digest, Arc::clone(entry))
            .map_or(0, |old| old.cost());
        let mut total = self.bytes.load(Ordering::Relaxed) + entry.cost() - replaced;
        if total > self.limit {
            // An eighth at a time, so that sorting is paid for by many insertions.
            let mut by_age: Vec<(u64, Digest)> = entries
                .iter()
                .map(|(digest, entry)| (entry.used.load(Ordering::Relaxed), *digest))
                .collect();
            by_age.sort_unstable();
            for (_, oldest) in by_age {
                if total <= self.limit - self.limit / 8 {
                    break;
                }
                total -= entries.remove(&oldest).map_or(0, |old| old.cost());
            }
        }
        self.bytes.store(total, Ordering::Relaxed);
    }

    /// Bytes held now.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(n: u8, size: usize) -> (Digest, Arc<Cached>) {
        let digest = Digest::sha256([n; 32]);
        let manifest = ReadManifest {
            media_type: "a/b".into(),
            bytes: vec![n; size].into(),
        };
        (digest, Arc::new(Cached::new(&digest, "a/b", manifest)))
    }

    #[test]
    fn stays_within_its_bound_and_keeps_what_is_used() {
        let cache = ManifestCache::new(100_000);
        let (kept, first) = entry(0, 5000);
        cache.insert(kept, &first);
        for n in 1..200 {
            let (digest, entry) = entry(n, 5000);
            cache.insert(digest, &entry);
            assert!(cache.bytes() <= 100_000);
            assert!(cache.get(&kept, "a/b").is_some(), "{n}");
        }
        assert!(cache.get(&Digest::sha256([1; 32]), "a/b").is_none());
        assert!(cache.get(&Digest::sha256([199; 32]), "a/b").is_some());
        assert!(cache.get(&kept, "other/type").is_none());
        let actual: usize = cache
            .entries
            .read()
            .unwrap()
            .values()
            .map(|entry| entry.cost())
            .sum();
        assert_eq!(cache.bytes(), actual);
    }

    #[test]
    fn what_would_crowd_out_the_rest_is_not_kept() {
        let cache = ManifestCache::new(10_000);
        let (digest, large) = entry(1, 5000);
        cache.insert(digest, &large);
        assert_eq!(cache.bytes(), 0);
    }
}
