//! Tags, repositories, referrers, files, charts, and what operators ask for.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use airlock_types::{annotation, media_type};
use common::{Memory, chart, files, start};
use serde_json::{Value, json};

fn names(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect()
}

#[test]
fn tags_are_sorted_and_paged() {
    let store = Arc::new(Memory::default());
    let image = store.image(&[], &json!({}));
    for tag in ["b", "10", "a", "9", "Z"] {
        store.root(&format!("ghcr.io/acme/app:{tag}"), image.clone());
    }
    store.root(&format!("ghcr.io/acme/app@{}", image.digest), image);
    store.publish();
    let server = start(store);
    let all = server.get("/v2/acme/app/tags/list");
    assert_eq!(
        all.json(),
        json!({"name": "acme/app", "tags": ["10", "9", "Z", "a", "b"]})
    );
    assert_eq!(all.header("link"), "");

    for (query, tags, link) in [
        ("n=0", vec![], None),
        (
            "n=2",
            vec!["10", "9"],
            Some("</v2/acme/app/tags/list?n=2&last=9>; rel=\"next\""),
        ),
        (
            "n=2&last=9",
            vec!["Z", "a"],
            Some("</v2/acme/app/tags/list?n=2&last=a>; rel=\"next\""),
        ),
        ("n=2&last=a", vec!["b"], None),
        ("n=5", vec!["10", "9", "Z", "a", "b"], None),
        ("last=Z", vec!["a", "b"], None),
        ("last=X", vec!["Z", "a", "b"], None),
        ("last=zzz", vec![], None),
        ("n=99999999999999999999&last=a", vec!["b"], None),
        (
            "n=1&ns=ghcr.io",
            vec!["10"],
            Some("</v2/acme/app/tags/list?n=1&last=10&ns=ghcr.io>; rel=\"next\""),
        ),
    ] {
        let answer = server.get(&format!("/v2/acme/app/tags/list?{query}"));
        assert_eq!(answer.status, 200);
        assert_eq!(names(&answer.json()["tags"]), tags, "{query}");
        assert_eq!(answer.header("link"), link.unwrap_or(""), "{query}");
    }
    let bad = server.get("/v2/acme/app/tags/list?n=-1");
    assert_eq!(
        (bad.status, bad.code().as_str()),
        (400, "PAGINATION_NUMBER_INVALID")
    );
}

#[test]
fn a_repository_of_digests_has_no_tags() {
    let store = Arc::new(Memory::default());
    let image = store.image(&[], &json!({}));
    store.root(&format!("ghcr.io/acme/app@{}", image.digest), image.clone());
    store.publish();
    let server = start(store);
    let answer = server.get("/v2/acme/app/tags/list");
    assert_eq!(answer.json(), json!({"name": "acme/app", "tags": []}));
    assert_eq!(
        server
            .get(&format!("/v2/acme/app/manifests/{}", image.digest))
            .status,
        200
    );
}

#[test]
fn repositories_are_listed_as_they_can_be_asked_for() {
    let store = Arc::new(Memory::default());
    let image = store.image(&[], &json!({}));
    for reference in ["busybox:1", "registry.site:5000/tools:1", "ghcr.io/a/b:1"] {
        store.root(reference, image.clone());
    }
    store.publish();
    let server = start(store);
    let all = server.get("/v2/_catalog").json();
    let all = names(&all["repositories"]);
    assert_eq!(
        all,
        [
            "docker.io/library/busybox",
            "ghcr.io/a/b",
            "registry.site_5000/tools"
        ]
    );
    for name in all {
        assert_eq!(server.get(&format!("/v2/{name}/manifests/1")).status, 200);
    }
    let first = server.get("/v2/_catalog?n=1");
    assert_eq!(
        first.header("link"),
        "</v2/_catalog?n=1&last=docker.io%2Flibrary%2Fbusybox>; rel=\"next\""
    );
    let second = server.get("/v2/_catalog?n=1&last=docker.io%2Flibrary%2Fbusybox");
    assert_eq!(names(&second.json()["repositories"]), ["ghcr.io/a/b"]);
}

