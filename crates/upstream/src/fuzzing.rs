//! The parsers of headers, for the fuzz targets; no part of the interface.

use reqwest::header::{HeaderMap, HeaderValue, LINK};
use url::Url;

use crate::challenge::Challenge;

/// Reads `WWW-Authenticate` headers.
pub fn challenge(headers: &[&str]) {
    let _ = Challenge::best(headers.iter().copied());
}

/// Reads `Retry-After` with the `Date` it came with.
pub fn retry_after(value: &str, date: Option<&str>) {
    let _ = crate::retry_after::retry_after(value, date);
}

/// Reads a `Link` header.
pub fn link(value: &str) {
    let mut headers = HeaderMap::new();
    if let (Ok(value), Ok(base)) = (
        HeaderValue::from_str(value),
        Url::parse("https://r.example/v2/a/tags/list"),
    ) {
        headers.insert(LINK, value);
        let _ = crate::registry::next_page(&headers, &base);
    }
}
