//! File trees by path, for `curl` and for everything that downloads from a folder.

use std::fmt::Write;
use std::sync::Arc;

use airlock_content::GenerationView;
use airlock_types::Digest;
use http::header;
use serde::Serialize;

use crate::app::{App, Request, blocking};
use crate::catalog::{Catalog, host_in_path};
use crate::error::{ApiError, Code};
use crate::extras::Tree;
use crate::listing::json;
use crate::query::encode;
use crate::reply::{self, Reply};

/// What a path below `/files/` means.
#[derive(Debug)]
enum Found<'t> {
    /// A file, or the listing of a whole tree where the path inside it is empty.
    In(&'t Tree, &'t str),
    /// Several trees could be meant; their addresses.
    Ambiguous(Vec<String>),
    Nothing,
}

/// The shortest full address of a tree.
fn address(tree: &Tree) -> String {
    let mut out = format!("{}/{}", host_in_path(&tree.repository.host), tree.repository.name);
    if let Some(tag) = &tree.tag {
        let _ = write!(out, ":{tag}");
    }
    out
}

/// The path inside a tree, and how much of `path` named the tree, if it does.
///
/// A tree is named by its component, or the last word of that; by its repository's path; or by host and
/// path; each with or without the tag.
fn inside<'p>(tree: &Tree, path: &'p str) -> Option<(usize, &'p str)> {
    let name = tree.repository.name.as_str();
    let component = name.strip_prefix("files/").unwrap_or(name);
    let last = name.rsplit('/').next().unwrap_or(name);
    let full = format!("{}/{name}", tree.repository.host);
    let in_path = format!("{}/{name}", host_in_path(&tree.repository.host));
    [last, component, name, &full, &in_path]
        .into_iter()
        .filter_map(|alias| {
            let rest = path.strip_prefix(alias)?;
            let tagged = tree
                .tag
                .as_ref()
                .and_then(|tag| rest.strip_prefix(':')?.strip_prefix(tag.as_str()));
            let rest = tagged.unwrap_or(rest);
            if rest.is_empty() {
                return Some((path.len(), rest));
            }
            Some((path.len() - rest.len(), rest.strip_prefix('/')?))
        })
        .max_by_key(|(named, _)| *named)
}

fn find<'t>(trees: &'t [Tree], path: &'t str) -> Found<'t> {
    let mut matches: Vec<(usize, &Tree, &str)> = trees
        .iter()
        .filter_map(|tree| inside(tree, path).map(|(named, rest)| (named, tree, rest)))
        .collect();
    let longest = matches.iter().map(|(named, ..)| *named).max();
    matches.retain(|(named, ..)| Some(*named) == longest);
    let content = |tree: &Tree, rest: &str| tree.files.get(rest).map(|file| file.digest);
    match matches.as_slice() {
        [] => Found::Nothing,
        [(_, tree, rest)] => Found::In(tree, rest),
        [(_, first, rest), others @ ..] => {
            // The same file in several versions of a tree is one file.
            let same = !rest.is_empty()
                && others
                    .iter()
                    .all(|(_, other, _)| content(other, rest) == content(first, rest));
            if same {
                Found::In(first, rest)
            } else {
                Found::Ambiguous(matches.iter().map(|(_, tree, _)| address(tree)).collect())
            }
        }
    }
}

#[derive(Serialize)]
struct ListedFile<'a> {
    path: &'a str,
    size: u64,
    digest: Digest,
}

