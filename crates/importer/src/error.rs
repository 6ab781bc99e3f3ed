use airlock_bundle::BundleError;
use airlock_content::{Shortage, StoreError};
use airlock_types::{ByteSize, Digest};

/// Why an import was refused or failed. Unless it says otherwise, the store is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The bundle is damaged, cut short or contradicts itself.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The store could not do what was asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A later release was imported before.
    #[error(
        "{name} {version} has sequence {sequence} of channel {channel}, and {highest} was imported before"
    )]
    Downgrade {
        /// The bundle's name.
        name: String,
        /// Its version.
        version: String,
        /// Its channel.
        channel: String,
        /// Its sequence.
        sequence: u64,
        /// The highest one imported before.
        highest: u64,
    },
    /// Another release with the same sequence was imported before.
    #[error("another bundle with sequence {sequence} of {name} was imported before: {imported}")]
    SameSequence {
        /// The bundle's name.
        name: String,
        /// Its sequence.
        sequence: u64,
        /// SHA-256 of the `airlock.json` imported before.
        imported: Digest,
    },
    /// The blobs do not fit.
    #[error("the store has no room for the bundle, {needed} are needed and {available} are free",
        needed = ByteSize(*needed), available = ByteSize(*available))]
    NoSpace {
        /// Bytes needed.
        needed: u64,
        /// Bytes available.
        available: u64,
    },
    /// There is room for the bytes of the blobs, and not for so many files.
    #[error("the store has no room for the bundle, {needed} inodes are needed and {available} are free")]
    NoFiles {
        /// Files needed.
        needed: u64,
        /// Files that can be made.
        available: u64,
    },
    /// The manifests of the bundle do not fit into memory.
    #[error("the manifests of the bundle are larger than {limit} together: {size}",
        limit = ByteSize(*limit), size = ByteSize(*size))]
    Manifests {
        /// Their bytes.
        size: u64,
        /// What is accepted.
        limit: u64,
    },
    /// The signed bundle lacks something that one of its own roots needs.
    #[error("the bundle does not hold everything that {reference} needs, for example {first}")]
    Incomplete {
        /// The root.
        reference: String,
        /// What is missing.
        first: Digest,
    },
    /// Others published again and again in between.
    #[error("the store's current generation kept changing during the import")]
    Contested,
    /// Everything is imported and visible; only the receipt is missing.
    #[error("the bundle was imported, but its receipt could not be written")]
    Receipt(#[source] StoreError),
}

impl ImportError {
    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Bundle(BundleError::Sink { source, .. }) | Self::Store(source) => source.hint(),
            Self::Bundle(error) => error.hint(),
            Self::Downgrade { .. } => Some(
                "to return to an earlier state use `airlock rollback`; to import an older bundle on purpose use --allow-downgrade REASON"
                    .to_owned(),
            ),
            Self::SameSequence { .. } => Some(
                "two different bundles with one sequence come from a builder that did not count up, or from two builders: ask \
                 for a bundle with a higher metadata.sequence, or use --allow-downgrade REASON"
                    .to_owned(),
            ),
            Self::NoSpace { .. } => Some(
                "free some space (`airlock gc` removes what no kept generation needs), or move the store to a larger file system"
                    .to_owned(),
            ),
            Self::NoFiles { .. } => Some(Shortage::Files.hint().to_owned()),
            Self::Incomplete { .. } => {
                Some("the bundle was signed like this, so its maker has a defective tool: ask for a new one".to_owned())
            }
            Self::Contested | Self::Receipt(_) => Some("run the same import again".to_owned()),
            Self::Manifests { .. } => Some("split the bundle into several".to_owned()),
        }
    }
}
