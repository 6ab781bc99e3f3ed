//! An answer before it meets a connection: head and content, where content may still be a stretch of
//! a file. Only `body` knows how it is sent, so another way of sending (sendfile) needs no change here.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

pub(crate) type Reply = Response<Content>;

#[derive(Debug)]
pub(crate) enum Content {
    Empty,
    Bytes(Bytes),
    File(FileSlice),
}

impl Content {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(slice) => slice.len,
        }
    }
}

/// A stretch of an open file.
#[derive(Clone, Debug)]
pub(crate) struct FileSlice {
    pub(crate) file: Arc<File>,
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

pub(crate) const DOCKER_CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
pub(crate) const DOCKER_API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");
pub(crate) const OCI_NAMESPACE: HeaderName = HeaderName::from_static("oci-namespace");
pub(crate) const OCI_FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// Content under its own digest never changes.
pub(crate) const IMMUTABLE: HeaderValue = HeaderValue::from_static("max-age=31536000, immutable");
/// What a tag names may change with the next import.
pub(crate) const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(crate) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
pub(crate) const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// An answer from memory.
pub(crate) fn bytes(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Reply {
    let mut reply = Response::new(Content::Empty);
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.reserve(8);
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    *reply.body_mut() = Content::Bytes(body);
    reply
}

/// An answer from memory, status 200.
pub(crate) fn ok(content_type: HeaderValue, body: impl Into<Bytes>) -> Reply {
    bytes(StatusCode::OK, content_type, body.into())
}

/// `304 Not Modified`.
pub(crate) fn not_modified(etag: HeaderValue) -> Reply {
    let mut reply = Response::new(Content::Empty);
    *reply.status_mut() = StatusCode::NOT_MODIFIED;
    reply.headers_mut().insert(header::ETAG, etag);
    reply
}

/// A header value of text that was checked for its own grammar, which header values include.
pub(crate) fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("invalid"))
}
