use airlock_testkit::{
    Chart, FakeUpstream, Format, Options, Upstream, artifact, cosign_signature, multi_arch_of,
};
use anyhow::Context;

use crate::failure::Result;

/// What [`start`] offers, in a line.
pub(super) const SUMMARY: &str =
    "5 images for up to 3 platforms (OCI and Docker types), a signature, an SBOM, a chart repository, files";

/// Starts the upstream with generated content, the same at every run.
pub(super) async fn start() -> Result<FakeUpstream> {
    let mut content = Upstream::new();
    let web = multi_arch_of(
        Format::Oci,
        "web",
        &["linux/amd64", "linux/arm64", "linux/riscv64"],
        6 << 20,
    );
    content.push("acme/web", "2.1", &web);
    let signature = format!("{}.sig", web.digest().referrers_tag());
    content.push(
        "acme/web",
        &signature,
        &cosign_signature("acme/web", &web.digest()),
    );
    let sbom = artifact(
        "application/spdx+json",
        &br#"{"spdxVersion":"SPDX-2.3"}"#[..],
        Some(&web.descriptor()),
    );
    content.push_untagged("acme/web", &sbom);
    let platforms = ["linux/amd64", "linux/arm64"];
    content.push(
        "acme/db",
        "16",
        &multi_arch_of(Format::Docker, "db", &platforms, 4 << 20),
    );
    content.push(
        "acme/platform/team/cache",
        "7.2",
        &multi_arch_of(Format::Oci, "cache", &platforms, 1 << 20),
    );
    content.push(
        "acme/platform/team/queue",
        "3.0",
        &multi_arch_of(Format::Oci, "queue", &platforms, 1 << 20),
    );
    content.push(
        "acme/tools",
        "latest",
        &multi_arch_of(Format::Oci, "tools", &platforms, 0),
    );
    content.file_tree(
        "/files",
        &[("agent", b"#!/bin/sh\necho agent\n"), ("notes.txt", b"read me\n")],
    );
    let server = FakeUpstream::start(content, Options::default())
        .await
        .context("the demo's upstream could not be started on loopback")?;
    // Charts name images by host, which is known only now.
    let image = format!("{}/acme/web:2.1", server.host());
    server.update(|content| {
        content.chart_repository(
            "/charts",
            &["1.3.9", "1.4.1", "1.4.2", "2.0.0"].map(|version| Chart::new("shop", version, &image)),
        );
    });
    Ok(server)
}

/// A manifest over it.
pub(super) fn manifest(host: &str) -> String {
    format!(
        r#"apiVersion: airlock.dev/v1
kind: Manifest
metadata: {{name: demo, version: 1.0.0, channel: stable, sequence: 1}}
platforms: [linux/amd64, linux/arm64]
variables: {{registry: "{host}"}}
components:
  - name: shop
    images:
      - ${{registry}}/acme/web:2.1
      - ${{registry}}/acme/db:16
      - ${{registry}}/acme/platform/team/cache:7.2
    charts:
      - {{name: shop, repo: "http://{host}/charts", version: "~1.4", namespace: shop}}
  - name: tools
    images:
      - ${{registry}}/acme/tools
    files:
      - {{url: "http://{host}/files/agent", checksums: "http://{host}/files/SHA256SUMS", path: bin/agent, mode: "0755"}}
      - {{path: motd.txt}}
"#
    )
}

/// The release after it: the same components, imported, and one image more.
pub(super) fn next_manifest(host: &str) -> String {
    format!(
        r#"apiVersion: airlock.dev/v1
kind: Manifest
metadata: {{name: demo, version: 1.1.0, channel: stable, sequence: 2}}
platforms: [linux/amd64, linux/arm64]
components:
  - {{name: base, import: airlock.yaml}}
  - name: queue
    images: ["{host}/acme/platform/team/queue:3.0"]
"#
    )
}
