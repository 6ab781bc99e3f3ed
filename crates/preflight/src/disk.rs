//! The disk that the data is on: room, speed, permission to execute.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use airlock_node::{RunError, Runner};
use airlock_types::ByteSize;
use rustix::fs::{StatVfsMountFlags, statvfs};

use crate::Context;
use crate::check::Outcome;
use crate::read::mounts;

/// What k3s without anything else unpacks and pulls: programs, and the images of its own.
const LEAST: u64 = 2 << 30;
/// Below this part of the disk the kubelet puts pods out (`imagefs.available<5%,nodefs.available<5%`:
/// k3s, `pkg/daemons/agent`, `eviction-hard`).
const EVICTION_PERCENT: u64 = 5;
/// What etcd wants of 99 of 100 writes.
const ETCD: Duration = Duration::from_millis(10);
/// The heartbeat of etcd: when half of the writes take longer, it has no leader for long.
const HEARTBEAT: Duration = Duration::from_millis(100);
const WRITES: usize = 64;
/// The most time that is spent on writes.
const BUDGET: Duration = Duration::from_secs(8);

/// Programs are unpacked into the data folder and run from there, and containers have programs and devices of their own.
pub(crate) fn executable(context: &Context) -> Outcome {
    let host = &context.host;
    let Some(folder) = host.nearest(context.data_dir()) else {
        return Outcome::unknown("there is no folder for the data");
    };
    let shown = folder.display();
    let noexec = |how: &str| {
        Outcome::fail(
            format!("nothing can be executed in {shown} ({how})"),
            format!(
                "mount it without noexec: `mount -o remount,exec $(findmnt -nT {shown} -o TARGET)` and in /etc/fstab; or choose another `dataDir`"
            ),
        )
    };
    let flags = if host.is_live() {
        match statvfs(&folder) {
            Ok(facts) => {
                let has = |flag| facts.f_flag.contains(flag);
                [
                    has(StatVfsMountFlags::NOEXEC),
                    has(StatVfsMountFlags::NOSUID),
                    has(StatVfsMountFlags::NODEV),
                    has(StatVfsMountFlags::RDONLY),
                ]
            }
            Err(error) => return Outcome::unknown(format!("{shown}: {error}")),
        }
    } else {
        let all = mounts::read(&host.read("/proc/mounts").unwrap_or_default());
        let Some(mount) = mounts::of(&all, &folder) else {
            return Outcome::unknown("/proc/mounts does not tell");
        };
        ["noexec", "nosuid", "nodev", "ro"].map(|option| mount.has(option))
    };
    let [is_noexec, is_nosuid, is_nodev, is_readonly] = flags;
    if is_noexec {
        return noexec("it is mounted noexec");
    }
    if is_readonly {
        return Outcome::fail(
            format!("{shown} is mounted read-only"),
            format!("`mount -o remount,rw $(findmnt -nT {shown} -o TARGET)`, or choose another `dataDir`"),
        );
    }
    let others: Vec<&str> = [(is_nosuid, "nosuid"), (is_nodev, "nodev")]
        .into_iter()
        .filter_map(|(is, name)| is.then_some(name))
        .collect();
    if host.is_live() {
        match execute(&folder) {
            Ok(Executed::Well) => {}
            Ok(Executed::Badly) => return noexec("a script that was tried there failed"),
            Ok(Executed::Forbidden) => {
                return noexec("the kernel denies it, as fapolicyd and other guards make it do");
            }
            Err(error) => return Outcome::unknown(format!("{shown}: {error}")),
        }
    }
    if !others.is_empty() {
        return Outcome::warn(
            format!(
                "{shown} is mounted {}, which programs and devices in containers may need",
                others.join(" and ")
            ),
            format!(
                "`mount -o remount,suid,dev $(findmnt -nT {shown} -o TARGET)`, and the same in /etc/fstab"
            ),
        );
    }
    let how = if host.is_live() {
        "a script was run there"
    } else {
        "by its mount options"
    };
    Outcome::ok(format!("{shown}: {how}"))
}

/// How a script of one line ended.
enum Executed {
    Well,
    Badly,
    Forbidden,
}

/// Runs a script of one line in a new folder there; an error is one of the folder.
fn execute(folder: &Path) -> std::io::Result<Executed> {
    let place = tempfile::Builder::new()
        .prefix(".airlock-preflight-")
        .tempdir_in(folder)?;
    let script = place.path().join("probe");
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o700)
        .open(&script)?;
    file.write_all(b"#!/bin/sh\nexit 0\n")?;
    drop(file);
    let runner = Runner::default().limit(Duration::from_secs(5));
    let script = script.to_string_lossy().into_owned();
    for _ in 0..20 {
        match runner.run(&script, &[]) {
            Ok(output) if output.code == Some(0) => return Ok(Executed::Well),
            Ok(_) => return Ok(Executed::Badly),
            // Another thread was just starting a program, and holds our file open for a moment.
            Err(RunError::Io { source, .. }) if source.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(RunError::Io { source, .. }) if source.kind() == std::io::ErrorKind::PermissionDenied => {
                return Ok(Executed::Forbidden);
            }
            Err(RunError::Io { source, .. }) => return Err(source),
            Err(error) => return Err(std::io::Error::other(error)),
        }
    }
    Err(std::io::ErrorKind::ExecutableFileBusy.into())
}

