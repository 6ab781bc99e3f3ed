//! `airlock template`, judged by what `helm template` 4.2.3 printed for the same files and flags.

use std::fs;

use crate::desk::Desk;

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
    for path in [
        "out/site/crds/crd.yaml",
        "out/rel/site/templates/service.yaml",
        "out/rel/site/templates/hook.yaml",
    ] {
        assert!(said.contains(&format!("wrote {path}\n")), "{said}");
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
