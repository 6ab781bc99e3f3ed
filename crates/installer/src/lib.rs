//! From a bundle and a `site.yaml` to the changes that make a machine a node of k3s.
//!
//! [`plan`] is pure: from what is [`Wanted`] it computes changes, which [`airlock_node`] makes, records and undoes. What
//! a bundle has of k3s comes from [`Contents`], its OS packages from a [`PackageSource`]; secrets are [`Secrets`], which the
//! caller has read, and certificates of the site's authority are [`leaves`].
//! [`charts`] puts the charts of a bundle in order, and [`runtime`] clears away what a
//! stopped k3s leaves running.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod authority;
pub mod charts;
mod cis;
mod config;
mod contents;
mod error;
mod k3s;
mod leaf;
mod machine;
mod openrc;
mod packages;
mod plan;
mod registries;
pub mod runtime;
mod secrets;
mod services;
mod systemd;

pub use contents::{Contents, ContentsError, releases};
pub use error::PlanError;
pub use leaf::{IssuedLeaf, LeafError, leaves};
pub use machine::{Machine, MachineError};
pub use packages::PackageSource;
pub use plan::{Wanted, plan};
pub use secrets::{AuthorityFile, Secret, Secrets};
pub use services::os_packages;

/// What a node is to its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It runs the API server, and workloads.
    Server,
    /// It runs workloads.
    Agent,
}

impl Role {
    /// As k3s calls it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Agent => "agent",
        }
    }

    /// The name of its service.
    pub const fn service(self) -> &'static str {
        match self {
            Self::Server => "k3s",
            Self::Agent => "k3s-agent",
        }
    }
}
