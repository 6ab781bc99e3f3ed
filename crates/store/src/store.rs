use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::SystemTime;

use airlock_content::{BlobBody, BlobRead, BlobStore, Generation, GenerationView, Move, StoreError};
use airlock_types::{Algorithm, Digest};
use serde::{Deserialize, Serialize};

use crate::files;
use crate::lock::{AddingLock, FileLock};
use crate::recover::Fetches;
use crate::writer::FileWriter;

/// The format of the store that this version writes and reads.
pub const FORMAT: u32 = 1;

const OCI_LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
/// There while a store is being made or taken away, so that either can be gone on with.
pub(crate) const CREATING: &str = "airlock/creating";
const FOLDERS: [&str; 8] = [
    "blobs",
    "blobs/sha256",
    "blobs/sha512",
    "airlock/generations",
    "airlock/journal",
    "airlock/receipts",
    "airlock/locks",
    "airlock/tmp",
];

/// An OCI image layout on disk. Cheap to clone; clones share locks and caches.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    adding: Mutex<Adding>,
    current: RwLock<Option<Current>>,
}

/// The lock of this handle's writers. Kept from the first blob to the sync, not taken for every blob.
#[derive(Debug, Default)]
struct Adding {
    shared: Weak<AddingLock>,
    kept: Option<Arc<AddingLock>>,
}

/// The generation last read.
#[derive(Debug)]
struct Current {
    stamp: Stamp,
    generation: Arc<Generation>,
    /// Kept open, so that no other file can get its inode number while the stamp is compared with.
    _file: File,
}

/// Tells whether `index.json` is still the file that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    modified: Option<SystemTime>,
}

#[derive(Serialize, Deserialize)]
struct FormatFile {
    format: u32,
}

impl Store {
    /// Opens a store that is there.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let store = Self::at(path);
        let format = store.path("airlock/format");
        let bytes = match fs::read(&format) {
            Ok(bytes) => bytes,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Err(StoreError::Format {
                    problem: if path.exists() {
                        "the folder is not an Airlock store (it has no airlock/format)"
                    } else {
                        "there is no store"
                    }
                    .to_owned(),
                    path: path.to_owned(),
                });
            }
            Err(error) => return Err(StoreError::io("reading the store's format", format)(error)),
        };
        let found: FormatFile = serde_json::from_slice(&bytes).map_err(|_| StoreError::Format {
            problem: "the store's format cannot be read".to_owned(),
            path: format.clone(),
        })?;
        if found.format != FORMAT {
            return Err(StoreError::Format {
                problem: format!(
                    "the store has format {}, this version of Airlock reads format {FORMAT}",
                    found.format
                ),
                path: format,
            });
        }
        if !store.path("oci-layout").is_file() {
            return Err(StoreError::Format {
                problem: "the store has no oci-layout file".to_owned(),
                path: path.to_owned(),
            });
        }
        Ok(store)
    }

    /// Makes a store in a folder that is absent or empty. A folder that holds anything else is
    /// refused; a creation that was interrupted is completed.
    pub fn create(path: &Path) -> Result<Self, StoreError> {
        let store = Self::at(path);
        if let Some(found) = store.foreign_entry()? {
            let problem = if store.path("airlock/format").exists() {
                "there is a store already".to_owned()
            } else {
                format!("the folder is neither empty nor an Airlock store (it holds {found:?})")
            };
            return Err(StoreError::Format {
                problem,
                path: path.to_owned(),
            });
        }
        store.fill()?;
        Self::open(path)
    }

    /// Opens the store, or makes one where the folder is absent or empty.
    pub fn open_or_create(path: &Path) -> Result<Self, StoreError> {
        if !path.join("airlock/format").exists() {
            return Self::create(path);
        }
        let store = Self::open(path)?;
        // Left by a creation that was killed at its very end, or there for a moment while another one ends.
        if store.path(CREATING).exists() {
            store.fill()?;
        }
        Ok(store)
    }

    /// Takes away what killed writers left behind, unless somebody is adding blobs now. Every writer does
    /// so; this is for commands that may find nothing to write.
    pub fn tidy(&self) -> Result<(), StoreError> {
        self.adding_lock().map(drop)
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    /// Where a blob stands, or would.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        let mut path = self.blob_folder(digest.algorithm());
        path.push(digest.hex());
        path
    }

    pub(crate) fn blob_folder(&self, algorithm: Algorithm) -> PathBuf {
        let mut path = self.path("blobs");
        path.push(algorithm.as_str());
        path
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.inner.root.join(below)
    }

    pub(crate) fn temporaries(&self) -> PathBuf {
        self.path("airlock/tmp")
    }

    fn at(path: &Path) -> Self {
        Self {
            inner: Arc::new(Inner {
                root: path.to_owned(),
                adding: Mutex::default(),
                current: RwLock::new(None),
            }),
        }
    }

    /// Something in the folder that is not left over from an interrupted creation.
    fn foreign_entry(&self) -> Result<Option<String>, StoreError> {
        let names = match files::names(self.root()) {
            Ok(names) => names,
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let interrupted = names.iter().any(|name| name == "airlock")
            && !self.path("airlock/format").exists()
            && (self.path(CREATING).exists() || files::names(&self.path("airlock"))?.is_empty());
        Ok(names.into_iter().find(|name| match name.as_str() {
            // A freshly made ext4 file system has this folder in its root.
            "lost+found" => false,
            "airlock" | "blobs" | "oci-layout" | "index.json" => !interrupted,
            _ => true,
        }))
    }

    fn fill(&self) -> Result<(), StoreError> {
        let above = files::parent(self.root());
        if !above.as_os_str().is_empty() {
            fs::create_dir_all(above)
                .map_err(|error| files::full_or_io("creating the folder", above, files::BLOCK, error))?;
        }
        files::make_folder(self.root())?;
        files::make_folder(&self.path("airlock"))?;
        let creating = self.path(CREATING);
        let lock = FileLock::exclusive(&creating)?;
        if !self.path("airlock/format").exists() {
            for folder in FOLDERS {
                files::make_folder(&self.path(folder))?;
            }
            let temporaries = self.temporaries();
            let write = |name: &str, bytes: &[u8]| files::write_file(&temporaries, &self.path(name), bytes);
            // Locks exist from the start, so that a refused import changes nothing.
            write("airlock/locks/adding", b"")?;
            write("airlock/locks/swap", b"")?;
            write("oci-layout", OCI_LAYOUT)?;
            write("index.json", &Generation::render(&[]))?;
            let format = FormatFile { format: FORMAT };
            write("airlock/format", &airlock_types::json::to_canonical(&format))?;
        }
        files::remove(&creating)?;
        drop(lock);
        files::sync_folder(above_or_here(above))
    }

    fn adding(&self) -> MutexGuard<'_, Adding> {
        self.inner.adding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock under which blobs are added, shared by everything that goes through this handle.
    pub(crate) fn adding_lock(&self) -> Result<Arc<AddingLock>, StoreError> {
        let mut adding = self.adding();
        if let Some(lock) = adding.shared.upgrade() {
            return Ok(lock);
        }
        let lock = FileLock::open(&self.path("airlock/locks/adding"))?;
        if lock.try_exclusive()? {
            // Nobody is adding anything, so what lies in `airlock/tmp` belongs to nobody.
            self.recover(Fetches::Stay)?;
        }
        lock.share()?;
        let lock = Arc::new(AddingLock::new(lock, self.temporaries()));
        adding.shared = Arc::downgrade(&lock);
        Ok(lock)
    }

    /// Keeps the lock until the next sync.
    pub(crate) fn keep_lock(&self, lock: &Arc<AddingLock>) {
        self.adding().kept = Some(Arc::clone(lock));
    }

    /// Lets go of the lock, unless an addition or a writer still has it.
    pub(crate) fn release_lock(&self) {
        let kept = self.adding().kept.take();
        drop(kept);
    }

    /// The bytes of `index.json`.
    pub(crate) fn index_bytes(&self) -> Result<Vec<u8>, StoreError> {
        let path = self.path("index.json");
        fs::read(&path).map_err(StoreError::io("reading the current generation", path))
    }

    pub(crate) fn parse_generation(bytes: &[u8], path: &Path) -> Result<Generation, StoreError> {
        Generation::from_index(bytes).map_err(|error| StoreError::Format {
            problem: format!("the index is not one that Airlock wrote ({error})"),
            path: path.to_owned(),
        })
    }
}

