//! The artifact: the description of the release as its configuration, its files as its layers.

use std::collections::BTreeMap;

use airlock_content::digest_of;
use airlock_spec::k3s::{K3sRelease, ReleaseFile};
use airlock_spec::lock::{Artifact, Kind, Pin, Source};
use airlock_types::{Descriptor, Digest, annotation, json, media_type};
use serde_json::json;
use url::Url;

use crate::error::Cause;
use crate::files::MODE;
use crate::names;
use crate::pins::sorted;
use crate::request::Request;

/// Permissions of the binary.
pub(super) const EXECUTABLE: &str = "0755";
/// Permissions of everything else.
pub(super) const PLAIN: &str = "0644";

/// Everything of the artifact, as it comes together.
#[derive(Default)]
pub(super) struct Parts {
    layers: BTreeMap<String, Descriptor>,
    pins: Vec<Pin>,
    inline: BTreeMap<Digest, String>,
    /// Upstream's lists, each once.
    pub(super) lists: Vec<ReleaseFile>,
}

impl Parts {
    /// A file that is fetched when the bundle is packed.
    pub(super) fn file(&mut self, title: &str, file: &ReleaseFile, url: Url, mode: &str) {
        let mut pin = self.layer(title, file, mode);
        pin.source = Some(Source::Http { url });
        self.pins.push(pin);
    }

    /// A list, whose text stands in the lock.
    pub(super) fn list(&mut self, name: &str, text: &str) {
        let file = ReleaseFile {
            name: name.to_owned(),
            digest: digest_of(text.as_bytes()),
            size: text.len() as u64,
        };
        let pin = self.layer(name, &file, PLAIN);
        self.pins.push(pin);
        self.inline.insert(file.digest, text.to_owned());
        if !self.lists.contains(&file) {
            self.lists.push(file);
        }
    }

    fn layer(&mut self, title: &str, file: &ReleaseFile, mode: &str) -> Pin {
        let mut layer = Descriptor::new(media_type::OCTET_STREAM, file.digest, file.size);
        let pin = Pin::of(&layer);
        let annotations = [(annotation::TITLE, title), (MODE, mode)];
        layer
            .annotations
            .extend(annotations.map(|(key, value)| (key.to_owned(), value.to_owned())));
        self.layers.insert(title.to_owned(), layer);
        pin
    }
}

/// Pins a release.
pub(super) fn make(
    request: &Request,
    document: &K3sRelease,
    parts: Parts,
    base: &Url,
) -> Result<Artifact, Cause> {
    let Parts {
        layers,
        mut pins,
        mut inline,
        ..
    } = parts;
    let text = document.to_bytes();
    let config = Descriptor::new(
        media_type::AIRLOCK_K3S_RELEASE,
        digest_of(&text),
        text.len() as u64,
    );
    let manifest = json::to_canonical(&json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "artifactType": media_type::AIRLOCK_K3S,
        "config": config,
        "layers": layers.into_values().collect::<Vec<_>>(),
    }));
    let root = Descriptor::new(
        media_type::OCI_MANIFEST,
        digest_of(&manifest),
        manifest.len() as u64,
    );
    inline.insert(config.digest, String::from_utf8_lossy(&text).into_owned());
    inline.insert(root.digest, String::from_utf8_lossy(&manifest).into_owned());
    pins.push(Pin::of(&config));
    Ok(Artifact {
        kind: Kind::K3s,
        name: request.name.clone(),
        reference: names::of_k3s(&document.component, &document.release)?,
        version: Some(document.release.clone()),
        source: Source::Http { url: base.clone() },
        root: Pin::of(&root),
        platforms: Vec::new(),
        left_out: Vec::new(),
        manifests: Vec::new(),
        blobs: sorted(pins)?,
        inline,
        referrers: Vec::new(),
        why: request.why.clone(),
        request: request.fingerprint,
    })
}
