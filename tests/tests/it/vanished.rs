//! Inputs that vanish while they are read: a pipe that ends, a stick that is pulled, a file that is cut short.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::thread;

use airlock_tests::tree::Tree;
use airlock_tests::{Airlock, command, http, peer};
use serde_json::Value;

use crate::world::World;

/// A store with the earlier bundle, to see that it does not change.
fn store(world: &World, earlier: &World, name: &str) -> std::path::PathBuf {
    let store = world.airlock.path(name);
    earlier.import(&store);
    store
}

#[test]
fn a_pipe_that_ends_in_the_middle() {
    let (Some(world), Some(earlier)) = (World::small(), World::earlier()) else {
        return;
    };
    let store = store(world, earlier, "vanished-pipe");
    let before = Tree::of(&store);
    let pipe = world.airlock.path("pipe.airlock.tar");
    command::succeed(Command::new("mkfifo").arg(&pipe));
    let bytes = fs::read(&world.bundle).unwrap();
    for share in [1, 5, 9] {
        let half = &bytes[..bytes.len() * share / 10];
        let run = thread::scope(|scope| {
            scope.spawn(|| {
                let mut writer = OpenOptions::new().write(true).open(&pipe).unwrap();
                // The reader may have seen enough.
                let _ = writer.write_all(half);
            });
            world.airlock.run(world.import_arguments(&pipe, &store))
        });
        run.exits(1);
        assert!(run.stderr.contains("ends in the middle of"), "{}", run.render());
        assert!(
            run.stderr.contains("hint: copy the bundle again"),
            "{}",
            run.render()
        );
        let now = Tree::of(&store);
        assert!(now == before, "{}", before.diff(&now));
    }
    world.import(&store);
}

#[test]
fn a_file_that_cannot_be_read() {
    let Some(world) = World::small() else { return };
    let file = world.airlock.path("unreadable.airlock.tar");
    // Nothing is mapped at its start, which reads as an error of the disk.
    symlink("/proc/self/mem", &file).unwrap();
    let store = world.airlock.path("vanished-unreadable");
    let key: &OsStr = world.public_key.as_os_str();
    for words in [
        world.import_arguments(&file, &store).to_vec(),
        vec!["verify".into(), (&file).into(), "--key".into(), key.into()],
        vec!["serve".into(), (&file).into(), "--key".into(), key.into()],
    ] {
        let run = world.airlock.run(&words);
        run.exits(2);
        assert!(run.stderr.contains("Input/output error"), "{}", run.render());
        assert!(
            run.stderr.contains("hint: the disk failed or was pulled out"),
            "{}",
            run.render()
        );
    }
    assert!(!store.exists());
}

/// A file system in a file, of which the second half of the bundle is gone when it is asked for.
#[test]
fn a_stick_that_is_pulled_in_the_middle() {
    let (Some(world), Some(earlier)) = (World::small(), World::earlier()) else {
        return;
    };
    let store = store(world, earlier, "vanished-stick");
    let before = Tree::of(&store);
    let (content, image, mounted) = (
        world.airlock.path("stick-content"),
        world.airlock.path("stick.image"),
        world.airlock.path("stick"),
    );
    fs::create_dir_all(&content).unwrap();
    fs::create_dir_all(&mounted).unwrap();
    fs::copy(&world.bundle, content.join("bundle.airlock.tar")).unwrap();
    let bytes = fs::read(&world.bundle).unwrap();
    File::create(&image)
        .unwrap()
        .set_len((bytes.len() as u64 * 2).max(32 << 20))
        .unwrap();
    let made = Command::new("mkfs.ext4")
        .args(["-q", "-F", "-d"])
        .arg(&content)
        .arg(&image)
        .output();
    if !made.is_ok_and(|output| output.status.success()) {
        peer::skip("mkfs.ext4 makes no file system here");
        return;
    }
    let disk = fs::read(&image).unwrap();
    // A piece from the middle that is not all zero, as it stands on the disk.
    let piece = bytes
        .chunks_exact(4096)
        .skip(bytes.len() / 8192)
        .find(|piece| piece.iter().any(|byte| *byte != 0));
    let piece = piece.expect("a bundle is not all zero");
    let at = disk
        .chunks_exact(4096)
        .position(|block| block == piece)
        .expect("it is on the disk")
        * 4096;
    let script = r#"
        image=$0; mounted=$1; at=$2; shift 2
        mount -o loop,ro "$image" "$mounted" || exit 77
        truncate -s "$at" "$image"
        "$@"
    "#;
    let mut unshare = command::clean("unshare", &world.airlock.path(".home"));
    let airlock = world.airlock.command([] as [&OsStr; 0]).get_program().to_owned();
    unshare
        .current_dir(world.airlock.path("."))
        .args(["--mount", "sh", "-uc", script])
        .arg(&image)
        .arg(&mounted)
        .arg(at.to_string())
        .arg(airlock)
        .args(world.import_arguments(&mounted.join("bundle.airlock.tar"), &store));
    let output = command::run(&mut unshare);
    let text = output.stderr();
    if output.status.code() == Some(77) || text.contains("unshare failed") {
        peer::skip("no loop device can be mounted here");
        return;
    }
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("Input/output error") && text.contains("pulled out"),
        "{text}"
    );
    let now = Tree::of(&store);
    assert!(now == before, "{}", before.diff(&now));
    world.import(&store);
}