fn above_or_here(above: &Path) -> &Path {
    if above.as_os_str().is_empty() {
        Path::new(".")
    } else {
        above
    }
}

impl BlobRead for Store {
    fn size(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        let path = self.blob_path(digest);
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => Ok(Some(metadata.len())),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io("reading the size of the blob", path)(error)),
        }
    }

    fn open(&self, digest: &Digest) -> Result<Option<BlobBody>, StoreError> {
        Ok(
            files::open_regular(&self.blob_path(digest))?.map(|(file, metadata)| BlobBody::File {
                file,
                offset: 0,
                len: metadata.len(),
            }),
        )
    }
}

impl BlobStore for Store {
    type Writer = FileWriter;

    fn create(&self, digest: Digest, size: u64) -> Result<FileWriter, StoreError> {
        let lock = self.adding_lock()?;
        self.keep_lock(&lock);
        FileWriter::new(self, lock, digest, size, None)
    }

    fn sync(&self) -> Result<(), StoreError> {
        let lock = self.adding().shared.upgrade();
        match lock {
            Some(lock) => lock.sync()?,
            None => crate::lock::sync_file_system(&self.temporaries())?,
        }
        self.release_lock();
        Ok(())
    }
}

impl GenerationView for Store {
    fn generation(&self) -> Result<Arc<Generation>, StoreError> {
        let path = self.path("index.json");
        let failed = || StoreError::io("reading the current generation", &path);
        let stamp = Stamp::of(&fs::metadata(&path).map_err(failed())?);
        {
            let current = self.inner.current.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(current) = &*current
                && current.stamp == stamp
            {
                return Ok(Arc::clone(&current.generation));
            }
        }
        let mut file = File::open(&path).map_err(failed())?;
        let stamp = Stamp::of(&file.metadata().map_err(failed())?);
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed())?;
        let generation = Arc::new(Self::parse_generation(&bytes, &path)?);
        let mut current = self.inner.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Some(Current {
            stamp,
            generation: Arc::clone(&generation),
            _file: file,
        });
        Ok(generation)
    }

    fn moves(&self) -> Result<Vec<Move>, StoreError> {
        self.generations()
    }

    fn earlier(&self, id: &Digest) -> Result<Option<Generation>, StoreError> {
        self.generation_by_id(id)
    }
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            inode: metadata.ino(),
            size: metadata.size(),
            modified: metadata.modified().ok(),
        }
    }
}
