//! The resolver against an upstream in memory, and against real sources on loopback and disk.
#![allow(clippy::unwrap_used)]

mod charts;
mod deployments;
mod files;
mod images;
mod k3s;
mod locks;
mod memory;
mod sources;
mod support;
