//! References that are written in several keys: registry, repository, tag and digest.

use std::collections::BTreeSet;

use super::text::{Strength, read};
use super::words::{Key, Role, holds_no_images};

/// A key that plays a part, with its text.
pub(super) struct Part<'a> {
    /// Its place among its neighbours.
    pub(super) at: usize,
    pub(super) key: Key,
    pub(super) text: &'a str,
}

/// What several keys make.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Composed {
    /// A reference.
    Whole {
        written: String,
        /// The key that stands for all, and all of them.
        at: usize,
        parts: Vec<usize>,
        /// They are plainly one image, and not just keys whose names begin alike.
        plain: bool,
    },
    /// A repository without a tag.
    Open {
        repository: String,
        at: usize,
        parts: Vec<usize>,
    },
}

/// What surrounds the keys.
#[derive(Clone, Copy, Default)]
pub(super) struct Around {
    /// They lie below a key that names an image.
    pub(super) below_image: bool,
    /// There is a chart among them, so that a repository is one of charts.
    pub(super) chart: bool,
}

/// The references that keys make together; an image that stands alone is not told here.
pub(super) fn compose(parts: &[Part<'_>], around: Around) -> Vec<Composed> {
    let mut order: Vec<&Part<'_>> = parts.iter().filter(|part| !part.text.is_empty()).collect();
    if order.len() < 2 && !around.below_image {
        return Vec::new();
    }
    let open: BTreeSet<&str> = parts
        .iter()
        .filter(|part| part.key.role == Role::Repository && part.text.is_empty())
        .map(|part| part.key.prefix.as_str())
        .collect();
    order.sort_by(|a, b| (&a.key.prefix, a.at).cmp(&(&b.key.prefix, b.at)));
    order
        .chunk_by(|a, b| a.key.prefix == b.key.prefix)
        .filter_map(|group| {
            let prefix = group.first()?.key.prefix.as_str();
            one(group, around, open.contains(prefix))
        })
        .collect()
}

/// The group of one prefix; `open` if its repository is written as empty.
fn one(group: &[&Part<'_>], around: Around, open: bool) -> Option<Composed> {
    let prefix = group.first()?.key.prefix.as_str();
    // Databases are artifacts, with tags that their programs know.
    if holds_no_images(prefix) || prefix.ends_with("db") {
        return None;
    }
    let find = |role: Role| group.iter().find(|part| part.key.role == role).copied();
    let registry = find(Role::Registry).filter(|part| !part.text.contains("://"));
    let image = find(Role::Image);
    let repository = find(Role::Repository).filter(|_| !(around.chart && prefix.is_empty()));
    let tag = find(Role::Tag);
    let version = find(Role::Version);
    let digest = find(Role::Digest).and_then(|part| Some((part, sha256(part.text)?)));
    let mut parts = Vec::new();
    let (base, main) = match (repository, image) {
        (Some(repository), Some(image))
            if !image.text.contains(['/', ':', '@']) && (tag.is_some() || version.is_some()) =>
        {
            parts.push(repository.at);
            (
                format!("{}/{}", repository.text.trim_end_matches('/'), image.text),
                image,
            )
        }
        (Some(repository), _) => (repository.text.to_owned(), repository),
        (None, Some(image)) if tag.is_some() || digest.is_some() || registry.is_some() => {
            (image.text.to_owned(), image)
        }
        (None, None) => {
            let name = find(Role::Name).filter(|_| !open).filter(|_| {
                (around.below_image && (tag.is_some() || version.is_some()))
                    || (registry.is_some() && tag.is_some())
            })?;
            (name.text.to_owned(), name)
        }
        _ => return None,
    };
    parts.push(main.at);
    if base.contains("://") {
        return None;
    }
    let alone = read(&base)?;
    if alone.reference.digest.is_some() || matches!(alone.strength, Strength::Tagged | Strength::Full) {
        return None;
    }
    let mut written = base;
    if let Some(registry) = registry
        && alone.strength < Strength::Hosted
    {
        written = format!("{}/{written}", registry.text.trim_end_matches('/'));
        parts.push(registry.at);
    }
    let hosted = alone.strength == Strength::Hosted || registry.is_some();
    let by_version = parts.len() > 1 || around.below_image || main.key.role == Role::Name;
    let tag = tag.or(version.filter(|_| by_version && digest.is_none()));
    if let Some(tag) = tag {
        parts.push(tag.at);
        let text = tag.text.trim_start_matches([':', '@']);
        let sign = if text.starts_with("sha256:") { '@' } else { ':' };
        written = format!("{written}{sign}{text}");
    }
    if let Some((part, digest)) = &digest
        && !written.contains('@')
    {
        parts.push(part.at);
        written = format!("{written}@{digest}");
    }
    if tag.is_none() && digest.is_none() {
        return (matches!(main.key.role, Role::Repository | Role::Image) && (hosted || around.below_image))
            .then_some(Composed::Open {
                repository: written,
                at: main.at,
                parts,
            });
    }
    read(&written)?;
    let plain = prefix.is_empty()
        && (around.below_image || hosted || digest.is_some() || main.key.role == Role::Image);
    Some(Composed::Whole {
        written,
        at: main.at,
        parts,
        plain,
    })
}

/// A digest with its algorithm, which some leave out.
fn sha256(text: &str) -> Option<String> {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    (hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| format!("sha256:{hex}"))
}

#[cfg(test)]
mod tests {
    use super::super::words;
    use super::*;

    fn composed(keys: &[(&str, &str)], around: Around) -> Vec<String> {
        let parts: Vec<Part<'_>> = keys
            .iter()
            .enumerate()
            .filter_map(|(at, (name, text))| {
                Some(Part {
                    at,
                    key: words::key(name.as_bytes())?,
                    text,
                })
            })
            .collect();
        compose(&parts, around)
            .into_iter()
            .map(|one| match one {
                Composed::Whole {
                    written, plain: true, ..
                } => written,
                Composed::Whole { written, .. } => format!("({written})"),
                Composed::Open { repository, .. } => format!("{repository}?"),
            })
            .collect()
    }

    #[test]
    fn keys_make_references() {
        let here = |keys| composed(keys, Around::default());
        let below = |keys| {
            let around = Around {
                below_image: true,
                chart: false,
            };
            composed(keys, around)
        };
        assert_eq!(
            here(&[("registry", "quay.io"), ("repository", "a/b"), ("tag", "1")]),
            ["quay.io/a/b:1"]
        );
        assert_eq!(here(&[("repository", "a/b"), ("tag", "1")]), ["(a/b:1)"]);
        assert_eq!(below(&[("repository", "a/b"), ("tag", "1")]), ["a/b:1"]);
        assert_eq!(
            below(&[("name", "cr.example/b"), ("version", "1")]),
            ["cr.example/b:1"]
        );
        assert_eq!(here(&[("image", "a/b"), ("tag", "1")]), ["a/b:1"]);
        assert_eq!(
            here(&[("hub", "a.io/b"), ("image", "c"), ("tag", "1")]),
            ["a.io/b/c:1"]
        );
        assert_eq!(
            here(&[
                ("repository", "nvcr.io/nvidia"),
                ("image", "driver"),
                ("version", "550")
            ]),
            ["nvcr.io/nvidia/driver:550"]
        );
        assert_eq!(
            here(&[("trivy.repository", "ghcr.io/a/trivy"), ("trivy.tag", "1")]),
            ["(ghcr.io/a/trivy:1)"]
        );
        assert_eq!(below(&[("repository", "a/b"), ("tag", "")]), ["a/b?"]);
        let sha = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(
            here(&[("repository", "a/b"), ("sha", sha)]),
            [format!("a/b@sha256:{sha}")]
        );
    }

    #[test]
    fn other_keys_make_none() {
        for keys in [
            &[("repository", "https://charts.example/x"), ("version", "1")][..],
            &[("git_repository", "a/b"), ("git_tag", "1")],
            &[("repository", "github.com/a/b"), ("tag", "1")],
            &[("name", "web"), ("version", "1")],
            &[("image", "a/b:2"), ("version", "1")],
            &[("repository", "a/b"), ("version", "1")],
        ] {
            assert!(composed(keys, Around::default()).is_empty(), "{keys:?}");
        }
        let chart = Around {
            chart: true,
            below_image: false,
        };
        assert!(composed(&[("repository", "registry.example/charts"), ("tag", "1")], chart).is_empty());
    }
}
