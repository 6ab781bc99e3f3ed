//! One lock, one bundle: whoever packs it, wherever, and as others read it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use airlock_tests::command::{run, succeed};
use airlock_tests::{Airlock, archive, peer, tree};

use crate::world::{World, only_bundle};

#[test]
fn another_folder_umask_time_zone_and_order_of_arrival_change_nothing() {
    let Some(world) = World::small() else { return };
    let wanted = tree::hash(&world.bundle);
    let other = Airlock::new();
    for file in ["airlock.lock", "site.conf"] {
        fs::copy(world.airlock.path(file), other.path(file)).unwrap();
    }
    for (at, (umask, zone, jobs)) in [("077", "Asia/Kathmandu", "1"), ("000", "Pacific/Apia", "16")]
        .iter()
        .enumerate()
    {
        let out = format!("out-{at}");
        let arguments = world.pack_arguments(Path::new(&out));
        let packed = other.command(&arguments);
        let mut command = Command::new("/bin/sh");
        // The umask belongs to the process, and only a shell can set it for another program.
        command
            .args([
                "-c",
                &format!("umask {umask}; exec \"$0\" \"$@\""),
                packed.get_program().to_str().unwrap(),
            ])
            .args(packed.get_args())
            .args(["--jobs", jobs, "--cache", "cache"])
            .current_dir(other.path(""))
            .env_clear()
            .envs([("PATH", "/usr/bin:/bin"), ("TZ", zone), ("LC_ALL", "C")])
            .env("HOME", other.path(".home"));
        other.finish(&mut command, Stdio::null()).succeeds();
        assert_eq!(
            tree::hash(&only_bundle(&other.path(&out))),
            wanted,
            "umask {umask}, {zone}, {jobs} jobs"
        );
    }
}

/// Another key changes the signature and nothing else.
#[test]
fn another_key_changes_only_the_signature() {
    let Some(world) = World::small() else { return };
    world.keygen("second");
    let out = Path::new("second-key");
    let mut arguments = world.pack_arguments(out);
    for word in &mut arguments {
        if word.ends_with("airlock.key") {
            *word = world.airlock.path("second.key").to_str().unwrap().to_owned();
        }
    }
    arguments.push("--no-cache".to_owned());
    world.airlock.run(&arguments).succeeds();
    let unsigned = |bundle: &Path| {
        let tar = fs::read(bundle).unwrap();
        archive::without(&tar, |name| name.starts_with("signatures/"))
    };
    let second = only_bundle(&world.airlock.path(out));
    assert_ne!(tree::hash(&second), tree::hash(&world.bundle));
    assert!(
        unsigned(&second) == unsigned(&world.bundle),
        "more than the signature differs"
    );
}

#[test]
fn the_archive_is_plain_ustar_without_times_and_owners() {
    let Some(world) = World::small() else { return };
    let tar = fs::read(&world.bundle).unwrap();
    let entries = archive::entries(&tar);
    assert_eq!(entries[0].name, "airlock.json");
    assert!(entries[1].name.starts_with("signatures/"), "{}", entries[1].name);
    for entry in &entries {
        let header = tar::Header::from_byte_slice(&tar[entry.whole.start..entry.whole.start + 512]);
        assert!(header.as_ustar().is_some(), "{}", entry.name);
        assert_eq!(header.mtime().unwrap(), 0, "{}", entry.name);
        assert_eq!(
            (header.uid().unwrap(), header.gid().unwrap()),
            (0, 0),
            "{}",
            entry.name
        );
        assert!(
            header.entry_type().is_file() || header.entry_type().is_dir(),
            "{}",
            entry.name
        );
    }
    let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    let blobs: Vec<&&str> = names
        .iter()
        .filter(|name| name.starts_with("blobs/sha256/") && name.len() > 13)
        .collect();
    assert!(blobs.is_sorted(), "{blobs:?}");
}

#[test]
fn sha256sum_accepts_an_unpacked_bundle_and_sees_a_changed_byte() {
    let Some(world) = World::small() else { return };
    if !peer::require(&["sha256sum", "tar"]) {
        return;
    }
    let folder = world.airlock.path("sums");
    fs::create_dir(&folder).unwrap();
    succeed(
        Command::new("tar")
            .arg("-xf")
            .arg(&world.bundle)
            .arg("-C")
            .arg(&folder),
    );
    let check = || {
        let mut command = Command::new("sha256sum");
        run(command
            .args(["--check", "--strict", "SHA256SUMS"])
            .current_dir(&folder)
            .env("LC_ALL", "C"))
    };
    let accepted = check();
    assert!(accepted.status.success(), "{}", accepted.stderr());
    // The list is complete: every file but itself, the index and the signatures.
    let listed = accepted.stdout().lines().count();
    let files = tree::Tree::of(&folder)
        .without("signatures")
        .names()
        .filter(|name| {
            folder.join(name).is_file() && !["SHA256SUMS", "airlock.json"].map(Path::new).contains(name)
        })
        .count();
    assert_eq!(listed, files, "{}", accepted.stdout());

    let lock = folder.join("airlock.lock");
    let mut bytes = fs::read(&lock).unwrap();
    bytes[10] ^= 1;
    fs::write(&lock, bytes).unwrap();
    assert!(!check().status.success());
}