/// Every blob of everything that is served: how many came whole, and how many did not.
fn pull_all(address: SocketAddr) -> (usize, usize) {
    let json = |target: &str| -> Option<Value> {
        let answer = http::get(address, target).ok()?;
        serde_json::from_slice(&answer.body).ok()
    };
    let (mut whole, mut broken) = (0, 0);
    let names = json("/v2/_catalog?n=1000").unwrap();
    for name in names["repositories"].as_array().unwrap() {
        let name = name.as_str().unwrap();
        let tags = json(&format!("/v2/{name}/tags/list")).unwrap();
        let Some(tag) = tags["tags"][0].as_str() else {
            continue;
        };
        let mut open = vec![tag.to_owned()];
        while let Some(reference) = open.pop() {
            let Some(manifest) = json(&format!("/v2/{name}/manifests/{reference}")) else {
                broken += 1;
                continue;
            };
            for child in manifest["manifests"].as_array().into_iter().flatten() {
                open.push(child["digest"].as_str().unwrap().to_owned());
            }
            for layer in manifest["layers"].as_array().into_iter().flatten() {
                let target = format!("/v2/{name}/blobs/{}", layer["digest"].as_str().unwrap());
                let is_whole = http::get(address, &target).is_ok_and(|answer| {
                    answer.status == 200 && Some(answer.body.len() as u64) == layer["size"].as_u64()
                });
                *(if is_whole { &mut whole } else { &mut broken }) += 1;
            }
        }
    }
    (whole, broken)
}

#[test]
fn a_bundle_that_is_cut_short_while_it_is_served() {
    let Some(world) = World::small() else { return };
    let bundle = world.airlock.path("vanished-served.airlock.tar");
    fs::copy(&world.bundle, &bundle).unwrap();
    let key = ["--key".as_ref(), world.public_key.as_os_str()];
    let served = world.airlock.serve(&bundle, key);
    let (all, before) = pull_all(served.address());
    assert!(all > 0);
    cut(&bundle, 5);
    let (whole, broken) = pull_all(served.address());
    assert!(broken > before, "nothing broke: {whole} of {all} came whole");
    // It goes on serving what it can, and says why it could not.
    assert_eq!(http::get(served.address(), "/v2/").unwrap().status, 200);
    let log = served.log();
    assert!(
        log.contains("could not be read") || log.contains("broke off"),
        "{log}"
    );
    assert!(!log.contains("panicked"), "{log}");
    fs::write(&bundle, fs::read(&world.bundle).unwrap()).unwrap();
    assert_eq!(pull_all(served.address()), (all, before));
}

/// Leaves so many tenths of a file.
fn cut(path: &Path, tenths: u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() * tenths / 10)
        .unwrap();
}

/// A blob of more than one piece breaks off where the file does, and the log does not blame the client.
#[test]
fn a_large_blob_that_is_cut_short_while_it_is_served() {
    let place = Airlock::new();
    let content: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
    place.write("large", &content);
    place.write(
        "airlock.yaml",
        "apiVersion: airlock.dev/v1\nkind: Manifest\nmetadata: {name: cut, version: 1.0.0}\n\
         platforms: [linux/amd64]\ncomponents:\n- name: extras\n  files: [{path: ./large}]\n",
    );
    place
        .run(["keygen", "--out", "a.key", "--insecure-no-password"])
        .succeeds();
    place
        .run([
            "build",
            "--key",
            "a.key",
            "--no-cache",
            "--no-importer",
            "--out",
            ".",
        ])
        .succeeds();
    let bundle = place.path("cut-1.0.0.airlock.tar");
    let key = place.path("a.pub");
    let served = place.serve(&bundle, ["--key".as_ref(), key.as_os_str()]);
    let catalog = http::get(served.address(), "/v2/_catalog").unwrap();
    let catalog: Value = serde_json::from_slice(&catalog.body).unwrap();
    let name = catalog["repositories"][0].as_str().unwrap();
    let target = format!("/v2/{name}/blobs/{}", airlock_tests::digest(&content));
    let whole = http::get(served.address(), &target).unwrap();
    assert!(whole.body == content);
    cut(&bundle, 5);
    let broken = http::get(served.address(), &target);
    assert!(broken.is_err() || broken.is_ok_and(|answer| answer.body.len() < content.len()));
    assert_eq!(http::get(served.address(), "/v2/").unwrap().status, 200);
    let log = served.log();
    assert!(
        log.contains("(broke off: the content could not be read)"),
        "{log}"
    );
    assert!(!log.contains("client left"), "{log}");
}
