//! Preflight on machines made for it: namespaces with a network, a name and disks of their own, good but for one fault.
//!
//! Each fault is found by the check that it belongs to, and by no other. What the machine that runs the tests lacks itself
//! is told by name, and cannot hide anything else.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;

use airlock_tests::{Airlock, command, peer};
use serde_json::Value;

use crate::world::World;

/// A machine on which all is well: `$place` is a folder of its own, `$airlock` the command.
const GOOD: &str = r#"
    place=$0; airlock=$1; shift
    ip link set lo up
    ip link add up0 type veth peer name up1
    ip addr add 10.99.0.10/24 dev up0
    ip link set up0 up
    ip link set up1 up
    ip route add default via 10.99.0.1 dev up0
    mount -t tmpfs -o size=8g,mode=755 none "$place"
    mkdir "$place/upper" "$place/work" "$place/data"
    mount -t overlay -o "lowerdir=/etc,upperdir=$place/upper,workdir=$place/work" none /etc
    mount -t tmpfs -o mode=755 none /run
    echo edge-01 > /proc/sys/kernel/hostname
    rm -f /etc/resolv.conf /etc/hosts
    printf 'nameserver 10.99.0.1\noptions timeout:1 attempts:1\n' > /etc/resolv.conf
    printf '127.0.0.1 localhost\n10.99.0.10 edge-01 mirror.site\n' > /etc/hosts
    printf 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n' > "$place/swaps"
    mount --bind "$place/swaps" /proc/swaps
"#;

/// What a machine may lack itself, whatever is done in a namespace of it.
const OF_THE_MACHINE: [&str; 10] = [
    "kernel.cgroups",
    "kernel.overlay",
    "kernel.br-netfilter",
    "kernel.conntrack",
    "kernel.tunnel",
    "kernel.iptables",
    "kernel.iptables-version",
    "machine.memory",
    "machine.cpus",
    "kernel.inotify",
];

/// What one run has found.
struct Found {
    fails: BTreeSet<String>,
    warns: BTreeSet<String>,
    checks: Vec<Value>,
}

impl Found {
    fn evidence(&self, id: &str) -> &str {
        let check = self.checks.iter().find(|check| check["id"] == id);
        check.map_or("", |check| check["evidence"].as_str().unwrap())
    }

    fn remedy(&self, id: &str) -> &str {
        let check = self.checks.iter().find(|check| check["id"] == id);
        check
            .and_then(|check| check["remedy"].as_str())
            .unwrap_or_default()
    }
}

/// Whether such machines can be made here; told once by name if not.
fn is_possible() -> bool {
    static POSSIBLE: OnceLock<Result<(), String>> = OnceLock::new();
    if !peer::require(&["unshare", "ip"]) {
        return false;
    }
    let possible = POSSIBLE.get_or_init(|| {
        let airlock = Airlock::new();
        let place = airlock.path("place");
        std::fs::create_dir_all(&place).unwrap();
        let output = unshare(&place, GOOD, &[OsString::from("true")]);
        if output.status.success() {
            Ok(())
        } else {
            Err(output.stderr().trim().to_owned())
        }
    });
    if let Err(reason) = possible {
        peer::skip(&format!("no machine can be made here: {reason}"));
        return false;
    }
    true
}

fn unshare(place: &std::path::Path, script: &str, words: &[OsString]) -> command::Output {
    let mut unshare = command::clean("unshare", place);
    unshare
        .args([
            "--mount",
            "--net",
            "--uts",
            "--ipc",
            "--pid",
            "--fork",
            "--mount-proc",
            "--kill-child",
        ])
        .args(["sh", "-euc"])
        .arg(script)
        .arg(place)
        .args(words);
    command::run(&mut unshare)
}

