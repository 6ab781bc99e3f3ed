//! Debian: control files, versions, relations, indexes, closures, repositories.

pub mod control;
pub mod version;
