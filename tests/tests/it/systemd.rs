//! `airlock install` and `airlock uninstall` on a host with a real systemd and a k3s that is ours.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use airlock_tests::command::{Output, run_within};
use airlock_tests::{Host, Snapshot};
use serde_json::Value;

mod authority;
mod charts;
mod firewall;
mod packages;
mod ready;
mod real;
pub(crate) mod release;
mod secrets;

use release::Release;

/// What any one command may take, which mostly copies files.
const LIMIT: Duration = Duration::from_mins(2);
/// What installing changes is here. `/run/stub-k3s` is what the stub tells.
const TREE: [&str; 9] = [
    "/etc",
    "/usr/local/bin",
    "/usr/local/lib/systemd",
    "/var/lib/airlock",
    "/var/lib/rancher",
    "/var/lib/kubelet",
    "/var/lib/cni",
    "/run/k3s",
    "/run/flannel",
];
/// What makes a host a server.
const INSTALL: [&str; 6] = [
    "install",
    "/srv/share/store",
    "--role",
    "server",
    "--config",
    "/srv/share/site.yaml",
];
const SITE: &str = "apiVersion: airlock.dev/v1\nkind: Site\nmetadata: {name: edge}\n\
    hosts: {10.99.0.5: [registry.site]}\ncluster:\n  tokenFile: token\n  tlsSan: [k3s.site]\n";

/// A host with a store of the release and a `site.yaml` in `/srv/share`.
struct Machine {
    host: Host,
    release: &'static Release,
}

impl Machine {
    fn start() -> Option<Self> {
        Self::of(Release::shared)
    }

