//! The content of a bundle file, checked by every engine.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use airlock_bundle::{BundleFile, Extras, Plan};
use airlock_hash::Engine;
use airlock_trust::SecretKey;

use crate::fixture::{Contents, artifact, lock, policy, signed, write};

/// A bundle of blobs of these lengths.
fn bundle(path: &Path, lengths: impl Iterator<Item = usize>) -> BundleFile {
    let mut contents = Contents::new();
    let blobs: Vec<Vec<u8>> = lengths
        .enumerate()
        .map(|(seed, length)| {
            (0..length)
                .map(|at| u8::try_from((at + seed) % 251).unwrap())
                .collect()
        })
        .collect();
    let lock = lock(vec![artifact(&mut contents, "busybox:1", &blobs)]);
    let key = SecretKey::generate().unwrap();
    let layout = signed(&key, Plan::new(&lock, Extras::default()).unwrap());
    fs::write(path, write(layout, &contents)).unwrap();
    BundleFile::open(path, &policy(&key)).unwrap()
}

/// Engine and number of threads.
fn ways() -> impl Iterator<Item = (Engine, usize)> {
    Engine::available()
        .into_iter()
        .flat_map(|engine| [1, 2, 100].map(|threads| (engine, threads)))
}

#[test]
fn every_engine_reads_each_byte_once_and_accepts() {
    let folder = tempfile::tempdir().unwrap();
    let few = bundle(&folder.path().join("few.tar"), [600_000, 70].into_iter());
    let many = bundle(
        &folder.path().join("many.tar"),
        (0..60).map(|at| at * at * 5 + if at % 20 == 7 { 270_000 } else { 0 }),
    );
    for bundle in [few, many] {
        for (engine, threads) in ways() {
            let read = AtomicU64::new(0);
            bundle
                .check_content_with(engine, threads, &|bytes| {
                    read.fetch_add(bytes, Ordering::Relaxed);
                })
                .unwrap();
            assert_eq!(
                read.into_inner(),
                bundle.index().total_size(),
                "{engine:?} on {threads} threads"
            );
        }
    }
}

/// Wrong entries are given in the order of the archive, whatever their sizes and however many threads there are.
#[test]
fn every_engine_names_the_first_wrong_entry() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.tar");
    let bundle = bundle(&path, (0..60).map(|at| at * at * 5 + 1));
    let original = fs::read(&path).unwrap();
    let blobs: Vec<_> = bundle.index().blobs().collect();
    let place = |at: usize| {
        // The entry's header holds its name; the content follows the header.
        let name = blobs[at].path.to_string();
        let header = original
            .chunks(512)
            .position(|block| block.starts_with(name.as_bytes()) && block[257..].starts_with(b"ustar"))
            .unwrap();
        (header + 1) * 512 + usize::try_from(blobs[at].size).unwrap() - 1
    };
    for wrong in [&[0][..], &[59], &[30, 31, 32, 33, 50], &[7, 3, 40], &[58, 59]] {
        let mut changed = original.clone();
        for at in wrong {
            changed[place(*at)] ^= 1;
        }
        // The very file that is open.
        fs::write(&path, &changed).unwrap();
        let first = wrong.iter().min().unwrap();
        let expected = format!("{} is damaged or was changed", blobs[*first].path);
        for (engine, threads) in ways() {
            let error = bundle.check_content_with(engine, threads, &|_| ()).unwrap_err();
            assert_eq!(error.to_string(), expected, "{engine:?} on {threads} threads");
        }
    }
    // A file that ends early is another error, of the first entry that is not all there.
    let at = 45;
    fs::write(&path, &original[..place(at)]).unwrap();
    let expected = format!("the bundle ends in the middle of {}", blobs[at].path);
    for (engine, threads) in ways() {
        let error = bundle.check_content_with(engine, threads, &|_| ()).unwrap_err();
        assert_eq!(error.to_string(), expected, "{engine:?} on {threads} threads");
    }
}
