//! The words of the field, parsed once and never as bare strings again.
//!
//! Everything here is pure: no files, no network, no clock. A value of one of these types has been
//! checked against the grammar its documentation cites.

mod descriptor;
mod digest;
pub mod json;
mod manifest;
pub mod media_type;
mod platform;
mod reference;
mod size;
pub mod yaml;

pub use descriptor::{Annotations, Descriptor, annotation};
pub use digest::{Algorithm, Digest, DigestError};
pub use manifest::{ImageManifest, IndexManifest, MANIFEST_KEYS, Manifest, ManifestError};
pub use platform::{Platform, PlatformError};
pub use reference::{Host, Reference, ReferenceError, Repository, RepositoryName, Tag};
pub use size::ByteSize;
