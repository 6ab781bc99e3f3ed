//! What checks find, and how that is told: the words that `airlock preflight` and `airlock health` have in common.
//!
//! A check has a name with its group before a dot, `net.proxy`. It comes to an [`Outcome`]: a [`Status`], the evidence, and
//! what to do about it. With the check's name that is a [`Finding`], all findings are counted in a [`Summary`], and
//! [`text`] shows them to people, the worst last. A [`Selection`] says which checks are made.
//!
//! Evidence is foreign text: it becomes one line of bounded length, with nothing that steers a terminal. What a check's
//! owner has to say besides, repairs for example, travels along as `X`, and its fields stand beside the others.
//!
//! ```
//! use airlock_finding::{Finding, Outcome, Status, Summary, text};
//!
//! let outcome = Outcome::<()>::fail("NO_PROXY lacks\n10.42.0.0/16", "add it to /etc/default/k3s");
//! let found = [Finding::new("net.proxy", "the proxy is not for the cluster", outcome)];
//! assert_eq!(found[0].evidence, "NO_PROXY lacks 10.42.0.0/16");
//! assert_eq!(Summary::of(&found).fail, 1);
//! assert!(text(&found, 10, |_| "").starts_with("net\n  fail            net.proxy  NO_PROXY lacks"));
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod outcome;
mod selection;
mod text;

pub use outcome::{Finding, Outcome, Status, failing};
pub use selection::{Selection, UnknownCheck, group};
pub use text::{Summary, text};
