//! Which version of a package is the candidate: pins and the priorities of repositories.
//!
//! Source: apt_preferences(5).

use super::control::{self, ControlError, Paragraph};
use super::universe::{IndexId, Origin, PackageId, RecordId, Universe};

/// Why preferences cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// The text is no control file.
    #[error("the preferences are not a control file")]
    Control(#[from] ControlError),
    /// A field that each record has is not there.
    #[error("the record at line {line} of the preferences has no {field}")]
    Missing {
        /// The line, from 1.
        line: usize,
        /// The field.
        field: &'static str,
    },
    /// A field is not of its form.
    #[error("the record at line {line} of the preferences has a wrong {field}: {value:?}")]
    Field {
        /// The line, from 1.
        line: usize,
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
    },
}

/// The records of `/etc/apt/preferences` and of the files in `preferences.d`, in apt's order.
#[derive(Clone, Debug, Default)]
pub struct Preferences {
    pins: Vec<Pin>,
    target_release: Option<String>,
}

#[derive(Clone, Debug)]
struct Pin {
    packages: Vec<Glob>,
    /// `Package: *`, which sets the priority of repositories and not that of packages.
    general: bool,
    what: What,
    priority: i32,
}

#[derive(Clone, Debug)]
struct Glob {
    pattern: String,
    of_source: bool,
}

#[derive(Clone, Debug)]
enum What {
    Version(String),
    Release(Vec<(u8, String)>),
    Site(String),
}

impl Preferences {
    /// Adds the records of a file after those that are there.
    pub fn add(&mut self, text: &[u8]) -> Result<(), PinError> {
        for paragraph in control::paragraphs(text) {
            self.pins.push(pin(&paragraph?)?);
        }
        Ok(())
    }

    /// What `APT::Default-Release` and `--target-release` name: an archive, a codename, or a version.
    pub fn set_target_release(&mut self, name: &str) {
        self.target_release = Some(name.to_owned());
    }
}

fn pin(paragraph: &Paragraph<'_>) -> Result<Pin, PinError> {
    let line = paragraph.line();
    let get = |field: &'static str| -> Result<String, PinError> {
        let value = paragraph.get(field).ok_or(PinError::Missing { line, field })?;
        Ok(String::from_utf8_lossy(value).into_owned())
    };
    let wrong = |field: &'static str, value: &str| PinError::Field {
        line,
        field,
        value: value.chars().take(80).collect(),
    };
    let (names, rule, priority) = (get("Package")?, get("Pin")?, get("Pin-Priority")?);
    let (word, rest) = rule
        .split_once(|it: char| it.is_ascii_whitespace())
        .unwrap_or((&rule, ""));
    let rest = rest.trim();
    let what = match word {
        "version" if !rest.is_empty() => What::Version(rest.to_owned()),
        "origin" => What::Site(rest.trim_matches('"').to_owned()),
        "release" if !rest.is_empty() => What::Release(release(rest)),
        _ => return Err(wrong("Pin", &rule)),
    };
    let packages: Vec<Glob> = names
        .split_ascii_whitespace()
        .map(|word| match word.strip_prefix("src:") {
            Some(pattern) => Glob {
                pattern: pattern.to_owned(),
                of_source: true,
            },
            None => Glob {
                pattern: word.to_owned(),
                of_source: false,
            },
        })
        .collect();
    // A regular expression between slashes needs an engine of its own; nobody is served by a wrong guess.
    if packages.is_empty() || packages.iter().any(|it| it.pattern.starts_with('/')) {
        return Err(wrong("Package", &names));
    }
    let number = priority.parse::<i16>().ok().filter(|it| *it != 0);
    Ok(Pin {
        general: names.trim() == "*",
        packages,
        what,
        priority: number.ok_or_else(|| wrong("Pin-Priority", &priority))?.into(),
    })
}

/// `a=stable, v=12*`, or a single word that may be an archive, a codename or a version.
fn release(text: &str) -> Vec<(u8, String)> {
    text.split(',')
        .map(str::trim)
        .filter(|it| !it.is_empty())
        .map(|part| match part.as_bytes() {
            [key @ (b'a' | b'n' | b'v' | b'o' | b'l' | b'c'), b'=', ..] => {
                (*key, part[2..].trim().to_owned())
            }
            _ => (b'?', part.to_owned()),
        })
        .collect()
}

/// Whether a text is one that a pattern with `*` and `?` stands for (glob(7), without brackets).
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut here) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while here < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, here));
                at += 1;
            }
            Some(sign) if *sign == b'?' || *sign == text[here] => {
                at += 1;
                here += 1;
            }
            _ => match &mut star {
                Some((before, from)) => {
                    *from += 1;
                    (at, here) = (*before + 1, *from);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|sign| *sign == b'*')
}

