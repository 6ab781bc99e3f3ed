use std::net::IpAddr;
use std::path::Path;

use proptest::prelude::*;

use super::address::{contains, network, overlap, parse, single};
use super::{hosts, modules, mounts, pairs, resolv, routes, sockets};
use crate::Host;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// As a machine with two networks, a blackhole and one route for half of the addresses shows it.
const ROUTES: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
*\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0
tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0
";

const ROUTES6: &str = "00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000000000000000000000000000001 00000400 00000001 00000000 00000003     eth0
fd000000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000002 00000000 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
";

#[test]
#[cfg(target_endian = "little")]
fn routes_of_both_families() {
    let found = routes::v4(ROUTES);
    assert_eq!(found.len(), 4);
    assert!(found[0].is_default() && found[0].has_interface());
    assert_eq!(found[1].to, parse("192.0.2.0/24").unwrap());
    assert!(!found[1].is_default());
    assert!(found[2].is_default() && !found[2].has_interface());
    assert_eq!(found[3].to, parse("0.0.0.0/1").unwrap());
    assert!(found[3].is_default());
    let found = routes::v6(ROUTES6);
    assert_eq!(found.len(), 3);
    assert!(found[0].is_default() && found[0].has_interface());
    assert_eq!(found[1].to, parse("fd00::/64").unwrap());
    assert!(found[2].is_default() && !found[2].has_interface());
}

#[test]
fn name_servers_that_pods_can_reach_and_others() {
    let found = resolv::read(
        "# nameserver 10.9.9.9\nsearch site\nnameserver 10.0.0.2\nnameserver\t127.0.0.53\nnameserver fe80::1%eth0\nnameserver fd00::2\nnameserver nonsense\nnameserver\n nameserver 169.254.169.254\n",
    );
    assert_eq!(found.usable, [ip("10.0.0.2"), ip("fd00::2")]);
    assert_eq!(
        found.local,
        [ip("127.0.0.53"), ip("fe80::1"), ip("169.254.169.254")]
    );
}

#[test]
#[cfg(target_endian = "little")]
fn sockets_of_both_families() {
    let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:192C 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000 100 0 0 10 0
   1: 0000000000000000FFFF00000100007F:192B 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000
 4602: 00000000:2118 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 29377478 2 0000 0
";
    let found = sockets::read(text);
    assert_eq!(found.len(), 3);
    assert_eq!(
        (found[0].address, found[0].port, found[0].inode),
        (ip("127.0.0.1"), 6444, 4711)
    );
    assert_eq!(
        (found[1].address, found[1].state),
        (ip("127.0.0.1"), sockets::LISTEN)
    );
    assert_eq!((found[2].port, found[2].state), (8472, 7));
}

#[test]
fn mounts_with_octal_names() {
    let found = mounts::read(
        "/dev/sda1 / ext4 rw,relatime 0 0\n/dev/sdb /my\\040data xfs rw,noexec 0 0\n/dev/sdc / ext4 ro 0 0\nbroken\n",
    );
    assert_eq!(found.len(), 3);
    let data = mounts::of(&found, Path::new("/my data/k3s")).unwrap();
    assert!(data.has("noexec") && !data.has("exec"));
    // What is mounted later hides what is below it.
    assert!(mounts::of(&found, Path::new("/var")).unwrap().has("ro"));
}

