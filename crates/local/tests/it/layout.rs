use std::fs;
use std::os::unix::fs::symlink;

use airlock_content::{ManifestSelector, MetadataSource, Origin, ReferrerVia, SourceErrorKind, digest_of};
use airlock_local::Local;
use airlock_types::{Descriptor, Manifest, media_type};
use serde_json::json;

use crate::support::{Layout, exhaust, noise, read, shown, wait};

fn named(name: &str) -> ManifestSelector {
    ManifestSelector::Named(name.to_owned())
}

#[test]
fn a_folder_and_its_tar_give_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut layout = Layout::default();
    let (a, b) = (layout.image("a", None), layout.image("b", None));
    let inner = layout.index(std::slice::from_ref(&b));
    let outer = layout.index(&[a.clone(), inner.clone()]);
    layout.root(&outer, Some("docker.io/library/tools:1"));
    layout.root(&a, Some("v1"));
    layout.write_folder(&folder.path().join("layout"));
    layout.write_archive(folder.path().join("layout.tar"));

    let local = Local::new(folder.path());
    for origin in [
        Origin::OciLayout("layout".into()),
        Origin::OciArchive("layout.tar".into()),
    ] {
        for (selector, expected) in [
            (named("docker.io/library/tools:1"), &outer),
            (named("tools:1"), &outer),
            (ManifestSelector::Tag("v1".parse().unwrap()), &a),
            (ManifestSelector::Digest(inner.digest), &inner),
            (ManifestSelector::Digest(b.digest), &b),
            (ManifestSelector::Only, &outer),
        ] {
            let fetched = wait(local.manifest(&origin, &selector)).unwrap();
            assert_eq!(fetched.descriptor, *expected, "{selector:?} in {origin}");
            assert_eq!(digest_of(&fetched.bytes), expected.digest);
            assert!(!fetched.generated);
            assert!(Manifest::parse(&fetched.descriptor.media_type, &fetched.bytes).is_ok());
        }
        assert_eq!(
            exhaust(&local, &origin, "v1"),
            2 + 2,
            "two children of the index, two blobs of the image"
        );
    }
}

#[test]
fn blobs_stream_from_any_offset() {
    let folder = tempfile::tempdir().unwrap();
    let mut layout = Layout::default();
    let content = noise(1, 3 * 512 * 1024 + 77);
    let blob = layout.blob("application/octet-stream", &content);
    let empty = layout.blob("application/octet-stream", b"");
    let image = layout.image("x", None);
    layout.root(&image, None);
    let origins = [
        layout.write_folder(&folder.path().join("layout")),
        layout.write_archive(folder.path().join("layout.tar")),
    ];
    let local = Local::new(folder.path());
    for origin in &origins {
        wait(async {
            for offset in [0, 1, 512 * 1024 - 1, 512 * 1024, content.len() - 1, content.len()] {
                let got = read(&local, origin, &blob, offset as u64).await.unwrap();
                assert!(got == content[offset..], "from {offset}");
            }
            assert!(local.blob(origin, &blob, blob.size).await.unwrap() == content[..]);
            assert!(read(&local, origin, &empty, 0).await.unwrap().is_empty());
            let error = local.blob(origin, &blob, blob.size - 1).await.unwrap_err();
            assert_eq!(error.kind, SourceErrorKind::Unsupported);
            let past = read(&local, origin, &blob, blob.size + 1).await.unwrap_err();
            assert_eq!(past.kind, SourceErrorKind::Corrupt);
        });
    }
}

#[test]
fn a_stream_may_be_dropped_at_any_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut layout = Layout::default();
    let blob = layout.blob("application/octet-stream", &noise(2, 4 << 20));
    let origin = layout.write_folder(folder.path());
    let local = Local::new("/");
    wait(async {
        use airlock_content::BlobSource;
        use futures::StreamExt;
        let mut stream = local.open(&origin, &blob, 0).await.unwrap();
        assert!(!stream.next().await.unwrap().unwrap().is_empty());
    });
}

#[test]
fn what_is_missing_is_named_with_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut layout = Layout::default();
    let (a, b) = (layout.image("a", None), layout.image("b", None));
    layout.root(&a, Some("v1"));
    layout.root(&b, Some("v2"));
    let origin = layout.write_folder(folder.path());
    let local = Local::new("/");

    let error = wait(local.manifest(&origin, &named("v3"))).unwrap_err();
    assert_eq!(
        shown(&error),
        (
            SourceErrorKind::NotFound,
            "the OCI image layout has no image of this name".into(),
            "it holds v1, v2".into()
        )
    );
    let error = wait(local.manifest(&origin, &ManifestSelector::Only)).unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::NotFound);
    assert_eq!(error.hint.unwrap(), "it holds v1, v2");
    let absent = digest_of(b"absent");
    let error = wait(local.manifest(&origin, &ManifestSelector::Digest(absent))).unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::NotFound);
    let nowhere = Origin::OciLayout(folder.path().join("nowhere"));
    let error = wait(local.manifest(&nowhere, &ManifestSelector::Only)).unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Local);
    assert!(error.hint.unwrap().contains("folder of the manifest"));
}

