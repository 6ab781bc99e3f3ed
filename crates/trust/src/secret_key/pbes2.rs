//! Encrypted PKCS#8: `EncryptedPrivateKeyInfo` with PBES2 (RFC 5958, RFC 8018, RFC 7914).

use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::{Decode as _, Encode as _, ErrorKind};
use pkcs8::pkcs5::{self, EncryptionScheme, pbes2};
use zeroize::Zeroizing;

use super::{check_scrypt, random};
use crate::KeyError;

pub(super) const LABEL: &str = "ENCRYPTED PRIVATE KEY";

/// OpenSSL opens scrypt up to 32 MiB, so N = 2^14 with r = 8 (16 MiB), and p = 5 makes up for it: one of
/// the equally strong settings that OWASP's password storage cheat sheet lists.
const LOG_N: u8 = 14;
const R: u32 = 8;
const P: u32 = 5;

/// Seconds on a slow machine; OpenSSL writes 2,048 and careful people up to a million.
const MAX_ITERATIONS: u32 = 10_000_000;

pub(super) fn encrypt(der: &[u8], password: &[u8]) -> Result<Vec<u8>, KeyError> {
    const VALID: &str = "fixed parameters are valid";
    let params = pkcs5::scrypt::Params::new(LOG_N, R, P).expect(VALID);
    let scheme = pbes2::Parameters::generate_scrypt_aes256cbc(params, &*random::<16>()?, *random::<16>()?)
        .expect(VALID);
    let encrypted = scheme.encrypt(password, der).expect(VALID);
    let info = EncryptedPrivateKeyInfoRef {
        encryption_algorithm: scheme.into(),
        encrypted_data: OctetStringRef::new(&encrypted).expect("a key is short"),
    };
    Ok(info.to_der().expect("a key is short"))
}

pub(super) fn decrypt(der: &[u8], password: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let info = EncryptedPrivateKeyInfoRef::from_der(der).map_err(|error| match error.kind() {
        ErrorKind::OidUnknown { oid } => KeyError::Encryption(oid.to_string()),
        _ => KeyError::Malformed("it is no EncryptedPrivateKeyInfo"),
    })?;
    let EncryptionScheme::Pbes2(scheme) = &info.encryption_algorithm else {
        return Err(KeyError::Encryption("PBES1".to_owned()));
    };
    match &scheme.kdf {
        pbes2::Kdf::Scrypt(params) => {
            check_scrypt(
                params.cost_parameter,
                params.block_size.into(),
                params.parallelization.into(),
            )?;
        }
        pbes2::Kdf::Pbkdf2(params) if params.iteration_count > MAX_ITERATIONS => {
            return Err(KeyError::TooCostly(format!(
                "PBKDF2 with {} iterations",
                params.iteration_count
            )));
        }
        pbes2::Kdf::Pbkdf2(params) if params.prf == pbes2::Pbkdf2Prf::HmacWithSha1 => {
            return Err(KeyError::Encryption("PBKDF2 with SHA-1".to_owned()));
        }
        pbes2::Kdf::Pbkdf2(_) => {}
        other => return Err(KeyError::Encryption(other.oid().to_string())),
    }
    let mut buffer = Zeroizing::new(info.encrypted_data.as_bytes().to_vec());
    let length = scheme
        .decrypt_in_place(password, &mut buffer)
        .map_err(|error| match error {
            pkcs5::Error::UnsupportedAlgorithm { oid } => KeyError::Encryption(oid.to_string()),
            pkcs5::Error::AlgorithmParametersInvalid { .. } => {
                KeyError::Malformed("its encryption parameters are invalid")
            }
            _ => KeyError::WrongPassword,
        })?
        .len();
    buffer.truncate(length);
    Ok(buffer)
}
