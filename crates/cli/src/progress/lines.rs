use std::io::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use airlock_content::{Event, Reporter};

use super::rate::Rate;

/// Between two lines about the total.
const INTERVAL: Duration = Duration::from_secs(5);

/// Plain lines, for logs: one per phase and retry, one every few seconds about the total.
pub(super) struct Lines {
    each: bool,
    state: Mutex<State>,
}

struct State {
    phase: &'static str,
    rate: Rate,
    done: u64,
    artifacts: u64,
    last: Instant,
}

impl Lines {
    /// With `each`, a line for every artifact as well.
    pub(super) fn new(each: bool) -> Self {
        let now = Instant::now();
        let state = State {
            phase: "working",
            rate: Rate::start(0),
            done: 0,
            artifacts: 0,
            last: now,
        };
        Self {
            each,
            state: Mutex::new(state),
        }
    }
}

fn say(line: &str) {
    // Progress that nobody can read any more is no reason to fail.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

impl Reporter for Lines {
    fn event(&self, event: Event<'_>) {
        let Ok(mut state) = self.state.lock() else { return };
        match event {
            Event::Phase {
                name,
                artifacts,
                bytes,
            } => {
                let now = Instant::now();
                *state = State {
                    phase: name,
                    rate: Rate::start(bytes),
                    done: 0,
                    artifacts,
                    last: now,
                };
                let of = if bytes > 0 {
                    format!(", {}", airlock_types::ByteSize(bytes))
                } else {
                    String::new()
                };
                say(&format!(
                    "{name}: {artifacts} item{}{of}",
                    if artifacts == 1 { "" } else { "s" }
                ));
            }
            Event::Start { .. } => {}
            Event::Progress { bytes, .. } => {
                state.rate.add(bytes);
                let now = Instant::now();
                if now.duration_since(state.last) >= INTERVAL {
                    state.last = now;
                    say(&format!(
                        "{}: {} of {} done, {}",
                        state.phase,
                        state.done,
                        state.artifacts,
                        state.rate.line(now)
                    ));
                }
            }
            Event::Done { name, digest } => {
                state.done += 1;
                if self.each {
                    match digest {
                        Some(digest) => say(&format!("  {name} {digest}")),
                        None => say(&format!("  {name}")),
                    }
                }
            }
            Event::Failed { name } => say(&format!("  failed: {name}")),
            Event::Retry { name, reason, after } => {
                say(&format!(
                    "  trying again in {:.1} s ({reason}): {name}",
                    after.as_secs_f32()
                ));
            }
            Event::Warning { text } => say(&format!("  warning: {text}")),
            Event::Note { text } => say(&format!("  note: {text}")),
        }
    }
}
