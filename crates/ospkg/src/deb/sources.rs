//! Where packages come from: `.sources` files and `sources.list` lines (sources.list(5), deb822(5)).

use std::path::Path;

use super::control::{ControlError, Field, Paragraph, paragraphs};
use super::release::yes_no;

/// A repository to take packages from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Where it stands in its file, from 1.
    pub line: usize,
    /// Whether binary packages are wanted.
    pub binary: bool,
    /// Whether source packages are wanted.
    pub source: bool,
    /// Addresses: `http`, `https`, `file` or `copy`.
    pub uris: Vec<String>,
    /// What to take from there.
    pub suites: Vec<Suite>,
    /// As `main`; none for a flat repository.
    pub components: Vec<String>,
    /// Only these architectures; none means those of the target.
    pub architectures: Vec<String>,
    /// Which keys may sign.
    pub signed_by: SignedBy,
    /// `Trusted`: whether to do without signatures, which Airlock does not.
    pub trusted: Option<bool>,
    /// `Check-Valid-Until`.
    pub check_valid_until: Option<bool>,
    /// `By-Hash`.
    pub by_hash: Option<bool>,
}

/// A part of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Suite {
    /// A suite or codename, below `dists`.
    Named(String),
    /// A folder that holds a release and its packages, with a slash at its end.
    Flat(String),
}

/// What `Signed-By` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignedBy {
    /// Keyring files.
    pub paths: Vec<String>,
    /// Fingerprints, in upper-case digits.
    pub fingerprints: Vec<String>,
    /// A key in armour.
    pub key: Option<String>,
}

impl SignedBy {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.fingerprints.is_empty() && self.key.is_none()
    }
}

/// Why a list of sources cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct SourcesError {
    /// Where, from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: SourcesProblem,
}

/// What is wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourcesProblem {
    /// Not a control file.
    #[error(transparent)]
    Control(ControlError),
    /// Not text.
    #[error("the line is not UTF-8")]
    NotText,
    /// Neither `deb` nor `deb-src`.
    #[error("the type is neither deb nor deb-src: {0:?}")]
    Type(String),
    /// A field or option that has to be there.
    #[error("there is no {0}")]
    Missing(&'static str),
    /// A field or option twice.
    #[error("there are two of {0}")]
    Twice(String),
    /// A field or option that means nothing, which may be a misspelt one.
    #[error("there is no such option: {0:?}")]
    Unknown(String),
    /// An address that cannot be asked.
    #[error("the address is neither http, https, file nor copy: {0:?}")]
    Uri(String),
    /// A flat repository has no components, any other has.
    #[error("the folder {0:?} is a flat repository and has no components")]
    FlatComponents(String),
    /// See above.
    #[error("the suite {0:?} needs a component, as main, or a slash at its end")]
    NoComponents(String),
    /// A name that leads elsewhere.
    #[error("this is no name: {0:?}")]
    Name(String),
    /// Neither yes nor no.
    #[error("{option} is neither yes nor no: {value:?}")]
    YesNo {
        /// Which option.
        option: String,
        /// What it says.
        value: String,
    },
    /// Brackets without end, an option without value.
    #[error("the options are damaged: {0:?}")]
    Options(String),
    /// Neither a path, a fingerprint nor a key.
    #[error("signed-by is neither a path, a fingerprint nor a key: {0:?}")]
    SignedBy(String),
}

impl Source {
    /// The address of the folder that holds a suite's release, with a slash at its end.
    pub fn release_address(uri: &str, suite: &Suite, architecture: &str) -> String {
        let uri = uri.trim_end_matches('/');
        let address = match suite {
            Suite::Named(name) => format!("{uri}/dists/{name}/"),
            Suite::Flat(folder) => match folder.trim_start_matches("./").trim_start_matches('/') {
                "" => format!("{uri}/"),
                folder => format!("{uri}/{folder}"),
            },
        };
        address.replace("$(ARCH)", architecture)
    }
}

/// Reads a file of sources in the form that the end of its name stands for, as apt does: `.list`, else `.sources`.
pub fn read_named(name: &str, text: &[u8]) -> Result<Vec<Source>, SourcesError> {
    if Path::new(name).extension().is_some_and(|ending| ending == "list") {
        read_list(text)
    } else {
        read_sources(text)
    }
}

