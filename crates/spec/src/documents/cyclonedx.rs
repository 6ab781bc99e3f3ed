use airlock_types::json;
use serde_json::{Value, json};

use super::{Deb, Licences, debs, purl, version};
use crate::lock::{Kind, Lock};

/// A CycloneDX 1.6 SBOM (JSON) of what the lock names.
pub fn cyclonedx(lock: &Lock, licences: &Licences) -> Vec<u8> {
    let components: Vec<_> = lock
        .artifacts
        .iter()
        .enumerate()
        .map(|(at, artifact)| {
            let mut properties = vec![json!({"name": "airlock:kind", "value": artifact.kind.as_str()})];
            properties.extend(
                artifact.platforms.iter().map(
                    |pin| json!({"name": "airlock:platform", "value": format!("{} {}", pin.platform, pin.digest)}),
                ),
            );
            properties.extend(artifact.why.iter().map(|why| json!({"name": "airlock:why", "value": why})));
            let inside: Vec<_> = debs(artifact, licences)
                .iter()
                .enumerate()
                .map(|(number, deb)| package(&format!("artifact-{at}-{number}"), deb))
                .collect();
            let mut component = json!({
                "type": match artifact.kind { Kind::Image => "container", Kind::Chart | Kind::K3s => "application", Kind::Files | Kind::Packages | Kind::Deployment => "file" },
                "bom-ref": format!("artifact-{at}"),
                "name": artifact.reference.repository.to_string(),
                "version": version(artifact),
                "purl": purl(artifact),
                "hashes": [{"alg": "SHA-256", "content": artifact.root.digest.hex()}],
                "properties": properties,
            });
            if !inside.is_empty() {
                component["components"] = json!(inside);
            }
            component
        })
        .collect();
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "bundle",
                "name": lock.name,
                "version": lock.release,
            },
            "tools": {"components": [{"type": "application", "name": "airlock"}]},
        },
        "components": components,
    });
    with_line_feed(json::to_canonical(&document))
}

fn package(reference: &str, deb: &Deb) -> Value {
    let mut package = json!({
        "type": "library",
        "bom-ref": reference,
        "name": deb.name,
        "version": deb.version,
        "purl": deb.purl,
        "hashes": [{"alg": "SHA-256", "content": deb.sha256}],
        "properties": [
            {"name": "airlock:architecture", "value": deb.architecture},
            {"name": "airlock:source", "value": deb.source},
            {"name": "airlock:why", "value": deb.why},
        ],
    });
    // One expression, or names; the format has no room for both.
    let names = deb
        .licence
        .names
        .iter()
        .map(|name| json!({"license": {"name": name}}));
    let licences: Vec<Value> = match &deb.licence.expression {
        Some(expression) => vec![json!({"expression": expression})],
        None => names.collect(),
    };
    if !licences.is_empty() {
        package["licenses"] = json!(licences);
    }
    package
}

pub(super) fn with_line_feed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.push(b'\n');
    bytes
}
