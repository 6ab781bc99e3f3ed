//! The images of charts and manifests: found, decided about, pinned, and told when they cannot be.

use std::fmt::Write as _;

use airlock_content::{Silent, digest_of};
use airlock_helm::{ChartFile, package};
use airlock_resolver::{CheckError, Options, Update, check, outdated, resolve};
use airlock_spec::deployment::{Decision, Deployment};
use airlock_spec::lock::{Kind, Lock};
use airlock_spec::manifest::Effective;

use crate::memory::{Memory, Notes, manifest};
use crate::support::{chart, lock_of, multi_arch, told};

const TEMPLATE: &str = "kind: Deployment
apiVersion: apps/v1
metadata: {name: web}
spec:
  template:
    spec:
      containers:
      - {name: web, image: example.org/web:1, args: [--helper-image=example.org/helper:1]}
{{- if .Values.metrics.enabled }}
      - {name: metrics, image: example.org/metrics:1}
{{- end }}
";
const VALUES: &str =
    "metrics: {enabled: false}\nextra: {image: {repository: example.org/extra, tag: \"1\"}}\n";

/// A world with a chart `stack` in a folder, and an image for both platforms for each name.
fn world(images: &[&str]) -> Memory {
    let mut memory = Memory::default();
    for image in images {
        multi_arch(&mut memory, &format!("example.org/{image}"), image);
    }
    put_chart(&mut memory, TEMPLATE);
    memory
}

fn put_chart(memory: &mut Memory, template: &str) {
    let file = |path: &str, text: &str| ChartFile {
        path: path.to_owned(),
        bytes: text.as_bytes().to_vec(),
    };
    let archive = package([
        file("Chart.yaml", "apiVersion: v2\nname: stack\nversion: 1.0.0\n"),
        file("values.yaml", VALUES),
        file("templates/web.yaml", template),
    ]);
    memory.document("charts/stack", archive.unwrap());
}

fn stack(rest: &str) -> Effective {
    manifest(&format!(
        "  - name: stack\n    charts: [{{path: charts/stack{rest}"
    ))
}

const ALL: &[&str] = &["web", "helper", "metrics", "extra"];

fn images(lock: &Lock) -> Vec<String> {
    let images = lock
        .artifacts
        .iter()
        .filter(|artifact| artifact.kind == Kind::Image);
    images.map(|artifact| artifact.reference.to_string()).collect()
}

fn decisions(lock: &Lock) -> String {
    let mut out = String::new();
    for image in &Deployment::all(lock).unwrap()[0].images {
        let decision = match &image.decision {
            Decision::Carried => "carried".to_owned(),
            Decision::Confirmed => "confirmed".to_owned(),
            Decision::Open => "open".to_owned(),
            Decision::Ignored { reason } => format!("ignored: {reason}"),
        };
        let name = image.reference.repository.name.as_str();
        writeln!(out, "{name} {} {decision}", image.certainty).unwrap();
    }
    out
}

