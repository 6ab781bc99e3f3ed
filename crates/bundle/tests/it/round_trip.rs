//! What goes in comes out, by every way of writing and reading.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use airlock_bundle::{BundleFile, Extras, Layout, Part, Plan, StreamWriter, Unverified};
use airlock_content::{BlobRead, GenerationView, digest_of};
use airlock_trust::SecretKey;
use airlock_types::{Digest, annotation};
use proptest::prelude::*;

use crate::fixture::{Contents, Fixture, artifact, lock, policy, read, signed, write};

/// Writes the open parts at their positions in the given order of turns.
fn write_at_positions(layout: &Layout, contents: &Contents, path: &std::path::Path, turns: &[usize]) {
    let file = File::options().write(true).create_new(true).open(path).unwrap();
    let mut open: Vec<_> = layout
        .entries()
        .iter()
        .filter(|entry| !matches!(entry.part, Part::Bytes(_)))
        .collect();
    for (at, turn) in turns.iter().enumerate() {
        if !open.is_empty() {
            let entry = open.swap_remove(turn % open.len());
            file.write_all_at(&contents[&entry.digest], entry.content)
                .unwrap();
        }
        if at == turns.len() / 2 {
            layout.write_frame(&file).unwrap();
        }
    }
    for entry in open {
        file.write_all_at(&contents[&entry.digest], entry.content)
            .unwrap();
    }
    layout.write_frame(&file).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_lock_packs_to_the_same_bytes_in_any_order_and_unpacks_again(
        images in proptest::collection::vec(proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..1500), 0..5), 0..4),
        turns in proptest::collection::vec(any::<usize>(), 1..20),
    ) {
        let mut contents = Contents::new();
        let artifacts = images
            .iter()
            .enumerate()
            .map(|(at, blobs)| artifact(&mut contents, &format!("ghcr.io/acme/app{at}:1"), blobs))
            .collect();
        let lock = lock(artifacts);
        let key = SecretKey::generate().unwrap();
        let layout = signed(&key, Plan::new(&lock, Extras::default()).unwrap());
        let streamed = write(layout.clone(), &contents);
        prop_assert_eq!(streamed.len() as u64, layout.len());

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.tar");
        write_at_positions(&layout, &contents, &path, &turns);
        prop_assert!(fs::read(&path).unwrap() == streamed);

        let (result, kept) = read(Unverified::open(&path).unwrap().verify(&policy(&key)).unwrap()).unwrap();
        prop_assert_eq!(&result.lock, &lock);
        prop_assert!(contents.iter().all(|(digest, content)| kept.get(digest) == Some(content)));

        let bundle = BundleFile::open(&path, &policy(&key)).unwrap();
        bundle.check_content(2, &|_| ()).unwrap();
        for (digest, content) in &contents {
            let body = bundle.open(digest).unwrap().unwrap();
            prop_assert_eq!(&body.into_bytes(1 << 20).unwrap()[..], &content[..]);
        }

        let unpacked = folder.path().join("unpacked");
        Unverified::open(&path).unwrap().verify(&policy(&key)).unwrap().extract_to(&unpacked).unwrap();
        let (again, kept_again) = read(Unverified::open(&unpacked).unwrap().verify(&policy(&key)).unwrap()).unwrap();
        prop_assert_eq!(again.lock, lock);
        prop_assert!(kept_again == kept);
    }
}

#[test]
fn the_same_lock_is_the_same_archive_whatever_the_order_of_its_artifacts_blobs() {
    let fixture = Fixture::new();
    let again = Plan::new(&fixture.lock, Extras::default()).unwrap();
    let third = Plan::new(&fixture.lock.clone(), Extras::default()).unwrap();
    assert_eq!(again.index_bytes(), third.index_bytes());
    assert_eq!(again.file_name(), "edge-1.0.airlock.tar");
}

