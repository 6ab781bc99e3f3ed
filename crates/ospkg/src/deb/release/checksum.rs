use std::fmt;

use md5::Digest as _;
use sha2::Digest as _;

/// Which digest a checksum is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// Can be forged; only with [`Override::WeakChecksum`](crate::openpgp::Override::WeakChecksum).
    Md5,
    /// Can be forged; only with [`Override::WeakChecksum`](crate::openpgp::Override::WeakChecksum).
    Sha1,
    /// What every repository has.
    Sha256,
    /// What some have besides.
    Sha512,
}

impl Algorithm {
    /// SHA-256 first: it is as good as SHA-512 here, and the digest that the rest of Airlock speaks.
    pub(crate) const BEST_FIRST: [Self; 4] = [Self::Sha256, Self::Sha512, Self::Sha1, Self::Md5];

    /// The field of a release that lists files with it.
    pub(crate) fn section(self) -> &'static str {
        match self {
            Self::Md5 => "MD5Sum",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    pub(crate) fn is_weak(self) -> bool {
        matches!(self, Self::Md5 | Self::Sha1)
    }

    fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.section())
    }
}

/// A digest of a file, as an index gives it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checksum {
    algorithm: Algorithm,
    bytes: Vec<u8>,
}

impl Checksum {
    /// Reads hex digits of either case; none if they are not as many as the digest has.
    pub fn from_hex(algorithm: Algorithm, text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != algorithm.length() * 2 {
            return None;
        }
        let digit = |byte: u8| {
            char::from(byte)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        };
        let bytes = digits
            .chunks_exact(2)
            .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
            .collect::<Option<_>>()?;
        Some(Self { algorithm, bytes })
    }

    /// The SHA-256 of these bytes.
    pub fn sha256(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(bytes);
        hasher.finish()
    }

    /// Which digest it is.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Lower-case hex digits.
    pub fn hex(&self) -> String {
        use std::fmt::Write as _;
        self.bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// The digest for the rest of Airlock, where this is a SHA-256.
    pub fn as_sha256(&self) -> Option<airlock_types::Digest> {
        <[u8; 32]>::try_from(self.bytes.as_slice())
            .ok()
            .map(airlock_types::Digest::sha256)
    }

    /// Whether these bytes have it.
    pub fn fits(&self, bytes: &[u8]) -> bool {
        let mut hasher = Hasher::new(self.algorithm);
        hasher.update(bytes);
        hasher.finish() == *self
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.hex())
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Takes a checksum piece by piece.
#[derive(Clone)]
pub struct Hasher(Inner);

#[derive(Clone)]
enum Inner {
    Md5(md5::Md5),
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
}

impl Hasher {
    /// Begins.
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Md5 => Inner::Md5(md5::Md5::new()),
            Algorithm::Sha1 => Inner::Sha1(sha1::Sha1::new()),
            Algorithm::Sha256 => Inner::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => Inner::Sha512(sha2::Sha512::new()),
        })
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Inner::Md5(hasher) => hasher.update(bytes),
            Inner::Sha1(hasher) => hasher.update(bytes),
            Inner::Sha256(hasher) => hasher.update(bytes),
            Inner::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// The checksum of all bytes added.
    pub fn finish(self) -> Checksum {
        let (algorithm, bytes) = match self.0 {
            Inner::Md5(hasher) => (Algorithm::Md5, hasher.finalize().to_vec()),
            Inner::Sha1(hasher) => (Algorithm::Sha1, hasher.finalize().to_vec()),
            Inner::Sha256(hasher) => (Algorithm::Sha256, hasher.finalize().to_vec()),
            Inner::Sha512(hasher) => (Algorithm::Sha512, hasher.finalize().to_vec()),
        };
        Checksum { algorithm, bytes }
    }
}
