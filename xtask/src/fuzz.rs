//! Short runs of the fuzz targets.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::cargo::{command, has_subcommand, root, run};
use crate::steps::Report;

/// How long each target runs as a step of a test, in seconds.
const SHORT: u64 = 10;

/// The step: without cargo-fuzz it is listed as skipped. What was found before is replayed by the tests anyway.
pub(crate) fn step(report: &mut Report) -> Result<()> {
    if !has_subcommand("fuzz") {
        report.skip("step fuzz: cargo-fuzz is not installed (cargo install cargo-fuzz --locked)");
        return Ok(());
    }
    targets(SHORT)
}

/// Runs every target for so many seconds, each even after another has failed.
pub(crate) fn targets(seconds: u64) -> Result<()> {
    let mut names: Vec<String> = fs::read_dir(root().join("fuzz/fuzz_targets"))
        .context("cannot list the fuzz targets")?
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    run(&mut fuzz("build"))?;
    let mut failed = Vec::new();
    for name in names {
        println!("--- {name}");
        // New inputs go to the first folder, so that the seeds stay as few as they are.
        let found = format!("target/found/{name}");
        fs::create_dir_all(root().join("fuzz").join(&found))
            .with_context(|| format!("cannot create {found}"))?;
        let mut command = fuzz("run");
        command
            .args([&name, &found, &format!("corpus/{name}"), "--"])
            .args([
                &format!("-max_total_time={seconds}"),
                "-rss_limit_mb=1024",
                "-timeout=10",
                "-verbosity=0",
                "-print_final_stats=0",
            ]);
        if run(&mut command).is_err() {
            failed.push(name);
        }
    }
    if !failed.is_empty() {
        bail!(
            "inputs that break a target are in fuzz/artifacts: {}",
            failed.join(", ")
        );
    }
    Ok(())
}

/// `cargo fuzz VERB` with the compiler that is there: instrumentation is not stable, and no nightly is asked for.
fn fuzz(verb: &str) -> std::process::Command {
    let mut command = command("cargo");
    command.args(["fuzz", verb, "--sanitizer", "none"]);
    command
        .current_dir(root().join("fuzz"))
        .env("RUSTC_BOOTSTRAP", "1");
    command
}
