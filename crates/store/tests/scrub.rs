//! Scrub: what is wrong is found and named.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Mutex;

use airlock_content::{BlobStore, BlobWriter, Event, Reporter, Silent, digest_of};
use airlock_hash::Engine;
use airlock_store::{ScrubOptions, Store};
use airlock_types::{Algorithm, Digest};
use common::{image, publish, put, root};

#[derive(Default)]
struct Counter(Mutex<(u64, u64)>);

impl Reporter for Counter {
    fn event(&self, event: Event<'_>) {
        let mut sums = self.0.lock().unwrap();
        match event {
            Event::Phase { bytes, .. } => sums.0 += bytes,
            Event::Progress { bytes, .. } => sums.1 += bytes,
            _ => {}
        }
    }
}

#[test]
fn finds_what_is_corrupt_misnamed_missing_and_unreachable() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let good = image(&store, &["good", "corrupt", "missing"], None);
    publish(&store, vec![root("good:1", &good)]).unwrap();
    let stray = put(&store, "x", b"stray");
    let counter = Counter::default();
    let clean = store.scrub(ScrubOptions::default(), &counter).unwrap();
    assert!(clean.is_sound());
    assert_eq!(clean.unreachable, [stray.digest]);
    assert_eq!(clean.blobs, 6);
    assert_eq!(*counter.0.lock().unwrap(), (clean.bytes, clean.bytes));

    let corrupt = digest_of(b"corrupt");
    std::fs::write(store.blob_path(&corrupt), "CORRUPT").unwrap();
    std::fs::remove_file(store.blob_path(&digest_of(b"missing"))).unwrap();
    std::fs::write(store.root().join("blobs/sha256/README"), "x").unwrap();
    let found = store.scrub(ScrubOptions::default(), &Silent).unwrap();
    assert!(!found.is_sound());
    assert_eq!(found.corrupt.len(), 1);
    assert_eq!(found.corrupt[0].digest, corrupt);
    assert!(found.corrupt[0].needed && found.corrupt[0].quarantined.is_none());
    assert!(found.misnamed[0].ends_with("README"));
    assert_eq!(found.missing[0].digest, digest_of(b"missing"));
    assert!(store.blob_path(&corrupt).exists());

    let options = ScrubOptions {
        threads: 1,
        quarantine: true,
    };
    let moved = store.scrub(options, &Silent).unwrap();
    let to = moved.corrupt[0].quarantined.as_ref().unwrap();
    assert_eq!(std::fs::read(to).unwrap(), b"CORRUPT");
    assert!(!store.blob_path(&corrupt).exists());
    // What the next import brings is taken again.
    put(&store, "x", b"corrupt");
    put(&store, "x", b"missing");
    let healed = store.scrub(ScrubOptions::default(), &Silent).unwrap();
    assert!(healed.corrupt.is_empty() && healed.missing.is_empty());
}

#[test]
fn a_corrupt_manifest_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let image = image(&store, &["a"], None);
    publish(&store, vec![root("a:1", &image)]).unwrap();
    let size = usize::try_from(image.size).unwrap();
    std::fs::write(store.blob_path(&image.digest), vec![b'x'; size]).unwrap();
    let found = store.scrub(ScrubOptions::default(), &Silent).unwrap();
    assert_eq!(found.unreadable, [image.digest]);
    assert!(found.corrupt[0].needed);
}

/// Blobs of many sizes, some of them changed, shortened or named by SHA-512: every engine finds the same.
#[test]
fn every_engine_finds_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let mut expected = Vec::new();
    for at in 0..60_usize {
        let content: Vec<u8> = (0..at * at * 11)
            .map(|byte| u8::try_from((byte + at) % 251).unwrap())
            .collect();
        let digest = if at % 10 == 3 {
            Digest::Sha512(airlock_hash::sha512(&content))
        } else {
            digest_of(&content)
        };
        let mut writer = store.create(digest, content.len() as u64).unwrap();
        writer.write(&content).unwrap();
        writer.commit().unwrap();
        if at % 7 == 5 {
            let mut wrong = content;
            let last = wrong.len() - 1;
            if at % 2 == 0 {
                wrong[last] ^= 1;
            } else {
                wrong.truncate(last);
            }
            std::fs::write(store.blob_path(&digest), wrong).unwrap();
            expected.push(digest);
        }
    }
    expected.sort_unstable();
    assert!(
        expected
            .iter()
            .any(|digest| digest.algorithm() == Algorithm::Sha512)
    );
    for engine in Engine::available() {
        for threads in [1, 2, 5] {
            let options = ScrubOptions {
                threads,
                quarantine: false,
            };
            let counter = Counter::default();
            let report = store.scrub_with(engine, options, &counter).unwrap();
            let found: Vec<_> = report.corrupt.iter().map(|corrupt| corrupt.digest).collect();
            assert_eq!(found, expected, "{engine:?} on {threads} threads");
            assert!(
                report
                    .corrupt
                    .iter()
                    .all(|corrupt| corrupt.found.contains("does not match"))
            );
            assert_eq!(*counter.0.lock().unwrap(), (report.bytes, report.bytes));
        }
    }
}
