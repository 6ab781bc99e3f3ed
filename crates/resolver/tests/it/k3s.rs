//! Releases of k3s.

use airlock_content::{Silent, digest_of};
use airlock_resolver::{Options, Update, check, outdated, resolve};
use airlock_spec::k3s::K3sRelease;
use airlock_spec::lock::{Artifact, Kind, Lock, Source, why};
use airlock_spec::manifest::Effective;
use airlock_types::{Reference, media_type};

use crate::memory::{Memory, Notes, manifest};
use crate::support::{MultiArch, lock_of, multi_arch, told};

const RELEASES: &str = "https://github.com/k3s-io/k3s/releases/download";
const CHANNELS: &str = "https://update.k3s.io/v1-release/channels";
const PAUSE: &str = "docker.io/rancher/mirrored-pause";
const BUSYBOX: &str = "docker.io/rancher/mirrored-library-busybox";

fn sums(files: &[(&str, &[u8])]) -> String {
    let line = |(name, bytes): &(&str, &[u8])| format!("{}  {name}\n", digest_of(bytes).hex());
    files.iter().map(line).collect()
}

/// A release at some place, as upstream lays it out, for amd64 and arm64.
fn publish(memory: &mut Memory, base: &str, release: &str) {
    let base = format!("{base}/{}", release.replace('+', "%2B"));
    let mut put = |name: &str, bytes: &[u8]| memory.document(&format!("{base}/{name}"), bytes.to_vec());
    for (binary, architecture) in [("k3s", "amd64"), ("k3s-arm64", "arm64")] {
        let content = format!("{binary} {release}");
        let names = ["tar.zst", "tar.gz"].map(|form| format!("k3s-airgap-images-{architecture}.{form}"));
        let files = [
            (names[1].as_str(), names[1].as_bytes()),
            (names[0].as_str(), names[0].as_bytes()),
            (binary, content.as_bytes()),
        ];
        put(&format!("sha256sum-{architecture}.txt"), sums(&files).as_bytes());
        for (name, bytes) in files {
            put(name, bytes);
        }
    }
    put("k3s-images.txt", format!("{PAUSE}:1\n{BUSYBOX}:1\n").as_bytes());
}

fn upstream() -> Memory {
    let mut memory = Memory::default();
    publish(&mut memory, RELEASES, "v1.34.5+k3s1");
    publish(&mut memory, RELEASES, "v1.34.6+k3s1");
    for image in [PAUSE, BUSYBOX] {
        multi_arch(&mut memory, image, image);
    }
    channel(&mut memory, "stable", "v1.34.5%2Bk3s1");
    memory
}

fn channel(memory: &mut Memory, name: &str, release: &str) {
    let page = format!("https://github.com/k3s-io/k3s/releases/tag/{release}");
    memory.redirect(&format!("{CHANNELS}/{name}"), &page);
}

fn k3s(request: &str) -> Effective {
    manifest(&format!("  - {{name: cluster, k3s: {request}}}\n"))
}

fn release_of(lock: &Lock) -> (&Artifact, K3sRelease) {
    let mut artifacts = lock.artifacts.iter();
    let artifact = artifacts.find(|artifact| artifact.kind == Kind::K3s).unwrap();
    (artifact, K3sRelease::of(artifact).unwrap())
}

