//! What a bundle or store holds of sets of packages. Nothing that is read here is believed: each blob is hashed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use airlock_content::{BlobRead, Generation, MANIFEST_LIMIT, RootEntry, digest_of};
use airlock_hash::Sha256;
use airlock_ospkg::deb::chain::Evidence;
use airlock_ospkg::deb::chain::audit::Claim;
use airlock_spec::packages::{DebPackage, DebRepository, DebSet, MAX_LIST, is_set};
use airlock_types::{Descriptor, Digest, Manifest, annotation, media_type};
use anyhow::Context;

use super::field;
use crate::failure::Result;

/// The largest index, as it is carried; Debian's whole main has 10 MiB.
const INDEX_LIMIT: u64 = 512 << 20;

/// A set of packages with the files that it comes with.
pub(super) struct Set {
    /// What is said of it.
    pub(super) list: DebSet,
    /// Its package files: size and name, by digest.
    pub(super) files: BTreeMap<Digest, (u64, String)>,
}

impl Set {
    /// How much there is to hash.
    pub(super) fn bytes(&self) -> u64 {
        let sizes = self.files.values().map(|(size, _)| *size);
        sizes.fold(0, u64::saturating_add)
    }

    /// The files that no package of the list is.
    pub(super) fn unlisted(&self) -> Vec<String> {
        let listed: BTreeSet<String> = self
            .list
            .packages
            .iter()
            .map(|package| field(package, "SHA256"))
            .collect();
        let files = self.files.iter();
        files
            .filter(|(digest, _)| !listed.contains(&digest.hex()))
            .map(|(digest, (_, name))| {
                if name.is_empty() {
                    digest.to_string()
                } else {
                    name.clone()
                }
            })
            .collect()
    }
}

/// The roots that are sets of packages, each once.
pub(super) fn roots(generation: &Generation) -> Vec<&RootEntry> {
    let mut seen = BTreeSet::new();
    let roots = generation.roots.iter().filter(|root| root.subject.is_none());
    roots
        .filter(|root| is_set(&root.descriptor) && seen.insert(root.descriptor.digest))
        .collect()
}

/// Blobs, and what those that were hashed turned out to be.
pub(super) struct Content<'a, V> {
    view: &'a V,
    hashed: BTreeMap<Digest, Option<(Digest, u64)>>,
}

impl<'a, V: BlobRead> Content<'a, V> {
    pub(super) fn new(view: &'a V) -> Self {
        Self {
            view,
            hashed: BTreeMap::new(),
        }
    }

    /// A blob, or why there is none that is good: it is missing, too large or damaged. That it cannot be read is an error.
    pub(super) fn blob(&self, digest: &Digest, limit: u64) -> Result<Result<Vec<u8>, String>> {
        let Some(body) = self.view.open(digest)? else {
            return Ok(Err(format!("a blob is missing: {digest}")));
        };
        if body.len() > limit {
            return Ok(Err(format!("a blob is larger than {limit} bytes: {digest}")));
        }
        let bytes = body.into_bytes(limit).with_context(|| unread(digest))?;
        let found = digest_of(&bytes);
        Ok(if found == *digest {
            Ok(bytes.into())
        } else {
            Err(format!("a blob is damaged: {digest}"))
        })
    }

    /// A set of packages, or why it is none.
    pub(super) fn set(&self, root: &Descriptor) -> Result<Result<Set, String>> {
        let manifest = match self.blob(&root.digest, MANIFEST_LIMIT)? {
            Ok(bytes) => bytes,
            Err(problem) => return Ok(Err(problem)),
        };
        let image = match Manifest::parse(&root.media_type, &manifest) {
            Ok(Manifest::Image(image)) if image.config.media_type == media_type::AIRLOCK_DEB_SET => *image,
            _ => {
                return Ok(Err(
                    "it is no set of Debian packages that this version can read".to_owned()
                ));
            }
        };
        let list = match self.blob(&image.config.digest, MAX_LIST)? {
            Ok(bytes) => DebSet::from_bytes(&bytes).map_err(|error| error.to_string()),
            Err(problem) => Err(problem),
        };
        let packages = image
            .layers
            .iter()
            .filter(|layer| layer.media_type == media_type::DEB);
        let files = packages
            .map(|layer| {
                let title = layer.annotations.get(annotation::TITLE).cloned();
                (layer.digest, (layer.size, title.unwrap_or_default()))
            })
            .collect();
        Ok(list.map(|list| Set { list, files }))
    }

    /// The files that are to establish a release, and what is wrong with those that cannot be used.
    pub(super) fn evidence(&self, repository: &DebRepository) -> Result<(Evidence, Vec<String>)> {
        let (mut files, mut problems) = (Vec::new(), Vec::new());
        for file in &repository.evidence {
            match self.blob(&file.digest, INDEX_LIMIT)? {
                Ok(bytes) => files.push((file.path.clone(), bytes)),
                Err(problem) => problems.push(format!("{}: {problem}", file.path)),
            }
        }
        Ok((Evidence::from_files(files), problems))
    }

    /// What a package is here, or why that is nothing.
    pub(super) fn claim(
        &mut self,
        set: &Set,
        package: &DebPackage,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Result<Claim, String>> {
        let digest = package.digest().filter(|digest| set.files.contains_key(digest));
        let found = match &digest {
            Some(digest) => self.hash(digest, progress)?,
            None => None,
        };
        Ok(match found {
            Some((digest, size)) => Ok(Claim {
                name: field(package, "Package"),
                version: field(package, "Version"),
                architecture: field(package, "Architecture"),
                size,
                digest,
                paragraph: Some(package.control.clone()),
            }),
            None => Err("its file is not here".to_owned()),
        })
    }

    /// Digest and length of a blob as they are; none if it is not there.
    fn hash(&mut self, digest: &Digest, progress: &mut dyn FnMut(u64)) -> Result<Option<(Digest, u64)>> {
        if let Some(known) = self.hashed.get(digest) {
            return Ok(*known);
        }
        let found = match self.view.open(digest)? {
            Some(body) => {
                let mut reader = body.into_reader().with_context(|| unread(digest))?;
                let (mut hasher, mut size) = (Sha256::new(), 0);
                let mut buffer = vec![0; 1 << 20];
                loop {
                    let count = reader.read(&mut buffer).with_context(|| unread(digest))?;
                    if count == 0 {
                        break;
                    }
                    hasher.update(buffer.get(..count).unwrap_or_default());
                    size += count as u64;
                    progress(count as u64);
                }
                Some((Digest::sha256(hasher.finish()), size))
            }
            None => None,
        };
        self.hashed.insert(*digest, found);
        Ok(found)
    }
}

fn unread(digest: &Digest) -> String {
    format!("a blob could not be read: {digest}")
}
