//! JSON as `encoding/json` has it.

mod read;
mod write;

pub use read::from_json;
pub(super) use read::{mismatch, read};
pub use write::{JsonStyle, to_json};
