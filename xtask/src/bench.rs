//! Airlock against its peers.

use std::path::Path;

use anyhow::Result;

use crate::{cargo, peers};

/// Programs that only the benchmark needs, with their Debian packages.
const PEERS: [(&str, &str); 4] = [
    ("nginx", "nginx-light"),
    ("wrk", "wrk"),
    ("skopeo", "skopeo"),
    ("docker-registry", "docker-registry"),
];

/// Builds what is measured and what measures, both optimised, and runs it. Missing peers are installed
/// where that is possible; rows without their peer say so.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    peers::install_some(&PEERS)?;
    for package in ["airlock", "airlock-benches"] {
        cargo::run(&mut cargo::cargo(&["build", "--release", "--package", package]))?;
    }
    let folder = cargo::target()?.join("release");
    let mut command = cargo::command(&folder.join("airlock-benches").to_string_lossy());
    command
        .args(arguments)
        .env("AIRLOCK_BIN", Path::new(&folder).join("airlock"));
    cargo::run_however_long(&mut command)
}