fn release_matches(parts: &[(u8, String)], origin: &Origin) -> bool {
    if origin.installed {
        return parts.iter().all(|(key, value)| *key == b'a' && value == "now");
    }
    parts.iter().all(|(key, value)| match key {
        b'a' => glob(value, &origin.archive),
        b'n' => glob(value, &origin.codename),
        b'v' => glob(value, &origin.version),
        b'o' => glob(value, &origin.origin),
        b'l' => glob(value, &origin.label),
        b'c' => glob(value, &origin.component),
        _ => is_release(value, origin),
    })
}

/// Whether a word names a release.
pub(super) fn is_release(word: &str, origin: &Origin) -> bool {
    [&origin.archive, &origin.codename, &origin.version]
        .iter()
        .any(|it| !it.is_empty() && glob(word, it))
}

/// The priorities of all indexes and packages of a universe.
#[derive(Debug)]
pub struct Policy<'a> {
    universe: &'a Universe,
    /// Of each index.
    indexes: Vec<i32>,
    /// The records that name packages.
    specific: Vec<&'a Pin>,
}

impl<'a> Policy<'a> {
    /// The priorities that these preferences give.
    pub fn new(universe: &'a Universe, preferences: &'a Preferences) -> Self {
        let indexes = (0..universe.index_count())
            .map(|index| preferences.of_index(universe.origin(IndexId(index))))
            .collect();
        let specific = preferences.pins.iter().filter(|pin| !pin.general).collect();
        Self {
            universe,
            indexes,
            specific,
        }
    }

    /// The priority of an index as a whole.
    pub fn of_index(&self, index: IndexId) -> i32 {
        self.indexes[usize::from(index.0)]
    }

    /// The priority of a version: that of the first record that names its package and matches, otherwise the
    /// highest of the indexes that have it.
    pub fn of_version(&self, record: RecordId) -> i32 {
        let universe = self.universe;
        for pin in &self.specific {
            if self.names(pin, record) && self.matches(pin, record) {
                return pin.priority;
            }
        }
        let all = universe.indexes(record).map(|index| self.of_index(index));
        all.max().unwrap_or(0)
    }

    fn names(&self, pin: &Pin, record: RecordId) -> bool {
        let universe = self.universe;
        pin.packages.iter().any(|it| {
            if it.of_source {
                return glob(&it.pattern, universe.source(record).0);
            }
            let package = universe.package_of_record(record);
            match it.pattern.split_once(':') {
                Some((name, architecture)) => {
                    glob(name, universe.name(package)) && matches!(architecture, "any")
                        || glob(name, universe.name(package))
                            && architecture == universe.architecture(package)
                }
                // Without an architecture it is the system's (apt_preferences(5)).
                None => {
                    glob(&it.pattern, universe.name(package))
                        && universe.architecture(package) == universe.native()
                }
            }
        })
    }

    fn matches(&self, pin: &Pin, record: RecordId) -> bool {
        let universe = self.universe;
        match &pin.what {
            What::Version(pattern) => glob(pattern, universe.version(record)),
            What::Release(parts) => universe
                .indexes(record)
                .any(|index| release_matches(parts, universe.origin(index))),
            What::Site(site) => universe.indexes(record).any(|index| {
                let origin = universe.origin(index);
                !origin.installed && glob(site, &origin.site)
            }),
        }
    }

    /// The version that apt would install: of those with the highest priority the newest, but never an older one
    /// than what is installed unless its priority is 1000 or more.
    pub fn candidate(&self, package: PackageId, installed: Option<RecordId>) -> Option<RecordId> {
        let universe = self.universe;
        let mut best: Option<(i32, RecordId)> = None;
        let mut below = false;
        for record in universe.versions(package) {
            let priority = self.of_version(*record);
            let is_downgrade = below && priority < 1000;
            below |= Some(*record) == installed;
            if priority > 0 && !is_downgrade && best.is_none_or(|(least, _)| priority > least) {
                best = Some((priority, *record));
            }
        }
        best.map(|(_, record)| record)
    }
}

impl Preferences {
    fn of_index(&self, origin: &Origin) -> i32 {
        for pin in self.pins.iter().filter(|pin| pin.general) {
            let matches = match &pin.what {
                What::Version(_) => false,
                What::Release(parts) => release_matches(parts, origin),
                What::Site(site) => !origin.installed && glob(site, &origin.site),
            };
            if matches {
                return pin.priority;
            }
        }
        let target = self.target_release.as_deref();
        if target.is_some_and(|it| !origin.installed && release_matches(&release(it), origin)) {
            return 990;
        }
        match (
            origin.installed,
            origin.not_automatic,
            origin.but_automatic_upgrades,
        ) {
            (true, ..) | (false, true, true) => 100,
            (false, true, false) => 1,
            (false, false, _) => 500,
        }
    }
}

#[cfg(test)]
mod tests;
