use std::io;
use std::path::PathBuf;

use airlock_content::{HashError, StoreError};
use airlock_spec::index::IndexError;
use airlock_spec::lock::LockError;
use airlock_trust::TrustError;
use airlock_types::Digest;

/// Why something is not a bundle to be used. Nothing of it was given out unverified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// A file operation failed.
    #[error("{action} failed: {path}", path = path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file or folder, or `-` for a stream.
        path: PathBuf,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// It does not begin as a bundle does.
    #[error("this is not a bundle: {problem}")]
    NotABundle {
        /// What stands at its start.
        problem: String,
    },
    /// It is a compressed file, perhaps of a bundle. Bundles are not compressed.
    #[error("this is not a bundle: it is compressed with {with}")]
    Compressed {
        /// "gzip", "zstd", "xz" or "bzip2".
        with: &'static str,
    },
    /// It breaks off.
    #[error("the bundle ends in the middle of {entry}")]
    Truncated {
        /// The entry that was being read.
        entry: String,
    },
    /// An entry is not the plain file that must stand there.
    #[error("the entry {entry} {problem}")]
    Entry {
        /// The entry that must stand there.
        entry: String,
        /// What stands there instead.
        problem: String,
    },
    /// A small file is larger than any of its kind.
    #[error("{entry} is larger than the {limit} bytes allowed: {size}")]
    TooLarge {
        /// The file.
        entry: String,
        /// The size it claims.
        size: u64,
        /// What is allowed.
        limit: u64,
    },
    /// There are more signatures than anyone needs.
    #[error("the bundle has more than {limit} signatures")]
    TooManySignatures {
        /// What is allowed.
        limit: usize,
    },
    /// Something stands after the last entry.
    #[error("the bundle does not end after its last entry: {problem}")]
    End {
        /// What stands there.
        problem: String,
    },
    /// A folder holds something that the index does not list.
    #[error("the folder holds something that is not of the bundle: {path}", path = path.display())]
    Extra {
        /// The file.
        path: PathBuf,
    },
    /// The signatures do not establish the index.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The index cannot be read.
    #[error(transparent)]
    IndexForm(#[from] IndexError),
    /// The index contradicts itself.
    #[error("the bundle index is not consistent: {problem}")]
    Index {
        /// The contradiction.
        problem: String,
    },
    /// A file's content is not what the index says.
    #[error("{entry} is damaged or was changed")]
    Content {
        /// The file.
        entry: String,
        /// How it differs.
        #[source]
        source: HashError,
    },
    /// The lock cannot be read.
    #[error("airlock.lock cannot be used")]
    LockForm(#[from] LockError),
    /// The lock and the index disagree.
    #[error("airlock.lock and the bundle index disagree: {problem}")]
    Lock {
        /// About what.
        problem: String,
    },
    /// The receiver could not take an entry.
    #[error("{entry} could not be stored")]
    Sink {
        /// The entry.
        entry: String,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// A blob that the index does not list was asked for.
    #[error("the bundle does not hold the blob: {0}")]
    NoBlob(Digest),
    /// The folder to unpack into is there already.
    #[error("the folder to unpack into exists already: {path}", path = path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
}

impl BundleError {
    /// For `map_err` at a file operation.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn entry(entry: &(impl ToString + ?Sized), problem: impl Into<String>) -> Self {
        Self::Entry {
            entry: entry.to_string(),
            problem: problem.into(),
        }
    }

    pub(crate) fn index(problem: impl Into<String>) -> Self {
        Self::Index {
            problem: problem.into(),
        }
    }

    pub(crate) fn lock(problem: impl Into<String>) -> Self {
        Self::Lock {
            problem: problem.into(),
        }
    }

    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        let copy_again = "copy the bundle again from where it was built, and compare both with sha256sum";
        match self {
            Self::Compressed { with } => {
                let command = match *with {
                    "zstd" => "zstd --decompress --keep",
                    "xz" => "unxz --keep",
                    "bzip2" => "bunzip2 --keep",
                    _ => "gunzip --keep",
                };
                Some(format!(
                    "decompress it first with {command}, and give the file that comes out of it"
                ))
            }
            Self::NotABundle { .. } => Some(
                "a bundle is a file NAME-VERSION.airlock.tar, or the folder it was unpacked into".to_owned(),
            ),
            Self::Truncated { .. } | Self::Content { .. } => Some(copy_again.to_owned()),
            Self::Entry { .. } | Self::End { .. } => Some(format!(
                "only bundles exactly as Airlock writes them are read; if this one was not packed again on purpose, {copy_again}"
            )),
            Self::Extra { .. } => Some("unpack the bundle into an empty folder".to_owned()),
            Self::Trust(error) => error.hint(),
            Self::IndexForm(IndexError::Format(_)) => {
                Some("use the version of airlock that the bundle was made with, or a later one".to_owned())
            }
            Self::Index { .. } | Self::IndexForm(_) | Self::Lock { .. } | Self::LockForm(_) => Some(
                "it was made like this, so its maker has a defective tool or is no one to trust: ask for a new one"
                    .to_owned(),
            ),
            Self::Exists { .. } => Some("name a folder that does not exist yet".to_owned()),
            Self::Io { source, .. } => airlock_content::io_hint(source).map(str::to_owned),
            _ => None,
        }
    }
}
