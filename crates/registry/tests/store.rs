//! A store on disk, served while it changes.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use airlock_content::{
    BlobStore, BlobWriter, Cause, GenerationView, Publication, PublishStore, RootEntry, digest_of,
};
use airlock_store::Store;
use airlock_types::{Descriptor, Digest, media_type};
use common::{noise, start};
use serde_json::json;

fn add(store: &Store, bytes: &[u8]) -> Digest {
    let digest = digest_of(bytes);
    let mut writer = store.create(digest, bytes.len() as u64).unwrap();
    writer.write(bytes).unwrap();
    writer.commit().unwrap();
    digest
}

fn image(store: &Store, layer: &[u8]) -> Descriptor {
    let manifest = json!({
        "schemaVersion": 2,
        "config": {"mediaType": media_type::OCI_EMPTY, "digest": add(store, b"{}"), "size": 2},
        "layers": [{"mediaType": media_type::OCI_LAYER_TAR, "digest": add(store, layer), "size": layer.len()}],
    })
    .to_string();
    Descriptor::new(
        media_type::OCI_MANIFEST,
        add(store, manifest.as_bytes()),
        manifest.len() as u64,
    )
}

fn publish(store: &Store, roots: &[(&str, &Descriptor)]) {
    let roots = roots
        .iter()
        .map(|(reference, descriptor)| RootEntry {
            descriptor: (*descriptor).clone(),
            reference: reference.parse().unwrap(),
            subject: None,
        })
        .collect();
    store
        .publish(&Publication {
            roots,
            parent: store.generation().unwrap().id,
            cause: Cause::Edit { note: "test".into() },
            time: "2026-01-01T00:00:00Z".into(),
        })
        .unwrap();
}

#[test]
fn generations_follow_one_another_under_a_running_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mirror");
    let store = Arc::new(Store::create(&path).unwrap());
    let server = start(Arc::clone(&store));
    assert_eq!(server.get("/v2/acme/app/manifests/1").status, 404);

    let layer = noise(700_001);
    let first = image(&store, &layer);
    publish(&store, &[("ghcr.io/acme/app:1", &first)]);
    let answer = server.get("/v2/acme/app/manifests/1");
    assert_eq!(
        (answer.status, answer.header("docker-content-digest")),
        (200, first.digest.to_string().as_str())
    );
    let blob = format!("/v2/acme/app/blobs/{}", digest_of(&layer));
    assert!(server.get(&blob).body == layer);
    let part = server.request("GET", &blob, &[("Range", "bytes=300000-")]);
    assert!(part.status == 206 && part.body == layer[300_000..]);

    // Another process imports into the same folder.
    let other = Store::open(&path).unwrap();
    let second = image(&other, b"small");
    publish(&other, &[("ghcr.io/acme/app:2", &second)]);
    assert_eq!(server.get("/v2/acme/app/manifests/2").status, 200);
    assert_eq!(server.get("/v2/acme/app/manifests/1").status, 404);
    assert_eq!(server.get(&blob).status, 404);
}
