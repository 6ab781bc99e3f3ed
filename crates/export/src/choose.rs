//! What of an image is wanted: from its root to every blob that goes into the archive.

use std::collections::BTreeMap;

use airlock_content::{BlobRead, manifest_bytes};
use airlock_types::{
    Algorithm, Descriptor, Digest, ImageManifest, IndexManifest, Manifest, Platform, Reference, media_type,
};
use serde::Deserialize;

use crate::error::ExportError;
use crate::plan::Reason;

/// How deep indexes may hold indexes.
const MAX_DEPTH: usize = 8;
/// The largest configuration that is read for its platform.
const MAX_CONFIG: u64 = 8 << 20;
/// Docker's type of an image configuration.
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// The content of one image, as it was chosen.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    /// Every blob with its length, manifests among them.
    pub(crate) blobs: BTreeMap<Digest, u64>,
    /// The manifests that something can run, with their platform where it is known.
    pub(crate) runnable: Vec<Runnable>,
    /// Platforms that were passed over.
    other: Vec<Platform>,
    /// What it is instead of an image, if anything.
    artifact: Option<String>,
}

/// A manifest that something can run.
#[derive(Clone, Debug)]
pub(crate) struct Runnable {
    pub(crate) platform: Option<Platform>,
    pub(crate) digest: Digest,
    pub(crate) config: Digest,
    pub(crate) layers: Vec<Digest>,
}

/// Chooses content of images.
pub(crate) struct Chooser<'a, R: ?Sized> {
    pub(crate) read: &'a R,
    pub(crate) image: &'a Reference,
    pub(crate) platform: Option<&'a Platform>,
}

