//! The OCI image layout on disk: a site's mirror and a builder's cache.
//!
//! ```text
//! oci-layout  index.json            index.json is the current generation, byte for byte
//! blobs/sha256/<hex>  blobs/sha512/<hex>
//! airlock/format                    what makes the folder a store
//! airlock/generations/<id>.json     every generation that can be rolled back to, immutable
//! airlock/journal/<number>.json     every move of the current generation, kept for good
//! airlock/receipts/<name>/…         documents about imports
//! airlock/locks/{adding,swap}       held with flock(2), never read
//! airlock/tmp/…                     what is being written
//! ```
//!
//! A reader takes no lock: a blob is complete when it appears under its name, and `index.json` changes
//! by one rename. Whoever adds blobs holds `adding` shared until they are published, garbage
//! collection holds it exclusively; whoever moves the current generation holds `swap` for that moment.
//!
//! Blobs are not fsynced one by one. A marker in `airlock/tmp` says that some may not be on the disk
//! yet; [`sync`](airlock_content::BlobStore::sync) writes them out and takes it away. Should a marker
//! from before a restart of the machine be found, the next writer checks every blob that no generation
//! reaches before anybody relies on it. After a mere kill, it removes the leftovers and keeps the blobs.
//!
//! ```
//! use airlock_content::{BlobRead, BlobStore, BlobWriter, digest_of};
//!
//! let folder = tempfile::tempdir()?;
//! let store = airlock_store::Store::open_or_create(&folder.path().join("mirror"))?;
//! let mut writer = store.create(digest_of(b"hello"), 5)?;
//! writer.write(b"hello")?;
//! writer.commit()?;
//! assert_eq!(store.size(&digest_of(b"hello"))?, Some(5));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod addition;
mod check;
mod claim;
mod files;
mod gc;
mod journal;
mod lock;
mod publish;
mod record;
mod recover;
mod scrub;
mod store;
mod writer;

pub use addition::StoreAddition;
pub use claim::{ClaimWriter, StoreClaim};
pub use gc::GcReport;
pub use scrub::{Corrupt, ScrubOptions, ScrubReport};
pub use store::{FORMAT, Store};
pub use writer::FileWriter;
