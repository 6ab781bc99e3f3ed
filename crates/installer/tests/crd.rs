//! Every HelmChart that is made, against the schema of its CustomResourceDefinition.
//!
//! Two judges: the fields that are used here, written down below from the reference of the helm-controller's API; and
//! the CustomResourceDefinition itself, a file of the Go module `github.com/k3s-io/helm-controller`, where
//! `AIRLOCK_TEST_HELM_CRD` names it or Go is installed and has the module, or can get it.
#![allow(clippy::unwrap_used, reason = "this is a test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use airlock_helm::ChartFile;
use airlock_helm::call::Budget;
use airlock_helm::chart::{Chart as HelmChart, Profile};
use airlock_helm::format::{JsonStyle, from_yaml, to_json, yaml_documents};
use airlock_helm::render::{Options, ValueSources, template};
use airlock_helm::value::Value as Go;
use airlock_installer::charts::{FileContent, Inputs, NAMESPACE, SPEC, plan};
use airlock_spec::deployment::{DeployedChart, DeployedFile, Deployment};
use airlock_spec::site::{Chart, ChartSource, FailurePolicy, Mirror, MirrorAuth, Site};
use airlock_tests::peer;
use airlock_types::Digest;
use serde_json::{Value, json};

/// The version whose CustomResourceDefinition is taken; it holds for k3s v1.35, and the fields are those of v1.32.4 on.
const MODULE: &str = "github.com/k3s-io/helm-controller@v0.17.9";
const FILE: &str = "pkg/crds/yaml/generated/helm.cattle.io_helmcharts.yaml";

/// What the API reference says of the fields that are used.
fn our_schema() -> Value {
    let text = || json!({"type": "string"});
    let name = json!({"type": "object", "properties": {"name": text()}});
    json!({
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": {"const": "helm.cattle.io/v1"},
            "kind": {"const": "HelmChart"},
            "metadata": {"type": "object"},
            "spec": {
                "type": "object",
                "properties": {
                    "backOffLimit": {"type": "integer", "format": "int32"},
                    "chart": text(),
                    "createNamespace": {"type": "boolean"},
                    "dockerRegistrySecret": name,
                    "failurePolicy": {"enum": ["abort", "reinstall", "retry"]},
                    "plainHTTP": {"type": "boolean"},
                    "repoCA": text(),
                    "targetNamespace": text(),
                    "timeout": text(),
                    "valuesContent": text(),
                    "valuesSecrets": {"type": "array", "items": {"type": "object", "properties": {
                        "name": text(), "keys": {"type": "array", "items": text()}, "ignoreUpdates": {"type": "boolean"},
                    }}},
                    "version": text(),
                },
            },
        },
    })
}

/// The same schema without room for what it does not name: an API server drops such fields, or refuses them.
fn strict(schema: &mut Value) {
    if let Some(schema) = schema.as_object_mut()
        && schema.contains_key("properties")
        && !schema.contains_key("additionalProperties")
        && schema.get("x-kubernetes-preserve-unknown-fields") != Some(&Value::Bool(true))
    {
        schema.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    match schema {
        Value::Object(map) => map.values_mut().for_each(strict),
        Value::Array(items) => items.iter_mut().for_each(strict),
        _ => {}
    }
}

/// What the schema has against an object, through the engine that checks the values of charts.
fn problem(schema: &Value, object: &Value) -> Option<String> {
    let files = [
        (
            "Chart.yaml",
            "apiVersion: v2\nname: crd\nversion: 1.0.0\n".to_owned(),
        ),
        ("values.schema.json", schema.to_string()),
    ];
    let files = files.map(|(path, text)| ChartFile {
        path: path.to_owned(),
        bytes: text.into_bytes(),
    });
    let chart = HelmChart::from_files(files, Profile::Helm4).unwrap();
    let values = ValueSources {
        files: vec![("object.yaml".to_owned(), object.to_string().into_bytes())],
        ..ValueSources::default()
    };
    let result = template(&chart, &values, &Options::new(Profile::Helm4), &mut |_| {
        Err(String::new())
    });
    result.err().map(|error| error.to_string())
}

fn as_json(value: &Go) -> Value {
    let mut budget = Budget::new(1 << 24, 1 << 28);
    serde_json::from_str(&to_json(value, JsonStyle::RAW, &mut budget).unwrap()).unwrap()
}

/// The schema in the CustomResourceDefinition.
fn their_schema() -> Option<Value> {
    let path = their_file()?;
    let text = std::fs::read(&path).unwrap();
    let crd = as_json(&from_yaml(&text, &mut Budget::new(1 << 24, 1 << 28)).unwrap());
    assert_eq!(
        crd["metadata"]["name"],
        "helmcharts.helm.cattle.io",
        "{}",
        path.display()
    );
    let schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
    assert!(
        schema["properties"]["spec"]["properties"]
            .as_object()
            .unwrap()
            .len()
            > 15
    );
    Some(schema)
}

fn their_file() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("AIRLOCK_TEST_HELM_CRD") {
        return Some(path.into());
    }
    let go = peer::find("go")?;
    let mut command = Command::new(go);
    command.args(["mod", "download", "-json", MODULE]);
    // Outside of any module, and with what the machine says about proxies.
    let output = command.current_dir(std::env::temp_dir()).output().ok()?;
    let answer: Value = serde_json::from_slice(&output.stdout).ok()?;
    let folder = answer.get("Dir")?.as_str()?;
    Some(Path::new(folder).join(FILE))
}

