//! What a bundle will consist of, computed from the lock before any content is there.

use std::collections::BTreeMap;

use airlock_content::{Generation, RootEntry, digest_of};
use airlock_spec::index::{
    BundleIndex, FORMAT, FileEntry, HexSha256, INDEX_PATH, MAX_FILES, MAX_ROOTS, Root, SIGNATURES_DIR,
};
use airlock_spec::lock::{Artifact, Lock};
use airlock_types::{Algorithm, Digest, Reference, annotation};

use crate::header::{BLOCK, END, header, padding};
use crate::path::is_signature;
use crate::source::{MAX_INDEX, MAX_LOCK};
use crate::{Arch, Entry, EntryPath};

/// The content of `oci-layout` (OCI image-spec, "oci-layout file").
pub(crate) const OCI_LAYOUT: &[u8] = b"{\"imageLayoutVersion\":\"1.0.0\"}";

/// An optional document, carried as it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Document {
    /// `provenance.intoto.json`.
    Provenance,
    /// `sbom.spdx.json`.
    SbomSpdx,
    /// `sbom.cdx.json`.
    SbomCdx,
}

/// An importer to be carried under `bin/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Importer {
    /// What it runs on.
    pub arch: Arch,
    /// SHA-256 of the binary.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}

/// What goes into a bundle besides the lock and what it names.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// SHA-256 of the index of the release before.
    pub previous: Option<Digest>,
    /// Documents with their content.
    pub documents: BTreeMap<Document, Vec<u8>>,
    /// Importers.
    pub importers: Vec<Importer>,
}

/// Why a lock cannot become a bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Content is named by a hash that the format has no place for.
    #[error("{artifact} needs content that is not named by SHA-256, which a bundle cannot carry: {digest}")]
    Algorithm {
        /// The artifact.
        artifact: String,
        /// The content.
        digest: Digest,
    },
    /// Two artifacts want one name.
    #[error("two artifacts are to be served under one name: {reference} is {one} and {other}")]
    Conflict {
        /// The name.
        reference: Box<Reference>,
        /// One manifest.
        one: Digest,
        /// The other.
        other: Digest,
    },
    /// One digest with two sizes.
    #[error("the lock pins two sizes for one digest: {0}")]
    Sizes(Digest),
    /// An importer is given twice, or its digest is not SHA-256.
    #[error("the importer for {0} is given twice, or not with a SHA-256 digest")]
    Importer(Arch),
    /// The sum of all sizes is larger than any file.
    #[error("the sizes in the lock add up to more than a file can hold")]
    TooLarge,
    /// The index or the lock would be larger than a reader accepts.
    #[error("the lock names more than one bundle can hold, {limit} {what}: {count}")]
    TooMany {
        /// "files", "roots", "bytes of index", "bytes of lock".
        what: &'static str,
        /// How many are allowed.
        limit: u64,
        /// How many there would be.
        count: u64,
    },
    /// A signature's name is not `<64 hex digits>`, stands twice, or the signature is too large or one too many.
    #[error("a signature cannot be carried: {0}")]
    Signature(String),
}

impl PlanError {
    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Algorithm { .. } => Some(
                "ask its publisher for a build whose digests are SHA-256, or copy the image into a registry that makes such"
                    .to_owned(),
            ),
            Self::TooMany { .. } => Some("split the manifest into several".to_owned()),
            Self::Conflict { .. } => {
                Some("name one of the two with another tag in the manifest, then lock again".to_owned())
            }
            _ => None,
        }
    }
}

/// Where the content of an entry comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// It is known already.
    Bytes(Vec<u8>),
    /// A blob that the lock names.
    Blob(Digest),
    /// An importer that the caller has.
    Importer(Arch),
}

/// A bundle before it is signed: its index, and all content that follows from the lock alone.
#[derive(Clone, Debug)]
pub struct Plan {
    index: BundleIndex,
    index_bytes: Vec<u8>,
    parts: Vec<(Entry, Part)>,
}

