use airlock_types::{Digest, json};
use serde_json::json;

use super::cyclonedx::with_line_feed;
use crate::lock::{Lock, Source};

/// An in-toto Statement v1 with SLSA provenance v1: which artifacts, from where, by which lock.
///
/// Its subjects are the artifacts' root manifests. It is covered by the bundle's signature through the index.
pub fn provenance(lock: &Lock, lock_digest: &Digest) -> Vec<u8> {
    let subjects: Vec<_> = lock
        .artifacts
        .iter()
        .map(|artifact| {
            json!({
                "name": artifact.reference.to_string(),
                "digest": {"sha256": artifact.root.digest.hex()},
            })
        })
        .collect();
    let dependencies: Vec<_> = lock
        .artifacts
        .iter()
        .map(|artifact| {
            json!({
                "name": artifact.reference.to_string(),
                "uri": uri(&artifact.source),
                "digest": {"sha256": artifact.root.digest.hex()},
            })
        })
        .collect();
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://airlock.dev/pack/v1",
                "externalParameters": {
                    "name": lock.name,
                    "version": lock.release,
                    "channel": lock.channel,
                    "manifest": {"sha256": lock.manifest.hex()},
                    "lock": {"sha256": lock_digest.hex()},
                    "platforms": lock.platforms,
                },
                "resolvedDependencies": dependencies,
            },
            "runDetails": {"builder": {"id": "https://airlock.dev/airlock"}},
        },
    });
    with_line_feed(json::to_canonical(&statement))
}

fn uri(source: &Source) -> String {
    match source {
        Source::Registry { repository } => format!("oci://{repository}"),
        Source::Http { url } => url.to_string(),
        Source::OciLayout { path } => format!("oci-layout:{}", path.display()),
        Source::OciArchive { path } => format!("oci-archive:{}", path.display()),
        Source::DockerArchive { path } => format!("docker-archive:{}", path.display()),
        Source::ChartFolder { path } | Source::File { path } => format!("file:{}", path.display()),
    }
}
