//! What is said while a node is changed.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use airlock_node::Event;

use crate::args::{Global, ProgressMode};
use crate::print;

/// In builds for tests, ends the process as a kill would, at the event with this number.
#[cfg(debug_assertions)]
const STOP_VARIABLE: &str = "AIRLOCK_TEST_STOP_AFTER";

/// Tells about changes, and stops between two of them when that was asked for.
pub(crate) struct Watch<'a> {
    global: &'a Global,
    stop: &'a AtomicBool,
    #[cfg(debug_assertions)]
    left: Option<u64>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(global: &'a Global, stop: &'a AtomicBool) -> Self {
        Self {
            global,
            stop,
            #[cfg(debug_assertions)]
            left: std::env::var(STOP_VARIABLE)
                .ok()
                .and_then(|text| text.parse().ok()),
        }
    }

    pub(crate) fn see(&mut self, event: Event<'_>) -> ControlFlow<()> {
        self.stop_for_test(&event);
        match event {
            Event::Recorded(title) => self.tell(&format!("  + {title}")),
            Event::Undoing(title) => self.tell(&format!("  - {title}")),
            Event::Saved(saved) => print::line(&format!(
                "  ! changed by somebody since, moved to {}: {}",
                saved.copy.display(),
                saved.path.display()
            )),
            Event::Left(title, why) => print::line(&format!("  ! left as it is, {why}: {title}")),
            Event::Looking(_)
            | Event::Effected(_)
            | Event::Made(_)
            | Event::Already(_)
            | Event::Later(_)
            | Event::Undone(_) => {}
        }
        // What is recorded is made, and what is made is recorded; in between is no place to stop.
        let is_between = matches!(event, Event::Looking(_) | Event::Undone(_));
        if is_between && self.stop.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn tell(&self, line: &str) {
        let is_wanted = !self.global.no_progress
            && !matches!(self.global.progress, ProgressMode::None | ProgressMode::Json);
        if is_wanted {
            print::note(self.global, line);
        }
    }

    #[cfg(debug_assertions)]
    fn stop_for_test(&mut self, event: &Event<'_>) {
        let is_step = matches!(
            event,
            Event::Recorded(_) | Event::Effected(_) | Event::Made(_) | Event::Undoing(_) | Event::Undone(_)
        );
        if let (Some(left), true) = (&mut self.left, is_step) {
            if *left == 0 {
                std::process::abort();
            }
            *left -= 1;
        }
    }

    #[cfg(not(debug_assertions))]
    #[expect(clippy::unused_self, reason = "only builds for tests do something here")]
    fn stop_for_test(&mut self, _: &Event<'_>) {}
}
