//! Generations: published, listed, rolled back, collected.
#![allow(clippy::unwrap_used)]

mod common;

use airlock_content::{
    BlobRead, BlobStore, Cause, GenerationView, Publication, PublishStore, StoreError, digest_of,
};
use airlock_store::{GcReport, Store};
use airlock_types::{Descriptor, media_type};
use common::{TIME, image, index, picture, publish, put, root, temporaries};

fn new() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    (folder, store)
}

#[test]
fn index_json_is_the_current_generation() {
    let (_folder, store) = new();
    let a = image(&store, &["a"], None);
    let first = publish(&store, vec![root("a:1", &a)]).unwrap();
    let b = image(&store, &["b"], None);
    let second = publish(&store, vec![root("a:1", &a), root("b:1", &b)]).unwrap();
    assert_eq!((first.number, second.number), (1, 2));
    let bytes = std::fs::read(store.root().join("index.json")).unwrap();
    assert_eq!(digest_of(&bytes), second.id);
    let moves = store.generations().unwrap();
    assert_eq!(
        moves
            .iter()
            .map(|m| (m.number, m.id, m.current, m.held))
            .collect::<Vec<_>>(),
        [(1, first.id, false, true), (2, second.id, true, true)]
    );
    assert_eq!(moves[0].time, TIME);
    assert!(
        temporaries(&store)
            .iter()
            .all(|name| name.starts_with("unsynced-"))
    );
}

