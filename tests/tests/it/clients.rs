//! Real clients pull and run from the mirror, over a store and over a bundle file.

use std::sync::{Mutex, PoisonError};

use airlock_tests::images::GREETING;
use airlock_tests::{Containerd, Podman, Served, Skopeo, digest, http, peer};

use crate::world::{ALIAS, World};

/// Serves the store that a world was imported into, by the first test that asks.
fn over_store(world: &World) -> Served {
    static IMPORTS: Mutex<()> = Mutex::new(());
    let store = world.airlock.path("clients-store");
    let imports = IMPORTS.lock().unwrap_or_else(PoisonError::into_inner);
    if !store.exists() {
        world.import(&store);
    }
    drop(imports);
    world.airlock.serve(&store, [""; 0])
}

fn over_bundle(world: &World) -> Served {
    world
        .airlock
        .serve(&world.bundle, ["--key".as_ref(), world.public_key.as_os_str()])
}

fn skopeo_copies(world: &World, mirror: &Served) {
    let skopeo = Skopeo::new();
    let host = mirror.address().to_string();
    for image in &world.images {
        let reference = image.at(&host);
        assert_eq!(
            digest(&skopeo.raw(&reference)),
            image.root.digest,
            "{}",
            image.form
        );
        if image.skopeo_copies() {
            let folder = skopeo.folder().join("copy");
            skopeo.copy(
                &format!("docker://{reference}"),
                &format!("dir:{}", folder.display()),
            );
            std::fs::remove_dir_all(folder).unwrap();
        }
    }
}

fn podman_runs(world: &World, mirror: &Served) {
    if !peer::require(&["podman"]) {
        return;
    }
    let host = mirror.address().to_string();
    let podman = Podman::new(&[&host]);
    for image in world
        .images
        .iter()
        .filter(|image| image.runs_in_podman() && !image.is_large())
    {
        let reference = image.at(&host);
        podman.pull(&reference);
        assert_eq!(podman.run(&reference), GREETING, "{}: {reference}", image.form);
    }
}

fn containerd_runs(world: &World, mirror: &Served) {
    if !peer::require(&["containerd", "ctr"]) {
        return;
    }
    let containerd = Containerd::start();
    // containerd adds `?ns=` with the registry that the reference names.
    let hosts_dir = containerd.mirror(&world.host, &mirror.address().to_string());
    for image in world
        .images
        .iter()
        .filter(|image| image.runs && !image.is_large())
    {
        let reference = image.at(&world.host);
        containerd.pull(&hosts_dir, &reference);
        assert_eq!(containerd.digest(&reference), image.root.digest, "{}", image.form);
        assert_eq!(
            containerd.run(&reference),
            GREETING,
            "{}: {reference}",
            image.form
        );
    }
}

#[test]
fn skopeo_copies_from_a_store() {
    let Some(world) = World::small() else { return };
    skopeo_copies(world, &over_store(world));
}

#[test]
fn skopeo_copies_from_a_bundle_file() {
    let Some(world) = World::full() else { return };
    skopeo_copies(world, &over_bundle(world));
}

#[test]
fn podman_runs_from_a_store() {
    let Some(world) = World::full() else { return };
    podman_runs(world, &over_store(world));
}

#[test]
fn podman_runs_from_a_bundle_file() {
    let Some(world) = World::full() else { return };
    podman_runs(world, &over_bundle(world));
}

#[test]
fn containerd_runs_from_a_store() {
    let Some(world) = World::full() else { return };
    containerd_runs(world, &over_store(world));
}

#[test]
fn containerd_runs_from_a_bundle_file() {
    let Some(world) = World::full() else { return };
    containerd_runs(world, &over_bundle(world));
}

/// The configuration that `airlock config` prints works as it is, for names that exist nowhere else.
#[test]
fn podman_works_with_the_printed_configuration() {
    let Some(world) = World::small() else { return };
    if !peer::require(&["podman"]) {
        return;
    }
    let mirror = over_store(world);
    let url = format!("http://{}", mirror.address());
    let run = world
        .airlock
        .run(["config", "podman", "--url", &url, "--registry", ALIAS]);
    let podman = Podman::with_registries(&run.succeeds().stdout);
    for image in world.images.iter().filter(|image| image.runs_in_podman()) {
        let reference = image.at(ALIAS);
        podman.pull(&reference);
        assert_eq!(podman.run(&reference), GREETING, "{reference}");
    }
}

#[test]
fn containerd_works_with_the_written_configuration() {
    let Some(world) = World::small() else { return };
    if !peer::require(&["containerd", "ctr"]) {
        return;
    }
    let mirror = over_bundle(world);
    let url = format!("http://{}", mirror.address());
    let arguments = [
        "config",
        "containerd",
        "--url",
        &url,
        "--registry",
        ALIAS,
        "--write",
        "containerd",
    ];
    world.airlock.run(arguments).succeeds();
    let written = find_folder(&world.airlock.path("containerd"), "certs.d");
    let containerd = Containerd::start();
    for image in world.images.iter().filter(|image| image.runs) {
        let reference = image.at(ALIAS);
        containerd.pull(&written, &reference);
        assert_eq!(containerd.digest(&reference), image.root.digest, "{reference}");
        assert_eq!(containerd.run(&reference), GREETING, "{reference}");
    }
}

fn find_folder(below: &std::path::Path, name: &str) -> std::path::PathBuf {
    let mut todo = vec![below.to_owned()];
    while let Some(folder) = todo.pop() {
        if folder.file_name().is_some_and(|last| last == name) {
            return folder;
        }
        let entries = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        todo.extend(entries.filter(|path| path.is_dir()));
    }
    panic!("no {name} below {}", below.display())
}

/// What tools find out about signatures, they find at the mirror as well.
#[test]
fn companions_are_served_behind_their_tags() {
    let Some(world) = World::small() else { return };
    let skopeo = Skopeo::new();
    for mirror in [over_store(world), over_bundle(world)] {
        for companion in &world.suite.companions {
            let reference = format!("{}/{}:{}", mirror.address(), companion.repository, companion.tag);
            let raw = skopeo.raw(&reference);
            let behind = digest(&raw) == companion.root.digest
                || String::from_utf8_lossy(&raw).contains(&companion.root.digest);
            assert!(behind, "{} is not behind {reference}", companion.root.digest);
        }
        let subject = &world.suite.image("hand/signed").root.digest;
        let answer = http::get(mirror.address(), &format!("/v2/hand/signed/referrers/{subject}")).unwrap();
        let text = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, 200, "{text}");
        assert!(text.contains("application/spdx+json"), "{text}");
    }
}

/// A mirror is read-only, and says so in the registry's own words.
#[test]
fn nothing_can_be_pushed() {
    let Some(world) = World::small() else { return };
    let mirror = over_store(world);
    let answer = http::send(
        mirror.address(),
        "POST",
        "/v2/hand/signed/blobs/uploads/",
        &[],
        Some((0, &mut std::io::empty())),
    )
    .unwrap();
    assert_eq!(answer.status, 405);
    assert!(String::from_utf8_lossy(&answer.body).contains("UNSUPPORTED"));
}
