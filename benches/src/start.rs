//! From the command line to the first answer, with many manifests in the store.

use std::time::Instant;

use airlock_content::{
    BlobStore, BlobWriter, Cause, GenerationView, Publication, PublishStore, RootEntry, digest_of,
};
use airlock_store::Store;
use airlock_tests::{Airlock, http};
use airlock_types::{Descriptor, media_type};
use serde_json::json;

use crate::table::{Runner, SECONDS, Sample, Table};

/// How many manifests.
const MANIFESTS: usize = 10_000;

pub(crate) fn measure(table: &mut Table) {
    let airlock = Airlock::new();
    let path = airlock.path("store");
    fill(&path);
    table.compare(
        &format!("Start with {MANIFESTS} manifests, to the first manifest sent"),
        SECONDS,
        vec![Runner::new("airlock serve", || {
            let start = Instant::now();
            let served = airlock.serve(&path, ["--quiet"]);
            let target = format!("/v2/bench/many-{}/manifests/1", MANIFESTS - 1);
            let answer = http::get(served.address(), &target).unwrap();
            let value = start.elapsed().as_secs_f64();
            assert_eq!(answer.status, 200, "{answer:?}");
            Sample {
                value,
                peak: served.peak_memory().unwrap_or_default(),
            }
        })],
    );
}

fn fill(path: &std::path::Path) {
    let store = Store::create(path).unwrap();
    let addition = store.begin().unwrap();
    let put = |bytes: &[u8]| {
        let digest = digest_of(bytes);
        let mut writer = addition.create(digest, bytes.len() as u64).unwrap();
        writer.write(bytes).unwrap();
        writer.commit().unwrap();
        digest
    };
    let config = b"{}";
    let config = json!({
        "mediaType": media_type::OCI_CONFIG, "digest": put(config), "size": config.len(),
    });
    let mut roots = Vec::new();
    for number in 0..MANIFESTS {
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": config, "layers": [],
            "annotations": {"number": number.to_string()},
        })
        .to_string();
        let digest = put(manifest.as_bytes());
        roots.push(RootEntry {
            descriptor: Descriptor::new(media_type::OCI_MANIFEST, digest, manifest.len() as u64),
            reference: format!("registry.example.com/bench/many-{number}:1")
                .parse()
                .unwrap(),
            subject: None,
        });
    }
    addition.sync().unwrap();
    store
        .publish(&Publication {
            roots,
            parent: store.generation().unwrap().id,
            cause: Cause::Edit {
                note: "benchmark".to_owned(),
            },
            time: "2026-01-01T00:00:00Z".to_owned(),
        })
        .unwrap();
}
