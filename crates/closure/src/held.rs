//! What a bundle or a store holds, seen as its registry shows it.

use std::collections::{BTreeMap, BTreeSet};

use airlock_content::{BlobRead, GenerationView, MANIFEST_LIMIT, StoreError, digest_of};
use airlock_spec::deployment::{Deployment, DeploymentError};
use airlock_types::{
    Descriptor, Digest, Manifest, Platform, Reference, Repository, Tag, annotation, media_type,
};
use serde::Deserialize;

use crate::prove::Holdings;

/// The largest configuration of an image, and of a deployment.
const CONFIG_LIMIT: u64 = 64 << 20;
/// Docker's type of an image configuration.
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// Why it cannot be told what is held.
#[derive(Debug, thiserror::Error)]
pub enum HeldError {
    /// The store has a problem.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A blob cannot be read.
    #[error("a blob could not be read: {digest}")]
    Read {
        /// Which.
        digest: Digest,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A blob is not there.
    #[error("a blob is missing: {0}")]
    Absent(Digest),
    /// A blob is not what its name says.
    #[error("a blob is damaged: {0}")]
    Damaged(Digest),
    /// A root is no manifest.
    #[error("a root cannot be read: {0}")]
    Root(Reference),
    /// A deployment cannot be read.
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
}

/// What is held.
#[derive(Clone, Debug, Default)]
pub struct Held {
    tags: BTreeMap<(Repository, Tag), Tagged>,
    digests: BTreeMap<(Repository, Digest), Vec<Platform>>,
    /// What manifests name: children that are there, and configurations.
    below: BTreeMap<Digest, Vec<Digest>>,
    images: Vec<(Reference, Digest)>,
    deployments: Vec<(Reference, Deployment)>,
}

/// What a tag stands for.
#[derive(Clone, Debug)]
struct Tagged {
    manifest: Digest,
    platforms: Vec<Platform>,
}

impl Holdings for Held {
    fn platforms(&self, reference: &Reference) -> Option<Vec<Platform>> {
        let repository = reference.repository.clone();
        match (&reference.digest, &reference.tag) {
            (Some(digest), _) => self.digests.get(&(repository, *digest)).cloned(),
            (None, tag) => {
                let tag = tag.clone().unwrap_or_else(Tag::latest);
                self.tags
                    .get(&(repository, tag))
                    .map(|tagged| tagged.platforms.clone())
            }
        }
    }
}

impl Held {
    /// Reads every root that something can be pulled by. Each manifest is hashed, and every blob that it names must be
    /// there; blobs themselves are not read.
    pub fn read<V: GenerationView>(view: &V) -> Result<Self, HeldError> {
        let mut held = Self::default();
        for root in &view.generation()?.roots {
            if root.subject.is_some() {
                continue;
            }
            let Reference {
                repository,
                tag,
                digest,
            } = root.reference.clone();
            let unreadable = || HeldError::Root(root.reference.clone());
            let found = read(view, &root.descriptor).map_err(|error| error.unwrap_or_else(unreadable))?;
            if root
                .descriptor
                .annotations
                .get(annotation::KIND)
                .map(String::as_str)
                == Some("deployment")
            {
                let deployment =
                    deployment(view, &found).map_err(|error| error.unwrap_or_else(unreadable))?;
                held.deployments.push((root.reference.clone(), deployment));
                continue;
            }
            if !found.platforms.is_empty() {
                held.images.push((root.reference.clone(), root.descriptor.digest));
            }
            held.below.extend(found.below);
            for (child, platforms) in found.children {
                held.digests.insert((repository.clone(), child), platforms);
            }
            held.digests.insert(
                (repository.clone(), root.descriptor.digest),
                found.platforms.clone(),
            );
            if let Some(digest) = digest {
                held.digests
                    .insert((repository.clone(), digest), found.platforms.clone());
            }
            if let Some(tag) = tag {
                let tagged = Tagged {
                    manifest: root.descriptor.digest,
                    platforms: found.platforms,
                };
                held.tags.insert((repository, tag), tagged);
            }
        }
        Ok(held)
    }

    /// What is deployed from here, with the references of the deployments.
    pub fn deployments(&self) -> &[(Reference, Deployment)] {
        &self.deployments
    }

    /// The manifest that a reference is held as, resolved as a registry does.
    pub fn manifest(&self, reference: &Reference) -> Option<Digest> {
        let repository = reference.repository.clone();
        match (&reference.digest, &reference.tag) {
            (Some(digest), _) => {
                let is_held = self.digests.contains_key(&(repository, *digest));
                is_held.then_some(*digest)
            }
            (None, tag) => {
                let tag = tag.clone().unwrap_or_else(Tag::latest);
                self.tags.get(&(repository, tag)).map(|tagged| tagged.manifest)
            }
        }
    }

    /// Whether a manifest is this content, or names it: a child that is held, or a configuration, by which nodes
    /// know what was not pulled from a registry.
    pub fn leads_to(&self, manifest: &Digest, content: &Digest) -> bool {
        manifest == content || self.below(manifest).contains(content)
    }

