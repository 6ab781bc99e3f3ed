use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use airlock_content::{Event, Reporter};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Below this size an item gets no bar of its own; it would only flicker.
const OWN_BAR: u64 = 4 * 1024 * 1024;

/// Bars on a terminal: one for the whole, one for each large item under way.
pub(super) struct Bars {
    all: MultiProgress,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    total: Option<ProgressBar>,
    phase: &'static str,
    /// The bar for the whole counts bytes, not items.
    in_bytes: bool,
    done: u64,
    artifacts: u64,
    items: HashMap<String, ProgressBar>,
}

impl Bars {
    pub(super) fn new() -> Self {
        Self {
            all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)),
            state: Mutex::new(State::default()),
        }
    }

    fn note(&self, text: &str) {
        // A line that cannot be drawn is progress that nobody watches.
        let _ = self.all.println(text);
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─")
}

fn short(name: &str) -> String {
    let count = name.chars().count();
    if count <= 40 {
        return name.to_owned();
    }
    // The end of a reference (path, tag) tells more than its start.
    format!("…{}", name.chars().skip(count - 39).collect::<String>())
}

impl State {
    fn label(&self) -> String {
        if self.artifacts > 0 {
            format!("{} {}/{}", self.phase, self.done, self.artifacts)
        } else {
            self.phase.to_owned()
        }
    }

    fn close(&mut self) {
        for (_, bar) in self.items.drain() {
            bar.finish_and_clear();
        }
        if let Some(total) = self.total.take() {
            total.finish_and_clear();
        }
    }
}

impl Reporter for Bars {
    fn event(&self, event: Event<'_>) {
        let Ok(mut state) = self.state.lock() else { return };
        match event {
            Event::Phase {
                name,
                artifacts,
                bytes,
            } => {
                state.close();
                state.phase = name;
                state.done = 0;
                state.artifacts = artifacts;
                state.in_bytes = bytes > 0;
                let (bar, template) = if bytes > 0 {
                    (
                        ProgressBar::new(bytes),
                        "{msg:26} {bar:24} {bytes:>10} of {total_bytes:<10} {bytes_per_sec:>12}  {eta} left",
                    )
                } else if artifacts > 0 {
                    (ProgressBar::new(artifacts), "{msg:26} {bar:24} {elapsed}")
                } else {
                    (ProgressBar::new_spinner(), "{spinner} {msg} {elapsed}")
                };
                let bar = self.all.add(bar.with_style(style(template)));
                bar.set_message(state.label());
                bar.enable_steady_tick(Duration::from_millis(200));
                state.total = Some(bar);
            }
            Event::Start {
                name,
                bytes: Some(bytes),
            } if bytes >= OWN_BAR => {
                let bar = ProgressBar::new(bytes).with_style(style(
                    "  {msg:40} {bar:16} {bytes:>10} of {total_bytes:<10} {eta} left",
                ));
                let bar = self.all.add(bar);
                bar.set_message(short(name));
                state.items.insert(name.to_owned(), bar);
            }
            Event::Start { .. } => {}
            Event::Progress { name, bytes } => {
                if let Some(bar) = state.items.get(name) {
                    bar.inc(bytes);
                }
                if let Some(total) = &state.total
                    && state.in_bytes
                {
                    total.inc(bytes);
                }
            }
            Event::Done { name, .. } => {
                state.done += 1;
                if let Some(bar) = state.items.remove(name) {
                    bar.finish_and_clear();
                }
                let label = state.label();
                let (done, artifacts, in_bytes) = (state.done, state.artifacts, state.in_bytes);
                if let Some(total) = &state.total {
                    total.set_message(label);
                    if !in_bytes {
                        total.set_position(done);
                    }
                    if artifacts > 0 && done >= artifacts {
                        total.finish_and_clear();
                    }
                }
            }
            Event::Failed { name } => {
                if let Some(bar) = state.items.remove(name) {
                    bar.finish_and_clear();
                }
                self.note(&format!("  failed: {name}"));
            }
            Event::Retry { name, reason, after } => {
                self.note(&format!(
                    "  trying again in {:.1} s ({reason}): {name}",
                    after.as_secs_f32()
                ));
            }
            Event::Warning { text } => self.note(&format!("  warning: {text}")),
            Event::Note { text } => self.note(&format!("  note: {text}")),
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        if let Ok(mut state) = self.state.lock() {
            state.close();
        }
    }
}
