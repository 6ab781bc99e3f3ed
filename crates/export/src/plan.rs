//! Which images an archive holds, under which names.

use std::collections::BTreeMap;

use airlock_content::{Generation, GenerationView, RootEntry};
use airlock_types::{Descriptor, Digest, Platform, Reference, annotation, json, media_type};
use serde::Serialize;

use crate::choose::{Chooser, Runnable};
use crate::error::ExportError;
use crate::name::Names;

/// The annotation from which containerd takes the name of an image.
const IMAGE_NAME: &str = "io.containerd.image.name";
/// How long a `manifest.json` may be: containerd reads no longer one (its archive importer), even if it makes no use of it.
const MAX_DOCKER: usize = 16 << 20;

/// An image of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exported {
    /// As the store or bundle names it.
    pub reference: Reference,
    /// The names that containerd has it under afterwards.
    pub names: Vec<String>,
    /// Its root, and the digest under those names.
    pub digest: Digest,
    /// What is there of it to run.
    pub platforms: Vec<Platform>,
}

/// An image that was asked for and is not in the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// Its reference.
    pub reference: Reference,
    /// Why it is not.
    #[serde(flatten)]
    pub reason: Reason,
}

/// Why an image is not in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Reason {
    /// It has no build for the platform.
    Platform {
        /// What it has.
        available: Vec<Platform>,
    },
    /// It is something else than an image.
    NotAnImage {
        /// What it calls itself.
        artifact_type: String,
    },
}

impl std::fmt::Display for LeftOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.reason {
            Reason::Platform { available } if available.is_empty() => {
                write!(f, "{} has nothing that runs there", self.reference)
            }
            Reason::Platform { available } => {
                let available: Vec<String> = available.iter().map(ToString::to_string).collect();
                write!(f, "{} is for {} only", self.reference, available.join(", "))
            }
            Reason::NotAnImage { artifact_type } => {
                write!(f, "{} is no image, but of type {artifact_type}", self.reference)
            }
        }
    }
}

/// What goes into an archive.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    pub(crate) images: Vec<Exported>,
    pub(crate) left_out: Vec<LeftOut>,
    pub(crate) blobs: BTreeMap<Digest, u64>,
    pub(crate) index: Vec<u8>,
    /// What `docker load` reads; none where it has no words for what is there.
    pub(crate) docker: Option<Vec<u8>>,
}

/// Whether a root is an image: nothing about another one, and of no other kind.
fn is_image(root: &RootEntry) -> bool {
    let kind = root.descriptor.annotations.get(annotation::KIND);
    root.subject.is_none() && kind.is_none_or(|kind| kind == "image")
}

/// The references of all images of the current generation, in order.
pub fn images<V: GenerationView + ?Sized>(view: &V) -> Result<Vec<Reference>, ExportError> {
    let generation = view.generation()?;
    let roots = generation.roots.iter().filter(|root| is_image(root));
    let mut references: Vec<Reference> = roots.map(|root| root.reference.clone()).collect();
    references.sort();
    references.dedup();
    Ok(references)
}

/// The root that a reference leads to, as a registry answers: by its digest where it has one, else by its tag.
fn find<'g>(generation: &'g Generation, wanted: &Reference) -> Option<&'g RootEntry> {
    let mut roots = generation
        .roots
        .iter()
        .filter(|root| is_image(root) && root.reference.repository == wanted.repository);
    let exact = roots.clone().find(|root| root.reference == *wanted);
    exact.or_else(|| {
        if let Some(digest) = &wanted.digest {
            return roots.find(|root| root.descriptor.digest == *digest);
        }
        let tag = wanted.tag_or_latest();
        roots.find(|root| root.reference.tag.as_ref() == Some(&tag))
    })
}

