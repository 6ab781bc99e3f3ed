//! A repository for apt, from packages that came over the gap.
//!
//! The index entries are those of upstream's signed indexes, with another `Filename`; the files are where
//! [`pool_path`] says. What is written depends on the packages and the [`Description`] alone, not on the order
//! in which they come nor on the clock: two sites with the same packages have the same repository, signatures
//! aside. There is no `Valid-Until`: a mirror behind a gap must not expire by itself.

mod entry;
mod pool;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use flate2::{Compression, GzBuilder};
use jiff::Timestamp;
use lzma_rust2::{XzOptions, XzWriter};

use super::release::{Checksum, by_hash, check_path, format_date};
use crate::openpgp::{RepositoryKey, SecretKeyError};
pub use entry::{Entry, EntryError};
pub use pool::pool_path;

/// What a repository says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// `Suite` and the folder below `dists`, as `bookworm`: what clients ask for.
    pub suite: String,
    /// `Codename`, usually the same.
    pub codename: String,
    /// `Origin`, which pins can name.
    pub origin: String,
    /// `Label`, which pins can name.
    pub label: String,
    /// `Date`: the newest of upstream's, for clients refuse what their clock has not come to yet.
    pub date: Timestamp,
    /// Architectures to have an index of even if there is no package for them. `all` is none of them.
    pub architectures: BTreeSet<String>,
}

/// Why a repository cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// A name that cannot stand in a path or on a line.
    #[error("the repository's {field} cannot be {value:?}")]
    Name {
        /// Which.
        field: &'static str,
        /// What it is.
        value: String,
    },
    /// Neither packages nor architectures.
    #[error("the repository is for no architecture")]
    NoArchitecture,
    /// Two packages of the same name, version and architecture.
    #[error("two packages are called {name} {version} ({architecture}) and differ: {one} and {other}")]
    Conflict {
        /// Their name.
        name: String,
        /// Their version.
        version: String,
        /// Their architecture.
        architecture: String,
        /// Digest of the one.
        one: airlock_types::Digest,
        /// Digest of the other.
        other: airlock_types::Digest,
    },
    /// Two packages for one place.
    #[error("two packages belong at one place: {0}")]
    Place(String),
    /// An index could not be compressed.
    #[error("an index could not be compressed")]
    Compress(#[source] std::io::Error),
    /// The key did not sign.
    #[error("the repository could not be signed")]
    Sign(#[from] SecretKeyError),
}

impl RepositoryError {
    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Conflict { .. } => {
                Some("they come from different vendors: serve them as two repositories, or leave one out")
            }
            _ => None,
        }
    }
}

/// A repository before it is signed: every file but the packages themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsigned {
    suite: String,
    release: String,
    files: BTreeMap<String, Vec<u8>>,
    pool: BTreeMap<String, Pooled>,
}

/// Where a package lies, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pooled {
    /// The digest of its file.
    pub digest: airlock_types::Digest,
    /// The length of its file.
    pub size: u64,
}

/// Writes the indexes of these packages, of however many lists they come. Old versions stay beside new ones;
/// a package that is there twice is there once.
pub fn write(
    description: &Description,
    entries: impl IntoIterator<Item = Entry>,
) -> Result<Unsigned, RepositoryError> {
    check(description)?;
    let entries = merge(entries)?;
    let mut pool: BTreeMap<String, Pooled> = BTreeMap::new();
    let mut components: BTreeSet<&str> = BTreeSet::new();
    let mut architectures: BTreeSet<&str> = description.architectures.iter().map(String::as_str).collect();
    for entry in entries.values() {
        components.insert(entry.component());
        if entry.architecture() != "all" {
            architectures.insert(entry.architecture());
        }
        let path = entry.pool_path();
        let pooled = Pooled {
            digest: entry.digest(),
            size: entry.size(),
        };
        match pool.get(&path) {
            Some(before) if *before != pooled => return Err(RepositoryError::Place(path)),
            _ => {
                pool.insert(path, pooled);
            }
        }
    }
    if architectures.is_empty() {
        return Err(RepositoryError::NoArchitecture);
    }
    if components.is_empty() {
        components.insert("main");
    }
    let mut indexes: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for component in &components {
        for architecture in &architectures {
            // Packages for all architectures stand in the index of each, so that no client misses them.
            let own = entries.values().filter(|entry| {
                entry.component() == *component && ["all", *architecture].contains(&entry.architecture())
            });
            let text: String = own.map(Entry::paragraph).collect();
            let path = format!("{component}/binary-{architecture}/Packages");
            indexes.insert(
                format!("{path}.gz"),
                gzip(text.as_bytes()).map_err(RepositoryError::Compress)?,
            );
            indexes.insert(
                format!("{path}.xz"),
                xz(text.as_bytes()).map_err(RepositoryError::Compress)?,
            );
            indexes.insert(path, text.into_bytes());
        }
    }
    let release = release_text(description, &components, &architectures, &indexes);
    let root = format!("dists/{}", description.suite);
    let mut files = BTreeMap::new();
    for (path, bytes) in indexes {
        let hashed = by_hash(&path, &Checksum::sha256(&bytes));
        files.insert(format!("{root}/{hashed}"), bytes.clone());
        files.insert(format!("{root}/{path}"), bytes);
    }
    files.insert(format!("{root}/Release"), release.clone().into_bytes());
    Ok(Unsigned {
        suite: description.suite.clone(),
        release,
        files,
        pool,
    })
}

