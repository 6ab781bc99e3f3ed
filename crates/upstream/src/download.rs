use std::sync::Arc;

use airlock_content::{ByteStream, SourceError, SourceErrorKind};
use airlock_hash::Sha256;
use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{
    CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_RANGE, LAST_MODIFIED,
    RANGE,
};

use crate::error::{Again, Trouble};
use crate::http::{Attempts, Call, Http, Reply, authority_of};
use crate::retry_after::http_date;

/// As much progress makes a broken connection a new start rather than another failure.
const GOOD_PROGRESS: u64 = 256 * 1024;

/// What is known of the content besides its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// The place is named after the content: it never changes, and whoever takes it checks it.
    Addressed,
    /// A file that may be replaced at any time; whoever takes it checks it.
    Named,
    /// The same, but nobody knows what it should be: what came before a break must be shown to belong
    /// to what comes after it.
    Unknown,
}

/// One content on its way, from an offset to its end, over as many connections as it takes.
pub(crate) struct Download {
    http: Arc<Http>,
    pub(crate) call: Call,
    /// Where the next byte stands in the content.
    position: u64,
    /// The content's length, as soon as it is known.
    size: Option<u64>,
    /// How many bytes of the current answer were had before.
    skip: u64,
    /// How many bytes came since the last break.
    progress: u64,
    attempts: Attempts,
    reply: Option<Reply>,
    done: bool,
    open_ended: bool,
    content: Content,
    /// What tells this version of a file from others.
    validator: Option<(HeaderName, HeaderValue)>,
    /// The hash of what came, where a second copy of it is compared with it.
    so_far: Sha256,
    /// The hash of what is read over again.
    again: Sha256,
}

impl Download {
    /// Asks for the content and waits until the answer begins.
    pub(crate) async fn start(
        http: Arc<Http>,
        call: Call,
        size: Option<u64>,
        offset: u64,
        content: Content,
    ) -> Result<Self, SourceError> {
        let attempts = http.attempts(&call.url);
        let mut download = Self {
            http,
            call,
            position: offset,
            size,
            skip: 0,
            progress: 0,
            attempts,
            reply: None,
            done: size.is_some_and(|size| offset >= size),
            open_ended: false,
            content,
            validator: None,
            so_far: Sha256::new(),
            again: Sha256::new(),
        };
        if let Some(size) = size.filter(|size| offset > *size) {
            let message = format!("the content has {size} bytes only; none can be read from {offset} on");
            return Err(download.failure(SourceErrorKind::Corrupt, message));
        }
        if !download.done {
            download.connect().await?;
        }
        Ok(download)
    }

    fn failure(&self, kind: SourceErrorKind, message: String) -> SourceError {
        SourceError::new(kind, message, &self.call.what)
    }

    /// Asks for what is still missing.
    async fn connect(&mut self) -> Result<(), SourceError> {
        loop {
            match self.ask().await {
                Ok(reply) => {
                    self.reply = Some(reply);
                    return Ok(());
                }
                Err(trouble) => self.back_off(trouble).await?,
            }
        }
    }

    async fn back_off(&mut self, trouble: Trouble) -> Result<(), SourceError> {
        let http = Arc::clone(&self.http);
        http.back_off(&self.call.url, &mut self.attempts, trouble).await
    }

    async fn ask(&mut self) -> Result<Reply, Trouble> {
        // Where nothing tells one version from the next, all of it is read again and compared.
        let resumes = self.content != Content::Unknown || self.validator.is_some();
        if self.position > 0 && resumes {
            let range = format!("bytes={}-", self.position);
            if let Ok(range) = HeaderValue::from_str(&range) {
                self.call.headers.insert(RANGE, range);
            }
            if let Some((_, validator)) = &self.validator {
                self.call.headers.insert(IF_RANGE, validator.clone());
            }
        }
        let http = Arc::clone(&self.http);
        let reply = http.send(&self.call, &mut self.attempts).await?;
        let host = authority_of(reply.response.url());
        let header = |name| {
            reply
                .response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let validator = match self.content {
            Content::Addressed => None,
            Content::Named | Content::Unknown => validator(reply.response.headers()),
        };
        let good = matches!(reply.status(), StatusCode::OK | StatusCode::PARTIAL_CONTENT);
        // Servers answer a failed `If-Range` with the whole new file, and some overlook it.
        if let Some((name, before)) = &self.validator
            && good
            && reply
                .response
                .headers()
                .get(name)
                .is_some_and(|now| now != before)
        {
            return Err(self.changed(&host).into());
        }
        let announced: Option<u64> = header(CONTENT_LENGTH).and_then(|value| value.parse().ok());
        self.skip = 0;
        let total = match reply.status() {
            StatusCode::OK => {
                // The server overlooked the range; what was had is read over again and dropped.
                self.skip = self.position;
                self.again = Sha256::new();
                announced
            }
            StatusCode::PARTIAL_CONTENT => {
                let (start, total) = header(CONTENT_RANGE).and_then(content_range).ok_or_else(|| {
                    self.failure(
                        SourceErrorKind::Unsupported,
                        format!("{host} sent a part without saying which"),
                    )
                })?;
                if start != self.position {
                    let message = format!("{host} sent another part than the one asked for");
                    return Err(self.failure(SourceErrorKind::Corrupt, message).into());
                }
                total.or_else(|| announced.map(|length| start.saturating_add(length)))
            }
            StatusCode::RANGE_NOT_SATISFIABLE => {
                let message = format!(
                    "the content at {host} ends after {} bytes or fewer",
                    self.position
                );
                return Err(self.failure(SourceErrorKind::Corrupt, message).into());
            }
            _ => return Err(http.refused(reply, &self.call.what).await.into()),
        };
        match (self.size, total) {
            (Some(size), Some(total)) if size != total => {
                let message = format!("the content at {host} should have {size} bytes and has {total}");
                return Err(self.failure(SourceErrorKind::Corrupt, message).into());
            }
            (None, known) => self.size = known,
            _ => {}
        }
        self.validator = self.validator.take().or(validator);
        self.open_ended = self.size.is_none() && reply.is_open_ended();
        Ok(reply)
    }

    fn changed(&self, host: &str) -> SourceError {
        let message = format!("{host} changed the file while it was being read");
        self.failure(SourceErrorKind::Corrupt, message)
            .hint("run the same command again")
    }

    /// How many bytes have come when the content's end is told by nothing but the end of the connection.
    pub(crate) fn open_ended(&self) -> Option<u64> {
        self.open_ended.then_some(self.position)
    }

    /// The next piece; `None` at the end of the content.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        let http = Arc::clone(&self.http);
        while !self.done {
            let Some(reply) = &mut self.reply else {
                self.connect().await?;
                continue;
            };
            let trouble = match http.chunk(reply, &self.call.what).await {
                Ok(Some(chunk)) => {
                    if let Some(fresh) = self.take(chunk)? {
                        return Ok(Some(fresh));
                    }
                    continue;
                }
                Ok(None) if self.size.is_none() => {
                    self.done = true;
                    break;
                }
                Ok(None) => {
                    let message = format!("{} ended the content early", authority_of(&self.call.url));
                    Trouble {
                        error: self.failure(SourceErrorKind::Unreachable, message),
                        again: Again::Soon,
                    }
                }
                Err(trouble) => trouble,
            };
            self.reply = None;
            if self.progress >= GOOD_PROGRESS {
                self.attempts.reset();
            }
            self.progress = 0;
            self.back_off(trouble).await?;
        }
        self.reply = None;
        Ok(None)
    }

