//! Signatures, indexes, archives and repositories, judged by gpg, gpgv, sqv, apt and dpkg-deb.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod apt;
mod archive;
mod chain;
mod gnupg;
mod openpgp;
/// The same table and the same words as the black box tests, without depending on what they build.
#[path = "../../../../tests/src/peer.rs"]
#[allow(dead_code, unreachable_pub)]
mod peer;
mod signing;
