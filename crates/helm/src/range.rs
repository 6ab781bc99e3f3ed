//! Versions and version ranges as Helm understands them: those of Masterminds/semver, which are laxer
//! than Cargo's.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use semver::{BuildMetadata, Prerelease, Version};

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
pub struct LooseVersion {
    version: Version,
    text: Box<str>,
}

impl LooseVersion {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it comes before a release (`-rc.1`).
    pub fn is_prerelease(&self) -> bool {
        !self.version.pre.is_empty()
    }

    /// The full version, with what was left out as 0.
    pub fn semver(&self) -> &Version {
        &self.version
    }
}

impl FromStr for LooseVersion {
    type Err = RangeError;

    fn from_str(s: &str) -> Result<Self, RangeError> {
        let bad = || error("it is not a semantic version", s);
        let parts = Parts::parse(s).ok_or_else(bad)?;
        let number = |part: Part| match part {
            Part::Number(number) => Some(number),
            Part::Absent => Some(0),
            Part::Any => None,
        };
        let [major, minor, patch] = parts.numbers.map(number);
        Ok(Self {
            version: Version {
                major: major.ok_or_else(bad)?,
                minor: minor.ok_or_else(bad)?,
                patch: patch.ok_or_else(bad)?,
                pre: parts.pre,
                build: parts.build,
            },
            text: s.into(),
        })
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
        self.version
            .cmp_precedence(&other.version)
            .then_with(|| self.text.cmp(&other.text))
    }
}

/// Whether a version lies in a range; text that is neither lies in none (Helm, `IsCompatibleRange`).
pub(crate) fn is_compatible(range: &str, version: &str) -> bool {
    match (range.parse::<VersionRange>(), version.parse::<LooseVersion>()) {
        (Ok(range), Ok(version)) => range.matches(&version),
        _ => false,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Number(u64),
    Any,
    Absent,
}

/// A version whose numbers may be left open.
struct Parts {
    numbers: [Part; 3],
    pre: Prerelease,
    build: BuildMetadata,
}

impl Parts {
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let (text, build) = match text.split_once('+') {
            Some((text, build)) => (text, BuildMetadata::new(build).ok().filter(|b| !b.is_empty())?),
            None => (text, BuildMetadata::EMPTY),
        };
        let (text, pre) = match text.split_once('-') {
            Some((text, pre)) => (text, Prerelease::new(pre).ok().filter(|p| !p.is_empty())?),
            None => (text, Prerelease::EMPTY),
        };
        let mut numbers = [Part::Absent; 3];
        for (at, part) in text.split('.').enumerate() {
            *numbers.get_mut(at)? = match part {
                "x" | "X" | "*" => Part::Any,
                digits if !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit()) => {
                    Part::Number(digits.parse().ok()?)
                }
                _ => return None,
            };
        }
        Some(Self { numbers, pre, build })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    /// No operator, or `=`.
    Equal,
    Different,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Tilde,
    Caret,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Comparator {
    operator: Operator,
    bound: Version,
    /// How many of major, minor and patch were given.
    given: usize,
}

/// A version range: comparators joined by commas or spaces (all must hold), groups of them by `||`.
///
/// Pre-releases match only a comparator that names one itself (`>=1.2-0`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRange {
    text: Box<str>,
    groups: Vec<Vec<Comparator>>,
}

impl VersionRange {
    /// Whether a version is in the range.
    pub fn matches(&self, version: &LooseVersion) -> bool {
        self.groups.iter().any(|group| {
            group
                .iter()
                .all(|comparator| comparator.matches(&version.version))
        })
    }

