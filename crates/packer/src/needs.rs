//! What a lock needs, from where, and for whom.

use std::collections::BTreeMap;
use std::path::Path;

use airlock_content::Origin;
use airlock_spec::lock::{Artifact, Lock, Pin, Source};
use airlock_types::{Descriptor, Digest};

use crate::Needed;

/// One blob.
#[derive(Clone, Debug, Default)]
pub(crate) struct Need {
    /// The places to get it from, the first one preferred.
    pub(crate) from: Vec<(Origin, Descriptor)>,
    /// Its content, where the lock itself has it.
    pub(crate) inline: Option<String>,
    /// Who needs it.
    pub(crate) by: Vec<Needed>,
}

impl Need {
    /// A name for people.
    pub(crate) fn label(&self, digest: &Digest) -> String {
        let artifact = self.by.first().map_or("importer", |needed| &needed.artifact);
        format!("{artifact} {}", digest.short())
    }
}

/// Everything under `blobs/`, by digest. Relative paths are taken from `base`.
pub(crate) fn needs(lock: &Lock, base: &Path) -> BTreeMap<Digest, Need> {
    let mut needs: BTreeMap<Digest, Need> = BTreeMap::new();
    for artifact in &lock.artifacts {
        for pin in artifact.pins() {
            let need = needs.entry(pin.digest).or_default();
            let place = (origin(artifact, pin, base), pin.descriptor());
            if !need.from.contains(&place) {
                need.from.push(place);
            }
            if let Some(text) = artifact.inline.get(&pin.digest) {
                need.inline.get_or_insert_with(|| text.clone());
            }
            let by = Needed {
                kind: artifact.kind,
                artifact: artifact.name.clone(),
                why: artifact.why.clone(),
            };
            if !need.by.contains(&by) {
                need.by.push(by);
            }
        }
    }
    needs
}

fn origin(artifact: &Artifact, pin: &Pin, base: &Path) -> Origin {
    match pin.source.as_ref().unwrap_or(&artifact.source) {
        Source::Registry { repository } => Origin::Registry(repository.clone()),
        Source::Http { url } => Origin::Http(url.clone()),
        Source::OciLayout { path } => Origin::OciLayout(base.join(path)),
        Source::OciArchive { path } => Origin::OciArchive(base.join(path)),
        Source::DockerArchive { path } => Origin::DockerArchive(base.join(path)),
        Source::ChartFolder { path } => Origin::ChartFolder(base.join(path)),
        Source::File { path } => Origin::File(base.join(path)),
    }
}
