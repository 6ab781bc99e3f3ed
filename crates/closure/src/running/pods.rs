//! Containers of a pod spec, and what nodes say that they run.

use std::collections::HashMap;

use airlock_types::{Digest, Reference};
use serde_json::Value;

use super::dump::DumpError;
use super::objects::{at, list, text};
use super::{Place, Running, Standing, Use};

/// The object that something is in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner<'a> {
    pub(super) namespace: &'a str,
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
}

impl Owner<'_> {
    fn names(self, standing: Standing, place: Place, digest: Option<Digest>) -> Use {
        Use {
            standing,
            namespace: self.namespace.to_owned(),
            kind: self.kind.to_owned(),
            name: self.name.to_owned(),
            place,
            digest,
        }
    }
}

/// The lists of containers with those of their states.
const LISTS: [(&str, &str); 3] = [
    ("initContainers", "initContainerStatuses"),
    ("containers", "containerStatuses"),
    ("ephemeralContainers", "ephemeralContainerStatuses"),
];

impl Running {
    /// A pod spec; `status` is that of the pod if it is one, and none for what makes pods.
    pub(super) fn pod(
        &mut self,
        owner: Owner<'_>,
        spec: &Value,
        status: Option<&Value>,
        standing: Standing,
    ) -> Result<(), DumpError> {
        for (containers, states) in LISTS {
            let states = status.map_or(&[][..], |status| list(status, &[states]));
            let ids: HashMap<&str, &Value> = states
                .iter()
                .map(|state| (text(state, &["name"]), state))
                .collect();
            for (number, container) in list(spec, &[containers]).iter().enumerate() {
                let name = match text(container, &["name"]) {
                    "" => format!("{containers}[{number}]"),
                    name => name.to_owned(),
                };
                let state = ids.get(name.as_str());
                let id = state.map_or("", |state| text(state, &["imageID"]));
                let has_begun = !id.is_empty()
                    || state
                        .is_some_and(|state| at(state, &["state", "running"]).is_some_and(Value::is_object));
                let standing = match standing {
                    Standing::Wanted if has_begun => Standing::Runs,
                    other => other,
                };
                let by = owner.names(standing, Place::Container(name), digest(id));
                self.named(text(container, &["image"]), by)?;
            }
        }
        for (number, volume) in list(spec, &["volumes"]).iter().enumerate() {
            if let Some(image) = volume.get("image") {
                let place = Place::Path(format!("volumes[{number}].image.reference"));
                self.named(text(image, &["reference"]), owner.names(standing, place, None))?;
            }
        }
        Ok(())
    }

    fn named(&mut self, image: &str, by: Use) -> Result<(), DumpError> {
        match image.parse::<Reference>() {
            Ok(reference) => self.use_of(reference.with_default_tag(), by),
            Err(_) if image.is_empty() => {
                self.note(format!("no image is named: {by}"));
                Ok(())
            }
            Err(_) => {
                let shown: String = image.chars().take(100).collect();
                self.note(format!("this is no reference: {shown:?} ({by})"));
                Ok(())
            }
        }
    }
}

/// The digest of an `imageID`: of a manifest in `docker.io/library/busybox@sha256:…` and
/// `docker-pullable://busybox@sha256:…`, and of what the node calls its own in `sha256:…` and `docker://sha256:…`.
pub(super) fn digest(image_id: &str) -> Option<Digest> {
    let after_scheme = image_id.rsplit_once("://").map_or(image_id, |(_, rest)| rest);
    let digest = after_scheme
        .rsplit_once('@')
        .map_or(after_scheme, |(_, digest)| digest);
    digest.parse().ok()
}
