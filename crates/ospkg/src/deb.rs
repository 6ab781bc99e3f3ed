//! Debian: control files, versions, relations, indexes, closures, repositories.

pub mod architecture;
pub mod archive;
pub mod chain;
pub mod control;
pub mod copyright;
pub mod relation;
pub mod release;
pub mod repository;
pub mod sources;
pub mod version;
