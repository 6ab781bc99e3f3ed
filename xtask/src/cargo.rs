//! Cargo and the workspace, as child processes see them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};

use anyhow::{Context, Result, bail};

use crate::deadline;

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// A command in the root of the repository, without what `cargo run` and a developer's shell add: such
/// variables make build scripts run again and tests behave differently from one shell to the next.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let of_cargo_run = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_PRIMARY_"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
            || ["CARGO_CRATE_NAME", "OUT_DIR", "LD_LIBRARY_PATH"].contains(&text.as_ref());
        // How thorough the tests are is for whoever runs them to say.
        let of_airlock = text.starts_with("AIRLOCK_") && !text.starts_with("AIRLOCK_TEST_");
        if of_cargo_run || of_airlock || text.starts_with("INSTA_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Cargo in the root of the repository.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = command("cargo");
    command.args(arguments);
    command
}

/// Runs to the end with its output shown; fails when the command does, or when it seems to hang.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let mut child = start(command)?;
    let status = deadline::wait(&mut child, |_| Ok(()))?;
    succeeded(command, status)
}

/// The same for what may take hours.
pub(crate) fn run_however_long(command: &mut Command) -> Result<()> {
    let status = start(command)?.wait()?;
    succeeded(command, status)
}

fn start(command: &mut Command) -> Result<Child> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.spawn().with_context(|| format!("cannot start {program}"))
}

fn succeeded(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("{} failed: {status}", command.get_program().to_string_lossy());
    }
    Ok(())
}

/// Whether `cargo NAME` exists.
pub(crate) fn has_subcommand(name: &str) -> bool {
    cargo(&[name, "--version"])
        .output()
        .is_ok_and(|output| output.status.success())
}

/// Builds the command under test.
pub(crate) fn build_airlock() -> Result<()> {
    run(&mut cargo(&["build", "--workspace", "--bins"]))
}

/// Where [`build_airlock`] puts it.
pub(crate) fn airlock() -> Result<PathBuf> {
    Ok(target()?.join("debug/airlock"))
}

/// The folder that cargo builds in.
pub(crate) fn target() -> Result<PathBuf> {
    let output = cargo(&["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .context("cannot start cargo")?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("cargo metadata failed")?;
    let target = metadata["target_directory"]
        .as_str()
        .context("cargo metadata names no target directory")?;
    Ok(PathBuf::from(target))
}

/// Whether a missing peer is a failure.
pub(crate) fn peers_are_required() -> bool {
    std::env::var_os("AIRLOCK_REQUIRE_PEERS").is_some_and(|value| value == "1")
}

/// Says that something is left out since a peer is missing, which is a failure where peers are required.
pub(crate) fn skipped(what: &str, missing: &str) -> Result<()> {
    println!("SKIPPED {what}: {missing}");
    if peers_are_required() {
        bail!("a peer is missing: {missing}");
    }
    Ok(())
}
