use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, de, ser};

/// A content digest, `algorithm:hex` (OCI image-spec, "Digests").
///
/// Only the registered algorithms with their exact lower-case hex length are accepted, so a digest can
/// be used as a path component without further checks. Orders by algorithm, then value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Digest {
    /// SHA-256, what everything Airlock makes is named by.
    Sha256([u8; 32]),
    /// SHA-512, accepted from others.
    Sha512([u8; 64]),
}

/// The hash function of a [`Digest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// The registered name, as it stands before the colon and as the folder below `blobs/`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a string is not a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// There is no `algorithm:` part.
    #[error("a digest needs the form sha256:<64 hex digits>: {0:?}")]
    Form(String),
    /// The algorithm is not a registered one that Airlock can check.
    #[error("the digest algorithm is not supported: {0:?}")]
    Algorithm(String),
    /// The hex part has the wrong length or characters (upper case counts as wrong).
    #[error("a {algorithm} digest needs {expected} lower-case hex digits: {value:?}")]
    Hex {
        /// The algorithm named.
        algorithm: Algorithm,
        /// How many digits it takes.
        expected: usize,
        /// What was given.
        value: String,
    },
}

impl Digest {
    /// The digest of a finished SHA-256 computation.
    pub fn sha256(bytes: [u8; 32]) -> Self {
        Self::Sha256(bytes)
    }

    /// Which hash function names the content.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// The raw hash value.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Sha256(bytes) => bytes,
            Self::Sha512(bytes) => bytes,
        }
    }

    /// The value in lower-case hex, the file name below `blobs/<algorithm>/`.
    pub fn hex(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let bytes = self.as_bytes();
        let mut out = String::with_capacity(bytes.len() * 2);
        for byte in bytes {
            out.push(char::from(DIGITS[usize::from(byte >> 4)]));
            out.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        out
    }

    /// The first 12 hex digits, for people.
    pub fn short(&self) -> String {
        let mut hex = self.hex();
        hex.truncate(12);
        hex
    }

    /// `sha256-<hex>`: the tag under which signatures and referrers of this digest are kept where a
    /// registry has no referrers API (OCI distribution-spec, "Referrers Tag Schema"; cosign).
    pub fn referrers_tag(&self) -> String {
        format!("{}-{}", self.algorithm(), self.hex())
    }
}

fn decode<const N: usize>(algorithm: Algorithm, hex: &str) -> Result<[u8; N], DigestError> {
    let error = || DigestError::Hex {
        algorithm,
        expected: N * 2,
        value: hex.chars().take(200).collect(),
    };
    let nibble = |c: u8| match c {
        b'0'..=b'9' => Ok(c - b'0'),
        b'a'..=b'f' => Ok(c - b'a' + 10),
        _ => Err(error()),
    };
    if hex.len() != N * 2 {
        return Err(error());
    }
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Ok(out)
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(s: &str) -> Result<Self, DigestError> {
        let (algorithm, hex) = s
            .split_once(':')
            .ok_or_else(|| DigestError::Form(s.chars().take(200).collect()))?;
        match algorithm {
            "sha256" => decode(Algorithm::Sha256, hex).map(Self::Sha256),
            "sha512" => decode(Algorithm::Sha512, hex).map(Self::Sha512),
            _ => Err(DigestError::Algorithm(algorithm.chars().take(64).collect())),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm(), self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
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
    fn refuses_what_could_escape_or_alias() {
        for bad in [
            "",
            "sha256",
            "sha256:",
            "sha256:baddigeststring",
            "md5:d41d8cd98f00b204e9800998ecf8427e",
            "sha256:../../etc/passwd",
            "SHA256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
            "sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n",
        ] {
            assert!(bad.parse::<Digest>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(bytes in any::<[u8; 32]>()) {
            let digest = Digest::sha256(bytes);
            prop_assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
            let json = serde_json::to_string(&digest).unwrap();
            prop_assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
        }

        #[test]
        fn order_is_the_order_of_the_text(a in any::<[u8; 32]>(), b in any::<[u8; 32]>()) {
            let (a, b) = (Digest::sha256(a), Digest::sha256(b));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }

        #[test]
        fn any_string_is_parsed_without_panic(text in ".{0,200}") {
            let _ = text.parse::<Digest>();
        }
    }
}
