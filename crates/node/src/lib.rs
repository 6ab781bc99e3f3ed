//! A node of a site: its files, services, modules and packages, and how they are changed.
//!
//! What is wanted is a list of [`Change`]s. A [`Journal`] records every one of them, with what was there before, before
//! it is made: so a second run changes nothing, a run that was cut off is taken up where it was, and all of it can be
//! undone. A [`Node`] is this machine or a folder that becomes the tree of one; in a tree, files are written and what
//! only a running machine has (modules, services) is left for later, and said so.
//!
//! ```
//! use airlock_node::{Change, Content, Journal, Node, Outcome, go_on};
//!
//! let folder = tempfile::tempdir()?;
//! let node = Node::tree(folder.path());
//! let changes = [Change::File {
//!     path: "/etc/rancher/k3s/config.yaml".into(),
//!     mode: 0o600,
//!     content: Content::from("cluster-init: true\n"),
//!     secret: false,
//! }];
//! let mut journal = Journal::open(&node)?;
//! assert_eq!(journal.apply("install", &changes, &mut go_on)?, [Outcome::Made]);
//! assert_eq!(journal.apply("install", &changes, &mut go_on)?, [Outcome::Already]);
//! journal.undo(None, &mut go_on)?;
//! assert_eq!(std::fs::read_dir(folder.path())?.count(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod change;
mod error;
mod files;
mod firewall;
mod journal;
mod kernel;
mod lines;
mod node;
mod os;
mod packages;
mod runner;
mod service;

pub use change::{Blob, Change, Content};
pub use error::NodeError;
pub use firewall::{FirewallRules, FirewallTool};
pub use journal::{Event, Journal, Outcome, Saved, go_on};
pub use node::Node;
pub use os::OsRelease;
pub use packages::{PackageManager, Packages};
pub use runner::{Output, RunError, Runner};
pub use service::{Service, ServiceManager};
