//! The unfinished archive: one writer at a time, resumable, renamed when complete.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use airlock_bundle::{Layout, LayoutEntry};
use airlock_content::Verifier;
use rustix::fs::{FlockOperation, SeekFrom, flock, seek, statvfs};

use crate::PackError;
use crate::take::{CHUNK, Cancel};

/// How often the lock is tried for: workers of a pack that was dropped in this process may need a moment to stop.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(20);

/// How much before a hole may be only half written.
const TORN: u64 = 64 * 1024;
const PAGE: u64 = 4096;

/// `NAME-VERSION.airlock.tar.partial`, locked for this process.
///
/// The lock belongs to the open file, so it is held until the last worker that writes has stopped.
#[derive(Debug)]
pub(crate) struct Partial {
    pub(crate) file: Arc<File>,
    path: PathBuf,
    target: PathBuf,
    /// Whether content of an earlier attempt may be there.
    pub(crate) resumed: bool,
}

impl Partial {
    /// Opens or creates it, and writes everything that is known already.
    ///
    /// When nobody waits for it any more, it leaves nothing: a later pack may have finished meanwhile.
    pub(crate) fn open(target: &Path, layout: &Layout, cancel: &Cancel) -> Result<Self, PackError> {
        let mut name = target.as_os_str().to_owned();
        name.push(".partial");
        let path = PathBuf::from(name);
        if let Some(folder) = folder_of(&path) {
            fs::create_dir_all(folder).map_err(PackError::io("creating the folder", folder))?;
        }
        let file = lock(&path, cancel)?;
        let failed = |action| PackError::io(action, &path);
        let resumed = layout
            .is_frame_of(&file)
            .map_err(failed("reading the unfinished bundle"))?;
        if !resumed {
            file.set_len(0)
                .map_err(failed("emptying the unfinished bundle"))?;
        }
        let good = check_space(&file, &path, layout.len()).and_then(|()| wanted(cancel, &path));
        if let Err(error) = good {
            if !resumed {
                // Nothing is lost with it.
                let _ = fs::remove_file(&path);
            }
            return Err(error);
        }
        layout.write_frame(&file).map_err(failed("writing the bundle"))?;
        Ok(Self {
            file: Arc::new(file),
            path,
            target: target.to_owned(),
            resumed,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What is still to be written of a bundle of this length, if that is on the disk of `folder`.
    pub(crate) fn lacking_beside(&self, folder: &Path, len: u64) -> u64 {
        match (self.file.metadata(), fs::metadata(folder)) {
            (Ok(ours), Ok(theirs)) if ours.dev() == theirs.dev() => lacking(&ours, len),
            _ => 0,
        }
    }

    /// Says how much room there is and how much is needed where `error` only says that it ran out.
    pub(crate) fn explain(&self, error: PackError, len: u64) -> PackError {
        match error {
            PackError::Io { ref source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                check_space(&self.file, &self.path, len).err().unwrap_or(error)
            }
            error => error,
        }
    }

    /// Everything is there and was checked: makes it durable and gives it its name.
    pub(crate) fn complete(self) -> Result<PathBuf, PackError> {
        self.file
            .sync_all()
            .map_err(PackError::io("writing the bundle", &self.path))?;
        fs::rename(&self.path, &self.target).map_err(PackError::io("renaming the bundle", &self.path))?;
        let folder = folder_of(&self.target).unwrap_or(Path::new("."));
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(PackError::io("writing the folder", folder))?;
        Ok(self.target)
    }
}

fn folder_of(path: &Path) -> Option<&Path> {
    path.parent().filter(|folder| !folder.as_os_str().is_empty())
}

/// Fails when the pack was given up.
fn wanted(cancel: &Cancel, path: &Path) -> Result<(), PackError> {
    if cancel.is_set() {
        return Err(PackError::io("writing the bundle", path)(
            io::ErrorKind::Interrupted.into(),
        ));
    }
    Ok(())
}

fn lock(path: &Path, cancel: &Cancel) -> Result<File, PackError> {
    let failed = |action| PackError::io(action, path);
    for attempt in 0.. {
        wanted(cancel, path)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed("opening the unfinished bundle"))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                // The one who held the lock may have renamed the file meanwhile.
                let ours = file.metadata().map_err(failed("reading the unfinished bundle"))?;
                if fs::metadata(path)
                    .is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino()))
                {
                    return Ok(file);
                }
            }
            Err(rustix::io::Errno::WOULDBLOCK) if attempt < TRIES => std::thread::sleep(PAUSE),
            Err(rustix::io::Errno::WOULDBLOCK) => break,
            Err(error) => return Err(failed("locking the unfinished bundle")(error.into())),
        }
    }
    Err(PackError::Locked {
        path: path.to_owned(),
    })
}

