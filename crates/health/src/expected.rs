//! What should be there: from the bundle and `site.yaml`, as far as they are given.

use std::collections::BTreeSet;

use airlock_spec::site::{Datastore, Site};
use airlock_types::Reference;
use serde_json::Value;

/// A release that should be deployed by the helm-controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its name, and that of its HelmChart.
    pub name: String,
    /// The namespace of the HelmChart.
    pub chart_namespace: String,
    /// The namespace that it is installed into.
    pub namespace: String,
    /// The annotation of its HelmChart and the value that it has once k3s has applied the file that was written.
    pub written: Option<(String, String)>,
    /// `spec.chart`, which the job has in its environment.
    pub chart: Option<String>,
}

/// An image of the bundle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Image {
    /// How it is called.
    pub reference: Reference,
    /// The architectures that the bundle has it for, `amd64`; none where that is not known. Nodes of others do without.
    pub architectures: Vec<String>,
}

impl From<Reference> for Image {
    fn from(reference: Reference) -> Self {
        Self {
            reference,
            architectures: Vec::new(),
        }
    }
}

impl Image {
    /// Whether a node of this architecture can have it.
    pub(crate) fn is_for(&self, architecture: &str) -> bool {
        self.architectures.is_empty() || self.architectures.iter().any(|one| one == architecture)
    }
}

/// What should be there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// The release of k3s, `v1.34.5+k3s1`.
    pub k3s: Option<String>,
    /// Components of k3s that are switched off; none where nobody has said.
    pub disabled: Option<BTreeSet<String>>,
    /// Releases that should be deployed.
    pub releases: Vec<Release>,
    /// The images of the bundle; none where no bundle was given.
    pub images: Option<Vec<Image>>,
    /// Whether nodes can pull images from a mirror.
    pub mirror: bool,
    /// Whether the cluster keeps its state in etcd of its own; none where nobody has said.
    pub etcd: Option<bool>,
    /// The domain of services.
    pub domain: Option<String>,
}

impl Expected {
    /// What `site.yaml` says.
    pub fn of_site(site: &Site) -> Self {
        let cluster = &site.cluster;
        let mut disabled: BTreeSet<String> = cluster.disable.iter().cloned().collect();
        // Options of k3s itself win over what was said above them.
        for key in ["disable", "disable+"] {
            match cluster.config.get(key) {
                Some(Value::String(text)) => {
                    disabled.extend(text.split(',').map(|one| one.trim().to_owned()));
                }
                Some(Value::Array(list)) => {
                    disabled.extend(list.iter().filter_map(Value::as_str).map(str::to_owned));
                }
                _ => {}
            }
        }
        Self {
            disabled: Some(disabled),
            mirror: site.mirror.is_some(),
            etcd: Some(cluster.datastore == Datastore::Etcd),
            domain: cluster.cluster_domain.clone(),
            ..Self::default()
        }
    }

    /// Whether the bundle holds an image; none where no bundle was given, or this is no image.
    pub(crate) fn holds(&self, image: &str) -> Option<bool> {
        let image: Reference = image.parse().ok()?;
        let images = self.images.as_ref()?;
        Some(images.iter().any(|held| is_same(&held.reference, &image)))
    }
}

/// Whether two references mean one image, as far as they tell: by digest where both have one, else by tag.
pub(crate) fn is_same(held: &Reference, other: &Reference) -> bool {
    if held.repository != other.repository {
        return false;
    }
    match (&held.digest, &other.digest) {
        (Some(held), Some(other)) => held == other,
        // A tag is enough for a name that has no digest, and says nothing for one that has nothing else.
        _ => match (&held.tag, &other.tag) {
            (None, None) => held.digest.is_none() && other.digest.is_none(),
            _ => held.tag_or_latest() == other.tag_or_latest(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_known_by_digest_or_tag() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let other = format!("sha256:{}", "b".repeat(64));
        for (one, two, same) in [
            ("busybox", "docker.io/library/busybox:latest".to_owned(), true),
            ("busybox:1", "docker.io/library/busybox:2".to_owned(), false),
            ("busybox:1", "ghcr.io/library/busybox:1".to_owned(), false),
            (&format!("busybox:1@{digest}"), "busybox:1".to_owned(), true),
            (&format!("busybox:1@{digest}"), format!("busybox@{digest}"), true),
            (
                &format!("busybox:1@{digest}"),
                format!("busybox:1@{other}"),
                false,
            ),
            (&format!("busybox@{digest}"), "busybox:1".to_owned(), false),
        ] {
            assert_eq!(
                is_same(&one.parse().unwrap(), &two.parse().unwrap()),
                same,
                "{one} {two}"
            );
        }
    }

    #[test]
    fn what_is_switched_off_is_read_from_both_places() {
        let mut site = Site::default();
        site.cluster.disable = vec!["traefik".to_owned()];
        site.cluster
            .config
            .insert("disable".to_owned(), serde_json::json!(["metrics-server"]));
        let disabled = Expected::of_site(&site).disabled.unwrap();
        assert_eq!(
            disabled.into_iter().collect::<Vec<_>>(),
            ["metrics-server", "traefik"]
        );
    }
}
