use std::time::Duration;

use airlock_content::{BlobSource, MetadataSource, Origin, SourceErrorKind, digest_of};
use airlock_testkit::{Action, FakeUpstream, Fault, Listener, Options, image, noise};
use airlock_types::{Descriptor, media_type};
use bytes::Bytes;
use futures::StreamExt;

use crate::{anonymous, impatient, read, registry, serve};

const SIZE: usize = 2 << 20;

/// A repository with one blob that does not compress.
async fn one_blob(options: Options) -> (FakeUpstream, Origin, Descriptor, Bytes) {
    let bytes = noise("blob", SIZE);
    let descriptor = Descriptor::new(media_type::OCI_LAYER_GZIP, digest_of(&bytes), SIZE as u64);
    let server = serve(options, |content| {
        content
            .repository("acme/app")
            .blobs
            .insert(descriptor.digest, bytes.clone());
    })
    .await;
    let origin = registry(&server, "acme/app");
    (server, origin, descriptor, bytes)
}

#[tokio::test]
async fn a_break_costs_no_second_download() {
    let (server, origin, want, bytes) = one_blob(Options::default()).await;
    server.fault(Fault::on("*/blobs/*", Action::Reset(700_000)).times(2));
    assert!(read(&anonymous(), &origin, &want, 0).await.unwrap() == bytes);
    let requests = server.requests("/blobs/");
    let ranges: Vec<_> = requests.iter().map(|request| request.header("range")).collect();
    assert_eq!(ranges[0], "");
    assert_eq!(ranges.len(), 3);
    assert!(
        ranges[1..].iter().all(|range| range.starts_with("bytes=")),
        "{ranges:?}"
    );
    let sent: u64 = requests.iter().map(|request| request.sent).sum();
    assert!(
        sent * 10 <= 11 * SIZE as u64,
        "{sent} bytes on the wire for {SIZE}"
    );
}

#[tokio::test]
async fn progress_makes_up_for_many_breaks() {
    // More breaks than retries, each after enough progress to start counting anew.
    let (server, origin, want, bytes) = one_blob(Options::default()).await;
    server.fault(Fault::on("*/blobs/*", Action::Reset(300_000)));
    assert!(read(&anonymous(), &origin, &want, 0).await.unwrap() == bytes);
    assert_eq!(server.requests("/blobs/").len(), 7);
}

#[tokio::test]
async fn without_progress_it_gives_up() {
    let (server, origin, want, _) = one_blob(Options::default()).await;
    server.fault(Fault::on("*/blobs/*", Action::Reset(10)));
    let error = read(&anonymous(), &origin, &want, 0).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unreachable);
    assert_eq!(server.requests("/blobs/").len(), 4);
}

#[tokio::test]
async fn a_server_without_ranges_is_read_over() {
    let (server, origin, want, bytes) = one_blob(Options::default()).await;
    server.fault(Fault::on("*/blobs/*", Action::Reset(500_000)).times(1));
    server.fault(Fault::on("*/blobs/*", Action::IgnoreRange));
    assert!(read(&anonymous(), &origin, &want, 0).await.unwrap() == bytes);
    assert_eq!(
        read(&anonymous(), &origin, &want, 100).await.unwrap(),
        bytes[100..]
    );
}

#[tokio::test]
async fn an_early_end_is_resumed_and_a_wrong_length_is_not() {
    let (server, origin, want, bytes) = one_blob(Options::default()).await;
    // Chunked, so that the end looks like a good one.
    server.fault(Fault::on("*/blobs/*", Action::Truncate(500_000)).times(1));
    server.fault(Fault::on("*/blobs/*", Action::WithoutHeader("content-length")).times(1));
    assert!(read(&anonymous(), &origin, &want, 0).await.unwrap() == bytes);
    server.fault(Fault::on("*/blobs/*", Action::Truncate(500_000)).times(1));
    let error = read(&anonymous(), &origin, &want, 0).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Corrupt);
    // What follows the content is not read.
    server.fault(Fault::on("*/blobs/*", Action::Append("more".into())));
    server.fault(Fault::on("*/blobs/*", Action::WithoutHeader("content-length")));
    assert!(read(&anonymous(), &origin, &want, 0).await.unwrap() == bytes);
}

/// After a break only the very part that is missing is put behind what is there.
#[tokio::test]
async fn another_part_than_the_one_asked_for_is_refused() {
    let cases = [
        (
            Action::Header("content-range", format!("bytes 0-{}/{SIZE}", SIZE - 1)),
            SourceErrorKind::Corrupt,
            "another part than the one asked for",
        ),
        (
            Action::WithoutHeader("content-range"),
            SourceErrorKind::Unsupported,
            "a part without saying which",
        ),
        (Action::Status(416), SourceErrorKind::Corrupt, "or fewer"),
    ];
    for (action, kind, message) in cases {
        let (server, origin, want, _) = one_blob(Options::default()).await;
        server.fault(Fault::on("*/blobs/*", Action::Reset(700_000)).times(1));
        server.fault(Fault::on("*/blobs/*", action.clone()).after(1));
        let error = read(&anonymous(), &origin, &want, 0).await.unwrap_err();
        assert_eq!(error.kind, kind, "{action:?}: {error}");
        assert!(error.to_string().contains(message), "{action:?}: {error}");
        assert_eq!(server.requests("/blobs/").len(), 2);
    }
}

