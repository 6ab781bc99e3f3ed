use std::collections::HashSet;

use airlock_content::{
    BlobRead, Cause, Closure, Generation, Missing, Move, Need, Publication, PublishStore, Published, Room,
    RootEntry, StoreError, digest_of,
};
use airlock_types::{Digest, json};

use crate::journal::{Journal, Record};
use crate::lock::FileLock;
use crate::{Store, StoreAddition, files, lock};

impl PublishStore for Store {
    type Addition = StoreAddition;

    fn begin(&self) -> Result<StoreAddition, StoreError> {
        StoreAddition::new(self)
    }

    fn room(&self) -> Result<Option<Room>, StoreError> {
        files::room(self.root())
            .map(Some)
            .map_err(StoreError::io("asking for the free space", self.root()))
    }

    fn publish(&self, publication: &Publication) -> Result<Published, StoreError> {
        // Keeps garbage collection away while the new roots are looked at.
        let adding = self.adding_lock()?;
        let _swap = self.swap_lock()?;
        let journal = self.journal()?;
        if journal.current != publication.parent {
            return Err(StoreError::Moved {
                expected: publication.parent,
                actual: journal.current,
            });
        }
        let parent = Self::parse_generation(&self.index_bytes()?, &self.path("index.json"))?;
        let old: HashSet<Digest> = parent
            .roots
            .into_iter()
            .map(|root| root.descriptor.digest)
            .collect();
        let (carried, new): (Vec<_>, Vec<_>) = publication
            .roots
            .iter()
            .partition(|root| old.contains(&root.descriptor.digest));
        let mut closure = self.complete(new)?;
        let before = closure.missing.len();
        let mut unreadable = Vec::new();
        for root in carried {
            match closure.add(self, &root.descriptor) {
                Ok(()) => {}
                Err(StoreError::Manifest { digest, .. } | StoreError::ManifestTooLong { digest, .. }) => {
                    unreadable.push(Missing {
                        digest,
                        size: root.descriptor.size,
                        held: self.size(&digest)?,
                        parent: None,
                        need: Need::Required,
                    });
                }
                Err(error) => return Err(error),
            }
        }
        let damaged = closure
            .missing
            .drain(before..)
            .filter(|missing| missing.need == Need::Required)
            .chain(unreadable)
            .collect();
        // Also for blobs that others added and that were found here: theirs may not be on the disk yet.
        lock::sync_file_system(&self.temporaries())?;
        let published = self.make_current(&journal, publication, damaged);
        drop(adding);
        published
    }

    fn history(&self) -> Result<Vec<Move>, StoreError> {
        self.generations()
    }

    fn keep_record(&self, name: &str, files: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        self.write_record(name, files)
    }

    fn read_record(&self, name: &str, file: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.record_file(name, file)
    }

    fn records(&self) -> Result<Vec<String>, StoreError> {
        files::names(&self.path("airlock/receipts"))
    }
}

impl Store {
    /// Makes the generation of an earlier move current again. `to` is that move's number.
    ///
    /// Fails when garbage collection has removed it, or when something that it needs is missing.
    pub fn rollback(&self, to: u64, time: &str) -> Result<Published, StoreError> {
        let adding = self.adding_lock()?;
        let _swap = self.swap_lock()?;
        let journal = self.journal()?;
        let gone = || StoreError::NoGeneration(to.to_string());
        let id = journal
            .moves
            .iter()
            .find(|record| record.number == to)
            .ok_or_else(gone)?
            .id;
        if id == journal.current {
            return Ok(Published {
                number: journal.next() - 1,
                id,
                damaged: Vec::new(),
            });
        }
        let generation = self.generation_by_id(&id)?.ok_or_else(gone)?;
        self.complete(generation.roots.iter().collect())?;
        let publication = Publication {
            roots: generation.roots,
            parent: journal.current,
            cause: Cause::Rollback { to },
            time: time.to_owned(),
        };
        let published = self.make_current(&journal, &publication, Vec::new());
        drop(adding);
        published
    }

    pub(crate) fn swap_lock(&self) -> Result<FileLock, StoreError> {
        FileLock::exclusive(&self.path("airlock/locks/swap"))
    }

    /// What `roots` need; an error when something that they cannot do without is missing.
    fn complete(&self, roots: Vec<&RootEntry>) -> Result<Closure, StoreError> {
        let mut closure = Closure::default();
        for root in roots {
            closure.add(self, &root.descriptor)?;
            let lacking: Vec<_> = closure.lacking().collect();
            if let Some(first) = lacking.first() {
                return Err(StoreError::Incomplete {
                    reference: root.reference.to_string(),
                    first: first.digest,
                    lacking: lacking.len(),
                });
            }
        }
        Ok(closure)
    }

    /// The move itself. The caller holds `swap`.
    fn make_current(
        &self,
        journal: &Journal,
        publication: &Publication,
        damaged: Vec<Missing>,
    ) -> Result<Published, StoreError> {
        let bytes = Generation::render(&publication.roots);
        let id = digest_of(&bytes);
        let number = journal.next();
        for record in &journal.unfinished {
            files::remove(&self.record_path(record.number))?;
        }
        let temporaries = self.temporaries();
        let (generation, record) = (self.generation_path(&id), self.record_path(number));
        let is_new = !generation.exists();
        let write = || {
            if is_new {
                files::write_file(&temporaries, &generation, &bytes)?;
            }
            let content = Record {
                number,
                id,
                time: publication.time.clone(),
                cause: publication.cause.clone(),
            };
            files::write_file(&temporaries, &record, &json::to_canonical(&content))?;
            files::write_file(&temporaries, &self.path("index.json"), &bytes)
        };
        if let Err(error) = write() {
            // A generation that never was must not keep its blobs. What cannot be removed is left to garbage collection.
            if self.index_bytes().is_ok_and(|now| digest_of(&now) != id) {
                let _ = files::remove(&record);
                if is_new {
                    let _ = files::remove(&generation);
                }
            }
            return Err(error);
        }
        Ok(Published { number, id, damaged })
    }
}
