use std::collections::BTreeMap;

use airlock_content::{BlobRead, Generation, GenerationView, RootEntry};
use airlock_types::{Descriptor, Digest, ImageManifest, Manifest, Repository, Tag, annotation, media_type};

use crate::apt::Apt;
use crate::charts::Charts;
use crate::config::KeySource;
use crate::manifests::{ReadError, read_manifest};

/// What a generation offers beside images.
pub(crate) struct Extras {
    pub(crate) trees: Vec<Tree>,
    pub(crate) charts: Charts,
    pub(crate) apt: Apt,
}

/// A tree of plain files: an artifact whose layers have titles.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) repository: Repository,
    pub(crate) tag: Option<Tag>,
    /// The release of k3s whose files these are, `v1.34.5+k3s1`.
    pub(crate) release: Option<String>,
    /// By path inside the tree.
    pub(crate) files: BTreeMap<String, TreeFile>,
}

/// One file of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TreeFile {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

impl Extras {
    /// Reads the manifests of file trees and charts; those of images only where the root does not say
    /// what it is.
    pub(crate) fn read<V: GenerationView + ?Sized>(
        view: &V,
        generation: &Generation,
        key: Option<&KeySource>,
    ) -> Result<Self, ReadError> {
        let mut trees = Vec::new();
        let mut charts = Vec::new();
        for root in &generation.roots {
            let kind = root
                .descriptor
                .annotations
                .get(annotation::KIND)
                .map(String::as_str);
            let worth_reading = root.subject.is_none()
                && matches!(kind, None | Some("chart" | "files" | "k3s"))
                && !media_type::is_index(&root.descriptor.media_type);
            if !worth_reading {
                continue;
            }
            let Some(image) = read_image(view, &root.descriptor)? else {
                continue;
            };
            if image.effective_artifact_type() == media_type::AIRLOCK_K3S {
                // A tag has no plus.
                let release = root.reference.tag.as_ref();
                let release = release.map(|tag| tag.as_str().replace('_', "+"));
                trees.push(Tree {
                    release,
                    ..tree(root, &image)
                });
            } else if image.effective_artifact_type() == media_type::AIRLOCK_FILES
                || image.config.media_type == media_type::AIRLOCK_FILES
            {
                trees.push(tree(root, &image));
            } else if image.config.media_type == media_type::HELM_CONFIG {
                charts.push((root, image));
            }
        }
        Ok(Self {
            trees,
            charts: Charts::read(view, &charts)?,
            apt: Apt::read(view, generation, key)?,
        })
    }
}

fn read_image<V: BlobRead + ?Sized>(
    view: &V,
    descriptor: &Descriptor,
) -> Result<Option<ImageManifest>, ReadError> {
    let Some(read) = read_manifest(view, &descriptor.digest, &descriptor.media_type)? else {
        return Ok(None);
    };
    match Manifest::parse(&read.media_type, &read.bytes) {
        Ok(Manifest::Image(image)) => Ok(Some(*image)),
        Ok(Manifest::Index(_)) => Ok(None),
        Err(error) => {
            tracing::warn!(digest = %descriptor.digest, %error, "a manifest cannot be read; it is passed over");
            Ok(None)
        }
    }
}

fn tree(root: &RootEntry, image: &ImageManifest) -> Tree {
    let files = image
        .layers
        .iter()
        .filter_map(|layer| {
            let title = layer.annotations.get(annotation::TITLE)?;
            let file = TreeFile {
                digest: layer.digest,
                size: layer.size,
            };
            Some((title.trim_start_matches('/').to_owned(), file))
        })
        .collect();
    Tree {
        repository: root.reference.repository.clone(),
        tag: root.reference.tag.clone(),
        release: None,
        files,
    }
}
