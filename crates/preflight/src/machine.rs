//! Memory, processors, swap.

use airlock_types::ByteSize;

use crate::check::Outcome;
use crate::read::pairs;
use crate::{Context, fixes};

/// What k3s' own measurements give for a server with little to do, and for an agent (docs.k3s.io, resource profiling).
const SERVER_MEMORY: (u64, u64) = (1 << 30, 2 << 30);
const AGENT_MEMORY: (u64, u64) = (384 << 20, 512 << 20);

/// A machine of 2 GiB shows less, since the kernel takes its part first.
fn with_kernel(wanted: u64) -> u64 {
    wanted / 100 * 88
}

/// Memory.
pub(crate) fn memory(context: &Context) -> Outcome {
    let text = context.host.read("/proc/meminfo").unwrap_or_default();
    let Some(total) = pairs::meminfo(&text)
        .get("MemTotal")
        .and_then(|kib| kib.checked_mul(1024))
    else {
        return Outcome::unknown("/proc/meminfo does not tell");
    };
    let (least, good) = if context.is_server() {
        SERVER_MEMORY
    } else {
        AGENT_MEMORY
    };
    let evidence = format!("{} in all", ByteSize(total));
    let remedy = format!("give the machine {} or more", ByteSize(good));
    if total < with_kernel(least) {
        Outcome::fail(evidence, remedy)
    } else if total < with_kernel(good) {
        Outcome::warn(format!("{evidence}, which leaves little for pods"), remedy)
    } else {
        Outcome::ok(evidence)
    }
}

/// Processors.
pub(crate) fn processors(context: &Context) -> Outcome {
    let list = context.host.line("/sys/devices/system/cpu/online");
    let Some(count) = list.as_deref().and_then(count) else {
        return Outcome::unknown("/sys/devices/system/cpu/online does not tell");
    };
    let wanted = if context.is_server() { 2 } else { 1 };
    if count < wanted {
        return Outcome::warn(
            format!(
                "{count}, of {wanted} that a {} should have",
                if context.is_server() { "server" } else { "node" }
            ),
            "give the machine another processor",
        );
    }
    Outcome::ok(format!("{count}"))
}

/// How many `0-3,8` are.
fn count(list: &str) -> Option<u32> {
    let mut sum = 0_u32;
    for range in list.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        sum = sum.checked_add(last.checked_sub(first)?.checked_add(1)?)?;
    }
    Some(sum)
}

/// Swap: the limits of memory do not hold with it.
pub(crate) fn swap(context: &Context) -> Outcome {
    let Some(text) = context.host.read("/proc/swaps") else {
        return Outcome::ok("this kernel knows no swap");
    };
    let devices: Vec<String> = text
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            let name = fields.next()?;
            let kib: u64 = fields.nth(1)?.parse().ok()?;
            Some(format!("{name} ({})", ByteSize(kib.saturating_mul(1024))))
        })
        .collect();
    if devices.is_empty() {
        return Outcome::ok("none is on");
    }
    let list = devices.join(", ");
    if context.has_argument("kubelet-arg", "fail-swap-on=false") {
        return Outcome::ok(format!("{list}, which the site accepts (`fail-swap-on=false`)"));
    }
    Outcome::fail(
        format!("on: {list}; pods are not held to their memory, and etcd stalls"),
        "`swapoff -a`, and a # before its line in /etc/fstab; or accept it with `kubelet-arg: [fail-swap-on=false]` in `cluster.config`",
    )
    .and(fixes::swap(&context.host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_counted_in_ranges() {
        assert_eq!(count("0"), Some(1));
        assert_eq!(count("0-3,8"), Some(5));
        for bad in ["", "3-1", "a", "0-", "0-4294967295,0-4294967295"] {
            assert_eq!(count(bad), None, "{bad}");
        }
    }
}
