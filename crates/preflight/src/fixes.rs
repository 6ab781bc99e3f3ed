//! What `--fix` does: changes that are safe, journaled and can be undone.
//!
//! What a change sets now and what sets it again at the next start are two changes, in this order.

use std::path::{Path, PathBuf};
use std::time::Duration;

use airlock_node::{Change, Content, Service, ServiceManager};
use airlock_spec::site::Site;

use crate::Host;

/// In whose name the repairs are in the journal.
pub const FIXED_BY: &str = "preflight";

/// How long chrony may take to start.
const START: Duration = Duration::from_secs(30);

fn file(path: impl Into<PathBuf>, text: String) -> Change {
    Change::File {
        path: path.into(),
        mode: 0o644,
        content: Content::from(text),
        secret: false,
    }
}

/// A module, now and at every start.
pub(crate) fn module(name: &str) -> Vec<Change> {
    vec![
        Change::Module {
            name: name.to_owned(),
        },
        file(
            format!("/etc/modules-load.d/airlock-{name}.conf"),
            format!("{name}\n"),
        ),
    ]
}

/// Parameters of the kernel, now and at every start; `subject` names the file, in which those of an earlier repair stay.
pub(crate) fn sysctls(host: &Host, subject: &str, wanted: &[(&str, String)]) -> Vec<Change> {
    let path = format!("/etc/sysctl.d/90-airlock-{subject}.conf");
    let mut changes: Vec<Change> = wanted
        .iter()
        .map(|(name, value)| Change::Sysctl {
            name: (*name).to_owned(),
            value: value.clone(),
        })
        .collect();
    let is_set_anew = |line: &&str| {
        let name = line.split('=').next().unwrap_or_default().trim();
        wanted.iter().any(|(wanted, _)| *wanted == name)
    };
    let before = host.read(&path).unwrap_or_default();
    let mut lines: Vec<String> = before
        .lines()
        .filter(|line| !is_set_anew(line))
        .map(str::to_owned)
        .collect();
    lines.extend(wanted.iter().map(|(name, value)| format!("{name} = {value}")));
    changes.push(file(path, lines.join("\n") + "\n"));
    changes
}

/// No swap, now and at every start.
pub(crate) fn swap(host: &Host) -> Vec<Change> {
    let mut changes = vec![Change::SwapOff];
    let lines = swap_lines(&host.read("/etc/fstab").unwrap_or_default());
    if !lines.is_empty() {
        changes.push(Change::Comment {
            path: "/etc/fstab".into(),
            lines,
        });
    }
    changes
}

/// The lines of the table of file systems that are swap.
fn swap_lines(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#') && line.split_whitespace().nth(2) == Some("swap"))
        .map(str::to_owned)
        .collect()
}

/// chrony that follows the site's time servers, where it is installed.
pub(crate) fn chrony(host: &Host, servers: &[String]) -> Vec<Change> {
    if servers.is_empty() {
        return Vec::new();
    }
    let Some(config) = host.first(&["/etc/chrony/chrony.conf", "/etc/chrony.conf"]) else {
        return Vec::new();
    };
    // Step at any start: a clock that is hours off would be slewed for days.
    let mut lines: Vec<String> = servers
        .iter()
        .filter(|server| server.chars().all(|c| c.is_ascii_graphic()))
        .map(|server| format!("server {server} iburst prefer"))
        .collect();
    lines.push("makestep 1 3".to_owned());
    let mut changes = vec![Change::Lines {
        path: config.into(),
        name: FIXED_BY.to_owned(),
        lines: lines.clone(),
    }];
    changes.extend(chrony_service(host, lines.join("\n")));
    changes
}