    /// Drops what was had before; counts what is new.
    fn take(&mut self, mut chunk: Bytes) -> Result<Option<Bytes>, SourceError> {
        let old = usize::try_from(self.skip).unwrap_or(usize::MAX).min(chunk.len());
        let dropped = chunk.split_to(old);
        self.skip -= old as u64;
        if self.content == Content::Unknown && old > 0 {
            self.again.update(&dropped);
            if self.skip == 0 && self.again.clone().finish() != self.so_far.clone().finish() {
                self.done = true;
                let host = authority_of(&self.call.url);
                return Err(self.changed(&host));
            }
        }
        if chunk.is_empty() {
            return Ok(None);
        }
        if self.content == Content::Unknown {
            self.so_far.update(&chunk);
        }
        self.position += chunk.len() as u64;
        self.progress += chunk.len() as u64;
        if let Some(size) = self.size {
            if self.position > size {
                self.done = true;
                let message = format!("more than the {size} bytes announced came");
                return Err(self.failure(SourceErrorKind::Corrupt, message));
            }
            self.done = self.position == size;
        }
        Ok(Some(chunk))
    }

    pub(crate) fn into_stream(self) -> ByteStream {
        Box::pin(futures::stream::try_unfold(self, async |mut download| {
            let chunk = download.next().await?;
            Ok(chunk.map(|chunk| (chunk, download)))
        }))
    }
}

/// What `If-Range` may name (RFC 9110, section 13.1.5): a strong entity tag, or a date of change that is older than the
/// answer, so that no second change hides in the same second.
fn validator(headers: &HeaderMap) -> Option<(HeaderName, HeaderValue)> {
    let named = |name: HeaderName| headers.get(&name).cloned().map(|value| (name, value));
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    if text(ETAG).is_some_and(|tag| tag.starts_with('"')) {
        return named(ETAG);
    }
    let (changed, now) = (http_date(text(LAST_MODIFIED)?)?, http_date(text(DATE)?)?);
    (changed < now).then(|| named(LAST_MODIFIED)).flatten()
}

/// First byte and total of `bytes 5-9/10`; the total may be `*`.
fn content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-')?.0.trim().parse().ok()?;
    Some((start, total.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validators() {
        let of = |pairs: &[(HeaderName, &str)]| {
            let pairs = pairs
                .iter()
                .map(|(name, value)| (name.clone(), value.parse().unwrap()));
            let found = validator(&pairs.collect());
            found.map(|(_, value)| value.to_str().unwrap().to_owned())
        };
        let (then, now) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:38 GMT");
        assert_eq!(
            of(&[(ETAG, "\"a\""), (LAST_MODIFIED, then), (DATE, now)]).as_deref(),
            Some("\"a\"")
        );
        assert_eq!(
            of(&[(ETAG, "W/\"a\""), (LAST_MODIFIED, then), (DATE, now)]).as_deref(),
            Some(then)
        );
        assert_eq!(of(&[(LAST_MODIFIED, then), (DATE, then)]), None);
        assert_eq!(of(&[(LAST_MODIFIED, then)]), None);
        assert_eq!(of(&[(ETAG, "W/\"a\"")]), None);
    }

    #[test]
    fn ranges() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
        assert_eq!(content_range("bytes */10"), None);
        assert_eq!(content_range("items 0-1/2"), None);
    }
}
