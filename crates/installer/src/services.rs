//! What a node does for its site besides the cluster: names, time, trust.

use std::path::{Path, PathBuf};
use std::time::Duration;

use airlock_node::{Change, Content, PackageManager, Service, ServiceManager};
use airlock_spec::site::{Dns, Ntp, Site};

use crate::{Machine, Secrets};

/// How long a small service may take to start.
const QUICK: Duration = Duration::from_mins(1);

/// `/etc/hosts`: names that no server of the site knows yet.
pub(crate) fn hosts(site: &Site) -> Option<Change> {
    let lines: Vec<String> = site
        .hosts
        .iter()
        .map(|(address, names)| format!("{address} {}", names.join(" ")))
        .collect();
    (!lines.is_empty()).then(|| Change::Lines {
        path: "/etc/hosts".into(),
        name: "site".to_owned(),
        lines,
    })
}

/// The authorities of the mirror and of the site, trusted by everything on the machine.
pub(crate) fn trust(machine: &Machine, secrets: &Secrets) -> Vec<Change> {
    let (folder, ending, program) = match machine.os.packages() {
        Some(PackageManager::Apt) => (
            "/usr/local/share/ca-certificates",
            "crt",
            "update-ca-certificates",
        ),
        Some(PackageManager::Dnf) => ("/etc/pki/ca-trust/source/anchors", "pem", "update-ca-trust"),
        Some(PackageManager::Zypper) => ("/etc/pki/trust/anchors", "pem", "update-ca-certificates"),
        None => return Vec::new(),
    };
    let mut files = Vec::new();
    for (name, text) in [("mirror", &secrets.mirror_ca), ("site", &secrets.site_ca)] {
        if let Some(text) = text {
            files.push(Change::File {
                path: Path::new(folder).join(format!("airlock-{name}.{ending}")),
                mode: 0o644,
                content: Content::from(text.as_str()),
                secret: false,
            });
        }
    }
    if !files.is_empty() {
        files.push(Change::Refresh {
            program: program.to_owned(),
            args: Vec::new(),
            // Debian's only takes the links to a certificate that is gone away when it makes all of them anew.
            undo_args: (program == "update-ca-certificates" && ending == "crt")
                .then(|| "--fresh".to_owned())
                .into_iter()
                .collect(),
            fingerprint: fingerprint(&files),
        });
    }
    files
}

/// chrony: asks the site's servers, or is one.
pub(crate) fn ntp(machine: &Machine, ntp: &Ntp) -> Vec<Change> {
    let is_debian = machine.os.packages() == Some(PackageManager::Apt);
    let mut text = String::from("# Written by Airlock from site.yaml.\n");
    for server in &ntp.servers {
        text.push_str(&format!("server {server} iburst\n"));
    }
    for network in &ntp.allow {
        text.push_str(&format!("allow {network}\n"));
    }
    // A site without any server still has one time: that of this node.
    let stratum = ntp.local_stratum.or((ntp.servers.is_empty()).then_some(10));
    if let Some(stratum) = stratum {
        text.push_str(&format!("local stratum {stratum}\n"));
    }
    text.push_str("driftfile /var/lib/chrony/drift\nmakestep 1.0 3\nrtcsync\nlogdir /var/log/chrony\n");
    let (path, unit) = if is_debian {
        ("/etc/chrony/chrony.conf", "chrony")
    } else {
        ("/etc/chrony.conf", "chronyd")
    };
    service(machine, path.into(), text, unit)
}

/// dnsmasq: answers for the site's own names, and asks nobody unless told to.
pub(crate) fn dns(machine: &Machine, dns: &Dns) -> Vec<Change> {
    // Fedora and its relatives come with `bind-interfaces` in dnsmasq's own file, and both together keep it from starting.
    let bind = match machine.os.packages() {
        Some(PackageManager::Dnf) => "bind-interfaces",
        _ => "bind-dynamic",
    };
    let mut text = format!("# Written by Airlock from site.yaml.\nno-resolv\nno-hosts\n{bind}\n");
    for address in &dns.listen {
        text.push_str(&format!("listen-address={address}\n"));
    }
    if let Some(domain) = &dns.domain {
        // Names of this domain that are not known here are known nowhere.
        text.push_str(&format!("domain={domain}\nlocal=/{domain}/\n"));
    }
    for (name, addresses) in &dns.records {
        for address in addresses {
            text.push_str(&format!("host-record={name},{address}\n"));
        }
    }
    for server in &dns.upstream {
        text.push_str(&format!("server={server}\n"));
    }
    service(machine, "/etc/dnsmasq.d/airlock.conf".into(), text, "dnsmasq")
}

/// A file of configuration, and the service that reads it.
fn service(machine: &Machine, path: PathBuf, text: String, unit: &str) -> Vec<Change> {
    let file = Change::File {
        path,
        mode: 0o644,
        content: Content::from(text),
        secret: false,
    };
    let fingerprint = fingerprint(std::slice::from_ref(&file));
    let unit = match machine.services {
        ServiceManager::Systemd => format!("{unit}.service"),
        ServiceManager::OpenRc => unit.to_owned(),
    };
    vec![
        file,
        Change::Service(Service {
            manager: machine.services,
            unit,
            fingerprint,
            wait: QUICK,
        }),
    ]
}

/// The OS packages that a site wants on its nodes: its own, and those that its services come in.
pub fn os_packages(site: &Site) -> Vec<String> {
    let mut names = site.packages.clone();
    let services = [
        (site.services.ntp.is_some(), "chrony"),
        (site.services.dns.is_some(), "dnsmasq"),
    ];
    for (is_wanted, name) in services {
        if is_wanted && !names.iter().any(|one| one == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// Stands for files: another one for any other path, mode or content. What is to be gone is not among them: the next run
/// does not find it, and must not take that for a difference.
pub(crate) fn fingerprint(changes: &[Change]) -> String {
    let mut text = String::new();
    for change in changes {
        if matches!(change, Change::Absent { .. }) {
            continue;
        }
        text.push_str(&change.title());
        if let Change::File { content, .. } = change {
            text.push_str(&content.digest().to_string());
        }
        text.push('\n');
    }
    airlock_types::Digest::sha256(airlock_hash::sha256(text.as_bytes())).hex()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_archive_that_goes_is_no_reason_to_start_again() {
        let file = Change::file("/a", 0o644, "a");
        let gone = Change::Absent { path: "/old".into() };
        let first = fingerprint(&[file.clone(), gone]);
        assert_eq!(first, fingerprint(std::slice::from_ref(&file)));
        assert_ne!(first, fingerprint(&[Change::file("/a", 0o600, "a")]));
    }
}
