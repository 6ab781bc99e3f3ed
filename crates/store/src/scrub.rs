use std::path::PathBuf;

use airlock_content::{BlobRead, Event, Missing, Need, Reporter, StoreError};
use airlock_hash::Engine;
use airlock_types::{Algorithm, Digest};

use crate::check::Check;
use crate::{Store, files};

/// How a scrub goes about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScrubOptions {
    /// How many threads read; 0 for one per processor. Each has as many blobs in flight as pays off.
    pub threads: usize,
    /// Whether corrupt blobs are moved to `airlock/quarantine`, so that the next import brings them again.
    pub quarantine: bool,
}

/// A blob that is not what its name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrupt {
    /// Its name.
    pub digest: Digest,
    /// Its length.
    pub size: u64,
    /// What was found, in one clause.
    pub found: String,
    /// Whether a generation needs it.
    pub needed: bool,
    /// Where it was moved to.
    pub quarantined: Option<PathBuf>,
}

/// What a scrub found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScrubReport {
    /// How many blobs were read.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blobs with wrong content, in order of digest.
    pub corrupt: Vec<Corrupt>,
    /// Files below `blobs/` whose names are no digests.
    pub misnamed: Vec<PathBuf>,
    /// Blobs that no generation reaches: garbage, or an import in progress.
    pub unreachable: Vec<Digest>,
    /// What a generation needs and the store does not hold.
    pub missing: Vec<Missing>,
    /// Manifests that cannot be read, so that what they name could not be looked for.
    pub unreadable: Vec<Digest>,
}

impl ScrubReport {
    /// Whether everything that is needed is there, and everything that is there is right.
    pub fn is_sound(&self) -> bool {
        self.corrupt.is_empty()
            && self.misnamed.is_empty()
            && self.missing.is_empty()
            && self.unreadable.is_empty()
    }
}

impl Store {
    /// Reads every blob and compares it with its name, then looks for what the generations need.
    pub fn scrub(&self, options: ScrubOptions, reporter: &dyn Reporter) -> Result<ScrubReport, StoreError> {
        self.scrub_with(Engine::best(), options, reporter)
    }

    /// [`scrub`](Self::scrub) by an engine of the caller's choice.
    ///
    /// # Panics
    /// If this processor cannot run the engine.
    pub fn scrub_with(
        &self,
        engine: Engine,
        options: ScrubOptions,
        reporter: &dyn Reporter,
    ) -> Result<ScrubReport, StoreError> {
        let mut report = ScrubReport::default();
        let mut work = Vec::new();
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let folder = self.blob_folder(algorithm);
            for name in files::names(&folder)? {
                match format!("{algorithm}:{name}").parse::<Digest>() {
                    Ok(digest) => match self.size(&digest)? {
                        Some(size) => work.push((digest, size)),
                        // Gone since it was listed, or no regular file.
                        None if folder.join(&name).symlink_metadata().is_ok() => {
                            report.misnamed.push(folder.join(name));
                        }
                        None => {}
                    },
                    Err(_) => report.misnamed.push(folder.join(name)),
                }
            }
        }
        report.blobs = work.len() as u64;
        report.bytes = work.iter().map(|(_, size)| size).sum();
        reporter.event(Event::Phase {
            name: "scrubbing",
            artifacts: report.blobs,
            bytes: report.bytes,
        });
        report.corrupt = Check::new(self, engine, reporter).run(&work, options.threads)?;
        let (reached, unreadable) = self.reached_as_far_as_readable()?;
        report.unreadable = unreadable;
        report.missing = reached
            .missing
            .iter()
            .filter(|missing| missing.need == Need::Required || missing.held.is_some())
            .cloned()
            .collect();
        report.unreachable = work
            .iter()
            .map(|(digest, _)| *digest)
            .filter(|digest| !reached.contains(digest))
            .collect();
        for corrupt in &mut report.corrupt {
            corrupt.needed = reached.contains(&corrupt.digest) || report.unreadable.contains(&corrupt.digest);
        }
        if options.quarantine {
            self.quarantine(&mut report)?;
        }
        Ok(report)
    }

    fn quarantine(&self, report: &mut ScrubReport) -> Result<(), StoreError> {
        if report.corrupt.is_empty() {
            return Ok(());
        }
        let folder = self.path("airlock/quarantine");
        files::make_folder(&folder)?;
        for corrupt in &mut report.corrupt {
            let target = folder.join(corrupt.digest.to_string().replace(':', "-"));
            let path = self.blob_path(&corrupt.digest);
            files::rename("moving the corrupt blob", &path, &target)?;
            corrupt.quarantined = Some(target);
        }
        files::sync_folder(&folder)
    }
}
