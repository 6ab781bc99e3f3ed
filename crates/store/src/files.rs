//! File operations with one mode for files, one for folders, and errors that name the path.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use airlock_content::{Room, Shortage, StoreError, is_full};
use rustix::fs::{Mode, OFlags};

const FILE_MODE: u32 = 0o644;
const FOLDER_MODE: u32 = 0o755;
/// What a name or a folder takes at least.
pub(crate) const BLOCK: u64 = 4096;

/// Creates a folder that others can read whatever the umask; one that is there already is left as it is.
pub(crate) fn make_folder(path: &Path) -> Result<(), StoreError> {
    match DirBuilder::new().mode(FOLDER_MODE).create(path) {
        Ok(()) => rustix::fs::chmod(path, Mode::from_raw_mode(FOLDER_MODE))
            .map_err(io::Error::from)
            .map_err(StoreError::io("setting the mode of the folder", path)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(full_or_io("creating the folder", path, BLOCK, error)),
    }
}

/// A new file under a name that nobody else uses, readable to others whatever the umask.
pub(crate) fn create_temporary(folder: &Path, prefix: &str) -> Result<(File, PathBuf), StoreError> {
    for _ in 0..16 {
        let path = folder.join(random_name(prefix)?);
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(&path)
        {
            Ok(file) => {
                rustix::fs::fchmod(&file, Mode::from_raw_mode(FILE_MODE))
                    .map_err(io::Error::from)
                    .map_err(StoreError::io("setting the mode of the file", &path))?;
                return Ok((file, path));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(full_or_io("creating the file", &path, BLOCK, error)),
        }
    }
    Err(StoreError::io("creating a temporary file", folder)(
        io::ErrorKind::AlreadyExists.into(),
    ))
}

/// Opens a file that several may go on writing to, one after the other; makes it where there is none.
pub(crate) fn open_growing(path: &Path) -> Result<File, StoreError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(path)
        .map_err(StoreError::io("opening the blob that is fetched", path))?;
    // Ours, or that of a user who has seen to it already.
    let _ = rustix::fs::fchmod(&file, Mode::from_raw_mode(FILE_MODE));
    Ok(file)
}

/// `prefix` and 16 random hex digits.
pub(crate) fn random_name(prefix: &str) -> Result<String, StoreError> {
    let number = getrandom::u64()
        .map_err(|error| StoreError::io("drawing a random name", prefix)(io::Error::other(error)))?;
    Ok(format!("{prefix}{number:016x}"))
}

/// Writes a file that appears complete and durable under its name, or not at all.
pub(crate) fn write_file(temporaries: &Path, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let (mut file, temporary) = create_temporary(temporaries, "file-")?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        // The error below says what went wrong; a leftover is removed by the next writer.
        let _ = fs::remove_file(&temporary);
        return Err(full_or_io("writing the file", path, bytes.len() as u64, error));
    }
    sync_folder(parent(path))
}

/// Gives something its name, or another one; for that a folder may have to grow.
pub(crate) fn rename(action: &'static str, from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(|error| full_or_io(action, to, BLOCK, error))
}

/// Makes the names in a folder survive a power cut.
pub(crate) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(StoreError::io("syncing the folder", path))
}

/// Opens a regular file for reading, `None` where there is none. Follows no link, since blobs are not links.
pub(crate) fn open_regular(path: &Path) -> Result<Option<(File, fs::Metadata)>, StoreError> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(rustix::io::Errno::LOOP) => return Err(not_regular(path)),
        Err(error) => return Err(StoreError::io("opening the file", path)(error.into())),
    };
    let metadata = file
        .metadata()
        .map_err(StoreError::io("reading the file's size", path))?;
    if metadata.is_file() {
        Ok(Some((file, metadata)))
    } else {
        Err(not_regular(path))
    }
}

fn not_regular(path: &Path) -> StoreError {
    StoreError::Format {
        problem: "a store holds regular files only".to_owned(),
        path: path.to_owned(),
    }
}

/// The names in a folder, in order.
pub(crate) fn names(path: &Path) -> Result<Vec<String>, StoreError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(StoreError::io("listing the folder", path))? {
        let entry = entry.map_err(StoreError::io("listing the folder", path))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

/// Removes a file; one that is gone already is no error.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("removing the file", path)(error))
        }
        _ => Ok(()),
    }
}

/// A full disk or quota gets its own error, since it is the one that an admin can do something about.
pub(crate) fn full_or_io(action: &'static str, path: &Path, needed: u64, error: io::Error) -> StoreError {
    if is_full(&error) {
        return StoreError::Full {
            shortage: Shortage::of(&error, room_around(path)),
            path: path.to_owned(),
            needed,
        };
    }
    StoreError::io(action, path)(error)
}

/// The room where a file or folder is, or was to be.
fn room_around(path: &Path) -> Option<Room> {
    let here = Some(Path::new(".")).filter(|_| path.is_relative());
    path.ancestors()
        .filter(|above| !above.as_os_str().is_empty())
        .chain(here)
        .find_map(|above| room(above).ok())
}

/// What the file system of a folder has room for. Some count no files, and say 0 of 0.
pub(crate) fn room(folder: &Path) -> io::Result<Room> {
    let figures = rustix::fs::statvfs(folder)?;
    Ok(Room {
        bytes: figures.f_bavail.saturating_mul(figures.f_frsize),
        files: (figures.f_files > 0).then_some(figures.f_favail),
    })
}

pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}
