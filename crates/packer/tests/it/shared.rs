//! Several packs over one cache: every blob is fetched by one of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use airlock_content::{BlobClaim, BlobRead, BlobWriter, Claimed, SharedStore};
use airlock_packer::{Options, Output};
use airlock_store::{Store, StoreClaim};
use airlock_types::Digest;

use crate::support::{Fault, Memory, Notes, Pipe, World, run};

fn into(folder: &Path) -> Options {
    Options::new(Output::Folder(folder.to_owned()))
}

/// A handle of its own for each, as processes have.
fn cache(folder: &Path) -> Arc<Store> {
    Arc::new(Store::open_or_create(&folder.join("cache")).unwrap())
}

fn largest(world: &World) -> (Digest, Vec<u8>) {
    let (digest, bytes) = world
        .source
        .contents
        .iter()
        .max_by_key(|(_, bytes)| bytes.len())
        .unwrap();
    (*digest, bytes.to_vec())
}

fn claimed(cache: &Store, digest: Digest, size: usize) -> StoreClaim {
    match cache.claim(digest, size as u64).unwrap() {
        Claimed::Granted(claim) => claim,
        other => panic!("{other:?}"),
    }
}

fn temporaries(cache: &Store) -> usize {
    std::fs::read_dir(cache.root().join("airlock/tmp"))
        .unwrap()
        .filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            !name.to_str().unwrap().starts_with("unsynced-")
        })
        .count()
}

/// Four packs at once, of the same blobs in different numbers at a time: through one handle and two.
#[test]
fn each_blob_is_fetched_once() {
    let world = World::new(&[&[400_000, 300_000, 10], &[300_000, 200_000], &[600_000, 50, 0]]);
    for round in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let caches = [cache(folder.path()), cache(folder.path())];
        world.source.opened.lock().unwrap().clear();
        let reports = run(async {
            let packs = (0..4usize).map(|at| {
                let mut options = into(&folder.path().join(format!("out-{at}")));
                options.jobs = 1 + (at + round) % 4;
                world.pack_with(options, Some(&caches[at % 2]))
            });
            futures::future::try_join_all(packs).await.unwrap()
        });
        let mut opened = BTreeMap::<Digest, u32>::new();
        for (_, digest) in world.source.opened.lock().unwrap().iter() {
            *opened.entry(*digest).or_default() += 1;
        }
        assert_eq!(opened.len() as u64, world.blobs());
        assert!(opened.values().all(|count| *count == 1), "{opened:?}");
        let first = world.check(&reports[0]);
        assert!(reports[1..].iter().all(|report| world.check(report) == first));
        let fetched: u64 = reports.iter().map(|report| report.fetched.blobs).sum();
        assert_eq!(fetched, world.blobs());
        assert_eq!(temporaries(&caches[0]), 0);
    }
}

/// Others first, then this one; and when the other gives up, on from where it was.
#[test]
fn a_blob_that_somebody_else_fetches_comes_last_and_is_gone_on_with() {
    let world = World::new(&[&[2_000_000, 10], &[300_000]]);
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(folder.path());
    let (digest, bytes) = largest(&world);
    let claim = claimed(&cache, digest, bytes.len());
    let mut writer = claim.writer(false).unwrap();
    writer.write(&bytes[..1_500_000]).unwrap();
    let notes = Notes::default();
    let report = run(async {
        let pack = world.pack_from(
            &world.source,
            into(&folder.path().join("out")),
            Some(&cache),
            &notes,
        );
        let other = async {
            while notes.0.lock().unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
            // Everything else is there, and nobody has asked for this one.
            assert_eq!(world.source.opened() as u64, world.blobs() - 1);
            drop((writer, claim));
        };
        futures::join!(pack, other).0.unwrap()
    });
    world.check(&report);
    assert_eq!(report.resumed.bytes, 1_500_000);
    assert_eq!(
        report.fetched.bytes,
        world
            .source
            .contents
            .values()
            .map(|b| b.len() as u64)
            .sum::<u64>()
            - 1_500_000
    );
    assert!(world.source.offsets.lock().unwrap().contains(&1_500_000));
    let notes = notes.0.into_inner().unwrap();
    assert!(
        notes.len() == 1
            && notes[0].starts_with("waiting for another airlock process that is fetching registry"),
        "{notes:?}"
    );
    assert!(cache.size(&digest).unwrap().is_some());
    assert_eq!(temporaries(&cache), 0);
}

