//! Manifests and blobs (OCI distribution-spec, "Pulling manifests", "Pulling blobs").

use std::borrow::Cow;
use std::sync::Arc;

use airlock_content::{BlobBody, GenerationView};
use airlock_types::Digest;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use crate::app::{App, Request, blocking};
use crate::catalog::Catalog;
use crate::conditional::{self, Part};
use crate::error::{ApiError, Code};
use crate::manifests::{Cached, ReadError, read_manifest};
use crate::metrics::count;
use crate::reach::Kind;
use crate::reply::{self, Content, FileSlice, Reply};

/// Blobs up to this size are read at once, by the task that opens them.
const SMALL: u64 = 64 << 10;

pub(crate) fn parse_digest(text: &str) -> Result<Digest, ApiError> {
    text.parse()
        .map_err(|error: airlock_types::DigestError| ApiError::new(Code::DigestInvalid, error.to_string()))
}

impl<V: GenerationView + 'static> App<V> {
    pub(crate) async fn manifest(
        self: &Arc<Self>,
        catalog: &Arc<Catalog>,
        request: &Request<'_>,
        name: &str,
        reference: &str,
    ) -> Result<Reply, ApiError> {
        let at = Self::resolve(catalog, request, name)?;
        let unknown = || {
            ApiError::new(
                Code::ManifestUnknown,
                format!(
                    "the repository {} has no such manifest here: {reference}",
                    catalog.repositories[at].address
                ),
            )
            .detail(serde_json::json!({"name": name, "reference": reference}))
        };
        // Of a tag and a digest together, the digest decides.
        let wanted = reference.rsplit_once('@').map_or(reference, |(_, digest)| digest);
        let (digest, declared, cache_control) = if wanted.contains(':') {
            let digest = parse_digest(wanted)?;
            let declared: Cow<'_, str> = if let Some(root) = catalog.root(at, &digest) {
                Cow::Borrowed(&root.descriptor.media_type)
            } else {
                match self.kind(catalog, at, digest).await? {
                    Some(Kind::Manifest(media_type)) => Cow::Owned(media_type.to_string()),
                    Some(Kind::Blob) | None => return Err(unknown()),
                }
            };
            (digest, declared, reply::IMMUTABLE)
        } else {
            let root = catalog.tagged(at, wanted).ok_or_else(unknown)?;
            let declared = Cow::Borrowed(root.descriptor.media_type.as_str());
            (root.descriptor.digest, declared, reply::REVALIDATE)
        };
        let manifest = self.load_manifest(digest, &declared).await?.ok_or_else(|| {
            ApiError::new(
                Code::ManifestUnknown,
                format!("the manifest is listed, but the store has lost it (`airlock scrub` finds such damage): {digest}"),
            )
        })?;

        let fresh = conditional::is_fresh(request.headers, manifest.etag.to_str().unwrap_or_default());
        let mut reply = if fresh {
            reply::not_modified(manifest.etag.clone())
        } else {
            let mut reply = Response::new(Content::Bytes(manifest.bytes.clone()));
            let headers = reply.headers_mut();
            headers.reserve(10);
            headers.insert(header::CONTENT_TYPE, manifest.content_type.clone());
            headers.insert(header::CONTENT_LENGTH, manifest.content_length.clone());
            headers.insert(header::ETAG, manifest.etag.clone());
            reply
        };
        let headers = reply.headers_mut();
        headers.insert(reply::DOCKER_CONTENT_DIGEST, manifest.digest.clone());
        headers.insert(header::CACHE_CONTROL, cache_control);
        Ok(reply)
    }

    pub(crate) async fn blob(
        self: &Arc<Self>,
        catalog: &Arc<Catalog>,
        request: &Request<'_>,
        name: &str,
        digest: &str,
    ) -> Result<Reply, ApiError> {
        let at = Self::resolve(catalog, request, name)?;
        let digest = parse_digest(digest)?;
        let unknown = || {
            ApiError::new(
                Code::BlobUnknown,
                format!(
                    "the repository {} has no such blob here: {digest}",
                    catalog.repositories[at].address
                ),
            )
            .detail(serde_json::json!({"name": name, "digest": digest}))
        };
        if self.kind(catalog, at, digest).await?.is_none() {
            return Err(unknown());
        }
        let mut reply = self
            .content(request, digest, reply::OCTETS)
            .await?
            .ok_or_else(unknown)?;
        reply
            .headers_mut()
            .insert(header::CACHE_CONTROL, reply::IMMUTABLE);
        Ok(reply)
    }

    /// Content by digest, whole or in part; `None` where it is not held. Whether the client may see it
    /// was decided before.
    pub(crate) async fn content(
        self: &Arc<Self>,
        request: &Request<'_>,
        digest: Digest,
        content_type: HeaderValue,
    ) -> Result<Option<Reply>, ApiError> {
        let text = digest.to_string();
        let etag = format!("\"{text}\"");
        let fresh = conditional::is_fresh(request.headers, &etag);
        let view = Arc::clone(&self.view);
        let opened = if request.head || fresh {
            // A range means something for GET only (RFC 9110, section 14.2).
            let size = blocking(move || Ok(view.size(&digest)?)).await;
            size.map(|size| size.map(|size| (Part::Whole, size, Content::Empty)))
        } else {
            count(&self.metrics.blob_opens);
            let headers = request.headers.clone();
            let etag = etag.clone();
            blocking(move || {
                let Some(body) = view.open(&digest)? else {
                    return Ok(None);
                };
                let size = body.len();
                let part = conditional::part(&headers, &etag, size);
                Ok(Some((part, size, cut(body, part, digest)?)))
            })
            .await
        };
        let Some((part, size, content)) = opened.map_err(|error| ApiError::internal(&error))? else {
            return Ok(None);
        };

        let mut reply = match part {
            _ if fresh => reply::not_modified(reply::value(&etag)),
            Part::Unsatisfiable => {
                let mut reply = ApiError::new(
                    Code::RangeInvalid,
                    format!("the range holds none of the {size} bytes"),
                )
                .into_reply();
                reply
                    .headers_mut()
                    .insert(header::CONTENT_RANGE, reply::value(&format!("bytes */{size}")));
                return Ok(Some(reply));
            }
            Part::Whole => with_length(StatusCode::OK, size, content),
            Part::Range { start, len } => {
                let mut reply = with_length(StatusCode::PARTIAL_CONTENT, len, content);
                reply.headers_mut().insert(
                    header::CONTENT_RANGE,
                    reply::value(&format!("bytes {start}-{}/{size}", start + len - 1)),
                );
                reply
            }
        };
        let headers = reply.headers_mut();
        if !fresh {
            headers.insert(header::CONTENT_TYPE, content_type);
            headers.insert(header::ETAG, reply::value(&etag));
        }
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(reply::DOCKER_CONTENT_DIGEST, reply::value(&text));
        Ok(Some(reply))
    }

    /// As what a repository names a digest, if it does.
    async fn kind(
        self: &Arc<Self>,
        catalog: &Arc<Catalog>,
        at: usize,
        digest: Digest,
    ) -> Result<Option<Kind>, ApiError> {
        if let Some(reach) = catalog.known_reach(at) {
            return Ok(reach.get(&digest).cloned());
        }
        let (view, catalog) = (Arc::clone(&self.view), Arc::clone(catalog));
        blocking(move || Ok(catalog.reach(at, &*view)?.get(&digest).cloned()))
            .await
            .map_err(|error| ApiError::internal(&error))
    }

    /// A manifest from memory, or from the store into memory.
    async fn load_manifest(
        self: &Arc<Self>,
        digest: Digest,
        declared: &str,
    ) -> Result<Option<Arc<Cached>>, ApiError> {
        if let Some(cached) = self.cache.get(&digest, declared) {
            count(&self.metrics.manifest_hits);
            return Ok(Some(cached));
        }
        count(&self.metrics.manifest_reads);
        let (view, declared) = (Arc::clone(&self.view), declared.to_owned());
        let read = blocking(move || {
            let read = read_manifest(&*view, &digest, &declared)?;
            Ok(read.map(|read| Arc::new(Cached::new(&digest, &declared, read))))
        })
        .await
        .map_err(|error| ApiError::internal(&error))?;
        if let Some(manifest) = &read {
            self.cache.insert(digest, manifest);
        }
        Ok(read)
    }
}

