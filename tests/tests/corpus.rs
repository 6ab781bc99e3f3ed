//! What fuzzing found, and what it starts from, is replayed without a fuzzer.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use airlock_fuzz::TARGETS;

/// All inputs of a target.
fn inputs(target: &str) -> Vec<PathBuf> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let mut found: Vec<PathBuf> = ["corpus", "regressions"]
        .iter()
        .filter_map(|kind| fs::read_dir(fuzz.join(kind).join(target)).ok())
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort();
    found
}

#[test]
fn every_input_is_survived_quickly() {
    for (name, target) in TARGETS {
        let inputs = inputs(name);
        assert!(!inputs.is_empty(), "{name} has no seeds");
        for path in inputs {
            let start = Instant::now();
            target(&fs::read(&path).unwrap());
            let took = start.elapsed();
            assert!(took < Duration::from_secs(5), "{} took {took:?}", path.display());
        }
    }
}

/// What a broken transfer leaves of each.
#[test]
fn every_cut_of_a_seed_is_survived() {
    for (name, target) in TARGETS {
        for path in inputs(name) {
            let bytes = fs::read(&path).unwrap();
            for end in (0..bytes.len()).step_by((bytes.len() / 16).max(1)) {
                target(&bytes[..end]);
            }
        }
    }
}

/// A folder for a target that is not there any more would never be replayed.
#[test]
fn every_folder_belongs_to_a_target() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    for kind in ["corpus", "regressions"] {
        for entry in fs::read_dir(fuzz.join(kind)).into_iter().flatten() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(TARGETS.iter().any(|(target, _)| *target == name), "{kind}/{name}");
        }
    }
    for (name, _) in TARGETS {
        assert!(
            fuzz.join("fuzz_targets").join(format!("{name}.rs")).is_file(),
            "{name}"
        );
    }
}
