//! Private keys: made, read, written, and used to sign.

use crate::format::lossy;
use std::sync::Arc;

use num_bigint::BigUint;
use p256::{ecdsa::signature::Signer as _, elliptic_curve::sec1::ToSec1Point as _};
use rsa::{
    Pkcs1v15Sign, RsaPrivateKey,
    pkcs1::{DecodeRsaPrivateKey as _, EncodeRsaPrivateKey as _, EncodeRsaPublicKey as _},
};
use sha2::Digest as _;

use super::{
    super::{
        args::{Outcome, string},
        keys::{Size, rsa_key},
        random::Rng,
    },
    der::{self, INTEGER, NULL, OBJECT, OCTET_STRING, SEQUENCE},
    pem,
};
use crate::{call::Call, value::Value};

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const RSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0b];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// A private key.
pub(super) enum PrivateKey {
    Rsa(Arc<RsaPrivateKey>),
    P256(p256::SecretKey),
    Ed25519(ed25519_dalek::SigningKey),
    /// One that is carried but not used: of another curve, or for DSA.
    Other,
}

/// `genPrivateKey`.
pub(super) fn generate(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let kind = string(args, 0)?;
    let key = match kind.as_bytes() {
        b"" | b"rsa" => PrivateKey::Rsa(rsa_key(call, Size::Bits4096)?),
        b"dsa" => {
            call.budget.step(1_000_000)?;
            return Ok(dsa(&mut Rng::draw(call.world)).into());
        }
        b"ecdsa" => {
            call.budget.step(100_000)?;
            let mut rng = Rng::draw(call.world);
            loop {
                // Nearly every number is a key; those that are too large are not.
                let bytes: [u8; 32] = rng.array();
                if let Ok(key) = p256::SecretKey::from_slice(&bytes) {
                    break PrivateKey::P256(key);
                }
            }
        }
        b"ed25519" => {
            call.budget.step(100_000)?;
            let seed = Rng::draw(call.world).array();
            PrivateKey::Ed25519(ed25519_dalek::SigningKey::from_bytes(&seed))
        }
        _ => return Ok(Value::string([b"Unknown type ", kind.as_bytes()].concat())),
    };
    Ok(key.to_pem().into())
}

/// A key for DSA over parameters that anybody may share.
fn dsa(rng: &mut Rng) -> String {
    let [prime, order, generator] =
        DSA.map(|hex| BigUint::parse_bytes(hex.as_bytes(), 16).unwrap_or_default());
    let number: [u8; 64] = rng.array();
    let secret = BigUint::from_bytes_be(&number) % (&order - 1_u32) + 1_u32;
    let public = generator.modpow(&secret, &prime);
    let mut parts = vec![der::integer(&[0])];
    parts.extend([prime, order, generator, public, secret].map(|number| der::integer(&number.to_bytes_be())));
    pem::encode("DSA PRIVATE KEY", &der::sequence(&parts))
}

/// A prime of 2048 bits, one of 256 bits that divides what is below it, and a generator.
const DSA: [&str; 3] = [
    "8a281b5cd3f5d9868136776e8c1232f3f8f0bae442deea24a448bd185372addef16c3a497304a0db3e0d43dfb5741519\
     3faab156489154ce54254c82bd4491ea46a909a5e8b73088f6ad72bc69b18b92b08db68afc1d2c3fc2f54f9a47410af2\
     0d07ce394100cbf305156c2e531ef8b542b1d102d7c49a48430010c4960c82456775fbff8a9eab3d80121f40dc35ff1c\
     874807a0e03c99b58769f32661ad2b7c01de68dbffb576f3746a2832c70f74630ef27dbc5816e3d5eaef5c37af7e7ba2\
     5a3b7fd6a1dc457b18b19025f6df9362fe83f6fa7c33d8ae68e8649f5f60e6810333d3c24f12546554183e713f3a13bc\
     ed4febc425b8ee2e0eabdbbc117952cd",
    "e7a574a59621d79f3f3aa9be6704e2dcc69e74194a221bdadd35e740f3a0968f",
    "3e9b0724183e1024a426a5116fa083452c21a50c0cf9c9d55ea7307df6630ff6313561a4b10ee99c7ea691711166eb62\
     7baedaf0d19c409f92b6d9179df3806b57483c9f22962a3a7f364757dafda403be6d3fdfebf203a941b2f75077598e29\
     6b769a5ba0c7cd221dd36e9b1cbcde3e95c40d68252bdd2fd20c40c88dee9f36cd3ed70ac507c9d33f43a408a5aa5f51\
     d5a787d70c66b7be04d70ce828f2c7bd7bdb34e4baf9246784faa7612d47d32c878458c791fb96d87178d64bfe6fcd09\
     277da0bdf4a9a14104c5bec44b2dab605e3356ed74960130e6cc7aa01eb5afb15992addb23238150b0c6a902d6da68bb\
     b393d583bc0f952ed648ae544689d34c",
];

