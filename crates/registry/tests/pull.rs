//! Manifests and blobs as the distribution-spec has them pulled.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use airlock_types::{Descriptor, media_type};
use common::{Connection, Memory, noise, start};
use serde_json::json;

struct Fixture {
    store: Arc<Memory>,
    index: Descriptor,
    child: Descriptor,
    layer: Vec<u8>,
    layer_digest: String,
}

/// An index with one child that is held and one that was left out, and another repository.
fn fixture() -> Fixture {
    let store = Arc::new(Memory::default());
    let layer = noise(1_000_003);
    let digest = store.file_blob(&layer);
    let child = store.image(&[(media_type::OCI_LAYER_GZIP, digest, layer.len())], &json!({}));
    let absent = airlock_content::digest_of(b"absent");
    let index = store.manifest(
        media_type::OCI_INDEX,
        &json!({"schemaVersion": 2, "manifests": [
            {"mediaType": media_type::OCI_MANIFEST, "digest": child.digest, "size": child.size,
             "platform": {"os": "linux", "architecture": "amd64"}},
            {"mediaType": media_type::OCI_MANIFEST, "digest": absent, "size": 6,
             "platform": {"os": "linux", "architecture": "arm64"}}]}),
    );
    store.root("docker.io/library/app:1.0", index.clone());
    let other = store.blob(b"only elsewhere");
    let elsewhere = store.image(&[(media_type::OCI_LAYER_TAR, other, 14)], &json!({}));
    store.root("ghcr.io/acme/other:1.0", elsewhere);
    store.publish();
    Fixture {
        store,
        index,
        child,
        layer,
        layer_digest: digest.to_string(),
    }
}

#[test]
fn the_base_says_that_a_registry_is_here() {
    let server = start(fixture().store);
    for target in ["/v2/", "/v2"] {
        let answer = server.get(target);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("docker-distribution-api-version"), "registry/2.0");
    }
}

#[test]
fn manifests_come_as_stored_by_tag_and_digest() {
    let Fixture {
        store, index, child, ..
    } = fixture();
    let server = start(store);
    let by_tag = server.request(
        "GET",
        "/v2/library/app/manifests/1.0",
        // Neither is negotiated: the stored type and the stored bytes.
        &[
            ("Accept", media_type::DOCKER_MANIFEST),
            ("Accept-Encoding", "gzip, zstd"),
        ],
    );
    assert_eq!(by_tag.status, 200);
    assert_eq!(by_tag.header("content-type"), media_type::OCI_INDEX);
    assert_eq!(by_tag.header("docker-content-digest"), index.digest.to_string());
    assert_eq!(by_tag.header("etag"), format!("\"{}\"", index.digest));
    assert_eq!(by_tag.header("cache-control"), "no-cache");
    assert_eq!(by_tag.header("content-encoding"), "");
    assert_eq!(airlock_content::digest_of(&by_tag.body), index.digest);

    for target in [
        format!("/v2/library/app/manifests/{}", child.digest),
        format!(
            "/v2/library/app/manifests/{}",
            child.digest.to_string().replace(':', "%3A")
        ),
        format!("/v2/library/app/manifests/1.0@{}", child.digest),
    ] {
        let by_digest = server.get(&target);
        assert_eq!(by_digest.status, 200, "{target}");
        assert_eq!(by_digest.header("content-type"), media_type::OCI_MANIFEST);
        assert_eq!(by_digest.header("cache-control"), "max-age=31536000, immutable");
        assert_eq!(airlock_content::digest_of(&by_digest.body), child.digest);
    }

    let head = server.head("/v2/library/app/manifests/1.0");
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-length"), index.size.to_string());
    assert_eq!(head.header("docker-content-digest"), index.digest.to_string());
    assert_eq!(head.header("content-type"), media_type::OCI_INDEX);
}

