//! Images: indexes, platforms, referrers, names.

use std::collections::BTreeSet;

use airlock_content::{ReferrerVia, Silent, digest_of};
use airlock_resolver::{Options, Update, resolve};
use airlock_spec::lock::{Pin, Source};
use airlock_types::{Descriptor, Digest, media_type};
use serde_json::json;

use crate::memory::{Memory, Notes, manifest};
use crate::support::{APP, digests, lock_of, multi_arch, one, told};

#[tokio::test]
async fn an_index_is_pinned_with_the_platforms_wanted_and_their_attestations() {
    let mut memory = Memory::default();
    let image = multi_arch(&mut memory, APP, "one");
    let lock = lock_of(&memory, &one("example.org/acme/app:1")).await.unwrap();
    let artifact = &lock.artifacts[0];
    assert_eq!(artifact.root, Pin::of(&image.root));
    assert_eq!(
        digests(&artifact.manifests),
        [&image.amd64, &image.arm64, &image.attested_amd64]
            .map(|d| d.digest)
            .into()
    );
    let left: BTreeSet<Digest> = artifact.left_out.iter().map(|left| left.digest).collect();
    assert_eq!(left, [image.s390x.digest, image.attested_s390x.digest].into());
    let platforms: Vec<String> = artifact
        .platforms
        .iter()
        .map(|pin| pin.platform.to_string())
        .collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
    // Two configurations, two layers, the shared layer, the attestation's configuration and layer.
    assert_eq!(artifact.blobs.len(), 7);
    assert_eq!(artifact.reference.to_string(), "example.org/acme/app:1");
    assert_eq!(
        artifact.source,
        Source::Registry {
            repository: APP.parse().unwrap()
        }
    );
    assert_eq!(artifact.why, ["tools → images[0]"]);
}

#[tokio::test]
async fn nested_indexes_and_children_without_platform_are_walked() {
    let mut memory = Memory::default();
    let inner = multi_arch(&mut memory, APP, "inner");
    let mut silent = memory.image(APP, "linux/amd64", "silent");
    silent.platform = None;
    let mut foreign = memory.image(APP, "windows/amd64", "foreign");
    foreign.platform = None;
    let other = memory.image(APP, "linux/ppc64le", "other");
    let unwanted = memory.index(APP, &[other]);
    let root = memory.index(
        APP,
        &[
            inner.root.clone(),
            silent.clone(),
            foreign.clone(),
            unwanted.clone(),
        ],
    );
    memory.tag(APP, "nested", &root);
    let lock = lock_of(&memory, &one("example.org/acme/app:nested"))
        .await
        .unwrap();
    let artifact = &lock.artifacts[0];
    let expected = [
        &inner.root,
        &inner.amd64,
        &inner.arm64,
        &inner.attested_amd64,
        &silent,
    ];
    assert_eq!(digests(&artifact.manifests), expected.map(|d| d.digest).into());
    let left: BTreeSet<Digest> = artifact.left_out.iter().map(|left| left.digest).collect();
    assert!(
        left.contains(&foreign.digest)
            && left.contains(&unwanted.digest)
            && left.contains(&inner.s390x.digest)
    );
    assert_eq!(artifact.platforms.len(), 3);
}

#[tokio::test]
async fn endless_indexes_are_refused() {
    let mut memory = Memory::default();
    let mut root = memory.image(APP, "linux/amd64", "x");
    for _ in 0..8 {
        root = memory.index(APP, &[root]);
    }
    memory.tag(APP, "deep", &root);
    let errors = lock_of(&memory, &one("example.org/acme/app:deep"))
        .await
        .unwrap_err();
    assert!(
        told(&errors).contains("the index holds indexes more than 4 deep"),
        "{}",
        told(&errors)
    );
}

#[tokio::test]
async fn descriptors_that_lie_about_sizes_are_refused() {
    let mut memory = Memory::default();
    let mut child = memory.image(APP, "linux/amd64", "x");
    child.size += 1;
    let index = memory.index(APP, std::slice::from_ref(&child));
    memory.tag(APP, "child", &index);
    let config = memory.blob_of(media_type::OCI_EMPTY, b"{}");
    let layer = memory.blob_of(media_type::OCI_LAYER_GZIP, b"layer");
    let longer = Descriptor::new(media_type::OCI_LAYER_GZIP, layer.digest, layer.size + 1);
    let twice = json!({"schemaVersion": 2, "config": config, "layers": [layer, longer]});
    let twice = memory.put(APP, media_type::OCI_MANIFEST, &twice);
    memory.tag(APP, "twice", &twice);
    for (tag, digest) in [("child", child.digest), ("twice", layer.digest)] {
        let wanted = one(&format!("{{ref: {APP}:{tag}, platforms: [linux/amd64]}}"));
        let errors = lock_of(&memory, &wanted).await.unwrap_err();
        let expected = format!("one digest is announced with two sizes: {digest}");
        assert!(told(&errors).contains(&expected), "{}", told(&errors));
    }
}

