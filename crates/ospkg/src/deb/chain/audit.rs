//! The chain, walked again from files that were carried along.

use std::collections::BTreeMap;

use airlock_types::Digest;

use super::super::control::{Paragraph, paragraphs};
use super::{ChainError, SignedPackage, SignedRelease};
use crate::openpgp::{Keyring, Policy, Signer};

/// The files of one release that prove what its packages are, byte for byte as upstream has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// `InRelease`, or none where it is `Release` with `Release.gpg`.
    pub in_release: Option<Vec<u8>>,
    /// `Release` and `Release.gpg`.
    pub detached: Option<(Vec<u8>, Vec<u8>)>,
    /// Indexes by their path below the release.
    pub indexes: BTreeMap<String, Vec<u8>>,
}

impl Evidence {
    /// Of an `InRelease`.
    pub fn in_release(bytes: Vec<u8>) -> Self {
        Self {
            in_release: Some(bytes),
            ..Self::default()
        }
    }

    /// Of a `Release` and its `Release.gpg`.
    pub fn detached(release: Vec<u8>, signature: Vec<u8>) -> Self {
        Self {
            detached: Some((release, signature)),
            ..Self::default()
        }
    }

    /// Adds an index as it was fetched.
    pub fn add_index(&mut self, path: impl Into<String>, stored: Vec<u8>) {
        self.indexes.insert(path.into(), stored);
    }

    /// The files by the names that they have below the release, to be carried.
    pub fn files(&self) -> BTreeMap<&str, &[u8]> {
        let mut files: BTreeMap<&str, &[u8]> = self
            .indexes
            .iter()
            .map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
            .collect();
        if let Some(bytes) = &self.in_release {
            files.insert("InRelease", bytes);
        }
        if let Some((release, signature)) = &self.detached {
            files.insert("Release", release);
            files.insert("Release.gpg", signature);
        }
        files
    }

    /// The other way round: what [`files`](Self::files) gave, read back.
    pub fn from_files(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let mut evidence = Self::default();
        let (mut release, mut signature) = (None, None);
        for (path, bytes) in files {
            match path.as_str() {
                "InRelease" => evidence.in_release = Some(bytes),
                "Release" => release = Some(bytes),
                "Release.gpg" => signature = Some(bytes),
                _ => evidence.add_index(path, bytes),
            }
        }
        evidence.detached = release.zip(signature);
        evidence
    }

    /// Checks the signature again.
    pub fn release(&self, keyring: &Keyring, policy: &Policy) -> Result<Option<SignedRelease>, ChainError> {
        if let Some(bytes) = &self.in_release {
            return SignedRelease::from_in_release(bytes, keyring, policy).map(Some);
        }
        self.detached
            .as_ref()
            .map(|(release, signature)| SignedRelease::from_detached(release, signature, keyring, policy))
            .transpose()
    }
}

/// A package that is said to come from a repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its architecture.
    pub architecture: String,
    /// The length of its file, as it is here.
    pub size: u64,
    /// The digest of its file, as it is here.
    pub digest: Digest,
    /// What is said of it here: its paragraph, where that has to be the signed one as well. A file may be the right
    /// one while its dependencies are told wrongly.
    pub paragraph: Option<String>,
}

/// What evidence says about a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// A signed release vouches for these very bytes.
    Established {
        /// Which of the pieces of evidence, from 0.
        release: usize,
        /// The index that lists the package.
        index: String,
    },
    /// None does.
    NotEstablished {
        /// Why not.
        why: String,
    },
}

/// What became of one piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walked {
    /// Who signed the release; none if that is not established.
    pub signers: Vec<Signer>,
    /// What does not hold: the signature, or some index.
    pub problems: Vec<String>,
}

/// The result of an audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// In the order of the evidence.
    pub releases: Vec<Walked>,
    /// In the order of the claims.
    pub packages: Vec<(Claim, Status)>,
}

impl Audit {
    /// Whether every package is established.
    pub fn is_complete(&self) -> bool {
        self.packages
            .iter()
            .all(|(_, status)| matches!(status, Status::Established { .. }))
    }
}

