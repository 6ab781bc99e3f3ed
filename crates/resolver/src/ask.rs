use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use airlock_content::{
    Event, FetchedManifest, FileFacts, ManifestSelector, MetadataSource, Origin, ReferrerFound, Reporter,
    SourceError,
};
use airlock_types::{Descriptor, Digest, Manifest, Repository, Tag};
use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{OnceCell, Semaphore};
use url::Url;

use crate::error::Cause;
use crate::packages::AptConfiguration;
use crate::resolve::Options;

/// The answer to a question that several artifacts ask.
type Shared = Arc<OnceCell<Result<Bytes, Arc<SourceError>>>>;

/// Asks a source, never more than so many questions at once, and shared documents only once.
pub(crate) struct Asker<'a, S> {
    source: &'a S,
    permits: Semaphore,
    documents: Mutex<HashMap<Url, Shared>>,
    pub(crate) folder: &'a Path,
    pub(crate) referrers: bool,
    /// How apt is configured here, for manifests that name no repositories.
    pub(crate) apt: Option<&'a AptConfiguration>,
    /// When signatures are judged.
    pub(crate) now: Timestamp,
    reporter: &'a dyn Reporter,
}

impl<'a, S: MetadataSource> Asker<'a, S> {
    pub(crate) fn new(source: &'a S, options: &'a Options, reporter: &'a dyn Reporter) -> Self {
        Self {
            source,
            permits: Semaphore::new(options.concurrency.max(1)),
            documents: Mutex::default(),
            folder: &options.folder,
            referrers: options.referrers,
            apt: options.apt.as_ref(),
            now: options.now,
            reporter,
        }
    }

    pub(crate) fn note(&self, text: &str) {
        self.reporter.event(Event::Note { text });
    }

    pub(crate) async fn manifest(
        &self,
        origin: &Origin,
        selector: &ManifestSelector,
    ) -> Result<FetchedManifest, SourceError> {
        let _permit = self.permits.acquire().await;
        self.source.manifest(origin, selector).await
    }

    /// A manifest by the descriptor that names it, read under the type that the descriptor gives.
    pub(crate) async fn named(
        &self,
        origin: &Origin,
        descriptor: &Descriptor,
    ) -> Result<(FetchedManifest, Manifest), Cause> {
        let mut fetched = self
            .manifest(origin, &ManifestSelector::Digest(descriptor.digest))
            .await?;
        if fetched.descriptor.size != descriptor.size {
            return Err(Cause::Sizes(descriptor.digest));
        }
        fetched.descriptor.media_type.clone_from(&descriptor.media_type);
        let manifest = read(&fetched)?;
        Ok((fetched, manifest))
    }

    pub(crate) async fn referrers(
        &self,
        origin: &Origin,
        subject: &Digest,
    ) -> Result<Vec<ReferrerFound>, SourceError> {
        let _permit = self.permits.acquire().await;
        self.source.referrers(origin, subject).await
    }

    pub(crate) async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>, SourceError> {
        let _permit = self.permits.acquire().await;
        self.source.tags(repository).await
    }

    pub(crate) async fn blob(
        &self,
        origin: &Origin,
        descriptor: &Descriptor,
        limit: u64,
    ) -> Result<Bytes, SourceError> {
        let _permit = self.permits.acquire().await;
        self.source.blob(origin, descriptor, limit).await
    }

    pub(crate) async fn document(&self, url: &Url, limit: u64) -> Result<Bytes, SourceError> {
        let _permit = self.permits.acquire().await;
        self.source.document(url, limit).await
    }

    /// A document that vouches for itself: fetched once, so that all of a lock is from one release of a repository.
    pub(crate) async fn signed_document(&self, url: &Url, limit: u64) -> Result<Bytes, Arc<SourceError>> {
        let fetch = async || {
            let _permit = self.permits.acquire().await;
            self.source.signed_document(url, limit).await.map_err(Arc::new)
        };
        self.shared(url).get_or_init(fetch).await.clone()
    }

    /// A document that several artifacts may need (a repository index): fetched once.
    pub(crate) async fn shared_document(&self, url: &Url, limit: u64) -> Result<Bytes, Arc<SourceError>> {
        let fetch = async || self.document(url, limit).await.map_err(Arc::new);
        self.shared(url).get_or_init(fetch).await.clone()
    }

    fn shared(&self, url: &Url) -> Shared {
        let mut documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(documents.entry(url.clone()).or_default())
    }

    pub(crate) async fn leads_to(&self, url: &Url) -> Result<Url, SourceError> {
        let _permit = self.permits.acquire().await;
        self.source.leads_to(url).await
    }

    pub(crate) async fn chart_folder(&self, path: &Path) -> Result<Bytes, SourceError> {
        let _permit = self.permits.acquire().await;
        self.source.chart_folder(path).await
    }

    pub(crate) async fn file(
        &self,
        origin: &Origin,
        expected: Option<&Digest>,
    ) -> Result<FileFacts, SourceError> {
        let _permit = self.permits.acquire().await;
        self.source.file(origin, expected).await
    }
}

/// Reads a fetched manifest.
pub(crate) fn read(fetched: &FetchedManifest) -> Result<Manifest, Cause> {
    Manifest::parse(&fetched.descriptor.media_type, &fetched.bytes).map_err(|error| Cause::Manifest {
        digest: fetched.descriptor.digest,
        source: Arc::new(error),
    })
}
