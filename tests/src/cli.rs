//! The command under test.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::command::{self, clean};
use crate::daemon::{Daemon, free_port};
use crate::http;

/// What one run of `airlock` may take; a bundle of more than 1 GiB in an unoptimised build is the worst.
const LIMIT: Duration = Duration::from_mins(5);

/// `airlock` in a working folder and with a home of its own.
#[derive(Debug)]
pub struct Airlock {
    program: PathBuf,
    folder: PathBuf,
    temporary: Option<TempDir>,
}

impl Airlock {
    /// In a new temporary folder, removed at the end.
    pub fn new() -> Self {
        let temporary = tempfile::Builder::new()
            .prefix("airlock-test-")
            .tempdir()
            .unwrap();
        Self {
            temporary: Some(temporary),
            ..Self::within(Path::new(""))
        }
    }

    /// In a folder that somebody else removes.
    pub fn within(folder: &Path) -> Self {
        Self {
            program: program(),
            folder: folder.to_owned(),
            temporary: None,
        }
    }

    /// The command itself.
    pub fn program(&self) -> &Path {
        &self.program
    }

    fn folder(&self) -> &Path {
        self.temporary.as_ref().map_or(&self.folder, TempDir::path)
    }

    /// A path in the working folder.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder().join(name)
    }

    /// Writes a file in the working folder, and the folders above it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// A command line to be completed: clean environment, working folder, nothing on standard input.
    pub fn command<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Command {
        let home = self.path(".home");
        fs::create_dir_all(&home).unwrap();
        let mut command = clean(&self.program, &home);
        command.current_dir(self.folder()).args(arguments);
        command
    }

    /// Runs to the end, whatever the outcome.
    pub fn run<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Run {
        self.finish(&mut self.command(arguments), Stdio::null())
    }

    /// Runs with a file on standard input.
    pub fn run_reading<I: AsRef<OsStr>>(&self, input: &Path, arguments: impl IntoIterator<Item = I>) -> Run {
        self.finish(&mut self.command(arguments), File::open(input).unwrap().into())
    }

    /// Runs a command line made by [`Self::command`].
    pub fn finish(&self, command: &mut Command, stdin: Stdio) -> Run {
        let shown = format!("{command:?}");
        let output = command::run_within(command, stdin, LIMIT);
        let clean = |text: String| text.replace(self.folder().to_string_lossy().as_ref(), "[FOLDER]");
        Run {
            command: shown,
            code: output.status.code(),
            stdout: clean(output.stdout()),
            stderr: clean(output.stderr()),
        }
    }

    /// Starts `airlock serve WHAT …` on loopback and waits until it answers.
    pub fn serve<I: AsRef<OsStr>>(&self, what: &Path, arguments: impl IntoIterator<Item = I>) -> Served {
        let answers =
            |address: SocketAddr| http::get(address, "/v2/").is_ok_and(|answer| answer.status == 200);
        self.serve_when(what, arguments, answers)
    }

    /// The same, where something else tells that it is up.
    pub fn serve_when<I: AsRef<OsStr>>(
        &self,
        what: &Path,
        arguments: impl IntoIterator<Item = I>,
        is_up: impl Fn(SocketAddr) -> bool,
    ) -> Served {
        let home = self.path(".home");
        fs::create_dir_all(&home).unwrap();
        let rest: Vec<OsString> = arguments
            .into_iter()
            .map(|word| word.as_ref().to_owned())
            .collect();
        let mut last = String::new();
        for _ in 0..3 {
            let address = free_port();
            let mut argv: Vec<OsString> = vec![(&self.program).into(), "serve".into(), what.into()];
            argv.extend(["--listen".into(), address.to_string().into()]);
            argv.extend(rest.clone());
            let log = self.path(format!("serve-{}.log", address.port()));
            let mut daemon = Daemon::start(&argv, &home, &log, None);
            if daemon.wait_until(Duration::from_mins(1), || is_up(address)) {
                return Served { address, daemon };
            }
            last = daemon.log();
        }
        panic!("airlock serve {} did not start: {last}", what.display());
    }
}

impl Default for Airlock {
    fn default() -> Self {
        Self::new()
    }
}

/// A running mirror.
#[derive(Debug)]
pub struct Served {
    address: SocketAddr,
    daemon: Daemon,
}

impl Served {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has said.
    pub fn log(&self) -> String {
        self.daemon.log()
    }

    /// The most memory that it has held so far, in bytes.
    pub fn peak_memory(&self) -> Option<u64> {
        self.daemon.peak_memory()
    }
}

/// How one run ended. The working folder reads `[FOLDER]` in what it printed.
#[derive(Clone, Debug)]
pub struct Run {
    /// What was run, for messages.
    pub command: String,
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// The data.
    pub stdout: String,
    /// The messages.
    pub stderr: String,
}

impl Run {
    /// Insists on one exit code.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.command, self.render());
        self
    }

    /// Insists on success.
    #[track_caller]
    pub fn succeeds(&self) -> &Self {
        self.exits(0)
    }

    /// Everything that a user sees, for a snapshot.
    pub fn render(&self) -> String {
        let code = self
            .code
            .map_or_else(|| "signal".to_owned(), |code| code.to_string());
        format!(
            "exit: {code}\n--- stdout\n{}--- stderr\n{}",
            self.stdout, self.stderr
        )
    }
}

/// What differs from run to run, as filters for snapshots: ports, digests, times, speeds.
pub const FILTERS: [(&str, &str); 5] = [
    (r"127\.0\.0\.1:\d+", "[ADDRESS]"),
    (r"sha256:[0-9a-f]{64}", "[DIGEST]"),
    (r"\b[0-9a-f]{64}\b", "[HEX]"),
    (r"\d+(\.\d+)? [KMG]?i?B/s", "[SPEED]"),
    (r"\b\d+(\.\d+)? ?(ms|s)\b", "[TIME]"),
];

/// `AIRLOCK_BIN`, else the binary of the same profile as this test.
fn program() -> PathBuf {
    let path = std::env::var_os("AIRLOCK_BIN").map_or_else(
        || {
            let test = std::env::current_exe().unwrap();
            let profile = test
                .parent()
                .and_then(Path::parent)
                .expect("a test is in target/PROFILE/deps");
            profile.join("airlock")
        },
        PathBuf::from,
    );
    assert!(
        path.is_file(),
        "{} is not there: build it with `cargo build --workspace --bins`, or run `cargo xtask test`",
        path.display()
    );
    path
}
