//! Preflight over the tree of a machine: what is printed, repaired and undone.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use airlock_testkit::{Auth, Options, Upstream};
use serde_json::Value;

use crate::desk::{Desk, Serving};

/// Files of a machine with a name that has no address, swap in its table, and few instances of inotify.
const TREE: [(&str, &str); 13] = [
    (
        "proc/net/route",
        "Iface\neth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\n",
    ),
    (
        "proc/mounts",
        "/dev/sda1 / ext4 rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n",
    ),
    ("sys/fs/cgroup/cgroup.controllers", "cpuset cpu memory\n"),
    ("proc/filesystems", "nodev\toverlay\n"),
    ("proc/sys/net/bridge/bridge-nf-call-iptables", "1\n"),
    ("proc/sys/net/netfilter/nf_conntrack_max", "262144\n"),
    ("proc/meminfo", "MemTotal:        8000000 kB\n"),
    (
        "proc/swaps",
        "Filename Type Size Used Priority\n/swap.img file 2097148 0 -2\n",
    ),
    ("sys/devices/system/cpu/online", "0-3\n"),
    ("etc/resolv.conf", "nameserver 10.0.0.2\n"),
    ("etc/hosts", "127.0.0.1 localhost\n"),
    (
        "etc/fstab",
        "/dev/sda1 / ext4 rw 0 1\n/swap.img none swap sw 0 0\n",
    ),
    ("proc/sys/kernel/hostname", "edge-01\n"),
];

fn tree(desk: &Desk) -> String {
    for (path, text) in TREE {
        let path = desk.path("node").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    desk.path("node").to_str().unwrap().to_owned()
}

fn content(folder: &Path, into: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            into.insert(path.display().to_string(), Vec::new());
            content(&path, into);
        } else {
            into.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
}

#[test]
fn a_tree_is_checked_repaired_and_put_back() {
    let desk = Desk::new();
    let root = tree(&desk);
    let mut before = BTreeMap::new();
    content(&desk.path("node"), &mut before);
    let preflight = |words: &[&str]| desk.run(&[&["preflight", "--root", &root], words].concat());

    let (code, said) = preflight(&[]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("machine.swap") && said.contains("/swap.img (2.0 GiB)"),
        "{said}"
    );
    assert!(said.contains("(or --fix)"), "{said}");
    assert!(said.contains("hint: --fix repairs some of it"), "{said}");

    let (code, said) = preflight(&["--fix", "--dry-run"]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("would change") && said.contains("lines as comments in /etc/fstab"),
        "{said}"
    );
    let mut after = BTreeMap::new();
    content(&desk.path("node"), &mut after);
    assert_eq!(before, after, "a dry run changes nothing");

    // Swap itself is that of the running machine, so the check fails on.
    let (code, said) = preflight(&["--fix"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("left for the running machine: swap off"), "{said}");
    let table = fs::read_to_string(desk.path("node").join("etc/fstab")).unwrap();
    assert_eq!(
        table,
        "/dev/sda1 / ext4 rw 0 1\n# airlock: /swap.img none swap sw 0 0\n"
    );

    let (code, said) = preflight(&["--undo-fixes"]);
    assert_eq!((code, said.contains("undone")), (0, true), "{said}");
    let mut after = BTreeMap::new();
    content(&desk.path("node"), &mut after);
    assert_eq!(before, after);
    let (code, said) = preflight(&["--undo-fixes"]);
    assert_eq!((code, said.as_str()), (0, "nothing was repaired here\n"));
}

#[test]
fn json_is_for_programs_and_errors_are_of_use() {
    let desk = Desk::new();
    let root = tree(&desk);
    let mut command = desk.command(&[
        "preflight",
        "--root",
        &root,
        "--skip",
        "machine.swap",
        "--output",
        "json",
    ]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["role"], "server");
    assert_eq!(report["summary"]["fail"], 0);
    let checks = report["checks"].as_array().unwrap();
    let swap = checks.iter().find(|check| check["id"] == "machine.swap").unwrap();
    assert_eq!(swap["status"], "skipped");

    for (words, code, says) in [
        (
            &["--only", "net.nothing"][..],
            2,
            "there is no such check: net.nothing",
        ),
        (&["--config", "absent.yaml"][..], 2, "the site could not be read"),
        (&["--mirror", "ftp://mirror"][..], 2, "https://HOST"),
        (&["--mirror", "https://u:hush@mirror"][..], 2, "holds credentials"),
        (&["--dry-run"][..], 2, "--fix"),
        (&["absent-store"][..], 2, "the store or bundle could not be read"),
    ] {
        let (exit, said) = desk.run(&[&["preflight", "--root", &root], words].concat());
        assert_eq!(exit, code, "{said}");
        assert!(said.contains(says) && !said.contains("hush"), "{said}");
    }
    let (code, said) = desk.run(&["preflight", "--list"]);
    assert_eq!(code, 0);
    assert!(
        said.lines().count() >= 30 && said.contains("net.default-route"),
        "{said}"
    );
}

/// The site tells the mirror and its password, which nobody gets to see.
#[test]
fn a_password_is_in_no_output() {
    let desk = Desk::new();
    let root = tree(&desk);
    desk.write("password", "hush-hush\n");
    desk.write(
        "site.yaml",
        "apiVersion: airlock.dev/v1\nkind: Site\nmetadata: {name: edge}\nmirror:\n  url: https://127.0.0.1:1\n  auth: {username: ci, passwordFile: password}\n",
    );
    for output in ["text", "json"] {
        let words = [
            "preflight",
            "--root",
            &root,
            "--config",
            "site.yaml",
            "--only",
            "mirror",
            "-vv",
            "--output",
            output,
        ];
        let (code, said) = desk.run(&words);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("the connection is refused"), "{said}");
        assert!(!said.contains("hush"), "{said}");
    }
}

/// The password of the site's mirror goes to the site's mirror, whatever is named on the command line.
#[test]
fn a_password_goes_to_no_other_mirror() {
    let desk = Desk::new();
    let root = tree(&desk);
    desk.write("password", "hush-hush\n");
    desk.write(
        "site.yaml",
        "apiVersion: airlock.dev/v1\nkind: Site\nmetadata: {name: edge}\nmirror:\n  url: https://127.0.0.1:1\n  auth: {username: ci, passwordFile: password}\n",
    );
    let auth = Auth::Basic {
        user: "ci".to_owned(),
        password: "hush-hush".to_owned(),
    };
    let server = Serving::start(
        Upstream::new(),
        Options {
            auth,
            ..Options::default()
        },
    );
    let words = [
        "preflight",
        "--root",
        &root,
        "--config",
        "site.yaml",
        "--only",
        "mirror",
        "--mirror",
        &server.url(""),
    ];
    let (code, said) = desk.run(&words);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("it wants credentials") && said.contains("nobody was named"),
        "{said}"
    );
}
