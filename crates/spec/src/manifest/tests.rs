use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::*;

const HEAD: &str = "apiVersion: airlock.dev/v1\nkind: Manifest\nmetadata: {name: edge, version: 1.10}\nplatforms: [linux/amd64]\n";

fn load_files(files: &[(&str, &str)], inputs: &Inputs) -> Result<Effective, Problems> {
    let files: BTreeMap<&str, &str> = files.iter().copied().collect();
    load(Path::new(files.keys().next().unwrap()), inputs, &mut |path| {
        files
            .get(path.to_str().unwrap())
            .map(|text| (*text).to_owned())
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such file"))
    })
}

/// A manifest with the usual head.
fn load_body(body: &str) -> Result<Effective, Problems> {
    load_files(&[("airlock.yaml", &format!("{HEAD}{body}"))], &Inputs::default())
}

fn problems(body: &str) -> String {
    load_body(body).unwrap_err().render()
}

fn problems_of(text: &str) -> String {
    load_files(&[("airlock.yaml", text)], &Inputs::default())
        .unwrap_err()
        .render()
}

fn canonical(effective: &Effective) -> String {
    String::from_utf8(effective.to_canonical()).unwrap()
}

fn set(pairs: &[(&str, &str)]) -> Inputs {
    Inputs {
        variables: pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        components: Vec::new(),
    }
}

