use std::fmt;

use pgp::packet::{Packet, Signature, SignatureType};
use pgp::types::{Fingerprint, KeyDetails, KeyId, Tag};

use super::certificate::Usable;
use super::keyring::Certificate;
use super::packets::{self, SplitError};
use super::{Keyring, OpenPgpError, Policy, Problem, armor, cleartext, hex, judge};

/// The most bytes of a signed message; Debian's largest is 300 KiB.
const MAX_MESSAGE: usize = 64 << 20;
/// The most bytes of signatures.
const MAX_SIGNATURES_SIZE: usize = 1 << 20;
/// The most signatures of one message; Debian makes three.
const MAX_SIGNATURES: usize = 32;

/// What a signature calls the key that made it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHandle(String);

impl KeyHandle {
    pub(super) fn of(key: &impl KeyDetails) -> Self {
        Self::from(&key.fingerprint())
    }

    /// The fingerprint, or the 16 digits of the key id where no more is known; upper-case hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&Fingerprint> for KeyHandle {
    fn from(fingerprint: &Fingerprint) -> Self {
        Self(hex(fingerprint.as_bytes()))
    }
}

impl From<&KeyId> for KeyHandle {
    fn from(id: &KeyId) -> Self {
        Self(hex(id.as_ref()))
    }
}

impl fmt::Display for KeyHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Who made a good signature, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Fingerprint of the primary key.
    pub certificate: String,
    /// Fingerprint of the key that signed: a subkey's, or the primary key's again.
    pub key: String,
    /// A name that the primary key vouches for, where it has one.
    pub user_id: Option<String>,
    /// Seconds since 1970, as the signer says.
    pub signed_at: i64,
    /// Digest of the signature, as `SHA512`.
    pub digest: String,
}

/// What was found about one signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The key that the signature names.
    pub key: Option<KeyHandle>,
    /// Why it does not count; none if it does.
    pub problem: Option<Problem>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.problem, &self.key) {
            (Some(problem), _) => problem.fmt(f),
            (None, Some(key)) => write!(f, "signed by {key}"),
            (None, None) => f.write_str("signed"),
        }
    }
}

/// Bytes whose signature is good, and who signed them. Only verification makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    bytes: Vec<u8>,
    signers: Vec<Signer>,
    findings: Vec<Finding>,
}

impl Verified {
    /// Exactly what was signed. Of a cleartext message: its lines without escapes and without white space
    /// at their ends, which no signature covers, separated by line feeds.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// At least one.
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }

    /// What was found about every signature, also those that do not count.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

/// Checks a cleartext-signed message (RFC 9580, section 7), as `InRelease` is one.
///
/// The whole input has to be the message: text before or after it, which a careless reader would take for
/// signed, is refused.
pub fn verify_cleartext(
    message: &[u8],
    keyring: &Keyring,
    policy: &Policy,
) -> Result<Verified, OpenPgpError> {
    bounded(message, MAX_MESSAGE)?;
    let (text, signature) = cleartext::split(message).map_err(OpenPgpError::Cleartext)?;
    bounded(signature, MAX_SIGNATURES_SIZE)?;
    let signatures = read_signatures(signature, true)?;
    verify(text, &signatures, SignatureType::Text, keyring, policy)
}

/// Checks a detached signature, binary or armoured, as `Release.gpg` is one.
pub fn verify_detached(
    contents: &[u8],
    signature: &[u8],
    keyring: &Keyring,
    policy: &Policy,
) -> Result<Verified, OpenPgpError> {
    bounded(contents, MAX_MESSAGE)?;
    bounded(signature, MAX_SIGNATURES_SIZE)?;
    let signatures = read_signatures(signature, false)?;
    verify(
        contents.to_vec(),
        &signatures,
        SignatureType::Binary,
        keyring,
        policy,
    )
}

fn bounded(bytes: &[u8], limit: usize) -> Result<(), OpenPgpError> {
    if bytes.len() > limit {
        return Err(OpenPgpError::TooLarge {
            limit,
            size: bytes.len(),
        });
    }
    Ok(())
}

/// A signature, or why it cannot be read.
type Read = Result<Signature, String>;

fn read_signatures(bytes: &[u8], armored: bool) -> Result<Vec<Read>, OpenPgpError> {
    let damaged = |why: &str| OpenPgpError::Signature(why.to_owned());
    if bytes.trim_ascii().is_empty() {
        return Err(OpenPgpError::NoSignature);
    }
    if armored && !armor::is_armored(bytes) {
        return Err(damaged("it does not begin with an armour header"));
    }
    let bytes = armor::decode(bytes, armor::SIGNATURE).map_err(damaged)?;
    let packets = packets::split(&bytes, MAX_SIGNATURES).map_err(|error| match error {
        SplitError::TooMany => OpenPgpError::TooManySignatures(MAX_SIGNATURES),
        SplitError::Malformed(why) => OpenPgpError::Signature(why),
    })?;
    let mut signatures = Vec::new();
    for framed in packets {
        match (framed.tag, framed.packet) {
            (_, Ok(Packet::Signature(signature))) => signatures.push(Ok(signature)),
            (Tag::Signature, Err(why)) => signatures.push(Err(why)),
            (Tag::Marker | Tag::Padding, _) => {}
            (other, _) => return Err(OpenPgpError::Signature(format!("there is a {other:?} in it"))),
        }
    }
    if signatures.is_empty() {
        return Err(OpenPgpError::NoSignature);
    }
    Ok(signatures)
}

