//! How the server behaves: generations, laziness, limits, shutdown, authentication, TLS.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use airlock_types::{Digest, media_type};
use common::{Connection, Memory, config, noise, start, start_with};
use serde_json::json;
use tokio_rustls::rustls;

/// An image with one large layer, and the address of that.
fn large(store: &Memory, len: usize) -> (Vec<u8>, String) {
    let layer = noise(len);
    let digest = store.file_blob(&layer);
    let image = store.image(&[(media_type::OCI_LAYER_TAR, digest, len)], &json!({}));
    store.root("ghcr.io/acme/large:1", image);
    store.publish();
    (layer, format!("/v2/acme/large/blobs/{digest}"))
}

/// The same, larger than all buffers between server and client.
fn vast(store: &Memory) -> (usize, String) {
    let (digest, len) = store.vast_blob();
    let image = store.image(&[(media_type::OCI_LAYER_TAR, digest, len)], &json!({}));
    store.root("ghcr.io/acme/vast:1", image);
    store.publish();
    (len, format!("/v2/acme/vast/blobs/{digest}"))
}

/// Waits until a condition holds; fails when it does not come to.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < end, "did not happen: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_new_generation_replaces_the_old_one_at_once() {
    let store = Arc::new(Memory::default());
    let first = store.image(&[], &json!({"annotations": {"n": "1"}}));
    let second = store.image(&[], &json!({"annotations": {"n": "2"}}));
    store.root("ghcr.io/acme/app:1", first.clone());
    store.publish();
    let server = start(Arc::clone(&store));
    let digest = |target: &str| server.get(target).header("docker-content-digest").to_owned();
    assert_eq!(digest("/v2/acme/app/manifests/1"), first.digest.to_string());

    store.clear_roots();
    store.root("ghcr.io/acme/app:1", second.clone());
    store.publish();
    assert_eq!(digest("/v2/acme/app/manifests/1"), second.digest.to_string());
    let gone = server.get(&format!("/v2/acme/app/manifests/{}", first.digest));
    assert_eq!(gone.status, 404);
}

#[test]
fn what_was_just_imported_is_found_between_two_looks() {
    let store = Arc::new(Memory::default());
    let image = store.image(&[], &json!({}));
    store.root("ghcr.io/acme/app:1", image.clone());
    store.publish();
    let mut config = config();
    config.limits.refresh = Duration::from_hours(1);
    let server = start_with(Arc::clone(&store), config);
    assert_eq!(server.get("/v2/acme/app/manifests/2").status, 404);
    store.root("ghcr.io/acme/app:2", image);
    store.publish();
    assert_eq!(server.get("/v2/acme/app/manifests/2").status, 200);
}

#[test]
fn a_generation_that_cannot_be_read_leaves_the_one_before() {
    let store = Arc::new(Memory::default());
    store.root("ghcr.io/acme/app:1", store.image(&[], &json!({})));
    store.publish();
    let server = start(Arc::clone(&store));
    assert_eq!(server.get("/v2/acme/app/manifests/1").status, 200);
    store.set_broken(true);
    assert_eq!(server.get("/v2/acme/app/manifests/1").status, 200);
    assert_eq!(server.get("/v2/acme/app/manifests/2").status, 404);
    let ready = server.get("/readyz");
    assert_eq!((ready.status, ready.code().as_str()), (503, "UNAVAILABLE"));
    store.set_broken(false);
    assert_eq!(server.get("/readyz").status, 200);
}

#[test]
fn odd_requests_are_answered_and_nobody_else_suffers() {
    let store = Arc::new(Memory::default());
    let (_, target) = large(&store, 10);
    let server = start(store);
    let long = "a".repeat(20_000);
    for (request, statuses) in [
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), &[405][..]),
        (
            "GET http://mirror.test/v2/ HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            &[200],
        ),
        ("GET /v2/ HTTP/1.0\r\n\r\n".to_owned(), &[200]),
        (
            "GET //v2//../manifests/x HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            &[404],
        ),
        (
            "GET /v2/%00/%2e%2e/manifests/%2e%2e HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            &[400],
        ),
        (
            "GET /files/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            &[404],
        ),
        (
            "GET /v2/a/manifests/1?ns=%0d%0aX:%20y HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            &[404],
        ),
        (
            format!("GET /v2/{long}/manifests/1 HTTP/1.1\r\nHost: x\r\n\r\n"),
            &[400],
        ),
        (
            format!("GET /v2/ HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", long.repeat(10)),
            &[431],
        ),
        ("nonsense\r\n\r\n".to_owned(), &[400]),
        (
            format!("PUT /v2/a/manifests/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n{long}"),
            &[405],
        ),
    ] {
        let mut connection = Connection::open(server.address);
        // The server may answer and hang up before it has read all of a large request.
        let _ = connection.stream.write_all(request.as_bytes());
        let answer = connection.receive_head();
        let shown: String = request.chars().take(80).collect();
        assert!(statuses.contains(&answer.status), "{shown}: {answer:?}");
        assert_eq!(answer.header("x"), "", "{shown}");
    }
    assert_eq!(server.get(&target).status, 200);
}

