//! What small charts need, with every kind of switch.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use airlock_closure::{
    Cluster, Limits, Need, Needs, Release, ReleaseError, Toggles, Variant, manifests, needs,
};
use airlock_helm::ChartFile;
use airlock_helm::chart::{Chart, Profile};
use airlock_helm::images::{Class, Gap};
use airlock_helm::render::RenderError;
use proptest::prelude::*;

const META: &str = "apiVersion: v2\nname: site\nversion: 1.0.0\n";

fn chart(files: &[(&str, &str)]) -> Chart {
    let mut files: Vec<ChartFile> = files
        .iter()
        .map(|(path, text)| ChartFile {
            path: (*path).to_owned(),
            bytes: text.as_bytes().to_vec(),
        })
        .collect();
    if !files.iter().any(|file| file.path == "Chart.yaml") {
        files.push(ChartFile {
            path: "Chart.yaml".to_owned(),
            bytes: META.as_bytes().to_vec(),
        });
    }
    Chart::from_files(files, Profile::Helm4).unwrap()
}

/// A pod with one image, under a condition of a template.
fn pod(name: &str, image: &str, condition: &str) -> String {
    format!(
        "{{{{ if {condition} }}}}\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{name: a, image: {image}}}]}}\n{{{{ end }}}}\n---\n"
    )
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    let all: Vec<String> = (0..count).map(line).collect();
    all.concat()
}

fn all(chart: &Chart) -> Needs {
    let mut release = Release::new(chart);
    release.toggles = Toggles::All;
    needs(&release, &Cluster::default(), Limits::default()).unwrap()
}

/// Image, class and variant of each need.
fn told(needs: &Needs) -> Vec<String> {
    let line = |need: &Need| {
        let finding = &need.finding;
        let variant = need.variant.as_deref().unwrap_or("-");
        format!("{} {} {variant}", finding.reference, finding.class)
    };
    needs.needs.iter().map(line).collect()
}

fn gaps(needs: &Needs, gap: Gap) -> Vec<String> {
    let unknowns = needs.unknowns.iter().filter(|one| one.notice.gap == gap);
    unknowns
        .map(|one| {
            let variant = one.variant.as_deref().unwrap_or("-");
            format!("{variant}: {}", one.notice.text)
        })
        .collect()
}

#[test]
fn a_switch_brings_an_image() {
    let template = pod("a", "a.example/a:1", "true") + &pod("b", "a.example/b:1", ".Values.b.enabled");
    let chart = chart(&[
        ("values.yaml", "b: {enabled: false, image: 'a.example/b:1'}\n"),
        ("templates/a.yaml", &template),
    ]);
    let plain = needs(&Release::new(&chart), &Cluster::default(), Limits::default()).unwrap();
    assert_eq!(told(&plain), ["a.example/a:1 sure -", "a.example/b:1 possible -"]);
    // It is rendered now, so that it is no longer possible only.
    let with = all(&chart);
    assert_eq!(
        told(&with),
        ["a.example/a:1 sure -", "a.example/b:1 sure b.enabled=true"]
    );
}

#[test]
fn a_variant_tells_only_what_it_adds() {
    let template = pod("a", "a.example/a:1", "true")
        + &pod("b", "a.example/a:1", ".Values.more")
        + &pod("c", "a.example/c:1", ".Values.more");
    let chart = chart(&[("values.yaml", "more: false\n"), ("templates/a.yaml", &template)]);
    assert_eq!(
        told(&all(&chart)),
        ["a.example/a:1 sure -", "a.example/c:1 sure more=true"]
    );
}