    /// Everything that a manifest leads to, itself included.
    pub(crate) fn below(&self, manifest: &Digest) -> BTreeSet<Digest> {
        let mut seen = BTreeSet::from([*manifest]);
        let mut next = vec![*manifest];
        while let Some(one) = next.pop() {
            for below in self.below.get(&one).into_iter().flatten() {
                if seen.insert(*below) {
                    next.push(*below);
                }
            }
        }
        seen
    }

    /// One that holds these images, each with its manifest and what that names.
    #[cfg(test)]
    pub(crate) fn of(images: &[(&str, Digest, &[Digest])]) -> Self {
        let mut held = Self::default();
        for (reference, manifest, below) in images {
            let reference: Reference = reference.parse().unwrap();
            let repository = reference.repository.clone();
            let platforms = vec![Platform::new("linux", "amd64", None).unwrap()];
            for digest in below.iter().chain([manifest]) {
                held.digests
                    .insert((repository.clone(), *digest), platforms.clone());
            }
            held.below.insert(*manifest, below.to_vec());
            if let Some(tag) = reference.tag.clone() {
                let manifest = *manifest;
                held.tags
                    .insert((repository, tag), Tagged { manifest, platforms });
            }
            held.images.push((reference, *manifest));
        }
        held
    }

    /// The images, by the references that they are held under, with their manifests. Charts and other artifacts are
    /// none.
    pub fn images(&self) -> impl Iterator<Item = (&Reference, &Digest)> {
        self.images.iter().map(|(reference, digest)| (reference, digest))
    }
}

/// What a root leads to.
#[derive(Default)]
struct Found {
    platforms: Vec<Platform>,
    /// The manifests of an index that are there.
    children: Vec<(Digest, Vec<Platform>)>,
    /// What each manifest names: children that are there, and configurations.
    below: Vec<(Digest, Vec<Digest>)>,
    /// The configuration, of what is no index.
    config: Option<Descriptor>,
}

/// `None` for what is no manifest.
type Unreadable = Option<HeldError>;

fn read<V: BlobRead>(view: &V, descriptor: &Descriptor) -> Result<Found, Unreadable> {
    let bytes = blob(view, &descriptor.digest, MANIFEST_LIMIT)?;
    match Manifest::parse(&descriptor.media_type, &bytes).map_err(|_| None)? {
        Manifest::Image(image) => {
            for named in std::iter::once(&image.config).chain(&image.layers) {
                let stays =
                    named.media_type.contains(".nondistributable.") || named.media_type.contains(".foreign.");
                if !stays && view.size(&named.digest).map_err(HeldError::from)?.is_none() {
                    return Err(Some(HeldError::Absent(named.digest)));
                }
            }
            Ok(Found {
                platforms: configured(view, &image.config)?,
                children: Vec::new(),
                below: vec![(descriptor.digest, vec![image.config.digest])],
                config: Some(image.config),
            })
        }
        Manifest::Index(index) => {
            let mut found = Found::default();
            let mut there = Vec::new();
            for child in index.manifests {
                // An index is carried as it is, without the children for other platforms.
                if view.size(&child.digest).map_err(HeldError::from)?.is_none()
                    || !media_type::is_manifest(&child.media_type)
                {
                    continue;
                }
                let below = read(view, &child)?;
                let platforms = match child.platform {
                    Some(platform) => vec![platform],
                    None => below.platforms,
                };
                found.platforms.extend(platforms.iter().cloned());
                found.below.extend(below.below);
                there.push(child.digest);
                found.children.extend(below.children);
                found.children.push((child.digest, platforms));
            }
            found.below.push((descriptor.digest, there));
            Ok(found)
        }
    }
}

/// The platform of an image that names it in its configuration; none for other artifacts.
fn configured<V: BlobRead>(view: &V, config: &Descriptor) -> Result<Vec<Platform>, Unreadable> {
    #[derive(Deserialize)]
    struct Configured {
        os: String,
        architecture: String,
        variant: Option<String>,
    }
    if !matches!(config.media_type.as_str(), media_type::OCI_CONFIG | DOCKER_CONFIG) {
        return Ok(Vec::new());
    }
    let bytes = blob(view, &config.digest, CONFIG_LIMIT)?;
    // Artifacts of older tools use this type for an empty configuration.
    let Ok(read) = serde_json::from_slice::<Configured>(&bytes) else {
        return Ok(Vec::new());
    };
    let platform = Platform::new(&read.os, &read.architecture, read.variant.as_deref());
    Ok(platform.into_iter().collect())
}

fn deployment<V: BlobRead>(view: &V, found: &Found) -> Result<Deployment, Unreadable> {
    let config = found.config.as_ref().ok_or(None)?;
    if config.media_type != media_type::AIRLOCK_DEPLOYMENT {
        return Err(None);
    }
    let bytes = blob(view, &config.digest, CONFIG_LIMIT)?;
    Deployment::from_bytes(&bytes).map_err(|error| Some(error.into()))
}

/// A blob, hashed.
pub(crate) fn blob<V: BlobRead>(view: &V, digest: &Digest, limit: u64) -> Result<Vec<u8>, HeldError> {
    let body = view.open(digest)?.ok_or(HeldError::Absent(*digest))?;
    let bytes = body.into_bytes(limit).map_err(|source| HeldError::Read {
        digest: *digest,
        source,
    })?;
    if digest_of(&bytes) != *digest {
        return Err(HeldError::Damaged(*digest));
    }
    Ok(bytes.into())
}
