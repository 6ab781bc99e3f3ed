//! The judges judged: what the suite pushed is what independent clients see and run.

use airlock_tests::images::GREETING;
use airlock_tests::{Containerd, Podman, Registry, Skopeo, Suite, digest, http, peer};

#[test]
fn skopeo_sees_the_digests_that_were_pushed() {
    let Some(suite) = Suite::shared() else { return };
    let skopeo = Skopeo::new();
    assert!(suite.images.len() >= 20, "{} images", suite.images.len());
    for image in &suite.images {
        let reference = image.at(&suite.registry.host());
        let raw = skopeo.raw(&reference);
        assert_eq!(digest(&raw), image.root.digest, "{}: {reference}", image.form);
        assert_eq!(raw.len() as u64, image.root.size, "{}: {reference}", image.form);
    }
    for companion in &suite.companions {
        let reference = format!(
            "{}/{}:{}",
            suite.registry.host(),
            companion.repository,
            companion.tag
        );
        let raw = String::from_utf8(skopeo.raw(&reference)).unwrap();
        let found = digest(raw.as_bytes()) == companion.root.digest || raw.contains(&companion.root.digest);
        assert!(found, "{} is not behind {reference}", companion.root.digest);
    }
}

#[test]
fn the_suite_has_every_form_it_promises() {
    let Some(suite) = Suite::shared() else { return };
    let manifest = |repository: &str| {
        let image = suite.image(repository);
        let (pushed, bytes) = suite.registry.manifest(repository, &image.root.digest).unwrap();
        (pushed.media_type, String::from_utf8(bytes).unwrap())
    };
    for (repository, media_type, needle) in [
        (
            "built/oci",
            "application/vnd.oci.image.manifest.v1+json",
            "layer.v1.tar+gzip",
        ),
        (
            "built/docker",
            "application/vnd.docker.distribution.manifest.v2+json",
            "rootfs.diff.tar.gzip",
        ),
        (
            "built/zstd",
            "application/vnd.oci.image.manifest.v1+json",
            "layer.v1.tar+zstd",
        ),
        ("built/multi", "application/vnd.oci.image.index.v1+json", "arm64"),
        (
            "built/multi-docker",
            "application/vnd.docker.distribution.manifest.list.v2+json",
            "arm64",
        ),
        (
            "hand/nested",
            "application/vnd.oci.image.index.v1+json",
            "application/vnd.oci.image.index.v1+json\",\"size",
        ),
        (
            "hand/multi",
            "application/vnd.oci.image.index.v1+json",
            "attestation-manifest",
        ),
    ] {
        let (kind, text) = manifest(repository);
        assert_eq!(kind, media_type, "{repository}");
        assert!(text.contains(needle), "{repository} has no {needle}: {text}");
    }
    for repository in ["built/umoci", "hand/no-media-type"] {
        let (_, text) = manifest(repository);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["mediaType"], serde_json::Value::Null, "{repository}");
    }
}

#[test]
fn podman_runs_images_of_every_form() {
    let Some(suite) = Suite::shared() else { return };
    if !peer::require(&["podman"]) {
        return;
    }
    let host = suite.registry.host();
    let podman = Podman::new(&[&host]);
    for image in suite
        .images
        .iter()
        .filter(|image| image.runs_in_podman() && !image.is_large())
    {
        let reference = image.at(&host);
        podman.pull(&reference);
        assert_eq!(podman.run(&reference), GREETING, "{}: {reference}", image.form);
    }
}

#[test]
fn containerd_runs_images_of_every_form() {
    let Some(suite) = Suite::shared() else { return };
    if !peer::require(&["containerd", "ctr"]) {
        return;
    }
    let host = suite.registry.host();
    let containerd = Containerd::start();
    let hosts_dir = containerd.mirror(&host, &host);
    for image in suite
        .images
        .iter()
        .filter(|image| image.runs && !image.is_large())
    {
        let reference = image.at(&host);
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
fn a_registry_with_a_password_wants_it() {
    if !peer::require(&["docker-registry"]) {
        return;
    }
    let registry = Registry::with_password();
    let answer = http::get(registry.address(), "/v2/").unwrap();
    assert_eq!(answer.status, 401);
    assert!(answer.header("www-authenticate").unwrap().starts_with("Basic"));
    let pushed = registry.put_blob("private/thing", "text/plain", b"secret");
    assert_eq!(pushed.digest, digest(b"secret"));
}

#[test]
fn a_server_ends_with_its_guard() {
    if !peer::require(&["docker-registry"]) {
        return;
    }
    let registry = Registry::start();
    let address = registry.address();
    assert!(http::get(address, "/v2/").is_ok());
    drop(registry);
    assert!(http::get(address, "/v2/").is_err());
}

#[test]
fn skopeo_copies_images_of_every_form() {
    let Some(suite) = Suite::shared() else { return };
    let skopeo = Skopeo::new();
    for (at, image) in suite
        .images
        .iter()
        .filter(|image| image.skopeo_copies() && !image.is_large())
        .enumerate()
    {
        let folder = skopeo.folder().join(at.to_string());
        skopeo.copy(
            &format!("docker://{}", image.at(&suite.registry.host())),
            &format!("dir:{}", folder.display()),
        );
    }
}
