//! Debian version numbers: `[epoch:]upstream[-revision]` and their total order.
//!
//! Source: [Debian Policy 5.6.12](https://www.debian.org/doc/debian-policy/ch-controlfields.html#version) and
//! deb-version(7).

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// Why a string is not a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// Nothing is there, or nothing after the epoch or before the revision.
    #[error("the version has no upstream part: {0:?}")]
    Empty(String),
    /// What precedes the first colon is not a number that fits 31 bits.
    #[error("what precedes ':' in a version is a small number: {0:?}")]
    Epoch(String),
    /// The upstream part begins with something else than a digit.
    #[error("a version begins with a digit: {0:?}")]
    Start(String),
    /// A character that no version has.
    #[error("a version is of letters, digits and '.', '+', '-', '~', ':': {0:?}")]
    Character(String),
    /// Nothing, or a character that no revision has, follows the last hyphen.
    #[error("what follows the last '-' of a version is of letters, digits and '.', '+', '~': {0:?}")]
    Revision(String),
}

/// A version number, checked. Equal means that neither is newer: `1.0` equals `0:1.00-0`.
#[derive(Clone)]
pub struct Version(Box<str>);

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let clip = || text.chars().take(100).collect::<String>();
        let (epoch, rest) = text.split_once(':').map_or(("0", text), |it| it);
        let small = |it: &str| it.parse::<u32>().is_ok_and(|it| i32::try_from(it).is_ok());
        if !epoch.bytes().all(|it| it.is_ascii_digit()) || !small(epoch) {
            return Err(VersionError::Epoch(clip()));
        }
        let (upstream, revision) = rest.rsplit_once('-').map_or((rest, "0"), |it| it);
        let good = |it: u8, more: &[u8]| it.is_ascii_alphanumeric() || more.contains(&it);
        if upstream.is_empty() {
            return Err(VersionError::Empty(clip()));
        }
        if !upstream.starts_with(|it: char| it.is_ascii_digit()) {
            return Err(VersionError::Start(clip()));
        }
        if !upstream.bytes().all(|it| good(it, b".+-~:")) {
            return Err(VersionError::Character(clip()));
        }
        if revision.is_empty() || !revision.bytes().all(|it| good(it, b".+~")) {
            return Err(VersionError::Revision(clip()));
        }
        Ok(Self(text.into()))
    }
}

impl Version {
    /// The text as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number before the colon, 0 when there is none.
    pub fn epoch(&self) -> u32 {
        // Checked when it was parsed.
        let epoch = self.0.split_once(':').map(|(epoch, _)| epoch);
        epoch.and_then(|it| it.parse().ok()).unwrap_or(0)
    }

    /// What upstream calls it.
    pub fn upstream(&self) -> &str {
        let rest = self.0.split_once(':').map_or(&*self.0, |(_, rest)| rest);
        rest.rsplit_once('-').map_or(rest, |(upstream, _)| upstream)
    }

    /// What follows the last hyphen.
    pub fn revision(&self) -> Option<&str> {
        let rest = self.0.split_once(':').map_or(&*self.0, |(_, rest)| rest);
        rest.rsplit_once('-').map(|(_, revision)| revision)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

impl Hash for Version {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (epoch, upstream, revision) = split(&self.0);
        state.write(trim_zeros(epoch.as_bytes()));
        for part in [upstream, revision] {
            let mut rest = part.as_bytes();
            while !rest.is_empty() {
                let (text, number);
                (text, number, rest) = step(rest);
                // A zero at the very end, and a text that is not there, are as good as nothing.
                if !text.is_empty() || !number.is_empty() {
                    state.write(text);
                    state.write_u8(b'0');
                    state.write(number);
                }
            }
            state.write_u8(b' ');
        }
    }
}

/// The order of two versions, whatever their texts are: indexes in the wild hold some that [`Version`] refuses,
/// and those have an order too.
pub fn compare(one: &str, other: &str) -> Ordering {
    if one == other {
        return Ordering::Equal;
    }
    let (one, other) = (split(one), split(other));
    compare_numbers(trim_zeros(one.0.as_bytes()), trim_zeros(other.0.as_bytes()))
        .then_with(|| compare_parts(one.1.as_bytes(), other.1.as_bytes()))
        .then_with(|| compare_parts(one.2.as_bytes(), other.2.as_bytes()))
}

/// Epoch, upstream, revision; empty where absent, which compares like 0.
fn split(text: &str) -> (&str, &str, &str) {
    let (epoch, rest) = match text.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|it| it.is_ascii_digit()) => (epoch, rest),
        _ => ("", text),
    };
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch, upstream, revision)
}

fn trim_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|it| **it == b'0').count();
    &digits[zeros..]
}

/// Two numbers of any length without leading zeros.
fn compare_numbers(one: &[u8], other: &[u8]) -> Ordering {
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

/// Cuts off the longest beginning without a digit, and the number after it.
fn step(text: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let start = text.iter().take_while(|it| !it.is_ascii_digit()).count();
    let (before, rest) = text.split_at(start);
    let digits = rest.iter().take_while(|it| it.is_ascii_digit()).count();
    let (number, rest) = rest.split_at(digits);
    (before, trim_zeros(number), rest)
}

/// Policy's algorithm: alternately a text and a number are compared, from the left.
fn compare_parts(mut one: &[u8], mut other: &[u8]) -> Ordering {
    while !one.is_empty() || !other.is_empty() {
        let (text, number, rest) = step(one);
        let (other_text, other_number, other_rest) = step(other);
        let order = compare_texts(text, other_text).then_with(|| compare_numbers(number, other_number));
        if order.is_ne() {
            return order;
        }
        (one, other) = (rest, other_rest);
    }
    Ordering::Equal
}

/// Letters come before everything else, and `~` comes before even the end.
fn compare_texts(one: &[u8], other: &[u8]) -> Ordering {
    let weight = |text: &[u8], at: usize| match text.get(at) {
        Some(b'~') => -1,
        None => 0,
        Some(letter) if letter.is_ascii_alphabetic() => i32::from(*letter),
        Some(sign) => i32::from(*sign) + 256,
    };
    let length = one.len().max(other.len());
    let orders = (0..length).map(|at| weight(one, at).cmp(&weight(other, at)));
    orders
        .into_iter()
        .find(|it| it.is_ne())
        .unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests;