/// What is left in the cache may be wrong; then the whole is fetched, once.
#[test]
fn a_wrong_beginning_in_the_cache_is_let_go() {
    let world = World::new(&[&[2_000_000]]);
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(folder.path());
    let (digest, bytes) = largest(&world);
    let claim = claimed(&cache, digest, bytes.len());
    claim
        .writer(false)
        .unwrap()
        .write(&vec![0xee; 1_000_000])
        .unwrap();
    drop(claim);
    let report = run(world.pack_with(into(folder.path()), Some(&cache))).unwrap();
    world.check(&report);
    let offsets = world.source.offsets.lock().unwrap().clone();
    assert_eq!(
        offsets.iter().filter(|offset| **offset > 0).count(),
        1,
        "{offsets:?}"
    );
    // A source that is wrong itself is not asked again, and leaves nothing to go on from.
    let other = World::new(&[&[1_000_000, 7]]);
    let (digest, _) = largest(&other);
    other.source.fail(digest, Fault::Wrong);
    let again = tempfile::tempdir().unwrap();
    run(other.pack_with(into(again.path()), Some(&cache))).unwrap_err();
    let asked = other
        .source
        .opened
        .lock()
        .unwrap()
        .iter()
        .filter(|(_, asked)| *asked == digest)
        .count();
    assert_eq!(asked, 1);
    assert_eq!(temporaries(&cache), 0);
}

/// Into a pipe there is no unfinished bundle; what broke off goes on from the cache.
#[test]
fn a_break_without_a_bundle_goes_on_from_the_cache() {
    let world = World::new(&[&[2_000_000, 10]]);
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(folder.path());
    let (digest, _) = largest(&world);
    world.source.fail(digest, Fault::Breaks(1_200_000));
    let to_pipe = || Options::new(Output::Stream(Box::new(Pipe::default())));
    run(world.pack_with(to_pipe(), Some(&cache))).unwrap_err();
    world.source.faults.lock().unwrap().clear();
    world.source.offsets.lock().unwrap().clear();
    run(world.pack_with(to_pipe(), Some(&cache))).unwrap();
    assert_eq!(*world.source.offsets.lock().unwrap(), [1_200_000]);
    assert_eq!(temporaries(&cache), 0);
}

/// Somebody who is stopped holds nobody up for ever.
#[test]
fn patience_ends() {
    let world = World::new(&[&[200_000]]);
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(folder.path());
    let (digest, bytes) = largest(&world);
    let _claim = claimed(&cache, digest, bytes.len());
    let mut options = into(folder.path());
    options.patience = Duration::from_millis(200);
    let notes = Notes::default();
    let report = run(world.pack_from(&world.source, options, Some(&cache), &notes)).unwrap();
    world.check(&report);
    assert!(cache.size(&digest).unwrap().is_none());
    let notes = notes.0.into_inner().unwrap();
    assert!(
        notes.len() == 2 && notes[1].contains("makes no headway"),
        "{notes:?}"
    );
}

/// Nobody holds one blob while waiting for another, so whoever is ahead, both end.
#[test]
fn two_at_different_speeds_end() {
    let world = World::new(&[&[500_000, 400_000, 300_000, 200_000, 100_000, 50_000, 20_000, 10]]);
    for seed in 1..20 {
        let folder = tempfile::tempdir().unwrap();
        let sources = [seed, seed * 7919].map(|seed| Memory {
            contents: world.source.contents.clone(),
            piece: 10_000,
            seed: seed.into(),
            ..Memory::default()
        });
        let mut options = [1, 2].map(|at| into(&folder.path().join(at.to_string())));
        options[0].jobs = 1;
        options[1].jobs = 2;
        let [first, second] = options;
        run(async {
            let cache = cache(folder.path());
            let both = async {
                futures::try_join!(
                    world.pack_from(&sources[0], first, Some(&cache), &airlock_content::Silent),
                    world.pack_from(&sources[1], second, Some(&cache), &airlock_content::Silent)
                )
                .unwrap()
            };
            let reports = both.await;
            assert!(world.check(&reports.0) == world.check(&reports.1));
        });
        let opened = sources.iter().map(Memory::opened).sum::<usize>() as u64;
        assert_eq!(opened, world.blobs());
    }
}
