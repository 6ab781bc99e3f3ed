//! The resolver against an upstream in memory.
#![allow(clippy::unwrap_used)]

mod charts;
mod files;
mod images;
mod locks;
mod memory;
mod support;
