use std::borrow::Cow;
use std::collections::BTreeSet;
use std::error::Error as _;
use std::fmt;

use airlock_types::Digest;

use crate::{KeyId, Policy, SignatureError, SigstoreBundle, Unchecked};

/// How many signature files a bundle may have.
pub const MAX_SIGNATURE_FILES: usize = 32;

/// How many bytes a signature file may have.
pub const MAX_SIGNATURE_SIZE: usize = 64 * 1024;

/// An index that enough trusted keys have signed, with the bytes that were checked.
///
/// Only [`verify`] makes one. Parse [`Verified::bytes`], never the file again.
///
/// ```compile_fail
/// # use airlock_trust::Verified;
/// fn forge(bytes: &[u8]) -> Verified<'_> {
///     Verified { bytes: bytes.into() }
/// }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Verified<'a> {
    bytes: Cow<'a, [u8]>,
    digest: Digest,
    verdict: Verdict,
}

impl<'a> Verified<'a> {
    /// The bytes whose signatures were checked.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same, taken out.
    pub fn into_bytes(self) -> Cow<'a, [u8]> {
        self.bytes
    }

    /// The SHA-256 of the bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What was found in each signature file.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }
}

/// What the signature files came to, whether or not they suffice.
#[derive(Debug)]
pub struct Verdict {
    findings: Vec<Finding>,
    established: BTreeSet<KeyId>,
    trusted: BTreeSet<KeyId>,
    threshold: usize,
}

impl Verdict {
    /// One entry for each signature file, in the order given.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The same, taken out.
    pub fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// The distinct trusted keys whose signatures were established.
    pub fn established(&self) -> impl Iterator<Item = KeyId> {
        self.established.iter().copied()
    }

    /// How many distinct keys the policy requires.
    pub fn threshold(&self) -> usize {
        self.threshold
    }
}

/// What one signature file came to.
#[derive(Debug)]
pub struct Finding {
    /// The name of the file, as it was given; not authenticated.
    pub file: String,
    /// What it came to.
    pub outcome: Outcome,
}

