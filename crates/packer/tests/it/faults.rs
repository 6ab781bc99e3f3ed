//! Sources that fail.

use std::path::PathBuf;
use std::sync::Arc;

use airlock_content::{Origin, SourceErrorKind};
use airlock_packer::{Missing, Needed, Options, Output, PackError};

use crate::support::{Cache, Fault, Pipe, World, partial, run};

fn missing(result: Result<airlock_packer::PackReport, PackError>) -> Vec<Missing> {
    match result {
        Err(PackError::Incomplete { missing }) => missing,
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_failures_are_listed_and_the_rest_is_kept() {
    let world = World::small();
    let folder = tempfile::tempdir().unwrap();
    let options = || Options::new(Output::Folder(folder.path().to_owned()));
    let digests: Vec<_> = world
        .source
        .contents
        .iter()
        .filter(|(_, content)| content.len() > 10)
        .map(|(digest, _)| *digest)
        .collect();
    let faults = [
        (Fault::NotFound, SourceErrorKind::NotFound),
        (Fault::Breaks(5), SourceErrorKind::Unreachable),
        (Fault::Wrong, SourceErrorKind::Corrupt),
        (Fault::Short, SourceErrorKind::Corrupt),
        (Fault::Long, SourceErrorKind::Corrupt),
    ];
    for (digest, (fault, _)) in digests.iter().zip(faults) {
        world.source.fail(*digest, fault);
    }
    run(async {
        for _ in 0..2 {
            let missing = missing(world.pack(options()).await);
            let kinds: Vec<_> = missing
                .iter()
                .map(|item| (item.digest, item.error.kind))
                .collect();
            let expected: Vec<_> = digests
                .iter()
                .copied()
                .zip(faults.map(|(_, kind)| kind))
                .collect();
            assert_eq!(kinds, expected);
            assert!(partial(folder.path()).exists());
            assert!(!folder.path().join("edge-1.0.airlock.tar").exists());
        }
        world.source.faults.lock().unwrap().clear();
        let report = world.pack(options()).await.unwrap();
        assert_eq!(report.fetched.blobs, 5);
        let elsewhere = tempfile::tempdir().unwrap();
        assert!(world.check(&report) == world.bytes(elsewhere.path()).await);
    });
}

#[test]
fn who_needs_it_is_said() {
    let world = World::small();
    let folder = tempfile::tempdir().unwrap();
    let shared = airlock_content::digest_of(b"{}");
    world.source.fail(shared, Fault::NotFound);
    let missing = missing(run(
        world.pack(Options::new(Output::Folder(folder.path().to_owned())))
    ));
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0].digest, shared);
    let needed: Vec<Needed> = (0..3)
        .map(|at| Needed {
            kind: world.lock.artifacts[at].kind,
            artifact: format!("registry.example/app{at}:1"),
            why: vec![format!("tools → images[{at}]")],
        })
        .collect();
    assert_eq!(missing[0].needed_by, needed);
}

#[test]
fn another_artifact_source_of_the_same_content_is_tried() {
    let mut world = World::small();
    world.source.empty = vec![Origin::OciLayout(PathBuf::from("/base/images/0"))];
    // What only the first artifact has cannot come from elsewhere.
    world.lock.artifacts[0].blobs.retain(|pin| pin.size == 2);
    let folder = tempfile::tempdir().unwrap();
    run(world.bytes(folder.path()));
}

#[test]
fn a_damaged_cache_is_not_believed() {
    let world = World::small();
    let folder = tempfile::tempdir().unwrap();
    let cache = Arc::new(Cache::default());
    let (digest, content) = world
        .source
        .contents
        .iter()
        .find(|(_, content)| content.len() > 10)
        .unwrap();
    let mut damaged = content.to_vec();
    damaged[3] ^= 8;
    cache.0.lock().unwrap().insert(*digest, damaged.into());
    let options = Options::new(Output::Folder(folder.path().to_owned()));
    let report = run(world.pack_with(options, Some(&cache))).unwrap();
    world.check(&report);
    assert_eq!(report.cached.blobs, 0);
}

#[test]
fn wrong_content_never_enters_the_cache() {
    let world = World::small();
    let cache = Arc::new(Cache::default());
    let large = world.lock.artifacts[1]
        .blobs
        .iter()
        .max_by_key(|pin| pin.size)
        .unwrap()
        .digest;
    for fault in [Fault::Wrong, Fault::Short, Fault::Long, Fault::Breaks(2000)] {
        let folder = tempfile::tempdir().unwrap();
        world.source.fail(large, fault);
        let options = Options::new(Output::Folder(folder.path().to_owned()));
        assert_eq!(missing(run(world.pack_with(options, Some(&cache)))).len(), 1);
        assert_eq!(cache.0.lock().unwrap().len() as u64, world.blobs() - 1);
    }
}

#[test]
fn a_pipe_gets_no_end_after_a_failure() {
    let world = World::small();
    let whole = {
        let pipe = Pipe::default();
        run(world.pack(Options::new(Output::Stream(Box::new(pipe.clone()))))).unwrap();
        pipe.0.lock().unwrap().clone()
    };
    let large = world.lock.artifacts[1]
        .blobs
        .iter()
        .max_by_key(|pin| pin.size)
        .unwrap()
        .digest;
    for fault in [
        Fault::NotFound,
        Fault::Wrong,
        Fault::Short,
        Fault::Long,
        Fault::Breaks(200_000),
    ] {
        world.source.fail(large, fault);
        let pipe = Pipe::default();
        let output = Output::Stream(Box::new(pipe.clone()));
        let missing = missing(run(world.pack(Options::new(output))));
        assert_eq!(missing.len(), 1);
        assert_eq!(missing[0].digest, large, "{fault:?}");
        let written = pipe.0.lock().unwrap().clone();
        assert!(written.len() < whole.len());

        // With a cache, nothing comes out at all.
        let pipe = Pipe::default();
        let output = Output::Stream(Box::new(pipe.clone()));
        let cache = Arc::new(Cache::default());
        run(world.pack_with(Options::new(output), Some(&cache))).unwrap_err();
        assert!(pipe.0.lock().unwrap().is_empty());
    }
}

#[test]
fn a_closed_pipe_is_an_error() {
    struct Closed;
    impl std::io::Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let world = World::small();
    let error = run(world.pack(Options::new(Output::Stream(Box::new(Closed))))).unwrap_err();
    assert!(matches!(error, PackError::Stream(_)), "{error}");
}
