//! Images and artifacts that no tool at hand makes, after the OCI image specification.

use std::io::{self, Read};

use serde_json::{Value, json};

use super::oci::{self, CONFIG, INDEX, Layer, MANIFEST, Repository, child, descriptor};
use super::{Companion, LARGE, Suite};
use crate::{Pushed, peer};

const COSIGN_PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

pub(super) fn push(suite: &mut Suite, hello: &[u8]) {
    let program = Layer::gzip(&[("hello", hello)]);
    names(suite, &program);
    layers(suite, hello, &program);
    manifests(suite, &program);
    indexes(suite, &program);
    artifacts(suite);
    companions(suite, &program);
    if std::env::var_os("AIRLOCK_TEST_SMALL").is_some_and(|value| value == "1") {
        peer::note("SKIPPED the image of 1 GiB: AIRLOCK_TEST_SMALL=1");
    } else {
        let root = large(&in_repository(suite, "hand/large"), &program);
        suite.add("a layer of 1 GiB", "hand/large", "1", root).runs();
    }
}

fn in_repository<'a>(suite: &'a Suite, name: &'a str) -> Repository<'a> {
    Repository {
        registry: &suite.registry,
        name,
    }
}

/// Names that are legal and rarely tried.
fn names(suite: &mut Suite, program: &Layer) {
    const LONG_TAG: &str = "v1.2.3-rc.4_build.5-0123456789abcdef0123456789abcdef0123456789abcdef\
        0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab";
    for (form, name, tag) in [
        ("name of six components", "a/b/c/d/e/f", "1"),
        ("name of one component", "single", "1"),
        (
            "every separator, a tag of 128 characters",
            "hand/x--y/z__w.v_u",
            LONG_TAG,
        ),
    ] {
        let repository = in_repository(suite, name);
        let manifest = repository.image("linux/amd64", std::slice::from_ref(program));
        let root = repository.manifest(Some(tag), &manifest);
        suite.add(form, name, tag, root).runs();
    }

    let repository = in_repository(suite, "hand/digest-only");
    let mut manifest = repository.image("linux/amd64", std::slice::from_ref(program));
    manifest["annotations"] = json!({"org.example.form": "never tagged"});
    let root = repository.manifest(None, &manifest);
    suite
        .add("reachable by digest only", "hand/digest-only", None, root)
        .runs();

    let repository = in_repository(suite, "hand/moved");
    let mut manifest = repository.image("linux/amd64", std::slice::from_ref(program));
    let old = repository.manifest(Some("stable"), &manifest);
    manifest["annotations"] = json!({"org.example.form": "the tag is here now"});
    repository.manifest(Some("stable"), &manifest);
    suite
        .add("tag and digest, the tag moved on", "hand/moved", "stable", old)
        .pinned()
        .runs();
}

/// What layers may look like.
fn layers(suite: &mut Suite, hello: &[u8], program: &Layer) {
    let empty = Layer::gzip(&[]);
    let nothing = Layer {
        blob: Vec::new(),
        ..Layer::plain(&[])
    };
    let many: Vec<Layer> = (0..40)
        .map(|n| Layer::gzip(&[(format!("layer-{n}").as_str(), format!("content {n}\n").as_bytes())]))
        .chain([program.clone()])
        .collect();
    let twice = vec![program.clone(), empty.clone(), program.clone()];
    for (form, name, layers, runs) in [
        (
            "uncompressed layer",
            "hand/plain",
            vec![Layer::plain(&[("hello", hello)])],
            true,
        ),
        (
            "layer shared with other repositories",
            "hand/shared",
            vec![program.clone(), empty.clone()],
            true,
        ),
        (
            "layer that is an empty tar",
            "hand/empty-tar",
            vec![empty, program.clone()],
            true,
        ),
        (
            "layer blob of zero bytes",
            "hand/zero-bytes",
            vec![nothing],
            false,
        ),
        ("41 layers", "hand/many-layers", many, true),
        ("the same layer twice", "hand/layer-twice", twice, true),
        ("no layer at all", "hand/no-layer", Vec::new(), false),
    ] {
        let repository = in_repository(suite, name);
        let manifest = repository.image("linux/amd64", &layers);
        let root = repository.manifest(Some("1"), &manifest);
        let image = suite.add(form, name, "1", root);
        if runs {
            image.runs();
        }
    }
}

