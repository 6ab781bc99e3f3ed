use std::sync::Arc;

use airlock_bundle::{Bundle, BundleError, CheckedIndex};
use airlock_content::{
    Addition, BlobRead, BlobStore, Cause, Closure, Event, Generation, Missing, Move, Publication,
    PublishStore, Reporter, RootEntry, StoreError, digest_of,
};
use airlock_spec::receipt::Receipt;
use airlock_types::Digest;

use crate::sink::{Finished, MANIFESTS_LIMIT, Sink};
use crate::{ImportError, ImportOptions, receipt, roots, sequence};

/// How often a generation is made anew because somebody else published in between.
const ATTEMPTS: usize = 100;
/// Room for what an import writes besides blobs and the documents of the bundle.
const OVERHEAD: u64 = 4 * 1024 * 1024;
/// What a file takes beyond its length: the rest of its last block, and its inode.
const FILE_OVERHEAD: u64 = 4096;
/// Files and folders that an import writes besides blobs.
const FILES_OVERHEAD: u64 = 64;

/// What an import did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A new generation is current.
    Imported,
    /// The bundle was imported before and is all there; it was checked, and nothing was written.
    Unchanged,
    /// The bundle was imported before and is current; blobs or the receipt were missing and are there again.
    Completed,
}

/// A finished import.
#[derive(Clone, Debug)]
pub struct Imported {
    /// What was done.
    pub outcome: Outcome,
    /// The number of the store's move to the generation.
    pub number: u64,
    /// The receipt; that of the first import where nothing was to be done.
    pub receipt: Receipt,
    /// The name under which the receipt is kept.
    pub record: String,
    /// What roots of earlier imports lack: the store is damaged.
    pub damaged: Vec<Missing>,
}

/// Brings a verified bundle into a store.
///
/// Reads and checks the bundle to its end, also where the store holds all of it already.
pub fn import<S: PublishStore>(
    bundle: Bundle,
    store: &S,
    options: &ImportOptions<'_>,
    reporter: &dyn Reporter,
) -> Result<Imported, ImportError> {
    let index = Arc::clone(bundle.index());
    let history = store.history()?;
    sequence::check(
        &history,
        index.index(),
        index.digest(),
        options.allow_downgrade.as_ref(),
    )?;
    if let Some(done) = unchanged(store, &index, &history, options)? {
        // There is nothing to take from it, and still a damaged copy must not pass for a good one.
        reporter.event(Event::Phase {
            name: "verifying",
            artifacts: 1,
            bytes: index.total_size(),
        });
        let name = "bundle";
        bundle.check(&mut |bytes| reporter.event(Event::Progress { name, bytes }))?;
        reporter.event(Event::Done { name, digest: None });
        return Ok(done);
    }
    // Takes away what a killed import left, which would otherwise count as room that is not there.
    let addition = store.begin()?;
    check_room(store, &index)?;
    let result = add_and_publish(bundle, &index, store, &addition, options, reporter);
    match &result {
        Ok(_) | Err(ImportError::Receipt(_)) => {}
        Err(_) if options.keep_blobs_on_failure => {}
        Err(_) => match addition.undo() {
            Ok(0) => {}
            Ok(left) => reporter.event(Event::Note {
                text: &format!("{left} blobs stay until the next gc, since another import is running"),
            }),
            Err(error) => reporter.event(Event::Note {
                text: &format!("the blobs already written stay until the next gc: {error}"),
            }),
        },
    }
    result
}

fn add_and_publish<S: PublishStore>(
    bundle: Bundle,
    index: &CheckedIndex,
    store: &S,
    addition: &S::Addition,
    options: &ImportOptions<'_>,
    reporter: &dyn Reporter,
) -> Result<Imported, ImportError> {
    reporter.event(Event::Phase {
        name: "importing",
        artifacts: index.blobs().count() as u64,
        bytes: index.total_size(),
    });
    let signatures = bundle.signatures().to_vec();
    let mut checks = receipt::signature_checks(&bundle);
    let mut sink = Sink::new(addition, reporter);
    let (checked, index_bytes) = match bundle.stream_on(options.threads, &mut sink) {
        // The lock is not needed any more, and may be large.
        Ok(streamed) => (streamed.checked, streamed.index_bytes),
        Err(error) => {
            return Err(match sink.too_large {
                Some(size) => ImportError::Manifests {
                    size,
                    limit: MANIFESTS_LIMIT,
                },
                None => blame(error),
            });
        }
    };
    let Finished {
        documents,
        written,
        held,
    } = sink.finish()?;
    check_complete(addition, index)?;
    addition.sync()?;
    let (made, sequence_check) = publish(store, index, options)?;
    checks.push(sequence_check);
    checks.extend(receipt::content_checks(
        checked,
        held,
        index.index().roots.len(),
        index.total_size(),
    ));
    let record = receipt::record_name(made.number, index.index());
    // A store that was only put right keeps the receipt of the import itself.
    if !made.new
        && let Some(receipt) = receipt::read(store, &record)?
    {
        return Ok(Imported {
            outcome: Outcome::Completed,
            number: made.number,
            receipt,
            record,
            damaged: made.damaged,
        });
    }
    let receipt = receipt::receipt(
        index.index(),
        index.digest(),
        made.generation,
        checks,
        written,
        options,
    );
    receipt::keep(
        store,
        &record,
        &receipt,
        index_bytes,
        &signatures,
        documents,
        options,
    )
    .map_err(ImportError::Receipt)?;
    Ok(Imported {
        outcome: if made.new {
            Outcome::Imported
        } else {
            Outcome::Completed
        },
        number: made.number,
        receipt,
        record,
        damaged: made.damaged,
    })
}

