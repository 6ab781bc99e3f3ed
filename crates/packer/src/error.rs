use std::io;
use std::path::PathBuf;

use airlock_bundle::PlanError;
use airlock_content::{SourceError, SourceErrorKind, StoreError, io_hint, is_full};
use airlock_spec::lock::Kind;
use airlock_types::{ByteSize, Digest};

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// The lock cannot become a bundle.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The index could not be signed.
    #[error("signing the bundle index failed")]
    Sign(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Some content could not be had; the rest is kept for the next attempt.
    #[error("the bundle is not complete: {} of its blobs could not be had", missing.len())]
    Incomplete {
        /// What is missing, in order of digest.
        missing: Vec<Missing>,
    },
    /// A file operation failed.
    #[error("{action} failed: {path}", path = path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// There is not enough room for the bundle.
    #[error(
        "the bundle needs {needed}, but only {available} are free: {path}",
        needed = ByteSize(*needed),
        available = ByteSize(*available),
        path = path.display()
    )]
    NoSpace {
        /// The folder.
        path: PathBuf,
        /// How many bytes are still to be written.
        needed: u64,
        /// How many bytes there is room for.
        available: u64,
    },
    /// Another process is writing the same bundle.
    #[error("another airlock process is writing this bundle: {path}", path = path.display())]
    Locked {
        /// The unfinished bundle.
        path: PathBuf,
    },
    /// The cache failed.
    #[error("the cache cannot be used")]
    Cache(#[source] StoreError),
    /// A pipe broke off, or got wrong content that could not be taken back.
    #[error("writing the bundle to the output failed")]
    Stream(#[source] airlock_bundle::WriteError),
}

/// Content that could not be had.
#[derive(Debug)]
pub struct Missing {
    /// The content.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Who needs it.
    pub needed_by: Vec<Needed>,
    /// What the source said (the first one, where there are several).
    pub error: SourceError,
}

impl Missing {
    fn hint(&self) -> Option<String> {
        let packages = self.needed_by.iter().find(|needed| needed.kind == Kind::Packages);
        match packages {
            Some(needed) if self.error.kind == SourceErrorKind::NotFound => Some(format!(
                "archives drop packages when newer ones come: choose anew with `airlock lock --update {}`",
                needed.artifact
            )),
            _ => self.error.hint.clone(),
        }
    }
}

/// An artifact that needs some content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// What sort of thing it is.
    pub kind: Kind,
    /// The artifact's name in the manifest.
    pub artifact: String,
    /// Why the artifact is in the bundle.
    pub why: Vec<String>,
}

impl PackError {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Plan(error) => error.hint(),
            Self::Incomplete { missing } => Some(
                missing
                    .iter()
                    .find_map(Missing::hint)
                    .unwrap_or_else(|| "run the same command again: what has arrived is kept".to_owned()),
            ),
            Self::Io { source, .. } if is_full(source) => {
                Some("make room, then run the same command again: what has arrived is kept".to_owned())
            }
            Self::Io { source, .. } if source.kind() == io::ErrorKind::FileTooLarge => Some(
                "the file system does not take files of this size (FAT32 ends at 4 GiB): write to another disk with -o, or format this one as exFAT or ext4"
                    .to_owned(),
            ),
            Self::NoSpace { .. } => Some(
                "make room and run the same command again: what has arrived is kept; or write the bundle to another disk with -o"
                    .to_owned(),
            ),
            Self::Io { source, .. } => io_hint(source).map(str::to_owned),
            Self::Locked { .. } => {
                Some("wait for it to finish, or write to another folder with -o".to_owned())
            }
            Self::Cache(StoreError::Full { .. }) => Some(
                "make room and run the same command again: what has arrived is kept; or use --cache DIR on another disk, or --no-cache"
                    .to_owned(),
            ),
            Self::Cache(StoreError::Io { source, .. }) if io_hint(source).is_some() => {
                io_hint(source).map(|hint| format!("{hint}, or use --cache DIR or --no-cache"))
            }
            Self::Cache(_) => {
                Some("check the cache with `airlock scrub`, or pack with --no-cache".to_owned())
            }
            _ => None,
        }
    }
}