fn digest(bytes: &[u8]) -> Digest {
    Digest::sha256(airlock_hash::sha256(bytes))
}

fn chart(release: &str) -> DeployedChart {
    DeployedChart {
        entry: "charts[0]".to_owned(),
        name: "app".to_owned(),
        reference: "ghcr.io/acme/charts/app:1.2.3".parse().unwrap(),
        archive: Digest::sha256([7; 32]),
        release: release.to_owned(),
        namespace: "shop".to_owned(),
        values: Vec::new(),
        variants: Vec::new(),
        toggles: false,
    }
}

fn said(release: &str, source: ChartSource, failure_policy: FailurePolicy) -> Chart {
    Chart {
        values: vec!["site.yaml".into()],
        source,
        failure_policy,
        back_off_limit: Some(7),
        timeout: Some("10m30s".to_owned()),
        ..Chart::new(release)
    }
}

fn site(charts: Vec<Chart>, mirror: &str) -> Site {
    let mirror = Some(Mirror {
        url: mirror.parse().unwrap(),
        ca: None,
        auth: Some(MirrorAuth {
            username: "node".to_owned(),
            password_file: "password".into(),
        }),
        hosts: Vec::new(),
    });
    Site {
        mirror,
        charts,
        ..Site::default()
    }
}

/// Every combination of what a site can say of a chart, as HelmCharts and as all other objects beside them.
fn objects() -> (Vec<Value>, Vec<Value>) {
    let text = b"replicas: 3\ntext: \"a: b\\n# c\\u0085\"\nlarge: 123456789012\n";
    let mut app = chart("app");
    app.values = vec![DeployedFile {
        path: "values.yaml".to_owned(),
        digest: digest(text),
    }];
    let deployment = Deployment {
        version: airlock_spec::deployment::VERSION,
        component: "shop".to_owned(),
        platforms: Vec::new(),
        kubernetes: airlock_spec::deployment::Kubernetes::default(),
        charts: vec![app, chart("plain"), chart("mirrored"), chart("shop.two")],
        manifests: Vec::new(),
        images: Vec::new(),
        gaps: Vec::new(),
    };
    let values = BTreeMap::from([(PathBuf::from("site.yaml"), b"password: hunter2\n".to_vec())]);
    let mut helm_charts = Vec::new();
    let mut others = Vec::new();
    for mirror in ["https://registry.site:5000", "http://10.0.0.1"] {
        let charts = vec![
            said("app", ChartSource::Static, FailurePolicy::Abort),
            said("mirrored", ChartSource::Registry, FailurePolicy::Reinstall),
            said("shop.two", ChartSource::Registry, FailurePolicy::Abort),
        ];
        let site = site(charts, mirror);
        let planned = plan(&Inputs {
            deployments: std::slice::from_ref(&deployment),
            site: &site,
            layer: &|asked| (*asked == digest(text)).then(|| Arc::from(&text[..])),
            values: &values,
            mirror_ca: Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            mirror_password: Some("swordfish"),
        })
        .unwrap();
        for file in planned.waves.iter().flat_map(|wave| &wave.files) {
            let FileContent::Bytes(bytes) = &file.content else {
                continue;
            };
            for document in yaml_documents(bytes, &mut Budget::new(1 << 24, 1 << 28)).unwrap() {
                let object = as_json(&Go::Map(document));
                let list = if object["kind"] == "HelmChart" {
                    &mut helm_charts
                } else {
                    &mut others
                };
                list.push(object);
            }
        }
    }
    (helm_charts, others)
}

