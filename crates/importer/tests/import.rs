//! Imports into a real store: what is refused leaves it as it was, what is accepted is complete.
#![allow(clippy::unwrap_used)]

mod fixture;

use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::LazyLock;

use airlock_bundle::{Bundle, BundleError, Unverified};
use airlock_content::{
    BlobRead, BlobStore, GenerationView, PublishStore, Room, Silent, StoreError, closure, digest_of,
};
use airlock_importer::{ImportError, ImportOptions, Imported, Outcome, import};
use airlock_spec::receipt::{Outcome as Checked, Receipt};
use airlock_store::{ScrubOptions, Store};
use airlock_trust::{Policy, SecretKey};
use airlock_types::{Digest, Manifest, annotation};
use fixture::tight::Tight;
use fixture::{Contents, picture};

static KEY: LazyLock<SecretKey> = LazyLock::new(|| SecretKey::generate().unwrap());

fn options() -> ImportOptions<'static> {
    ImportOptions::new("2026-01-02T03:04:05Z", "airlock 0.1.0")
}

fn open(bytes: Vec<u8>) -> Result<Bundle, BundleError> {
    let policy = Policy::new([KEY.public().clone()]).unwrap();
    Unverified::from_reader(Cursor::new(bytes))?.verify(&policy)
}

fn run(bytes: Vec<u8>, store: &Store, options: &ImportOptions<'_>) -> Result<Imported, ImportError> {
    import(open(bytes)?, store, options, &Silent)
}

fn new() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    (folder, store)
}

fn release(version: &str, sequence: u64) -> Contents {
    let mut contents = Contents::new("edge", version, sequence);
    contents.image("docker.io/library/app:1", &["base", &format!("app {version}")]);
    contents.index_image("ghcr.io/x/multi:2", &["base", "multi"]);
    contents
}

fn names(store: &Store) -> Vec<(String, String)> {
    let generation = store.generation().unwrap();
    generation
        .roots
        .iter()
        .map(|root| {
            let version = root.descriptor.annotations[annotation::BUNDLE_VERSION].clone();
            (root.reference.to_string(), version)
        })
        .collect()
}

fn read_receipt(store: &Store, record: &str) -> Receipt {
    Receipt::from_bytes(&store.read_record(record, "receipt.json").unwrap().unwrap()).unwrap()
}

#[test]
fn an_import_makes_a_generation_and_a_signed_receipt() {
    let (_folder, store) = new();
    let site = SecretKey::generate().unwrap();
    let bytes = release("1", 1).bundle(&KEY);
    let options = ImportOptions {
        sign: Some(&site),
        ..options()
    };
    let done = run(bytes.clone(), &store, &options).unwrap();
    assert_eq!((done.outcome, done.number), (Outcome::Imported, 1));
    let generation = store.generation().unwrap();
    assert_eq!(generation.id, done.receipt.generation);
    assert_eq!(generation.roots.len(), 3);
    for root in &generation.roots {
        assert!(closure(&store, &root.descriptor).unwrap().is_complete());
        assert_eq!(root.descriptor.annotations[annotation::BUNDLE], "edge");
        assert_eq!(root.descriptor.annotations[annotation::KIND], "image");
    }
    assert_eq!(store.gc(1, true).unwrap().blobs, 0);
    assert!(store.scrub(ScrubOptions::default(), &Silent).unwrap().is_sound());

    let bundle = open(bytes.clone()).unwrap();
    let read = |file: &str| store.read_record("000001-edge-1", file).unwrap().unwrap();
    assert_eq!(read("airlock.json"), bundle.index_bytes());
    assert_eq!(digest_of(&read("airlock.lock")), bundle.index().index().lock);
    let signature = bundle.signatures()[0].0.rsplit('/').next().unwrap().to_owned();
    assert_eq!(read(&signature), bundle.signatures()[0].1);
    assert_eq!(read_receipt(&store, &done.record), done.receipt);
    assert_eq!(done.receipt.written.blobs, bundle.index().blobs().count() as u64);
    assert!(
        done.receipt
            .checks
            .iter()
            .all(|check| check.result == Checked::Established)
    );
    let policy = Policy::new([site.public().clone()]).unwrap();
    let files = [(
        site.public().key_id().signature_path(),
        read("receipt.sigstore.json"),
    )];
    let verified = airlock_trust::verify(read("receipt.json"), &files, &policy).unwrap();
    assert_eq!(verified.bytes(), done.receipt.to_bytes());

    let before = picture(store.root());
    let again = run(bytes, &store, &options).unwrap();
    assert_eq!((again.outcome, again.number), (Outcome::Unchanged, 1));
    assert_eq!(again.receipt, done.receipt);
    assert_eq!(picture(store.root()), before);
}