#[test]
fn only_what_is_asked_for_is_read() {
    let store = Arc::new(Memory::default());
    for n in 0..500 {
        let image = store.image(&[], &json!({"annotations": {"n": n.to_string()}}));
        store.root(&format!("ghcr.io/acme/app{n}:1"), image);
    }
    store.publish();
    let server = start(Arc::clone(&store));
    assert_eq!(server.get("/readyz").status, 200);
    assert_eq!(server.get("/v2/acme/app7/tags/list").status, 200);
    assert_eq!(store.opened(), 0);
    for _ in 0..3 {
        assert_eq!(server.get("/v2/acme/app7/manifests/1").status, 200);
    }
    assert_eq!(store.opened(), 1);
    let config = airlock_content::digest_of(
        br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#,
    );
    assert_eq!(server.get(&format!("/v2/acme/app7/blobs/{config}")).status, 200);
    // The manifest again, for what it names, and the blob.
    assert_eq!(store.opened(), 3);
}

#[test]
fn a_manifest_that_the_store_lost_is_an_error_that_says_so() {
    let store = Arc::new(Memory::default());
    let image = store.image(&[], &json!({}));
    store.root("ghcr.io/acme/app:1", image.clone());
    store.publish();
    store.remove(&image.digest);
    let server = start(store);
    let answer = server.get("/v2/acme/app/manifests/1");
    assert_eq!((answer.status, answer.code().as_str()), (404, "MANIFEST_UNKNOWN"));
    assert!(answer.text().contains("airlock scrub"));
}

#[test]
fn an_unreadable_manifest_is_served_but_leads_nowhere() {
    let store = Arc::new(Memory::default());
    let digest = store.blob(b"not json");
    let root = airlock_types::Descriptor::new("application/x-strange", digest, 8);
    store.root("ghcr.io/acme/app:1", root);
    store.publish();
    let server = start(store);
    let answer = server.get("/v2/acme/app/manifests/1");
    assert_eq!(answer.header("content-type"), "application/x-strange");
    assert_eq!(answer.body, b"not json");
    let nothing = Digest::sha256([0; 32]);
    assert_eq!(server.get(&format!("/v2/acme/app/blobs/{nothing}")).status, 404);
}

#[test]
fn a_client_that_leaves_early_is_noted_and_nobody_else_suffers() {
    let store = Arc::new(Memory::default());
    let (layer, other) = large(&store, 1 << 20);
    let (_, target) = vast(&store);
    let log = Arc::new(Mutex::new(Vec::new()));
    let mut config = config();
    let written = Arc::clone(&log);
    config.access_log = Some(Arc::new(move |record| {
        written.lock().unwrap().push((
            record.method.to_owned(),
            record.target.to_owned(),
            record.status,
            record.bytes,
            record.complete,
        ));
    }));
    let server = start_with(store, config);
    let mut connection = Connection::open(server.address);
    connection.send("GET", &target, &[("Range", "bytes=10-")]);
    assert_eq!(connection.receive_head().status, 206);
    let mut some = [0; 1000];
    connection.stream.read_exact(&mut some).unwrap();

    drop(connection);
    eventually("the log hears of it", || {
        log.lock()
            .unwrap()
            .iter()
            .any(|(.., status, bytes, complete)| *status == 206 && *bytes > 0 && !complete)
    });
    assert!(server.get(&other).body == layer);
    eventually("the log hears of the other", || {
        log.lock()
            .unwrap()
            .contains(&("GET".into(), other.clone(), 200, layer.len() as u64, true))
    });
}

#[test]
fn many_downloads_at_once_are_each_right() {
    let store = Arc::new(Memory::default());
    let (layer, target) = large(&store, 3 << 20);
    let server = start(store);
    std::thread::scope(|scope| {
        for at in 0..8_usize {
            let (layer, target, server) = (&layer, &target, &server);
            scope.spawn(move || {
                let start = at * 100_001;
                let part = server.request("GET", target, &[("Range", &format!("bytes={start}-"))]);
                assert!(part.body == layer[start..]);
            });
        }
    });
}

