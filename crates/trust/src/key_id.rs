use std::fmt;
use std::str::FromStr;

use airlock_types::Digest;
use serde::{Deserialize, Serialize, de, ser};

/// What names a public key: the SHA-256 of its `SubjectPublicKeyInfo` DER, 64 lower-case hex digits.
///
/// The same value as `openssl pkey -pubin -in KEY -outform DER | sha256sum`. A key identifier finds a key
/// among trusted ones; finding it establishes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; 32]);

/// Text that is no key identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key id is 64 lower-case hex digits: {0:?}")]
pub struct KeyIdError(String);

impl KeyId {
    /// The identifier of the key with this `SubjectPublicKeyInfo` DER.
    pub(crate) fn of_der(der: &[u8]) -> Self {
        Self(airlock_hash::sha256(der))
    }

    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Where a bundle keeps the signature of this key: `signatures/<key id>.sigstore.json`.
    pub fn signature_path(&self) -> String {
        format!("signatures/{self}.sigstore.json")
    }

    /// The first 12 hex digits, for people.
    pub fn short(&self) -> String {
        Digest::sha256(self.0).short()
    }
}

impl FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(s: &str) -> Result<Self, KeyIdError> {
        match format!("sha256:{s}").parse() {
            Ok(Digest::Sha256(bytes)) => Ok(Self(bytes)),
            _ => Err(KeyIdError(s.chars().take(200).collect())),
        }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Digest::sha256(self.0).hex())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for KeyId {
    fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_what_could_leave_the_folder() {
        let long = "a".repeat(65);
        let upper = "A".repeat(64);
        for bad in ["", "../../x", long.as_str(), upper.as_str(), "sha256:00"] {
            assert!(bad.parse::<KeyId>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn text_and_json_round_trip(bytes in any::<[u8; 32]>()) {
            let id = KeyId::from_bytes(bytes);
            prop_assert_eq!(id.to_string().parse::<KeyId>().unwrap(), id);
            let json = serde_json::to_string(&id).unwrap();
            prop_assert_eq!(serde_json::from_str::<KeyId>(&json).unwrap(), id);
        }
    }
}