fn chrony_service(host: &Host, fingerprint: String) -> Option<Change> {
    let (manager, unit) = [
        (
            "/usr/lib/systemd/system/chrony.service",
            ServiceManager::Systemd,
            "chrony.service",
        ),
        (
            "/lib/systemd/system/chrony.service",
            ServiceManager::Systemd,
            "chrony.service",
        ),
        (
            "/usr/lib/systemd/system/chronyd.service",
            ServiceManager::Systemd,
            "chronyd.service",
        ),
        ("/etc/init.d/chronyd", ServiceManager::OpenRc, "chronyd"),
    ]
    .into_iter()
    .find(|(path, ..)| host.exists(Path::new(path)))
    .map(|(_, manager, unit)| (manager, unit))?;
    Some(Change::Service(Service {
        manager,
        unit: unit.to_owned(),
        fingerprint,
        wait: START,
    }))
}

/// A line of `/etc/hosts`; `subject` names its block, of which there is one for each check.
pub(crate) fn hosts(subject: &str, line: String) -> Vec<Change> {
    vec![Change::Lines {
        path: "/etc/hosts".into(),
        name: format!("{FIXED_BY} {subject}"),
        lines: vec![line],
    }]
}

/// The line that the site has for a name, which an installation writes as well.
pub(crate) fn line_of_site(site: Option<&Site>, name: &str) -> Option<String> {
    site?.hosts.iter().find_map(|(address, names)| {
        let is_there = names.iter().any(|it| it.eq_ignore_ascii_case(name));
        is_there.then(|| format!("{address} {}", names.join(" ")))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn swap_of_the_table_and_nothing_else_becomes_a_comment() {
        let table = "/dev/sda1 / ext4 defaults 0 1\n# /dev/sdb none swap sw 0 0\nUUID=1 none swap sw 0 0\n/swap.img\tnone\tswap\tsw\t0\t0";
        assert_eq!(
            swap_lines(table),
            ["UUID=1 none swap sw 0 0", "/swap.img\tnone\tswap\tsw\t0\t0"]
        );
        assert!(swap_lines("").is_empty());
    }

    #[test]
    fn what_is_set_now_is_set_at_the_next_start_too() {
        let titles = |changes: &[Change]| changes.iter().map(Change::title).collect::<Vec<_>>();
        assert_eq!(
            titles(&module("overlay")),
            [
                "module overlay",
                "file /etc/modules-load.d/airlock-overlay.conf 0644, 8 bytes"
            ]
        );
        let wanted = [("fs.inotify.max_user_instances", "8192".to_owned())];
        let folder = tempfile::tempdir().unwrap();
        let host = Host::tree(folder.path());
        assert_eq!(
            titles(&sysctls(&host, "inotify", &wanted)),
            [
                "sysctl fs.inotify.max_user_instances = 8192",
                "file /etc/sysctl.d/90-airlock-inotify.conf 0644, 37 bytes"
            ]
        );
        // What an earlier repair has set is still set.
        let path = folder.path().join("etc/sysctl.d/90-airlock-inotify.conf");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(
            path,
            "fs.inotify.max_user_instances = 1\nfs.inotify.max_user_watches = 2\n",
        )
        .unwrap();
        let changes = sysctls(&host, "inotify", &wanted);
        let Some(Change::File { content, .. }) = changes.last() else {
            panic!("{changes:?}");
        };
        let mut text = String::new();
        std::io::Read::read_to_string(&mut content.open().unwrap(), &mut text).unwrap();
        assert_eq!(
            text,
            "fs.inotify.max_user_watches = 2\nfs.inotify.max_user_instances = 8192\n"
        );
    }

    #[test]
    fn chrony_is_changed_only_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::tree(folder.path());
        let servers = ["10.0.0.1".to_owned()];
        assert!(chrony(&host, &servers).is_empty());
        for path in ["etc/chrony/chrony.conf", "usr/lib/systemd/system/chrony.service"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        assert!(chrony(&host, &[]).is_empty());
        let titles: Vec<String> = chrony(&host, &servers).iter().map(Change::title).collect();
        assert_eq!(
            titles,
            [
                "2 lines for preflight in /etc/chrony/chrony.conf",
                "service chrony.service running"
            ]
        );
    }
}
