//! Trees of nodes, file by file and mode by mode, read by the programs that read them on a node.
#![allow(clippy::unwrap_used, reason = "tests fail by panic")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use airlock_installer::{
    AuthorityFile, IssuedLeaf, Machine, PackageSource, PlanError, Role, Secret, Secrets, Wanted, plan,
};
use airlock_node::{Content, FirewallTool, Journal, Node, OsRelease, Outcome, ServiceManager, go_on};
use airlock_spec::k3s::{K3sRelease, NodeFiles, ReleaseFile};
use airlock_spec::site::Site;
use airlock_tests::command::{run, succeed};
use airlock_tests::peer;
use airlock_types::Digest;

fn file(name: &str) -> ReleaseFile {
    let bytes = content(name);
    ReleaseFile {
        name: name.to_owned(),
        digest: Digest::sha256(airlock_hash::sha256(&bytes)),
        size: bytes.len() as u64,
    }
}

/// What a file of the release holds.
fn content(name: &str) -> Vec<u8> {
    format!("the content of {name}\n").into_bytes()
}

fn release() -> K3sRelease {
    K3sRelease {
        version: 1,
        component: "cluster".to_owned(),
        release: "v1.34.5+k3s1".to_owned(),
        nodes: vec![NodeFiles {
            platform: "linux/amd64".parse().unwrap(),
            binary: file("k3s"),
            archive: None,
        }],
        images: Vec::new(),
        lists: Vec::new(),
        selinux: BTreeMap::from([(
            "el9".to_owned(),
            vec![
                file("k3s-selinux-1.6-1.el9.noarch.rpm"),
                file("container-selinux-2.232.1-1.el9.noarch.rpm"),
            ],
        )]),
        upgrade: None,
    }
}

/// A variant of a node.
struct Variant {
    role: Role,
    site: String,
    services: ServiceManager,
    os: &'static str,
    is_selinux: bool,
    secrets: Secrets,
    leaves: Vec<IssuedLeaf>,
}

const DEBIAN: &str = "ID=debian\nVERSION_ID=\"12\"\n";
const ROCKY: &str = "ID=rocky\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.4\"\n";
const ALPINE: &str = "ID=alpine\nVERSION_ID=3.22.1\n";

impl Variant {
    fn server(site: &str) -> Self {
        Self {
            role: Role::Server,
            site: format!("apiVersion: airlock.dev/v1\nkind: Site\nmetadata: {{name: plant}}\n{site}"),
            services: ServiceManager::Systemd,
            os: DEBIAN,
            is_selinux: false,
            secrets: Secrets::default(),
            leaves: Vec::new(),
        }
    }

    /// The packages of a mirror, or a folder of them.
    fn packages(&self, site: &Site) -> Option<PackageSource> {
        if self.os != DEBIAN {
            return None;
        }
        let list = "sources.list.d/airlock-debian-12.sources";
        let Some(mirror) = &site.mirror else {
            let files = [
                "dists/bookworm/Release",
                "pool/main/c/chrony/chrony_4.3_amd64.deb",
            ];
            let files = files.map(|path| (path.to_owned(), Content::from(content(path))));
            let text = |address: &str| format!("Types: deb\nURIs: {address}\nTrusted: yes\n");
            let empty = Node::tree("/nowhere");
            let source = PackageSource::apt_folder(&empty, "debian-12", files.into(), text);
            return Some(source.unwrap());
        };
        let files = BTreeMap::from([(PathBuf::from(list), "Types: deb\n".to_owned())]);
        let password = self.secrets.mirror_password.as_ref();
        Some(PackageSource::apt_mirror(files, mirror, password).unwrap())
    }

    fn plan(&self) -> Result<Vec<airlock_node::Change>, PlanError> {
        let site = Site::read(&self.site, Path::new("site.yaml")).unwrap();
        let release = release();
        let machine = Machine {
            platform: "linux/amd64".parse().unwrap(),
            services: self.services,
            os: OsRelease::parse(self.os),
            selinux: self.is_selinux,
            firewall: Some(FirewallTool::Firewalld),
        };
        plan(&Wanted {
            role: self.role,
            site: &site,
            release: &release,
            machine: &machine,
            secrets: &self.secrets,
            file: &|file| Content::from(content(&file.name)),
            images: vec![(
                "airlock-images-0123456789ab.tar".to_owned(),
                Content::from("images"),
            )],
            stale: Vec::new(),
            hosts: vec!["docker.io".parse().unwrap(), "ghcr.io".parse().unwrap()],
            packages: self.packages(&site),
            leaves: self.leaves.clone(),
            itself: None,
            wait: Duration::from_mins(1),
        })
    }