#[tokio::test]
async fn what_charts_need_is_pinned_and_told_with_its_place() {
    let memory = world(ALL);
    let lock = lock_of(&memory, &stack("}]\n")).await.unwrap();
    assert_eq!(images(&lock), ["example.org/helper:1", "example.org/web:1"]);
    assert_eq!(
        decisions(&lock),
        "extra possible open\nhelper probable carried\nweb sure carried\n"
    );
    let web = lock
        .artifacts
        .iter()
        .find(|artifact| artifact.name == "example.org/web:1")
        .unwrap();
    assert_eq!(
        web.why,
        [
            "stack → charts[0] → stack templates/web.yaml, Deployment web, spec.template.spec.containers[0].image"
        ]
    );
    assert_eq!(web.platforms.len(), 2);
    // Once more, with the lock: nobody on a network is asked, and nothing changes.
    memory.questions();
    let options = Options::default();
    let again = resolve(
        &stack("}]\n"),
        Some(&lock),
        &Update::None,
        &options,
        &memory,
        &Silent,
    )
    .await;
    assert_eq!(again.unwrap(), lock);
    let asked = memory.questions();
    assert!(
        asked.iter().all(|question| question.contains("charts/stack")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn decisions_count_and_cost_no_question() {
    let mut memory = world(ALL);
    let before = lock_of(&memory, &stack("}]\n")).await.unwrap();
    let decided = stack(
        "}]\n    images:\n      confirm: [example.org/extra, example.org/gone]\n      ignore: [{match: \"*/helper:1\", reason: no helper}]\n",
    );
    // The chart is not rendered anew for that.
    memory.questions();
    put_chart(&mut memory, TEMPLATE);
    let notes = Notes::default();
    let options = Options::default();
    let lock = resolve(&decided, Some(&before), &Update::None, &options, &memory, &notes)
        .await
        .unwrap();
    assert_eq!(images(&lock), ["example.org/extra:1", "example.org/web:1"]);
    assert_eq!(
        decisions(&lock),
        "extra possible confirmed\nhelper probable ignored: no helper\nweb sure carried\n"
    );
    assert!(
        !memory
            .questions()
            .iter()
            .any(|question| question.contains("blob charts"))
    );
    assert_eq!(
        *notes.0.lock().unwrap(),
        ["nothing that stack installs is meant by: confirm example.org/gone"]
    );
    // Deciding in one step gives the same lock, and an update keeps decisions.
    assert_eq!(lock_of(&memory, &decided).await.unwrap(), lock);
    let updated = resolve(&decided, Some(&lock), &Update::All, &options, &memory, &Silent).await;
    assert_eq!(updated.unwrap(), lock);
}

#[tokio::test]
async fn variants_bring_what_they_switch_on() {
    let mut memory = world(ALL);
    memory.document("large.yaml", "metrics: {enabled: true}\n");
    let with_file = lock_of(&memory, &stack(", discover: {values: [large.yaml]}}]\n"))
        .await
        .unwrap();
    assert!(images(&with_file).contains(&"example.org/metrics:1".to_owned()));
    let metrics = with_file
        .artifacts
        .iter()
        .find(|artifact| artifact.name == "example.org/metrics:1");
    assert!(metrics.unwrap().why[0].ends_with("containers[1].image (with large.yaml)"));
    let toggled = lock_of(&memory, &stack(", discover: {toggles: all}}]\n"))
        .await
        .unwrap();
    assert!(images(&toggled).contains(&"example.org/metrics:1".to_owned()));
    // Given to Helm, it is no variant.
    let deployed = lock_of(&memory, &stack(", values: [large.yaml]}]\n"))
        .await
        .unwrap();
    let metrics = deployed
        .artifacts
        .iter()
        .find(|artifact| artifact.name == "example.org/metrics:1");
    assert!(metrics.unwrap().why[0].ends_with("containers[1].image"));
    // The files travel with the deployment.
    let deployment = deployed
        .artifacts
        .iter()
        .find(|artifact| artifact.kind == Kind::Deployment)
        .unwrap();
    let file = digest_of(b"metrics: {enabled: true}\n");
    assert!(deployment.blobs.iter().any(|pin| pin.digest == file));
}

#[tokio::test]
async fn what_cannot_be_pinned_names_who_needs_it() {
    let mut memory = world(&["helper"]);
    let amd64 = memory.image("example.org/web", "linux/amd64", "web");
    memory.tag("example.org/web", "1", &amd64);
    let errors = lock_of(&memory, &stack("}]\n")).await.unwrap_err();
    let text = told(&errors);
    assert!(
        text.starts_with("cannot lock image example.org/web:1, needed by stack → charts[0] → stack templates/web.yaml, Deployment web, spec.template.spec.containers[0].image: there is no build for linux/arm64, only for linux/amd64"),
        "{text}"
    );
    assert!(
        text.contains("{ref: …, platforms: [linux/amd64]}")
            && text.contains("ignore: [{match: …, reason: …}]"),
        "{text}"
    );
    // As the hint says.
    let narrowed = stack("}]\n    images: {add: [{ref: \"example.org/web:1\", platforms: [linux/amd64]}]}\n");
    let lock = lock_of(&memory, &narrowed).await.unwrap();
    assert_eq!(
        decisions(&lock),
        "extra possible open\nhelper probable carried\nweb sure confirmed\n"
    );
    assert_eq!(Deployment::all(&lock).unwrap()[0].images[2].platforms.len(), 1);

    let gone = lock_of(&world(&["web"]), &stack("}]\n")).await.unwrap_err();
    let text = told(&gone);
    assert!(
        text.starts_with("cannot lock image example.org/helper:1, needed by stack → charts[0]"),
        "{text}"
    );
    assert!(
        text.contains("it does not exist") && text.contains("ignore: [{match"),
        "{text}"
    );
}

#[tokio::test]
async fn a_chart_that_cannot_be_rendered_is_told() {
    let mut memory = world(ALL);
    put_chart(
        &mut memory,
        "a: {{ required \"a password is needed\" .Values.password }}",
    );
    let errors = lock_of(&memory, &stack("}]\n")).await.unwrap_err();
    let text = told(&errors);
    assert!(text.starts_with("cannot lock chart stack, needed by stack → charts[0]: nobody can tell which images the chart needs: the chart cannot be rendered: stack → charts[0] (stack): "), "{text}");
    assert!(
        text.contains("a password is needed") && text.contains("with `values`"),
        "{text}"
    );
    memory.document("password.yaml", "password: x\n");
    lock_of(&memory, &stack(", values: [password.yaml]}]\n"))
        .await
        .unwrap();
}

#[tokio::test]
async fn manifests_are_searched_and_upstreams_are_other_names() {
    let mut memory = world(&["library/web"]);
    memory.document(
        "pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: \"site.example/web:1\"}]}\n",
    );
    let wanted = manifest(
        "  - name: raw\n    manifests: [pod.yaml]\n    images: {upstream: {site.example: example.org/library}}\n",
    );
    let lock = lock_of(&memory, &wanted).await.unwrap();
    assert_eq!(images(&lock), ["site.example/web:1"]);
    let image = &lock.artifacts[0];
    let airlock_spec::lock::Source::Registry { repository } = &image.source else {
        panic!("{:?}", image.source);
    };
    assert_eq!(repository.to_string(), "example.org/library/web");
    assert_eq!(
        image.why,
        ["raw → manifests[0] → pod.yaml, Pod p, spec.containers[0].image"]
    );
    // What is not there is told as a part of the manifest.
    let absent = manifest("  - name: raw\n    manifests: [absent.yaml]\n");
    let text = told(&lock_of(&memory, &absent).await.unwrap_err());
    assert!(
        text.starts_with("cannot lock absent.yaml, needed by raw → manifests[0]"),
        "{text}"
    );
}

#[tokio::test]
async fn what_the_manifest_has_itself_is_not_asked_for_again() {
    let mut memory = world(ALL);
    let first = multi_arch(&mut memory, "oci-layout:images", "local");
    memory.tag("oci-layout:images", "example.org/web:1", &first.root);
    let wanted =
        stack("}]\n    images: [example.org/helper:1]\n  - name: other\n    images: [example.org/web:1]\n");
    let lock = lock_of(&memory, &wanted).await.unwrap();
    assert_eq!(images(&lock), ["example.org/helper:1", "example.org/web:1"]);
    let web = lock
        .artifacts
        .iter()
        .find(|artifact| artifact.name == "example.org/web:1")
        .unwrap();
    assert_eq!(web.why.len(), 2, "{:?}", web.why);
    assert_eq!(web.why[0], "other → images[0]");
}

#[tokio::test]
async fn a_lock_is_checked_without_rendering() {
    let mut memory = world(ALL);
    memory.document("site.yaml", "a: 1\n");
    let wanted = stack(", values: [site.yaml]}]\n");
    let lock = lock_of(&memory, &wanted).await.unwrap();
    let options = Options::default();
    check(&wanted, &lock, &options, &memory).await.unwrap();
    memory.document("site.yaml", "a: 2\n");
    let Err(CheckError::Drift(drift)) = check(&wanted, &lock, &options, &memory).await else {
        panic!("values have changed");
    };
    assert_eq!(
        drift.to_string(),
        "the lock is not that of this manifest; images to be found anew: stack"
    );
    // A component that is gone takes its images along.
    let gone = manifest("  - name: other\n    images: [example.org/web:1]\n");
    let Err(CheckError::Drift(drift)) = check(&gone, &lock, &options, &memory).await else {
        panic!("the component is gone");
    };
    assert!(
        drift.surplus.contains(&"example.org/helper:1".to_owned()),
        "{drift}"
    );
    assert!(drift.surplus.contains(&"stack".to_owned()), "{drift}");
}

#[tokio::test]
async fn news_about_images_of_charts_are_told() {
    let mut memory = world(ALL);
    let wanted = stack("}]\n");
    let lock = lock_of(&memory, &wanted).await.unwrap();
    let newer = multi_arch(&mut memory, "example.org/web", "newer");
    memory.tag("example.org/web", "2", &newer.root);
    let news = outdated(&wanted, &lock, &Options::default(), &memory, &Silent)
        .await
        .unwrap();
    let news: Vec<_> = news
        .iter()
        .map(|one| (one.name.as_str(), one.newest.as_deref(), one.moved))
        .collect();
    assert_eq!(news, [("example.org/web:1", Some("2"), Some(newer.root.digest))]);
    // By name, they are looked up again.
    let names = Update::Names(vec!["web".to_owned()]);
    let updated = resolve(
        &wanted,
        Some(&lock),
        &names,
        &Options::default(),
        &memory,
        &Silent,
    )
    .await
    .unwrap();
    let web = updated
        .artifacts
        .iter()
        .find(|artifact| artifact.name == "example.org/web:1")
        .unwrap();
    assert_eq!(web.root.digest, newer.root.digest);
}

#[tokio::test]
async fn two_charts_of_one_name_are_two_releases() {
    let mut memory = world(ALL);
    memory.document("charts/other", chart("other", "1.0.0"));
    let wanted = manifest(
        "  - name: stack\n    charts: [{path: charts/stack}, {path: charts/other}]\n  - name: more\n    charts: [{path: charts/stack, release: second}]\n",
    );
    let lock = lock_of(&memory, &wanted).await.unwrap();
    let deployments = Deployment::all(&lock).unwrap();
    let releases: Vec<_> = deployments
        .iter()
        .map(|deployment| {
            deployment
                .charts
                .iter()
                .map(|chart| chart.release.as_str())
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(releases, [vec!["second"], vec!["stack", "other"]]);
    let web = lock
        .artifacts
        .iter()
        .find(|artifact| artifact.name == "example.org/web:1")
        .unwrap();
    assert_eq!(web.why.len(), 2);
}
