//! A bundle that was unpacked into a folder.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use airlock_spec::index::{INDEX_PATH, SIGNATURES_DIR};
use rustix::fs::{Dir, FileType, Mode, OFlags, open, openat};

use crate::path::is_signature;
use crate::source::{CHUNK, Head, Source, Take, check_index_size, check_signature};
use crate::{BundleError, Entry};

/// Reads the files one by one. No symbolic link is followed below the folder itself.
pub(crate) struct Folder {
    path: PathBuf,
    root: OwnedFd,
    buffer: Vec<u8>,
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Folder {
    pub(crate) fn open(path: &Path) -> Result<Self, BundleError> {
        let root = open(path, FOLDER, Mode::empty())
            .map_err(|error| BundleError::io("opening the folder", path)(error.into()))?;
        Ok(Self {
            path: path.to_owned(),
            root,
            buffer: vec![0; CHUNK],
        })
    }

    /// Opens a plain file, folder by folder.
    fn file(&self, name: &str) -> Result<File, BundleError> {
        let failed = |error: rustix::io::Errno| match error {
            rustix::io::Errno::LOOP | rustix::io::Errno::MLINK => {
                BundleError::entry(name, "must be a plain file, but is a symbolic link")
            }
            rustix::io::Errno::NOENT => BundleError::entry(name, "is missing in the folder"),
            error => BundleError::io("opening the file", self.path.join(name))(error.into()),
        };
        // A FIFO or device in place of a file must not make us wait.
        let file_flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut parts = name.split('/').peekable();
        let mut below: Option<OwnedFd> = None;
        while let Some(part) = parts.next() {
            let flags = if parts.peek().is_some() {
                FOLDER | OFlags::NOFOLLOW
            } else {
                file_flags
            };
            let at = below.as_ref().unwrap_or(&self.root);
            below = Some(openat(at, part, flags, Mode::empty()).map_err(failed)?);
        }
        let file = below
            .map(File::from)
            .ok_or_else(|| BundleError::entry(name, "has no name"))?;
        let facts = file
            .metadata()
            .map_err(BundleError::io("reading the file", self.path.join(name)))?;
        if !facts.is_file() {
            return Err(BundleError::entry(name, "must be a plain file, but is not"));
        }
        Ok(file)
    }

    fn content(&mut self, name: &str, file: &mut File, size: u64, take: Take<'_>) -> Result<(), BundleError> {
        let failed = |error| BundleError::io("reading the file", self.path.join(name))(error);
        let actual = file.metadata().map_err(failed)?.len();
        if actual != size {
            return Err(BundleError::entry(
                name,
                format!("must be {size} bytes long, but is {actual}"),
            ));
        }
        let mut left = size;
        while left > 0 {
            let want = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
            match file.read(&mut self.buffer[..want]) {
                Ok(0) => {
                    return Err(BundleError::Truncated {
                        entry: name.to_owned(),
                    });
                }
                Ok(count) => {
                    take(&self.buffer[..count])?;
                    left -= count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(())
    }

    fn small(
        &mut self,
        name: &str,
        check: impl FnOnce(u64) -> Result<(), BundleError>,
    ) -> Result<Vec<u8>, BundleError> {
        let mut file = self.file(name)?;
        let size = file
            .metadata()
            .map_err(BundleError::io("reading the file", self.path.join(name)))?
            .len();
        check(size)?;
        let mut out = Vec::new();
        self.content(name, &mut file, size, &mut |bytes| {
            out.extend_from_slice(bytes);
            Ok(())
        })?;
        Ok(out)
    }

    /// The names in a folder below the root, one by one, and whether each is a folder itself. Those that are not
    /// UTF-8 come as text that no bundle has.
    fn names(
        &self,
        folder: &str,
    ) -> Result<impl Iterator<Item = Result<(String, bool), BundleError>> + use<>, BundleError> {
        let path = self.path.join(folder);
        let failed =
            move |error: rustix::io::Errno| BundleError::io("listing the folder", &path)(error.into());
        let name = if folder.is_empty() { "." } else { folder };
        let listed = match openat(&self.root, name, FOLDER, Mode::empty()).and_then(Dir::new) {
            Err(rustix::io::Errno::NOENT) => None,
            other => Some(other.map_err(&failed)?),
        };
        Ok(listed.into_iter().flatten().filter_map(move |item| {
            let named = |item: rustix::fs::DirEntry| {
                let name = item.file_name().to_string_lossy().into_owned();
                (!matches!(&*name, "." | "..")).then(|| (name, item.file_type() == FileType::Directory))
            };
            item.map(named).map_err(&failed).transpose()
        }))
    }
}

impl Source for Folder {
    fn head(&mut self) -> Result<Head, BundleError> {
        let index = match self.small(INDEX_PATH, check_index_size) {
            Err(BundleError::Entry { problem, .. }) if problem.contains("missing") => {
                return Err(BundleError::NotABundle {
                    problem: "it is a folder without airlock.json".to_owned(),
                });
            }
            other => other?,
        };
        let mut signatures: Vec<(String, Vec<u8>)> = Vec::new();
        for item in self.names(SIGNATURES_DIR)? {
            let name = format!("{SIGNATURES_DIR}{}", item?.0);
            if !is_signature(&name) {
                return Err(BundleError::Extra {
                    path: self.path.join(name),
                });
            }
            let so_far = signatures.len();
            let content = self.small(&name, |size| check_signature(so_far, &name, size))?;
            signatures.push((name, content));
        }
        signatures.sort_unstable();
        Ok(Head { index, signatures })
    }

    fn copy(&mut self, entry: &Entry, take: Take<'_>) -> Result<(), BundleError> {
        let name = entry.path.to_string();
        let mut file = self.file(&name)?;
        self.content(&name, &mut file, entry.size, take)
    }

    fn finish(&mut self, signatures: &[(String, Vec<u8>)], listed: &[Entry]) -> Result<(), BundleError> {
        let names: BTreeSet<String> = std::iter::once(INDEX_PATH.to_owned())
            .chain(signatures.iter().map(|(name, _)| name.clone()))
            .chain(listed.iter().map(|entry| entry.path.to_string()))
            .collect();
        for folder in ["", "signatures", "blobs", "blobs/sha256", "bin"] {
            // A folder is named, and found to be one, before it is listed.
            for item in self.names(folder)? {
                let (name, is_folder) = item?;
                let path = if folder.is_empty() {
                    name
                } else {
                    format!("{folder}/{name}")
                };
                let known = match path.as_str() {
                    "signatures" | "blobs" | "blobs/sha256" | "bin" => is_folder,
                    path => names.contains(path),
                };
                if !known {
                    return Err(BundleError::Extra {
                        path: self.path.join(path),
                    });
                }
            }
        }
        Ok(())
    }
}
