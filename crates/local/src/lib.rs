//! Content on this machine as sources: OCI image layouts, image archives, chart folders and files.
//!
//! [`Local`] answers for every [`Origin`] that is a path; registries and addresses belong to other
//! sources. Archives are read in place through an index of their members and never unpacked.
//!
//! ```
//! use airlock_content::{MetadataSource, Origin};
//! use airlock_local::Local;
//!
//! # let folder = tempfile::tempdir()?;
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! std::fs::write(folder.path().join("site.conf"), "answer = 42\n")?;
//! let local = Local::new(folder.path());
//! let facts = local.file(&Origin::File("site.conf".into()), None).await?;
//! assert_eq!(facts.size, 12);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What is asked for by digest as a whole ([`MetadataSource::manifest`], [`MetadataSource::blob`]) is
//! verified here. Streams of [`BlobSource::open`] are not: who takes them checks them.
//!
//! [`Origin`]: airlock_content::Origin
//! [`MetadataSource::manifest`]: airlock_content::MetadataSource::manifest
//! [`MetadataSource::blob`]: airlock_content::MetadataSource::blob
//! [`BlobSource::open`]: airlock_content::BlobSource::open
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cache;
mod chart;
mod docker;
mod error;
mod layout;
mod region;
mod source;
mod tar_index;

pub use chart::{Links, chart_files};
pub use source::Local;