#[test]
fn referrers_are_listed_from_the_manifests_themselves() {
    let store = Arc::new(Memory::default());
    let image = store.image(&[], &json!({}));
    let subject = json!({"mediaType": image.media_type, "digest": image.digest, "size": image.size});
    let declared = store.image(
        &[],
        &json!({"subject": subject, "artifactType": "application/vnd.sbom+json", "annotations": {"k": "v"}}),
    );
    let by_config = store.image(
        &[],
        &json!({"subject": subject, "config": {"mediaType": "application/vnd.sig", "digest": store.blob(b"{}"), "size": 2}}),
    );
    let index = store.manifest(
        media_type::OCI_INDEX,
        &json!({"schemaVersion": 2, "manifests": [], "subject": subject}),
    );
    // A cosign signature is about the image by its tag, and no referrer in the sense of the API.
    let cosign = store.image(&[], &json!({"annotations": {"cosign": "x"}}));
    store.root("ghcr.io/acme/app:1", image.clone());
    for (descriptor, tag) in [(&declared, ""), (&by_config, ""), (&index, ""), (&cosign, ".sig")] {
        let reference = if tag.is_empty() {
            format!("ghcr.io/acme/app@{}", descriptor.digest)
        } else {
            format!("ghcr.io/acme/app:{}{tag}", image.digest.referrers_tag())
        };
        store.root_about(&reference, descriptor.clone(), Some(image.digest));
    }
    store.publish();
    let server = start(store);
    let target = format!("/v2/acme/app/referrers/{}", image.digest);

    let all = server.get(&target);
    assert_eq!(
        (all.status, all.header("content-type")),
        (200, media_type::OCI_INDEX)
    );
    assert_eq!(all.header("oci-filters-applied"), "");
    let value = all.json();
    assert_eq!(
        (&value["schemaVersion"], &value["mediaType"]),
        (&json!(2), &json!(media_type::OCI_INDEX))
    );
    let mut expected = vec![
        json!({"mediaType": media_type::OCI_MANIFEST, "digest": declared.digest, "size": declared.size,
            "artifactType": "application/vnd.sbom+json", "annotations": {"k": "v"}}),
        json!({"mediaType": media_type::OCI_MANIFEST, "digest": by_config.digest, "size": by_config.size,
            "artifactType": "application/vnd.sig"}),
        json!({"mediaType": media_type::OCI_INDEX, "digest": index.digest, "size": index.size}),
    ];
    expected.sort_by_key(|entry| entry["digest"].to_string());
    assert_eq!(value["manifests"], Value::from(expected));

    for (filter, count) in [
        ("artifactType=application/vnd.sig", 1),
        ("artifactType=application%2Fvnd.sbom%2Bjson", 1),
        ("artifactType=application/vnd.sbom+json", 1),
        (
            "artifactType=application/vnd.sig&artifactType=application/vnd.sbom%2Bjson",
            2,
        ),
        ("artifactType=none", 0),
    ] {
        let answer = server.get(&format!("{target}?{filter}"));
        assert_eq!(answer.header("oci-filters-applied"), "artifactType");
        assert_eq!(
            answer.json()["manifests"].as_array().unwrap().len(),
            count,
            "{filter}"
        );
    }

    let nobody = airlock_content::digest_of(b"nobody");
    for target in [
        format!("/v2/acme/app/referrers/{nobody}"),
        format!("/v2/unknown/repository/referrers/{nobody}"),
    ] {
        let answer = server.get(&target);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), media_type::OCI_INDEX);
        assert_eq!(answer.json()["manifests"], json!([]));
    }
    let invalid = server.get("/v2/acme/app/referrers/sha256:bad");
    assert_eq!((invalid.status, invalid.code().as_str()), (400, "DIGEST_INVALID"));
    // The referrer itself is served like any manifest.
    assert_eq!(
        server
            .get(&format!("/v2/acme/app/manifests/{}", declared.digest))
            .status,
        200
    );
}

