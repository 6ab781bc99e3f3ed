use std::fs;
use std::path::Path;

use airlock_content::{
    FetchedManifest, ManifestSelector, MetadataSource, Origin, SourceErrorKind, digest_of,
};
use airlock_local::Local;
use airlock_types::{Descriptor, Manifest, media_type};
use serde_json::json;

use crate::support::{config, exhaust, gzip, layer_tar, noise, read, tar_of, wait};

/// Two images that share a layer, as `docker save a b` writes them; links as older versions did.
fn two_images(path: &Path) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let (base, top) = (layer_tar("base", b"base"), layer_tar("top", &noise(3, 700_000)));
    let (one, two) = (config(&[&base]), config(&[&base, &top]));
    let list = json!([
        {"Config": "one.json", "RepoTags": ["acme/one:1", "registry.example:5000/one:latest"], "Layers": ["111/layer.tar"]},
        {"Config": "two.json", "RepoTags": ["two:1"], "Layers": ["222/layer.tar", "top/layer.tar"]},
    ]);
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |name: &str, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, content).unwrap();
    };
    add("111/layer.tar", &base);
    add("top/layer.tar", &top);
    add("one.json", &one);
    add("two.json", &two);
    add("./manifest.json", list.to_string().as_bytes());
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    builder
        .append_link(&mut link, "222/layer.tar", "../111/layer.tar")
        .unwrap();
    fs::write(path, builder.into_inner().unwrap()).unwrap();
    (base, top, two)
}

fn named(local: &Local, origin: &Origin, name: &str) -> FetchedManifest {
    wait(local.manifest(origin, &ManifestSelector::Named(name.into()))).unwrap()
}

#[test]
fn an_image_becomes_a_manifest_with_its_own_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (base, top, config) = two_images(&folder.path().join("saved.tar"));
    let local = Local::new(folder.path());
    let origin = Origin::DockerArchive("saved.tar".into());
    let fetched = named(&local, &origin, "docker.io/library/two:1");
    assert!(fetched.generated);
    let right = Descriptor::new("", digest_of(&config), config.len() as u64);
    assert_eq!(wait(local.blob(&origin, &right, right.size)).unwrap(), config);
    for size in [right.size - 1, right.size + 1] {
        let wrong = Descriptor {
            size,
            ..right.clone()
        };
        let error = wait(local.blob(&origin, &wrong, 1 << 20)).unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Corrupt);
    }
    assert_eq!(fetched.descriptor.media_type, media_type::OCI_MANIFEST);
    assert_eq!(fetched.descriptor.digest, digest_of(&fetched.bytes));
    let expected = format!(
        concat!(
            r#"{{"config":{{"digest":"{}","mediaType":"application/vnd.oci.image.config.v1+json","size":{}}},"#,
            r#""layers":[{{"digest":"{}","mediaType":"application/vnd.oci.image.layer.v1.tar","size":{}}},"#,
            r#"{{"digest":"{}","mediaType":"application/vnd.oci.image.layer.v1.tar","size":{}}}],"#,
            r#""mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}}"#
        ),
        digest_of(&config),
        config.len(),
        digest_of(&base),
        base.len(),
        digest_of(&top),
        top.len(),
    );
    assert_eq!(String::from_utf8_lossy(&fetched.bytes), expected);

    let Ok(Manifest::Image(image)) = Manifest::parse(media_type::OCI_MANIFEST, &fetched.bytes) else {
        panic!("an image");
    };
    // A fresh source, as a later run of the program has it, and one that knows the archive.
    for local in [&local, &Local::new(folder.path())] {
        wait(async {
            assert_eq!(local.blob(&origin, &image.config, 1 << 20).await.unwrap(), config);
            for (layer, content) in image.layers.iter().zip([&base, &top]) {
                for offset in [0, 600, content.len()] {
                    assert!(read(local, &origin, layer, offset as u64).await.unwrap() == content[offset..]);
                }
            }
            let again = local
                .manifest(&origin, &ManifestSelector::Digest(fetched.descriptor.digest))
                .await;
            assert_eq!(again.unwrap(), fetched);
            assert_eq!(
                read(local, &origin, &fetched.descriptor, 0).await.unwrap(),
                fetched.bytes
            );
            assert_eq!(
                local
                    .referrers(&origin, &fetched.descriptor.digest)
                    .await
                    .unwrap(),
                []
            );
        });
    }
}

