//! An unpacked bundle is a valid OCI image layout to others.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use airlock_tests::command::succeed;
use airlock_tests::{Image, Skopeo, digest, tree};
use serde_json::Value;

use crate::world::World;

fn unpack(bundle: &Path, into: &Path) {
    fs::create_dir_all(into).unwrap();
    succeed(Command::new("tar").arg("-xf").arg(bundle).arg("-C").arg(into));
}

/// The name under which a layout has an image.
fn reference(layout: &Path, image: &Image) -> Option<String> {
    let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    let entry = index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["digest"] == image.root.digest.as_str())?;
    Some(
        entry["annotations"]["org.opencontainers.image.ref.name"]
            .as_str()?
            .to_owned(),
    )
}

/// What skopeo 1.9 can find in a layout by name: it passes over everything that has a Docker media type,
/// and its grammar has no place for a double underscore.
fn skopeo_finds(image: &Image) -> bool {
    !image.root.media_type.contains("docker") && !image.repository.contains("__")
}

fn check(world: &World, layout: &Path) {
    let skopeo = Skopeo::new();
    let mut copied = 0;
    for image in &world.images {
        let reference = reference(layout, image)
            .unwrap_or_else(|| panic!("{} is not in index.json: {}", image.form, image.at(&world.host)));
        if !skopeo_finds(image) {
            continue;
        }
        let source = format!("oci:{}:{reference}", layout.display());
        let mut inspect = skopeo.command("inspect");
        let raw = succeed(inspect.args(["--raw", &source])).stdout;
        assert_eq!(digest(&raw), image.root.digest, "{source}");
        if image.skopeo_copies() {
            let target = skopeo.folder().join(copied.to_string());
            skopeo.copy(&source, &format!("dir:{}", target.display()));
            fs::remove_dir_all(target).unwrap();
            copied += 1;
        }
    }
    let wanted = world
        .images
        .iter()
        .filter(|image| skopeo_finds(image) && image.skopeo_copies())
        .count();
    assert_eq!(copied, wanted);
}

#[test]
fn skopeo_reads_every_image_of_an_unpacked_bundle() {
    let Some(world) = World::full() else { return };
    let layout = world.airlock.path("unpacked");
    unpack(&world.bundle, &layout);
    check(world, &layout);
    fs::remove_dir_all(layout).unwrap();
}

#[test]
fn skopeo_reads_every_image_of_a_store() {
    let Some(world) = World::small() else { return };
    let store = world.airlock.path("layout-store");
    world.import(&store);
    check(world, &store);
}

/// What the lock names is there, under its digest, with its content, and nothing else is.
#[test]
fn the_bundle_holds_exactly_what_the_lock_names() {
    let Some(world) = World::small() else { return };
    let layout = world.airlock.path("unpacked");
    unpack(&world.bundle, &layout);
    let mut found: Vec<PathBuf> = fs::read_dir(layout.join("blobs/sha256"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort_unstable();
    for blob in &found {
        let name = blob.file_name().unwrap().to_string_lossy();
        assert_eq!(tree::hash(blob), format!("sha256:{name}"));
    }
    let mut pinned = std::collections::BTreeSet::new();
    for artifact in world.lock["artifacts"].as_array().unwrap() {
        pins(artifact, &mut pinned);
    }
    let found: Vec<String> = found
        .iter()
        .map(|blob| format!("sha256:{}", blob.file_name().unwrap().to_string_lossy()))
        .collect();
    assert_eq!(found, pinned.into_iter().collect::<Vec<_>>());
    fs::remove_dir_all(layout).unwrap();
}

/// Every object with `digest`, `mediaType` and `size` is a pin.
fn pins(value: &Value, into: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let (Some(Value::String(digest)), Some(_), Some(_)) =
                (fields.get("digest"), fields.get("mediaType"), fields.get("size"))
            {
                into.insert(digest.clone());
            }
            fields.values().for_each(|value| pins(value, into));
        }
        Value::Array(values) => values.iter().for_each(|value| pins(value, into)),
        _ => {}
    }
}