/// Selects images for a platform; for all of them where none is given.
pub(crate) fn select<V: GenerationView + ?Sized>(
    view: &V,
    references: &[Reference],
    platform: Option<&Platform>,
) -> Result<Selection, ExportError> {
    let generation = view.generation()?;
    let mut out = Selection::default();
    let mut chosen = BTreeMap::new();
    for wanted in references {
        let root = find(&generation, wanted).ok_or_else(|| ExportError::Unknown(Box::new(wanted.clone())))?;
        let key = (root.reference.clone(), root.descriptor.digest);
        if chosen.contains_key(&key) {
            continue;
        }
        let chooser = Chooser {
            read: view,
            image: &root.reference,
            platform,
        };
        match chooser.choose(&root.descriptor)? {
            Ok(content) => {
                chosen.insert(key, (root, content));
            }
            Err(reason) => {
                let reference = root.reference.clone();
                let left_out = LeftOut { reference, reason };
                if !out.left_out.contains(&left_out) {
                    out.left_out.push(left_out);
                }
            }
        }
    }
    let names = names(chosen.values().map(|(root, _)| *root));
    for (root, content) in chosen.values() {
        out.blobs.extend(&content.blobs);
        let own = names.iter().filter(|(_, named)| std::ptr::eq(**named, *root));
        let mut platforms: Vec<Platform> = content
            .runnable
            .iter()
            .filter_map(|runnable| runnable.platform.clone())
            .collect();
        platforms.sort();
        platforms.dedup();
        out.images.push(Exported {
            reference: root.reference.clone(),
            names: own.map(|(name, _)| name.clone()).collect(),
            digest: root.descriptor.digest,
            platforms,
        });
    }
    out.index = index(&names);
    let runnable = |root: &RootEntry| {
        let key = (root.reference.clone(), root.descriptor.digest);
        chosen.get(&key).map(|(_, content)| content.runnable.as_slice())
    };
    out.docker = docker(&names, &runnable);
    Ok(out)
}

/// Every name with its root. A tag alone means more than one that stands beside a digest.
fn names<'g>(roots: impl Iterator<Item = &'g RootEntry> + Clone) -> BTreeMap<String, &'g RootEntry> {
    let mut out = BTreeMap::new();
    for root in roots.clone().filter(|root| root.reference.digest.is_none()) {
        out.extend(Names::of(&root.reference).tagged.map(|name| (name, root)));
    }
    for root in roots.filter(|root| root.reference.digest.is_some()) {
        for name in Names::of(&root.reference).all() {
            out.entry(name.clone()).or_insert(root);
        }
    }
    out
}

/// `index.json`: one entry for each name.
fn index(names: &BTreeMap<String, &RootEntry>) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Index {
        manifests: Vec<Descriptor>,
        media_type: &'static str,
        schema_version: u32,
    }
    let entry = |(name, root): (&String, &&RootEntry)| {
        let own = &root.descriptor;
        let mut descriptor = Descriptor::new(own.media_type.clone(), own.digest, own.size);
        for key in [IMAGE_NAME, annotation::REF_NAME] {
            descriptor.annotations.insert(key.to_owned(), name.clone());
        }
        descriptor
    };
    json::to_canonical(&Index {
        manifests: names.iter().map(entry).collect(),
        media_type: media_type::OCI_INDEX,
        schema_version: 2,
    })
}

/// `manifest.json`, as `docker save` writes it: it has room for one build of each image only, and names tags.
fn docker<'r>(
    names: &BTreeMap<String, &RootEntry>,
    runnable: &dyn Fn(&RootEntry) -> Option<&'r [Runnable]>,
) -> Option<Vec<u8>> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Entry {
        config: String,
        repo_tags: Vec<String>,
        layers: Vec<String>,
    }
    let mut entries: BTreeMap<Digest, Entry> = BTreeMap::new();
    for (name, root) in names {
        let [only] = runnable(root)? else { return None };
        let entry = entries.entry(only.digest).or_insert_with(|| Entry {
            config: path(&only.config),
            repo_tags: Vec::new(),
            layers: only.layers.iter().map(path).collect(),
        });
        if !name.contains('@') {
            entry.repo_tags.push(name.clone());
        }
    }
    let bytes = json::to_canonical(&entries.into_values().collect::<Vec<_>>());
    (bytes.len() <= MAX_DOCKER).then_some(bytes)
}

/// Where a blob lies in a layout.
pub(crate) fn path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}
