//! A bundle with a k3s that is ours, imported into a store: what a site has before its first node.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use airlock_testkit::{self as testkit, Chart, FakeUpstream, Options, Upstream};
use airlock_tests::command::succeed;
use airlock_tests::debian::Archive;
use airlock_tests::{Airlock, digest, shared};
use serde_json::Value;

/// The release.
pub(crate) const RELEASE: &str = "v1.34.5+k3s1";
pub(crate) const IMAGES: [&str; 2] = [
    "rancher/mirrored-pause:3.6",
    "rancher/mirrored-coredns-coredns:1.12.3",
];

/// What a component installs in the release with charts.
pub(crate) const CHARTS: [&str; 4] = ["app", "base", "extra", "front"];

/// A store, and the command that installs from it.
#[derive(Debug)]
pub(crate) struct Release {
    airlock: Airlock,
    /// The images of the lock: reference and digest.
    pub(crate) images: BTreeMap<String, String>,
}

/// What upstream offers.
pub(crate) struct Offer<'a> {
    pub(crate) version: String,
    pub(crate) binary: Vec<u8>,
    /// The archive of images that k3s publishes.
    pub(crate) archive: Option<Vec<u8>>,
    /// Its list of images, each of them ours.
    pub(crate) images: Vec<&'static str>,
    /// The charts that a component of the bundle installs, by name; each has an image of the same name.
    pub(crate) charts: Vec<&'static str>,
    /// OS packages that come with it.
    pub(crate) packages: Option<Wish<'a>>,
}

/// OS packages of an archive.
pub(crate) struct Wish<'a> {
    pub(crate) archive: &'a Archive,
    pub(crate) distro: String,
    pub(crate) name: &'static str,
}

impl Release {
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Option<Release>> = OnceLock::new();
        shared(&SHARED, "the release", || Self::build(&Self::offer(&[])))
    }

    /// The same with charts.
    pub(crate) fn with_charts() -> &'static Self {
        static SHARED: OnceLock<Option<Release>> = OnceLock::new();
        shared(&SHARED, "the release with charts", || {
            Self::build(&Self::offer(&CHARTS))
        })
    }

    fn offer(charts: &[&'static str]) -> Offer<'static> {
        Offer {
            version: RELEASE.to_owned(),
            binary: stub(RELEASE),
            archive: None,
            images: IMAGES.into(),
            charts: charts.to_vec(),
            packages: None,
        }
    }

    pub(crate) fn build(offer: &Offer<'_>) -> Self {
        let airlock = Airlock::new();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let server = runtime
            .block_on(FakeUpstream::start(upstream(offer), Options::default()))
            .unwrap();
        let host = server.host();
        let packages = offer.packages.as_ref().map_or_else(String::new, |wish| {
            airlock.write("archive.asc", wish.archive.public("archive"));
            format!(
                "  packages:\n  - {{distro: {}, names: [{}], repos: [{{uri: \"{}\", suites: [bookworm], \
                 components: [main], signed-by: archive.asc}}]}}\n",
                wish.distro,
                wish.name,
                wish.archive.url()
            )
        });
        let mut manifest = format!(
            "apiVersion: airlock.dev/v1\nkind: Manifest\nmetadata: {{name: edge, version: 1.0.0}}\n\
                 platforms: [{}]\ncomponents:\n- name: cluster\n  \
                 k3s: {{version: {}, images: {}, releases: \"http://{host}/releases\"}}\n{packages}",
            platform(),
            offer.version,
            if offer.archive.is_some() {
                "archive"
            } else {
                "each"
            },
        );
        if !offer.charts.is_empty() {
            manifest.push_str("- name: apps\n  manifests: [settings.yaml]\n  charts:\n");
            airlock.write(
                "settings.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n",
            );
        }
        for name in &offer.charts {
            manifest.push_str(&format!(
                "  - {{name: {name}, repo: \"http://{host}/charts\", version: 1.0.0, namespace: of-{name}}}\n"
            ));
        }
        airlock.write("airlock.yaml", manifest);
        let run = |words: &[&str]| airlock.run(words).succeeds().clone();
        run(&["keygen", "--out", "a.key", "--insecure-no-password"]);
        let mirror = format!("docker.io={host}/docker.io");
        run(&[
            "build",
            "--key",
            "a.key",
            "--no-importer",
            "--no-cache",
            "--insecure",
            &host,
            "--mirror",
            &mirror,
        ]);
        let bundle = fs::read_dir(airlock.path("bundles"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.to_string_lossy().ends_with(".airlock.tar"))
            .unwrap();
        fs::rename(bundle, airlock.path("bundle")).unwrap();
        run(&["import", "bundle", "--store", "store", "--key", "a.pub"]);
        let list: Value = serde_json::from_str(&run(&["--output", "json", "ls", "store"]).stdout).unwrap();
        // Those of the archive are not locked one by one.
        let each = offer.images.iter().filter(|_| offer.archive.is_none());
        let images = each.map(|image| {
            let reference = format!("docker.io/{image}");
            let found =
                digest_of(&list, &reference).unwrap_or_else(|| panic!("{reference} is not in {list:#}"));
            (reference, found)
        });
        let images = images.collect();
        // Copied into every host, so without what only debuggers read.
        let program = airlock.path("airlock");
        fs::copy(airlock.program(), &program).unwrap();
        let _ = Command::new("strip").arg(&program).status();
        Self { airlock, images }
    }

    /// Puts store and command where a host finds them.
    pub(crate) fn share(&self, folder: &Path) {
        copy(&self.airlock.path("store"), &folder.join("store"));
        link(&self.airlock.path("airlock"), &folder.join("airlock"));
    }

    /// A path on this machine.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.airlock.path(name)
    }

    /// Runs the command on this machine.
    pub(crate) fn run(&self, words: &[&str]) -> airlock_tests::Run {
        self.airlock.run(words)
    }
}

/// The digest that stands beside a reference somewhere in a report.
fn digest_of(value: &Value, reference: &str) -> Option<String> {
    match value {
        Value::Object(fields) => {
            let is_it = fields.values().any(|value| value == reference);
            let digest = fields.get("digest").or_else(|| {
                fields
                    .get("descriptor")
                    .and_then(|descriptor| descriptor.get("digest"))
            });
            match digest.and_then(Value::as_str) {
                Some(digest) if is_it => Some(digest.to_owned()),
                _ => fields.values().find_map(|value| digest_of(value, reference)),
            }
        }
        Value::Array(items) => items.iter().find_map(|value| digest_of(value, reference)),
        _ => None,
    }
}

pub(crate) fn platform() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "linux/arm64",
        _ => "linux/amd64",
    }
}

