use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

/// How long a test waits for an answer to be held before it fails.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(1);

/// Holds answers back until told to let them go, so that a test and not its luck decides what happens
/// at the same time. Clones are the same hold.
#[derive(Clone, Debug, Default)]
pub struct Hold(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    passes: Semaphore,
    waiting: AtomicUsize,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            passes: Semaphore::new(0),
            waiting: AtomicUsize::new(0),
        }
    }
}

impl Hold {
    /// Holds everything that comes to it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets `count` answers go on: those held, else the next ones.
    pub fn release(&self, count: usize) {
        self.0.passes.add_permits(count);
    }

    /// Lets everything go on, from now on.
    pub fn open(&self) {
        self.0.passes.close();
    }

    /// How many answers are held now.
    pub fn waiting(&self) -> usize {
        self.0.waiting.load(Ordering::SeqCst)
    }

    /// Waits until `count` answers are held; panics when they do not come.
    pub async fn held(&self, count: usize) {
        let start = Instant::now();
        while self.waiting() < count {
            self.check(start, count);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The same from a thread without a runtime.
    pub fn held_blocking(&self, count: usize) {
        let start = Instant::now();
        while self.waiting() < count {
            self.check(start, count);
            std::thread::sleep(LOOK);
        }
    }

    fn check(&self, start: Instant, count: usize) {
        assert!(
            start.elapsed() < PATIENCE,
            "{} answers are held, and not {count}",
            self.waiting()
        );
    }

    pub(super) async fn pass(self) {
        let _waiting = Waiting::new(&self.0);
        // An error means that the hold is open.
        if let Ok(pass) = self.0.passes.acquire().await {
            pass.forget();
        }
    }
}

/// Counts one answer as held; a client that breaks off is held no more.
struct Waiting<'a>(&'a Inner);

impl<'a> Waiting<'a> {
    fn new(inner: &'a Inner) -> Self {
        inner.waiting.fetch_add(1, Ordering::SeqCst);
        Self(inner)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}
