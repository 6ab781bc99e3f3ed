use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Admits requests to one host: so many at a time, none while the host asked for a pause.
///
/// The number is halved when the host shows that it is too much, and grows by one after a round of good
/// answers, up to where it began. What was sent before the last halving says nothing about it.
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    most: usize,
    limit: usize,
    active: usize,
    good: usize,
    pause: Option<Instant>,
    down: bool,
    /// Counts the halvings.
    round: Round,
}

/// The time between two halvings of a [`Gate`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Round(u64);

/// One request's place; given back when dropped.
pub(crate) struct Permit {
    gate: Arc<Gate>,
    round: Round,
}

impl Permit {
    /// When the place was given.
    pub(crate) fn round(&self) -> Round {
        self.round
    }

    /// The request went well.
    pub(crate) fn went_well(&self) {
        self.gate.went_well(self.round);
    }
}

impl Gate {
    pub(crate) fn new(most: usize) -> Self {
        let most = most.max(1);
        Self {
            state: Mutex::new(State {
                most,
                limit: most,
                active: 0,
                good: 0,
                pause: None,
                down: false,
                round: Round::default(),
            }),
            changed: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place and for the end of a pause.
    pub(crate) async fn enter(self: &Arc<Self>) -> Permit {
        loop {
            // Registered before the state is looked at, so that no change in between is missed.
            let changed = self.changed.notified();
            let pause = {
                let mut state = self.lock();
                let pause = state.pause.filter(|until| *until > Instant::now());
                if pause.is_none() && state.active < state.limit {
                    state.active += 1;
                    if state.active < state.limit {
                        // One notification may stand for several places: hand it on.
                        self.changed.notify_one();
                    }
                    return Permit {
                        gate: Arc::clone(self),
                        round: state.round,
                    };
                }
                pause
            };
            match pause {
                Some(until) => tokio::time::sleep_until(until).await,
                None => changed.await,
            }
        }
    }

    /// It is too much for the host: fewer at a time. A burst of refusals is one sign, not many.
    pub(crate) fn slow_down(&self, round: Round) {
        let mut state = self.lock();
        if round == state.round {
            state.limit = (state.limit / 2).max(1);
            state.good = 0;
            state.round.0 += 1;
        }
    }

    /// Nobody asks again before `wait` is over.
    pub(crate) fn pause(&self, wait: Duration) {
        let mut state = self.lock();
        let until = Instant::now() + wait;
        state.pause = Some(state.pause.map_or(until, |pause| pause.max(until)));
    }

    fn went_well(&self, round: Round) {
        let mut state = self.lock();
        state.down = false;
        if round != state.round {
            return;
        }
        state.good += 1;
        if state.good >= state.limit && state.limit < state.most {
            state.limit += 1;
            state.good = 0;
            drop(state);
            self.changed.notify_one();
        }
    }

    /// All retries were in vain: until the host answers again, requests to it are tried once only.
    pub(crate) fn gave_up(&self) {
        self.lock().down = true;
    }

    pub(crate) fn is_down(&self) -> bool {
        self.lock().down
    }

    #[cfg(test)]
    pub(crate) fn limit(&self) -> usize {
        self.lock().limit
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gate.lock().active -= 1;
        self.gate.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn admits_so_many_at_a_time() {
        let gate = Arc::new(Gate::new(2));
        let first = gate.enter().await;
        let _second = gate.enter().await;
        let mut third = Box::pin(gate.enter());
        assert!(futures::poll!(&mut third).is_pending());
        drop(first);
        third.await;
    }

    #[tokio::test]
    async fn halves_on_refusal_and_grows_slowly() {
        let gate = Arc::new(Gate::new(8));
        let (before, late) = (gate.enter().await, gate.enter().await);
        gate.slow_down(before.round());
        gate.slow_down(late.round());
        assert_eq!(gate.limit(), 4);
        for _ in 0..100 {
            late.went_well();
        }
        assert_eq!(gate.limit(), 4);
        let after = gate.enter().await;
        for _ in 0..4 {
            after.went_well();
        }
        assert_eq!(gate.limit(), 5);
        for _ in 0..1000 {
            after.went_well();
        }
        assert_eq!(gate.limit(), 8);
        // Who holds places while there are fewer and fewer would wait for itself.
        drop((before, late, after));
        for _ in 0..10 {
            let permit = gate.enter().await;
            gate.slow_down(permit.round());
        }
        assert_eq!(gate.limit(), 1);
        // The longer pause stands.
        gate.pause(Duration::from_mins(1));
        gate.pause(Duration::ZERO);
        let mut entering = Box::pin(gate.enter());
        assert!(futures::poll!(&mut entering).is_pending());
    }

    #[tokio::test]
    async fn a_pause_ends() {
        let gate = Arc::new(Gate::new(1));
        gate.pause(Duration::from_millis(5));
        let before = Instant::now();
        let _permit = gate.enter().await;
        assert!(before.elapsed() >= Duration::from_millis(4));
    }
}
