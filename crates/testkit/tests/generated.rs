//! What is generated is well-formed and always the same.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use airlock_testkit::{
    Chart, Format, Image, artifact, chart_index, cosign_signature, image, multi_arch, multi_arch_of,
    nested_index, noise, tarball, write_oci_layout,
};
use airlock_types::Manifest;

/// Everything that a manifest names is there, with its right size, and nothing else is.
fn check_closed(image: &Image) {
    let mut named = BTreeSet::from([image.digest()]);
    for blob in image.all_manifests() {
        let manifest = Manifest::parse(&blob.media_type, &blob.bytes).unwrap();
        for child in manifest.children() {
            let held = image
                .all_manifests()
                .chain(&image.blobs)
                .find(|held| held.digest == child.digest);
            let held = held.unwrap_or_else(|| panic!("{} is named but not there", child.digest));
            assert_eq!(
                (held.bytes.len() as u64, &held.media_type),
                (child.size, &child.media_type)
            );
            named.insert(child.digest);
        }
    }
    let held: BTreeSet<_> = image
        .all_manifests()
        .chain(&image.blobs)
        .map(|blob| blob.digest)
        .collect();
    assert_eq!(held, named);
}

#[test]
fn images_are_complete() {
    check_closed(&image("a", "linux/amd64"));
    check_closed(&multi_arch("a", &["linux/amd64", "linux/arm64", "linux/arm/v7"]));
    check_closed(&multi_arch_of(Format::Docker, "a", &["linux/amd64"], 100));
    check_closed(&nested_index("a"));
    let signed = image("a", "linux/amd64");
    check_closed(&artifact(
        "application/spdx+json",
        "{ }",
        Some(&signed.descriptor()),
    ));
    check_closed(&cosign_signature("r", &signed.digest()));
    check_closed(&Chart::new("web", "1.2.3", "acme/web:1").as_oci());
}

#[test]
fn seeds_tell_images_apart_and_nothing_else_does() {
    assert_eq!(
        multi_arch("a", &["linux/amd64"]),
        multi_arch("a", &["linux/amd64"])
    );
    assert_ne!(
        image("a", "linux/amd64").digest(),
        image("b", "linux/amd64").digest()
    );
    // Pinned: another machine must arrive at the same tar.
    let digest = airlock_types::Digest::Sha256(airlock_hash::sha256(&tarball([("a", "b")])));
    assert_eq!(digest.short(), "ad41fe6510cc");
    assert_eq!(noise("seed", 100)[..50], noise("seed", 50)[..]);
}

#[test]
fn an_index_lists_versions_in_the_order_given() {
    let charts = [
        Chart::new("web", "1.0.0", "w:1"),
        Chart::new("api", "2.0.0", "a:1"),
        Chart::new("web", "1.1.0", "w:2"),
    ];
    let text = chart_index(&charts);
    let at = |needle: &str| text.find(needle).unwrap();
    assert!(at("  api:") < at("  web:"));
    assert!(at("web-1.0.0.tgz") < at("web-1.1.0.tgz"));
    assert_eq!(text.matches("  web:").count(), 1);
}

#[test]
fn a_layout_on_disk_has_every_blob() {
    let folder = tempfile::tempdir().unwrap();
    let image = nested_index("a");
    write_oci_layout(folder.path(), &[(Some("v1"), &image)]).unwrap();
    for blob in image.all_manifests().chain(&image.blobs) {
        let path = folder.path().join("blobs/sha256").join(blob.digest.hex());
        assert_eq!(std::fs::read(path).unwrap(), blob.bytes);
    }
}