    /// The highest version in the range.
    pub fn best<'a>(&self, versions: impl IntoIterator<Item = &'a LooseVersion>) -> Option<&'a LooseVersion> {
        versions.into_iter().filter(|version| self.matches(version)).max()
    }

    /// Whether exactly one full version is meant, so that it can be asked for without a list.
    pub fn is_exact(&self) -> bool {
        match self.groups.as_slice() {
            [group] => {
                matches!(group.as_slice(), [only] if only.operator == Operator::Equal && only.given == 3)
            }
            _ => false,
        }
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
        let bad = || {
            error(
                "it is not a version range, such as \"1.2.3\", \"~1.2\" or \">=1.2, <2\"",
                s,
            )
        };
        let groups = s
            .split("||")
            .map(|group| parse_group(group).filter(|group| !group.is_empty()))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(bad)?;
        Ok(Self {
            text: s.trim().into(),
            groups,
        })
    }
}

fn parse_group(text: &str) -> Option<Vec<Comparator>> {
    let mut out = Vec::new();
    let words: Vec<&str> = text
        .split(|c: char| c == ',' || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        at += 1;
        // `1.2 - 1.4`
        if words.get(at) == Some(&"-") {
            out.push(Comparator::new(Operator::GreaterOrEqual, word)?);
            out.push(Comparator::new(Operator::LessOrEqual, words.get(at + 1)?)?);
            at += 2;
            continue;
        }
        let end = word.find(|c: char| !"<>=!~^".contains(c)).unwrap_or(word.len());
        let operator = operator(&word[..end])?;
        let version = if end == word.len() {
            at += 1;
            *words.get(at - 1)?
        } else {
            &word[end..]
        };
        out.push(Comparator::new(operator, version)?);
    }
    Some(out)
}

fn operator(text: &str) -> Option<Operator> {
    Some(match text {
        "" | "=" | "==" => Operator::Equal,
        "!=" => Operator::Different,
        ">" => Operator::Greater,
        "<" => Operator::Less,
        ">=" | "=>" => Operator::GreaterOrEqual,
        "<=" | "=<" => Operator::LessOrEqual,
        "~" | "~>" => Operator::Tilde,
        "^" => Operator::Caret,
        _ => return None,
    })
}

impl Comparator {
    fn new(operator: Operator, text: &str) -> Option<Self> {
        let Parts { numbers, pre, build } = Parts::parse(text)?;
        // Whatever follows an open part is open too: `1.x.3` means `1`.
        let given = numbers
            .iter()
            .take_while(|part| matches!(part, Part::Number(_)))
            .count();
        let number = |at: usize| match numbers[at] {
            Part::Number(number) if at < given => number,
            _ => 0,
        };
        let bound = Version {
            major: number(0),
            minor: number(1),
            patch: number(2),
            pre,
            build,
        };
        Some(Self {
            operator,
            bound,
            given,
        })
    }

    fn matches(&self, version: &Version) -> bool {
        if !version.pre.is_empty() && self.bound.pre.is_empty() {
            return false;
        }
        let order = version.cmp_precedence(&self.bound);
        let numbers = [version.major, version.minor, version.patch];
        let bound = [self.bound.major, self.bound.minor, self.bound.patch];
        // How the parts that were given compare; an open part equals everything.
        let given = numbers[..self.given].cmp(&bound[..self.given]);
        let same = |count: usize| numbers[..count.min(self.given)] == bound[..count.min(self.given)];
        match self.operator {
            Operator::Equal if self.given < 3 => order.is_ge() && given.is_eq(),
            Operator::Equal => order.is_eq(),
            Operator::Different if self.given < 3 => given.is_ne(),
            Operator::Different => order.is_ne(),
            Operator::Greater if self.given < 3 => given.is_gt(),
            Operator::Greater => order.is_gt(),
            Operator::Less => order.is_lt(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::LessOrEqual if self.given < 3 => given.is_le(),
            Operator::LessOrEqual => order.is_le(),
            Operator::Tilde => order.is_ge() && same(2),
            // Up to the first number that is not 0, which a change of would break something.
            Operator::Caret => {
                let fixed = bound[..self.given].iter().position(|number| *number > 0);
                order.is_ge() && same(fixed.map_or(self.given, |at| at + 1))
            }
        }
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
