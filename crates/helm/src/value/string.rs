//! Strings of Go: bytes that are nearly always UTF-8.

use std::{
    borrow::{Borrow, Cow},
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    ops::Deref,
    rc::Rc,
};

/// An immutable string of bytes, cheap to clone. Ordered bytewise, as Go orders strings and map keys.
#[derive(Clone)]
pub struct Str(Repr);

/// Most strings are short: they lie in the value itself.
#[derive(Clone)]
enum Repr {
    Short(u8, [u8; SHORT]),
    Long(Rc<[u8]>),
}

/// What fits beside the length without making a [`super::Value`] larger.
const SHORT: usize = 22;

impl Str {
    /// The text; each byte that is not UTF-8 becomes U+FFFD, as where Go walks over the runes of a string.
    pub fn text(&self) -> Cow<'_, str> {
        crate::format::lossy(self.as_bytes())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Short(length, bytes) => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Repr::Long(bytes) => bytes,
        }
    }

    fn short(bytes: &[u8]) -> Option<Self> {
        let length = u8::try_from(bytes.len()).ok()?;
        let mut own = [0; SHORT];
        own.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Self(Repr::Short(length, own)))
    }
}

impl Deref for Str {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Borrow<[u8]> for Str {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl Default for Str {
    fn default() -> Self {
        Self(Repr::Short(0, [0; SHORT]))
    }
}

impl PartialEq for Str {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Str {}

impl PartialOrd for Str {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Str {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl Hash for Str {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // As a slice of bytes, which a string is looked up by.
        (**self).hash(state);
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text(), formatter)
    }
}

impl PartialEq<str> for Str {
    fn eq(&self, other: &str) -> bool {
        **self == *other.as_bytes()
    }
}

impl PartialEq<&str> for Str {
    fn eq(&self, other: &&str) -> bool {
        **self == *other.as_bytes()
    }
}

impl From<&str> for Str {
    fn from(value: &str) -> Self {
        Self::from(value.as_bytes())
    }
}

impl From<String> for Str {
    fn from(value: String) -> Self {
        Self::from(value.into_bytes())
    }
}

impl From<&[u8]> for Str {
    fn from(value: &[u8]) -> Self {
        Self::short(value).unwrap_or_else(|| Self(Repr::Long(Rc::from(value))))
    }
}

impl From<Vec<u8>> for Str {
    fn from(value: Vec<u8>) -> Self {
        Self::short(&value).unwrap_or_else(|| Self(Repr::Long(Rc::from(value))))
    }
}

/// The bytes of a `[]byte`, which nothing in a template can change; a clone is the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bytes(Rc<[u8]>);

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Self(Rc::from([]))
    }
}

impl From<&[u8]> for Bytes {
    fn from(value: &[u8]) -> Self {
        Self(Rc::from(value))
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(value: Vec<u8>) -> Self {
        Self(Rc::from(value))
    }
}

impl From<Str> for Bytes {
    fn from(value: Str) -> Self {
        match value.0 {
            Repr::Long(bytes) => Self(bytes),
            Repr::Short(..) => Self::from(&*value),
        }
    }
}

impl From<Bytes> for Str {
    fn from(value: Bytes) -> Self {
        Self::short(&value).unwrap_or(Self(Repr::Long(value.0)))
    }
}
