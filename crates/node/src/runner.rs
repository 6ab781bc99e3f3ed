//! System commands: bounded, in a known environment, their output kept.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

/// Where commands are looked for; not the caller's own path, which may lead anywhere.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What is kept of each stream.
const MAX_OUTPUT: u64 = 1 << 20;
/// The lines of an error that are told.
const TOLD_LINES: usize = 6;
/// How often it is looked whether somebody wants to stop.
const LOOK: Duration = Duration::from_millis(100);

/// Runs commands of the system.
#[derive(Clone, Debug)]
pub struct Runner {
    path: String,
    env: BTreeMap<String, String>,
    limit: Duration,
    stop: Option<Arc<AtomicBool>>,
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
    /// It was ended, since the caller wants to stop.
    #[error("the command was interrupted: {0}")]
    Stopped(String),
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
            stop: None,
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

    /// The same, its commands ended as soon as the flag is set.
    #[must_use]
    pub fn stop(mut self, stop: Option<Arc<AtomicBool>>) -> Self {
        self.stop = stop;
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
            // Ctrl-C is for the caller, who ends what was begun: a package manager must not die half way.
            .process_group(0)
            .spawn()
            .map_err(io)?;
        let pid = Pid::from_child(&child);
        // Names this process also when its number is somebody else's by then.
        let handle = pidfd_open(pid, PidfdFlags::empty());
        let stdout = collect(child.stdout.take());
        let stderr = collect(child.stderr.take());
        let (done, ended) = mpsc::channel();
        thread::spawn(move || done.send(child.wait()));
        let status = match self.wait(&ended) {
            Ok(status) => status.map_err(io)?,
            Err(is_stopped) => {
                let _ = match handle {
                    Ok(handle) => pidfd_send_signal(handle, Signal::KILL),
                    // A kernel without handles. Nothing came back, so that the number is still its own.
                    Err(_) => kill_process(pid, Signal::KILL),
                };
                let program = program.to_owned();
                return Err(if is_stopped {
                    RunError::Stopped(program)
                } else {
                    RunError::TooLong {
                        program,
                        limit: self.limit,
                    }
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

    /// How the command ended, or else whether that is because somebody wants to stop.
    fn wait(
        &self,
        ended: &mpsc::Receiver<std::io::Result<ExitStatus>>,
    ) -> Result<std::io::Result<ExitStatus>, bool> {
        let begun = Instant::now();
        loop {
            let left = self.limit.saturating_sub(begun.elapsed());
            let slice = if self.stop.is_some() { left.min(LOOK) } else { left };
            match ended.recv_timeout(slice) {
                Ok(status) => return Ok(status),
                Err(RecvTimeoutError::Disconnected) => return Err(false),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self
                .stop
                .as_ref()
                .is_some_and(|stop| stop.load(Ordering::Relaxed))
            {
                return Err(true);
            }
            if begun.elapsed() >= self.limit {
                return Err(false);
            }
        }
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
        // Process and group are the same.
        let stat = runner.succeed("cat", &["/proc/self/stat"]).unwrap();
        let fields: Vec<&str> = stat.split(' ').collect();
        assert_eq!(fields[0], fields[4]);
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

    #[test]
    fn a_command_ends_when_somebody_wants_to_stop() {
        let stop = Arc::new(AtomicBool::new(false));
        let runner = Runner::default().stop(Some(Arc::clone(&stop)));
        assert_eq!(runner.succeed("echo", &["a"]).unwrap(), "a\n");
        let begun = Instant::now();
        let setter = thread::spawn(move || {
            thread::sleep(Duration::from_millis(200));
            stop.store(true, Ordering::Relaxed);
        });
        let error = runner.run("sleep", &["50"]).unwrap_err();
        assert!(matches!(error, RunError::Stopped(_)), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(10));
        setter.join().unwrap();
    }
}
