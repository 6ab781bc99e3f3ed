//! Runs the checks, each in bounded time, and shows what they found.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use airlock_finding::{Selection, Summary, UnknownCheck};
use airlock_node::Change;
use serde::Serialize;

use crate::check::{Check, Finding, Outcome};
use crate::{CHECKS, Context, Role};

/// What one check may take: the slowest writes to a slow disk for 8 s, and asks a mirror for 20.
const LIMIT: Duration = Duration::from_secs(40);

/// The columns of the longest name of a check.
const WIDTH: usize = 24;

/// Names of checks or groups: only these, if there are any, and not those. Names that nothing has are an error.
pub fn select(only: &[String], skip: &[String]) -> Result<Selection, UnknownCheck> {
    Selection::new(CHECKS.iter().map(|check| check.id), only, skip)
}

/// What all checks have found.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The role that was checked for.
    pub role: Role,
    /// How many checks came out how.
    pub summary: Summary,
    /// What each has found, in the order of [`CHECKS`].
    pub checks: Vec<Finding>,
}

/// Runs the checks that were chosen, one after the other. `each` is told of every finding at once.
pub fn run(context: &Arc<Context>, selection: &Selection, each: &mut dyn FnMut(&Finding)) -> Report {
    let mut checks = Vec::new();
    for check in CHECKS.iter().filter(|check| selection.has(check.id)) {
        let outcome = if selection.leaves_out(check.id) {
            Outcome::skipped("it was not to be checked (--skip)")
        } else {
            bounded(*check, context, LIMIT)
        };
        let finding = Finding::new(check.id, check.title, outcome);
        each(&finding);
        checks.push(finding);
    }
    Report {
        role: context.settings.role,
        summary: Summary::of(&checks),
        checks,
    }
}

/// A check on a thread of its own: a disk that hangs holds up neither the others nor the end.
fn bounded(check: Check, context: &Arc<Context>, limit: Duration) -> Outcome {
    let (done, answer) = mpsc::channel();
    let context = Arc::clone(context);
    let started = thread::Builder::new()
        .name(check.id.to_owned())
        .spawn(move || done.send((check.run)(&context)));
    if let Err(error) = started {
        return Outcome::unknown(format!("no thread can be started: {error}"));
    }
    answer.recv_timeout(limit).unwrap_or_else(|error| match error {
        RecvTimeoutError::Timeout => Outcome::fail(
            format!(
                "the check did not end within {} s, so something hangs",
                limit.as_secs()
            ),
            "look for a disk or a server that does not answer, and check again",
        ),
        RecvTimeoutError::Disconnected => Outcome::unknown("the check ended without an answer"),
    })
}

impl Report {
    /// Whether no check fails.
    pub fn is_good(&self) -> bool {
        self.summary.fail == 0
    }

    /// What `--fix` does, in the order of the checks.
    pub fn fixes(&self) -> Vec<Change> {
        self.checks
            .iter()
            .flat_map(|finding| finding.extra.changes.clone())
            .collect()
    }

    /// Lines for people: by group, the groups in which all is well first, and the worst last.
    pub fn text(&self) -> String {
        airlock_finding::text(&self.checks, WIDTH, |finding| {
            if finding.extra.fixable { " (or --fix)" } else { "" }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use airlock_finding::Status;

    use super::*;
    use crate::{Host, Settings};

    fn context() -> Arc<Context> {
        let clock = Arc::new(|| SystemTime::UNIX_EPOCH);
        Arc::new(Context::new(Host::tree("/nowhere"), Settings::new(clock)))
    }

    fn check(run: fn(&Context) -> Outcome) -> Check {
        Check {
            id: "test.check",
            title: "",
            why: "",
            run,
        }
    }

    #[test]
    fn a_check_that_hangs_or_breaks_does_not_stop_the_others() {
        let hangs = check(|_| {
            thread::sleep(Duration::from_secs(20));
            Outcome::ok("")
        });
        let outcome = bounded(hangs, &context(), Duration::from_millis(50));
        assert_eq!(outcome.status, Status::Fail);
        let breaks = check(|_| std::panic::resume_unwind(Box::new("broken")));
        let outcome = bounded(breaks, &context(), Duration::from_secs(5));
        assert_eq!(outcome.status, Status::NotEstablished);
    }

    #[test]
    fn checks_are_chosen_by_name_or_group() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let selection = select(&names(&["net", "machine.swap"]), &names(&["net.proxy"])).unwrap();
        let report = run(&context(), &selection, &mut |_| {});
        let found: Vec<(&str, Status)> = report.checks.iter().map(|it| (it.id, it.status)).collect();
        assert_eq!(found.len(), 6);
        assert!(found.contains(&("net.proxy", Status::Skipped)));
        let error = select(&[], &names(&["net.nothing"])).unwrap_err();
        assert_eq!(error, UnknownCheck("net.nothing".to_owned()));
    }

    #[test]
    fn names_of_checks_are_different_and_have_a_group() {
        let mut ids: Vec<&str> = CHECKS.iter().map(|check| check.id).collect();
        for id in &ids {
            let (group, name) = id.split_once('.').unwrap();
            assert!(!group.is_empty() && !name.is_empty());
        }
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), CHECKS.len());
    }

    #[test]
    fn a_tree_without_anything_is_told_without_a_panic() {
        let report = run(&context(), &Selection::default(), &mut |_| {});
        assert_eq!(report.checks.len(), CHECKS.len());
        let text = report.text();
        assert!(text.contains("not established"), "{text}");
        for finding in &report.checks {
            assert!(!finding.evidence.is_empty(), "{}", finding.id);
            let is_bad = matches!(finding.status, Status::Warn | Status::Fail);
            assert_eq!(finding.remedy.is_some(), is_bad, "{}", finding.id);
        }
    }
}
