use airlock_types::{Descriptor, Digest, Platform, annotation, media_type};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::{Blob, gzip, noise, tarball};

const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// Whose media types a manifest uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OCI image-spec.
    Oci,
    /// Docker schema 2 and manifest list.
    Docker,
}

/// A manifest or index with everything that it reaches downward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// What a tag would point at.
    pub root: Blob,
    /// The manifests below an index, at any depth.
    pub manifests: Vec<Blob>,
    /// Configurations and layers.
    pub blobs: Vec<Blob>,
}

impl Image {
    /// The digest of the root manifest.
    pub fn digest(&self) -> Digest {
        self.root.digest
    }

    /// Type, digest and size of the root manifest.
    pub fn descriptor(&self) -> Descriptor {
        self.root.descriptor()
    }

    /// The root and every manifest below it.
    pub fn all_manifests(&self) -> impl Iterator<Item = &Blob> {
        std::iter::once(&self.root).chain(&self.manifests)
    }
}

/// A small OCI image for one platform: two gzip layers, told apart by `seed` and platform.
///
/// # Panics
/// If `platform` is not a platform.
pub fn image(seed: &str, platform: &str) -> Image {
    image_of(Format::Oci, seed, platform, 0)
}

/// The same with the media types of `format` and another layer of `extra` bytes that do not compress.
///
/// # Panics
/// If `platform` is not a platform.
pub fn image_of(format: Format, seed: &str, platform: &str, extra: usize) -> Image {
    let mut layers = vec![
        tarball([("etc/base-release", format!("base for {platform}\n"))]),
        tarball([("app/hello.txt", format!("hello from {seed} on {platform}\n"))]),
    ];
    if extra > 0 {
        layers.push(tarball([("app/data.bin", noise(seed, extra))]));
    }
    image_with_layers(format, platform, &layers)
}

