//! What a check is, and what it finds.

use airlock_node::Change;
use serde::Serialize;

use crate::Context;

/// One check.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Its name, which stays: `net.default-route`.
    pub id: &'static str,
    /// What is checked, in a few words.
    pub title: &'static str,
    /// What goes wrong otherwise.
    pub why: &'static str,
    pub(crate) run: fn(&Context) -> Outcome,
}

impl Check {
    /// The part of the name before the dot: the group that it is shown in.
    pub fn group(&self) -> &'static str {
        self.id.split('.').next().unwrap_or(self.id)
    }
}

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
    /// k3s will run, but less well, or not for long.
    Warn,
    /// k3s will not run, or not safely.
    Fail,
}

impl Status {
    /// As it stands in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::NotEstablished => "not established",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What one check has found.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) status: Status,
    pub(crate) evidence: String,
    pub(crate) remedy: Option<String>,
    pub(crate) fix: Vec<Change>,
}

impl Outcome {
    fn new(status: Status, evidence: impl Into<String>) -> Self {
        Self {
            status,
            evidence: evidence.into(),
            remedy: None,
            fix: Vec::new(),
        }
    }

    pub(crate) fn ok(evidence: impl Into<String>) -> Self {
        Self::new(Status::Ok, evidence)
    }

    pub(crate) fn skipped(reason: impl Into<String>) -> Self {
        Self::new(Status::Skipped, reason)
    }

    pub(crate) fn not_established(reason: impl Into<String>) -> Self {
        Self::new(Status::NotEstablished, reason)
    }

    pub(crate) fn warn(evidence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..Self::new(Status::Warn, evidence)
        }
    }

    pub(crate) fn fail(evidence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..Self::new(Status::Fail, evidence)
        }
    }

    /// The same, with what `--fix` does about it.
    pub(crate) fn fixed_by(mut self, fix: Vec<Change>) -> Self {
        self.fix = fix;
        self
    }
}

/// A check with what it has found.
#[derive(Clone, Debug, Serialize)]
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
    /// Whether `--fix` can do that.
    pub fixable: bool,
    /// What `--fix` does.
    #[serde(skip)]
    pub fix: Vec<Change>,
}

impl Finding {
    /// The group that it is shown in.
    pub fn group(&self) -> &'static str {
        self.id.split('.').next().unwrap_or(self.id)
    }
}
