//! One fetch of a blob among all that want it.

use std::io::Read;

use airlock_types::Digest;

use crate::{BlobStore, BlobWriter, StoreError};

/// A store that several fetch into at the same time, threads and processes, and each blob once.
pub trait SharedStore: BlobStore {
    /// The right to fetch one blob.
    type Claim: BlobClaim;

    /// Asks for the right to fetch a blob. Does not wait.
    ///
    /// A claim ends when it and its writers are dropped, also by the death of the process.
    fn claim(&self, digest: Digest, size: u64) -> Result<Claimed<Self::Claim>, StoreError>;

    /// Removes what an interrupted fetch of a blob left, unless somebody is at it.
    fn forget(&self, digest: &Digest) -> Result<(), StoreError>;
}

/// What became of asking for a claim.
#[derive(Debug)]
pub enum Claimed<C> {
    /// The store holds the blob; there is nothing to fetch.
    Held,
    /// Somebody else is fetching it.
    Taken {
        /// How many bytes of it have arrived there.
        arrived: u64,
    },
    /// Nobody else fetches it before this claim ends.
    Granted(C),
}

/// The right to fetch one blob. What was written stays for the next claim unless it is known to be wrong.
pub trait BlobClaim: Send + Sync {
    /// Takes the bytes of the blob.
    type Writer: BlobWriter;

    /// How many bytes from its start are there from an earlier fetch. They are not checked.
    fn left(&self) -> Result<u64, StoreError>;

    /// Those bytes.
    fn read_left(&self) -> Result<Box<dyn Read + Send>, StoreError>;

    /// Starts to write, from the first byte on. With `keep`, what is there stays until it is written over
    /// by the same bytes; without, it is let go.
    fn writer(&self, keep: bool) -> Result<Self::Writer, StoreError>;
}
