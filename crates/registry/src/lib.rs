//! A read-only OCI registry over a store or a bundle file.