/// An image for one platform over uncompressed layer tars; they are carried gzip-compressed.
///
/// # Panics
/// If `platform` is not a platform.
pub fn image_with_layers(format: Format, platform: &str, tars: &[Vec<u8>]) -> Image {
    let platform: Platform = platform.parse().expect("a platform");
    let (manifest_type, config_type, layer_type) = match format {
        Format::Oci => (
            media_type::OCI_MANIFEST,
            media_type::OCI_CONFIG,
            media_type::OCI_LAYER_GZIP,
        ),
        Format::Docker => (media_type::DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER),
    };
    let diff_ids: Vec<String> = tars
        .iter()
        .map(|tar| Blob::new("", tar.clone()).digest.to_string())
        .collect();
    let mut config = json!({
        "architecture": platform.architecture(),
        "os": platform.os(),
        "config": {"Cmd": ["/app/hello"], "Env": ["PATH=/app"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": tars.iter().map(|_| json!({"created_by": "airlock-testkit"})).collect::<Vec<_>>(),
    });
    if let Some(variant) = platform.variant() {
        config["variant"] = variant.into();
    }
    let config = Blob::json(config_type, &config);
    let layers: Vec<Blob> = tars.iter().map(|tar| Blob::new(layer_type, gzip(tar))).collect();
    let root = manifest(manifest_type, &config, &layers, &json!({}));
    let mut blobs = vec![config];
    blobs.extend(layers);
    Image {
        root,
        manifests: Vec::new(),
        blobs,
    }
}

/// An OCI index over [`image`]s for `platforms`.
///
/// # Panics
/// If one of `platforms` is not a platform.
pub fn multi_arch(seed: &str, platforms: &[&str]) -> Image {
    multi_arch_of(Format::Oci, seed, platforms, 0)
}

/// The same with the media types of `format` (an index or a manifest list) and `extra` bytes in each image.
///
/// # Panics
/// If one of `platforms` is not a platform.
pub fn multi_arch_of(format: Format, seed: &str, platforms: &[&str], extra: usize) -> Image {
    let children: Vec<(Image, Option<Platform>)> = platforms
        .iter()
        .map(|platform| {
            (
                image_of(format, seed, platform, extra),
                Some(platform.parse().expect("a platform")),
            )
        })
        .collect();
    let index_type = match format {
        Format::Oci => media_type::OCI_INDEX,
        Format::Docker => media_type::DOCKER_MANIFEST_LIST,
    };
    index(index_type, children)
}

/// An index over anything, each child with the platform it is listed for.
pub fn index(index_type: &str, children: impl IntoIterator<Item = (Image, Option<Platform>)>) -> Image {
    let (mut descriptors, mut manifests, mut blobs) = (Vec::new(), Vec::new(), Vec::new());
    for (child, platform) in children {
        let mut descriptor = child.descriptor();
        descriptor.platform = platform;
        descriptors.push(descriptor);
        for manifest in child.all_manifests() {
            push_new(&mut manifests, manifest.clone());
        }
        for blob in child.blobs {
            push_new(&mut blobs, blob);
        }
    }
    let root = Blob::json(
        index_type,
        &json!({"schemaVersion": 2, "mediaType": index_type, "manifests": descriptors}),
    );
    Image {
        root,
        manifests,
        blobs,
    }
}

/// An OCI index that lists a multi-architecture index and one single image beside it.
///
/// # Panics
/// Never.
pub fn nested_index(seed: &str) -> Image {
    let inner = multi_arch(seed, &["linux/amd64", "linux/arm64"]);
    let single = image(&format!("{seed}-single"), "linux/arm/v7");
    index(
        media_type::OCI_INDEX,
        [(inner, None), (single, "linux/arm/v7".parse().ok())],
    )
}

/// An OCI artifact (an SBOM, a signature) of one layer, with a `subject` where one is given.
pub fn artifact(artifact_type: &str, content: impl Into<Bytes>, subject: Option<&Descriptor>) -> Image {
    let config = Blob::new(media_type::OCI_EMPTY, Bytes::from_static(b"{}"));
    let layer = Blob::new(artifact_type, content);
    let mut extra = json!({"artifactType": artifact_type, "annotations": {annotation::VERSION: "1"}});
    if let Some(subject) = subject {
        extra["subject"] = json!({
            "mediaType": subject.media_type, "digest": subject.digest, "size": subject.size,
        });
    }
    let root = manifest(
        media_type::OCI_MANIFEST,
        &config,
        std::slice::from_ref(&layer),
        &extra,
    );
    Image {
        root,
        manifests: Vec::new(),
        blobs: vec![config, layer],
    }
}

/// What cosign keeps behind the tag `sha256-<hex>.sig` of `subject`. The signature itself is not a real one.
pub fn cosign_signature(repository: &str, subject: &Digest) -> Image {
    let payload = json!({
        "critical": {
            "identity": {"docker-reference": repository},
            "image": {"docker-manifest-digest": subject},
            "type": "cosign container image signature",
        },
        "optional": null,
    });
    let layer = Blob::json(SIMPLE_SIGNING, &payload);
    let config = Blob::json(
        media_type::OCI_CONFIG,
        &json!({"architecture": "", "os": "", "config": {}, "rootfs": {"type": "layers", "diff_ids": [layer.digest]}}),
    );
    let layers = json!([{
        "mediaType": layer.media_type, "digest": layer.digest, "size": layer.bytes.len(),
        "annotations": {"dev.cosignproject.cosign/signature": "bm90IGEgcmVhbCBzaWduYXR1cmU="},
    }]);
    let root = manifest(
        media_type::OCI_MANIFEST,
        &config,
        &[],
        &json!({ "layers": layers }),
    );
    Image {
        root,
        manifests: Vec::new(),
        blobs: vec![config, layer],
    }
}

fn manifest(manifest_type: &str, config: &Blob, layers: &[Blob], extra: &Value) -> Blob {
    let mut value = json!({
        "schemaVersion": 2,
        "mediaType": manifest_type,
        "config": config.descriptor(),
        "layers": layers.iter().map(Blob::descriptor).collect::<Vec<_>>(),
    });
    for (key, item) in extra.as_object().into_iter().flatten() {
        value[key] = item.clone();
    }
    Blob::json(manifest_type, &value)
}

fn push_new(list: &mut Vec<Blob>, blob: Blob) {
    if list.iter().all(|held| held.digest != blob.digest) {
        list.push(blob);
    }
}
