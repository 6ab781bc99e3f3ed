//! What others write is read as they read it. A tool that is not installed is reported by name.

use std::fs;
use std::path::Path;
use std::process::Command;

use airlock_content::{FetchedManifest, ManifestSelector, MetadataSource, Origin, digest_of};
use airlock_local::Local;
use airlock_types::{Descriptor, Manifest, media_type};

use crate::support::{Layout, noise, read, wait};

fn installed(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").output().is_ok();
    if !found {
        eprintln!("SKIPPED oracle {tool}: not installed");
    }
    found
}

/// Runs a tool with its state below `folder`, and gives its standard output.
fn run(folder: &Path, tool: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(tool)
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder)
        .env("TMPDIR", folder)
        .env("XDG_RUNTIME_DIR", folder)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tool} {arguments:?}: {errors}");
    output.stdout
}

/// An image of two layers, made by umoci: a layout folder `l` with the tag `v1`.
fn umoci_image(folder: &Path) {
    fs::write(folder.join("a"), "a").unwrap();
    fs::write(folder.join("b"), noise(5, 900_000)).unwrap();
    run(folder, "umoci", &["init", "--layout", "l"]);
    run(folder, "umoci", &["new", "--image", "l:v1"]);
    for file in ["a", "b"] {
        run(
            folder,
            "umoci",
            &["insert", "--rootless", "--image", "l:v1", file, file],
        );
    }
}

fn named(local: &Local, origin: &Origin, name: &str) -> FetchedManifest {
    wait(local.manifest(origin, &ManifestSelector::Named(name.into()))).unwrap()
}

fn image(manifest: &FetchedManifest) -> airlock_types::ImageManifest {
    match Manifest::parse(&manifest.descriptor.media_type, &manifest.bytes) {
        Ok(Manifest::Image(image)) => *image,
        other => panic!("an image, not {other:?}"),
    }
}

/// Reads every blob of an image through both ways.
fn read_all(local: &Local, origin: &Origin, manifest: &FetchedManifest) -> Vec<(Descriptor, Vec<u8>)> {
    let image = image(manifest);
    let blobs = std::iter::once(&image.config).chain(&image.layers);
    blobs
        .map(|blob| {
            let content = wait(read(local, origin, blob, 0)).unwrap();
            assert_eq!(digest_of(&content), blob.digest);
            assert!(wait(local.blob(origin, blob, 1 << 24)).unwrap() == content);
            (blob.clone(), content)
        })
        .collect()
}

#[test]
fn layouts_and_their_tars_are_what_skopeo_sees() {
    if !installed("umoci") || !installed("skopeo") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    umoci_image(folder.path());
    run(
        folder.path(),
        "skopeo",
        &["copy", "oci:l:v1", "oci-archive:o.tar:registry.example/app:v1"],
    );
    let local = Local::new(folder.path());
    for (origin, name, skopeo) in [
        (Origin::OciLayout("l".into()), "v1", "oci:l:v1"),
        (
            Origin::OciArchive("o.tar".into()),
            "registry.example/app:v1",
            "oci-archive:o.tar",
        ),
    ] {
        let manifest = named(&local, &origin, name);
        assert_eq!(
            manifest.bytes,
            run(folder.path(), "skopeo", &["inspect", "--raw", skopeo])
        );
        assert_eq!(read_all(&local, &origin, &manifest).len(), 3);
        assert_eq!(
            wait(local.manifest(&origin, &ManifestSelector::Only)).unwrap(),
            manifest
        );
    }
}

