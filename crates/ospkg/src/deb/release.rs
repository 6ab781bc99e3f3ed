//! The top of a repository: what `Release` and `InRelease` say (Debian's
//! [repository format](https://wiki.debian.org/DebianRepository/Format)).

mod checksum;
mod date;
mod path;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::control::{ControlError, Paragraph, paragraphs};
use crate::openpgp::{Override, Policy};

pub use checksum::{Algorithm, Checksum, Hasher};
pub use date::format as format_date;
#[cfg(test)]
use date::parse as parse_date;
pub use path::PathError;
pub(crate) use path::check as check_path;

/// More files than any release lists; Debian's own lists 6000.
const MAX_FILES: usize = 200_000;

/// What a release says. Where the bytes come from decides what that is worth: see
/// [`SignedRelease`](super::chain::SignedRelease).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "one for each field that says yes or no"
)]
pub struct Release {
    /// `Origin`, as `Debian`.
    pub origin: Option<String>,
    /// `Label`, as `Debian-Security`.
    pub label: Option<String>,
    /// `Suite`, as `stable`: which one that is changes.
    pub suite: Option<String>,
    /// `Codename`, as `trixie`: which one that is does not change.
    pub codename: Option<String>,
    /// `Version`, as `13.1`.
    pub version: Option<String>,
    /// `Description`, one line for people.
    pub description: Option<String>,
    /// `Date`: when it was written.
    pub date: Timestamp,
    /// `Valid-Until`: when it should have been replaced.
    pub valid_until: Option<Timestamp>,
    /// `Architectures`.
    pub architectures: Vec<String>,
    /// `Components`, as `main`.
    pub components: Vec<String>,
    /// `Acquire-By-Hash`: files are there under their digests too.
    pub acquire_by_hash: bool,
    /// `NotAutomatic`: packages from here are taken only when asked for.
    pub not_automatic: bool,
    /// `ButAutomaticUpgrades`: once taken, they are upgraded from here.
    pub but_automatic_upgrades: bool,
    /// `No-Support-for-Architecture-all: Packages`: packages for all architectures stand in the index of each.
    pub no_index_for_all: bool,
    /// `Signed-By`: fingerprints of the keys that will sign the next release.
    pub signed_by: Vec<String>,
    /// The files that it vouches for, by path below the release.
    pub files: BTreeMap<String, Listed>,
}

/// A file that a release lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its length in bytes.
    pub size: u64,
    /// Its strongest checksum among those accepted.
    pub checksum: Checksum,
}

/// Why a release cannot be read or is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// Not in the form of a control file.
    #[error("the release is not a control file: {0}")]
    Control(#[from] ControlError),
    /// Nothing, or more than one paragraph.
    #[error("the release has {0} paragraphs instead of one")]
    Paragraphs(usize),
    /// A field that stands there twice.
    #[error("the release has a field twice: {0}")]
    Twice(String),
    /// A field that has to be there.
    #[error("the release has no field {0}")]
    Missing(&'static str),
    /// A field that is not text.
    #[error("the release's field {0} is not text")]
    NotText(String),
    /// A time that is none.
    #[error("the release's field {field} is not a time in UTC: {value:?}")]
    Time {
        /// Which field.
        field: &'static str,
        /// What it says.
        value: String,
    },
    /// Neither yes nor no.
    #[error("the release's field {field} is neither yes nor no: {value:?}")]
    YesNo {
        /// Which field.
        field: &'static str,
        /// What it says.
        value: String,
    },
    /// A line of a list of files that is none.
    #[error("the release's list {section} has a line that is not checksum, size and path: {line:?}")]
    Line {
        /// Which list.
        section: &'static str,
        /// The line.
        line: String,
    },
    /// A path that leads elsewhere.
    #[error("the release lists a path that cannot be: {0}")]
    Path(#[from] PathError),
    /// Two sizes or two checksums for one file.
    #[error("the release says two things about one file: {0}")]
    Conflict(String),
    /// More files than any release lists.
    #[error("the release lists more than {0} files")]
    TooMany(usize),
    /// No files at all.
    #[error("the release lists no files with checksums")]
    NoFiles,
    /// Only checksums that can be forged.
    #[error("the release has only weak checksums: {0}")]
    Weak(Algorithm),
    /// Past its time: a mirror that stands still, or somebody who holds updates back.
    #[error("the release expired on {}", format_date(*.0))]
    Expired(Timestamp),
    /// Before its time.
    #[error("the release is from the future: {}", format_date(*.0))]
    Future(Timestamp),
}

impl ReleaseError {
    /// The override that would let this pass, if one would.
    pub fn accepted_by(&self) -> Option<Override> {
        match self {
            Self::Weak(_) => Some(Override::WeakChecksum),
            Self::Expired(_) => Some(Override::ExpiredRelease),
            Self::Future(_) => Some(Override::FutureRelease),
            _ => None,
        }
    }

    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Expired(_) => Some("ask a mirror that is up to date"),
            Self::Future(_) => Some("look at this machine's clock"),
            _ => None,
        }
    }
}

