//! Small images, and pictures of a folder.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "shared by several test binaries"
)]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use airlock_content::{
    BlobStore, BlobWriter, Cause, GenerationView, Publication, PublishStore, Published, RootEntry,
    StoreError, digest_of,
};
use airlock_store::Store;
use airlock_types::{Descriptor, media_type};

pub const TIME: &str = "2026-01-02T03:04:05Z";

pub fn put<S: BlobStore>(store: &S, media_type: &str, bytes: &[u8]) -> Descriptor {
    let digest = digest_of(bytes);
    let mut writer = store.create(digest, bytes.len() as u64).unwrap();
    writer.write(bytes).unwrap();
    writer.commit().unwrap();
    Descriptor::new(media_type, digest, bytes.len() as u64)
}

pub fn image<S: BlobStore>(store: &S, layers: &[&str], subject: Option<&Descriptor>) -> Descriptor {
    let layers: Vec<_> = layers
        .iter()
        .map(|layer| put(store, media_type::OCI_LAYER_TAR, layer.as_bytes()))
        .collect();
    let config = put(store, media_type::OCI_CONFIG, b"{}");
    let text = serde_json::json!({"config": config, "layers": layers, "subject": subject});
    put(store, media_type::OCI_MANIFEST, text.to_string().as_bytes())
}

pub fn index<S: BlobStore>(store: &S, children: &[Descriptor]) -> Descriptor {
    let text = serde_json::json!({ "manifests": children });
    put(store, media_type::OCI_INDEX, text.to_string().as_bytes())
}

pub fn root(reference: &str, descriptor: &Descriptor) -> RootEntry {
    RootEntry {
        descriptor: descriptor.clone(),
        reference: reference.parse().unwrap(),
        subject: None,
    }
}

pub fn publish(store: &Store, roots: Vec<RootEntry>) -> Result<Published, StoreError> {
    store.publish(&Publication {
        roots,
        parent: store.generation().unwrap().id,
        cause: Cause::Edit {
            note: "test".to_owned(),
        },
        time: TIME.to_owned(),
    })
}

/// Every path below a folder with its mode and, for a file, its content.
pub fn picture(folder: &Path) -> BTreeMap<PathBuf, (u32, Option<Vec<u8>>)> {
    let mut out = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let content = metadata.is_file().then(|| std::fs::read(&path).unwrap());
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            out.insert(path, (metadata.permissions().mode() & 0o7777, content));
        }
    }
    out
}

pub fn temporaries(store: &Store) -> Vec<String> {
    std::fs::read_dir(store.root().join("airlock/tmp"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}
