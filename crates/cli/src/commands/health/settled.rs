//! Asks a cluster how it is, once or until nothing fails.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use airlock_health::{Client, Question, Report, check, failing};

use crate::args::Global;
use crate::print;

/// The time between two looks.
const BETWEEN: Duration = Duration::from_secs(5);

/// Checks once, or with `wait` until nothing fails; probes only then, since they change something. `None` when `stop`
/// came to an end first.
pub(in crate::commands) async fn settled<F: Future<Output = ()> + Send>(
    client: &Client,
    question: &Question,
    wait: Option<Duration>,
    stop: impl Fn() -> F + Sync,
    global: &Global,
) -> Option<Report> {
    let is_stopped = AtomicBool::new(false);
    let stopping = || async {
        stop().await;
        is_stopped.store(true, Ordering::SeqCst);
    };
    if let Some(wait) = wait {
        let start = Instant::now();
        let mut before = Vec::new();
        let looking = Question {
            probe: None,
            ..question.clone()
        };
        loop {
            let report = check(client, &looking, &mut |_| {}, stopping()).await;
            if is_stopped.load(Ordering::SeqCst) {
                return None;
            }
            let bad: Vec<&str> = failing(&report.checks).map(|finding| finding.id).collect();
            let is_over = bad.is_empty() || start.elapsed() >= wait;
            if is_over && question.probe.is_none() {
                return Some(report);
            }
            if is_over {
                break;
            }
            if bad != before {
                print::note(global, &format!("waiting: {}", bad.join(", ")));
            }
            before = bad;
            tokio::select! {
                () = tokio::time::sleep(BETWEEN.min(wait.saturating_sub(start.elapsed()))) => {}
                () = stopping() => return None,
            }
        }
    }
    let report = check(client, question, &mut |_| {}, stopping()).await;
    (!is_stopped.load(Ordering::SeqCst)).then_some(report)
}
