//! `airlock template`, judged by what `helm template` 4.2.3 printed for the same files and flags.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use airlock_testkit as testkit;

use crate::desk::{Desk, Serving, finish};

const CHART: &str = "apiVersion: v2\nname: site\nversion: 1.0.0\nkubeVersion: '>=1.20.0-0'\n";
const SERVICE: &str = "kind: Service\nmetadata:\n  name: {{ .Release.Name }}\n  namespace: {{ .Release.Namespace }}\nspec: {{ toJson .Values.spec }}\n";
const HOOK: &str = "kind: Job\nmetadata:\n  name: hook\n  annotations: {helm.sh/hook: test}\n";

fn desk() -> Desk {
    let desk = Desk::new();
    fs::create_dir_all(desk.path("site/templates")).unwrap();
    fs::create_dir_all(desk.path("site/crds")).unwrap();
    desk.write("site/Chart.yaml", CHART);
    desk.write("site/values.yaml", "spec: {port: 80}\n");
    desk.write("site/templates/service.yaml", SERVICE);
    desk.write("site/templates/hook.yaml", HOOK);
    desk.write("site/crds/crd.yaml", "kind: CustomResourceDefinition\n");
    desk.write("more.yaml", "spec: {name: more}\n");
    desk.write("value.txt", "from a file");
    desk
}

#[test]
fn the_chart_is_printed_as_helm_prints_it() {
    let desk = desk();
    let service = |name: &str, namespace: &str, spec: &str| {
        format!(
            "---\n# Source: site/templates/service.yaml\nkind: Service\nmetadata:\n  name: {name}\n  namespace: {namespace}\nspec: {spec}\n"
        )
    };
    let hook = format!("---\n# Source: site/templates/hook.yaml\n{HOOK}\n");
    let crd = "---\n# Source: site/crds/crd.yaml\nkind: CustomResourceDefinition\n\n";
    let usual = service("release-name", "default", "{\"port\":80}");
    for (words, expected) in [
        (vec![], format!("{usual}{hook}")),
        (vec!["--no-hooks"], usual.clone()),
        (vec!["--skip-tests"], usual.clone()),
        (vec!["--include-crds", "--no-hooks"], format!("{crd}{usual}")),
        (
            vec!["-n", "space", "--name", "rel", "--no-hooks"],
            service("rel", "space", "{\"port\":80}"),
        ),
        (
            vec![
                "--no-hooks",
                "-f",
                "more.yaml",
                "--set",
                "spec.a[0]=1,spec.port=null",
            ],
            service("release-name", "default", "{\"a\":[1],\"name\":\"more\"}"),
        ),
        (
            vec![
                "--no-hooks",
                "--set-string",
                "spec.port=1",
                "--set-file",
                "spec.file=value.txt",
                "--set-json",
                "spec.json=[1]",
                "--set-literal",
                "spec.literal=a,b",
            ],
            service(
                "release-name",
                "default",
                "{\"file\":\"from a file\",\"json\":[1],\"literal\":\"a,b\",\"port\":\"1\"}",
            ),
        ),
        (vec!["-s", "templates/hook.yaml"], format!("{hook}\n")),
        (
            vec!["--no-hooks", "--name-template", "x-{{ 1 | add 2 }}"],
            service("x-3", "default", "{\"port\":80}"),
        ),
        (
            vec!["--no-hooks", "-g", "--name-template", "b"],
            service("b", "default", "{\"port\":80}"),
        ),
        // Helm means it to make up a name, and does not.
        (vec!["--no-hooks", "--generate-name"], usual.clone()),
        (vec!["--no-hooks", "--name-template", ""], usual.clone()),
        (vec!["--no-hooks", "--debug"], usual.clone()),
        (
            vec![
                "--no-hooks",
                "--description=x",
                "-l",
                "a=b,c=d",
                "--dry-run",
                "--create-namespace",
                "--wait",
                "--wait-for-jobs",
                "--rollback-on-failure",
                "--disable-openapi-validation",
                "--replace",
                "--take-ownership",
                "--force-conflicts",
                "--hide-notes",
                "--render-subchart-notes",
            ],
            usual.clone(),
        ),
        (
            vec![
                "--no-hooks",
                "--include-crds",
                "--skip-crds",
                "--dry-run=client",
                "--atomic",
                "--force",
            ],
            format!("{crd}{usual}"),
        ),
    ] {
        let mut all = vec!["template", "site"];
        all.extend(&words);
        let output = desk.command(&all).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let problem = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(text, expected, "{words:?} {problem}");
        assert_eq!(output.status.code(), Some(0), "{words:?}");
    }
    let (code, text) = desk.run(&["template", "named", "site", "-s", "templates/service.yaml"]);
    assert!(code == 0 && text.contains("name: named\n"), "{text}");
}

