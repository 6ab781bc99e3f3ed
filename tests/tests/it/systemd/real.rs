//! A real k3s, where its binary is given: `AIRLOCK_TEST_K3S` is its path, `AIRLOCK_TEST_K3S_IMAGES` that of the archive
//! of images (`.tar.zst`) that is published beside it. Without the archive, nothing that needs a pod is switched on.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use airlock_tests::Host;
use airlock_tests::command::{run_within, succeed};
use airlock_tests::peer;

use super::release::{Offer, Release};
use super::succeeds;

/// What a first start may take, with the import of all images.
const LIMIT: Duration = Duration::from_mins(15);

#[test]
fn a_real_k3s_becomes_a_healthy_node() {
    let Some(path) = env::var_os("AIRLOCK_TEST_K3S").map(PathBuf::from) else {
        peer::not_asked("a real k3s, whose path AIRLOCK_TEST_K3S would be");
        return;
    };
    let archive = env::var_os("AIRLOCK_TEST_K3S_IMAGES").map(|path| fs::read(path).unwrap());
    // "k3s version v1.34.5+k3s1 (0123abcd)"
    let said = succeed(Command::new(&path).arg("--version")).stdout();
    let version = said.split_whitespace().nth(2).unwrap().to_owned();
    let has_images = archive.is_some();
    let release = Release::build(&Offer {
        version,
        binary: fs::read(&path).unwrap(),
        archive,
        images: Vec::new(),
        charts: Vec::new(),
        packages: None,
    });
    let Some(host) = Host::start() else { return };
    release.share(&host.share());
    let disable = if has_images {
        "[]"
    } else {
        "[coredns, local-storage, metrics-server, servicelb, traefik]"
    };
    let site = format!(
        "apiVersion: airlock.dev/v1\nkind: Site\nmetadata: {{name: real}}\ncluster: {{disable: {disable}}}\n"
    );
    fs::write(host.share().join("site.yaml"), site).unwrap();
    let run = |words: &[&str]| {
        let mut command = host.command(&[&["/srv/share/airlock"], words].concat());
        succeeds(&run_within(&mut command, Stdio::null(), LIMIT))
    };
    let of_site = ["/srv/share/store", "--config", "/srv/share/site.yaml"];
    run(&[&["install", "--role", "server"], &of_site[..]].concat());
    run(&[&["health", "--wait", "10m"], &of_site[..]].concat());
    run(&["uninstall", "--delete-data"]);
}
