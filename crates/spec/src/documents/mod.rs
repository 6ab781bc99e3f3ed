//! Documents about a bundle that are made from its lock alone: two SBOM forms and a provenance statement.
//!
//! What a licence is stands in the package files, which nobody has yet when these documents are signed: there, each is
//! `NOASSERTION`. Whoever has the files may make the SBOMs again with [`Licences`].
//!
//! They hold no time and no machine, so that one lock makes one set of bytes. What is inside an image
//! (its packages) is not in them; SBOMs that the image's publisher attached travel as referrers.

mod cyclonedx;
mod provenance;
mod spdx;

pub use cyclonedx::cyclonedx;
pub use provenance::provenance;
pub use spdx::spdx;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use airlock_types::Digest;

use crate::lock::{Artifact, Kind};
use crate::packages::{DebPackage, DebSet};

/// The package URL of an artifact (purl specification, type `oci`; `generic` for trees of files and for k3s).
fn purl(artifact: &Artifact) -> String {
    let repository = &artifact.reference.repository;
    let name = repository.name.as_str().rsplit('/').next().unwrap_or_default();
    let version = percent(&artifact.root.digest.to_string());
    let scheme = if matches!(artifact.kind, Kind::Files | Kind::Packages | Kind::K3s) {
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

/// What is known of licences, by the digest of the package file.
pub type Licences = BTreeMap<Digest, Licence>;

/// What the copyright file of a package says about licences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Licence {
    /// An SPDX expression, where all of the package is known to be under it.
    pub expression: Option<String>,
    /// The licences as they are called there.
    pub names: Vec<String>,
}

/// What SPDX has for what nobody knows.
const UNKNOWN: &str = "NOASSERTION";

/// A Debian package as an SBOM names it.
struct Deb {
    name: String,
    version: String,
    architecture: String,
    /// The source package that it was built from, `openssl@3.0.1-1`.
    source: String,
    licence: Licence,
    sha256: String,
    /// Type `deb`, with the distribution's first word as its namespace: `pkg:deb/debian/chrony@4.3-2?arch=amd64&distro=debian-12`.
    purl: String,
    /// Why it is there.
    why: String,
}

/// The Debian packages of an artifact.
fn debs(artifact: &Artifact, licences: &Licences) -> Vec<Deb> {
    let Some(set) = DebSet::of(artifact) else {
        return Vec::new();
    };
    let vendor = set.distro.split('-').next().unwrap_or_default();
    let read = |package: &DebPackage| {
        let field = |name| package.field(name).unwrap_or_default();
        // `Source: name (version)` where one of the two differs.
        let source = match package.field("Source") {
            Some(source) => source.replace(['(', ')'], "").replacen(' ', "@", 1),
            None => format!("{}@{}", field("Package"), field("Version")),
        };
        Deb {
            name: field("Package").to_owned(),
            version: field("Version").to_owned(),
            architecture: field("Architecture").to_owned(),
            licence: package
                .digest()
                .and_then(|digest| licences.get(&digest).cloned())
                .unwrap_or_default(),
            sha256: field("SHA256").to_owned(),
            purl: format!(
                "pkg:deb/{}/{}@{}?arch={}&distro={}&upstream={}",
                percent(vendor),
                percent(field("Package")),
                percent(field("Version")),
                percent(field("Architecture")),
                percent(&set.distro),
                percent(&source),
            ),
            source,
            why: package.why.join("; "),
        }
    };
    set.packages.iter().map(read).collect()
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
            json(&cyclonedx(&lock, &Licences::new()))["components"]
                .as_array()
                .unwrap()
                .len(),
            roots
        );
        let spdx_document = json(&spdx(&lock, &digest, &Licences::new()));
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

    #[test]
    fn debian_packages_stand_in_both_boms() {
        let set = DebSet {
            version: crate::packages::VERSION,
            distro: "debian-12".into(),
            codename: "bookworm".into(),
            architectures: vec!["amd64".into()],
            wanted: vec!["libssl3".into()],
            recommends: false,
            inputs: Vec::new(),
            base: Vec::new(),
            packages: vec![DebPackage {
                control: "Package: libssl3\nSource: openssl (3.0.1-1)\nVersion: 3.0.1-1+b1\nArchitecture: amd64\nSHA256: 0808080808080808080808080808080808080808080808080808080808080808\n"
                    .into(),
                component: "main".into(),
                repository: 0,
                why: vec!["wanted".into()],
            }],
            repositories: vec![crate::packages::DebRepository {
                uri: "https://deb.example.org/debian".into(),
                suite: "bookworm".into(),
                label: None,
                date: 0,
                signers: Vec::new(),
                keyring: None,
                evidence: Vec::new(),
            }],
        };
        let mut lock = sample();
        let config = airlock_types::Digest::sha256([8; 32]);
        let artifact = &mut lock.artifacts[0];
        artifact.kind = Kind::Packages;
        artifact.blobs[0].digest = config;
        artifact.blobs[0].media_type = airlock_types::media_type::AIRLOCK_DEB_SET.into();
        let text = String::from_utf8(set.to_bytes()).unwrap();
        artifact.inline.insert(config, text);
        let known = Licence {
            expression: Some("Apache-2.0".into()),
            names: vec!["Apache-2.0".into()],
        };
        let licences = Licences::from([(config, known)]);
        let purl =
            "pkg:deb/debian/libssl3@3.0.1-1%2Bb1?arch=amd64&distro=debian-12&upstream=openssl%403.0.1-1";
        let cyclonedx = json(&cyclonedx(&lock, &licences));
        let inside = &cyclonedx["components"][0]["components"][0];
        assert_eq!(
            (&inside["purl"], &inside["name"]),
            (&purl.into(), &"libssl3".into())
        );
        let spdx = json(&spdx(&lock, &config, &licences));
        let package = &spdx["packages"][2];
        assert_eq!(package["externalRefs"][0]["referenceLocator"], purl);
        assert_eq!(package["checksums"][0]["checksumValue"], config.hex());
        assert_eq!(package["licenseDeclared"], "Apache-2.0");
        assert_eq!(
            package["sourceInfo"],
            "built for amd64 from the source package openssl@3.0.1-1"
        );
        assert_eq!(inside["licenses"][0]["expression"], "Apache-2.0");
        let unknown = json(&super::spdx(&lock, &config, &Licences::new()));
        assert_eq!(unknown["packages"][2]["licenseDeclared"], "NOASSERTION");
        let relation = &spdx["relationships"][2];
        assert_eq!(relation["spdxElementId"], "SPDXRef-artifact-0");
        assert_eq!(relation["relatedSpdxElement"], package["SPDXID"]);
    }
}