#[tokio::test]
async fn a_platform_that_is_not_there_is_named_with_those_that_are() {
    let mut memory = Memory::default();
    let amd64 = memory.image(APP, "linux/amd64", "x");
    let index = memory.index(APP, std::slice::from_ref(&amd64));
    memory.tag(APP, "index", &index);
    memory.tag(APP, "single", &amd64);
    for tag in ["index", "single"] {
        let errors = lock_of(&memory, &one(&format!("{APP}:{tag}"))).await.unwrap_err();
        assert_eq!(
            told(&errors),
            format!(
                "cannot lock image {APP}:{tag}, needed by tools → images[0]: there is no build for linux/arm64, only for linux/amd64 [to take what there is, write {{ref: …, platforms: [linux/amd64]}}]\n"
            )
        );
        assert_eq!(errors.failures[0].place.as_ref().unwrap().line, 7);
        let lock = lock_of(
            &memory,
            &one(&format!("{{ref: {APP}:{tag}, platforms: [linux/amd64]}}")),
        )
        .await
        .unwrap();
        assert_eq!(lock.artifacts[0].platforms.len(), 1, "{tag}");
    }
}

#[tokio::test]
async fn artifacts_run_anywhere_and_foreign_layers_stay_with_their_vendor() {
    let mut memory = Memory::default();
    let artifact = memory.artifact(APP, "application/vnd.acme.rules", "rules");
    memory.tag(APP, "rules", &artifact);
    let config = memory.blob_of(
        media_type::OCI_CONFIG,
        br#"{"os":"linux","architecture":"amd64"}"#,
    );
    let layer = memory.blob_of(media_type::OCI_LAYER_GZIP, b"layer");
    let foreign = memory.blob_of(
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        b"windows",
    );
    let vendor = memory.blob_of(
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        b"vendor",
    );
    let layers = json!({"schemaVersion": 2, "config": config, "layers": [foreign, layer, vendor]});
    let image = memory.put(APP, media_type::DOCKER_MANIFEST, &layers);
    memory.tag(APP, "foreign", &image);
    let lock = lock_of(
        &memory,
        &one(&format!(
            "{APP}:rules, {{ref: {APP}:foreign, platforms: [linux/amd64]}}"
        )),
    )
    .await
    .unwrap();
    assert_eq!(
        digests(&lock.artifacts[0].blobs),
        [config.digest, layer.digest].into()
    );
    assert!(lock.artifacts[1].platforms.is_empty());
    assert_eq!(lock.artifacts[1].blobs.len(), 2);
}

#[tokio::test]
async fn referrers_travel_with_what_they_are_about() {
    let mut memory = Memory::default();
    let image = multi_arch(&mut memory, APP, "one");
    let signature = memory.artifact(
        APP,
        "application/vnd.dev.cosign.simplesigning.v1+json",
        "signature",
    );
    let sbom = memory.artifact(APP, "application/spdx+json", "sbom");
    let over_sbom = memory.artifact(
        APP,
        "application/vnd.dev.sigstore.bundle.v0.3+json",
        "signature over the sbom",
    );
    let third = memory.artifact(APP, "x/third", "third");
    let fourth = memory.artifact(APP, "x/fourth", "fourth");
    let about_s390x = memory.artifact(APP, "x/s390x", "about what is left out");
    let cosign = format!("sha256-{}.sig", image.root.digest.hex());
    memory.refers(image.root.digest, &signature, ReferrerVia::Api);
    memory.refers(
        image.root.digest,
        &signature,
        ReferrerVia::CosignTag(cosign.parse().unwrap()),
    );
    memory.refers(
        image.amd64.digest,
        &sbom,
        ReferrerVia::FallbackTag(image.amd64.digest.referrers_tag().parse().unwrap()),
    );
    memory.refers(sbom.digest, &over_sbom, ReferrerVia::Api);
    memory.refers(over_sbom.digest, &third, ReferrerVia::Api);
    memory.refers(third.digest, &fourth, ReferrerVia::Api);
    memory.refers(over_sbom.digest, &sbom, ReferrerVia::Api);
    memory.refers(image.s390x.digest, &about_s390x, ReferrerVia::Api);

    let manifest = one("example.org/acme/app:1");
    let lock = lock_of(&memory, &manifest).await.unwrap();
    let referrers = &lock.artifacts[0].referrers;
    let found: BTreeSet<Digest> = referrers.iter().map(|referrer| referrer.root.digest).collect();
    assert_eq!(
        found,
        [&signature, &sbom, &over_sbom, &third].map(|d| d.digest).into()
    );
    let of = |descriptor: &Descriptor| {
        referrers
            .iter()
            .find(|r| r.root.digest == descriptor.digest)
            .unwrap()
    };
    assert_eq!(of(&signature).tag.as_ref().unwrap().as_str(), cosign);
    assert_eq!(of(&signature).subject, image.root.digest);
    assert_eq!(of(&sbom).artifact_type.as_deref(), Some("application/spdx+json"));
    assert_eq!(of(&sbom).blobs.len(), 2);
    assert!(of(&sbom).tag.is_some() && of(&over_sbom).tag.is_none());

    let without = Options {
        referrers: false,
        ..Options::default()
    };
    memory.questions();
    let lock = resolve(&manifest, None, &Update::None, &without, &memory, &Silent)
        .await
        .unwrap();
    assert!(lock.artifacts[0].referrers.is_empty());
    assert!(
        !memory
            .questions()
            .iter()
            .any(|question| question.starts_with("referrers"))
    );
}

