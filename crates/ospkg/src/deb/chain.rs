//! From a signature to a package: `InRelease` → `Packages` → `.deb`, each by size and checksum.
//!
//! The steps are types, so that none can be left out: a [`SignedRelease`] comes only from a good signature, a
//! [`SignedIndex`] only from a file that a signed release lists, a [`SignedPackage`] only from such an index.
//! [`Evidence`] keeps the files of the first two steps, so that [`audit`](audit::audit) can walk the same way
//! years later and without a network.

pub mod audit;
mod index;

use super::archive::Compression;
use super::control::ControlError;
use super::release::{Checksum, Hasher, Listed, Release, ReleaseError, by_hash};
use crate::openpgp::{Keyring, OpenPgpError, Override, Policy, Signer, verify_cleartext, verify_detached};

pub use audit::Evidence;
pub use index::{SignedIndex, SignedPackage};

/// The most bytes of an index whose length no release says.
const MAX_INDEX: u64 = 2 << 30;

/// Why a step of the chain does not hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The signature of the release.
    #[error("the release is not established: {0}")]
    Signature(#[from] OpenPgpError),
    /// The release itself.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// A file that the release says nothing about.
    #[error("the release does not list the file: {0}")]
    NotListed(String),
    /// Too short or too long.
    #[error("{path} has {found} bytes instead of {expected}")]
    Size {
        /// Which file.
        path: String,
        /// What was signed.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// Other contents.
    #[error("{path} has other contents than were signed: {expected} was expected")]
    Checksum {
        /// Which file.
        path: String,
        /// What was signed.
        expected: Checksum,
    },
    /// A compression that this program does not read.
    #[error("the index is compressed in an unknown way: {0}")]
    Compression(String),
    /// What is compressed is damaged, or longer than it should be.
    #[error("{path} does not decompress")]
    Decompress {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The index is no control file.
    #[error("the index {path} is damaged")]
    Control {
        /// Which index.
        path: String,
        /// Why.
        #[source]
        source: ControlError,
    },
    /// An entry of the index that cannot be used.
    #[error("the index has an entry that cannot be used: {package}, {why}")]
    Entry {
        /// Which package, as far as that can be told.
        package: String,
        /// Why not.
        why: String,
    },
}

impl ChainError {
    /// The override that would let this pass, if one would.
    pub fn accepted_by(&self) -> Option<Override> {
        match self {
            Self::Signature(error) => error.accepted_by(),
            Self::Release(error) => error.accepted_by(),
            _ => None,
        }
    }
}

/// A release whose signature is good.
#[derive(Clone, Debug)]
pub struct SignedRelease {
    release: Release,
    signers: Vec<Signer>,
    keys: Keyring,
    evidence: Evidence,
}

/// A file that a signed release lists, and where it may be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexFile {
    /// Below the release, as `main/binary-amd64/Packages.xz`.
    pub path: String,
    /// Where to ask for it below the release, best first: under its digest it cannot change underway.
    pub locations: Vec<String>,
    /// Its length in bytes.
    pub size: u64,
    /// Its checksum.
    pub checksum: Checksum,
    /// How it is compressed.
    pub compression: Compression,
}

impl SignedRelease {
    /// Checks an `InRelease` file.
    pub fn from_in_release(bytes: &[u8], keyring: &Keyring, policy: &Policy) -> Result<Self, ChainError> {
        let verified = verify_cleartext(bytes, keyring, policy)?;
        Ok(Self {
            release: Release::read(verified.bytes(), policy)?,
            signers: verified.signers().to_vec(),
            keys: keys_of(keyring, verified.signers()),
            evidence: Evidence::in_release(bytes.to_vec()),
        })
    }

    /// Checks a `Release` file by its `Release.gpg`.
    pub fn from_detached(
        release: &[u8],
        signature: &[u8],
        keyring: &Keyring,
        policy: &Policy,
    ) -> Result<Self, ChainError> {
        let verified = verify_detached(release, signature, keyring, policy)?;
        Ok(Self {
            release: Release::read(verified.bytes(), policy)?,
            signers: verified.signers().to_vec(),
            keys: keys_of(keyring, verified.signers()),
            evidence: Evidence::detached(release.to_vec(), signature.to_vec()),
        })
    }

    /// What it says.
    pub fn release(&self) -> &Release {
        &self.release
    }

    /// Who signed it: at least one.
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }

    /// The keys of the signers, as they were in the keyring.
    pub fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// The files that prove it, to carry along.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// The forms in which the packages of a component and an architecture are listed, smallest first. None
    /// if there are no such packages.
    pub fn packages(&self, component: &str, architecture: &str) -> Vec<IndexFile> {
        self.forms(&format!("{component}/binary-{architecture}/Packages"))
    }

    /// The forms of the one list of packages that a flat repository has.
    pub fn flat_packages(&self) -> Vec<IndexFile> {
        self.forms("Packages")
    }

    fn forms(&self, stem: &str) -> Vec<IndexFile> {
        let forms = [".xz", ".zst", ".gz", ""];
        let listed = forms
            .iter()
            .filter_map(|form| self.file(&format!("{stem}{form}")));
        listed.collect()
    }

    /// A file that it lists, if it is compressed in a way that can be read.
    pub fn file(&self, path: &str) -> Option<IndexFile> {
        let Listed { size, checksum } = self.release.files.get(path)?;
        let (_, compression) = Compression::of_name(path)?;
        let mut locations = vec![path.to_owned()];
        if self.release.acquire_by_hash {
            locations.insert(0, by_hash(path, checksum));
        }
        Some(IndexFile {
            path: path.to_owned(),
            locations,
            size: *size,
            checksum: checksum.clone(),
            compression,
        })
    }

    /// Checks an index as it was fetched, and opens it: first its length and checksum, then, decompressed,
    /// the length and checksum of that too, where the release lists them.
    pub fn open(&self, path: &str, stored: &[u8]) -> Result<SignedIndex, ChainError> {
        let file = self.file(path).ok_or_else(|| {
            if self.release.files.contains_key(path) {
                ChainError::Compression(path.to_owned())
            } else {
                ChainError::NotListed(path.to_owned())
            }
        })?;
        check(path, stored, file.size, &file.checksum)?;
        let stem = Compression::of_name(path).map_or(path, |(stem, _)| stem);
        let plain = self.release.files.get(stem);
        let limit = plain.map_or(MAX_INDEX, |listed| listed.size.min(MAX_INDEX));
        let text =
            super::archive::read_to_limit(file.compression.reader(stored), limit).map_err(|source| {
                ChainError::Decompress {
                    path: path.to_owned(),
                    source,
                }
            })?;
        if let (Some(listed), true) = (plain, stem != path) {
            check(stem, &text, listed.size, &listed.checksum)?;
        }
        Ok(SignedIndex::new(path.to_owned(), text))
    }
}

