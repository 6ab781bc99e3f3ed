//! Writers that are killed, machines that lose power, and what is found afterwards.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use airlock_content::{BlobRead, BlobStore, BlobWriter, GenerationView, digest_of};
use airlock_store::Store;
use common::{image, picture, publish, put, root, temporaries};

const FOLDER: &str = "STORE_TEST_FOLDER";

/// Runs in a process of its own, which is killed in the middle.
#[test]
#[ignore = "only as a child of the tests below"]
fn child() {
    let folder = std::env::var(FOLDER).unwrap();
    let store = Store::open(Path::new(&folder)).unwrap();
    let mut half = store.create(digest_of(b"never"), 1 << 20).unwrap();
    half.write(&[0; 1000]).unwrap();
    put(&store, "x", b"complete");
    let mut roots = Vec::new();
    for at in 0_u32.. {
        let image = image(&store, &[&at.to_string()], None);
        roots.push(root(&format!("image:{}", at % 50), &image));
        roots.drain(..roots.len().saturating_sub(20));
        publish(&store, roots.clone()).unwrap();
        println!("published {at}");
    }
}

fn kill_child_after(folder: &Path, lines: usize) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let published = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .filter(|line| line.contains("published"))
        .take(lines)
        .count();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(published, lines);
}

#[test]
fn a_kill_at_any_moment_leaves_a_whole_generation_and_no_lock() {
    let folder = tempfile::tempdir().unwrap();
    Store::create(folder.path()).unwrap();
    for lines in [1, 7, 2, 5] {
        kill_child_after(folder.path(), lines);
        assert!(!temporaries(&Store::open(folder.path()).unwrap()).is_empty());
        let store = Store::open(folder.path()).unwrap();
        let generation = store.generation().unwrap();
        assert!(!generation.roots.is_empty());
        for root in &generation.roots {
            assert!(
                airlock_content::closure(&store, &root.descriptor)
                    .unwrap()
                    .is_complete()
            );
        }
        let moves = store.generations().unwrap();
        assert!(moves.last().unwrap().current);
        // The next writer clears up, and keeps what was complete.
        put(&store, "x", b"next");
        store.sync().unwrap();
        assert!(temporaries(&store).is_empty());
        assert_eq!(store.size(&digest_of(b"complete")).unwrap(), Some(8));
        assert_eq!(store.size(&digest_of(b"never")).unwrap(), None);
    }
}

#[test]
fn collection_removes_what_a_killed_writer_left() {
    let folder = tempfile::tempdir().unwrap();
    Store::create(folder.path()).unwrap();
    kill_child_after(folder.path(), 1);
    let store = Store::open(folder.path()).unwrap();
    let report = store.gc(1, false).unwrap();
    assert!(
        report.temporaries >= 1 && report.temporary_bytes >= 1000,
        "{report:?}"
    );
    assert!(report.blobs >= 1);
    assert!(temporaries(&store).is_empty());
    assert_eq!(store.size(&digest_of(b"complete")).unwrap(), None);
}

#[test]
fn temporaries_of_a_living_writer_stay() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let mut writer = store.create(digest_of(b"slow"), 4).unwrap();
    writer.write(b"sl").unwrap();
    let other = Store::open(folder.path()).unwrap();
    put(&other, "x", b"quick");
    drop(other);
    writer.write(b"ow").unwrap();
    writer.commit().unwrap();
    assert_eq!(store.size(&digest_of(b"slow")).unwrap(), Some(4));
}

#[test]
fn after_a_power_cut_torn_blobs_are_found_before_anyone_relies_on_them() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let image = image(&store, &["published"], None);
    publish(&store, vec![root("a:1", &image)]).unwrap();
    let whole = put(&store, "x", b"whole");
    let torn = put(&store, "x", b"torn");
    store.sync().unwrap();
    drop(store);
    let before = picture(folder.path());
    // What a file system may show for data that never reached the disk.
    let path = folder.path().join("blobs/sha256").join(torn.digest.hex());
    std::fs::write(&path, [0; 4]).unwrap();
    std::fs::write(folder.path().join("airlock/tmp/unsynced-1"), "another boot").unwrap();
    let store = Store::open(folder.path()).unwrap();
    put(&store, "x", b"whole");
    assert_eq!(store.size(&torn.digest).unwrap(), None);
    assert_eq!(store.size(&whole.digest).unwrap(), Some(5));
    put(&store, "x", b"torn");
    store.sync().unwrap();
    assert_eq!(picture(folder.path()), before);
}

#[test]
fn blobs_that_may_not_be_on_the_disk_are_marked_until_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    put(&store, "x", b"a");
    put(&store, "x", b"b");
    assert_eq!(temporaries(&store).len(), 1);
    store.sync().unwrap();
    assert!(temporaries(&store).is_empty());
    put(&store, "x", b"c");
    assert_eq!(temporaries(&store).len(), 1);
    drop(store);
    assert!(temporaries(&Store::open(folder.path()).unwrap()).is_empty());
}

/// Everything that a creation or a removal can leave when it is killed, in the order in which a removal goes.
#[test]
fn a_store_that_was_being_made_or_taken_away_is_made_whole() {
    let states: [&[&str]; 5] = [
        &[],
        &["airlock/format"],
        &["airlock/format", "blobs"],
        &[
            "airlock/format",
            "blobs",
            "oci-layout",
            "index.json",
            "airlock/locks",
        ],
        &[
            "airlock/format",
            "blobs",
            "oci-layout",
            "index.json",
            "airlock/locks",
            "airlock/tmp",
            "airlock/generations",
            "airlock/journal",
            "airlock/receipts",
        ],
    ];
    for gone in states {
        let folder = tempfile::tempdir().unwrap();
        Store::create(folder.path()).unwrap();
        let creating = folder.path().join("airlock/creating");
        std::fs::write(&creating, "").unwrap();
        for name in gone {
            let path = folder.path().join(name);
            if path.is_dir() {
                std::fs::remove_dir_all(path).unwrap();
            } else {
                std::fs::remove_file(path).unwrap();
            }
        }
        let store = Store::open_or_create(folder.path()).unwrap();
        assert!(!creating.exists(), "{gone:?}");
        put(&store, "x", b"works");
    }
}

#[test]
fn a_store_that_is_taken_away_leaves_what_the_file_system_came_with() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("lost+found")).unwrap();
    let store = Store::create(folder.path()).unwrap();
    assert!(store.discard_unused().unwrap());
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["lost+found"]);
}
