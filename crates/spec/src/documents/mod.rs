//! Documents about a bundle that are made from its lock alone: two SBOM forms and a provenance statement.
//!
//! They hold no time and no machine, so that one lock makes one set of bytes. What is inside an image
//! (its packages) is not in them; SBOMs that the image's publisher attached travel as referrers.

mod cyclonedx;
mod provenance;
mod spdx;

pub use cyclonedx::cyclonedx;
pub use provenance::provenance;
pub use spdx::spdx;

use std::fmt::Write as _;

use crate::lock::{Artifact, Kind};

/// The package URL of an artifact (purl specification, type `oci`; `generic` for trees of files).
fn purl(artifact: &Artifact) -> String {
    let repository = &artifact.reference.repository;
    let name = repository.name.as_str().rsplit('/').next().unwrap_or_default();
    let version = percent(&artifact.root.digest.to_string());
    let scheme = if matches!(artifact.kind, Kind::Files | Kind::Packages) {
        "generic"
    } else {
        "oci"
    };
    let mut out = format!(
        "pkg:{scheme}/{}@{version}?repository_url={}",
        percent(name),
        percent(&repository.to_string())
    );
    if let Some(tag) = &artifact.reference.tag {
        out.push_str("&tag=");
        out.push_str(&percent(tag.as_str()));
    }
    out
}

fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// What people call the version: the resolved one, else the tag, else the digest.
fn version(artifact: &Artifact) -> String {
    artifact
        .version
        .clone()
        .or_else(|| artifact.reference.tag.as_ref().map(ToString::to_string))
        .unwrap_or_else(|| artifact.root.digest.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::{Lock, tests::sample};

    fn json(bytes: &[u8]) -> serde_json::Value {
        serde_json::from_slice(bytes).unwrap()
    }

    #[test]
    fn every_artifact_and_referrer_stands_in_every_document() {
        let lock = sample();
        let digest = airlock_types::Digest::sha256([7; 32]);
        let roots = lock.artifacts.len();
        assert_eq!(
            json(&cyclonedx(&lock))["components"].as_array().unwrap().len(),
            roots
        );
        let spdx_document = json(&spdx(&lock, &digest));
        assert_eq!(spdx_document["packages"].as_array().unwrap().len(), roots + 1);
        let statement = json(&provenance(&lock, &digest));
        assert_eq!(statement["subject"].as_array().unwrap().len(), roots);
        assert_eq!(statement["predicateType"], "https://slsa.dev/provenance/v1");
    }

    #[test]
    fn a_package_url_is_escaped() {
        let lock: Lock = sample();
        let url = purl(&lock.artifacts[0]);
        assert!(url.starts_with("pkg:oci/busybox@sha256%3A0101"), "{url}");
        assert!(
            url.ends_with("?repository_url=docker.io/library/busybox&tag=latest"),
            "{url}"
        );
    }
}