fn keys_of(keyring: &Keyring, signers: &[Signer]) -> Keyring {
    let fingerprints: Vec<String> = signers.iter().map(|signer| signer.certificate.clone()).collect();
    keyring.clone().only(&fingerprints)
}

fn check(path: &str, bytes: &[u8], size: u64, checksum: &Checksum) -> Result<(), ChainError> {
    let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if found != size {
        return Err(ChainError::Size {
            path: path.to_owned(),
            expected: size,
            found,
        });
    }
    if checksum.fits(bytes) {
        Ok(())
    } else {
        Err(ChainError::Checksum {
            path: path.to_owned(),
            expected: checksum.clone(),
        })
    }
}

/// Checks a package while it streams past. What was given to [`update`](Self::update) may be used after
/// [`finish`](Self::finish) said so, and not before.
#[derive(Clone)]
pub struct PackageCheck {
    path: String,
    size: u64,
    checksum: Checksum,
    read: u64,
    hasher: Hasher,
}

impl PackageCheck {
    fn new(path: String, size: u64, checksum: Checksum) -> Self {
        Self {
            path,
            size,
            read: 0,
            hasher: Hasher::new(checksum.algorithm()),
            checksum,
        }
    }

    /// Adds bytes; fails as soon as there are more than there should be.
    pub fn update(&mut self, bytes: &[u8]) -> Result<(), ChainError> {
        self.read = self
            .read
            .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.read > self.size {
            return Err(self.wrong_size());
        }
        self.hasher.update(bytes);
        Ok(())
    }

    /// Whether these were the bytes of the package.
    pub fn finish(self) -> Result<(), ChainError> {
        if self.read != self.size {
            return Err(self.wrong_size());
        }
        if self.hasher.finish() == self.checksum {
            Ok(())
        } else {
            Err(ChainError::Checksum {
                path: self.path,
                expected: self.checksum,
            })
        }
    }

    fn wrong_size(&self) -> ChainError {
        ChainError::Size {
            path: self.path.clone(),
            expected: self.size,
            found: self.read,
        }
    }
}
