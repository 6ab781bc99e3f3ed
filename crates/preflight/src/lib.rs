//! What keeps k3s from running on a machine, found before anything is installed.
//!
//! Each check tells its status, the evidence, and the remedy; what can be repaired safely is offered as changes of
//! [`airlock_node`], so that a repair is journaled and can be undone. Whatever can be tried out without a trace is tried
//! out: ports are bound, folders laid over each other, links made and taken away, since files tell less than the truth
//! on kernels that have everything built in.
//!
//! Nothing here asks the network by itself but time servers; the mirror is asked by a [`Mirror`] of the caller.
//!
//! ```no_run
//! use std::sync::Arc;
//! use std::time::SystemTime;
//!
//! use airlock_preflight::{Context, Host, Selection, Settings, run};
//!
//! let settings = Settings::new(Arc::new(SystemTime::now));
//! let context = Arc::new(Context::new(Host::machine(), settings));
//! let report = run(&context, &Selection::default(), &mut |_| {});
//! assert!(report.is_good(), "{}", report.text());
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cgroups;
mod check;
mod clock;
mod context;
mod disk;
mod fixes;
mod guards;
mod host;
mod iptables;
mod kernel;
mod machine;
mod mirror;
mod names;
mod net;
mod netlink;
mod ports;
mod read;
mod report;
mod runtimes;
mod table;
#[cfg(test)]
mod tests;

pub use airlock_finding::{Selection, Status, Summary, UnknownCheck, failing};
pub use check::{Check, Finding, Repair};
pub use context::{Clock, Context, DATA_DIR, Need, NotBefore, Role, Settings};
pub use fixes::FIXED_BY;
pub use host::{Host, Process};
pub use mirror::{Answer, Mirror, Refusal, RefusalKind};
pub use report::{Report, run, select};
pub use table::CHECKS;
