//! Helm charts in Rust: rendered to the bytes of `helm template`, packaged, and found in repositories.
//!
//! ```
//! use airlock_helm::ChartFile;
//! use airlock_helm::chart::{Chart, Profile};
//! use airlock_helm::render::{Options, TemplateOptions, ValueSources, template};
//!
//! let files = [
//!     ("Chart.yaml", "apiVersion: v2\nname: site\nversion: 1.2.3\n"),
//!     ("values.yaml", "replicas: 1\n"),
//!     ("templates/web.yaml", "kind: Deployment\nspec: {{ .Values | toYaml | nindent 2 }}\n"),
//! ];
//! let files = files.map(|(path, text)| ChartFile {
//!     path: path.to_owned(),
//!     bytes: text.as_bytes().to_vec(),
//! });
//! let chart = Chart::from_files(files, Profile::Helm4)?;
//! let values = ValueSources {
//!     set: vec!["replicas=3".to_owned()],
//!     ..ValueSources::default()
//! };
//! let options = Options::new(Profile::Helm4);
//! let no_files = &mut |name: &str| Err(format!("there is no file {name}"));
//! let templated = template(&chart, &values, &options, no_files)?;
//! let text = templated.print(&TemplateOptions::default(), Profile::Helm4)?;
//! assert_eq!(
//!     text,
//!     b"---\n# Source: site/templates/web.yaml\nkind: Deployment\nspec: \n  replicas: 3\n"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Everything is pure: bytes in, bytes out. Nothing here reads a disk, a network, a clock or the environment; the
//! caller brings files and missing dependencies ([`chart::Fetch`]), says what time it is and what random functions
//! draw from ([`call::World`]), and which cluster there is ([`render::Capabilities`]). So the same call gives the same
//! bytes, on every machine.
//!
//! # The parts
//! - [`chart`]: charts from folders and archives, with all that is below them, and [`chart::Profile`]: Helm 3 or 4.
//! - [`render`]: values, dependencies, the engine, and what `helm template` makes of its files;
//!   [`render::Renderer`] for many renderings.
//! - [`template`]: Go's `text/template` and `fmt`. [`functions`]: Sprig, and what Helm adds to it.
//! - [`format`](mod@format): YAML, JSON and TOML as Go and Helm read and write them.
//! - [`value`] and [`call`]: values of Go, and how templates call functions.
//! - [`images`]: every image that manifests need, where, and how sure that is.
//! - [`package()`], [`inspect`], [`chart_versions`], [`VersionRange`]: charts as artifacts.
//!
//! # Beside the engine in Go
//! The judge is Helm 4.2.3 (and 3.19.0 for [`chart::Profile::Helm3`]): the same bytes, and the same words in errors.
//! Different on purpose:
//! - Hostile charts stop at [`render::Limits`] instead of taking the memory and the time of the process, and nothing
//!   in a chart can make it panic. Values nest at most [`format::MAX_DEPTH`] levels.
//! - `lookup` finds nothing and `getHostByName` gives nothing: there is no cluster and no network. A schema that
//!   refers to another address is refused.
//! - Random functions draw from a seed, and `now` is what the caller says. Where Go walks over maps in random order
//!   (`keys`, `values`, charts in `charts/` that `Chart.yaml` does not list), the order is that of the names.
//! - A post-renderer gets what is installed without hooks, as in Helm 3 ([`render::Templated::print_with`]). Helm 4
//!   writes every document anew with an annotation before it hands them to a plugin, hooks among them, and once more
//!   afterwards.
//! - Archives with paths that leave them, with one file twice, or with links are refused.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod archive;
mod calendar;
pub mod call;
pub mod chart;
mod error;
pub mod format;
pub mod functions;
mod ignore;
pub mod images;
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
