//! Layers, configurations and manifests written by hand.

use std::collections::BTreeMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::{Pushed, Registry};

pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(super) const LAYER_TAR: &str = "application/vnd.oci.image.layer.v1.tar";
pub(super) const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub(super) const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// A layer: its blob and the digest of its tar.
#[derive(Clone)]
pub(super) struct Layer {
    pub(super) blob: Vec<u8>,
    pub(super) media_type: &'static str,
    pub(super) diff_id: String,
}

impl Layer {
    pub(super) fn gzip(files: &[(&str, &[u8])]) -> Self {
        let tar = tar(files);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&tar).unwrap();
        Self {
            blob: gzip.finish().unwrap(),
            media_type: LAYER_GZIP,
            diff_id: crate::digest(&tar),
        }
    }

    pub(super) fn plain(files: &[(&str, &[u8])]) -> Self {
        let tar = tar(files);
        Self {
            diff_id: crate::digest(&tar),
            blob: tar,
            media_type: LAYER_TAR,
        }
    }
}

/// A tar of executable files, the same bytes every time.
pub(super) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        builder
            .append_data(&mut header(bytes.len() as u64), name, *bytes)
            .unwrap();
    }
    builder.into_inner().unwrap()
}

pub(super) fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_size(size);
    header.set_mode(0o755);
    header.set_mtime(0);
    header
}

/// An image configuration that starts `/hello`.
pub(super) fn config(platform: &str, diff_ids: &[String]) -> Value {
    let mut platform = platform.split('/');
    let mut value = json!({
        "os": platform.next().unwrap(),
        "architecture": platform.next().unwrap(),
        "config": {"Entrypoint": ["/hello"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "created": "2026-01-01T00:00:00Z",
    });
    if let Some(variant) = platform.next() {
        value["variant"] = variant.into();
    }
    value
}

pub(super) fn platform(text: &str) -> Value {
    let mut words = text.split('/');
    let mut value = json!({"os": words.next(), "architecture": words.next()});
    if let Some(variant) = words.next() {
        value["variant"] = variant.into();
    }
    value
}

pub(super) fn descriptor(pushed: &Pushed) -> Value {
    json!({"mediaType": pushed.media_type, "digest": pushed.digest, "size": pushed.size})
}

/// A child of an index that says what it runs on.
pub(super) fn child(pushed: &Pushed, on: &str) -> Value {
    let mut value = descriptor(pushed);
    value["platform"] = platform(on);
    value
}

/// Writes into one repository.
pub(super) struct Repository<'a> {
    pub(super) registry: &'a Registry,
    pub(super) name: &'a str,
}

impl Repository<'_> {
    pub(super) fn blob(&self, media_type: &str, bytes: &[u8]) -> Pushed {
        self.registry.put_blob(self.name, media_type, bytes)
    }

    /// Pushes configuration and layers and returns the manifest that names them, for changes before it
    /// is pushed itself.
    pub(super) fn image(&self, on: &str, layers: &[Layer]) -> Value {
        let diff_ids: Vec<String> = layers.iter().map(|layer| layer.diff_id.clone()).collect();
        let config = config(on, &diff_ids).to_string();
        let config = self.blob(CONFIG, config.as_bytes());
        let mut done = BTreeMap::new();
        let layers: Vec<Value> = layers
            .iter()
            .map(|layer| {
                let pushed = done
                    .entry(&layer.blob)
                    .or_insert_with(|| self.blob(layer.media_type, &layer.blob));
                descriptor(pushed)
            })
            .collect();
        json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(&config),
            "layers": layers,
        })
    }

    pub(super) fn manifest(&self, tag: Option<&str>, manifest: &Value) -> Pushed {
        self.registry
            .put_manifest(self.name, tag, MANIFEST, manifest.to_string().as_bytes())
    }

    pub(super) fn index(&self, tag: Option<&str>, children: &[Value]) -> Pushed {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children});
        self.registry
            .put_manifest(self.name, tag, INDEX, index.to_string().as_bytes())
    }

    /// Pushes an artifact (no image): one blob and an annotation.
    pub(super) fn artifact(&self, kind: &str, content: &[u8]) -> Value {
        let config = self.blob(EMPTY, b"{}");
        let layer = self.blob("application/octet-stream", content);
        json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": kind,
            "config": descriptor(&config),
            "layers": [descriptor(&layer)],
            "annotations": {"org.opencontainers.image.created": "2026-01-01T00:00:00Z"},
        })
    }
}
