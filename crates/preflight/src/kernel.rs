//! What the kernel must be able to do: tried out where that leaves no trace.

use std::io::Write;
use std::os::fd::AsFd;
use std::path::Path;

use airlock_node::Change;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen,
};

use crate::check::Outcome;
use crate::read::modules::{self, Module};
use crate::{Context, Host, fixes, netlink};

/// The kernel's own words for a missing part.
fn lacks(name: &str, host: &Host) -> String {
    let text = match modules::find(host, name) {
        Module::There => "which is there, but does not work",
        Module::Loadable => {
            "which could be loaded, but is not, or is forbidden (`grep -r blacklist /etc/modprobe.d`)"
        }
        Module::Missing => "which is not among the modules of this kernel",
        Module::NoModules => "and there is no folder of modules, so that everything must be built in",
    };
    format!("the kernel lacks {name}, {text}")
}

fn remedy(name: &str) -> String {
    format!(
        "`modprobe {name} && echo {name} > /etc/modules-load.d/airlock-{name}.conf`; where there is no such module, install the distribution's full kernel (RHEL 10: kernel-modules-extra; Ubuntu on small machines: linux-modules-extra)"
    )
}

fn load(host: &Host, name: &str) -> Vec<Change> {
    match modules::find(host, name) {
        Module::Loadable => fixes::module(name),
        _ => Vec::new(),
    }
}

/// Bridged packets must pass the firewall's tables, or services are not reached from pods of the same node.
pub(crate) fn br_netfilter(context: &Context) -> Outcome {
    let host = &context.host;
    let name = "br_netfilter";
    if host.exists("/proc/sys/net/bridge/bridge-nf-call-iptables") {
        return Outcome::ok("/proc/sys/net/bridge is there");
    }
    match modules::find(host, name) {
        Module::Loadable => Outcome::ok("not loaded yet; the unit of k3s loads it"),
        _ => Outcome::fail(lacks(name, host), remedy(name)),
    }
}

/// Services are addresses that are translated, which needs the tracking of connections.
pub(crate) fn conntrack(context: &Context) -> Outcome {
    let host = &context.host;
    let name = "nf_conntrack";
    let there = [
        "/proc/sys/net/netfilter/nf_conntrack_max",
        "/proc/sys/net/netfilter/nf_conntrack_count",
        "/proc/net/nf_conntrack",
    ];
    if let Some(path) = host.first(&there) {
        return Outcome::ok(format!("{path} is there"));
    }
    match modules::find(host, name) {
        Module::Loadable => Outcome::ok("not loaded yet; rules of the firewall load it"),
        _ => Outcome::fail(lacks(name, host), remedy(name)),
    }
}

/// Images are layers that are laid over each other, on the file system of the data.
pub(crate) fn overlay(context: &Context) -> Outcome {
    let host = &context.host;
    let snapshotter = context.option("snapshotter").and_then(|value| value.as_str());
    if let Some(other) = snapshotter.filter(|name| *name != "overlayfs") {
        return Outcome::skipped(format!("the site uses the snapshotter {other}"));
    }
    let is_known = host
        .read("/proc/filesystems")
        .unwrap_or_default()
        .lines()
        .any(|line| line.split_whitespace().last() == Some("overlay"));
    if !host.is_live() {
        return match modules::find(host, "overlay") {
            _ if is_known => Outcome::ok("/proc/filesystems has it; not tried out here"),
            Module::There => Outcome::ok("the module is there; not tried out here"),
            Module::Loadable => Outcome::ok("not loaded yet; the unit of k3s loads it"),
            Module::Missing | Module::NoModules => Outcome::fail(lacks("overlay", host), remedy("overlay")),
        };
    }
    let Some(folder) = host.nearest(context.data_dir()) else {
        return Outcome::unknown("there is no folder for the data");
    };
    match lay_over(&folder) {
        Ok(()) => Outcome::ok(format!(
            "two folders were laid over each other in {}",
            folder.display()
        )),
        Err(Trial::Folder(error)) => Outcome::unknown(format!("{}: {error}", folder.display())),
        Err(Trial::Kernel(Errno::PERM | Errno::ACCESS)) => Outcome::unknown("only root can try it out"),
        Err(Trial::Kernel(Errno::NOSYS)) => {
            if is_known {
                Outcome::ok("/proc/filesystems has it; this kernel is too old to try it out without a trace")
            } else {
                Outcome::fail(lacks("overlay", host), remedy("overlay")).and(load(host, "overlay"))
            }
        }
        Err(Trial::Kernel(Errno::NODEV)) => {
            Outcome::fail(lacks("overlay", host), remedy("overlay")).and(load(host, "overlay"))
        }
        Err(Trial::Kernel(error)) => Outcome::fail(
            format!(
                "folders in {} cannot be laid over each other: {error}",
                folder.display()
            ),
            "put the data on ext4 or on XFS made with `-n ftype=1` (`data-dir`), or choose `snapshotter: native` in `cluster.config`",
        ),
    }
}

