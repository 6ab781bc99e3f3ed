use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use airlock_content::{BlobRead, Closure, Generation, MANIFEST_LIMIT, StoreError};
use airlock_types::{Algorithm, Digest, Manifest, media_type};

use crate::lock::FileLock;
use crate::recover::Fetches;
use crate::store::CREATING;
use crate::{Store, files};

/// What a garbage collection removed, or would.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GcReport {
    /// The generations that one can still roll back to, the current one first.
    pub kept: Vec<Digest>,
    /// The generations removed.
    pub removed: Vec<Digest>,
    /// How many blobs were removed.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many temporaries of killed processes were removed.
    pub temporaries: u64,
    /// Their bytes.
    pub temporary_bytes: u64,
    /// Blobs that a kept generation needs and that are not there. Nothing of this is the collection's doing.
    pub missing: u64,
}

impl Store {
    /// Empties the folder, if nothing was ever imported, nothing is held and nobody is adding: for a
    /// store that was made for a bundle which then was refused. Says whether it did.
    pub fn discard_unused(self) -> Result<bool, StoreError> {
        self.release_lock();
        let adding = FileLock::open(&self.path("airlock/locks/adding"))?;
        if !adding.try_exclusive()? {
            return Ok(false);
        }
        let _swap = self.swap_lock()?;
        if !self.generations()?.is_empty() {
            return Ok(false);
        }
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            if !files::names(&self.blob_folder(algorithm))?.is_empty() {
                return Ok(false);
            }
        }
        // In an order in which whatever is left after a kill is taken for a creation that was interrupted.
        let creating = self.path(CREATING);
        let _creating = FileLock::exclusive(&creating)?;
        files::remove(&self.path("airlock/format"))?;
        self.remove_all_but(self.root(), &self.path("airlock"))?;
        self.remove_all_but(&self.path("airlock"), &creating)?;
        files::remove(&creating)?;
        self.remove_all_but(self.root(), Path::new(""))?;
        Ok(true)
    }

    fn remove_all_but(&self, folder: &Path, but: &Path) -> Result<(), StoreError> {
        let failed = || StoreError::io("removing the unused store", self.root());
        for entry in fs::read_dir(folder).map_err(failed())? {
            let path = entry.map_err(failed())?.path();
            // The last one came with the file system.
            if path == but || path.ends_with("lost+found") {
                continue;
            }
            if path.is_dir() {
                fs::remove_dir_all(&path).map_err(failed())?;
            } else {
                fs::remove_file(&path).map_err(failed())?;
            }
        }
        Ok(())
    }

    /// Removes every generation but the current one and the `keep - 1` last used before it, and every
    /// blob that those kept do not reach: not through index children, configurations, layers, or the
    /// subject of a referrer.
    ///
    /// Readers are not disturbed. [`StoreError::Locked`] while somebody adds blobs: there is then no way to
    /// tell garbage from a generation in the making.
    pub fn gc(&self, keep: usize, dry_run: bool) -> Result<GcReport, StoreError> {
        self.release_lock();
        let path = self.path("airlock/locks/adding");
        let adding = FileLock::open(&path)?;
        if !adding.try_exclusive()? {
            return Err(StoreError::Locked { path });
        }
        let _swap = self.swap_lock()?;
        let leftovers = self.leftovers()?;
        if !dry_run {
            self.recover(Fetches::Go)?;
        }
        let journal = self.journal()?;
        let kept: Vec<Digest> = journal
            .recent()
            .into_iter()
            .filter(|id| *id == journal.current || self.generation_path(id).is_file())
            .take(keep.max(1))
            .collect();
        let held = self.held_generations()?;
        let mut reached = Closure::default();
        for root in held
            .iter()
            .filter(|generation| kept.contains(&generation.id))
            .flat_map(|generation| &generation.roots)
        {
            reached.add(self, &root.descriptor)?;
        }
        let removed: BTreeSet<Digest> = held
            .iter()
            .map(|generation: &Generation| generation.id)
            .filter(|id| !kept.contains(id))
            .collect();
        let mut report = GcReport {
            missing: reached.lacking().count() as u64,
            removed: removed.iter().copied().collect(),
            kept,
            temporaries: leftovers.count,
            temporary_bytes: leftovers.bytes,
            ..GcReport::default()
        };
        if !dry_run {
            // Generations go first: from here on nothing claims to need what is removed below.
            for id in &removed {
                files::remove(&self.generation_path(id))?;
            }
            for record in &journal.unfinished {
                files::remove(&self.record_path(record.number))?;
            }
            files::sync_folder(&self.path("airlock/generations"))?;
        }
        self.sweep(&reached, dry_run, &mut report)?;
        Ok(report)
    }

    /// Removes what is not in `reached`: indexes, then manifests, then the rest, so that a manifest that
    /// is still there after a kill still has what it names.
    fn sweep(&self, reached: &Closure, dry_run: bool, report: &mut GcReport) -> Result<(), StoreError> {
        let mut garbage = Vec::new();
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            for digest in self.blobs(algorithm)? {
                if !reached.contains(&digest)
                    && let Some(size) = self.size(&digest)?
                {
                    let rank = if dry_run { 0 } else { self.rank(&digest, size) };
                    garbage.push((rank, digest, size));
                }
            }
        }
        garbage.sort_unstable();
        let mut last = 0;
        for (rank, digest, size) in garbage {
            if !dry_run {
                if rank != last {
                    files::sync_folder(&self.blob_folder(digest.algorithm()))?;
                    last = rank;
                }
                files::remove(&self.blob_path(&digest))?;
            }
            report.blobs += 1;
            report.bytes += size;
        }
        Ok(())
    }

    /// 0 for an index, 1 for a manifest, 2 for anything else, as far as can be seen.
    fn rank(&self, digest: &Digest, size: u64) -> u8 {
        if !(2..=MANIFEST_LIMIT).contains(&size) {
            return 2;
        }
        let path = self.blob_path(digest);
        let starts_like_json = || {
            use std::io::Read;
            let mut first = [0];
            fs::File::open(&path)
                .and_then(|mut file| file.read_exact(&mut first))
                .is_ok_and(|()| matches!(first[0], b'{' | b' ' | b'\n' | b'\t' | b'\r'))
        };
        if !starts_like_json() {
            return 2;
        }
        match fs::read(&path).ok().and_then(|bytes| Manifest::sniff(&bytes)) {
            Some(found) if media_type::is_index(&found) => 0,
            Some(_) => 1,
            None => 2,
        }
    }
}