    fn of(release: fn() -> &'static Release) -> Option<Self> {
        let host = Host::start()?;
        let release = release();
        release.share(&host.share());
        let machine = Self { host, release };
        machine.write("token", "server-token-1234\n", 0o600);
        machine.write("site.yaml", SITE, 0o644);
        Some(machine)
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.host.share().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn fail(&self, how: &str) {
        self.tell("fail", how);
    }

    /// Tells the stub how to behave; its folder is for root alone, as it makes it itself.
    fn tell(&self, what: &str, text: &str) {
        let folder = self.host.path("/run/stub-k3s");
        let _ = fs::create_dir(&folder);
        fs::write(folder.join(what), text).unwrap();
    }

    fn airlock(&self, words: &[&str]) -> Command {
        self.host
            .command(&[&["/srv/share/airlock", "--progress", "lines"], words].concat())
    }

    fn install_command(&self, more: &[&str]) -> Command {
        // A host has neither a default route nor a file system that another can be laid over.
        self.airlock(&[&INSTALL[..], &["--no-preflight"], more].concat())
    }

    fn install(&self, more: &[&str]) -> Output {
        run_within(&mut self.install_command(more), Stdio::null(), LIMIT)
    }

    fn uninstall(&self) -> Output {
        run_within(
            &mut self.airlock(&["uninstall", "--delete-data"]),
            Stdio::null(),
            LIMIT,
        )
    }

    fn snapshot(&self) -> Snapshot {
        self.host.snapshot(&TREE)
    }

    /// The starts of the stub, as it wrote them down.
    fn starts(&self) -> Vec<Value> {
        self.told("starts")
    }

    /// What the stub has written down.
    fn told(&self, what: &str) -> Vec<Value> {
        let path = self.host.path("/run/stub-k3s").join(what);
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn main_pid(&self) -> String {
        self.host.property("k3s", "MainPID")
    }
}

/// Gives a host what k3s wants of a machine, and hosts have not: a default route, and a file system for its data that
/// another can be laid over.
fn outfit(host: &Host) {
    host.succeed(&["mkdir", "-p", "/var/lib/rancher"]);
    host.succeed(&["mount", "-t", "tmpfs", "none", "/var/lib/rancher"]);
    for words in [
        "link add out type veth peer name far",
        "link set far up",
        "link set out up",
        "addr add 203.0.113.254/31 dev out",
        "route replace default via 203.0.113.255 dev out",
    ] {
        host.succeed(&[&["ip"], &words.split(' ').collect::<Vec<_>>()[..]].concat());
    }
}

fn said(output: &Output) -> String {
    format!("{}\n{}\n{}", output.status, output.stdout(), output.stderr())
}

#[track_caller]
fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    output.stdout()
}

#[test]
fn a_node_is_installed_left_alone_changed_and_taken_away() {
    let Some(machine) = Machine::start() else { return };
    let host = &machine.host;
    let before = machine.snapshot();
    succeeds(&machine.install(&["--dry-run"]));
    assert_eq!(before.diff(&machine.snapshot()), "");

    succeeds(&machine.install(&[]));
    assert_eq!(host.property("k3s", "ActiveState"), "active");
    assert_eq!(host.succeed(&["systemctl", "is-enabled", "k3s"]), "enabled");
    let verdict = host.run(&["systemd-analyze", "verify", "/etc/systemd/system/k3s.service"]);
    assert_eq!((verdict.status.code(), verdict.stderr().as_str()), (Some(0), ""));
    let starts = machine.starts();
    assert_eq!(starts.len(), 1);
    assert_eq!(
        (&starts[0]["role"], &starts[0]["version"]),
        (&"server".into(), &release::RELEASE.into())
    );
    assert_eq!(starts[0]["options"]["tls-san"][0], "k3s.site");
    let images = fs::read_to_string(host.path("/run/stub-k3s/images")).unwrap();
    let images: std::collections::BTreeMap<String, String> = serde_json::from_str(&images).unwrap();
    assert_eq!(
        images.keys().collect::<Vec<_>>(),
        machine.release.images.keys().collect::<Vec<_>>()
    );
    assert!(
        host.succeed(&["getent", "hosts", "registry.site"])
            .starts_with("10.99.0.5")
    );
    assert_eq!(
        host.succeed(&["crictl", "images"]).matches("docker.io").count(),
        2
    );

    // A second run changes nothing, and k3s goes on.
    let installed = machine.snapshot();
    let pid = machine.main_pid();
    let text = succeeds(&machine.install(&[]));
    assert!(
        text.contains(": 0 changes made") && text.contains("\nhealth: ") && text.contains(", 0 failed\n"),
        "{text}"
    );
    assert_eq!(installed.diff(&machine.snapshot()), "");
    assert_eq!((machine.main_pid(), machine.starts().len()), (pid, 1));

    // Another configuration starts it again, once.
    machine.write("site.yaml", &SITE.replace("k3s.site", "other.site"), 0o644);
    succeeds(&machine.install(&[]));
    assert_eq!(machine.starts().len(), 2);
    assert_eq!(machine.starts()[1]["options"]["tls-san"][0], "other.site");
    succeeds(&machine.install(&[]));
    assert_eq!(machine.starts().len(), 2);
    let processes = host.processes();
    assert!(
        processes
            .iter()
            .any(|process| process.command.contains("containerd-shim")),
        "{processes:?}"
    );

    succeeds(&machine.uninstall());
    assert_eq!(before.diff(&machine.snapshot()), "");
    assert_eq!(host.property("k3s", "LoadState"), "not-found");
    let left: Vec<_> = host
        .processes()
        .into_iter()
        .filter(|process| process.command.contains("k3s") || process.command.contains("containerd-shim"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(host.succeed(&["systemctl", "is-system-running"]), "running");
    // Nothing is left to do.
    succeeds(&machine.uninstall());
}

#[test]
fn data_are_kept_unless_they_are_not_wanted() {
    let Some(machine) = Machine::start() else { return };
    let before = machine.snapshot();
    succeeds(&machine.install(&[]));
    succeeds(&run_within(
        &mut machine.airlock(&["uninstall"]),
        Stdio::null(),
        LIMIT,
    ));
    let token = machine.host.path("/var/lib/rancher/k3s/server/token");
    assert!(fs::read_to_string(token).unwrap().contains("server-token-1234"));
    assert_eq!(machine.host.property("k3s", "LoadState"), "not-found");
    // Installed again, it goes on with them.
    succeeds(&machine.install(&[]));
    assert_eq!(machine.host.property("k3s", "ActiveState"), "active");
    succeeds(&machine.uninstall());
    assert_eq!(before.diff(&machine.snapshot()), "");
}

#[test]
fn a_cluster_that_is_not_well_in_the_end_is_told() {
    let Some(machine) = Machine::start() else { return };
    machine.tell("down", "coredns");
    let output = machine.install(&["--wait", "8s"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for words in ["it is installed, and the cluster is not well: system.", "coredns"] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
    machine.tell("down", "");
    let text = succeeds(&machine.install(&[]));
    assert!(
        text.contains(": 0 changes made") && text.contains(", 0 failed\n"),
        "{text}"
    );
}

#[test]
fn a_node_that_is_called_otherwise_is_waited_for() {
    let Some(machine) = Machine::start() else { return };
    let before = machine.snapshot();
    let more = "  config: {with-node-id: true, write-kubeconfig: /srv/admin.yaml}\n";
    machine.write("site.yaml", &format!("{SITE}{more}"), 0o644);
    let output = machine.install(&["--wait", "30s"]);
    succeeds(&output);
    assert!(
        said(&output).contains("the node host-0badcafe: "),
        "{}",
        said(&output)
    );
    assert!(machine.host.path("/srv/admin.yaml").exists());
    succeeds(&machine.uninstall());
    assert_eq!(before.diff(&machine.snapshot()), "");
}

#[test]
fn an_agent_with_its_data_elsewhere_comes_and_goes() {
    let Some(machine) = Machine::start() else { return };
    let data = machine.host.path("/srv/data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o750)).unwrap();
    let snapshot = || machine.host.snapshot(&[&TREE[..], &["/srv/data"]].concat());
    let before = snapshot();
    let site = "apiVersion: airlock.dev/v1\nkind: Site\nmetadata: {name: edge}\ncluster:\n  \
                server: https://10.99.0.20:6443\n  agentTokenFile: token\n  dataDir: /srv/data/a/k3s\n  \
                agentConfig: {node-label: [tier=worker]}\n";
    machine.write("site.yaml", site, 0o644);
    let agent = [
        "install",
        "/srv/share/store",
        "--role",
        "agent",
        "--config",
        "/srv/share/site.yaml",
        "--no-preflight",
    ];
    let install = || run_within(&mut machine.airlock(&agent), Stdio::null(), LIMIT);
    succeeds(&install());
    assert_eq!(machine.host.property("k3s-agent", "ActiveState"), "active");
    let starts = machine.starts();
    assert_eq!(starts.len(), 1);
    assert_eq!(starts[0]["role"], "agent");
    assert_eq!(starts[0]["options"]["server"][0], "https://10.99.0.20:6443");
    assert_eq!(starts[0]["options"]["node-label"][0], "tier=worker");
    assert!(data.join("a/k3s/agent/images").is_dir());
    let text = succeeds(&install());
    assert!(text.contains(": 0 changes made"), "{text}");
    assert_eq!(machine.starts().len(), 1);
    succeeds(&machine.uninstall());
    assert_eq!(before.diff(&snapshot()), "");
}

#[test]
fn a_k3s_that_fails_is_told_with_its_own_words() {
    let Some(machine) = Machine::start() else { return };
    let before = machine.snapshot();
    for (how, words) in [
        ("exit", "the stub was told to fail"),
        ("hang", "Waiting for API server"),
    ] {
        machine.fail(how);
        let started = Instant::now();
        let output = machine.install(&["--wait", "6s"]);
        assert!(started.elapsed() < Duration::from_mins(1), "{how}");
        let text = said(&output);
        assert!(!output.status.success(), "{text}");
        assert!(
            text.contains(words) && text.contains("k3s.service"),
            "{how}: {text}"
        );
    }
    // Repaired, the same command goes on.
    machine.fail("");
    succeeds(&machine.install(&[]));
    assert_eq!(machine.host.property("k3s", "ActiveState"), "active");
    // What k3s says of an option that it does not have.
    machine.write("site.yaml", &format!("{SITE}  config: {{brand-new: x}}\n"), 0o644);
    let text = said(&machine.install(&["--wait", "6s"]));
    assert!(
        text.contains("flag provided but not defined: -brand-new"),
        "{text}"
    );
    machine.write("site.yaml", SITE, 0o644);
    succeeds(&machine.install(&[]));
    succeeds(&machine.uninstall());
    assert_eq!(before.diff(&machine.snapshot()), "");
}

/// Runs with the process ended at its `step`th step; whether it was.
fn killed(command: &mut Command, step: usize) -> bool {
    let output = run_within(
        command.env("AIRLOCK_TEST_STOP_AFTER", step.to_string()),
        Stdio::null(),
        LIMIT,
    );
    // nsenter passes the signal on, or a code that stands for it.
    let aborted = !output.status.success() && !output.stderr().contains("error:");
    assert!(
        aborted || output.status.success(),
        "step {step}: {}",
        said(&output)
    );
    aborted
}

#[test]
fn killed_at_every_step_installing_goes_on() {
    let Some(machine) = Machine::start() else { return };
    let before = machine.snapshot();
    succeeds(&machine.install(&[]));
    let installed = machine.snapshot();
    succeeds(&machine.uninstall());
    assert_eq!(before.diff(&machine.snapshot()), "");
    let mut step = 0;
    while killed(&mut machine.install_command(&[]), step) {
        succeeds(&machine.install(&[]));
        let diff = journal_aside(&installed.diff(&machine.snapshot()));
        assert_eq!(diff, "", "after step {step}");
        assert_eq!(machine.host.property("k3s", "ActiveState"), "active");
        let text = succeeds(&machine.install(&[]));
        assert!(text.contains(": 0 changes made"), "after step {step}: {text}");
        succeeds(&machine.uninstall());
        assert_eq!(before.diff(&machine.snapshot()), "", "after step {step}");
        step += 1;
    }
    assert!(step > 20, "only {step} steps");
}

/// What differs besides the journal, which tells of the kill, and the certificates that every stub makes anew.
fn journal_aside(diff: &str) -> String {
    let aside = ["/var/lib/airlock", "/etc/rancher/k3s/k3s.yaml"];
    let lines: Vec<&str> = diff
        .lines()
        .filter(|line| !aside.iter().any(|path| line.contains(path)))
        .collect();
    lines.join("\n")
}

#[test]
fn killed_at_every_step_uninstalling_goes_on() {
    let Some(machine) = Machine::start() else { return };
    let before = machine.snapshot();
    let mut step = 0;
    loop {
        succeeds(&machine.install(&[]));
        if !killed(&mut machine.airlock(&["uninstall", "--delete-data"]), step) {
            break;
        }
        succeeds(&machine.uninstall());
        assert_eq!(before.diff(&machine.snapshot()), "", "after step {step}");
        step += 1;
    }
    assert_eq!(before.diff(&machine.snapshot()), "");
    assert!(step > 10, "only {step} steps");
}

#[test]
fn interrupted_it_ends_soon_and_goes_on_later() {
    let Some(machine) = Machine::start() else { return };
    let before = machine.snapshot();
    // As a terminal does it, the signal goes to everything that was started; as a supervisor does, to airlock alone.
    for is_alone in [false, true] {
        machine.fail("hang");
        let starts = machine.starts().len();
        let mut command = machine.install_command(&["--wait", "90s"]);
        let child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        assert!(
            machine
                .host
                .wait_until(Duration::from_mins(1), |_| machine.starts().len() > starts)
        );
        let asked = Instant::now();
        if is_alone {
            let processes = machine.host.processes();
            let is_airlock = |command: &str| command.starts_with("/srv/share/airlock");
            let airlock = processes.iter().find(|process| is_airlock(&process.command));
            let number = airlock.unwrap().number.to_string();
            machine
                .host
                .succeed(&["sh", "-c", &format!("kill -INT {number}")]);
        } else {
            let group = format!("-{}", child.id());
            succeeds(&run_within(
                Command::new("kill").args(["-INT", "--", &group]),
                Stdio::null(),
                LIMIT,
            ));
        }
        let output = child.wait_with_output().unwrap();
        assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{text}");
        if is_alone {
            assert!(text.contains("it is still being started: k3s.service"), "{text}");
            assert!(text.contains("run the same command again"), "{text}");
        }
        machine.fail("");
        succeeds(&machine.install(&[]));
        assert_eq!(machine.host.property("k3s", "ActiveState"), "active");
        succeeds(&machine.uninstall());
        assert_eq!(before.diff(&machine.snapshot()), "");
    }
}

/// Repairs of `preflight` are undone, and a k3s that somebody else has installed goes on.
#[test]
fn a_k3s_of_somebody_else_is_left_alone() {
    let Some(machine) = Machine::start() else { return };
    let host = &machine.host;
    let put = |path: &str, text: &str| {
        let path = host.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    put("/etc/rancher/k3s/config.yaml", "data-dir: /var/lib/rancher/k3s\n");
    let shim = "/var/lib/rancher/k3s/data/1/bin/containerd-shim-runc-v2";
    put(shim, "");
    host.succeed(&["cp", "/bin/sleep", shim]);
    host.succeed(&["chmod", "755", shim]);
    host.succeed(&["systemd-run", "--unit=theirs", shim, "600"]);
    put(
        "/var/lib/airlock/node/journal",
        "{\"is\":\"begin\",\"version\":1,\"made\":[]}\n\
         {\"is\":\"change\",\"number\":1,\"by\":\"preflight\",\"title\":\"a repair\",\"undo\":{\"how\":\"nothing\"}}\n\
         {\"is\":\"made\",\"number\":1}\n",
    );
    let text = succeeds(&machine.uninstall());
    assert!(text.contains("1 changes undone"), "{text}");
    assert_eq!(host.property("theirs", "ActiveState"), "active");
}

#[test]
fn a_tree_for_openrc_is_one_that_its_shell_reads() {
    let release = Release::shared();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let store = release.path("store");
    let install = |role: &str, more: &[&str]| {
        let words = [
            "install",
            store.to_str().unwrap(),
            "--role",
            role,
            "--root",
            root.to_str().unwrap(),
            "--init",
            "openrc",
        ];
        release.run(&[&words, more].concat())
    };
    install("server", &[]).succeeds();
    // One node is not two.
    let token = folder.path().join("token");
    fs::write(&token, "abc\n").unwrap();
    let joins = [
        "--server",
        "https://10.99.0.20:6443",
        "--token-file",
        token.to_str().unwrap(),
    ];
    let refused = install("agent", &joins);
    let text = refused.exits(1).render();
    assert!(text.contains("this is a node already, as server"), "{text}");
    assert!(text.contains("`airlock uninstall`"), "{text}");
    assert!(!root.join("etc/init.d/k3s-agent").exists());
    let service = root.join("etc/init.d/k3s");
    let text = fs::read_to_string(&service).unwrap();
    assert!(text.starts_with("#!/sbin/openrc-run\n"), "{text}");
    assert_eq!(
        fs::metadata(&service).unwrap().permissions().mode() & 0o7777,
        0o755
    );
    assert!(
        Command::new("sh")
            .arg("-n")
            .arg(&service)
            .status()
            .unwrap()
            .success()
    );
    assert!(
        fs::symlink_metadata(root.join("etc/runlevels/default/k3s"))
            .unwrap()
            .is_symlink()
    );
    assert!(!root.join("etc/systemd").exists());
}
