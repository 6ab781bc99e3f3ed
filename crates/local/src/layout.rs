use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use airlock_content::{
    FetchedManifest, ManifestSelector, ReferrerFound, ReferrerVia, SourceError, SourceErrorKind,
};
use airlock_types::{
    Descriptor, Digest, IndexManifest, MANIFEST_KEYS, Manifest, Reference, Tag, annotation, json, media_type,
};
use serde::Deserialize;

use crate::error::{clip, corrupt, listed, local, not_found, unsupported};
use crate::region::Region;
use crate::tar_index::TarIndex;

/// Bytes of one manifest; the size that registries accept.
pub(crate) const MAX_MANIFEST: u64 = 4 * 1024 * 1024;
/// Bytes of an `index.json` or `manifest.json`, which list everything that is there.
pub(crate) const MAX_INDEX: u64 = 16 * 1024 * 1024;
/// Bytes of manifests looked at for what they are about, each counted with [`SCAN_COST`] on top.
const MAX_SCANNED: u64 = 512 * 1024 * 1024;
/// What looking at one manifest costs besides its bytes.
const SCAN_COST: u64 = 16 * 1024;

/// What may still be looked at.
struct Budget {
    bytes: u64,
    /// Something was not looked at, so an answer would not be complete.
    exceeded: bool,
}

impl Budget {
    fn new() -> Self {
        Self {
            bytes: MAX_SCANNED,
            exceeded: false,
        }
    }
}

/// The name under which containerd and Docker keep the full reference of a root.
const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// Where the files of a layout are.
#[derive(Debug)]
pub(crate) enum Tree {
    /// A folder, by its real path.
    Folder(PathBuf),
    /// A tar.
    Archive(Arc<TarIndex>),
}

impl Tree {
    /// A folder that is there.
    pub(crate) fn folder(path: &Path) -> Result<Self, SourceError> {
        let real = path
            .canonicalize()
            .map_err(local("the OCI image layout cannot be read", path))?;
        if real.is_dir() {
            return Ok(Self::Folder(real));
        }
        Err(SourceError::new(
            SourceErrorKind::Local,
            "an OCI image layout is a folder, and this is none",
            path.display(),
        )
        .hint(
            "for a tar of a layout write oci-archive:PATH, for the output of docker save docker-archive:PATH",
        ))
    }

    /// A file by its name in the layout; `None` if there is none.
    pub(crate) fn open(&self, name: &str) -> Result<Option<Region>, SourceError> {
        let root = match self {
            Self::Archive(index) => return index.open(name),
            Self::Folder(root) => root,
        };
        let path = root.join(name);
        let real = match path.canonicalize() {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            other => other.map_err(local("the file cannot be read", &path))?,
        };
        if !real.starts_with(root) {
            return Err(unsupported(
                "a symbolic link leads out of the OCI image layout",
                path.display(),
            )
            .hint("copy the layout with its links resolved, for example with cp -rL"));
        }
        Region::open(&real).map(Some)
    }

    fn what(&self) -> String {
        match self {
            Self::Folder(root) => root.display().to_string(),
            Self::Archive(index) => index.path().to_owned(),
        }
    }
}

/// An OCI image layout (OCI image-spec, "OCI Image Layout").
#[derive(Debug)]
pub(crate) struct Layout {
    tree: Tree,
    roots: Vec<Descriptor>,
    /// By the digest that they are about; looked up once, when first asked for.
    /// `None` when there is too much to look at.
    referrers: OnceLock<Option<BTreeMap<Digest, Vec<ReferrerFound>>>>,
}

#[derive(Deserialize)]
struct LayoutFile {
    #[serde(rename = "imageLayoutVersion")]
    version: String,
}