#[test]
fn values_may_come_through_a_pipe() {
    let desk = desk();
    fs::write(desk.path("in"), "spec: {port: 81}\n").unwrap();
    let mut command = desk.command(&["template", "site", "--no-hooks", "-f", "-", "--set", "spec.a=b"]);
    command.stdin(fs::File::open(desk.path("in")).unwrap());
    let (code, text) = finish(command);
    assert!(
        code == 0 && text.ends_with("spec: {\"a\":\"b\",\"port\":81}\n"),
        "{text}"
    );
}

/// What `helm template` 4.2.3 prints with and without `--debug`.
#[test]
fn what_is_no_yaml_is_printed_on_demand() {
    let desk = desk();
    desk.write("site/templates/bad.yaml", "a: b: {{ .Values.spec.port }}\n");
    desk.write("site/templates/NOTES.txt", "notes");
    desk.write("site/templates/empty.yaml", " \n");
    let problem = "error: YAML parse error on site/templates/bad.yaml: error converting YAML to JSON: yaml: mapping values are not allowed in this context\n";
    let (code, said) = desk.run(&["template", "site"]);
    assert_eq!(
        (code, said),
        (1, format!("{problem}\nhint: --debug prints what was rendered\n"))
    );
    let output = desk.command(&["template", "site", "--debug"]).output().unwrap();
    let printed = format!(
        "---\n# Source: site/templates/bad.yaml\na: b: 80\n\n---\n# Source: site/templates/hook.yaml\n{HOOK}\n---\n# Source: site/templates/service.yaml\n{}",
        "kind: Service\nmetadata:\n  name: release-name\n  namespace: default\nspec: {\"port\":80}\n"
    );
    assert_eq!(String::from_utf8(output.stdout).unwrap(), printed);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with(problem));
    desk.write("site/templates/bad.yaml", "{{ fail \"x\" }}");
    let output = desk.command(&["template", "site", "--debug"]).output().unwrap();
    assert_eq!(
        (output.status.code(), output.stdout.as_slice()),
        (Some(1), &b"\n"[..])
    );
}