fn references(list: &[Reference]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_release_is_files_and_images() {
    let memory = upstream();
    let lock = lock_of(&memory, &k3s("{version: v1.34.5+k3s1}")).await.unwrap();
    let (artifact, release) = release_of(&lock);
    assert_eq!(
        artifact.reference.to_string(),
        "airlock.local/k3s/cluster:v1.34.5_k3s1"
    );
    assert_eq!(artifact.version.as_deref(), Some("v1.34.5+k3s1"));
    assert_eq!(release.nodes.len(), 2);
    let arm = release.node(&"linux/arm64".parse().unwrap()).unwrap();
    assert_eq!(arm.binary.name, "k3s-arm64");
    assert_eq!(arm.binary.digest, digest_of(b"k3s-arm64 v1.34.5+k3s1"));
    assert!(arm.archive.is_none());
    // The manifest names every file, and the lock says where each is fetched from.
    let root: serde_json::Value = serde_json::from_str(&artifact.inline[&artifact.root.digest]).unwrap();
    assert_eq!(root["artifactType"], media_type::AIRLOCK_K3S);
    let title = "org.opencontainers.image.title";
    let titles: Vec<&str> = root["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| layer["annotations"][title].as_str().unwrap())
        .collect();
    assert_eq!(
        titles,
        [
            "k3s",
            "k3s-arm64",
            "k3s-images.txt",
            "sha256sum-amd64.txt",
            "sha256sum-arm64.txt"
        ]
    );
    assert_eq!(root["layers"][1]["annotations"]["dev.airlock.mode"], "0755");
    let pin = artifact
        .blobs
        .iter()
        .find(|pin| pin.digest == arm.binary.digest)
        .unwrap();
    let url = format!("{RELEASES}/v1.34.5%2Bk3s1/k3s-arm64").parse().unwrap();
    assert_eq!(pin.source, Some(Source::Http { url }));
    // Lists are text in the lock.
    assert_eq!(release.lists.len(), 3);
    assert!(
        release
            .lists
            .iter()
            .all(|list| artifact.inline.contains_key(&list.digest))
    );
    // Images are artifacts like all others, for every platform.
    assert_eq!(
        references(&release.images),
        [format!("{BUSYBOX}:1"), format!("{PAUSE}:1")]
    );
    let found = why(&lock, "mirrored-pause");
    assert_eq!(found[0].why, ["cluster → k3s-images.txt"]);
    let image = lock
        .artifacts
        .iter()
        .find(|artifact| artifact.name == format!("{PAUSE}:1"))
        .unwrap();
    assert_eq!(image.platforms.len(), 2);
    assert_eq!(lock.artifacts.len(), 3);
    // Nothing of the binaries themselves was transferred.
    assert!(
        memory
            .questions()
            .iter()
            .all(|question| !question.contains("document") || question.contains(".txt"))
    );
}

#[tokio::test]
async fn archives_and_images_are_carried_as_wanted() {
    let memory = upstream();
    let lock = lock_of(&memory, &k3s("{version: v1.34.5+k3s1, images: archive}"))
        .await
        .unwrap();
    let (_, release) = release_of(&lock);
    assert_eq!(lock.artifacts.len(), 1);
    assert!(release.images.is_empty());
    let archive = release.nodes[0].archive.as_ref().unwrap();
    assert_eq!(archive.name, "k3s-airgap-images-amd64.tar.zst");
    let both = lock_of(&memory, &k3s("{version: v1.34.5+k3s1, images: both}"))
        .await
        .unwrap();
    assert_eq!(both.artifacts.len(), 3);
    assert!(release_of(&both).1.nodes[1].archive.is_some());
}

#[tokio::test]
async fn an_image_that_the_manifest_wants_as_well_is_there_once() {
    let memory = upstream();
    let manifest = manifest(&format!(
        "  - {{name: tools, images: [{{ref: \"{PAUSE}:1\", platforms: [linux/arm64]}}]}}\n  - {{name: cluster, k3s: {{channel: stable}}}}\n"
    ));
    let lock = lock_of(&memory, &manifest).await.unwrap();
    assert_eq!(lock.artifacts.len(), 3);
    let image = lock
        .artifacts
        .iter()
        .find(|artifact| artifact.name == format!("{PAUSE}:1"))
        .unwrap();
    assert_eq!(image.why, ["tools → images[0]", "cluster → k3s-images.txt"]);
    assert_eq!(image.platforms.len(), 2, "k3s needs it on every platform");
    check(&manifest, &lock, &Options::default(), &memory)
        .await
        .unwrap();
}

#[tokio::test]
async fn channels_are_asked_when_the_lock_is_made_and_when_it_is_updated() {
    let mut memory = upstream();
    let wanted = k3s("{channel: stable}");
    let lock = lock_of(&memory, &wanted).await.unwrap();
    assert_eq!(release_of(&lock).1.release, "v1.34.5+k3s1");
    memory.questions();
    let again = async |memory: &Memory, update: Update| {
        resolve(
            &wanted,
            Some(&lock),
            &update,
            &Options::default(),
            memory,
            &Silent,
        )
        .await
        .unwrap()
    };
    channel(&mut memory, "stable", "v1.34.6+k3s1");
    assert_eq!(again(&memory, Update::None).await, lock);
    check(&wanted, &lock, &Options::default(), &memory).await.unwrap();
    assert!(memory.questions().is_empty(), "an unchanged manifest asks nobody");

    let news = outdated(&wanted, &lock, &Options::default(), &memory, &Silent)
        .await
        .unwrap();
    assert_eq!(news.len(), 1);
    assert_eq!(news[0].kind, Kind::K3s);
    assert_eq!(news[0].allowed.as_deref(), Some("v1.34.6+k3s1"));
    for name in ["k3s", "cluster"] {
        let updated = again(&memory, Update::Names(vec![name.to_owned()])).await;
        assert_eq!(release_of(&updated).1.release, "v1.34.6+k3s1");
    }
    // A change of what is wanted is noticed without a network.
    let other = k3s("{version: v1.34.6+k3s1}");
    memory.questions();
    assert!(check(&other, &lock, &Options::default(), &memory).await.is_err());
    assert!(memory.questions().is_empty());
}

#[tokio::test]
async fn a_pinned_release_is_compared_with_its_channels() {
    let mut memory = upstream();
    let wanted = k3s("{version: v1.34.5+k3s1}");
    let lock = lock_of(&memory, &wanted).await.unwrap();
    let notes = Notes::default();
    let news = outdated(&wanted, &lock, &Options::default(), &memory, &notes)
        .await
        .unwrap();
    assert!(news.is_empty());
    assert_eq!(
        notes.0.into_inner().unwrap().len(),
        1,
        "the channel v1.34 is not there, and that is told"
    );
    channel(&mut memory, "v1.34", "v1.34.6+k3s1");
    let news = outdated(&wanted, &lock, &Options::default(), &memory, &Silent)
        .await
        .unwrap();
    assert_eq!(
        (news[0].allowed.as_deref(), news[0].newest.as_deref()),
        (None, Some("v1.34.6+k3s1"))
    );
}

#[tokio::test]
async fn mirrors_are_asked_instead() {
    let mut memory = Memory::default();
    publish(&mut memory, "https://mirror.example/k3s", "v1.34.5+k3s1");
    memory.redirect(
        "https://mirror.example/ch/stable",
        "https://mirror.example/ch/v2/stable",
    );
    memory.redirect(
        "https://mirror.example/ch/v2/stable",
        "https://mirror.example/r/v1.34.5+k3s1",
    );
    let wanted = k3s(
        "{channel: stable, images: archive, releases: \"https://mirror.example/k3s/\", channels: \"https://mirror.example/ch\"}",
    );
    let lock = lock_of(&memory, &wanted).await.unwrap();
    assert_eq!(release_of(&lock).1.release, "v1.34.5+k3s1");
    assert!(
        memory
            .questions()
            .iter()
            .all(|question| question.contains("mirror.example"))
    );
}

#[tokio::test]
async fn what_is_wrong_upstream_is_told() {
    let base = format!("{RELEASES}/v1.34.5%2Bk3s1");
    let fails = async |memory: &Memory, request: &str| {
        let errors = lock_of(memory, &k3s(request)).await.unwrap_err();
        told(&errors)
    };
    let version = "{version: v1.34.5+k3s1}";
    let mut memory = upstream();
    memory.document(&format!("{base}/k3s-arm64"), "another binary");
    let text = fails(&memory, version).await;
    assert!(
        text.contains("the digest does not match") && text.contains("sha256sum-arm64.txt"),
        "{text}"
    );

    let mut memory = upstream();
    memory.document(
        &format!("{base}/sha256sum-amd64.txt"),
        sums(&[("k3s-arm64", b"x"), ("k3s-old", b"y")]),
    );
    let text = fails(&memory, version).await;
    assert!(
        text.contains("the file of checksums does not list \"k3s\""),
        "{text}"
    );

    let mut memory = upstream();
    memory.document(
        &format!("{base}/k3s-images.txt"),
        format!("{PAUSE}:1\n{PAUSE}:2\n"),
    );
    let text = fails(&memory, version).await;
    assert_eq!(
        text,
        format!(
            "cannot lock image {PAUSE}:2, needed by cluster → k3s-images.txt: it does not exist: {PAUSE} Tag(\"2\")\n"
        )
    );
    for (list, expected) in [
        ("Not An Image\n", "line 1 is no reference: \"Not An Image\""),
        ("# none\n\n", "the list of images is empty"),
    ] {
        let mut memory = upstream();
        memory.document(&format!("{base}/k3s-images.txt"), list);
        let text = fails(&memory, version).await;
        assert!(text.contains(expected), "{text}");
    }
    let memory = upstream();
    let text = fails(&memory, "{version: v1.33.0+k3s1}").await;
    assert!(
        text.contains("cannot lock k3s cluster, needed by cluster → k3s: it does not exist"),
        "{text}"
    );
    let mut memory = upstream();
    memory.redirect(&format!("{CHANNELS}/v1.99"), &format!("{CHANNELS}/v1.99"));
    let text = fails(&memory, "{channel: v1.99}").await;
    assert!(
        text.contains("the channel v1.99 leads to no release of k3s"),
        "{text}"
    );
}

#[tokio::test]
async fn a_missing_platform_of_an_image_or_of_k3s_fails_by_name() {
    let mut memory = upstream();
    let only = memory.image(PAUSE, "linux/amd64", "one");
    let index = memory.index(PAUSE, &[only]);
    memory.tag(PAUSE, "1", &index);
    let errors = lock_of(&memory, &k3s("{version: v1.34.5+k3s1}"))
        .await
        .unwrap_err();
    assert_eq!(
        told(&errors),
        format!(
            "cannot lock image {PAUSE}:1, needed by cluster → k3s-images.txt: there is no build for linux/arm64, only for linux/amd64 \
             [every node of k3s needs it: leave the platform out of the manifest, or carry the archives that k3s publishes with `images: archive`]\n"
        )
    );
    let text = "apiVersion: airlock.dev/v1\nkind: Manifest\nmetadata: {name: e, version: 1}\nplatforms: [linux/s390x]\ncomponents: [{name: c, k3s: {version: v1.34.5+k3s1}}]\n";
    let inputs = airlock_spec::manifest::Inputs::default();
    let manifest = airlock_spec::manifest::load("a".as_ref(), &inputs, &mut |_| Ok(text.to_owned())).unwrap();
    let text = told(&lock_of(&memory, &manifest).await.unwrap_err());
    assert!(
        text.contains("k3s is not built for linux/s390x [it is built for linux/amd64"),
        "{text}"
    );
}

#[tokio::test]
async fn policies_and_upgrades_come_along() {
    let mut memory = upstream();
    let rpm = "https://example.org/p/k3s-selinux-1.6-1.el9.noarch.rpm";
    memory.document(rpm, "policy");
    let controller = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: suc}\nspec: {template: {spec: {containers: [{name: a, image: \"rancher/suc:v1\"}]}}}\n";
    memory.document("https://example.org/suc.yaml", controller);
    let images = ["rancher/k3s-upgrade", "rancher/suc", "rancher/kubectl"];
    for image in images {
        let origin = format!("docker.io/{image}");
        let MultiArch { root, .. } = multi_arch(&mut memory, &origin, image);
        memory.tag(&origin, "v1", &root);
        memory.tag(&origin, "v1.34.5-k3s1", &root);
    }
    let request = |sum: &str| {
        k3s(&format!(
            "{{version: v1.34.5+k3s1, images: archive, selinux: [{{distro: el9, url: \"{rpm}\", sha256: {sum}}}], \
             upgrade: {{manifests: [{{url: \"https://example.org/suc.yaml\", sha256: {}}}], images: [\"rancher/kubectl:v1\"]}}}}",
            digest_of(controller.as_bytes()).hex()
        ))
    };
    let lock = lock_of(&memory, &request(&digest_of(b"policy").hex()))
        .await
        .unwrap();
    let (_, release) = release_of(&lock);
    assert_eq!(release.selinux["el9"][0].name, "k3s-selinux-1.6-1.el9.noarch.rpm");
    let upgrade = release.upgrade.as_ref().unwrap();
    assert_eq!(
        upgrade.image.to_string(),
        "docker.io/rancher/k3s-upgrade:v1.34.5-k3s1"
    );
    assert_eq!(
        references(&upgrade.images),
        ["docker.io/rancher/kubectl:v1", "docker.io/rancher/suc:v1"]
    );
    assert_eq!(lock.artifacts.len(), 4);
    assert!(release.files().contains_key("upgrade/suc.yaml"));
    assert_eq!(why(&lock, "suc")[0].why, ["cluster → k3s → upgrade → manifests"]);
    let wrong = lock_of(&memory, &request(&digest_of(b"other").hex()))
        .await
        .unwrap_err();
    assert!(
        told(&wrong).contains("the digest does not match"),
        "{}",
        told(&wrong)
    );
}

#[tokio::test]
async fn the_order_of_answers_does_not_matter() {
    let wanted = k3s("{channel: stable, images: both, upgrade: false}");
    let first = lock_of(&upstream(), &wanted).await.unwrap().to_bytes();
    for shuffle in 1..6 {
        let mut memory = upstream();
        memory.shuffle = shuffle;
        assert_eq!(lock_of(&memory, &wanted).await.unwrap().to_bytes(), first);
    }
}

/// Charts are rendered for the release that the channel is at.
#[tokio::test]
async fn charts_are_rendered_for_the_release_of_the_channel() {
    let mut memory = upstream();
    memory.document(
        "deploy/a.yaml",
        format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{containers: [{{name: a, image: \"{PAUSE}:1\"}}]}}\n"),
    );
    let manifest = manifest(
        "  - {name: app, manifests: [deploy/a.yaml]}\n  - {name: cluster, k3s: {channel: stable}}\n",
    );
    let lock = lock_of(&memory, &manifest).await.unwrap();
    let deployments = airlock_spec::deployment::Deployment::all(&lock).unwrap();
    assert_eq!(deployments[0].kubernetes.version.as_deref(), Some("v1.34.5+k3s1"));
    let image = why(&lock, "mirrored-pause");
    assert_eq!(image[0].why, ["cluster → k3s-images.txt"]);
    assert_eq!(image[0].needed[0].component, "app");
    check(&manifest, &lock, &Options::default(), &memory)
        .await
        .unwrap();
    let again = resolve(
        &manifest,
        Some(&lock),
        &Update::None,
        &Options::default(),
        &memory,
        &Silent,
    )
    .await;
    assert_eq!(again.unwrap(), lock);
}
