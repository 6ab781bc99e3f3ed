//! A flag that threads wait for.

use std::sync::atomic::{AtomicBool, Ordering};

/// Raises the flag in the end, also when what is done until then fails: a scope waits for its threads before it passes
/// a panic on, so threads that are told to end by the line after it would never end.
pub(crate) struct Raise<'a>(pub(crate) &'a AtomicBool);

impl Drop for Raise<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
