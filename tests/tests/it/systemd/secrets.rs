//! Secrets are given in every way there is, and looked for everywhere on the host.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use airlock_tests::Host;

use super::{Machine, said};

const TOKEN: &str = "hunter2-of-the-servers";
const AGENT_TOKEN: &str = "swordfish-of-the-agents";
const PASSWORD: &str = "opensesame-of-the-mirror";
const KEY: &str = "c3ludGhldGljLWtleS1vZi10aGUtYXV0aG9yaXR5";
const SECRETS: [&str; 4] = [TOKEN, AGENT_TOKEN, PASSWORD, KEY];

/// What a folder of authorities holds, as k3s' documentation lays it out.
const AUTHORITIES: [&str; 5] = [
    "server-ca",
    "client-ca",
    "request-header-ca",
    "etcd/server-ca",
    "etcd/peer-ca",
];
/// Where they may be, below each of these for root alone.
const PLACES: [&str; 5] = [
    "/etc/rancher/k3s/token",
    "/etc/rancher/k3s/agent-token",
    "/etc/rancher/k3s/registries.yaml",
    "/var/lib/rancher/k3s/server/token",
    "/var/lib/rancher/k3s/server/agent-token",
];

#[test]
fn secrets_are_nowhere_but_in_their_files() {
    let Some(machine) = Machine::start() else { return };
    machine.write("token", &format!("{TOKEN}\n"), 0o600);
    machine.write("agent-token", &format!("{AGENT_TOKEN}\n"), 0o600);
    machine.write("password", &format!("{PASSWORD}\n"), 0o600);
    let key = format!("-----BEGIN PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----\n");
    for name in AUTHORITIES {
        let certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        machine.write(&format!("ca/{name}.crt"), certificate, 0o644);
        machine.write(&format!("ca/{name}.key"), &key, 0o600);
    }
    machine.write("ca/service.key", &key, 0o600);
    machine.write(
        "site.yaml",
        "apiVersion: airlock.dev/v1\nkind: Site\nmetadata: {name: edge}\n\
         mirror: {url: \"https://10.99.0.5:5000\", auth: {username: node, passwordFile: password}}\n\
         cluster: {tokenFile: token, agentTokenFile: agent-token, ca: {folder: ca}}\n",
        0o644,
    );
    let mut shown = Vec::new();
    for words in [&["--dry-run"][..], &["-v", "-v"], &[]] {
        shown.push(run(&machine, words));
        look(&machine.host, true);
    }
    assert_eq!(machine.starts().len(), 1, "{shown:?}");
    // A failure tells more than a success.
    machine.fail("exit");
    let site = fs::read_to_string(machine.host.share().join("site.yaml")).unwrap();
    machine.write(
        "site.yaml",
        &site.replace("cluster: {", "cluster: {tlsSan: [a.site], "),
        0o644,
    );
    shown.push(run(&machine, &["--wait", "5s"]));
    assert!(
        shown.last().unwrap().contains("the stub was told to fail"),
        "{shown:?}"
    );
    look(&machine.host, true);
    shown.push(machine.host.succeed(&["journalctl", "--no-pager", "--all"]));
    shown.push(machine.host.log());
    shown.push(said(&machine.uninstall()));
    look(&machine.host, false);
    for (secret, text) in SECRETS
        .iter()
        .flat_map(|secret| shown.iter().map(move |text| (secret, text)))
    {
        assert!(!text.contains(secret), "{secret} is shown:\n{text}");
    }
}

/// Installs, and looks at every process meanwhile.
fn run(machine: &Machine, words: &[&str]) -> String {
    let child = machine
        .install_command(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id();
    thread::scope(|scope| {
        let ended = scope.spawn(|| child.wait_with_output().unwrap());
        let mut looks = 0;
        while !ended.is_finished() {
            for process in machine.host.processes() {
                for secret in SECRETS {
                    let text = [&process.command, &process.environment];
                    assert!(
                        !text.iter().any(|text| text.contains(secret)),
                        "{secret} is in {process:?}"
                    );
                }
            }
            looks += 1;
            thread::sleep(Duration::from_millis(5));
        }
        assert!(looks > 2, "process {pid} was seen {looks} times only");
        let output = ended.join().unwrap();
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&text).into_owned()
    })
}

/// Looks at every file that installing could have written, with a program that others wrote.
fn look(host: &Host, installed: bool) {
    const FOLDERS: [&str; 8] = [
        "/etc",
        "/var/lib/airlock",
        "/var/lib/rancher",
        "/var/lib/kubelet",
        "/var/log",
        "/var/tmp",
        "/run",
        "/usr/local/bin",
    ];
    let mut argv = vec!["grep", "-rlsaF", "--exclude-dir=stub-k3s"];
    argv.extend(SECRETS.iter().flat_map(|secret| ["-e", secret]));
    argv.extend(FOLDERS);
    let found = host.run(&argv).stdout();
    for path in found.lines() {
        let known = PLACES.contains(&path) || path.starts_with("/var/lib/rancher/k3s/server/tls/");
        let mode = fs::metadata(host.path(path)).unwrap().permissions().mode();
        assert!(known && installed, "a secret is in {path} ({mode:o})");
        assert_eq!(mode & 0o077, 0, "{path} is open to others: {mode:o}");
    }
    if installed && host.path("/etc/rancher/k3s/token").exists() {
        let seen = found.lines().count();
        assert!(seen >= 4, "what looks for secrets does not see them: {found}");
    }
}
