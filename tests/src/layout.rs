//! Images written straight into the folder of an OCI image layout, many or large, without any tool.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::Pushed;

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// An OCI image layout that grows.
#[derive(Debug)]
pub struct Layout {
    folder: PathBuf,
    roots: Vec<Value>,
}

impl Layout {
    /// An empty one.
    pub fn create(folder: &Path) -> Self {
        fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
        fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Self {
            folder: folder.to_owned(),
            roots: Vec::new(),
        }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a blob stands.
    pub fn blob_path(&self, digest: &str) -> PathBuf {
        self.folder.join("blobs").join(digest.replace(':', "/"))
    }

    /// A layer of these bytes. Nothing unpacks it, so that it need not be a tar.
    pub fn layer(&self, bytes: &[u8]) -> Pushed {
        self.layer_from(&mut &bytes[..])
    }

    /// The same from a stream.
    pub fn layer_from(&self, from: &mut dyn Read) -> Pushed {
        self.blob(LAYER, from)
    }

    fn blob(&self, media_type: &str, from: &mut dyn Read) -> Pushed {
        let temporary = self.folder.join("growing");
        let mut file = File::create(&temporary).unwrap();
        let mut hasher = airlock_hash::Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        let mut size = 0;
        loop {
            match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    hasher.update(&buffer[..count]);
                    file.write_all(&buffer[..count]).unwrap();
                    size += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => panic!("a layer cannot be read: {error}"),
            }
        }
        let digest = crate::digest_text(&hasher.finish());
        fs::rename(&temporary, self.blob_path(&digest)).unwrap();
        Pushed {
            media_type: media_type.to_owned(),
            digest,
            size,
        }
    }

    /// An image for linux/amd64 of these layers, named `tag`.
    pub fn image(&mut self, tag: &str, layers: &[Pushed]) -> Pushed {
        let diffs: Vec<&str> = layers.iter().map(|layer| layer.digest.as_str()).collect();
        let config = json!({
            "architecture": "amd64", "os": "linux", "config": {"Labels": {"name": tag}},
            "rootfs": {"type": "layers", "diff_ids": diffs},
        });
        let config = self.blob(CONFIG, &mut config.to_string().as_bytes());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(&config),
            "layers": layers.iter().map(descriptor).collect::<Vec<_>>(),
        });
        let root = self.blob(MANIFEST, &mut manifest.to_string().as_bytes());
        let mut listed = descriptor(&root);
        listed["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
        self.roots.push(listed);
        root
    }

    /// Writes the index.
    pub fn finish(self) {
        let index = json!({"schemaVersion": 2, "manifests": self.roots});
        fs::write(self.folder.join("index.json"), index.to_string()).unwrap();
    }
}

fn descriptor(of: &Pushed) -> Value {
    json!({"mediaType": of.media_type, "digest": of.digest, "size": of.size})
}
