//! Which roots the generation after an import has.

use std::collections::BTreeMap;

use airlock_bundle::root_entries;
use airlock_content::{Cause, Move, RootEntry};
use airlock_spec::index::BundleIndex;
use airlock_types::{Digest, Reference, annotation};

/// The roots of a bundle, saying where they come from.
pub(crate) fn of_bundle(index: &BundleIndex) -> Vec<RootEntry> {
    let mut roots = root_entries(&index.roots);
    for root in &mut roots {
        let annotations = &mut root.descriptor.annotations;
        annotations.insert(annotation::BUNDLE.to_owned(), index.name.to_string());
        annotations.insert(annotation::BUNDLE_VERSION.to_owned(), index.version.to_string());
    }
    roots
}

/// The versions of a bundle in the order of their imports, the latest first, each once.
pub(crate) fn versions(history: &[Move], index: &BundleIndex) -> Vec<String> {
    let mut versions: Vec<String> = Vec::new();
    for made in history.iter().rev() {
        if let Cause::Import { name, version, .. } = &made.cause
            && name == index.name.as_str()
            && !versions.contains(version)
        {
            versions.push(version.clone());
        }
    }
    versions
}

/// The roots after the import: see [`crate::ImportOptions::keep_versions`].
pub(crate) fn after(
    current: &[RootEntry],
    index: &BundleIndex,
    versions: &[String],
    keep_versions: usize,
) -> Vec<RootEntry> {
    let mut roots = of_bundle(index);
    let names: BTreeMap<Reference, Digest> = roots
        .iter()
        .map(|root| (name_of(root), root.descriptor.digest))
        .collect();
    let bundle = |root: &RootEntry| root.descriptor.annotations.get(annotation::BUNDLE).cloned();
    let version = |root: &RootEntry| {
        root.descriptor
            .annotations
            .get(annotation::BUNDLE_VERSION)
            .cloned()
    };
    let ours = |root: &RootEntry| bundle(root).as_deref() == Some(index.name.as_str());
    let kept: Vec<&String> = versions
        .iter()
        .filter(|candidate| {
            candidate.as_str() != index.version.as_str()
                && current
                    .iter()
                    .any(|root| ours(root) && version(root).as_ref() == Some(candidate))
        })
        .take(keep_versions.max(1) - 1)
        .collect();
    for root in current {
        if ours(root) && !version(root).is_some_and(|version| kept.contains(&&version)) {
            continue;
        }
        let mut root = root.clone();
        match names.get(&name_of(&root)) {
            Some(digest) if *digest != root.descriptor.digest => {
                root.reference.tag = None;
                root.reference.digest = Some(root.descriptor.digest);
            }
            // Another bundle may go one day, so each keeps its own entry.
            Some(_) if ours(&root) => continue,
            _ => {}
        }
        roots.push(root);
    }
    let order = |root: &RootEntry| {
        (
            root.reference.clone(),
            root.descriptor.digest,
            root.subject,
            root.descriptor.annotations.clone(),
        )
    };
    roots.sort_by_cached_key(order);
    roots.dedup();
    roots
}

/// What a client asks for: with a tag, the tag decides.
fn name_of(root: &RootEntry) -> Reference {
    let mut name = root.reference.clone().with_default_tag();
    if name.tag.is_some() {
        name.digest = None;
    }
    name
}

#[cfg(test)]
mod tests {
    use airlock_spec::index::{FORMAT, Root};
    use airlock_spec::lock::Kind;
    use airlock_types::media_type;

    use super::*;

    fn index(name: &str, version: &str, roots: &[(&str, u8)]) -> BundleIndex {
        BundleIndex {
            format: FORMAT,
            name: name.parse().unwrap(),
            version: version.parse().unwrap(),
            channel: "stable".parse().unwrap(),
            sequence: 0,
            previous: None,
            lock: Digest::sha256([0; 32]),
            files: vec![],
            roots: roots
                .iter()
                .map(|(reference, byte)| Root {
                    reference: reference.parse().unwrap(),
                    kind: Kind::Image,
                    digest: Digest::sha256([*byte; 32]),
                    media_type: media_type::OCI_MANIFEST.to_owned(),
                    size: 1,
                    subject: None,
                })
                .collect(),
        }
    }

    fn shown(roots: &[RootEntry]) -> Vec<(String, u8, String)> {
        roots
            .iter()
            .map(|root| {
                let annotations = &root.descriptor.annotations;
                let from = format!(
                    "{} {}",
                    annotations[annotation::BUNDLE],
                    annotations[annotation::BUNDLE_VERSION]
                );
                let mut name = root.reference.to_string().replace("docker.io/library/", "");
                name.truncate(8);
                (name, root.descriptor.digest.as_bytes()[0], from)
            })
            .collect()
    }

    fn versions(all: &[&str]) -> Vec<String> {
        all.iter().map(ToString::to_string).collect()
    }

    fn expect(roots: &[RootEntry], expected: &[(&str, u8, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, byte, from)| ((*name).to_owned(), *byte, (*from).to_owned()))
            .collect();
        assert_eq!(shown(roots), expected);
    }

    #[test]
    fn the_version_before_stays_and_older_ones_go() {
        let one = after(&[], &index("a", "1", &[("x:1", 1), ("y:1", 9)]), &[], 2);
        let two = after(
            &one,
            &index("a", "2", &[("x:2", 2), ("y:1", 9)]),
            &versions(&["1"]),
            2,
        );
        expect(&two, &[("x:1", 1, "a 1"), ("x:2", 2, "a 2"), ("y:1", 9, "a 2")]);
        let three = after(&two, &index("a", "3", &[("x:3", 3)]), &versions(&["2", "1"]), 2);
        expect(&three, &[("x:2", 2, "a 2"), ("x:3", 3, "a 3"), ("y:1", 9, "a 2")]);
        let alone = after(&two, &index("a", "3", &[("x:3", 3)]), &versions(&["2", "1"]), 1);
        expect(&alone, &[("x:3", 3, "a 3")]);
        let all = after(&two, &index("a", "3", &[("x:3", 3)]), &versions(&["2", "1"]), 3);
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn a_name_means_the_new_manifest_and_the_old_one_keeps_its_digest() {
        let one = after(&[], &index("a", "1", &[("x:1", 1)]), &[], 2);
        let two = after(&one, &index("a", "2", &[("x:1", 2)]), &versions(&["1"]), 2);
        expect(&two, &[("x@sha256", 1, "a 1"), ("x:1", 2, "a 2")]);
    }

    #[test]
    fn bundles_do_not_take_from_each_other() {
        let one = after(&[], &index("a", "1", &[("x:1", 1), ("y:1", 5)]), &[], 2);
        let two = after(&one, &index("b", "1", &[("x:1", 1), ("y:1", 6)]), &[], 2);
        expect(
            &two,
            &[
                ("x:1", 1, "a 1"),
                ("x:1", 1, "b 1"),
                ("y@sha256", 5, "a 1"),
                ("y:1", 6, "b 1"),
            ],
        );
    }

    #[test]
    fn the_same_again_changes_nothing_and_a_changed_version_replaces_itself() {
        let other = after(&[], &index("b", "1", &[("x:1", 1)]), &[], 2);
        let bundle = index("a", "1", &[("x:1", 1), ("y:1", 2)]);
        let once = after(&other, &bundle, &[], 2);
        assert_eq!(after(&once, &bundle, &versions(&["1"]), 2), once);
        let changed = after(&once, &index("a", "1", &[("y:1", 3)]), &versions(&["1"]), 2);
        expect(&changed, &[("x:1", 1, "b 1"), ("y:1", 3, "a 1")]);
    }
}
