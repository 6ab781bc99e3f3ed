//! Relations between packages: `libc6 (>= 2.36) | libc6.1 [ia64], python3:any <!nocheck>`.
//!
//! Source: [Debian Policy 7.1](https://www.debian.org/doc/debian-policy/ch-relationships.html), and for
//! `:any`, `:native` and `<profiles>` deb-control(5) and deb-src-control(5). Everything is borrowed.

use std::cmp::Ordering;
use std::fmt;

use super::version;

/// Why a text is no list of relations.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RelationError {
    /// No package name is where one must be.
    #[error("a package name is missing or has a wrong character: {0:?}")]
    Name(String),
    /// What is between the parentheses is not an operator and a version.
    #[error("a version in a relation needs the form '(>= 1.2)': {0:?}")]
    Version(String),
    /// A parenthesis, bracket or angle bracket is not closed.
    #[error("a bracket of a relation is not closed: {0:?}")]
    Open(String),
    /// Something follows that is no part of a relation.
    #[error("a relation is followed by something that is neither ',' nor '|': {0:?}")]
    Rest(String),
}

/// How a version is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `<<`
    Earlier,
    /// `<=`, or the old `<`
    EarlierOrEqual,
    /// `=`
    Equal,
    /// `>=`, or the old `>`
    LaterOrEqual,
    /// `>>`
    Later,
}

impl Operator {
    /// Whether a version, compared with that of the relation, satisfies it.
    pub fn accepts(self, order: Ordering) -> bool {
        match self {
            Self::Earlier => order.is_lt(),
            Self::EarlierOrEqual => order.is_le(),
            Self::Equal => order.is_eq(),
            Self::LaterOrEqual => order.is_ge(),
            Self::Later => order.is_gt(),
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Earlier => "<<",
            Self::EarlierOrEqual => "<=",
            Self::Equal => "=",
            Self::LaterOrEqual => ">=",
            Self::Later => ">>",
        })
    }
}

/// One alternative of a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relation<'a> {
    /// The name of a package, real or virtual.
    pub name: &'a str,
    /// What follows the name's colon: `any`, `native`, or an architecture.
    pub qualifier: Option<&'a str>,
    /// What is in parentheses.
    pub constraint: Option<(Operator, &'a str)>,
    /// What is in brackets, `amd64 arm64` or `!i386`. Only in source packages.
    pub architectures: Option<&'a str>,
    /// What is in angle brackets, all of them. Only in source packages.
    pub profiles: Option<&'a str>,
    /// Whether another alternative to it follows.
    pub or: bool,
}

impl Relation<'_> {
    /// Whether this version, of the package or of what it provides, is one that is asked for.
    pub fn accepts(&self, version: &str) -> bool {
        self.constraint
            .is_none_or(|(operator, wanted)| operator.accepts(version::compare(version, wanted)))
    }

    /// Whether the list in brackets lets the relation count for an architecture (deb-src-control(5)).
    pub fn applies_to(&self, architecture: &str) -> bool {
        let Some(list) = self.architectures else {
            return true;
        };
        let mut negative = false;
        for word in list.split_ascii_whitespace() {
            let (name, not) = word.strip_prefix('!').map_or((word, false), |it| (it, true));
            negative |= not;
            if super::architecture::matches(name, architecture) {
                return !not;
            }
        }
        negative
    }

    /// Whether the build profiles let the relation count (deb-src-control(5)): one of the lists must hold, and it
    /// does when all of its words do.
    pub fn applies_with(&self, profiles: &[&str]) -> bool {
        let Some(lists) = self.profiles else {
            return true;
        };
        let holds = |word: &str| match word.strip_prefix('!') {
            Some(word) => !profiles.contains(&word),
            None => profiles.contains(&word),
        };
        lists
            .split('>')
            .filter_map(|list| list.trim_ascii().strip_prefix('<'))
            .any(|list| list.split_ascii_whitespace().all(holds))
    }
}

impl fmt::Display for Relation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if let Some(qualifier) = self.qualifier {
            write!(f, ":{qualifier}")?;
        }
        if let Some((operator, version)) = self.constraint {
            write!(f, " ({operator} {version})")?;
        }
        if let Some(architectures) = self.architectures {
            write!(f, " [{architectures}]")?;
        }
        if let Some(profiles) = self.profiles {
            write!(f, " {profiles}")?;
        }
        Ok(())
    }
}

