//! Packages from the lock to a node: real systems of Debian, without a network but for our mirror.
//!
//! For each release: a minimal system, a bundle of the release as it first came out, and one with all updates. In a
//! network namespace of its own the system then installs from the first and upgrades from the second.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::cargo::{airlock, build_airlock, command, run, skipped, target};
use crate::debian::{KEYRING, Mirrors};

mod inside;

/// What is installed, and where.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The releases to try
    #[arg(long = "release", value_name = "NAME", default_values = ["bookworm", "trixie"])]
    releases: Vec<String>,
    /// What is installed; by default web servers, container engines, a k3s node's tools, a browser, a database and Java
    #[arg(long, value_name = "PACKAGE", value_delimiter = ',')]
    names: Vec<String>,
    /// How this command calls itself once it has no network
    #[arg(long, hide = true, value_name = "FOLDER")]
    inside: Option<PathBuf>,
}

const NAMES: &[&str] = &[
    "nginx",
    "docker.io",
    "podman",
    "conntrack",
    "iptables",
    "nfs-common",
    "open-iscsi",
    "cryptsetup",
    "chrony",
    "curl",
    "chromium",
    "postgresql",
];

pub(crate) fn start(options: &Options) -> Result<()> {
    if let Some(folder) = &options.inside {
        return inside::check(folder, &options.names);
    }
    if let Some(missing) = missing() {
        return skipped("apt-node", missing);
    }
    build_airlock()?;
    let mirrors = Mirrors::of_this_machine()?;
    for release in &options.releases {
        let folder = target()?.join("apt-node").join(release);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(folder.join("keys"))?;
        fs::copy(KEYRING, folder.join("keys/debian.gpg")).context("cannot copy Debian's keys")?;
        println!("{release}: a minimal system");
        system(&mirrors, release, &folder.join("node"))?;
        println!("{release}: bundles");
        let names = names(options, release);
        run(command_in(&folder)?.args(["keygen", "--out", "a.key", "--insecure-no-password"]))?;
        bundle(&folder, &manifest(&mirrors, release, &names, false)?, 1)?;
        bundle(&folder, &manifest(&mirrors, release, &names, true)?, 2)?;
        println!("{release}: the node, without a network");
        run(command("unshare")
            .args(["--net", "--mount", "--pid", "--fork", "--kill-child"])
            // Building the command under test has built this one anew.
            .arg(target()?.join("debug/xtask"))
            .args(["apt-node", "--names", &names.join(","), "--inside"])
            .arg(&folder))?;
    }
    Ok(())
}

/// What is needed and not here, and how to get it.
fn missing() -> Option<&'static str> {
    let works = |program: &str, argument: &str| {
        let output = command(program).arg(argument).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !works("mmdebstrap", "--version") {
        Some("mmdebstrap is not installed")
    } else if !works("unshare", "--net") || !works("ip", "-V") {
        Some("no network namespace can be made; this needs root, unshare and ip")
    } else if !Path::new(KEYRING).is_file() {
        Some("the keys of Debian's releases are not here (debian-archive-keyring)")
    } else {
        None
    }
}

fn names(options: &Options, release: &str) -> Vec<String> {
    if !options.names.is_empty() {
        return options.names.clone();
    }
    let java = match release {
        "bookworm" => "openjdk-17-jdk",
        _ => "openjdk-21-jdk",
    };
    NAMES.iter().copied().chain([java]).map(str::to_owned).collect()
}

/// The smallest system that has apt and can tell apt another time.
fn system(mirrors: &Mirrors, release: &str, node: &Path) -> Result<()> {
    let source = format!("deb [signed-by={KEYRING}] {} {release} main", mirrors.archive);
    run(command("mmdebstrap")
        .args(["--quiet", "--variant=minbase", "--include=faketime", release])
        .arg(node)
        .arg(source))?;
    // What this machine asks mirrors for is of no use there.
    for list in fs::read_dir(node.join("etc/apt/sources.list.d"))?.flatten() {
        fs::remove_file(list.path())?;
    }
    fs::write(node.join("etc/apt/sources.list"), "")?;
    for list in fs::read_dir(node.join("var/lib/apt/lists"))?.flatten() {
        if list.path().is_file() {
            fs::remove_file(list.path())?;
        }
    }
    // Nothing is started that would still run afterwards.
    let policy = node.join("usr/sbin/policy-rc.d");
    fs::write(&policy, "#!/bin/sh\nexit 101\n")?;
    run(command("chmod").arg("755").arg(policy))
}

fn manifest(mirrors: &Mirrors, release: &str, names: &[String], updated: bool) -> Result<String> {
    let number = match release {
        "bookworm" => 12,
        "trixie" => 13,
        other => bail!("the number of this release is not known: {other}"),
    };
    let mut text = format!(
        "apiVersion: airlock.dev/v1\nkind: Manifest\nmetadata: {{name: site, version: {version}.0.0, sequence: {version}}}\n\
         platforms: [linux/{arch}]\ncomponents:\n- name: node\n  packages:\n  - distro: debian-{number}\n    \
         names: [{names}]\n    base: {base}\n    repos:\n",
        version = if updated { 2 } else { 1 },
        arch = match std::env::consts::ARCH {
            "aarch64" => "arm64",
            _ => "amd64",
        },
        // With updates of what the node has, too.
        base = if updated { "empty" } else { "minimal" },
        names = names.join(", "),
    );
    let mut repository = |address: &str, suites: &str| {
        writeln!(
            text,
            "    - {{uri: \"{address}\", suites: [{suites}], components: [main], signed-by: keys/debian.gpg}}"
        )
    };
    if updated {
        repository(&mirrors.archive, &format!("{release}, {release}-updates"))?;
        repository(&mirrors.security, &format!("{release}-security"))?;
    } else {
        repository(&mirrors.archive, release)?;
    }
    Ok(text)
}

/// The command under test, working in a folder.
fn command_in(folder: &Path) -> Result<std::process::Command> {
    let mut command = command(&airlock()?.to_string_lossy());
    command.current_dir(folder);
    Ok(command)
}

fn bundle(folder: &Path, manifest: &str, version: u32) -> Result<()> {
    fs::write(folder.join("airlock.yaml"), manifest)?;
    let _ = fs::remove_file(folder.join("airlock.lock"));
    run(command_in(folder)?.args([
        "build",
        "--key",
        "a.key",
        "--cache",
        "cache",
        "--no-importer",
        "--progress",
        "none",
        "--out",
        &format!("bundle-{version}"),
    ]))
}
