//! iptables and nf_tables.

use std::io::Write;
use std::time::Duration;

use rustix::io::Errno;

use crate::check::Outcome;
use airlock_node::{RunError, Runner};

use crate::{Context, netlink};

/// How long one program may take; another one may hold the lock of the tables.
const PATIENCE: Duration = Duration::from_secs(10);

/// Versions that add the same rules again and again in nf_tables mode (k3s#3117, kubernetes#82361).
const BAD: std::ops::RangeInclusive<(u32, u32, u32)> = (1, 8, 0)..=(1, 8, 4);

/// Every kind of match and target that kube-proxy and flannel use. Read, and not kept.
const RULES: &str = "*filter
:AIRLOCK-PROBE - [0:0]
-A AIRLOCK-PROBE -m comment --comment airlock -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A AIRLOCK-PROBE -m mark --mark 0x8000/0x8000 -j DROP
-A AIRLOCK-PROBE -p tcp -m tcp --dport 6443 -m addrtype --dst-type LOCAL -j RETURN
COMMIT
*nat
:AIRLOCK-PROBE - [0:0]
-A AIRLOCK-PROBE -m statistic --mode random --probability 0.5 -j RETURN
-A AIRLOCK-PROBE -j MARK --or-mark 0x4000
-A AIRLOCK-PROBE -p tcp -m tcp -j DNAT --to-destination 127.0.0.1:6443
-A AIRLOCK-PROBE -j MASQUERADE
COMMIT
";

/// Whether rules as Kubernetes makes them can be made.
pub(crate) fn rules(context: &Context) -> Outcome {
    let host = &context.host;
    if !host.is_live() {
        return Outcome::skipped("rules can only be tried out on the machine itself");
    }
    let legacy = host.exists("/proc/net/ip_tables_names");
    let nf_tables = netlink::has_nf_tables();
    if nf_tables == Err(Errno::PERM) {
        return Outcome::unknown("only root can try rules out");
    }
    let remedy = "`modprobe nf_tables` (or `ip_tables` for the older way); install the distribution's full kernel where there is no such module";
    let runner = Runner::default().limit(PATIENCE);
    if !runner.has("iptables-restore") || context.is_on("prefer-bundled-bin") {
        let own = "k3s brings programs of its own";
        return match (nf_tables, legacy) {
            (Ok(()), _) => Outcome::ok(format!(
                "there is no iptables, {own}, and the kernel has nf_tables"
            )),
            (Err(_), true) => Outcome::ok(format!(
                "there is no iptables, {own}, and the kernel has ip_tables"
            )),
            (Err(error), false) => Outcome::fail(
                format!("the kernel has neither nf_tables ({error}) nor ip_tables"),
                remedy,
            ),
        };
    }
    let tried = tempfile::NamedTempFile::new().and_then(|mut file| {
        file.write_all(RULES.as_bytes())?;
        Ok(file)
    });
    let rules = match tried {
        Ok(rules) => rules,
        Err(error) => return Outcome::unknown(format!("no temporary file can be written: {error}")),
    };
    let path = rules.path().to_string_lossy().into_owned();
    match runner.succeed("iptables-restore", &["--test", "--noflush", "--wait", "5", &path]) {
        Ok(_) => Outcome::ok("iptables-restore takes every kind of rule that Kubernetes makes"),
        Err(error @ RunError::Failed { .. }) => Outcome::fail(
            format!("rules as Kubernetes makes them are refused: {error}"),
            remedy,
        ),
        Err(error) => Outcome::unknown(error.to_string()),
    }
}

/// The version of the programs.
pub(crate) fn version(context: &Context) -> Outcome {
    if !context.host.is_live() {
        return Outcome::skipped("programs are only run on the machine itself");
    }
    if context.is_on("prefer-bundled-bin") {
        return Outcome::ok("the site uses the iptables that k3s brings (`prefer-bundled-bin`)");
    }
    let shown = match Runner::default()
        .limit(PATIENCE)
        .succeed("iptables", &["--version"])
    {
        Ok(text) => text.trim().chars().take(80).collect::<String>(),
        Err(RunError::Missing(_)) => return Outcome::ok("there is no iptables; k3s brings its own"),
        Err(error @ RunError::Failed { .. }) => {
            return Outcome::fail(
                format!("iptables does not work: {error}"),
                "install the package iptables again, or remove it: k3s brings its own",
            );
        }
        Err(error) => return Outcome::unknown(error.to_string()),
    };
    let Some(version) = parse_version(&shown) else {
        return Outcome::unknown(format!("iptables calls itself {shown:?}"));
    };
    if BAD.contains(&version) && !shown.contains("legacy") {
        return Outcome::fail(
            format!(
                "{shown}: versions 1.8.0 to 1.8.4 add the same rules again and again until the node stands still"
            ),
            "put `prefer-bundled-bin: true` into `cluster.config` of site.yaml, or install iptables 1.8.5 or later, or remove it",
        );
    }
    Outcome::ok(shown)
}

/// The numbers in `iptables v1.8.9 (nf_tables)`.
fn parse_version(text: &str) -> Option<(u32, u32, u32)> {
    let word = text
        .split_whitespace()
        .filter_map(|word| word.strip_prefix('v'))
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let mut numbers = word.split('.').map(|part| {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    });
    Some((
        numbers.next()??,
        numbers.next()??,
        numbers.next().flatten().unwrap_or(0),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers() {
        assert_eq!(parse_version("iptables v1.8.9 (nf_tables)"), Some((1, 8, 9)));
        assert_eq!(parse_version("iptables v1.6.1"), Some((1, 6, 1)));
        assert_eq!(parse_version("ip v v1.8"), Some((1, 8, 0)));
        for bad in ["", "v", "iptables", "vx.y", "v1", "v99999999999.1.1"] {
            assert_eq!(parse_version(bad), None, "{bad}");
        }
        for bad in [(1, 8, 0), (1, 8, 2), (1, 8, 4)] {
            assert!(BAD.contains(&bad));
        }
        assert!(!BAD.contains(&(1, 8, 5)) && !BAD.contains(&(1, 6, 1)));
    }
}
