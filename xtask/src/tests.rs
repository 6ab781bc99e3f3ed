//! Runs `cargo test` and gathers what it says for the summary.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::cargo::{airlock, cargo};
use crate::steps::Report;

/// Tests the whole workspace with the binary that was built before.
pub(crate) fn run(report: &mut Report, require: bool) -> Result<()> {
    let binary = airlock()?;
    let log = binary.with_file_name("airlock-skipped.log");
    let _ = fs::remove_file(&log);
    let mut command = cargo(&["test", "--workspace", "--no-fail-fast"]);
    command
        .env("AIRLOCK_BIN", &binary)
        .env("AIRLOCK_SKIPPED_LOG", &log)
        // A changed snapshot is a failure, not a file to review later.
        .env("INSTA_UPDATE", "no")
        .stdout(Stdio::piped());
    if require {
        command.env("AIRLOCK_REQUIRE_PEERS", "1");
    }
    let mut child = command.spawn().context("cannot start cargo")?;
    let output = child
        .stdout
        .take()
        .context("the output of cargo test is not piped")?;
    let mut stdout = std::io::stdout();
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        stdout.write_all(&line)?;
        stdout.write_all(b"\n")?;
        if line.starts_with(b"test result: ") || line.ends_with(b" ... FAILED") {
            report.results.push(String::from_utf8_lossy(&line).into_owned());
        }
    }
    let status = child.wait()?;
    if let Ok(text) = fs::read_to_string(&log) {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        lines.dedup();
        report.skipped.extend(lines.into_iter().map(str::to_owned));
    }
    if !status.success() {
        bail!("cargo test failed: {status}");
    }
    Ok(())
}