/// Reads a `.sources` file. Entries with `Enabled: no` are left out.
pub fn read_sources(text: &[u8]) -> Result<Vec<Source>, SourcesError> {
    let mut sources = Vec::new();
    for paragraph in paragraphs(text) {
        let paragraph = paragraph.map_err(|error| SourcesError {
            line: match &error {
                ControlError::NotAField { line, .. } | ControlError::NothingToContinue { line, .. } => *line,
            },
            problem: SourcesProblem::Control(error),
        })?;
        let line = paragraph.line();
        let source = read_paragraph(paragraph).map_err(|problem| SourcesError { line, problem })?;
        sources.extend(source);
    }
    Ok(sources)
}

/// Reads a `sources.list` or `*.list` file.
pub fn read_list(text: &[u8]) -> Result<Vec<Source>, SourcesError> {
    let mut sources = Vec::new();
    for (number, line) in (1..).zip(text.split(|&byte| byte == b'\n')) {
        let wrong = |problem| SourcesError {
            line: number,
            problem,
        };
        let line = line.split(|&byte| byte == b'#').next().unwrap_or_default();
        let line = std::str::from_utf8(line)
            .map_err(|_| wrong(SourcesProblem::NotText))?
            .trim();
        if !line.is_empty() {
            sources.push(read_line(number, line).map_err(wrong)?);
        }
    }
    Ok(sources)
}

/// What both forms are read into before it is judged.
#[derive(Default)]
struct Draft {
    types: Vec<String>,
    uris: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
    architectures: Vec<String>,
    signed_by: SignedBy,
    trusted: Option<bool>,
    check_valid_until: Option<bool>,
    by_hash: Option<bool>,
    enabled: Option<bool>,
}

/// Options that change what apt fetches besides packages, or how; they do not change what a package is.
const WITHOUT_MEANING_HERE: [&str; 15] = [
    "languages",
    "lang",
    "targets",
    "target",
    "pdiffs",
    "allow-insecure",
    "allow-weak",
    "allow-downgrade-to-insecure",
    "check-date",
    "date-max-future",
    "inrelease-path",
    "snapshot",
    "valid-until-max",
    "valid-until-min",
    "description",
];

impl Draft {
    fn option(&mut self, name: &str, value: &str) -> Result<(), SourcesProblem> {
        let lower = name.to_ascii_lowercase();
        let flag = || {
            yes_no(value).map(Some).ok_or_else(|| SourcesProblem::YesNo {
                option: lower.clone(),
                value: clip(value),
            })
        };
        match lower.as_str() {
            "architectures" | "arch" => self.architectures = list(value),
            "signed-by" => self.signed_by = signed_by(value)?,
            "trusted" => self.trusted = flag()?,
            "check-valid-until" => self.check_valid_until = flag()?,
            "by-hash" if value.eq_ignore_ascii_case("force") => self.by_hash = Some(true),
            "by-hash" => self.by_hash = flag()?,
            other if WITHOUT_MEANING_HERE.contains(&other) || other.starts_with("x-") => {}
            _ => return Err(SourcesProblem::Unknown(clip(name))),
        }
        Ok(())
    }

    fn finish(self, line: usize) -> Result<Option<Source>, SourcesProblem> {
        if self.enabled == Some(false) {
            return Ok(None);
        }
        for (field, values) in [
            ("Types", &self.types),
            ("URIs", &self.uris),
            ("Suites", &self.suites),
        ] {
            if values.is_empty() {
                return Err(SourcesProblem::Missing(field));
            }
        }
        if let Some(other) = self.types.iter().find(|own| *own != "deb" && *own != "deb-src") {
            return Err(SourcesProblem::Type(clip(other)));
        }
        for uri in &self.uris {
            let scheme = uri.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
            let known =
                scheme.is_some_and(|scheme| ["http", "https", "file", "copy"].contains(&scheme.as_str()));
            if !known || uri.chars().any(char::is_control) {
                return Err(SourcesProblem::Uri(clip(uri)));
            }
        }
        let mut suites = Vec::new();
        for suite in &self.suites {
            suites.push(self.suite(suite)?);
        }
        for name in self.components.iter().chain(&self.architectures) {
            plain(name)?;
        }
        Ok(Some(Source {
            line,
            binary: self.types.iter().any(|own| own == "deb"),
            source: self.types.iter().any(|own| own == "deb-src"),
            uris: self.uris,
            suites,
            components: self.components,
            architectures: self.architectures,
            signed_by: self.signed_by,
            trusted: self.trusted,
            check_valid_until: self.check_valid_until,
            by_hash: self.by_hash,
        }))
    }

