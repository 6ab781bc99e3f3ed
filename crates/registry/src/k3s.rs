//! `/k3s/RELEASE/…`: the files of k3s releases as k3s itself publishes them, for nodes that fetch theirs.

use std::fmt::Write as _;
use std::sync::Arc;

use airlock_content::GenerationView;

use crate::app::{App, Request};
use crate::catalog::Catalog;
use crate::error::{ApiError, Code};
use crate::extras::Tree;
use crate::files::{list_files, wants_json};
use crate::listing::json;
use crate::query::encode;
use crate::reply::{self, Reply};

/// Every release, each once.
fn list(trees: &[Tree], request: &Request<'_>) -> Result<Reply, ApiError> {
    let mut releases: Vec<&str> = trees.iter().filter_map(|tree| tree.release.as_deref()).collect();
    releases.sort_unstable();
    releases.dedup();
    if wants_json(request) {
        return json(reply::JSON, &serde_json::json!({"releases": releases}));
    }
    let mut text = String::new();
    for release in releases {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}/", encode(release, "+"));
    }
    Ok(reply::ok(reply::TEXT, text))
}

/// The trees of a release; several components may carry it, each with more or less of it.
fn of_release<'t>(trees: &'t [Tree], release: &str) -> Vec<&'t Tree> {
    let mut found: Vec<&Tree> = trees
        .iter()
        .filter(|tree| tree.release.as_deref() == Some(release))
        .collect();
    // The one with the most files answers for all where files are listed.
    found.sort_by_key(|tree| std::cmp::Reverse(tree.files.len()));
    found
}

impl<V: GenerationView + 'static> App<V> {
    pub(crate) async fn k3s(
        self: &Arc<Self>,
        catalog: &Arc<Catalog>,
        request: &Request<'_>,
        path: &str,
    ) -> Result<Reply, ApiError> {
        let trees = &self.extras(catalog).await?.trees;
        if path.is_empty() {
            return list(trees, request);
        }
        let unknown = || {
            let message = format!("there is no such file of k3s (`/k3s/` lists the releases): {path}");
            ApiError::new(Code::NameUnknown, message)
        };
        let (release, file) = path.split_once('/').unwrap_or((path, ""));
        let found = of_release(trees, release);
        if file.is_empty() {
            return list_files(found.first().ok_or_else(unknown)?, request);
        }
        // One release is one set of files, so whichever component carries one carries the same.
        let file = found
            .iter()
            .find_map(|tree| tree.files.get(file))
            .ok_or_else(unknown)?;
        self.plain_file(request, file.digest).await?.ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use airlock_types::{Digest, Reference};

    use super::*;
    use crate::extras::TreeFile;

    #[test]
    fn the_fullest_tree_of_a_release_comes_first() {
        let tree = |component: &str, release: Option<&str>, files: &[&str]| {
            let reference: Reference = format!("airlock.local/k3s/{component}:v1").parse().unwrap();
            let file = TreeFile {
                digest: Digest::sha256([1; 32]),
                size: 1,
            };
            let files = files.iter().map(|path| ((*path).to_owned(), file));
            Tree {
                repository: reference.repository,
                tag: reference.tag,
                release: release.map(str::to_owned),
                files: files.collect::<BTreeMap<_, _>>(),
            }
        };
        let trees = [
            tree("a", Some("v1.34.5+k3s1"), &["k3s"]),
            tree("b", Some("v1.34.5+k3s1"), &["k3s", "k3s-arm64"]),
            tree("c", None, &["k3s"]),
        ];
        let found = of_release(&trees, "v1.34.5+k3s1");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].repository.name.as_str(), "k3s/b");
        assert!(of_release(&trees, "v1.34.5").is_empty());
    }
}
