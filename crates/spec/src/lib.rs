//! Airlock's own documents, as data: manifest (what is wanted), lock (exactly what that is), bundle
//! index (the signed root of a bundle), deployment (what a component installs, and the images that it needs), k3s (what a
//! node needs of a release), site (what is true of one site) and receipt (proof of an import).
//!
//! Pure: nothing here reads a file or a clock. Documents that are signed or pinned are canonical JSON
//! ([`airlock_types::json`]), so that equal content is equal bytes.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod deployment;
pub mod documents;
pub mod index;
pub mod inventory;
pub mod k3s;
pub mod lock;
pub mod manifest;
pub mod packages;
pub mod receipt;
pub mod site;

mod address;
mod name;
mod pattern;
mod yaml;

pub use address::{AddressSecret, secret_in};
pub use name::{BundleName, Channel, NameError, Version};
pub use pattern::{Pattern, PatternError};
