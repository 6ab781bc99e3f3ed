use airlock_content::{ManifestSelector, MetadataSource, Origin, SourceErrorKind};
use airlock_testkit::{Action, Blob, FakeUpstream, Fault, Format, Options, image, multi_arch, multi_arch_of};
use airlock_types::{Digest, Tag};
use airlock_upstream::{Config, Credentials, Mirror};
use serde_json::json;

use crate::{anonymous, client, quick, registry, repository, serve, tag};

async fn one_image() -> FakeUpstream {
    serve(Options::default(), |content| {
        content.push(
            "acme/app",
            "v1",
            &multi_arch("app", &["linux/amd64", "linux/arm64"]),
        );
    })
    .await
}

#[tokio::test]
async fn manifests_by_tag_and_digest() {
    let app = multi_arch("app", &["linux/amd64", "linux/arm64"]);
    let docker = multi_arch_of(Format::Docker, "old", &["linux/amd64"], 0);
    let server = one_image().await;
    server.update(|content| content.push("acme/app", "docker", &docker));
    let (upstream, origin) = (anonymous(), registry(&server, "acme/app"));
    let fetched = upstream.manifest(&origin, &tag("v1")).await.unwrap();
    assert_eq!(
        (fetched.descriptor, &fetched.bytes),
        (app.descriptor(), &app.root.bytes)
    );
    assert!(!fetched.generated);
    for wanted in app.manifests.iter().chain(&docker.manifests) {
        let by_digest = ManifestSelector::Digest(wanted.digest);
        let fetched = upstream.manifest(&origin, &by_digest).await.unwrap();
        assert_eq!(
            (fetched.descriptor, &fetched.bytes),
            (wanted.descriptor(), &wanted.bytes)
        );
    }
    let accept = server.requests("manifests/v1")[0]
        .headers
        .get_all("accept")
        .iter()
        .count();
    assert_eq!(accept, 4);
}

#[tokio::test]
async fn a_sha512_digest_is_checked_as_such() {
    let app = image("app", "linux/amd64");
    let server = one_image().await;
    let digest = Digest::Sha512(airlock_hash::sha512(&app.root.bytes));
    server.update(|content| {
        content
            .repository("acme/app")
            .manifests
            .insert(digest, app.root.clone());
    });
    server.fault(Fault::on(
        "*sha512*",
        Action::WithoutHeader("docker-content-digest"),
    ));
    let (upstream, origin) = (anonymous(), registry(&server, "acme/app"));
    let selector = ManifestSelector::Digest(digest);
    let fetched = upstream.manifest(&origin, &selector).await.unwrap();
    assert_eq!(fetched.descriptor.digest, digest);
    server.fault(Fault::on("*sha512*", Action::Corrupt));
    let error = upstream.manifest(&origin, &selector).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Corrupt);
}

#[tokio::test]
async fn other_content_is_refused() {
    let server = one_image().await;
    let (upstream, origin) = (anonymous(), registry(&server, "acme/app"));
    // The header names another digest than the bytes have.
    server.fault(Fault::on("*/manifests/v1", Action::Corrupt));
    let error = upstream.manifest(&origin, &tag("v1")).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Corrupt);
    // Without the header a digest asked for still decides.
    server.heal();
    server.fault(Fault::on("*", Action::WithoutHeader("docker-content-digest")));
    server.fault(Fault::on("*", Action::Corrupt));
    let digest = multi_arch("app", &["linux/amd64", "linux/arm64"]).digest();
    let error = upstream
        .manifest(&origin, &ManifestSelector::Digest(digest))
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Corrupt);
    // A log-in page is no manifest.
    server.heal();
    server.fault(Fault::on("*", Action::Body("<html>please log in</html>".into())));
    server.fault(Fault::on("*", Action::Header("content-type", "text/html".into())));
    server.fault(Fault::on("*", Action::WithoutHeader("docker-content-digest")));
    let error = upstream.manifest(&origin, &tag("v1")).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Corrupt);
    assert!(error.to_string().contains("text/html"), "{error}");
}

#[tokio::test]
async fn a_missing_type_is_sniffed_and_gzip_is_undone() {
    let server = one_image().await;
    let (upstream, origin) = (anonymous(), registry(&server, "acme/app"));
    server.fault(Fault::on(
        "*/manifests/*",
        Action::Header("content-type", "application/json".into()),
    ));
    server.fault(Fault::on("*/manifests/*", Action::Gzip));
    let fetched = upstream.manifest(&origin, &tag("v1")).await.unwrap();
    assert_eq!(
        fetched.descriptor,
        multi_arch("app", &["linux/amd64", "linux/arm64"]).descriptor()
    );
    assert_eq!(
        server.requests("manifests/v1")[0].header("accept-encoding"),
        "identity"
    );
}

