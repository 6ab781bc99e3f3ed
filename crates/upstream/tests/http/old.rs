//! HTTP/1.0: no chunks, no ranges, and the connection closes after every answer.

use airlock_content::{BlobSource, FileFacts, MetadataSource, Origin, SourceErrorKind, digest_of};
use airlock_testkit::{Action, FakeUpstream, Fault, Options, image, noise};
use airlock_types::{Descriptor, media_type};
use airlock_upstream::{Credentials, Upstream};

use crate::{Notes, anonymous, quick, read, registry, serve, tag};

const SIZE: usize = 300_000;

/// Everything as HTTP/1.0; `sized` says whether a length is announced.
async fn old(sized: bool) -> FakeUpstream {
    let server = serve(Options::default(), |content| {
        content.push("acme/app", "v1", &image("app", "linux/amd64"));
        content.file("/tool", noise("tool", SIZE));
    })
    .await;
    set(&server, sized);
    server
}

fn set(server: &FakeUpstream, sized: bool) {
    server.fault(Fault::on("*", Action::Http10));
    server.fault(Fault::on("*", Action::IgnoreRange));
    server.fault(Fault::on("*", Action::WithoutHeader("etag")));
    if !sized {
        server.fault(Fault::on("*", Action::WithoutHeader("content-length")));
    }
}

fn tool(server: &FakeUpstream) -> (Origin, Descriptor) {
    let origin = Origin::Http(server.url("/tool").parse().unwrap());
    let digest = digest_of(&noise("tool", SIZE));
    (
        origin,
        Descriptor::new(media_type::OCTET_STREAM, digest, SIZE as u64),
    )
}

#[tokio::test]
async fn everything_comes_through() {
    for sized in [true, false] {
        let server = old(sized).await;
        let app = image("app", "linux/amd64");
        let (upstream, origin) = (anonymous(), registry(&server, "acme/app"));
        let fetched = upstream.manifest(&origin, &tag("v1")).await.unwrap();
        assert_eq!(fetched.bytes, app.root.bytes);
        for blob in &app.blobs {
            let got = read(&upstream, &origin, &blob.descriptor(), 0).await.unwrap();
            assert_eq!(got, blob.bytes, "sized: {sized}");
        }
        let (origin, want) = tool(&server);
        assert_eq!(
            read(&upstream, &origin, &want, 0).await.unwrap(),
            noise("tool", SIZE)
        );
        assert_eq!(upstream.tags(&repository(&server)).await.unwrap().len(), 1);
    }
}

fn repository(server: &FakeUpstream) -> airlock_types::Repository {
    crate::repository(server, "acme/app")
}

/// Where the length is known from elsewhere, an end that came too early is seen, and the rest is had.
#[tokio::test]
async fn a_body_cut_short_is_completed() {
    let server = old(false).await;
    let (origin, want) = tool(&server);
    server.fault(Fault::on("/tool", Action::Truncate(100_000)).times(2));
    assert_eq!(
        read(&anonymous(), &origin, &want, 0).await.unwrap(),
        noise("tool", SIZE)
    );
    assert_eq!(server.requests("/tool").len(), 3);
    // For ever short: the end of patience, and no acceptance.
    server.fault(Fault::on("/tool", Action::Truncate(100_000)));
    let error = read(&anonymous(), &origin, &want, 0).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unreachable);
    assert!(error.to_string().contains("ended the content early"), "{error}");
    // With a length announced and the connection closed before it.
    server.heal();
    set(&server, true);
    server.fault(Fault::on("/tool", Action::Reset(100_000)).times(1));
    assert_eq!(
        read(&anonymous(), &origin, &want, 0).await.unwrap(),
        noise("tool", SIZE)
    );
    // A manifest cut short is no manifest.
    server.heal();
    set(&server, false);
    server.fault(Fault::on("*/manifests/*", Action::Truncate(100)));
    let error = anonymous()
        .manifest(&registry(&server, "acme/app"), &tag("v1"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Corrupt);
}

/// Where nobody knows the length, it is said that nobody does.
#[tokio::test]
async fn an_end_that_nobody_announced_is_told() {
    for (sized, warnings) in [(true, 0), (false, 1)] {
        let server = old(sized).await;
        let notes = std::sync::Arc::new(Notes::default());
        let upstream = Upstream::new(quick(), Credentials::none(), notes.clone()).unwrap();
        let (origin, want) = tool(&server);
        let facts = FileFacts {
            digest: want.digest,
            size: want.size,
        };
        assert_eq!(upstream.file(&origin, None).await.unwrap(), facts);
        {
            let notes = notes.0.lock().unwrap();
            assert_eq!(notes.len(), warnings, "{notes:?}");
            assert!(notes.iter().all(|note| note.starts_with("Warning")
                && note.contains("does not say how long")
                && note.contains("300000 bytes")));
        }
        upstream
            .document(&server.url("/tool").parse().unwrap(), 1 << 20)
            .await
            .unwrap();
        assert_eq!(notes.0.lock().unwrap().len(), 2 * warnings);
    }
    // Chunks say where the end is.
    let server = old(true).await;
    server.heal();
    server.fault(Fault::on("*", Action::WithoutHeader("content-length")));
    let notes = std::sync::Arc::new(Notes::default());
    let upstream = Upstream::new(quick(), Credentials::none(), notes.clone()).unwrap();
    upstream.file(&tool(&server).0, None).await.unwrap();
    assert!(notes.0.lock().unwrap().is_empty());
    let _ = upstream
        .open(&tool(&server).0, &tool(&server).1, 0)
        .await
        .unwrap();
}
