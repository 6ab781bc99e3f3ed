//! Whether nodes have the images of the bundle.

use std::collections::{BTreeMap, BTreeSet};

use airlock_types::{Reference, RepositoryName};
use serde::Deserialize;

use super::{Seen, unanswered};
use crate::expected::is_same;
use crate::finding::{Outcome, count, some};
use crate::node::ThisNode;
use crate::object::Node;

/// The kubelet tells so many images at most (`nodeStatusMaxImages`), the largest first.
const TOLD: usize = 50;

/// `crictl images -o json`.
#[derive(Deserialize)]
struct Listed {
    images: Vec<ListedImage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct ListedImage {
    repo_tags: Vec<String>,
    repo_digests: Vec<String>,
}

/// The images of one node, and whether these are all.
struct Known {
    by_name: BTreeMap<RepositoryName, Vec<Reference>>,
    is_all: bool,
}

impl Known {
    fn new<'a>(names: impl IntoIterator<Item = &'a str>, is_all: bool) -> Self {
        let mut by_name: BTreeMap<RepositoryName, Vec<Reference>> = BTreeMap::new();
        // Whatever is no reference (`<none>:<none>`, ids) names nothing.
        for reference in names
            .into_iter()
            .filter_map(|name| name.parse::<Reference>().ok())
        {
            let name = reference.repository.name.clone();
            by_name.entry(name).or_default().push(reference);
        }
        Self { by_name, is_all }
    }

    fn has(&self, image: &Reference) -> bool {
        let found = self.by_name.get(&image.repository.name);
        found.is_some_and(|all| all.iter().any(|one| is_same(one, image)))
    }
}

pub(super) async fn present(seen: &Seen<'_>) -> Outcome {
    let expected = &seen.question.expected;
    let Some(images) = &expected.images else {
        return Outcome::skipped("no bundle was given");
    };
    let nodes = match seen.nodes().await {
        Ok(nodes) => nodes,
        Err(error) => return unanswered(&error),
    };
    let (mut missing, mut unknown) = (BTreeSet::new(), Vec::new());
    for node in nodes {
        let known = of_node(node, seen.question.this.as_ref()).await;
        let architecture = &node.status.node_info.architecture;
        let wanted: Vec<&Reference> = images
            .iter()
            .filter(|image| image.is_for(architecture))
            .map(|image| &image.reference)
            .collect();
        let lacking: Vec<&Reference> = wanted.iter().copied().filter(|image| !known.has(image)).collect();
        if known.is_all {
            missing.extend(
                lacking
                    .iter()
                    .map(|image| format!("{} lacks {image}", node.metadata.name)),
            );
        } else if !lacking.is_empty() {
            unknown.push(format!(
                "{} of {} on {}",
                lacking.len(),
                wanted.len(),
                node.metadata.name
            ));
        }
    }
    let missing: Vec<String> = missing.into_iter().collect();
    match (missing.is_empty(), unknown.is_empty()) {
        (true, true) => Outcome::ok(format!(
            "{} on {}",
            count(images.len(), "image"),
            count(nodes.len(), "node")
        )),
        (false, _) if expected.mirror => Outcome::ok(format!(
            "{} are not on their node, which takes them from the mirror: {}",
            missing.len(),
            some(&missing)
        )),
        (false, _) => Outcome::fail(
            some(&missing),
            "import the archive of the bundle's images on the node again (`airlock install`), or give the site a mirror; under DiskPressure the kubelet removes images",
        ),
        (true, false) => Outcome::unknown(format!(
            "a node tells {TOLD} images at most, so these are not established: {}",
            some(&unknown)
        ))
        .with("run `airlock health` as root on each of these nodes"),
    }
}

async fn of_node(node: &Node, this: Option<&ThisNode>) -> Known {
    if let Some(this) = this.filter(|this| this.name == node.metadata.name) {
        if let Ok(said) = this.k3s(&["crictl", "images", "-o", "json"]).await
            && said.code == Some(0)
            && let Ok(listed) = serde_json::from_str::<Listed>(&said.stdout)
        {
            let names = listed
                .images
                .iter()
                .flat_map(|image| image.repo_tags.iter().chain(&image.repo_digests));
            return Known::new(names.map(String::as_str), true);
        }
        if let Ok(said) = this
            .k3s(&["ctr", "--namespace", "k8s.io", "images", "list", "-q"])
            .await
            && said.code == Some(0)
        {
            return Known::new(said.stdout.lines().map(str::trim), true);
        }
    }
    let told = &node.status.images;
    let names = told
        .iter()
        .flat_map(|image| image.names.as_deref().unwrap_or_default());
    // None at all is a node that has not told yet.
    Known::new(names.map(String::as_str), !told.is_empty() && told.len() < TOLD)
}
