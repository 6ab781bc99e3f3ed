//! What is checked, in the words of `airlock preflight`.

use std::fmt::Write as _;

use airlock_finding::{Finding, Selection, Summary, UnknownCheck};
use serde::Serialize;

/// How one check came out.
pub(crate) type Outcome = airlock_finding::Outcome;

/// The columns of the longest name of a check.
const WIDTH: usize = 30;

/// One check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name, which stays: `node.ready`.
    pub id: &'static str,
    /// What is checked, in a few words.
    pub title: &'static str,
}

impl Check {
    /// The part of the name before the dot: the group that it is shown in.
    pub fn group(&self) -> &'static str {
        airlock_finding::group(self.id)
    }

    pub(crate) fn found(&self, outcome: Outcome) -> Finding {
        Finding::new(self.id, self.title, outcome)
    }
}

const fn check(id: &'static str, title: &'static str) -> Check {
    Check { id, title }
}

/// All checks, in the order in which they are made.
pub const CHECKS: [Check; 17] = [
    check("api.answers", "the API server answers"),
    check("api.ready", "every part of the API server is ready"),
    check(
        "api.certificate",
        "the API server's certificate is valid for long enough",
    ),
    check("node.ready", "all nodes are ready"),
    check("node.version", "all nodes run the version of the bundle"),
    check("node.pressure", "no node runs out of something"),
    check(
        "node.certificates",
        "the certificates of this node are valid for long enough",
    ),
    check("system.coredns", "coredns is available"),
    check(
        "system.local-path-provisioner",
        "local-path-provisioner is available",
    ),
    check("system.metrics-server", "metrics-server is available"),
    check("system.traefik", "traefik is available"),
    check("charts.deployed", "every chart is deployed"),
    check("pods.running", "every pod runs"),
    check("images.present", "every node has the images of the bundle"),
    check("probe.pull", "an image can be pulled from the mirror"),
    check("probe.network", "pods find names, and each other on other nodes"),
    check("probe.snapshot", "a snapshot of etcd can be saved"),
];

/// Only these checks and groups; all where there are none. A name that nothing has is an error.
pub fn select(only: &[String]) -> Result<Selection, UnknownCheck> {
    Selection::new(CHECKS.iter().map(|check| check.id), only, &[])
}

/// What all checks have found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// How many checks came out how.
    pub summary: Summary,
    /// What each has found, in the order of [`CHECKS`].
    pub checks: Vec<Finding>,
}

impl Report {
    pub(crate) fn add(&mut self, finding: Finding) {
        self.summary.add(finding.status);
        self.checks.push(finding);
    }

    /// Whether no check fails.
    pub fn is_good(&self) -> bool {
        self.summary.fail == 0
    }

    /// Lines for people: by group, the groups in which all is well first, and the worst last.
    pub fn text(&self) -> String {
        airlock_finding::text(&self.checks, WIDTH, |_| "")
    }
}

/// A count with its noun.
pub(crate) fn count(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// Some of many, for evidence: the first few and how many more there are.
pub(crate) fn some<T: AsRef<str>>(all: &[T]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<&str> = all.iter().take(SHOWN).map(AsRef::as_ref).collect();
    let mut out = shown.join("; ");
    if all.len() > SHOWN {
        let _ = write!(out, "; and {} more", all.len() - SHOWN);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_different_and_have_a_group() {
        let mut ids: Vec<&str> = CHECKS.iter().map(|check| check.id).collect();
        assert!(ids.iter().all(|id| {
            id.len() <= WIDTH
                && id
                    .split_once('.')
                    .is_some_and(|(group, name)| !group.is_empty() && !name.is_empty())
        }));
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), CHECKS.len());
        assert!(select(&["node".to_owned(), "api.ready".to_owned()]).is_ok());
        assert_eq!(
            select(&["nodes".to_owned()]),
            Err(UnknownCheck("nodes".to_owned()))
        );
    }
}
