//! The bundle index, `airlock.json`: the one document that is signed, and that names everything else.

use std::fmt;
use std::marker::PhantomData;

use airlock_types::{Descriptor, Digest, Reference, json};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::lock::Kind;
use crate::{BundleName, Channel, Version};

/// The format that this version writes and reads.
pub const FORMAT: u32 = 1;

/// The name of the index inside a bundle.
pub const INDEX_PATH: &str = "airlock.json";
/// The folder of the signatures over it.
pub const SIGNATURES_DIR: &str = "signatures/";

/// How many files a bundle can list, and how many roots. Both are read before anything can be trusted, and a bundle
/// with as many is verified and imported in 120 MB of memory; `docs/bundle-format.md` states them.
pub const MAX_FILES: usize = 32_000;
/// See [`MAX_FILES`].
pub const MAX_ROOTS: usize = 8_000;

/// The signed root of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BundleIndex {
    /// The format, [`FORMAT`].
    pub format: u32,
    /// The manifest's name.
    pub name: BundleName,
    /// The manifest's version.
    pub version: Version,
    /// The line of releases it belongs to.
    pub channel: Channel,
    /// Counts releases of a channel upwards; 0 where it is not used.
    pub sequence: u64,
    /// SHA-256 of the index of the release before, where the builder named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Digest>,
    /// SHA-256 of `airlock.lock`.
    pub lock: Digest,
    /// Every file of the bundle but this one and the signatures, in the order of the archive.
    #[serde(deserialize_with = "at_most::<_, _, MAX_FILES>")]
    pub files: Vec<FileEntry>,
    /// The roots of the image layout, in order of reference.
    #[serde(deserialize_with = "at_most::<_, _, MAX_ROOTS>")]
    pub roots: Vec<Root>,
}

/// A list that is refused when it has an item too many, so that no claim is held in memory.
fn at_most<'de, D, T, const N: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Items<T, const N: usize>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for Items<T, N> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {N}")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut out = Vec::new();
            while let Some(item) = items.next_element()? {
                if out.len() == N {
                    return Err(serde::de::Error::custom(format_args!(
                        "more than the {N} items allowed"
                    )));
                }
                out.push(item);
            }
            Ok(out)
        }
    }

    deserializer.deserialize_seq(Items::<T, N>(PhantomData))
}

/// One file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its path in the archive.
    pub path: String,
    /// SHA-256 of its content.
    pub sha256: HexSha256,
    /// Its length in bytes.
    pub size: u64,
}

/// A SHA-256 value as `sha256sum` prints it, without an algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HexSha256(pub Digest);

impl Serialize for HexSha256 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.hex())
    }
}

impl<'de> Deserialize<'de> for HexSha256 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        format!("sha256:{text}")
            .parse()
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

/// A manifest that a site serves under a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Root {
    /// The name.
    pub reference: Reference,
    /// What sort of thing it is.
    pub kind: Kind,
    /// The manifest.
    pub digest: Digest,
    /// Its type.
    pub media_type: String,
    /// Its length in bytes.
    pub size: u64,
    /// What it is about, when it is a referrer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Digest>,
}

impl Root {
    /// The manifest's plain descriptor.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.media_type.clone(), self.digest, self.size)
    }
}

/// Why bytes are not a bundle index.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Not JSON, or not of the right shape.
    #[error("the bundle index is not valid")]
    Json(#[from] json::JsonError),
    /// Written by a later version.
    #[error("the bundle has a format that this version cannot read: {0}")]
    Format(u32),
}

impl BundleIndex {
    /// The bytes of `airlock.json`: canonical JSON and a line feed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = json::to_canonical(self);
        bytes.push(b'\n');
        bytes
    }

    /// Reads `airlock.json`. What it says must still be checked against the archive.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IndexError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let head: Head = json::from_slice(bytes)?;
        if head.format != FORMAT {
            return Err(IndexError::Format(head.format));
        }
        Ok(json::from_slice(bytes)?)
    }
}
