//! Debian: control files, versions, relations, indexes, closures, repositories.
