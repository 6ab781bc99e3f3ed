//! Runs the checks, each in bounded time, and shows what they found.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use airlock_node::Change;
use serde::Serialize;

use crate::check::{Check, Finding, Outcome, Status};
use crate::{CHECKS, Context, Role};

/// What one check may take: the slowest writes to a slow disk for 8 s, and asks a mirror for 20.
const LIMIT: Duration = Duration::from_secs(40);

/// Which checks are run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    only: Vec<String>,
    skip: Vec<String>,
}

/// A name that is none of a check.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such check: {0}")]
pub struct UnknownCheck(pub String);

impl Selection {
    /// Names of checks or groups: only these, if there are any, and not those. Names that nothing has are an error.
    pub fn new(only: &[String], skip: &[String]) -> Result<Self, UnknownCheck> {
        for name in only.iter().chain(skip) {
            if !CHECKS.iter().any(|check| matches(check, name)) {
                return Err(UnknownCheck(name.clone()));
            }
        }
        Ok(Self {
            only: only.to_vec(),
            skip: skip.to_vec(),
        })
    }

    fn has(&self, check: &Check) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| matches(check, name))
    }

    fn leaves_out(&self, check: &Check) -> bool {
        self.skip.iter().any(|name| matches(check, name))
    }
}

fn matches(check: &Check, name: &str) -> bool {
    check.id == name || check.group() == name
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

/// How many checks came out how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Those that are well.
    pub ok: usize,
    /// Those that k3s runs with, but less well.
    pub warn: usize,
    /// Those that it does not run with.
    pub fail: usize,
    /// Those with nothing to check.
    pub skipped: usize,
    /// Those that could not tell.
    pub not_established: usize,
}

/// Runs the checks that were chosen, one after the other. `each` is told of every finding at once.
pub fn run(context: &Arc<Context>, selection: &Selection, each: &mut dyn FnMut(&Finding)) -> Report {
    let mut checks = Vec::new();
    for check in CHECKS.iter().filter(|check| selection.has(check)) {
        let outcome = if selection.leaves_out(check) {
            Outcome::skipped("it was not to be checked (--skip)")
        } else {
            bounded(*check, context, LIMIT)
        };
        let finding = Finding {
            id: check.id,
            title: check.title,
            status: outcome.status,
            evidence: one_line(&outcome.evidence),
            remedy: outcome.remedy,
            fixable: !outcome.fix.is_empty(),
            fix: outcome.fix,
        };
        each(&finding);
        checks.push(finding);
    }
    let mut summary = Summary::default();
    for finding in &checks {
        let count = match finding.status {
            Status::Ok => &mut summary.ok,
            Status::Warn => &mut summary.warn,
            Status::Fail => &mut summary.fail,
            Status::Skipped => &mut summary.skipped,
            Status::NotEstablished => &mut summary.not_established,
        };
        *count += 1;
    }
    Report {
        role: context.settings.role,
        summary,
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
        return Outcome::not_established(format!("no thread can be started: {error}"));
    }
    answer.recv_timeout(limit).unwrap_or_else(|error| match error {
        RecvTimeoutError::Timeout => Outcome::fail(
            format!(
                "the check did not end within {} s, so something hangs",
                limit.as_secs()
            ),
            "look for a disk or a server that does not answer, and check again",
        ),
        RecvTimeoutError::Disconnected => Outcome::not_established("the check ended without an answer"),
    })
}

/// Foreign text cannot steer a terminal, and evidence is one line.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
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
            .flat_map(|finding| finding.fix.clone())
            .collect()
    }

    /// Lines for people: by group, the groups in which all is well first, and the worst last.
    pub fn text(&self) -> String {
        let mut groups: Vec<(&str, Vec<&Finding>)> = Vec::new();
        for finding in &self.checks {
            match groups.iter_mut().find(|(group, _)| *group == finding.group()) {
                Some((_, findings)) => findings.push(finding),
                None => groups.push((finding.group(), vec![finding])),
            }
        }
        let worst = |findings: &[&Finding]| findings.iter().map(|finding| finding.status).max();
        groups.sort_by_key(|(_, findings)| worst(findings));
        let mut out = String::new();
        for (group, mut findings) in groups {
            let _ = writeln!(out, "{group}");
            findings.sort_by_key(|finding| finding.status);
            for finding in findings {
                let status = finding.status.as_str();
                let _ = writeln!(out, "  {status:15} {:24} {}", finding.id, finding.evidence);
                if let Some(remedy) = &finding.remedy {
                    let fix = if finding.fixable { " (or --fix)" } else { "" };
                    let _ = writeln!(out, "  {:15} → {remedy}{fix}", "");
                }
            }
        }
        let Summary {
            ok,
            warn,
            fail,
            skipped,
            not_established,
        } = self.summary;
        let _ = writeln!(
            out,
            "\n{ok} ok, {skipped} skipped, {not_established} not established, {warn} warnings, {fail} failed"
        );
        out
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

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
        let selection = Selection::new(&names(&["net", "machine.swap"]), &names(&["net.proxy"])).unwrap();
        let report = run(&context(), &selection, &mut |_| {});
        let found: Vec<(&str, Status)> = report.checks.iter().map(|it| (it.id, it.status)).collect();
        assert_eq!(found.len(), 6);
        assert!(found.contains(&("net.proxy", Status::Skipped)));
        let error = Selection::new(&[], &names(&["net.nothing"])).unwrap_err();
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