fn with_length(status: StatusCode, len: u64, content: Content) -> Reply {
    let mut reply = Response::new(content);
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.reserve(10);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(len));
    reply
}

/// The part of a blob that was asked for. For blocking threads.
fn cut(body: BlobBody, part: Part, digest: Digest) -> Result<Content, ReadError> {
    let (start, len) = match part {
        Part::Whole => (0, body.len()),
        Part::Range { start, len } => (start, len),
        Part::Unsatisfiable => return Ok(Content::Empty),
    };
    let io = |source| ReadError::Io { digest, source };
    Ok(match body {
        BlobBody::Memory(bytes) => {
            // A part lies within the blob, and a blob in memory is counted by usize.
            let from = usize::try_from(start).unwrap_or(usize::MAX).min(bytes.len());
            let to = usize::try_from(start + len)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            Content::Bytes(bytes.slice(from..to))
        }
        BlobBody::File { file, offset, .. } if len <= SMALL => {
            use std::os::unix::fs::FileExt;
            let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
            file.read_exact_at(&mut bytes, offset + start).map_err(io)?;
            Content::Bytes(Bytes::from(bytes))
        }
        BlobBody::File { file, offset, .. } => Content::File(FileSlice {
            file: Arc::new(file),
            offset: offset + start,
            len,
        }),
    })
}
