//! Patterns over references and other texts.

use std::fmt;
use std::str::FromStr;

use airlock_types::Reference;
use serde::{Deserialize, Serialize};

/// A text in which `*` stands for any characters, `/` among them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(String);

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// There is nothing in it.
    #[error("a pattern is not empty")]
    Empty,
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.trim().is_empty() {
            return Err(PatternError::Empty);
        }
        Ok(Self(text.trim().to_owned()))
    }
}

impl TryFrom<String> for Pattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Pattern {
    /// The pattern that means exactly this reference.
    pub fn exactly(reference: &Reference) -> Self {
        Self(reference.to_string())
    }

    /// Whether a whole text is meant.
    pub fn matches(&self, text: &str) -> bool {
        // What stands before the last star that fitted is settled: a later one can only take more.
        let (pattern, text) = (self.0.as_bytes(), text.as_bytes());
        let (mut at, mut place) = (0, 0);
        let mut star = None;
        while place < text.len() {
            match pattern.get(at) {
                Some(b'*') => {
                    star = Some((at, place));
                    at += 1;
                }
                Some(byte) if text.get(place) == Some(byte) => {
                    at += 1;
                    place += 1;
                }
                _ => match &mut star {
                    Some((before, taken)) => {
                        *taken += 1;
                        at = *before + 1;
                        place = *taken;
                    }
                    None => return false,
                },
            }
        }
        pattern.iter().skip(at).all(|byte| *byte == b'*')
    }

    /// Whether a reference is meant, however much of it was written: `busybox`, `docker.io/library/busybox:1.36`,
    /// `ghcr.io/acme/*`. Without a tag and a digest, all of the repository are meant.
    pub fn matches_reference(&self, reference: &Reference) -> bool {
        if self.matches(&reference.to_string()) || self.matches(&reference.repository.to_string()) {
            return true;
        }
        if self.0.contains('*') {
            return false;
        }
        self.0.parse::<Reference>().is_ok_and(|meant| {
            let whole = meant.tag.is_some() || meant.digest.is_some();
            meant.repository == reference.repository && (!whole || meant == *reference)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        pattern.parse::<Pattern>().unwrap().matches(text)
    }

    #[test]
    fn stars_stand_for_any_characters() {
        assert!(matches("docker.io/acme/*", "docker.io/acme/a/b:1"));
        assert!(matches("*", ""));
        assert!(matches("a*b*c", "aXbXbYc"));
        assert!(matches("**a", "a"));
        assert!(!matches("a*b", "acbd"));
        assert!(!matches("acme", "acme/app"));
        assert!(!matches("a", ""));
        // No pattern takes long.
        assert!(!matches(&"*a".repeat(50), &"b".repeat(10_000)));
    }

    #[test]
    fn references_are_meant_as_people_write_them() {
        let means = |pattern: &str, reference: &str| {
            let pattern: Pattern = pattern.parse().unwrap();
            pattern.matches_reference(&reference.parse::<Reference>().unwrap().with_default_tag())
        };
        assert!(means("busybox", "busybox:1.36"));
        assert!(means("busybox:1.36", "docker.io/library/busybox:1.36"));
        assert!(!means("busybox:1.35", "busybox:1.36"));
        assert!(means("ghcr.io/acme/*", "ghcr.io/acme/app:1"));
        assert!(means("*/app", "ghcr.io/acme/app:1"));
        assert!(means("*:1", "ghcr.io/acme/app:1"));
        assert!(!means("acme/app", "ghcr.io/acme/app:1"));
        assert!("  ".parse::<Pattern>().is_err());
    }
}