#[tokio::test]
async fn one_image_wanted_twice_is_one_artifact_with_two_reasons() {
    let mut memory = Memory::default();
    multi_arch(&mut memory, "docker.io/library/busybox", "one");
    let manifest = manifest(
        "  - {name: a, images: [\"busybox:1\"]}\n  - {name: b, images: [{ref: \"docker.io/library/busybox:1\", platforms: [linux/s390x]}]}\n",
    );
    let lock = lock_of(&memory, &manifest).await.unwrap();
    assert_eq!(lock.artifacts.len(), 1);
    assert_eq!(lock.artifacts[0].why, ["a → images[0]", "b → images[0]"]);
    assert_eq!(lock.artifacts[0].platforms.len(), 3, "for everyone's platforms");
    let questions = memory.questions();
    let distinct: BTreeSet<&String> = questions.iter().collect();
    assert_eq!(distinct.len(), questions.len(), "nothing is asked twice");
}

#[tokio::test]
async fn with_tag_and_digest_the_digest_counts_and_a_moved_tag_is_noted() {
    let mut memory = Memory::default();
    let old = multi_arch(&mut memory, APP, "old");
    let new = multi_arch(&mut memory, APP, "new");
    let notes = Notes::default();
    let reference = format!("{APP}:1@{}", old.root.digest);
    let lock = resolve(
        &one(&format!("\"{reference}\"")),
        None,
        &Update::None,
        &Options::default(),
        &memory,
        &notes,
    )
    .await
    .unwrap();
    assert_eq!(lock.artifacts[0].root.digest, old.root.digest);
    assert_eq!(lock.artifacts[0].reference.to_string(), reference);
    let notes = notes.0.into_inner().unwrap();
    assert!(
        notes.len() == 1 && notes[0].contains(&new.root.digest.to_string()),
        "{notes:?}"
    );
}

#[tokio::test]
async fn images_of_folders_and_archives_get_a_name_and_keep_what_was_made_up() {
    let mut memory = Memory::default();
    multi_arch(&mut memory, "oci-layout:images", "layout");
    let archive = memory.image("docker-archive:old.tar", "linux/amd64", "archive");
    memory.tag("docker-archive:old.tar", "old:1", &archive);
    memory.generated("docker-archive:old.tar");
    let lock = lock_of(
        &memory,
        &one("\"oci-layout:./images:1\", {ref: \"docker-archive:old.tar:old:1\", platforms: [linux/amd64]}"),
    )
    .await
    .unwrap();
    let references: Vec<String> = lock
        .artifacts
        .iter()
        .map(|artifact| artifact.reference.to_string())
        .collect();
    assert_eq!(
        references,
        ["airlock.local/images/images:1", "docker.io/library/old:1"]
    );
    let text = &lock.artifacts[1].inline[&archive.digest];
    assert_eq!(digest_of(text.as_bytes()), archive.digest);
    assert_eq!(lock.artifacts[0].inline.len(), 0);
    assert_eq!(
        lock.artifacts[0].source,
        Source::OciLayout {
            path: "images".into()
        }
    );
}
