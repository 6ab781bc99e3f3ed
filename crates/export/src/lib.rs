//! Images of a store or bundle as one archive that containerd, docker and podman load, under the references that
//! workloads use.
//!
//! The archive is a tar of an OCI image layout (OCI image-spec, "Image Layout"). containerd takes the name of an image from
//! the annotation `io.containerd.image.name` of an entry of `index.json`, and its digest from that entry; podman and skopeo
//! read `org.opencontainers.image.ref.name`; a `manifest.json` beside it is what `docker load` reads. Blobs are copied as
//! they are held, byte for byte; a store has checked them when it took them in, so they are not hashed again.
//!
//! # One platform of many
//!
//! The root of an image for several platforms is an index, and its digest is the one that the lock names. For a node, that
//! index is written as it is, with the content of one platform only: the reference keeps its digest. containerd looks only
//! for the children that fit the platform of the importer (1.6 and later), or passes over what is missing (`WithSkipMissing`,
//! from 1.7.12 on, which k3s uses since v1.30.2, v1.29.6, v1.28.11 and v1.27.15: k3s-io/k3s#10132).
//!
//! The same selection of the same content is the same archive, byte for byte.
//!
//! ```
//! use airlock_content::GenerationView;
//! use airlock_export::{Archive, ExportError, images};
//!
//! # fn example<V: GenerationView + 'static>(view: std::sync::Arc<V>) -> Result<(), Box<dyn std::error::Error>> {
//! let platform = "linux/arm64".parse()?;
//! let archive = Archive::plan(&*view, &images(&*view)?, Some(&platform))?;
//! println!("{} bytes in {} images", archive.size(), archive.images().len());
//! std::io::copy(&mut archive.reader(view), &mut std::fs::File::create("images.tar")?)?;
//! # Ok(())
//! # }
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod archive;
mod choose;
mod error;
mod name;
mod plan;
mod read;

pub use archive::Archive;
pub use error::ExportError;
pub use plan::{Exported, LeftOut, Reason, images};
pub use read::ArchiveReader;
