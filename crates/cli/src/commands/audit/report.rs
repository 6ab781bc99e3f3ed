//! What an audit found, for programs and for people.

use std::fmt::Write as _;

use airlock_ospkg::openpgp::Signer;
use airlock_spec::packages::{DebPackage, DebRepository};
use airlock_spec::receipt::Outcome;
use airlock_types::ByteSize;
use jiff::Timestamp;
use serde::Serialize;

use super::content::Set;
use super::field;

/// An audit.
#[derive(Serialize)]
pub(super) struct Report {
    /// Whether every package is what a signed release lists.
    pub(super) established: bool,
    /// Whether the keys are those that the auditor gave.
    keyring_given: bool,
    pub(super) sets: Vec<SetReport>,
}

/// One set of packages.
#[derive(Serialize)]
pub(super) struct SetReport {
    name: String,
    distro: String,
    architectures: Vec<String>,
    /// The time that signatures and expiry were judged at.
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<String>,
    releases: Vec<Release>,
    packages: Vec<Package>,
    /// What is wrong with the set itself.
    problems: Vec<String>,
    bytes: u64,
}

/// A release of a repository.
#[derive(Serialize)]
pub(super) struct Release {
    uri: String,
    suite: String,
    date: String,
    pub(super) keys: Keys,
    pub(super) signed_by: Vec<Signed>,
    pub(super) problems: Vec<String>,
}

/// Where the keys came from that a release was checked with.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Keys {
    /// From the auditor.
    Given,
    /// From the builder, along with the packages.
    Carried,
    /// There were none.
    None,
}

/// Who made a good signature.
#[derive(Serialize)]
pub(super) struct Signed {
    fingerprint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    at: String,
}

/// A package.
#[derive(Serialize)]
pub(super) struct Package {
    name: String,
    version: String,
    architecture: String,
    pub(super) established: bool,
    /// The place of the release that lists it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) release: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<String>,
}

impl From<Signer> for Signed {
    fn from(signer: Signer) -> Self {
        Self {
            fingerprint: signer.certificate,
            user_id: signer.user_id,
            at: seconds(signer.signed_at),
        }
    }
}

impl Release {
    pub(super) fn new(repository: &DebRepository, keys: Keys, problems: Vec<String>) -> Self {
        Self {
            uri: repository.uri.clone(),
            suite: repository.suite.clone(),
            date: seconds(repository.date),
            keys,
            signed_by: Vec::new(),
            problems,
        }
    }
}

impl Package {
    pub(super) fn new(package: &DebPackage) -> Self {
        Self {
            name: field(package, "Package"),
            version: field(package, "Version"),
            architecture: field(package, "Architecture"),
            established: false,
            release: None,
            index: None,
            why: None,
        }
    }
}

impl SetReport {
    pub(super) fn new(
        name: String,
        set: &Set,
        as_of: Timestamp,
        releases: Vec<Release>,
        packages: Vec<Package>,
    ) -> Self {
        let unlisted = set.unlisted().into_iter();
        Self {
            name,
            distro: set.list.distro.clone(),
            architectures: set.list.architectures.clone(),
            as_of: Some(written(as_of)),
            releases,
            packages,
            problems: unlisted
                .map(|file| format!("a file is none of the listed packages: {file}"))
                .collect(),
            bytes: set.bytes(),
        }
    }

    /// A set that cannot be audited at all.
    pub(super) fn unreadable(name: String, problem: String) -> Self {
        Self {
            name,
            distro: String::new(),
            architectures: Vec::new(),
            as_of: None,
            releases: Vec::new(),
            packages: Vec::new(),
            problems: vec![problem],
            bytes: 0,
        }
    }

    fn bad(&self) -> usize {
        let packages = self.packages.iter().filter(|package| !package.established);
        packages.count() + self.problems.len()
    }

    fn text(&self, out: &mut String) {
        let _ = write!(out, "{}", self.name);
        if let Some(as_of) = &self.as_of {
            let architectures = self.architectures.join(", ");
            let _ = write!(out, "  ({} for {architectures}, as of {as_of})", self.distro);
        }
        out.push('\n');
        let mut line = |outcome: &str, what: &str| {
            let _ = writeln!(out, "  {outcome:16}  {what}");
        };
        let bad = Outcome::NotEstablished.to_string();
        for release in &self.releases {
            let what = format!("release {} {} of {}", release.uri, release.suite, release.date);
            let outcome = if release.signed_by.is_empty() {
                Outcome::NotEstablished
            } else {
                Outcome::Established
            };
            line(&outcome.to_string(), &what);
            for Signed {
                fingerprint,
                user_id,
                at,
            } in &release.signed_by
            {
                let user = user_id.as_deref().unwrap_or("no name");
                line("", &format!("  signed by {fingerprint} ({user}) at {at}"));
            }
            for problem in &release.problems {
                line(&bad, problem);
            }
        }
        let good = self.packages.iter().filter(|package| package.established).count();
        if good > 0 {
            line(
                &Outcome::Established.to_string(),
                &format!(
                    "{good} packages: each is what an index of a signed release lists, to the last byte"
                ),
            );
        }
        for package in self.packages.iter().filter(|package| !package.established) {
            let Package {
                name,
                version,
                architecture,
                ..
            } = package;
            let why = package.why.as_deref().unwrap_or("nothing is known of it");
            line(&bad, &format!("{name} {version} ({architecture}): {why}"));
        }
        for problem in &self.problems {
            line(&bad, problem);
        }
    }
}

impl Report {
    pub(super) fn new(sets: Vec<SetReport>, keyring_given: bool) -> Self {
        Self {
            established: sets.iter().all(|set| set.bad() == 0),
            keyring_given,
            sets,
        }
    }

    /// How many packages are not established, of how many.
    pub(super) fn counts(&self) -> (usize, usize) {
        let bad: usize = self.sets.iter().map(SetReport::bad).sum();
        let all = self
            .sets
            .iter()
            .map(|set| set.packages.len() + set.problems.len());
        (bad, all.sum())
    }

    /// What to do about what is not established.
    pub(super) fn hint(&self) -> Option<&'static str> {
        let mut releases = self.sets.iter().flat_map(|set| &set.releases);
        if releases.any(|release| release.keys == Keys::None) {
            return Some(
                "give the distribution's keys: --keyring /usr/share/keyrings/debian-archive-keyring.gpg",
            );
        }
        let mut releases = self.sets.iter().flat_map(|set| &set.releases);
        let unknown = releases.any(|release| release.keys == Keys::Given && release.signed_by.is_empty());
        unknown.then_some("repeat --keyring for each repository that has keys of its own")
    }

    /// Lines for people.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        for set in &self.sets {
            set.text(&mut out);
            out.push('\n');
        }
        if !self.keyring_given {
            let _ = writeln!(
                out,
                "{:16}  whether these keys are upstream's: they are those that the builder carried along. Compare their \
                 fingerprints, or give --keyring",
                Outcome::Skipped
            );
        }
        let bytes: u64 = self.sets.iter().map(|set| set.bytes).fold(0, u64::saturating_add);
        let (bad, all) = self.counts();
        let _ = if self.established {
            writeln!(
                out,
                "audited: {all} packages, {}, all established",
                ByteSize(bytes)
            )
        } else {
            writeln!(
                out,
                "audited: {all} packages, {}, {bad} not established",
                ByteSize(bytes)
            )
        };
        out
    }
}

fn seconds(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| format!("second {seconds}"), written)
}

fn written(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