impl Release {
    /// Reads a release and judges its age and its checksums by a policy.
    pub fn read(text: &[u8], policy: &Policy) -> Result<Self, ReleaseError> {
        let release = Self::parse(text, policy)?;
        release.check_time(policy)?;
        Ok(release)
    }

    fn parse(text: &[u8], policy: &Policy) -> Result<Self, ReleaseError> {
        let all: Vec<Paragraph<'_>> = paragraphs(text).take(3).collect::<Result<_, _>>()?;
        let [paragraph] = all[..] else {
            return Err(ReleaseError::Paragraphs(all.len()));
        };
        if let Some(name) = paragraph.duplicate() {
            return Err(ReleaseError::Twice(name.to_owned()));
        }
        let fields = Fields(paragraph);
        Ok(Self {
            origin: fields.text("Origin")?,
            label: fields.text("Label")?,
            suite: fields.text("Suite")?,
            codename: fields.text("Codename")?,
            version: fields.text("Version")?,
            description: fields.text("Description")?,
            date: fields.time("Date")?.ok_or(ReleaseError::Missing("Date"))?,
            valid_until: fields.time("Valid-Until")?,
            architectures: fields.words("Architectures")?,
            components: fields.words("Components")?,
            acquire_by_hash: fields.yes("Acquire-By-Hash")?,
            not_automatic: fields.yes("NotAutomatic")?,
            but_automatic_upgrades: fields.yes("ButAutomaticUpgrades")?,
            no_index_for_all: fields
                .words("No-Support-for-Architecture-all")?
                .iter()
                .any(|word| word == "Packages"),
            signed_by: fields
                .words("Signed-By")?
                .into_iter()
                .map(|word| word.trim_matches([',', '!']).to_owned())
                .filter(|word| !word.is_empty())
                .collect(),
            files: fields.files(policy)?,
        })
    }

    fn check_time(&self, policy: &Policy) -> Result<(), ReleaseError> {
        if self.date.as_second() > policy.latest() && !policy.allows(Override::FutureRelease) {
            return Err(ReleaseError::Future(self.date));
        }
        match self.valid_until {
            Some(until) if until.as_second() < policy.now() && !policy.allows(Override::ExpiredRelease) => {
                Err(ReleaseError::Expired(until))
            }
            _ => Ok(()),
        }
    }

    /// Whether the release calls itself so, by suite or by codename.
    pub fn is_called(&self, name: &str) -> bool {
        self.suite.as_deref() == Some(name) || self.codename.as_deref() == Some(name)
    }
}

/// Where a file lies under its digest: `main/binary-amd64/by-hash/SHA256/…`.
pub fn by_hash(path: &str, checksum: &Checksum) -> String {
    let folder = path.rfind('/').map_or("", |end| &path[..=end]);
    format!("{folder}by-hash/{}/{}", checksum.algorithm(), checksum.hex())
}

/// The fields of a release, typed.
struct Fields<'a>(Paragraph<'a>);