#[test]
fn images_are_found_by_every_spelling_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("saved.tar");
    two_images(&path);
    let origin = Origin::DockerArchive(path);
    let local = Local::new("/");
    let one = named(&local, &origin, "acme/one:1");
    assert_eq!(named(&local, &origin, "docker.io/acme/one:1"), one);
    assert_eq!(named(&local, &origin, "registry.example:5000/one"), one);
    assert_ne!(named(&local, &origin, "two:1"), one);
    let tag = |tag: &str| wait(local.manifest(&origin, &ManifestSelector::Tag(tag.parse().unwrap())));
    assert_eq!(tag("latest").unwrap(), one);
    assert_eq!(
        tag("1").unwrap_err().kind,
        SourceErrorKind::Corrupt,
        "both images have this tag"
    );
    for selector in [ManifestSelector::Only, ManifestSelector::Named("three:1".into())] {
        let error = wait(local.manifest(&origin, &selector)).unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::NotFound);
        assert_eq!(
            error.hint.unwrap(),
            "it holds acme/one:1, registry.example:5000/one:latest, two:1"
        );
    }
    let absent = ManifestSelector::Digest(digest_of(b""));
    assert_eq!(
        wait(local.manifest(&origin, &absent)).unwrap_err().kind,
        SourceErrorKind::NotFound
    );
}

#[test]
fn compressed_layers_are_known_by_their_first_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let plain = layer_tar("x", b"x");
    let packed = gzip(&plain);
    let list =
        json!([{"Config": "blobs/sha256/c", "RepoTags": null, "Layers": ["blobs/sha256/l"]}]).to_string();
    let archive = tar_of(&[
        ("blobs/sha256/c", &config(&[&plain])),
        ("blobs/sha256/l", &packed),
        ("manifest.json", list.as_bytes()),
    ]);
    fs::write(folder.path().join("x.tar"), archive).unwrap();
    let origin = Origin::DockerArchive("x.tar".into());
    let local = Local::new(folder.path());
    let fetched = wait(local.manifest(&origin, &ManifestSelector::Only)).unwrap();
    let Ok(Manifest::Image(image)) = Manifest::parse(media_type::OCI_MANIFEST, &fetched.bytes) else {
        panic!("an image");
    };
    assert_eq!(image.layers[0].media_type, media_type::OCI_LAYER_GZIP);
    assert_eq!(image.layers[0].digest, digest_of(&packed));
    assert_eq!(
        wait(read(&Local::new(folder.path()), &origin, &image.layers[0], 0)).unwrap(),
        packed
    );
    assert_eq!(exhaust(&local, &origin, ""), 2);
}

#[test]
fn an_archive_that_contradicts_itself_is_refused() {
    let layer = layer_tar("x", b"x");
    let good = config(&[&layer]);
    let wrong_layer = config(&[b"another"]);
    let too_many = config(&[&layer, &layer]);
    let list = |layers: &[&str]| json!([{"Config": "c", "RepoTags": ["x:1"], "Layers": layers}]).to_string();
    let bomb = list(&vec!["l"; 1001]);
    let many = format!("[{}]", vec![r#"{"Config":"c"}"#; 10_001].join(","));
    // Space that means nothing, which is all the same to be read.
    let long = |text: &[u8], size: usize| {
        let mut text = text.to_vec();
        text.resize(size, b' ');
        text
    };
    let long_list = String::from_utf8(long(list(&["l"]).as_bytes(), (16 << 20) + 1)).unwrap();
    let long_config = long(&good, (4 << 20) + 1);
    for (config, list, message) in [
        (
            &wrong_layer,
            list(&["l"]),
            "the content is not what its descriptor says",
        ),
        (
            &too_many,
            list(&["l"]),
            "holds 1 layers of an image whose configuration names 2",
        ),
        (&good, list(&["m"]), "lacks a file that it names: m"),
        (&good, list(&["../l"]), "leads out of it: ../l"),
        (&good, list(&["/l"]), "leads out of it: /l"),
        (&good, "{}".into(), "the JSON document cannot be read"),
        (&good, "[]".into(), "the archive holds no image"),
        (&good, bomb, "an image of more than 1000 layers"),
        (&good, many, "more than 10000 images"),
        (&good, long_list, "larger than the 16.0 MiB allowed"),
        (&long_config, list(&["l"]), "larger than the 4.0 MiB allowed"),
        (&b"[".to_vec(), list(&["l"]), "the JSON document cannot be read"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let archive = tar_of(&[("c", config), ("l", &layer), ("manifest.json", list.as_bytes())]);
        fs::write(folder.path().join("x.tar"), archive).unwrap();
        let origin = Origin::DockerArchive("x.tar".into());
        let error = wait(Local::new(folder.path()).manifest(&origin, &ManifestSelector::Only)).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert_ne!(error.kind, SourceErrorKind::Local);
    }
}

#[test]
fn the_other_kind_of_archive_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("oci.tar"), tar_of(&[("oci-layout", b"{}")])).unwrap();
    fs::write(
        folder.path().join("docker.tar"),
        tar_of(&[("manifest.json", b"[]")]),
    )
    .unwrap();
    let local = Local::new(folder.path());
    let ask = |origin| {
        wait(local.manifest(&origin, &ManifestSelector::Only))
            .unwrap_err()
            .hint
            .unwrap()
    };
    assert!(ask(Origin::DockerArchive("oci.tar".into())).contains("oci-archive:PATH"));
    assert!(ask(Origin::OciArchive("docker.tar".into())).contains("docker-archive:PATH"));
}
