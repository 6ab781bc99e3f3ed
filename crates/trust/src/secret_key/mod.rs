mod cosign;
mod pbes2;

use std::fmt;

use p256::ecdsa::SigningKey;
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::Decode as _;
use pkcs8::{EncodePrivateKey as _, SecretDocument};
use zeroize::Zeroizing;

use crate::public_key::check_algorithm;
use crate::{KeyError, PublicKey, pem};

const PLAIN: &str = "PRIVATE KEY";

/// An ECDSA P-256 key that signs.
///
/// Its memory is zeroized when it is dropped, as are the buffers in which this crate decrypts and encodes
/// it; what the key derivation functions hold while they run is beyond its reach. `Debug` shows the
/// identifier of the public half.
pub struct SecretKey {
    key: SigningKey,
    public: PublicKey,
}

/// How the file that a key came from keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Encrypted under a password.
    Password,
    /// Not at all: an unencrypted file, or one encrypted under the empty password.
    Unprotected,
}

/// The file forms that are read.
#[derive(Clone, Copy)]
enum Form {
    Plain,
    Pkcs8,
    Cosign,
}

impl Form {
    fn of(text: &[u8]) -> Result<Self, KeyError> {
        let label = pem::label(text)?;
        match label.as_str() {
            PLAIN => Ok(Self::Plain),
            pbes2::LABEL => Ok(Self::Pkcs8),
            cosign::LABEL | cosign::OLD_LABEL => Ok(Self::Cosign),
            _ => Err(KeyError::Label {
                expected: "private",
                label,
            }),
        }
    }
}

/// Whether [`SecretKey::from_pem`] needs a password for this file. Does not decrypt.
pub fn needs_password(text: &[u8]) -> Result<bool, KeyError> {
    Ok(match Form::of(text)? {
        Form::Plain => false,
        Form::Pkcs8 | Form::Cosign => true,
    })
}

impl SecretKey {
    /// Makes a new key from the operating system's randomness.
    pub fn generate() -> Result<Self, KeyError> {
        loop {
            let bytes = random::<32>()?;
            // Fails for zero and for what is not below the order of the curve, once in 2^32 times.
            if let Ok(key) = SigningKey::from_slice(&*bytes) {
                return Ok(Self::new(key));
            }
        }
    }

    fn new(key: SigningKey) -> Self {
        let public = PublicKey::new(*key.verifying_key());
        Self { key, public }
    }

    /// Reads a private key file: PKCS#8 (`PRIVATE KEY`), encrypted PKCS#8 (`ENCRYPTED PRIVATE KEY`, PBES2
    /// with scrypt or PBKDF2 and AES), or cosign's form (`ENCRYPTED SIGSTORE PRIVATE KEY`).
    ///
    /// Tells beside the key whether the file protects it, so that a caller can warn. A password given
    /// for an unencrypted file is not used. The work that a file asks for is bounded before it is done:
    /// at most 256 MiB of memory, a few seconds of time.
    pub fn from_pem(text: &[u8], password: Option<&[u8]>) -> Result<(Self, Protection), KeyError> {
        let form = Form::of(text)?;
        let contents = pem::decode(text)?;
        let decrypt = match form {
            Form::Plain => return Ok((Self::from_pkcs8(&contents)?, Protection::Unprotected)),
            Form::Pkcs8 => pbes2::decrypt,
            Form::Cosign => cosign::decrypt,
        };
        let password = password.ok_or(KeyError::PasswordNeeded)?;
        let der = decrypt(&contents, password)?;
        // The padding of CBC lets one wrong password in 256 through; what follows is then no DER.
        let key = Self::from_pkcs8(&der).map_err(|error| match error {
            KeyError::Malformed(_) => KeyError::WrongPassword,
            other => other,
        })?;
        let protection = if password.is_empty() {
            Protection::Unprotected
        } else {
            Protection::Password
        };
        Ok((key, protection))
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let info = PrivateKeyInfoRef::from_der(der)
            .map_err(|_| KeyError::Malformed("it is no PKCS#8 PrivateKeyInfo"))?;
        check_algorithm(info.algorithm)?;
        SigningKey::try_from(info)
            .map(Self::new)
            .map_err(|_| KeyError::Malformed("the private value is no P-256 key"))
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Encrypted PKCS#8 (PBES2: scrypt, AES-256-CBC), which OpenSSL reads.
    pub fn to_encrypted_pkcs8_pem(&self, password: &[u8]) -> Result<Zeroizing<String>, KeyError> {
        refuse_empty(password)?;
        let encrypted = pbes2::encrypt(self.to_pkcs8().as_bytes(), password)?;
        Ok(pem::encode(pbes2::LABEL, &encrypted))
    }

    /// The form of `cosign.key` (scrypt, NaCl secretbox), which cosign reads.
    pub fn to_cosign_pem(&self, password: &[u8]) -> Result<Zeroizing<String>, KeyError> {
        refuse_empty(password)?;
        let encrypted = cosign::encrypt(self.to_pkcs8().as_bytes(), password)?;
        Ok(pem::encode(cosign::LABEL, &encrypted))
    }

    /// PKCS#8 without encryption: whoever reads the file can sign.
    pub fn to_unencrypted_pkcs8_pem(&self) -> Zeroizing<String> {
        pem::encode(PLAIN, self.to_pkcs8().as_bytes())
    }

    fn to_pkcs8(&self) -> SecretDocument {
        self.key
            .to_pkcs8_der()
            .expect("a valid P-256 key has an encoding")
    }

    /// Signs a SHA-256 digest, deterministically (RFC 6979): equal keys and digests give equal bytes.
    pub(crate) fn sign_digest(&self, digest: &[u8; 32]) -> p256::ecdsa::Signature {
        use p256::ecdsa::signature::hazmat::PrehashSigner as _;
        self.key
            .sign_prehash(digest)
            .expect("a digest of full length can be signed")
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey")
            .field("public", &self.public.key_id())
            .finish_non_exhaustive()
    }
}

fn refuse_empty(password: &[u8]) -> Result<(), KeyError> {
    if password.is_empty() {
        Err(KeyError::EmptyPassword)
    } else {
        Ok(())
    }
}

fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, KeyError> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(KeyError::Random)?;
    Ok(bytes)
}

/// Checks scrypt parameters from a file before any memory is taken, and returns log₂ N.
///
/// cosign writes up to N = 2^17, r = 8, p = 1: 128 MiB.
fn check_scrypt(n: u64, r: u32, p: u32) -> Result<u8, KeyError> {
    const MAX_MEMORY: u64 = 256 << 20;
    const MAX_LANES: u32 = 16;
    const MAX_WORK: u64 = 4 * MAX_MEMORY;
    let error = |text: &str| KeyError::TooCostly(format!("scrypt with N={n}, r={r}, p={p} {text}"));
    if n < 2 || !n.is_power_of_two() || r == 0 || p == 0 {
        return Err(KeyError::Malformed("its scrypt parameters are invalid"));
    }
    let memory = n.saturating_mul(u64::from(r)).saturating_mul(128);
    if memory > MAX_MEMORY {
        return Err(error("takes more than 256 MiB of memory"));
    }
    if p > MAX_LANES || memory.saturating_mul(u64::from(p)) > MAX_WORK {
        return Err(error("takes too long"));
    }
    u8::try_from(n.trailing_zeros()).map_err(|_| KeyError::Malformed("its scrypt parameters are invalid"))
}

#[cfg(test)]
mod tests;
