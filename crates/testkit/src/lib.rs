//! Generated images, charts and files, and upstreams that misbehave on command.
//!
//! For tests, and for `airlock demo`. What is generated is the same everywhere: no clock and no chance.
//! Functions here panic on wrong arguments, as test code does.
//!
//! ```
//! use airlock_testkit::{Action, FakeUpstream, Fault, Options, Upstream, multi_arch};
//!
//! # async fn example() -> std::io::Result<()> {
//! let image = multi_arch("tools", &["linux/amd64", "linux/arm64"]);
//! let mut content = Upstream::new();
//! content.push("acme/tools", "1.0", &image);
//! let server = FakeUpstream::start(content, Options::default()).await?;
//! // The first two requests for blobs break off after 100 bytes.
//! server.fault(Fault::on("/v2/*/blobs/*", Action::Reset(100)).times(2));
//! let reference = format!("{}/acme/tools:1.0", server.host());
//! # Ok(())
//! # }
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod archive;
mod blob;
mod chart;
mod image;
mod server;
mod tarball;
mod upstream;

pub use archive::{docker_archive, oci_archive, oci_layout_files, write_oci_layout};
pub use blob::{Blob, noise};
pub use chart::{Chart, chart_index};
pub use image::{
    Format, Image, artifact, cosign_signature, image, image_of, image_with_layers, index, multi_arch,
    multi_arch_of, nested_index,
};
pub use server::{Action, Auth, FakeUpstream, Fault, Hold, Listener, Logged, Options};
pub use tarball::{gzip, tarball};
pub use upstream::{Repository, Upstream};
