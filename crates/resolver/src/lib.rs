//! From what is wanted to exactly what that is: manifest → lock.
//!
//! [`resolve`] asks a [`MetadataSource`](airlock_content::MetadataSource) what exists and pins every byte of
//! it by digest and size. It is generic over the source, so that the same code runs against registries,
//! against folders, and against a table in a test. The lock it makes depends on the manifest and the
//! answers alone: not on the order in which they arrive, nor on how many are asked for at once.
//!
//! A request that has not changed keeps its pins without a question to anyone, unless it is named in
//! [`Update`]. What lies on this machine (layouts, archives, folders, files) is read again each time.
//!
//! All failures are collected: [`ResolveErrors`] names what could not be pinned, who needs it, and why.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod ask;
mod chart;
mod check;
mod checksums;
mod error;
mod files;
mod image;
mod names;
mod origin;
mod outdated;
mod pins;
mod referrers;
mod request;
mod resolve;

pub use check::{CheckError, Drift, Moved, check};
pub use error::{Cause, Failure, ResolveErrors};
pub use origin::origin;
pub use outdated::{Outdated, outdated};
pub use resolve::{Options, Update, resolve};