#[test]
fn one_name_for_two_images_is_refused_and_for_one_twice_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut layout = Layout::default();
    let (a, b) = (layout.image("a", None), layout.image("b", None));
    layout.root(&a, Some("v1"));
    layout.root(&a, Some("v1"));
    layout.root(&a, Some("v2"));
    let twice = layout.write_folder(&folder.path().join("twice"));
    layout.root(&b, Some("v1"));
    let both = layout.write_folder(&folder.path().join("both"));
    let local = Local::new("/");
    assert_eq!(wait(local.manifest(&twice, &named("v1"))).unwrap().descriptor, a);
    assert_eq!(
        wait(local.manifest(&twice, &ManifestSelector::Only))
            .unwrap()
            .descriptor,
        a
    );
    let error = wait(local.manifest(&both, &named("v1"))).unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Corrupt);
    assert!(error.hint.unwrap().contains(&b.digest.to_string()));
}

#[test]
fn the_only_image_may_have_children_and_referrers_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut layout = Layout::default();
    let (a, b) = (layout.image("a", None), layout.image("b", None));
    let index = layout.index(&[a.clone(), b.clone()]);
    let note = layout.image("note", Some(&index));
    let signature = layout.image("signature", None);
    for (descriptor, name) in [(&a, None), (&note, None), (&index, Some("v1")), (&b, None)] {
        layout.root(descriptor, name);
    }
    layout.root(&signature, Some(&format!("{}.sig", index.digest.referrers_tag())));
    let origin = layout.write_folder(folder.path());
    assert_eq!(
        wait(Local::new("/").manifest(&origin, &ManifestSelector::Only))
            .unwrap()
            .descriptor,
        index
    );
}

#[test]
fn referrers_by_subject_by_fallback_tag_and_by_cosign_tag() {
    let folder = tempfile::tempdir().unwrap();
    let mut layout = Layout::default();
    let image = layout.image("image", None);
    let by_subject = layout.image("by subject", Some(&image));
    let below_index = layout.image("below an index", Some(&image));
    let by_tag = layout.image("by tag", Some(&image));
    let signature = layout.image("signature", None);
    let other = layout.image("other", Some(&signature));
    let holder = layout.index(std::slice::from_ref(&below_index));
    let fallback = layout.index(&[
        by_tag.clone(),
        Descriptor::new(media_type::OCI_MANIFEST, digest_of(b"gone"), 4),
    ]);
    let tag = image.digest.referrers_tag();
    layout.root(&image, Some("v1"));
    for descriptor in [&by_subject, &holder, &other] {
        layout.root(descriptor, None);
    }
    layout.root(&fallback, Some(&tag));
    layout.root(&signature, Some(&format!("ghcr.io/acme/app:{tag}.sig")));
    let local = Local::new("/");
    for origin in [
        layout.write_folder(folder.path()),
        layout.write_archive(folder.path().join("x.tar")),
    ] {
        let found = wait(local.referrers(&origin, &image.digest)).unwrap();
        let mut found: Vec<_> = found
            .into_iter()
            .map(|found| (found.descriptor, found.via))
            .collect();
        found.sort_by_key(|(descriptor, _)| descriptor.digest);
        let as_listed = |descriptor: &Descriptor, text: &str| Descriptor {
            artifact_type: Some("application/vnd.example.note".into()),
            annotations: [("note".to_owned(), text.to_owned())].into(),
            ..descriptor.clone()
        };
        let mut expected = vec![
            (as_listed(&by_subject, "by subject"), ReferrerVia::Api),
            (as_listed(&below_index, "below an index"), ReferrerVia::Api),
            (by_tag.clone(), ReferrerVia::FallbackTag(tag.parse().unwrap())),
            (
                Descriptor {
                    artifact_type: Some(media_type::OCI_CONFIG.into()),
                    ..signature.clone()
                },
                ReferrerVia::CosignTag(format!("{tag}.sig").parse().unwrap()),
            ),
        ];
        expected.sort_by_key(|(descriptor, _)| descriptor.digest);
        assert_eq!(found, expected);
        assert_eq!(wait(local.referrers(&origin, &other.digest)).unwrap(), []);
    }
}

