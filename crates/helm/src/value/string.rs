//! Strings of Go: bytes that are nearly always UTF-8.

use std::{borrow::Borrow, borrow::Cow, fmt, ops::Deref, rc::Rc};

/// An immutable string of bytes, cheap to clone. Ordered bytewise, as Go orders strings and map keys.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Str(Rc<[u8]>);

impl Str {
    /// The text; each byte that is not UTF-8 becomes U+FFFD, as where Go walks over the runes of a string.
    pub fn text(&self) -> Cow<'_, str> {
        crate::format::lossy(&self.0)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Deref for Str {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for Str {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl Default for Str {
    fn default() -> Self {
        Self(Rc::from([]))
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text(), formatter)
    }
}

impl PartialEq<str> for Str {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Str {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == other.as_bytes()
    }
}

impl From<&str> for Str {
    fn from(value: &str) -> Self {
        Self(Rc::from(value.as_bytes()))
    }
}

impl From<String> for Str {
    fn from(value: String) -> Self {
        Self(Rc::from(value.into_bytes()))
    }
}

impl From<&[u8]> for Str {
    fn from(value: &[u8]) -> Self {
        Self(Rc::from(value))
    }
}

impl From<Vec<u8>> for Str {
    fn from(value: Vec<u8>) -> Self {
        Self(Rc::from(value))
    }
}
