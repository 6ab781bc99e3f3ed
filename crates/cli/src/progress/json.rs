use std::collections::HashMap;
use std::io::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use airlock_content::{Event, Reporter};
use serde_json::json;

/// Between two lines about one item.
const INTERVAL: Duration = Duration::from_millis(500);

/// One JSON object a line; `"v": 1` is the version of their form.
#[derive(Default)]
pub(super) struct Json {
    items: Mutex<HashMap<String, (u64, Instant)>>,
}

impl Reporter for Json {
    fn event(&self, event: Event<'_>) {
        let line = match event {
            Event::Phase {
                name,
                artifacts,
                bytes,
            } => {
                json!({"v": 1, "event": "phase", "name": name, "items": artifacts, "bytes": bytes})
            }
            Event::Start { name, bytes } => json!({"v": 1, "event": "start", "name": name, "bytes": bytes}),
            Event::Progress { name, bytes } => {
                let Ok(mut items) = self.items.lock() else { return };
                let now = Instant::now();
                let item = items.entry(name.to_owned()).or_insert((0, now));
                item.0 += bytes;
                if now.duration_since(item.1) < INTERVAL {
                    return;
                }
                item.1 = now;
                json!({"v": 1, "event": "progress", "name": name, "moved": item.0})
            }
            Event::Done { name, digest } => {
                if let Ok(mut items) = self.items.lock() {
                    items.remove(name);
                }
                json!({"v": 1, "event": "done", "name": name, "digest": digest})
            }
            Event::Failed { name } => json!({"v": 1, "event": "failed", "name": name}),
            Event::Retry { name, reason, after } => {
                json!({"v": 1, "event": "retry", "name": name, "reason": reason, "after_ms": u64::try_from(after.as_millis()).unwrap_or(u64::MAX)})
            }
            Event::Warning { text } => json!({"v": 1, "event": "warning", "text": text}),
            Event::Note { text } => json!({"v": 1, "event": "note", "text": text}),
        };
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }
}
