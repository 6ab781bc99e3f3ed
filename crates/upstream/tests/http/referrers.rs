use airlock_content::{MetadataSource, ReferrerVia, SourceErrorKind};
use airlock_testkit::{Action, FakeUpstream, Fault, Image, Options, artifact, cosign_signature, image};
use airlock_upstream::{Config, Credentials, Mirror};

use crate::{anonymous, client, quick, registry, serve};

/// An image with an SBOM and a signature about it.
fn family() -> (Image, Image, Image) {
    let app = image("app", "linux/amd64");
    let sbom = artifact("application/spdx+json", "an sbom", Some(&app.descriptor()));
    let signature = cosign_signature("acme/app", &app.digest());
    (app, sbom, signature)
}

async fn server(referrers_api: bool) -> FakeUpstream {
    let (app, sbom, signature) = family();
    serve(
        Options {
            referrers_api,
            ..Options::default()
        },
        |content| {
            content.push("acme/app", "v1", &app);
            content.push_untagged("acme/app", &sbom);
            content.push(
                "acme/app",
                &format!("{}.sig", app.digest().referrers_tag()),
                &signature,
            );
            if !referrers_api {
                content.repository("acme/app").write_fallback_tag(&app.digest());
            }
        },
    )
    .await
}

#[tokio::test]
async fn through_the_api() {
    let (app, sbom, signature) = family();
    let server = server(true).await;
    let found = anonymous()
        .referrers(&registry(&server, "acme/app"), &app.digest())
        .await
        .unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(
        (found[0].descriptor.digest, &found[0].via),
        (sbom.digest(), &ReferrerVia::Api)
    );
    assert_eq!(
        found[0].descriptor.artifact_type.as_deref(),
        Some("application/spdx+json")
    );
    let sig_tag = format!("{}.sig", app.digest().referrers_tag()).parse().unwrap();
    assert_eq!(found[1].descriptor, signature.descriptor());
    assert_eq!(found[1].via, ReferrerVia::CosignTag(sig_tag));
    // What is not there costs a HEAD only.
    let att: Vec<_> = server
        .requests(".att")
        .iter()
        .map(|entry| entry.method.clone())
        .collect();
    assert_eq!(att, ["HEAD"]);
}

#[tokio::test]
async fn through_the_fallback_tag() {
    let (app, sbom, _) = family();
    let server = server(false).await;
    let origin = registry(&server, "acme/app");
    let via = ReferrerVia::FallbackTag(app.digest().referrers_tag().parse().unwrap());
    for status in [404, 405, 501] {
        server.heal();
        server.fault(Fault::on("*/referrers/*", Action::Status(status)));
        let found = anonymous().referrers(&origin, &app.digest()).await.unwrap();
        assert_eq!((found[0].descriptor.digest, &found[0].via), (sbom.digest(), &via));
        assert_eq!(found.len(), 2);
    }
    // A page that is no index means the same as no API.
    server.heal();
    server.fault(Fault::on("*/referrers/*", Action::Status(200)));
    server.fault(Fault::on("*/referrers/*", Action::Body("<html>".into())));
    let found = anonymous().referrers(&origin, &app.digest()).await.unwrap();
    assert_eq!(found[0].via, via);
    // Neither API nor tag: nothing refers to it.
    let none = anonymous().referrers(&origin, &sbom.digest()).await.unwrap();
    assert_eq!(none, []);
}

#[tokio::test]
async fn refusal_is_not_absence() {
    let (app, ..) = family();
    let server = server(true).await;
    let origin = registry(&server, "acme/app");
    for (path, status) in [
        ("*/referrers/*", 403),
        ("*.sig", 403),
        ("*.att", 401),
        ("*.sbom", 403),
    ] {
        server.heal();
        server.fault(Fault::on(path, Action::Status(status)));
        let error = anonymous().referrers(&origin, &app.digest()).await.unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Denied, "{path}");
    }
    server.heal();
    server.fault(Fault::on("*.sig", Action::Status(503)));
    let error = anonymous().referrers(&origin, &app.digest()).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unreachable);
}

#[tokio::test]
async fn a_registry_without_head_is_asked_with_get() {
    let (app, _, signature) = family();
    let server = server(true).await;
    server.fault(Fault::on("*/manifests/*", Action::Status(405)).method("HEAD"));
    let found = anonymous()
        .referrers(&registry(&server, "acme/app"), &app.digest())
        .await;
    // HEAD 405 leaves the question open; GET answers it: the missing ones are absent.
    let found = found.unwrap();
    assert!(
        found
            .iter()
            .any(|found| found.descriptor == signature.descriptor())
    );
}

#[tokio::test]
async fn what_a_mirror_lacks_is_asked_for_at_the_origin() {
    let (app, sbom, signature) = family();
    let origin = server(true).await;
    // A cache that holds the image only, and knows no referrers API.
    let mirror = serve(
        Options {
            referrers_api: false,
            ..Options::default()
        },
        |content| content.push("acme/app", "v1", &app),
    )
    .await;
    let mirrored = |origin_too| {
        let rule = Mirror::new(&origin.host(), &mirror.host(), origin_too).unwrap();
        let config = Config {
            mirrors: vec![rule],
            ..quick()
        };
        client(config, Credentials::none())
    };
    let place = registry(&origin, "acme/app");
    let found = mirrored(true).referrers(&place, &app.digest()).await.unwrap();
    let digests: Vec<_> = found.iter().map(|found| found.descriptor.digest).collect();
    assert_eq!(digests, [sbom.digest(), signature.digest()]);
    assert_eq!(
        mirrored(false).referrers(&place, &app.digest()).await.unwrap(),
        []
    );
    // The origin says no: its word counts, whatever is wrong with the mirror. The other way round it does not.
    mirror.fault(Fault::on("*", Action::Status(503)));
    assert_eq!(
        mirrored(true).referrers(&place, &sbom.digest()).await.unwrap(),
        []
    );
    mirror.heal();
    origin.fault(Fault::on("*", Action::Status(503)));
    let error = mirrored(true)
        .referrers(&place, &sbom.digest())
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unreachable);
}
