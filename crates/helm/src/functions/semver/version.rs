//! One version.

use std::cmp::Ordering;

use crate::{
    call::{Call, FunctionError, Param},
    chart::Profile,
    functions::args::{Outcome, any},
    value::{Field, Kind, Method, Object, Str, Value},
};

/// A semantic version; minor and patch may have been left out, and a `v` may have come first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Version {
    pub(super) major: u64,
    pub(super) minor: u64,
    pub(super) patch: u64,
    pub(super) pre: String,
    metadata: String,
    original: String,
    /// `semver.Version` rather than a pointer to one, as `IncPatch` and its like give.
    plain: bool,
}

/// Why a text is not a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VersionError {
    #[error("invalid semantic version")]
    Invalid,
    #[error("version segment starts with 0")]
    LeadingZero,
    #[error("version string is too long (max 256 bytes)")]
    TooLong,
    #[error("error parsing version segment: strconv.ParseUint: parsing \"{0}\": value out of range")]
    Number(String),
}

/// Takes digits off the front.
fn digits(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|char: char| !char.is_ascii_digit())
        .unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// Whether it is identifiers with dots between.
fn identifiers(text: &str) -> bool {
    text.split('.').all(|part| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

impl Version {
    /// Go's `semver.NewVersion`.
    pub(crate) fn parse(text: &[u8], profile: Profile) -> Result<Self, VersionError> {
        if profile == Profile::Helm4 && text.len() > 256 {
            return Err(VersionError::TooLong);
        }
        let original = std::str::from_utf8(text).map_err(|_| VersionError::Invalid)?;
        let rest = original.strip_prefix('v').unwrap_or(original);
        let (rest, metadata) = match rest.split_once('+') {
            Some((rest, metadata)) => (rest, Some(metadata)),
            None => (rest, None),
        };
        let (numbers, pre) = match rest.split_once('-') {
            Some((numbers, pre)) => (numbers, Some(pre)),
            None => (rest, None),
        };
        let mut rest = numbers;
        let mut found = [""; 3];
        for (at, place) in found.iter_mut().enumerate() {
            if at > 0 {
                match rest.strip_prefix('.') {
                    Some(after) => rest = after,
                    None => break,
                }
            }
            (*place, rest) = digits(rest).ok_or(VersionError::Invalid)?;
        }
        let well_formed = |part: Option<&str>| part.is_none_or(identifiers);
        if !rest.is_empty() || !well_formed(pre) || !well_formed(metadata) {
            return Err(VersionError::Invalid);
        }
        let number = |digits: &str| match digits {
            "" => Ok(0),
            digits => digits
                .parse()
                .map_err(|_| VersionError::Number(digits.to_owned())),
        };
        let [major, minor, patch] = found.map(number);
        let version = Self {
            major: major?,
            minor: minor?,
            patch: patch?,
            pre: pre.unwrap_or_default().to_owned(),
            metadata: metadata.unwrap_or_default().to_owned(),
            original: original.to_owned(),
            plain: false,
        };
        check_prerelease(&version.pre)?;
        Ok(version)
    }

    /// Orders by precedence, which leaves build metadata aside.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        let numbers = |version: &Self| (version.major, version.minor, version.patch);
        numbers(self)
            .cmp(&numbers(other))
            .then_with(|| match (self.pre.is_empty(), other.pre.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => compare_prereleases(&self.pre, &other.pre),
            })
    }

    /// The version without a `v`.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{}.{}.{}", self.major, self.minor, self.patch);
        for (mark, part) in [('-', &self.pre), ('+', &self.metadata)] {
            if !part.is_empty() {
                text.push(mark);
                text.push_str(part);
            }
        }
        text
    }

    /// The version as it was written.
    pub(crate) fn original(&self) -> &str {
        &self.original
    }

    /// Whether it comes before a release.
    pub(crate) fn is_prerelease(&self) -> bool {
        !self.pre.is_empty()
    }

    /// A version made from this one; it has the `v` that this one had.
    fn derived(&self, change: impl FnOnce(&mut Self)) -> Value {
        let mut next = self.clone();
        change(&mut next);
        let prefix = if self.original.starts_with('v') { "v" } else { "" };
        next.original = format!("{prefix}{}", next.text());
        next.plain = true;
        Value::object(next)
    }
}