#[test]
fn charts_that_are_off_are_tried_with_their_own_switches() {
    let meta = "apiVersion: v2\nname: site\nversion: 1.0.0\ndependencies:\n\
        - {name: db, version: 1.0.0, alias: store, condition: store.on.here}\n\
        - {name: ui, version: 1.0.0, tags: [front]}\n";
    let db = "apiVersion: v2\nname: db\nversion: 1.0.0\ndependencies:\n\
        - {name: agent, version: 1.0.0, condition: agent.enabled}\n";
    let agent = "apiVersion: v2\nname: agent\nversion: 1.0.0\n";
    let ui = "apiVersion: v2\nname: ui\nversion: 1.0.0\n";
    let database = pod("db", "a.example/db:1", "true")
        + &pod("backup", "a.example/backup:1", ".Values.backup.enabled")
        + &pod("agent", "a.example/agent:1", ".Values.agent.enabled");
    let chart = chart(&[
        ("Chart.yaml", meta),
        // A key `on` is a boolean of YAML 1.1, so that it would be another one.
        (
            "values.yaml",
            "store: {is: {here: false}, 'on': {here: false}}\ntags: {front: false}\n",
        ),
        ("charts/db/Chart.yaml", db),
        (
            "charts/db/values.yaml",
            "backup: {enabled: false}\nagent: {enabled: false}\n",
        ),
        ("charts/db/templates/a.yaml", &database),
        ("charts/db/charts/agent/Chart.yaml", agent),
        ("charts/db/charts/agent/values.yaml", "debug: false\n"),
        (
            "charts/db/charts/agent/templates/a.yaml",
            &pod("debug", "a.example/debug:1", ".Values.debug"),
        ),
        ("charts/ui/Chart.yaml", ui),
        ("charts/ui/templates/a.yaml", &pod("ui", "a.example/ui:1", "true")),
    ]);
    let mut told = told(&all(&chart));
    told.sort();
    assert_eq!(
        told,
        [
            "a.example/agent:1 sure store.on.here=true,store.agent.enabled=true",
            "a.example/backup:1 sure store.on.here=true,store.backup.enabled=true",
            "a.example/db:1 sure store.on.here=true",
            "a.example/debug:1 sure store.on.here=true,store.agent.enabled=true,store.agent.debug=true",
            "a.example/ui:1 sure tags.front=true",
        ]
    );
}

#[test]
fn switches_in_lists_keep_what_is_beside_them() {
    let template = "{{ range .Values.parts }}{{ if .enabled }}\nkind: Pod\nmetadata: {name: {{ .name }}}\n\
        spec: {containers: [{name: a, image: {{ .image | quote }}}]}\n---\n{{ end }}{{ end }}";
    let values = "parts:\n- {name: a, enabled: true, image: 'a.example/a:1'}\n\
        - {name: b, enabled: false, image: 'a.example/b:1', size: 1000000, note: \"\\x7f\\u2028\"}\n";
    let chart = chart(&[("values.yaml", values), ("templates/a.yaml", template)]);
    assert_eq!(
        told(&all(&chart)),
        ["a.example/a:1 sure -", "a.example/b:1 sure parts[1].enabled=true"]
    );
}

#[test]
fn keys_are_written_as_set_takes_them() {
    let template = pod("a", "a.example/a:1", "index .Values \"a.b\" \"c,d\"");
    let chart = chart(&[
        ("values.yaml", "a.b: {'c,d': false}\n"),
        ("templates/a.yaml", &template),
    ]);
    assert_eq!(told(&all(&chart)), ["a.example/a:1 sure a\\.b.c\\,d=true"]);
}

#[test]
fn api_versions_and_upgrades_are_switches() {
    let has = ".Capabilities.APIVersions.Has \"acme.example/v1/Thing\"";
    let template = pod("a", "a.example/a:1", has)
        + &pod("b", "a.example/b:1", ".Release.IsUpgrade")
        + &pod(
            "c",
            "a.example/c:1",
            "$.Capabilities.APIVersions.Has `acme.example/v2`",
        );
    let chart = chart(&[("templates/a.yaml", &template)]);
    let mut lines = told(&all(&chart));
    lines.sort();
    assert_eq!(
        lines,
        [
            "a.example/a:1 sure api-versions=acme.example/v1/Thing",
            "a.example/b:1 sure is-upgrade",
            "a.example/c:1 sure api-versions=acme.example/v2",
        ]
    );
    let mut release = Release::new(&chart);
    release.is_upgrade = true;
    let cluster = Cluster {
        api_versions: vec!["acme.example/v2".to_owned()],
        ..Cluster::default()
    };
    let found = needs(&release, &cluster, Limits::default()).unwrap();
    assert_eq!(told(&found), ["a.example/b:1 sure -", "a.example/c:1 sure -"]);
}

