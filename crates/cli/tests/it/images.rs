//! `airlock images`: every kind of input, every refusal, and what is printed.

use std::fs;

use airlock_testkit as testkit;
use serde_json::{Value, json};

use crate::desk::{Desk, Serving, finish, manifest};

const CHART: &str = "apiVersion: v2\nname: site\nversion: 1.0.0\n";
const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: {{ .Release.Namespace }}}\nspec: {containers: [{name: web, image: {{ .Values.image | quote }}}]}\n";
const AGENT: &str = "{{ if .Values.agent.enabled }}\napiVersion: v1\nkind: Pod\nmetadata: {name: agent}\nspec: {containers: [{name: agent, image: a.example/agent:1, args: [--helper-image=a.example/helper:1]}]}\n{{ end }}";
const VALUES: &str = "image: nginx\nagent: {enabled: false}\nextra: {image: 'a.example/off:1'}\n";

fn desk() -> Desk {
    let desk = Desk::new();
    fs::create_dir_all(desk.path("site/templates")).unwrap();
    desk.write("site/Chart.yaml", CHART);
    desk.write("site/values.yaml", VALUES);
    desk.write("site/templates/web.yaml", POD);
    desk.write("site/templates/agent.yaml", AGENT);
    desk
}

fn pod(image: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{containers: [{{name: a, image: {image:?}}}]}}\n"
    )
}

fn packaged(name: &str, image: &str) -> Vec<u8> {
    let metadata = format!("apiVersion: v2\nname: {name}\nversion: 1.2.0\n");
    testkit::gzip(&testkit::tarball([
        (format!("{name}/Chart.yaml"), metadata),
        (format!("{name}/templates/a.yaml"), pod(image)),
    ]))
}

/// Class and reference of every image, in order.
fn lines(text: &str) -> Vec<(String, String)> {
    let images = text.lines().take_while(|line| !line.contains(" sure, "));
    images
        .map(|line| {
            let mut words = line.split_whitespace();
            let mut word = || words.next().unwrap_or_default().to_owned();
            let reference = word();
            (word(), reference)
        })
        .collect()
}

fn json_of(desk: &Desk, words: &[&str]) -> Value {
    let output = desk.command(&[&["--output", "json", "images"], words].concat());
    let (code, text) = finish(output);
    assert_eq!(code, 0, "{words:?} {text}");
    serde_json::from_str(&text).unwrap()
}

fn references(value: &Value) -> Vec<&str> {
    let images = value["images"].as_array().unwrap();
    images
        .iter()
        .map(|image| image["reference"].as_str().unwrap())
        .collect()
}

