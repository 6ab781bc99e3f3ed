use std::fmt;
use std::str::FromStr;

use airlock_trust::SecretKey;

/// How an import goes about it, and the facts about this machine that it records.
#[derive(Clone)]
pub struct ImportOptions<'a> {
    /// The time, as RFC 3339 text in UTC.
    pub time: String,
    /// Name and version of this program.
    pub tool: String,
    /// How many versions of the bundle stay in the new generation, this one included; at least 1.
    ///
    /// Roots of other bundles stay. Roots of older versions of this bundle go. A name that the new
    /// version gives to another manifest means the new one; the manifest that had it before, in a
    /// version or bundle that stays, can then be pulled by its digest only.
    pub keep_versions: usize,
    /// Accepts a lower sequence, or another bundle with the same one; the reason goes into the receipt.
    pub allow_downgrade: Option<Reason>,
    /// Signs the receipt.
    pub sign: Option<&'a SecretKey>,
    /// Keeps the blobs that were right when an import fails: they save time at the next attempt, and no
    /// generation reaches them.
    pub keep_blobs_on_failure: bool,
    /// How many blobs are checked and written side by side, where the bundle is a regular file.
    pub threads: usize,
}

impl ImportOptions<'_> {
    /// Two versions are kept, nothing is allowed, nothing is signed, one thread.
    pub fn new(time: impl Into<String>, tool: impl Into<String>) -> Self {
        Self {
            time: time.into(),
            tool: tool.into(),
            keep_versions: 2,
            allow_downgrade: None,
            sign: None,
            keep_blobs_on_failure: false,
            threads: 1,
        }
    }
}

/// Why someone decided against a rule: one line that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(Box<str>);

/// Why a text is no reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a reason is one line of 1 to 500 characters")]
pub struct ReasonError;

impl FromStr for Reason {
    type Err = ReasonError;

    fn from_str(s: &str) -> Result<Self, ReasonError> {
        let text = s.trim();
        let good = (1..=500).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        good.then(|| Self(text.into())).ok_or(ReasonError)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_says_something_in_one_line() {
        assert_eq!(
            " broken driver ".parse::<Reason>().unwrap().to_string(),
            "broken driver"
        );
        for bad in ["", "  ", "a\nb", &"x".repeat(501)] {
            assert!(bad.parse::<Reason>().is_err());
        }
    }
}
