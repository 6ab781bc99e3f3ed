//! System commands: bounded, in a known environment, their output kept.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Where commands are looked for; not the caller's own path, which may lead anywhere.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What is kept of each stream.
const MAX_OUTPUT: u64 = 1 << 20;
/// The lines of an error that are told.
const TOLD_LINES: usize = 6;

/// Runs commands of the system.
#[derive(Clone, Debug)]
pub struct Runner {
    path: String,
    env: BTreeMap<String, String>,
    limit: Duration,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it printed, up to 1 MiB.
    pub stdout: String,
    /// What it printed as errors, up to 1 MiB.
    pub stderr: String,
}

/// Why a command gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no such command.
    #[error("the command is not on this machine: {0}")]
    Missing(String),
    /// It could not be started or read.
    #[error("the command could not be run: {program}")]
    Io {
        /// The command.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It took too long, and was ended.
    #[error("the command did not end within {} s: {program}", limit.as_secs())]
    TooLong {
        /// The command.
        program: String,
        /// How long it had.
        limit: Duration,
    },
    /// It failed.
    #[error("{program} ended with {}{}", code.map_or("a signal".to_owned(), |code| format!("code {code}")), told(said))]
    Failed {
        /// The command.
        program: String,
        /// Its exit code.
        code: Option<i32>,
        /// What it said.
        said: String,
    },
}

fn told(said: &str) -> String {
    let lines: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let last = &lines[lines.len().saturating_sub(TOLD_LINES)..];
    if last.is_empty() {
        String::new()
    } else {
        format!(": {}", last.join(" · "))
    }
}

impl Default for Runner {
    fn default() -> Self {
        Self {
            path: PATH.to_owned(),
            env: BTreeMap::new(),
            limit: Duration::from_mins(1),
        }
    }
}

impl Runner {
    /// The same with another time limit.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The same with one more variable in its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same with another search path.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// Runs a command to its end and returns what it printed, however it ended.
    pub fn run(&self, program: &str, args: &[&str]) -> Result<Output, RunError> {
        let io = |source: std::io::Error| {
            if source.kind() == std::io::ErrorKind::NotFound {
                RunError::Missing(program.to_owned())
            } else {
                RunError::Io {
                    program: program.to_owned(),
                    source,
                }
            }
        };
        let mut child = Command::new(program)
            .args(args)
            .env_clear()
            .env("PATH", &self.path)
            .env("LC_ALL", "C")
            .envs(&self.env)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(io)?;
        let id = child.id();
        let stdout = collect(child.stdout.take());
        let stderr = collect(child.stderr.take());
        let (done, ended) = mpsc::channel();
        thread::spawn(move || done.send(child.wait()));
        let status = match ended.recv_timeout(self.limit) {
            Ok(status) => status.map_err(io)?,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                if let Some(pid) = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw) {
                    // Not reaped yet, since nothing came back, so that the number is still its own.
                    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                }
                return Err(RunError::TooLong {
                    program: program.to_owned(),
                    limit: self.limit,
                });
            }
        };
        // What the command left running may hold the pipes open; it is not waited for.
        let patience = Duration::from_secs(2);
        Ok(Output {
            code: status.code(),
            stdout: stdout.recv_timeout(patience).unwrap_or_default(),
            stderr: stderr.recv_timeout(patience).unwrap_or_default(),
        })
    }

    /// Runs a command that must end with 0, and returns what it printed.
    pub fn succeed(&self, program: &str, args: &[&str]) -> Result<String, RunError> {
        let output = self.run(program, args)?;
        if output.code == Some(0) {
            return Ok(output.stdout);
        }
        Err(RunError::Failed {
            program: program.to_owned(),
            code: output.code,
            said: if output.stderr.trim().is_empty() {
                output.stdout
            } else {
                output.stderr
            },
        })
    }

    /// Whether there is such a command.
    pub fn has(&self, program: &str) -> bool {
        self.path.split(':').any(|folder| {
            let path = std::path::Path::new(folder).join(program);
            rustix::fs::access(&path, rustix::fs::Access::EXEC_OK).is_ok()
        })
    }
}

fn collect(stream: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (done, text) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            let _ = stream.by_ref().take(MAX_OUTPUT).read_to_end(&mut bytes);
            // Read on, so that the command is not stopped by a full pipe.
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
        done.send(String::from_utf8_lossy(&bytes).into_owned())
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_have_a_known_environment_and_an_end() {
        let runner = Runner::default().limit(Duration::from_secs(20)).env("X", "y");
        assert!(runner.has("sh"));
        assert!(!runner.has("no-such-command"));
        let shown = runner.succeed("env", &[]).unwrap();
        let mut lines: Vec<_> = shown.lines().collect();
        lines.sort_unstable();
        assert_eq!(
            lines,
            ["LC_ALL=C".to_owned(), format!("PATH={PATH}"), "X=y".to_owned()]
        );
        let error = runner.succeed("sh", &["-c", "echo why >&2; exit 3"]).unwrap_err();
        assert_eq!(error.to_string(), "sh ended with code 3: why");
        assert!(matches!(
            runner.run("no-such-command", &[]),
            Err(RunError::Missing(_))
        ));
        let slow = Runner::default().limit(Duration::from_millis(50));
        assert!(matches!(
            slow.run("sleep", &["20"]),
            Err(RunError::TooLong { .. })
        ));
    }
}