#[test]
fn a_chart_is_told_in_aligned_lines() {
    let desk = desk();
    let (code, text) = desk.run(&["images", "site"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(
        text,
        "a.example/off:1                 possible\n\
         docker.io/library/nginx:latest  sure\n\
         2 images: 1 sure, 0 probable, 1 possible\n"
    );
    let (_, text) = desk.run(&["images", "site", "--class", "probable"]);
    assert_eq!(
        text,
        "docker.io/library/nginx:latest  sure\n\
         1 image: 1 sure, 0 probable, 0 possible; 1 less sure, not shown\n"
    );
}

#[test]
fn values_and_flags_of_the_cluster_are_those_of_template() {
    let desk = desk();
    desk.write("more.yaml", "image: a.example/more:1\n");
    desk.write("image.txt", "a.example/file:1");
    desk.write(
        "site/templates/web.yaml",
        &format!(
            "{{{{ if .Capabilities.APIVersions.Has \"acme.example/v1\" }}}}\n{}{{{{ end }}}}\n---\n{POD}\n---\n{}",
            pod("a.example/api:1"),
            pod("a.example/kube:{{ .Capabilities.KubeVersion.Minor }}")
        ),
    );
    let sure = |words: &[&str]| {
        let (code, text) = desk.run(&[&["images", "site", "--class", "sure"], words].concat());
        assert_eq!(code, 0, "{words:?} {text}");
        let all = lines(&text).into_iter();
        all.map(|(_, reference)| reference).collect::<Vec<_>>()
    };
    let kube = "a.example/kube:36".to_owned();
    let with = |image: &str| vec![image.to_owned(), kube.clone()];
    assert_eq!(sure(&["-f", "more.yaml"])[1], "a.example/more:1");
    assert_eq!(sure(&["--set", "image=a.example/a:1"]), with("a.example/a:1"));
    assert_eq!(sure(&["--set-file", "image=image.txt"]), with("a.example/file:1"));
    let words = ["--set", "image=a.example/z:1", "--kube-version", "1.30"];
    assert_eq!(sure(&words), ["a.example/kube:30", "a.example/z:1"]);
    let words = ["-a", "acme.example/v1", "--set", "image=a.example/z:1"];
    assert_eq!(
        sure(&words),
        ["a.example/api:1", "a.example/kube:36", "a.example/z:1"]
    );
}

#[test]
fn why_tells_every_place() {
    let desk = desk();
    let words = ["images", "site", "--why", "--toggles", "-n", "space"];
    let (code, text) = desk.run(&words);
    assert_eq!(code, 0, "{text}");
    assert_eq!(
        text,
        "a.example/agent:1               sure      with agent.enabled=true\n    \
             sure pod-spec: site templates/agent.yaml, Pod agent, spec.containers[0].image (with agent.enabled=true) = a.example/agent:1\n\
         a.example/helper:1              probable  with agent.enabled=true\n    \
             probable argument: site templates/agent.yaml, Pod agent, spec.containers[0].args[0] (with agent.enabled=true) = a.example/helper:1\n\
         a.example/off:1                 possible\n    \
             possible values: site values.yaml, extra.image = a.example/off:1\n\
         docker.io/library/nginx:latest  sure\n    \
             sure pod-spec: site templates/web.yaml, Pod space/web, spec.containers[0].image = nginx\n\
         4 images: 2 sure, 1 probable, 1 possible; 2 with a variant only\n"
    );
}

#[test]
fn variants_are_told_apart_and_may_fail() {
    let desk = desk();
    desk.write("agent.yaml", "agent: {enabled: true}\n");
    desk.write("other.yaml", "image: a.example/other:1\n");
    desk.write("broken.yaml", "image: [\n");
    let words = ["site", "--variant", "agent.yaml", "--variant", "other.yaml"];
    let (code, text) = desk.run(&[&["images"][..], &words, &["--variant", "broken.yaml"]].concat());
    assert_eq!(code, 0, "{text}");
    for expected in [
        "a.example/agent:1               sure      with agent.yaml\n",
        "a.example/other:1               sure      with other.yaml\n",
        "docker.io/library/nginx:latest  sure\n",
        "; 1 gap\n",
        "  unrendered  site values.yaml (with broken.yaml): failed to parse broken.yaml: ",
    ] {
        assert!(text.contains(expected), "{expected} {text}");
    }
}

#[test]
fn json_keeps_its_shape() {
    let desk = desk();
    desk.write(
        "site/templates/gap.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: gap}\nspec: {containers: [{name: a, image: ''}]}\n",
    );
    let found = json_of(&desk, &["site", "--toggles", "--class", "sure"]);
    assert_eq!(
        found,
        json!({
            "images": [
                {
                    "reference": "a.example/agent:1",
                    "class": "sure",
                    "content": "image",
                    "needs": [{
                        "rule": "pod-spec",
                        "class": "sure",
                        "chart": "site",
                        "file": "templates/agent.yaml",
                        "object": {"apiVersion": "v1", "kind": "Pod", "namespace": null, "name": "agent", "hook": null},
                        "path": "spec.containers[0].image",
                        "variant": "agent.enabled=true",
                        "written": "a.example/agent:1",
                    }],
                },
                {
                    "reference": "docker.io/library/nginx:latest",
                    "class": "sure",
                    "content": "image",
                    "needs": [{
                        "rule": "pod-spec",
                        "class": "sure",
                        "chart": "site",
                        "file": "templates/web.yaml",
                        "object": {"apiVersion": "v1", "kind": "Pod", "namespace": "default", "name": "web", "hook": null},
                        "path": "spec.containers[0].image",
                        "variant": null,
                        "written": "nginx",
                    }],
                },
            ],
            "unknowns": [{
                "gap": "unreadable",
                "text": found["unknowns"][0]["text"],
                "chart": "site",
                "file": "templates/gap.yaml",
                "object": {"apiVersion": "v1", "kind": "Pod", "namespace": null, "name": "gap", "hook": null},
                "path": "spec.containers[0].image",
                "variant": null,
            }],
        })
    );
}

#[test]
fn manifests_come_from_files_folders_and_pipes() {
    let desk = desk();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "a.example/list:1"}]}},
    ]});
    // What `jsonnet` prints of several files, and of one array.
    let files = json!({"a.yaml": {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "a.example/jsonnet:1"}]}}});
    let array = json!([{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "a.example/array:1"}]}}]);
    fs::create_dir_all(desk.path("all/deep/.git")).unwrap();
    fs::create_dir_all(desk.path("all/chart")).unwrap();
    for (name, text) in [
        (
            "all/kustomized.yaml",
            format!("{}---\n{}", pod("a.example/one:1"), pod("a.example/two:1")),
        ),
        ("all/deep/b.YML", pod("a.example/deep:1")),
        ("all/deep/list.json", list.to_string()),
        ("all/deep/files.json", files.to_string()),
        ("all/deep/array.json", array.to_string()),
        ("all/deep/text.txt", pod("a.example/text:1")),
        ("all/deep/.git/c.yaml", pod("a.example/hidden:1")),
        ("all/deep/values.yaml", "image: a.example/values:1\n".to_owned()),
        ("all/chart/Chart.yaml", CHART.to_owned()),
        ("all/chart/a.yaml", pod("a.example/chart:1")),
        (
            "all/airlock.yaml",
            manifest("- {name: a, images: ['a.example/own:1']}\n"),
        ),
    ] {
        desk.write(name, &text);
    }
    let found = json_of(&desk, &["-q", "all"]);
    let expected = [
        "a.example/array:1",
        "a.example/deep:1",
        "a.example/jsonnet:1",
        "a.example/list:1",
        "a.example/one:1",
        "a.example/two:1",
    ];
    assert_eq!(references(&found), expected);
    let place = |reference: &str| {
        let images = found["images"].as_array().unwrap();
        let image = images.iter().find(|image| image["reference"] == reference);
        image.unwrap()["needs"][0]["file"].as_str().unwrap().to_owned()
    };
    assert_eq!(place("a.example/deep:1"), "deep/b.YML");
    let left_out: Vec<&str> = found["unknowns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|unknown| unknown["file"].as_str().unwrap())
        .collect();
    assert_eq!(left_out, ["airlock.yaml", "chart"]);
    let (code, text) = desk.run(&["images", "all"]);
    assert!(
        code == 0
            && text.contains("files without objects of Kubernetes are not searched: 1 (deep/values.yaml)"),
        "{text}"
    );

    let found = json_of(&desk, &["all/kustomized.yaml"]);
    assert_eq!(references(&found), ["a.example/one:1", "a.example/two:1"]);
    assert_eq!(found["images"][0]["needs"][0]["file"], "all/kustomized.yaml");
    assert_eq!(found["images"][0]["needs"][0]["chart"], Value::Null);

    let mut command = desk.command(&["images", "-"]);
    command.stdin(fs::File::open(desk.path("all/kustomized.yaml")).unwrap());
    let (code, text) = finish(command);
    assert_eq!(code, 0, "{text}");
    let line = |name: &str| ("sure".to_owned(), format!("a.example/{name}:1"));
    assert_eq!(lines(&text), [line("one"), line("two")]);
}

