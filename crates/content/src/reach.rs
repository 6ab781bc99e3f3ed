use std::collections::{BTreeMap, BTreeSet};

use airlock_types::{Descriptor, Digest, Manifest, media_type};

use crate::{BlobRead, StoreError};

/// The longest manifest that is read: registries take 4 MiB, and this is twice that.
pub const MANIFEST_LIMIT: u64 = 8 * 1024 * 1024;
/// How deep indexes may stand inside indexes.
const DEPTH_LIMIT: usize = 32;

/// Everything that a set of roots needs, as far as a store holds it.
///
/// Grows with every [`add`](Self::add); what two roots share is read once.
#[derive(Clone, Debug, Default)]
pub struct Closure {
    /// The manifests held: roots, children of indexes, subjects.
    pub manifests: BTreeMap<Digest, Descriptor>,
    /// The configurations, layers and other content held, with their sizes.
    pub blobs: BTreeMap<Digest, u64>,
    /// What is named and not held.
    pub missing: Vec<Missing>,
    seen: BTreeSet<(Digest, View)>,
}

/// Content that is named by a manifest and not held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What is named.
    pub digest: Digest,
    /// The length it is named with.
    pub size: u64,
    /// The length held under that digest, where there is something and the length is wrong.
    pub held: Option<u64>,
    /// The manifest that names it, `None` for a root.
    pub parent: Option<Digest>,
    /// Whether it must be there.
    pub need: Need,
}

/// How much a named thing must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A root, a configuration or a layer: without it the parent cannot be used.
    Required,
    /// A child of an index: an index may be carried for some platforms only.
    IndexChild,
    /// A layer that its publisher does not let others distribute.
    NonDistributable,
    /// The manifest that a referrer is about: the distribution specification lets it be absent.
    Subject,
}

/// As what content is looked at: the same bytes may stand as a layer here and as a manifest there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum View {
    Opaque,
    Image,
    Index,
}

impl View {
    fn of(media_type: &str) -> Self {
        if media_type::is_index(media_type) {
            Self::Index
        } else if media_type::is_manifest(media_type) {
            Self::Image
        } else {
            Self::Opaque
        }
    }
}

struct Step {
    descriptor: Descriptor,
    parent: Option<Digest>,
    need: Need,
    /// Layers and configurations are never read, whatever type they claim.
    opaque: bool,
    depth: usize,
}

impl Closure {
    /// Walks from one more root: through index children, configurations, layers and subjects.
    ///
    /// Fails on what cannot be read or is no manifest where one must be, so that nobody mistakes a
    /// part for the whole.
    pub fn add<R: BlobRead + ?Sized>(&mut self, read: &R, root: &Descriptor) -> Result<(), StoreError> {
        let mut steps = vec![Step {
            descriptor: root.clone(),
            parent: None,
            need: Need::Required,
            opaque: false,
            depth: 0,
        }];
        while let Some(step) = steps.pop() {
            self.step(read, step, &mut steps)?;
        }
        Ok(())
    }

    /// Whether everything that must be there is.
    pub fn is_complete(&self) -> bool {
        self.lacking().next().is_none()
    }

    /// What must be there and is not.
    pub fn lacking(&self) -> impl Iterator<Item = &Missing> {
        self.missing
            .iter()
            .filter(|missing| missing.need == Need::Required)
    }

    /// Every digest held, manifests and blobs.
    pub fn digests(&self) -> impl Iterator<Item = &Digest> {
        self.manifests.keys().chain(self.blobs.keys())
    }

    /// Whether something is held under this digest and needed by a root.
    pub fn contains(&self, digest: &Digest) -> bool {
        self.manifests.contains_key(digest) || self.blobs.contains_key(digest)
    }