impl<'a> Fields<'a> {
    fn str(&self, name: &str) -> Result<Option<&'a str>, ReleaseError> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        let text = std::str::from_utf8(value).map_err(|_| ReleaseError::NotText(name.to_owned()))?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    fn text(&self, name: &str) -> Result<Option<String>, ReleaseError> {
        Ok(self.str(name)?.map(|text| {
            let words: Vec<&str> = text.split_whitespace().collect();
            words.join(" ")
        }))
    }

    fn words(&self, name: &str) -> Result<Vec<String>, ReleaseError> {
        let text = self.str(name)?.unwrap_or_default();
        Ok(text.split_whitespace().map(str::to_owned).collect())
    }

    fn time(&self, field: &'static str) -> Result<Option<Timestamp>, ReleaseError> {
        let Some(value) = self.str(field)? else {
            return Ok(None);
        };
        date::parse(value).map(Some).ok_or_else(|| ReleaseError::Time {
            field,
            value: clip(value.as_bytes()),
        })
    }

    fn yes(&self, field: &'static str) -> Result<bool, ReleaseError> {
        match self.str(field)? {
            None => Ok(false),
            Some(value) => yes_no(value).ok_or_else(|| ReleaseError::YesNo {
                field,
                value: clip(value.as_bytes()),
            }),
        }
    }

    fn files(&self, policy: &Policy) -> Result<BTreeMap<String, Listed>, ReleaseError> {
        let mut files = BTreeMap::new();
        let mut weakest = None;
        for algorithm in Algorithm::BEST_FIRST {
            let Some(field) = self.0.field(algorithm.section()) else {
                continue;
            };
            if algorithm.is_weak() && !policy.allows(Override::WeakChecksum) {
                weakest.get_or_insert(algorithm);
                continue;
            }
            // A weaker list only counts where no stronger one is.
            if algorithm.is_weak() && !files.is_empty() {
                break;
            }
            let mut own = BTreeMap::new();
            for line in field.lines() {
                let (path, listed) = line_of(algorithm, line)?;
                if own.len() == MAX_FILES {
                    return Err(ReleaseError::TooMany(MAX_FILES));
                }
                match own.insert(path.clone(), listed.clone()) {
                    Some(before) if before != listed => return Err(ReleaseError::Conflict(path)),
                    _ => {}
                }
            }
            for (path, listed) in own {
                match files.get(&path) {
                    Some(Listed { size, .. }) if *size != listed.size => {
                        return Err(ReleaseError::Conflict(path));
                    }
                    Some(_) => {}
                    None => {
                        files.insert(path, listed);
                    }
                }
            }
        }
        match (files.is_empty(), weakest) {
            (true, Some(weak)) => Err(ReleaseError::Weak(weak)),
            (true, None) => Err(ReleaseError::NoFiles),
            (false, _) => Ok(files),
        }
    }
}

fn line_of(algorithm: Algorithm, line: &[u8]) -> Result<(String, Listed), ReleaseError> {
    let wrong = || ReleaseError::Line {
        section: algorithm.section(),
        line: clip(line),
    };
    let text = std::str::from_utf8(line).map_err(|_| wrong())?;
    let mut words = text.split_ascii_whitespace();
    let (Some(sum), Some(size), Some(path), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(wrong());
    };
    let checksum = Checksum::from_hex(algorithm, sum).ok_or_else(wrong)?;
    let size = decimal(size).ok_or_else(wrong)?;
    let path = path.strip_prefix("./").unwrap_or(path);
    path::check(path)?;
    Ok((path.to_owned(), Listed { size, checksum }))
}

/// Digits alone, without a sign.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}

/// The words that apt takes for yes and no.
pub(crate) fn yes_no(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "with" | "on" | "enable" | "1" => Some(true),
        "no" | "false" | "without" | "off" | "disable" | "0" => Some(false),
        _ => None,
    }
}

fn clip(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(120).collect()
}

#[cfg(test)]
mod tests;