enum Trial {
    Folder(std::io::Error),
    Kernel(Errno),
}

/// Mounts an overlay that is attached nowhere, so that it is gone with its descriptor.
fn lay_over(folder: &Path) -> Result<(), Trial> {
    let place = tempfile::Builder::new()
        .prefix(".airlock-preflight-")
        .tempdir_in(folder)
        .map_err(Trial::Folder)?;
    for name in ["lower", "upper", "work"] {
        std::fs::create_dir(place.path().join(name)).map_err(Trial::Folder)?;
    }
    std::fs::write(place.path().join("lower/below"), "below").map_err(Trial::Folder)?;
    let overlay = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC).map_err(Trial::Kernel)?;
    for (key, name) in [("lowerdir", "lower"), ("upperdir", "upper"), ("workdir", "work")] {
        let path = place.path().join(name);
        fsconfig_set_string(overlay.as_fd(), key, path.as_os_str()).map_err(Trial::Kernel)?;
    }
    fsconfig_create(overlay.as_fd()).map_err(Trial::Kernel)?;
    let mount = fsmount(
        overlay.as_fd(),
        FsMountFlags::FSMOUNT_CLOEXEC,
        MountAttrFlags::empty(),
    )
    .map_err(Trial::Kernel)?;
    let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::TRUNC;
    // What is written goes into the upper folder, and the lower one stays.
    let copied = rustix::fs::openat(&mount, "below", flags, Mode::empty()).map_err(Trial::Kernel)?;
    let mut file = std::fs::File::from(copied);
    file.write_all(b"above").map_err(Trial::Folder)?;
    drop(file);
    let read = |name: &str| std::fs::read(place.path().join(name)).unwrap_or_default();
    if read("upper/below") != b"above" || read("lower/below") != b"below" {
        return Err(Trial::Kernel(Errno::IO));
    }
    Ok(())
}

/// The tunnel between nodes.
pub(crate) fn tunnel(context: &Context) -> Outcome {
    let host = &context.host;
    let kind = match context.flannel_backend() {
        "vxlan" => "vxlan",
        "wireguard-native" | "wireguard" => "wireguard",
        other => return Outcome::skipped(format!("the site uses flannel's backend {other}")),
    };
    if !host.is_live() {
        return match modules::find(host, kind) {
            Module::There => Outcome::ok(format!("{kind} is there; not tried out here")),
            Module::Loadable => Outcome::ok(format!(
                "{kind} is not loaded yet; the kernel loads it when it is needed"
            )),
            Module::Missing => Outcome::fail(lacks(kind, host), remedy(kind)),
            Module::NoModules => {
                Outcome::unknown("the kernel has no folder of modules, and nothing is tried out here")
            }
        };
    }
    match netlink::try_link(kind, "airlock-probe") {
        Ok(()) => Outcome::ok(format!("a {kind} link was made and taken away")),
        Err(Errno::PERM | Errno::ACCESS) => Outcome::unknown("only root can try it out"),
        // A run of the same check at the same time.
        Err(Errno::EXIST) => Outcome::unknown("somebody else tries it out: a link airlock-probe is there"),
        Err(Errno::OPNOTSUPP | Errno::PROTONOSUPPORT) => {
            Outcome::fail(lacks(kind, host), remedy(kind)).and(load(host, kind))
        }
        Err(error) => Outcome::fail(format!("a {kind} link cannot be made: {error}"), remedy(kind)),
    }
}

