use airlock_types::{Digest, json};
use serde_json::json;

use super::cyclonedx::with_line_feed;
use super::{Licences, UNKNOWN, debs, purl, version};
use crate::lock::Lock;

/// An SPDX 2.3 SBOM (JSON) of what the lock names.
///
/// SPDX wants a time of creation; it is the epoch, as reproducible builds do it. The namespace is made
/// unique by the lock's digest.
pub fn spdx(lock: &Lock, lock_digest: &Digest, licences: &Licences) -> Vec<u8> {
    let mut packages = vec![json!({
        "SPDXID": "SPDXRef-bundle",
        "name": lock.name,
        "versionInfo": lock.release,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
    })];
    let mut relationships = vec![json!({
        "spdxElementId": "SPDXRef-DOCUMENT",
        "relationshipType": "DESCRIBES",
        "relatedSpdxElement": "SPDXRef-bundle",
    })];
    for (at, artifact) in lock.artifacts.iter().enumerate() {
        let id = format!("SPDXRef-artifact-{at}");
        packages.push(json!({
            "SPDXID": id,
            "name": artifact.reference.repository.to_string(),
            "versionInfo": version(artifact),
            "downloadLocation": "NOASSERTION",
            "filesAnalyzed": false,
            "comment": artifact.why.join("; "),
            "checksums": [{"algorithm": "SHA256", "checksumValue": artifact.root.digest.hex()}],
            "externalRefs": [{
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": purl(artifact),
            }],
        }));
        relationships.push(json!({
            "spdxElementId": "SPDXRef-bundle",
            "relationshipType": "CONTAINS",
            "relatedSpdxElement": id,
        }));
        for (number, deb) in debs(artifact, licences).into_iter().enumerate() {
            let own = format!("{id}-{number}");
            let mut package = json!({
                "SPDXID": own,
                "name": deb.name,
                "versionInfo": deb.version,
                "downloadLocation": "NOASSERTION",
                "filesAnalyzed": false,
                "comment": deb.why,
                "sourceInfo": format!("built for {} from the source package {}", deb.architecture, deb.source),
                "licenseConcluded": UNKNOWN,
                "licenseDeclared": deb.licence.expression.as_deref().unwrap_or(UNKNOWN),
                "copyrightText": UNKNOWN,
                "checksums": [{"algorithm": "SHA256", "checksumValue": deb.sha256}],
                "externalRefs": [{
                    "referenceCategory": "PACKAGE-MANAGER",
                    "referenceType": "purl",
                    "referenceLocator": deb.purl,
                }],
            });
            if !deb.licence.names.is_empty() {
                let names = deb.licence.names.join("; ");
                package["licenseComments"] = json!(format!("its copyright file names: {names}"));
            }
            packages.push(package);
            relationships.push(json!({
                "spdxElementId": id,
                "relationshipType": "CONTAINS",
                "relatedSpdxElement": own,
            }));
        }
    }
    let digest = lock_digest.hex();
    let document = json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": format!("{}-{}", lock.name, lock.release),
        "documentNamespace": format!("https://airlock.dev/spdx/{}-{}-{digest}", lock.name, lock.release),
        "creationInfo": {"created": "1970-01-01T00:00:00Z", "creators": ["Tool: airlock"]},
        "packages": packages,
        "relationships": relationships,
    });
    with_line_feed(json::to_canonical(&document))
}
