//! From bundle to generation and receipt.
