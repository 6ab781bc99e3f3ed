//! Files of the user, read and written with the path in every error.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;

use crate::failure::{Failure, Result};

/// Reads a file of at most `limit` bytes that plays the part `what` ("the lock").
pub(crate) fn read(what: &str, path: &Path, limit: u64) -> Result<Vec<u8>> {
    let about = || format!("{what} could not be read: {}", path.display());
    let length = fs::metadata(path).with_context(about)?.len();
    if length > limit {
        return Err(anyhow::anyhow!("{what} is larger than {limit} bytes: {}", path.display()).into());
    }
    Ok(fs::read(path).with_context(about)?)
}

/// The same as text.
pub(crate) fn read_text(what: &str, path: &Path, limit: u64) -> Result<String> {
    let bytes = read(what, path, limit)?;
    Ok(String::from_utf8(bytes).with_context(|| format!("{what} is not UTF-8 text: {}", path.display()))?)
}

/// Creates a file that must not exist, with exactly these permissions whatever the umask.
pub(crate) fn create_new(what: &str, path: &Path, mode: u32, bytes: &[u8]) -> Result {
    let about = || format!("{what} could not be written: {}", path.display());
    let file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path);
    let mut file = match file {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(
                Failure::from(anyhow::anyhow!("{what} exists already: {}", path.display()))
                    .hint("choose another name, or move the old file away"),
            );
        }
        other => other.with_context(about)?,
    };
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .with_context(about)?;
    Ok(())
}

/// Creates a file that only its owner can read, whole or not at all. One that exists is left as it is.
pub(crate) fn create_private(what: &str, path: &Path, bytes: &[u8]) -> Result {
    let about = || format!("{what} could not be written: {}", path.display());
    // Temporary files have mode 0600.
    let mut temporary = tempfile::Builder::new()
        .prefix(".airlock-")
        .tempfile_in(path.parent().unwrap_or(Path::new(".")))
        .with_context(about)?;
    temporary.write_all(bytes).with_context(about)?;
    temporary.as_file().sync_all().with_context(about)?;
    match temporary.persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => {
            Err(error.error).with_context(about)?
        }
        _ => Ok(()),
    }
}

/// Replaces a file by one rename, so that a reader sees the old content or the new.
pub(crate) fn replace(what: &str, path: &Path, bytes: &[u8]) -> Result {
    let about = || format!("{what} could not be written: {}", path.display());
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut temporary = tempfile::Builder::new()
        .prefix(".airlock-")
        .tempfile_in(folder)
        .with_context(about)?;
    temporary.write_all(bytes).with_context(about)?;
    temporary.as_file().sync_all().with_context(about)?;
    temporary
        .as_file()
        .set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .with_context(about)?;
    temporary
        .persist(path)
        .map_err(|error| error.error)
        .with_context(about)?;
    Ok(())
}