    fn suite(&self, suite: &str) -> Result<Suite, SourcesProblem> {
        if suite.ends_with('/') {
            if !self.components.is_empty() {
                return Err(SourcesProblem::FlatComponents(clip(suite)));
            }
            let inner = suite.trim_matches('/');
            if inner != "." && !inner.is_empty() {
                plain(inner.strip_prefix("./").unwrap_or(inner))?;
            }
            return Ok(Suite::Flat(suite.to_owned()));
        }
        plain(suite)?;
        if self.components.is_empty() {
            return Err(SourcesProblem::NoComponents(clip(suite)));
        }
        Ok(Suite::Named(suite.to_owned()))
    }
}

/// A name that becomes a part of an address and of an index's path.
fn plain(name: &str) -> Result<(), SourcesProblem> {
    super::release::check_path(name).map_err(|_| SourcesProblem::Name(clip(name)))
}

fn read_paragraph(paragraph: Paragraph<'_>) -> Result<Option<Source>, SourcesProblem> {
    if let Some(name) = paragraph.duplicate() {
        return Err(SourcesProblem::Twice(name.to_owned()));
    }
    let mut draft = Draft::default();
    for field in paragraph.fields() {
        let value = text(&field)?;
        match field.name().to_ascii_lowercase().as_str() {
            "types" => draft.types = words(&value),
            "uris" => draft.uris = words(&value),
            "suites" => draft.suites = words(&value),
            "components" => draft.components = words(&value),
            "enabled" => {
                draft.enabled = Some(yes_no(&value).ok_or_else(|| SourcesProblem::YesNo {
                    option: "enabled".to_owned(),
                    value: clip(&value),
                })?);
            }
            _ => draft.option(field.name(), &value)?,
        }
    }
    draft.finish(paragraph.line())
}

/// The field's value: its lines without comments, and `.` for an empty line as in descriptions.
fn text(field: &Field<'_>) -> Result<String, SourcesProblem> {
    let lines: Vec<&str> = field
        .lines()
        .map(|line| std::str::from_utf8(line).map(|line| if line == "." { "" } else { line }))
        .collect::<Result<_, _>>()
        .map_err(|_| SourcesProblem::NotText)?;
    Ok(lines.join("\n"))
}

fn read_line(number: usize, line: &str) -> Result<Source, SourcesProblem> {
    let (kind, mut rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let mut draft = Draft {
        types: vec![kind.to_owned()],
        ..Draft::default()
    };
    if kind != "deb" && kind != "deb-src" {
        return Err(SourcesProblem::Type(clip(kind)));
    }
    rest = rest.trim_start();
    if let Some(options) = rest.strip_prefix('[') {
        let (options, after) = options
            .split_once(']')
            .ok_or_else(|| SourcesProblem::Options(clip(rest)))?;
        let mut seen: Vec<String> = Vec::new();
        for option in options.split_whitespace() {
            let (name, value) = option
                .split_once('=')
                .filter(|(name, value)| !name.ends_with(['+', '-']) && !value.is_empty())
                .ok_or_else(|| SourcesProblem::Options(clip(option)))?;
            if seen.iter().any(|seen| seen.eq_ignore_ascii_case(name)) {
                return Err(SourcesProblem::Twice(clip(name)));
            }
            seen.push(name.to_owned());
            draft.option(name, &value.replace(',', " "))?;
        }
        rest = after;
    }
    let mut words = words(rest).into_iter();
    draft.uris.extend(words.next());
    draft.suites.extend(words.next());
    draft.components.extend(words);
    draft.finish(number)?.ok_or(SourcesProblem::Missing("URIs"))
}

fn signed_by(value: &str) -> Result<SignedBy, SourcesProblem> {
    let mut found = SignedBy::default();
    if value
        .trim_start()
        .starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----")
    {
        // The first line with nothing but a dot is the empty one after the headers.
        found.key = Some(format!("{}\n", value.trim()));
        return Ok(found);
    }
    for word in list(value) {
        let digits = word.trim_end_matches('!');
        if word.starts_with('/') {
            found.paths.push(word);
        } else if digits.len() >= 40 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            found.fingerprints.push(digits.to_ascii_uppercase());
        } else {
            return Err(SourcesProblem::SignedBy(clip(&word)));
        }
    }
    if found.is_empty() {
        return Err(SourcesProblem::Missing("keys in Signed-By"));
    }
    Ok(found)
}

fn words(value: &str) -> Vec<String> {
    value.split_whitespace().map(str::to_owned).collect()
}

/// Words between commas or white space.
fn list(value: &str) -> Vec<String> {
    let words = value.split(|c: char| c == ',' || c.is_whitespace());
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn clip(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests;
