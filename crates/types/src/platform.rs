use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, de, ser};

/// What an image runs on: `os/architecture[/variant]` (OCI image-spec, "Image Index", `platform`).
///
/// Names are Go's `GOOS`/`GOARCH`. Common spellings (`x86_64`, `aarch64`) are turned into those, and the
/// variant that an architecture implies (`arm64/v8`, `amd64/v1`) is dropped, as containerd does, so that
/// equal platforms compare equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

/// Why a string is not a platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a platform needs the form os/architecture[/variant], for example linux/arm64: {0:?}")]
pub struct PlatformError(String);

impl Platform {
    /// A platform from its parts, normalised.
    pub fn new(os: &str, architecture: &str, variant: Option<&str>) -> Result<Self, PlatformError> {
        let error = || PlatformError([os, architecture, variant.unwrap_or("")].join("/"));
        let good = |part: &str| {
            !part.is_empty()
                && part.len() <= 64
                && part
                    .bytes()
                    .all(|c| c.is_ascii_alphanumeric() || b"._-".contains(&c))
        };
        let variant = variant.filter(|variant| !variant.is_empty());
        if !good(os) || !good(architecture) || !variant.is_none_or(good) {
            return Err(error());
        }
        let variant = variant.map(str::to_ascii_lowercase);
        let (architecture, variant) = match (architecture.to_ascii_lowercase().as_str(), variant.as_deref()) {
            ("x86_64" | "x86-64" | "amd64", None | Some("v1")) => ("amd64".to_owned(), None),
            ("x86_64" | "x86-64" | "amd64", variant) => ("amd64".to_owned(), variant),
            ("aarch64" | "arm64", None | Some("v8" | "8")) => ("arm64".to_owned(), None),
            ("aarch64" | "arm64", variant) => ("arm64".to_owned(), variant),
            ("armhf", None) | ("arm", None | Some("7")) => ("arm".to_owned(), Some("v7")),
            ("armel", None) | ("arm", Some("6")) => ("arm".to_owned(), Some("v6")),
            ("i386" | "i686" | "386", _) => ("386".to_owned(), None),
            (other, variant) => (other.to_owned(), variant),
        };
        Ok(Self {
            os: os.to_ascii_lowercase(),
            architecture,
            variant: variant.map(str::to_owned),
        })
    }

    /// The operating system, `linux`.
    pub fn os(&self) -> &str {
        &self.os
    }

    /// The processor architecture, `amd64`.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// The architecture's variant, `v7`, where it says anything.
    pub fn variant(&self) -> Option<&str> {
        self.variant.as_deref()
    }

    /// Whether an image entry that declares `self` is what `wanted` asks for: equal, or `wanted` leaves
    /// the variant open.
    pub fn satisfies(&self, wanted: &Self) -> bool {
        self.os == wanted.os
            && self.architecture == wanted.architecture
            && (wanted.variant.is_none() || self.variant == wanted.variant)
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(s: &str) -> Result<Self, PlatformError> {
        let mut parts = s.splitn(3, '/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(os), Some(architecture), variant) if variant != Some("") => {
                Self::new(os, architecture, variant)
            }
            _ => Err(PlatformError(s.chars().take(200).collect())),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

impl Serialize for Platform {
    fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Platform {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    #[test]
    fn spellings_of_one_platform_are_equal() {
        assert_eq!(platform("linux/arm64/v8"), platform("linux/aarch64"));
        assert_eq!(platform("Linux/ARM64/V8"), platform("linux/aarch64"));
        assert_eq!(platform("linux/x86_64"), platform("linux/amd64"));
        assert_eq!(platform("linux/arm").to_string(), "linux/arm/v7");
        assert_ne!(platform("linux/amd64/v3"), platform("linux/amd64"));
    }

    #[test]
    fn an_open_variant_matches_any() {
        assert!(platform("linux/amd64/v3").satisfies(&platform("linux/amd64")));
        assert!(!platform("linux/arm/v6").satisfies(&platform("linux/arm/v7")));
        assert!(!platform("windows/amd64").satisfies(&platform("linux/amd64")));
    }

    #[test]
    fn refuses_what_is_no_platform() {
        for bad in [
            "",
            "linux",
            "linux/",
            "/amd64",
            "linux/amd64/",
            "linux/a b",
            "linux/amd64/v1/x",
        ] {
            assert!(bad.parse::<Platform>().is_err(), "{bad:?}");
        }
    }
}
