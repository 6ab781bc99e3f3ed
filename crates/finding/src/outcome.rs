//! What one check comes to.

use serde::Serialize;

use crate::group;

/// The longest evidence, and the longest remedy, that is told.
const MAX_TEXT: usize = 4000;

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
    /// It does not work, or not safely.
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
pub struct Outcome<X = ()> {
    /// Good or bad.
    pub status: Status,
    /// What was seen; for what was skipped, why.
    pub evidence: String,
    /// What to do about it.
    pub remedy: Option<String>,
    /// What comes with it.
    pub extra: X,
}

impl<X: Default> Outcome<X> {
    fn new(status: Status, evidence: impl Into<String>, remedy: Option<String>) -> Self {
        Self {
            status,
            evidence: evidence.into(),
            remedy,
            extra: X::default(),
        }
    }

    /// It is as it should be.
    pub fn ok(evidence: impl Into<String>) -> Self {
        Self::new(Status::Ok, evidence, None)
    }

    /// There is nothing to check, or it was not to be.
    pub fn skipped(reason: impl Into<String>) -> Self {
        Self::new(Status::Skipped, reason, None)
    }

    /// It could not be told.
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self::new(Status::NotEstablished, reason, None)
    }

    /// It works, but less well, or not for long.
    pub fn warn(evidence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Status::Warn, evidence, Some(remedy.into()))
    }

    /// It does not work, or not safely.
    pub fn fail(evidence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Status::Fail, evidence, Some(remedy.into()))
    }
}

impl<X> Outcome<X> {
    /// The same with a remedy.
    #[must_use]
    pub fn with(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The same with what else belongs to it.
    #[must_use]
    pub fn and(mut self, extra: impl Into<X>) -> Self {
        self.extra = extra.into();
        self
    }
}

/// A check with what it has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding<X = ()> {
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
    /// What comes with it.
    #[serde(flatten)]
    pub extra: X,
}

impl<X> Finding<X> {
    /// What the check of this name came to. Its texts become one line each, of bounded length.
    pub fn new(id: &'static str, title: &'static str, outcome: Outcome<X>) -> Self {
        Self {
            id,
            title,
            status: outcome.status,
            evidence: one_line(&outcome.evidence),
            remedy: outcome.remedy.as_deref().map(one_line),
            extra: outcome.extra,
        }
    }

    /// The group that it is shown in.
    pub fn group(&self) -> &'static str {
        group(self.id)
    }
}

/// Foreign text cannot steer a terminal or flood it.
fn one_line(text: &str) -> String {
    let mut out: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if out.len() > MAX_TEXT {
        out.truncate(out.floor_char_boundary(MAX_TEXT));
        out.push('…');
    }
    out
}

/// Those that are not well.
pub fn failing<X>(findings: &[Finding<X>]) -> impl Iterator<Item = &Finding<X>> {
    findings.iter().filter(|finding| finding.status == Status::Fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_one_bounded_line() {
        let outcome = Outcome::<()>::fail("\x1b[2J\nä".repeat(4000), "x\u{9b}y");
        let finding = Finding::new("a.b", "", outcome);
        assert!(finding.evidence.len() < 4010 && !finding.evidence.contains(['\n', '\x1b']));
        assert_eq!(finding.remedy.as_deref(), Some("x y"));
    }

    #[test]
    fn what_comes_along_stands_beside_the_rest() {
        #[derive(Default, Serialize)]
        struct Extra {
            fixable: bool,
            #[serde(skip)]
            how: Vec<u8>,
        }
        let shown = |value: &dyn Fn() -> Result<String, serde_json::Error>| value().unwrap();
        let plain = Finding::new("a.b", "t", Outcome::<()>::ok("e"));
        assert_eq!(
            shown(&|| serde_json::to_string(&plain)),
            r#"{"id":"a.b","title":"t","status":"ok","evidence":"e"}"#
        );
        let extra = Extra {
            fixable: true,
            how: vec![1],
        };
        let more = Finding::new("a.b", "t", Outcome::<Extra>::unknown("e").with("r").and(extra));
        assert_eq!(more.extra.how, [1]);
        assert_eq!(
            shown(&|| serde_json::to_string(&more)),
            r#"{"id":"a.b","title":"t","status":"not-established","evidence":"e","remedy":"r","fixable":true}"#
        );
    }
}
