use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use airlock_content::{FetchedManifest, HashError, ManifestSelector, SourceError, digest_of};
use airlock_types::{Descriptor, Digest, Reference, json, media_type};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::error::{clip, corrupt, listed, mismatch, not_found, unsupported};
use crate::layout::{MAX_INDEX, MAX_MANIFEST, document, parse};
use crate::region::Region;
use crate::tar_index::TarIndex;

/// Layers of one image; container engines stop at 127.
const MAX_LAYERS: usize = 1000;
/// Images of one archive.
const MAX_IMAGES: usize = 10_000;
/// A zstd-compressed image layer.
const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// One image of the archive's `manifest.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

impl Entry {
    fn tags(&self) -> &[String] {
        self.repo_tags.as_deref().unwrap_or_default()
    }

    fn layers(&self) -> &[String] {
        self.layers.as_deref().unwrap_or_default()
    }
}

/// What is read of an image's configuration.
#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    rootfs: RootFs,
}

#[derive(Default, Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Option<Vec<Digest>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageManifest<'a> {
    schema_version: u32,
    media_type: &'a str,
    config: Descriptor,
    layers: &'a [Descriptor],
}

/// An archive as `docker save`, `podman save` and `skopeo copy … docker-archive:` write it.
///
/// Such an archive has no manifest, so one is made: the configuration as it is, the layers as they lie
/// there. The same archive always gives the same manifest, and so does another archive of the same image
/// by the same tool.
#[derive(Debug)]
pub(crate) struct DockerArchive {
    index: Arc<TarIndex>,
    images: Vec<Entry>,
    /// Layers hashed so far, by where they start. Held while hashing, so that no layer is hashed twice.
    layers: Mutex<HashMap<u64, Descriptor>>,
}

impl DockerArchive {
    /// Reads `manifest.json`.
    pub(crate) fn read(index: Arc<TarIndex>) -> Result<Self, SourceError> {
        let Some(list) = index.open("manifest.json")? else {
            let error = corrupt(
                "the archive has no manifest.json, as docker save writes it",
                index.path(),
            );
            return Err(match index.open("oci-layout")? {
                Some(_) => error.hint("it looks like a tar of an OCI image layout: write oci-archive:PATH"),
                None => error,
            });
        };
        let images: Vec<Entry> = parse(&list, MAX_INDEX, &["Config", "RepoTags", "Layers"])?;
        if images.len() > MAX_IMAGES || images.iter().any(|image| image.layers().len() > MAX_LAYERS) {
            return Err(unsupported(
                format!(
                    "the archive holds more than {MAX_IMAGES} images, or an image of more than {MAX_LAYERS} layers"
                ),
                index.path(),
            ));
        }
        Ok(Self {
            index,
            images,
            layers: Mutex::default(),
        })
    }

    /// The manifest made for the image that `selector` means.
    pub(crate) fn manifest(&self, selector: &ManifestSelector) -> Result<FetchedManifest, SourceError> {
        let image = match selector {
            ManifestSelector::Digest(digest) => return self.find(digest),
            ManifestSelector::Tag(tag) => self.one_of(tag.as_str(), |known| {
                known
                    .parse::<Reference>()
                    .is_ok_and(|known| known.tag.as_ref() == Some(tag))
            })?,
            ManifestSelector::Named(name) => {
                let wanted = name.parse::<Reference>().map(Reference::with_default_tag).ok();
                self.one_of(name, |known| {
                    known == name
                        || (wanted.is_some() && known.parse().map(Reference::with_default_tag).ok() == wanted)
                })?
            }
            ManifestSelector::Only => match self.images.as_slice() {
                [image] => image,
                [] => return Err(not_found("the archive holds no image", self.index.path())),
                _ => {
                    let error = not_found(
                        "the archive holds several images, and none was named",
                        self.index.path(),
                    );
                    return Err(self.hint_names(error));
                }
            },
        };
        self.convert(image)
    }

    fn one_of(&self, name: &str, matches: impl Fn(&str) -> bool) -> Result<&Entry, SourceError> {
        let what = format!("{} in {}", clip(name), self.index.path());
        let mut matching = self
            .images
            .iter()
            .filter(|image| image.tags().iter().any(|tag| matches(tag)));
        match (matching.next(), matching.next()) {
            (Some(image), None) => Ok(image),
            (None, _) => Err(self.hint_names(not_found("the archive has no image of this name", what))),
            (Some(_), Some(_)) => Err(corrupt("the archive has several images of this name", what)),
        }
    }

    fn hint_names(&self, error: SourceError) -> SourceError {
        let names: BTreeSet<&str> = self
            .images
            .iter()
            .flat_map(Entry::tags)
            .map(String::as_str)
            .collect();
        if names.is_empty() {
            return error.hint("nothing in it has a name: save one image at a time, by its name");
        }
        error.hint(format!("it holds {}", listed(names)))
    }

    /// The image whose manifest has this digest.
    fn find(&self, digest: &Digest) -> Result<FetchedManifest, SourceError> {
        for image in &self.images {
            let manifest = self.convert(image)?;
            if manifest.descriptor.digest == *digest {
                return Ok(manifest);
            }
        }
        Err(not_found(
            "the archive holds no image of this digest",
            format!("{digest} in {}", self.index.path()),
        )
        .hint("the archive was written anew since the lock: run airlock lock again"))
    }