/// The relations of a field, in order; those with [`Relation::or`] are alternatives to the next one. Empty
/// places between commas are passed over, as dpkg and apt do. Ends after the first error.
pub fn relations(field: &str) -> Relations<'_> {
    Relations { rest: field }
}

/// The same by alternatives: each inner list is satisfied by any of its members.
pub fn groups(field: &str) -> Result<Vec<Vec<Relation<'_>>>, RelationError> {
    let mut groups = Vec::new();
    let mut group = Vec::new();
    for relation in relations(field) {
        let relation = relation?;
        group.push(relation);
        if !relation.or {
            groups.push(std::mem::take(&mut group));
        }
    }
    Ok(groups)
}

/// What [`relations`] returns.
#[derive(Clone, Debug)]
pub struct Relations<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Relations<'a> {
    type Item = Result<Relation<'a>, RelationError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rest = self
            .rest
            .trim_start_matches(|it: char| it == ',' || it.is_ascii_whitespace());
        if self.rest.is_empty() {
            return None;
        }
        let read = relation(self.rest);
        self.rest = read.as_ref().map_or("", |(_, rest)| rest);
        Some(read.map(|(relation, _)| relation))
    }
}

impl std::iter::FusedIterator for Relations<'_> {}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_')
}

/// Cuts off the longest beginning of such bytes, all of them ASCII.
fn take(text: &str, good: fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().take_while(|it| good(*it)).count();
    text.split_at(end)
}

fn clip(text: &str) -> String {
    text.chars().take(80).collect()
}

fn relation(text: &str) -> Result<(Relation<'_>, &str), RelationError> {
    let (name, mut rest) = take(text, is_name);
    if !name.starts_with(|it: char| it.is_ascii_alphanumeric()) {
        return Err(RelationError::Name(clip(text)));
    }
    let mut found = Relation {
        name,
        qualifier: None,
        constraint: None,
        architectures: None,
        profiles: None,
        or: false,
    };
    if let Some(after) = rest.strip_prefix(':') {
        let (qualifier, after) = take(after, is_name);
        if qualifier.is_empty() {
            return Err(RelationError::Name(clip(text)));
        }
        found.qualifier = Some(qualifier);
        rest = after;
    }
    rest = rest.trim_ascii_start();
    if let Some(after) = rest.strip_prefix('(') {
        let (inside, after) = after
            .split_once(')')
            .ok_or_else(|| RelationError::Open(clip(text)))?;
        found.constraint = Some(constraint(inside).ok_or_else(|| RelationError::Version(clip(text)))?);
        rest = after.trim_ascii_start();
    }
    if let Some(after) = rest.strip_prefix('[') {
        let (inside, after) = after
            .split_once(']')
            .ok_or_else(|| RelationError::Open(clip(text)))?;
        found.architectures = Some(inside.trim_ascii());
        rest = after.trim_ascii_start();
    }
    let profiles = rest;
    while let Some(after) = rest.strip_prefix('<') {
        let (_, after) = after
            .split_once('>')
            .ok_or_else(|| RelationError::Open(clip(text)))?;
        found.profiles = Some(&profiles[..profiles.len() - after.len()]);
        rest = after.trim_ascii_start();
    }
    if let Some(after) = rest.strip_prefix('|') {
        found.or = true;
        rest = after.trim_ascii_start();
        if rest.is_empty() || rest.starts_with(',') {
            return Err(RelationError::Name(clip(text)));
        }
    } else if !rest.is_empty() && !rest.starts_with(',') {
        return Err(RelationError::Rest(clip(text)));
    }
    Ok((found, rest))
}

fn constraint(inside: &str) -> Option<(Operator, &str)> {
    let (operator, version) = take(inside.trim_ascii_start(), |it| matches!(it, b'<' | b'=' | b'>'));
    let operator = match operator {
        "<<" => Operator::Earlier,
        "<=" | "<" => Operator::EarlierOrEqual,
        "=" => Operator::Equal,
        ">=" | ">" => Operator::LaterOrEqual,
        ">>" => Operator::Later,
        _ => return None,
    };
    let version = version.trim_ascii();
    let good = !version.is_empty() && version.bytes().all(|it| it.is_ascii_graphic() && it != b'(');
    good.then_some((operator, version))
}

#[cfg(test)]
mod tests;