impl Layout {
    /// Reads `oci-layout` and `index.json`.
    pub(crate) fn read(tree: Tree) -> Result<Self, SourceError> {
        let what = tree.what();
        let Some(marker) = tree.open("oci-layout")? else {
            let error = corrupt(
                "this is not an OCI image layout, it has no oci-layout file",
                &what,
            );
            return Err(match tree.open("manifest.json")? {
                Some(_) => error.hint("it looks like the output of docker save: write docker-archive:PATH"),
                None => error,
            });
        };
        let marker: LayoutFile = parse(&marker, 4096, &["imageLayoutVersion"])?;
        if !marker.version.starts_with("1.") {
            let message = format!(
                "the OCI image layout has an unknown version: {}",
                clip(&marker.version)
            );
            return Err(unsupported(message, &what));
        }
        let index = tree
            .open("index.json")?
            .ok_or_else(|| corrupt("the OCI image layout has no index.json", &what))?;
        let index: IndexManifest = parse(&index, MAX_INDEX, MANIFEST_KEYS)?;
        Ok(Self {
            tree,
            roots: index.manifests,
            referrers: OnceLock::new(),
        })
    }

    /// The manifest that `selector` means.
    pub(crate) fn manifest(&self, selector: &ManifestSelector) -> Result<FetchedManifest, SourceError> {
        let named = |name: &str| self.one_of(self.roots.iter().filter(|root| has_name(root, name)), name);
        match selector {
            ManifestSelector::Digest(digest) => match self.roots.iter().find(|root| root.digest == *digest) {
                Some(root) => self.fetch(root),
                None => self.fetch_by_digest(digest),
            },
            ManifestSelector::Tag(tag) => self.fetch(named(tag.as_str())?),
            ManifestSelector::Named(name) => self.fetch(named(name)?),
            ManifestSelector::Only => {
                let all: BTreeSet<Digest> = self.roots.iter().map(|root| root.digest).collect();
                let attached = if all.len() > 1 {
                    self.attached()?
                } else {
                    HashSet::new()
                };
                let mut left = self.roots.iter().filter(|root| !attached.contains(&root.digest));
                match left.next() {
                    Some(root) if left.all(|other| other.digest == root.digest) => self.fetch(root),
                    None => Err(not_found("the OCI image layout holds no image", self.tree.what())),
                    Some(_) => Err(self.hint_names(not_found(
                        "the OCI image layout holds several images, and none was named",
                        self.tree.what(),
                    ))),
                }
            }
        }
    }