#[test]
fn unknown_fields() {
    insta::assert_snapshot!(problems("components:\n  - {name: tools, image: [busybox]}\n"), @r##"
    error: unknown field `image` in the component
     --> airlock.yaml:6:19
      |
    6 |   - {name: tools, image: [busybox]}
      |                   ^^^^^ did you mean `images`?
      = help: the fields of the component are name, when, import, images, charts, manifests, files, k3s, packages
    "##);
    insta::assert_snapshot!(problems("components:\n  - name: tools\n    images:\n    - {ref: a, platform: [linux/amd64]}\n"), @r##"
    error: unknown field `platform` in the image
     --> airlock.yaml:8:16
      |
    8 |     - {ref: a, platform: [linux/amd64]}
      |                ^^^^^^^^ did you mean `platforms`?
      = help: the fields of the image are ref, platforms
    "##);
}

#[test]
fn missing_fields() {
    insta::assert_snapshot!(problems_of("kind: Manifest\nmetadata: {name: a, version: 1}\nplatforms: [linux/amd64]\ncomponents: []\n"), @r##"
    error: missing field `apiVersion` in the manifest
     --> airlock.yaml:1:1
      |
    1 | kind: Manifest
      | ^^^^
      = help: for example `apiVersion: airlock.dev/v1`
    "##);
    insta::assert_snapshot!(problems("components:\n  - images: [busybox]\n"), @r##"
    error: missing field `name` in the component
     --> airlock.yaml:6:5
      |
    6 |   - images: [busybox]
      |     ^^^^^^
      = help: for example `name: monitoring`
    "##);
}

#[test]
fn wrong_types() {
    insta::assert_snapshot!(problems("components:\n  tools: {images: [busybox]}\n"), @r##"
    error: expected a list, found a mapping
     --> airlock.yaml:6:3
      |
    6 |   tools: {images: [busybox]}
      |   ^
    "##);
    insta::assert_snapshot!(problems("components:\n  - name: tools\n    images: busybox\n"), @r##"
    error: expected a list, found a text
     --> airlock.yaml:7:13
      |
    7 |     images: busybox
      |             ^^^^^^^
    "##);
    insta::assert_snapshot!(problems("components:\n  - name: tools\n    images: [[busybox]]\n"), @r##"
    error: expected a text, found a list
     --> airlock.yaml:7:14
      |
    7 |     images: [[busybox]]
      |              ^
    "##);
}

#[test]
fn duplicate_keys() {
    insta::assert_snapshot!(problems("components: []\nplatforms: [linux/arm64]\n"), @r##"
    error: the key `platforms` stands twice
     --> airlock.yaml:6:1
      |
    6 | platforms: [linux/arm64]
      | ^^^^^^^^^
    "##);
}

#[test]
fn duplicate_component_names() {
    insta::assert_snapshot!(problems("components:\n  - {name: tools, images: [a]}\n  - {name: tools, images: [b]}\n"), @r##"
    error: two components are called `tools`
     --> airlock.yaml:7:12
      |
    7 |   - {name: tools, images: [b]}
      |            ^^^^^ the first one is on line 6
    "##);
}

#[test]
fn bad_references() {
    insta::assert_snapshot!(problems("components:\n  - name: tools\n    images:\n      - busybox:1:2\n      - docker://busybox\n      - Busybox@sha256:12\n"), @r##"
    error: the repository name must be lower-case words separated by '/', '.', '_' or '-': "busybox:1"
     --> airlock.yaml:8:9
      |
    8 |       - busybox:1:2
      |         ^^^^^^^^^^^
      = help: for example docker.io/library/busybox:1.36, oci-layout:PATH, oci-archive:PATH or docker-archive:PATH

    error: the registry is not a host name with an optional port: "docker:"
     --> airlock.yaml:9:9
      |
    9 |       - docker://busybox
      |         ^^^^^^^^^^^^^^^^
      = help: leave out `docker://` and write busybox

    error: what follows '@' is not a digest: a sha256 digest needs 64 lower-case hex digits: "12"
      --> airlock.yaml:10:9
       |
    10 |       - Busybox@sha256:12
       |         ^^^^^^^^^^^^^^^^^
       = help: for example docker.io/library/busybox:1.36, oci-layout:PATH, oci-archive:PATH or docker-archive:PATH
    "##);
}

#[test]
fn bad_platforms() {
    insta::assert_snapshot!(problems_of("apiVersion: airlock.dev/v1\nkind: Manifest\nmetadata: {name: a, version: 1}\nplatforms: [linux/amd64, arm64]\ncomponents: []\n"), @r##"
    error: a platform needs the form os/architecture[/variant], for example linux/arm64: "arm64"
     --> airlock.yaml:4:26
      |
    4 | platforms: [linux/amd64, arm64]
      |                          ^^^^^
    "##);
}

#[test]
fn bad_digests() {
    insta::assert_snapshot!(problems("components:\n  - name: tools\n    files:\n      - {url: \"https://example.org/a\", sha256: abc}\n"), @r##"
    error: a sha256 digest needs 64 lower-case hex digits: "abc"
     --> airlock.yaml:8:48
      |
    8 |       - {url: "https://example.org/a", sha256: abc}
      |                                                ^^^
    "##);
}

#[test]
fn bad_urls() {
    insta::assert_snapshot!(problems("components:\n  - name: tools\n    files:\n      - url: ftp://example.org/a\n      - url: https://me:secret@example.org/b\n    charts:\n      - {name: a, repo: charts.example.org}\n"), @r##"
    error: an address starts with https:// or http://: "ftp://example.org/a"
     --> airlock.yaml:8:14
      |
    8 |       - url: ftp://example.org/a
      |              ^^^^^^^^^^^^^^^^^^^

    error: credentials do not belong into a manifest
     --> airlock.yaml:9:14
      |
    9 |       - url: https://*********@example.org/b
      |              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: leave them out: they are taken from `podman login` or --authfile

    error: this is not an address (relative URL without a base): "charts.example.org"
      --> airlock.yaml:11:25
       |
    11 |       - {name: a, repo: charts.example.org}
       |                         ^^^^^^^^^^^^^^^^^^
    "##);
}

#[test]
fn unknown_words() {
    insta::assert_snapshot!(problems_of("apiVersion: airlock.dev/v2\nkind: manifest\nmetadata: {name: a, version: 1}\nplatforms: [linux/amd64]\ncomponents: []\n"), @r##"
    error: unknown apiVersion `airlock.dev/v2`
     --> airlock.yaml:1:13
      |
    1 | apiVersion: airlock.dev/v2
      |             ^^^^^^^^^^^^^^ did you mean `airlock.dev/v1`?
      = help: it must be airlock.dev/v1

    error: unknown kind `manifest`
     --> airlock.yaml:2:7
      |
    2 | kind: manifest
      |       ^^^^^^^^ did you mean `Manifest`?
      = help: it must be Manifest
    "##);
}

#[test]
fn unknown_variables() {
    insta::assert_snapshot!(problems("variables: {registry: docker.io}\ncomponents:\n  - name: tools\n    when: registri == x\n    images: [\"${regisrty}/a\", \"${registry\"]\n"), @r##"
    error: unknown variable `regisrty`
     --> airlock.yaml:9:15
      |
    9 |     images: ["${regisrty}/a", "${registry"]
      |               ^^^^^^^^^^^ did you mean `registry`?
      = help: the variables are registry

    error: a variable is not closed with '}'
     --> airlock.yaml:9:31
      |
    9 |     images: ["${regisrty}/a", "${registry"]
      |                               ^^^^^^^^^^^^
      = help: write $${ for a literal ${
    "##);
    insta::assert_snapshot!(problems("variables: {a: \"${b}\", b: \"${a}\"}\ncomponents: []\n"), @r##"
    error: the variables need each other: a → b → a
     --> airlock.yaml:5:27
      |
    5 | variables: {a: "${b}", b: "${a}"}
      |                           ^^^^^^
    "##);
    let text = format!("{HEAD}variables: {{registry: a}}\ncomponents: []\n");
    insta::assert_snapshot!(load_files(&[("airlock.yaml", &text)], &set(&[("registri", "x")])).unwrap_err().render(), @r##"
    error: unknown variable `registri`
     --> airlock.yaml
      = help: did you mean `registry`?
    "##);
}

#[test]
fn yaml_that_is_none() {
    insta::assert_snapshot!(problems("components:\n\t- name: tools\n"), @r##"
    error: this is not valid YAML: tabs disallowed within this context (block indentation)
     --> airlock.yaml:6:2
      |
    6 | 	- name: tools
      | 	^
      = help: indent with spaces; YAML does not allow tabs there
    "##);
    insta::assert_snapshot!(problems("components: [{name: ${x}}]\n"), @r##"
    error: this is not valid YAML: while parsing a flow mapping, did not find expected ',' or '}'
     --> airlock.yaml:5:22
      |
    5 | components: [{name: ${x}}]
      |                      ^
      = help: put quotes around a value with ${…} inside of { } or [ ]
    "##);
    insta::assert_snapshot!(problems("components: []\n---\na: b\n"), @r##"
    error: only one YAML document is expected
     --> airlock.yaml:7:1
      |
    7 | a: b
      | ^
    "##);
    insta::assert_snapshot!(problems_of("just a text"), @r##"
    error: expected a mapping (the manifest), found a text
     --> airlock.yaml:1:1
      |
    1 | just a text
      | ^^^^^^^^^^^
    "##);
    insta::assert_snapshot!(problems_of(""), @r##"
    error: expected a mapping (the manifest), found nothing
     --> airlock.yaml:1:1
      |
    1 |
      | ^
    "##);
}

#[test]
fn charts_and_files_that_cannot_be() {
    insta::assert_snapshot!(problems("components:\n  - name: tools\n    charts:\n      - {name: a}\n      - {name: a, repo: \"https://example.org\", path: x}\n      - {path: ./x, version: 1.2.3}\n      - {name: b, oci: \"oci://example.org/charts/a:1\", version: 2}\n    files:\n      - {mode: \"0644\"}\n      - {path: a, to: ../a, mode: \"9\"}\n      - {path: c/d}\n      - {path: d}\n"), @r##"
    error: a chart needs one of `repo`, `oci` and `path`
     --> airlock.yaml:8:10
      |
    8 |       - {name: a}
      |          ^^^^
      = help: for example {name: app, repo: "https://charts.example.org", version: "~1.2"}

    error: a chart needs one of `repo`, `oci` and `path`
     --> airlock.yaml:9:48
      |
    9 |       - {name: a, repo: "https://example.org", path: x}
      |                                                ^^^^
      = help: for example {name: app, repo: "https://charts.example.org", version: "~1.2"}

    error: a chart folder has its version in its Chart.yaml
      --> airlock.yaml:10:21
       |
    10 |       - {path: ./x, version: 1.2.3}
       |                     ^^^^^^^

    error: the chart's name is the last part of its address, `a`
      --> airlock.yaml:11:10
       |
    11 |       - {name: b, oci: "oci://example.org/charts/a:1", version: 2}
       |          ^^^^

    error: the version is in the address already
      --> airlock.yaml:11:56
       |
    11 |       - {name: b, oci: "oci://example.org/charts/a:1", version: 2}
       |                                                        ^^^^^^^

    error: a file needs `url` or `path`
      --> airlock.yaml:13:10
       |
    13 |       - {mode: "0644"}
       |          ^^^^
       = help: for example {path: ./site.conf} or {url: "https://example.org/kubectl", path: bin/kubectl}

    error: the path that it is served under must be plain and relative: "../a"
      --> airlock.yaml:14:23
       |
    14 |       - {path: a, to: ../a, mode: "9"}
       |                       ^^^^

    error: a mode is three or four octal digits up to 0777: "9"
      --> airlock.yaml:14:35
       |
    14 |       - {path: a, to: ../a, mode: "9"}
       |                                   ^^^

    error: two files of the component are served as `d`
      --> airlock.yaml:16:10
       |
    16 |       - {path: d}
       |          ^^^^ the first one is on line 15
    "##);
}

#[test]
fn an_empty_component_is_most_likely_a_mistake() {
    insta::assert_snapshot!(problems("components:\n  - name: tools\n"), @r##"
    error: the component holds nothing: `tools`
     --> airlock.yaml:6:11
      |
    6 |   - name: tools
      |           ^^^^^
      = help: give it images, charts, manifests, files, k3s, packages or import
    "##);
}

#[test]
fn imports_that_cannot_be_followed() {
    let a = format!("{HEAD}components:\n  - {{name: b, import: b/b.yaml}}\n");
    let b = format!(
        "{HEAD}components:\n  - {{name: a, import: ../a.yaml}}\n  - {{name: c, import: c.yaml, images: [x]}}\n"
    );
    insta::assert_snapshot!(load_files(&[("a.yaml", &a), ("b/b.yaml", &b)], &Inputs::default()).unwrap_err().render(), @r##"
    error: a component with `import` holds no `images`
     --> b/b.yaml:7:31
      |
    7 |   - {name: c, import: c.yaml, images: [x]}
      |                               ^^^^^^
      = help: write a component of its own for it

    error: the manifests import each other
     --> b/b.yaml:6:23
      |
    6 |   - {name: a, import: ../a.yaml}
      |                       ^^^^^^^^^
      = help: a.yaml → b/b.yaml → a.yaml

    error: the imported manifest cannot be read (no such file): b/c.yaml
     --> b/b.yaml:7:23
      |
    7 |   - {name: c, import: c.yaml, images: [x]}
      |                       ^^^^^^
    "##);
}

#[test]
fn numbers_keep_their_spelling_and_variables_apply_everywhere() {
    let effective = load_body(
        "variables: {tag: 1.10, registry: \"${host}/library\", host: docker.io}\ncomponents:\n  - name: tools\n    images: [\"${registry}/busybox:${tag}\"]\n    files: [{path: \"./a$${x}.conf\", to: a.conf, mode: 0755}]\n",
    )
    .unwrap();
    assert_eq!(effective.metadata.version.as_str(), "1.10");
    assert_eq!(
        effective.components[0].images[0].name,
        "docker.io/library/busybox:1.10"
    );
    assert_eq!(
        effective.components[0].files[0].source,
        FileSource::Path {
            path: "a${x}.conf".into()
        }
    );
    assert_eq!(effective.components[0].files[0].mode, 0o755);
    assert_eq!(
        effective.components[0].images[0].place.to_string(),
        "airlock.yaml:8:14"
    );
}

#[test]
fn the_effective_manifest_is_what_counts() {
    insta::assert_snapshot!(canonical(&load_body(
        "components:\n  - name: tools\n    images:\n      - busybox\n      - {ref: \"oci-layout:./images:tools\", platforms: [linux/x86_64]}\n    charts:\n      - {name: web, repo: \"https://example.org/charts\", version: ~1.2}\n      - {oci: \"oci://example.org/charts/app\"}\n      - {path: ./charts/site, values: [values/site.yaml], namespace: site}\n    files:\n      - {url: \"https://example.org/v1/kubectl\", sha256: {url: kubectl.sha256}, path: bin/kubectl, mode: \"0755\"}\n      - {path: ./conf/site.conf}\n",
    ).unwrap()), @r##"{"components":[{"charts":[{"namespace":null,"source":{"name":"web","repo":"https://example.org/charts","type":"repository","version":"~1.2"},"values":[]},{"namespace":null,"source":{"reference":"example.org/charts/app","type":"oci","version":null},"values":[]},{"namespace":"site","source":{"path":"charts/site","type":"folder"},"values":["values/site.yaml"]}],"files":[{"checksum":{"type":"published","url":"https://example.org/v1/kubectl.sha256"},"mode":"0755","path":"bin/kubectl","source":{"type":"url","url":"https://example.org/v1/kubectl"}},{"checksum":{"type":"unknown"},"mode":"0644","path":"site.conf","source":{"path":"conf/site.conf","type":"path"}}],"images":[{"name":"busybox","platforms":[],"source":{"reference":"docker.io/library/busybox:latest","type":"registry"}},{"name":"oci-layout:./images:tools","platforms":["linux/amd64"],"source":{"image":"tools","path":"images","type":"oci-layout"}}],"k3s":null,"name":"tools","packages":[]}],"metadata":{"channel":"stable","name":"edge","sequence":0,"version":"1.10"},"platforms":["linux/amd64"],"policy":[]}"##);
    // Comments, order of keys and layout are not part of it.
    let one = load_body("components: [{name: a, images: [busybox]}]\n").unwrap();
    let two = load_body("# note\ncomponents:\n- images:\n  - docker.io/library/busybox:latest\n  name: a\n")
        .unwrap();
    assert_ne!(canonical(&one), canonical(&two), "the name as written is kept");
    let three = load_body("# note\ncomponents:\n- images:\n  - busybox\n  name: a\n").unwrap();
    assert_eq!(canonical(&one), canonical(&three));
}

#[test]
fn fields_of_later_versions_are_read() {
    let effective = load_body(
        "components:\n  - name: k3s\n    k3s: {version: v1.34.5+k3s1}\n  - name: node\n    packages:\n      - {distro: debian-12, names: [chrony], base: minimal}\n      - {distro: rocky-9, names: [chrony], base: {installed: list.txt}, repos: [{id: baseos, baseurl: \"https://example.org/b/\", gpgkey: keys/rocky.asc}]}\npolicy: {require: [{match: \"docker.io/acme/*\", key: keys/acme.pub}]}\n",
    )
    .unwrap();
    assert!(effective.components[0].k3s.is_some());
    assert_eq!(effective.components[1].packages.len(), 2);
    assert_eq!(effective.policy[0].place.line, 12);
}

#[test]
fn conditions() {
    let holds = |when: &str, value: &str| {
        let body =
            format!("variables: {{v: \"{value}\"}}\ncomponents: [{{name: a, when: {when}, images: [x]}}]\n");
        !load_body(&body).unwrap().components.is_empty()
    };
    assert!(holds("v", "yes") && holds("v", "1") && holds("v", "anything"));
    for no in ["", "0", "false", "No", "off"] {
        assert!(!holds("v", no), "{no:?}");
    }
    assert!(holds("v == x", "x") && !holds("v == x", "y"));
    assert!(holds("\"v != 'x'\"", "y") && !holds("\"v != 'x'\"", "x"));
}

#[test]
fn an_import_brings_components_with_paths_of_its_own() {
    let top = format!("{HEAD}variables: {{registry: mirror.example}}\ncomponents:\n  - {{name: own, images: [a]}}\n  - {{name: base, import: ../base/airlock.yaml}}\n  - {{name: off, import: absent.yaml, when: nothing}}\n").replace("{registry:", "{nothing: \"\", registry:");
    let base = "apiVersion: airlock.dev/v1\nkind: Manifest\nmetadata: {name: other, version: 9}\nplatforms: [linux/s390x]\nvariables: {registry: docker.io, tag: \"1\"}\ncomponents:\n  - name: own\n    images: [\"${registry}/b:${tag}\"]\n    charts: [{path: charts/x}]\n";
    let files = [
        ("a/site/airlock.yaml", top.as_str()),
        ("a/base/airlock.yaml", base),
    ];
    let effective = load_files(&files[..], &set(&[("tag", "7")]));
    // The map of files is in order of path, and the base comes first there.
    let effective = effective
        .and_then(|_| {
            load(
                Path::new("a/site/airlock.yaml"),
                &set(&[("tag", "7")]),
                &mut |path| {
                    let found = files.iter().find(|(name, _)| Path::new(name) == path);
                    found
                        .map(|(_, text)| (*text).to_owned())
                        .ok_or_else(|| io::ErrorKind::NotFound.into())
                },
            )
        })
        .unwrap();
    let names: Vec<&str> = effective.components.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["own", "base/own"]);
    assert_eq!(effective.components[1].images[0].name, "mirror.example/b:7");
    assert_eq!(
        effective.components[1].charts[0].source,
        ChartSource::Folder {
            path: "../base/charts/x".into()
        }
    );
    assert_eq!(effective.metadata.name.as_str(), "edge");
    assert_eq!(effective.platforms, ["linux/amd64".parse().unwrap()]);
    assert_eq!(effective.components[1].place.file.as_ref(), "a/base/airlock.yaml");
}

#[test]
fn the_documented_example_is_read() {
    let text = include_str!("example.yaml");
    let base = format!("{HEAD}components:\n  - {{name: os, images: [a]}}\n");
    let effective = load(Path::new("site/airlock.yaml"), &Inputs::default(), &mut |path| {
        Ok(if path == Path::new("base/airlock.yaml") {
            base.clone()
        } else {
            text.to_owned()
        })
    })
    .unwrap_or_else(|errors| panic!("{}", errors.render()));
    let names: Vec<&str> = effective.components.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["tools", "monitoring", "extras", "base/os", "cluster"]);
}

#[test]
fn the_manifests_of_the_repository_are_read() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests"));
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path().join("airlock.yaml");
        if path.exists() {
            let loaded = load(&path, &Inputs::default(), &mut |path| {
                std::fs::read_to_string(path)
            });
            loaded.unwrap_or_else(|errors| panic!("{}", errors.render()));
            count += 1;
        }
    }
    assert!(count > 0);
}

#[test]
fn selection_by_component() {
    let text = format!(
        "{HEAD}components:\n  - {{name: tools, images: [a]}}\n  - {{name: tools-extra, images: [b]}}\n"
    );
    let select = |names: &[&str]| {
        let components = names.iter().map(|name| (*name).to_owned()).collect();
        let inputs = Inputs {
            components,
            ..Inputs::default()
        };
        load_files(&[("airlock.yaml", &text)], &inputs)
    };
    let names = |effective: Effective| {
        effective
            .components
            .into_iter()
            .map(|c| c.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(select(&["tools"]).unwrap()), ["tools"]);
    assert_eq!(
        names(select(&["tools-extra", "tools"]).unwrap()),
        ["tools", "tools-extra"]
    );
    insta::assert_snapshot!(select(&["tols"]).unwrap_err().render(), @r##"
    error: there is no component `tols`
     --> airlock.yaml
      = help: did you mean `tools`?
    "##);
}

#[test]
fn aliases_cannot_blow_up() {
    let mut bomb = String::from("x0: &x0 [lol]\n");
    for level in 1..12 {
        let previous = format!("*x{}, ", level - 1).repeat(10);
        bomb = format!("{bomb}x{level}: &x{level} [{previous}]\n");
    }
    let problems = load_body(&bomb).unwrap_err();
    assert!(
        problems.0[0].message.starts_with("this is not valid YAML"),
        "{}",
        problems.render()
    );
    // One and the same scalar as often as goes into a manifest of the length allowed; and fewer, longer ones.
    for (times, length) in [(1_300_000, 1), (17, 1 << 20)] {
        let (scalar, aliases) = ("a".repeat(length), "*x,".repeat(times));
        let problems = load_body(&format!("x: &x {scalar}\ny: [{aliases}]\n")).unwrap_err();
        assert!(
            problems.0[0].message.starts_with("this is not valid YAML"),
            "{}",
            problems.render()
        );
    }
    let problems = load_body(&format!("y: [{}]\n", "a,".repeat(100_000))).unwrap_err();
    assert!(
        problems.0[0].message.starts_with("this is not valid YAML"),
        "{}",
        problems.render()
    );
    let problems = load_body(&"#".repeat(4 << 20)).unwrap_err();
    assert!(
        problems.0[0].message.contains("longer than the 4194304 bytes"),
        "{}",
        problems.render()
    );
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", "")] {
        let deep = open.repeat(100_000) + &close.repeat(100_000);
        assert!(
            load_body(&format!("components:\n  {deep}\n")).is_err(),
            "{open:?}"
        );
    }
    for twice in [
        "components:\n- {name: a, images: [b], name: c}\n",
        "components:\n- {name: a, files: [{path: b, 'path': c}]}\n",
        "variables: {a: b, a: c}\ncomponents: []\n",
    ] {
        let shown = load_body(twice).unwrap_err().render();
        assert!(shown.contains("stands twice"), "{shown}");
    }
}

#[test]
fn any_text_is_read_without_panic() {
    use proptest::prelude::*;
    proptest!(|(text in "[a-z:\\-{}\\[\\]\"'&*!|>%@\\$ \\n\\t#,.0-9]{0,80}", at in 0usize..200)| {
        let good = format!("{HEAD}variables: {{a: b}}\ncomponents:\n  - name: tools\n    images: [a, \"${{a}}/é\"]\n    files: [{{path: x}}]\n");
        let at = (0..=at.min(good.len())).rev().find(|at| good.is_char_boundary(*at)).unwrap();
        let mixed = format!("{}{text}{}", &good[..at], &good[at..]);
        for text in [text, mixed] {
            if let Err(problems) = load_files(&[("airlock.yaml", &text)], &Inputs::default()) {
                prop_assert!(!problems.0.is_empty());
                problems.render();
            }
        }
    });
}

#[test]
fn packages_of_debian() {
    let effective = load_body(
        "components:\n- name: node\n  packages:\n  - distro: debian-12\n    names: [nginx=1.22.1-9, \"curl:arm64\"]\n    architectures: [arm64]\n    recommends: false\n    target: bookworm-backports\n    pins: [{package: \"nginx*\", pin: release n=bookworm, priority: -1}]\n    base: {status: node/status}\n    keyrings: keys/debian.asc\n    allow: [expired-release]\n    repos:\n    - {uri: \"https://deb.example.org/debian\", suites: [bookworm, bookworm-updates], components: [main], signed-by: keys/a.asc}\n    - {uri: \"https://deb.example.org/flat\", suites: [\"./\"]}\n    - {sources: site.sources}\n",
    )
    .unwrap();
    let packages = &effective.components[0].packages[0];
    assert_eq!(packages.names, ["nginx=1.22.1-9", "curl:arm64"]);
    assert!(!packages.recommends);
    assert_eq!(packages.pins[0].priority, -1);
    assert_eq!(packages.allow, [PackageException::ExpiredRelease]);
    assert_eq!(packages.keyrings, [PathBuf::from("keys/debian.asc")]);
    assert_eq!(packages.repos.len(), 3);
    let PackageRepository::Apt {
        suites, signed_by, ..
    } = &packages.repos[0]
    else {
        panic!("{:?}", packages.repos)
    };
    assert_eq!(suites.len(), 2);
    assert_eq!(signed_by.as_deref(), Some(Path::new("keys/a.asc")));
    let plain =
        load_body("components: [{name: a, packages: [{distro: debian-13, names: [chrony]}]}]\n").unwrap();
    let plain = &plain.components[0].packages[0];
    assert!(plain.recommends && plain.repos.is_empty() && plain.base == PackageBase::Minimal);
}

#[test]
fn mistakes_in_packages() {
    let problem = |rest: &str| {
        let body =
            format!("components: [{{name: a, packages: [{{distro: debian-12, names: [x], {rest}}}]}}]\n");
        let problems = load_body(&body).unwrap_err().0;
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems[0].message.clone()
    };
    assert_eq!(
        problem("repos: [{uri: \"https://x.org\", sources: y}]"),
        "a repository needs one of `uri`, `sources` and `baseurl`"
    );
    assert_eq!(
        problem("repos: [{sources: y, gpgkey: z}]"),
        "`gpgkey` does not go with `sources`"
    );
    assert_eq!(
        problem("repos: [{uri: \"https://x.org\", suites: [a, b/], components: [main]}]"),
        "suites that end with `/` have no components, all others need them"
    );
    assert_eq!(problem("allow: [weak-keys]"), "unknown exception `weak-keys`");
    assert_eq!(
        problem("recommends: maybe"),
        "unknown value of recommends `maybe`"
    );
    assert_eq!(problem("base: nothing"), "unknown base `nothing`");
    assert!(problem("pins: [{package: x, pin: version 1, priority: high}]").contains("invalid digit"));
}

#[test]
fn decisions_about_images_are_read() {
    let text = "components:
  - name: stack
    charts: [{path: chart, release: main, discover: {values: [a.yaml], toggles: all}}]
    manifests: [crds.yaml]
    images:
      add: [busybox:1]
      ignore: [{match: \"*/test\", reason: tests}, {gap: \"Calico*\", reason: none here}]
      confirm: [ghcr.io/acme/app]
      upstream: {site.example: docker.io, site.example/deep: ghcr.io/acme}
kubernetes: {version: v1.34, apiVersions: [a/v1]}
";
    let effective = load_files(&[("airlock.yaml", &format!("{HEAD}{text}"))], &Inputs::default()).unwrap();
    let [component] = effective.components.as_slice() else {
        panic!("one component");
    };
    let decisions = &component.decisions;
    assert_eq!(component.images.len(), 1);
    assert_eq!((decisions.ignore.len(), decisions.confirm.len()), (2, 1));
    let from = |text: &str| {
        let reference = text.parse().unwrap();
        let found = decisions
            .upstream
            .iter()
            .find_map(|entry| entry.apply(&reference));
        found.map(|reference| reference.to_string())
    };
    assert_eq!(from("site.example/deep/a:1").as_deref(), Some("ghcr.io/acme/a:1"));
    assert_eq!(from("site.example/a/b:1").as_deref(), Some("docker.io/a/b:1"));
    assert_eq!(from("site.example.org/a/b:1"), None);
    let chart = component.charts.first().unwrap();
    assert!(chart.discover.toggles);
    assert_eq!(chart.release.as_deref(), Some("main"));
    assert_eq!(effective.kubernetes.unwrap().version.as_deref(), Some("v1.34"));
}

#[test]
fn decisions_that_cannot_be() {
    insta::assert_snapshot!(problems("components:
  - name: stack
    charts: [{path: c, release: Main}, {path: c, discover: {toggles: some}}]
    images:
      ignore: [{match: a}, {reason: b}]
      upstream: {\"https://a\": b}
kubernetes: {version: latest}
"), @r##"
    error: a release is called with at most 53 lower-case letters, digits, '-' and '.': "Main"
     --> airlock.yaml:7:33
      |
    7 |     charts: [{path: c, release: Main}, {path: c, discover: {toggles: some}}]
      |                                 ^^^^

    error: unknown choice of toggles `some`
     --> airlock.yaml:7:70
      |
    7 |     charts: [{path: c, release: Main}, {path: c, discover: {toggles: some}}]
      |                                                                      ^^^^ did you mean `none`?
      = help: it must be all or none

    error: missing field `reason` in what is ignored
     --> airlock.yaml:9:16
      |
    9 |       ignore: [{match: a}, {reason: b}]
      |                ^
      = help: for example `reason: "only for tests"`

    error: what is ignored is told by one of `match` and `gap`
     --> airlock.yaml:9:29
      |
    9 |       ignore: [{match: a}, {reason: b}]
      |                             ^^^^^^
      = help: for example {match: "docker.io/acme/*", reason: "only for tests"}

    error: this is not a registry, nor a registry with a path: "https://a"
      --> airlock.yaml:10:18
       |
    10 |       upstream: {"https://a": b}
       |                  ^^^^^^^^^^^

    error: this is not a registry, nor a registry with a path: "b"
      --> airlock.yaml:10:31
       |
    10 |       upstream: {"https://a": b}
       |                               ^

    error: this is not a version of Kubernetes: "latest"
      --> airlock.yaml:11:23
       |
    11 | kubernetes: {version: latest}
       |                       ^^^^^^
       = help: for example v1.34.5
    "##);
}
