//! The OCI layout on disk: blobs, generations, garbage collection, scrub.
