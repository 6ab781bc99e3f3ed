//! Whatever is imported, rolled back and collected: what can be reached is there.
#![allow(clippy::unwrap_used)]

mod common;

use airlock_content::{
    Addition, BlobRead, BlobStore, GenerationView, PublishStore, RootEntry, closure, digest_of,
};
use airlock_store::Store;
use airlock_types::Digest;
use common::{TIME, image, index, publish, root};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    /// Publishes images of these layers, each with or without an index around it and a signature to it.
    Import(Vec<(Vec<u8>, bool, bool)>),
    /// Adds blobs and does not publish them.
    Abandon(u8),
    /// Adds blobs and undoes that.
    Undo(u8),
    Rollback(u8),
    Collect(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let image = (
        proptest::collection::vec(0_u8..6, 0..3),
        any::<bool>(),
        any::<bool>(),
    );
    prop_oneof![
        4 => proptest::collection::vec(image, 0..4).prop_map(Step::Import),
        1 => any::<u8>().prop_map(Step::Abandon),
        1 => any::<u8>().prop_map(Step::Undo),
        2 => any::<u8>().prop_map(Step::Rollback),
        3 => (0_usize..4).prop_map(Step::Collect),
    ]
}

fn import(store: &Store, images: &[(Vec<u8>, bool, bool)]) -> Vec<RootEntry> {
    let mut roots = Vec::new();
    for (at, (layers, with_index, signed)) in images.iter().enumerate() {
        let layers: Vec<String> = layers.iter().map(|layer| format!("layer {layer}")).collect();
        let layers: Vec<&str> = layers.iter().map(String::as_str).collect();
        let mut descriptor = image(store, &layers, None);
        if *with_index {
            descriptor = index(store, &[descriptor]);
        }
        if *signed {
            let signature = image(store, &["signature"], Some(&descriptor));
            roots.push(RootEntry {
                subject: Some(descriptor.digest),
                ..root(&format!("image-{at}:sig"), &signature)
            });
        }
        roots.push(root(&format!("image-{at}:1"), &descriptor));
    }
    roots
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_generation_held_reaches_is_there(steps in proptest::collection::vec(step(), 1..14)) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(folder.path()).unwrap();
        let mut expected: Vec<Digest> = Vec::new();
        for step in steps {
            match step {
                Step::Import(images) => {
                    let roots = import(&store, &images);
                    expected.push(publish(&store, roots).unwrap().id);
                }
                Step::Abandon(byte) => {
                    image(&store, &[&format!("layer {byte}")], None);
                    store.sync().unwrap();
                }
                Step::Undo(byte) => {
                    let addition = store.begin().unwrap();
                    image(&addition, &[&format!("layer {byte}")], None);
                    addition.undo().unwrap();
                }
                Step::Rollback(number) => {
                    let moves = store.generations().unwrap();
                    if let Some(to) = moves.get(usize::from(number) % moves.len().max(1)) {
                        prop_assert_eq!(store.rollback(to.number, TIME).is_ok(), to.held);
                        if to.held && expected.last() != Some(&to.id) {
                            expected.push(to.id);
                        }
                    }
                }
                Step::Collect(keep) => {
                    let report = store.gc(keep, false).unwrap();
                    prop_assert!(report.kept.len() <= keep.max(1));
                    prop_assert_eq!(report.missing, 0);
                    prop_assert_eq!(store.gc(keep, true).unwrap().blobs, 0);
                }
            }
            let moves = store.generations().unwrap();
            prop_assert_eq!(moves.iter().map(|made| made.id).collect::<Vec<_>>(), expected.clone());
            if let Some(last) = moves.last() {
                prop_assert_eq!(store.generation().unwrap().id, last.id);
            }
            for made in moves.iter().filter(|made| made.held) {
                let generation = store.generation_by_id(&made.id).unwrap().unwrap();
                for root in &generation.roots {
                    let reached = closure(&store, &root.descriptor).unwrap();
                    prop_assert!(reached.missing.is_empty());
                    for digest in reached.digests() {
                        let body = BlobRead::open(&store, digest).unwrap().unwrap();
                        prop_assert_eq!(digest_of(&body.into_bytes(1 << 20).unwrap()), *digest);
                    }
                }
            }
        }
    }
}
