//! The network and this machine as one source, behind the traits of `content`.

use std::path::Path;

use airlock_content::{
    BlobSource, ByteStream, FetchedManifest, FileFacts, ManifestSelector, MetadataSource, Origin,
    ReferrerFound, SourceError,
};
use airlock_local::Local;
use airlock_types::{Descriptor, Digest, Repository, Tag};
use airlock_upstream::Upstream;
use bytes::Bytes;
use url::Url;

/// Asks the one that an origin belongs to.
pub(crate) struct Sources {
    /// Registries and HTTP servers.
    pub(crate) upstream: Upstream,
    /// Files and folders.
    pub(crate) local: Local,
}

fn is_remote(origin: &Origin) -> bool {
    matches!(origin, Origin::Registry(_) | Origin::Http(_))
}

impl MetadataSource for Sources {
    async fn manifest(
        &self,
        origin: &Origin,
        selector: &ManifestSelector,
    ) -> Result<FetchedManifest, SourceError> {
        if is_remote(origin) {
            self.upstream.manifest(origin, selector).await
        } else {
            self.local.manifest(origin, selector).await
        }
    }

    async fn referrers(&self, origin: &Origin, subject: &Digest) -> Result<Vec<ReferrerFound>, SourceError> {
        if is_remote(origin) {
            self.upstream.referrers(origin, subject).await
        } else {
            self.local.referrers(origin, subject).await
        }
    }

    async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>, SourceError> {
        self.upstream.tags(repository).await
    }

    async fn blob(&self, origin: &Origin, descriptor: &Descriptor, limit: u64) -> Result<Bytes, SourceError> {
        if is_remote(origin) {
            self.upstream.blob(origin, descriptor, limit).await
        } else {
            self.local.blob(origin, descriptor, limit).await
        }
    }

    async fn document(&self, url: &Url, limit: u64) -> Result<Bytes, SourceError> {
        self.upstream.document(url, limit).await
    }

    async fn signed_document(&self, url: &Url, limit: u64) -> Result<Bytes, SourceError> {
        self.upstream.signed_document(url, limit).await
    }

    async fn leads_to(&self, url: &Url) -> Result<Url, SourceError> {
        self.upstream.leads_to(url).await
    }

    async fn chart_folder(&self, path: &Path) -> Result<Bytes, SourceError> {
        self.local.chart_folder(path).await
    }

    async fn file(&self, origin: &Origin, expected: Option<&Digest>) -> Result<FileFacts, SourceError> {
        if is_remote(origin) {
            self.upstream.file(origin, expected).await
        } else {
            self.local.file(origin, expected).await
        }
    }
}

impl BlobSource for Sources {
    async fn open(&self, origin: &Origin, want: &Descriptor, offset: u64) -> Result<ByteStream, SourceError> {
        if is_remote(origin) {
            self.upstream.open(origin, want, offset).await
        } else {
            self.local.open(origin, want, offset).await
        }
    }
}