#[test]
fn charts_come_from_archives_repositories_and_registries() {
    let mut content = testkit::Upstream::new();
    let web = testkit::Chart {
        name: "web".to_owned(),
        version: "1.2.0".to_owned(),
        archive: packaged("web", "a.example/web:1").into(),
    };
    content.push("charts/web", &web.version, &web.as_oci());
    content.chart_repository("/charts", std::slice::from_ref(&web));
    let server = Serving::start(content, testkit::Options::default());
    let host = server.host();
    let desk = desk();
    fs::write(desk.path("web.tgz"), &web.archive).unwrap();
    fs::write(desk.path("web"), &web.archive).unwrap();
    let oci = format!("oci://{host}/charts/web");
    let repo = format!("http://{host}/charts");
    for words in [
        vec!["web.tgz"],
        vec!["./web"],
        vec![&oci, "--version", "~1.2"],
        vec!["web", "--repo", &repo],
    ] {
        let words = [&["-q", "--insecure", &host][..], &words].concat();
        assert_eq!(
            references(&json_of(&desk, &words)),
            ["a.example/web:1"],
            "{words:?}"
        );
    }
}

#[test]
fn a_manifest_of_airlock_is_searched_as_a_whole() {
    let desk = desk();
    desk.write("more.yaml", "image: a.example/more:1\n");
    desk.write("variant.yaml", "image: a.example/variant:1\n");
    desk.write("pod.yaml", &pod("a.example/pod:1"));
    let components = "- name: app\n  charts:\n  - {path: site, values: [more.yaml], namespace: space, discover: {values: [variant.yaml], toggles: all}}\n  manifests: [pod.yaml]\n  images: ['a.example/own', '${registry}/own:1']\n\
        - {name: other, images: {add: ['a.example/other:1']}}\n";
    let text = manifest(components).replace("components:", "variables: {registry: b.example}\ncomponents:");
    fs::create_dir_all(desk.path("deep")).unwrap();
    desk.write("airlock.yaml", &text);
    let found = json_of(&desk, &["airlock.yaml"]);
    assert_eq!(
        references(&found),
        [
            "a.example/agent:1",
            "a.example/helper:1",
            "a.example/more:1",
            "a.example/off:1",
            "a.example/other:1",
            "a.example/own:latest",
            "a.example/pod:1",
            "a.example/variant:1",
            "b.example/own:1",
            "docker.io/library/nginx:latest",
        ]
    );
    assert_eq!(
        found["images"][2]["needs"],
        json!([{
            "rule": "pod-spec",
            "class": "sure",
            "component": "app",
            "entry": "charts[0]",
            "chart": "site",
            "file": "templates/web.yaml",
            "object": {"apiVersion": "v1", "kind": "Pod", "namespace": "space", "name": "web", "hook": null},
            "path": "spec.containers[0].image",
            "variant": null,
            "written": "a.example/more:1",
        }])
    );
    assert_eq!(
        found["images"][5]["needs"],
        json!([{
            "rule": "manifest",
            "class": "sure",
            "component": "app",
            "entry": "images[0]",
            "chart": null,
            "file": "airlock.yaml",
            "object": null,
            "path": "images[0]",
            "variant": null,
            "written": "a.example/own",
        }])
    );
    assert_eq!(found["images"][7]["needs"][0]["variant"], "variant.yaml");
    let (code, text) = desk.run(&["images", "airlock.yaml", "--why", "--class", "sure"]);
    assert!(
        code == 0
            && text.contains("app → charts[0] → site templates/web.yaml, Pod space/web, ")
            && text.contains("app → manifests[0] → pod.yaml, Pod a, ")
            && text.contains("app → images[0] → airlock.yaml = a.example/own\n"),
        "{text}"
    );
    // The folder of the manifest is where its paths begin, wherever the command runs.
    let mut command = desk.command(&["images", "../airlock.yaml", "--component", "app"]);
    command.current_dir(desk.path("deep"));
    let (code, text) = finish(command);
    assert!(
        code == 0 && text.contains("a.example/more:1") && !text.contains("other"),
        "{text}"
    );
    let words = ["--set", "registry=c.example", "airlock.yaml"];
    assert!(references(&json_of(&desk, &words)).contains(&"c.example/own:1"));
}