#[test]
fn roots_and_referrers_stand_under_the_artifacts_repository() {
    let fixture = Fixture::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.tar");
    fs::write(&path, &fixture.archive).unwrap();
    let bundle = BundleFile::open(&path, &fixture.policy()).unwrap();
    let generation = bundle.generation().unwrap();
    let root = &fixture.lock.artifacts[0].root;
    let names: Vec<String> = generation
        .roots
        .iter()
        .filter(|entry| entry.subject == Some(root.digest))
        .map(|entry| entry.reference.to_string())
        .collect();
    let signature = digest_of(b"signature of docker.io/library/busybox:1.36");
    assert_eq!(
        names,
        [
            format!("docker.io/library/busybox@{signature}"),
            format!("docker.io/library/busybox:{}.sig", root.digest.referrers_tag()),
        ]
    );
    assert!(
        generation
            .roots
            .iter()
            .all(|entry| entry.descriptor.annotations[annotation::KIND] == "image")
    );
    let index = bundle
        .index()
        .entries()
        .iter()
        .find(|entry| entry.path.to_string() == "index.json")
        .unwrap();
    assert_eq!(generation.id, index.digest);
    assert!(std::sync::Arc::ptr_eq(&generation, &bundle.generation().unwrap()));
    assert_eq!(bundle.size(&root.digest).unwrap(), Some(root.size));
    assert!(bundle.open(&Digest::sha256([0; 32])).unwrap().is_none());
}

#[test]
fn readers_of_one_bundle_file_do_not_disturb_each_other() {
    use std::io::Read;
    let fixture = Fixture::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.tar");
    fs::write(&path, &fixture.archive).unwrap();
    let bundle = BundleFile::open(&path, &fixture.policy()).unwrap();
    let open = |byte: u8, len: usize| {
        let digest = digest_of(&vec![byte; len]);
        bundle.open(&digest).unwrap().unwrap().into_reader().unwrap()
    };
    let (mut ones, mut threes) = (open(1, 511), open(3, 513));
    let (mut a, mut b) = ([0; 10], [0; 10]);
    for _ in 0..5 {
        ones.read_exact(&mut a).unwrap();
        threes.read_exact(&mut b).unwrap();
        assert_eq!((a, b), ([1; 10], [3; 10]));
    }
}

#[test]
fn a_stream_with_wrong_content_never_gets_its_end() {
    let fixture = Fixture::new();
    for wrong in [&b"wrong"[..], b"", &[9; 2000]] {
        let mut out = Vec::new();
        let mut writer = StreamWriter::new(fixture.layout.clone(), &mut out);
        let entry = writer.next_entry().unwrap().unwrap().clone();
        let refused = writer.content(wrong).is_err();
        let refused_later = writer.next_entry().is_err();
        assert!(refused || refused_later, "{} took {wrong:?}", entry.name);
        assert!(writer.next_entry().is_err());
        assert!(writer.content(&fixture.contents[&entry.digest]).is_err());
        assert!(fixture.read(out).is_err());
    }
}

#[test]
fn nothing_is_left_of_a_failed_unpacking() {
    let fixture = Fixture::new();
    let folder = tempfile::tempdir().unwrap();
    let mut broken = fixture.archive.clone();
    let last = fixture.layout.entries().last().unwrap();
    broken[usize::try_from(last.content).unwrap()] ^= 1;
    let path = folder.path().join("b.tar");
    fs::write(&path, broken).unwrap();
    let target = folder.path().join("unpacked");
    let bundle = Unverified::open(&path)
        .unwrap()
        .verify(&fixture.policy())
        .unwrap();
    bundle.extract_to(&target).unwrap_err();
    let names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|item| item.unwrap().file_name())
        .collect();
    assert_eq!(names, ["b.tar"]);

    fs::write(&path, &fixture.archive).unwrap();
    fs::create_dir(&target).unwrap();
    let bundle = Unverified::open(&path)
        .unwrap()
        .verify(&fixture.policy())
        .unwrap();
    assert!(
        bundle
            .extract_to(&target)
            .unwrap_err()
            .to_string()
            .contains("exists already")
    );
}
