//! What charts need, from the manifest to the mirror: nothing points outside, and what would is caught where it can be.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use airlock_closure::{Cluster, Limits, Release, Toggles, needs};
use airlock_helm::chart::{Chart, Profile};
use airlock_helm::images::Class;
use airlock_local::{Links, chart_files};
use airlock_testkit::{self as testkit, Action, Fault, Options, Upstream};
use airlock_tests::{Airlock, http};
use airlock_types::{Manifest, Reference, media_type};

use crate::guarded::Session;

const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64"];

const SHOP: &[(&str, &str)] = &[
    (
        "Chart.yaml",
        "apiVersion: v2\nname: shop\nversion: 1.0.0\nappVersion: \"3\"\n",
    ),
    (
        "values.yaml",
        "image: {repository: quay.io/acme/shop}\nmetrics: {enabled: false, image: \"ghcr.io/acme/exporter:2\"}\n",
    ),
    (
        "templates/shop.yaml",
        r#"apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}-shop}
spec:
  template:
    spec:
      initContainers:
      - {name: wait, image: busybox}
      containers:
      - name: shop
        image: "{{ .Values.image.repository }}:{{ .Chart.AppVersion }}"
        args: ["--backup-image=docker.io/acme/backup:1.2"]
{{- if .Values.metrics.enabled }}
      - {name: metrics, image: {{ .Values.metrics.image }}}
{{- end }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: runner}
data:
  config.toml: |
    [runner]
    image = "registry.example/acme/runner:5"
"#,
    ),
];

/// What the shop needs as it is.
const NEEDED: [&str; 4] = [
    "docker.io/acme/backup:1.2",
    "docker.io/library/busybox:latest",
    "quay.io/acme/shop:3",
    "registry.example/acme/runner:5",
];
const EXPORTER: &str = "ghcr.io/acme/exporter:2";

/// An upstream behind which every registry stands, each below a path with its name.
fn upstream<'a>(references: impl IntoIterator<Item = &'a Reference>) -> Upstream {
    let mut content = Upstream::new();
    for reference in references {
        let image = testkit::multi_arch(&reference.to_string(), &PLATFORMS);
        content.push(&behind(reference), reference.tag_or_latest().as_str(), &image);
    }
    content
}

fn behind(reference: &Reference) -> String {
    let host = reference.repository.host.as_str().replace(':', "-");
    format!("{host}/{}", reference.repository.name)
}

fn parsed(references: &[&str]) -> BTreeSet<Reference> {
    references.iter().map(|text| text.parse().unwrap()).collect()
}

/// A session whose registries are all mirrored.
struct Shop {
    session: Session,
    mirrors: Vec<String>,
}

impl Shop {
    fn new(references: &BTreeSet<Reference>) -> Self {
        let session = Session::new(upstream(references), Options::default());
        let host = session.server.host();
        let registries: BTreeSet<&str> = references
            .iter()
            .map(|reference| reference.repository.host.as_str())
            .collect();
        let mirrors = registries.into_iter().flat_map(|name| {
            [
                "--mirror".to_owned(),
                format!("{name}={host}/{}", name.replace(':', "-")),
            ]
        });
        Self {
            mirrors: mirrors.collect(),
            session,
        }
    }

    /// With the shop in a folder.
    fn with_chart() -> Self {
        let all = [&NEEDED[..], &[EXPORTER]].concat();
        let shop = Self::new(&parsed(&all));
        shop.chart(SHOP);
        shop.manifest("");
        shop
    }