/// Words, exit code, what is said, and what the hint says if there is one.
type Refusal<'a> = (Vec<&'a str>, i32, &'a str, &'a str);

fn refused(desk: &Desk, all: &[Refusal<'_>]) {
    for (words, code, expected, hint) in all {
        let (found, said) = desk.run(&[&["images"][..], words].concat());
        assert_eq!(found, *code, "{words:?} {said}");
        assert!(said.contains(expected), "{words:?} {said}");
        let hinted = said
            .split_once("hint: ")
            .is_some_and(|(_, said)| said.contains(hint));
        assert!(hint.is_empty() || hinted, "{words:?} {said}");
    }
}

#[test]
fn what_cannot_be_searched_is_refused_with_a_hint() {
    let desk = desk();
    fs::create_dir_all(desk.path("empty")).unwrap();
    fs::create_dir_all(desk.path("charts/site/templates")).unwrap();
    desk.write("charts/site/Chart.yaml", CHART);
    desk.write("values.yaml", VALUES);
    desk.write("text.txt", "text\n");
    desk.write("broken.tgz", "no archive");
    refused(
        &desk,
        &[
            (
                vec!["none"],
                2,
                "there is no such chart or manifest: none",
                "name a chart",
            ),
            (
                vec!["empty"],
                2,
                "the folder holds neither a chart nor manifests: empty",
                "a chart has Chart.yaml",
            ),
            (
                vec!["charts"],
                2,
                "the folder holds neither a chart nor manifests: charts",
                "there is site: a chart, which is searched when it is named",
            ),
            (
                vec!["values.yaml"],
                2,
                "this is neither a chart nor a manifest: values.yaml",
                "given with --values",
            ),
            (
                vec!["text.txt"],
                2,
                "this is neither a chart nor a manifest: text.txt",
                "apiVersion and kind",
            ),
            (
                vec!["site/Chart.yaml"],
                2,
                "this is neither a chart nor a manifest: site/Chart.yaml",
                "name the folder that it is in",
            ),
            (
                vec!["-"],
                2,
                "standard input holds no objects of Kubernetes",
                "apiVersion and kind",
            ),
            (
                vec!["broken.tgz"],
                1,
                "the chart cannot be loaded: broken.tgz",
                "gzipped tar",
            ),
        ],
    );
}

#[test]
fn flags_that_mean_nothing_are_refused() {
    let desk = desk();
    desk.write("values.yaml", VALUES);
    desk.write("pod.yaml", &pod("a.example/pod:1"));
    desk.write("airlock.yaml", &manifest("- {name: a, charts: [{path: site}]}\n"));
    refused(
        &desk,
        &[
            (
                vec!["pod.yaml", "--toggles"],
                2,
                "--toggles means nothing for manifests of Kubernetes: pod.yaml",
                "leave it out",
            ),
            (
                vec!["pod.yaml", "--set", "a=b"],
                2,
                "--set means nothing for manifests of Kubernetes: pod.yaml",
                "leave it out",
            ),
            (
                vec!["airlock.yaml", "-f", "values.yaml"],
                2,
                "--values means nothing for a manifest of Airlock: airlock.yaml",
                "--set NAME=VALUE",
            ),
            (
                vec!["site", "--component", "a"],
                2,
                "--component means nothing for a chart: site",
                "leave it out",
            ),
            (
                vec!["airlock.yaml", "--set", "a"],
                2,
                "--set a: the form is NAME=VALUE",
                "",
            ),
            (
                vec!["site", "-f", "none.yaml"],
                2,
                "the values could not be read: none.yaml",
                "",
            ),
            (
                vec!["site", "--kube-version", "x"],
                2,
                "invalid kube version 'x'",
                "",
            ),
            (vec!["site", "--set", "a"], 1, "failed parsing --set data", ""),
            (vec![], 2, "required arguments were not provided", ""),
        ],
    );
}

#[test]
fn a_chart_that_cannot_be_rendered_is_told_as_template_tells_it() {
    let desk = desk();
    let dependency = "dependencies:\n- {name: db, version: 1.x.x, repository: 'file://../db'}\n";
    desk.write("site/Chart.yaml", &format!("{CHART}{dependency}"));
    let (code, said) = desk.run(&["images", "site"]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("missing in charts/ directory: db") && said.contains("hint: --dependency-update"),
        "{said}"
    );
    desk.write(
        "airlock.yaml",
        &manifest("- {name: app, charts: [{path: site}]}\n"),
    );
    let (code, said) = desk.run(&["images", "airlock.yaml"]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.starts_with("error: app → charts[0] cannot be searched\n")
            && said.contains("missing in charts/ directory: db")
            && said.contains("hint: --dependency-update"),
        "{said}"
    );
    fs::create_dir_all(desk.path("db/templates")).unwrap();
    desk.write("db/Chart.yaml", "apiVersion: v2\nname: db\nversion: 1.2.3\n");
    desk.write("db/templates/db.yaml", &pod("a.example/db:1"));
    for what in ["site", "airlock.yaml"] {
        let found = json_of(&desk, &[what, "--dependency-update"]);
        assert!(references(&found).contains(&"a.example/db:1"), "{what} {found}");
    }
    desk.write("site/Chart.yaml", CHART);
    desk.write(
        "site/templates/web.yaml",
        "{{ required \"a name is needed\" .Values.none }}",
    );
    let (code, said) = desk.run(&["images", "site"]);
    assert!(
        code == 1
            && said.contains("error: execution error at (site/templates/web.yaml:1:3): a name is needed\n"),
        "{said}"
    );
}

#[test]
fn foreign_texts_do_not_steer_the_terminal() {
    let desk = desk();
    desk.write(
        "pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: \"a\\e[2J\"}\nspec: {containers: [{name: a, image: \"\\e[2J\\n{{ x }}\"}, {image: a.example/a:1}]}\n",
    );
    let (code, text) = desk.run(&["images", "pod.yaml", "--why"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        !text.contains('\u{1b}') && text.contains("a.example/a:1"),
        "{text}"
    );
}
