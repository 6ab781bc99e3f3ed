/// Why a key cannot be read, made or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// More bytes than any key file has.
    #[error("the key file is larger than 64 KiB: {0} bytes")]
    TooLarge(usize),
    /// No `-----BEGIN …-----` line.
    #[error("the key file is not in PEM form")]
    NotPem,
    /// A file with one key was expected.
    #[error("the key file needs exactly one PEM block: {0} found")]
    SeveralBlocks(usize),
    /// The PEM block breaks RFC 7468.
    #[error("the PEM block is damaged")]
    Pem(#[source] pkcs8::der::pem::Error),
    /// A PEM block of another kind.
    #[error("the PEM block is not a {expected} key: {label:?}")]
    Label {
        /// `private` or `public`.
        expected: &'static str,
        /// What the block says it is.
        label: String,
    },
    /// The key is encrypted and no password was given.
    #[error("the private key is encrypted and needs a password")]
    PasswordNeeded,
    /// The password is wrong (or the encrypted part is damaged, which looks the same).
    #[error("the password does not open the private key")]
    WrongPassword,
    /// Encryption under an empty password was asked for.
    #[error("an empty password protects nothing")]
    EmptyPassword,
    /// A key of another algorithm or curve.
    #[error("only ECDSA P-256 keys are supported: {0}")]
    Algorithm(String),
    /// The key is encrypted in a way that is not supported.
    #[error("the encryption of the private key is not supported: {0}")]
    Encryption(String),
    /// Opening the key would take more memory or time than any honest key does.
    #[error("the private key asks for too much work to be opened: {0}")]
    TooCostly(String),
    /// The contents do not decode.
    #[error("the key is damaged: {0}")]
    Malformed(&'static str),
    /// The operating system failed to give random bytes.
    #[error("the system gave no random bytes")]
    Random(#[source] getrandom::Error),
}

impl KeyError {
    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        const MAKE: &str = "make one with `airlock keygen`, or with \
            `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`";
        const RECODE: &str =
            "encrypt it anew: `openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -in KEY -out NEW`";
        match self {
            Self::Label { expected, label } => match (*expected, label.as_str()) {
                ("private", "EC PRIVATE KEY") => {
                    Some("convert it: `openssl pkcs8 -topk8 -in KEY -out NEW`".to_owned())
                }
                ("private", "PUBLIC KEY") => {
                    Some("this is the public half; signing needs the private key".to_owned())
                }
                ("public", "CERTIFICATE") => {
                    Some("take the key out of it: `openssl x509 -in CERT -noout -pubkey`".to_owned())
                }
                ("public", label) if label.contains("PRIVATE") => Some(
                    "this is the private half; verification needs the public key (PEM label PUBLIC KEY)"
                        .to_owned(),
                ),
                _ => Some(MAKE.to_owned()),
            },
            Self::SeveralBlocks(_) => Some(
                "give each key in a file of its own; `openssl pkcs8 -topk8 -in KEY` writes just the key"
                    .to_owned(),
            ),
            Self::Algorithm(_) => Some(MAKE.to_owned()),
            Self::Encryption(_) | Self::TooCostly(_) => Some(RECODE.to_owned()),
            Self::EmptyPassword => Some("give a password, or ask for an unencrypted key".to_owned()),
            _ => None,
        }
    }
}