/// What the world has of the release; what docker.io has is below a path of that name.
fn upstream(offer: &Offer<'_>) -> Upstream {
    let (arch, name) = match std::env::consts::ARCH {
        "aarch64" => ("arm64", "k3s-arm64"),
        _ => ("amd64", "k3s"),
    };
    let mut content = Upstream::new();
    let base = format!("/releases/{}", offer.version.replace('+', "%2B"));
    let sum = digest(&offer.binary);
    let archive = format!("k3s-airgap-images-{arch}.tar.zst");
    let sums = format!(
        "{}  {archive}\n{}  {name}\n",
        digest(offer.archive.as_deref().unwrap_or(b"none")).trim_start_matches("sha256:"),
        sum.trim_start_matches("sha256:")
    );
    content.file(&format!("{base}/sha256sum-{arch}.txt"), sums);
    content.file(&format!("{base}/{name}"), offer.binary.clone());
    if let Some(bytes) = &offer.archive {
        content.file(&format!("{base}/{archive}"), bytes.clone());
    }
    let list: Vec<String> = offer
        .images
        .iter()
        .map(|image| format!("docker.io/{image}\n"))
        .collect();
    let list = list.concat();
    content.file(&format!("{base}/k3s-images.txt"), list);
    let mut push = |image: &str| {
        let (name, tag) = image.split_once(':').unwrap();
        let image = testkit::multi_arch(name, &["linux/amd64", "linux/arm64"]);
        content.push(&format!("docker.io/{name}"), tag, &image);
    };
    offer.images.iter().for_each(|image| push(image));
    let image_of = |chart: &&str| format!("acme/{chart}:1.0");
    offer.charts.iter().for_each(|chart| push(&image_of(chart)));
    let chart = |name: &&str| Chart::new(name, "1.0.0", &format!("docker.io/{}", image_of(name)));
    let charts: Vec<Chart> = offer.charts.iter().map(chart).collect();
    content.chart_repository("/charts", &charts);
    content
}

/// The stub that says it is this release.
pub(crate) fn stub(version: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k3s");
    fs::copy(env!("CARGO_BIN_EXE_stub-k3s"), &path).unwrap();
    let _ = Command::new("strip").arg(&path).status();
    let mut bytes = fs::read(path).unwrap();
    bytes.extend_from_slice(format!("\nstub-k3s-version={version}").as_bytes());
    bytes
}

fn link(from: &Path, to: &Path) {
    if fs::hard_link(from, to).is_err() {
        fs::copy(from, to).unwrap();
    }
}

/// A copy whose large files are the same ones: nothing writes into them.
fn copy(from: &Path, to: &Path) {
    let mut command = Command::new("cp");
    command.args(["-al"]).arg(from).arg(to);
    let linked = command.status().is_ok_and(|status| status.success());
    if !linked {
        succeed(Command::new("cp").args(["-a"]).arg(from).arg(to));
    }
}