/// Runs preflight on a good machine with what `fault` does to it, a piece of shell that may set `"$@"`.
fn check(fault: &str, arguments: &[&str]) -> Found {
    let airlock = Airlock::new();
    let place = airlock.path("place");
    std::fs::create_dir_all(&place).unwrap();
    let program = airlock.command([] as [&str; 0]).get_program().to_owned();
    let script = format!(
        "{GOOD}\n{fault}\nexec \"$airlock\" preflight --output json --data-dir \"$place/data\" \"$@\""
    );
    let mut words = vec![program];
    words.extend(arguments.iter().map(Into::into));
    let output = unshare(&place, &script, &words);
    let text = format!("{}\n{}", output.stdout(), output.stderr());
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let checks = report["checks"].as_array().unwrap().clone();
    let with = |status: &str| {
        let ids = checks.iter().filter(|check| check["status"] == status);
        ids.map(|check| check["id"].as_str().unwrap().to_owned())
            .collect::<BTreeSet<_>>()
    };
    let (fails, warns) = (with("fail"), with("warn"));
    let code = i32::from(!fails.is_empty());
    assert_eq!(output.status.code(), Some(code), "{text}");
    for check in &checks {
        let is_bad = ["warn", "fail"].contains(&check["status"].as_str().unwrap());
        assert_eq!(check["remedy"].is_string(), is_bad, "{check}");
    }
    Found { fails, warns, checks }
}

/// What this machine lacks without any fault.
fn lacking() -> &'static BTreeSet<String> {
    static LACKING: OnceLock<BTreeSet<String>> = OnceLock::new();
    LACKING.get_or_init(|| {
        let found = check("", &[]);
        let mut lacking = BTreeSet::new();
        for id in found.fails.iter().chain(&found.warns) {
            let evidence = found.evidence(id);
            assert!(
                OF_THE_MACHINE.contains(&id.as_str()),
                "a false alarm: {id}: {evidence}"
            );
            peer::not_asked(&format!("the machine itself lacks {id}: {evidence}"));
            lacking.insert(id.clone());
        }
        lacking
    })
}

/// The fault is found by one check alone, which says this.
#[track_caller]
fn finds(id: &str, says: &str, fault: &str, arguments: &[&str]) -> Option<Found> {
    if !is_possible() {
        return None;
    }
    let found = check(fault, arguments);
    let all = || {
        let lines: Vec<String> = found.checks.iter().map(Value::to_string).collect();
        lines.join(
            "
",
        )
    };
    let new: Vec<&String> = found.fails.difference(lacking()).collect();
    assert_eq!(new, [id], "{}", all());
    let warned: Vec<&String> = found.warns.difference(lacking()).collect();
    assert!(warned.is_empty(), "{warned:?}\n{}", all());
    assert!(
        found.evidence(id).contains(says),
        "no {says:?} in {}",
        found.evidence(id)
    );
    Some(found)
}

#[test]
fn a_good_machine_raises_no_alarm() {
    if !peer::require(&["python3"]) || !is_possible() {
        return;
    }
    // Asserts that nothing is found but what the machine itself may lack.
    let lacking = lacking();
    let site = r#"printf 'apiVersion: airlock.dev/v1\nkind: Site\nmetadata: {name: edge}\ncluster: {server: "https://mirror.site:6443"}\n' > "$place/site.yaml"
        set -- "$@" --config "$place/site.yaml""#;
    let listens = listen(6443, "10.99.0.10");
    let found = check(&format!("{site}\n{listens}"), &["--role", "agent"]);
    assert!(found.fails.is_subset(lacking), "{:?}", found.checks);
    assert!(
        found
            .evidence("net.server")
            .contains("answers at 10.99.0.10:6443")
    );
    finds("net.server", "10.99.0.10:6443", site, &["--role", "agent"]);
    // It was tried out, not guessed.
    let found = check("", &[]);
    for (id, says) in [
        ("kernel.overlay", "were laid over each other"),
        ("kernel.tunnel", "was made and taken away"),
        ("kernel.iptables", "every kind of rule"),
        ("disk.exec", "a script was run there"),
        ("disk.fsync", "64 writes"),
        ("ports.node", "free: TCP 10250, TCP 6443, UDP 8472"),
        ("net.default-route", "default route over up0, address 10.99.0.10"),
    ] {
        if !lacking.contains(id) {
            assert!(found.evidence(id).contains(says), "{id}: {}", found.evidence(id));
        }
    }
}

