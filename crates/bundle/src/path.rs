use std::fmt;
use std::str::FromStr;

use airlock_types::{Algorithm, Digest};

/// A file that a bundle may have besides `airlock.json` and the signatures. There are no others.
///
/// Orders as the archive does. Every path is ASCII and no two differ only by case, so no file system can confuse them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryPath {
    /// `SHA256SUMS`, the list for `sha256sum -c`.
    Checksums,
    /// `airlock.lock`.
    Lock,
    /// `provenance.intoto.json`.
    Provenance,
    /// `sbom.spdx.json`.
    SbomSpdx,
    /// `sbom.cdx.json`.
    SbomCdx,
    /// `oci-layout`.
    OciLayout,
    /// `index.json`, the roots of the image layout.
    OciIndex,
    /// `blobs/sha256/<hex>`.
    Blob(Digest),
    /// `bin/airlock-linux-<arch>`, the importer itself.
    Importer(Arch),
}

/// A processor architecture in Go's words (`amd64`, `arm64`): 1 to 16 lower-case letters and digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arch(Box<str>);

/// A path that no bundle may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a bundle cannot have a file of this name: {0:?}")]
pub struct PathError(String);

impl PathError {
    fn new(path: &str) -> Self {
        Self(path.chars().take(200).collect())
    }
}

impl FromStr for Arch {
    type Err = PathError;

    fn from_str(s: &str) -> Result<Self, PathError> {
        let good =
            (1..=16).contains(&s.len()) && s.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        if good {
            Ok(Self(s.into()))
        } else {
            Err(PathError::new(s))
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

const BLOBS: &str = "blobs/sha256/";
const IMPORTER: &str = "bin/airlock-linux-";

impl EntryPath {
    /// Whether the file is content of the image layout, `blobs/…`.
    pub fn is_blob(&self) -> bool {
        matches!(self, Self::Blob(_))
    }
}

impl FromStr for EntryPath {
    type Err = PathError;

    fn from_str(s: &str) -> Result<Self, PathError> {
        Ok(match s {
            "SHA256SUMS" => Self::Checksums,
            "airlock.lock" => Self::Lock,
            "provenance.intoto.json" => Self::Provenance,
            "sbom.spdx.json" => Self::SbomSpdx,
            "sbom.cdx.json" => Self::SbomCdx,
            "oci-layout" => Self::OciLayout,
            "index.json" => Self::OciIndex,
            _ => {
                if let Some(hex) = s.strip_prefix(BLOBS) {
                    let digest = format!("{}:{hex}", Algorithm::Sha256).parse();
                    Self::Blob(digest.map_err(|_| PathError::new(s))?)
                } else if let Some(arch) = s.strip_prefix(IMPORTER) {
                    Self::Importer(arch.parse().map_err(|_| PathError::new(s))?)
                } else {
                    return Err(PathError::new(s));
                }
            }
        })
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checksums => f.write_str("SHA256SUMS"),
            Self::Lock => f.write_str("airlock.lock"),
            Self::Provenance => f.write_str("provenance.intoto.json"),
            Self::SbomSpdx => f.write_str("sbom.spdx.json"),
            Self::SbomCdx => f.write_str("sbom.cdx.json"),
            Self::OciLayout => f.write_str("oci-layout"),
            Self::OciIndex => f.write_str("index.json"),
            Self::Blob(digest) => write!(f, "blobs/{}/{}", digest.algorithm(), digest.hex()),
            Self::Importer(arch) => write!(f, "{IMPORTER}{arch}"),
        }
    }
}

/// Whether a name is that of a signature: `signatures/<64 lower-case hex digits>.sigstore.json`.
pub(crate) fn is_signature(name: &str) -> bool {
    name.strip_prefix(airlock_spec::index::SIGNATURES_DIR)
        .and_then(|name| name.strip_suffix(".sigstore.json"))
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_outside_the_list_is_a_path() {
        let hex = "0".repeat(64);
        for good in [
            "SHA256SUMS".to_owned(),
            "index.json".to_owned(),
            format!("blobs/sha256/{hex}"),
            "bin/airlock-linux-arm64".to_owned(),
        ] {
            assert_eq!(good.parse::<EntryPath>().unwrap().to_string(), good);
        }
        for bad in [
            String::new(),
            "./index.json".to_owned(),
            "Index.json".to_owned(),
            "sha256sums".to_owned(),
            "airlock.json".to_owned(),
            format!("signatures/{hex}.sigstore.json"),
            "/index.json".to_owned(),
            "../index.json".to_owned(),
            "index.json\0".to_owned(),
            format!("blobs/sha256/{}", "A".repeat(64)),
            format!("blobs/sha256/{hex}/"),
            format!("blobs/sha256//{hex}"),
            format!("blobs/sha512/{hex}{hex}"),
            "bin/airlock-linux-".to_owned(),
            "bin/airlock-linux-../x".to_owned(),
            "bin/airlock-linux-AMD64".to_owned(),
            format!("bin/airlock-linux-{}", "a".repeat(17)),
            "bin/sh".to_owned(),
        ] {
            assert!(bad.parse::<EntryPath>().is_err(), "{bad:?}");
        }
        assert!(is_signature(&format!("signatures/{hex}.sigstore.json")));
        for digits in [0, 63, 65] {
            assert!(!is_signature(&format!(
                "signatures/{}.sigstore.json",
                "0".repeat(digits)
            )));
        }
        assert!(!is_signature(&format!(
            "signatures/../{}.sigstore.json",
            "0".repeat(61)
        )));
        assert!(!is_signature(&format!(
            "signatures/{}.sigstore.json",
            "F".repeat(64)
        )));
    }

    proptest! {
        #[test]
        fn text_that_parses_is_its_own_form(text in "(bin/airlock-linux-|blobs/sha256/)?[a-f0-9./]{0,70}") {
            if let Ok(path) = text.parse::<EntryPath>() {
                prop_assert_eq!(path.to_string(), text);
            }
        }
    }
}
