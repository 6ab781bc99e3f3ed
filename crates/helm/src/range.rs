//! Versions of charts and ranges of them, which Helm takes as Masterminds/semver does.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::chart::Profile;
use crate::functions::{Constraints, Version};

/// Why a string is not a version or range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {text:?}")]
pub struct RangeError {
    what: &'static str,
    text: String,
}

fn error(what: &'static str, text: &str) -> RangeError {
    RangeError {
        what,
        text: text.chars().take(200).collect(),
    }
}

/// A semantic version with an optional `v`, and with minor and patch optional: `v1`, `1.2`, `1.2.3-rc.1+b`.
///
/// Orders by SemVer precedence, which ignores build metadata; text decides between equals, so that
/// sorting is total.
#[derive(Clone, Debug)]
pub struct LooseVersion(Version);

impl LooseVersion {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        self.0.original()
    }

    /// Whether it comes before a release (`-rc.1`).
    pub fn is_prerelease(&self) -> bool {
        self.0.is_prerelease()
    }

    /// Which of the two comes first, as SemVer has it: build metadata does not count.
    pub fn precedence(&self, other: &Self) -> Ordering {
        self.0.compare(&other.0)
    }
}

impl FromStr for LooseVersion {
    type Err = RangeError;

    fn from_str(s: &str) -> Result<Self, RangeError> {
        Version::parse(s.as_bytes(), Profile::Helm4)
            .map(Self)
            .map_err(|_| error("it is not a semantic version", s))
    }
}

impl PartialEq for LooseVersion {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for LooseVersion {}

impl PartialOrd for LooseVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for LooseVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        self.precedence(other)
            .then_with(|| self.as_str().cmp(other.as_str()))
    }
}

/// Whether a version lies in a range; text that is neither lies in none (Helm, `IsCompatibleRange`).
pub(crate) fn is_compatible(range: &str, version: &str) -> bool {
    match (range.parse::<VersionRange>(), version.parse::<LooseVersion>()) {
        (Ok(range), Ok(version)) => range.matches(&version),
        _ => false,
    }
}

/// A version range: comparators joined by commas or spaces (all must hold), groups of them by `||`.
///
/// Pre-releases match only a group in which a comparator names one itself (`>=1.2-0`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRange {
    text: Box<str>,
    constraints: Constraints,
}

impl VersionRange {
    /// Whether a version is in the range.
    pub fn matches(&self, version: &LooseVersion) -> bool {
        self.constraints.check(&version.0)
    }

