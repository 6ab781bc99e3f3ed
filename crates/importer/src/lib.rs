//! From a bundle to a generation of a store, and a receipt for it.
//!
//! [`import`] takes a [`Bundle`](airlock_bundle::Bundle), which only exists once its signatures are established, and any
//! [`PublishStore`](airlock_content::PublishStore). Its steps, each of which can refuse:
//!
//! 1. The sequence must not be lower than the highest one ever imported of this name and channel.
//! 2. What is already imported is not imported again.
//! 3. The store must have room for the blobs that it lacks.
//! 4. The blobs stream in. Manifests wait in memory until everything they name is there, so that after a
//!    kill no manifest stands in the store without its content.
//! 5. Everything that the roots need must be there.
//! 6. One move of the store's current generation makes all of it visible.
//! 7. The receipt is written, signed by the site's key where there is one.
//!
//! A refused bundle leaves the store as it was. A killed import leaves complete blobs, which the next one
//! does not write again.
//!
//! Which roots a generation has after an import: see [`ImportOptions::keep_versions`].
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod error;
mod import;
mod options;
mod receipt;
mod roots;
mod sequence;
mod sink;

pub use error::ImportError;
pub use import::{Imported, Outcome, import};
pub use options::{ImportOptions, Reason, ReasonError};
