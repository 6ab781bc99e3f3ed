//! Runs of the fuzz targets.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};

use crate::cargo::{command, root, run};
use crate::steps::Report;

/// How long each target runs as a step of a test, in seconds.
const SHORT: u64 = 5;

/// What LLVM adds to the code, so that libFuzzer sees which branches an input takes and what it is compared with. These
/// flags need no nightly compiler, unlike the sanitizers, which would watch for what only `unsafe` code can do.
const COVERAGE: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg=fuzzing",
];

/// The step. libFuzzer is C++: without a compiler for it the step is listed as skipped. What was found before is
/// replayed by the tests anyway.
pub(crate) fn step(report: &mut Report, require: bool) -> Result<()> {
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    if Command::new(&compiler).arg("--version").output().is_err() {
        report.skip(&format!("step fuzz: no C++ compiler for libFuzzer: {compiler}"));
        if require {
            bail!("fuzzing is required: apt-get install g++");
        }
        return Ok(());
    }
    targets(SHORT, &[])
}

/// Runs the named targets, or every one, for so many seconds each, as many at a time as there are processors; each even
/// after another has failed.
pub(crate) fn targets(seconds: u64, only: &[String]) -> Result<()> {
    let mut names: Vec<String> = fs::read_dir(root().join("fuzz/fuzz_targets"))
        .context("cannot list the fuzz targets")?
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    if let Some(unknown) = only.iter().find(|name| !names.contains(name)) {
        bail!("no such target: {unknown}; there are {}", names.join(", "));
    }
    names.retain(|name| only.is_empty() || only.contains(name));
    let programs = build()?;
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match target(&programs.join(name), name, seconds) {
                        Ok(report) => println!("{name}: {report}"),
                        Err(error) => {
                            println!("{name}: {error:#}");
                            if let Ok(mut failed) = failed.lock() {
                                failed.push(name.as_str());
                            }
                        }
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_default();
    if !failed.is_empty() {
        bail!(
            "inputs that break a target are in fuzz/artifacts: {}",
            failed.join(", ")
        );
    }
    Ok(())
}

/// Builds every target; says in which folder they are.
fn build() -> Result<PathBuf> {
    let version = command("rustc")
        .arg("-vV")
        .output()
        .context("cannot start rustc")?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("rustc does not say which host this is")?;
    let mut build = command("cargo");
    // With a target named, build scripts and macros stay as they are.
    build
        .args(["build", "--release", "--locked", "--bins", "--target", host])
        .current_dir(root().join("fuzz"))
        .env("CARGO_TARGET_DIR", root().join("fuzz/target"))
        .env("CARGO_ENCODED_RUSTFLAGS", COVERAGE.join("\u{1f}"));
    run(&mut build)?;
    Ok(root().join("fuzz/target").join(host).join("release"))
}

/// Runs one target; returns what it did, or how it failed with the end of what it said.
fn target(program: &Path, name: &str, seconds: u64) -> Result<String> {
    // New inputs go to the first folder, so that the seeds stay as few as they are.
    let fuzz = root().join("fuzz");
    let found = fuzz.join("target/found").join(name);
    let artifacts = fuzz.join("artifacts").join(name);
    for folder in [&found, &artifacts] {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let mut command = command(&program.to_string_lossy());
    command
        .current_dir(&fuzz)
        .arg(&found)
        .arg(fuzz.join("corpus").join(name))
        .args([
            &format!("-artifact_prefix={}/", artifacts.display()),
            &format!("-max_total_time={seconds}"),
            "-rss_limit_mb=1024",
            "-timeout=10",
            "-verbosity=0",
            "-print_final_stats=1",
        ]);
    let output = command
        .output()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        let lines: Vec<&str> = said.lines().collect();
        bail!(
            "{}\n{}",
            output.status,
            lines[lines.len().saturating_sub(40)..].join("\n")
        );
    }
    let count = |statistic: &str| {
        said.lines()
            .find_map(|line| line.strip_prefix(&format!("stat::{statistic}:")))
            .map_or("?", str::trim)
            .to_owned()
    };
    Ok(format!(
        "clean after {} inputs in {seconds} s, {} MB",
        count("number_of_executed_units"),
        count("peak_rss_mb")
    ))
}
