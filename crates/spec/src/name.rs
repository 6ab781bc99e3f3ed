use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, de, ser};

/// Why a string is not a name, version or channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{what} is 1 to 128 letters, digits, '.', '_', '+' or '-', starting with a letter or digit: {value:?}"
)]
pub struct NameError {
    what: &'static str,
    value: String,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// The text, as checked.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(s: &str) -> Result<Self, NameError> {
                // Names become file names, so they cannot hold separators or start with a dot.
                let good = s.len() <= 128
                    && s.bytes().next().is_some_and(|c| c.is_ascii_alphanumeric())
                    && s.bytes().all(|c| c.is_ascii_alphanumeric() || b"._+-".contains(&c));
                if good {
                    Ok(Self(s.into()))
                } else {
                    Err(NameError { what: $what, value: s.chars().take(200).collect() })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

name!(
    /// The name of a manifest and of the bundles made from it; also of a component.
    BundleName,
    "a name"
);
name!(
    /// The version of a manifest, as its author counts.
    Version,
    "a version"
);
name!(
    /// The line of releases that a bundle belongs to, `stable`.
    Channel,
    "a channel"
);

impl Default for Channel {
    fn default() -> Self {
        Self("stable".into())
    }
}
