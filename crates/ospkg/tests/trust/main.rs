//! Signatures, indexes, archives and repositories, judged by gpg, gpgv, sqv, apt and dpkg-deb.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod apt;
mod archive;
mod chain;
mod gnupg;
mod openpgp;
mod signing;