#[test]
fn a_tampered_byte_anywhere_leaves_the_store_as_it_was() {
    let (_folder, store) = new();
    let mut before_it = Contents::new("other", "1", 0);
    before_it.image("docker.io/library/other:1", &["there before"]);
    run(before_it.bundle(&KEY), &store, &options()).unwrap();
    let before = picture(store.root());
    let good = release("1", 1).bundle(&KEY);
    // A stride that visits headers, contents and padding, at ever other offsets within a block.
    for at in (0..good.len()).step_by(149) {
        let mut bad = good.clone();
        bad[at] ^= 0x20;
        assert!(
            run(bad, &store, &options()).is_err(),
            "byte {at} of {}",
            good.len()
        );
        if at % 7 == 0 {
            assert_eq!(picture(store.root()), before, "byte {at}");
        }
    }
    for cut in (0..good.len()).step_by(1021) {
        assert!(
            run(good[..cut].to_vec(), &store, &options()).is_err(),
            "cut at {cut}"
        );
    }
    assert!(run([&good[..], b"x"].concat(), &store, &options()).is_err());
    assert_eq!(picture(store.root()), before);
    run(good, &store, &options()).unwrap();
}

#[test]
fn an_older_release_does_not_come_back_by_itself() {
    let (_folder, store) = new();
    run(release("1", 1).bundle(&KEY), &store, &options()).unwrap();
    run(release("5", 5).bundle(&KEY), &store, &options()).unwrap();
    // Going back on purpose does not open the door.
    store.rollback(1, "").unwrap();
    store.sync().unwrap();
    let before = picture(store.root());
    let refused = run(release("3", 3).bundle(&KEY), &store, &options()).unwrap_err();
    assert!(matches!(
        refused,
        ImportError::Downgrade {
            sequence: 3,
            highest: 5,
            ..
        }
    ));
    assert!(refused.hint().unwrap().contains("rollback"));
    // Said before anything of the bundle is read.
    let bytes = release("3", 3).bundle(&KEY);
    let index = 512 + open(bytes.clone()).unwrap().index_bytes().len();
    let head = index.next_multiple_of(512) + 4096;
    let refused = run(bytes[..head].to_vec(), &store, &options());
    assert!(
        matches!(refused, Err(ImportError::Downgrade { .. })),
        "{refused:?}"
    );
    let uncounted = run(release("6", 0).bundle(&KEY), &store, &options());
    assert!(matches!(uncounted, Err(ImportError::Downgrade { .. })));
    let same = run(release("5b", 5).bundle(&KEY), &store, &options());
    assert!(matches!(same, Err(ImportError::SameSequence { sequence: 5, .. })));
    assert_eq!(picture(store.root()), before);

    let allowed = ImportOptions {
        allow_downgrade: Some("5 breaks the pumps".parse().unwrap()),
        ..options()
    };
    let done = run(release("3", 3).bundle(&KEY), &store, &allowed).unwrap();
    let check = &done.receipt.checks[1];
    assert_eq!(check.result, Checked::NotEstablished);
    assert!(check.evidence.as_ref().unwrap().contains("5 breaks the pumps"));
    // Another channel counts for itself, and the very same release is no other one.
    let mut beta = release("3b", 2);
    beta.channel("beta");
    run(beta.bundle(&KEY), &store, &options()).unwrap();
    run(release("5", 5).bundle(&KEY), &store, &options()).unwrap();
}

#[test]
fn a_damaged_copy_is_refused_also_by_a_store_that_holds_all_of_it() {
    let (_folder, store) = new();
    let good = release("1", 1).bundle(&KEY);
    run(good.clone(), &store, &options()).unwrap();
    let before = picture(store.root());
    let at = good.windows(4).rposition(|bytes| bytes == b"base").unwrap();
    let mut bad = good;
    bad[at] ^= 1;
    assert!(run(bad, &store, &options()).is_err());
    assert_eq!(picture(store.root()), before);
}

