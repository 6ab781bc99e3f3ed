//! Files, links and folders: looked at, put in place whole, kept and put back.

use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use airlock_types::Digest;

use crate::{Content, NodeError};

/// The permission bits.
const MODE: u32 = 0o7777;
/// How much is read at once.
const CHUNK: usize = 1 << 18;

/// What is at a path; links are not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    File { mode: u32, size: u64 },
    Directory { mode: u32 },
    Link { target: PathBuf },
    Other,
}

impl Found {
    pub(crate) fn is(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::File { .. } => "a file",
            Self::Directory { .. } => "a folder",
            Self::Link { .. } => "a link",
            Self::Other => "a device or socket",
        }
    }
}

pub(crate) fn look(path: &Path) -> Result<Found, NodeError> {
    let facts = match fs::symlink_metadata(path) {
        Ok(facts) => facts,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(Found::Nothing);
        }
        Err(error) => return Err(NodeError::io("looking", path)(error)),
    };
    Ok(if facts.is_file() {
        Found::File {
            mode: facts.mode() & MODE,
            size: facts.size(),
        }
    } else if facts.is_dir() {
        Found::Directory {
            mode: facts.mode() & MODE,
        }
    } else if facts.is_symlink() {
        Found::Link {
            target: fs::read_link(path).map_err(NodeError::io("reading the link", path))?,
        }
    } else {
        Found::Other
    })
}

/// The SHA-256 of a file.
pub(crate) fn digest(path: &Path) -> Result<Digest, NodeError> {
    let hash = || -> io::Result<Digest> {
        let mut file = File::open(path)?;
        let mut hash = airlock_hash::Sha256::new();
        let mut buffer = vec![0; CHUNK];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(Digest::sha256(hash.finish())),
                count => hash.update(&buffer[..count]),
            }
        }
    };
    hash().map_err(NodeError::io("reading the file", path))
}

/// Writes a file beside its place, makes it durable, and gives it its name.
pub(crate) fn put(path: &Path, temporary: &Path, mode: u32, content: &Content) -> Result<(), NodeError> {
    let writing = || NodeError::io("writing the file", path);
    remove(temporary)?;
    // Nobody else reads it before it has the permissions that it will have.
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(temporary)
        .map_err(writing())?;
    let mut reader = content
        .open()
        .map_err(NodeError::io("reading the content of", path))?;
    let mut hash = airlock_hash::Sha256::new();
    let mut left = content.size();
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = reader
            .read(&mut buffer)
            .map_err(NodeError::io("reading the content of", path))?;
        if count == 0 {
            break;
        }
        left = left
            .checked_sub(count as u64)
            .ok_or_else(|| NodeError::Content(path.to_owned()))?;
        hash.update(&buffer[..count]);
        file.write_all(&buffer[..count]).map_err(writing())?;
    }
    if left != 0 || Digest::sha256(hash.finish()) != content.digest() {
        remove(temporary)?;
        return Err(NodeError::Content(path.to_owned()));
    }
    file.set_permissions(Permissions::from_mode(mode))
        .map_err(writing())?;
    file.sync_all().map_err(writing())?;
    rename(temporary, path)
}

/// Moves within one folder, durably.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), NodeError> {
    fs::rename(from, to).map_err(NodeError::io("naming the file", to))?;
    sync_parent(to)
}

/// Makes the names in a path's folder survive a power cut.
pub(crate) fn sync_parent(path: &Path) -> Result<(), NodeError> {
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    File::open(parent)
        .and_then(|folder| folder.sync_all())
        .map_err(NodeError::io("writing the folder", parent))
}

/// Removes a file or link, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), NodeError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(())
        }
        Err(error) => Err(NodeError::io("removing", path)(error)),
    }
}

/// Removes a folder if it is empty; whether it is gone.
pub(crate) fn remove_folder(path: &Path) -> Result<bool, NodeError> {
    match fs::remove_dir(path) {
        Ok(()) => Ok(true),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(true),
            io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::ResourceBusy => Ok(false),
            _ => Err(NodeError::io("removing the folder", path)(error)),
        },
    }
}

