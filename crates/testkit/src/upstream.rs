use std::collections::BTreeMap;
use std::fmt::Write as _;

use airlock_types::{Digest, Manifest, media_type};
use bytes::Bytes;
use serde_json::json;

use crate::{Blob, Chart, Image, chart_index};

/// One repository of a registry.
#[derive(Clone, Debug, Default)]
pub struct Repository {
    /// What each tag points at.
    pub tags: BTreeMap<String, Digest>,
    /// Manifests by digest.
    pub manifests: BTreeMap<Digest, Blob>,
    /// Configurations and layers by digest.
    pub blobs: BTreeMap<Digest, Bytes>,
}

impl Repository {
    /// Takes an image with everything below it, without a tag.
    pub fn add(&mut self, image: &Image) {
        for manifest in image.all_manifests() {
            self.manifests.insert(manifest.digest, manifest.clone());
        }
        for blob in &image.blobs {
            self.blobs.insert(blob.digest, blob.bytes.clone());
        }
    }

    /// The same with a tag.
    pub fn tag(&mut self, tag: &str, image: &Image) {
        self.add(image);
        self.tags.insert(tag.to_owned(), image.digest());
    }

    /// Manifests whose `subject` is `digest`, as the descriptors that the referrers API lists.
    pub fn referrers(&self, digest: &Digest) -> Vec<serde_json::Value> {
        self.manifests
            .values()
            .filter_map(|blob| {
                let manifest = Manifest::parse(&blob.media_type, &blob.bytes).ok()?;
                if manifest.subject()?.digest != *digest {
                    return None;
                }
                let artifact_type = match &manifest {
                    Manifest::Image(image) => Some(image.effective_artifact_type().to_owned()),
                    Manifest::Index(index) => index.artifact_type.clone(),
                };
                let mut descriptor = blob.descriptor();
                descriptor.artifact_type = artifact_type;
                descriptor.annotations = manifest.annotations().clone();
                serde_json::to_value(descriptor).ok()
            })
            .collect()
    }

    /// Writes the fallback tag `sha256-<hex>` over all referrers of `digest`, as clients do for registries
    /// without a referrers API.
    pub fn write_fallback_tag(&mut self, digest: &Digest) {
        let index = Blob::json(
            media_type::OCI_INDEX,
            &json!({
                "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": self.referrers(digest),
            }),
        );
        self.tags.insert(digest.referrers_tag(), index.digest);
        self.manifests.insert(index.digest, index);
    }
}

/// What an upstream offers: repositories of a registry, and files by path.
#[derive(Clone, Debug, Default)]
pub struct Upstream {
    /// Repositories by name.
    pub repositories: BTreeMap<String, Repository>,
    /// Plain files by absolute path, `/charts/index.yaml`.
    pub files: BTreeMap<String, Bytes>,
}

impl Upstream {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The repository `name`, made where it does not exist.
    pub fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }

    /// Puts an image behind `name:tag`.
    pub fn push(&mut self, name: &str, tag: &str, image: &Image) {
        self.repository(name).tag(tag, image);
    }

    /// Puts an image where only its digest reaches it: a referrer.
    pub fn push_untagged(&mut self, name: &str, image: &Image) {
        self.repository(name).add(image);
    }

    /// Puts a file at an absolute path.
    pub fn file(&mut self, path: &str, bytes: impl Into<Bytes>) {
        self.files.insert(path.to_owned(), bytes.into());
    }

    /// Puts charts and their `index.yaml` below `prefix` (`/charts`).
    pub fn chart_repository(&mut self, prefix: &str, charts: &[Chart]) {
        for chart in charts {
            self.file(&format!("{prefix}/{}", chart.file_name()), chart.archive.clone());
        }
        self.file(&format!("{prefix}/index.yaml"), chart_index(charts));
    }

    /// Puts files and a `SHA256SUMS` over them below `prefix`.
    pub fn file_tree(&mut self, prefix: &str, files: &[(&str, &[u8])]) {
        let mut sums = String::new();
        for (name, bytes) in files {
            let digest = Digest::Sha256(airlock_hash::sha256(bytes));
            let _ = writeln!(sums, "{}  {name}", digest.hex());
            self.file(&format!("{prefix}/{name}"), bytes.to_vec());
        }
        self.file(&format!("{prefix}/SHA256SUMS"), sums);
    }
}
