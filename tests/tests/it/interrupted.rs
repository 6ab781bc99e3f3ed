//! `kill -9` at any moment: the same command again completes, and nobody sees a mixture.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use airlock_tests::tree::{self, Tree};

use crate::world::{World, only_bundle};

/// From "has hardly started" to "is done, or nearly"; what is shown holds wherever the blow falls.
const MOMENTS: [u64; 8] = [1, 5, 10, 20, 40, 80, 160, 320];

/// Starts a command and kills it after so many milliseconds; true when it was still running.
fn kill_after(command: &mut Command, milliseconds: u64) -> bool {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_millis(milliseconds));
    let killed = child.try_wait().unwrap().is_none();
    // Fails only when it has ended already.
    let _ = child.kill();
    child.wait().unwrap();
    killed
}

#[test]
fn a_killed_pack_is_completed_by_the_next() {
    let Some(world) = World::small() else { return };
    let wanted = tree::hash(&world.bundle);
    let mut killed = 0;
    for moment in MOMENTS {
        let out = format!("killed-pack-{moment}");
        let mut arguments = world.pack_arguments(Path::new(&out));
        arguments.extend(["--cache".to_owned(), format!("{out}-cache")]);
        killed += usize::from(kill_after(&mut world.airlock.command(&arguments), moment));
        world.airlock.run(&arguments).succeeds();
        let folder = world.airlock.path(&out);
        assert_eq!(
            tree::hash(&only_bundle(&folder)),
            wanted,
            "killed after {moment} ms"
        );
        assert_eq!(
            fs::read_dir(&folder).unwrap().count(),
            1,
            "leftovers after {moment} ms"
        );
    }
    assert!(killed > 0, "every run ended before its moment");
}

#[test]
fn a_killed_import_leaves_the_old_generation_or_the_new() {
    let (Some(world), Some(earlier)) = (World::small(), World::earlier()) else {
        return;
    };
    let whole = world.airlock.path("killed-import-reference");
    earlier.import(&whole);
    let old_index = fs::read(whole.join("index.json")).unwrap();
    world.import(&whole);
    let new_index = fs::read(whole.join("index.json")).unwrap();
    assert_ne!(old_index, new_index);
    let wanted = content(&whole);
    let mut killed = 0;
    for moment in MOMENTS {
        let store = world.airlock.path(format!("killed-import-{moment}"));
        earlier.import(&store);
        let arguments = world.import_arguments(&world.bundle, &store);
        killed += usize::from(kill_after(&mut world.airlock.command(&arguments), moment));
        let index = fs::read(store.join("index.json")).unwrap();
        assert!(
            index == old_index || index == new_index,
            "a mixture after {moment} ms"
        );
        let scrub = ["scrub".as_ref(), "--store".as_ref(), store.as_os_str()];
        world.airlock.run(scrub).succeeds();
        world.airlock.run(&arguments).succeeds();
        let now = content(&store);
        assert!(now == wanted, "killed after {moment} ms:\n{}", wanted.diff(&now));
    }
    assert!(killed > 0, "every run ended before its moment");
}

/// What clients are served from: receipts carry the time of their import and differ.
fn content(store: &Path) -> Tree {
    Tree::of(store).without("airlock")
}
