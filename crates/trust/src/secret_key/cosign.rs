//! The form of `cosign.key`: JSON in a PEM block, a PKCS#8 key in a NaCl secretbox under scrypt.

use airlock_types::json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::aead::AeadInPlace as _;
use crypto_secretbox::{KeyInit as _, XSalsa20Poly1305};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{check_scrypt, random};
use crate::KeyError;

pub(super) const LABEL: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";
/// What older versions of cosign wrote.
pub(super) const OLD_LABEL: &str = "ENCRYPTED COSIGN PRIVATE KEY";

/// What cosign writes; it refuses all but N = 2^15, 2^16 and 2^17 with r = 8, p = 1.
const PARAMS: Params = Params {
    n: 1 << 16,
    r: 8,
    p: 1,
};
const KDF: &str = "scrypt";
const CIPHER: &str = "nacl/secretbox";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kdf {
    name: String,
    params: Params,
    salt: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cipher {
    name: String,
    nonce: String,
}

pub(super) fn encrypt(der: &[u8], password: &[u8]) -> Result<Vec<u8>, KeyError> {
    let (salt, nonce) = (random::<32>()?, random::<24>()?);
    let cipher = cipher(password, &*salt, &PARAMS)?;
    let mut buffer = Zeroizing::new(Vec::with_capacity(der.len() + 64));
    buffer.extend_from_slice(der);
    cipher
        .encrypt_in_place((&*nonce).into(), b"", &mut *buffer)
        .expect("a vector takes a tag");
    Ok(json::to_canonical(&Envelope {
        kdf: Kdf {
            name: KDF.to_owned(),
            params: PARAMS,
            salt: STANDARD.encode(*salt),
        },
        cipher: Cipher {
            name: CIPHER.to_owned(),
            nonce: STANDARD.encode(*nonce),
        },
        ciphertext: STANDARD.encode(&*buffer),
    }))
}

pub(super) fn decrypt(text: &[u8], password: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let envelope: Envelope =
        json::from_slice(text).map_err(|_| KeyError::Malformed("it is not the JSON that cosign writes"))?;
    if envelope.kdf.name != KDF || envelope.cipher.name != CIPHER {
        let names = format!("{} with {}", envelope.kdf.name, envelope.cipher.name);
        return Err(KeyError::Encryption(names.chars().take(200).collect()));
    }
    let base64 = |text: &str| {
        STANDARD
            .decode(text)
            .map_err(|_| KeyError::Malformed("a value is no base64"))
    };
    let salt = base64(&envelope.kdf.salt)?;
    let nonce: [u8; 24] = base64(&envelope.cipher.nonce)?
        .try_into()
        .map_err(|_| KeyError::Malformed("the nonce needs 24 bytes"))?;
    let mut buffer = Zeroizing::new(base64(&envelope.ciphertext)?);
    cipher(password, &salt, &envelope.kdf.params)?
        .decrypt_in_place((&nonce).into(), b"", &mut *buffer)
        .map_err(|_| KeyError::WrongPassword)?;
    Ok(buffer)
}

fn cipher(password: &[u8], salt: &[u8], params: &Params) -> Result<XSalsa20Poly1305, KeyError> {
    const INVALID: KeyError = KeyError::Malformed("its scrypt parameters are invalid");
    let log_n = check_scrypt(params.n, params.r, params.p)?;
    let params = scrypt::Params::new(log_n, params.r, params.p).map_err(|_| INVALID)?;
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(password, salt, &params, &mut *key).map_err(|_| INVALID)?;
    Ok(XSalsa20Poly1305::new((&*key).into()))
}
