use airlock_content::{Generation, HashError, Verifier, digest_of};
use airlock_spec::index::BundleIndex;
use airlock_spec::lock::Lock;
use airlock_types::{Algorithm, Digest};

use crate::plan::{self, OCI_LAYOUT, archive_len, root_entries, root_order};
use crate::source::MAX_LOCK;
use crate::{BundleError, EntryPath};

/// One file that the index lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path.
    pub path: EntryPath,
    /// SHA-256 of its content.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}

/// A bundle index that is consistent in itself: every path is allowed and in its place, every root is carried, and
/// the files that follow from the index have the digests they must have.
#[derive(Clone, Debug)]
pub struct CheckedIndex {
    /// Without the files, which are the entries: a large index would be held twice.
    index: BundleIndex,
    digest: Digest,
    entries: Vec<Entry>,
    generation: Generation,
}

impl CheckedIndex {
    /// Reads and checks `airlock.json`. Whether it is to be trusted is another question.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        let mut index = BundleIndex::from_bytes(bytes)?;
        if index.to_bytes() != bytes {
            return Err(BundleError::index("it is not canonical JSON with one line feed"));
        }
        let mut entries: Vec<Entry> = Vec::with_capacity(index.files.len());
        for file in &index.files {
            let path: EntryPath = file
                .path
                .parse()
                .map_err(|error: crate::PathError| BundleError::index(error.to_string()))?;
            if entries.last().is_some_and(|last| last.path >= path) {
                return Err(BundleError::index(format!(
                    "{path} is listed twice or out of order"
                )));
            }
            let digest = file.sha256.0;
            if matches!(path, EntryPath::Blob(named) if named != digest) {
                return Err(BundleError::index(format!(
                    "{path} is listed with the digest {digest}"
                )));
            }
            entries.push(Entry {
                path,
                digest,
                size: file.size,
            });
        }
        archive_len(&index.files)
            .ok_or_else(|| BundleError::index("the sizes add up to more than a file can hold"))?;
        index.files = Vec::new();
        let roots = root_entries(&index.roots);
        let oci_index = Generation::render(&roots);
        // That the roots stand in the order of a generation is checked below.
        let generation = Generation {
            id: digest_of(&oci_index),
            roots,
        };
        let checked = Self {
            digest: digest_of(bytes),
            entries,
            generation,
            index,
        };
        checked.check_fixed_files(&oci_index)?;
        checked.check_roots()?;
        Ok(checked)
    }

    /// Some files follow from the index alone, so they need not be seen to know their digest.
    fn check_fixed_files(&self, oci_index: &[u8]) -> Result<(), BundleError> {
        let sums = |sums: &mut Verifier| {
            self.entries
                .iter()
                .filter_map(plan::checksum)
                .try_for_each(|line| sums.update(line.as_bytes()))
        };
        self.check_content(&EntryPath::Checksums, sums)?;
        self.check_content(&EntryPath::OciLayout, |content| content.update(OCI_LAYOUT))?;
        self.check_content(&EntryPath::OciIndex, |content| content.update(oci_index))?;
        let lock = self.required(&EntryPath::Lock)?;
        if lock.digest != self.index.lock {
            return Err(BundleError::index("it names two digests for airlock.lock"));
        }
        if lock.size > MAX_LOCK {
            return Err(BundleError::TooLarge {
                entry: lock.path.to_string(),
                size: lock.size,
                limit: MAX_LOCK,
            });
        }
        Ok(())
    }

    /// The index must list this content, which `feed` passes on, under this path.
    fn check_content(
        &self,
        path: &EntryPath,
        feed: impl FnOnce(&mut Verifier) -> Result<(), HashError>,
    ) -> Result<(), BundleError> {
        let entry = self.required(path)?;
        let mut verifier = Verifier::new(entry.digest, entry.size);
        feed(&mut verifier)
            .and_then(|()| verifier.finish())
            .map_err(|_| BundleError::index(format!("{path} is not the one that belongs to it")))
    }

    fn check_roots(&self) -> Result<(), BundleError> {
        if self
            .index
            .previous
            .is_some_and(|digest| digest.algorithm() != Algorithm::Sha256)
        {
            return Err(BundleError::index("the index before it is not named by SHA-256"));
        }
        for root in &self.index.roots {
            let manifest = self.entry(&EntryPath::Blob(root.digest));
            if manifest.is_none_or(|entry| entry.size != root.size) {
                return Err(BundleError::index(format!(
                    "the manifest of {} is not among the blobs",
                    root.reference
                )));
            }
        }
        for pair in self.index.roots.windows(2) {
            if let [a, b] = pair
                && (root_order(a) >= root_order(b) || a.reference == b.reference && a.digest != b.digest)
            {
                return Err(BundleError::index(format!(
                    "the root {} is listed twice or out of order",
                    b.reference
                )));
            }
        }
        Ok(())
    }

    fn required(&self, path: &EntryPath) -> Result<&Entry, BundleError> {
        self.entry(path)
            .ok_or_else(|| BundleError::index(format!("{path} is not listed")))
    }

    /// What the lock says must be what the index says.
    pub(crate) fn check_lock(&self, lock: &Lock) -> Result<(), BundleError> {
        let (blobs, roots) = plan::contents(lock).map_err(|error| BundleError::lock(error.to_string()))?;
        let index = &self.index;
        if (&lock.name, &lock.release, &lock.channel, lock.sequence)
            != (&index.name, &index.version, &index.channel, index.sequence)
        {
            return Err(BundleError::lock("name, version, channel or sequence"));
        }
        if roots != index.roots {
            return Err(BundleError::lock("the roots"));
        }
        if !self.blobs().eq(&blobs) {
            return Err(BundleError::lock("the blobs"));
        }
        Ok(())
    }

    /// What the index says besides the files, which are [`entries`](Self::entries): its list of them is empty here.
    pub fn index(&self) -> &BundleIndex {
        &self.index
    }

    /// SHA-256 of `airlock.json`.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The files, in the order of the archive.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The file of this path.
    pub fn entry(&self, path: &EntryPath) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| entry.path.cmp(path)).ok()?;
        self.entries.get(at)
    }

    /// The files under `blobs/`, in order of digest.
    pub fn blobs(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.path.is_blob())
    }

    /// The roots as the bundle's `index.json` lists them.
    pub fn generation(&self) -> &Generation {
        &self.generation
    }

    /// The length of all files together.
    pub fn total_size(&self) -> u64 {
        self.entries.iter().map(|entry| entry.size).sum()
    }
}
