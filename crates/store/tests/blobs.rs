//! Opening stores, and adding blobs to them.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use airlock_content::{
    Addition, BlobRead, BlobStore, BlobWriter, GenerationView, HashError, PublishStore, StoreError, digest_of,
};
use airlock_store::Store;
use airlock_types::{Digest, media_type};
use common::{image, picture, publish, put, root, temporaries};

fn new() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_or_create(&folder.path().join("mirror")).unwrap();
    (folder, store)
}

#[test]
fn a_new_store_is_an_image_layout() {
    let (_folder, store) = new();
    let layout = std::fs::read_to_string(store.root().join("oci-layout")).unwrap();
    assert_eq!(layout, r#"{"imageLayoutVersion":"1.0.0"}"#);
    assert!(store.generation().unwrap().roots.is_empty());
    assert!(store.generations().unwrap().is_empty());
    assert!(!store.root().join("airlock/creating").exists());
    assert!(Store::open(store.root()).is_ok());
    assert!(
        Store::create(store.root())
            .unwrap_err()
            .to_string()
            .contains("a store already")
    );
}

#[test]
fn a_foreign_folder_is_never_made_a_store() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["notes.txt", "blobs", "index.json", "airlock"] {
        let path = folder.path().join(format!("with-{name}"));
        std::fs::create_dir(&path).unwrap();
        if name == "airlock" {
            std::fs::create_dir(path.join(name)).unwrap();
            std::fs::write(path.join(name).join("mine"), "x").unwrap();
        } else {
            std::fs::write(path.join(name), "x").unwrap();
        }
        let before = picture(&path);
        assert!(matches!(Store::open(&path), Err(StoreError::Format { .. })));
        assert!(matches!(Store::create(&path), Err(StoreError::Format { .. })));
        let error = Store::open_or_create(&path).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("neither empty"), "{error}");
        assert_eq!(picture(&path), before);
    }
    let absent = folder.path().join("absent");
    let error = Store::open(&absent).unwrap_err().to_string();
    assert!(error.starts_with("there is no store: "), "{error}");
    assert!(!absent.exists());
    std::fs::write(folder.path().join("file"), "x").unwrap();
    assert!(Store::open_or_create(&folder.path().join("file")).is_err());
}

#[test]
fn an_interrupted_creation_is_completed() {
    let (_keep, whole) = new();
    let whole_picture: Vec<_> = picture(whole.root())
        .into_iter()
        .map(|(path, facts)| (path.strip_prefix(whole.root()).unwrap().to_owned(), facts))
        .collect();
    // The steps of a creation, cut short after each; `airlock/format` comes last.
    for cut in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::fs::create_dir(path.join("lost+found")).unwrap();
        for (at, step) in [
            "airlock",
            "airlock/creating",
            "blobs",
            "airlock/tmp",
            "oci-layout",
        ]
        .iter()
        .enumerate()
        {
            if at > cut {
                break;
            }
            if step.contains("creating") || step.contains("oci") {
                std::fs::write(path.join(step), "").unwrap();
            } else {
                std::fs::create_dir(path.join(step)).unwrap();
            }
        }
        let store = Store::open_or_create(path).unwrap();
        std::fs::remove_dir(path.join("lost+found")).unwrap();
        let found: Vec<_> = picture(store.root())
            .into_iter()
            .map(|(path, facts)| (path.strip_prefix(store.root()).unwrap().to_owned(), facts))
            .collect();
        assert_eq!(found, whole_picture);
    }
}

#[test]
fn a_store_of_a_later_format_is_left_alone() {
    let (_folder, store) = new();
    std::fs::write(store.root().join("airlock/format"), r#"{"format":2}"#).unwrap();
    let error = Store::open_or_create(store.root()).unwrap_err().to_string();
    assert!(error.contains("format 2"), "{error}");
}

#[test]
fn many_processes_worth_of_creations_agree() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/mirror");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let store = Store::open_or_create(&path).unwrap();
                put(&store, "x", b"blob");
            });
        }
    });
    assert!(temporaries(&Store::open(&path).unwrap()).is_empty());
}

#[test]
fn a_blob_appears_when_it_is_complete_and_right() {
    let (_folder, store) = new();
    let digest = digest_of(b"hello");
    let mut writer = store.create(digest, 5).unwrap();
    writer.write(b"hel").unwrap();
    assert_eq!(store.size(&digest).unwrap(), None);
    writer.write(b"lo").unwrap();
    writer.commit().unwrap();
    assert_eq!(store.size(&digest).unwrap(), Some(5));
    let body = BlobRead::open(&store, &digest).unwrap().unwrap();
    assert_eq!(&body.into_bytes(10).unwrap()[..], b"hello");
    store.sync().unwrap();
    assert!(temporaries(&store).is_empty());
}

#[test]
fn sha512_blobs_have_their_own_folder() {
    let (_folder, store) = new();
    let digest = Digest::Sha512(airlock_hash::sha512(b"hello"));
    let mut writer = store.create(digest, 5).unwrap();
    writer.write(b"hello").unwrap();
    writer.commit().unwrap();
    assert!(store.root().join("blobs/sha512").join(digest.hex()).is_file());
    assert_eq!(store.size(&digest).unwrap(), Some(5));
}

