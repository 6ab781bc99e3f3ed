use airlock_types::Digest;
use serde::{Deserialize, Serialize};

use crate::reach::Missing;
use crate::{BlobStore, GenerationView, Room, RootEntry, StoreError};

/// Why a store's current generation was moved; kept in its journal for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Cause {
    /// A bundle was imported.
    Import {
        /// The bundle's name.
        name: String,
        /// Its version.
        version: String,
        /// Its channel.
        channel: String,
        /// Its sequence.
        sequence: u64,
        /// SHA-256 of its `airlock.json`.
        index: Digest,
    },
    /// The store was set back.
    Rollback {
        /// The number of the move that made the generation chosen.
        to: u64,
    },
    /// Anything else: a push, a removal by hand.
    Edit {
        /// One line for people.
        note: String,
    },
    /// Written by a later version of Airlock.
    #[serde(other)]
    Unknown,
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Import { name, version, .. } => write!(f, "import of {name} {version}"),
            Self::Rollback { to } => write!(f, "rollback to {to}"),
            Self::Edit { note } => f.write_str(note),
            Self::Unknown => f.write_str("made by a later version of Airlock"),
        }
    }
}

/// A new generation, to be published.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Its roots, in any order.
    pub roots: Vec<RootEntry>,
    /// The generation that it was made from: publishing fails when another is current by then.
    pub parent: Digest,
    /// Why it is made.
    pub cause: Cause,
    /// The time, as RFC 3339 text; the caller's clock.
    pub time: String,
}

/// A generation is current now.
#[derive(Clone, Debug)]
pub struct Published {
    /// The number of this move in the journal.
    pub number: u64,
    /// The generation.
    pub id: Digest,
    /// What roots that stood in the parent already lack: the store is damaged, which is no reason to
    /// refuse something new, but must be said.
    pub damaged: Vec<Missing>,
}

/// One move of the current generation, as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Counts the moves of a store upwards, from 1.
    pub number: u64,
    /// The generation that became current.
    pub id: Digest,
    /// When.
    pub time: String,
    /// Why.
    pub cause: Cause,
    /// Whether the generation's index is still held, so that one can roll back to it.
    pub held: bool,
    /// Whether this is the latest move.
    pub current: bool,
}

/// A store that can be given new generations.
pub trait PublishStore: BlobStore + GenerationView {
    /// Blobs on their way into a generation.
    type Addition: Addition;

    /// Starts an addition. While it lives, no blob is removed from the store, so that what was found
    /// there and what was added is still there when the generation is published.
    fn begin(&self) -> Result<Self::Addition, StoreError>;

    /// What can still be added, `None` where there is no limit or none is told.
    fn room(&self) -> Result<Option<Room>, StoreError>;

    /// Makes a new generation current, in one step that a reader sees entirely or not at all.
    ///
    /// Fails with [`StoreError::Incomplete`] when a root that does not stand in the parent lacks
    /// something, and with [`StoreError::Moved`] when the parent is not current any more. Blobs must
    /// have been synced before.
    fn publish(&self, publication: &Publication) -> Result<Published, StoreError>;

    /// Every move of the current generation, oldest first.
    fn history(&self) -> Result<Vec<Move>, StoreError>;

    /// Keeps documents (a receipt and what it is about) under `name`, all at once; what stands there
    /// already is replaced.
    fn keep_record(&self, name: &str, files: &[(String, Vec<u8>)]) -> Result<(), StoreError>;

    /// One document of a record, `None` where there is none. At most 256 MiB are read.
    fn read_record(&self, name: &str, file: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// The names of all records, in order.
    fn records(&self) -> Result<Vec<String>, StoreError>;
}

/// Blobs on their way into a generation.
pub trait Addition: BlobStore {
    /// Removes the blobs that were added here and that no generation reaches, as if the addition had
    /// never begun. Returns how many had to stay, because somebody else is adding at the same time and
    /// may count on them; garbage collection finds those.
    fn undo(self) -> Result<usize, StoreError>;
}