#[test]
fn what_is_required_does_not_hide_images() {
    let template = pod("a", "a.example/a:1", ".Values.a.enabled")
        + "{{ if .Values.a.enabled }}{{ required \"say where it is\" .Values.a.host }}{{ end }}"
        + &pod("b", "a.example/b:1", ".Values.b")
        + "{{ if .Values.b }}{{ fail \"b is\\nof the past\" }}{{ end }}"
        + "{{ if .Values.c }}{{ index .Values.missing 3 }}{{ end }}";
    let chart = chart(&[
        (
            "values.yaml",
            "a: {enabled: false, host: ''}\nb: false\nc: false\n",
        ),
        ("templates/a.yaml", &template),
    ]);
    let found = all(&chart);
    let mut lines = told(&found);
    lines.sort();
    assert_eq!(
        lines,
        ["a.example/a:1 sure a.enabled=true", "a.example/b:1 sure b=true"]
    );
    let gaps = gaps(&found, Gap::Unrendered);
    assert_eq!(gaps.len(), 3, "{gaps:?}");
    let has = |start: &str, inside: &str| {
        gaps.iter()
            .any(|gap| gap.starts_with(start) && gap.contains(inside))
    };
    assert!(has("a.enabled=true: ", "say where it is"), "{gaps:?}");
    assert!(has("b=true: ", "b is; of the past"), "{gaps:?}");
    assert!(has("c=true: ", "index"), "{gaps:?}");
}

#[test]
fn switches_that_bring_something_only_together_are_named() {
    let values = lines(40, |at| format!("s{at}: {{enabled: false}}\n"));
    let condition = "and .Values.s7.enabled .Values.s31.enabled .Values.s20.enabled";
    let template = pod("a", "a.example/a:1", condition);
    let chart = chart(&[("values.yaml", &values), ("templates/a.yaml", &template)]);
    let found = all(&chart);
    assert_eq!(found.needs.len(), 1);
    let variant = found.needs[0].variant.as_deref().unwrap();
    let mut names: Vec<&str> = variant.split(',').collect();
    names.sort_unstable();
    assert_eq!(names, ["s20.enabled=true", "s31.enabled=true", "s7.enabled=true"]);
}

#[test]
fn one_switch_that_breaks_everything_hides_no_others() {
    let template = pod("a", "a.example/a:1", "and .Values.a .Values.e")
        + "{{ if .Values.b }}{{ index .Values.missing 3 }}{{ end }}";
    let chart = chart(&[
        (
            "values.yaml",
            "a: false\nb: false\nc: false\nd: false\ne: false\n",
        ),
        ("templates/a.yaml", &template),
    ]);
    assert_eq!(told(&all(&chart)), ["a.example/a:1 sure a=true,e=true"]);
}

#[test]
fn a_schema_that_refuses_a_switch_does_not_hide_images() {
    let chart = chart(&[
        ("values.yaml", "a: false\n"),
        (
            "values.schema.json",
            "{\"properties\": {\"a\": {\"const\": false}}}",
        ),
        ("templates/a.yaml", &pod("a", "a.example/a:1", ".Values.a")),
    ]);
    let found = all(&chart);
    assert_eq!(told(&found), ["a.example/a:1 sure a=true"]);
    assert_eq!(gaps(&found, Gap::Unrendered).len(), 1);
}

