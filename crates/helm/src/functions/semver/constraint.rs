//! Ranges of versions: groups joined by `||`, in each of which every comparison must hold.

use crate::format::lossy;
use std::cmp::Ordering;

use super::version::{Version, compare_prereleases};
use crate::{chart::Profile, functions::text::quoted};

/// A range of versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Constraints {
    groups: Vec<Vec<Constraint>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    /// None, or `=`.
    Equal,
    Different,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Tilde,
    Caret,
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Constraint {
    operator: Operator,
    bound: Version,
    /// Anything was left open, by leaving it out or by an `x`.
    open: bool,
    /// The minor version is open.
    minor_open: bool,
    /// Only the patch version is open.
    patch_open: bool,
}

/// Longest first, so that the first that fits is the one that a regular expression would take.
const OPERATORS: [(&str, Operator); 11] = [
    ("!=", Operator::Different),
    (">=", Operator::GreaterOrEqual),
    ("=>", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("=<", Operator::LessOrEqual),
    ("~>", Operator::Tilde),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
];

/// A version in a constraint, not looked at yet.
struct Pattern<'a> {
    numbers: [&'a str; 3],
    /// With its dash.
    pre: &'a str,
}

const SPACE: [char; 5] = ['\t', '\n', '\u{c}', '\r', ' '];

impl Constraints {
    /// Go's `semver.NewConstraint`.
    pub(crate) fn parse(text: &[u8], profile: Profile) -> Result<Self, ConstraintError> {
        let limited = profile == Profile::Helm4;
        if limited && text.len() > 512 {
            return Err(ConstraintError::TooLong);
        }
        // What is not UTF-8 is in no constraint, but it is told in the error as it is.
        let Ok(valid) = std::str::from_utf8(text) else {
            let bad = text
                .split(|byte| *byte == b'|')
                .find(|part| std::str::from_utf8(part).is_err());
            return Err(ConstraintError::Improper(bad.unwrap_or(text).to_vec()));
        };
        let rewritten = hyphens(valid);
        let groups: Vec<&str> = rewritten.split("||").collect();
        if limited && groups.len() > 32 {
            return Err(ConstraintError::TooManyGroups);
        }
        let groups = groups
            .into_iter()
            .map(|text| group(text, profile))
            .collect::<Result<_, _>>()?;
        Ok(Self { groups })
    }

    /// Whether it is one full version that nothing else equals.
    pub(crate) fn is_exact(&self) -> bool {
        let [group] = self.groups.as_slice() else {
            return false;
        };
        matches!(group.as_slice(), [only] if only.operator == Operator::Equal && !only.open)
    }

    /// Whether the version is in the range.
    pub(crate) fn check(&self, version: &Version) -> bool {
        self.groups.iter().any(|group| {
            // Pre-releases are in a group of which any bound is one.
            let pre = group.iter().any(|constraint| !constraint.bound.pre.is_empty());
            (version.pre.is_empty() || pre) && group.iter().all(|constraint| constraint.check(version))
        })
    }
}

/// Why a text is not a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConstraintError {
    TooLong,
    TooManyGroups,
    /// It has not the form of one.
    Improper(Vec<u8>),
    /// It has the form, but a version in it is none.
    Part,
}

impl ConstraintError {
    /// What Go says, which says it without quotes in Helm 3.
    pub(crate) fn text(&self, profile: Profile) -> String {
        match (self, profile) {
            (Self::TooLong, _) => "constraint string is too long (max 512 bytes)".to_owned(),
            (Self::TooManyGroups, _) => "too many constraint groups (max 32)".to_owned(),
            (Self::Improper(text), Profile::Helm3) => {
                format!("improper constraint: {}", lossy(text))
            }
            (Self::Improper(text), Profile::Helm4) => {
                format!("improper constraint: {}", lossy(&quoted(text)))
            }
            (Self::Part, _) => "constraint parser error".to_owned(),
        }
    }
}

/// Replaces `1.2 - 1.4` by two comparisons, wherever it stands.
fn hyphens(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let mut floor = 0;
    while !rest.is_empty() {
        if let Some((low, high, after)) = hyphen(rest) {
            // The spaces before it belong to it.
            let kept = out.trim_end_matches(SPACE).len();
            out.truncate(kept.max(floor));
            out += &format!(">= {low}, <= {high} ");
            floor = out.len();
            rest = after;
        } else if let Some(char) = rest.chars().next() {
            out.push(char);
            rest = rest.get(char.len_utf8()..).unwrap_or_default();
        }
    }
    out
}

/// A range with a hyphen at the start of the text.
fn hyphen(text: &str) -> Option<(&str, &str, &str)> {
    let (_, after_low) = pattern(text)?;
    let dash = after_low.trim_start_matches(SPACE);
    let after_dash = dash.strip_prefix('-').filter(|_| dash.len() < after_low.len())?;
    let high = after_dash.trim_start_matches(SPACE);
    if high.len() == after_dash.len() {
        return None;
    }
    let (_, after_high) = pattern(high)?;
    let low = text.get(..text.len() - after_low.len())?;
    let high = high.get(..high.len() - after_high.len())?;
    Some((low, high, after_high.trim_start_matches(SPACE)))
}

/// Takes one part of a version off the front: digits, or what stands for any.
fn part(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|char: char| !(char.is_ascii_digit() || matches!(char, '|' | 'x' | 'X' | '*')))
        .unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// Takes identifiers with dots between off the front, which come after a mark.
