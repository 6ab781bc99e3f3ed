//! A machine with a real systemd: its own processes, mounts, control groups, name and network, over the root of this one.
//!
//! Everything that is written there is written to memory and gone with it; the kernel's settings cannot be changed but
//! for those of its own network. It dies with the test process, however that ends.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::command::{self, Output};
use crate::daemon::Daemon;
use crate::{peer, tree};

const OUTER: &str = include_str!("host/outer.sh");
const INNER: &str = include_str!("host/inner.sh");
/// How long it may take to start.
const BOOT: Duration = Duration::from_mins(1);
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A running host.
#[derive(Debug)]
pub struct Host {
    daemon: Daemon,
    folder: PathBuf,
    /// Its first process, as this machine counts.
    init: u32,
}

impl Host {
    /// Starts one. `None`, and the test listed as skipped, where that is not possible.
    pub fn start() -> Option<Self> {
        if !peer::require(&["systemd", "unshare", "nsenter", "ip"]) {
            return None;
        }
        if let Err(reason) = possible() {
            peer::skip(reason);
            return None;
        }
        let host = Self::boot();
        if let Err(reason) = &host {
            peer::skip(&format!("no systemd can be started in namespaces: {reason}"));
        }
        host.ok()
    }

    fn boot() -> Result<Self, String> {
        // The leash removes it, so that nothing stays even if this process is killed.
        let folder = TempDir::with_prefix("airlock-host-").unwrap().keep();
        for name in ["layers", "share"] {
            fs::create_dir(folder.join(name)).unwrap();
        }
        fs::write(folder.join("outer.sh"), OUTER).unwrap();
        fs::write(folder.join("inner.sh"), INNER).unwrap();
        let argv = [
            "/bin/sh".into(),
            folder.join("outer.sh").into(),
            folder.clone().into(),
            folder.join("inner.sh").into(),
        ];
        let mut daemon = Daemon::start(&argv, &folder, &folder.join("log"), Some(&folder));
        let mut init = None;
        let started = daemon.wait_until(BOOT, || {
            init = init.or_else(|| first_process(&folder));
            init.is_some_and(is_up)
        });
        match init {
            Some(init) if started => Ok(Self { daemon, folder, init }),
            _ => {
                let log = daemon.log();
                if let Some(init) = init {
                    kill(init);
                }
                Err(log.lines().last().unwrap_or("it did not come up").to_owned())
            }
        }
    }

    /// A path of the host, as this process reaches it.
    pub fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", self.init)).join(path.trim_start_matches('/'))
    }

    /// A folder of this machine that the host has as `/srv/share`.
    pub fn share(&self) -> PathBuf {
        self.folder.join("share")
    }

    /// A command line on the host, to be completed: root, a clean environment, `/` as working folder.
    pub fn command(&self, argv: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--target={}", self.init))
            .args(["--all", "--wd=/", "--"])
            .args(argv)
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", "/root")
            .env("TZ", "UTC")
            .env("LANG", "C.UTF-8");
        command
    }

    /// Runs a command to its end, whatever the outcome.
    pub fn run(&self, argv: &[&str]) -> Output {
        command::run(&mut self.command(argv))
    }

    /// Runs a command that has to succeed, and returns what it printed without the last line's end.
    #[track_caller]
    pub fn succeed(&self, argv: &[&str]) -> String {
        let output = self.run(argv);
        assert!(
            output.status.success(),
            "{argv:?}\n{}\n--- stdout\n{}\n--- stderr\n{}",
            output.status,
            output.stdout(),
            output.stderr()
        );
        output.stdout().trim_end().to_owned()
    }

    /// A property of a unit, as systemctl shows it.
    pub fn property(&self, unit: &str, name: &str) -> String {
        self.succeed(&["systemctl", "show", "--value", "--property", name, "--", unit])
    }

    /// What journald has of a unit.
    pub fn journal(&self, unit: &str) -> String {
        self.succeed(&["journalctl", "--no-pager", "--output=cat", "--unit", unit])
    }

    /// Waits until something is so; false if it is not within `limit`.
    pub fn wait_until(&self, limit: Duration, mut so: impl FnMut(&Self) -> bool) -> bool {
        let deadline = Instant::now() + limit;
        while !so(self) {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }

    /// Everything in some folders and files of the host: path, mode, owner, and what is in it.
    pub fn snapshot(&self, paths: &[&str]) -> Snapshot {
        let mut out = BTreeMap::new();
        for path in paths {
            look(&self.path(path), path, &mut out);
        }
        Snapshot(out)
    }

    /// Every process of the host: its number there, its command line and its environment.
    pub fn processes(&self) -> Vec<Process> {
        let mut out = Vec::new();
        for entry in fs::read_dir(self.path("/proc")).unwrap().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Ok(number) = name.parse() {
                // One may end while it is looked at.
                let read = |file: &str| fs::read(entry.path().join(file)).unwrap_or_default();
                let text = |bytes: Vec<u8>| {
                    String::from_utf8_lossy(&bytes)
                        .replace('\0', " ")
                        .trim_end()
                        .to_owned()
                };
                out.push(Process {
                    number,
                    command: text(read("cmdline")),
                    environment: text(read("environ")),
                });
            }
        }
        out.sort_by_key(|process| process.number);
        out
    }

    /// What systemd itself has said.
    pub fn log(&self) -> String {
        self.daemon.log()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // With its first process all of them end.
        kill(self.init);
    }
}

/// A process of a host.
#[derive(Clone, Debug)]
pub struct Process {
    /// Its number.
    pub number: u32,
    /// Its command line.
    pub command: String,
    /// Its environment.
    pub environment: String,
}