#[test]
fn variants_are_told_by_their_names() {
    let template = pod("a", "{{ .Values.image }}", "true") + &pod("b", "a.example/b:1", ".Values.b");
    let chart = chart(&[
        ("values.yaml", "image: a.example/a:1\nb: false\n"),
        ("templates/a.yaml", &template),
    ]);
    let mut release = Release::new(&chart);
    release.values.set.push("image=a.example/given:1".to_owned());
    for (name, values) in [
        ("two.yaml", "image: a.example/a:2\n"),
        ("broken.yaml", "image: [\n"),
        ("other.yaml", "{b: true, off: {image: 'a.example/off:1'}}\n"),
        ("same.yaml", "b: true\n"),
    ] {
        release.variants.push(Variant {
            name: name.to_owned(),
            values: values.as_bytes().to_vec(),
        });
    }
    let found = needs(&release, &Cluster::default(), Limits::default()).unwrap();
    assert_eq!(
        told(&found),
        [
            "a.example/a:1 possible -",
            "a.example/given:1 sure -",
            "a.example/a:2 sure two.yaml",
            "a.example/b:1 sure other.yaml",
            "a.example/off:1 possible other.yaml",
        ]
    );
    let gaps = gaps(&found, Gap::Unrendered);
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    let expected = "broken.yaml: failed to parse broken.yaml";
    assert!(gaps[0].starts_with(expected), "{gaps:?}");
}

#[test]
fn what_cannot_be_rendered_as_it_is_deployed_is_an_error() {
    let chart = chart(&[("templates/a.yaml", "{{ required \"a host\" .Values.host }}")]);
    let error = needs(&Release::new(&chart), &Cluster::default(), Limits::default()).unwrap_err();
    assert!(error.to_string().contains("a host"), "{error}");
    let template = matches!(error, ReleaseError::Render(RenderError::Template { .. }));
    assert!(template, "{error:?}");
    let cluster = Cluster {
        version: Some("new".to_owned()),
        ..Cluster::default()
    };
    let error = needs(&Release::new(&chart), &cluster, Limits::default()).unwrap_err();
    assert!(matches!(error, ReleaseError::KubeVersion(_)), "{error:?}");
}

#[test]
fn files_of_set_file_are_those_of_the_release() {
    let chart = chart(&[("templates/a.yaml", "{{ .Values.pod }}")]);
    let mut release = Release::new(&chart);
    release.values.set_files.push("pod=pod.yaml".to_owned());
    assert!(needs(&release, &Cluster::default(), Limits::default()).is_err());
    let text = "kind: Pod\nspec: {containers: [{name: a, image: 'a.example/a:1'}]}\n";
    let file = ("pod.yaml".to_owned(), text.as_bytes().to_vec());
    release.files.extend([file]);
    let found = needs(&release, &Cluster::default(), Limits::default()).unwrap();
    let told = told(&found);
    assert!(told.contains(&"a.example/a:1 sure -".to_owned()), "{told:?}");
}

#[test]
fn plain_manifests_tell_their_file() {
    let list = "[{\"kind\": \"Pod\", \"spec\": {\"initContainers\": [{\"image\": \"a.example/b:1\"}]}}]";
    let files = [
        ("a.yaml", "kind: Pod\nspec: {containers: [{image: nginx}]}\n"),
        ("b.json", list),
        ("c.yaml", "a: ["),
    ];
    let files = files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
    let found = manifests(&files, Limits::default());
    let places: Vec<String> = found
        .needs
        .iter()
        .map(|need| {
            let place = &need.finding.place;
            format!("{} {} {}", need.finding.reference, place.source, place.path)
        })
        .collect();
    assert_eq!(
        places,
        [
            "a.example/b:1 b.json [0].spec.initContainers[0].image",
            "docker.io/library/nginx:latest a.yaml spec.containers[0].image",
        ]
    );
    assert_eq!(gaps(&found, Gap::Unread).len(), 1);
}

