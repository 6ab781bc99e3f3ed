//! The receipt: what an import did, for the site's own record and for the next delta.

use airlock_types::{Digest, json};
use serde::{Deserialize, Serialize};

use crate::{BundleName, Channel, Version};

/// The format that this version writes.
pub const FORMAT: u32 = 1;

/// Proof of one import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Receipt {
    /// The format, [`FORMAT`].
    pub format: u32,
    /// The bundle's name.
    pub name: BundleName,
    /// Its version.
    pub version: Version,
    /// Its channel.
    pub channel: Channel,
    /// Its sequence.
    pub sequence: u64,
    /// SHA-256 of its `airlock.json`.
    pub index: Digest,
    /// SHA-256 of its `airlock.lock`.
    pub lock: Digest,
    /// The generation that the import made.
    pub generation: Digest,
    /// When, in UTC, as RFC 3339 text; the importing machine's clock.
    pub time: String,
    /// The version of Airlock.
    pub tool: String,
    /// What was checked, and with which result.
    pub checks: Vec<Check>,
    /// Blobs and bytes that were written; the others were there before.
    pub written: Written,
}

/// How much an import added to the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// Blobs.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// One check and its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What was asked.
    pub check: String,
    /// What came out.
    pub result: Outcome,
    /// By which key, file or figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
}

/// The result of a check; nothing is ever silently assumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Shown to be so.
    Established,
    /// Looked at, and not shown to be so.
    NotEstablished,
    /// Not looked at.
    Skipped,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Established => "established",
            Self::NotEstablished => "not established",
            Self::Skipped => "skipped",
        })
    }
}

impl Receipt {
    /// The bytes of a receipt: canonical JSON and a line feed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = json::to_canonical(self);
        bytes.push(b'\n');
        bytes
    }

    /// Reads a receipt.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, json::JsonError> {
        json::from_slice(bytes)
    }
}
