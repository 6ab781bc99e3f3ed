//! The archive as a whole: against other tools, against attackers, and against itself.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod content;
mod fixture;
mod hostile;
mod index;
mod oracle;
mod parallel;
mod round_trip;