/// Limits of inotify that are too small for kubelet, containerd and the programs in pods together.
const INSTANCES: (u64, u64) = (128, 512);
const WATCHES: (u64, u64) = (8192, 65_536);
/// What `--fix` sets.
const SET_INSTANCES: u64 = 8192;
const SET_WATCHES: u64 = 524_288;

/// Every watched file counts, of all containers together.
pub(crate) fn inotify(context: &Context) -> Outcome {
    let number = |name: &str| context.host.number(format!("/proc/sys/fs/inotify/{name}"));
    let (Some(instances), Some(watches)) = (number("max_user_instances"), number("max_user_watches")) else {
        return Outcome::unknown("/proc/sys/fs/inotify cannot be read");
    };
    let evidence = format!("max_user_instances is {instances}, max_user_watches is {watches}");
    if instances >= INSTANCES.1 && watches >= WATCHES.1 {
        return Outcome::ok(evidence);
    }
    let remedy = format!(
        "`sysctl -w fs.inotify.max_user_instances={SET_INSTANCES} fs.inotify.max_user_watches={SET_WATCHES}`, and the same in /etc/sysctl.d/90-airlock-inotify.conf"
    );
    let outcome = if instances < INSTANCES.0 || watches < WATCHES.0 {
        Outcome::fail(evidence, remedy)
    } else {
        Outcome::warn(format!("{evidence}, which a few dozen pods use up"), remedy)
    };
    let mut wanted = Vec::new();
    if instances < INSTANCES.1 {
        wanted.push(("fs.inotify.max_user_instances", SET_INSTANCES.to_string()));
    }
    if watches < WATCHES.1 {
        wanted.push(("fs.inotify.max_user_watches", SET_WATCHES.to_string()));
    }
    outcome.and(fixes::sysctls(&context.host, "inotify", &wanted))
}

/// What the kubelet wants to find when it may not set it (`protect-kernel-defaults`).
const CIS: [(&str, &str); 4] = [
    ("vm.panic_on_oom", "0"),
    ("vm.overcommit_memory", "1"),
    ("kernel.panic", "10"),
    ("kernel.panic_on_oops", "1"),
];

/// Only where the site hardens its nodes.
pub(crate) fn cis_sysctls(context: &Context) -> Outcome {
    let is_wanted =
        context.site().is_some_and(|site| site.cluster.cis) || context.is_on("protect-kernel-defaults");
    if !is_wanted {
        return Outcome::skipped("the site does not ask for the CIS profile (`cluster.cis`)");
    }
    let wrong: Vec<(&str, String)> = CIS
        .into_iter()
        .filter(|(name, value)| {
            let path = format!("/proc/sys/{}", name.replace('.', "/"));
            context.host.line(path).as_deref() != Some(*value)
        })
        .map(|(name, value)| (name, value.to_owned()))
        .collect();
    if wrong.is_empty() {
        return Outcome::ok("all are as the kubelet wants them");
    }
    let list: Vec<String> = wrong
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    // The installation sets them in any case, so it is no reason to stop.
    Outcome::warn(
        format!("not yet {}; the installation sets them", list.join(", ")),
        format!(
            "`sysctl -w {}`, and the same in /etc/sysctl.d/90-airlock-cis.conf",
            list.join(" ")
        ),
    )
    .and(fixes::sysctls(&context.host, "cis", &wrong))
}