fn suffix(text: &str, mark: char) -> (&str, &str) {
    let Some(body) = text.strip_prefix(mark) else {
        return ("", text);
    };
    let mut end = 0;
    let mut rest = body;
    loop {
        let length = rest
            .find(|char: char| !(char.is_ascii_alphanumeric() || char == '-'))
            .unwrap_or(rest.len());
        if length == 0 {
            break;
        }
        end = body.len() - rest.len() + length;
        match rest.get(length..).and_then(|rest| rest.strip_prefix('.')) {
            Some(after) => rest = after,
            None => break,
        }
    }
    if end == 0 {
        return ("", text);
    }
    text.split_at(mark.len_utf8() + end)
}

/// Takes a version off the front.
fn pattern(text: &str) -> Option<(Pattern<'_>, &str)> {
    let mut rest = text.strip_prefix('v').unwrap_or(text);
    let mut numbers = [""; 3];
    for (at, place) in numbers.iter_mut().enumerate() {
        let body = if at == 0 {
            Some(rest)
        } else {
            rest.strip_prefix('.')
        };
        match body.and_then(part) {
            Some((number, after)) => (*place, rest) = (number, after),
            None if at == 0 => return None,
            None => break,
        }
    }
    let (pre, rest) = suffix(rest, '-');
    let (_, rest) = suffix(rest, '+');
    Some((Pattern { numbers, pre }, rest))
}

/// Reads what must all hold, with commas or spaces between.
fn group(text: &str, profile: Profile) -> Result<Vec<Constraint>, ConstraintError> {
    let bad = || ConstraintError::Improper(text.as_bytes().to_vec());
    let mut found = Vec::new();
    let mut rest = text.trim_start_matches(SPACE);
    // The whole group must be well formed before any part of it is looked at.
    loop {
        let (operator, after) = OPERATORS
            .iter()
            .find_map(|(sign, operator)| Some((*operator, rest.strip_prefix(sign)?)))
            .unwrap_or((Operator::Equal, rest));
        let (pattern, after) = pattern(after.trim_start_matches(SPACE)).ok_or_else(bad)?;
        found.push((operator, pattern));
        let next = after.trim_start_matches(SPACE);
        if next.is_empty() {
            break;
        }
        rest = match next.strip_prefix(',') {
            Some(next) => next.trim_start_matches(SPACE),
            None if next.len() < after.len() => next,
            None => return Err(bad()),
        };
    }
    found
        .into_iter()
        .map(|(operator, pattern)| Constraint::new(operator, &pattern, profile))
        .collect()
}

impl Constraint {
    fn new(operator: Operator, pattern: &Pattern<'_>, profile: Profile) -> Result<Self, ConstraintError> {
        let any = |number: &str| matches!(number, "" | "x" | "X" | "*");
        let [major, minor, patch] = pattern.numbers;
        let pre = pattern.pre;
        let (text, minor_open, patch_open) = if any(major) {
            (format!("0.0.0{pre}"), false, false)
        } else if any(minor) {
            (format!("{major}.0.0{pre}"), true, false)
        } else if any(patch) {
            (format!("{major}.{minor}.0{pre}"), false, true)
        } else {
            (format!("{major}.{minor}.{patch}{pre}"), false, false)
        };
        let bound = Version::parse(text.as_bytes(), profile).map_err(|_| ConstraintError::Part)?;
        Ok(Self {
            operator,
            bound,
            open: any(major) || minor_open || patch_open,
            minor_open,
            patch_open,
        })
    }

    fn check(&self, version: &Version) -> bool {
        let bound = &self.bound;
        let order = version.compare(bound);
        match self.operator {
            Operator::Equal if self.open => self.tilde(version, order),
            Operator::Equal => order.is_eq(),
            Operator::Different => self.different(version, order),
            Operator::Greater => self.greater(version, order),
            Operator::Less => order.is_lt(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::LessOrEqual if !self.open => order.is_le(),
            Operator::LessOrEqual => {
                version.major < bound.major
                    || version.major == bound.major && (version.minor <= bound.minor || self.minor_open)
            }
            Operator::Tilde => self.tilde(version, order),
            Operator::Caret => self.caret(version, order),
        }
    }

    fn different(&self, version: &Version, order: Ordering) -> bool {
        let bound = &self.bound;
        if !self.open {
            return order.is_ne();
        }
        if bound.major != version.major || bound.minor != version.minor && !self.minor_open {
            return true;
        }
        if self.minor_open {
            return false;
        }
        if bound.patch != version.patch && !self.patch_open {
            return true;
        }
        if self.patch_open {
            let same = version.pre.is_empty() && bound.pre.is_empty()
                || compare_prereleases(&version.pre, &bound.pre).is_eq();
            return !same;
        }
        order.is_ne()
    }

    fn greater(&self, version: &Version, order: Ordering) -> bool {
        let bound = &self.bound;
        if !self.open || version.major != bound.major {
            return if self.open {
                version.major > bound.major
            } else {
                order.is_gt()
            };
        }
        if self.minor_open {
            false
        } else if self.patch_open {
            version.minor > bound.minor
        } else {
            order.is_gt()
        }
    }

    /// The same minor version, or the same major version if no minor one was given.
    fn tilde(&self, version: &Version, order: Ordering) -> bool {
        let bound = &self.bound;
        if order.is_lt() {
            return false;
        }
        let zero = (bound.major, bound.minor, bound.patch) == (0, 0, 0);
        if zero && !self.minor_open && !self.patch_open {
            return true;
        }
        version.major == bound.major && (version.minor == bound.minor || self.minor_open)
    }

    /// The same up to the first number that is not 0.
    fn caret(&self, version: &Version, order: Ordering) -> bool {
        let bound = &self.bound;
        if order.is_lt() {
            return false;
        }
        if bound.major > 0 || self.minor_open {
            return version.major == bound.major;
        }
        if version.major > 0 {
            return false;
        }
        if bound.minor > 0 || self.patch_open {
            return version.minor == bound.minor;
        }
        version.minor == 0 && version.patch == bound.patch
    }
}
