//! From lock to bundle, in one pass.
//!
//! [`pack`] asks a [`BlobSource`](airlock_content::BlobSource) for what the lock names and writes each blob straight to
//! its final place in the archive, several at a time, hashing every byte once. What it writes depends on the lock alone:
//! not on the order of arrival, the number of jobs, the cache, or how often it was interrupted.
//!
//! The archive grows as `NAME-VERSION.airlock.tar.partial` and gets its name when every blob in it was checked. Whatever
//! stops a pack (a signal, a full disk, a lost network), the same call continues with what is there.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod claim;
mod error;
mod needs;
mod pack;
mod partial;
mod stream;
mod take;

pub use claim::NoCache;
pub use error::{Missing, Needed, PackError};
pub use pack::{Amount, Importer, Options, Output, PackReport, Signatures, pack};
