//! A release of k3s, from the manifest to the mirror and to a node's archive.

use std::collections::BTreeSet;
use std::fs;

use airlock_testkit::{self as testkit, Action, Fault, Options, Upstream};
use airlock_tests::{Airlock, digest, http};
use serde_json::Value;

use crate::desk::manifest;
use crate::guarded::Session;

const RELEASE: &str = "v1.34.5+k3s1";
const BINARY: &[u8] = b"the binary of k3s";
const IMAGES: [&str; 2] = [
    "rancher/mirrored-pause:3.6",
    "rancher/mirrored-coredns-coredns:1.12.3",
];

/// Upstream's files and images; what docker.io has is below a path of that name.
fn upstream() -> Upstream {
    let mut content = Upstream::new();
    let base = format!("/releases/{}", RELEASE.replace('+', "%2B"));
    let archive = "k3s-airgap-images-amd64.tar.zst";
    let hex = |bytes: &[u8]| digest(bytes).trim_start_matches("sha256:").to_owned();
    let sums = format!("{}  {archive}\n{}  k3s\n", hex(b"archive"), hex(BINARY));
    content.file(&format!("{base}/sha256sum-amd64.txt"), sums);
    content.file(&format!("{base}/k3s"), BINARY);
    content.file(&format!("{base}/{archive}"), &b"archive"[..]);
    let list = IMAGES.map(|image| format!("docker.io/{image}\n")).concat();
    content.file(&format!("{base}/k3s-images.txt"), list);
    for image in IMAGES {
        let (name, tag) = image.split_once(':').unwrap();
        let image = testkit::multi_arch(name, &["linux/amd64", "linux/arm64"]);
        content.push(&format!("docker.io/{name}"), tag, &image);
    }
    content
}

/// A session whose manifest asks for a release by its channel.
fn session() -> Session {
    let session = Session::new(upstream(), Options::default());
    let host = session.server.host();
    // The page that it leads to is not on this server: nobody asks for it.
    let page = "https://github.com/k3s-io/k3s/releases/tag/v1.34.5%2Bk3s1";
    let channel = Fault::on("/channels/stable", Action::Redirect(page.to_owned()));
    session.server.fault(channel);
    session.write(
        "airlock.yaml",
        &manifest(&format!(
            "- name: cluster\n  k3s: {{channel: stable, images: both, releases: \"http://{host}/releases\", channels: \"http://{host}/channels\"}}\n"
        )),
    );
    session
}

fn mirror(session: &Session) -> String {
    format!("docker.io={}/docker.io", session.server.host())
}

fn lock(session: &Session, more: &[&str]) -> (i32, String) {
    session.lock(&[&["--mirror", &mirror(session)], more].concat())
}

fn build(session: &Session) -> (i32, String) {
    session.build(&["--mirror", &mirror(session)])
}

fn ran(session: &Session, words: &[&str]) -> String {
    let (code, text) = session.run(words);
    assert_eq!(code, 0, "{words:?}\n{text}");
    text
}

