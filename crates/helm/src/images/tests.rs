mod hostile;

use super::*;

/// Findings of a manifest, each in a line: class, rule, reference, path.
fn lines(manifest: &str) -> Vec<String> {
    let mut finder = Finder::new(Limits::default());
    finder.manifest(&Source::file("x.yaml"), manifest.as_bytes());
    let found = finder.finish();
    let findings = found
        .findings
        .iter()
        .map(|finding| format!("{} {} {}", finding.rule, finding.reference, finding.place.path));
    let notices = found
        .notices
        .iter()
        .map(|notice| format!("{} {} {}", notice.gap, notice.text, notice.place.path));
    findings.chain(notices).collect()
}

#[test]
fn pods_wherever_they_are() {
    assert_eq!(
        lines(
            "apiVersion: v1\nkind: List\nitems:\n- apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: a}\n  spec:\n    template:\n      spec:\n        initContainers: [{name: i, image: busybox}]\n        containers: [{name: c, image: 'quay.io/a/b:1'}]\n        volumes: [{name: v, image: {reference: 'quay.io/a/data:2'}}]\n"
        ),
        [
            "pod-spec docker.io/library/busybox:latest items[0].spec.template.spec.initContainers[0].image",
            "pod-spec quay.io/a/b:1 items[0].spec.template.spec.containers[0].image",
            "pod-volume quay.io/a/data:2 items[0].spec.template.spec.volumes[0].image.reference",
        ]
    );
}

#[test]
fn texts_in_texts() {
    assert_eq!(
        lines(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a.json: '{\"agentImage\": \"rancher/fleet-agent:v1\"}'\n  b.toml: |\n    [[runners]]\n      [runners.kubernetes]\n        image = \"ubuntu:22.04\"\n  c: |\n    global:\n      hub: docker.io/istio\n      tag: 1.24.0\n      proxy: {image: proxyv2}\n  d.repository: ghcr.io/x/y\n  d.tag: '7'\n"
        ),
        [
            "hub docker.io/istio/proxyv2:1.24.0 data.c > global.proxy.image",
            "embedded-key docker.io/library/ubuntu:22.04 data[\"b.toml\"] > runners[0].kubernetes.image",
            "embedded-key docker.io/rancher/fleet-agent:v1 data[\"a.json\"] > agentImage",
            "sibling-keys ghcr.io/x/y:7 data[\"d.repository\"]",
        ]
    );
}

#[test]
fn limits_are_told() {
    let mut finder = Finder::new(Limits {
        bytes: 100,
        steps: 50,
        findings: 1,
    });
    for _ in 0..3 {
        finder.manifest(
            &Source::file("x.yaml"),
            b"apiVersion: v1\nkind: Pod\nspec: {containers: [{image: a:1}]}\n",
        );
    }
    let found = finder.finish();
    assert_eq!(found.findings.len(), 1);
    assert_eq!(found.notices.len(), 1, "{:?}", found.notices);
}

