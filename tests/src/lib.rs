//! End-to-end and interoperability tests of the `airlock` command.
//!
//! The tests themselves are in `tests/it`; this library is what they stand on: foreign programs as
//! judges ([`peer`]), a real upstream registry filled with real images ([`Registry`], [`Suite`]), real
//! clients ([`Skopeo`], [`Podman`], [`Containerd`]), and the command under test ([`Airlock`]).
//!
//! Every server listens on loopback, keeps its files below one temporary folder, and dies with the test
//! process, however that ends.
//!
//! ```
//! if airlock_tests::peer::require(&["sha256sum"]) {
//!     // ask sha256sum
//! }
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test harness fails by panic"
)]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::OnceLock;

pub mod archive;
pub mod command;
pub mod debian;
pub mod disk;
pub mod http;
pub mod https;
pub mod images;
pub mod layout;
pub mod memory;
pub mod peer;
pub mod tree;

mod cli;
mod containerd;
mod containers;
mod daemon;
mod host;
mod registry;

pub use cli::{Airlock, FILTERS, Run, Served};
pub use containerd::Containerd;
pub use containers::{Podman, Skopeo};
pub use daemon::{Daemon, free_port};
pub use host::{Host, Process, Snapshot};
pub use images::{Image, Suite};
pub use registry::{BASIC, CREDENTIALS, Pushed, Registry};

/// Builds what tests share once, even if that fails: the first test shows why, the others say so.
pub fn shared<T>(cell: &'static OnceLock<Option<T>>, what: &str, build: impl FnOnce() -> T) -> &'static T {
    let mut failure = None;
    let value = cell.get_or_init(|| match catch_unwind(AssertUnwindSafe(build)) {
        Ok(value) => Some(value),
        Err(panic) => {
            failure = Some(panic);
            None
        }
    });
    if let Some(panic) = failure {
        resume_unwind(panic);
    }
    value
        .as_ref()
        .unwrap_or_else(|| panic!("{what} could not be built: see the first test that failed"))
}

/// The digest of `bytes` as OCI writes it.
pub fn digest(bytes: &[u8]) -> String {
    digest_text(&airlock_hash::sha256(bytes))
}

pub(crate) fn digest_text(hash: &[u8; 32]) -> String {
    use std::fmt::Write as _;
    hash.iter().fold("sha256:".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
