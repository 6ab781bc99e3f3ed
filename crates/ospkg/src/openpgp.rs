//! OpenPGP signatures, with the policy that the format leaves to its users.
//!
//! The mathematics are those of the crate `pgp`; what a signature means is decided here (RFC 9580, and what
//! gpgv and sqv do where it is silent): [`verify_cleartext`] and [`verify_detached`] are the only sources of
//! [`Verified`], which holds the very bytes that were checked and says who signed them.
//!
//! A signature is good when, at the time that the caller gives in a [`Policy`],
//! - it was made by a key of the [`Keyring`] that may sign: a primary key with a valid self-signature, or a
//!   subkey that the primary key binds and that binds itself to the primary key in turn;
//! - neither the signature nor one of these keys has expired, none was revoked, and none comes from the future;
//! - no digest and no key in this chain is weak, and nothing critical in it is unknown.
//!
//! One good signature is enough, as for apt; a signature that does not fit the contents, by a key that is
//! known, spoils the whole.

mod armor;
mod certificate;
mod cleartext;
mod error;
mod judge;
mod keyring;
mod packets;
mod policy;
mod secret;
mod verify;

pub use error::{KeyringError, OpenPgpError, Problem};
pub use keyring::{Certificate, Keyring, Skipped};
pub use policy::{Override, Policy};
pub use secret::{NewKey, RepositoryKey, SecretKeyError, needs_password};
pub use verify::{Finding, KeyHandle, Signer, Verified, verify_cleartext, verify_detached};

/// Bytes as upper-case hex digits, as fingerprints are written.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

/// Seconds since 1970 as a person reads them.
fn date(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(
        |_| format!("second {seconds}"),
        |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}