#[test]
fn shutdown_lets_a_download_end_and_closes_idle_connections() {
    let store = Arc::new(Memory::default());
    let (len, target) = vast(&store);
    let mut server = start(store);
    let mut idle = Connection::open(server.address);
    idle.send("GET", "/healthz", &[]);
    assert_eq!(idle.receive(false).status, 200);
    let mut busy = Connection::open(server.address);
    busy.send("GET", &target, &[]);
    assert_eq!(busy.receive_head().status, 200);

    server.signal();
    assert_eq!(idle.stream.read(&mut [0]).unwrap(), 0);
    assert!(!server.is_finished());
    let mut rest = busy.stream.take(len as u64);
    assert_eq!(
        std::io::copy(&mut rest, &mut std::io::sink()).unwrap(),
        len as u64
    );
    server.wait();
    assert!(TcpStream::connect(server.address).is_err());
}

#[test]
fn shutdown_does_not_wait_for_ever() {
    let store = Arc::new(Memory::default());
    let (_, target) = vast(&store);
    let mut config = config();
    config.limits.drain = Duration::from_millis(100);
    let mut server = start_with(store, config);
    let mut stuck = Connection::open(server.address);
    stuck.send("GET", &target, &[]);
    stuck.receive_head();
    server.signal();
    server.wait();
}

#[test]
fn silent_clients_are_let_go() {
    let store = Arc::new(Memory::default());
    store.publish();
    let mut config = config();
    config.limits.header_timeout = Duration::from_millis(100);
    config.limits.connections = 1;
    let server = start_with(store, config);
    // With one place only, the third is served because the first two lose theirs.
    let silent = Connection::open(server.address);
    let mut halfway = Connection::open(server.address);
    halfway.stream.write_all(b"GET /healthz HTTP/1.1\r\nHo").unwrap();
    assert_eq!(server.get("/healthz").status, 200);
    drop((silent, halfway));
}

#[test]
fn stalled_downloads_are_broken_off() {
    let store = Arc::new(Memory::default());
    let (len, target) = vast(&store);
    let log = Arc::new(Mutex::new((true, 0)));
    let mut config = config();
    config.limits.stall_timeout = Duration::from_millis(700);
    let written = Arc::clone(&log);
    config.access_log = Some(Arc::new(move |record| {
        *written.lock().unwrap() = (record.complete, record.bytes);
    }));
    let server = start_with(store, config);
    let mut connection = Connection::open(server.address);
    connection.send("GET", &target, &[]);
    connection.receive_head();
    eventually("the server gives up", || !log.lock().unwrap().0);
    // The system's socket buffers take some; the server itself has not read ahead of them.
    let (_, sent) = *log.lock().unwrap();
    assert!(sent < 64 << 20, "{sent}");
    let mut rest = Vec::new();
    let _ = connection.stream.read_to_end(&mut rest);
    assert!(rest.len() < len);
}

#[test]
fn every_endpoint_asks_for_the_password() {
    let store = Arc::new(Memory::default());
    let (_, blob) = large(&store, 10);
    let mut config = config();
    config.verify = Some(Arc::new(|user, password| user == "site" && password == "s3:cret"));
    let server = start_with(store, config);
    let good = ("Authorization", "Basic c2l0ZTpzMzpjcmV0");
    for target in [
        "/v2/",
        "/v2/_catalog",
        "/v2/acme/large/manifests/1",
        "/v2/acme/large/tags/list",
        "/v2/none/manifests/1",
        "/files/",
        "/charts/index.yaml",
        "/metrics",
        "/nothing",
        "/",
        &blob,
    ] {
        for method in ["GET", "HEAD", "PUT"] {
            for headers in [&[][..], &[("Authorization", "Basic c2l0ZTp3cm9uZw==")]] {
                let answer = server.request(method, target, headers);
                assert_eq!(answer.status, 401, "{method} {target}");
                assert!(
                    answer
                        .header("www-authenticate")
                        .starts_with("Basic realm=\"airlock\"")
                );
            }
        }
        let status = server.request("GET", target, &[good]).status;
        assert_ne!(status, 401, "{target}");
    }
    assert_eq!(
        server
            .request("HEAD", "/v2/acme/large/manifests/1", &[good])
            .status,
        200
    );
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.get("/readyz").status, 200);
}

#[test]
fn tls_serves_the_same() {
    let (certificate, tls) = common::tls("mirror.test");
    let store = Arc::new(Memory::default());
    let (layer, target) = large(&store, 2 << 20);
    let mut config = config();
    config.tls = Some(tls);
    config.limits.handshake_timeout = Duration::from_millis(200);
    let server = start_with(store, config);

    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let session = rustls::ClientConnection::new(Arc::new(client), "mirror.test".try_into().unwrap()).unwrap();
    let tcp = Connection::open(server.address).stream;
    let mut connection = Connection {
        stream: rustls::StreamOwned::new(session, tcp),
    };
    connection.send("GET", &target, &[]);
    let answer = connection.receive(false);
    assert!(answer.status == 200 && answer.body == layer);

    // Who does not speak TLS is let go.
    let mut plain = Connection::open(server.address);
    assert_eq!(plain.stream.read(&mut [0]).unwrap_or(0), 0);
}
