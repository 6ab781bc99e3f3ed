//! Plain files.

use airlock_content::digest_of;
use airlock_resolver::{Options, Update, resolve};
use airlock_spec::lock::Source;
use airlock_spec::manifest::Effective;
use airlock_types::media_type;
use serde_json::json;

use crate::memory::{Memory, Notes, manifest};
use crate::support::{lock_of, told};

fn files(list: &str) -> Effective {
    manifest(&format!("  - name: extras\n    files: [{list}]\n"))
}

#[tokio::test]
async fn files_become_one_artifact_of_their_component() {
    let mut memory = Memory::default();
    memory.document("https://example.org/v1/tool", "tool");
    memory.document(
        "https://example.org/v1/SHA256SUMS",
        format!("{}  tool\n", digest_of(b"tool").hex()),
    );
    memory.document("conf/site.conf", "conf");
    let list = format!(
        "{{url: \"https://example.org/v1/tool\", checksums: SHA256SUMS, path: bin/tool, mode: \"0755\"}}, {{path: conf/site.conf, sha256: {}}}",
        digest_of(b"conf").hex()
    );
    let lock = lock_of(&memory, &files(&list)).await.unwrap();
    let artifact = &lock.artifacts[0];
    assert_eq!(artifact.reference.to_string(), "airlock.local/files/extras:1.0_a");
    let manifest: serde_json::Value = serde_json::from_str(&artifact.inline[&artifact.root.digest]).unwrap();
    assert_eq!(manifest["artifactType"], media_type::AIRLOCK_FILES);
    assert_eq!(
        manifest["layers"][0]["annotations"],
        json!({"org.opencontainers.image.title": "bin/tool", "dev.airlock.mode": "0755"})
    );
    assert_eq!(manifest["layers"][1]["digest"], digest_of(b"conf").to_string());
    let sources: Vec<Option<&Source>> = artifact.blobs.iter().map(|pin| pin.source.as_ref()).collect();
    assert_eq!(sources.iter().flatten().count(), 2);
    let empty = artifact.blobs.iter().find(|pin| pin.source.is_none()).unwrap();
    assert_eq!(artifact.inline[&empty.digest], "{}");

    let wrong = files(&format!(
        "{{url: \"https://example.org/v1/tool\", sha256: {}}}",
        digest_of(b"other").hex()
    ));
    let errors = lock_of(&memory, &wrong).await.unwrap_err();
    assert!(
        told(&errors).contains("the digest does not match"),
        "{}",
        told(&errors)
    );
    let unlisted =
        files("{url: \"https://example.org/v1/SHA256SUMS\", checksums: \"https://example.org/v1/tool\"}");
    let errors = lock_of(&memory, &unlisted).await.unwrap_err();
    assert!(
        told(&errors).contains("the file of checksums does not list \"SHA256SUMS\""),
        "{}",
        told(&errors)
    );
    let notes = Notes::default();
    let unknown = files("{url: \"https://example.org/v1/tool\"}");
    resolve(
        &unknown,
        None,
        &Update::None,
        &Options::default(),
        &memory,
        &notes,
    )
    .await
    .unwrap();
    assert_eq!(notes.0.into_inner().unwrap().len(), 1);
}
