use aws_lc_rs::digest;

/// A SHA-256 computation in progress (FIPS 180-4).
#[derive(Clone)]
pub struct Sha256(digest::Context);

impl Sha256 {
    /// Starts a hash of nothing.
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// Appends `bytes` to what is hashed.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The 32-byte hash of everything appended.
    pub fn finish(self) -> [u8; 32] {
        copy(&self.0.finish())
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

/// A SHA-512 computation in progress (FIPS 180-4).
#[derive(Clone)]
pub struct Sha512(digest::Context);

impl Sha512 {
    /// Starts a hash of nothing.
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA512))
    }

    /// Appends `bytes` to what is hashed.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The 64-byte hash of everything appended.
    pub fn finish(self) -> [u8; 64] {
        copy(&self.0.finish())
    }
}

impl Default for Sha512 {
    fn default() -> Self {
        Self::new()
    }
}

/// SHA-256 of bytes that are already in memory.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    copy(&digest::digest(&digest::SHA256, bytes))
}

/// SHA-512 of bytes that are already in memory.
pub fn sha512(bytes: &[u8]) -> [u8; 64] {
    copy(&digest::digest(&digest::SHA512, bytes))
}

fn copy<const N: usize>(digest: &digest::Digest) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(digest.as_ref());
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::Digest as _;

    proptest! {
        #[test]
        fn agrees_with_the_reference_whatever_the_cuts(
            data in proptest::collection::vec(any::<u8>(), 0..5000),
            cut in 0usize..5000,
        ) {
            let cut = cut.min(data.len());
            let (mut small, mut large) = (super::Sha256::new(), super::Sha512::new());
            for part in [&data[..cut], &data[cut..]] {
                small.update(part);
                large.update(part);
            }
            prop_assert_eq!(&small.finish()[..], &sha2::Sha256::digest(&data)[..]);
            prop_assert_eq!(&large.finish()[..], &sha2::Sha512::digest(&data)[..]);
            prop_assert_eq!(super::sha256(&data)[..].to_vec(), sha2::Sha256::digest(&data).to_vec());
            prop_assert_eq!(super::sha512(&data)[..].to_vec(), sha2::Sha512::digest(&data).to_vec());
        }
    }
}