impl<R: BlobRead + ?Sized> Chooser<'_, R> {
    /// What goes into the archive of an image, or why nothing of it does.
    pub(crate) fn choose(&self, root: &Descriptor) -> Result<Result<Chosen, Reason>, ExportError> {
        let mut chosen = Chosen::default();
        match self.manifest(root)? {
            Manifest::Image(manifest) => {
                let platform = self.configured(&manifest)?;
                if !self.wants(platform.as_ref()) {
                    let available = platform.into_iter().collect();
                    return Ok(Err(Reason::Platform { available }));
                }
                self.take_image(&mut chosen, root, &manifest, platform)?;
            }
            Manifest::Index(index) => self.take_index(&mut chosen, root, &index, 0)?,
        }
        if !chosen.runnable.is_empty() {
            return Ok(Ok(chosen));
        }
        chosen.other.sort();
        chosen.other.dedup();
        Ok(Err(match chosen.artifact {
            Some(artifact_type) if chosen.other.is_empty() => Reason::NotAnImage { artifact_type },
            _ => Reason::Platform {
                available: chosen.other,
            },
        }))
    }

    fn wants(&self, platform: Option<&Platform>) -> bool {
        match (self.platform, platform) {
            (Some(wanted), Some(platform)) => platform.satisfies(wanted),
            _ => true,
        }
    }

    fn manifest(&self, descriptor: &Descriptor) -> Result<Manifest, ExportError> {
        self.must_hold(descriptor)?;
        let bytes = manifest_bytes(self.read, &descriptor.digest)?;
        let sniffed;
        // Old tools leave the type out of an index's children; their shape says it.
        let media_type = if descriptor.media_type.is_empty() {
            sniffed = Manifest::sniff(&bytes).unwrap_or_default();
            &sniffed
        } else {
            &descriptor.media_type
        };
        Manifest::parse(media_type, &bytes).map_err(|source| ExportError::Manifest {
            image: Box::new(self.image.clone()),
            digest: descriptor.digest,
            source,
        })
    }

    fn holds(&self, descriptor: &Descriptor) -> Result<bool, ExportError> {
        Ok(self.read.size(&descriptor.digest)? == Some(descriptor.size))
    }

    fn must_hold(&self, descriptor: &Descriptor) -> Result<(), ExportError> {
        if self.holds(descriptor)? {
            return Ok(());
        }
        Err(ExportError::Incomplete {
            image: Box::new(self.image.clone()),
            digest: descriptor.digest,
        })
    }

    fn take(&self, chosen: &mut Chosen, descriptor: &Descriptor) -> Result<(), ExportError> {
        if descriptor.digest.algorithm() != Algorithm::Sha256 {
            return Err(ExportError::Algorithm {
                image: Box::new(self.image.clone()),
                digest: descriptor.digest,
            });
        }
        chosen.blobs.insert(descriptor.digest, descriptor.size);
        Ok(())
    }

    fn take_index(
        &self,
        chosen: &mut Chosen,
        descriptor: &Descriptor,
        index: &IndexManifest,
        depth: usize,
    ) -> Result<(), ExportError> {
        if depth >= MAX_DEPTH {
            return Err(ExportError::TooDeep(Box::new(self.image.clone())));
        }
        self.take(chosen, descriptor)?;
        for child in &index.manifests {
            // What a bundle leaves out of an index is of platforms that nobody wants.
            let declined = child
                .platform
                .as_ref()
                .is_some_and(|platform| !self.wants(Some(platform)));
            let wanted = self.platform.is_some() && child.platform.is_some() && !declined;
            if declined || !wanted && !self.holds(child)? {
                let platform = child
                    .platform
                    .iter()
                    .filter(|platform| platform.os() != "unknown");
                chosen.other.extend(platform.cloned());
                continue;
            }
            match self.manifest(child)? {
                Manifest::Index(inner) => self.take_index(chosen, child, &inner, depth + 1)?,
                Manifest::Image(manifest) => {
                    let platform = match &child.platform {
                        Some(platform) => Some(platform.clone()),
                        None => self.configured(&manifest)?,
                    };
                    if self.wants(platform.as_ref()) {
                        self.take_image(chosen, child, &manifest, platform)?;
                    } else {
                        chosen.other.extend(platform);
                    }
                }
            }
        }
        Ok(())
    }

    fn take_image(
        &self,
        chosen: &mut Chosen,
        descriptor: &Descriptor,
        manifest: &ImageManifest,
        platform: Option<Platform>,
    ) -> Result<(), ExportError> {
        let runs = is_runnable(manifest) && !descriptor.annotations.contains_key(ATTESTS);
        // On a node, only what it can run is of use; whole images keep their attestations.
        if !runs && self.platform.is_some() {
            chosen.artifact = Some(manifest.effective_artifact_type().to_owned());
            return Ok(());
        }
        self.take(chosen, descriptor)?;
        for blob in std::iter::once(&manifest.config).chain(&manifest.layers) {
            // Layers that must not be distributed are at their vendor's only.
            if is_foreign(blob) && !self.holds(blob)? {
                continue;
            }
            self.must_hold(blob)?;
            self.take(chosen, blob)?;
        }
        if runs {
            chosen.runnable.push(Runnable {
                platform,
                digest: descriptor.digest,
                config: manifest.config.digest,
                layers: manifest.layers.iter().map(|layer| layer.digest).collect(),
            });
        } else {
            chosen.artifact = Some(manifest.effective_artifact_type().to_owned());
        }
        Ok(())
    }

    /// The platform that an image's configuration names.
    fn configured(&self, manifest: &ImageManifest) -> Result<Option<Platform>, ExportError> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Configured {
            os: Option<String>,
            architecture: Option<String>,
            variant: Option<String>,
        }
        if !is_runnable(manifest) {
            return Ok(None);
        }
        self.must_hold(&manifest.config)?;
        let body = self.read.open(&manifest.config.digest)?;
        let Some(bytes) = body.and_then(|body| body.into_bytes(MAX_CONFIG).ok()) else {
            return Ok(None);
        };
        let Ok(configured) = serde_json::from_slice::<Configured>(&bytes) else {
            return Ok(None);
        };
        let part = Option::unwrap_or_default;
        Ok(Platform::new(
            &part(configured.os),
            &part(configured.architecture),
            configured.variant.as_deref(),
        )
        .ok())
    }
}

/// buildkit's mark of a manifest that is about another one.
const ATTESTS: &str = "vnd.docker.reference.type";

/// Whether a manifest is of an image, and of nothing else that has its shape.
fn is_runnable(manifest: &ImageManifest) -> bool {
    matches!(
        manifest.config.media_type.as_str(),
        media_type::OCI_CONFIG | DOCKER_CONFIG
    ) && manifest.artifact_type.is_none()
        && manifest.subject.is_none()
}

fn is_foreign(layer: &Descriptor) -> bool {
    layer.media_type.contains(".nondistributable.") || layer.media_type.contains(".foreign.")
}
