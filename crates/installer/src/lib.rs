//! From a bundle and a `site.yaml` to the changes that make a machine a node of k3s.
//!
//! Pure planning: what is wanted is computed here, and made, recorded and undone by [`airlock_node`].
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod charts;