    /// The root that is left, if all that match are the same one.
    fn one_of<'a>(
        &self,
        mut matching: impl Iterator<Item = &'a Descriptor>,
        name: &str,
    ) -> Result<&'a Descriptor, SourceError> {
        let what = format!("{} in {}", clip(name), self.tree.what());
        let Some(first) = matching.next() else {
            return Err(self.hint_names(not_found("the OCI image layout has no image of this name", what)));
        };
        match matching.find(|other| other.digest != first.digest) {
            None => Ok(first),
            Some(other) => Err(
                corrupt("the OCI image layout has several images of this name", what).hint(format!(
                    "name one by its digest: {}, {}",
                    first.digest, other.digest
                )),
            ),
        }
    }

    fn hint_names(&self, error: SourceError) -> SourceError {
        let names: BTreeSet<&str> = self.roots.iter().flat_map(names_of).collect();
        if names.is_empty() {
            let digests: Vec<String> = self.roots.iter().map(|root| root.digest.to_string()).collect();
            return error.hint(format!(
                "nothing in it has a name; it holds {}",
                listed(digests.iter().map(String::as_str))
            ));
        }
        error.hint(format!("it holds {}", listed(names)))
    }

    /// Roots that belong to another root: its children, and what refers to it.
    fn attached(&self) -> Result<HashSet<Digest>, SourceError> {
        let all: HashSet<Digest> = self.roots.iter().map(|root| root.digest).collect();
        let mut attached: HashSet<Digest> = HashSet::new();
        for root in &self.roots {
            if names_of(root).any(|name| referrers_tag(name).is_some())
                || root.annotations.contains_key(annotation::SUBJECT)
            {
                attached.insert(root.digest);
            }
        }
        let mut budget = Budget::new();
        for root in &self.roots {
            let Some((_, manifest)) = self.scan(root, &mut budget) else {
                continue;
            };
            if let Some(subject) = manifest.subject()
                && subject.digest != root.digest
                && all.contains(&subject.digest)
            {
                attached.insert(root.digest);
            }
            if let Manifest::Index(index) = &manifest {
                attached.extend(index.manifests.iter().map(|child| child.digest));
            }
        }
        if budget.exceeded {
            Err(self.too_many())
        } else {
            Ok(attached)
        }
    }

    /// A manifest below the layout, or not yet known to be one.
    fn fetch_by_digest(&self, digest: &Digest) -> Result<FetchedManifest, SourceError> {
        let region = self.blob(digest)?;
        self.fetch(&Descriptor::new("", *digest, region.len()))
    }

    fn fetch(&self, root: &Descriptor) -> Result<FetchedManifest, SourceError> {
        let region = self.blob(&root.digest)?;
        let bytes = region.read_verified(root, MAX_MANIFEST)?;
        let media_type = if media_type::is_manifest(&root.media_type) {
            root.media_type.clone()
        } else {
            Manifest::sniff(&bytes)
                .ok_or_else(|| unsupported("this is not an image manifest or index", region.what()))?
        };
        Ok(FetchedManifest {
            descriptor: Descriptor::new(media_type, root.digest, root.size),
            bytes,
            name: names_of(root)
                .find(|name| full_reference(name).is_some())
                .or_else(|| names_of(root).next())
                .map(str::to_owned),
            generated: false,
        })
    }

    /// A blob, not verified.
    pub(crate) fn blob(&self, digest: &Digest) -> Result<Region, SourceError> {
        let name = format!("blobs/{}/{}", digest.algorithm(), digest.hex());
        self.tree.open(&name)?.ok_or_else(|| {
            not_found("the OCI image layout does not hold the blob", format!("{digest} in {}", self.tree.what()))
                .hint("the layout is incomplete, or its platforms were cut down: copy the image into it again with all platforms")
        })
    }

    /// What is known to refer to `subject`.
    pub(crate) fn referrers(&self, subject: &Digest) -> Result<Vec<ReferrerFound>, SourceError> {
        match self.referrers.get_or_init(|| self.scan_referrers()) {
            Some(known) => Ok(known.get(subject).cloned().unwrap_or_default()),
            None => Err(self.too_many()),
        }
    }

    fn too_many(&self) -> SourceError {
        unsupported(
            "the OCI image layout holds more manifests than can be searched",
            self.tree.what(),
        )
        .hint("copy the images that are wanted into a layout of their own")
    }

    /// Looks at every manifest that the index leads to, within bounds. What cannot be read there is
    /// passed over: it is reported by whoever asks for it.
    fn scan_referrers(&self) -> Option<BTreeMap<Digest, Vec<ReferrerFound>>> {
        let mut found: BTreeMap<Digest, Vec<ReferrerFound>> = BTreeMap::new();
        let mut add = |subject: Digest, descriptor: Descriptor, via: ReferrerVia| {
            let list = found.entry(subject).or_default();
            if !list
                .iter()
                .any(|known| known.descriptor.digest == descriptor.digest)
            {
                list.push(ReferrerFound { descriptor, via });
            }
        };
        let mut budget = Budget::new();
        let mut seen = HashSet::new();
        // What stands behind a tag is offered behind that tag again, so tags come first.
        for root in &self.roots {
            for (tag, subject) in names_of(root).filter_map(referrers_tag) {
                let Some((mut descriptor, manifest)) = self.scan(root, &mut budget) else {
                    continue;
                };
                if tag.as_str() != subject.referrers_tag() {
                    descriptor.artifact_type = artifact_type(&manifest);
                    add(subject, descriptor, ReferrerVia::CosignTag(tag));
                } else if let Manifest::Index(index) = manifest {
                    for child in index
                        .manifests
                        .iter()
                        .filter(|child| self.blob(&child.digest).is_ok())
                    {
                        add(subject, child.clone(), ReferrerVia::FallbackTag(tag.clone()));
                    }
                }
            }
        }
        let mut open: Vec<Descriptor> = self.roots.iter().rev().cloned().collect();
        while let Some(next) = open.pop() {
            if !seen.insert(next.digest) {
                continue;
            }
            let Some((mut descriptor, manifest)) = self.scan(&next, &mut budget) else {
                continue;
            };
            if let Some(subject) = manifest.subject() {
                descriptor.annotations.clone_from(manifest.annotations());
                descriptor.artifact_type = artifact_type(&manifest);
                add(subject.digest, descriptor, ReferrerVia::Api);
            }
            if let Manifest::Index(index) = manifest {
                open.extend(index.manifests.into_iter().rev());
            }
        }
        (!budget.exceeded).then_some(found)
    }

    fn scan(&self, root: &Descriptor, budget: &mut Budget) -> Option<(Descriptor, Manifest)> {
        // What is too large for a manifest is no manifest, and is not read.
        let cost = root.size.min(MAX_MANIFEST) + SCAN_COST;
        let Some(left) = budget.bytes.checked_sub(cost) else {
            budget.exceeded = true;
            return None;
        };
        budget.bytes = left;
        let fetched = self.fetch(root).ok()?;
        let manifest = Manifest::parse(&fetched.descriptor.media_type, &fetched.bytes).ok()?;
        Some((fetched.descriptor, manifest))
    }
}

