use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED, LOCATION,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version};

use super::Hold;
use super::body::{End, ScriptedBody, Underway};
use super::fault::Action;
use crate::gzip;

/// An answer before it is sent, so that faults can work on it.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether `Content-Length` is announced, or the body is chunked.
    sized: bool,
    end: End,
    stop: Option<u64>,
    drip: Option<(usize, Duration)>,
    hold: Option<(u64, Hold)>,
    version: Version,
}

impl Answer {
    pub(super) fn new(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Self {
        let mut answer = Self {
            status,
            headers: HeaderMap::new(),
            body: body.into(),
            sized: true,
            end: End::Complete,
            stop: None,
            drip: None,
            hold: None,
            version: Version::HTTP_11,
        };
        answer.set(CONTENT_TYPE, content_type);
        answer
    }

    pub(super) fn error(status: StatusCode, code: &str) -> Self {
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"{code}"}}]}}"#);
        Self::new(status, "application/json", body)
    }

    pub(super) fn redirect(to: &str) -> Self {
        let mut answer = Self::error(StatusCode::TEMPORARY_REDIRECT, "REDIRECT");
        answer.set(LOCATION, to);
        answer
    }

    pub(super) fn set(&mut self, name: HeaderName, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
    }

    /// Whether an `If-Range` names this content, so that a part of it may be sent.
    pub(super) fn is_named_by(&self, if_range: &HeaderValue) -> bool {
        [ETAG, LAST_MODIFIED]
            .into_iter()
            .any(|name| self.headers.get(name) == Some(if_range))
    }

    /// Cuts the body to what a `Range: bytes=…` of one range asks for.
    pub(super) fn apply_range(&mut self, range: &str) {
        let total = self.body.len();
        let Some((from, to)) = range
            .strip_prefix("bytes=")
            .and_then(|range| range.split_once('-'))
        else {
            return;
        };
        let (from, to): (Option<usize>, Option<usize>) = (from.parse().ok(), to.parse().ok());
        let (from, to) = match (from, to) {
            (Some(from), Some(to)) => (from, to.saturating_add(1).min(total)),
            (Some(from), None) => (from, total),
            (None, Some(last)) => (total.saturating_sub(last), total),
            (None, None) => return,
        };
        if from >= to {
            *self = Self::error(StatusCode::RANGE_NOT_SATISFIABLE, "RANGE_INVALID");
            self.set(CONTENT_RANGE, &format!("bytes */{total}"));
            return;
        }
        self.status = StatusCode::PARTIAL_CONTENT;
        self.body = self.body.slice(from..to);
        self.set(CONTENT_RANGE, &format!("bytes {from}-{}/{total}", to - 1));
    }

    /// Lets a fault work on the answer.
    pub(super) fn apply(&mut self, action: Action, url: &str) {
        let status = |code| StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        match action {
            Action::Status(code) => *self = Self::error(status(code), "FAULT"),
            Action::StatusWith(code, headers) => {
                *self = Self::error(status(code), "FAULT");
                for (name, value) in headers {
                    self.set(HeaderName::from_static(name), &value);
                }
            }
            Action::Reset(after) => (self.end, self.stop) = (End::Reset, Some(after)),
            Action::Stall(after) => (self.end, self.stop) = (End::Stall, Some(after)),
            Action::Drip(chunk, pause) => self.drip = Some((chunk, pause)),
            Action::Truncate(after) => self.body = clip(&self.body, after),
            Action::Corrupt => {
                let mut bytes = self.body.to_vec();
                if let Some(last) = bytes.last_mut() {
                    *last ^= 1;
                }
                self.body = bytes.into();
            }
            Action::Append(more) => self.body = [&self.body[..], &more[..]].concat().into(),
            Action::Body(other) => self.body = other,
            Action::Redirect(to) => *self = Self::redirect(&to),
            Action::RedirectLoop => *self = Self::redirect(url),
            Action::Gzip => {
                self.body = gzip(&self.body).into();
                self.set(CONTENT_ENCODING, "gzip");
            }
            Action::Header(name, value) => self.set(HeaderName::from_static(name), &value),
            Action::WithoutHeader(name) if name == CONTENT_LENGTH => self.sized = false,
            Action::WithoutHeader(name) => {
                self.headers.remove(name);
            }
            Action::HoldAt(at, hold) => self.hold = Some((at, hold)),
            Action::Http10 => {
                self.version = Version::HTTP_10;
                self.set(CONNECTION, "close");
            }
            // These are seen to where the request is routed.
            Action::Hold(_) | Action::Close | Action::IgnoreRange => {}
        }
    }

    /// The response as hyper sends it.
    pub(super) fn into_response(
        mut self,
        head: bool,
        sent: Arc<AtomicU64>,
        underway: Underway,
    ) -> Response<ScriptedBody> {
        if self.sized {
            let length = self.body.len().to_string();
            self.set(CONTENT_LENGTH, &length);
        }
        let (bytes, end) = if head {
            (Bytes::new(), End::Complete)
        } else {
            (
                self.stop
                    .map_or_else(|| self.body.clone(), |stop| clip(&self.body, stop)),
                self.end,
            )
        };
        let mut body = ScriptedBody::new(bytes, end, sent, underway);
        if let Some((chunk, pause)) = self.drip {
            body = body.dripping(chunk, pause);
        }
        if let Some((at, hold)) = self.hold {
            body = body.held_at(at, hold);
        }
        let mut response = Response::new(body);
        *response.version_mut() = self.version;
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

fn clip(bytes: &Bytes, length: u64) -> Bytes {
    let length = usize::try_from(length).unwrap_or(usize::MAX).min(bytes.len());
    bytes.slice(..length)
}
