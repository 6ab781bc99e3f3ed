use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use airlock_content::SourceError;

use crate::docker::DockerArchive;
use crate::error::local;
use crate::layout::{Layout, Tree};
use crate::region::Region;
use crate::tar_index::TarIndex;

/// Tells one state of a file from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

type Opened<T> = Mutex<HashMap<PathBuf, (Stamp, Arc<T>)>>;

/// Layouts and archives read so far. One that changed on disk is read again.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    folders: Opened<Layout>,
    oci_archives: Opened<Layout>,
    docker_archives: Opened<DockerArchive>,
}

impl Cache {
    pub(crate) fn layout(&self, path: &Path) -> Result<Arc<Layout>, SourceError> {
        // The index is what changes when a layout does; blobs are named by their content.
        let index = path.join("index.json");
        let stamp = index.metadata().ok().as_ref().map(Stamp::of);
        opened(&self.folders, path, stamp, || Layout::read(Tree::folder(path)?))
    }

    pub(crate) fn oci_archive(&self, path: &Path) -> Result<Arc<Layout>, SourceError> {
        opened(&self.oci_archives, path, Some(stamp(path)?), || {
            Layout::read(Tree::Archive(Arc::new(TarIndex::read(&Region::open(path)?)?)))
        })
    }

    pub(crate) fn docker_archive(&self, path: &Path) -> Result<Arc<DockerArchive>, SourceError> {
        opened(&self.docker_archives, path, Some(stamp(path)?), || {
            DockerArchive::read(Arc::new(TarIndex::read(&Region::open(path)?)?))
        })
    }
}

fn stamp(path: &Path) -> Result<Stamp, SourceError> {
    let metadata = path
        .metadata()
        .map_err(local("the archive cannot be read", path))?;
    Ok(Stamp::of(&metadata))
}

/// What is known of this state of `path`, or what `read` now says. Held while reading, so that many
/// questions at once about one archive read it once.
fn opened<T>(
    known: &Opened<T>,
    path: &Path,
    stamp: Option<Stamp>,
    read: impl FnOnce() -> Result<T, SourceError>,
) -> Result<Arc<T>, SourceError> {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let (Some((seen, value)), Some(stamp)) = (known.get(path), stamp)
        && *seen == stamp
    {
        return Ok(Arc::clone(value));
    }
    let value = Arc::new(read()?);
    if let Some(stamp) = stamp {
        known.insert(path.to_owned(), (stamp, Arc::clone(&value)));
    }
    Ok(value)
}