/// What `helm template` 3.19.0 prints: hooks pass the program by, and CRDs do not.
#[test]
fn a_program_may_change_what_is_installed() {
    let desk = desk();
    let program = |text: &str| {
        desk.write("post", &format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(desk.path("post"), fs::Permissions::from_mode(0o755)).unwrap();
    };
    let run = |more: &[&str]| {
        let words = ["template", "site", "--include-crds", "--post-renderer", "./post"];
        desk.run(&[&words, more].concat())
    };
    program("exec /bin/sed \"$@\"");
    let arguments = [
        "--post-renderer-args",
        "-e",
        "--post-renderer-args",
        "s/^kind: /kind: My/",
    ];
    let (code, said) = run(&[&["--profile", "helm3"], &arguments[..]].concat());
    let expected = "---\n# Source: site/crds/crd.yaml\nkind: MyCustomResourceDefinition\n\n---\n# Source: site/templates/service.yaml\nkind: MyService\nmetadata:\n  name: release-name\n  namespace: default\nspec: {\"port\":80}\n---\n# Source: site/templates/hook.yaml\nkind: Job\nmetadata:\n  name: hook\n  annotations: {helm.sh/hook: test}\n";
    assert_eq!((code, said.as_str()), (0, expected));
    program("echo it is broken >&2; exit 3");
    let (code, said) = run(&["--profile", "helm3"]);
    let expected = "error: error while running post render on files: error while running command ./post. error output:\nit is broken\n: exit status 3\n";
    assert!(code == 1 && said.starts_with(expected), "{said}");
    let (code, said) = run(&[]);
    assert!(
        code == 2
            && said.contains("post-renderers of Helm 4 are plugins")
            && said.contains("--profile helm3"),
        "{said}"
    );
}

#[test]
fn the_words_are_those_of_helm() {
    let desk = desk();
    let (code, help) = desk.run(&["template", "--help"]);
    assert_eq!(code, 0);
    assert!(
        help.contains("Usage: airlock template [OPTIONS] [NAME] <CHART>\n"),
        "{help}"
    );
    for (words, expected) in [
        (vec![], "required arguments were not provided"),
        (vec!["a", "site", "b"], "unexpected argument 'b' found"),
        (
            vec!["a", "site", "-g"],
            "'[NAME]' cannot be used with '--generate-name'",
        ),
        (vec!["a", "site", "--name-template", "x"], "cannot be used with"),
        (
            vec!["site", "--output-dir", "x", "-s", "y"],
            "cannot be used with",
        ),
        (vec!["site", "-l", "a"], "the form is NAME=VALUE"),
        (
            vec!["site", "--dry-run=server"],
            "invalid value 'server' for '--dry-run",
        ),
    ] {
        let mut all = vec!["template"];
        all.extend(&words);
        let (code, said) = desk.run(&all);
        assert!(code == 2 && said.contains(expected), "{words:?} {code} {said}");
    }
}

#[test]
fn files_are_written_where_helm_writes_them() {
    let desk = desk();
    let words = [
        "template",
        "rel",
        "site",
        "--output-dir",
        "out",
        "--release-name",
        "--include-crds",
    ];
    let (code, said) = desk.run(&words);
    assert_eq!(code, 0, "{said}");
    let lines = "wrote out/site/crds/crd.yaml\nwrote out/rel/site/templates/service.yaml\nwrote out/rel/site/templates/hook.yaml\n\n";
    assert_eq!(said, lines);
    for path in [
        "out/site/crds/crd.yaml",
        "out/rel/site/templates/service.yaml",
        "out/rel/site/templates/hook.yaml",
    ] {
        let text = fs::read_to_string(desk.path(path)).unwrap();
        assert!(text.starts_with("---\n# Source: site/"), "{text}");
    }
}

#[test]
fn errors_are_in_the_words_of_helm() {
    let desk = desk();
    desk.write(
        "site/templates/bad.yaml",
        "{{ if .Values.bad }}{{ required \"a name is needed\" .Values.none }}{{ end }}",
    );
    for (words, code, expected) in [
        (
            vec!["--set", "bad=true"],
            1,
            "error: execution error at (site/templates/bad.yaml:1:23): a name is needed\n",
        ),
        (
            vec!["--kube-version", "1.19"],
            1,
            "error: chart requires kubeVersion: >=1.20.0-0 which is incompatible with Kubernetes v1.19\n",
        ),
        (
            vec!["--kube-version", "x"],
            2,
            "error: invalid kube version 'x': could not parse \"x\" as version\n",
        ),
        (
            vec!["--set", "a"],
            1,
            "error: failed parsing --set data: key \"a\" has no value\n",
        ),
        (
            vec!["--name", "UP_"],
            1,
            "error: release name check failed: release name \"UP_\": invalid release name, must match regex ^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$ and the length must not be longer than 53\n",
        ),
        (
            vec!["--name", ""],
            1,
            "error: release name check failed: release name \"\": no name provided\n",
        ),
        (
            vec!["--name", "", "--profile", "helm3"],
            1,
            "error: release name \"\": no name provided\n",
        ),
        (
            vec!["--name-template", "{{ fail \"x\" }}"],
            2,
            "error: template: name-template:1:3: executing \"name-template\" at <fail \"x\">: error calling fail: x\n",
        ),
        (
            vec!["-s", "templates/none.yaml"],
            1,
            "error: could not find template templates/none.yaml in chart\n",
        ),
        (
            vec!["-f", "none.yaml"],
            2,
            "error: the values could not be read: none.yaml\n",
        ),
    ] {
        let mut all = vec!["template", "site"];
        all.extend(&words);
        let (found, said) = desk.run(&all);
        assert_eq!(found, code, "{words:?} {said}");
        assert!(said.contains(expected), "{words:?} {said}");
    }
    let (code, said) = desk.run(&["template", "none"]);
    assert!(code == 2 && said.contains("there is no chart: none"), "{said}");
}

#[test]
fn random_values_come_again_with_the_same_seed() {
    let desk = desk();
    desk.write("site/templates/service.yaml", "a: {{ randAlphaNum 32 }}\n");
    let words = ["template", "site", "--seed", "7"];
    let (code, first) = desk.run(&words);
    assert_eq!(code, 0, "{first}");
    assert_eq!(first, desk.run(&words).1);
    assert_ne!(first, desk.run(&["template", "site"]).1);
}

#[test]
fn folders_come_along_where_they_are_asked_for() {
    let desk = desk();
    let dependency = "dependencies:\n- {name: db, version: 1.x.x, repository: 'file://../db'}\n";
    desk.write("site/Chart.yaml", &format!("{CHART}{dependency}"));
    fs::create_dir_all(desk.path("db/templates")).unwrap();
    desk.write("db/Chart.yaml", "apiVersion: v2\nname: db\nversion: 1.2.3\n");
    desk.write("db/templates/db.yaml", "kind: Database\n");
    let (code, said) = desk.run(&["template", "site"]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("found in Chart.yaml, but missing in charts/ directory: db") && said.contains("hint: "),
        "{said}"
    );
    let (code, said) = desk.run(&["template", "site", "--dependency-update"]);
    assert!(
        code == 0 && said.contains("# Source: site/charts/db/templates/db.yaml\nkind: Database\n"),
        "{said}"
    );
}

/// A chart that needs others of these addresses, a name and a range each.
fn needing(desk: &Desk, dependencies: &[(&str, &str, &str)]) {
    let mut text = format!("{CHART}dependencies:\n");
    for (name, version, repository) in dependencies {
        text.push_str(&format!(
            "- {{name: {name}, version: {version:?}, repository: {repository:?}}}\n"
        ));
    }
    desk.write("site/Chart.yaml", &text);
}

/// The chart `web` with what it needs in turn.
fn packaged(dependency: &str) -> testkit::Chart {
    let archive = testkit::gzip(&testkit::tarball([
        (
            "web/Chart.yaml".to_owned(),
            format!("apiVersion: v2\nname: web\nversion: 1.2.0\n{dependency}"),
        ),
        ("web/templates/web.yaml".to_owned(), "kind: Web\n".to_owned()),
    ]));
    testkit::Chart {
        name: "web".to_owned(),
        version: "1.2.0".to_owned(),
        archive: archive.into(),
    }
}

#[test]
fn dependencies_come_from_repositories_and_registries() {
    let mut content = testkit::Upstream::new();
    let old = testkit::Chart::new("cache", "2.0.1", "redis:1");
    let new = testkit::Chart::new("cache", "2.1.0", "redis:2");
    let next = testkit::Chart::new("cache", "3.0.0", "redis:3");
    for chart in [&old, &new, &next] {
        content.push("charts/cache", &chart.version, &chart.as_oci());
    }
    let deep = testkit::Chart::new("deep", "0.1.0", "deep:1");
    content.chart_repository("/charts", &[testkit::Chart::new("web", "1.0.0", "web:old"), deep]);
    let server = Serving::start(content, testkit::Options::default());
    let host = server.host();
    let http = format!("http://{host}/charts");
    let oci = format!("oci://{host}/charts");
    let desk = desk();
    let update = |more: &[&str]| {
        let mut words = vec![
            "template",
            "site",
            "--no-hooks",
            "--dependency-update",
            "--insecure",
            &host,
        ];
        words.extend(["--retries", "0", "--quiet"]);
        words.extend(more);
        desk.run(&words)
    };

    needing(&desk, &[("deep", "0.x", &http), ("cache", "^2.0.0", &oci)]);
    let (code, said) = desk.run(&["template", "site"]);
    assert!(
        code == 1
            && said.contains("missing in charts/ directory: deep, cache")
            && said.contains("--dependency-update"),
        "{said}"
    );
    let (code, said) = update(&[]);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("# Source: site/charts/deep/templates/deployment.yaml\n"),
        "{said}"
    );
    assert!(said.contains("image: redis:2\n"), "{said}");
    assert!(!desk.path("site/charts").exists());

    // The lock counts as long as it fits.
    let locked = |version: &str| {
        let text = format!("dependencies:\n- {{name: cache, version: {version}, repository: {oci:?}}}\n");
        desk.write("site/Chart.lock", &text);
        update(&[]).1
    };
    assert!(locked("2.0.1").contains("image: redis:1\n"));
    assert!(locked("3.0.0").contains("image: redis:2\n"));

    for (dependency, expected) in [
        (
            ("none", "1", http.as_str()),
            "the repository has no chart of this name: \"none\"",
        ),
        (
            ("deep", "^1", &http),
            "no version is in the range ^1; there are 0.1.0",
        ),
        (("none", "1.0.0", &oci), "charts/none"),
        (
            ("deep", "1", "@stable"),
            "known by their addresses here, not by names: \"@stable\"",
        ),
        (
            ("deep", "1", "ftp://x"),
            "this is no address of a repository: \"ftp://x\"",
        ),
        (
            ("deep", "1", ""),
            "it has no repository, so it belongs into charts/",
        ),
    ] {
        needing(&desk, &[dependency]);
        let (code, said) = update(&[]);
        assert_eq!(code, 1, "{said}");
        assert!(
            said.contains(&format!(
                "the dependency {} of site cannot be had: ",
                dependency.0
            )) && said.contains(expected)
                && said.contains("the chart cannot be loaded: site"),
            "{dependency:?} {said}"
        );
    }
}

