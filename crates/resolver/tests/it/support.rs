//! What the tests share: images, charts, and how failures read.

use std::collections::BTreeSet;
use std::fmt::Write;

use airlock_content::{Silent, digest_of};
use airlock_helm::{ChartFile, package};
use airlock_resolver::{Options, ResolveErrors, Update, resolve};
use airlock_spec::lock::{Lock, Pin};
use airlock_spec::manifest::Effective;
use airlock_types::{Descriptor, Digest, media_type};
use serde_json::json;

use crate::memory::{Memory, manifest};

pub(crate) const APP: &str = "example.org/acme/app";

pub(crate) async fn lock_of(memory: &Memory, manifest: &Effective) -> Result<Lock, ResolveErrors> {
    let lock = resolve(
        manifest,
        None,
        &Update::None,
        &Options::default(),
        memory,
        &Silent,
    )
    .await?;
    // Whatever is resolved can be written and read again.
    assert_eq!(Lock::from_bytes(&lock.to_bytes()).unwrap(), lock);
    Ok(lock)
}

/// The failures with their causes and hints.
pub(crate) fn told(errors: &ResolveErrors) -> String {
    let mut out = String::new();
    for failure in &errors.failures {
        out.push_str(&failure.to_string());
        let mut cause = std::error::Error::source(failure);
        while let Some(error) = cause {
            out.extend([": ".to_owned(), error.to_string()]);
            cause = error.source();
        }
        if let Some(hint) = failure.cause.hint() {
            out.extend([" [".to_owned(), hint, "]".to_owned()]);
        }
        out.push('\n');
    }
    out
}

pub(crate) fn digests(pins: &[Pin]) -> BTreeSet<Digest> {
    pins.iter().map(|pin| pin.digest).collect()
}

pub(crate) fn one(components: &str) -> Effective {
    manifest(&format!("  - name: tools\n    images: [{components}]\n"))
}

/// An index with three platforms and buildkit's attestations for two of them.
pub(crate) struct MultiArch {
    pub(crate) root: Descriptor,
    pub(crate) amd64: Descriptor,
    pub(crate) arm64: Descriptor,
    pub(crate) s390x: Descriptor,
    pub(crate) attested_amd64: Descriptor,
    pub(crate) attested_s390x: Descriptor,
}

pub(crate) fn multi_arch(memory: &mut Memory, origin: &str, content: &str) -> MultiArch {
    let [amd64, arm64, s390x] =
        ["linux/amd64", "linux/arm64/v8", "linux/s390x"].map(|p| memory.image(origin, p, content));
    let mut attest = |about: &Descriptor| {
        let mut attestation =
            memory.artifact(origin, "application/vnd.in-toto+json", &about.digest.to_string());
        attestation.platform = Some("unknown/unknown".parse().unwrap());
        attestation
            .annotations
            .insert("vnd.docker.reference.type".into(), "attestation-manifest".into());
        attestation
            .annotations
            .insert("vnd.docker.reference.digest".into(), about.digest.to_string());
        attestation
    };
    let (attested_amd64, attested_s390x) = (attest(&amd64), attest(&s390x));
    let children = [&attested_amd64, &amd64, &arm64, &s390x, &attested_s390x].map(Clone::clone);
    let root = memory.index(origin, &children);
    memory.tag(origin, "1", &root);
    MultiArch {
        root,
        amd64,
        arm64,
        s390x,
        attested_amd64,
        attested_s390x,
    }
}

pub(crate) fn chart(name: &str, version: &str) -> Vec<u8> {
    let text = format!("apiVersion: v2\nname: {name}\nversion: {version}\n");
    package([ChartFile {
        path: "Chart.yaml".into(),
        bytes: text.into_bytes(),
    }])
    .unwrap()
}

pub(crate) fn repository(memory: &mut Memory, versions: &[&str]) {
    let mut index = String::from("apiVersion: v1\nentries:\n  web:\n");
    for version in versions {
        let archive = chart("web", version);
        let digest = digest_of(&archive).hex();
        writeln!(
            index,
            "  - {{version: {version}, urls: [web-{version}.tgz], digest: {digest}}}"
        )
        .unwrap();
        memory.document(&format!("https://example.org/charts/web-{version}.tgz"), archive);
    }
    memory.document("https://example.org/charts/index.yaml", index);
}

pub(crate) const WEB: &str = "{name: web, repo: \"https://example.org/charts\", version: ~1.2}";

pub(crate) fn oci_chart(memory: &mut Memory, origin: &str, version: &str) -> Descriptor {
    let config = memory.blob_of(
        media_type::HELM_CONFIG,
        format!("{{\"version\":\"{version}\"}}").as_bytes(),
    );
    let layer = memory.blob_of(media_type::HELM_CHART, &chart("app", version));
    let root = memory.put(
        origin,
        media_type::OCI_MANIFEST,
        &json!({"schemaVersion": 2, "config": config, "layers": [layer]}),
    );
    memory.tag(origin, &version.replace('+', "_"), &root);
    root
}