/// What a server says beside a status is read as far as it is short.
#[tokio::test]
async fn a_long_excuse_is_not_read() {
    let (server, origin, want, _) = one_blob(Options::default()).await;
    for (padding, told) in [(1000, true), (1 << 20, false)] {
        let padding = " ".repeat(padding);
        let says = format!("{{\"errors\":[{{\"code\":\"DENIED\"{padding}}}]}}");
        server.heal();
        server.fault(Fault::on("*/blobs/*", Action::Status(403)));
        server.fault(Fault::on("*/blobs/*", Action::Body(says.into())));
        let error = read(&anonymous(), &origin, &want, 0).await.unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Denied);
        assert_eq!(crate::told(&error).contains("the server says: DENIED"), told);
    }
}

#[tokio::test]
async fn a_stall_is_a_break() {
    let (server, origin, want, bytes) = one_blob(Options::default()).await;
    server.fault(Fault::on("*/blobs/*", Action::Stall(600_000)).times(1));
    assert!(read(&impatient(), &origin, &want, 0).await.unwrap() == bytes);
    assert_eq!(server.requests("/blobs/").len(), 2);
}

#[tokio::test]
async fn slow_is_not_stalled() {
    let (server, origin, want, bytes) = one_blob(Options::default()).await;
    server.fault(Fault::on(
        "*/blobs/*",
        Action::Drip(SIZE / 10, Duration::from_millis(60)),
    ));
    // Longer in all than the time allowed for a stall.
    assert!(read(&impatient(), &origin, &want, 0).await.unwrap() == bytes);
    assert_eq!(server.requests("/blobs/").len(), 1);
}

#[tokio::test]
async fn offsets() {
    let (server, origin, want, bytes) = one_blob(Options::default()).await;
    let upstream = anonymous();
    assert_eq!(
        read(&upstream, &origin, &want, 1_000_000).await.unwrap(),
        bytes[1_000_000..]
    );
    assert_eq!(server.requests("/blobs/")[0].header("range"), "bytes=1000000-");
    server.clear_log();
    assert_eq!(read(&upstream, &origin, &want, SIZE as u64).await.unwrap(), "");
    assert!(server.log().is_empty());
    assert!(read(&upstream, &origin, &want, SIZE as u64 + 1).await.is_err());
}

#[tokio::test]
async fn redirects_to_a_cdn_are_followed_also_when_resuming() {
    let options = Options {
        redirect_blobs: true,
        ..Options::default()
    };
    let (server, origin, want, bytes) = one_blob(options).await;
    server.fault(
        Fault::on("*", Action::Reset(700_000))
            .listener(Listener::Cdn)
            .times(1),
    );
    assert!(read(&anonymous(), &origin, &want, 0).await.unwrap() == bytes);
    let cdn: Vec<_> = server
        .log()
        .into_iter()
        .filter(|entry| entry.listener == Listener::Cdn)
        .collect();
    assert_eq!(cdn.len(), 2);
    assert!(cdn[1].header("range").starts_with("bytes="));
}

#[tokio::test]
async fn manifests_come_from_their_own_endpoint() {
    let app = image("app", "linux/amd64");
    let (server, origin, ..) = one_blob(Options::default()).await;
    server.update(|content| content.push("acme/app", "v1", &app));
    let got = read(&anonymous(), &origin, &app.descriptor(), 5).await.unwrap();
    assert_eq!(got, app.root.bytes[5..]);
}

/// Who reads a stream need not look at its length to be safe from an endless one.
#[tokio::test]
async fn more_than_announced_is_refused() {
    let (server, origin, ..) = one_blob(Options::default()).await;
    let bytes = noise("small", 100);
    let want = Descriptor::new(media_type::OCI_LAYER_GZIP, digest_of(&bytes), 100);
    server.update(|content| {
        let blobs = &mut content.repository("acme/app").blobs;
        blobs.insert(want.digest, bytes);
    });
    server.fault(Fault::on("*/blobs/*", Action::Append("more".into())));
    server.fault(Fault::on("*/blobs/*", Action::WithoutHeader("content-length")));
    let error = read(&anonymous(), &origin, &want, 0).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Corrupt);
    assert!(error.to_string().contains("more than the 100 bytes"), "{error}");
}

#[tokio::test]
async fn small_blobs_are_verified() {
    let app = image("app", "linux/amd64");
    let (server, origin, ..) = one_blob(Options::default()).await;
    server.update(|content| content.push("acme/app", "v1", &app));
    let (upstream, config) = (anonymous(), app.blobs[0].descriptor());
    let got = upstream.blob(&origin, &config, 10_000).await.unwrap();
    assert_eq!(got, app.blobs[0].bytes);
    let error = upstream.blob(&origin, &config, 10).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unsupported);
    server.fault(Fault::on("*/blobs/*", Action::Corrupt));
    let error = upstream.blob(&origin, &config, 10_000).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Corrupt);
}

#[tokio::test]
async fn a_dropped_stream_gives_its_place_back() {
    let (_server, origin, want, bytes) = one_blob(Options::default()).await;
    let config = airlock_upstream::Config {
        jobs: 1,
        ..crate::quick()
    };
    let upstream = crate::client(config, airlock_upstream::Credentials::none());
    let mut stream = upstream.open(&origin, &want, 0).await.unwrap();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    assert!(read(&upstream, &origin, &want, 0).await.unwrap() == bytes);
}
