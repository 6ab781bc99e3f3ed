//! What a check finds, in the words of `airlock preflight`.

use std::fmt::Write as _;

use serde::Serialize;

/// How a check came out, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It is as it should be.
    Ok,
    /// There is nothing to check, or it was not to be.
    Skipped,
    /// It could not be told.
    NotEstablished,
    /// It works, but less well, or not for long.
    Warn,
    /// It does not work.
    Fail,
}

impl Status {
    /// As it stands in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::NotEstablished => "not established",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// How one check came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) status: Status,
    pub(crate) evidence: String,
    pub(crate) remedy: Option<String>,
}

impl Outcome {
    fn new(status: Status, evidence: impl Into<String>, remedy: Option<String>) -> Self {
        Self {
            status,
            evidence: evidence.into(),
            remedy,
        }
    }

    pub(crate) fn ok(evidence: impl Into<String>) -> Self {
        Self::new(Status::Ok, evidence, None)
    }

    pub(crate) fn skipped(reason: impl Into<String>) -> Self {
        Self::new(Status::Skipped, reason, None)
    }

    pub(crate) fn unknown(reason: impl Into<String>) -> Self {
        Self::new(Status::NotEstablished, reason, None)
    }

    pub(crate) fn warn(evidence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Status::Warn, evidence, Some(remedy.into()))
    }

    pub(crate) fn fail(evidence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Status::Fail, evidence, Some(remedy.into()))
    }

    /// The same with a remedy.
    pub(crate) fn with(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

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
        self.id.split('.').next().unwrap_or(self.id)
    }

    pub(crate) fn found(&self, outcome: &Outcome) -> Finding {
        Finding {
            id: self.id,
            title: self.title,
            status: outcome.status,
            evidence: one_line(&outcome.evidence),
            remedy: outcome.remedy.as_deref().map(one_line),
        }
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

/// A check with what it has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The check's name.
    pub id: &'static str,
    /// What was checked.
    pub title: &'static str,
    /// How it came out.
    pub status: Status,
    /// What was seen; for what was skipped, why.
    pub evidence: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Finding {
    fn group(&self) -> &'static str {
        self.id.split('.').next().unwrap_or(self.id)
    }
}

/// Which checks are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection(Vec<String>);

/// A name that no check and no group has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such check: {0}")]
pub struct UnknownCheck(pub String);

impl Selection {
    /// Only these checks and groups; all where there are none.
    pub fn only(names: &[String]) -> Result<Self, UnknownCheck> {
        let known = |name: &&String| {
            CHECKS
                .iter()
                .any(|check| check.id == **name || check.group() == **name)
        };
        match names.iter().find(|name| !known(name)) {
            Some(name) => Err(UnknownCheck(name.clone())),
            None => Ok(Self(names.to_vec())),
        }
    }

    pub(crate) fn has(&self, check: &Check) -> bool {
        self.0.is_empty()
            || self
                .0
                .iter()
                .any(|name| check.id == name || check.group() == name)
    }
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

/// How many checks came out how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Those that are well.
    pub ok: usize,
    /// Those that could be better.
    pub warn: usize,
    /// Those that are not well.
    pub fail: usize,
    /// Those with nothing to check.
    pub skipped: usize,
    /// Those that could not tell.
    pub not_established: usize,
}

impl Report {
    pub(crate) fn add(&mut self, finding: Finding) {
        let count = match finding.status {
            Status::Ok => &mut self.summary.ok,
            Status::Warn => &mut self.summary.warn,
            Status::Fail => &mut self.summary.fail,
            Status::Skipped => &mut self.summary.skipped,
            Status::NotEstablished => &mut self.summary.not_established,
        };
        *count += 1;
        self.checks.push(finding);
    }

    /// Whether no check fails.
    pub fn is_good(&self) -> bool {
        self.summary.fail == 0
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
        groups.sort_by_key(|(_, findings)| findings.iter().map(|finding| finding.status).max());
        let mut out = String::new();
        for (group, mut findings) in groups {
            let _ = writeln!(out, "{group}");
            findings.sort_by_key(|finding| finding.status);
            for finding in findings {
                let status = finding.status.as_str();
                let _ = writeln!(out, "  {status:15} {:30} {}", finding.id, finding.evidence);
                if let Some(remedy) = &finding.remedy {
                    let _ = writeln!(out, "  {:15} → {remedy}", "");
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

/// The longest evidence that is told.
const MAX_EVIDENCE: usize = 4000;

/// Foreign text cannot steer a terminal or flood it, and evidence is one line.
fn one_line(text: &str) -> String {
    let mut out: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if out.len() > MAX_EVIDENCE {
        out.truncate(out.floor_char_boundary(MAX_EVIDENCE));
        out.push('…');
    }
    out
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
            id.split_once('.')
                .is_some_and(|(group, name)| !group.is_empty() && !name.is_empty())
        }));
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), CHECKS.len());
        assert!(Selection::only(&["node".to_owned(), "api.ready".to_owned()]).is_ok());
        assert_eq!(
            Selection::only(&["nodes".to_owned()]),
            Err(UnknownCheck("nodes".to_owned()))
        );
    }

    #[test]
    fn foreign_text_is_one_bounded_line() {
        let finding = CHECKS[0].found(&Outcome::fail("\x1b[2J\n".repeat(4000), "x\u{9b}y"));
        assert!(finding.evidence.len() < 4010 && !finding.evidence.contains(['\n', '\x1b']));
        assert_eq!(finding.remedy.as_deref(), Some("x y"));
    }
}