/// Somebody who listens.
fn listen(port: u16, address: &str) -> String {
    format!(
        "python3 -c 'import socket,time
s = socket.socket(); s.bind((\"{address}\", {port})); s.listen()
open(\"'$place'/ready\", \"w\"); time.sleep(600)' &
            while [ ! -e $place/ready ]; do sleep 0.05; done"
    )
}

#[test]
fn an_occupied_port() {
    if !peer::require(&["python3"]) {
        return;
    }
    let by = "by python3 (pid ";
    for (port, address, id) in [
        (6443, "0.0.0.0", "ports.node"),
        (10250, "127.0.0.1", "ports.node"),
        (10248, "127.0.0.1", "ports.local"),
    ] {
        if let Some(found) = finds(id, &format!("TCP {port}"), &listen(port, address), &[]) {
            assert!(found.evidence(id).contains(by), "{}", found.evidence(id));
        }
    }
    // What listens elsewhere is in nobody's way.
    if is_possible() {
        let found = check(&listen(10248, "10.99.0.10"), &[]);
        assert!(found.fails.is_subset(lacking()), "{:?}", found.fails);
    }
}

#[test]
fn a_tunnel_that_another_cluster_left() {
    if !is_possible() || lacking().contains("kernel.tunnel") {
        peer::not_asked("a tunnel of the kernel");
        return;
    }
    let fault = "ip link add old0 type vxlan id 1 dstport 8472 dev up0 && ip link set old0 up";
    finds(
        "ports.node",
        "UDP 8472 (vxlan) is taken by no process",
        fault,
        &[],
    );
}

#[test]
fn no_default_route() {
    finds(
        "net.default-route",
        "there is no default route",
        "ip route del default",
        &[],
    );
    let blackhole = "ip route del default && ip route add blackhole default";
    finds("net.default-route", "names no interface", blackhole, &[]);
    let bare = "ip route replace default dev up1";
    finds("net.default-route", "has no address: up1", bare, &[]);
}

#[test]
fn no_name_server() {
    finds(
        "net.resolv-conf",
        "names no name server",
        ": > /etc/resolv.conf",
        &[],
    );
    let loopback = "echo nameserver 127.0.0.53 > /etc/resolv.conf";
    finds("net.resolv-conf", "127.0.0.53", loopback, &[]);
}

#[test]
fn networks_that_overlap() {
    let fault = "ip route add 10.43.7.0/24 dev up1";
    finds("net.overlap", "10.43.7.0/24", fault, &[]);
}

#[test]
fn a_small_disk() {
    let fault = r#"mount -t tmpfs -o size=100m,mode=755 none "$place/data""#;
    finds("disk.space", "needs 2.0 GiB", fault, &[]);
}

/// The room that is needed is that of the bundle.
#[test]
fn a_disk_too_small_for_the_bundle() {
    let Some(world) = World::small() else { return };
    let small = r#"mount -t tmpfs -o size=40k,mode=755 none "$place/data""#;
    let bundle = world.bundle.to_str().unwrap();
    let key = world.public_key.to_str().unwrap();
    finds("disk.space", "the images needs", small, &[bundle, "--key", key]);
    // A disk that is too small for k3s as such is large enough for that.
    if is_possible() {
        let large = r#"mount -t tmpfs -o size=100m,mode=755 none "$place/data""#;
        let found = check(large, &[bundle, "--key", key]);
        assert!(found.fails.is_subset(lacking()), "{:?}", found.fails);
    }
}

#[test]
fn a_disk_that_nothing_runs_from() {
    let fault = r#"mount -t tmpfs -o size=4g,mode=755,noexec none "$place/data""#;
    finds("disk.exec", "noexec", fault, &[]);
}

#[test]
fn a_missing_module() {
    if !is_possible() || lacking().contains("kernel.br-netfilter") {
        peer::not_asked("a machine without br_netfilter");
        return;
    }
    // As if it were neither loaded nor to be had.
    let fault = r#"
        [ ! -d /lib/modules ] || mount -t tmpfs none /lib/modules
        mkdir "$place/empty"
        [ ! -d /proc/sys/net/bridge ] || mount --bind "$place/empty" /proc/sys/net/bridge
        [ ! -d /sys/module/br_netfilter ] || mount --bind "$place/empty" /sys/module/br_netfilter
    "#;
    finds("kernel.br-netfilter", "the kernel lacks br_netfilter", fault, &[]);
}

/// The line is as the kernel writes it; swap itself would be that of the whole machine.
#[test]
fn swap() {
    let fault =
        r"printf '/swap.img                               file\t\t2097148\t\t0\t\t-2\n' >> /proc/swaps";
    finds("machine.swap", "/swap.img (2.0 GiB)", fault, &[]);
}

/// A name that only the site's own list has is written, and then the mirror is reached.
#[test]
fn the_name_of_the_mirror_is_written_and_found() {
    let Some(store) = store() else { return };
    if !is_possible() {
        return;
    }
    let airlock = Airlock::new();
    let place = airlock.path("place");
    std::fs::create_dir_all(&place).unwrap();
    let script = format!(
        r#"{GOOD}
        {SERVE}
        mkdir "$place/var-upper" "$place/var-work"
        mount -t overlay -o "lowerdir=/var/lib,upperdir=$place/var-upper,workdir=$place/var-work" none /var/lib
        serve --tls-dir "$place/tls" --tls-name late.site
        cat > "$place/site.yaml" <<SITE
apiVersion: airlock.dev/v1
kind: Site
metadata: {{name: edge}}
mirror: {{url: "https://late.site:5000", ca: "$place/tls/ca.pem"}}
hosts: {{10.99.0.10: [late.site]}}
SITE
        code=0; "$airlock" preflight --config "$place/site.yaml" --only mirror || code=$?
        [ "$code" = 1 ]
        "$airlock" preflight --config "$place/site.yaml" --only mirror --fix
        "$airlock" preflight --undo-fixes
        ! grep late.site /etc/hosts
        "#
    );
    let program = airlock.command([] as [&str; 0]).get_program().to_owned();
    let output = unshare(&place, &script, &[program, store.into()]);
    let text = format!("{}{}", output.stdout(), output.stderr());
    assert!(output.status.success(), "{text}");
    for words in ["/etc/hosts does not yet", "answers over TLS"] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
}

/// Real swap on a small file, found, switched off with its line in the table, and put back.
#[test]
fn swap_is_switched_off_and_on_again() {
    if !peer::require(&["mkswap", "swapon"]) || !is_possible() {
        return;
    }
    let airlock = Airlock::new();
    let place = airlock.path("place");
    std::fs::create_dir_all(&place).unwrap();
    // On the disk, since nothing is swapped to memory.
    let file = airlock.path("swapfile");
    std::fs::write(&file, vec![0; 4 << 20]).unwrap();
    let script = format!(
        r#"{GOOD}
        file=$1
        umount /proc/swaps
        [ "$(wc -l < /proc/swaps)" -le 1 ] || {{ echo "this machine has swap of its own, which is not touched" >&2; exit 77; }}
        mkdir "$place/var-upper" "$place/var-work"
        mount -t overlay -o "lowerdir=/var/lib,upperdir=$place/var-upper,workdir=$place/var-work" none /var/lib
        chmod 600 "$file"
        mkswap "$file" > /dev/null
        swapon "$file" || {{ echo "no swap on this file system" >&2; exit 77; }}
        trap 'swapoff "$file" 2>/dev/null || true' EXIT
        printf '/dev/sda1 / ext4 rw 0 1\n%s none swap sw 0 0\n' "$file" > /etc/fstab
        cp /etc/fstab "$place/before"
        code=0; "$airlock" preflight --only machine.swap || code=$?
        [ "$code" = 1 ]
        "$airlock" preflight --only machine.swap --fix
        ! grep -q "$file" /proc/swaps
        grep -q "^# airlock: $file none swap" /etc/fstab
        "$airlock" preflight --undo-fixes
        grep -q "$file" /proc/swaps
        cmp /etc/fstab "$place/before"
        "#
    );
    let program = airlock.command([] as [&str; 0]).get_program().to_owned();
    let output = unshare(&place, &script, &[program, file.into()]);
    let text = format!("{}{}", output.stdout(), output.stderr());
    if output.status.code() == Some(77) {
        peer::skip(&text);
        return;
    }
    assert!(output.status.success(), "{text}");
}

#[test]
fn a_bad_version_of_iptables() {
    let fault = r#"
        mount -t tmpfs -o mode=755 none /usr/local/sbin
        printf '#!/bin/sh\necho "iptables v1.8.2 (nf_tables)"\n' > /usr/local/sbin/iptables
        chmod 755 /usr/local/sbin/iptables
    "#;
    if let Some(found) = finds("kernel.iptables-version", "1.8.2", fault, &[]) {
        let remedy = found.remedy("kernel.iptables-version");
        assert!(remedy.contains("prefer-bundled-bin"), "{remedy}");
    }
}

/// Rules that the tables do not take.
#[test]
fn an_iptables_that_refuses() {
    let fault = r#"
        mount -t tmpfs -o mode=755 none /usr/local/sbin
        printf '#!/bin/sh\necho "Extension conntrack is not supported" >&2\nexit 1\n' > /usr/local/sbin/iptables-restore
        chmod 755 /usr/local/sbin/iptables-restore
    "#;
    finds("kernel.iptables", "conntrack is not supported", fault, &[]);
}

#[test]
fn a_bad_host_name() {
    finds(
        "names.hostname",
        "'_'",
        "echo bad_host > /proc/sys/kernel/hostname",
        &[],
    );
    finds(
        "names.hostname",
        "every machine's",
        "echo localhost > /proc/sys/kernel/hostname",
        &[],
    );
}

#[test]
fn an_existing_kubelet() {
    let fault = r#"cp "$(command -v sleep)" "$place/kubelet"; "$place/kubelet" 600 & sleep 0.2"#;
    finds("others.runtimes", "kubelet (pid ", fault, &[]);
    let unit = "mkdir -p /etc/systemd/system && : > /etc/systemd/system/kubelet.service";
    finds("others.runtimes", "kubelet.service is there", unit, &[]);
}

#[test]
fn a_mirror_that_is_not_reached() {
    let url = "https://mirror.site:5999";
    finds(
        "mirror.reachable",
        "the connection is refused",
        "",
        &["--mirror", url],
    );
    let unknown = "https://nobody.site:5000";
    finds(
        "mirror.reachable",
        "the name is not known",
        "",
        &["--mirror", unknown],
    );
    let no_route = "ip route add unreachable 10.98.0.0/16";
    let url = "https://10.98.0.1:5000";
    finds(
        "mirror.reachable",
        "there is no route to it",
        no_route,
        &["--mirror", url],
    );
    let silent = "ip neigh add 10.99.0.77 lladdr 02:00:00:00:00:77 dev up0";
    let url = "https://10.99.0.77:5000";
    finds(
        "mirror.reachable",
        "no answer in time",
        silent,
        &["--mirror", url],
    );
}

/// Serves a store on `mirror.site:5000`, with certificates in `$place/tls` of `$tls`.
const SERVE: &str = r#"
    # 10.99.0.10:5000, in the state in which it listens
    listening="0A00630A:1388 00000000:0000 0A"
    store=$1; shift
    cp -r "$store" "$place/store"
    serve() {
        "$airlock" serve "$place/store" --listen 10.99.0.10:5000 "$@" > "$place/serve.log" 2>&1 &
        tries=0
        while ! grep -q "$listening" /proc/net/tcp; do
            tries=$((tries + 1))
            [ "$tries" -lt 200 ] || { cat "$place/serve.log" >&2; exit 99; }
            sleep 0.05
        done
    }
"#;

fn store() -> Option<PathBuf> {
    static STORE: OnceLock<PathBuf> = OnceLock::new();
    let world = World::small()?;
    Some(
        STORE
            .get_or_init(|| {
                let store = world.airlock.path("preflight-store");
                world.import(&store);
                store
            })
            .clone(),
    )
}

fn with_mirror(fault: &str) -> String {
    format!("{SERVE}\n{fault}")
}

const TRUSTED: &str = r#"serve --tls-dir "$place/tls" --tls-name mirror.site
    set -- "$@" --mirror https://mirror.site:5000 --ca "$place/tls/ca.pem""#;

#[test]
fn a_mirror_that_is_reached() {
    let (Some(store), true) = (store(), is_possible()) else {
        return;
    };
    let found = check(&with_mirror(TRUSTED), &[store.to_str().unwrap()]);
    assert!(found.fails.is_subset(lacking()), "{:?}", found.checks);
    let evidence = found.evidence("mirror.reachable");
    assert!(evidence.contains("answers over TLS"), "{evidence}");
    let evidence = found.evidence("clock.skew");
    assert!(
        evidence.contains("the mirror https://mirror.site:5000"),
        "{evidence}"
    );
}

#[test]
fn a_mirror_of_another_authority() {
    let Some(store) = store() else { return };
    if !peer::require(&["openssl"]) {
        return;
    }
    let fault = r#"serve --tls-dir "$place/tls" --tls-name mirror.site
        openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=other -keyout "$place/other.key" -out "$place/other.pem" 2>/dev/null
        set -- "$@" --mirror https://mirror.site:5000 --ca "$place/other.pem""#;
    finds(
        "mirror.reachable",
        "signed by an authority that is not trusted",
        &with_mirror(fault),
        &[store.to_str().unwrap()],
    );
}

#[test]
fn a_mirror_whose_certificate_is_not_for_it() {
    let Some(store) = store() else { return };
    let store = store.to_str().unwrap();
    let wrong_name = r#"serve --tls-dir "$place/tls" --tls-name other.site
        set -- "$@" --mirror https://mirror.site:5000 --ca "$place/tls/ca.pem""#;
    finds(
        "mirror.reachable",
        "for other names",
        &with_mirror(wrong_name),
        &[store],
    );
    let plain = r#"serve --insecure-plain-http
        set -- "$@" --mirror https://mirror.site:5000"#;
    finds(
        "mirror.reachable",
        "does not speak TLS",
        &with_mirror(plain),
        &[store],
    );
    if !peer::require(&["openssl", "faketime"]) {
        return;
    }
    let expired = r#"
        faketime '2020-01-01' openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=mirror.site \
            -addext subjectAltName=DNS:mirror.site -addext basicConstraints=critical,CA:FALSE \
            -keyout "$place/old.key" -out "$place/old.pem" 2>/dev/null
        serve --tls-cert "$place/old.pem" --tls-key "$place/old.key"
        set -- "$@" --mirror https://mirror.site:5000 --ca "$place/old.pem""#;
    finds("mirror.reachable", "has expired", &with_mirror(expired), &[store]);
}

/// A clock that is more than an hour ahead, by the mirror's own.
#[test]
fn a_clock_that_is_wrong() {
    let Some(store) = store() else { return };
    if !peer::require(&["faketime"]) {
        return;
    }
    let store = store.to_str().unwrap();
    let ahead = format!(
        "{TRUSTED}\nairlock_real=$airlock\nairlock=\"$place/ahead\"\nprintf '#!/bin/sh\\nexec faketime -f +3700s %s \"$@\"\\n' \"$airlock_real\" > \"$airlock\"; chmod 755 \"$airlock\""
    );
    finds(
        "clock.skew",
        "61 min ahead of the mirror",
        &with_mirror(&ahead),
        &[store],
    );
    // Without a mirror the receipts of the store tell that it is later than the clock says.
    let behind = "airlock_real=$airlock\nairlock=\"$place/behind\"\nprintf '#!/bin/sh\\nexec faketime -f -3000d %s \"$@\"\\n' \"$airlock_real\" > \"$airlock\"; chmod 755 \"$airlock\"";
    finds("clock.skew", "it is after the import of", behind, &[store]);
}

/// A line of `/etc/hosts` is repaired, and the repair is undone.
#[test]
fn what_is_repaired_is_undone() {
    if !is_possible() {
        return;
    }
    let airlock = Airlock::new();
    let place = airlock.path("place");
    std::fs::create_dir_all(&place).unwrap();
    let script = format!(
        r#"{GOOD}
        mkdir "$place/var-upper" "$place/var-work"
        mount -t overlay -o "lowerdir=/var/lib,upperdir=$place/var-upper,workdir=$place/var-work" none /var/lib
        echo '127.0.0.1 localhost' > /etc/hosts
        cp /etc/hosts "$place/before"
        "$airlock" preflight --only names.resolves --fix --dry-run
        cmp /etc/hosts "$place/before"
        "$airlock" preflight --only names.resolves --fix
        grep -q '10.99.0.10 edge-01' /etc/hosts
        "$airlock" preflight --only names.resolves --fix
        "$airlock" preflight --undo-fixes
        cmp /etc/hosts "$place/before"
        [ ! -e /var/lib/airlock/node ]
        "#
    );
    let program = airlock.command([] as [&str; 0]).get_program().to_owned();
    let output = unshare(&place, &script, &[program]);
    let text = format!("{}{}", output.stdout(), output.stderr());
    assert!(output.status.success(), "{text}");
    for words in [
        "would change",
        "changed",
        "/etc/hosts has edge-01 as 10.99.0.10",
        "nothing to repair",
        "undone",
    ] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
}

/// No trial leaves anything: no link, no file, no mount, no rule.
#[test]
fn nothing_is_left_behind() {
    if !is_possible() {
        return;
    }
    let airlock = Airlock::new();
    let place = airlock.path("place");
    std::fs::create_dir_all(&place).unwrap();
    let script = format!(
        r#"{GOOD}
        state() {{
            ip -o link | cut -d' ' -f2
            find "$place/data" /tmp -maxdepth 1 -name '.*airlock*' -o -maxdepth 1 -name '.tmp*' | sort
            cut -d' ' -f2,3 /proc/self/mounts
            iptables-save 2>/dev/null | grep -v '^[#:*C]' || true
        }}
        state > "$place/before"
        "$airlock" preflight --data-dir "$place/data" || true
        state > "$place/after"
        diff "$place/before" "$place/after"
        "#
    );
    let program = airlock.command([] as [&str; 0]).get_program().to_owned();
    let output = unshare(&place, &script, &[program]);
    assert!(output.status.success(), "{}{}", output.stdout(), output.stderr());
}

/// The command as a person sees it.
#[test]
fn a_person_reads_what_to_do() {
    if !is_possible() {
        return;
    }
    let airlock = Airlock::new();
    let place = airlock.path("place");
    std::fs::create_dir_all(&place).unwrap();
    let program = airlock.command([] as [&str; 0]).get_program().to_owned();
    let script = format!("{GOOD}\nip route del default\nexec \"$airlock\" preflight --only net");
    let output = unshare(&place, &script, &[program]);
    let (stdout, stderr) = (output.stdout(), output.stderr());
    assert_eq!(output.status.code(), Some(1), "{stdout}{stderr}");
    let last: Vec<&str> = stdout.lines().rev().take(4).collect();
    assert!(last[0].ends_with("1 failed"), "{stdout}");
    assert!(
        last[2].trim_start().starts_with("→ on a site without a gateway"),
        "{stdout}"
    );
    assert!(
        last[3].contains("fail") && last[3].contains("net.default-route"),
        "{stdout}"
    );
    assert!(stderr.contains("net.default-route"), "{stderr}");
}
