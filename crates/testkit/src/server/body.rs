use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use hyper::body::{Body, Frame};
use tokio::time::Sleep;

use super::Hold;

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Complete,
    Reset,
    Stall,
}

/// How many answers are under way, and how many were at most.
#[derive(Default)]
pub(super) struct Load {
    now: AtomicUsize,
    peak: AtomicUsize,
}

impl Load {
    pub(super) fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }
}

/// One answer under way, from the request's arrival to the end of the body.
pub(super) struct Underway(Arc<Load>);

impl Underway {
    pub(super) fn new(load: &Arc<Load>) -> Self {
        let now = load.now.fetch_add(1, Ordering::Relaxed) + 1;
        load.peak.fetch_max(now, Ordering::Relaxed);
        Self(Arc::clone(load))
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A body that misbehaves as told and counts what it gave away.
pub(super) struct ScriptedBody {
    left: Bytes,
    chunk: usize,
    pause: Duration,
    end: End,
    sent: Arc<AtomicU64>,
    wait: Option<Pin<Box<Sleep>>>,
    /// Where the body is held, counted from its start, and by what.
    hold: Option<(u64, BoxFuture<'static, ()>)>,
    handed: u64,
    _underway: Underway,
}

impl ScriptedBody {
    pub(super) fn new(bytes: Bytes, end: End, sent: Arc<AtomicU64>, underway: Underway) -> Self {
        Self {
            left: bytes,
            chunk: 64 * 1024,
            pause: Duration::ZERO,
            end,
            sent,
            wait: None,
            hold: None,
            handed: 0,
            _underway: underway,
        }
    }

    pub(super) fn dripping(mut self, chunk: usize, pause: Duration) -> Self {
        self.chunk = chunk.max(1);
        self.pause = pause;
        self
    }

    pub(super) fn held_at(mut self, at: u64, hold: Hold) -> Self {
        self.hold = Some((at, Box::pin(hold.pass())));
        self
    }

    /// Waits once for `duration` before the next step.
    fn poll_pause(&mut self, cx: &mut Context<'_>, duration: Duration) -> Poll<()> {
        if duration.is_zero() {
            return Poll::Ready(());
        }
        let wait = self
            .wait
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(duration)));
        match wait.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                self.wait = None;
                Poll::Ready(())
            }
        }
    }
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        if let Some((at, hold)) = &mut this.hold
            && this.handed >= *at
        {
            if hold.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            this.hold = None;
        }
        if this.left.is_empty() {
            return match this.end {
                End::Complete => Poll::Ready(None),
                End::Stall => Poll::Pending,
                // A moment in between lets the server hand over what was sent before the break.
                End::Reset => this
                    .poll_pause(cx, Duration::from_millis(2))
                    .map(|()| Some(Err(io::ErrorKind::ConnectionReset.into()))),
            };
        }
        let pause = this.pause;
        if this.poll_pause(cx, pause).is_pending() {
            return Poll::Pending;
        }
        let room = this.hold.as_ref().map_or(usize::MAX, |(at, _)| {
            usize::try_from(at - this.handed).unwrap_or(usize::MAX)
        });
        let size = this.chunk.min(this.left.len()).min(room);
        let chunk = this.left.split_to(size);
        this.sent.fetch_add(size as u64, Ordering::Relaxed);
        this.handed += size as u64;
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }
}