#[test]
fn the_next_release_brings_only_what_is_new() {
    let (_folder, store) = new();
    let one = run(release("1", 1).bundle(&KEY), &store, &options()).unwrap();
    let two = run(release("2", 2).bundle(&KEY), &store, &options()).unwrap();
    assert!(one.receipt.written.blobs > 2);
    // One layer and one manifest.
    assert_eq!(two.receipt.written.blobs, 2);
    let held = two
        .receipt
        .checks
        .iter()
        .find(|check| check.result == Checked::Skipped)
        .unwrap();
    assert!(held.check.contains("held before"));
    let three = run(release("3", 3).bundle(&KEY), &store, &options()).unwrap();
    let found = names(&store);
    assert_eq!(three.number, 3);
    assert_eq!(found.iter().filter(|(_, version)| version == "3").count(), 3);
    // What the tag meant before can still be pulled by its digest; what it meant two releases ago cannot.
    let before: Vec<_> = found.iter().filter(|(_, version)| version == "2").collect();
    assert_eq!(before.len(), 1);
    assert!(before[0].0.contains("app@sha256:"));
    assert!(!found.iter().any(|(_, version)| version == "1"));
    assert_eq!(store.gc(1, false).unwrap().blobs, 2);
}

#[test]
fn a_bundle_that_lacks_something_is_refused_though_it_is_signed() {
    let (_folder, store) = new();
    let before = picture(store.root());
    let mut contents = release("1", 1);
    contents.forget(&digest_of(b"base"));
    let refused = run(contents.bundle(&KEY), &store, &options()).unwrap_err();
    match &refused {
        ImportError::Incomplete { first, .. } => assert_eq!(*first, digest_of(b"base")),
        other => panic!("{other}"),
    }
    assert_eq!(picture(store.root()), before);
}

#[test]
fn children_that_are_left_out_do_not_matter_even_if_half_of_them_is_there() {
    let options = ImportOptions {
        keep_blobs_on_failure: true,
        ..options()
    };
    // Blobs come in order of digest, so sometimes the child comes before its layer.
    for seed in 0..4 {
        let mut full = Contents::new("edge", "1", 0);
        full.index_image("ghcr.io/x/multi:2", &[&format!("one {seed}"), "two"]);
        let mut sparse = full.clone();
        sparse.leave_out_first_child("ghcr.io/x/multi:2");
        let bytes = full.bundle(&KEY);
        // The full bundle breaks off anywhere among its blobs, and those stay.
        for cut in (0..bytes.len()).rev().step_by(1024).take(10) {
            let (_folder, store) = new();
            assert!(run(bytes[..cut].to_vec(), &store, &options).is_err());
            run(sparse.bundle(&KEY), &store, &options).unwrap();
            assert!(store.scrub(ScrubOptions::default(), &Silent).unwrap().is_sound());
        }
    }
}

#[test]
fn an_import_that_was_cut_short_goes_on_where_it_was() {
    let (_folder, store) = new();
    let bytes = release("1", 1).bundle(&KEY);
    let options = ImportOptions {
        keep_blobs_on_failure: true,
        ..options()
    };
    assert!(run(bytes[..bytes.len() - 1024].to_vec(), &store, &options).is_err());
    // Layers and configurations are there, no manifest is.
    let kept = store.inventory().unwrap();
    assert_eq!(kept.len(), 5);
    for (digest, _) in &kept {
        let content = std::fs::read(store.blob_path(digest)).unwrap();
        assert_eq!(Manifest::sniff(&content), None);
    }
    let done = run(bytes.clone(), &store, &options).unwrap();
    let all = open(bytes).unwrap().index().blobs().count();
    assert_eq!(done.receipt.written.blobs, (all - kept.len()) as u64);
}

