//! Health against an API server of our own: all well, each failure alone, and servers that are not what they seem.
#![allow(clippy::unwrap_used, reason = "tests fail by panic")]
#![allow(
    clippy::semicolon_if_nothing_returned,
    reason = "what is seeded reads as one expression"
)]

mod failures;
mod hostile;
mod probes;
mod real;
mod server;
mod waiting;
mod world;