    fn member(&self, name: &str) -> Result<Region, SourceError> {
        self.index.open(name)?.ok_or_else(|| {
            corrupt(
                format!("the archive lacks a file that it names: {}", clip(name)),
                self.index.path(),
            )
            .hint("the file is truncated, or was not written by docker save: make it again")
        })
    }

    fn config(&self, image: &Entry) -> Result<(Bytes, Vec<Digest>), SourceError> {
        let region = self.member(&image.config)?;
        let bytes = region.read_all(MAX_MANIFEST)?;
        let config: Config = document(&bytes, region.what(), &[])?;
        // The name is all that vouches for it where nothing is locked yet.
        let actual = digest_of(&bytes);
        if let Some(expected) = named_digest(&image.config)
            && expected != actual
        {
            return Err(mismatch(region.what(), HashError::Digest { expected, actual }));
        }
        let diff_ids = config.rootfs.diff_ids.unwrap_or_default();
        if diff_ids.len() != image.layers().len() {
            return Err(corrupt(
                format!(
                    "the archive holds {} layers of an image whose configuration names {}",
                    image.layers().len(),
                    diff_ids.len()
                ),
                region.what(),
            ));
        }
        Ok((bytes.into(), diff_ids))
    }

    fn convert(&self, image: &Entry) -> Result<FetchedManifest, SourceError> {
        let (config, diff_ids) = self.config(image)?;
        let mut layers = Vec::with_capacity(diff_ids.len());
        for (name, diff_id) in image.layers().iter().zip(&diff_ids) {
            layers.push(self.layer(&self.member(name)?, Some(diff_id))?);
        }
        let bytes = json::to_canonical(&ImageManifest {
            schema_version: 2,
            media_type: media_type::OCI_MANIFEST,
            config: Descriptor::new(media_type::OCI_CONFIG, digest_of(&config), config.len() as u64),
            layers: &layers,
        });
        Ok(FetchedManifest {
            descriptor: Descriptor::new(media_type::OCI_MANIFEST, digest_of(&bytes), bytes.len() as u64),
            bytes: bytes.into(),
            name: image.tags().first().cloned(),
            generated: true,
        })
    }

    /// Type, digest and size of a layer. An uncompressed one must be what the configuration says.
    fn layer(&self, region: &Region, diff_id: Option<&Digest>) -> Result<Descriptor, SourceError> {
        let mut known = self.layers.lock().unwrap_or_else(PoisonError::into_inner);
        let layer = if let Some(layer) = known.get(&region.start()) {
            layer.clone()
        } else {
            let facts = region.facts(None)?;
            let layer = Descriptor::new(layer_type(region)?, facts.digest, facts.size);
            known.insert(region.start(), layer.clone());
            layer
        };
        drop(known);
        match diff_id {
            Some(expected) if layer.media_type == media_type::OCI_LAYER_TAR && layer.digest != *expected => {
                Err(mismatch(
                    region.what(),
                    HashError::Digest {
                        expected: *expected,
                        actual: layer.digest,
                    },
                ))
            }
            _ => Ok(layer),
        }
    }

    /// Content by its digest: a configuration, a layer, or a manifest made here. Whoever reads it checks it.
    pub(crate) fn open(&self, want: &Descriptor) -> Result<Content, SourceError> {
        if media_type::is_manifest(&want.media_type) {
            return Ok(Content::Bytes(self.find(&want.digest)?.bytes));
        }
        let mut compressed = Vec::new();
        for image in &self.images {
            let (config, diff_ids) = self.config(image)?;
            if digest_of(&config) == want.digest {
                return Ok(Content::Bytes(config));
            }
            for (name, diff_id) in image.layers().iter().zip(diff_ids) {
                let region = self.member(name)?;
                // An uncompressed layer is found without hashing any: the configuration names it.
                if layer_type(&region)? != media_type::OCI_LAYER_TAR {
                    compressed.push(region);
                } else if diff_id == want.digest {
                    return Ok(Content::Region(region));
                }
            }
        }
        for region in compressed.into_iter().filter(|region| region.len() == want.size) {
            if self.layer(&region, None)?.digest == want.digest {
                return Ok(Content::Region(region));
            }
        }
        Err(not_found(
            "the archive does not hold the blob",
            format!("{} in {}", want.digest, self.index.path()),
        )
        .hint("the archive was written anew since the lock: run airlock lock again"))
    }
}

/// What an archive holds, or what is made of it.
pub(crate) enum Content {
    /// In memory.
    Bytes(Bytes),
    /// In a file.
    Region(Region),
}

/// The digest that a configuration's name promises: `blobs/sha256/<hex>` or `<hex>.json`, as Docker and Podman name it.
fn named_digest(name: &str) -> Option<Digest> {
    let hex = name
        .strip_prefix("blobs/sha256/")
        .or_else(|| name.strip_suffix(".json"))?;
    format!("sha256:{hex}").parse().ok()
}

/// By the first bytes, since names in these archives say nothing.
fn layer_type(region: &Region) -> Result<&'static str, SourceError> {
    Ok(match region.read(0, 4)?.as_slice() {
        [0x1f, 0x8b, ..] => media_type::OCI_LAYER_GZIP,
        [0x28, 0xb5, 0x2f, 0xfd] => OCI_LAYER_ZSTD,
        _ => media_type::OCI_LAYER_TAR,
    })
}
