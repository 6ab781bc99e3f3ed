//! Scrub: what is wrong is found and named.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Mutex;

use airlock_content::{Event, Reporter, Silent, digest_of};
use airlock_store::{ScrubOptions, Store};
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
