use std::future::Future;
use std::path::Path;
use std::pin::Pin;

use airlock_types::{Descriptor, Digest, Repository, Tag};
use bytes::Bytes;
use futures::Stream;
use url::Url;

use crate::{Origin, SourceError, SourceErrorKind};

/// Content on its way, in chunks. Not verified: who takes it checks it.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, SourceError>> + Send>>;

/// Which manifest of an origin is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManifestSelector {
    /// By digest; the answer is checked against it.
    Digest(Digest),
    /// By tag of a registry.
    Tag(Tag),
    /// By its name inside a layout or archive (`org.opencontainers.image.ref.name`, or a `RepoTags` entry).
    Named(String),
    /// The only one that is there; more than one is an error that lists them.
    Only,
}

/// A manifest as its source gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedManifest {
    /// Media type, digest and size. The digest is that of `bytes`, computed here.
    pub descriptor: Descriptor,
    /// The exact bytes.
    pub bytes: Bytes,
    /// The name that a layout or archive knows the image by: a full reference where it has one.
    pub name: Option<String>,
    /// The bytes were made here (from a `docker save` archive) and cannot be fetched again from the
    /// origin: whoever pins them must keep them.
    pub generated: bool,
}

/// How a referrer was found, since that decides how it must be offered again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferrerVia {
    /// Through the referrers API (OCI distribution-spec, "Listing Referrers").
    Api,
    /// In the index behind the fallback tag `sha256-<hex>`.
    FallbackTag(Tag),
    /// Behind a cosign tag `sha256-<hex>.sig`, `.att` or `.sbom`.
    CosignTag(Tag),
}

/// A manifest that is about another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferrerFound {
    /// The referring manifest.
    pub descriptor: Descriptor,
    /// How it was found.
    pub via: ReferrerVia,
}

/// Length and digest of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// SHA-256 of the content: read here, or given by the caller and not contradicted.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}

/// Where a resolver learns what exists. Implemented over HTTP and over local files; every answer is
/// bounded in size, and anything asked for by digest is checked against it.
pub trait MetadataSource: Send + Sync {
    /// The manifest that `selector` means now.
    fn manifest(
        &self,
        origin: &Origin,
        selector: &ManifestSelector,
    ) -> impl Future<Output = Result<FetchedManifest, SourceError>> + Send;

    /// Everything that refers to `subject`: the referrers API, the fallback tag and the cosign tags.
    fn referrers(
        &self,
        origin: &Origin,
        subject: &Digest,
    ) -> impl Future<Output = Result<Vec<ReferrerFound>, SourceError>> + Send;

    /// All tags of a repository, in the registry's order.
    fn tags(&self, repository: &Repository) -> impl Future<Output = Result<Vec<Tag>, SourceError>> + Send;

    /// A blob that is small enough for memory (a configuration, a chart), verified. Refuses sizes above `limit` bytes.
    fn blob(
        &self,
        origin: &Origin,
        descriptor: &Descriptor,
        limit: u64,
    ) -> impl Future<Output = Result<Bytes, SourceError>> + Send;

    /// A document by address (`index.yaml`, a checksum file, a chart archive) of at most `limit` bytes, not verified.
    fn document(&self, url: &Url, limit: u64) -> impl Future<Output = Result<Bytes, SourceError>> + Send;

    /// A document that vouches for itself, because it is signed or its digest is known: read as it is sent, over plain HTTP
    /// too, without credentials there.
    fn signed_document(
        &self,
        url: &Url,
        limit: u64,
    ) -> impl Future<Output = Result<Bytes, SourceError>> + Send {
        self.document(url, limit)
    }

    /// Where an address leads in one step: the target of its redirect, or the address itself where it answers by itself.
    fn leads_to(&self, url: &Url) -> impl Future<Output = Result<Url, SourceError>> + Send {
        let error = SourceError::new(
            SourceErrorKind::Unsupported,
            "addresses cannot be followed here",
            Origin::Http(url.clone()),
        );
        std::future::ready(Err(error))
    }

    /// A chart folder, packaged as `helm package` lays it out, but deterministically.
    fn chart_folder(&self, path: &Path) -> impl Future<Output = Result<Bytes, SourceError>> + Send;

    /// Length and digest of a file ([`Origin::Http`] or [`Origin::File`]). With `expected`, a source
    /// that knows the length need not transfer the content now.
    fn file(
        &self,
        origin: &Origin,
        expected: Option<&Digest>,
    ) -> impl Future<Output = Result<FileFacts, SourceError>> + Send;
}

/// Where a packer gets the bytes that a lock names.
pub trait BlobSource: Send + Sync {
    /// Streams the content that `want` names, from byte `offset` on.
    ///
    /// A source resumes and retries by itself where its kind allows; the stream it returns is continuous.
    /// For registries the media type says whether the manifest or the blob endpoint is meant.
    fn open(
        &self,
        origin: &Origin,
        want: &Descriptor,
        offset: u64,
    ) -> impl Future<Output = Result<ByteStream, SourceError>> + Send;
}
