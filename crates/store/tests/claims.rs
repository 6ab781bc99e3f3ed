//! The right to fetch a blob.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::io::Read;
use std::path::Path;

use airlock_content::{
    BlobBody, BlobClaim, BlobRead, BlobStore, BlobWriter, Claimed, SharedStore, StoreError, digest_of,
};
use airlock_store::{Store, StoreClaim};

use crate::common::temporaries;

const BYTES: &[u8] = b"hello, whoever you are";

fn store(folder: &Path) -> Store {
    Store::open_or_create(&folder.join("store")).unwrap()
}

fn granted(store: &Store) -> StoreClaim {
    match store.claim(digest_of(BYTES), BYTES.len() as u64).unwrap() {
        Claimed::Granted(claim) => claim,
        other => panic!("{other:?}"),
    }
}

fn taken(store: &Store) -> Option<u64> {
    match store.claim(digest_of(BYTES), BYTES.len() as u64).unwrap() {
        Claimed::Taken { arrived } => Some(arrived),
        _ => None,
    }
}

fn fetches(store: &Store) -> usize {
    temporaries(store)
        .iter()
        .filter(|name| name.starts_with("fetch-"))
        .count()
}

#[test]
fn one_at_a_time_through_any_handle() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (store(folder.path()), store(folder.path()));
    let claim = granted(&first);
    let mut writer = claim.writer(false).unwrap();
    assert_eq!((taken(&first), taken(&second)), (Some(0), Some(0)));
    writer.write(&BYTES[..5]).unwrap();
    assert_eq!(taken(&second), Some(5));
    // The writer holds it too.
    drop(claim);
    assert_eq!(taken(&second), Some(5));
    writer.write(&BYTES[5..]).unwrap();
    writer.commit().unwrap();
    let held = second.claim(digest_of(BYTES), BYTES.len() as u64).unwrap();
    assert!(matches!(held, Claimed::Held));
    let body = second.open(&digest_of(BYTES)).unwrap().unwrap();
    assert_eq!(body.into_bytes(100).unwrap(), BYTES);
    assert_eq!(fetches(&first), 0);
}

#[test]
fn what_was_written_stays_and_what_is_wrong_goes() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    // Nothing written, nothing left.
    drop(granted(&store));
    assert_eq!(fetches(&store), 0);
    // A break leaves what there was.
    granted(&store).writer(false).unwrap().write(&BYTES[..7]).unwrap();
    let claim = granted(&store);
    assert_eq!(claim.left().unwrap(), 7);
    let mut left = Vec::new();
    claim.read_left().unwrap().read_to_end(&mut left).unwrap();
    assert_eq!(left, BYTES[..7]);
    // Too little is no lie.
    let mut writer = claim.writer(true).unwrap();
    writer.write(&BYTES[..9]).unwrap();
    let error = writer.commit().unwrap_err();
    assert!(matches!(error, StoreError::Hash(_)), "{error}");
    assert_eq!(claim.left().unwrap(), 9);
    // Wrong or too much is.
    for bad in [&[BYTES, b"!"].concat(), &BYTES.to_ascii_uppercase()] {
        claim.writer(false).unwrap().write(&BYTES[..3]).unwrap();
        let mut writer = claim.writer(true).unwrap();
        let error = writer.write(bad).and_then(|()| writer.commit()).unwrap_err();
        assert!(matches!(error, StoreError::Hash(_)), "{error}");
        assert_eq!(claim.left().unwrap(), 0);
    }
    drop(claim);
    assert_eq!(fetches(&store), 0);
    assert_eq!(store.size(&digest_of(BYTES)).unwrap(), None);
}

#[test]
fn leftovers_outlive_a_writer_and_not_a_collection() {
    let folder = tempfile::tempdir().unwrap();
    let leave = || {
        let store = store(folder.path());
        granted(&store).writer(false).unwrap().write(&BYTES[..7]).unwrap();
    };
    leave();
    let again = store(folder.path());
    // The first to add anything clears up after killed ones, but not this.
    common::put(&again, "text/plain", b"other");
    assert_eq!(fetches(&again), 1);
    again.forget(&digest_of(b"another")).unwrap();
    assert_eq!(fetches(&again), 1);
    // Not while somebody is at it.
    let claim = granted(&again);
    again.forget(&digest_of(BYTES)).unwrap();
    assert!(again.gc(1, false).is_err());
    assert_eq!((fetches(&again), claim.left().unwrap()), (1, 7));
    drop(claim);
    again.forget(&digest_of(BYTES)).unwrap();
    assert_eq!(fetches(&again), 0);
    leave();
    again.sync().unwrap();
    let report = again.gc(1, false).unwrap();
    assert_eq!((report.temporaries, report.temporary_bytes), (1, 7));
    assert_eq!(fetches(&again), 0);
}

#[test]
fn a_leftover_that_is_too_long_counts_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    granted(&store).writer(false).unwrap().write(&BYTES[..7]).unwrap();
    let name = temporaries(&store)
        .into_iter()
        .find(|name| name.starts_with("fetch-"))
        .unwrap();
    std::fs::write(store.root().join("airlock/tmp").join(name), vec![1; 100]).unwrap();
    let claim = granted(&store);
    assert_eq!(claim.left().unwrap(), 0);
    let mut writer = claim.writer(false).unwrap();
    writer.write(BYTES).unwrap();
    writer.commit().unwrap();
    assert!(
        matches!(store.open(&digest_of(BYTES)).unwrap(), Some(BlobBody::File { len, .. }) if len == BYTES.len() as u64)
    );
}

/// Many threads want the same blobs; each is written once.
#[test]
fn threads_agree() {
    let folder = tempfile::tempdir().unwrap();
    let contents: Vec<Vec<u8>> = (0..20u8).map(|at| vec![at; 1000 + usize::from(at)]).collect();
    let written = std::sync::atomic::AtomicUsize::new(0);
    let stores = [store(folder.path()), store(folder.path())];
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (contents, written, store) = (&contents, &written, &stores[thread % 2]);
            scope.spawn(move || {
                for at in 0..contents.len() {
                    let content = &contents[(at * (thread + 1)) % contents.len()];
                    let digest = digest_of(content);
                    loop {
                        match store.claim(digest, content.len() as u64).unwrap() {
                            Claimed::Held => break,
                            Claimed::Taken { .. } => std::thread::yield_now(),
                            Claimed::Granted(claim) => {
                                let mut writer = claim.writer(false).unwrap();
                                written.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                                writer.write(content).unwrap();
                                writer.commit().unwrap();
                            }
                        }
                    }
                }
            });
        }
    });
    // The strides of some threads leave blobs out, but the first one's does not.
    assert_eq!(written.into_inner(), contents.len());
    assert_eq!(fetches(&stores[0]), 0);
}
