//! Debian: control files, versions, relations, indexes, closures, repositories.

pub mod architecture;
pub mod control;
pub mod relation;
pub mod version;
