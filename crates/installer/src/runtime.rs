//! What a stopped k3s leaves running: containers, mounts, interfaces.
//!
//! Its unit stops k3s alone, so that pods go on while it is started again. Before it is uninstalled, they are ended, and
//! what they had mounted is let go.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use airlock_node::Runner;
use rustix::process::{Pid, Signal, kill_process};

/// How long processes have to end after they were asked to.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often that is looked at.
const PAUSE: Duration = Duration::from_millis(50);

/// What was cleared away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    /// Processes that were ended.
    pub processes: usize,
    /// Paths that were unmounted.
    pub mounts: Vec<PathBuf>,
    /// Interfaces that were removed.
    pub interfaces: Vec<String>,
    /// What could not be cleared away, and why.
    pub left: Vec<String>,
}

/// Ends the containers of a k3s with this data folder, unmounts what they used, and removes its interfaces.
pub fn clear(data: &Path) -> Cleared {
    let mut cleared = Cleared::default();
    let proc = Path::new("/proc");
    let all = with_children(processes(proc, data), &parents(proc));
    for pid in &all {
        let _ = kill_process(*pid, Signal::KILL);
    }
    let until = Instant::now() + PATIENCE;
    while all.iter().any(|pid| is_there(*pid)) && Instant::now() < until {
        std::thread::sleep(PAUSE);
    }
    cleared.left.extend(
        all.iter()
            .filter(|pid| is_there(**pid))
            .map(|pid| format!("the process {} does not end", pid.as_raw_nonzero())),
    );
    cleared.processes = all.len();
    unmount(data, &mut cleared);
    interfaces(&mut cleared);
    cleared
}

/// Every process, with its folder in `/proc`.
fn all(proc: &Path) -> impl Iterator<Item = (Pid, PathBuf)> {
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        Some((Pid::from_raw(pid)?, entry.path()))
    })
}

/// Shims that keep the containers of this data folder: they are of the programs that k3s has unpacked there.
fn processes(proc: &Path, data: &Path) -> Vec<Pid> {
    let programs = data.join("data");
    all(proc)
        .filter_map(|(pid, folder)| {
            let line = fs::read(folder.join("cmdline")).ok()?;
            let program = line.split(|byte| *byte == 0).next()?;
            let program = Path::new(std::str::from_utf8(program).ok()?);
            let is_shim = program.starts_with(&programs)
                && program
                    .file_name()
                    .is_some_and(|name| name.to_string_lossy().starts_with("containerd-shim"));
            is_shim.then_some(pid)
        })
        .collect()
}

/// The processes of the machine, each with the one that started it, or that took it over.
fn parents(proc: &Path) -> Vec<(Pid, Pid)> {
    all(proc)
        .filter_map(|(pid, folder)| {
            // Behind the name, which may hold anything, stand the state and the parent.
            let stat = fs::read(folder.join("stat")).ok()?;
            let stat = String::from_utf8_lossy(&stat);
            let parent = stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()?;
            Some((pid, Pid::from_raw(parent)?))
        })
        .collect()
}

/// Processes, and everything below them, parents first: those that a thread other than the first started, too.
fn with_children(mut all: Vec<Pid>, parents: &[(Pid, Pid)]) -> Vec<Pid> {
    let mut at = 0;
    while let Some(pid) = all.get(at).copied() {
        for (child, parent) in parents {
            if *parent == pid && !all.contains(child) {
                all.push(*child);
            }
        }
        at += 1;
    }
    all
}

fn is_there(pid: Pid) -> bool {
    let state = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    // A zombie has ended; who has to take note of it is not us.
    state
        .rsplit(") ")
        .next()
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}

