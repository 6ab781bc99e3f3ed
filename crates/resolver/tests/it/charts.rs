//! Charts from repositories, registries and folders.

use std::collections::BTreeSet;

use airlock_content::digest_of;
use airlock_spec::lock::{Kind, Source};
use airlock_spec::manifest::Effective;
use airlock_types::media_type;

use crate::memory::{Memory, manifest};
use crate::support::{APP, WEB, chart, lock_of, oci_chart, repository, told};

fn charts(list: &str) -> Effective {
    manifest(&format!("  - name: web\n    charts: [{list}]\n"))
}

#[tokio::test]
async fn charts_of_repositories_become_helm_artifacts() {
    let mut memory = Memory::default();
    repository(&mut memory, &["1.2.0", "1.2.10", "1.2.9", "1.3.0", "1.2.11-rc.1"]);
    memory.document(
        "https://example.org/charts/web-1.2.10.tgz.prov",
        "-----BEGIN PGP SIGNED MESSAGE-----\nx",
    );
    let lock = lock_of(&memory, &charts(WEB)).await.unwrap();
    let artifact = &lock.artifacts[0];
    assert_eq!(artifact.kind, Kind::Chart);
    assert_eq!(artifact.version.as_deref(), Some("1.2.10"));
    assert_eq!(artifact.reference.to_string(), "example.org/charts/web:1.2.10");
    assert_eq!(
        artifact.source,
        Source::Http {
            url: "https://example.org/charts/web-1.2.10.tgz".parse().unwrap()
        }
    );
    let types: BTreeSet<&str> = artifact.blobs.iter().map(|pin| pin.media_type.as_str()).collect();
    assert_eq!(
        types,
        [
            media_type::HELM_CHART,
            media_type::HELM_CONFIG,
            media_type::HELM_PROVENANCE
        ]
        .into()
    );
    for (digest, text) in &artifact.inline {
        assert_eq!(digest_of(text.as_bytes()), *digest);
    }
    // Everything is either inline, or has an address.
    let chart_pin = artifact
        .blobs
        .iter()
        .find(|pin| pin.media_type == media_type::HELM_CHART)
        .unwrap();
    assert_eq!(chart_pin.digest, digest_of(&chart("web", "1.2.10")));
    let provenance = artifact
        .blobs
        .iter()
        .find(|pin| pin.media_type == media_type::HELM_PROVENANCE)
        .unwrap();
    assert_eq!(
        provenance.source,
        Some(Source::Http {
            url: "https://example.org/charts/web-1.2.10.tgz.prov".parse().unwrap()
        })
    );
    assert!(artifact.inline.contains_key(&artifact.root.digest));
}