#[test]
fn what_is_not_there_is_named_with_the_specs_codes() {
    let server = start(fixture().store);
    let absent = airlock_content::digest_of(b"absent");
    for (target, status, code) in [
        ("/v2/library/app/manifests/2.0", 404, "MANIFEST_UNKNOWN"),
        (
            "/v2/library/app/manifests/.INVALID_MANIFEST_NAME",
            404,
            "MANIFEST_UNKNOWN",
        ),
        (
            "/v2/library/app/manifests/sha256:baddigeststring",
            400,
            "DIGEST_INVALID",
        ),
        // The index names it, but it was left out.
        (
            &format!("/v2/library/app/manifests/{absent}"),
            404,
            "MANIFEST_UNKNOWN",
        ),
        (&format!("/v2/library/app/blobs/{absent}"), 404, "BLOB_UNKNOWN"),
        (
            "/v2/library/app/blobs/sha256:baddigeststring",
            400,
            "DIGEST_INVALID",
        ),
        ("/v2/library/none/manifests/1", 404, "NAME_UNKNOWN"),
        ("/v2/UPPER/manifests/1", 400, "NAME_INVALID"),
        ("/v2/library/none/tags/list", 404, "NAME_UNKNOWN"),
        ("/v3/", 404, "NAME_UNKNOWN"),
        ("/v2/a%zz/tags/list", 400, "NAME_UNKNOWN"),
    ] {
        let answer = server.get(target);
        assert_eq!(answer.status, status, "{target}");
        assert_eq!(answer.code(), code, "{target}");
        let head = server.head(target);
        assert_eq!(head.status, status);
        assert_eq!(head.header("content-length"), answer.body.len().to_string());
    }
}

#[test]
fn a_blob_of_another_repository_is_not_here() {
    let server = start(fixture().store);
    let digest = airlock_content::digest_of(b"only elsewhere");
    assert_eq!(server.get(&format!("/v2/acme/other/blobs/{digest}")).status, 200);
    for method in ["GET", "HEAD"] {
        let answer = server.request(method, &format!("/v2/library/app/blobs/{digest}"), &[]);
        assert_eq!(answer.status, 404);
    }
}

#[test]
fn blobs_come_whole_and_in_parts() {
    let Fixture {
        store,
        layer,
        layer_digest,
        ..
    } = fixture();
    let server = start(store);
    let target = format!("/v2/library/app/blobs/{layer_digest}");
    let len = layer.len();

    let whole = server.get(&target);
    assert_eq!(whole.status, 200);
    assert!(whole.body == layer);
    assert_eq!(whole.header("docker-content-digest"), layer_digest);
    assert_eq!(whole.header("content-type"), "application/octet-stream");
    assert_eq!(whole.header("cache-control"), "max-age=31536000, immutable");
    assert_eq!(whole.header("accept-ranges"), "bytes");

    let head = server.request("HEAD", &target, &[("Range", "bytes=0-1")]);
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-length"), len.to_string());

    for (range, start, end) in [
        ("bytes=0-0", 0, 1),
        ("bytes=10-300000", 10, 300_001),
        ("bytes=500000-", 500_000, len),
        ("bytes=-300", len - 300, len),
        ("bytes=999990-99999999", 999_990, len),
    ] {
        let part = server.request("GET", &target, &[("Range", range)]);
        assert_eq!(part.status, 206, "{range}");
        assert_eq!(
            part.header("content-range"),
            format!("bytes {start}-{}/{len}", end - 1)
        );
        assert!(part.body == layer[start..end], "{range}");
    }
    for range in ["bytes=500-0", &format!("bytes={len}-")] {
        let answer = server.request("GET", &target, &[("Range", range)]);
        assert_eq!(answer.status, 416, "{range}");
        assert_eq!(answer.header("content-range"), format!("bytes */{len}"));
    }
    let several = server.request("GET", &target, &[("Range", "bytes=0-1,5-6")]);
    assert_eq!((several.status, several.body.len()), (200, len));
    let other = server.request(
        "GET",
        &target,
        &[("Range", "bytes=5-6"), ("If-Range", "\"other\"")],
    );
    assert_eq!((other.status, other.body.len()), (200, len));
}

#[test]
fn known_content_is_not_sent_again() {
    let Fixture {
        store,
        index,
        layer_digest,
        ..
    } = fixture();
    let server = start(store);
    for (target, digest) in [
        (
            "/v2/library/app/manifests/1.0".to_owned(),
            index.digest.to_string(),
        ),
        (
            format!("/v2/library/app/blobs/{layer_digest}"),
            layer_digest.clone(),
        ),
    ] {
        let etag = format!("\"{digest}\"");
        let same = server.request("GET", &target, &[("If-None-Match", &etag)]);
        assert_eq!((same.status, same.header("etag")), (304, etag.as_str()));
        assert_eq!(same.header("docker-content-digest"), digest);
        let other = server.request("GET", &target, &[("If-None-Match", "\"sha256:0\"")]);
        assert_eq!(other.status, 200);
    }
}

#[test]
fn an_empty_blob_is_a_blob() {
    let store = Arc::new(Memory::default());
    let empty = store.file_blob(b"");
    let image = store.image(&[(media_type::OCI_LAYER_TAR, empty, 0)], &json!({}));
    store.root("a.b/c:1", image);
    store.publish();
    let server = start(store);
    let answer = server.get(&format!("/v2/c/blobs/{empty}"));
    assert_eq!((answer.status, answer.header("content-length")), (200, "0"));
}