#[test]
fn a_release_goes_from_its_channel_to_a_node() {
    let session = session();
    let (code, text) = lock(&session, &[]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = lock(&session, &["--check"]);
    assert_eq!(code, 0, "{text}");
    let tree = ran(&session, &["tree"]);
    assert!(
        tree.contains("k3s airlock.local/k3s/cluster:v1.34.5_k3s1 = v1.34.5+k3s1"),
        "{tree}"
    );
    assert!(tree.contains("linux/amd64; 4 files, 2 images"), "{tree}");
    let why = ran(&session, &["why", "mirrored-pause"]);
    assert!(why.contains("cluster → k3s-images.txt"), "{why}");

    let (code, text) = build(&session);
    assert_eq!(code, 0, "{text}");
    let bundle = session.bundles().remove(0);
    let bundle = bundle.to_str().unwrap();
    ran(&session, &["verify", bundle, "--key", "airlock.pub"]);
    let sbom = ran(
        &session,
        &["sbom", bundle, "--key", "airlock.pub", "--format", "cyclonedx"],
    );
    assert!(sbom.contains("pkg:generic/cluster@"), "{sbom}");
    ran(
        &session,
        &["import", bundle, "--store", "store", "--key", "airlock.pub"],
    );
    let list = ran(&session, &["ls", "store"]);
    assert!(
        list.contains("k3s    airlock.local/k3s/cluster:v1.34.5_k3s1"),
        "{list}"
    );

    // The site, which has no other place to ask.
    let airlock = Airlock::within(session.folder());
    let served = airlock.serve(&session.path("store"), [""; 0]);
    let get = |path: &str| http::get(served.address(), path).unwrap();
    let file = get(&format!("/k3s/{RELEASE}/k3s"));
    assert_eq!((file.status, file.body.as_slice()), (200, BINARY));
    let escaped = get("/k3s/v1.34.5%2Bk3s1/k3s-airgap-images-amd64.tar.zst");
    assert_eq!((escaped.status, escaped.body.as_slice()), (200, &b"archive"[..]));
    let releases = String::from_utf8(get("/k3s/").body).unwrap();
    assert_eq!(releases, format!("{RELEASE}/\n"));
    let sums = String::from_utf8(get(&format!("/k3s/{RELEASE}/")).body).unwrap();
    assert!(
        sums.contains("  k3s\n") && sums.contains("  sha256sum-amd64.txt\n"),
        "{sums}"
    );
    assert_eq!(get("/files/k3s/cluster/k3s").body, BINARY);
    assert_eq!(get("/k3s/v1.34.6+k3s1/k3s").status, 404);
    assert_eq!(get(&format!("/k3s/{RELEASE}/../k3s")).status, 404);

    let report = ran(
        &session,
        &[
            "export",
            "store",
            "--platform",
            "linux/amd64",
            "--out",
            "node.tar",
            "--output",
            "json",
            "--quiet",
        ],
    );
    let report: Value = serde_json::from_str(&report).unwrap();
    let names: BTreeSet<&str> = report["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| image["names"][0].as_str().unwrap())
        .collect();
    let expected: Vec<String> = IMAGES.iter().map(|image| format!("docker.io/{image}")).collect();
    assert_eq!(names, expected.iter().map(String::as_str).collect());
    assert_eq!(
        fs::metadata(session.path("node.tar")).unwrap().len(),
        report["bytes"]
    );
}

#[test]
fn a_binary_that_is_not_what_its_checksum_says_is_not_packed() {
    let session = session();
    assert_eq!(lock(&session, &[]).0, 0);
    let path = format!("/releases/{}/k3s", RELEASE.replace('+', "%2B"));
    session.server.fault(Fault::on(path, Action::Corrupt));
    let (code, text) = build(&session);
    assert_eq!(code, 3, "{text}");
    assert!(
        text.contains("needed by cluster → k3s") || text.contains("cluster"),
        "{text}"
    );
    assert!(session.bundles().is_empty());
}

#[test]
fn a_channel_that_leads_nowhere_is_told() {
    let session = session();
    session.server.heal();
    let (code, text) = lock(&session, &[]);
    assert_ne!(code, 0);
    assert!(
        text.contains("cannot lock k3s cluster, needed by cluster → k3s"),
        "{text}"
    );
    session
        .server
        .fault(Fault::on("/channels/stable", Action::Status(200)));
    let (code, text) = lock(&session, &[]);
    assert_ne!(code, 0);
    assert!(
        text.contains("the channel stable leads to no release of k3s"),
        "{text}"
    );
    assert!(!session.path("airlock.lock").exists());
}

/// The checks of a node know the release and its room from the bundle, and the time of its import from the store.
#[test]
fn a_node_is_checked_for_the_release() {
    let session = session();
    assert_eq!(lock(&session, &[]).0, 0);
    let (code, text) = build(&session);
    assert_eq!(code, 0, "{text}");
    let bundle = session.bundles().remove(0);
    let bundle = bundle.to_str().unwrap();
    fs::create_dir_all(session.path("node/proc")).unwrap();
    let v1 = "cgroup /sys/fs/cgroup/memory cgroup rw,cpu,cpuset,memory 0 0\n";
    session.write("node/proc/mounts", v1);
    let key = ["--key", "airlock.pub"];
    let of_tree = [&["preflight", bundle, "--root", "node"], &key[..]].concat();
    let text = ran(&session, &[&of_tree[..], &["--only", "kernel.cgroups"]].concat());
    assert!(text.contains("1.34 still takes"), "{text}");
    // Without a key nothing is believed but sizes.
    let unverified = ["preflight", bundle, "--root", "node", "--only", "kernel.cgroups"];
    let text = ran(&session, &unverified);
    assert!(
        text.contains("not verified") && text.contains("is not known here"),
        "{text}"
    );
    let data = session.path("data").display().to_string();
    let of_machine = [
        &["preflight", bundle, "--data-dir", &data, "--only", "disk.space"],
        &key[..],
    ]
    .concat();
    let text = ran(&session, &of_machine);
    assert!(text.contains("the images, the programs of k3s"), "{text}");

    ran(
        &session,
        &["import", bundle, "--store", "store", "--key", "airlock.pub"],
    );
    let of_store = [
        "preflight",
        "store",
        "--root",
        "node",
        "--only",
        "clock",
        "--only",
        "kernel.cgroups",
    ];
    let text = ran(&session, &of_store);
    assert!(text.contains("the clock is not before the import of"), "{text}");
    assert!(text.contains("1.34 still takes"), "{text}");
}
