//! Packing from sources that fail, with processes that stop.
#![allow(clippy::unwrap_used)]

mod faults;
mod resume;
mod same_bytes;
mod shared;
mod support;