    fn chart(&self, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = format!("shop/{path}");
            fs::create_dir_all(self.session.path(&path).parent().unwrap()).unwrap();
            self.session.write(&path, text);
        }
    }

    /// With the chart of the folder, and more of its entry and of its component.
    fn manifest(&self, more: &str) {
        let more = if more.is_empty() { "}]\n" } else { more };
        self.manifest_of(&format!("- name: shop\n  charts: [{{path: shop{more}"));
    }

    fn manifest_of(&self, components: &str) {
        self.session.write(
            "airlock.yaml",
            &format!(
                "apiVersion: airlock.dev/v1\nkind: Manifest\nmetadata: {{name: edge, version: 1.0.0}}\nplatforms: [linux/amd64, linux/arm64]\ncomponents:\n{components}"
            ),
        );
    }

    fn upstream(&self, words: &[&str]) -> (i32, String) {
        let mirrors = self.mirrors.iter().map(String::as_str);
        self.session
            .run(&words.iter().copied().chain(mirrors).collect::<Vec<_>>())
    }

    fn lock(&self, more: &[&str]) -> (i32, String) {
        self.upstream(&[&["lock"], more].concat())
    }

    fn pack(&self) -> (i32, String) {
        let host = self.session.server.host();
        let words = [
            "pack",
            "--key",
            "airlock.key",
            "--no-importer",
            "--no-cache",
            "--insecure",
            &host,
            "--retries",
            "0",
        ];
        self.upstream(&words)
    }

    fn build_locked(&self) -> (i32, String) {
        self.upstream(&[
            "build",
            "--locked",
            "--key",
            "airlock.key",
            "--no-importer",
            "--no-cache",
        ])
    }

    fn import(&self) {
        let bundle = self.session.bundles().remove(0);
        let words = [
            "import",
            bundle.to_str().unwrap(),
            "--store",
            "store",
            "--key",
            "airlock.pub",
        ];
        let (code, said) = self.session.run(&words);
        assert_eq!(code, 0, "{said}");
    }

    fn locked(&self) -> serde_json::Value {
        serde_json::from_slice(&fs::read(self.session.path("airlock.lock")).unwrap()).unwrap()
    }

    /// The images of the lock.
    fn images(&self) -> BTreeSet<String> {
        let lock = self.locked();
        let images = lock["artifacts"].as_array().unwrap().iter();
        let images = images.filter(|artifact| artifact["kind"] == "image");
        images
            .map(|artifact| artifact["reference"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn ok((code, said): (i32, String)) -> String {
    assert_eq!(code, 0, "{said}");
    said
}

fn refused((code, said): (i32, String), expected: i32, parts: &[&str]) {
    assert_eq!(code, expected, "{said}");
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in\n{said}");
    }
}

/// Pulls a reference through the mirror as containerd does, with everything below it.
fn pull(mirror: SocketAddr, reference: &Reference) {
    let registry = reference.repository.host.as_str();
    let name = &reference.repository.name;
    let get = |what: &str, id: &str| {
        let answer = http::get(mirror, &format!("/v2/{name}/{what}/{id}?ns={registry}")).unwrap();
        assert_eq!(answer.status, 200, "{reference}: {what} {id}");
        answer
    };
    let root = get("manifests", reference.tag_or_latest().as_str());
    let read = |answer: &http::Response| {
        let media_type = answer.header("content-type").unwrap().to_owned();
        Manifest::parse(&media_type, &answer.body).unwrap()
    };
    let Manifest::Index(index) = read(&root) else {
        panic!("{reference} is no index");
    };
    for wanted in PLATFORMS {
        let wanted = wanted.parse().unwrap();
        let child = index.manifests.iter().find(|child| {
            let platform = child.platform.as_ref();
            platform.is_some_and(|platform| platform.satisfies(&wanted))
        });
        let child = child.unwrap_or_else(|| panic!("{reference} is not there for {wanted}"));
        let Manifest::Image(image) = read(&get("manifests", &child.digest.to_string())) else {
            panic!("{reference} holds no image for {wanted}");
        };
        assert_eq!(image.config.media_type, media_type::OCI_CONFIG);
        for blob in std::iter::once(&image.config).chain(&image.layers) {
            assert_eq!(
                get("blobs", &blob.digest.to_string()).body.len() as u64,
                blob.size
            );
        }
    }
}

/// The references behind `image:` in the text of manifests, read by nothing of ours but the grammar of references. A word
/// alone may be anything, `auto` for one.
fn written(rendered: &str) -> BTreeSet<Reference> {
    let mut out = BTreeSet::new();
    for line in rendered.lines() {
        let line = line.trim().trim_start_matches("- ");
        let Some(value) = line.strip_prefix("image:") else {
            continue;
        };
        let value = value
            .split(" #")
            .next()
            .unwrap_or_default()
            .trim()
            .trim_matches(['"', '\'']);
        if let Ok(reference) = value.parse::<Reference>()
            && value.contains([':', '/'])
        {
            out.insert(reference.with_default_tag());
        }
    }
    out
}

/// Builds a bundle from a chart, imports and serves it, and pulls every reference; gives how many, or why the chart
/// cannot be rendered.
fn round_trip(chart: &Path) -> Result<usize, String> {
    let files = chart_files(chart, Links::Inside).map_err(|error| error.to_string())?;
    let loaded = Chart::from_files(files, Profile::Helm4).map_err(|error| error.to_string())?;
    let release = Release {
        name: loaded.metadata().name.clone(),
        toggles: Toggles::None,
        ..Release::new(&loaded)
    };
    let found = needs(&release, &Cluster::default(), Limits::default());
    let found = found.map_err(|error| error.to_string())?;
    let carried = found
        .needs
        .iter()
        .filter(|need| need.finding.class <= Class::Probable);
    let all: BTreeSet<Reference> = carried.map(|need| need.finding.reference.clone()).collect();
    // Nobody can make an image that has a given digest.
    let (pinned, wanted): (BTreeSet<_>, BTreeSet<_>) = all.into_iter().partition(|one| one.digest.is_some());
    let shop = Shop::new(&wanted);
    let ignored: Vec<String> = pinned
        .iter()
        .map(|one| format!("{{match: \"{one}\", reason: cannot be made}}"))
        .collect();
    shop.manifest_of(&format!(
        "- name: app\n  charts: [{{path: {:?}}}]\n  images: {{ignore: [{}]}}\n",
        chart.display().to_string(),
        ignored.join(", ")
    ));
    let (code, said) = shop.lock(&[]);
    if said.contains("cannot be packaged") {
        return Err(said);
    }
    assert_eq!(code, 0, "{said}");
    ok(shop.pack());
    shop.import();
    ok(shop.session.run(&["check", "store"]));
    let name = &loaded.metadata().name;
    let rendered = shop.session.run(&["template", name, chart.to_str().unwrap()]);
    let mut references: BTreeSet<Reference> = written(&ok(rendered));
    references.retain(|one| !pinned.contains(one));
    references.extend(wanted);
    let airlock = Airlock::within(shop.session.folder());
    let served = airlock.serve(&shop.session.path("store"), [""; 0]);
    for reference in &references {
        pull(served.address(), reference);
    }
    Ok(references.len())
}

#[test]
fn every_reference_resolves_through_the_mirror_at_every_platform() {
    let shop = Shop::with_chart();
    assert_eq!(round_trip(&shop.session.path("shop")), Ok(NEEDED.len()));
}

/// The same with charts of others, which are named by the variable: folders, with `:` between.
#[test]
fn every_reference_of_charts_that_are_given_resolves() {
    let Some(charts) = std::env::var_os("AIRLOCK_TEST_CHARTS") else {
        eprintln!("skipped: AIRLOCK_TEST_CHARTS names no charts");
        return;
    };
    let mut failed = Vec::new();
    for chart in std::env::split_paths(&charts) {
        match std::panic::catch_unwind(|| round_trip(&chart)) {
            Ok(Ok(count)) => eprintln!("{}: all of {count} references", chart.display()),
            Ok(Err(why)) => eprintln!("skipped: {}: {why}", chart.display()),
            Err(_) => failed.push(chart),
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn a_chart_is_locked_with_what_it_needs() {
    let shop = Shop::with_chart();
    let said = ok(shop.lock(&[]));
    assert!(
        said.contains("images needed by charts and manifests: 2 sure, 2 probable, 1 possible; 4 carried"),
        "{said}"
    );
    assert_eq!(shop.images(), NEEDED.map(str::to_owned).into());
    let said = ok(shop.session.run(&["why", "acme/backup"]));
    assert!(
        said.contains("image docker.io/acme/backup:1.2\n  probable for shop, carried\n    because of charts[0] → shop templates/shop.yaml, Deployment shop-shop, spec.template.spec.containers[0].args[0] [argument]\n"),
        "{said}"
    );
    let said = ok(shop.session.run(&["why", "exporter"]));
    assert!(
        said.contains(
            "image ghcr.io/acme/exporter:2\n  possible for shop, not carried, since nobody has confirmed it\n"
        ),
        "{said}"
    );
    ok(shop.lock(&["--check"]));
    // A second lock asks nobody.
    shop.session.server.clear_log();
    assert!(ok(shop.lock(&[])).starts_with("unchanged: airlock.lock"));
    assert!(shop.session.server.log().is_empty());
}

#[test]
fn strict_wants_a_decision_about_everything_that_is_not_sure() {
    let shop = Shop::with_chart();
    refused(
        shop.lock(&["--strict"]),
        1,
        &[
            "nobody has decided about 3 images",
            "docker.io/acme/backup:1.2 (probable, carried)",
            "shop → charts[0] → shop templates/shop.yaml, Deployment shop-shop, spec.template.spec.containers[0].args[0] [argument]",
            "ghcr.io/acme/exporter:2 (possible, not carried)",
            "confirm: [docker.io/acme/backup:1.2, registry.example/acme/runner:5]",
            "ignore: [{match: \"ghcr.io/acme/exporter:2\", reason: …}]",
        ],
    );
    assert!(!shop.session.path("airlock.lock").exists());
    // As the hint says.
    shop.manifest("}]\n  images:\n    confirm: [\"docker.io/acme/*\", registry.example/acme/runner]\n    ignore: [{match: \"ghcr.io/acme/exporter:2\", reason: no metrics here}]\n");
    ok(shop.lock(&["--strict"]));
    let before = fs::read(shop.session.path("airlock.lock")).unwrap();
    ok(shop.lock(&["--strict", "--update"]));
    assert_eq!(fs::read(shop.session.path("airlock.lock")).unwrap(), before);
    ok(shop.lock(&["--strict", "--check"]));
    // What is new is open again.
    shop.chart(&[("templates/job.yaml", "kind: Job\nspec: {template: {spec: {containers: [{name: a, image: \"quay.io/acme/shop:3\", args: [--agent-image=quay.io/acme/agent:1]}]}}}\napiVersion: batch/v1\nmetadata: {name: job}\n")]);
    shop.session.server.update(|content| {
        let image = testkit::multi_arch("agent", &PLATFORMS);
        content.push("quay.io/acme/agent", "1", &image);
    });
    refused(
        shop.lock(&["--strict"]),
        1,
        &[
            "nobody has decided about 1 images",
            "quay.io/acme/agent:1 (probable, carried)",
        ],
    );
    // Decisions about nothing are told.
    shop.manifest("}]\n  images: {confirm: [\"docker.io/acme/*\", docker.io/acme/backpu]}\n");
    assert!(
        ok(shop.lock(&[])).contains("nothing that shop installs is meant by: confirm docker.io/acme/backpu")
    );
}

#[test]
fn a_chart_that_changed_between_lock_and_pack_is_caught() {
    let shop = Shop::with_chart();
    ok(shop.lock(&[]));
    shop.chart(&[(
        "templates/more.yaml",
        "kind: Pod\napiVersion: v1\nmetadata: {name: more}\nspec: {containers: [{name: a, image: more:1}]}\n",
    )]);
    refused(
        shop.build_locked(),
        1,
        &[
            "the lock is not that of this manifest; changed: shop; images to be found anew: shop",
            "run `airlock lock`",
        ],
    );
    refused(
        shop.pack(),
        3,
        &[
            "1 thing that is installed from the lock cannot be had",
            "the chart folder changed since the lock",
            "shop → charts[0]",
            "run airlock lock again",
        ],
    );
    assert!(shop.session.bundles().is_empty());
    // Values decide as much as the chart does.
    let shop = Shop::with_chart();
    shop.session.write("site.yaml", "a: 1\n");
    shop.manifest(", values: [site.yaml]}]\n");
    ok(shop.lock(&[]));
    shop.session.write("site.yaml", "metrics: {enabled: true}\n");
    refused(shop.build_locked(), 1, &["images to be found anew: shop"]);
    refused(shop.pack(), 3, &["the file changed since the lock", "site.yaml"]);
    ok(shop.lock(&[]));
    assert!(shop.images().contains(EXPORTER));
}

#[test]
fn values_that_turn_an_image_on_are_caught_at_the_site() {
    let shop = Shop::with_chart();
    ok(shop.lock(&[]));
    ok(shop.pack());
    shop.import();
    let said = ok(shop.session.run(&["check", "store"]));
    assert!(said.contains("shop: 1 chart, 0 manifests, 4 images for linux/amd64 and linux/arm64\n  established       every image is here\n"), "{said}");
    shop.session.write("site.yaml", "metrics: {enabled: true}\n");
    let with_values = |values: &str| shop.session.run(&["check", "store", "--values", values]);
    let parts = [
        "1 image not here\n    ghcr.io/acme/exporter:2\n      needed by charts[0] → shop templates/shop.yaml, Deployment shop-shop, spec.template.spec.containers[1].image",
        "needed since the lock was made: ghcr.io/acme/exporter:2",
        "1 of 5 images are not here",
        "hint: ",
    ];
    refused(with_values("site.yaml"), 1, &parts);
    refused(with_values("shop=site.yaml"), 1, &parts);
    refused(
        with_values("stop=site.yaml"),
        2,
        &[
            "there is no release of this name: \"stop\"",
            "the releases are shop",
        ],
    );
    refused(with_values("none.yaml"), 2, &["the values", "none.yaml"]);
    shop.session
        .write("bad.yaml", "metrics: {enabled: true, image: \"{\"}\n");
    refused(
        with_values("bad.yaml"),
        1,
        &["the chart cannot be rendered: shop → charts[0] (shop)"],
    );
    // The same from the bundle, which has to be signed.
    let bundle = shop.session.bundles().remove(0);
    let bundle = bundle.to_str().unwrap();
    refused(shop.session.run(&["check", bundle]), 2, &["add --key PUBLIC_KEY"]);
    let words = [
        "check",
        bundle,
        "--key",
        "airlock.pub",
        "-f",
        "site.yaml",
        "--output",
        "json",
    ];
    let (code, said) = shop.session.run(&words);
    assert_eq!(code, 1, "{said}");
    let json: serde_json::Value = serde_json::from_str(said.split("error: ").next().unwrap()).unwrap();
    assert_eq!(json["established"], false);
    assert_eq!(json["deployments"][0]["missing"][0]["reference"], EXPORTER);
    // Carried for that case, it is there.
    shop.manifest(", discover: {values: [site.yaml]}}]\n");
    fs::remove_dir_all(shop.session.path("bundles")).unwrap();
    fs::remove_dir_all(shop.session.path("store")).unwrap();
    ok(shop.lock(&[]));
    ok(shop.pack());
    shop.import();
    ok(with_values("site.yaml"));
}

#[test]
fn an_image_without_a_platform_or_deleted_upstream_is_caught_with_who_needs_it() {
    let shop = Shop::with_chart();
    let place = "shop → charts[0] → shop templates/shop.yaml, Deployment shop-shop, spec.template.spec.containers[0].image";
    shop.session.server.update(|content| {
        let image = testkit::multi_arch("amd64 only", &["linux/amd64"]);
        content.push("quay.io/acme/shop", "3", &image);
    });
    refused(
        shop.lock(&[]),
        3,
        &[
            "cannot lock image quay.io/acme/shop:3, needed by ",
            place,
            "there is no build for linux/arm64, only for linux/amd64",
            "airlock.yaml:7:",
        ],
    );
    assert!(!shop.session.path("airlock.lock").exists());
    shop.manifest("}]\n  images: {add: [{ref: \"quay.io/acme/shop:3\", platforms: [linux/amd64]}]}\n");
    ok(shop.lock(&[]));
    ok(shop.pack());
    shop.import();
    ok(shop.session.run(&["check", "store"]));

    let shop = Shop::with_chart();
    shop.session
        .server
        .fault(Fault::on("/v2/quay.io/acme/shop/*", Action::Status(404)));
    refused(
        shop.lock(&[]),
        3,
        &[
            "cannot lock image quay.io/acme/shop:3, needed by ",
            place,
            "ignore: [{match: …, reason: …}]",
        ],
    );
    shop.session.server.heal();
    ok(shop.lock(&[]));
    shop.session
        .server
        .fault(Fault::on("/v2/quay.io/acme/shop/*", Action::Status(404)));
    refused(shop.pack(), 3, &["needed by quay.io/acme/shop:3", place]);
    assert!(shop.session.bundles().is_empty());
}

#[test]
fn a_lock_that_lacks_an_image_is_not_packed() {
    let shop = Shop::with_chart();
    ok(shop.lock(&[]));
    let mut lock =
        airlock_spec::lock::Lock::from_bytes(&fs::read(shop.session.path("airlock.lock")).unwrap()).unwrap();
    lock.artifacts
        .retain(|artifact| artifact.name != "docker.io/acme/backup:1.2");
    fs::write(shop.session.path("airlock.lock"), lock.to_bytes()).unwrap();
    refused(
        shop.pack(),
        1,
        &[
            "the lock lacks 1 images that are installed from it",
            "docker.io/acme/backup:1.2",
            "needed by shop → charts[0] → shop templates/shop.yaml",
        ],
    );
    // Nor is one whose image lacks a platform.
    ok(shop.lock(&[]));
    let mut lock =
        airlock_spec::lock::Lock::from_bytes(&fs::read(shop.session.path("airlock.lock")).unwrap()).unwrap();
    for artifact in &mut lock.artifacts {
        artifact
            .platforms
            .retain(|pin| pin.platform.architecture() == "amd64");
    }
    fs::write(shop.session.path("airlock.lock"), lock.to_bytes()).unwrap();
    refused(
        shop.pack(),
        1,
        &["the lock lacks 4 images", "quay.io/acme/shop:3 for linux/arm64"],
    );
}

#[test]
fn there_is_nothing_to_check_where_nothing_is_installed() {
    let shop = Shop::new(&parsed(&["docker.io/library/busybox:1"]));
    shop.manifest_of("- {name: tools, images: [\"docker.io/library/busybox:1\"]}\n");
    ok(shop.lock(&[]));
    ok(shop.pack());
    shop.import();
    refused(
        shop.session.run(&["check", "store"]),
        2,
        &["nothing is installed from here, so there is nothing to check: store"],
    );
    refused(
        shop.session.run(&["check", "nowhere"]),
        2,
        &["the store or bundle could not be read: nowhere"],
    );
}

/// What the shop's registries hold is counted once, however they are spelled.
#[test]
fn references_of_the_text_are_those_that_are_locked() {
    let text =
        "a:\n  - image: acme/x\n    image: \"quay.io/a/b:1\" # why\nimage: 'x:2'\nimages: y:1\nimage: auto\n";
    let shown: Vec<String> = written(text).iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "docker.io/acme/x:latest",
            "docker.io/library/x:2",
            "quay.io/a/b:1"
        ]
    );
}
