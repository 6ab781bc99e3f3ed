//! Runs programs in a clean environment, bounded in time.

use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What any single run of a program may take.
pub const LIMIT: Duration = Duration::from_mins(3);

/// What a program left behind.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Its data.
    pub stdout: Vec<u8>,
    /// Its messages.
    pub stderr: Vec<u8>,
}

impl Output {
    /// The data as text.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The messages as text.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

/// A command that sees nothing of the caller's environment except `PATH`; `home` is its home and its
/// temporary folder.
pub fn clean(program: impl AsRef<OsStr>, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(clean_environment(home));
    command
}

pub(crate) fn clean_environment(home: &Path) -> Vec<(&'static str, std::ffi::OsString)> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into());
    vec![
        ("PATH", path),
        ("HOME", home.into()),
        ("TMPDIR", home.into()),
        ("TZ", "UTC".into()),
        ("LANG", "C.UTF-8".into()),
    ]
}

/// Runs to the end, whatever the outcome; a run longer than `limit` is killed and fails the test.
pub fn run_within(command: &mut Command, stdin: Stdio, limit: Duration) -> Output {
    let mut child = command
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let stdout = drain(child.stdout.take().expect("piped above"));
    let stderr = drain(child.stderr.take().expect("piped above"));
    let deadline = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("{command:?} was killed after {limit:?}");
        }
        thread::sleep(Duration::from_millis(3));
    };
    Output {
        status,
        stdout: stdout.join().unwrap(),
        stderr: stderr.join().unwrap(),
    }
}

/// [`run_within`] the usual [`LIMIT`].
pub fn run(command: &mut Command) -> Output {
    run_within(command, Stdio::null(), LIMIT)
}

/// Runs a program that has to succeed.
pub fn succeed(command: &mut Command) -> Output {
    let output = run(command);
    assert!(
        output.status.success(),
        "{command:?}\n{}\n--- stdout\n{}\n--- stderr\n{}",
        output.status,
        output.stdout(),
        output.stderr()
    );
    output
}

fn drain(mut from: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        bytes
    })
}