#[test]
fn what_is_incomplete_is_not_published() {
    let (_folder, store) = new();
    let good = image(&store, &["a"], None);
    publish(&store, vec![root("a:1", &good)]).unwrap();
    let lost = image(&store, &["lost", "also"], None);
    std::fs::remove_file(store.blob_path(&digest_of(b"lost"))).unwrap();
    let parent = index(&store, &[good.clone(), lost]);
    store.sync().unwrap();
    let before = picture(store.root());
    match publish(&store, vec![root("a:1", &good), root("b:1", &parent)]) {
        Err(StoreError::Incomplete {
            reference,
            first,
            lacking: 1,
        }) => {
            assert_eq!(reference, "docker.io/library/b:1");
            assert_eq!(first, digest_of(b"lost"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(picture(store.root()), before);
}

#[test]
fn damage_done_before_is_told_and_does_not_hold_up_what_is_new() {
    let (_folder, store) = new();
    let old = image(&store, &["old"], None);
    let broken = image(&store, &["broken"], None);
    publish(&store, vec![root("old:1", &old), root("broken:1", &broken)]).unwrap();
    std::fs::remove_file(store.blob_path(&digest_of(b"old"))).unwrap();
    let size = usize::try_from(broken.size).unwrap();
    std::fs::write(store.blob_path(&broken.digest), vec![b'x'; size]).unwrap();
    let new = image(&store, &["new"], None);
    let published = publish(
        &store,
        vec![
            root("old:1", &old),
            root("broken:1", &broken),
            root("new:1", &new),
        ],
    )
    .unwrap();
    let damaged: Vec<_> = published.damaged.iter().map(|missing| missing.digest).collect();
    assert_eq!(damaged, [digest_of(b"old"), broken.digest]);
}

#[test]
fn sparse_indexes_and_layers_that_nobody_may_distribute_are_complete() {
    let (_folder, store) = new();
    let here = image(&store, &["a"], None);
    let left_out = Descriptor::new(media_type::OCI_MANIFEST, digest_of(b"elsewhere"), 9);
    let sparse = index(&store, &[here, left_out]);
    let text = serde_json::json!({
        "config": put(&store, media_type::OCI_CONFIG, b"{}"),
        "layers": [Descriptor::new("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", digest_of(b"w"), 1)],
    });
    let windows = put(&store, media_type::OCI_MANIFEST, text.to_string().as_bytes());
    publish(
        &store,
        vec![root("sparse:1", &sparse), root("windows:1", &windows)],
    )
    .unwrap();
}

#[test]
fn two_publishers_cannot_overlook_each_other() {
    let (_folder, store) = new();
    let other = Store::open(store.root()).unwrap();
    let parent = other.generation().unwrap().id;
    let a = image(&store, &["a"], None);
    let actual = publish(&store, vec![root("a:1", &a)]).unwrap().id;
    let late = other.publish(&Publication {
        roots: vec![],
        parent,
        cause: Cause::Unknown,
        time: String::new(),
    });
    match late {
        Err(StoreError::Moved {
            expected,
            actual: now,
        }) => assert_eq!((expected, now), (parent, actual)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn rollback_is_a_move_like_any_other() {
    let (_folder, store) = new();
    let a = image(&store, &["a"], None);
    let first = publish(&store, vec![root("a:1", &a)]).unwrap();
    let second = publish(&store, vec![]).unwrap();
    let back = store.rollback(1, TIME).unwrap();
    assert_eq!((back.number, back.id), (3, first.id));
    assert_eq!(store.generation().unwrap().id, first.id);
    // To where one is already, nothing is to be done.
    assert_eq!(store.rollback(1, TIME).unwrap().number, 3);
    assert_eq!(store.rollback(2, TIME).unwrap().id, second.id);
    assert_eq!(store.generations().unwrap().len(), 4);
    assert!(matches!(
        store.rollback(9, TIME),
        Err(StoreError::NoGeneration(_))
    ));
    std::fs::remove_file(store.blob_path(&digest_of(b"a"))).unwrap();
    assert!(matches!(
        store.rollback(1, TIME),
        Err(StoreError::Incomplete { .. })
    ));
    assert_eq!(store.generation().unwrap().id, second.id);
}

#[test]
fn a_move_that_was_announced_and_not_made_did_not_happen() {
    let (_folder, store) = new();
    let a = image(&store, &["a"], None);
    let b = image(&store, &["b"], None);
    let first = publish(&store, vec![root("a:1", &a)]).unwrap();
    let index_json = std::fs::read(store.root().join("index.json")).unwrap();
    publish(&store, vec![root("b:1", &b)]).unwrap();
    // As if killed just before the last rename.
    std::fs::write(store.root().join("index.json"), index_json).unwrap();
    let moves = store.generations().unwrap();
    assert_eq!(moves.len(), 1);
    assert!(moves[0].current && moves[0].id == first.id);
    assert!(matches!(
        store.rollback(2, TIME),
        Err(StoreError::NoGeneration(_))
    ));
    let again = publish(&store, vec![]).unwrap();
    assert_eq!(again.number, 2);
    assert_eq!(store.generations().unwrap()[1].id, again.id);
    store.sync().unwrap();
    let report = store.gc(9, false).unwrap();
    assert_eq!(report.kept, [again.id, first.id]);
    assert_eq!(report.removed.len(), 1);
    assert!(store.size(&b.digest).unwrap().is_none());
}

#[test]
fn collection_keeps_what_the_last_generations_reach() {
    let (_folder, store) = new();
    let shared = image(&store, &["shared", "base"], None);
    let old = image(&store, &["old", "base"], None);
    let oldest = image(&store, &["oldest", "base"], None);
    let multi = index(&store, std::slice::from_ref(&shared));
    let signature = image(&store, &["signature"], Some(&multi));
    publish(&store, vec![root("x:1", &oldest)]).unwrap();
    publish(&store, vec![root("x:1", &old)]).unwrap();
    // The multi-platform image is reached through its signature alone.
    publish(&store, vec![root("x:sig", &signature)]).unwrap();
    put(&store, "x", b"from an import that failed");
    store.sync().unwrap();
    let before = picture(store.root());
    let planned = store.gc(2, true).unwrap();
    assert_eq!(picture(store.root()), before);
    let done = store.gc(2, false).unwrap();
    assert_eq!(planned, done);
    assert_eq!((done.kept.len(), done.removed.len()), (2, 1));
    assert_eq!(done.blobs, 3);
    assert_eq!(
        done.bytes,
        oldest.size + "oldest".len() as u64 + "from an import that failed".len() as u64
    );
    for descriptor in [&shared, &old, &multi, &signature] {
        assert!(store.size(&descriptor.digest).unwrap().is_some());
    }
    for layer in ["shared", "base", "old", "signature"] {
        assert!(
            store.size(&digest_of(layer.as_bytes())).unwrap().is_some(),
            "{layer}"
        );
    }
    // The journal remembers what was collected.
    let moves = store.generations().unwrap();
    assert_eq!(
        moves.iter().map(|m| m.held).collect::<Vec<_>>(),
        [false, true, true]
    );
    assert!(matches!(
        store.rollback(1, TIME),
        Err(StoreError::NoGeneration(_))
    ));
    store.rollback(2, TIME).unwrap();
    assert_eq!(
        store.gc(2, false).unwrap(),
        GcReport {
            kept: vec![moves[1].id, moves[2].id],
            ..GcReport::default()
        }
    );
}

#[test]
fn collection_does_not_run_into_an_import() {
    let (_folder, store) = new();
    let other = Store::open(store.root()).unwrap();
    let addition = store.begin().unwrap();
    let a = image(&addition, &["a"], None);
    for handle in [&store, &other] {
        assert!(matches!(handle.gc(1, false), Err(StoreError::Locked { .. })));
    }
    publish(&store, vec![root("a:1", &a)]).unwrap();
    drop(addition);
    assert_eq!(other.gc(1, false).unwrap().blobs, 0);
}

#[test]
fn collection_stops_at_a_manifest_that_it_cannot_read() {
    let (_folder, store) = new();
    let a = image(&store, &["a"], None);
    publish(&store, vec![root("a:1", &a)]).unwrap();
    std::fs::write(
        store.blob_path(&a.digest),
        vec![b'x'; usize::try_from(a.size).unwrap()],
    )
    .unwrap();
    assert!(matches!(store.gc(1, false), Err(StoreError::Manifest { .. })));
    assert!(store.size(&digest_of(b"a")).unwrap().is_some());
}

#[test]
fn records_appear_and_are_replaced_as_a_whole() {
    let (_folder, store) = new();
    let files = |text: &str| vec![("receipt.json".to_owned(), text.as_bytes().to_vec())];
    store.keep_record("000001-a-1", &files("one")).unwrap();
    store.keep_record("000001-a-1", &files("two")).unwrap();
    assert_eq!(store.records().unwrap(), ["000001-a-1"]);
    let read = |file| store.read_record("000001-a-1", file);
    assert_eq!(read("receipt.json").unwrap().unwrap(), b"two");
    assert!(read("other").unwrap().is_none());
    assert!(store.read_record("absent", "receipt.json").unwrap().is_none());
    for bad in ["", ".", "..", "../x", "a/b", ".hidden"] {
        assert!(store.keep_record(bad, &files("x")).is_err(), "{bad}");
        assert!(read(bad).is_err(), "{bad}");
    }
    assert!(temporaries(&store).is_empty());
}
