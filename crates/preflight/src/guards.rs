//! What guards the machine, and stands in the way of k3s: firewalls, SELinux, fapolicyd, nm-cloud-setup.

use crate::check::Outcome;
use crate::read::pairs;
use crate::{Context, Host};

fn is_running(host: &Host, program: &str) -> bool {
    host.processes()
        .iter()
        .any(|process| process.program() == program)
}

/// firewalld and ufw drop what goes between pods.
pub(crate) fn firewall(context: &Context) -> Outcome {
    let host = &context.host;
    let mut active = Vec::new();
    if is_running(host, "firewalld") {
        active.push("firewalld runs");
    }
    let ufw = pairs::assignments(&host.read("/etc/ufw/ufw.conf").unwrap_or_default());
    if ufw
        .iter()
        .any(|(name, value)| name == "ENABLED" && value.eq_ignore_ascii_case("yes"))
    {
        active.push("ufw is enabled");
    }
    if active.is_empty() {
        return Outcome::ok("neither firewalld nor ufw is active");
    }
    let evidence = active.join(", ");
    let leaves = context
        .site()
        .is_some_and(|site| site.firewall == airlock_spec::site::Firewall::Leave);
    let networks: Vec<String> = context
        .cluster_networks()
        .iter()
        .map(|(_, network)| network.to_string())
        .collect();
    let firewalld: Vec<String> = networks
        .iter()
        .map(|network| format!("--add-source={network}"))
        .collect();
    let ufw: Vec<String> = networks
        .iter()
        .map(|network| format!("ufw allow from {network}"))
        .collect();
    let command = if active.first() == Some(&"firewalld runs") {
        format!(
            "`firewall-cmd --permanent --zone=trusted {} && firewall-cmd --permanent --add-port=6443/tcp --add-port=10250/tcp --add-port=8472/udp && firewall-cmd --reload`",
            firewalld.join(" ")
        )
    } else {
        format!(
            "`{} && ufw allow 6443/tcp && ufw allow 10250/tcp && ufw allow 8472/udp`",
            ufw.join(" && ")
        )
    };
    if leaves {
        return Outcome::warn(
            format!("{evidence}, and the site leaves its rules alone (`firewall: leave`)"),
            format!("let the networks of the cluster through: {command}"),
        );
    }
    Outcome::warn(
        evidence,
        format!("`airlock install` adds the rules (`firewall: auto`); by hand: {command}"),
    )
}

/// nm-cloud-setup takes the routes of pods away (RHEL, documented by k3s).
pub(crate) fn cloud_setup(context: &Context) -> Outcome {
    let host = &context.host;
    let mut enabled = Vec::new();
    for folder in host.names("/etc/systemd/system") {
        // `multi-user.target.wants`, `timers.target.wants`, `x.requires`
        if !matches!(folder.rsplit('.').next(), Some("wants" | "requires")) {
            continue;
        }
        for unit in host.names(format!("/etc/systemd/system/{folder}")) {
            if unit.starts_with("nm-cloud-setup.") {
                enabled.push(unit);
            }
        }
    }
    if enabled.is_empty() {
        return Outcome::ok("it is not enabled");
    }
    Outcome::fail(
        format!(
            "{} is enabled, and takes the routes of pods away",
            enabled.join(", ")
        ),
        "`systemctl disable --now nm-cloud-setup.service nm-cloud-setup.timer`, then restart the machine",
    )
}

/// Where k3s' policy puts itself, or leaves its rules.
const POLICY: [&str; 3] = [
    "/usr/share/selinux/packages/k3s.pp",
    "/usr/share/selinux/packages/k3s.pp.bz2",
    "/var/lib/selinux/targeted/active/modules/200/k3s",
];

/// SELinux that enforces lets k3s do nothing without a policy.
pub(crate) fn selinux(context: &Context) -> Outcome {
    use airlock_spec::site::Selinux;
    let host = &context.host;
    let wanted = context
        .site()
        .map(|site| site.cluster.selinux)
        .unwrap_or_default();
    let mode = host.line("/sys/fs/selinux/enforce");
    match mode.as_deref() {
        Some("1") => {}
        Some(_) => return Outcome::ok("SELinux is permissive"),
        None if wanted == Selinux::On => {
            return Outcome::warn(
                "the site wants SELinux (`cluster.selinux: on`), and the kernel does not have it",
                "set `SELINUX=enforcing` in /etc/selinux/config and restart, or leave it to `auto`",
            );
        }
        None => return Outcome::ok("the kernel does not enforce SELinux"),
    }
    let contexts = host
        .read("/etc/selinux/targeted/contexts/files/file_contexts")
        .unwrap_or_default();
    let has_policy = host.first(&POLICY).is_some() || contexts.contains("/rancher/k3s");
    if has_policy {
        return Outcome::ok("SELinux enforces, and the policy of k3s is there");
    }
    let distribution = host.os().and_then(|os| os.selinux());
    let brought = &context.settings.selinux_policies;
    if let Some(name) = distribution.as_ref().filter(|name| brought.contains(name)) {
        return Outcome::ok(format!(
            "SELinux enforces, and the policy of k3s for {name} comes with the installation"
        ));
    }
    let evidence = match (&distribution, brought.is_empty()) {
        (Some(name), false) => format!(
            "SELinux enforces, there is no policy for k3s here, and what is installed brings that of {}, not of {name}",
            brought.join(", ")
        ),
        (None, false) => {
            "SELinux enforces, there is no policy for k3s here, and none is known for this distribution"
                .to_owned()
        }
        (_, true) => {
            "SELinux enforces, and there is no policy for k3s, neither here nor in what is installed"
                .to_owned()
        }
    };
    if wanted == Selinux::Off {
        return Outcome::warn(
            format!("{evidence}; the site goes without it (`cluster.selinux: off`)"),
            "containers are not confined so; leave `cluster.selinux` to `auto` and carry the policy",
        );
    }
    Outcome::fail(
        evidence,
        "carry the policy in the bundle (`k3s: {selinux: [el9]}` in the manifest) or install the package k3s-selinux; `setenforce 0` only to find out",
    )
}

/// fapolicyd forbids programs that no package brought.
pub(crate) fn fapolicyd(context: &Context) -> Outcome {
    let host = &context.host;
    if !is_running(host, "fapolicyd") {
        return Outcome::ok("it does not run");
    }
    let data = context.data_dir().display();
    let mut rules: Vec<String> = host
        .names("/etc/fapolicyd/rules.d")
        .iter()
        .filter_map(|name| host.read(format!("/etc/fapolicyd/rules.d/{name}")))
        .collect();
    rules.extend(host.read("/etc/fapolicyd/fapolicyd.rules"));
    if rules.iter().any(|text| {
        text.lines()
            .any(|line| line.starts_with("allow") && line.contains(&format!("dir={data}")))
    }) {
        return Outcome::ok(format!("it runs, and a rule allows {data}"));
    }
    Outcome::fail(
        format!("it runs, and no rule allows what is unpacked in {data}"),
        format!(
            "`echo 'allow perm=any all : dir={data}/' > /etc/fapolicyd/rules.d/80-k3s.rules && echo 'allow perm=any all : path=/usr/local/bin/k3s' >> /etc/fapolicyd/rules.d/80-k3s.rules && fagenrules --load && systemctl restart fapolicyd`"
        ),
    )
}