fn check_prerelease(pre: &str) -> Result<(), VersionError> {
    let leading_zero = |part: &str| {
        part.len() > 1 && part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !pre.is_empty() && pre.split('.').any(leading_zero) {
        return Err(VersionError::LeadingZero);
    }
    Ok(())
}

/// Compares part by part: numbers by value and before words, words bytewise, nothing before something.
pub(super) fn compare_prereleases(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        let (one, other) = match (one.next(), other.next()) {
            (None, None) => return Ordering::Equal,
            (one, other) => (one.unwrap_or_default(), other.unwrap_or_default()),
        };
        let number = |part: &str| part.parse::<u64>().ok().filter(|_| !part.starts_with('+'));
        let order = match (number(one), number(other)) {
            _ if one == other => Ordering::Equal,
            _ if one.is_empty() => Ordering::Less,
            _ if other.is_empty() => Ordering::Greater,
            (Some(one), Some(other)) => one.cmp(&other),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => one.cmp(other),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// The version behind a method's receiver or argument.
fn version(object: &dyn Object) -> Result<&Version, FunctionError> {
    object
        .as_any()
        .downcast_ref()
        .ok_or_else(|| FunctionError::new("it is not a semantic version"))
}

/// A method that compares with another version.
fn compared(object: &dyn Object, args: &[Value], answer: impl FnOnce(Ordering) -> Value) -> Outcome {
    match any(args, 0) {
        Value::Object(other) => Ok(answer(version(object)?.compare(version(other.as_ref())?))),
        _ => Err(FunctionError::new(
            "runtime error: invalid memory address or nil pointer dereference",
        )),
    }
}

/// Adds one to a number, which must not overflow.
fn next(number: u64, name: &str) -> Result<u64, FunctionError> {
    number
        .checked_add(1)
        .ok_or_else(|| FunctionError::new(format!("{name} version increment would overflow uint64")))
}

type Body = fn(&dyn Object, &mut Call<'_>, &[Value]) -> Outcome;

impl Object for Version {
    fn type_name(&self) -> &'static str {
        if self.plain {
            "semver.Version"
        } else {
            "*semver.Version"
        }
    }

    fn kind(&self) -> Kind {
        if self.plain { Kind::Struct } else { Kind::Ptr }
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn method(&self, name: &str) -> Option<Method> {
        let (params, call): (&'static [Param], Body) = match name {
            "Major" => (&[], |this, _, _| Ok(Value::uint64(version(this)?.major))),
            "Minor" => (&[], |this, _, _| Ok(Value::uint64(version(this)?.minor))),
            "Patch" => (&[], |this, _, _| Ok(Value::uint64(version(this)?.patch))),
            "Prerelease" => (&[], |this, _, _| Ok(version(this)?.pre.clone().into())),
            "Metadata" => (&[], |this, _, _| Ok(version(this)?.metadata.clone().into())),
            "String" => (&[], |this, _, _| Ok(version(this)?.text().into())),
            "Value" => (&[], |this, _, _| Ok(version(this)?.text().into())),
            "IncMajor" => (&[], |this, _, _| {
                let this = version(this)?;
                let major = next(this.major, "major")?;
                Ok(this.derived(|next| {
                    (next.major, next.minor, next.patch) = (major, 0, 0);
                    (next.pre, next.metadata) = Default::default();
                }))
            }),
            "IncMinor" => (&[], |this, _, _| {
                let this = version(this)?;
                let minor = next(this.minor, "minor")?;
                Ok(this.derived(|next| {
                    (next.minor, next.patch) = (minor, 0);
                    (next.pre, next.metadata) = Default::default();
                }))
            }),
            "IncPatch" => (&[], |this, _, _| {
                let this = version(this)?;
                let patch = if this.pre.is_empty() {
                    next(this.patch, "patch")?
                } else {
                    this.patch
                };
                Ok(this.derived(|next| {
                    next.patch = patch;
                    (next.pre, next.metadata) = Default::default();
                }))
            }),
            // Only a pointer has these.
            "Original" if !self.plain => (&[], |this, _, _| Ok(version(this)?.original().into())),
            "Compare" if !self.plain => (OTHER, |this, _, args| {
                compared(this, args, |order| Value::int(order as i64))
            }),
            "Equal" if !self.plain => (OTHER, |this, _, args| {
                compared(this, args, |order| order.is_eq().into())
            }),
            "LessThan" if !self.plain => (OTHER, |this, _, args| {
                compared(this, args, |order| order.is_lt().into())
            }),
            "LessThanEqual" if !self.plain => (OTHER, |this, _, args| {
                compared(this, args, |order| order.is_le().into())
            }),
            "GreaterThan" if !self.plain => (OTHER, |this, _, args| {
                compared(this, args, |order| order.is_gt().into())
            }),
            "GreaterThanEqual" if !self.plain => (OTHER, |this, _, args| {
                compared(this, args, |order| order.is_ge().into())
            }),
            _ => return None,
        };
        Some(Method {
            params,
            variadic: None,
            call,
        })
    }

    fn stringer(&self) -> Option<Str> {
        Some(self.text().into())
    }

    fn fields(&self) -> Option<Vec<Field>> {
        let numbers = [self.major, self.minor, self.patch].map(Value::uint64);
        let texts = [self.pre.as_str(), &self.metadata, self.original()].map(Value::from);
        Some(numbers.into_iter().chain(texts).map(Field::Value).collect())
    }

    /// What JSON and YAML show.
    fn plain(&self) -> Value {
        self.text().into()
    }
}

const OTHER: &[Param] = &[Param::Other("*semver.Version")];