pub(crate) fn wants_json(request: &Request<'_>) -> bool {
    request.query.get("format") == Some("json")
        || request
            .headers
            .get(header::ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .is_some_and(|accept| accept.contains("application/json"))
}

fn list_trees(trees: &[Tree], request: &Request<'_>) -> Result<Reply, ApiError> {
    let mut addresses: Vec<String> = trees.iter().map(address).collect();
    addresses.sort();
    if wants_json(request) {
        return json(reply::JSON, &serde_json::json!({"trees": addresses}));
    }
    let mut text = String::new();
    for address in addresses {
        let _ = writeln!(text, "{}/", encode(&address, "/:"));
    }
    Ok(reply::ok(reply::TEXT, text))
}

/// As text, a listing is what `sha256sum -c` reads.
pub(crate) fn list_files(tree: &Tree, request: &Request<'_>) -> Result<Reply, ApiError> {
    if wants_json(request) {
        let files: Vec<_> = tree
            .files
            .iter()
            .map(|(path, file)| ListedFile {
                path,
                size: file.size,
                digest: file.digest,
            })
            .collect();
        return json(reply::JSON, &serde_json::json!({"files": files}));
    }
    let mut text = String::new();
    for (path, file) in &tree.files {
        let _ = writeln!(text, "{}  {path}", file.digest.hex());
    }
    Ok(reply::ok(reply::TEXT, text))
}

impl<V: GenerationView + 'static> App<V> {
    pub(crate) async fn file(
        self: &Arc<Self>,
        catalog: &Arc<Catalog>,
        request: &Request<'_>,
        path: &str,
    ) -> Result<Reply, ApiError> {
        let extras = self.extras(catalog).await?;
        if path.is_empty() {
            return list_trees(&extras.trees, request);
        }
        let unknown = || {
            ApiError::new(
                Code::NameUnknown,
                format!("there is no such file (`/files/` lists the trees): {path}"),
            )
        };
        match find(&extras.trees, path) {
            Found::In(tree, "") => list_files(tree, request),
            Found::In(tree, rest) => {
                let file = tree.files.get(rest).ok_or_else(unknown)?;
                self.plain_file(request, file.digest).await?.ok_or_else(unknown)
            }
            Found::Ambiguous(candidates) => Err(ApiError::new(
                Code::NameUnknown,
                format!(
                    "several file trees could be meant, so name one: {}",
                    candidates.join(", ")
                ),
            )
            .detail(serde_json::json!({"candidates": candidates}))),
            Found::Nothing => Err(unknown()),
        }
    }

    /// A file whose address may lead to another one tomorrow.
    pub(crate) async fn plain_file(
        self: &Arc<Self>,
        request: &Request<'_>,
        digest: Digest,
    ) -> Result<Option<Reply>, ApiError> {
        let mut reply = self.content(request, digest, reply::OCTETS).await?;
        if let Some(reply) = &mut reply {
            reply
                .headers_mut()
                .insert(header::CACHE_CONTROL, reply::REVALIDATE);
        }
        Ok(reply)
    }

    /// File trees and charts of a generation, read at the first use.
    pub(crate) async fn extras<'c>(
        self: &Arc<Self>,
        catalog: &'c Arc<Catalog>,
    ) -> Result<&'c crate::extras::Extras, ApiError> {
        if catalog.known_extras().is_none() {
            let (view, catalog) = (Arc::clone(&self.view), Arc::clone(catalog));
            let key = self.config.repository_key.clone();
            blocking(move || catalog.extras(&*view, key.as_ref()).map(|_| ()))
                .await
                .map_err(|error| ApiError::internal(&error))?;
        }
        catalog
            .known_extras()
            .ok_or_else(|| ApiError::internal(&crate::manifests::ReadError::Task))
    }
}

#[cfg(test)]
mod tests {
    use airlock_types::Reference;

    use super::*;
    use crate::extras::TreeFile;

    fn tree(reference: &str, files: &[(&str, u8)]) -> Tree {
        let reference: Reference = reference.parse().unwrap();
        Tree {
            repository: reference.repository,
            tag: reference.tag,
            release: None,
            files: files
                .iter()
                .map(|(path, n)| {
                    let file = TreeFile {
                        digest: Digest::sha256([*n; 32]),
                        size: 1,
                    };
                    ((*path).to_owned(), file)
                })
                .collect(),
        }
    }

    #[test]
    fn paths_name_trees_and_files() {
        let trees = [
            tree("airlock.site/files/extras:1.0", &[("bin/kubectl", 1), ("a", 2)]),
            tree("airlock.site/files/extras:2.0", &[("bin/kubectl", 3), ("a", 2)]),
            tree("airlock.site:5000/files/conf:1.0", &[("x", 4)]),
            tree("airlock.site/files/base/tools:1.0", &[("y", 5)]),
        ];
        let show = |path: &str| match find(&trees, path) {
            Found::In(tree, rest) => match tree.files.get(rest) {
                Some(file) => file.digest.as_bytes()[0].to_string(),
                None => format!("{} [{rest}]", address(tree)),
            },
            Found::Ambiguous(several) => several.join(" "),
            Found::Nothing => "-".into(),
        };
        for (path, expected) in [
            ("conf/x", "4"),
            ("files/conf/x", "4"),
            ("files/conf:1.0/x", "4"),
            ("airlock.site_5000/files/conf/x", "4"),
            ("airlock.site:5000/files/conf:1.0/x", "4"),
            ("conf", "airlock.site_5000/files/conf:1.0 []"),
            ("conf/", "airlock.site_5000/files/conf:1.0 []"),
            ("conf/y", "airlock.site_5000/files/conf:1.0 [y]"),
            ("conf:2.0/x", "-"),
            ("config/x", "-"),
            ("tools/y", "5"),
            ("base/tools/y", "5"),
            ("files/base/tools/y", "5"),
            ("extras:1.0/bin/kubectl", "1"),
            ("extras:2.0/bin/kubectl", "3"),
            ("extras/a", "2"),
            (
                "extras/bin/kubectl",
                "airlock.site/files/extras:1.0 airlock.site/files/extras:2.0",
            ),
            ("../x", "-"),
        ] {
            assert_eq!(show(path), expected, "{path}");
        }
    }
}
