//! The moves of the current generation.
//!
//! `index.json` alone says which generation is current. The journal says how it came to that: a record
//! is written before `index.json` is replaced, so after a kill in between there is one record too many,
//! which is recognised by naming a generation that is not current.

use std::fs;
use std::io;
use std::path::PathBuf;

use airlock_content::{Cause, Closure, Generation, Move, StoreError, digest_of};
use airlock_types::{Digest, json};
use serde::{Deserialize, Serialize};

use crate::{Store, files};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) number: u64,
    pub(crate) id: Digest,
    pub(crate) time: String,
    pub(crate) cause: Cause,
}

/// The journal as it stands.
pub(crate) struct Journal {
    /// The generation that `index.json` holds.
    pub(crate) current: Digest,
    /// Moves that were made, oldest first.
    pub(crate) moves: Vec<Record>,
    /// A move that a killed process announced and did not make.
    pub(crate) unfinished: Vec<Record>,
}

impl Journal {
    /// The number for the next move.
    pub(crate) fn next(&self) -> u64 {
        self.moves.last().map_or(0, |record| record.number) + 1
    }

    /// The generations held in the order of their last use, the current one first, each once.
    pub(crate) fn recent(&self) -> Vec<Digest> {
        let mut ids = vec![self.current];
        for record in self.moves.iter().rev() {
            if !ids.contains(&record.id) {
                ids.push(record.id);
            }
        }
        ids
    }
}

impl Store {
    pub(crate) fn generation_path(&self, id: &Digest) -> PathBuf {
        self.path("airlock/generations")
            .join(format!("{}-{}.json", id.algorithm(), id.hex()))
    }

    pub(crate) fn record_path(&self, number: u64) -> PathBuf {
        self.path("airlock/journal").join(format!("{number:06}.json"))
    }

    pub(crate) fn journal(&self) -> Result<Journal, StoreError> {
        let current = digest_of(&self.index_bytes()?);
        let folder = self.path("airlock/journal");
        let mut moves = Vec::new();
        for name in files::names(&folder)? {
            let path = folder.join(&name);
            let bytes = match fs::read(&path) {
                Ok(bytes) => bytes,
                // An unfinished record that a publisher just cleared away.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(StoreError::io("reading the journal", path)(error)),
            };
            let record: Record = json::from_slice(&bytes).map_err(|error| StoreError::Format {
                problem: format!("the record in the journal cannot be read ({error})"),
                path: path.clone(),
            })?;
            moves.push(record);
        }
        moves.sort_unstable_by_key(|record| record.number);
        let made = match moves.iter().rposition(|record| record.id == current) {
            Some(at) => at + 1,
            None if current == digest_of(&Generation::render(&[])) => 0,
            // Another tool wrote `index.json`; nothing can be said against the records.
            None => moves.len(),
        };
        let unfinished = moves.split_off(made);
        Ok(Journal {
            current,
            moves,
            unfinished,
        })
    }

    /// Every move of the current generation, oldest first.
    pub fn generations(&self) -> Result<Vec<Move>, StoreError> {
        let journal = self.journal()?;
        let last = journal.moves.len();
        Ok(journal
            .moves
            .into_iter()
            .enumerate()
            .map(|(at, record)| Move {
                held: self.generation_path(&record.id).is_file(),
                current: at + 1 == last && record.id == journal.current,
                number: record.number,
                id: record.id,
                time: record.time,
                cause: record.cause,
            })
            .collect())
    }

    /// A generation by its digest; `None` where the store does not hold it any more.
    pub fn generation_by_id(&self, id: &Digest) -> Result<Option<Generation>, StoreError> {
        let path = self.generation_path(id);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io("reading the generation", path)(error)),
        };
        if digest_of(&bytes) != *id {
            return Err(StoreError::Format {
                problem: "the generation is not what its name says".to_owned(),
                path,
            });
        }
        Self::parse_generation(&bytes, &path).map(Some)
    }

    /// Every generation held, the current one first.
    pub(crate) fn held_generations(&self) -> Result<Vec<Generation>, StoreError> {
        let mut held = vec![Self::parse_generation(
            &self.index_bytes()?,
            &self.path("index.json"),
        )?];
        for name in files::names(&self.path("airlock/generations"))? {
            let id = name
                .strip_suffix(".json")
                .and_then(|stem| stem.replacen('-', ":", 1).parse().ok());
            if let Some(id) = id
                && id != held[0].id
            {
                held.extend(self.generation_by_id(&id)?);
            }
        }
        Ok(held)
    }

    /// Everything that any generation held reaches.
    pub(crate) fn reached_by_all(&self) -> Result<Closure, StoreError> {
        let mut reached = Closure::default();
        for generation in self.held_generations()? {
            for root in &generation.roots {
                reached.add(self, &root.descriptor)?;
            }
        }
        Ok(reached)
    }

    /// The same where a store may be damaged: a manifest that cannot be read ends the walk of its root
    /// only, and is named.
    pub(crate) fn reached_as_far_as_readable(&self) -> Result<(Closure, Vec<Digest>), StoreError> {
        let (mut reached, mut unreadable) = (Closure::default(), Vec::new());
        for generation in self.held_generations()? {
            for root in &generation.roots {
                match reached.add(self, &root.descriptor) {
                    Ok(()) => {}
                    Err(
                        StoreError::Manifest { digest, .. }
                        | StoreError::ManifestTooLong { digest, .. }
                        | StoreError::TooDeep(digest),
                    ) => unreadable.push(digest),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok((reached, unreadable))
    }
}
