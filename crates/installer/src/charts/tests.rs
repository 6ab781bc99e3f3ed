use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use airlock_helm::ChartFile;
use airlock_helm::chart::{Chart as HelmChart, Profile};
use airlock_helm::format::yaml_documents;
use airlock_helm::render::{Options, TemplateOptions, ValueSources, template};
use airlock_spec::deployment::{DeployedChart, DeployedFile, Deployment, Kubernetes, VERSION};
use airlock_spec::site::{Chart, ChartSource, FailurePolicy, Mirror, MirrorAuth, Site};
use airlock_types::Digest;
use proptest::prelude::*;

use super::*;

const PASSWORD: &str = "swordfish-of-the-mirror";

/// A bundle in memory.
#[derive(Default)]
struct Bundle {
    deployments: Vec<Deployment>,
    layers: BTreeMap<Digest, Arc<[u8]>>,
    values: BTreeMap<PathBuf, Vec<u8>>,
    ca: Option<&'static str>,
    no_password: bool,
}

impl Bundle {
    fn file(&mut self, path: &str, text: &str) -> DeployedFile {
        let digest = name::digest(text.as_bytes());
        self.layers.insert(digest, text.as_bytes().into());
        DeployedFile {
            path: path.to_owned(),
            digest,
        }
    }

    fn component(&mut self, component: &str, charts: Vec<DeployedChart>, manifests: Vec<DeployedFile>) {
        self.deployments.push(Deployment {
            version: VERSION,
            component: component.to_owned(),
            platforms: Vec::new(),
            kubernetes: Kubernetes::default(),
            charts,
            manifests,
            images: Vec::new(),
            gaps: Vec::new(),
        });
    }

    fn plan(&self, site: &Site) -> Result<Plan, ChartsError> {
        plan(&Inputs {
            deployments: &self.deployments,
            site,
            layer: &|digest| self.layers.get(digest).cloned(),
            values: &self.values,
            mirror_ca: self.ca,
            mirror_password: (!self.no_password).then_some(PASSWORD),
        })
    }
}

fn chart(release: &str) -> DeployedChart {
    DeployedChart {
        entry: "charts[0]".to_owned(),
        name: "app".to_owned(),
        reference: "ghcr.io:8443/acme/charts/app:1.2.3_build.1".parse().unwrap(),
        archive: Digest::sha256([7; 32]),
        release: release.to_owned(),
        namespace: "default".to_owned(),
        values: Vec::new(),
        variants: Vec::new(),
        toggles: false,
    }
}

fn said(release: &str) -> Chart {
    Chart::new(release)
}

fn after(release: &str, after: &[&str]) -> Chart {
    Chart {
        after: after.iter().map(|name| (*name).to_owned()).collect(),
        ..said(release)
    }
}

fn site(charts: Vec<Chart>) -> Site {
    Site {
        charts,
        ..Site::default()
    }
}

fn mirror(url: &str, has_auth: bool) -> Mirror {
    Mirror {
        url: url.parse().unwrap(),
        ca: None,
        auth: has_auth.then(|| MirrorAuth {
            username: "node".to_owned(),
            password_file: "/etc/airlock/password".into(),
        }),
        hosts: Vec::new(),
    }
}

/// A plan as a text: paths, modes and contents; secrets are decoded, since it is their content that counts.
fn shown(plan: &Plan) -> String {
    let mut out = String::new();
    for (at, wave) in plan.waves.iter().enumerate() {
        for file in &wave.files {
            let secret = if file.secret { " secret" } else { "" };
            out.push_str(&format!(
                "wave {at}: {} {:04o}{secret}\n",
                file.path.display(),
                file.mode
            ));
            match &file.content {
                FileContent::Bytes(bytes) => {
                    for line in String::from_utf8(bytes.to_vec()).unwrap().lines() {
                        out.push_str(&format!("    {line}\n"));
                    }
                }
                FileContent::Blob(digest) => out.push_str(&format!("    {digest}\n")),
            }
        }
        for release in &wave.releases {
            out.push_str(&format!(
                "wave {at}: waits for {}/{} from {} ({:?})\n",
                release.namespace, release.name, release.chart, release.timeout
            ));
        }
    }
    for note in &plan.notes {
        out.push_str(&format!("note: {note}\n"));
    }
    out
}