#[test]
fn what_went_missing_since_is_brought_again() {
    let (_folder, store) = new();
    let bytes = release("1", 1).bundle(&KEY);
    let first = run(bytes.clone(), &store, &options()).unwrap();
    std::fs::remove_file(store.blob_path(&digest_of(b"base"))).unwrap();
    let later = ImportOptions::new("2027-01-01T00:00:00Z", "airlock 9");
    let healed = run(bytes.clone(), &store, &later).unwrap();
    assert_eq!((healed.outcome, healed.number), (Outcome::Completed, 1));
    assert_eq!(healed.receipt, first.receipt);
    assert!(store.scrub(ScrubOptions::default(), &Silent).unwrap().is_sound());
    // An index may lack a child, but not one that the bundle brings.
    let generation = store.generation().unwrap();
    let mut roots = generation.roots.iter();
    let index = roots
        .find(|root| root.reference.to_string().ends_with("multi:2"))
        .unwrap();
    let index = store.blob_path(&index.descriptor.digest);
    let text = std::fs::read(&index).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let child: Digest = manifest["manifests"][0]["digest"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    std::fs::remove_file(store.blob_path(&child)).unwrap();
    assert_eq!(
        run(bytes.clone(), &store, &later).unwrap().outcome,
        Outcome::Completed
    );
    assert!(store.blob_path(&child).exists());
    // What is damaged in the store is not good because its length is.
    std::fs::remove_file(&index).unwrap();
    std::fs::write(&index, vec![b'x'; text.len()]).unwrap();
    run(bytes.clone(), &store, &later).unwrap_err();
    std::fs::write(&index, &text).unwrap();
    // As after a kill between the move and the receipt.
    std::fs::remove_dir_all(store.root().join("airlock/receipts").join(&first.record)).unwrap();
    let rewritten = run(bytes.clone(), &store, &later).unwrap();
    assert_eq!(rewritten.outcome, Outcome::Completed);
    assert_eq!(read_receipt(&store, &first.record).time, "2027-01-01T00:00:00Z");
    assert_eq!(run(bytes, &store, &later).unwrap().outcome, Outcome::Unchanged);
    assert_eq!(store.generations().unwrap().len(), 1);
}

#[test]
fn a_bundle_that_does_not_fit_is_refused_before_a_byte() {
    let (_folder, store) = new();
    let before = picture(store.root());
    let mut contents = release("1", 1);
    contents.huge("docker.io/library/huge:1", 1 << 60);
    match run(contents.bundle(&KEY), &store, &options()) {
        Err(ImportError::NoSpace { needed, available }) => assert!(needed > available),
        other => panic!("{other:?}"),
    }
    assert_eq!(picture(store.root()), before);
}

#[test]
fn a_bundle_of_too_many_files_is_refused_before_a_byte() {
    let (_folder, store) = new();
    let before = picture(store.root());
    let bytes = release("1", 1).bundle(&KEY);
    let attempt = |room: Room| {
        let store = Store::open(store.root()).unwrap();
        import(
            open(bytes.clone()).unwrap(),
            &Tight { store, room },
            &options(),
            &Silent,
        )
    };
    let blobs = open(bytes.clone()).unwrap().index().blobs().count() as u64;
    let least = match attempt(Room {
        bytes: 0,
        files: None,
    }) {
        Err(ImportError::NoSpace { needed, available: 0 }) => needed,
        other => panic!("{other:?}"),
    };
    let files = match attempt(Room {
        bytes: least,
        files: Some(blobs),
    }) {
        Err(ImportError::NoFiles { needed, available }) if available == blobs => needed,
        other => panic!("{other:?}"),
    };
    for (bytes, files) in [(least - 1, files), (least, files - 1)] {
        let files = Some(files);
        attempt(Room { bytes, files }).unwrap_err();
    }
    assert_eq!(picture(store.root()), before);
    let files = Some(files);
    attempt(Room { bytes: least, files }).unwrap();
}

/// What is held in memory, and what comes of it when it is too much.
#[test]
fn manifests_and_documents_have_a_limit() {
    let (_folder, store) = new();
    let before = picture(store.root());
    let mut contents = release("1", 1);
    contents.huge_manifest("docker.io/library/huge:1", 256 << 20);
    let refused = run(contents.bundle(&KEY), &store, &options());
    match refused {
        Err(ImportError::Manifests { size, limit }) => assert!(size > limit && limit == 256 << 20),
        other => panic!("{other:?}"),
    }
    assert_eq!(picture(store.root()), before);

    let document = |length: usize| vec![b' '; length];
    for (sequence, length, kept) in [(1, 64 << 20, true), (2, (64 << 20) + 1, false)] {
        let bytes = release("1", sequence).bundle_with(&KEY, document(length));
        let done = run(bytes, &store, &options()).unwrap();
        let found = store.read_record(&done.record, "sbom.spdx.json").unwrap();
        assert_eq!(found.is_some(), kept, "{length} bytes");
    }
}

/// What is kept beside the receipt is right, like everything else.
#[test]
fn a_changed_document_is_refused() {
    let (_folder, store) = new();
    let before = picture(store.root());
    let mut bytes = release("1", 1).bundle_with(&KEY, b"the document".to_vec());
    let at = bytes.windows(12).position(|bytes| bytes == b"the document");
    bytes[at.unwrap()] ^= 1;
    run(bytes, &store, &options()).unwrap_err();
    assert_eq!(picture(store.root()), before);
}

/// A bundle that waits to be imported, and where to.
type Waiting = std::sync::Arc<std::sync::Mutex<Option<(Vec<u8>, Store)>>>;

/// Has another bundle imported while this one is read.
struct Overtaken {
    inner: Cursor<Vec<u8>>,
    other: Waiting,
}

impl Read for Overtaken {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if let Some((bytes, store)) = self.other.lock().unwrap().take() {
            run(bytes, &store, &options()).unwrap();
        }
        self.inner.read(buffer)
    }
}