#[tokio::test]
async fn one_repository_index_serves_many_charts() {
    let mut memory = Memory::default();
    repository(&mut memory, &["1.2.0", "2.0.0"]);
    let lock = lock_of(
        &memory,
        &charts(&format!(
            "{WEB}, {{name: web, repo: \"https://example.org/charts\"}}"
        )),
    )
    .await
    .unwrap();
    let charts = lock
        .artifacts
        .iter()
        .filter(|artifact| artifact.kind == Kind::Chart);
    assert_eq!(charts.count(), 2);
    let asked = memory
        .questions()
        .iter()
        .filter(|question| question.ends_with("index.yaml"))
        .count();
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn charts_that_cannot_be() {
    let mut memory = Memory::default();
    repository(&mut memory, &["1.2.0", "1.3.0"]);
    memory.document("https://example.org/charts/web-1.3.0.tgz", chart("web", "1.3.1"));
    memory.document(
        "https://other.example/index.yaml",
        "apiVersion: v1\nentries: {web: [{version: 1.0.0, urls: [x.tgz]}]}\n",
    );
    memory.document("https://other.example/x.tgz", chart("other", "1.0.0"));
    let image = memory.image(APP, "linux/amd64", "x");
    memory.tag(APP, "1.0.0", &image);
    let errors = lock_of(
        &memory,
        &charts(
            "{name: web, repo: \"https://example.org/charts\", version: ~9},\n      {name: web, repo: \"https://example.org/charts\", version: 1.3.0},\n      {name: wep, repo: \"https://example.org/charts\"},\n      {name: web, repo: \"https://example.org/charts\", version: new},\n      {name: web, repo: \"https://other.example\"},\n      {oci: \"oci://example.org/acme/app\", version: 1.0.0}",
        ),
    )
    .await
    .unwrap_err();
    let expected = [
        "no version is in the range ~9; there are 1.3.0, 1.2.0",
        "(index of https://example.org/charts)",
        "the repository has no chart of this name: \"wep\"",
        "the chart's version cannot be used: it is not a version range",
        "the chart calls itself other 1.0.0",
        "this is not a Helm chart, but an artifact of type \"application/vnd.oci.image.config.v1+json\"",
    ];
    let text = told(&errors);
    for (line, expected) in text.lines().zip(expected) {
        assert!(line.contains(expected), "{line}\n{expected}");
    }
    assert_eq!(text.lines().count(), expected.len(), "{text}");
}

#[tokio::test]
async fn a_repository_may_point_into_a_registry() {
    let mut memory = Memory::default();
    let root = oci_chart(&mut memory, "example.org/charts/app", "1.0.0+b");
    let entry = |digest: &str| {
        format!(
            "apiVersion: v1\nentries:\n  app:\n  - {{version: 1.0.0+b, urls: [\"oci://example.org/charts/app:1.0.0_b\"], digest: \"{digest}\"}}\n"
        )
    };
    let wanted = charts("{name: app, repo: \"https://charts.example.org\"}");
    memory.document(
        "https://charts.example.org/index.yaml",
        entry(&digest_of(&chart("app", "1.0.0+b")).hex()),
    );
    let lock = lock_of(&memory, &wanted).await.unwrap();
    assert_eq!(lock.artifacts[0].root.digest, root.digest);
    assert_eq!(
        lock.artifacts[0].reference.to_string(),
        "example.org/charts/app:1.0.0_b"
    );
    memory.document(
        "https://charts.example.org/index.yaml",
        entry(&digest_of(b"other").hex()),
    );
    let errors = lock_of(&memory, &wanted).await.unwrap_err();
    assert!(
        told(&errors).contains("the digest does not match"),
        "{}",
        told(&errors)
    );
}

#[tokio::test]
async fn charts_of_registries_and_folders() {
    let mut memory = Memory::default();
    oci_chart(&mut memory, "example.org/charts/app", "1.0.0");
    let newest = oci_chart(&mut memory, "example.org/charts/app", "1.1.0+build.5");
    oci_chart(&mut memory, "example.org/charts/app", "2.0.0-rc.1");
    memory.document("charts/site", chart("site", "0.1.0"));
    let list = "{oci: \"oci://example.org/charts/app\"}, {path: ./charts/site}";
    let lock = lock_of(&memory, &charts(list)).await.unwrap();
    let shown: Vec<(String, Option<&str>)> = lock
        .artifacts
        .iter()
        .map(|a| (a.reference.to_string(), a.version.as_deref()))
        .collect();
    assert_eq!(
        shown,
        [
            ("airlock.local/charts/site:0.1.0".to_owned(), Some("0.1.0")),
            (
                "example.org/charts/app:1.1.0_build.5".to_owned(),
                Some("1.1.0+build.5")
            ),
            ("airlock.local/deployments/web:1.0_a".to_owned(), None),
        ]
    );
    assert_eq!(lock.artifacts[1].root.digest, newest.digest);
    assert!(lock.artifacts[1].inline.is_empty());
    assert_eq!(lock.artifacts[0].inline.len(), 2);

    // A full version needs no list of tags.
    memory.questions();
    lock_of(
        &memory,
        &charts("{oci: \"oci://example.org/charts/app\", version: 1.1.0+build.5}"),
    )
    .await
    .unwrap();
    assert!(
        !memory
            .questions()
            .iter()
            .any(|question| question.starts_with("tags"))
    );
}
