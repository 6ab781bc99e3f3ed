//! YAML with budgets, so that a hostile document costs no more than a friendly one.

use serde::de::DeserializeOwned;

/// The largest document that is read.
const MAX_BYTES: usize = 4 << 20;

/// Reads one document; the error is one clause with its place.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    if bytes.len() > MAX_BYTES {
        return Err(format!(
            "it is longer than the {MAX_BYTES} bytes that are allowed"
        ));
    }
    let options = serde_saphyr::options! {
        with_snippet: false,
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        // What an alias repeats is counted again, so these bound aliases, too.
        budget: serde_saphyr::budget! {
            max_nodes: 100_000,
            max_total_scalar_bytes: 16 << 20,
        },
    };
    serde_saphyr::from_slice_with_options(bytes, options).map_err(|error| error.to_string())
}
