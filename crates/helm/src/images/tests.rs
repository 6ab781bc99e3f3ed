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
        steps: 10,
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
