//! Servers that cannot outlive the test process.

use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::command::clean_environment;

/// Holds a server on a leash: it ends the server when standard input closes, which the kernel does for
/// us even if the test process is killed. The last step removes the server's folder, because a `static`
/// fixture is never dropped.
const LEASH: &str = r#"
folder=$1; shift
exec 3<&0
"$@" 3<&- </dev/null &
server=$!
(
  read -r _ <&3
  kill -TERM "$server"
  tries=0
  while kill -0 "$server" && [ "$tries" -lt 50 ]; do tries=$((tries + 1)); sleep 0.1; done
  kill -KILL "$server"
) >/dev/null 2>&1 &
watcher=$!
wait "$server"; status=$?
kill "$watcher" 2>/dev/null
[ -z "$folder" ] || rm -rf -- "$folder"
exit "$status"
"#;

/// A running server; stopped when dropped, and when the test process ends in any other way.
#[derive(Debug)]
pub struct Daemon {
    leash: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts `argv` in a clean environment with `home` as its home, its messages going to `log`.
    /// `remove` is deleted after the server has ended.
    pub fn start(argv: &[OsString], home: &Path, log: &Path, remove: Option<&Path>) -> Self {
        let messages = fs::File::create(log).unwrap();
        let leash = Command::new("/bin/sh")
            .args(["-c", LEASH, "leash"])
            .arg(remove.unwrap_or_else(|| Path::new("")))
            .args(argv)
            .env_clear()
            .envs(clean_environment(home))
            .stdin(Stdio::piped())
            .stdout(messages.try_clone().unwrap())
            .stderr(messages)
            .spawn()
            .unwrap();
        Self {
            leash,
            log: log.to_owned(),
        }
    }

    /// What the server has said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The most memory that the server itself has held so far, in bytes.
    pub fn peak_memory(&self) -> Option<u64> {
        let leash = self.leash.id();
        let children = fs::read_to_string(format!("/proc/{leash}/task/{leash}/children")).ok()?;
        // The shell starts the server before anything else.
        let server = children.split_whitespace().next()?.parse().ok()?;
        crate::memory::peak(server)
    }

    /// Waits until `ready` says so; false when the server ended or `limit` passed before that.
    pub fn wait_until(&mut self, limit: Duration, mut ready: impl FnMut() -> bool) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            if self.leash.try_wait().unwrap().is_some() {
                return false;
            }
            if ready() {
                return true;
            }
            if Instant::now() > deadline {
                return false;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.leash.stdin.take());
        let _ = self.leash.wait();
    }
}

/// An address on loopback that was free a moment ago. Another process may take it before the caller
/// does, so starting a server there is tried more than once.
pub fn free_port() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
}