#[test]
fn a_release_that_is_overtaken_on_its_way_is_refused() {
    let (_folder, store) = new();
    let other = Waiting::default();
    let reader = Overtaken {
        inner: Cursor::new(release("3", 3).bundle(&KEY)),
        other: std::sync::Arc::clone(&other),
    };
    let policy = Policy::new([KEY.public().clone()]).unwrap();
    let bundle = Unverified::from_reader(reader).unwrap().verify(&policy).unwrap();
    let second = Store::open(store.root()).unwrap();
    *other.lock().unwrap() = Some((release("5", 5).bundle(&KEY), second));
    let refused = import(bundle, &store, &options(), &Silent);
    assert!(
        matches!(refused, Err(ImportError::Downgrade { highest: 5, .. })),
        "{refused:?}"
    );
    assert_eq!(store.generations().unwrap().len(), 1);
}

#[test]
fn two_imports_at_once_both_arrive() {
    let (_folder, store) = new();
    let bundles: Vec<_> = (0..4)
        .map(|at| {
            let mut contents = Contents::new(&format!("bundle-{at}"), "1", 1);
            contents.image(
                &format!("docker.io/library/app-{at}:1"),
                &["shared", &format!("own {at}")],
            );
            contents.bundle(&KEY)
        })
        .collect();
    std::thread::scope(|scope| {
        for bytes in bundles {
            let root: &Path = store.root();
            scope.spawn(move || run(bytes, &Store::open(root).unwrap(), &options()).unwrap());
        }
    });
    let generation = store.generation().unwrap();
    assert_eq!(generation.roots.len(), 4);
    for root in &generation.roots {
        assert!(closure(&store, &root.descriptor).unwrap().is_complete());
    }
    assert_eq!(store.records().unwrap().len(), 4);
}

/// Tries to collect garbage while the bundle is being read.
struct Collecting {
    inner: Cursor<Vec<u8>>,
    store: Store,
    refused: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl Read for Collecting {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if let Err(StoreError::Locked { .. }) = self.store.gc(1, false) {
            self.refused.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        let len = buffer.len().min(700);
        self.inner.read(&mut buffer[..len])
    }
}

#[test]
fn garbage_collection_stays_out_of_an_import() {
    let (_folder, store) = new();
    let refused = std::sync::Arc::default();
    let reader = Collecting {
        inner: Cursor::new(release("1", 1).bundle(&KEY)),
        store: Store::open(store.root()).unwrap(),
        refused: std::sync::Arc::clone(&refused),
    };
    let policy = Policy::new([KEY.public().clone()]).unwrap();
    let bundle = Unverified::from_reader(reader).unwrap().verify(&policy).unwrap();
    import(bundle, &store, &options(), &Silent).unwrap();
    assert!(refused.load(std::sync::atomic::Ordering::Relaxed) > 2);
    for root in &store.generation().unwrap().roots {
        assert!(closure(&store, &root.descriptor).unwrap().is_complete());
        assert!(store.size(&root.descriptor.digest).unwrap().is_some());
    }
}

#[test]
fn a_bundle_in_a_file_or_folder_is_imported_alike() {
    let bytes = release("1", 1).bundle(&KEY);
    let policy = Policy::new([KEY.public().clone()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("edge-1.airlock.tar");
    std::fs::write(&file, &bytes).unwrap();
    let (_one, piped) = new();
    let (_two, filed) = new();
    let from_pipe = run(bytes, &piped, &options()).unwrap();
    let bundle = Unverified::open(&file).unwrap().verify(&policy).unwrap();
    let from_file = import(bundle, &filed, &options(), &Silent).unwrap();
    assert_eq!(from_pipe.receipt, from_file.receipt);
    assert_eq!(names(&piped), names(&filed));
}
