//! The bundle archive: written deterministically, verified while it is read.
//!
//! A bundle is a plain POSIX ustar of regular files. Its first entry, `airlock.json`, lists every other file with size and
//! SHA-256; the signatures over that index come next; everything else follows in exactly the order of the index.
//! `docs/bundle-format.md` describes every byte.
//!
//! Writing: a [`Plan`] is computed from a lock alone, before any content is there. Its index is signed, and a [`Layout`]
//! then knows where each byte goes, so blobs can be written in any order.
//!
//! Reading: [`Unverified`] holds the index and the signatures and gives out nothing else. [`Unverified::verify`] turns it
//! into a [`Bundle`], whose entries are streamed into an [`EntrySink`], or opened in place as a [`BundleFile`].
//!
//! There is no general tar reader here. The reader knows the header that must come next, bit for bit, since it has what
//! the writer had: path and size. A link, an extension, a duplicate or a trailing byte is not something to be
//! recognised and refused, but simply not the expected bytes.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let key = airlock_trust::SecretKey::generate()?;
//! let policy = airlock_trust::Policy::new([key.public().clone()])?;
//! let bundle = airlock_bundle::Unverified::open("edge-1.0.airlock.tar".as_ref())?.verify(&policy)?;
//! println!("{} files, signed by {:?}", bundle.index().entries().len(), bundle.verdict().findings());
//! let streamed = bundle.check(&mut |_| ())?; // or stream(&mut sink), or extract_to(folder)
//! println!("{} artifacts", streamed.lock.artifacts.len());
//! # Ok(())
//! # }
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod archive;
mod bundle;
mod checked;
mod content;
mod error;
mod extract;
mod file;
mod folder;
mod header;
mod parallel;
mod path;
mod plan;
mod source;
mod write;

pub use bundle::{Bundle, EntrySink, Streamed, Take, Unverified};
pub use checked::{CheckedIndex, Entry};
pub use error::BundleError;
pub use file::BundleFile;
pub use path::{Arch, EntryPath, PathError};
pub use plan::{Document, Extras, Importer, Layout, LayoutEntry, Part, Plan, PlanError, root_entries};
pub use write::{StreamWriter, WriteError};
