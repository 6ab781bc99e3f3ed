//! Signing and offline verification of bundle indexes.
