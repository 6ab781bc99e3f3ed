//! Strings of Go that may not be UTF-8.

use std::borrow::Cow;

use crate::{functions::unicode::runes, template::fmt::quoted};

/// The text as `encoding/json` takes it: each byte that is no part of a character becomes U+FFFD. Unlike
/// [`String::from_utf8_lossy`], which makes one U+FFFD of a truncated character.
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => runes(bytes).collect::<String>().into(),
    }
}

/// `strconv.Quote`.
pub(crate) fn quote(bytes: &[u8]) -> String {
    quoted(bytes).text().into_owned()
}