/// Says so before the first byte is fetched, not after the last one that fits.
fn check_space(file: &File, path: &Path, len: u64) -> Result<(), PackError> {
    let facts = file
        .metadata()
        .map_err(PackError::io("reading the unfinished bundle", path))?;
    let needed = lacking(&facts, len);
    let folder = folder_of(path).unwrap_or(Path::new("."));
    match room(folder) {
        Some(available) if available < needed => Err(PackError::NoSpace {
            path: folder.to_owned(),
            needed,
            available,
        }),
        _ => Ok(()),
    }
}

/// What a file of this length does not yet have on the disk.
fn lacking(facts: &fs::Metadata, len: u64) -> u64 {
    len.saturating_sub(facts.blocks().saturating_mul(512))
}

/// The bytes that are free where a folder is. Some file systems do not tell, which is no reason not to try.
pub(crate) fn room(folder: &Path) -> Option<u64> {
    let facts = statvfs(folder).ok().filter(|facts| facts.f_blocks > 0)?;
    Some(facts.f_bavail.saturating_mul(facts.f_frsize))
}

/// What an earlier attempt left of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// All of it, checked.
    All,
    /// So many bytes from its start, as far as the file system can tell. They are not checked.
    Start(u64),
    /// Nothing that is worth keeping.
    Nothing,
}

/// Looks for what an earlier attempt left in the place of an entry. Blocks.
pub(crate) fn left(
    file: &File,
    entry: &LayoutEntry,
    cancel: &Cancel,
    passed: &mut dyn FnMut(u64),
) -> io::Result<Left> {
    let end = entry.content + entry.size;
    // Where nothing was written there is a hole, which need not be hashed. No answer means no holes.
    if entry.size > 0
        && let Ok(hole) = seek(file, SeekFrom::Hole(entry.content))
        && hole < end
    {
        // Content is written from its start on. The last block may not be whole, of whatever size the file system's
        // blocks are.
        let whole = hole.saturating_sub(entry.content).saturating_sub(TORN) / PAGE;
        return Ok(match whole * PAGE {
            0 => Left::Nothing,
            start => Left::Start(start),
        });
    }
    let mut verifier = Verifier::new(entry.digest, entry.size);
    let mut buffer = vec![0; CHUNK];
    let mut at = entry.content;
    while at < end {
        if cancel.is_set() {
            return Ok(Left::Nothing);
        }
        let want = usize::try_from(end - at).map_or(CHUNK, |left| left.min(CHUNK));
        file.read_exact_at(&mut buffer[..want], at)?;
        if verifier.update(&buffer[..want]).is_err() {
            return Ok(Left::Nothing);
        }
        at += want as u64;
    }
    if verifier.finish().is_err() {
        return Ok(Left::Nothing);
    }
    passed(entry.size);
    Ok(Left::All)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_asked_for_before_it_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.partial");
        let file = File::create(&path).unwrap();
        check_space(&file, &path, 1000).unwrap();
        let error = check_space(&file, &path, u64::MAX / 2).unwrap_err();
        assert!(matches!(error, PackError::NoSpace { .. }), "{error}");
        assert!(error.hint().is_some());
    }

    #[test]
    fn a_pack_that_was_given_up_leaves_no_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.partial");
        let cancel = Cancel::default();
        drop(lock(&path, &cancel).unwrap());
        fs::remove_file(&path).unwrap();
        drop(cancel.on_drop());
        lock(&path, &cancel).unwrap_err();
        assert!(!path.exists());
    }
}