#[test]
fn a_bundle_becomes_files_in_waves() {
    let mut bundle = Bundle::default();
    let mut app = chart("app");
    app.values = vec![
        bundle.file(
            "values/a.yaml",
            "image: {tag: one}\nreplicas: 1\ntext: |\n  two\n  lines\n",
        ),
        bundle.file("values/b.yaml", "image: {tag: two, pull: ~}\n"),
    ];
    app.namespace = "shop".to_owned();
    let crds = bundle.file(
        "deploy/crds.yaml",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
    );
    bundle.component("base", vec![chart("operator")], vec![crds]);
    bundle.component("shop", vec![app, chart("extra")], Vec::new());
    bundle
        .values
        .insert("secret.yaml".into(), b"password: hunter2\n".to_vec());
    let mut app = after("app", &["operator"]);
    app.values = vec!["secret.yaml".into()];
    app.back_off_limit = Some(3);
    app.timeout = Some("10m".to_owned());
    let mut operator = said("operator");
    operator.namespace = Some("operators".to_owned());
    operator.failure_policy = FailurePolicy::Reinstall;
    let mut site = site(vec![app, operator]);
    site.cluster.namespace = Some("apps".to_owned());
    insta::assert_snapshot!(shown(&bundle.plan(&site).unwrap()));
}

#[test]
fn charts_come_from_the_mirror_with_its_authority_and_password() {
    let mut bundle = Bundle::default();
    bundle.component("shop", vec![chart("app")], Vec::new());
    bundle.ca = Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let mut app = said("app");
    app.source = ChartSource::Registry;
    let mut site = site(vec![app]);
    site.mirror = Some(mirror("https://registry.site:5000", true));
    site.hosts
        .insert("10.0.0.5".parse().unwrap(), vec!["registry.site".to_owned()]);
    let plan = bundle.plan(&site).unwrap();
    insta::assert_snapshot!(shown(&plan));
    assert!(!format!("{plan:?}").contains("swordfish"), "{plan:?}");
    let config = registry_config(&plan);
    assert_eq!(
        config,
        serde_json::json!({"auths": {"registry.site:5000": {
            "username": "node",
            "password": PASSWORD,
            "auth": "bm9kZTpzd29yZGZpc2gtb2YtdGhlLW1pcnJvcg==",
        }}})
    );

    bundle.no_password = true;
    assert!(matches!(bundle.plan(&site), Err(ChartsError::NoPassword)));
    // Without credentials there is no Secret, and over plain HTTP Helm is told so.
    bundle.ca = None;
    site.mirror = Some(mirror("http://10.0.0.5:5000", false));
    let text = shown(&bundle.plan(&site).unwrap());
    assert!(
        text.contains("plainHTTP: true") && !text.contains("Secret"),
        "{text}"
    );
    assert!(
        text.contains("chart: oci://10.0.0.5:5000/ghcr.io_8443/acme/charts/app"),
        "{text}"
    );
    site.mirror = None;
    assert!(matches!(bundle.plan(&site), Err(ChartsError::NoMirror(_))));
}

