//! OS packages for Airlock: what a package needs, where it comes from, and how a repository of it looks.
//!
//! Pure: no network, no clock, no files; callers pass bytes, times and keys. Everything of Debian is in
//! [`deb`]; what Debian and others share is beside it: [`openpgp`].
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod deb;
pub mod openpgp;