    /// The tree, and what only a running machine would get.
    fn tree(&self) -> (tempfile::TempDir, Vec<String>) {
        let changes = self.plan().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let node = Node::tree(folder.path());
        let mut journal = Journal::open(&node).unwrap();
        let outcomes = journal.apply("install", &changes, &mut go_on).unwrap();
        let later = changes
            .iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| **outcome == Outcome::Later)
            .map(|(change, _)| change.title())
            .collect();
        let again = journal.apply("install", &changes, &mut go_on).unwrap();
        assert!(again.iter().all(|outcome| *outcome != Outcome::Made));
        (folder, later)
    }
}

/// Every path with its permissions; with the text of what is not secret.
fn listed(folder: &Path, later: &[String], with_text: bool) -> String {
    fn walk(root: &Path, at: &Path, with_text: bool, out: &mut String) {
        let mut paths: Vec<PathBuf> = fs::read_dir(at)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        for path in paths {
            let shown = Path::new("/").join(path.strip_prefix(root).unwrap());
            if shown.starts_with("/var/lib/airlock/node") {
                continue;
            }
            let facts = fs::symlink_metadata(&path).unwrap();
            let mode = facts.mode() & 0o7777;
            if facts.is_symlink() {
                let target = fs::read_link(&path).unwrap();
                writeln!(out, "link {} → {}", shown.display(), target.display()).unwrap();
            } else if facts.is_dir() {
                writeln!(out, "{mode:04o} {}/", shown.display()).unwrap();
                walk(root, &path, with_text, out);
            } else {
                writeln!(out, "{mode:04o} {}", shown.display()).unwrap();
                if with_text {
                    for line in fs::read_to_string(&path).unwrap().lines() {
                        writeln!(out, "     | {line}").unwrap();
                    }
                }
            }
        }
    }
    let mut out = String::new();
    walk(folder, folder, with_text, &mut out);
    for title in later {
        writeln!(out, "then {title}").unwrap();
    }
    out.replace(" \n", "\n")
}

/// Every YAML file is read by a program of others, and every unit by systemd.
fn read_by_others(folder: &Path) {
    let mut yaml = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "yaml") {
                yaml.push(path);
            }
        }
    }
    assert!(!yaml.is_empty());
    if peer::require(&["python3"]) {
        let script =
            "import sys, yaml\nfor path in sys.argv[1:]:\n    assert list(yaml.safe_load_all(open(path)))\n";
        succeed(Command::new("python3").args(["-c", script]).args(&yaml));
    }
    let units = folder.join("etc/systemd/system");
    if units.is_dir() && peer::require(&["systemd"]) {
        for entry in fs::read_dir(&units).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|ending| ending != "service") {
                continue;
            }
            // It wants the programs of a unit to be there; those of this machine serve for the tree's.
            let text = fs::read_to_string(&path)
                .unwrap()
                .replace("/usr/local/bin/k3s", "/bin/true");
            let copy = tempfile::tempdir().unwrap();
            let unit = copy.path().join(path.file_name().unwrap());
            fs::write(&unit, text.replace("/sbin/modprobe", "/bin/true")).unwrap();
            let output = run(Command::new("systemd-analyze")
                .args(["verify", "--man=no"])
                .arg(&unit));
            assert!(output.status.success(), "{}", output.stderr());
            assert_eq!(
                output
                    .stderr()
                    .lines()
                    .filter(|line| line.contains("k3s"))
                    .count(),
                0,
                "{}",
                output.stderr()
            );
        }
    }
}

#[test]
fn a_server_by_itself() {
    let (folder, later) = Variant::server("").tree();
    read_by_others(folder.path());
    insta::assert_snapshot!("server", listed(folder.path(), &later, true));
}

#[test]
fn an_agent_with_a_mirror_that_wants_a_password() {
    let site = "mirror: {url: https://registry.site:5000, ca: ca.pem, auth: {username: node, passwordFile: p}}\n\
                packages: [nfs-common]\ncluster: {server: https://10.0.0.10:6443, tokenFile: t, agentConfig: {node-label: [tier=worker]}}\n\
                hosts: {10.0.0.5: [registry.site, ntp.site]}\n";
    let mut variant = Variant::server(site);
    variant.role = Role::Agent;
    variant.secrets = Secrets {
        token: Some(Secret::new("SECRET-token\n")),
        mirror_password: Some(Secret::new("SECRET-password")),
        mirror_ca: Some("-----BEGIN CERTIFICATE-----\n".to_owned()),
        ..Secrets::default()
    };
    let (folder, later) = variant.tree();
    read_by_others(folder.path());
    insta::assert_snapshot!("agent", listed(folder.path(), &later, true));
    // What is secret is for root alone, and nowhere else.
    for secret in ["SECRET-token", "SECRET-password"] {
        let found = run(Command::new("grep").args(["-rl", secret]).arg(folder.path())).stdout();
        for path in found.lines() {
            assert_eq!(fs::metadata(path).unwrap().mode() & 0o077, 0, "{path}");
        }
        // The password is for containerd and for apt.
        let files = if secret.ends_with("password") { 2 } else { 1 };
        assert_eq!(found.lines().count(), files, "{found}");
    }
}

