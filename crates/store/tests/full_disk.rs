//! A file system without room, made with a mount of its own in a namespace of its own.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::process::Command;

use airlock_content::{BlobStore, BlobWriter, GenerationView, StoreError, digest_of};
use airlock_store::Store;
use common::{image, publish, put, root, temporaries};

const FOLDER: &str = "STORE_TEST_FOLDER";

#[test]
fn a_full_disk_is_said_and_leaves_nothing_half_done() {
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c"])
        .arg(r#"mount -t tmpfs -o size=2m none "$0" && exec "$1" --exact child --ignored"#)
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .env(FOLDER, folder.path())
        .status();
    match status.map(|status| status.code()) {
        Ok(Some(0)) => {}
        // What a failed test exits with.
        Ok(Some(101)) => panic!("the child failed"),
        other => eprintln!("skipped: a_full_disk_is_said, no mount can be made here ({other:?})"),
    }
}

#[test]
#[ignore = "only as a child of the test above"]
fn child() {
    let folder = std::env::var(FOLDER).unwrap();
    let store = Store::create(&Path::new(&folder).join("mirror")).unwrap();
    let first = image(&store, &["first"], None);
    publish(&store, vec![root("first:1", &first)]).unwrap();
    // Too large from the start.
    let large = vec![1; 3 << 20];
    match store.create(digest_of(&large), large.len() as u64) {
        Err(StoreError::Full { needed, .. }) => assert_eq!(needed, large.len() as u64),
        other => panic!("{:?}", other.err()),
    }
    // Full in the middle.
    let full = (0_u32..1000).find_map(|at| {
        let content = [at.to_le_bytes().to_vec(), vec![7; 50_000]].concat();
        let mut writer = store.create(digest_of(&content), content.len() as u64).unwrap();
        match writer.write(&content) {
            Ok(()) => writer.commit().err(),
            Err(error) => Some(error),
        }
    });
    assert!(matches!(full, Some(StoreError::Full { .. })), "{full:?}");
    store.sync().unwrap();
    assert!(temporaries(&store).is_empty());
    let before = store.generation().unwrap();
    let roots = (0..2000)
        .map(|at| root(&format!("name-{at}:1"), &first))
        .collect();
    assert!(matches!(publish(&store, roots), Err(StoreError::Full { .. })));
    assert!(temporaries(&store).is_empty());
    assert_eq!(store.generation().unwrap().id, before.id);
    assert_eq!(store.generations().unwrap().len(), 1);
    // With room again, it goes on.
    assert!(store.gc(1, false).unwrap().blobs > 10);
    put(&store, "x", &large[..1 << 20]);
}
