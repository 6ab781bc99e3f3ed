use std::io::Read;
use std::sync::Arc;

use airlock_content::{GenerationView, digest_of};
use airlock_hash::Sha256;
use airlock_types::{Digest, Platform, Reference};

use crate::error::ExportError;
use crate::plan::{Exported, LeftOut, path, select};
use crate::read::{ArchiveReader, BLOCK, END, padding};

/// The content of `oci-layout` (OCI image-spec, "oci-layout file").
const OCI_LAYOUT: &[u8] = b"{\"imageLayoutVersion\":\"1.0.0\"}";

/// An archive of images, decided down to the last byte before any of it is read.
#[derive(Debug)]
pub struct Archive {
    images: Vec<Exported>,
    left_out: Vec<LeftOut>,
    entries: Arc<[Entry]>,
    size: u64,
    id: Digest,
}

/// An entry of the tar.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) size: u64,
    pub(crate) part: Part,
}

/// Where the content of an entry comes from.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Folder,
    Bytes(Arc<[u8]>),
    Blob(Digest),
}

impl Archive {
    /// Decides what an archive of these images of the current generation holds, for one platform, or for all that there are.
    ///
    /// An image without a build for the platform is [left out](Self::left_out); so is what is no image. Fails where a
    /// reference leads nowhere, or a blob of an image is not held.
    pub fn plan<V: GenerationView + ?Sized>(
        view: &V,
        references: &[Reference],
        platform: Option<&Platform>,
    ) -> Result<Self, ExportError> {
        let selection = select(view, references, platform)?;
        let text = |path: &str, bytes: Vec<u8>| Entry {
            path: path.to_owned(),
            size: bytes.len() as u64,
            part: Part::Bytes(bytes.into()),
        };
        let folder = |path: &str| Entry {
            path: path.to_owned(),
            size: 0,
            part: Part::Folder,
        };
        let mut entries = vec![
            text("oci-layout", OCI_LAYOUT.to_vec()),
            text("index.json", selection.index),
        ];
        entries.extend(selection.docker.map(|bytes| text("manifest.json", bytes)));
        entries.extend([folder("blobs/"), folder("blobs/sha256/")]);
        entries.extend(selection.blobs.iter().map(|(digest, size)| Entry {
            path: path(digest),
            size: *size,
            part: Part::Blob(*digest),
        }));
        let size = entries.iter().try_fold(END, |sum, entry| {
            let padded = entry.size.checked_add(padding(entry.size))?;
            sum.checked_add(BLOCK)?.checked_add(padded)
        });
        Ok(Self {
            images: selection.images,
            left_out: selection.left_out,
            id: identity(&entries),
            entries: entries.into(),
            size: size.ok_or(ExportError::TooLarge)?,
        })
    }

    /// The images in it, in order of reference.
    pub fn images(&self) -> &[Exported] {
        &self.images
    }

    /// What was asked for and is not in it.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// The length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// A digest of the names, lengths and digests of all that is in it: known without reading any of it, and another one
    /// exactly when the archive is. It is not the SHA-256 of the archive, which [`digest`](Self::digest) reads it for.
    pub fn id(&self) -> Digest {
        self.id
    }

    /// SHA-256 of the archive, for which all of it is read once.
    pub fn digest<V: GenerationView + 'static>(&self, view: Arc<V>) -> Result<Digest, ExportError> {
        let mut reader = self.reader(view);
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            match reader.read(&mut buffer).map_err(ExportError::Read)? {
                0 => return Ok(Digest::Sha256(hasher.finish())),
                count => hasher.update(buffer.get(..count).unwrap_or_default()),
            }
        }
    }

    /// The bytes of the archive, from the first to the last, in bounded memory. May be called as often as wanted.
    pub fn reader<V: GenerationView + 'static>(&self, view: Arc<V>) -> ArchiveReader<V> {
        ArchiveReader::new(Arc::clone(&self.entries), view)
    }
}

/// SHA-256 over a line for each entry.
fn identity(entries: &[Entry]) -> Digest {
    use std::fmt::Write as _;
    let mut text = String::new();
    for entry in entries {
        let digest = match &entry.part {
            Part::Folder => String::new(),
            Part::Bytes(bytes) => digest_of(bytes).to_string(),
            Part::Blob(digest) => digest.to_string(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} {} {digest}", entry.path, entry.size);
    }
    digest_of(text.as_bytes())
}
