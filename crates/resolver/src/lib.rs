//! From manifest to lock, over any source of metadata.
