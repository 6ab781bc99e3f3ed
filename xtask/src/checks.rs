//! The checks that read the source and run nothing of it.

use anyhow::{Result, bail};

use crate::cargo::{cargo, command, has_subcommand, run};
use crate::steps::Report;

/// Whether `cargo NAME` can be run, after asking rustup for it where that is wanted.
fn component(name: &str, component: &str, report: &mut Report, install: bool) -> bool {
    if has_subcommand(name) {
        return true;
    }
    if install {
        // The outcome shows in the second look.
        let _ = command("rustup").args(["component", "add", component]).status();
        if has_subcommand(name) {
            return true;
        }
    }
    report.skip(&format!(
        "step {name}: {component} is not installed (rustup component add {component})"
    ));
    false
}

pub(crate) fn fmt(report: &mut Report, install: bool) -> Result<()> {
    if !component("fmt", "rustfmt", report, install) {
        return Ok(());
    }
    run(&mut cargo(&["fmt", "--all", "--check"]))
}

pub(crate) fn clippy(report: &mut Report, install: bool) -> Result<()> {
    if !component("clippy", "clippy", report, install) {
        return Ok(());
    }
    run(&mut cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ]))
}

pub(crate) fn doc() -> Result<()> {
    run(cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
}

/// Licences, bans and sources need no network; the advisory database does, and where it cannot be
/// reached that part is reported as skipped, never as passed.
pub(crate) fn deny(report: &mut Report, install: bool) -> Result<()> {
    if !has_subcommand("deny") && install {
        // It runs for a second: compiling it with optimisation takes longer than that can save.
        let _ = cargo(&["install", "cargo-deny", "--locked", "--debug"]).status();
    }
    if !has_subcommand("deny") {
        report.skip("step deny: cargo-deny is not installed (cargo install cargo-deny --locked)");
        return Ok(());
    }
    run(&mut cargo(&[
        "deny",
        "--log-level",
        "error",
        "check",
        "licenses",
        "bans",
        "sources",
    ]))?;

    let output = cargo(&["deny", "check", "advisories"]).output()?;
    let messages = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Ok(());
    }
    if messages.contains("failed to fetch advisory database") {
        report.skip("step deny, advisories: the advisory database cannot be fetched from here");
        return Ok(());
    }
    eprint!("{messages}");
    bail!("cargo deny check advisories failed: {}", output.status)
}
