use airlock_types::Digest;
use airlock_types::json::{self, JsonError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::Signature;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::{KeyId, SecretKey};

/// The media type of a Sigstore bundle v0.3, the only version read or written.
pub const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

const ALGORITHM: &str = "SHA2_256";

/// A Sigstore bundle v0.3 with a message signature by a key that the reader already has.
///
/// Having one means that the file is well formed, not that its signature is good: that is for
/// [`verify`](crate::verify()) to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigstoreBundle {
    hint: KeyId,
    digest: [u8; 32],
    der: Vec<u8>,
    signature: Signature,
    unchecked: Vec<Unchecked>,
}

/// Evidence that a Sigstore bundle carries and that plays no part when the key itself is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unchecked {
    /// Entries of a transparency log.
    TransparencyLog,
    /// RFC 3161 timestamps.
    Timestamp,
}

impl std::fmt::Display for Unchecked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::TransparencyLog => "transparency log entry",
            Self::Timestamp => "timestamp",
        })
    }
}

/// Why one signature file does not count.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// Not JSON, or not of the right shape; duplicate keys are refused here.
    #[error("the signature file is not a Sigstore bundle")]
    Json(#[source] JsonError),
    /// Another version of the format, or another format.
    #[error("the signature format is not supported: {0:?}")]
    MediaType(String),
    /// A DSSE envelope instead of a signature over the index itself.
    #[error("DSSE envelopes are not supported here")]
    DsseEnvelope,
    /// A certificate instead of a key.
    #[error("signatures by certificate are not supported here")]
    Certificate,
    /// A part that must be there is not.
    #[error("the signature file lacks a part: {0}")]
    Missing(&'static str),
    /// The key hint names no key.
    #[error("the key hint is no SHA-256 of a key: {0:?}")]
    Hint(String),
    /// The digest is of another algorithm.
    #[error("the digest algorithm of the signature is not {ALGORITHM}: {0:?}")]
    DigestAlgorithm(String),
    /// A value is no base64, or has the wrong length.
    #[error("a value of the signature file is not valid: {0}")]
    Value(&'static str),
    /// The signature was made over other bytes.
    #[error("the signature is for another index, which has the digest {stated}, not {actual}")]
    Digest {
        /// What the signature file says was signed.
        stated: Box<Digest>,
        /// What the index hashes to.
        actual: Box<Digest>,
    },
    /// The digest is right but the key did not sign it.
    #[error("the signature was not made by the key that it names: {0}")]
    Wrong(KeyId),
}

impl SignatureError {
    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::MediaType(_) | Self::DsseEnvelope | Self::Certificate => Some(format!(
                "sign the index with a key, in the format {MEDIA_TYPE}: `airlock sign`, or `cosign sign-blob --key … --bundle …`"
            )),
            Self::Digest { .. } | Self::Wrong(_) => Some(
                "the index was changed after it was signed, or the signature belongs to another index; get the bundle again"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// Signs `bytes`, deterministically (RFC 6979): one key and one input give one file.
///
/// The signature is over the bytes themselves, hashed with SHA-256, as `openssl dgst -sha256 -sign` and
/// `cosign sign-blob` make it.
pub fn sign_blob(key: &SecretKey, bytes: &[u8]) -> SigstoreBundle {
    let digest = airlock_hash::sha256(bytes);
    let signature = key.sign_digest(&digest);
    SigstoreBundle {
        hint: key.public().key_id(),
        digest,
        der: signature.to_der().as_bytes().to_vec(),
        signature,
        unchecked: Vec::new(),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    media_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    #[expect(
        dead_code,
        reason = "checked before, in `Head`; named here so that it is no unknown field"
    )]
    media_type: IgnoredAny,
    verification_material: Option<Material>,
    message_signature: Option<MessageSignature>,
    dsse_envelope: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Material {
    public_key: Option<PublicKeyIdentifier>,
    certificate: Option<IgnoredAny>,
    x509_certificate_chain: Option<IgnoredAny>,
    tlog_entries: Option<Vec<IgnoredAny>>,
    timestamp_verification_data: Option<Timestamps>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PublicKeyIdentifier {
    hint: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Timestamps {
    rfc3161_timestamps: Option<Vec<IgnoredAny>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MessageSignature {
    message_digest: Option<HashOutput>,
    signature: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HashOutput {
    algorithm: String,
    digest: String,
}

impl SigstoreBundle {
    /// Reads a signature file, refusing what is not exactly a key-signed message signature.
    ///
    /// The key hint may be the key identifier in hex, as Airlock writes it, or in base64, as cosign does.
    pub fn parse(bytes: &[u8]) -> Result<Self, SignatureError> {
        let head: Head = json::from_slice(bytes).map_err(SignatureError::Json)?;
        if head.media_type != MEDIA_TYPE {
            return Err(SignatureError::MediaType(clip(&head.media_type)));
        }
        let document: Document = json::from_slice(bytes).map_err(SignatureError::Json)?;
        if document.dsse_envelope.is_some() {
            return Err(SignatureError::DsseEnvelope);
        }
        let material = document
            .verification_material
            .ok_or(SignatureError::Missing("verificationMaterial"))?;
        if material.certificate.is_some() || material.x509_certificate_chain.is_some() {
            return Err(SignatureError::Certificate);
        }
        let hint = material
            .public_key
            .ok_or(SignatureError::Missing("verificationMaterial.publicKey"))?
            .hint
            .ok_or(SignatureError::Missing("verificationMaterial.publicKey.hint"))?;
        let message = document
            .message_signature
            .ok_or(SignatureError::Missing("messageSignature"))?;
        let digest = message
            .message_digest
            .ok_or(SignatureError::Missing("messageSignature.messageDigest"))?;
        if digest.algorithm != ALGORITHM {
            return Err(SignatureError::DigestAlgorithm(clip(&digest.algorithm)));
        }
        let der = message
            .signature
            .ok_or(SignatureError::Missing("messageSignature.signature"))?;
        let der = STANDARD
            .decode(der)
            .map_err(|_| SignatureError::Value("messageSignature.signature"))?;

        let mut unchecked = Vec::new();
        if material.tlog_entries.is_some_and(|entries| !entries.is_empty()) {
            unchecked.push(Unchecked::TransparencyLog);
        }
        let timestamps = material.timestamp_verification_data;
        if timestamps
            .and_then(|data| data.rfc3161_timestamps)
            .is_some_and(|timestamps| !timestamps.is_empty())
        {
            unchecked.push(Unchecked::Timestamp);
        }
        Ok(Self {
            hint: read_hint(&hint)?,
            digest: read_sha256(&digest.digest)
                .ok_or(SignatureError::Value("messageSignature.messageDigest.digest"))?,
            signature: Signature::from_der(&der)
                .map_err(|_| SignatureError::Value("messageSignature.signature"))?,
            der,
            unchecked,
        })
    }

    /// The file: canonical JSON, so that equal signatures are equal bytes.
    pub fn to_json(&self) -> Vec<u8> {
        json::to_canonical(&json!({
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": {"publicKey": {"hint": self.hint}},
            "messageSignature": {
                "messageDigest": {"algorithm": ALGORITHM, "digest": STANDARD.encode(self.digest)},
                "signature": STANDARD.encode(&self.der),
            },
        }))
    }

    /// Where a bundle keeps it, [`KeyId::signature_path`] of the key it names.
    pub fn path(&self) -> String {
        self.hint.signature_path()
    }

    /// The key that is said to have signed. Not authenticated: it only finds the key to check with.
    pub fn key_hint(&self) -> KeyId {
        self.hint
    }

    /// The SHA-256 of what is said to be signed.
    pub fn digest(&self) -> Digest {
        Digest::sha256(self.digest)
    }

    /// The signature alone, ASN.1 DER, as `openssl dgst -sha256 -verify KEY -signature FILE` takes it.
    pub fn der_signature(&self) -> &[u8] {
        &self.der
    }

    /// Evidence in the file that is not looked at.
    pub fn unchecked(&self) -> &[Unchecked] {
        &self.unchecked
    }

    pub(crate) fn signature(&self) -> &Signature {
        &self.signature
    }
}

fn read_sha256(base64: &str) -> Option<[u8; 32]> {
    STANDARD.decode(base64).ok()?.try_into().ok()
}

fn read_hint(text: &str) -> Result<KeyId, SignatureError> {
    text.parse()
        .ok()
        .or_else(|| read_sha256(text).map(KeyId::from_bytes))
        .ok_or_else(|| SignatureError::Hint(clip(text)))
}

fn clip(text: &str) -> String {
    text.chars().take(200).collect()
}
