use std::sync::Arc;

use airlock_content::{ByteStream, SourceError, SourceErrorKind};
use bytes::{Buf, Bytes};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderValue, RANGE};

use crate::error::{Again, Trouble};
use crate::http::{Attempts, Call, Http, Reply, authority_of};

/// As much progress makes a broken connection a new start rather than another failure.
const GOOD_PROGRESS: u64 = 256 * 1024;

/// One content on its way, from an offset to its end, over as many connections as it takes.
pub(crate) struct Download {
    http: Arc<Http>,
    call: Call,
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
}

impl Download {
    /// Asks for the content and waits until the answer begins.
    pub(crate) async fn start(
        http: Arc<Http>,
        call: Call,
        size: Option<u64>,
        offset: u64,
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
        if self.position > 0 {
            let range = format!("bytes={}-", self.position);
            if let Ok(range) = HeaderValue::from_str(&range) {
                self.call.headers.insert(RANGE, range);
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
        let announced: Option<u64> = header(CONTENT_LENGTH).and_then(|value| value.parse().ok());
        self.skip = 0;
        let total = match reply.status() {
            StatusCode::OK => {
                // The server overlooked the range; what was had is read over again and dropped.
                self.skip = self.position;
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
        Ok(reply)
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
        chunk.advance(old);
        self.skip -= old as u64;
        if chunk.is_empty() {
            return Ok(None);
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
    fn ranges() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
        assert_eq!(content_range("bytes */10"), None);
        assert_eq!(content_range("items 0-1/2"), None);
    }
}