#[test]
fn pairs_of_names_and_values() {
    let memory =
        pairs::meminfo("MemTotal:       24684084 kB\nHugePages_Total:       0\nbroken\nMemFree: x kB\n");
    assert_eq!(memory.get("MemTotal"), Some(&24_684_084));
    assert_eq!(memory.len(), 2);
    let release = pairs::assignments(
        "# comment\nID=debian\nPRETTY_NAME=\"Debian \\\"12\\\"\"\nexport HTTP_PROXY='http://p'\nNO-NAME=x\n=x\nEMPTY=\n",
    );
    let expected = [
        ("ID", "debian"),
        ("PRETTY_NAME", "Debian \"12\""),
        ("HTTP_PROXY", "http://p"),
        ("EMPTY", ""),
    ];
    let found: Vec<(&str, &str)> = release.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn names_of_the_hosts_file() {
    let text = "127.0.0.1 localhost\n10.0.0.1\tedge-01.site Edge-01 # 10.0.0.9 other\nbroken edge-01\n";
    assert_eq!(hosts::addresses(text, "edge-01"), [ip("10.0.0.1")]);
    assert!(hosts::addresses(text, "other").is_empty());
}

#[test]
fn networks_contain_and_overlap() {
    let net = |text: &str| parse(text).unwrap();
    assert!(contains(&net("10.0.0.0/8"), &net("10.42.0.0/16")));
    assert!(!contains(&net("10.42.0.0/16"), &net("10.0.0.0/8")));
    assert!(overlap(&net("10.42.0.0/16"), &net("10.0.0.0/8")));
    assert!(!overlap(&net("10.42.0.0/16"), &net("10.43.0.0/16")));
    assert!(!overlap(&net("0.0.0.0/0"), &net("::/0")));
    assert!(contains(&net("::/0"), &single(ip("fd00::1"))));
    assert_eq!(net("10.42.7.9/16"), net("10.42.0.0/16"));
    for bad in [
        "",
        "10.0.0.0/33",
        "::/129",
        "10.0.0/8",
        "x/8",
        "10.0.0.0/x",
        "10.0.0.0/-1",
    ] {
        assert_eq!(parse(bad), None, "{bad}");
    }
}

#[test]
fn modules_by_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::tree(folder.path());
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("proc/sys/kernel/osrelease", "6.1.0\n");
    assert_eq!(modules::find(&host, "overlay"), modules::Module::NoModules);
    write(
        "usr/lib/modules/6.1.0/modules.dep",
        "kernel/net/bridge/br_netfilter.ko.xz: kernel/net/bridge/bridge.ko.xz\nkernel/fs/over-lay.ko:\n",
    );
    write(
        "usr/lib/modules/6.1.0/modules.builtin",
        "kernel/net/nf_conntrack.ko\n",
    );
    write("proc/modules", "vxlan 16384 0 - Live 0x0\n");
    assert_eq!(modules::find(&host, "br-netfilter"), modules::Module::Loadable);
    assert_eq!(modules::find(&host, "nf_conntrack"), modules::Module::There);
    assert_eq!(modules::find(&host, "vxlan"), modules::Module::There);
    assert_eq!(modules::find(&host, "overlay"), modules::Module::Missing);
}

/// Lines that look like those of the kernel's tables, and do not keep to them.
fn garbage() -> impl Strategy<Value = String> {
    let field = prop_oneof![
        "[0-9a-fA-F]{0,34}",
        "[0-9A-F]{8}:[0-9A-F]{4}",
        "[0-9]{1,24}:?",
        "[a-z*/\\\\=\"'#.,-]{0,8}",
        "\\PC{0,4}",
    ];
    let line = proptest::collection::vec(field, 0..14).prop_map(|fields| fields.join(" "));
    proptest::collection::vec(line, 0..6).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn no_reader_falls_over_garbage(text in garbage()) {
        let _ = routes::v4(&text);
        let _ = routes::v6(&text);
        let _ = resolv::read(&text);
        let _ = sockets::read(&text);
        let found = mounts::read(&text);
        let _ = mounts::of(&found, Path::new("/a/b"));
        let _ = pairs::meminfo(&text);
        let _ = pairs::assignments(&text);
        let _ = hosts::addresses(&text, "a");
        for word in text.split_whitespace() {
            let _ = parse(word);
        }
    }

    #[test]
    fn a_network_contains_its_addresses_and_no_others(address: u32, other: u32, prefix in 0_u8..=32) {
        let net = network(std::net::Ipv4Addr::from(address).into(), prefix);
        prop_assert!(contains(&net, &single(std::net::Ipv4Addr::from(address).into())));
        let same = prefix == 0 || (address ^ other).leading_zeros() >= u32::from(prefix);
        prop_assert_eq!(contains(&net, &single(std::net::Ipv4Addr::from(other).into())), same);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_whole_machine_of_garbage_is_borne(texts in proptest::collection::vec(garbage(), 25)) {
        let folder = tempfile::tempdir().unwrap();
        let paths = [
            "proc/net/route", "proc/net/ipv6_route", "proc/net/tcp", "proc/net/tcp6", "proc/net/udp",
            "proc/mounts", "proc/meminfo", "proc/swaps", "proc/modules", "proc/filesystems", "proc/1/comm",
            "proc/1/cmdline", "proc/sys/kernel/hostname", "proc/sys/kernel/osrelease",
            "proc/sys/fs/inotify/max_user_instances", "sys/devices/system/cpu/online", "sys/fs/selinux/enforce",
            "sys/fs/cgroup/cgroup.controllers", "etc/resolv.conf", "etc/hosts", "etc/ufw/ufw.conf",
            "etc/default/k3s", "etc/fstab", "etc/os-release", "etc/fapolicyd/rules.d/1",
        ];
        for (path, text) in paths.iter().zip(&texts) {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let clock = std::sync::Arc::new(|| std::time::SystemTime::UNIX_EPOCH);
        let context = crate::Context::new(Host::tree(folder.path()), crate::Settings::new(clock));
        for check in crate::CHECKS {
            let _ = (check.run)(&context);
        }
    }
}
