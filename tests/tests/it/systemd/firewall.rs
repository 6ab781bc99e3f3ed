//! A firewall that is on: it lets in what k3s needs, and no more, and afterwards what it did before.

use airlock_tests::peer;

use super::{Machine, SITE, succeeds};

#[test]
fn ufw_lets_in_what_k3s_needs() {
    if !peer::require(&["ufw"]) {
        return;
    }
    let Some(machine) = Machine::start() else { return };
    let host = &machine.host;
    host.succeed(&["ufw", "allow", "22/tcp"]);
    host.succeed(&["ufw", "--force", "enable"]);
    let rules = || host.succeed(&["ufw", "show", "added"]);
    let before = (rules(), machine.snapshot());
    machine.write(
        "site.yaml",
        &format!("{SITE}  datastore: etcd\n  clusterCidr: [10.52.0.0/16]\n  serviceCidr: [10.53.0.0/16]\n"),
        0o644,
    );
    succeeds(&machine.install(&[]));
    let added = rules();
    let status = host.succeed(&["ufw", "status"]);
    for (rule, shown) in [
        ("ufw allow 6443/tcp", "6443/tcp"),
        ("ufw allow 10250/tcp", "10250/tcp"),
        ("ufw allow 2379:2380/tcp", "2379:2380/tcp"),
        ("ufw allow 8472/udp", "8472/udp"),
        ("ufw allow from 10.52.0.0/16", "10.52.0.0/16"),
        ("ufw allow from 10.53.0.0/16", "10.53.0.0/16"),
        ("ufw allow 22/tcp", "22/tcp"),
    ] {
        assert_eq!(
            added.lines().filter(|line| line.trim() == rule).count(),
            1,
            "{added}"
        );
        assert!(status.contains(shown), "{status}");
    }
    // They are rules of the kernel, and not of a file only.
    let kernel = host.succeed(&["iptables", "-S", "ufw-user-input"]);
    assert!(kernel.contains("--dport 6443"), "{kernel}");
    let text = succeeds(&machine.install(&[]));
    assert!(text.contains(": 0 changes made"), "{text}");

    succeeds(&machine.uninstall());
    assert_eq!(rules(), before.0);
    assert_eq!(before.1.diff(&machine.snapshot()), "");
    assert!(host.succeed(&["ufw", "status"]).contains("Status: active"));
}
