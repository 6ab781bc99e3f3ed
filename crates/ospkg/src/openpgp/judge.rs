//! What is asked of any one signature, whatever it is about.

use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureConfig, SignatureVersion, SubpacketData};
use pgp::ser::Serialize as _;
use pgp::types::{KeyDetails, PublicParams};

use super::{KeyHandle, Override, Policy, Problem};

/// RSA keys shorter than this can be broken, or soon will be.
const MIN_RSA_BITS: u16 = 2048;

/// The signature's contents, if it is of a version that hashes what it says about itself.
pub(super) fn known(signature: &Signature) -> Result<&SignatureConfig, Problem> {
    match (signature.version(), signature.config()) {
        (SignatureVersion::V4 | SignatureVersion::V6, Some(config)) => Ok(config),
        (version, _) => Err(Problem::Unsupported(format!(
            "signatures of version {}",
            u8::from(version)
        ))),
    }
}

/// Refuses digests that collide.
pub(super) fn digest(
    digest: HashAlgorithm,
    what: &'static str,
    key: &KeyHandle,
    policy: &Policy,
) -> Result<(), Problem> {
    match digest {
        HashAlgorithm::Sha224
        | HashAlgorithm::Sha256
        | HashAlgorithm::Sha384
        | HashAlgorithm::Sha512
        | HashAlgorithm::Sha3_256
        | HashAlgorithm::Sha3_512 => Ok(()),
        HashAlgorithm::Sha1 if policy.allows(Override::WeakDigest) => Ok(()),
        other => Err(Problem::WeakDigest {
            key: key.clone(),
            what,
            digest: other.to_string(),
        }),
    }
}

/// Refuses keys that are too short or of a kind that nobody should use any more.
pub(super) fn strength(key: &impl KeyDetails, policy: &Policy) -> Result<(), Problem> {
    let weak = |what: String| {
        if policy.allows(Override::WeakKey) {
            return Ok(());
        }
        let key = KeyHandle::of(key);
        Err(Problem::WeakKey { key, what })
    };
    match key.public_params() {
        PublicParams::RSA(params) => {
            // The encoding begins with the modulus, and that with its length in bits.
            let bytes = params.to_bytes().unwrap_or_default();
            let bits = bytes.first_chunk().map_or(0, |bits| u16::from_be_bytes(*bits));
            if bits < MIN_RSA_BITS {
                return weak(format!("RSA of {bits} bits"));
            }
            Ok(())
        }
        PublicParams::DSA(_) => weak("DSA".to_owned()),
        PublicParams::ECDSA(_)
        | PublicParams::EdDSALegacy(_)
        | PublicParams::Ed25519(_)
        | PublicParams::Ed448(_) => Ok(()),
        _ => Err(Problem::NotForSigning(KeyHandle::of(key))),
    }
}

/// Refuses what the signer says must be understood and is not (RFC 9580, section 5.2.3.7).
pub(super) fn critical(config: &SignatureConfig, what: &'static str, key: &KeyHandle) -> Result<(), Problem> {
    for subpacket in config
        .hashed_subpackets()
        .filter(|subpacket| subpacket.is_critical)
    {
        let demand = match &subpacket.data {
            SubpacketData::Notation(notation) => {
                let name: String = String::from_utf8_lossy(&notation.name).chars().take(80).collect();
                format!("the notation {name:?}")
            }
            SubpacketData::Experimental(id, _) | SubpacketData::Other(id, _) => format!("subpacket {id}"),
            // These would limit what the signature is good for, in ways that are not looked at.
            SubpacketData::RegularExpression(_) => "a regular expression".to_owned(),
            SubpacketData::IntendedRecipientFingerprint(_) => "an intended recipient".to_owned(),
            SubpacketData::SignatureTarget(..) => "a signature target".to_owned(),
            _ => continue,
        };
        return Err(Problem::Critical {
            key: key.clone(),
            what,
            demand,
        });
    }
    Ok(())
}

/// When the signature says it was made: once, under its own protection.
pub(super) fn made(config: &SignatureConfig, what: &'static str, key: &KeyHandle) -> Result<i64, Problem> {
    let mut times = config
        .hashed_subpackets()
        .filter_map(|subpacket| match subpacket.data {
            SubpacketData::SignatureCreationTime(time) => Some(i64::from(time.as_secs())),
            _ => None,
        });
    match (times.next(), times.next()) {
        (Some(time), None) => Ok(time),
        _ => Err(Problem::NoTime {
            key: key.clone(),
            what,
        }),
    }
}

/// When the signature itself expires.
pub(super) fn expiry(signature: &Signature, made: i64) -> Option<i64> {
    signature
        .signature_expiration_time()
        .map(|after| i64::from(after.as_secs()))
        .filter(|&after| after != 0)
        .map(|after| made.saturating_add(after))
}