/// Unmounts everything of k3s, what was mounted last first.
fn unmount(data: &Path, cleared: &mut Cleared) {
    let table = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    // Of the data folder what containerd mounts; a disk that somebody has mounted there is theirs.
    let containerd = data.join("agent/containerd");
    let ours = [
        Path::new("/run/k3s"),
        &containerd,
        Path::new("/var/lib/kubelet/pods"),
        Path::new("/var/lib/kubelet/plugins"),
        Path::new("/run/netns/cni-"),
    ];
    for path in mounts_below(&table, &ours) {
        match rustix::mount::unmount(&path, rustix::mount::UnmountFlags::empty()) {
            Ok(()) => cleared.mounts.push(path),
            Err(error) => cleared.left.push(format!(
                "{} is still mounted: {}",
                path.display(),
                std::io::Error::from(error)
            )),
        }
    }
}

/// Mount points below some paths (those paths themselves stay mounted), deepest first.
fn mounts_below(table: &str, ours: &[&Path]) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = table
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .map(|path| {
            PathBuf::from(
                path.replace("\\040", " ")
                    .replace("\\011", "\t")
                    .replace("\\134", "\\"),
            )
        })
        .filter(|path| {
            ours.iter().any(|own| {
                let prefix = own.to_string_lossy();
                if prefix.ends_with('-') {
                    path.to_string_lossy().starts_with(&*prefix)
                } else {
                    path.starts_with(own) && path != own
                }
            })
        })
        .collect();
    paths.reverse();
    paths
}

/// Interfaces of flannel and of the bridge of pods.
fn interfaces(cleared: &mut Cleared) {
    for name in [
        "cni0",
        "flannel.1",
        "flannel-v6.1",
        "kube-ipvs0",
        "flannel-wg",
        "flannel-wg-v6",
    ] {
        if !Path::new("/sys/class/net").join(name).exists() {
            continue;
        }
        match Runner::default().succeed("ip", &["link", "delete", name]) {
            Ok(_) => cleared.interfaces.push(name.to_owned()),
            Err(error) => cleared.left.push(format!("the interface {name} stays: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mounts_of_k3s_are_let_go_the_deepest_first() {
        let table = "tmpfs /run tmpfs rw 0 0\n\
                     tmpfs /run/k3s/containerd/io/sandboxes/a/shm tmpfs rw 0 0\n\
                     overlay /run/k3s/containerd/io/a/rootfs overlay rw 0 0\n\
                     /dev/sdb /data/k3s/agent/containerd ext4 rw 0 0\n\
                     /dev/sdc /data/k3s/storage ext4 rw 0 0\n\
                     tmpfs /data/k3s/agent/containerd/a\\040b tmpfs rw 0 0\n\
                     nsfs /run/netns/cni-1234 nsfs rw 0 0\n\
                     nsfs /run/netns/mine nsfs rw 0 0\n\
                     tmpfs /var/lib/kubelet/pods/x tmpfs rw 0 0\n\
                     tmpfs /var/lib/kubelet-other tmpfs rw 0 0\n";
        let ours = [
            Path::new("/run/k3s"),
            Path::new("/data/k3s/agent/containerd"),
            Path::new("/var/lib/kubelet/pods"),
            Path::new("/run/netns/cni-"),
        ];
        let shown: Vec<String> = mounts_below(table, &ours)
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        assert_eq!(
            shown,
            [
                "/var/lib/kubelet/pods/x",
                "/run/netns/cni-1234",
                "/data/k3s/agent/containerd/a b",
                "/run/k3s/containerd/io/a/rootfs",
                "/run/k3s/containerd/io/sandboxes/a/shm",
            ]
        );
    }

    #[test]
    fn what_any_thread_of_a_process_started_is_found() {
        let (started, child) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        // The kernel keeps the child with this thread as long as the thread is there.
        let thread = std::thread::spawn(move || {
            started
                .send(std::process::Command::new("sleep").arg("60").spawn().unwrap())
                .unwrap();
            ended.recv().unwrap_err();
        });
        let mut child = child.recv().unwrap();
        let own = rustix::process::getpid();
        let pid = Pid::from_child(&child);
        let all = with_children(vec![own], &parents(Path::new("/proc")));
        assert_eq!(all.first(), Some(&own));
        assert!(all.contains(&pid), "{all:?}");
        assert!(is_there(pid));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!is_there(pid));
        drop(end);
        thread.join().unwrap();
    }
}