/// What was in some folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<String, String>);

impl Snapshot {
    /// One line per difference; empty when nothing differs.
    pub fn diff(&self, now: &Self) -> String {
        let mut lines = Vec::new();
        for (path, facts) in &self.0 {
            match now.0.get(path) {
                None => lines.push(format!("gone: {path}")),
                Some(other) if other != facts => lines.push(format!("changed: {path}: {facts} => {other}")),
                Some(_) => {}
            }
        }
        let new = now.0.keys().filter(|path| !self.0.contains_key(*path));
        lines.extend(new.map(|path| format!("new: {path}")));
        lines.join("\n")
    }

    /// The paths that it has.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn look(path: &Path, shown: &str, out: &mut BTreeMap<String, String>) {
    let Ok(facts) = fs::symlink_metadata(path) else {
        return;
    };
    let kind = facts.file_type();
    let content = if kind.is_symlink() {
        format!("-> {}", fs::read_link(path).unwrap().display())
    } else if kind.is_file() {
        tree::hash(path)
    } else if kind.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            let name = entry.unwrap().file_name();
            look(
                &path.join(&name),
                &format!("{}/{}", shown.trim_end_matches('/'), name.to_string_lossy()),
                out,
            );
        }
        "folder".to_owned()
    } else {
        "special".to_owned()
    };
    let text = format!("{:o} {}:{} {content}", facts.mode(), facts.uid(), facts.gid());
    out.insert(shown.to_owned(), text);
}

/// Whether namespaces and mounts can be made here at all.
fn possible() -> Result<(), &'static str> {
    let works = |argv: &[&str]| {
        let mut command = Command::new(argv[0]);
        command
            .args(&argv[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if !Path::new("/lib/systemd/systemd").exists() {
        Err("there is no systemd in /lib/systemd")
    } else if !works(&[
        "unshare", "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--net", "--fork", "true",
    ]) {
        Err("no namespaces can be made here")
    } else if !works(&["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]) {
        Err("no mount can be made here")
    } else {
        Ok(())
    }
}

/// The child of `unshare`, which is the first process of the host.
fn first_process(folder: &Path) -> Option<u32> {
    let outer: u32 = fs::read_to_string(folder.join("outer"))
        .ok()?
        .trim()
        .parse()
        .ok()?;
    let children = fs::read_to_string(format!("/proc/{outer}/task/{outer}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

/// Whether systemd has started what it should.
fn is_up(init: u32) -> bool {
    // Before it is systemd, it is a shell in the root of this machine.
    if fs::read_to_string(format!("/proc/{init}/comm")).is_ok_and(|name| name.trim() != "systemd") {
        return false;
    }
    let mut command = Command::new("nsenter");
    command
        .arg(format!("--target={init}"))
        .args(["--all", "--wd=/", "systemctl", "is-system-running"])
        .env_clear()
        .env("PATH", PATH);
    let state = command::run(&mut command).stdout();
    ["running", "degraded"].contains(&state.trim())
}

fn kill(init: u32) {
    let _ = Command::new("kill").args(["-KILL", &init.to_string()]).status();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_of_type_notify_starts_and_nothing_of_it_reaches_this_machine() {
        let Some(host) = Host::start() else { return };
        assert_eq!(host.succeed(&["hostname"]), "host");
        let before = host.snapshot(&["/etc/systemd", "/etc/hosts"]);
        let unit = "[Service]\nType=notify\nNotifyAccess=all\nEnvironment=SEED=1\n\
                    ExecStart=/bin/sh -c 'echo up; systemd-notify --ready; exec sleep 1000'\n";
        fs::write(host.path("/etc/systemd/system/seed.service"), unit).unwrap();
        assert_eq!(
            host.run(&["systemd-analyze", "verify", "/etc/systemd/system/seed.service"])
                .stderr(),
            ""
        );
        host.succeed(&["systemctl", "daemon-reload"]);
        host.succeed(&["systemctl", "start", "seed"]);
        assert_eq!(host.property("seed", "ActiveState"), "active");
        assert!(host.wait_until(Duration::from_secs(10), |host| {
            host.journal("seed").contains("up")
        }));
        let pid: u32 = host.property("seed", "MainPID").parse().unwrap();
        let processes = host.processes();
        let found = processes.iter().find(|process| process.number == pid).unwrap();
        assert_eq!(found.command, "sleep 1000");
        assert!(found.environment.contains("SEED=1"));
        let diff = before.diff(&host.snapshot(&["/etc/systemd", "/etc/hosts"]));
        assert_eq!(diff, "new: /etc/systemd/system/seed.service");
        assert!(!Path::new("/etc/systemd/system/seed.service").exists());
        assert_ne!(
            host.run(&["sysctl", "-qw", "vm.swappiness=60"]).status.code(),
            Some(0)
        );
        assert_eq!(
            host.run(&["sysctl", "-qw", "net.ipv4.ip_forward=1"])
                .status
                .code(),
            Some(0)
        );

        fs::write(
            host.path("/etc/systemd/system/bad.service"),
            "[Service]\nExecStart=relative\n",
        )
        .unwrap();
        let verdict = host.run(&["systemd-analyze", "verify", "/etc/systemd/system/bad.service"]);
        assert_ne!(verdict.status.code(), Some(0), "{verdict:?}");

        let (init, folder) = (host.init, host.folder.clone());
        drop(host);
        let gone = || !Path::new(&format!("/proc/{init}")).exists() && !folder.exists();
        let deadline = Instant::now() + Duration::from_secs(10);
        while !gone() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(gone(), "{init} {}", folder.display());
    }
}
