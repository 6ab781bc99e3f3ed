use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use airlock_content::BlobRead;
use airlock_types::{Descriptor, Digest, Manifest, media_type};

use crate::manifests::{ReadError, read_manifest};

/// Everything that the roots of one repository lead to, which is what the repository offers: a blob
/// that only another repository names does not exist here.
pub(crate) struct Reach {
    content: HashMap<Digest, Kind>,
    /// By subject, in order of digest.
    referrers: HashMap<Digest, Vec<Descriptor>>,
}

/// As what a digest is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A manifest of this type.
    Manifest(Arc<str>),
    /// Anything else.
    Blob,
}

impl Reach {
    /// Reads every manifest below the roots. Those that are not held are passed over: an index may name
    /// platforms that were left out.
    pub(crate) fn walk<'d, V: BlobRead + ?Sized>(
        view: &V,
        roots: impl Iterator<Item = &'d Descriptor>,
    ) -> Result<Self, ReadError> {
        let mut types = Types::default();
        let mut reach = Self {
            content: HashMap::new(),
            referrers: HashMap::new(),
        };
        let mut open: Vec<(Digest, Arc<str>)> = roots
            .map(|root| (root.digest, types.intern(&root.media_type)))
            .collect();
        while let Some((digest, declared)) = open.pop() {
            match reach.content.entry(digest) {
                // A blob may turn out to be a manifest elsewhere; a manifest was read before.
                Entry::Occupied(known) if *known.get() != Kind::Blob => continue,
                Entry::Occupied(mut known) => {
                    known.insert(Kind::Manifest(Arc::clone(&declared)));
                }
                Entry::Vacant(free) => {
                    free.insert(Kind::Manifest(Arc::clone(&declared)));
                }
            }
            let read = match read_manifest(view, &digest, &declared) {
                Ok(Some(read)) => read,
                Ok(None) => continue,
                Err(ReadError::Io { source, .. }) if source.kind() == std::io::ErrorKind::FileTooLarge => {
                    tracing::warn!(%digest, "a manifest is too large to be read; what it names is not served");
                    continue;
                }
                Err(error) => return Err(error),
            };
            let kind = types.intern(&read.media_type);
            reach.content.insert(digest, Kind::Manifest(kind));
            let Ok(manifest) = Manifest::parse(&read.media_type, &read.bytes) else {
                tracing::warn!(%digest, media_type = read.media_type, "a manifest cannot be read; what it names is not served");
                continue;
            };
            if let Some(subject) = manifest.subject() {
                let referrer = as_referrer(&manifest, digest, &read.media_type, read.bytes.len());
                reach.referrers.entry(subject.digest).or_default().push(referrer);
                open.push((subject.digest, types.intern(&subject.media_type)));
            }
            for child in manifest.children() {
                let in_index = matches!(manifest, Manifest::Index(_));
                let is_manifest =
                    in_index && (child.media_type.is_empty() || media_type::is_manifest(&child.media_type));
                if is_manifest {
                    open.push((child.digest, types.intern(&child.media_type)));
                } else {
                    reach.content.entry(child.digest).or_insert(Kind::Blob);
                }
            }
        }
        for list in reach.referrers.values_mut() {
            list.sort_by_key(|referrer| referrer.digest);
        }
        Ok(reach)
    }

    pub(crate) fn get(&self, digest: &Digest) -> Option<&Kind> {
        self.content.get(digest)
    }

    pub(crate) fn referrers(&self, subject: &Digest) -> &[Descriptor] {
        self.referrers.get(subject).map_or(&[], Vec::as_slice)
    }
}

/// The descriptor that the referrers API lists (OCI distribution-spec, "Listing Referrers").
fn as_referrer(manifest: &Manifest, digest: Digest, media_type: &str, size: usize) -> Descriptor {
    let mut referrer = Descriptor::new(media_type, digest, size as u64);
    referrer.artifact_type = match manifest {
        Manifest::Image(image) => Some(image.effective_artifact_type().to_owned()),
        Manifest::Index(index) => index.artifact_type.clone(),
    }
    .filter(|artifact_type| !artifact_type.is_empty());
    referrer.annotations = manifest.annotations().clone();
    referrer
}

/// A repository has few media types and many manifests.
#[derive(Default)]
struct Types(Vec<Arc<str>>);

impl Types {
    fn intern(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.iter().find(|known| &***known == text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        if self.0.len() < 64 {
            self.0.push(Arc::clone(&new));
        }
        new
    }
}