/// What kustomize, Jsonnet and people write: many documents, JSON, arrays, lists in lists, comments, no end of line.
#[test]
fn plain_manifests_of_any_form() {
    let pod = |name: &str, image: &str| {
        format!(
            r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{name}"}},"spec":{{"containers":[{{"name":"c","image":"{image}"}}]}}}}"#
        )
    };
    let (a, b) = (pod("a", "a.example/x:1"), pod("b", "b.example/x:1"));
    let both = [
        "pod-spec a.example/x:1 spec.containers[0].image",
        "pod-spec b.example/x:1 spec.containers[0].image",
    ];
    assert_eq!(lines(&format!("{a}\n---\n{b}")), both);
    assert_eq!(
        lines(&format!(
            "# made by hand\n---\n\n--- # two\n{a}\n---\n---\n{b}\n...\n"
        )),
        both
    );
    let in_items = |path: &str| {
        both.map(|line| line.replace(" spec", &format!(" {path}.spec")))
            .iter()
            .enumerate()
            .map(|(at, line)| line.replace("[N]", &format!("[{at}]")))
            .collect::<Vec<_>>()
    };
    assert_eq!(lines(&format!("[\n\t{a},\n\t{b}\n]")), in_items("[N]"));
    let list = format!(r#"{{"apiVersion":"v1","kind":"List","items":[{a},{b}]}}"#);
    assert_eq!(lines(&list), in_items("items[N]"));
    assert_eq!(
        lines(&format!(
            r#"{{"apiVersion":"v1","kind":"List","items":[{list}]}}"#
        )),
        in_items("items[0].items[N]")
    );
    // Jsonnet with a file each, and a template of OpenShift.
    let files = format!(r#"{{"a.json": {a}, "sub": {{"b": {b}}}}}"#);
    assert_eq!(
        lines(&files),
        [
            "pod-spec a.example/x:1 [\"a.json\"].spec.containers[0].image",
            "pod-spec b.example/x:1 sub.b.spec.containers[0].image"
        ]
    );
    let template =
        format!(r#"{{"apiVersion":"template.openshift.io/v1","kind":"Template","objects":[{a},{b}]}}"#);
    assert_eq!(lines(&template), in_items("objects[N]"));
}

#[test]
fn objects_have_their_names() {
    let mut finder = Finder::new(Limits::default());
    finder.manifest(
        &Source::rendered("a/charts/b/templates/x.yaml"),
        b"kind: List\napiVersion: v1\nitems:\n- {apiVersion: batch/v1, kind: Job, metadata: {name: j, namespace: ns, annotations: {helm.sh/hook: test}}, spec: {template: {spec: {containers: [{image: x:1}]}}}}\n",
    );
    let found = finder.finish();
    let [finding] = found.findings.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(
        finding.place.to_string(),
        "a/b templates/x.yaml, Job ns/j (hook test), items[0].spec.template.spec.containers[0].image"
    );
}

#[test]
fn what_cannot_be_read_is_told() {
    let told = lines(
        "a: [\n---\nkind: Pod\napiVersion: v1\nspec: {containers: [{image: x:1}, {image: ''}, {image: '{{ x }}'}]}\n",
    );
    assert!(
        told[1].starts_with("unreadable the image is empty spec.containers[1]"),
        "{told:?}"
    );
    assert!(
        told[2].starts_with("unreadable {{ x }} spec.containers[2]"),
        "{told:?}"
    );
    assert!(
        told[3].starts_with("unread the document cannot be read: "),
        "{told:?}"
    );
    // What its lines show is found all the same.
    let told = lines("image: \"quay.io/a/b:1\"\nbroken: [\n");
    assert!(
        told[0].starts_with("embedded-key docker.io") || told[0].contains("quay.io/a/b:1"),
        "{told:?}"
    );
}

#[test]
fn every_rule_is_written_down() {
    let text = include_str!("../../../../docs/images.md");
    for rule in Rule::ALL {
        assert!(
            text.contains(&format!("| `{rule}` |")),
            "{rule} is not in docs/images.md"
        );
    }
    for gap in [Gap::Unreadable, Gap::Incomplete, Gap::Unlisted, Gap::Unread] {
        assert!(
            text.contains(&format!("| `{gap}` |")),
            "{gap} is not in docs/images.md"
        );
    }
}

/// Operators whose images depend on their versions.
#[test]
fn operators_pull_what_follows_and_nothing_else() {
    let of = |image: &str| {
        lines(&format!(
            "apiVersion: v1\nkind: Pod\nspec: {{containers: [{{name: c, image: '{image}'}}]}}\n"
        ))
    };
    let helper = "operator docker.io/velero/velero-restore-helper:v1.14.1 spec.containers[0].image";
    assert!(of("velero/velero:v1.14.1").contains(&helper.to_owned()));
    assert_eq!(of("velero/velero:v1.16.0").len(), 1);
    assert!(of("velero/velero:v1.9.0")[1].starts_with("unlisted velero"));
    assert!(of("velero/velero:latest")[1].starts_with("unlisted velero"));
    assert!(
        of("mirror.example/x/istio/pilot:1.24.0-distroless")[0]
            .starts_with("operator mirror.example/x/istio/proxyv2:1.24.0-distroless")
            || of("mirror.example/x/istio/pilot:1.24.0-distroless")[1]
                .starts_with("operator mirror.example/x/istio/proxyv2:1.24.0-distroless")
    );
    assert!(of("quay.io/tigera/operator:v1.36.2")[1].starts_with("unlisted calico"));
    assert_eq!(of("example.org/my-tigera/operators:1").len(), 1);
}

#[test]
fn images_that_kustomize_replaces() {
    assert_eq!(
        lines(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec:\n  images:\n  - {name: app, newName: a.example/app, newTag: '2'}\n  - {name: acme/db, newTag: 1.5}\n  - {name: only}\n"
        ),
        [
            "embedded-map a.example/app:2 spec.images[0].newName",
            "embedded-map docker.io/acme/db:1.5 spec.images[1].name",
        ]
    );
}

#[test]
fn finders_go_to_other_threads() {
    fn is_sent<T: Send + Sync>() {}
    is_sent::<Finder>();
    is_sent::<Found>();
}