/// See [`Finding`].
#[derive(Debug)]
pub enum Outcome {
    /// A trusted key signed exactly these bytes.
    Established {
        /// The key.
        key: KeyId,
        /// Evidence in the file that was not looked at, since the key is trusted without it.
        unchecked: Vec<Unchecked>,
    },
    /// The file names a key that is not among the trusted ones, so there is nothing to check it with.
    UnknownKey(KeyId),
    /// The file is malformed, or its signature is wrong.
    Invalid(SignatureError),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The name comes from an unverified bundle; escaping keeps it from writing to a terminal.
        write!(f, "{}: ", self.file.escape_debug())?;
        match &self.outcome {
            Outcome::Established { key, unchecked } => {
                write!(f, "established, signed by key {key}")?;
                for evidence in unchecked {
                    write!(f, "; {evidence} not checked")?;
                }
                Ok(())
            }
            Outcome::UnknownKey(key) => write!(f, "not established, signed by unknown key {key}"),
            Outcome::Invalid(error) => {
                write!(f, "not established, {error}")?;
                match error.source() {
                    Some(source) => write!(f, ": {source}"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// Why an index is not established.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// There are more signature files than anyone needs.
    #[error("the bundle has more than {MAX_SIGNATURE_FILES} signature files: {0}")]
    TooManySignatures(usize),
    /// A signature file is larger than any signature.
    #[error("the signature file {file:?} is larger than {MAX_SIGNATURE_SIZE} bytes: {size}")]
    SignatureTooLarge {
        /// The name of the file.
        file: String,
        /// Its size in bytes.
        size: usize,
    },
    /// There is no signature file at all.
    #[error("the bundle is not signed")]
    Unsigned,
    /// The signatures do not reach the threshold.
    #[error(
        "the bundle is not established: {} of {} required signatures by trusted keys",
        .0.established.len(),
        .0.threshold
    )]
    NotEstablished(Box<Verdict>),
}

impl TrustError {
    /// What each signature file came to, where they were looked at.
    pub fn verdict(&self) -> Option<&Verdict> {
        match self {
            Self::NotEstablished(verdict) => Some(verdict),
            _ => None,
        }
    }

    /// What stands in the way, file by file, and what to do about it.
    pub fn hint(&self) -> Option<String> {
        let verdict = match self {
            Self::Unsigned => {
                return Some(
                    "have its maker sign it (`airlock sign`), or get it again with its signatures/ folder"
                        .to_owned(),
                );
            }
            Self::NotEstablished(verdict) => verdict,
            _ => return None,
        };
        let mut lines = Vec::new();
        for finding in &verdict.findings {
            match &finding.outcome {
                Outcome::Established { .. } => {}
                Outcome::UnknownKey(key) => lines.push(format!(
                    "the bundle is signed by key {key}, which is not among the trusted ones: {}",
                    list(&verdict.trusted)
                )),
                Outcome::Invalid(error) => {
                    lines.push(finding.to_string());
                    lines.extend(error.hint());
                }
            }
        }
        if !verdict.established.is_empty() {
            lines.push(format!(
                "it is signed by {}; {} more of the trusted keys must sign it: {}",
                list(&verdict.established),
                verdict.threshold.saturating_sub(verdict.established.len()),
                list(verdict.trusted.difference(&verdict.established))
            ));
        }
        // Several files often say the same thing.
        let mut seen = BTreeSet::new();
        lines.retain(|line| seen.insert(line.clone()));
        Some(lines.join("\n"))
    }
}

fn list<'a>(keys: impl IntoIterator<Item = &'a KeyId>) -> String {
    let keys: Vec<_> = keys.into_iter().map(KeyId::to_string).collect();
    keys.join(", ")
}

/// Checks that enough distinct trusted keys signed exactly these `index` bytes.
///
/// `signatures` are the signature files with their names; names and key hints are not authenticated and
/// decide nothing. For each file:
///
/// 1. it must be a Sigstore bundle v0.3 with a message signature by key, without duplicate JSON keys;
/// 2. its stated digest must be there and equal the SHA-256 of the index;
/// 3. its key hint finds the key among the trusted ones, else it is reported as an unknown key;
/// 4. the ECDSA signature must be that key's over that digest.
///
/// A key counts once however many files it signed. Files by unknown keys and invalid files are reported
/// and never count, but do not spoil what other files establish: anyone can add a file to a bundle. The
/// error is the normal result for a bundle that is not to be trusted; it carries the same report.
pub fn verify<'a, N: AsRef<str>, S: AsRef<[u8]>>(
    index: impl Into<Cow<'a, [u8]>>,
    signatures: &[(N, S)],
    policy: &Policy,
) -> Result<Verified<'a>, TrustError> {
    if signatures.is_empty() {
        return Err(TrustError::Unsigned);
    }
    if signatures.len() > MAX_SIGNATURE_FILES {
        return Err(TrustError::TooManySignatures(signatures.len()));
    }
    for (file, contents) in signatures {
        let size = contents.as_ref().len();
        if size > MAX_SIGNATURE_SIZE {
            return Err(TrustError::SignatureTooLarge {
                file: file.as_ref().to_owned(),
                size,
            });
        }
    }

    let bytes = index.into();
    let digest = airlock_hash::sha256(&bytes);
    let findings: Vec<_> = signatures
        .iter()
        .map(|(file, contents)| Finding {
            file: file.as_ref().to_owned(),
            outcome: check(&digest, contents.as_ref(), policy).unwrap_or_else(Outcome::Invalid),
        })
        .collect();
    let established = findings
        .iter()
        .filter_map(|finding| match finding.outcome {
            Outcome::Established { key, .. } => Some(key),
            Outcome::UnknownKey(_) | Outcome::Invalid(_) => None,
        })
        .collect();
    let verdict = Verdict {
        findings,
        established,
        trusted: policy.keys().map(crate::PublicKey::key_id).collect(),
        threshold: policy.threshold(),
    };
    if verdict.established.len() < verdict.threshold {
        return Err(TrustError::NotEstablished(Box::new(verdict)));
    }
    Ok(Verified {
        bytes,
        digest: Digest::sha256(digest),
        verdict,
    })
}

fn check(digest: &[u8; 32], contents: &[u8], policy: &Policy) -> Result<Outcome, SignatureError> {
    let signature = SigstoreBundle::parse(contents)?;
    let (stated, actual) = (signature.digest(), Digest::sha256(*digest));
    if stated != actual {
        return Err(SignatureError::Digest {
            stated: Box::new(stated),
            actual: Box::new(actual),
        });
    }
    let Some(key) = policy.key(&signature.key_hint()) else {
        return Ok(Outcome::UnknownKey(signature.key_hint()));
    };
    if !key.accepts(digest, signature.signature()) {
        return Err(SignatureError::Wrong(key.key_id()));
    }
    Ok(Outcome::Established {
        key: key.key_id(),
        unchecked: signature.unchecked().to_vec(),
    })
}
