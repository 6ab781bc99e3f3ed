//! The sources of this machine, asked through the traits that the workspace uses.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "what was skipped is said")]

mod chart;
mod damage;
mod docker;
mod files;
mod hostile;
mod layout;
mod oracles;
mod support;
