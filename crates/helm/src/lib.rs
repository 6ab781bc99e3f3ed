//! Helm charts as data: metadata, packaging, repository indexes, version ranges and the OCI form.
//!
//! Pure: bytes in, bytes out. Nothing here reads a disk or a network, and a chart is never unpacked to
//! either. What is written is deterministic: the same folder gives the same archive, and the same
//! archive gives the same OCI manifest.
//!
//! ```
//! use airlock_helm::{ChartFile, inspect, package};
//!
//! let chart = ChartFile {
//!     path: "Chart.yaml".to_owned(),
//!     bytes: b"apiVersion: v2\nname: site\nversion: 1.2.3\n".to_vec(),
//! };
//! let archive = package([chart])?;
//! assert_eq!(inspect(&archive)?.version, "1.2.3");
//! # Ok::<(), airlock_helm::ChartError>(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod archive;
pub mod call;
pub mod chart;
mod error;
pub mod format;
pub mod functions;
mod ignore;
mod metadata;
mod oci;
mod package;
mod range;
pub mod render;
mod repository;
mod schema;
mod stored;
pub mod template;
pub mod value;
mod yaml;

pub use archive::inspect;
pub use error::ChartError;
pub use ignore::{IgnoreError, IgnoreRules};
pub use metadata::{ChartMetadata, Dependency, Maintainer};
pub use oci::{config_json, manifest_json};
pub use package::{ChartFile, package};
pub use range::{LooseVersion, RangeError, VersionRange};
pub use repository::{ChartVersion, IndexError, MAX_INDEX, chart_versions, choose};
