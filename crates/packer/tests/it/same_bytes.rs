//! One lock is one bundle, however it is packed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use airlock_bundle::Document;
use airlock_content::Origin;
use airlock_packer::{Importer, Options, Output, PackError};
use proptest::prelude::*;

use crate::support::{Cache, Pipe, World, run};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn jobs_order_pieces_cache_and_pipe_make_no_difference(
        jobs in 1usize..20,
        seed in any::<u64>(),
        piece in 1usize..5000,
        kept in any::<u64>(),
    ) {
        let mut world = World::small();
        let folder = tempfile::tempdir().unwrap();
        run(async {
            let first = world.bytes(folder.path()).await;
            world.source.seed.store(seed, Ordering::Relaxed);
            world.source.piece = piece + 50;
            let options = |output| Options { jobs, ..Options::new(output) };
            let file = || options(Output::File(folder.path().join("other.tar")));
            let report = world.pack(file()).await.unwrap();
            assert!(world.check(&report) == first);
            assert_eq!(report.fetched.blobs, world.blobs());

            let cache = Arc::new(Cache::default());
            for (at, (digest, content)) in world.source.contents.iter().enumerate() {
                if kept >> (at % 64) & 1 == 1 {
                    cache.0.lock().unwrap().insert(*digest, content.clone());
                }
            }
            let had = cache.0.lock().unwrap().len() as u64;
            let report = world.pack_with(file(), Some(&cache)).await.unwrap();
            assert!(world.check(&report) == first);
            assert_eq!(report.cached.blobs, had);
            assert_eq!(report.fetched.blobs, world.blobs() - had);
            assert_eq!(cache.0.lock().unwrap().len() as u64, world.blobs());

            let opened = world.source.opened();
            let report = world.pack_with(file(), Some(&cache)).await.unwrap();
            assert!(world.check(&report) == first);
            assert_eq!(world.source.opened(), opened);

            let pipe = Pipe::default();
            let report = world.pack(options(Output::Stream(Box::new(pipe.clone())))).await.unwrap();
            assert!(*pipe.0.lock().unwrap() == first);
            assert_eq!(report.fetched.blobs, world.blobs());

            for cache in [&cache, &Arc::new(Cache::default())] {
                let pipe = Pipe::default();
                let output = Output::Stream(Box::new(pipe.clone()));
                world.pack_with(options(output), Some(cache)).await.unwrap();
                assert!(*pipe.0.lock().unwrap() == first);
            }
        });
    }
}

#[test]
fn local_paths_are_taken_from_the_base() {
    let world = World::small();
    let folder = tempfile::tempdir().unwrap();
    run(world.bytes(folder.path()));
    let opened = world.source.opened.lock().unwrap().clone();
    assert!(opened.contains(&(
        Origin::OciLayout(PathBuf::from("/base/images/2")),
        world.lock.artifacts[2].root.digest
    )));
    assert!(opened.iter().all(|(_, digest)| *digest != world.inline));
}

#[test]
fn documents_and_importers_are_carried() {
    let world = World::small();
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("airlock");
    std::fs::write(&binary, vec![7; 600_000]).unwrap();
    let options = |output| Options {
        documents: BTreeMap::from([(Document::Provenance, b"{}".to_vec())]),
        importers: vec![Importer {
            arch: "amd64".parse().unwrap(),
            path: binary.clone(),
        }],
        ..Options::new(output)
    };
    run(async {
        let report = world
            .pack(options(Output::Folder(folder.path().join("new/folder"))))
            .await
            .unwrap();
        let bytes = world.check(&report);
        let pipe = Pipe::default();
        world
            .pack(options(Output::Stream(Box::new(pipe.clone()))))
            .await
            .unwrap();
        assert!(*pipe.0.lock().unwrap() == bytes);
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("bin/airlock-linux-amd64") && text.contains("provenance.intoto.json"));

        std::fs::remove_file(&binary).unwrap();
        let error = world
            .pack(options(Output::Folder(folder.path().into())))
            .await
            .unwrap_err();
        assert!(matches!(error, PackError::Io { .. }), "{error}");
    });
}