#[test]
fn images_are_told_once_with_what_is_deployed_first() {
    let template = pod("a", "a.example/a:1", "true") + &pod("b", "a.example/b:1", ".Values.b");
    let chart = chart(&[
        ("values.yaml", "b: false\n"),
        ("templates/a.yaml", &template),
        ("templates/b.yaml", &pod("c", "a.example/a:1", "true")),
    ]);
    let found = all(&chart);
    let images = found.images();
    let shown: Vec<_> = images
        .iter()
        .map(|image| (image.reference.to_string(), image.class, image.needs.len()))
        .collect();
    assert_eq!(
        shown,
        [
            ("a.example/a:1".to_owned(), Class::Sure, 2),
            ("a.example/b:1".to_owned(), Class::Sure, 1)
        ]
    );
}

#[test]
fn limits_are_told() {
    let values = lines(30, |at| format!("s{at}: false\n"));
    let chart = chart(&[
        ("values.yaml", &values),
        ("templates/a.yaml", &pod("a", "a.example/a:1", ".Values.s29")),
    ]);
    let mut release = Release::new(&chart);
    release.toggles = Toggles::All;
    let few = Limits {
        variants: 10,
        ..Limits::default()
    };
    let found = needs(&release, &Cluster::default(), few).unwrap();
    // All together show it even so.
    assert_eq!(told(&found), ["a.example/a:1 sure all switches"]);
    let told = gaps(&found, Gap::Unread);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("of 31 switches were not tried"), "{told:?}");
    for (variants, steps) in [(0, u64::MAX), (100, 1)] {
        let limits = Limits {
            variants,
            steps,
            ..Limits::default()
        };
        let found = needs(&release, &Cluster::default(), limits).unwrap();
        assert!(found.needs.is_empty());
        let told = gaps(&found, Gap::Unread);
        let expected = "-: 31 of 31 switches were not tried: ";
        assert!(told.iter().any(|gap| gap.starts_with(expected)), "{told:?}");
    }
}

/// Two threads share the work, and whichever is faster, the same comes out; where limits are reached, too.
#[test]
fn the_same_comes_out_each_time() {
    let values = lines(60, |at| format!("s{at}: {{enabled: false}}\n"));
    let template = lines(60, |at| {
        let certificate = format!(
            "{{{{ if and (eq {at} 9 10 30) .Values.s{at}.enabled }}}}# {{{{ (genCA \"a\" 1).Cert | sha256sum }}}}{{{{ end }}}}\n"
        );
        let wanted = format!(
            "or .Values.s{at}.enabled (and .Values.s{}.enabled .Values.s{}.enabled)",
            (at + 7) % 60,
            (at + 29) % 60
        );
        let image = format!("a.example/i{}:1", at / 2);
        certificate + &pod(&format!("p{at}"), &image, &wanted)
    });
    let chart = chart(&[("values.yaml", &values), ("templates/a.yaml", &template)]);
    let mut release = Release::new(&chart);
    release.toggles = Toggles::All;
    for (variants, steps, enough) in [
        (4000, 400_000_000, true),
        (40, 400_000_000, false),
        (4000, 3_000_000, false),
    ] {
        let limits = Limits {
            variants,
            steps,
            ..Limits::default()
        };
        let first = needs(&release, &Cluster::default(), limits).unwrap();
        assert_eq!(gaps(&first, Gap::Unread).is_empty(), enough);
        assert!(!enough || first.images().len() == 30);
        assert_eq!(needs(&release, &Cluster::default(), limits).unwrap(), first);
    }
}

