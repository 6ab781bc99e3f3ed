//! Whether a cluster does what it was installed for.
//!
//! Asks the API server at the site, and nothing else; a crate of its own, since it links an HTTP client.
#![cfg_attr(test, allow(clippy::unwrap_used))]
