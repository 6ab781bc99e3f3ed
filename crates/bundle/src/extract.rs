use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use airlock_content::{BlobWriter, StoreError, Verifier};
use airlock_spec::index::INDEX_PATH;

use crate::{Bundle, BundleError, Entry, EntryPath, EntrySink, Streamed, Take};

impl Bundle {
    /// Unpacks everything into a new folder, which is an OCI image layout and a bundle again.
    ///
    /// The folder appears under its name when everything in it was checked; until then, and after a failure, there is
    /// none. File names come from the list of allowed ones, never from the archive, and every file is created anew.
    pub fn extract_to(self, folder: &Path) -> Result<Streamed, BundleError> {
        if folder.symlink_metadata().is_ok() {
            return Err(BundleError::Exists {
                path: folder.to_owned(),
            });
        }
        let mut name = folder.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.partial", std::process::id()));
        let temporary = Temporary::create(folder.with_file_name(name))?;
        let root = temporary.path.clone();
        let path = |name: &str| root.join(name);
        for below in ["signatures", "blobs", "blobs/sha256", "bin"] {
            fs::create_dir(path(below)).map_err(BundleError::io("creating the folder", path(below)))?;
        }
        let first = std::iter::once((INDEX_PATH, self.index_bytes()));
        let signatures = self
            .signatures()
            .iter()
            .map(|(name, bytes)| (&name[..], &bytes[..]));
        for (name, bytes) in first.chain(signatures) {
            create(&path(name), 0o644)
                .and_then(|mut file| file.write_all(bytes))
                .map_err(BundleError::io("writing the file", path(name)))?;
        }
        let streamed = self.stream(&mut Files { root: &root })?;
        // Not there when nothing was put into it.
        let _ = fs::remove_dir(path("bin"));
        temporary.keep_as(folder)?;
        Ok(streamed)
    }
}

/// A folder that goes away with its content unless it is kept.
struct Temporary {
    path: PathBuf,
    kept: bool,
}

impl Temporary {
    fn create(path: PathBuf) -> Result<Self, BundleError> {
        DirBuilder::new()
            .mode(0o755)
            .create(&path)
            .map_err(BundleError::io("creating the folder", &path))?;
        Ok(Self { path, kept: false })
    }

    fn keep_as(mut self, folder: &Path) -> Result<(), BundleError> {
        // A rename replaces an empty folder, but never one with content.
        fs::rename(&self.path, folder).map_err(BundleError::io("renaming the folder", &self.path))?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn create(path: &Path, mode: u32) -> std::io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
}

/// Writes every entry to the file of its name.
struct Files<'a> {
    root: &'a Path,
}

struct FileWriter {
    file: File,
    path: PathBuf,
    verifier: Verifier,
}

impl EntrySink for Files<'_> {
    type Writer = FileWriter;

    fn take(&mut self, entry: &Entry) -> Result<Take<FileWriter>, StoreError> {
        let path = self.root.join(entry.path.to_string());
        let mode = if matches!(entry.path, EntryPath::Importer(_)) {
            0o755
        } else {
            0o644
        };
        let file = create(&path, mode).map_err(StoreError::io("creating the file", &path))?;
        Ok(Take::Into(FileWriter {
            file,
            path,
            verifier: Verifier::new(entry.digest, entry.size),
        }))
    }
}

impl BlobWriter for FileWriter {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.verifier.update(bytes)?;
        self.file
            .write_all(bytes)
            .map_err(StoreError::io("writing the file", &self.path))
    }

    fn commit(self) -> Result<(), StoreError> {
        Ok(self.verifier.finish()?)
    }
}