struct Volume {
    folder: PathBuf,
    wanted: u64,
    what: Vec<String>,
}

/// Room for everything that is going to be written, by file system.
pub(crate) fn space(context: &Context) -> Outcome {
    let host = &context.host;
    if !host.is_live() {
        return Outcome::skipped("free room is only known on the machine itself");
    }
    let mut needs: Vec<(PathBuf, u64, String)> = context
        .settings
        .needs
        .iter()
        .map(|need| (need.folder.clone(), need.bytes, need.what.clone()))
        .collect();
    let is_sized = !needs.is_empty();
    if !is_sized {
        needs.push((context.data_dir().to_owned(), LEAST, "k3s itself".to_owned()));
    }
    let mut volumes: BTreeMap<u64, Volume> = BTreeMap::new();
    for (folder, bytes, what) in needs {
        let Some(folder) = host.nearest(&folder) else {
            continue;
        };
        let device = match fs::metadata(&folder) {
            Ok(facts) => facts.dev(),
            Err(error) => return Outcome::unknown(format!("{}: {error}", folder.display())),
        };
        let volume = volumes.entry(device).or_insert_with(|| Volume {
            folder,
            wanted: 0,
            what: Vec::new(),
        });
        volume.wanted = volume.wanted.saturating_add(bytes);
        volume.what.push(what);
    }
    let (mut bad, mut tight, mut good) = (Vec::new(), Vec::new(), Vec::new());
    for volume in volumes.into_values() {
        let facts = match statvfs(&volume.folder) {
            Ok(facts) => facts,
            Err(error) => return Outcome::unknown(format!("{}: {error}", volume.folder.display())),
        };
        let free = facts.f_bavail.saturating_mul(facts.f_frsize);
        let whole = facts.f_blocks.saturating_mul(facts.f_frsize);
        let text = format!(
            "{} has {} free, {} needs {}",
            volume.folder.display(),
            ByteSize(free),
            volume.what.join(", "),
            ByteSize(volume.wanted)
        );
        let reserve = whole / 100 * EVICTION_PERCENT;
        if free < volume.wanted {
            bad.push(text);
        } else if free - volume.wanted < reserve {
            tight.push(format!(
                "{text}, which leaves less than the {EVICTION_PERCENT} % below which pods are put out"
            ));
        } else {
            good.push(text);
        }
    }
    let remedy = "make room, or choose a larger disk for it (`dataDir` in site.yaml)";
    if !bad.is_empty() && context.settings.is_installed {
        return Outcome::warn(
            format!("{}; part of it may be here already", bad.join("; ")),
            remedy,
        );
    }
    if !bad.is_empty() {
        return Outcome::fail(bad.join("; "), remedy);
    }
    if !tight.is_empty() {
        return Outcome::warn(tight.join("; "), remedy);
    }
    let mut evidence = good.join("; ");
    if !is_sized {
        evidence.push_str(" (name a bundle or store to have its content counted)");
    }
    Outcome::ok(evidence)
}

/// How long a small write takes until it is on the disk.
pub(crate) fn latency(context: &Context) -> Outcome {
    let host = &context.host;
    if !context.is_server() {
        return Outcome::skipped("an agent keeps no state of the cluster");
    }
    if !host.is_live() {
        return Outcome::skipped("speed is only known on the machine itself");
    }
    let Some(folder) = host.nearest(context.data_dir()) else {
        return Outcome::unknown("there is no folder for the data");
    };
    let mut times = match measure(&folder) {
        Ok(times) => times,
        Err(error) => return Outcome::unknown(format!("{}: {error}", folder.display())),
    };
    times.sort_unstable();
    let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1)));
    let (Some(&median), Some(&worst)) = (at(50), at(99)) else {
        return Outcome::unknown("no write was finished in time");
    };
    let millis = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
    let evidence = format!(
        "{} writes of 2 KiB in {}: half within {}, 99 % within {} (etcd wants {})",
        times.len(),
        folder.display(),
        millis(median),
        millis(worst),
        millis(ETCD)
    );
    let remedy = "put the data on an SSD that nothing else writes to";
    if context.has_etcd() && median > HEARTBEAT {
        return Outcome::fail(evidence, remedy);
    }
    if worst > ETCD {
        return Outcome::warn(evidence, remedy);
    }
    Outcome::ok(evidence)
}

/// Appends as the log of etcd does.
fn measure(folder: &Path) -> std::io::Result<Vec<Duration>> {
    let mut file = tempfile::tempfile_in(folder)?;
    let block = [0x5a_u8; 2048];
    let began = Instant::now();
    let mut times = Vec::with_capacity(WRITES);
    while times.len() < WRITES && began.elapsed() < BUDGET {
        let before = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        times.push(before.elapsed());
    }
    Ok(times)
}