/// What manifests may look like; each keeps its exact bytes or its digest changes.
fn manifests(suite: &mut Suite, program: &Layer) {
    for (form, name) in [
        ("manifest without mediaType", "hand/no-media-type"),
        ("annotations on manifest and layer", "hand/annotated"),
        (
            "pretty-printed, unknown fields, embedded data",
            "hand/unknown-fields",
        ),
        ("manifest of 3 MB", "hand/big-manifest"),
    ] {
        let repository = in_repository(suite, name);
        let mut manifest = repository.image("linux/amd64", std::slice::from_ref(program));
        let fields = manifest.as_object_mut().expect("made as an object");
        let mut text = None;
        match name {
            "hand/no-media-type" => {
                fields.remove("mediaType");
            }
            "hand/annotated" => {
                fields.insert(
                    "annotations".into(),
                    json!({"org.opencontainers.image.title": "ünïcode \u{1F980} \"quoted\"", "empty": ""}),
                );
                manifest["layers"][0]["annotations"] = json!({"org.opencontainers.image.title": "hello.tar"});
            }
            "hand/unknown-fields" => {
                manifest["config"]["data"] = "e30=".into();
                manifest["futureField"] = json!({"nested": [1, 2.5, null]});
                text = Some(serde_json::to_string_pretty(&manifest).unwrap() + "\n");
            }
            _ => manifest["annotations"] = json!({"org.example.padding": "0123456789".repeat(300_000)}),
        }
        let text = text.unwrap_or_else(|| manifest.to_string());
        let root = suite
            .registry
            .put_manifest(name, Some("1"), MANIFEST, text.as_bytes());
        suite.add(form, name, "1", root).runs();
    }
}

/// What indexes may hold besides the two platforms that are wanted.
fn indexes(suite: &mut Suite, program: &Layer) {
    let repository = in_repository(suite, "hand/multi");
    let children = platforms(
        &repository,
        program,
        &["linux/amd64", "linux/arm64", "linux/arm/v7"],
    );
    let root = repository.index(Some("1"), &attested(&repository, children));
    suite
        .add(
            "index with an unwanted platform and an attestation child",
            "hand/multi",
            "1",
            root,
        )
        .runs();

    let repository = in_repository(suite, "hand/nested");
    let inner = platforms(&repository, program, &["linux/amd64", "linux/arm64"]);
    let inner = repository.index(None, &inner);
    let other = platforms(&repository, program, &["linux/s390x"]);
    let root = repository.index(Some("1"), &[vec![descriptor(&inner)], other].concat());
    suite
        .add("index within an index", "hand/nested", "1", root)
        .runs();

    let repository = in_repository(suite, "hand/variant");
    let children = platforms(&repository, program, &["linux/amd64", "linux/arm64/v8"]);
    let index = json!({
        "schemaVersion": 2, "manifests": children, "annotations": {"org.opencontainers.image.version": "1"},
    });
    let bytes = index.to_string();
    let root = suite
        .registry
        .put_manifest("hand/variant", Some("1"), INDEX, bytes.as_bytes());
    suite
        .add(
            "index without mediaType, arm64/v8, annotations",
            "hand/variant",
            "1",
            root,
        )
        .runs();
}

fn platforms(repository: &Repository<'_>, program: &Layer, platforms: &[&str]) -> Vec<Value> {
    let mut children = Vec::new();
    for on in platforms {
        // Only the amd64 program has to run; the others are data to everybody here.
        let marker = Layer::gzip(&[("platform", on.as_bytes())]);
        let manifest = repository.image(on, &[program.clone(), marker]);
        children.push(child(&repository.manifest(None, &manifest), on));
    }
    children
}

/// Adds what buildkit adds: a provenance manifest for an unknown platform.
fn attested(repository: &Repository<'_>, mut children: Vec<Value>) -> Vec<Value> {
    let statement = Layer {
        blob: br#"{"_type":"https://in-toto.io/Statement/v0.1"}"#.to_vec(),
        media_type: "application/vnd.in-toto+json",
        diff_id: crate::digest(b"attestation"),
    };
    let manifest = repository.image("unknown/unknown", &[statement]);
    let mut entry = child(&repository.manifest(None, &manifest), "unknown/unknown");
    entry["annotations"] = json!({
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": children[0]["digest"],
    });
    children.push(entry);
    children
}

