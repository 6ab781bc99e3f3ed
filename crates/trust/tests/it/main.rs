//! What the crate promises, seen from outside; openssl is the second opinion where it is installed.
#![allow(clippy::unwrap_used)]

mod cosign;
mod openssl;
mod properties;
mod verification;
