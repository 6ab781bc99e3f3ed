use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// How long a test waits for an answer to be held before it fails.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(1);

/// Holds answers back until told to let them go, so that a test and not its luck decides what happens
/// at the same time. Clones are the same hold.
#[derive(Clone, Debug, Default)]
pub struct Hold(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// The numbers of the answers held.
    held: BTreeSet<u64>,
    arrived: u64,
    /// How many may pass when they come.
    passes: usize,
    open: bool,
}

impl Hold {
    /// Holds everything that comes to it.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        super::lock(&self.0.state)
    }

    /// Lets `count` answers go on: those held, else the next ones.
    pub fn release(&self, count: usize) {
        let mut state = self.state();
        for left in (0..count).rev() {
            if state.held.pop_first().is_none() {
                state.passes += left + 1;
                break;
            }
        }
        drop(state);
        self.0.changed.notify_waiters();
    }

    /// Lets everything go on, from now on.
    pub fn open(&self) {
        let mut state = self.state();
        state.held.clear();
        state.open = true;
        drop(state);
        self.0.changed.notify_waiters();
    }

    /// How many answers are held now.
    pub fn waiting(&self) -> usize {
        self.state().held.len()
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
        let number = {
            let mut state = self.state();
            if state.open {
                return;
            }
            if state.passes > 0 {
                state.passes -= 1;
                return;
            }
            state.arrived += 1;
            let number = state.arrived;
            state.held.insert(number);
            number
        };
        let held = Held { hold: &self, number };
        loop {
            let changed = held.hold.0.changed.notified();
            if !held.hold.state().held.contains(&number) {
                return;
            }
            changed.await;
        }
    }
}

/// One answer held; a client that breaks off is held no more.
struct Held<'a> {
    hold: &'a Hold,
    number: u64,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.hold.state().held.remove(&self.number);
    }
}