/// Removes whatever is there, with everything below; links are not followed. Of a folder that something is mounted on,
/// the content.
pub(crate) fn remove_all(path: &Path) -> Result<(), NodeError> {
    if !matches!(look(path)?, Found::Directory { .. }) {
        return remove(path);
    }
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy && is_empty(path) => Ok(()),
        Err(error) => Err(NodeError::io("removing", path)(error)),
    }
}

fn is_empty(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// Keeps a file or link under a second name. Where the file systems allow it, it is the very same file, so that
/// owner, times, attributes and labels come back with it.
pub(crate) fn keep(path: &Path, at: &Path) -> Result<(), NodeError> {
    remove(at)?;
    if fs::hard_link(path, at).is_ok() {
        return sync_parent(at);
    }
    copy(path, at)?;
    sync_parent(at)
}

/// Puts back what [`keep`] kept. What is not there any more was put back already.
pub(crate) fn put_back(kept: &Path, path: &Path, temporary: &Path) -> Result<(), NodeError> {
    if look(kept)? == Found::Nothing {
        return Ok(());
    }
    if same_file(kept, path) {
        // Renaming one name of a file onto another does nothing at all.
        return remove(kept);
    }
    match fs::rename(kept, path) {
        Ok(()) => return sync_parent(path),
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
        Err(error) => return Err(NodeError::io("putting back", path)(error)),
    }
    remove(temporary)?;
    copy(kept, temporary)?;
    rename(temporary, path)?;
    remove(kept)
}

fn same_file(a: &Path, b: &Path) -> bool {
    match (fs::symlink_metadata(a), fs::symlink_metadata(b)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

/// A copy with owner, permissions and times.
fn copy(from: &Path, to: &Path) -> Result<(), NodeError> {
    let facts = fs::symlink_metadata(from).map_err(NodeError::io("looking", from))?;
    let failed = || NodeError::io("keeping a copy of", from);
    if facts.is_symlink() {
        let target = fs::read_link(from).map_err(NodeError::io("reading the link", from))?;
        return std::os::unix::fs::symlink(target, to).map_err(failed());
    }
    let mut source = File::open(from).map_err(failed())?;
    let mut copy = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(failed())?;
    io::copy(&mut source, &mut copy).map_err(failed())?;
    own(&copy, &facts).map_err(failed())?;
    copy.set_permissions(Permissions::from_mode(facts.mode() & MODE))
        .map_err(failed())?;
    if let (Ok(accessed), Ok(modified)) = (facts.accessed(), facts.modified()) {
        let times = fs::FileTimes::new().set_accessed(accessed).set_modified(modified);
        copy.set_times(times).map_err(failed())?;
    }
    copy.sync_all().map_err(failed())
}

fn own(file: &File, facts: &Metadata) -> io::Result<()> {
    let is = file.metadata()?;
    if (is.uid(), is.gid()) == (facts.uid(), facts.gid()) {
        return Ok(());
    }
    std::os::unix::fs::fchown(file, Some(facts.uid()), Some(facts.gid()))
}

/// The name beside a path under which change `number` writes.
pub(crate) fn temporary(path: &Path, number: u64) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".airlock-{number}"));
    path.with_file_name(name)
}

/// A free name beside a path, under which something that others changed is saved: what was saved before stays.
pub(crate) fn saved(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".airlock-saved");
    let mut free = path.with_file_name(&name);
    let mut number = 1;
    while fs::symlink_metadata(&free).is_ok() {
        number += 1;
        let mut other = name.clone();
        other.push(format!("-{number}"));
        free = path.with_file_name(other);
    }
    free
}

/// Gives a file the owner that another one has.
pub(crate) fn give(path: &Path, facts: &Metadata) -> Result<(), NodeError> {
    let failed = || NodeError::io("setting the owner of", path);
    let file = File::open(path).map_err(failed())?;
    own(&file, facts).map_err(failed())
}