#[test]
fn file_trees_are_served_by_path() {
    let store = Arc::new(Memory::default());
    let mut tree = files(&store, &[("bin/kubectl", b"binary"), ("site.conf", b"conf")]);
    tree.annotations.insert(annotation::KIND.into(), "files".into());
    store.root("airlock.site/files/extras:1.0", tree);
    store.publish();
    let server = start(store);
    let file = server.get("/files/extras/bin/kubectl");
    assert_eq!(file.text(), "binary");
    assert_eq!(file.header("content-type"), "application/octet-stream");
    assert_eq!(
        server
            .head("/files/files/extras/site.conf")
            .header("content-length"),
        "4"
    );
    assert_eq!(
        server
            .request("GET", "/files/extras:1.0/site.conf", &[("Range", "bytes=1-2")])
            .text(),
        "on"
    );
    let listing = server.get("/files/extras/");
    let kubectl = airlock_content::digest_of(b"binary");
    assert!(
        listing
            .text()
            .starts_with(&format!("{}  bin/kubectl\n", kubectl.hex()))
    );
    let listing = server.get("/files/extras/?format=json").json();
    assert_eq!(
        listing["files"][0],
        json!({"path": "bin/kubectl", "size": 6, "digest": kubectl})
    );
    assert_eq!(server.get("/files/").text(), "airlock.site/files/extras:1.0/\n");
    for missing in ["/files/extras/none", "/files/none", "/files/extras/../site.conf"] {
        assert_eq!(server.get(missing).status, 404, "{missing}");
    }
}

#[test]
fn charts_are_a_chart_repository() {
    let store = Arc::new(Memory::default());
    let app = chart(&store, "app", "1.2.3+k3s1", b"archive one");
    store.root("ghcr.io/charts/app:1.2.3_k3s1", app);
    let mut annotated = chart(&store, "other", "0.1.0", b"archive two");
    annotated
        .annotations
        .insert(annotation::KIND.into(), "chart".into());
    store.root("ghcr.io/charts/other:0.1.0", annotated);
    store.root("busybox:1", store.image(&[], &json!({})));
    store.publish();
    let server = start(store);
    let index = server.get("/charts/index.yaml");
    assert_eq!(index.header("content-type"), "application/yaml");
    let digest = airlock_content::digest_of(b"archive one").hex();
    let expected = format!(
        "apiVersion: \"v1\"\nentries:\n  app:\n    - apiVersion: \"v2\"\n      digest: \"{digest}\"\n      keywords:\n        \
         - \"a: b\"\n      name: \"app\"\n      urls:\n        - \"app-1.2.3+k3s1.tgz\"\n      version: \"1.2.3+k3s1\"\n  other:\n"
    );
    assert!(index.text().starts_with(&expected), "{}", index.text());
    assert!(!index.text().contains("busybox"));
    assert_eq!(server.get("/charts/app-1.2.3+k3s1.tgz").text(), "archive one");
    assert_eq!(server.get("/charts/other-0.1.0.tgz").text(), "archive two");
    assert_eq!(server.get("/charts/none-1.tgz").status, 404);
}

#[test]
fn probes_metrics_and_the_page() {
    let store = Arc::new(Memory::default());
    let server = start(Arc::clone(&store));
    assert_eq!(server.get("/healthz").text(), "ok\n");
    let waiting = server.get("/readyz");
    assert_eq!((waiting.status, waiting.code().as_str()), (503, "UNAVAILABLE"));
    assert_eq!(server.get("/v2/").status, 503);

    store.root("ghcr.io/acme/app:1", store.image(&[], &json!({})));
    store.publish();
    let ready = server.get("/readyz");
    assert!(ready.status == 200 && ready.text().contains("roots 1\n"));
    assert_eq!(server.get("/v2/acme/app/manifests/1").status, 200);
    let metrics = server.get("/metrics");
    assert!(metrics.text().contains("\nairlock_registry_roots 1\n"));
    assert!(
        metrics
            .text()
            .contains("\nairlock_registry_manifest_reads_total 1\n")
    );
    assert!(
        metrics
            .text()
            .contains("airlock_registry_requests_total{class=\"5xx\"} 2\n")
    );
    let page = server.get("/");
    assert!(page.text().contains("<code>ghcr.io/acme/app</code>"));
    assert!(
        page.text()
            .contains("server = &quot;http://mirror.test:5000&quot;")
    );
    assert!(!page.text().contains("<script"));
}