/// Mistakes that a schema has to find, or it is no judge.
fn mistakes(good: &Value) -> Vec<Value> {
    let change = |path: &str, value: Value| {
        let mut object = good.clone();
        let (parent, key) = path.rsplit_once('/').unwrap();
        object.pointer_mut(parent).unwrap()[key] = value;
        object
    };
    vec![
        change("/spec/failurePolicy", json!("panic")),
        change("/spec/backOffLimit", json!("7")),
        change("/spec/createNamespace", json!("true")),
        change("/spec/valuesSecrets", json!({"name": "x"})),
        change("/spec/valuesContent", json!({"a": 1})),
        change("/spec/targetnamespace", json!("x")),
        change("/spec/dockerRegistrySecret", json!("x")),
        change("/spec/timeout", json!(600)),
    ]
}

fn judge(mut schema: Value, judge: &str) {
    strict(&mut schema);
    let (helm_charts, _) = objects();
    assert_eq!(helm_charts.len(), 8);
    for object in &helm_charts {
        let problem = problem(&schema, object);
        assert_eq!(problem, None, "{judge} refuses {object:#}");
    }
    let full = helm_charts
        .iter()
        .find(|object| object["metadata"]["name"] == "app")
        .unwrap();
    for mistake in mistakes(full) {
        assert!(problem(&schema, &mistake).is_some(), "{judge} takes {mistake:#}");
    }
}

#[test]
fn helm_charts_are_what_the_reference_of_the_api_says() {
    judge(our_schema(), "the reference");
}

#[test]
fn helm_charts_are_what_the_custom_resource_definition_says() {
    match their_schema() {
        Some(schema) => judge(schema, "the CustomResourceDefinition"),
        None => peer::not_asked(
            "the CustomResourceDefinition of HelmChart: AIRLOCK_TEST_HELM_CRD names none, and there is no Go to get it",
        ),
    }
}

/// Names are those of RFC 1123, and what refers to something refers to what is there.
#[test]
fn everything_that_a_helm_chart_names_is_there() {
    let (helm_charts, others) = objects();
    let secrets: Vec<&Value> = others
        .iter()
        .filter(|object| object["kind"] == "Secret")
        .collect();
    let secret = |name: &Value| {
        let found = secrets.iter().find(|secret| {
            secret["metadata"]["name"] == *name && secret["metadata"]["namespace"] == NAMESPACE
        });
        found.unwrap_or_else(|| panic!("there is no Secret {name}"))
    };
    for object in &helm_charts {
        assert_eq!(object["metadata"]["namespace"], NAMESPACE);
        assert!(
            object["metadata"]["annotations"][SPEC]
                .as_str()
                .unwrap()
                .starts_with("sha256:")
        );
        let spec = &object["spec"];
        for values in spec["valuesSecrets"].as_array().into_iter().flatten() {
            for key in values["keys"].as_array().unwrap() {
                let data = &secret(&values["name"])["data"];
                assert!(data.get(key.as_str().unwrap()).is_some(), "{data}");
            }
        }
        if let Some(name) = spec["dockerRegistrySecret"].get("name") {
            assert_eq!(secret(name)["type"], "kubernetes.io/dockerconfigjson");
        }
        let is_static = spec["chart"]
            .as_str()
            .unwrap()
            .starts_with("https://%{KUBERNETES_API}%/static/charts/");
        assert_eq!(is_static, spec.get("version").is_none(), "{spec:#}");
    }
}