#[test]
fn a_server_with_selinux() {
    let mut variant = Variant::server("");
    variant.os = ROCKY;
    variant.is_selinux = true;
    let (folder, later) = variant.tree();
    let config = fs::read_to_string(folder.path().join("etc/rancher/k3s/config.yaml")).unwrap();
    assert!(config.contains("selinux: true\n"), "{config}");
    insta::assert_snapshot!("selinux", listed(folder.path(), &later, false));
}

#[test]
fn a_server_under_openrc() {
    let mut variant = Variant::server("");
    variant.os = ALPINE;
    variant.services = ServiceManager::OpenRc;
    let (folder, later) = variant.tree();
    let service = folder.path().join("etc/init.d/k3s");
    // Its interpreter is not here, but it is a shell's language.
    succeed(Command::new("sh").arg("-n").arg(&service));
    let text = fs::read_to_string(service).unwrap();
    insta::assert_snapshot!(
        "openrc",
        format!("{}\n{text}", listed(folder.path(), &later, false))
    );
}

#[test]
fn a_hardened_server() {
    let (folder, later) = Variant::server("cluster: {cis: true, datastore: etcd}\n").tree();
    read_by_others(folder.path());
    insta::assert_snapshot!("cis", listed(folder.path(), &later, true));
}

#[test]
fn a_server_that_passes_images_on() {
    let site = "cluster: {embeddedRegistry: true, flannelBackend: wireguard-native, tlsSan: [k3s.site],\n  \
                clusterCidr: [10.52.0.0/16], serviceCidr: [10.53.0.0/16], clusterDns: 10.53.0.10, disable: [traefik]}\n";
    let (folder, later) = Variant::server(site).tree();
    read_by_others(folder.path());
    let read = |path: &str| fs::read_to_string(folder.path().join(path)).unwrap();
    let shown = format!(
        "{}\n{}{}",
        listed(folder.path(), &later, false),
        read("etc/rancher/k3s/config.yaml"),
        read("etc/rancher/k3s/registries.yaml")
    );
    insta::assert_snapshot!("embedded", shown);
}

#[test]
fn authorities_and_services_of_the_site() {
    let site = "services:\n  ntp: {servers: [10.0.0.1], allow: [10.0.0.0/24]}\n  \
                dns: {listen: [10.0.0.5], domain: site, records: {registry.site: [10.0.0.5, \"fd00::5\"]}}\n\
                packages: [nfs-common]\n";
    let mut variant = Variant::server(site);
    let names = [
        "server-ca",
        "client-ca",
        "request-header-ca",
        "etcd/server-ca",
        "etcd/peer-ca",
    ];
    variant.secrets.authorities = names
        .iter()
        .flat_map(|name| [format!("{name}.crt"), format!("{name}.key")])
        .chain(["service.key".to_owned()])
        .map(|name| AuthorityFile {
            text: Secret::whole(&format!("{name}\n")),
            name,
        })
        .collect();
    variant.secrets.site_ca = Some("-----BEGIN CERTIFICATE-----\n".to_owned());
    variant.leaves = vec![IssuedLeaf {
        certificate: "/etc/airlock/tls/registry.crt".into(),
        key: "/etc/airlock/tls/registry.key".into(),
        chain: "certificate\n".to_owned(),
        secret: Secret::whole("key\n"),
    }];
    let (folder, later) = variant.tree();
    let read = |path: &str| fs::read_to_string(folder.path().join(path)).unwrap();
    let shown = format!(
        "{}\n{}\n{}",
        listed(folder.path(), &later, false),
        read("etc/chrony/chrony.conf"),
        read("etc/dnsmasq.d/airlock.conf")
    );
    insta::assert_snapshot!("services", shown);
}

#[test]
fn what_cannot_be_is_told_before_anything_is_written() {
    let refused = |variant: &Variant| {
        let error = variant.plan().unwrap_err();
        format!("{error}\n  {}", error.hint())
    };
    let mut told = Vec::new();
    let mut agent = Variant::server("");
    agent.role = Role::Agent;
    told.push(refused(&agent));
    let mut agent = Variant::server("cluster: {server: https://10.0.0.10:6443}\n");
    agent.role = Role::Agent;
    told.push(refused(&agent));
    let joining = Variant::server("cluster: {server: https://10.0.0.10:6443}\n");
    told.push(refused(&joining));
    let mut lines = Variant::server("");
    lines.secrets.token = Some(Secret::new("a\nb\n"));
    told.push(refused(&lines));
    let mut selinux = Variant::server("");
    selinux.is_selinux = true;
    told.push(refused(&selinux));
    let mut lone = Variant::server("");
    lone.secrets.authorities = vec![AuthorityFile {
        name: "server-ca.crt".to_owned(),
        text: Secret::whole("x"),
    }];
    told.push(refused(&lone));
    let mut unknown = Variant::server("packages: [chrony]\n");
    unknown.os = ALPINE;
    told.push(refused(&unknown));
    insta::assert_snapshot!("refused", told.join("\n"));
}
