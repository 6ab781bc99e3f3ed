//! Signing and offline verification of bundle indexes.
//!
//! What is signed is the bundle index, `airlock.json`, byte for byte: a small file that lists every other
//! file with its digest. A signature is a Sigstore bundle v0.3 beside it, one per key, in
//! [`signatures/<key id>.sigstore.json`](KeyId::signature_path). Keys are ECDSA P-256, in the forms that
//! OpenSSL and cosign write. Nothing here reads a file, the network, the clock or the environment; the
//! only thing taken from the system is randomness for new keys, salts and nonces.
//!
//! ```
//! use airlock_trust::{Policy, SecretKey, sign_blob, verify};
//!
//! let key = SecretKey::generate()?;
//! let index = br#"{"name":"edge-site"}"#;
//! let signature = sign_blob(&key, index);
//!
//! let policy = Policy::new([key.public().clone()])?;
//! let files = [(signature.path(), signature.to_json())];
//! let verified = verify(&index[..], &files, &policy)?;
//! assert_eq!(verified.bytes(), index);
//!
//! let refused = verify(&br#"{"name":"other-site"}"#[..], &files, &policy).unwrap_err();
//! assert!(refused.hint().unwrap().contains("another index"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Trust is a type
//! [`verify`] is the only source of [`Verified`], which carries the very bytes whose signatures were
//! checked. Code that must not act on an unverified index takes a `Verified` and parses its bytes.
//!
//! # Without Airlock
//! An auditor needs the public key, `airlock.json` and the signature file (here `S.sigstore.json`):
//!
//! ```text
//! jq -r .messageSignature.signature S.sigstore.json | base64 -d > airlock.json.sig
//! openssl dgst -sha256 -verify airlock.pub -signature airlock.json.sig airlock.json
//! openssl pkey -pubin -in airlock.pub -outform DER | sha256sum      # the key id, as in the file name
//! cosign verify-blob --key airlock.pub --bundle S.sigstore.json --insecure-ignore-tlog airlock.json
//! sha256sum -c SHA256SUMS                                           # then every other file
//! ```
//!
//! The flag for cosign says that no public log is asked, which an air gap has none of; the signature itself
//! is checked in full.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod key_error;
mod key_id;
mod pem;
mod policy;
mod public_key;
mod secret_key;
mod sigstore;
mod verify;

pub use key_error::KeyError;
pub use key_id::{KeyId, KeyIdError};
pub use policy::{Policy, PolicyError};
pub use public_key::PublicKey;
pub use secret_key::{Protection, SecretKey, needs_password};
pub use sigstore::{MEDIA_TYPE, SignatureError, SigstoreBundle, Unchecked, sign_blob};
pub use verify::{
    Finding, MAX_SIGNATURE_FILES, MAX_SIGNATURE_SIZE, Outcome, TrustError, Verdict, Verified, verify,
};