impl Plan {
    /// Decides everything about a bundle but its signatures. The same lock and extras give the same plan anywhere.
    pub fn new(lock: &Lock, extras: Extras) -> Result<Self, PlanError> {
        let (blobs, roots) = contents(lock)?;
        let lock_bytes = lock.to_bytes();
        let lock_digest = digest_of(&lock_bytes);
        let lock_len = lock_bytes.len() as u64;
        let mut parts = vec![bytes(EntryPath::Lock, lock_bytes)];
        for (document, content) in extras.documents {
            let path = match document {
                Document::Provenance => EntryPath::Provenance,
                Document::SbomSpdx => EntryPath::SbomSpdx,
                Document::SbomCdx => EntryPath::SbomCdx,
            };
            parts.push(bytes(path, content));
        }
        parts.push(bytes(EntryPath::OciLayout, OCI_LAYOUT.to_vec()));
        parts.push(bytes(
            EntryPath::OciIndex,
            Generation::render(&root_entries(&roots)),
        ));
        for entry in blobs {
            parts.push((entry.clone(), Part::Blob(entry.digest)));
        }
        for importer in extras.importers {
            if importer.digest.algorithm() != Algorithm::Sha256 {
                return Err(PlanError::Importer(importer.arch));
            }
            let entry = Entry {
                path: EntryPath::Importer(importer.arch.clone()),
                digest: importer.digest,
                size: importer.size,
            };
            parts.push((entry, Part::Importer(importer.arch)));
        }
        let sums: String = parts.iter().filter_map(|(entry, _)| checksum(entry)).collect();
        parts.push(bytes(EntryPath::Checksums, sums.into_bytes()));
        parts.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
        for pair in parts.windows(2) {
            if let [(a, _), (b, Part::Importer(arch))] = pair
                && a.path == b.path
            {
                return Err(PlanError::Importer(arch.clone()));
            }
        }
        let index = BundleIndex {
            format: FORMAT,
            name: lock.name.clone(),
            version: lock.release.clone(),
            channel: lock.channel.clone(),
            sequence: lock.sequence,
            previous: extras.previous,
            lock: lock_digest,
            files: parts
                .iter()
                .map(|(entry, _)| FileEntry {
                    path: entry.path.to_string(),
                    sha256: HexSha256(entry.digest),
                    size: entry.size,
                })
                .collect(),
            roots,
        };
        let plan = Self {
            index_bytes: index.to_bytes(),
            index,
            parts,
        };
        archive_len(&plan.index.files).ok_or(PlanError::TooLarge)?;
        for (what, limit, count) in [
            ("files", MAX_FILES as u64, plan.index.files.len() as u64),
            ("roots", MAX_ROOTS as u64, plan.index.roots.len() as u64),
            ("bytes of index", MAX_INDEX, plan.index_bytes.len() as u64),
            ("bytes of lock", MAX_LOCK, lock_len),
        ] {
            if count > limit {
                return Err(PlanError::TooMany { what, limit, count });
            }
        }
        Ok(plan)
    }

    /// The index.
    pub fn index(&self) -> &BundleIndex {
        &self.index
    }

    /// The bytes of `airlock.json`: what is to be signed.
    pub fn index_bytes(&self) -> &[u8] {
        &self.index_bytes
    }

    /// `NAME-VERSION.airlock.tar`.
    pub fn file_name(&self) -> String {
        format!("{}-{}.airlock.tar", self.index.name, self.index.version)
    }

    /// Places every byte, with `signatures` (key id in hex, content of the Sigstore bundle) over [`Plan::index_bytes`].
    pub fn layout(self, signatures: &[(String, Vec<u8>)]) -> Result<Layout, PlanError> {
        if signatures.len() > airlock_trust::MAX_SIGNATURE_FILES {
            return Err(PlanError::Signature(format!("there are {}", signatures.len())));
        }
        let mut named = BTreeMap::new();
        for (key, content) in signatures {
            let name = format!("{SIGNATURES_DIR}{key}.sigstore.json");
            if content.len() > airlock_trust::MAX_SIGNATURE_SIZE || !is_signature(&name) {
                return Err(PlanError::Signature(name));
            }
            if named.insert(name.clone(), content.clone()).is_some() {
                return Err(PlanError::Signature(name));
            }
        }
        let first = std::iter::once((INDEX_PATH.to_owned(), self.index_bytes));
        let mut entries = Vec::new();
        let mut at: u64 = 0;
        let mut place = |name: String, digest: Digest, size: u64, part: Part| {
            entries.push(LayoutEntry {
                content: at.checked_add(BLOCK)?,
                name,
                digest,
                size,
                part,
            });
            at = at
                .checked_add(BLOCK)?
                .checked_add(size)?
                .checked_add(padding(size))?;
            Some(())
        };
        for (name, content) in first.chain(named) {
            place(
                name,
                digest_of(&content),
                content.len() as u64,
                Part::Bytes(content),
            )
            .ok_or(PlanError::TooLarge)?;
        }
        for (entry, part) in self.parts {
            place(entry.path.to_string(), entry.digest, entry.size, part).ok_or(PlanError::TooLarge)?;
        }
        let len = at
            .checked_add(END.len() as u64)
            .filter(|len| i64::try_from(*len).is_ok())
            .ok_or(PlanError::TooLarge)?;
        Ok(Layout {
            index: self.index,
            entries,
            len,
        })
    }
}

fn bytes(path: EntryPath, content: Vec<u8>) -> (Entry, Part) {
    let entry = Entry {
        path,
        digest: digest_of(&content),
        size: content.len() as u64,
    };
    (entry, Part::Bytes(content))
}

/// The archive, with a place for every byte.
#[derive(Clone, Debug)]
pub struct Layout {
    index: BundleIndex,
    entries: Vec<LayoutEntry>,
    len: u64,
}

