//! Debian: control files, versions, relations, indexes, closures, repositories.

pub mod architecture;
pub mod control;
pub mod explain;
pub mod package;
pub mod packages;
pub mod pins;
pub mod relation;
pub mod solve;
pub mod universe;
pub mod version;
