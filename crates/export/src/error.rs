use airlock_content::StoreError;
use airlock_types::{Digest, ManifestError, Reference};

/// Why images cannot be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The store or bundle could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such image.
    #[error("there is no such image: {0}")]
    Unknown(Box<Reference>),
    /// A blob of an image is not held.
    #[error("{image} is not complete, the blob is missing: {digest}")]
    Incomplete {
        /// The image.
        image: Box<Reference>,
        /// What is missing.
        digest: Digest,
    },
    /// A manifest of an image cannot be read.
    #[error("a manifest of {image} cannot be read: {digest}")]
    Manifest {
        /// The image.
        image: Box<Reference>,
        /// The manifest.
        digest: Digest,
        /// Why.
        #[source]
        source: ManifestError,
    },
    /// Content is named by another hash than SHA-256, under which containerd would not find it.
    #[error("{image} has content that is not named by SHA-256: {digest}")]
    Algorithm {
        /// The image.
        image: Box<Reference>,
        /// The content.
        digest: Digest,
    },
    /// Indexes stand inside indexes without end.
    #[error("the indexes of {0} are nested too deeply")]
    TooDeep(Box<Reference>),
    /// The archive would be larger than any file.
    #[error("the images add up to more than a file can hold")]
    TooLarge,
    /// The archive could not be read to its end.
    #[error("the archive could not be read")]
    Read(#[source] std::io::Error),
}

impl ExportError {
    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Unknown(_) => Some("`airlock ls` lists what there is".to_owned()),
            Self::Incomplete { .. } => {
                Some("importing the bundle again brings missing blobs back".to_owned())
            }
            _ => None,
        }
    }
}
