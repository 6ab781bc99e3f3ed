use std::fmt;
use std::sync::Arc;

use p256::ecdsa::VerifyingKey;
use pkcs8::der::Decode as _;
use pkcs8::{ObjectIdentifier, SubjectPublicKeyInfoRef};

use crate::{KeyError, KeyId, pem};

pub(crate) const LABEL: &str = "PUBLIC KEY";

/// A `SubjectPublicKeyInfo` up to its point: `id-ecPublicKey`, `prime256v1`, then a bit string of 65
/// bytes (RFC 5480).
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// An ECDSA P-256 key that signatures are checked with.
///
/// A point that came compressed is kept uncompressed, as OpenSSL and cosign write it, so that one key has
/// one identifier.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    key: VerifyingKey,
    der: Arc<[u8]>,
    id: KeyId,
}

impl PublicKey {
    pub(crate) fn new(key: VerifyingKey) -> Self {
        let der: Arc<[u8]> = [&SPKI_PREFIX[..], key.to_sec1_point(false).as_bytes()]
            .concat()
            .into();
        Self {
            key,
            id: KeyId::of_der(&der),
            der,
        }
    }

    /// Reads a PEM file with a `PUBLIC KEY` block, as OpenSSL and cosign write it.
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        let label = pem::label(text)?;
        if label != LABEL {
            return Err(KeyError::Label {
                expected: "public",
                label,
            });
        }
        Self::from_der(&pem::decode(text)?)
    }

    /// Reads a `SubjectPublicKeyInfo` (RFC 5480).
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let info = SubjectPublicKeyInfoRef::from_der(der)
            .map_err(|_| KeyError::Malformed("it is no SubjectPublicKeyInfo"))?;
        check_algorithm(info.algorithm)?;
        let point = info
            .subject_public_key
            .as_bytes()
            .ok_or(KeyError::Malformed("the point is no whole number of bytes"))?;
        VerifyingKey::from_sec1_bytes(point)
            .map(Self::new)
            .map_err(|_| KeyError::Malformed("the point is not on the curve"))
    }

    /// The `PUBLIC KEY` block, as `openssl pkey -pubin` writes it.
    pub fn to_pem(&self) -> String {
        pem::encode(LABEL, &self.der).to_string()
    }

    /// The `SubjectPublicKeyInfo` whose SHA-256 is the key identifier.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// The name of this key.
    pub fn key_id(&self) -> KeyId {
        self.id
    }

    /// Whether `signature` is this key's over the SHA-256 `digest`.
    pub(crate) fn accepts(&self, digest: &[u8; 32], signature: &p256::ecdsa::Signature) -> bool {
        use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
        self.key.verify_prehash(digest, signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PublicKey").field(&self.id).finish()
    }
}

/// Refuses everything but ECDSA P-256, by name where the name is known.
pub(crate) fn check_algorithm(algorithm: pkcs8::AlgorithmIdentifierRef<'_>) -> Result<(), KeyError> {
    const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
    const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
    let oid = if algorithm.oid == EC {
        match algorithm.parameters_oid() {
            Ok(P256) => return Ok(()),
            Ok(curve) => curve,
            Err(_) => return Err(KeyError::Algorithm("EC with an unnamed curve".to_owned())),
        }
    } else {
        algorithm.oid
    };
    let text = oid.to_string();
    let name = match text.as_str() {
        "1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.10" => "RSA",
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        "1.3.132.0.34" => "EC on curve P-384",
        "1.3.132.0.35" => "EC on curve P-521",
        "1.3.132.0.10" => "EC on curve secp256k1",
        "1.2.840.10045.2.1" => "EC",
        other => other,
    };
    Err(KeyError::Algorithm(name.to_owned()))
}
