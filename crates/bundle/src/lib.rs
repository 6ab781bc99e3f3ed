//! The bundle archive: written deterministically, verified while it is read.