#[test]
fn a_search_that_would_not_end_is_an_error_and_not_an_empty_answer() {
    let folder = tempfile::tempdir().unwrap();
    let mut layout = Layout::default();
    for n in 0..200_u8 {
        layout.root(
            &Descriptor::new(media_type::OCI_MANIFEST, digest_of(&[n]), 4 << 20),
            None,
        );
    }
    let origin = layout.write_folder(folder.path());
    let local = Local::new("/");
    let errors = [
        wait(local.referrers(&origin, &digest_of(b""))).unwrap_err(),
        wait(local.manifest(&origin, &ManifestSelector::Only)).unwrap_err(),
    ];
    for error in errors {
        assert!(
            error.message.contains("more manifests than can be searched"),
            "{error}"
        );
    }
}

#[test]
fn damaged_content_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut layout = Layout::default();
    let image = layout.image("a", None);
    let blob = layout.blob("application/octet-stream", b"right");
    layout.root(&image, Some("v1"));
    let origin = layout.write_folder(folder.path());
    let path = |descriptor: &Descriptor| folder.path().join("blobs/sha256").join(descriptor.digest.hex());
    fs::write(path(&blob), b"wrong").unwrap();
    let mut bytes = fs::read(path(&image)).unwrap();
    bytes[5] ^= 1;
    fs::write(path(&image), bytes).unwrap();
    let local = Local::new("/");
    assert_eq!(
        wait(local.manifest(&origin, &named("v1"))).unwrap_err().kind,
        SourceErrorKind::Corrupt
    );
    assert_eq!(
        wait(local.blob(&origin, &blob, 10)).unwrap_err().kind,
        SourceErrorKind::Corrupt
    );
    fs::write(path(&blob), b"too long").unwrap();
    assert_eq!(
        wait(read(&local, &origin, &blob, 0)).unwrap_err().kind,
        SourceErrorKind::Corrupt
    );
}

#[test]
fn documents_are_read_up_to_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let mut layout = Layout::default();
    let small = layout.image("a", None);
    let manifest = &layout.files[&format!("blobs/sha256/{}", small.digest.hex())];
    // Space at the end means nothing.
    let mut long = manifest.clone();
    long.resize((4 << 20) + 1, b' ');
    let long = layout.blob(media_type::OCI_MANIFEST, &long);
    layout.root(&small, Some("small"));
    layout.root(&long, Some("long"));
    let origin = layout.write_folder(folder.path());
    let local = Local::new("/");
    wait(local.manifest(&origin, &named("small"))).unwrap();
    let error = wait(local.manifest(&origin, &named("long"))).unwrap_err();
    assert!(
        error.message.contains("larger than the 4.0 MiB allowed"),
        "{error}"
    );
    let index = folder.path().join("index.json");
    let mut text = fs::read(&index).unwrap();
    text.resize(16 << 20, b' ');
    fs::write(&index, &text).unwrap();
    wait(local.manifest(&origin, &named("small"))).unwrap();
    text.push(b' ');
    fs::write(&index, &text).unwrap();
    let error = wait(local.manifest(&origin, &named("small"))).unwrap_err();
    assert!(
        error.message.contains("larger than the 16.0 MiB allowed"),
        "{error}"
    );
}

#[test]
fn links_are_followed_inside_the_layout_only() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("layout");
    let mut layout = Layout::default();
    let secret = layout.blob("application/octet-stream", b"secret");
    let inside = layout.blob("application/octet-stream", b"inside");
    let origin = layout.write_folder(&root);
    let path = |descriptor: &Descriptor| root.join("blobs/sha256").join(descriptor.digest.hex());
    fs::rename(path(&secret), folder.path().join("secret")).unwrap();
    symlink("../../../secret", path(&secret)).unwrap();
    fs::rename(path(&inside), root.join("elsewhere")).unwrap();
    symlink("../../elsewhere", path(&inside)).unwrap();
    symlink(&root, folder.path().join("link-to-layout")).unwrap();
    let local = Local::new(folder.path());
    let error = wait(local.blob(&origin, &secret, 10)).unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unsupported);
    assert!(error.message.contains("leads out"), "{error}");
    let through_link = Origin::OciLayout("link-to-layout".into());
    for origin in [&origin, &through_link] {
        assert_eq!(wait(local.blob(origin, &inside, 10)).unwrap(), &b"inside"[..]);
    }
}