/// What is no image at all.
fn artifacts(suite: &mut Suite) {
    let repository = in_repository(suite, "hand/artifact");
    let manifest = repository.artifact("application/vnd.example.policy.v1", b"allow = true\n");
    let root = repository.manifest(Some("1"), &manifest);
    suite.add("artifact with an empty configuration", "hand/artifact", "1", root);

    let repository = in_repository(suite, "charts/hello");
    let text = "apiVersion: v2\nname: hello\nversion: 1.2.3\n";
    let chart = Layer::gzip(&[("hello/Chart.yaml", text.as_bytes())]);
    let config = repository.blob(
        "application/vnd.cncf.helm.config.v1+json",
        br#"{"apiVersion":"v2","name":"hello","version":"1.2.3"}"#,
    );
    let layer = repository.blob("application/vnd.cncf.helm.chart.content.v1.tar+gzip", &chart.blob);
    let manifest = json!({"schemaVersion": 2, "config": descriptor(&config), "layers": [descriptor(&layer)]});
    let root = repository.manifest(Some("1.2.3"), &manifest);
    suite.add("Helm chart", "charts/hello", "1.2.3", root);
}

/// An index with everything that can be attached: a signature, an attestation and an SBOM behind
/// cosign's tags, a referrer of the index and one of a child behind fallback tags (the registry has no
/// referrers API, so the client keeps those).
fn companions(suite: &mut Suite, program: &Layer) {
    let name = "hand/signed";
    let repository = in_repository(suite, name);
    let children = platforms(&repository, program, &["linux/amd64", "linux/arm64"]);
    let root = repository.index(Some("1"), &children);
    let tag_of = |digest: &str| digest.replacen(':', "-", 1);
    let mut found = Vec::new();

    for suffix in ["sig", "att", "sbom"] {
        let config = repository.blob(CONFIG, oci::config("linux/amd64", &[]).to_string().as_bytes());
        let payload = json!({"critical": {"image": {"docker-manifest-digest": root.digest}}, "kind": suffix});
        let mut layer = descriptor(&repository.blob(COSIGN_PAYLOAD, payload.to_string().as_bytes()));
        layer["annotations"] = json!({"dev.cosignproject.cosign/signature": "MEUCIQ=="});
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(&config), "layers": [layer],
        });
        let tag = format!("{}.{suffix}", tag_of(&root.digest));
        found.push((
            root.digest.clone(),
            repository.manifest(Some(&tag), &manifest),
            tag,
        ));
    }

    let amd64 = Pushed {
        media_type: MANIFEST.to_owned(),
        digest: children[0]["digest"].as_str().unwrap().to_owned(),
        size: children[0]["size"].as_u64().unwrap(),
    };
    for (subject, kind) in [
        (&root, "application/spdx+json"),
        (&amd64, "application/vnd.in-toto+json"),
    ] {
        let mut manifest = repository.artifact(kind, format!("about {}\n", subject.digest).as_bytes());
        manifest["subject"] = descriptor(subject);
        let pushed = repository.manifest(None, &manifest);
        let mut entry = descriptor(&pushed);
        entry["artifactType"] = kind.into();
        entry["annotations"] = manifest["annotations"].clone();
        let tag = tag_of(&subject.digest);
        repository.index(Some(&tag), &[entry]);
        found.push((subject.digest.clone(), pushed, tag));
    }

    suite
        .companions
        .extend(found.into_iter().map(|(subject, root, tag)| Companion {
            repository: name.to_owned(),
            subject,
            root,
            tag,
        }));
    suite
        .add("index with signatures and referrers", name, "1", root)
        .runs();
}

/// An image whose first layer is an uncompressed tar of one large file, made while it is sent.
fn large(repository: &Repository<'_>, program: &Layer) -> Pushed {
    let mut header = oci::header(LARGE);
    header.set_path("large.bin").unwrap();
    header.set_cksum();
    let mut tar = header
        .as_bytes()
        .chain(Pattern::default().take(LARGE))
        .chain(io::repeat(0).take(1024));
    let size = 512 + LARGE + 1024;
    let data = repository
        .registry
        .put_blob_from(repository.name, oci::LAYER_TAR, size, &mut tar);
    let program_blob = repository.blob(program.media_type, &program.blob);
    let config = oci::config("linux/amd64", &[data.digest.clone(), program.diff_id.clone()]);
    let config = repository.blob(CONFIG, config.to_string().as_bytes());
    repository.manifest(
        Some("1"),
        &json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(&config),
            "layers": [descriptor(&data), descriptor(&program_blob)],
        }),
    )
}

/// Bytes that differ from block to block and cost next to nothing.
#[derive(Default)]
struct Pattern {
    position: u64,
}

impl Read for Pattern {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for word in buffer.chunks_mut(8) {
            let value = self.position.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
            word.copy_from_slice(&value[..word.len()]);
            self.position += 1;
        }
        Ok(buffer.len())
    }
}