    fn step<R: BlobRead + ?Sized>(
        &mut self,
        read: &R,
        step: Step,
        steps: &mut Vec<Step>,
    ) -> Result<(), StoreError> {
        let Step {
            mut descriptor,
            parent,
            need,
            opaque,
            depth,
        } = step;
        let digest = descriptor.digest;
        let mut view = if opaque {
            View::Opaque
        } else {
            View::of(&descriptor.media_type)
        };
        let untyped = !opaque && descriptor.media_type.is_empty();
        if !untyped && !self.seen.insert((digest, view)) {
            return Ok(());
        }
        let held = read.size(&digest)?;
        if held != Some(descriptor.size) {
            self.missing.push(Missing {
                digest,
                size: descriptor.size,
                held,
                parent,
                need,
            });
            return Ok(());
        }
        if view == View::Opaque && !untyped {
            self.blobs.insert(digest, descriptor.size);
            return Ok(());
        }
        if untyped && descriptor.size > MANIFEST_LIMIT {
            self.blobs.insert(digest, descriptor.size);
            return Ok(());
        }
        if depth >= DEPTH_LIMIT {
            return Err(StoreError::TooDeep(digest));
        }
        let bytes = manifest_bytes(read, &digest)?;
        if untyped {
            // Old tools leave the type out of an index's children; their shape says it.
            descriptor.media_type = Manifest::sniff(&bytes).unwrap_or_default();
            view = View::of(&descriptor.media_type);
            if !self.seen.insert((digest, view)) {
                return Ok(());
            }
            if view == View::Opaque {
                self.blobs.insert(digest, descriptor.size);
                return Ok(());
            }
        }
        let manifest = Manifest::parse(&descriptor.media_type, &bytes)
            .map_err(|source| StoreError::Manifest { digest, source })?;
        let is_index = view == View::Index;
        steps.extend(manifest.children().map(|child| Step {
            need: if is_index {
                Need::IndexChild
            } else if is_non_distributable(&child.media_type) {
                Need::NonDistributable
            } else {
                Need::Required
            },
            descriptor: child.clone(),
            parent: Some(digest),
            opaque: !is_index,
            depth: depth + 1,
        }));
        steps.extend(manifest.subject().map(|subject| Step {
            descriptor: subject.clone(),
            parent: Some(digest),
            need: Need::Subject,
            opaque: false,
            depth: depth + 1,
        }));
        self.manifests.insert(digest, descriptor);
        Ok(())
    }
}

/// Everything that one root needs, as far as `read` holds it.
pub fn closure<R: BlobRead + ?Sized>(read: &R, root: &Descriptor) -> Result<Closure, StoreError> {
    let mut closure = Closure::default();
    closure.add(read, root)?;
    Ok(closure)
}

/// The exact bytes of a manifest held, which is at most [`MANIFEST_LIMIT`] long.
pub fn manifest_bytes<R: BlobRead + ?Sized>(read: &R, digest: &Digest) -> Result<bytes::Bytes, StoreError> {
    let body = read.open(digest)?.ok_or(StoreError::Missing(*digest))?;
    if body.len() > MANIFEST_LIMIT {
        return Err(StoreError::ManifestTooLong {
            digest: *digest,
            size: body.len(),
        });
    }
    body.into_bytes(MANIFEST_LIMIT)
        .map_err(StoreError::io("reading the manifest", digest.to_string()))
}