fn check(description: &Description) -> Result<(), RepositoryError> {
    let names = [("suite", &description.suite), ("codename", &description.codename)];
    let architectures = description
        .architectures
        .iter()
        .map(|name| ("architecture", name));
    for (field, value) in names.into_iter().chain(architectures) {
        if !super::archive::is_package_name(value) || check_path(value).is_err() || value == "all" {
            return Err(RepositoryError::Name {
                field,
                value: value.clone(),
            });
        }
    }
    for (field, value) in [("origin", &description.origin), ("label", &description.label)] {
        if value.trim() != value || value.is_empty() || value.chars().any(char::is_control) {
            return Err(RepositoryError::Name {
                field,
                value: value.clone(),
            });
        }
    }
    Ok(())
}

/// By name, version and architecture, in an order that depends on nothing else.
type Merged = BTreeMap<(String, String, String), Entry>;

fn merge(entries: impl IntoIterator<Item = Entry>) -> Result<Merged, RepositoryError> {
    let mut merged = Merged::new();
    for entry in entries {
        let key = (
            entry.name().to_owned(),
            entry.version().to_owned(),
            entry.architecture().to_owned(),
        );
        match merged.get(&key) {
            Some(before) if before.digest() != entry.digest() => {
                let (name, version, architecture) = key;
                // The same message whichever comes first.
                let mut digests = [before.digest(), entry.digest()];
                digests.sort_unstable();
                let [one, other] = digests;
                return Err(RepositoryError::Conflict {
                    name,
                    version,
                    architecture,
                    one,
                    other,
                });
            }
            // The same file, described twice: indexes of several suites differ in a few words.
            Some(before) if before.rank() <= entry.rank() => {}
            _ => {
                merged.insert(key, entry);
            }
        }
    }
    Ok(merged)
}

fn release_text(
    description: &Description,
    components: &BTreeSet<&str>,
    architectures: &BTreeSet<&str>,
    indexes: &BTreeMap<String, Vec<u8>>,
) -> String {
    let join = |names: &BTreeSet<&str>| names.iter().copied().collect::<Vec<_>>().join(" ");
    let mut text = format!(
        "Origin: {}\nLabel: {}\nSuite: {}\nCodename: {}\nDate: {}\nAcquire-By-Hash: yes\n\
         No-Support-for-Architecture-all: Packages\nArchitectures: {}\nComponents: {}\nSHA256:\n",
        description.origin,
        description.label,
        description.suite,
        description.codename,
        format_date(description.date),
        join(architectures),
        join(components),
    );
    for (path, bytes) in indexes {
        text.push_str(&format!(
            " {} {} {path}\n",
            Checksum::sha256(bytes).hex(),
            bytes.len()
        ));
    }
    text
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut writer = GzBuilder::new().mtime(0).write(Vec::new(), Compression::new(6));
    writer.write_all(bytes)?;
    writer.finish()
}

fn xz(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    // Level 3 takes a third of the time of level 6, for indexes that are a sixth larger.
    let mut writer = XzWriter::new(Vec::new(), XzOptions::with_preset(3))?;
    writer.write_all(bytes)?;
    writer.finish()
}

impl Unsigned {
    /// The files by path below the repository's root, without signatures.
    pub fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }

    /// Where the packages have to lie below the repository's root.
    pub fn pool(&self) -> &BTreeMap<String, Pooled> {
        &self.pool
    }

    /// The release as it will be signed.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// Adds `InRelease` and `Release.gpg`, signed at this time.
    pub fn sign(
        &self,
        key: &RepositoryKey,
        at: Timestamp,
    ) -> Result<BTreeMap<String, Vec<u8>>, RepositoryError> {
        let mut files = self.files.clone();
        let root = format!("dists/{}", self.suite);
        let message = key.sign_cleartext(&self.release, at)?;
        let signature = key.sign_detached(self.release.as_bytes(), at)?;
        files.insert(format!("{root}/InRelease"), message.into_bytes());
        files.insert(format!("{root}/Release.gpg"), signature.into_bytes());
        Ok(files)
    }
}

/// What a client's `Signed-By` says.
#[derive(Clone, Copy, Debug)]
pub enum ClientKey<'a> {
    /// The path of a keyring on the client.
    Path(&'a str),
    /// The key itself, in armour.
    Armored(&'a str),
    /// None: a folder of the client's own, whose files were checked when they were put there.
    Unsigned,
}

/// A `.sources` file for clients, for apt 2.4 and later; older ones need [`ClientKey::Path`].
pub fn client_sources(uri: &str, suite: &str, components: &[&str], key: ClientKey<'_>) -> String {
    let components = components.join(" ");
    let mut text = format!("Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: {components}\n");
    match key {
        ClientKey::Path(path) => text.push_str(&format!("Signed-By: {path}\n")),
        ClientKey::Unsigned => text.push_str("Trusted: yes\n"),
        ClientKey::Armored(armored) => {
            text.push_str("Signed-By:\n");
            for line in armored.lines() {
                text.push_str(&format!(" {}\n", if line.is_empty() { "." } else { line }));
            }
        }
    }
    text
}