#[tokio::test]
async fn docker_schema_1_is_told_as_such() {
    let server = one_image().await;
    let old = Blob::json(
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        &json!({"schemaVersion": 1, "name": "a", "fsLayers": []}),
    );
    server.update(|content| {
        let repository = content.repository("acme/app");
        repository.tags.insert("old".into(), old.digest);
        repository.manifests.insert(old.digest, old.clone());
    });
    let error = anonymous()
        .manifest(&registry(&server, "acme/app"), &tag("old"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unsupported);
    assert!(
        error.to_string().contains("schema 1") && error.hint.is_some(),
        "{error}"
    );
}

#[tokio::test]
async fn a_manifest_has_a_size_limit() {
    let server = one_image().await;
    server.fault(Fault::on(
        "*/manifests/*",
        Action::Body(vec![b' '; 9 << 20].into()),
    ));
    let error = anonymous()
        .manifest(&registry(&server, "acme/app"), &tag("v1"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unsupported);
    assert!(error.to_string().contains("larger"), "{error}");
    // What a proxy has compressed is measured by what comes out of it.
    server.fault(Fault::on("*/manifests/*", Action::Gzip));
    let error = anonymous()
        .manifest(&registry(&server, "acme/app"), &tag("v1"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unsupported);
    assert!(error.to_string().contains("larger"), "{error}");
}

#[tokio::test]
async fn tags_come_page_by_page() {
    let options = Options {
        page_size: 2,
        ..Options::default()
    };
    let names = ["1.0", "1.1", "1.2", "2.0", "latest"];
    let server = serve(options, |content| {
        for name in names {
            content.push("acme/app", name, &image("app", "linux/amd64"));
        }
    })
    .await;
    let tags = anonymous().tags(&repository(&server, "acme/app")).await.unwrap();
    assert_eq!(tags.iter().map(Tag::as_str).collect::<Vec<_>>(), names);
    assert_eq!(server.requests("tags/list").len(), 3);
}

#[tokio::test]
async fn pages_may_not_lead_elsewhere_or_in_circles() {
    let server = one_image().await;
    let repository = repository(&server, "acme/app");
    for link in [
        "<http://evil.example/v2/acme/app/tags/list>; rel=\"next\"",
        "</v2/acme/app/tags/list?n=1000>; rel=\"next\"",
    ] {
        server.heal();
        server.fault(Fault::on("*/tags/list", Action::Header("link", link.into())));
        let error = anonymous().tags(&repository).await.unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Unsupported, "{error}");
    }
}

#[tokio::test]
async fn mirrors_come_first_and_the_origin_last() {
    let app = multi_arch("app", &["linux/amd64", "linux/arm64"]);
    let origin = one_image().await;
    let mirror = serve(Options::default(), |content| {
        content.push("hub/acme/cached", "v1", &image("cached", "linux/amd64"));
    })
    .await;
    let mirrored = |origin_too| Config {
        mirrors: vec![Mirror::new(&origin.host(), &format!("{}/hub", mirror.host()), origin_too).unwrap()],
        ..quick()
    };
    let upstream = client(mirrored(true), Credentials::none());
    let cached = upstream
        .manifest(&registry(&origin, "acme/cached"), &tag("v1"))
        .await
        .unwrap();
    assert_eq!(cached.descriptor, image("cached", "linux/amd64").descriptor());
    assert!(origin.log().is_empty());
    let fetched = upstream
        .manifest(&registry(&origin, "acme/app"), &tag("v1"))
        .await
        .unwrap();
    assert_eq!(fetched.descriptor, app.descriptor());
    assert_eq!(mirror.requests("/v2/hub/acme/app/manifests/v1").len(), 1);

    // A mirror that changes what it passes on is told, not passed over.
    mirror.fault(Fault::on("*/manifests/*", Action::Corrupt));
    origin.clear_log();
    let error = upstream
        .manifest(&registry(&origin, "acme/cached"), &tag("v1"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Corrupt);
    assert!(origin.log().is_empty());
    mirror.heal();

    origin.clear_log();
    let upstream = client(mirrored(false), Credentials::none());
    let error = upstream
        .manifest(&registry(&origin, "acme/app"), &tag("v1"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::NotFound);
    assert!(
        error
            .what
            .contains(&format!("(at {}/hub/acme/app)", mirror.host())),
        "{}",
        error.what
    );
    assert!(origin.log().is_empty());
}

#[tokio::test]
async fn tls_with_a_known_authority() {
    let options = Options {
        tls: true,
        ..Options::default()
    };
    let server = serve(options, |content| {
        content.push("a", "v1", &image("a", "linux/amd64"));
    })
    .await;
    let trusting = Config {
        authorities: vec![server.authority().unwrap().into()],
        ..quick()
    };
    let fetched = client(trusting, Credentials::none())
        .manifest(&registry(&server, "a"), &tag("v1"))
        .await;
    assert_eq!(
        fetched.unwrap().descriptor,
        image("a", "linux/amd64").descriptor()
    );
    let insecure = Config {
        insecure: [server.host().parse().unwrap()].into(),
        ..quick()
    };
    let fetched = client(insecure, Credentials::none())
        .manifest(&registry(&server, "a"), &tag("v1"))
        .await;
    assert!(fetched.is_ok());
}

#[tokio::test]
async fn only_what_is_reached_over_http() {
    let upstream = anonymous();
    let layout = Origin::OciLayout("/nowhere".into());
    let error = upstream
        .manifest(&layout, &ManifestSelector::Only)
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unsupported);
    let server = one_image().await;
    let named = ManifestSelector::Named("x".into());
    let error = upstream
        .manifest(&registry(&server, "acme/app"), &named)
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unsupported);
}
