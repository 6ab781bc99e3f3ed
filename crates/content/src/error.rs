use std::fmt;
use std::path::PathBuf;

use airlock_types::{ByteSize, Digest};

use crate::Shortage;

/// What kind of trouble a source is in: decides the exit code and the hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SourceErrorKind {
    /// The source answered, and what was asked for does not exist there.
    NotFound,
    /// The source wants credentials, or refuses those it was given.
    Denied,
    /// The source could not be reached, or broke off, after all retries.
    Unreachable,
    /// The source asks to slow down and kept doing so.
    RateLimited,
    /// The bytes are not what their digest, size or type promised.
    Corrupt,
    /// The source speaks in a way that Airlock does not support.
    Unsupported,
    /// A file or folder on this machine could not be read.
    Local,
    /// A symbolic link in a folder on this machine leads out of it, where none may.
    LinkLeaves,
}

/// A source could not give what was asked.
///
/// `what` names the thing asked for, with its address and without credentials.
#[derive(Debug, thiserror::Error)]
#[error("{message}: {what}")]
pub struct SourceError {
    /// The kind of trouble.
    pub kind: SourceErrorKind,
    /// One clause.
    pub message: String,
    /// The reference, URL or path asked for.
    pub what: String,
    /// What to do about it, where there is something to do.
    pub hint: Option<String>,
    /// The cause below.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl SourceError {
    /// An error without hint and cause.
    pub fn new(kind: SourceErrorKind, message: impl Into<String>, what: impl fmt::Display) -> Self {
        Self {
            kind,
            message: message.into(),
            what: what.to_string(),
            hint: None,
            source: None,
        }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a cause.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(cause.into());
        self
    }
}

/// A store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file operation failed.
    #[error("{action} failed: {path}", path = path.display())]
    Io {
        /// What was being done: "creating the blob", "reading the generation".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's answer.
        #[source]
        source: std::io::Error,
    },
    /// Bytes arrived that are not what was announced; nothing was kept.
    #[error(transparent)]
    Hash(#[from] crate::HashError),
    /// A blob that must be there is not.
    #[error("the store does not hold the blob: {0}")]
    Missing(Digest),
    /// The folder is not a store, or one of a format that this version cannot read.
    #[error("{problem}: {path}", path = path.display())]
    Format {
        /// One clause.
        problem: String,
        /// The file or folder.
        path: PathBuf,
    },
    /// Another process holds the lock that this operation needs.
    #[error("the store is in use by another airlock process: {path}", path = path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// There is no such generation.
    #[error("the store has no such generation: {0}")]
    NoGeneration(String),
    /// There is no room for a file; nothing of it was kept.
    #[error("there is no room for {needed} more, {shortage}: {path}", needed = ByteSize(*needed), path = path.display())]
    Full {
        /// The file or the store.
        path: PathBuf,
        /// The length of the file.
        needed: u64,
        /// What there is too little of.
        shortage: Shortage,
    },
    /// A root lacks something that it cannot do without.
    #[error("{reference} is not complete, {lacking} blobs are missing, the first is {first}")]
    Incomplete {
        /// The name of the root.
        reference: String,
        /// The first blob that is missing.
        first: Digest,
        /// How many are.
        lacking: usize,
    },
    /// Another generation is current than the caller thinks.
    #[error("the current generation is not {expected} any more: {actual}")]
    Moved {
        /// What the caller took for current.
        expected: Digest,
        /// What is current.
        actual: Digest,
    },
    /// Content that must be a manifest is not one.
    #[error("the store holds a manifest that cannot be read: {digest}")]
    Manifest {
        /// The manifest.
        digest: Digest,
        /// Why.
        #[source]
        source: airlock_types::ManifestError,
    },
    /// A manifest is longer than [`MANIFEST_LIMIT`](crate::MANIFEST_LIMIT).
    #[error("the manifest {digest} is longer than {limit} bytes: {size}", limit = crate::MANIFEST_LIMIT)]
    ManifestTooLong {
        /// The manifest.
        digest: Digest,
        /// Its length.
        size: u64,
    },
    /// Indexes stand inside indexes without end.
    #[error("the indexes are nested too deeply: {0}")]
    TooDeep(Digest),
}

impl StoreError {
    /// For `map_err` at a file operation.
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Full { shortage, .. } => return Some(shortage.hint().to_owned()),
            Self::Missing(_) | Self::Incomplete { .. } => {
                "importing the bundle again brings missing blobs back"
            }
            Self::Manifest { .. } => {
                "`airlock scrub --quarantine` sets damaged blobs aside; importing the bundle again brings them back"
            }
            Self::Format { .. } => "name a folder that `airlock import --store DIR` has made",
            Self::Locked { .. } => "wait until the other command has finished and run this one again",
            Self::Moved { .. } => "run the same command again",
            Self::NoGeneration(_) => {
                "`airlock generations` lists what there is; `airlock gc` may have removed older ones"
            }
            Self::Io { source, .. } => return crate::io_hint(source).map(str::to_owned),
            _ => return None,
        };
        Some(text.to_owned())
    }
}
