//! Packs that are stopped, and packs that meet.

use std::fs;
use std::future::Future;
use std::os::unix::fs::FileExt;
use std::pin::pin;
use std::task::Poll;

use airlock_packer::{Options, Output, PackError};

use crate::support::{Fault, World, partial, run};

/// Drops the future after so many polls; `None` when it was stopped.
async fn stop_after<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut count = 0;
    std::future::poll_fn(move |context| {
        count += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if count >= polls => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

fn find(bytes: &[u8], part: &[u8]) -> usize {
    bytes
        .windows(part.len())
        .position(|window| window == part)
        .unwrap()
}

#[test]
fn a_pack_that_is_stopped_anywhere_is_completed_by_the_next() {
    let world = World::new(&[&[2_000_000, 400_000, 10], &[300_000], &[600_000, 50]]);
    let elsewhere = tempfile::tempdir().unwrap();
    run(async {
        let expected = world.bytes(elsewhere.path()).await;
        let (mut stopped, mut resumed) = (0, 0);
        for polls in [1, 2, 3, 5, 8, 12, 20, 40, 80, 160, 320] {
            let folder = tempfile::tempdir().unwrap();
            let options = || Options::new(Output::Folder(folder.path().to_owned()));
            for more in 0..3 {
                if stop_after(polls + more * polls / 2, world.pack(options()))
                    .await
                    .is_none()
                {
                    stopped += 1;
                }
            }
            let report = world.pack(options()).await.unwrap();
            resumed += report.resumed.blobs;
            assert!(world.check(&report) == expected, "stopped after {polls}");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
        assert!(stopped > 5, "{stopped}");
        assert!(resumed > 5, "{resumed}");
    });
}

/// A blob that broke off goes on where it was; if what was left of it is damaged, it is fetched whole.
#[test]
fn a_large_blob_goes_on_where_it_was() {
    let world = World::new(&[&[3_000_000, 10]]);
    let large = *world
        .source
        .contents
        .iter()
        .max_by_key(|(_, bytes)| bytes.len())
        .unwrap()
        .0;
    let elsewhere = tempfile::tempdir().unwrap();
    run(async {
        let expected = world.bytes(elsewhere.path()).await;
        for damaged in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let options = || Options::new(Output::Folder(folder.path().to_owned()));
            world.source.fail(large, Fault::Breaks(2_000_000));
            world.pack(options()).await.unwrap_err();
            world.source.faults.lock().unwrap().clear();
            if damaged {
                let file = fs::OpenOptions::new()
                    .read(true)
                    .write(true)
                    .open(partial(folder.path()))
                    .unwrap();
                let at = find(&expected, &world.source.contents[&large][..64]) + 1000;
                file.write_all_at(&[expected[at] ^ 1], at as u64).unwrap();
            }
            world.source.offsets.lock().unwrap().clear();
            let report = world.pack(options()).await.unwrap();
            assert!(world.check(&report) == expected);
            let offsets = std::mem::take(&mut *world.source.offsets.lock().unwrap());
            if damaged {
                assert!(
                    matches!(offsets[..], [first, 0] if first > 1_000_000),
                    "{offsets:?}"
                );
                assert_eq!(report.fetched.bytes, 3_000_000);
            } else {
                assert!(matches!(offsets[..], [first] if first > 1_000_000), "{offsets:?}");
                assert!(report.fetched.bytes < 2_000_000, "{report:?}");
                assert!(report.resumed.bytes > 1_000_000, "{report:?}");
            }
        }
    });
}

#[test]
fn damage_to_an_unfinished_bundle_is_noticed() {
    let world = World::small();
    let folder = tempfile::tempdir().unwrap();
    let options = || Options::new(Output::Folder(folder.path().to_owned()));
    let small = world.lock.artifacts[2].root.digest;
    let elsewhere = tempfile::tempdir().unwrap();
    run(async {
        let expected = world.bytes(elsewhere.path()).await;
        for at in (0..expected.len()).step_by(expected.len() / 23) {
            world.source.fail(small, Fault::NotFound);
            world.pack(options()).await.unwrap_err();
            world.source.faults.lock().unwrap().clear();
            let path = partial(folder.path());
            let mut bytes = fs::read(&path).unwrap();
            bytes[at] ^= 255;
            fs::write(&path, bytes).unwrap();
            let report = world.pack(options()).await.unwrap();
            assert!(world.check(&report) == expected, "byte {at}");
            fs::remove_file(report.path.unwrap()).unwrap();
        }
    });
}

#[test]
fn the_beginning_of_another_bundle_is_not_continued() {
    let world = World::small();
    let other = World::new(&[&[100_000], &[5]]);
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let options = || Options::new(Output::Folder(folder.path().to_owned()));
    run(async {
        other
            .source
            .fail(other.lock.artifacts[1].root.digest, Fault::NotFound);
        other.pack(options()).await.unwrap_err();
        let report = world.pack(options()).await.unwrap();
        assert_eq!(report.resumed.blobs, 0);
        assert!(world.check(&report) == world.bytes(elsewhere.path()).await);

        fs::write(partial(folder.path()), "something else").unwrap();
        let report = world.pack(options()).await.unwrap();
        assert!(world.check(&report) == world.bytes(elsewhere.path()).await);
    });
}

#[test]
fn two_packs_of_one_bundle_do_not_mix() {
    let world = World::small();
    let folder = tempfile::tempdir().unwrap();
    let options = || Options::new(Output::Folder(folder.path().to_owned()));
    world
        .source
        .fail(world.lock.artifacts[2].root.digest, Fault::Stalls);
    run(async {
        let mut first = Box::pin(world.pack(options()));
        let second = async {
            while !partial(folder.path()).exists() {
                tokio::task::yield_now().await;
            }
            world.pack(options()).await
        };
        let error = tokio::select! {
            result = &mut first => panic!("{result:?}"),
            result = second => result.unwrap_err(),
        };
        assert!(matches!(error, PackError::Locked { .. }), "{error}");
        assert!(error.hint().is_some());
        drop(first);
        world.source.faults.lock().unwrap().clear();
        let report = world.pack(options()).await.unwrap();
        assert!(report.resumed.blobs > 0);
        world.check(&report);
    });
}

#[test]
fn a_bundle_too_large_for_the_disk_is_refused_before_anything_is_fetched() {
    let mut world = World::small();
    world.lock.artifacts[2].blobs[0].size = 1 << 60;
    let shared = world.lock.artifacts[2].blobs[0].digest;
    for artifact in &mut world.lock.artifacts {
        for pin in artifact.blobs.iter_mut().filter(|pin| pin.digest == shared) {
            pin.size = 1 << 60;
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let error = run(world.pack(Options::new(Output::Folder(folder.path().to_owned())))).unwrap_err();
    assert!(
        matches!(error, PackError::NoSpace { .. } | PackError::Io { .. }),
        "{error}"
    );
    assert_eq!(world.source.opened(), 0);
}

#[test]
fn a_failed_signature_leaves_nothing() {
    let world = World::small();
    let folder = tempfile::tempdir().unwrap();
    let error = run(airlock_packer::pack(
        &world.lock,
        folder.path(),
        &world.source,
        None::<&std::sync::Arc<airlock_packer::NoCache>>,
        |_| Err("no key".into()),
        Options::new(Output::Folder(folder.path().to_owned())),
        &airlock_content::Silent,
    ))
    .unwrap_err();
    assert!(matches!(error, PackError::Sign(_)));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