#[test]
fn the_descriptors_type_is_served_not_the_documents() {
    let store = Arc::new(Memory::default());
    let config = store.blob(b"{}");
    // As podman writes it: without mediaType; and the same bytes under two types.
    let value = json!({"schemaVersion": 2, "config": {"mediaType": "x/y", "digest": config, "size": 2}, "layers": []});
    let docker = store.manifest(media_type::DOCKER_MANIFEST, &value);
    let oci = store.manifest(media_type::OCI_MANIFEST, &value);
    store.root("a.b/docker:1", docker);
    store.root("a.b/oci:1", oci);
    store.publish();
    let server = start(store);
    for _ in 0..2 {
        assert_eq!(
            server.get("/v2/docker/manifests/1").header("content-type"),
            media_type::DOCKER_MANIFEST
        );
        assert_eq!(
            server.get("/v2/oci/manifests/1").header("content-type"),
            media_type::OCI_MANIFEST
        );
    }
}

#[test]
fn writes_are_refused() {
    let server = start(fixture().store);
    for (method, target) in [
        ("POST", "/v2/library/app/blobs/uploads/"),
        ("PUT", "/v2/library/app/manifests/1.0"),
        ("PATCH", "/v2/library/app/blobs/uploads/1"),
        ("DELETE", "/v2/library/app/manifests/1.0"),
        ("DELETE", "/v2/library/app/blobs/sha256:0"),
    ] {
        let answer = server.request(method, target, &[("Content-Length", "0")]);
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.code(), "UNSUPPORTED");
        assert_eq!(answer.header("allow"), "GET, HEAD");
    }
}

#[test]
fn one_connection_serves_many_requests() {
    let Fixture {
        store,
        layer,
        layer_digest,
        ..
    } = fixture();
    let server = start(store);
    let mut connection = Connection::open(server.address);
    for _ in 0..3 {
        connection.send("HEAD", "/v2/library/app/manifests/1.0", &[]);
        assert_eq!(connection.receive(true).status, 200);
        connection.send("GET", "/v2/library/app/manifests/2.0", &[]);
        assert_eq!(connection.receive(false).status, 404);
        connection.send("GET", &format!("/v2/library/app/blobs/{layer_digest}"), &[]);
        assert!(connection.receive(false).body == layer);
    }
}

#[test]
fn the_registry_a_client_means_decides() {
    let store = Arc::new(Memory::default());
    for (reference, n) in [
        ("docker.io/acme/app:1", 1),
        ("ghcr.io/acme/app:1", 2),
        ("quay.io/two/hosts:1", 3),
        ("ghcr.io/two/hosts:1", 4),
        ("registry.site:5000/tools:1", 5),
    ] {
        let image = store.image(&[], &json!({"annotations": {"n": n.to_string()}}));
        store.root(reference, image);
    }
    store.publish();
    let server = start(store);
    let number = |target: &str| {
        let answer = server.get(target);
        match answer.status {
            200 => answer.json()["annotations"]["n"].as_str().unwrap().to_owned(),
            _ => answer.code(),
        }
    };
    for (target, expected) in [
        ("/v2/acme/app/manifests/1?ns=ghcr.io", "2"),
        ("/v2/acme/app/manifests/1?ns=docker.io", "1"),
        ("/v2/acme/app/manifests/1?ns=quay.io", "NAME_UNKNOWN"),
        ("/v2/tools/manifests/1?ns=registry.site:5000", "5"),
        ("/v2/tools/manifests/1?ns=registry.site%3A5000", "5"),
        ("/v2/registry.site_5000/tools/manifests/1", "5"),
        ("/v2/ghcr.io/acme/app/manifests/1", "2"),
        ("/v2/acme/app/manifests/1", "1"),
        // The server's own name says nothing about the registry meant.
        ("/v2/tools/manifests/1?ns=mirror.test:5000", "5"),
        ("/v2/two/hosts/manifests/1", "NAME_UNKNOWN"),
    ] {
        assert_eq!(number(target), expected, "{target}");
    }
    let echoed = server.get("/v2/acme/app/manifests/1?ns=ghcr.io");
    assert_eq!(echoed.header("oci-namespace"), "ghcr.io");
    let ambiguous = server.get("/v2/two/hosts/manifests/1");
    let message = ambiguous.json()["errors"][0]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        message.contains("ghcr.io/two/hosts, quay.io/two/hosts"),
        "{message}"
    );
}