#[test]
fn what_is_wrong_or_dropped_leaves_nothing() {
    let (_folder, store) = new();
    let before = picture(store.root());
    let digest = digest_of(b"hello");
    let mut wrong = store.create(digest, 5).unwrap();
    wrong.write(b"hullo").unwrap();
    assert!(matches!(
        wrong.commit(),
        Err(StoreError::Hash(HashError::Digest { .. }))
    ));
    let mut short = store.create(digest, 5).unwrap();
    short.write(b"hell").unwrap();
    assert!(matches!(
        short.commit(),
        Err(StoreError::Hash(HashError::TooShort { .. }))
    ));
    let mut long = store.create(digest, 5).unwrap();
    assert!(matches!(
        long.write(b"hello!"),
        Err(StoreError::Hash(HashError::TooLong { .. }))
    ));
    drop(long);
    let mut dropped = store.create(digest, 5).unwrap();
    dropped.write(b"hello").unwrap();
    drop(dropped);
    assert_eq!(picture(store.root()), before);
}

#[test]
fn a_blob_that_no_disk_can_hold_is_refused_before_a_byte() {
    let (_folder, store) = new();
    let before = picture(store.root());
    match store.create(digest_of(b""), 1 << 60) {
        Err(StoreError::Full { needed, .. }) => assert_eq!(needed, 1 << 60),
        Err(other) => panic!("{other}"),
        // A file system that cannot reserve space finds out while it is written.
        Ok(writer) => drop(writer),
    }
    assert_eq!(picture(store.root()), before);
}

#[test]
fn a_blob_that_is_there_is_checked_and_not_replaced() {
    use std::os::unix::fs::MetadataExt;
    let (_folder, store) = new();
    let descriptor = put(&store, "x", b"hello");
    let path = store.blob_path(&descriptor.digest);
    let inode = path.metadata().unwrap().ino();
    put(&store, "x", b"hello");
    assert_eq!(path.metadata().unwrap().ino(), inode);
    let mut wrong = store.create(descriptor.digest, 5).unwrap();
    wrong.write(b"hullo").unwrap();
    assert!(wrong.commit().is_err());
    // One of the wrong length is no such blob.
    std::fs::write(&path, "hell").unwrap();
    put(&store, "x", b"hello");
    assert_eq!(std::fs::read(&path).unwrap(), b"hello");
}

#[test]
fn concurrent_writers_of_one_blob_agree() {
    let (_folder, store) = new();
    let content = vec![7; 300_000];
    std::thread::scope(|scope| {
        for at in 0..8 {
            let (store, content) = (&store, &content);
            scope.spawn(move || {
                // Half of them as if in another process.
                let store = if at % 2 == 0 {
                    store.clone()
                } else {
                    Store::open(store.root()).unwrap()
                };
                for _ in 0..10 {
                    put(&store, "x", content);
                }
            });
        }
    });
    assert_eq!(
        std::fs::read(store.blob_path(&digest_of(&content))).unwrap(),
        content
    );
    store.sync().unwrap();
    assert!(temporaries(&store).is_empty());
}

#[test]
fn the_current_generation_is_read_once_until_it_changes() {
    let (_folder, store) = new();
    let other = Store::open(store.root()).unwrap();
    let first = other.generation().unwrap();
    assert!(Arc::ptr_eq(&first, &other.generation().unwrap()));
    let descriptor = image(&store, &["a"], None);
    let published = publish(&store, vec![root("a:1", &descriptor)]).unwrap();
    assert_eq!(other.generation().unwrap().id, published.id);
}

#[test]
fn an_unused_store_is_discarded_and_one_in_use_is_not() {
    let (_folder, store) = new();
    let root = store.root().to_owned();
    let addition = store.begin().unwrap();
    assert!(!Store::open(&root).unwrap().discard_unused().unwrap());
    drop(addition);
    let mut writer = store.create(digest_of(b"held"), 4).unwrap();
    writer.write(b"held").unwrap();
    writer.commit().unwrap();
    store.sync().unwrap();
    assert!(!Store::open(&root).unwrap().discard_unused().unwrap());
    std::fs::remove_file(store.blob_path(&digest_of(b"held"))).unwrap();
    assert!(Store::open(&root).unwrap().discard_unused().unwrap());
    assert_eq!(std::fs::read_dir(&root).unwrap().count(), 0);
}

#[test]
fn a_link_is_no_blob() {
    let (_folder, store) = new();
    let digest = digest_of(b"x");
    std::os::unix::fs::symlink("/etc/hostname", store.blob_path(&digest)).unwrap();
    assert_eq!(store.size(&digest).unwrap(), None);
    assert!(BlobRead::open(&store, &digest).is_err());
}

#[test]
fn an_addition_is_undone_without_a_trace() {
    let (_folder, store) = new();
    let kept = image(&store, &["kept"], None);
    publish(&store, vec![root("kept:1", &kept)]).unwrap();
    put(&store, media_type::OCI_LAYER_TAR, b"there before");
    store.sync().unwrap();
    let before = picture(store.root());
    let addition = store.begin().unwrap();
    image(&addition, &["kept", "new", "there before"], None);
    assert_ne!(picture(store.root()), before);
    assert_eq!(addition.undo().unwrap(), 0);
    assert_eq!(picture(store.root()), before);
}

#[test]
fn what_was_published_meanwhile_is_not_undone() {
    let (_folder, store) = new();
    let addition = store.begin().unwrap();
    let image = image(&addition, &["a"], None);
    let stray = put(&addition, "x", b"stray");
    publish(&store, vec![root("a:1", &image)]).unwrap();
    assert_eq!(addition.undo().unwrap(), 0);
    assert!(airlock_content::closure(&store, &image).unwrap().is_complete());
    assert_eq!(store.size(&stray.digest).unwrap(), None);
}

#[test]
fn an_addition_is_not_undone_under_somebody_else() {
    let (_folder, store) = new();
    let other = Store::open(store.root()).unwrap();
    let mine = store.begin().unwrap();
    let theirs = other.begin().unwrap();
    let layer = put(&mine, "x", b"shared");
    assert_eq!(mine.undo().unwrap(), 1);
    assert_eq!(theirs.size(&layer.digest).unwrap(), Some(layer.size));
}