/// What an auditor compares by hand: the signed index lists the very sums that `sha256sum` checked.
#[test]
fn the_signed_index_and_the_list_of_sums_agree() {
    let Some(world) = World::small() else { return };
    let index = archive::read(&world.bundle, "airlock.json").unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    let sums = String::from_utf8(archive::read(&world.bundle, "SHA256SUMS").unwrap()).unwrap();
    let signed: Vec<String> = index["files"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|file| file["path"] != "SHA256SUMS")
        .map(|file| {
            format!(
                "{}  {}",
                file["sha256"].as_str().unwrap(),
                file["path"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(signed, sums.lines().collect::<Vec<_>>());
}

#[test]
fn openssl_verifies_the_signature_over_the_index() {
    let Some(world) = World::small() else { return };
    if !peer::require(&["openssl"]) {
        return;
    }
    let folder = world.airlock.path("openssl");
    fs::create_dir(&folder).unwrap();
    let (index, bundle) = index_and_signature(world);
    let signature: serde_json::Value = serde_json::from_slice(&bundle).unwrap();
    let base64 = signature["messageSignature"]["signature"].as_str().unwrap();
    fs::write(folder.join("signature.base64"), base64).unwrap();
    fs::write(folder.join("airlock.json"), &index).unwrap();
    let openssl = |arguments: &[&str]| run(Command::new("openssl").args(arguments).current_dir(&folder));
    let decoded = openssl(&[
        "base64",
        "-d",
        "-A",
        "-in",
        "signature.base64",
        "-out",
        "signature",
    ]);
    assert!(decoded.status.success(), "{}", decoded.stderr());
    let key = world.public_key.to_str().unwrap();
    let verify = || {
        openssl(&[
            "dgst",
            "-sha256",
            "-verify",
            key,
            "-signature",
            "signature",
            "airlock.json",
        ])
    };
    let accepted = verify();
    assert!(
        accepted.status.success(),
        "{}{}",
        accepted.stdout(),
        accepted.stderr()
    );

    let mut changed = index;
    changed[5] ^= 1;
    fs::write(folder.join("airlock.json"), changed).unwrap();
    assert!(!verify().status.success());
}

/// The library that npm itself trusts reads the signature as the Sigstore bundle it claims to be.
#[test]
fn sigstore_verifies_the_signature_over_the_index() {
    let Some(world) = World::small() else { return };
    if !peer::require(&["node", "npm"]) {
        return;
    }
    let folder = world.airlock.path("sigstore");
    fs::create_dir(&folder).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/sigstore-verify");
    for file in ["package.json", "package-lock.json", "verify.mjs"] {
        fs::copy(source.join(file), folder.join(file)).unwrap();
    }
    let mut install = Command::new("npm");
    install
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&folder);
    let installed = run(&mut install);
    if !installed.status.success() {
        peer::skip(&format!(
            "npm could not install @sigstore/verify: {}",
            installed.stderr()
        ));
        return;
    }
    let (index, bundle) = index_and_signature(world);
    fs::write(folder.join("airlock.json"), &index).unwrap();
    fs::write(folder.join("bundle.json"), bundle).unwrap();
    let verify = || {
        let mut command = Command::new("node");
        command
            .args(["verify.mjs", "bundle.json"])
            .arg(&world.public_key)
            .arg("airlock.json");
        run(command.current_dir(&folder))
    };
    let accepted = verify();
    assert!(accepted.status.success(), "{}", accepted.stderr());
    assert!(
        accepted.stdout().starts_with("verified "),
        "{}",
        accepted.stdout()
    );

    fs::write(folder.join("airlock.json"), [index, b" ".to_vec()].concat()).unwrap();
    assert_eq!(verify().status.code(), Some(1));
}

/// The signed index, and the Sigstore bundle over it.
fn index_and_signature(world: &World) -> (Vec<u8>, Vec<u8>) {
    let tar = fs::read(&world.bundle).unwrap();
    let entries = archive::entries(&tar);
    let signature = entries
        .iter()
        .find(|entry| entry.name.ends_with(".sigstore.json"))
        .expect("a bundle has a signature");
    (entries[0].of(&tar).to_vec(), signature.of(&tar).to_vec())
}
