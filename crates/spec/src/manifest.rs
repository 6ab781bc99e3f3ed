//! The manifest: what is wanted, as people write it.
//!
//! [`load`] reads `airlock.yaml` with everything it imports into an [`Effective`] manifest: typed, complete,
//! and independent of how it was written. Problems are collected, and each knows its line:
//!
//! ```
//! use airlock_spec::manifest::{Inputs, load};
//! use std::path::Path;
//!
//! let text = "
//! apiVersion: airlock.dev/v1
//! kind: Manifest
//! metadata: {name: edge, version: 1.0}
//! platforms: [linux/amd64]
//! components:
//!   - {name: tools, image: [busybox]}
//! ";
//! let errors = load(Path::new("airlock.yaml"), &Inputs::default(), &mut |_| Ok(text.to_owned())).unwrap_err();
//! assert_eq!(errors.0[0].message, "unknown field `image` in the component");
//! assert_eq!(errors.0[0].label.as_deref(), Some("did you mean `images`?"));
//! ```
//!
//! # The syntax
//!
//! ```yaml
#![doc = include_str!("manifest/example.yaml")]
//! ```
//!
//! `$${` stands for a literal `${`. An imported manifest brings components and policy; its metadata and
//! platforms are not used, its variables take the value of the importing manifest's variable of the same name.
//! Conditions that hold are every value but the empty one, `0`, `false`, `no` and `off`.

mod deploy;
mod k3s;
mod load;
mod model;
mod packages;
mod read;
mod schema;
mod variables;

#[cfg(test)]
mod tests;

pub use crate::yaml::{Diagnostic, Place, Problems};
pub use deploy::{
    Confirm, Discover, Ignore, Ignored, ImageDecisions, KubernetesRequest, ManifestRequest, Upstream,
};
pub use k3s::{ImageForm, K3sRequest, SelinuxPackage, UpgradeManifest, UpgradeRequest};
pub use load::{Inputs, load};
pub use model::{
    ChartRequest, ChartSource, Checksum, Component, Effective, FileRequest, FileSource, ImageRequest,
    ImageSource, Metadata, PolicyRule,
};
pub use packages::{PackageBase, PackageException, PackagePin, PackageRepository, PackagesRequest};
pub use schema::schema;
