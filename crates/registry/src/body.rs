//! How an answer's content travels: memory as it is, files in pieces that blocking threads read, one
//! ahead of the connection. A slow client holds two pieces and no thread.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::{Method, Uri};
use hyper::body::{Frame, SizeHint};
use tokio::task::JoinHandle;

use crate::config::{AccessLog, AccessRecord};
use crate::metrics::{Metrics, count};
use crate::reply::{Content, FileSlice};

/// Large enough to make a system call worth it, small enough to stay in the processor's cache on its
/// way from the file to the connection.
const PIECE: usize = 256 << 10;
/// Buffers kept for the next pieces; more may be in flight, they are freed afterwards.
const SPARE_BUFFERS: usize = 64;

/// Buffers that were sent and can be filled again.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<VecDeque<Vec<u8>>>);

impl Pool {
    fn take(&self) -> Vec<u8> {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_back();
        spare.unwrap_or_else(|| vec![0; PIECE])
    }

    fn give(&self, buffer: Vec<u8>) {
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE_BUFFERS {
            spare.push_back(buffer);
        }
    }
}

/// The filled part of a buffer, which goes back to its pool when the connection is done with it.
struct Pooled {
    buffer: Vec<u8>,
    len: usize,
    pool: Arc<Pool>,
}

impl AsRef<[u8]> for Pooled {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        self.pool.give(std::mem::take(&mut self.buffer));
    }
}

fn read_piece(pool: Arc<Pool>, file: &File, offset: u64, len: usize) -> io::Result<Bytes> {
    let mut buffer = pool.take();
    file.read_exact_at(&mut buffer[..len], offset)?;
    Ok(Bytes::from_owner(Pooled { buffer, len, pool }))
}

/// A file on its way.
struct Pieces {
    file: Arc<File>,
    /// Of the first byte that no task has been asked for.
    offset: u64,
    /// Bytes that no task has been asked for.
    unread: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
    pool: Arc<Pool>,
}

impl Pieces {
    fn start_next(&mut self) {
        if self.unread == 0 {
            return;
        }
        let len = usize::try_from(self.unread).map_or(PIECE, |unread| unread.min(PIECE));
        let (file, pool, offset) = (Arc::clone(&self.file), Arc::clone(&self.pool), self.offset);
        self.reading = Some(tokio::task::spawn_blocking(move || {
            read_piece(pool, &file, offset, len)
        }));
        self.offset += len as u64;
        self.unread -= len as u64;
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.reading.is_none() {
            self.start_next();
        }
        let Some(reading) = &mut self.reading else {
            return Poll::Ready(None);
        };
        let result = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        let result = result.unwrap_or_else(|stopped| Err(io::Error::other(stopped)));
        if result.is_ok() {
            self.start_next();
        } else {
            self.unread = 0;
        }
        Poll::Ready(Some(result))
    }
}

enum Source {
    Empty,
    Bytes(Bytes),
    File(Pieces),
}

/// What hyper sends, and what tells the log when it has been sent.
pub(crate) struct Body {
    source: Source,
    remaining: u64,
    finish: Finish,
}

impl Body {
    pub(crate) fn new(content: Content, pool: &Arc<Pool>, finish: Finish) -> Self {
        let remaining = content.len();
        let source = match content {
            Content::Empty => Source::Empty,
            Content::Bytes(bytes) => Source::Bytes(bytes),
            Content::File(FileSlice { file, offset, len }) => Source::File(Pieces {
                file,
                offset,
                unread: len,
                reading: None,
                pool: Arc::clone(pool),
            }),
        };
        Self {
            source,
            remaining,
            finish,
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        let next = match &mut self.source {
            Source::Empty => None,
            Source::Bytes(bytes) => Some(Ok(std::mem::take(bytes))),
            Source::File(pieces) => ready!(pieces.poll_next(cx)),
        };
        match next {
            Some(Ok(bytes)) => {
                self.remaining = self.remaining.saturating_sub(bytes.len() as u64);
                self.finish.sent += bytes.len() as u64;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Some(Err(error)) => {
                self.finish.failed = true;
                tracing::error!(%error, target = %self.finish.target, "a blob broke off while it was sent");
                Poll::Ready(Some(Err(error)))
            }
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

/// Reports a request when its answer is over, however it ended.
pub(crate) struct Finish {
    pub(crate) peer: SocketAddr,
    pub(crate) method: Method,
    pub(crate) target: Uri,
    pub(crate) status: u16,
    /// Bytes that a complete answer to this method sends.
    pub(crate) expected: u64,
    pub(crate) sent: u64,
    /// Whether the content could not be read.
    pub(crate) failed: bool,
    pub(crate) started: Instant,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) log: Option<AccessLog>,
}

impl Drop for Finish {
    fn drop(&mut self) {
        let complete = self.sent == self.expected;
        if let Some(counter) = self.metrics.requests.get(usize::from(self.status / 100)) {
            count(counter);
        }
        self.metrics.bytes_sent.fetch_add(self.sent, Ordering::Relaxed);
        if !complete {
            count(&self.metrics.aborted);
        }
        let duration = self.started.elapsed();
        if let Some(log) = &self.log {
            let target = self
                .target
                .path_and_query()
                .map_or("", http::uri::PathAndQuery::as_str);
            log(&AccessRecord {
                peer: self.peer,
                method: self.method.as_str(),
                target,
                status: self.status,
                bytes: self.sent,
                complete,
                failed: self.failed,
                duration,
            });
        } else {
            tracing::info!(
                target: "airlock_registry::access",
                peer = %self.peer,
                method = %self.method,
                uri = %self.target,
                status = self.status,
                bytes = self.sent,
                complete,
                micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
                "request"
            );
        }
    }
}
