//! Each check against trees that stand for machines, good and bad.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use airlock_spec::site::Site;

use crate::{
    Answer, CHECKS, Context, Host, Mirror, NotBefore, Refusal, RefusalKind, Role, Selection, Settings,
    Status, run,
};

const NOW: u64 = 1_800_000_000;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A machine on which all is well, as far as files tell.
const GOOD: [(&str, &str); 14] = [
    (
        "proc/net/route",
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\neth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\n",
    ),
    ("proc/net/ipv6_route", ""),
    ("proc/net/tcp", "  sl  local_address\n"),
    (
        "proc/mounts",
        "/dev/sda1 / ext4 rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n",
    ),
    ("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n"),
    ("proc/filesystems", "nodev\toverlay\n\text4\n"),
    ("proc/sys/net/bridge/bridge-nf-call-iptables", "1\n"),
    ("proc/sys/net/netfilter/nf_conntrack_max", "262144\n"),
    ("proc/meminfo", "MemTotal:        8000000 kB\n"),
    ("proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"),
    ("sys/devices/system/cpu/online", "0-3\n"),
    ("etc/resolv.conf", "nameserver 10.0.0.2\n"),
    ("etc/hosts", "127.0.0.1 localhost\n10.0.0.5 edge-01\n"),
    ("proc/sys/kernel/hostname", "edge-01\n"),
];
const MORE: [(&str, &str); 4] = [
    ("sys/module/vxlan/initstate", "live\n"),
    ("proc/sys/fs/inotify/max_user_instances", "1024\n"),
    ("proc/sys/fs/inotify/max_user_watches", "524288\n"),
    ("etc/systemd/system/multi-user.target.wants/ssh.service", ""),
];

struct Machine {
    folder: tempfile::TempDir,
    settings: Settings,
}