    /// The highest version in the range.
    pub fn best<'a>(&self, versions: impl IntoIterator<Item = &'a LooseVersion>) -> Option<&'a LooseVersion> {
        versions.into_iter().filter(|version| self.matches(version)).max()
    }

    /// Whether exactly one full version is meant, so that it can be asked for without a list.
    pub fn is_exact(&self) -> bool {
        self.constraints.is_exact()
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for VersionRange {
    type Err = RangeError;

    fn from_str(s: &str) -> Result<Self, RangeError> {
        let bad = |_| {
            error(
                "it is not a version range, such as \"1.2.3\", \"~1.2\" or \">=1.2, <2\"",
                s,
            )
        };
        Ok(Self {
            text: s.trim().into(),
            constraints: Constraints::parse(s.as_bytes(), Profile::Helm4).map_err(bad)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(range: &str, version: &str) -> bool {
        range
            .parse::<VersionRange>()
            .unwrap()
            .matches(&version.parse().unwrap())
    }

    #[test]
    fn the_forms_that_people_write() {
        for (range, inside, outside) in [
            ("1.2.3", "1.2.3", "1.2.4"),
            ("v1.2.3", "1.2.3", "1.2.2"),
            ("1.2.3", "v1.2.3", "v1.3.0"),
            ("=1.2.3", "1.2.3+build", "1.2.4"),
            ("1.2", "1.2.9", "1.3.0"),
            ("1", "1.9.9", "2.0.0"),
            ("1.x", "1.0.0", "2.0.0"),
            ("1.2.X", "1.2.7", "1.3.0"),
            ("*", "0.0.1", "0.0.1-rc.1"),
            ("x", "9.9.9", "9.9.9-rc.1"),
            ("~1.2.3", "1.2.9", "1.3.0"),
            ("~1.2", "1.2.0", "1.3.0"),
            ("~1", "1.9.0", "2.0.0"),
            ("~66.2", "66.2.2", "66.3.0"),
            ("~>1.2.3", "1.2.3", "1.2.2"),
            ("^1.2.3", "1.9.0", "2.0.0"),
            ("^1.2.3", "1.2.3", "1.2.2"),
            ("^0.2.3", "0.2.9", "0.3.0"),
            ("^0.0.3", "0.0.3", "0.0.4"),
            ("^0.0", "0.0.9", "0.1.0"),
            ("^0", "0.9.0", "1.0.0"),
            ("^1", "1.0.0", "2.0.0"),
            (">=1 <2", "1.9.9", "2.0.0"),
            (">= 1.0, < 2.0.0", "1.0.0", "0.9.9"),
            (">1.2", "1.3.0", "1.2.9"),
            (">11", "12.0.0", "11.9.0"),
            ("<=1.2", "1.2.9", "1.3.0"),
            ("<=11", "11.9.9", "12.0.0"),
            ("!=1.2.3", "1.2.4", "1.2.3"),
            ("!=1.2", "1.3.0", "1.2.3"),
            ("1.2 - 1.4.5", "1.4.5", "1.4.6"),
            ("<1 || >=2.1", "2.1.0", "1.5.0"),
            (">=1.2-0", "1.2.0-rc.1", "1.1.9"),
            ("~1.2.3-0", "1.2.4-beta", "1.3.0"),
            ("*-0", "1.0.0-rc.1", "0.0.0-"),
        ] {
            assert!(matches(range, inside), "{inside} is not in {range}");
            if let Ok(outside) = outside.parse() {
                let range: VersionRange = range.parse().unwrap();
                assert!(!range.matches(&outside), "{outside:?} is in {range}");
            }
        }
        assert!(
            !matches(">=1.20", "v1.30.0-gke.1"),
            "pre-releases only when asked for"
        );
        assert!(matches(">=1.20-0", "v1.30.0-gke.1"));
    }

    #[test]
    fn the_best_is_the_highest_by_number() {
        let versions: Vec<LooseVersion> = ["1.9.0", "1.10.0", "v1.2.0", "2.0.0-rc.1", "1.10.0-rc.1"]
            .iter()
            .map(|v| v.parse().unwrap())
            .collect();
        let best = |range: &str| {
            let range: VersionRange = range.parse().unwrap();
            range.best(&versions).map(|v| v.as_str().to_owned())
        };
        assert_eq!(best("^1").as_deref(), Some("1.10.0"));
        assert_eq!(best("*").as_deref(), Some("1.10.0"));
        assert_eq!(best(">1-0").as_deref(), Some("2.0.0-rc.1"));
        assert_eq!(best("~3"), None);
    }

    #[test]
    fn exact_means_one_version() {
        let exact = |text: &str| text.parse::<VersionRange>().unwrap().is_exact();
        assert!(exact("1.2.3") && exact("v1.2.3-rc.1") && exact("=1.2.3"));
        assert!(!exact("1.2") && !exact("~1.2.3") && !exact("1.2.3 || 2.0.0"));
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            "", "||", "latest", "1.2.3.4", ">", "~~1", "1..2", "1.2.3-", "1.2.3-01", "1,,a",
        ] {
            assert!(bad.parse::<VersionRange>().is_err(), "{bad:?}");
        }
        for bad in ["", "v", "1.x", "a", "1.2.3.4"] {
            assert!(bad.parse::<LooseVersion>().is_err(), "{bad:?}");
        }
    }
}
