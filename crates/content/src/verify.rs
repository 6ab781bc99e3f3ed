use std::io::{self, Read};

use airlock_hash::{Sha256, Sha512};
use airlock_types::{Algorithm, Digest};

/// Bytes are not what was announced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// The hash differs.
    #[error("the content does not match its digest {expected}: {actual}")]
    Digest {
        /// What was announced.
        expected: Digest,
        /// What arrived.
        actual: Digest,
    },
    /// More bytes than announced; the rest was not read.
    #[error("the content of {digest} is longer than the {expected} bytes announced")]
    TooLong {
        /// Of which content.
        digest: Digest,
        /// What was announced.
        expected: u64,
    },
    /// Fewer bytes than announced.
    #[error("the content of {digest} ends after {actual} of {expected} bytes")]
    TooShort {
        /// Of which content.
        digest: Digest,
        /// What was announced.
        expected: u64,
        /// What arrived.
        actual: u64,
    },
}

enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

/// Checks a stream against the digest and size announced for it, while it passes.
///
/// Feed every byte to [`update`](Self::update), then ask [`finish`](Self::finish). Excess bytes are
/// refused as soon as they come, so nothing longer than announced is ever written.
pub struct Verifier {
    digest: Digest,
    size: u64,
    seen: u64,
    hasher: Hasher,
}

impl Verifier {
    /// Expects `size` bytes that hash to `digest`.
    pub fn new(digest: Digest, size: u64) -> Self {
        let hasher = match digest.algorithm() {
            Algorithm::Sha256 => Hasher::Sha256(Sha256::new()),
            Algorithm::Sha512 => Hasher::Sha512(Sha512::new()),
        };
        Self {
            digest,
            size,
            seen: 0,
            hasher,
        }
    }

    /// How many bytes have passed.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// What is expected.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The next bytes of the stream.
    pub fn update(&mut self, bytes: &[u8]) -> Result<(), HashError> {
        self.seen += bytes.len() as u64;
        if self.seen > self.size {
            return Err(HashError::TooLong {
                digest: self.digest,
                expected: self.size,
            });
        }
        match &mut self.hasher {
            Hasher::Sha256(hasher) => hasher.update(bytes),
            Hasher::Sha512(hasher) => hasher.update(bytes),
        }
        Ok(())
    }

    /// The stream has ended: was it all there, and was it right?
    pub fn finish(self) -> Result<(), HashError> {
        if self.seen < self.size {
            return Err(HashError::TooShort {
                digest: self.digest,
                expected: self.size,
                actual: self.seen,
            });
        }
        let actual = match self.hasher {
            Hasher::Sha256(hasher) => Digest::Sha256(hasher.finish()),
            Hasher::Sha512(hasher) => Digest::Sha512(hasher.finish()),
        };
        if actual == self.digest {
            Ok(())
        } else {
            Err(HashError::Digest {
                expected: self.digest,
                actual,
            })
        }
    }
}

/// A reader whose end is only reached if every byte was right: the last `read` before the end fails
/// otherwise, so `read_to_end` and `copy` cannot succeed on wrong content.
pub struct VerifyingReader<R> {
    inner: R,
    verifier: Option<Verifier>,
}

impl<R: Read> VerifyingReader<R> {
    /// Wraps a reader of content announced as `digest` and `size`.
    pub fn new(inner: R, digest: Digest, size: u64) -> Self {
        Self {
            inner,
            verifier: Some(Verifier::new(digest, size)),
        }
    }
}

impl<R: Read> Read for VerifyingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let invalid = |error: HashError| io::Error::new(io::ErrorKind::InvalidData, error);
        let Some(verifier) = &mut self.verifier else {
            return Ok(0);
        };
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = self.inner.read(buffer)?;
        if count > 0 {
            verifier.update(&buffer[..count]).map_err(invalid)?;
        } else if let Some(verifier) = self.verifier.take() {
            verifier.finish().map_err(invalid)?;
        }
        Ok(count)
    }
}

/// The SHA-256 digest of bytes in memory.
pub fn digest_of(bytes: &[u8]) -> Digest {
    Digest::Sha256(airlock_hash::sha256(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn only_the_exact_content_reaches_its_end(
            data in proptest::collection::vec(any::<u8>(), 0..300),
            other in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let mut read = Vec::new();
            let result = VerifyingReader::new(&other[..], digest_of(&data), data.len() as u64).read_to_end(&mut read);
            prop_assert_eq!(result.is_ok(), data == other);
            let mut same = Vec::new();
            VerifyingReader::new(&data[..], digest_of(&data), data.len() as u64).read_to_end(&mut same).unwrap();
            prop_assert_eq!(same, data);
        }
    }

    #[test]
    fn the_size_counts_and_so_does_the_hash() {
        let end = |digest: Digest, size: u64, content: &[u8]| {
            let mut verifier = Verifier::new(digest, size);
            verifier.update(content).unwrap();
            verifier.finish()
        };
        let digest = digest_of(b"ab");
        end(digest, 2, b"ab").unwrap();
        let expected = 3;
        assert_eq!(
            end(digest, expected, b"ab"),
            Err(HashError::TooShort {
                digest,
                expected,
                actual: 2
            })
        );
        let sha512 = Digest::Sha512(airlock_hash::sha512(b"ab"));
        end(sha512, 2, b"ab").unwrap();
        for wrong in [digest, sha512] {
            assert!(matches!(end(wrong, 2, b"ac"), Err(HashError::Digest { .. })));
        }
    }

    #[test]
    fn excess_is_refused_before_it_is_passed_on() {
        let mut verifier = Verifier::new(digest_of(b"ab"), 2);
        assert_eq!(
            verifier.update(b"abc"),
            Err(HashError::TooLong {
                digest: digest_of(b"ab"),
                expected: 2
            })
        );
    }
}