#[test]
fn saved_archives_are_what_skopeo_sees_and_the_made_manifest_is_accepted() {
    if !installed("umoci") || !installed("skopeo") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    umoci_image(folder.path());
    run(
        folder.path(),
        "skopeo",
        &["copy", "oci:l:v1", "docker-archive:d.tar:registry.example/app:v1"],
    );
    let local = Local::new(folder.path());
    let origin = Origin::DockerArchive("d.tar".into());
    let manifest = named(&local, &origin, "registry.example/app:v1");
    assert!(manifest.generated);
    let blobs = read_all(&local, &origin, &manifest);

    let config = run(
        folder.path(),
        "skopeo",
        &["inspect", "--config", "--raw", "docker-archive:d.tar"],
    );
    assert_eq!(blobs[0].1, config);
    // skopeo sees a Docker manifest there: its layers must be ours.
    let theirs = run(
        folder.path(),
        "skopeo",
        &["inspect", "--raw", "docker-archive:d.tar"],
    );
    let theirs = match Manifest::parse(media_type::DOCKER_MANIFEST, &theirs) {
        Ok(Manifest::Image(image)) => image,
        other => panic!("an image, not {other:?}"),
    };
    let facts = |layers: &[Descriptor]| {
        layers
            .iter()
            .map(|layer| (layer.digest, layer.size))
            .collect::<Vec<_>>()
    };
    assert_eq!(facts(&image(&manifest).layers), facts(&theirs.layers));

    // What was made is an image to others: skopeo copies it, umoci reads it.
    let mut made = Layout::default();
    for (descriptor, content) in &blobs {
        made.blob(&descriptor.media_type, content);
    }
    let root = made.blob(media_type::OCI_MANIFEST, &manifest.bytes);
    made.root(&root, Some("v1"));
    made.write_folder(&folder.path().join("made"));
    run(
        folder.path(),
        "skopeo",
        &[
            "copy",
            "oci:made:v1",
            "docker-archive:again.tar:registry.example/app:v1",
        ],
    );
    run(folder.path(), "umoci", &["stat", "--image", "made:v1"]);
    let again = named(
        &local,
        &Origin::DockerArchive("again.tar".into()),
        "registry.example/app:v1",
    );
    assert_eq!(again, manifest, "the way there and back gives the same manifest");
}

#[test]
fn what_buildah_pushes_is_read() {
    if !installed("buildah") || !installed("skopeo") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("policy.json"),
        r#"{"default":[{"type":"insecureAcceptAnything"}]}"#,
    )
    .unwrap();
    fs::write(folder.path().join("f"), "content").unwrap();
    let root = folder.path().join("root").display().to_string();
    let state = folder.path().join("run").display().to_string();
    let buildah = |arguments: &[&str]| {
        let mut all = vec!["--root", &root, "--runroot", &state, "--storage-driver", "vfs"];
        all.extend(arguments);
        let probe = Command::new("buildah")
            .args(&all)
            .current_dir(folder.path())
            .output()
            .unwrap();
        if !probe.status.success() {
            eprintln!(
                "SKIPPED oracle buildah: {}",
                String::from_utf8_lossy(&probe.stderr).trim()
            );
        }
        probe.status.success()
    };
    let worked = buildah(&["from", "--name", "work", "scratch"])
        && buildah(&["copy", "work", "f", "/f"])
        && buildah(&["commit", "work", "localhost/app:1"])
        && buildah(&[
            "push",
            "--signature-policy",
            "policy.json",
            "localhost/app:1",
            "docker-archive:d.tar:localhost/app:1",
        ])
        && buildah(&[
            "push",
            "--signature-policy",
            "policy.json",
            "localhost/app:1",
            "oci-archive:o.tar:app-1",
        ]);
    if !worked {
        return;
    }
    let local = Local::new(folder.path());
    for (origin, name, skopeo) in [
        (
            Origin::DockerArchive("d.tar".into()),
            "localhost/app:1",
            "docker-archive:d.tar",
        ),
        (Origin::OciArchive("o.tar".into()), "app-1", "oci-archive:o.tar"),
    ] {
        let manifest = named(&local, &origin, name);
        let blobs = read_all(&local, &origin, &manifest);
        let config = run(folder.path(), "skopeo", &["inspect", "--config", "--raw", skopeo]);
        assert_eq!(blobs[0].1, config);
    }

    if !installed("podman") {
        return;
    }
    assert!(buildah(&["copy", "work", "f", "/g"]) && buildah(&["commit", "work", "localhost/other:2"]));
    let images = ["localhost/app:1", "localhost/other:2"];
    let mut save = vec![
        "--root",
        &root,
        "--runroot",
        &state,
        "--storage-driver",
        "vfs",
        "save",
        "-m",
        "-o",
        "m.tar",
    ];
    save.extend(images);
    run(folder.path(), "podman", &save);
    let both = Origin::DockerArchive("m.tar".into());
    let [app, other] = images.map(|name| named(&local, &both, name));
    assert_ne!(app, other);
    assert_eq!(
        app,
        named(&local, &Origin::DockerArchive("d.tar".into()), images[0])
    );
    assert_eq!(read_all(&local, &both, &other).len(), 2);
}