impl PrivateKey {
    /// Reads the first key in a text; the error has the text of Sprig's.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let block = pem::decode(text).ok_or("no PEM data in input")?;
        let label = lossy(&block.label).into_owned();
        let bytes = &block.bytes;
        if label == "PRIVATE KEY" {
            return Self::pkcs8(bytes).map_err(|error| format!("decoding PEM as PKCS#8: {error}"));
        }
        let Some(kind) = label.strip_suffix(" PRIVATE KEY") else {
            return Err(format!("no private key data in PEM block of type {label}"));
        };
        match kind {
            "RSA" => Self::rsa(bytes).map_err(|error| format!("parsing RSA private key from PEM: {error}")),
            "EC" => {
                Self::ec(bytes, None).map_err(|error| format!("parsing EC private key from PEM: {error}"))
            }
            "DSA" => match der::expect(&mut bytes.as_slice(), SEQUENCE) {
                Some(_) => Ok(Self::Other),
                None => Err(
                    "parsing DSA private key from PEM: asn1: structure error: tags don't match".to_owned(),
                ),
            },
            kind => Err(format!("invalid private key type {kind}")),
        }
    }

    fn rsa(bytes: &[u8]) -> Result<Self, String> {
        RsaPrivateKey::from_pkcs1_der(bytes)
            .map(|key| Self::Rsa(Arc::new(key)))
            .map_err(|error| error.to_string())
    }

    /// Reads a key of SEC 1; the curve may have been told outside of it.
    fn ec(bytes: &[u8], curve: Option<&[u8]>) -> Result<Self, String> {
        let malformed = || "x509: failed to parse EC private key".to_owned();
        let mut rest = der::expect(&mut &*bytes, SEQUENCE).ok_or_else(malformed)?.content;
        der::expect(&mut rest, INTEGER).ok_or_else(malformed)?;
        let secret = der::expect(&mut rest, OCTET_STRING)
            .ok_or_else(malformed)?
            .content;
        let told = der::expect(&mut rest, 0xa0).and_then(|told| der::expect(&mut { told.content }, OBJECT));
        match curve.or(told.map(|told| told.content)) {
            Some(P256) => p256::SecretKey::from_slice(secret)
                .map(Self::P256)
                .map_err(|error| error.to_string()),
            Some(_) => Ok(Self::Other),
            None => Err("x509: unknown elliptic curve".to_owned()),
        }
    }

    fn pkcs8(bytes: &[u8]) -> Result<Self, String> {
        let malformed = || "asn1: structure error: tags don't match".to_owned();
        let mut rest = der::expect(&mut &*bytes, SEQUENCE).ok_or_else(malformed)?.content;
        der::expect(&mut rest, INTEGER).ok_or_else(malformed)?;
        let mut algorithm = der::expect(&mut rest, SEQUENCE).ok_or_else(malformed)?.content;
        let key = der::expect(&mut rest, OCTET_STRING)
            .ok_or_else(malformed)?
            .content;
        match der::expect(&mut algorithm, OBJECT).ok_or_else(malformed)?.content {
            RSA => Self::rsa(key),
            EC => Self::ec(
                key,
                der::expect(&mut algorithm, OBJECT).map(|curve| curve.content),
            ),
            ED25519 => {
                let seed =
                    der::expect(&mut { key }, OCTET_STRING).and_then(|seed| seed.content.try_into().ok());
                let seed = seed.ok_or("x509: invalid Ed25519 private key length")?;
                Ok(Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(seed)))
            }
            _ => Err("x509: PKCS#8 wrapping contained private key with unknown algorithm".to_owned()),
        }
    }

    /// As Sprig writes it.
    pub(super) fn to_pem(&self) -> String {
        match self {
            Self::Rsa(key) => match key.to_pkcs1_der() {
                Ok(bytes) => pem::encode("RSA PRIVATE KEY", bytes.as_bytes()),
                Err(_) => String::new(),
            },
            Self::P256(key) => {
                let parts = [
                    der::integer(&[1]),
                    der::value(OCTET_STRING, &key.to_bytes()),
                    der::value(0xa0, &der::value(OBJECT, P256)),
                    der::value(0xa1, &der::bits(&point(key))),
                ];
                pem::encode("EC PRIVATE KEY", &der::sequence(&parts))
            }
            Self::Ed25519(key) => {
                let parts = [
                    der::integer(&[0]),
                    der::sequence(&[der::value(OBJECT, ED25519)]),
                    der::value(OCTET_STRING, &der::value(OCTET_STRING, key.as_bytes())),
                ];
                pem::encode("PRIVATE KEY", &der::sequence(&parts))
            }
            Self::Other => String::new(),
        }
    }

    /// The public key by itself: what its identifier is made of.
    fn public_bits(&self) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(key) => Some(key.to_public_key().to_pkcs1_der().ok()?.as_bytes().to_vec()),
            Self::P256(key) => Some(point(key)),
            Self::Ed25519(key) => Some(key.verifying_key().as_bytes().to_vec()),
            Self::Other => None,
        }
    }

    /// The public key with what kind of key it is.
    pub(super) fn public(&self) -> Option<Vec<u8>> {
        let algorithm = match self {
            Self::Rsa(_) => [der::value(OBJECT, RSA), der::value(NULL, &[])].concat(),
            Self::P256(_) => [der::value(OBJECT, EC), der::value(OBJECT, P256)].concat(),
            _ => der::value(OBJECT, ED25519),
        };
        Some(der::sequence(&[
            der::value(SEQUENCE, &algorithm),
            der::bits(&self.public_bits()?),
        ]))
    }

    /// What Go gives an authority as identifier of its key.
    pub(super) fn identifier(&self) -> Option<Vec<u8>> {
        let hash = sha2::Sha256::digest(self.public_bits()?);
        hash.get(..20).map(<[u8]>::to_vec)
    }

    /// How signatures of this key are called in a certificate.
    pub(super) fn signature_algorithm(&self) -> Vec<u8> {
        match self {
            Self::Rsa(_) => der::sequence(&[der::value(OBJECT, RSA_WITH_SHA256), der::value(NULL, &[])]),
            Self::P256(_) => der::sequence(&[der::value(OBJECT, ECDSA_WITH_SHA256)]),
            _ => der::sequence(&[der::value(OBJECT, ED25519)]),
        }
    }

    /// A signature; `None` if this key cannot make one.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(key) => {
                let hash = sha2::Sha256::digest(message);
                key.sign(Pkcs1v15Sign::new::<rsa::sha2::Sha256>(), &hash).ok()
            }
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = p256::ecdsa::SigningKey::from(key).sign(message);
                Some(signature.to_der().as_bytes().to_vec())
            }
            Self::Ed25519(key) => {
                use ed25519_dalek::Signer as _;
                Some(key.sign(message).to_bytes().to_vec())
            }
            Self::Other => None,
        }
    }
}

/// The public point, not compressed.
fn point(key: &p256::SecretKey) -> Vec<u8> {
    key.public_key().to_sec1_point(false).as_bytes().to_vec()
}