/// One entry of the archive and its place.
#[derive(Clone, Debug)]
pub struct LayoutEntry {
    /// Its path.
    pub name: String,
    /// SHA-256 of its content.
    pub digest: Digest,
    /// The length of its content.
    pub size: u64,
    /// Where its content starts; the header stands in the 512 bytes before.
    pub content: u64,
    /// Where its content comes from.
    pub part: Part,
}

impl LayoutEntry {
    /// The 512 bytes before the content.
    pub fn header(&self) -> [u8; 512] {
        header(&self.name, self.size)
    }

    /// How many zero bytes follow the content.
    pub fn padding(&self) -> u64 {
        padding(self.size)
    }
}

impl Layout {
    /// The index.
    pub fn index(&self) -> &BundleIndex {
        &self.index
    }

    /// The entries in the order of the archive.
    pub fn entries(&self) -> &[LayoutEntry] {
        &self.entries
    }

    /// The length of the archive.
    #[expect(clippy::len_without_is_empty, reason = "an archive is never empty")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The bytes after the last entry.
    pub fn end() -> &'static [u8] {
        &END
    }
}

/// The length of everything from the first listed file to the end of the archive; `None` when no file can be so long.
///
/// A gibibyte is set aside for the index and its signatures.
pub(crate) fn archive_len(files: &[FileEntry]) -> Option<u64> {
    files
        .iter()
        .try_fold(END.len() as u64, |sum, file| {
            sum.checked_add(BLOCK)?
                .checked_add(file.size)?
                .checked_add(padding(file.size))
        })
        .filter(|len| *len <= i64::MAX as u64 - (1 << 30))
}

/// The blobs and roots of a bundle of this lock.
pub(crate) fn contents(lock: &Lock) -> Result<(Vec<Entry>, Vec<Root>), PlanError> {
    let mut blobs: BTreeMap<Digest, u64> = BTreeMap::new();
    let mut roots: Vec<Root> = Vec::new();
    for artifact in &lock.artifacts {
        for pin in artifact.pins() {
            if pin.digest.algorithm() != Algorithm::Sha256 {
                return Err(PlanError::Algorithm {
                    artifact: artifact.name.clone(),
                    digest: pin.digest,
                });
            }
            if blobs
                .insert(pin.digest, pin.size)
                .is_some_and(|size| size != pin.size)
            {
                return Err(PlanError::Sizes(pin.digest));
            }
        }
        roots.extend(roots_of(artifact));
    }
    roots.sort_by(|a, b| root_order(a).cmp(&root_order(b)));
    roots.dedup();
    for pair in roots.windows(2) {
        if let [a, b] = pair
            && a.reference == b.reference
            && (a.digest != b.digest || root_order(a) == root_order(b))
        {
            return Err(PlanError::Conflict {
                reference: Box::new(a.reference.clone()),
                one: a.digest,
                other: b.digest,
            });
        }
    }
    let blobs = blobs
        .into_iter()
        .map(|(digest, size)| Entry {
            path: EntryPath::Blob(digest),
            digest,
            size,
        })
        .collect();
    Ok((blobs, roots))
}

/// The order of roots in the index: that of [`Generation::render`].
pub(crate) fn root_order(root: &Root) -> (&Reference, Digest, Option<Digest>) {
    (&root.reference, root.digest, root.subject)
}

/// The artifact under its name, and what travels with it under the same repository: behind the tag that it was found
/// behind, else by digest.
fn roots_of(artifact: &Artifact) -> impl Iterator<Item = Root> {
    let root = |reference, pin: &airlock_spec::lock::Pin, subject| Root {
        reference,
        kind: artifact.kind,
        digest: pin.digest,
        media_type: pin.media_type.clone(),
        size: pin.size,
        subject,
    };
    let referrers = artifact.referrers.iter().map(move |referrer| {
        let reference = Reference {
            repository: artifact.reference.repository.clone(),
            tag: referrer.tag.clone(),
            digest: referrer.tag.is_none().then_some(referrer.root.digest),
        };
        root(reference, &referrer.root, Some(referrer.subject))
    });
    std::iter::once(root(artifact.reference.clone(), &artifact.root, None)).chain(referrers)
}

/// The roots of an index as a generation lists them, with their kind as an annotation.
pub fn root_entries(roots: &[Root]) -> Vec<RootEntry> {
    roots
        .iter()
        .map(|root| {
            let mut descriptor = root.descriptor();
            descriptor
                .annotations
                .insert(annotation::KIND.to_owned(), root.kind.to_string());
            RootEntry {
                descriptor,
                reference: root.reference.clone(),
                subject: root.subject,
            }
        })
        .collect()
}

/// The line of `SHA256SUMS` for a listed file; none for itself.
pub(crate) fn checksum(entry: &Entry) -> Option<String> {
    (entry.path != EntryPath::Checksums).then(|| format!("{}  {}\n", entry.digest.hex(), entry.path))
}
