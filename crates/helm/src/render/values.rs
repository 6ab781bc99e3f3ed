//! The values that a user gives, as Helm's command line takes them.

mod coalesce;
mod merge;
mod set;

pub(crate) use coalesce::{Coalescer, copied};
pub use merge::{SetError, ValueSources};
