use airlock_types::{Descriptor, Digest};
use bytes::Bytes;

/// Content with its type and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// What it is.
    pub media_type: String,
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// The bytes.
    pub bytes: Bytes,
}

impl Blob {
    /// Names `bytes` by their SHA-256.
    pub fn new(media_type: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            media_type: media_type.into(),
            digest: Digest::Sha256(airlock_hash::sha256(&bytes)),
            bytes,
        }
    }

    /// Canonical JSON of `value`.
    pub fn json(media_type: &str, value: &serde_json::Value) -> Self {
        Self::new(media_type, airlock_types::json::to_canonical(value))
    }

    /// Type, digest and size.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.media_type.clone(), self.digest, self.bytes.len() as u64)
    }
}

/// Bytes that look random and are the same for the same `seed`: they do not compress and differ between seeds.
pub fn noise(seed: &str, length: usize) -> Bytes {
    let mut out = Vec::with_capacity(length + 32);
    let mut block = airlock_hash::sha256(seed.as_bytes());
    while out.len() < length {
        // One hash seeds 4 KiB of a cheap generator: fast enough for images of a gigabyte.
        block = airlock_hash::sha256(&block);
        let mut word = [0; 8];
        word.copy_from_slice(&block[..8]);
        let mut state = u64::from_le_bytes(word) | 1;
        for _ in 0..512 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            out.extend_from_slice(&state.to_le_bytes());
        }
    }
    out.truncate(length);
    out.into()
}
