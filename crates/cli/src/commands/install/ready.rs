//! Before the first change: is there anything that k3s would not start with, or that it would spoil?

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::SystemTime;

use airlock_installer::Role;
use airlock_node::Journal;
use airlock_preflight::{Host, Settings, failing, select};

use super::{Asked, failed};
use crate::commands::preflight::{self, needs};
use crate::failure::{Failure, Result};
use crate::print;

/// Checks of `airlock preflight` about what installing does not change itself, and that ask nobody else. Of a mirror
/// and a clock more can be said once the machine knows its names.
const CHECKS: [&str; 8] = [
    "names.hostname",
    "net.default-route",
    "net.overlap",
    "ports",
    "kernel.overlay",
    "disk.exec",
    "disk.space",
    "others.runtimes",
];

/// Refuses a machine on which one of the checks fails, unless something was installed on it already.
pub(super) fn machine(asked: &Asked<'_>) -> Result {
    let args = asked.args;
    let journal = Journal::read(asked.node).map_err(failed)?;
    let mut installed = journal.changes().filter(|(by, _)| *by == super::BY);
    if let Some(other) = installed
        .clone()
        .find_map(|(_, title)| of_other_role(asked.role, title))
    {
        return Err(Failure::no(anyhow::anyhow!(
            "this is a node already, as {}, and cannot be both",
            other.as_str()
        ))
        .hint("`airlock uninstall` takes that away, and keeps its data; then run the same command again"));
    }
    let is_begun = installed.next().is_some();
    if args.no_preflight || args.dry_run || !asked.node.is_machine() || is_begun {
        return Ok(());
    }
    let content = needs::of(&**asked.contents.view())?;
    let settings = Settings {
        role: match asked.role {
            Role::Server => airlock_preflight::Role::Server,
            Role::Agent => airlock_preflight::Role::Agent,
        },
        needs: content.needs(&asked.site.cluster.data_dir),
        release: Some(asked.release.release.clone()),
        site: Some(asked.site.clone()),
        ..Settings::new(Arc::new(SystemTime::now))
    };
    let selection = select(&CHECKS.map(str::to_owned), &[])?;
    let report = preflight::run_on(Host::machine(), settings, &selection);
    let mut ids = Vec::new();
    let mut text = String::new();
    for finding in failing(&report.checks) {
        ids.push(finding.id);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}: {}", finding.id, finding.evidence);
        if let Some(remedy) = &finding.remedy {
            let _ = writeln!(text, "    {remedy}");
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    print::note(asked.global, text.trim_end());
    Err(Failure::no(anyhow::anyhow!(
        "k3s would not run here, so nothing was changed: {}",
        ids.join(", ")
    ))
    .hint("`airlock preflight` checks this and more; --no-preflight installs all the same"))
}

/// The other role, if this change is its service.
fn of_other_role(role: Role, title: &str) -> Option<Role> {
    let other = match role {
        Role::Server => Role::Agent,
        Role::Agent => Role::Server,
    };
    let name = other.service();
    let files = [
        format!("file /etc/systemd/system/{name}.service "),
        format!("file /etc/init.d/{name} "),
    ];
    files.iter().any(|file| title.starts_with(file)).then_some(other)
}
