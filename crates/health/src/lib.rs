//! Whether a cluster does what it was installed for.
//!
//! Asks the API server at the site, and nothing else; a crate of its own, since it links an HTTP client. What the API
//! server does not know is asked on the node, by commands of k3s ([`Commands`]).
//!
//! [`check`] looks at everything, and changes nothing unless a [`Probe`] is asked for: pods in a namespace of their own,
//! which is removed in the end, after an interruption, and by the next probe should this one be killed. [`wait`] waits for
//! what an installer has to have before it goes on.
//!
//! Every question has an end: answers are bounded in time and size, and a server that does not answer is asked once.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod certificate;
mod checks;
mod client;
mod expected;
mod finding;
mod node;
mod object;
mod probe;
mod wait;

pub use airlock_finding::{Finding, Selection, Status, Summary, UnknownCheck, failing};
pub use checks::{Question, check};
pub use client::{Access, AccessError, AskError, Client};
pub use expected::{Expected, Image, Release};
pub use finding::{CHECKS, Check, Report, select};
pub use node::{Commands, Said, ThisNode};
pub use probe::Probe;
pub use wait::{Awaited, Patience, Progress, WaitError, retry, wait};