#[test]
fn charts_come_from_repositories_and_registries() {
    let mut content = testkit::Upstream::new();
    let served = [("1.0.0", "web:1"), ("1.1.0", "web:2"), ("2.0.0-rc.1", "web:3")];
    let served = served.map(|(version, image)| testkit::Chart::new("web", version, image));
    content.chart_repository("/charts", &served);
    for chart in &served {
        content.push("charts/web", &chart.version, &chart.as_oci());
    }
    // A packaged chart has no folder beside it.
    content.file(
        "/bad.tgz",
        packaged("dependencies:\n- {name: db, version: 1.x, repository: 'file://../db'}\n").archive,
    );
    content.file("/none.tgz", "no archive");
    let server = Serving::start(content, testkit::Options::default());
    let host = server.host();
    let desk = desk();
    let run = |words: &[&str]| {
        let mut all = vec!["template", "--insecure", &host, "--retries", "0"];
        all.extend(words);
        desk.run(&all)
    };
    let http = format!("http://{host}/charts");
    let oci = format!("oci://{host}/charts/web");
    let tagged = format!("{oci}:1.0.0");
    let file = format!("{http}/web-1.0.0.tgz");
    for (words, image) in [
        (vec!["rel", "web", "--repo", &http], "web:2"),
        (vec!["web", "--repo", &http, "--version", "~1.0"], "web:1"),
        (vec!["web", "--repo", &http, "--devel"], "web:3"),
        (vec!["rel", &oci], "web:2"),
        (vec![&oci, "--version", "1.0.0"], "web:1"),
        (vec![&oci, "--devel"], "web:3"),
        (vec![&tagged], "web:1"),
        (vec![&file], "web:1"),
    ] {
        let (code, said) = run(&words);
        assert!(
            code == 0 && said.contains(&format!("image: {image}\n")),
            "{words:?} {said}"
        );
        assert!(
            said.contains("web ") && said.contains("sha256:"),
            "{words:?} {said}"
        );
    }
    let bad = format!("http://{host}/bad.tgz");
    let none = format!("http://{host}/none.tgz");
    for (words, expected) in [
        (
            vec!["web", "--repo", &http, "--version", "5"],
            "no version is in the range 5",
        ),
        (
            vec![&bad, "--dependency-update"],
            "a folder is named by a chart that is packaged",
        ),
        (vec![&none], "the chart archive cannot be read"),
    ] {
        let (code, said) = run(&words);
        assert!(code != 0 && said.contains(expected), "{words:?} {said}");
    }
}