impl Machine {
    fn good() -> Self {
        let machine = Self {
            folder: tempfile::tempdir().unwrap(),
            settings: Settings::new(Arc::new(|| at(NOW))),
        };
        for (path, text) in GOOD.iter().chain(&MORE) {
            machine.write(path, text);
        }
        machine
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn remove(&self, path: &str) {
        let path = self.folder.path().join(path);
        fs::remove_file(&path)
            .or_else(|_| fs::remove_dir_all(&path))
            .unwrap();
    }

    fn process(&self, id: u32, name: &str, words: &str) {
        self.write(&format!("proc/{id}/comm"), name);
        self.write(&format!("proc/{id}/cmdline"), words);
    }

    fn site(&mut self, more: &str) {
        let text = format!("apiVersion: airlock.dev/v1\nkind: Site\nmetadata: {{name: edge}}\n{more}\n");
        let site = Site::read(&text, Path::new("/etc/airlock/site.yaml"));
        self.settings.site = Some(site.unwrap_or_else(|errors| panic!("{}", errors.render())));
    }

    /// What is not well, with the evidence of the first.
    fn faults(&self) -> (Vec<(&'static str, Status)>, String) {
        let context = Arc::new(Context::new(
            Host::tree(self.folder.path()),
            self.settings.clone(),
        ));
        let report = run(&context, &Selection::default(), &mut |_| {});
        let bad: Vec<_> = report
            .checks
            .iter()
            .filter(|finding| matches!(finding.status, Status::Warn | Status::Fail))
            .collect();
        let evidence = bad
            .first()
            .map(|finding| finding.evidence.clone())
            .unwrap_or_default();
        (
            bad.iter().map(|finding| (finding.id, finding.status)).collect(),
            evidence,
        )
    }

    #[track_caller]
    fn only(&self, id: &'static str, status: Status, says: &str) {
        let (found, evidence) = self.faults();
        assert_eq!(found, [(id, status)], "{evidence}");
        assert!(evidence.contains(says), "{evidence}");
    }

    #[track_caller]
    fn is_well(&self) {
        let (found, evidence) = self.faults();
        assert!(found.is_empty(), "{found:?} {evidence}");
    }
}

#[test]
fn a_good_machine_is_well() {
    Machine::good().is_well();
    let mut agent = Machine::good();
    agent.settings.role = Role::Agent;
    agent.is_well();
}

#[test]
fn names() {
    let machine = Machine::good();
    for (name, status, says) in [
        ("bad_host", Status::Fail, "'_'"),
        ("localhost", Status::Fail, "every machine's"),
        ("", Status::Fail, "no name"),
    ] {
        machine.write("proc/sys/kernel/hostname", name);
        machine.only("names.hostname", status, says);
    }
    machine.write("etc/hosts", "10.0.0.5 Edge-01 debian\n");
    machine.write("proc/sys/kernel/hostname", "Edge-01\n");
    machine.only("names.hostname", Status::Warn, "\"edge-01\"");
    machine.write("proc/sys/kernel/hostname", "debian\n");
    machine.only("names.hostname", Status::Warn, "many machines");
    let mut machine = Machine::good();
    machine.write("proc/sys/kernel/hostname", "bad_host");
    machine.write("etc/hosts", "10.0.0.5 good\n");
    machine.site("cluster: {config: {node-name: good}}");
    machine.is_well();
}

#[test]
fn routes_and_name_servers() {
    let machine = Machine::good();
    machine.write(
        "proc/net/route",
        "Iface\n*\t00000000\t00000000\t0001\t0\t0\t0\t00000000\n",
    );
    machine.only("net.default-route", Status::Fail, "blackhole");
    machine.write("proc/net/route", "Iface\n");
    machine.only("net.default-route", Status::Fail, "no default route");
    let machine = Machine::good();
    machine.write("etc/resolv.conf", "search site\n");
    machine.only("net.resolv-conf", Status::Fail, "names no name server");
    machine.write("etc/resolv.conf", "nameserver 127.0.0.53\n");
    machine.only("net.resolv-conf", Status::Fail, "127.0.0.53");
    machine.write("run/systemd/resolve/resolv.conf", "nameserver 10.0.0.2\n");
    machine.is_well();
    machine.remove("run/systemd/resolve/resolv.conf");
    machine.write("etc/resolv.conf", "nameserver 127.0.0.53\nnameserver 10.0.0.2\n");
    machine.only("net.resolv-conf", Status::Warn, "8.8.8.8");
    machine.remove("etc/resolv.conf");
    machine.only("net.resolv-conf", Status::Fail, "there is no");
}

#[test]
#[cfg(target_endian = "little")]
fn networks_that_overlap() {
    let mut machine = Machine::good();
    machine.site("cluster: {clusterCidr: 10.0.0.0/16, serviceCidr: 10.43.0.0/16}");
    // The network of eth0 and the name server.
    machine.only("net.overlap", Status::Fail, "the route over eth0 to 10.0.0.0/24");
    let machine = Machine::good();
    machine.write(
        "proc/net/route",
        "Iface\neth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\ncni0\t00002A0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\ntun7\t00002B0A\t00000000\t0001\t0\t0\t0\t0000FFFF\n",
    );
    machine.only(
        "net.overlap",
        Status::Fail,
        "service-cidr 10.43.0.0/16 and the route over tun7",
    );
}

#[test]
fn proxies() {
    let machine = Machine::good();
    machine.write(
        "etc/default/k3s",
        "HTTPS_PROXY=http://user:hush-hush@proxy:3128\n",
    );
    machine.only("net.proxy", Status::Warn, "10.42.0.0/16, 10.43.0.0/16");
    let (_, evidence) = machine.faults();
    assert!(!evidence.contains("hush"), "{evidence}");
    machine.write(
        "etc/systemd/system/k3s.service.env",
        "NO_PROXY=\"127.0.0.0/8, 10.0.0.0/8\"\n",
    );
    machine.is_well();
    let mut machine = Machine::good();
    machine.settings.environment = vec![
        ("CONTAINERD_HTTP_PROXY".to_owned(), "http://proxy".to_owned()),
        ("no_proxy".to_owned(), "10.0.0.0/8".to_owned()),
    ];
    machine.is_well();
    machine.site("mirror: {url: 'https://registry.site:5000'}");
    machine.only("net.proxy", Status::Warn, "lacks registry.site");
}

#[test]
#[cfg(target_endian = "little")]
fn ports_by_role_and_settings() {
    let tcp = |port: u16, address: &str| {
        format!(
            "  sl\n   0: {address}:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n"
        )
    };
    let mut machine = Machine::good();
    machine.write("proc/net/tcp", &tcp(6443, "00000000"));
    machine.process(7, "haproxy", "/usr/sbin/haproxy\0-f\0");
    fs::create_dir_all(machine.folder.path().join("proc/7/fd")).unwrap();
    std::os::unix::fs::symlink("socket:[4711]", machine.folder.path().join("proc/7/fd/3")).unwrap();
    machine.only(
        "ports.node",
        Status::Fail,
        "TCP 6443 (API server) is taken by haproxy (pid 7)",
    );
    machine.settings.role = Role::Agent;
    machine.is_well();
    machine.settings.role = Role::Server;
    machine.write("proc/net/tcp", &tcp(2379, "00000000"));
    machine.is_well();
    machine.site("cluster: {datastore: etcd}");
    machine.only("ports.node", Status::Fail, "TCP 2379");
    // On loopback only what listens there stands in the way.
    machine.write("proc/net/tcp", &tcp(10248, "0100000A"));
    machine.is_well();
    machine.write("proc/net/tcp", &tcp(10248, "0100007F"));
    machine.only("ports.local", Status::Fail, "TCP 10248");
    // The API server's own port follows the one that it is reached at.
    machine.write("proc/net/tcp", &tcp(7444, "0100007F"));
    machine.is_well();
    machine.site("cluster: {config: {https-listen-port: 7443}}");
    machine.only("ports.local", Status::Fail, "TCP 7444 (API server's inner port)");
    machine.site("");
    machine.write("proc/net/tcp", &tcp(10248, "0100007F"));
    machine.only("ports.local", Status::Fail, "TCP 10248");
    // A k3s that was installed by Airlock may have them.
    machine.process(7, "k3s-server", "/usr/local/bin/k3s server\0");
    machine.settings.is_installed = true;
    machine.is_well();
}

struct Fake(Result<Answer, Refusal>);

impl Mirror for Fake {
    fn address(&self) -> String {
        "https://registry.site:5000".to_owned()
    }

    fn ask(&self) -> Result<Answer, Refusal> {
        self.0.clone()
    }
}

#[test]
fn every_trouble_with_the_mirror_has_a_remedy_of_its_own() {
    let kinds = [
        RefusalKind::Refused,
        RefusalKind::UnknownName,
        RefusalKind::TimedOut,
        RefusalKind::NoRoute,
        RefusalKind::UnknownAuthority,
        RefusalKind::WrongName,
        RefusalKind::Expired,
        RefusalKind::NotYetValid,
        RefusalKind::NotTls,
        RefusalKind::Unauthorized,
        RefusalKind::Forbidden,
        RefusalKind::NotARegistry,
        RefusalKind::Settings,
        RefusalKind::Other,
    ];
    let mut machine = Machine::good();
    let mut remedies = Vec::new();
    for kind in kinds {
        machine.settings.mirror = Some(Arc::new(Fake(Err(Refusal {
            kind,
            detail: "as seen".to_owned(),
        }))));
        machine.only("mirror.reachable", Status::Fail, &format!("{kind} (as seen)"));
        let context = Context::new(Host::tree(machine.folder.path()), machine.settings.clone());
        remedies.push(crate::mirror::reachable(&context).remedy.unwrap());
    }
    remedies.sort_unstable();
    remedies.dedup();
    assert_eq!(remedies.len(), kinds.len());
    machine.settings.mirror = Some(Arc::new(Fake(Ok(Answer::default()))));
    machine.is_well();
    // What only the site's own list knows can be written where it is looked for.
    machine.settings.mirror = Some(Arc::new(Fake(Err(Refusal {
        kind: RefusalKind::UnknownName,
        detail: String::new(),
    }))));
    machine.site("hosts: {10.0.0.9: [other.site, registry.site]}");
    let context = Context::new(Host::tree(machine.folder.path()), machine.settings.clone());
    let outcome = crate::mirror::reachable(&context);
    assert!(
        outcome
            .remedy
            .unwrap()
            .contains("10.0.0.9 other.site registry.site")
    );
    assert_eq!(outcome.extra.changes.len(), 1);
}

#[test]
fn the_clock_against_what_is_known() {
    let mut machine = Machine::good();
    machine.settings.not_before = Some(NotBefore {
        time: at(NOW - 60),
        what: "the import of edge 1".to_owned(),
    });
    machine.is_well();
    machine.settings.not_before = Some(NotBefore {
        time: at(NOW + 86_400 * 30),
        what: "the import of edge 1".to_owned(),
    });
    machine.only("clock.skew", Status::Fail, "at least 30 days behind");
    // The mirror is only asked on the machine itself, and wins there.
    let mirror = |there: u64| {
        Some(Arc::new(Fake(Ok(Answer {
            date: Some(at(there)),
            here: Some(at(NOW)),
            ..Answer::default()
        }))) as Arc<dyn Mirror>)
    };
    for (there, status) in [
        (NOW, Status::Ok),
        (NOW - 2, Status::Ok),
        (NOW + 30, Status::Warn),
        (NOW - 3600, Status::Fail),
        (NOW + 3600, Status::Fail),
    ] {
        machine.settings.mirror = mirror(there);
        let context = Context::new(Host::machine(), machine.settings.clone());
        let outcome = crate::clock::skew(&context);
        assert_eq!(outcome.status, status, "{}", outcome.evidence);
    }
}

#[test]
fn control_groups_by_version() {
    let mut machine = Machine::good();
    machine.write("sys/fs/cgroup/cgroup.controllers", "cpu io pids\n");
    machine.only("kernel.cgroups", Status::Fail, "version 2 without cpuset, memory");
    let v1 = "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu,cpuacct 0 0\ncgroup /sys/fs/cgroup/cpuset cgroup rw,cpuset 0 0\n";
    machine.write("proc/mounts", &format!("/dev/sda1 / ext4 rw 0 0\n{v1}"));
    machine.only("kernel.cgroups", Status::Fail, "version 1 without memory");
    let v1 = format!("/dev/sda1 / ext4 rw 0 0\n{v1}cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n");
    machine.write("proc/mounts", &v1);
    machine.only("kernel.cgroups", Status::Warn, "not known");
    machine.settings.release = Some("v1.34.5+k3s1".to_owned());
    machine.only("kernel.cgroups", Status::Warn, "1.34 still takes");
    machine.settings.release = Some("v1.35.0+k3s1".to_owned());
    machine.only("kernel.cgroups", Status::Fail, "1.35 refuses");
    machine.site("cluster: {config: {kubelet-arg: [fail-cgroupv1=false]}}");
    machine.is_well();
    machine.write("proc/mounts", "/dev/sda1 / ext4 rw 0 0\n");
    machine.only("kernel.cgroups", Status::Fail, "no control groups");
}

#[test]
fn modules_and_parameters_of_the_kernel() {
    let machine = Machine::good();
    machine.remove("proc/sys/net/bridge");
    machine.only("kernel.br-netfilter", Status::Fail, "everything must be built in");
    machine.write("proc/sys/kernel/osrelease", "6.1.0\n");
    machine.write("lib/modules/6.1.0/modules.dep", "kernel/x.ko:\n");
    machine.only("kernel.br-netfilter", Status::Fail, "not among the modules");
    machine.write(
        "lib/modules/6.1.0/modules.dep",
        "kernel/br_netfilter.ko.zst: kernel/bridge.ko.zst\n",
    );
    machine.is_well();
    machine.remove("proc/sys/net/netfilter");
    machine.only("kernel.conntrack", Status::Fail, "nf_conntrack");
    let mut machine = Machine::good();
    machine.write("proc/filesystems", "\text4\n");
    machine.only("kernel.overlay", Status::Fail, "overlay");
    machine.site("cluster: {config: {snapshotter: native}}");
    machine.is_well();
    let mut machine = Machine::good();
    machine.write("proc/sys/kernel/osrelease", "6.1.0\n");
    machine.write("lib/modules/6.1.0/modules.dep", "kernel/x.ko:\n");
    machine.remove("sys/module/vxlan");
    machine.only("kernel.tunnel", Status::Fail, "vxlan");
    machine.site("cluster: {flannelBackend: host-gw}");
    machine.is_well();
    let mut machine = Machine::good();
    machine.write("proc/sys/fs/inotify/max_user_instances", "128\n");
    machine.only("kernel.inotify", Status::Warn, "128");
    machine.write("proc/sys/fs/inotify/max_user_instances", "16\n");
    machine.only("kernel.inotify", Status::Fail, "16");
    machine.write("proc/sys/fs/inotify/max_user_instances", "1024\n");
    machine.site("cluster: {cis: true}");
    machine.only("kernel.cis", Status::Warn, "vm.overcommit_memory=1");
    for (name, value) in [
        ("vm/panic_on_oom", "0"),
        ("vm/overcommit_memory", "1"),
        ("kernel/panic", "10"),
        ("kernel/panic_on_oops", "1"),
    ] {
        machine.write(&format!("proc/sys/{name}"), value);
    }
    machine.is_well();
}

#[test]
fn memory_processors_and_swap() {
    let mut machine = Machine::good();
    machine.write("proc/meminfo", "MemTotal:  1900000 kB\n");
    machine.is_well();
    machine.write("proc/meminfo", "MemTotal:  1500000 kB\n");
    machine.only("machine.memory", Status::Warn, "1.4 GiB");
    machine.write("proc/meminfo", "MemTotal:  500000 kB\n");
    machine.only("machine.memory", Status::Fail, "488");
    machine.settings.role = Role::Agent;
    machine.is_well();
    let mut machine = Machine::good();
    machine.write("sys/devices/system/cpu/online", "0\n");
    machine.only("machine.cpus", Status::Warn, "1, of 2");
    let swaps = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/swap.img                               file\t\t2097148\t\t0\t\t-2\n";
    machine.write("sys/devices/system/cpu/online", "0-1\n");
    machine.write("proc/swaps", swaps);
    machine.only("machine.swap", Status::Fail, "/swap.img (2.0 GiB)");
    machine.site("cluster: {config: {kubelet-arg: [fail-swap-on=false]}}");
    machine.is_well();
    // What is written for servers, agents do not read.
    machine.settings.role = Role::Agent;
    machine.only("machine.swap", Status::Fail, "/swap.img (2.0 GiB)");
    machine.site("cluster: {agentConfig: {kubelet-arg: [fail-swap-on=false]}}");
    machine.is_well();
}

#[test]
fn disks_by_their_options() {
    let mut machine = Machine::good();
    let mounts = |options: &str| {
        format!(
            "/dev/sda1 / ext4 rw 0 0\n/dev/sdb /data ext4 {options} 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"
        )
    };
    machine.write("data/k3s/x", "");
    machine.write("proc/mounts", &mounts("rw,noexec"));
    machine.is_well();
    machine.settings.data_dir = Some("/data/k3s/deeper".into());
    machine.only("disk.exec", Status::Fail, "noexec");
    machine.write("proc/mounts", &mounts("ro"));
    machine.only("disk.exec", Status::Fail, "read-only");
    machine.write("proc/mounts", &mounts("rw,nosuid,nodev"));
    machine.only("disk.exec", Status::Warn, "nosuid and nodev");
}

#[test]
fn guards() {
    let mut machine = Machine::good();
    machine.process(9, "firewalld", "/usr/bin/python3\0-s\0/usr/sbin/firewalld\0");
    machine.only("guards.firewall", Status::Warn, "firewalld runs");
    let machine_ufw = Machine::good();
    machine_ufw.write("etc/ufw/ufw.conf", "# ufw\nENABLED=yes\n");
    machine_ufw.only("guards.firewall", Status::Warn, "ufw");
    machine.process(9, "bash", "bash\0");
    machine.write("etc/systemd/system/timers.target.wants/nm-cloud-setup.timer", "");
    machine.only("guards.cloud-setup", Status::Fail, "nm-cloud-setup.timer");
    machine.remove("etc/systemd/system/timers.target.wants");
    machine.write("sys/fs/selinux/enforce", "1");
    machine.only("guards.selinux", Status::Fail, "no policy");
    let rocky = "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.4\"\n";
    machine.write("etc/os-release", rocky);
    machine.settings.selinux_policies = vec!["el8".to_owned()];
    machine.only("guards.selinux", Status::Fail, "that of el8, not of el9");
    machine.settings.selinux_policies = vec!["el8".to_owned(), "el9".to_owned()];
    machine.is_well();
    machine.settings.selinux_policies = Vec::new();
    machine.site("cluster: {selinux: 'off'}");
    machine.only("guards.selinux", Status::Warn, "goes without it");
    machine.settings.site = None;
    machine.write("usr/share/selinux/packages/k3s.pp", "");
    machine.is_well();
    machine.process(9, "fapolicyd", "/usr/sbin/fapolicyd\0");
    machine.only("guards.fapolicyd", Status::Fail, "/var/lib/rancher/k3s");
    machine.write(
        "etc/fapolicyd/rules.d/80-k3s.rules",
        "allow perm=any all : dir=/var/lib/rancher/k3s/\n",
    );
    machine.is_well();
}

#[test]
fn other_clusters_and_containers() {
    let mut machine = Machine::good();
    machine.process(9, "kubelet", "/usr/bin/kubelet\0--config\0");
    machine.only("others.runtimes", Status::Fail, "kubelet (pid 9) runs");
    machine.process(9, "containerd", "/usr/bin/containerd\0");
    machine.only("others.runtimes", Status::Warn, "containerd (pid 9) runs");
    machine.process(9, "bash", "bash\0");
    machine.write("etc/systemd/system/k3s.service", "");
    machine.only("others.runtimes", Status::Fail, "k3s.service");
    machine.settings.is_installed = true;
    machine.process(9, "k3s-server", "/usr/local/bin/k3s server\0");
    machine.process(
        10,
        "containerd",
        "/var/lib/rancher/k3s/data/current/bin/containerd\0",
    );
    machine.write("run/k3s/containerd/containerd.sock", "");
    machine.is_well();
    machine.write("etc/systemd/system/kubelet.service", "");
    machine.only("others.runtimes", Status::Fail, "kubelet.service");
}

/// The guide lists every check.
#[test]
fn every_check_is_in_the_guide() {
    let guide = include_str!("../../../docs/k3s.md");
    for check in CHECKS {
        assert!(
            guide.contains(&format!("| `{}` |", check.id)),
            "docs/k3s.md lacks {}",
            check.id
        );
    }
}
