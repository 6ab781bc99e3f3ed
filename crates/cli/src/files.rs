//! Files of the user, read and written with the path in every error.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, flock, linkat};
use rustix::io::Errno;

use crate::failure::{Failure, Result};

/// Whether there is a file or folder; an error where that cannot be told.
pub(crate) fn exists(what: &str, path: &Path) -> Result<bool> {
    Ok(path
        .try_exists()
        .with_context(|| format!("{what} could not be read: {}", path.display()))?)
}

/// Reads a file of at most `limit` bytes that plays the part `what` ("the lock").
pub(crate) fn read(what: &str, path: &Path, limit: u64) -> Result<Vec<u8>> {
    let about = || format!("{what} could not be read: {}", path.display());
    let file = File::open(path).with_context(about)?;
    // A device or a pipe does not say how long it is.
    let length = file.metadata().with_context(about)?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(length.min(limit)).unwrap_or_default());
    if length <= limit {
        file.take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .with_context(about)?;
    }
    if length.max(bytes.len() as u64) > limit {
        return Err(anyhow::anyhow!("{what} is larger than {limit} bytes: {}", path.display()).into());
    }
    Ok(bytes)
}

/// Reads standard input, at most `limit` bytes of it.
pub(crate) fn read_stdin(limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut stdin = io::stdin().lock().take(limit.saturating_add(1));
    stdin
        .read_to_end(&mut bytes)
        .context("standard input could not be read")?;
    if bytes.len() as u64 > limit {
        return Err(anyhow::anyhow!("standard input is larger than {limit} bytes").into());
    }
    Ok(bytes)
}

/// The same as text.
pub(crate) fn read_text(what: &str, path: &Path, limit: u64) -> Result<String> {
    let bytes = read(what, path, limit)?;
    Ok(String::from_utf8(bytes).with_context(|| format!("{what} is not UTF-8 text: {}", path.display()))?)
}

/// Creates a file that must not exist, with exactly these permissions whatever the umask. It appears whole or not at
/// all, and a kill leaves nothing.
pub(crate) fn create_new(what: &str, path: &Path, mode: u32, bytes: &[u8]) -> Result {
    match place_new(path, mode, bytes) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Failure::from(anyhow::anyhow!(
            "{what} exists already: {}",
            path.display()
        ))
        .hint("choose another name, or move the old file away")),
        other => Ok(other.with_context(|| format!("{what} could not be written: {}", path.display()))?),
    }
}

/// Creates a file that only its owner can read, whole or not at all. One that exists is left as it is.
pub(crate) fn create_private(what: &str, path: &Path, bytes: &[u8]) -> Result {
    match place_new(path, 0o600, bytes) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => Ok(other.with_context(|| format!("{what} could not be written: {}", path.display()))?),
    }
}

fn place_new(path: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
    let fill = |file: &File| {
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        (&*file).write_all(bytes)?;
        file.sync_all()
    };
    // The first file has no name until it is complete. Not every file system has that, and not every container /proc.
    if let Some(file) = unnamed(folder_of(path))? {
        fill(&file)?;
        let itself = format!("/proc/self/fd/{}", file.as_raw_fd());
        match linkat(CWD, itself, CWD, path, AtFlags::SYMLINK_FOLLOW) {
            Ok(()) => return sync_folder(path),
            Err(Errno::EXIST) => return Err(Errno::EXIST.into()),
            Err(_) => {}
        }
    }
    let temporary = tempfile::Builder::new()
        .prefix(".airlock-")
        .tempfile_in(folder_of(path))?;
    fill(temporary.as_file())?;
    temporary.persist_noclobber(path).map_err(|error| error.error)?;
    sync_folder(path)
}

fn unnamed(folder: &Path) -> io::Result<Option<File>> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    match rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR) {
        Ok(file) => Ok(Some(file.into())),
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOSYS) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Replaces a file by one rename, so that a reader sees the old content or the new. What a kill leaves is taken
/// away by the next one.
pub(crate) fn replace(what: &str, path: &Path, bytes: &[u8]) -> Result {
    let about = || format!("{what} could not be written: {}", path.display());
    let (mut file, replacement) = replacement(path, true).with_context(about)?;
    let written = file
        .set_len(0)
        .and_then(|()| file.write_all(bytes))
        .and_then(|()| file.set_permissions(fs::Permissions::from_mode(0o644)))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&replacement, path));
    if let Err(error) = written {
        // The lock is held, so it is nobody else's.
        let _ = fs::remove_file(&replacement);
        return Err(anyhow::Error::new(error).context(about()).into());
    }
    Ok(sync_folder(path).with_context(about)?)
}

/// Takes away what a killed [`replace`] left, where there is nothing to be replaced.
pub(crate) fn forget_replacement(path: &Path) {
    if let Ok((_locked, replacement)) = replacement(path, false) {
        let _ = fs::remove_file(replacement);
    }
}

/// The file that takes the place of another one, locked. It always has the same name, so that one that a killed
/// process left is used again.
fn replacement(path: &Path, create: bool) -> io::Result<(File, PathBuf)> {
    let mut name = OsString::from(".");
    name.push(path.file_name().ok_or(io::ErrorKind::InvalidInput)?);
    name.push(".new");
    let temporary = folder_of(path).join(name);
    loop {
        let file = OpenOptions::new()
            .write(true)
            .create(create)
            .truncate(false)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(&temporary)?;
        match rustix::io::retry_on_intr(|| flock(&file, FlockOperation::LockExclusive)) {
            // Some network file systems know no locks; then the last of two writers wins.
            Ok(()) | Err(Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS) => {}
            Err(error) => return Err(error.into()),
        }
        // The one who held the lock has renamed the file meanwhile.
        let ours = file.metadata()?;
        if fs::metadata(&temporary).is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino()))
        {
            return Ok((file, temporary));
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Makes the name of a file survive a power cut.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_files_take_no_name_that_is_taken_and_leave_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        create_new("the key", &path, 0o644, b"first").unwrap();
        let failure = create_new("the key", &path, 0o600, b"second").unwrap_err();
        assert!(
            failure.render().contains("the key exists already"),
            "{}",
            failure.render()
        );
        create_private("the key", &path, b"third").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o644);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_has_no_end_is_refused_at_the_limit() {
        let failure = read("the values", Path::new("/dev/zero"), 1 << 20).unwrap_err();
        assert!(
            failure
                .render()
                .contains("the values is larger than 1048576 bytes: /dev/zero"),
            "{}",
            failure.render()
        );
        assert_eq!(read("nothing", Path::new("/dev/null"), 0).unwrap(), b"");
    }

    #[test]
    fn writers_of_one_file_take_turns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let contents: Vec<Vec<u8>> = (b'a'..=b'h').map(|letter| vec![letter; 100_000]).collect();
        std::thread::scope(|scope| {
            for content in &contents {
                scope.spawn(|| {
                    for _ in 0..20 {
                        replace("the lock", &path, content).unwrap();
                        assert!(contents.contains(&fs::read(&path).unwrap()));
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o644);
    }
}