#[test]
fn very_many_switches_end_within_seconds() {
    let values = lines(100_000, |at| format!("s{at}: false\n"));
    let chart = chart(&[
        ("values.yaml", &values),
        ("templates/a.yaml", &pod("a", "a.example/a:1", ".Values.s99999")),
    ]);
    let mut release = Release::new(&chart);
    release.toggles = Toggles::All;
    // With the usual limits it is ten times as much, which takes as long where everything is optimised.
    let limits = Limits {
        steps: Limits::default().steps / 10,
        ..Limits::default()
    };
    let start = Instant::now();
    let found = needs(&release, &Cluster::default(), limits).unwrap();
    let took = start.elapsed();
    let gaps = gaps(&found, Gap::Unread);
    println!("{took:?}: {gaps:?}");
    assert!(
        gaps.iter().any(|gap| gap.contains("20000 that are looked at")),
        "{gaps:?}"
    );
    assert!(
        gaps.iter()
            .any(|gap| gap.contains("of 20000 switches were not tried")),
        "{gaps:?}"
    );
    assert!(took < Duration::from_mins(1), "{took:?}");
}

/// For each of some pods the switches that it needs, and which of six are on.
fn any_chart() -> impl Strategy<Value = (Vec<Vec<usize>>, Vec<bool>)> {
    let pods = prop::collection::vec(prop::collection::vec(0_usize..6, 0..3), 1..6);
    (pods, prop::collection::vec(any::<bool>(), 6))
}

fn values(on: &[bool]) -> String {
    lines(on.len(), |at| format!("s{at}: {{is: {}}}\n", on[at]))
}

fn built(pods: &[Vec<usize>], on: &[bool]) -> Chart {
    let template: String = pods
        .iter()
        .enumerate()
        .map(|(at, switches)| {
            let all: Vec<String> = switches.iter().map(|at| format!(".Values.s{at}.is")).collect();
            let condition = format!("and true {}", all.join(" "));
            pod(&format!("p{at}"), &format!("a.example/p{at}:1"), &condition)
        })
        .collect();
    chart(&[("values.yaml", &values(on)), ("templates/a.yaml", &template)])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn switches_only_add_and_find_every_pod((pods, on) in any_chart()) {
        let chart = built(&pods, &on);
        let plain = needs(&Release::new(&chart), &Cluster::default(), Limits::default()).unwrap();
        let found = all(&chart);
        for need in &plain.needs {
            prop_assert!(found.needs.contains(need));
        }
        let mut images = BTreeSet::new();
        for need in &found.needs {
            images.insert(need.finding.reference.to_string());
            // A variant has the switches that the pod asks for, and none that is on anyway.
            let name = need.finding.reference.repository.name.as_str();
            let at: usize = name.trim_start_matches('p').parse().unwrap();
            let wanted: BTreeSet<usize> = pods[at].iter().copied().filter(|at| !on[*at]).collect();
            let wanted: Vec<String> = wanted.iter().map(|at| format!("s{at}.is=true")).collect();
            prop_assert_eq!(need.variant.clone().unwrap_or_default(), wanted.join(","));
        }
        let every: BTreeSet<String> = (0..pods.len()).map(|at| format!("a.example/p{at}:1")).collect();
        prop_assert_eq!(images, every);
        prop_assert_eq!(all(&chart), found);
    }

    #[test]
    fn the_order_of_variants_changes_names_alone(
        (pods, on) in any_chart(),
        variants in prop::collection::vec(prop::collection::vec(any::<bool>(), 6), 0..4),
    ) {
        let chart = built(&pods, &on);
        let mut release = Release::new(&chart);
        for (at, variant) in variants.iter().enumerate() {
            let values = values(variant).into_bytes();
            release.variants.push(Variant { name: at.to_string(), values });
        }
        let without = |needs: &Needs| {
            let all = needs.needs.iter();
            let mut all: Vec<_> = all.map(|need| (need.finding.clone(), need.variant.is_some())).collect();
            all.sort();
            all
        };
        let one = needs(&release, &Cluster::default(), Limits::default()).unwrap();
        release.variants.reverse();
        let other = needs(&release, &Cluster::default(), Limits::default()).unwrap();
        prop_assert_eq!(without(&one), without(&other));
    }
}