#[test]
fn what_is_no_layout_says_what_it_looks_like() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::write(folder.path().join("file"), "x").unwrap();
    let local = Local::new(folder.path());
    let ask = |name: &str| {
        wait(local.manifest(&Origin::OciLayout(name.into()), &ManifestSelector::Only)).unwrap_err()
    };
    assert!(ask("empty").message.contains("no oci-layout file"));
    assert!(ask("file").hint.unwrap().contains("oci-archive:PATH"));

    let mut files = Layout::default().finish();
    for (name, bad) in [
        ("oci-layout", r#"{"imageLayoutVersion":"2.0.0"}"#),
        (
            "oci-layout",
            r#"{"imageLayoutVersion":"1.0.0","imageLayoutVersion":"1.0.0"}"#,
        ),
        (
            "index.json",
            r#"{"manifests":[{"digest":"sha256:../../x","size":1}]}"#,
        ),
        (
            "index.json",
            r#"{"manifests":[{"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":-2}]}"#,
        ),
        ("index.json", "\"x\""),
    ] {
        let good = files.insert(name.into(), bad.into()).unwrap();
        let root = tempfile::tempdir().unwrap();
        for (name, bytes) in &files {
            fs::write(root.path().join(name), bytes).unwrap();
        }
        let origin = Origin::OciLayout(root.path().to_owned());
        let error = wait(local.manifest(&origin, &ManifestSelector::Only)).unwrap_err();
        assert!(
            matches!(
                error.kind,
                SourceErrorKind::Corrupt | SourceErrorKind::Unsupported
            ),
            "{bad}: {error}"
        );
        files.insert(name.into(), good);
    }
}

#[test]
fn a_changed_layout_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::new(folder.path());
    for text in ["first", "the second, which is longer"] {
        let mut layout = Layout::default();
        let image = layout.image(text, None);
        layout.root(&image, Some(text));
        for origin in [
            layout.write_folder(&folder.path().join("l")),
            layout.write_archive(folder.path().join("l.tar")),
        ] {
            assert_eq!(
                wait(local.manifest(&origin, &ManifestSelector::Only))
                    .unwrap()
                    .descriptor,
                image
            );
        }
    }
}

#[test]
fn a_type_that_the_index_does_not_give_is_found_in_the_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let mut layout = Layout::default();
    let image = layout.image("a", None);
    layout
        .roots
        .push(json!({"digest": image.digest, "size": image.size}));
    let note = layout.blob("", b"{\"not\":\"a manifest\"}");
    layout.root(&note, Some("note"));
    let origin = layout.write_folder(folder.path());
    let local = Local::new("/");
    let fetched = wait(local.manifest(&origin, &ManifestSelector::Digest(image.digest))).unwrap();
    assert_eq!(fetched.descriptor.media_type, media_type::OCI_MANIFEST);
    assert_eq!(
        wait(local.manifest(&origin, &named("note"))).unwrap_err().kind,
        SourceErrorKind::Unsupported
    );
}

#[test]
fn names_as_docker_save_and_containerd_write_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut layout = Layout::default();
    let image = layout.image("a", None);
    let mut root = image.clone();
    root.annotations.insert(
        "io.containerd.image.name".into(),
        "docker.io/library/busybox:1.36".into(),
    );
    layout.root(&root, Some("1.36"));
    let other = layout.image("b", None);
    layout.root(&other, None);
    let origin = layout.write_folder(folder.path());
    let local = Local::new("/");
    for name in ["1.36", "busybox:1.36", "docker.io/library/busybox:1.36"] {
        assert_eq!(
            wait(local.manifest(&origin, &named(name))).unwrap().descriptor,
            image,
            "{name}"
        );
    }
    assert!(wait(local.manifest(&origin, &named("busybox"))).is_err());
}

#[test]
fn other_origins_are_for_other_sources() {
    let local = Local::new("/");
    let registry = Origin::Registry("ghcr.io/a/b".parse().unwrap());
    let http = Origin::Http("https://user:secret@example.com/x?token=secret".parse().unwrap());
    let want = Descriptor::new("", digest_of(b""), 0);
    wait(async {
        for origin in [&registry, &http] {
            let errors = [
                local.manifest(origin, &ManifestSelector::Only).await.unwrap_err(),
                local.referrers(origin, &want.digest).await.unwrap_err(),
                local.file(origin, None).await.unwrap_err(),
                local.blob(origin, &want, 1).await.unwrap_err(),
                read(&local, origin, &want, 0).await.unwrap_err(),
            ];
            assert!(
                errors
                    .iter()
                    .all(|error| error.kind == SourceErrorKind::Unsupported)
            );
        }
        assert_eq!(
            local
                .tags(&"ghcr.io/a/b".parse().unwrap())
                .await
                .unwrap_err()
                .kind,
            SourceErrorKind::Unsupported
        );
        let url = "https://user:secret@example.com/x?token=secret".parse().unwrap();
        let error = local.document(&url, 1).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "this is not on this machine: https://example.com/x"
        );
    });
}
