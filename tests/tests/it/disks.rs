//! Disks that are full, read-only or forbidden, and inputs that vanish: a clear error, nothing lost, and the same
//! command completes when the cause is gone.
//!
//! The disks are mounts in a namespace that nobody else sees; where none can be made, this is listed as skipped.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;
use std::process::Command;

use airlock_tests::{command, peer, tree};

use crate::world::{World, only_bundle};

/// Runs a shell script with a small disk at `$0`; the commands are `$1`, `$2` … with their words quoted.
fn with_disk(world: &World, name: &str, script: &str, words: &[OsString]) -> Option<command::Output> {
    let disk = world.airlock.path(name);
    fs::create_dir_all(&disk).unwrap();
    // A namespace of its own also lets those make mounts who are not root.
    let possible = Command::new("unshare")
        .args(["--map-root-user", "--mount", "mount", "-t", "tmpfs", "none"])
        .arg(&disk)
        .output();
    if !possible.is_ok_and(|output| output.status.success()) {
        peer::skip("no mount can be made here");
        return None;
    }
    let mut unshare = world.airlock.command([] as [&OsStr; 0]);
    let airlock = unshare.get_program().to_owned();
    unshare = command::clean("unshare", &world.airlock.path(".home"));
    unshare
        .current_dir(world.airlock.path("."))
        .args(["--map-root-user", "--mount", "sh", "-euc"])
        .arg(script)
        .args([disk.as_os_str(), &airlock])
        .args(words);
    Some(command::run(&mut unshare))
}

/// The end of a script: `code` must be a failure that is told, then the disk is mended and all goes well.
fn told(output: &command::Output, words: &[&str]) {
    let text = format!("{}{}", output.stdout(), output.stderr());
    assert!(output.status.success(), "{text}");
    for word in words {
        assert!(text.contains(word), "no {word:?} in\n{text}");
    }
}

/// The store is on the disk; the bundle is not.
fn import_words(world: &World, store: &Path) -> Vec<OsString> {
    world.import_arguments(&world.bundle, store).to_vec()
}

#[test]
fn an_import_onto_a_full_disk() {
    let Some(world) = World::small() else { return };
    let store = world.airlock.path("disk-full/store");
    let script = r#"
        disk=$0; airlock=$1; shift
        mount -t tmpfs -o size=100k none "$disk"
        code=0; "$airlock" "$@" || code=$?
        [ "$code" = 2 ]
        [ -z "$(find "$disk/store/airlock/tmp" -type f)" ]
        mount -o remount,size=500m "$disk"
        "$airlock" "$@"
        "$airlock" scrub --store "$disk/store"
    "#;
    let Some(output) = with_disk(world, "disk-full", script, &import_words(world, &store)) else {
        return;
    };
    told(&output, &["error:", "hint:"]);
}

#[test]
fn an_import_onto_a_read_only_disk() {
    let Some(world) = World::small() else { return };
    let store = world.airlock.path("disk-read-only/store");
    let script = r#"
        disk=$0; airlock=$1; shift
        mount -t tmpfs -o size=500m none "$disk"
        mount -o remount,ro "$disk"
        code=0; "$airlock" "$@" || code=$?
        [ "$code" = 2 ]
        mount -o remount,rw "$disk"
        "$airlock" "$@"
        mount -o remount,ro "$disk"
        code=0; "$airlock" rollback --store "$disk/store" --to 1 || code=$?
        code=0; "$airlock" gc --store "$disk/store" || code=$?
        [ "$code" = 2 ]
        mount -o remount,rw "$disk"
        "$airlock" scrub --store "$disk/store"
    "#;
    let Some(output) = with_disk(world, "disk-read-only", script, &import_words(world, &store)) else {
        return;
    };
    told(&output, &["error:", "Read-only file system"]);
}

#[test]
fn an_import_into_a_forbidden_folder() {
    let Some(world) = World::small() else { return };
    let store = world.airlock.path("disk-forbidden/store");
    // Root without its privileges is a user like any other.
    let script = r#"
        disk=$0; airlock=$1; shift
        mount -t tmpfs -o size=500m none "$disk"
        chmod 555 "$disk"
        code=0; setpriv --bounding-set=-all --inh-caps=-all "$airlock" "$@" || code=$?
        [ "$code" = 2 ]
        [ -z "$(ls -A "$disk")" ]
        chmod 755 "$disk"
        setpriv --bounding-set=-all --inh-caps=-all "$airlock" "$@"
    "#;
    let Some(output) = with_disk(world, "disk-forbidden", script, &import_words(world, &store)) else {
        return;
    };
    told(&output, &["error:", "Permission denied"]);
}

#[test]
fn a_build_onto_a_full_disk() {
    let Some(world) = World::small() else { return };
    let out = world.airlock.path("disk-build/out");
    let mut words: Vec<OsString> = world.pack_arguments(&out).into_iter().map(Into::into).collect();
    words.push("--no-cache".into());
    let kept = world.airlock.path("disk-build-result");
    fs::create_dir_all(&kept).unwrap();
    let script = r#"
        disk=$0; airlock=$1; kept=$2; shift 2
        mount -t tmpfs -o size=100k none "$disk"
        code=0; "$airlock" "$@" || code=$?
        [ "$code" = 2 ]
        [ -z "$(find "$disk" -name '*.airlock.tar')" ]
        mount -o remount,size=500m "$disk"
        "$airlock" "$@"
        [ "$(ls "$disk/out" | wc -l)" = 1 ]
        cp "$disk"/out/* "$kept"
    "#;
    words.insert(0, kept.clone().into());
    let Some(output) = with_disk(world, "disk-build", script, &words) else {
        return;
    };
    told(&output, &["error:", "hint:"]);
    assert_eq!(tree::hash(&only_bundle(&kept)), tree::hash(&world.bundle));
}

#[test]
fn an_input_that_vanished_after_the_lock() {
    let Some(world) = World::small() else { return };
    let folder = world.airlock.path("vanished");
    fs::create_dir_all(&folder).unwrap();
    let place = airlock_tests::Airlock::within(&folder);
    fs::copy(world.airlock.path("airlock.lock"), place.path("airlock.lock")).unwrap();
    let arguments = world.pack_arguments(Path::new("out"));
    let run = place.run(arguments.iter().map(String::as_str).chain(["--no-cache"]));
    run.exits(3);
    assert!(run.stderr.contains("site.conf"), "{}", run.render());
    fs::copy(world.airlock.path("site.conf"), place.path("site.conf")).unwrap();
    let bundle = world.pack(&place, Path::new("out"), &[]);
    assert_eq!(tree::hash(&bundle), tree::hash(&world.bundle));
    assert_eq!(fs::read_dir(place.path("out")).unwrap().count(), 1, "leftovers");
}