/// Walks from carried signatures to packages, at the time that the policy gives: that of the lock, say, to
/// ask whether it was right then.
///
/// Each piece of evidence comes with the keys that it has to be signed by. A package is established when one
/// of them leads to its digest; what else there is does not matter to it, but is reported.
pub fn audit(evidence: &[(&Evidence, &Keyring)], claims: &[Claim], policy: &Policy) -> Audit {
    let mut wanted: Wanted<'_> = BTreeMap::new();
    for (number, claim) in claims.iter().enumerate() {
        let key = (&*claim.name, &*claim.version, &*claim.architecture);
        wanted.entry(key).or_default().push(number);
    }
    let mut found: Vec<Option<Status>> = vec![None; claims.len()];
    let mut releases = Vec::new();
    for (number, (evidence, keyring)) in evidence.iter().enumerate() {
        let mut walked = Walked {
            signers: Vec::new(),
            problems: Vec::new(),
        };
        match evidence.release(keyring, policy) {
            Ok(Some(release)) => {
                walked.signers = release.signers().to_vec();
                for (path, stored) in &evidence.indexes {
                    if let Err(error) =
                        walk_index(&release, number, (path, stored), (&wanted, claims), &mut found)
                    {
                        walked.problems.push(error.to_string());
                    }
                }
            }
            Ok(None) => walked
                .problems
                .push("there is no signed release in the evidence".to_owned()),
            Err(error) => walked.problems.push(error.to_string()),
        }
        releases.push(walked);
    }
    let nothing = releases.iter().all(|walked| walked.signers.is_empty());
    let packages = claims
        .iter()
        .zip(found)
        .map(|(claim, status)| {
            let status = status.unwrap_or_else(|| {
                let why = if nothing {
                    "no release's signature is established"
                } else {
                    "no signed index lists it"
                };
                Status::NotEstablished { why: why.to_owned() }
            });
            (claim.clone(), status)
        })
        .collect();
    Audit { releases, packages }
}

/// Which claims are about a name, a version and an architecture.
type Wanted<'a> = BTreeMap<(&'a str, &'a str, &'a str), Vec<usize>>;

fn walk_index(
    release: &SignedRelease,
    number: usize,
    (path, stored): (&str, &[u8]),
    (wanted, claims): (&Wanted<'_>, &[Claim]),
    found: &mut [Option<Status>],
) -> Result<(), ChainError> {
    let index = release.open(path, stored)?;
    let mut problem = None;
    for package in index.packages() {
        let package = match package {
            Ok(package) => package,
            Err(error) => {
                problem.get_or_insert(error);
                continue;
            }
        };
        let key = (package.name, package.version, package.architecture);
        for &claimed in wanted.get(&key).into_iter().flatten() {
            if let (Some(claim), Some(status)) = (claims.get(claimed), found.get_mut(claimed))
                && !matches!(status, Some(Status::Established { .. }))
            {
                *status = Some(compare(claim, &package, number, path));
            }
        }
    }
    problem.map_or(Ok(()), Err)
}

fn compare(claim: &Claim, package: &SignedPackage<'_>, release: usize, path: &str) -> Status {
    let why = match package.checksum().as_sha256() {
        Some(digest) if digest == claim.digest && package.size == claim.size => {
            let said = claim.paragraph.as_deref();
            match said.and_then(|said| difference(said.as_bytes(), package.paragraph())) {
                Some(field) => format!("{path} says something else of it: {field}"),
                None => {
                    return Status::Established {
                        release,
                        index: path.to_owned(),
                    };
                }
            }
        }
        Some(_) => format!("{path} lists other contents: {}", package.checksum()),
        None => format!("{path} gives no SHA256 of it"),
    };
    Status::NotEstablished { why }
}

/// The first field in which a paragraph is not the signed one; none if it is the same.
fn difference(said: &[u8], signed: Paragraph<'_>) -> Option<String> {
    if said.trim_ascii_end() == signed.bytes().trim_ascii_end() {
        return None;
    }
    let said = paragraphs(said).next().and_then(Result::ok);
    let other = said.and_then(|said| {
        let missing = |one: Paragraph<'_>, other: Paragraph<'_>| {
            one.fields()
                .find(|field| other.get(field.name()) != Some(field.value()))
                .map(|field| field.name().to_owned())
        };
        missing(signed, said).or_else(|| missing(said, signed))
    });
    Some(other.unwrap_or_else(|| "its form".to_owned()))
}
