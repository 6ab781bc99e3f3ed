//! Control groups.

use crate::Context;
use crate::check::Outcome;
use crate::read::mounts::{self, Mount};

/// What the kubelet cannot do without.
const NEEDED: [&str; 3] = ["cpu", "cpuset", "memory"];
/// From this minor version on the kubelet refuses version 1 (Kubernetes 1.35, `failCgroupV1`).
const WITHOUT_V1: u32 = 35;

const MEMORY_REMEDY: &str = "add `cgroup_enable=cpuset cgroup_memory=1 cgroup_enable=memory` to the kernel's command line (on a Raspberry Pi /boot/firmware/cmdline.txt) and restart";
const V2_REMEDY: &str = "start with `systemd.unified_cgroup_hierarchy=1` on the kernel's command line, on a distribution with systemd 244 or later";

/// Which controllers there are, and of which version.
pub(crate) fn controllers(context: &Context) -> Outcome {
    let host = &context.host;
    let Some(text) = host.read("/proc/mounts") else {
        return Outcome::unknown("/proc/mounts cannot be read");
    };
    let mounts = mounts::read(&text);
    if let Some(unified) = mounts
        .iter()
        .rev()
        .find(|mount| mount.kind == "cgroup2" && mount.place == std::path::Path::new("/sys/fs/cgroup"))
    {
        let list = host
            .line(unified.place.join("cgroup.controllers"))
            .unwrap_or_default();
        let missing = missing(|name| list.split_whitespace().any(|it| it == name));
        return if missing.is_empty() {
            Outcome::ok(format!("version 2 with {list}"))
        } else {
            Outcome::fail(format!("version 2 without {}", missing.join(", ")), MEMORY_REMEDY)
        };
    }
    let v1: Vec<&Mount> = mounts.iter().filter(|mount| mount.kind == "cgroup").collect();
    if v1.is_empty() {
        return Outcome::fail(
            "no control groups are mounted at /sys/fs/cgroup",
            "mount them (`mount -t cgroup2 none /sys/fs/cgroup`); with OpenRC `rc-update add cgroups`",
        );
    }
    let missing = missing(|name| v1.iter().any(|mount| mount.has(name)));
    if !missing.is_empty() {
        return Outcome::fail(format!("version 1 without {}", missing.join(", ")), MEMORY_REMEDY);
    }
    if context.has_argument("kubelet-arg", "fail-cgroupv1=false") {
        return Outcome::ok("version 1, which the site accepts (`fail-cgroupv1=false`)");
    }
    match context.minor() {
        Some(minor) if minor >= WITHOUT_V1 => Outcome::fail(
            format!("version 1, which the kubelet of 1.{minor} refuses"),
            format!(
                "{V2_REMEDY}; or accept it for now with `kubelet-arg: [fail-cgroupv1=false]` in `cluster.config`"
            ),
        ),
        Some(minor) => Outcome::warn(
            format!("version 1, which 1.{minor} still takes and 1.{WITHOUT_V1} does not"),
            V2_REMEDY,
        ),
        None => Outcome::warn(
            format!(
                "version 1, which the kubelet refuses from 1.{WITHOUT_V1} on; the release is not known here"
            ),
            V2_REMEDY,
        ),
    }
}

fn missing(has: impl Fn(&str) -> bool) -> Vec<&'static str> {
    NEEDED.into_iter().filter(|name| !has(name)).collect()
}