/// The move that stands for this import.
struct Made {
    number: u64,
    generation: Digest,
    /// Whether this import made it.
    new: bool,
    damaged: Vec<Missing>,
}

/// Makes the generation current; made anew from what is current then, whenever somebody was faster.
fn publish<S: PublishStore>(
    store: &S,
    index: &CheckedIndex,
    options: &ImportOptions<'_>,
) -> Result<(Made, airlock_spec::receipt::Check), ImportError> {
    for _ in 0..ATTEMPTS {
        let current = store.generation()?;
        let history = store.history()?;
        let check = sequence::check(
            &history,
            index.index(),
            index.digest(),
            options.allow_downgrade.as_ref(),
        )?;
        let roots = roots_after(&current, &history, index, options);
        if let Some(number) = current_import(&current, &history, &roots, index) {
            let made = Made {
                number,
                generation: current.id,
                new: false,
                damaged: Vec::new(),
            };
            return Ok((made, check));
        }
        let published = store.publish(&Publication {
            roots,
            parent: current.id,
            cause: cause(index),
            time: options.time.clone(),
        });
        match published {
            Ok(published) => {
                let made = Made {
                    number: published.number,
                    generation: published.id,
                    new: true,
                    damaged: published.damaged,
                };
                return Ok((made, check));
            }
            Err(StoreError::Moved { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ImportError::Contested)
}

fn roots_after(
    current: &Generation,
    history: &[Move],
    index: &CheckedIndex,
    options: &ImportOptions<'_>,
) -> Vec<RootEntry> {
    let versions = roots::versions(history, index.index());
    roots::after(&current.roots, index.index(), &versions, options.keep_versions)
}

fn cause(index: &CheckedIndex) -> Cause {
    let facts = index.index();
    Cause::Import {
        name: facts.name.to_string(),
        version: facts.version.to_string(),
        channel: facts.channel.to_string(),
        sequence: facts.sequence,
        index: index.digest(),
    }
}

/// The number of the move that imported this very bundle, when it is the latest of its name and nothing
/// of it has been changed since.
fn current_import(
    current: &Generation,
    history: &[Move],
    roots: &[RootEntry],
    index: &CheckedIndex,
) -> Option<u64> {
    let latest = history.iter().rev().find(
        |made| matches!(&made.cause, Cause::Import { name, .. } if name == index.index().name.as_str()),
    )?;
    let same = latest.cause == cause(index) && digest_of(&Generation::render(roots)) == current.id;
    same.then_some(latest.number)
}

/// Whether there is nothing to do at all.
fn unchanged<S: PublishStore>(
    store: &S,
    index: &CheckedIndex,
    history: &[Move],
    options: &ImportOptions<'_>,
) -> Result<Option<Imported>, ImportError> {
    let current = store.generation()?;
    let roots = roots_after(&current, history, index, options);
    let Some(number) = current_import(&current, history, &roots, index) else {
        return Ok(None);
    };
    let record = receipt::record_name(number, index.index());
    let Some(receipt) = receipt::read(store, &record)? else {
        return Ok(None);
    };
    if lacking(store, index)?.files > 0 || check_complete(store, index).is_err() {
        return Ok(None);
    }
    Ok(Some(Imported {
        outcome: Outcome::Unchanged,
        number,
        receipt,
        record,
        damaged: Vec::new(),
    }))
}

/// Fails before anything is written when the bundle does not fit.
fn check_room<S: PublishStore>(store: &S, index: &CheckedIndex) -> Result<(), ImportError> {
    let lacking = lacking(store, index)?;
    if lacking.files == 0 {
        return Ok(());
    }
    let Some(room) = store.room()? else {
        return Ok(());
    };
    let documents = index.entries().iter().filter(|entry| !entry.path.is_blob());
    let needed = documents
        .fold(lacking.bytes, |sum, entry| sum.saturating_add(entry.size))
        .saturating_add(OVERHEAD);
    if needed > room.bytes {
        return Err(ImportError::NoSpace {
            needed,
            available: room.bytes,
        });
    }
    let needed = lacking.files.saturating_add(FILES_OVERHEAD);
    match room.files {
        Some(available) if needed > available => Err(ImportError::NoFiles { needed, available }),
        _ => Ok(()),
    }
}

/// What the store does not hold of a bundle.
struct Lacking {
    bytes: u64,
    files: u64,
}

/// The blobs that the store does not hold, and the room that they need.
fn lacking<R: BlobRead>(store: &R, index: &CheckedIndex) -> Result<Lacking, StoreError> {
    let mut lacking = Lacking { bytes: 0, files: 0 };
    for entry in index.blobs() {
        if store.size(&entry.digest)? != Some(entry.size) {
            lacking.files += 1;
            lacking.bytes = lacking
                .bytes
                .saturating_add(entry.size)
                .saturating_add(FILE_OVERHEAD);
        }
    }
    Ok(lacking)
}

/// Everything that the bundle's roots need must be in the store now.
fn check_complete<R: BlobRead>(store: &R, index: &CheckedIndex) -> Result<(), ImportError> {
    let mut closure = Closure::default();
    for root in &index.generation().roots {
        closure.add(store, &root.descriptor)?;
        if let Some(first) = closure.lacking().next() {
            return Err(ImportError::Incomplete {
                reference: root.reference.to_string(),
                first: first.digest,
            });
        }
    }
    Ok(())
}

/// What the store could not take is the store's trouble, and reads better without the detour.
fn blame(error: BundleError) -> ImportError {
    match error {
        BundleError::Sink { source, .. } => ImportError::Store(source),
        error => ImportError::Bundle(error),
    }
}
