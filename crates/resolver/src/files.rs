//! Plain files: one artifact for each component that has any.

use std::collections::BTreeMap;

use airlock_content::{FileFacts, MetadataSource, Origin, digest_of};
use airlock_spec::Version;
use airlock_spec::lock::{Artifact, Kind, Pin, Source};
use airlock_spec::manifest::{Checksum, FileRequest, FileSource};
use airlock_types::{Descriptor, Digest, Manifest, annotation, json, media_type};
use futures::future::join_all;
use serde_json::json;
use url::Url;

use crate::ask::Asker;
use crate::error::Cause;
use crate::pins::sorted;
use crate::request::{Request, written_digest};
use crate::{checksums, names};

/// The largest file of checksums.
const MAX_CHECKSUMS: u64 = 4 << 20;
/// Permissions of a file in a tree, in octal.
pub(crate) const MODE: &str = "dev.airlock.mode";
/// The configuration of artifacts that need none.
const EMPTY: &str = "{}";

/// Resolves the `files` of a component. What `previous`, its artifact in the lock before, says of an
/// address still counts, even when other files of the component have changed.
pub(crate) async fn resolve<S: MetadataSource>(
    asker: &Asker<'_, S>,
    request: &Request,
    component: &str,
    version: &Version,
    files: &[FileRequest],
    previous: Option<&Artifact>,
) -> Result<Artifact, Cause> {
    let known = previous.map(addresses).unwrap_or_default();
    let facts = join_all(files.iter().map(|file| facts(asker, file, &known))).await;
    let mut layers = Vec::new();
    let mut pins = Vec::new();
    for (file, facts) in files.iter().zip(facts) {
        let facts = facts?;
        let mut layer = Descriptor::new(media_type::OCTET_STREAM, facts.digest, facts.size);
        let mut pin = Pin::of(&layer);
        pin.source = Some(match &file.source {
            FileSource::Url { url } => Source::Http { url: url.clone() },
            FileSource::Path { path } => Source::File { path: path.clone() },
        });
        pins.push(pin);
        layer
            .annotations
            .insert(annotation::TITLE.to_owned(), file.path.clone());
        layer
            .annotations
            .insert(MODE.to_owned(), format!("{:04o}", file.mode));
        layers.push(layer);
    }
    layers.sort_by(|a, b| {
        a.annotations
            .get(annotation::TITLE)
            .cmp(&b.annotations.get(annotation::TITLE))
    });
    let config = Descriptor::new(
        media_type::OCI_EMPTY,
        digest_of(EMPTY.as_bytes()),
        EMPTY.len() as u64,
    );
    let manifest = json::to_canonical(&json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "artifactType": media_type::AIRLOCK_FILES,
        "config": config,
        "layers": layers,
    }));
    let root = Descriptor::new(
        media_type::OCI_MANIFEST,
        digest_of(&manifest),
        manifest.len() as u64,
    );
    // Every file has a source of its own; the artifact's is that of the first one.
    let source = pins.first().and_then(|pin| pin.source.clone());
    pins.push(Pin::of(&config));
    Ok(Artifact {
        kind: Kind::Files,
        name: request.name.clone(),
        reference: names::of_files(component, version.as_str())?,
        version: None,
        source: source.ok_or_else(|| Cause::Reference(component.to_owned()))?,
        root: Pin::of(&root),
        platforms: Vec::new(),
        left_out: Vec::new(),
        manifests: Vec::new(),
        blobs: sorted(pins)?,
        inline: [
            (root.digest, String::from_utf8_lossy(&manifest).into_owned()),
            (config.digest, EMPTY.to_owned()),
        ]
        .into(),
        referrers: Vec::new(),
        why: request.why.clone(),
        request: request.fingerprint,
    })
}

/// What an artifact made here has from where: facts by path and address.
fn addresses(artifact: &Artifact) -> BTreeMap<(String, Url), FileFacts> {
    let manifest = artifact
        .inline
        .get(&artifact.root.digest)
        .and_then(|text| Manifest::parse(&artifact.root.media_type, text.as_bytes()).ok());
    let Some(Manifest::Image(manifest)) = manifest else {
        return BTreeMap::new();
    };
    let mut out = BTreeMap::new();
    for mut layer in manifest.layers {
        let pin = artifact.blobs.iter().find(|pin| pin.digest == layer.digest);
        if let (Some(path), Some(Source::Http { url })) = (
            layer.annotations.remove(annotation::TITLE),
            pin.and_then(|pin| pin.source.clone()),
        ) {
            out.insert(
                (path, url),
                FileFacts {
                    digest: layer.digest,
                    size: layer.size,
                },
            );
        }
    }
    out
}

async fn facts<S: MetadataSource>(
    asker: &Asker<'_, S>,
    file: &FileRequest,
    known: &BTreeMap<(String, Url), FileFacts>,
) -> Result<FileFacts, Cause> {
    let origin = match &file.source {
        FileSource::Url { url } => {
            let written = written_digest(&file.checksum);
            if let Some(facts) = known.get(&(file.path.clone(), url.clone()))
                && written.is_none_or(|digest| digest == facts.digest)
            {
                return Ok(*facts);
            }
            if file.checksum == Checksum::Unknown {
                asker.note(&format!(
                    "there is no checksum for {url}; the lock pins what is there now"
                ));
            }
            Origin::Http(url.clone())
        }
        FileSource::Path { path } => Origin::File(asker.folder.join(path)),
    };
    let (expected, announced_by) = match &file.checksum {
        Checksum::Published { url } => (Some(published(asker, file, url).await?), url.to_string()),
        other => (written_digest(other), "manifest".to_owned()),
    };
    let facts = asker.file(&origin, expected.as_ref()).await?;
    match expected {
        Some(expected) if expected != facts.digest => Err(Cause::Digest {
            expected,
            announced_by,
            actual: facts.digest,
        }),
        _ => Ok(facts),
    }
}

async fn published<S: MetadataSource>(
    asker: &Asker<'_, S>,
    file: &FileRequest,
    url: &Url,
) -> Result<Digest, Cause> {
    let name = match &file.source {
        FileSource::Url { url } => url
            .path_segments()
            .and_then(|mut parts| parts.next_back())
            .unwrap_or_default()
            .to_owned(),
        FileSource::Path { path } => path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
    };
    let text = asker.shared_document(url, MAX_CHECKSUMS).await?;
    checksums::find(&String::from_utf8_lossy(&text), &name).ok_or_else(|| Cause::NotListed {
        name,
        url: url.to_string(),
    })
}