/// As the referrers API reports it.
fn artifact_type(manifest: &Manifest) -> Option<String> {
    match manifest {
        Manifest::Image(image) => Some(image.effective_artifact_type().to_owned()),
        Manifest::Index(index) => index.artifact_type.clone(),
    }
}

/// The names a root goes by.
fn names_of(root: &Descriptor) -> impl Iterator<Item = &str> {
    [annotation::REF_NAME, CONTAINERD_NAME]
        .into_iter()
        .filter_map(|key| root.annotations.get(key).map(String::as_str))
}

/// Whether `name` means this root: as it is written there, or as the same full reference.
fn has_name(root: &Descriptor, name: &str) -> bool {
    names_of(root).any(|known| known == name) || {
        let wanted = full_reference(name);
        wanted.is_some() && names_of(root).any(|known| full_reference(known) == wanted)
    }
}

/// A reference that is more than a bare tag, which a `ref.name` often is.
fn full_reference(name: &str) -> Option<Reference> {
    let reference: Reference = name.parse().ok()?;
    name.contains(['/', ':']).then(|| reference.with_default_tag())
}

/// The tag `sha256-<hex>` or `sha256-<hex>.<suffix>` at the end of a name, and the digest it is about.
fn referrers_tag(name: &str) -> Option<(Tag, Digest)> {
    let tag = name.rsplit_once([':', '/']).map_or(name, |(_, tag)| tag);
    let (base, suffix) = tag
        .split_once('.')
        .map_or((tag, None), |(base, suffix)| (base, Some(suffix)));
    if !matches!(suffix, None | Some("sig" | "att" | "sbom")) {
        return None;
    }
    let digest = base.replacen('-', ":", 1).parse().ok()?;
    Some((tag.parse().ok()?, digest))
}

/// Reads a small JSON document, strictly: no key twice, none that is one of `names` but for case.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(
    region: &Region,
    limit: u64,
    names: &[&str],
) -> Result<T, SourceError> {
    document(&region.read_all(limit)?, region.what(), names)
}

/// The same of bytes that were read already.
pub(crate) fn document<T: serde::de::DeserializeOwned>(
    bytes: &[u8],
    what: &str,
    names: &[&str],
) -> Result<T, SourceError> {
    json::from_slice_named(bytes, names)
        .map_err(|error| corrupt("the JSON document cannot be read", what).caused_by(error))
}
