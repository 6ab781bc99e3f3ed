//! Runs `cargo test` and gathers what it says for the summary.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::cargo::{airlock, build_airlock, cargo};
use crate::deadline;
use crate::peers;
use crate::steps::Report;

/// Tests the whole workspace, the end-to-end tests with the binary of the same source.
pub(crate) fn run(report: &mut Report, require: bool) -> Result<()> {
    // Fresh already in a full run; with `--only test` a stale binary would be tested otherwise.
    build_airlock()?;
    let binary = airlock()?;
    let log = binary.with_file_name("airlock-skipped.log");
    let _ = fs::remove_file(&log);
    // The output of passing tests is asked for because that is where they say what they skipped.
    let mut command = cargo(&["test", "--workspace", "--no-fail-fast", "--", "--show-output"]);
    command
        .env("AIRLOCK_BIN", &binary)
        .env("AIRLOCK_SKIPPED_LOG", &log)
        // A changed snapshot is a failure, not a file to review later.
        .env("INSTA_UPDATE", "no")
        .stdout(Stdio::piped());
    if let Some(python) = peers::helm_python()? {
        command.env("AIRLOCK_HELM_PYTHON", python);
    }
    if require {
        command.env("AIRLOCK_REQUIRE_PEERS", "1");
    }
    let mut child = command.spawn().context("cannot start cargo")?;
    let mut reader = Reader::default();
    let status = deadline::wait(&mut child, |child| {
        let output = child
            .stdout
            .take()
            .context("the output of cargo test is not piped")?;
        let mut stdout = std::io::stdout();
        for line in BufReader::new(output).split(b'\n') {
            let line = line?;
            if reader.shows(&String::from_utf8_lossy(&line)) {
                stdout.write_all(&line)?;
                stdout.write_all(b"\n")?;
            }
        }
        Ok(())
    });
    if let Ok(text) = fs::read_to_string(&log) {
        reader.skipped.extend(text.lines().map(str::to_owned));
    }
    reader.skipped.sort_unstable();
    reader.skipped.dedup();
    let skipped = reader.skipped.len();
    report.skipped.append(&mut reader.skipped);
    report.results.append(&mut reader.results);
    let status = status?;
    if !status.success() {
        bail!("cargo test failed: {status}");
    }
    if require && skipped > 0 {
        bail!("tests were skipped although AIRLOCK_REQUIRE_PEERS=1 wants every peer: {skipped}");
    }
    Ok(())
}

/// Reads the lines of `cargo test -- --show-output`.
#[derive(Default)]
struct Reader {
    /// Inside the output of tests that passed.
    hidden: bool,
    /// The test whose output is read.
    test: String,
    skipped: Vec<String>,
    results: Vec<String>,
}

impl Reader {
    /// Takes note of a line; false when it is only the output of a test that passed.
    fn shows(&mut self, line: &str) -> bool {
        if line == "successes:" {
            self.hidden = true;
        } else if line == "failures:" || line.starts_with("test result: ") {
            self.hidden = false;
        }
        if line.starts_with("test result: ") || (line.starts_with("test ") && line.ends_with(" ... FAILED")) {
            self.results.push(line.to_owned());
        }
        if !self.hidden {
            return true;
        }
        if let Some(name) = line
            .strip_prefix("---- ")
            .and_then(|rest| rest.strip_suffix(" stdout ----"))
        {
            name.clone_into(&mut self.test);
        } else if let Some(what) = line.strip_prefix("SKIPPED ") {
            self.skipped.push(format!("SKIPPED {}: {what}", self.test));
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::Reader;

    #[test]
    fn finds_skips_in_the_output_of_passing_tests() {
        let text = "running 2 tests\ntest a ... ok\ntest b ... FAILED\n\nsuccesses:\n\n---- a stdout ----\n\
                    chatter\nSKIPPED oracle openssl: not installed\n\nsuccesses:\n    a\n\nfailures:\n\
                    ---- b stdout ----\nSKIPPED is what b says\n\ntest result: FAILED. 1 passed; 1 failed";
        let mut reader = Reader::default();
        let shown: Vec<&str> = text.lines().filter(|line| reader.shows(line)).collect();
        assert_eq!(reader.skipped, ["SKIPPED a: oracle openssl: not installed"]);
        assert_eq!(
            reader.results,
            ["test b ... FAILED", "test result: FAILED. 1 passed; 1 failed"]
        );
        assert!(!shown.contains(&"chatter") && shown.contains(&"---- b stdout ----"));
    }
}
