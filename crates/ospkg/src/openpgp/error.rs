use super::{Finding, KeyHandle, Override, date};

/// Why bytes are no keyring.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// More bytes than any keyring has.
    #[error("the keyring is larger than 16 MiB: {0} bytes")]
    TooLarge(usize),
    /// More keys than any keyring has.
    #[error("the keyring has more than {0} packets")]
    TooMany(usize),
    /// Neither OpenPGP packets nor their armour.
    #[error("the keyring is damaged: {0}")]
    Malformed(String),
    /// The format that GnuPG keeps for itself.
    #[error("the keyring is a GnuPG keybox, which only GnuPG reads")]
    Keybox,
    /// The secret half.
    #[error("the keyring holds a private key")]
    Private,
    /// Nothing in it can be used.
    #[error("the keyring holds no public key that can be used{0}")]
    Empty(String),
}

impl KeyringError {
    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Keybox => {
                Some("export the keys: `gpg --no-default-keyring --keyring FILE --export > NEW.gpg`")
            }
            Self::Private => Some("give the public half: `gpg --export KEY > NEW.gpg`"),
            _ => None,
        }
    }
}

/// Why a message is not established as signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenPgpError {
    /// More bytes than any index has.
    #[error("the signed message is larger than {limit} bytes: {size}")]
    TooLarge {
        /// The most that is read.
        limit: usize,
        /// What was given.
        size: usize,
    },
    /// Not the form of RFC 9580, section 7.
    #[error("the signed message is damaged: {0}")]
    Cleartext(&'static str),
    /// The signature packets do not decode.
    #[error("the signature is damaged: {0}")]
    Signature(String),
    /// A signature file without signatures.
    #[error("the signature file holds no signature")]
    NoSignature,
    /// More signatures than anybody makes.
    #[error("there are more than {0} signatures")]
    TooManySignatures(usize),
    /// Signatures, but none to rely on.
    #[error("{}", list(.0))]
    NotEstablished(Vec<Finding>),
    /// A known key's signature that is for other contents.
    #[error("{0}")]
    Bad(Finding),
}

impl OpenPgpError {
    /// What was found about each signature.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::NotEstablished(findings) => findings,
            Self::Bad(finding) => std::slice::from_ref(finding),
            _ => &[],
        }
    }

    /// The override that would let this pass, if one would.
    pub fn accepted_by(&self) -> Option<Override> {
        self.findings()
            .iter()
            .find_map(|finding| finding.problem.as_ref().and_then(Problem::accepted_by))
    }
}

fn list(findings: &[Finding]) -> String {
    let mut texts: Vec<String> = findings.iter().map(ToString::to_string).collect();
    texts.dedup();
    texts.join("; ")
}

/// Why one signature cannot be relied on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// No key of this name.
    #[error("signed by {0}, which is in none of the keyrings")]
    UnknownKey(KeyHandle),
    /// It does not say who made it.
    #[error("a signature does not say which key made it")]
    NoIssuer,
    /// Version 3 and older, or something newer than this program.
    #[error("a signature has an unsupported form: {0}")]
    Unsupported(String),
    /// The mathematics say no.
    #[error("the signature by {0} does not fit the contents")]
    Mismatch(KeyHandle),
    /// Made for another purpose.
    #[error("the signature by {key} is of another kind than the file needs: {kind}")]
    Kind {
        /// Whose.
        key: KeyHandle,
        /// Which kind.
        kind: String,
    },
    /// MD5, SHA-1, RIPEMD-160.
    #[error("the {what} by {key} uses a weak digest: {digest}")]
    WeakDigest {
        /// Whose.
        key: KeyHandle,
        /// A signature, a self-signature, a binding.
        what: &'static str,
        /// Which digest.
        digest: String,
    },
    /// Too short, or of a kind nobody should use.
    #[error("the key {key} is weak: {what}")]
    WeakKey {
        /// Which key.
        key: KeyHandle,
        /// What it is.
        what: String,
    },
    /// A key past its time.
    #[error("the key {key} expired on {}", date(*.on))]
    KeyExpired {
        /// Which key.
        key: KeyHandle,
        /// Seconds since 1970.
        on: i64,
    },
    /// A signature by a key that was already past its time.
    #[error("the signature by {key} was made after the key expired on {}", date(*.on))]
    SignedAfterExpiry {
        /// Which key.
        key: KeyHandle,
        /// Seconds since 1970.
        on: i64,
    },
    /// A key that says it is made later.
    #[error("the key {key} is from the future: {}", date(*.made))]
    KeyFromFuture {
        /// Which key.
        key: KeyHandle,
        /// Seconds since 1970.
        made: i64,
    },
    /// A key taken back.
    #[error("the key {key} was revoked on {}: {why}", date(*.on))]
    KeyRevoked {
        /// Which key.
        key: KeyHandle,
        /// Seconds since 1970.
        on: i64,
        /// The reason that the revocation gives.
        why: String,
    },
    /// A signature past its time.
    #[error("the signature by {key} expired on {}", date(*.on))]
    SignatureExpired {
        /// Whose.
        key: KeyHandle,
        /// Seconds since 1970.
        on: i64,
    },
    /// A signature that says it is made later.
    #[error("the signature by {key} is from the future: {}", date(*.made))]
    SignatureFromFuture {
        /// Whose.
        key: KeyHandle,
        /// Seconds since 1970.
        made: i64,
    },
    /// A signature older than the key it is made with.
    #[error("the signature by {key} is older than the key: {}", date(*.made))]
    SignatureBeforeKey {
        /// Whose.
        key: KeyHandle,
        /// Seconds since 1970.
        made: i64,
    },
    /// The signature says when it was made twice, or not at all.
    #[error("the {what} by {key} does not say when it was made")]
    NoTime {
        /// Whose.
        key: KeyHandle,
        /// A signature, a self-signature, a binding.
        what: &'static str,
    },
    /// Something that must be understood and is not.
    #[error("the {what} by {key} demands something unknown: {demand}")]
    Critical {
        /// Whose.
        key: KeyHandle,
        /// A signature, a self-signature, a binding.
        what: &'static str,
        /// The subpacket or notation.
        demand: String,
    },
    /// A key for encryption, authentication or certificates.
    #[error("the key {0} is not meant for signing")]
    NotForSigning(KeyHandle),
    /// No user id and no direct signature that the key itself vouches for.
    #[error("the key {0} has no valid self-signature")]
    NoSelfSignature(KeyHandle),
    /// The primary key does not vouch for the subkey.
    #[error("the subkey {0} is not bound to its primary key")]
    NotBound(KeyHandle),
    /// The subkey does not vouch for the primary key, so anybody may have claimed it.
    #[error("the subkey {0} does not confirm that it belongs to its primary key")]
    NoCrossSignature(KeyHandle),
}

impl Problem {
    /// The override that would let this pass, if one would.
    pub fn accepted_by(&self) -> Option<Override> {
        match self {
            Self::WeakKey { .. } => Some(Override::WeakKey),
            Self::WeakDigest { digest, .. } if digest == "SHA1" => Some(Override::WeakDigest),
            Self::KeyExpired { .. } | Self::SignatureExpired { .. } => Some(Override::ExpiredKey),
            _ => None,
        }
    }
}
