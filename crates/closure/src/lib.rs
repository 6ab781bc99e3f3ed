//! The closure of a deployment: every image that its charts and manifests need, and whether a bundle holds them all.
//!
//! A [`Release`] is a chart as it will be deployed, with the variants that a site may choose. Every [`Need`] tells which
//! image, by which rule, at which place, in which variant. Nothing is looked up and nothing is read but
//! what the caller hands over, so that the same code answers when a lock is made, when a bundle is packed, and at a
//! site without any network.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod need;
mod release;

pub use need::{Need, Needs, Unknown};
pub use release::{Cluster, Release, ReleaseError, Toggles, Variant};
