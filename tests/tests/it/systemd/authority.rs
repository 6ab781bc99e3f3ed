//! The site's own authority: trusted by the host, and issuing a certificate to it.

use std::fs;
use std::process::Command;

use airlock_tests::command::succeed;
use airlock_tests::{Host, Snapshot, peer};

use super::{Machine, SITE, TREE, succeeds};

/// What is there once the system's own list of authorities is up to date.
pub(super) fn settled(host: &Host) -> Snapshot {
    host.succeed(&["update-ca-certificates", "--fresh"]);
    host.snapshot(&TREE)
}

/// What differs, but for a list for programs of Java, which has times in it.
pub(super) fn differing(before: &Snapshot, host: &Host) -> String {
    let diff = before.diff(&host.snapshot(&TREE));
    let lines: Vec<&str> = diff
        .lines()
        .filter(|line| !line.contains("/etc/ssl/certs/java/"))
        .collect();
    lines.join("\n")
}

#[test]
fn the_host_trusts_the_sites_authority_and_has_a_certificate_of_it() {
    if !peer::require(&["openssl", "update-ca-certificates"]) {
        return;
    }
    let Some(machine) = Machine::start() else { return };
    let host = &machine.host;
    let share = host.share();
    let key = [
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
    ];
    let openssl = || {
        let mut command = Command::new("openssl");
        command.current_dir(&share);
        command
    };
    succeed(openssl().args(key).args(["-out", "ca.key"]));
    let request = [
        "req",
        "-x509",
        "-new",
        "-key",
        "ca.key",
        "-subj",
        "/CN=plant",
        "-days",
        "900",
    ];
    succeed(
        openssl()
            .args(request)
            .args(["-addext", "basicConstraints=critical,CA:TRUE"])
            .args(["-out", "ca.pem"]),
    );
    let secret = fs::read_to_string(share.join("ca.key")).unwrap();
    machine.write("ca.key", &secret, 0o600);
    machine.write(
        "site.yaml",
        &format!(
            "{SITE}services: {{ca: {{certificate: ca.pem, keyFile: ca.key, leaves: [{{names: [ntp.site, 10.0.0.5], \
             certificate: /etc/airlock/tls/ntp.crt, key: /etc/airlock/tls/ntp.key}}]}}}}\n"
        ),
        0o644,
    );
    let before = settled(host);
    succeeds(&machine.install(&["--dry-run"]));
    assert_eq!(before.diff(&machine.snapshot()), "");
    succeeds(&machine.install(&[]));
    // No authority is named: it is the host that trusts it.
    let verify = [
        "openssl",
        "verify",
        "-CApath",
        "/etc/ssl/certs",
        "-verify_hostname",
        "ntp.site",
        "/etc/airlock/tls/ntp.crt",
    ];
    host.succeed(&verify);
    let mode = host.succeed(&["stat", "-c", "%a %U", "/etc/airlock/tls/ntp.key"]);
    assert_eq!(mode, "600 root");
    let installed = machine.snapshot();
    let text = succeeds(&machine.install(&[]));
    assert!(text.contains(": 0 changes made"), "{text}");
    assert_eq!(installed.diff(&machine.snapshot()), "");
    // The authority's key went nowhere.
    let line = secret.lines().nth(1).unwrap();
    let grep = [
        "grep",
        "-rlF",
        line,
        "/etc",
        "/usr/local/bin",
        "/var/lib/airlock",
        "/var/lib/rancher",
        "/run",
    ];
    let found = host.run(&grep);
    assert_eq!(found.stdout(), "");

    // One that has lost its key is issued anew.
    fs::remove_file(host.path("/etc/airlock/tls/ntp.key")).unwrap();
    assert!(succeeds(&machine.install(&[])).contains(": 2 changes made"));
    host.succeed(&verify);

    succeeds(&machine.uninstall());
    assert_eq!(differing(&before, host), "");
    assert!(!host.run(&verify).status.success());
}