fn registry_config(plan: &Plan) -> serde_json::Value {
    use base64::Engine as _;
    let FileContent::Bytes(bytes) = &plan.waves[0].files[0].content else {
        panic!("{plan:?}");
    };
    let documents = yaml_documents(bytes, &mut airlock_helm::call::Budget::new(1 << 20, 1 << 26)).unwrap();
    let Some(airlock_helm::value::Value::Map(data)) = documents[0].get(b"data") else {
        panic!("no data");
    };
    let Some(airlock_helm::value::Value::String(text)) = data.get(b".dockerconfigjson") else {
        panic!("no config");
    };
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(text.text().as_bytes())
        .unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// One refusal each, with its words.
#[test]
fn what_cannot_be_installed_is_refused_with_its_place() {
    let mut bundle = Bundle::default();
    bundle.component("one", vec![chart("a"), chart("b")], Vec::new());
    let refused = |charts: Vec<Chart>| bundle.plan(&site(charts)).unwrap_err();
    let mut off = said("b");
    off.enabled = false;
    let mut long = said("a");
    long.timeout = Some("soon".to_owned());
    let mut namespace = said("a");
    namespace.namespace = Some("No".to_owned());
    let mut lost = said("a");
    lost.values = vec!["lost.yaml".into()];
    let mut many = said("a");
    many.back_off_limit = Some(u32::MAX);
    for (charts, text) in [
        (
            vec![said("c")],
            r#"charts[0].release of site.yaml names a release that the bundle does not have: "c""#,
        ),
        (
            vec![after("a", &["b", "c"])],
            r#"charts[0].after[1] of site.yaml names a release that the bundle does not have: "c""#,
        ),
        (
            vec![after("a", &["b"]), off],
            r#"charts[0].after[0] of site.yaml waits for a release that is not enabled: "b""#,
        ),
        (
            vec![after("a", &["b"]), after("b", &["a"])],
            "charts of site.yaml wait for each other: a → b → a",
        ),
        (
            vec![said("a"), said("a")],
            r#"charts[1] of site.yaml is about a release that has an entry already: "a""#,
        ),
        (
            vec![long],
            r#"the timeout of the release "a" is no duration: "soon""#,
        ),
        (
            vec![namespace],
            r#"the release "a" has a namespace that is no name for one: "No""#,
        ),
        (
            vec![lost],
            r#"the values file of the release "a" was not read: lost.yaml"#,
        ),
        (
            vec![many],
            r#"the back-off limit of the release "a" is larger than 2147483647: 4294967295"#,
        ),
    ] {
        assert_eq!(refused(charts).to_string(), text);
    }
    bundle.component("two", vec![chart("b")], Vec::new());
    assert_eq!(
        bundle.plan(&site(Vec::new())).unwrap_err().to_string(),
        r#"two charts of the bundle are the release "b": one → charts[0], two → charts[0]"#
    );
}

#[test]
fn what_is_off_is_not_there() {
    let mut bundle = Bundle::default();
    bundle.component("one", vec![chart("a"), chart("b")], Vec::new());
    let mut off = said("b");
    off.enabled = false;
    let plan = bundle.plan(&site(vec![off])).unwrap();
    let text = shown(&plan);
    assert!(
        text.contains("airlock-chart-a.yaml") && !text.contains("airlock-chart-b"),
        "{text}"
    );
    let nothing = Bundle::default().plan(&site(Vec::new())).unwrap();
    assert_eq!(nothing, Plan::default());
}

/// A second run gives the same, and another chart beside it moves no file.
#[test]
fn names_of_files_are_stable() {
    let mut bundle = Bundle::default();
    bundle.component("one", vec![chart("b"), chart("c")], Vec::new());
    let paths = |bundle: &Bundle, charts| -> Vec<PathBuf> {
        let plan = bundle.plan(&site(charts)).unwrap();
        let files = plan.waves.iter().flat_map(|wave| &wave.files);
        files.map(|file| file.path.clone()).collect()
    };
    let before = paths(&bundle, vec![]);
    assert_eq!(before, paths(&bundle, vec![]));
    bundle.component("zero", vec![chart("a")], Vec::new());
    let later = paths(&bundle, vec![after("b", &["a"])]);
    assert!(
        before.iter().all(|path| later.contains(path)),
        "{before:?} {later:?}"
    );
}

#[test]
fn manifests_that_k3s_cannot_apply_are_told() {
    let mut bundle = Bundle::default();
    let plain = bundle.file("a.yml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
    let json = bundle.file(
        "b.JSON",
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b"}}"#,
    );
    let code = bundle.file("c.jsonnet", "{}");
    bundle.component("plain", Vec::new(), vec![plain.clone(), json, code]);
    let kustomization = bundle.file("k/kustomization.yaml", "resources: [a.yaml]\n");
    bundle.component("kustomized", Vec::new(), vec![plain, kustomization]);
    insta::assert_snapshot!(shown(&bundle.plan(&site(Vec::new())).unwrap()));
    bundle.layers.clear();
    assert!(matches!(
        bundle.plan(&site(Vec::new())),
        Err(ChartsError::NotInBundle { .. })
    ));
}

#[test]
fn what_does_not_fit_is_told_before_it_is_written() {
    let mut bundle = Bundle::default();
    let mut app = chart("app");
    app.values = vec![bundle.file("large.yaml", &format!("text: {}\n", "x".repeat(MAX_TEXT)))];
    bundle.component("one", vec![app], Vec::new());
    let error = bundle.plan(&site(Vec::new())).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(r#"the HelmChart of the release "app" is longer than 786432 bytes: "#),
        "{error}"
    );
    let mut bundle = Bundle::default();
    bundle.component("one", vec![chart("app")], Vec::new());
    bundle.values.insert(
        "large.yaml".into(),
        format!("text: {}\n", "x".repeat(MAX_TEXT)).into_bytes(),
    );
    let mut app = said("app");
    app.values = vec!["large.yaml".into()];
    let error = bundle.plan(&site(vec![app])).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(r#"what site.yaml gives as values of the release "app" is longer"#),
        "{error}"
    );
}

#[test]
fn values_that_are_no_values_are_refused_in_the_words_of_helm() {
    let mut bundle = Bundle::default();
    let mut app = chart("app");
    app.values = vec![bundle.file("list.yaml", "- a\n")];
    bundle.component("one", vec![app], Vec::new());
    let error = bundle.plan(&site(Vec::new())).unwrap_err().to_string();
    assert!(
        error.starts_with(r#"the values of the release "app" cannot be used: failed to parse list.yaml: "#),
        "{error}"
    );
}

/// What a chart sees of values files.
fn seen(files: Vec<(String, Vec<u8>)>) -> String {
    let chart = [
        ("Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.0.0\n"),
        (
            "values.yaml",
            "a: {b: default, c: {d: 1}}\nlist: [1, 2]\nkept: 5\n",
        ),
        ("templates/all.yaml", "all: {{ .Values | toJson }}\n"),
    ];
    let files_of_chart = chart.map(|(path, text)| ChartFile {
        path: path.to_owned(),
        bytes: text.as_bytes().to_vec(),
    });
    let chart = HelmChart::from_files(files_of_chart, Profile::Helm3).unwrap();
    let values = ValueSources {
        files,
        ..ValueSources::default()
    };
    let options = Options::new(Profile::Helm3);
    let templated = template(&chart, &values, &options, &mut |_| Err(String::new())).unwrap();
    let text = templated
        .print(&TemplateOptions::default(), Profile::Helm3)
        .unwrap();
    String::from_utf8(text).unwrap()
}

fn document() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i32>().prop_map(serde_json::Value::from),
        (-1e12_f64..1e12).prop_map(serde_json::Value::from),
        "[ -~]{0,12}".prop_map(serde_json::Value::from),
        "[a-z\n\t#:'\" ]{0,12}".prop_map(serde_json::Value::from),
    ];
    let value = leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[abcd]", inner, 0..3)
                .prop_map(|map| map.into_iter().collect::<serde_json::Value>()),
        ]
    });
    prop::collection::btree_map("[abcd]|list|kept", value, 0..4)
        .prop_map(|map| map.into_iter().collect::<serde_json::Value>())
}

proptest! {
    /// Helm makes the same of the merged files as of all of them in their order, whatever is in them.
    #[test]
    fn merged_values_mean_what_the_files_mean(files in prop::collection::vec(document(), 1..4), site in prop::collection::vec(document(), 0..3)) {
        // As `put_values` hands them to Helm: those of the bundle as one, those of the site one by one.
        let named = |files: &[serde_json::Value]| -> Vec<(String, Vec<u8>)> {
            let each = files.iter().enumerate();
            each.map(|(at, value)| (format!("{at}.yaml"), value.to_string().into_bytes())).collect()
        };
        let all = seen(named(&[files.clone(), site.clone()].concat()));
        let site = named(&site).into_iter().map(|file| vec![file]);
        let merged = std::iter::once(named(&files)).chain(site);
        let merged = merged.filter_map(|files| values::merged("app", files).unwrap());
        let merged = merged.map(|text| ("m.yaml".to_owned(), text.into_bytes()));
        prop_assert_eq!(seen(merged.collect()), all);
    }
}
