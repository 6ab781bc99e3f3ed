//! End-to-end and interoperability tests, in one binary so that they share one registry of images.
#![allow(clippy::unwrap_used, missing_docs)]

mod audit;
mod clients;
mod clock;
mod concurrency;
mod credentials;
mod cri;
mod demo;
mod disks;
mod flag;
mod forbidden;
mod full;
mod interrupted;
mod inventory;
mod kills;
mod layout;
mod lock_digests;
mod memory;
mod node_images;
mod offline;
mod packages;
mod peers;
mod preflight;
mod refusals;
mod reproducible;
mod sbom;
mod site_services;
mod systemd;
mod updates;
mod vanished;
mod world;

/// A file in this folder that is no module here would never run.
#[test]
fn every_file_is_a_module() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(module) = name.strip_suffix(".rs").filter(|module| *module != "main") else {
            continue;
        };
        let line = format!("mod {module};");
        assert!(
            include_str!("main.rs").lines().any(|text| text == line),
            "{line} is missing in main.rs"
        );
    }
}
