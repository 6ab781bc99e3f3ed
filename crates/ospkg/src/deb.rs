//! Debian: control files, versions, relations, indexes, closures, repositories.

pub mod architecture;
pub mod archive;
pub mod chain;
pub mod control;
pub mod copyright;
pub mod explain;
pub mod package;
pub mod packages;
pub mod pins;
pub mod relation;
pub mod release;
pub mod repository;
pub mod solve;
pub mod sources;
pub mod universe;
pub mod version;
