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
use serde_json::Value;

use super::release::{IMAGES, Offer, Release};
use super::{outfit, succeeds};

/// What a first start may take, with the import of all images.
const LIMIT: Duration = Duration::from_mins(15);

/// The images of the archive that k3s publishes, as the list beside it names them.
fn images_in(archive: &[u8]) -> Vec<&'static str> {
    let tar = ruzstd::decoding::StreamingDecoder::new(archive).unwrap();
    let mut tar = tar::Archive::new(tar);
    let manifest = tar
        .entries()
        .unwrap()
        .map(Result::unwrap)
        .find(|entry| entry.path().unwrap().as_os_str() == "manifest.json")
        .expect("an archive of images has a manifest.json");
    let manifest: Value = serde_json::from_reader(manifest).unwrap();
    let images = manifest.as_array().into_iter().flatten();
    let names = images.filter_map(|image| image["RepoTags"].as_array()).flatten();
    names
        .filter_map(Value::as_str)
        .map(|name| &*name.trim_start_matches("docker.io/").to_owned().leak())
        .collect()
}

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
    // Without the archive, images of ours have the names of some of them; nothing is started from them.
    let images = match &archive {
        Some(bytes) => images_in(bytes),
        None => IMAGES.into(),
    };
    let release = Release::build(&Offer {
        version,
        binary: fs::read(&path).unwrap(),
        archive,
        images,
        charts: Vec::new(),
        packages: None,
    });
    let Some(host) = Host::start() else { return };
    release.share(&host.share());
    outfit(&host);
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
