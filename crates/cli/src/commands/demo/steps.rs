//! Runs the steps and prints the report while they run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use airlock_content::digest_of;
use airlock_types::{ByteSize, Digest};
use anyhow::Context;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::pull_back::Pulled;
use crate::args::{Global, Output};
use crate::failure::{Failure, Result};
use crate::print;

/// One thing that was checked.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    check: String,
    passed: bool,
}

/// The demo so far.
pub(super) struct Steps {
    program: PathBuf,
    dir: PathBuf,
    show: bool,
    titles: u32,
    checks: Vec<Check>,
}

impl Steps {
    pub(super) fn new(dir: &Path, global: &Global) -> Result<Self> {
        let program = std::env::current_exe().context("this program's own file could not be found")?;
        let show = global.output == Output::Text && !global.quiet;
        Ok(Self {
            program,
            dir: dir.to_owned(),
            show,
            titles: 0,
            checks: Vec::new(),
        })
    }

    pub(super) fn checks(&self) -> &[Check] {
        &self.checks
    }

    pub(super) fn failed(&self) -> usize {
        self.checks.iter().filter(|check| !check.passed).count()
    }

    fn say(&self, text: &str) -> Result {
        if self.show { print::out(text) } else { Ok(()) }
    }

    pub(super) fn title(&mut self, title: &str) -> Result {
        self.titles += 1;
        self.say(&format!("\n{}. {title}\n", self.titles))
    }

    pub(super) fn note(&self, note: &str) -> Result {
        self.say(&format!("   {note}\n"))
    }

    pub(super) fn check(&mut self, check: &str, passed: bool) -> Result {
        self.say(&format!(
            "   [{}] {check}\n",
            if passed { "ok" } else { "FAILED" }
        ))?;
        self.checks.push(Check {
            check: check.to_owned(),
            passed,
        });
        Ok(())
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(line.split(' '))
            .current_dir(&self.dir)
            .env("AIRLOCK_KEY_PASSWORD", super::PASSWORD)
            .env("AIRLOCK_PROGRESS", "none")
            .env("AIRLOCK_OUTPUT", "text")
            .env("AIRLOCK_COLOR", "never")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        // What the caller's shell has set for real work must not leak into the demo.
        for name in [
            "AIRLOCK_KEY",
            "AIRLOCK_PUBLIC_KEY",
            "AIRLOCK_STORE",
            "AIRLOCK_CACHE",
            "AIRLOCK_MANIFEST",
        ] {
            command.env_remove(name);
        }
        command
    }

    async fn output(&self, line: &str) -> Result<(Option<i32>, String, String)> {
        self.say(&format!("   $ airlock {line}\n"))?;
        let output = self
            .command(line)
            .output()
            .await
            .with_context(|| format!("the step could not be started: {line}"))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((output.status.code(), text(&output.stdout), text(&output.stderr)))
    }

    /// A step that must succeed; without it the rest makes no sense.
    pub(super) async fn run(&mut self, line: &str) -> Result {
        let (code, stdout, stderr) = self.output(line).await?;
        for line in stdout.lines().filter(|line| !line.is_empty()) {
            self.say(&format!("     {line}\n"))?;
        }
        self.checks.push(Check {
            check: format!("airlock {line}"),
            passed: code == Some(0),
        });
        if code == Some(0) {
            return Ok(());
        }
        Err(Failure::from(anyhow::anyhow!("airlock {line} failed:\n{stderr}")))
    }

    /// A step whose answer must be no.
    pub(super) async fn run_refused(&mut self, line: &str) -> Result {
        let verb = line.split(' ').next().unwrap_or(line);
        let (code, _, stderr) = self.output(line).await?;
        for line in stderr.lines().filter(|line| !line.is_empty()).take(4) {
            self.say(&format!("     {line}\n"))?;
        }
        self.check(
            &format!("airlock {verb} is refused with exit code 1"),
            code == Some(1),
        )
    }

    /// Starts a server and waits until it says where it listens.
    pub(super) async fn serve(&mut self, line: &str) -> Result<Server> {
        self.say(&format!("   $ airlock {line}\n"))?;
        let mut child = self
            .command(line)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = child.stderr.take().context("the server has no standard error")?;
        let mut lines = BufReader::new(stderr).lines();
        let address = tokio::time::timeout(Duration::from_mins(1), async {
            while let Some(line) = lines.next_line().await? {
                if let Some((_, address)) = line.split_once(" on http://") {
                    return Ok::<_, std::io::Error>(Some(address.trim().to_owned()));
                }
            }
            Ok(None)
        })
        .await
        .context("the server did not start in time")??
        .context("the server ended before it listened")?;
        // The rest is read so that the server never waits for a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Server { child, address })
    }

    /// What was pulled back, as checks.
    pub(super) fn pulled(&mut self, pulled: &Pulled) -> Result {
        for wrong in pulled.wrong.iter().take(10) {
            self.note(wrong)?;
        }
        self.check(
            &format!(
                "{} tags, {} manifests and {} blobs ({}) came back with the digests of the lock",
                pulled.tags,
                pulled.manifests,
                pulled.blobs,
                ByteSize(pulled.bytes)
            ),
            pulled.wrong.is_empty() && pulled.tags > 0 && pulled.blobs > 0,
        )
    }
}

/// A server of the demo; it ends with this value.
pub(super) struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// `127.0.0.1:PORT`
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) async fn stop(&mut self) -> Result {
        self.child
            .kill()
            .await
            .context("the server could not be stopped")?;
        Ok(())
    }
}

/// Path and digest of every file below a folder.
pub(super) fn fingerprint(dir: &Path) -> Result<BTreeMap<PathBuf, Digest>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .with_context(|| format!("the folder could not be read: {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path)
                    .with_context(|| format!("the file could not be read: {}", path.display()))?;
                files.insert(path, digest_of(&bytes));
            }
        }
    }
    Ok(files)
}
