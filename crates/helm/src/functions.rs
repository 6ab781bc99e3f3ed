//! The functions that Sprig and Helm add to Go's own.