fn verify(
    bytes: Vec<u8>,
    signatures: &[Read],
    kind: SignatureType,
    keyring: &Keyring,
    policy: &Policy,
) -> Result<Verified, OpenPgpError> {
    let mut signers = Vec::new();
    let mut findings = Vec::new();
    for signature in signatures {
        let (key, result) = match signature {
            Ok(signature) => (
                issuers(signature).into_iter().next(),
                check(&bytes, signature, kind, keyring, policy),
            ),
            Err(why) => (None, Err(Problem::Unsupported(why.clone()))),
        };
        let problem = match result {
            Ok(signer) => {
                signers.push(signer);
                None
            }
            Err(problem) => Some(problem),
        };
        findings.push(Finding { key, problem });
    }
    let bad = findings
        .iter()
        .find(|finding| matches!(finding.problem, Some(Problem::Mismatch(_))));
    if let Some(bad) = bad {
        return Err(OpenPgpError::Bad(bad.clone()));
    }
    if signers.is_empty() {
        return Err(OpenPgpError::NotEstablished(findings));
    }
    Ok(Verified {
        bytes,
        signers,
        findings,
    })
}

/// The keys that a signature names, fingerprints first. Only a hint of where to look: what is found has to
/// verify.
fn issuers(signature: &Signature) -> Vec<KeyHandle> {
    let fingerprints = signature.issuer_fingerprint().into_iter().map(KeyHandle::from);
    let ids = signature.issuer_key_id().into_iter().map(KeyHandle::from);
    fingerprints.chain(ids).collect()
}

fn named(signature: &Signature, key: &impl KeyDetails) -> bool {
    let fingerprints = signature.issuer_fingerprint();
    if fingerprints.is_empty() {
        signature.issuer_key_id().contains(&&key.legacy_key_id())
    } else {
        fingerprints.contains(&&key.fingerprint())
    }
}

/// Checks one signature against every key that it may mean; key ids of 64 bits can be made to collide.
fn check(
    bytes: &[u8],
    signature: &Signature,
    kind: SignatureType,
    keyring: &Keyring,
    policy: &Policy,
) -> Result<Signer, Problem> {
    let handle = issuers(signature).into_iter().next().ok_or(Problem::NoIssuer)?;
    let mut problem = None;
    for certificate in &keyring.certificates {
        for key in candidates(certificate, signature) {
            match check_with(bytes, signature, kind, certificate, key, policy) {
                Ok(signer) => return Ok(signer),
                // A key of the same name that fits but may not sign tells more than one that does not fit.
                Err(Problem::Mismatch(_)) if problem.is_some() => {}
                Err(found) => problem = Some(found),
            }
        }
    }
    Err(problem.unwrap_or(Problem::UnknownKey(handle)))
}

/// Which keys of a certificate a signature may mean: the primary key, or the subkey with this index.
fn candidates(certificate: &Certificate, signature: &Signature) -> Vec<Option<usize>> {
    let primary = named(signature, &certificate.primary).then_some(None);
    let subkeys = certificate.subkeys.iter().enumerate();
    let subkeys = subkeys.filter_map(|(index, (key, _))| named(signature, key).then_some(Some(index)));
    primary.into_iter().chain(subkeys).collect()
}

fn check_with(
    bytes: &[u8],
    signature: &Signature,
    kind: SignatureType,
    certificate: &Certificate,
    subkey: Option<usize>,
    policy: &Policy,
) -> Result<Signer, Problem> {
    const WHAT: &str = "signature";
    let subkey = subkey.and_then(|index| certificate.subkeys.get(index));
    let handle = subkey.map_or_else(
        || KeyHandle::of(&certificate.primary),
        |(key, _)| KeyHandle::of(key),
    );
    let config = judge::known(signature)?;
    if config.typ() != kind {
        return Err(Problem::Kind {
            key: handle,
            kind: format!("{:?}", config.typ()),
        });
    }
    // What is cheap to see comes before the mathematics, and damage before what a key may do.
    judge::digest(config.hash_alg, WHAT, &handle, policy)?;
    judge::critical(config, WHAT, &handle)?;
    let fits = match subkey {
        Some((key, _)) => signature.verify(key, bytes),
        None => signature.verify(&certificate.primary, bytes),
    };
    fits.map_err(|_| Problem::Mismatch(handle.clone()))?;
    let made = judge::made(config, WHAT, &handle)?;
    if made > policy.latest() {
        return Err(Problem::SignatureFromFuture { key: handle, made });
    }
    if let Some(on) = judge::expiry(signature, made)
        && on <= policy.now()
        && !policy.allows(super::Override::ExpiredKey)
    {
        return Err(Problem::SignatureExpired { key: handle, on });
    }
    let usable = match subkey {
        Some(subkey) => Usable::subkey(certificate, subkey, made, policy)?,
        None => Usable::primary(certificate, made, policy)?,
    };
    Ok(Signer {
        certificate: certificate.fingerprint(),
        key: handle.as_str().to_owned(),
        user_id: usable.user_id,
        signed_at: made,
        digest: config.hash_alg.to_string(),
    })
}