/// The media types of layers that a registry need not hold (OCI image-spec, "Non-Distributable Layers").
fn is_non_distributable(media_type: &str) -> bool {
    media_type.starts_with("application/vnd.oci.image.layer.nondistributable.")
        || media_type.starts_with("application/vnd.docker.image.rootfs.foreign.")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use bytes::Bytes;

    use super::*;
    use crate::{BlobBody, digest_of};

    #[derive(Default)]
    struct Memory(HashMap<Digest, Bytes>);

    impl Memory {
        fn put(&mut self, media_type: &str, bytes: impl Into<Bytes>) -> Descriptor {
            let bytes = bytes.into();
            let descriptor = Descriptor::new(media_type, digest_of(&bytes), bytes.len() as u64);
            self.0.insert(descriptor.digest, bytes);
            descriptor
        }

        fn image(&mut self, layers: &[Descriptor], subject: Option<&Descriptor>) -> Descriptor {
            let config = self.put(media_type::OCI_CONFIG, "{}");
            let text = serde_json::json!({"config": config, "layers": layers, "subject": subject});
            self.put(media_type::OCI_MANIFEST, text.to_string())
        }

        fn index(&mut self, children: &[Descriptor]) -> Descriptor {
            let text = serde_json::json!({ "manifests": children });
            self.put(media_type::OCI_INDEX, text.to_string())
        }
    }

    impl BlobRead for Memory {
        fn size(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
            Ok(self.0.get(digest).map(|bytes| bytes.len() as u64))
        }

        fn open(&self, digest: &Digest) -> Result<Option<BlobBody>, StoreError> {
            Ok(self.0.get(digest).cloned().map(BlobBody::Memory))
        }
    }

    #[test]
    fn walks_indexes_configurations_layers_and_subjects() {
        let mut memory = Memory::default();
        let layer = memory.put(media_type::OCI_LAYER_GZIP, "layer");
        let image = memory.image(std::slice::from_ref(&layer), None);
        let inner = memory.index(std::slice::from_ref(&image));
        let outer = memory.index(&[inner.clone(), image.clone()]);
        let signature = memory.image(&[], Some(&outer));
        let found = closure(&memory, &signature).unwrap();
        assert!(found.missing.is_empty());
        for digest in [signature.digest, outer.digest, inner.digest, image.digest] {
            assert!(found.manifests.contains_key(&digest));
        }
        assert!(found.blobs.contains_key(&layer.digest));
        assert_eq!(found.digests().count(), memory.0.len());
    }

    #[test]
    fn says_what_must_be_there_and_what_need_not() {
        let mut memory = Memory::default();
        let foreign = Descriptor::new(
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            digest_of(b"f"),
            1,
        );
        let layer = Descriptor::new(media_type::OCI_LAYER_TAR, digest_of(b"l"), 1);
        let left_out = Descriptor::new(media_type::OCI_MANIFEST, digest_of(b"m"), 1);
        let subject = Descriptor::new(media_type::OCI_MANIFEST, digest_of(b"s"), 1);
        let image = memory.image(&[foreign, layer.clone()], Some(&subject));
        let index = memory.index(&[image, left_out]);
        let found = closure(&memory, &index).unwrap();
        assert_eq!(found.missing.len(), 4);
        assert_eq!(
            found.lacking().map(|missing| missing.digest).collect::<Vec<_>>(),
            [layer.digest]
        );
        assert!(!found.is_complete());
    }

    #[test]
    fn a_wrong_length_is_missing() {
        let mut memory = Memory::default();
        let mut image = memory.image(&[], None);
        image.size += 1;
        let found = closure(&memory, &image).unwrap();
        assert_eq!(found.missing[0].held, Some(image.size - 1));
        assert!(!found.is_complete());
    }

    #[test]
    fn the_same_bytes_as_layer_and_as_manifest_are_walked() {
        let mut memory = Memory::default();
        let layer = memory.put(media_type::OCI_LAYER_TAR, "layer");
        let image = memory.image(std::slice::from_ref(&layer), None);
        let wrapper = memory.image(std::slice::from_ref(&image), None);
        let mut found = closure(&memory, &wrapper).unwrap();
        assert!(!found.contains(&layer.digest));
        found.add(&memory, &image).unwrap();
        assert!(found.contains(&layer.digest));
    }

    #[test]
    fn children_without_a_type_are_known_by_their_shape() {
        let mut memory = Memory::default();
        let layer = memory.put(media_type::OCI_LAYER_TAR, "layer");
        let mut image = memory.image(std::slice::from_ref(&layer), None);
        image.media_type.clear();
        let index = memory.index(&[image.clone(), image.clone()]);
        let found = closure(&memory, &index).unwrap();
        assert!(found.contains(&layer.digest));
        assert_eq!(
            found.manifests[&image.digest].media_type,
            media_type::OCI_MANIFEST
        );
    }

    #[test]
    fn what_is_no_manifest_fails_the_walk() {
        let mut memory = Memory::default();
        let bad = memory.put(media_type::OCI_MANIFEST, "not json");
        assert!(matches!(closure(&memory, &bad), Err(StoreError::Manifest { .. })));
        let long = memory.put(
            media_type::OCI_MANIFEST,
            vec![b' '; usize::try_from(MANIFEST_LIMIT).unwrap() + 1],
        );
        assert!(matches!(
            closure(&memory, &long),
            Err(StoreError::ManifestTooLong { .. })
        ));
        let mut deep = memory.image(&[], None);
        for _ in 0..40 {
            deep = memory.index(&[deep]);
        }
        assert!(matches!(closure(&memory, &deep), Err(StoreError::TooDeep(_))));
    }
}
