use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::read::known;
use super::*;
use crate::yaml::Problems;

const HEAD: &str = "apiVersion: airlock.dev/v1\nkind: Site\nmetadata: {name: edge}\n";
const EXAMPLE: &str = include_str!("../../../../manifests/site.example.yaml");

fn read(body: &str) -> Result<Site, Problems> {
    Site::read(&format!("{HEAD}{body}"), Path::new("/etc/site/site.yaml"))
}

fn problems(body: &str) -> String {
    read(body).unwrap_err().render()
}

fn messages(body: &str) -> Vec<String> {
    match read(body) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.0.into_iter().map(|problem| problem.message).collect(),
    }
}

#[test]
fn a_site_of_three_lines_is_the_default() {
    let site = read("").unwrap();
    assert_eq!(
        Site {
            name: Site::default().name,
            ..site
        },
        Site::default()
    );
    assert_eq!(
        Site::default().cluster.data_dir,
        Path::new("/var/lib/rancher/k3s")
    );
}

#[test]
fn the_example_is_read() {
    let site = Site::read(EXAMPLE, Path::new("site/site.yaml")).unwrap();
    let mirror = site.mirror.unwrap();
    assert_eq!(mirror.ca.as_deref(), Some(Path::new("site/tls/site-ca.pem")));
    assert_eq!(
        mirror.auth.unwrap().password_file,
        Path::new("site/secrets/mirror-password")
    );
    assert_eq!(site.cluster.cluster_cidr.len(), 2);
    assert_eq!(site.cluster.config["write-kubeconfig-mode"], "0640");
    assert_eq!(site.cluster.ca.unwrap().folder, Path::new("site/cluster-ca"));
    assert_eq!(site.charts[1].after, ["cert-manager"]);
    assert_eq!(site.charts[1].source, ChartSource::Registry);
    assert!(!site.charts[2].enabled);
    assert_eq!(site.services.ca.unwrap().leaves[0].days, 365);
    assert_eq!(site.services.ntp.unwrap().local_stratum, Some(10));
}

#[test]
fn every_field_stands_in_the_example() {
    for field in [
        known::SITE,
        known::METADATA,
        known::MIRROR,
        known::MIRROR_AUTH,
        known::CLUSTER,
        known::AUTHORITY,
        known::CHART,
        known::SERVICES,
        known::NTP,
        known::DNS,
        known::INTERNAL_AUTHORITY,
        known::LEAF,
    ]
    .concat()
    {
        assert!(EXAMPLE.contains(&format!("{field}:")), "{field}");
    }
}

#[test]
fn mistakes_are_told_together() {
    insta::assert_snapshot!(problems("mirrors: {}\ncluster:\n  server: http://10.0.0.1:6443\n  clusterCidr: [10.42.0.0/16, 10.44.0.0/16]\n  clusterDns: 10.42.0.10\n  datastore: etc\ncharts:\n- {release: App}\n"), @r##"
    error: unknown field `mirrors` in the site
     --> /etc/site/site.yaml:4:1
      |
    4 | mirrors: {}
      | ^^^^^^^ did you mean `mirror`?
      = help: the fields of the site are apiVersion, kind, metadata, mirror, cluster, charts, hosts, packages, firewall, services

    error: the address starts with https://: "http://10.0.0.1:6443"
     --> /etc/site/site.yaml:6:11
      |
    6 |   server: http://10.0.0.1:6443
      |           ^^^^^^^^^^^^^^^^^^^^
      = help: for example https://10.0.0.10:6443

    error: `clusterCidr` has two networks of one family
     --> /etc/site/site.yaml:7:16
      |
    7 |   clusterCidr: [10.42.0.0/16, 10.44.0.0/16]
      |                ^
      = help: one of IPv4, one of IPv6, or one of each

    error: the cluster's DNS has no address of a service: 10.42.0.10
     --> /etc/site/site.yaml:8:15
      |
    8 |   clusterDns: 10.42.0.10
      |               ^^^^^^^^^^
      = help: services have 10.43.0.0/16

    error: unknown data store `etc`
     --> /etc/site/site.yaml:9:14
      |
    9 |   datastore: etc
      |              ^^^ did you mean `etcd`?
      = help: it must be sqlite or etcd

    error: a release is called with at most 53 lower-case letters, digits, '-' and '.': "App"
      --> /etc/site/site.yaml:11:13
       |
    11 | - {release: App}
       |             ^^^
    "##);
}

#[test]
fn secrets_are_refused_and_never_shown() {
    let text = "mirror: {url: \"https://m.site\", auth: {username: u, password: hunter2, passwort: x}}\ncluster:\n  token: \"hun\\x74er2\"\n  config: {agent-token: hunter2, datastore-endpoint: \"postgres://k3s:hunter2@db/k3s\"}\n";
    let shown = problems(text);
    assert!(!shown.contains("hunter2") && !shown.contains("x74er2"), "{shown}");
    insta::assert_snapshot!(shown, @r##"
    error: missing field `passwordFile` in the credentials of the mirror
     --> /etc/site/site.yaml:4:39
      |
    4 | mirror: {url: "https://m.site", auth: {username: u, password: *******, passwort: x}}
      |                                       ^
      = help: for example `passwordFile: secrets/mirror-password`

    error: a secret has no place in a site.yaml: `password`
     --> /etc/site/site.yaml:4:53
      |
    4 | mirror: {url: "https://m.site", auth: {username: u, password: *******, passwort: x}}
      |                                                     ^^^^^^^^
      = help: write it to a file of mode 0600, and name the file: `mirror.auth.passwordFile: secrets/mirror`

    error: unknown field `passwort` in the credentials of the mirror
     --> /etc/site/site.yaml:4:72
      |
    4 | mirror: {url: "https://m.site", auth: {username: u, password: *******, passwort: x}}
      |                                                                        ^^^^^^^^
      = help: the fields of the credentials of the mirror are username, passwordFile

    error: a secret has no place in a site.yaml: `token`
     --> /etc/site/site.yaml:6:3
      |
    6 |   token: ************
      |   ^^^^^
      = help: write it to a file of mode 0600, and name the file: `cluster.tokenFile: secrets/token`

    error: a secret has no place in a site.yaml: `agent-token`
     --> /etc/site/site.yaml:7:12
      |
    7 |   config: {agent-token: *******, datastore-endpoint: *******************************}
      |            ^^^^^^^^^^^
      = help: write it to a file of mode 0600, and name the file: `cluster.agentTokenFile: secrets/agent-token`

    error: a secret has no place in a site.yaml: `datastore-endpoint`
     --> /etc/site/site.yaml:7:34
      |
    7 |   config: {agent-token: *******, datastore-endpoint: *******************************}
      |                                  ^^^^^^^^^^^^^^^^^^
      = help: let the data store know k3s by its certificate (`datastore-certfile`), or set it on the node in a file of /etc/rancher/k3s/config.yaml.d with mode 0600
    "##);
    for text in [
        "cluster: {agentToken: hunter2}\n",
        "mirror: {url: \"https://u:hunter2@m.site\"}\n",
        "mirror: {url: \"https://hunter2@m.site\"}\n",
        "mirror: {url: \"https://m.site/?token=hunter2\"}\n",
        "services: {ca: {certificate: a, keyFile: \"-----BEGIN EC PRIVATE KEY-----\\nhunter2\"}}\n",
        "services:\n  ca:\n    certificate: a\n    keyFile: |\n      -----BEGIN EC PRIVATE KEY-----\n      hunter2\n",
        // What is no YAML at all.
        "cluster: {token: hunter2\n",
        "cluster:\n  password: \"hunter2\n",
        "cluster:\n  token: hunter2: a\n",
    ] {
        let shown = problems(text);
        assert!(!shown.contains("hunter2"), "{text}\n{shown}");
    }
    assert!(
        read(
            "hosts: {10.0.0.1: [token]}\nservices: {dns: {listen: [10.0.0.1], records: {token: 10.0.0.1}}}\n"
        )
        .is_ok()
    );
}

#[test]
fn networks_that_do_not_go_together() {
    let found = |cluster: &str| messages(&format!("cluster: {{{cluster}}}\n")).join("; ");
    assert_eq!(found("clusterCidr: 10.42.0.0/16"), "");
    assert_eq!(
        found("clusterCidr: \"10.42.0.0/16,fd42::/56\", serviceCidr: [10.43.0.0/16, \"fd43::/112\"]"),
        ""
    );
    assert_eq!(
        found("clusterCidr: 10.43.128.0/17"),
        "pods and services share addresses: 10.43.128.0/17 and 10.43.0.0/16"
    );
    assert_eq!(
        found("serviceCidr: 10.0.0.0/8"),
        "pods and services share addresses: 10.42.0.0/16 and 10.0.0.0/8"
    );
    assert_eq!(
        found("clusterDns: 10.42.0.10"),
        "the cluster's DNS has no address of a service: 10.42.0.10"
    );
    assert_eq!(
        found("clusterDns: 10.43.0.0"),
        "the cluster's DNS has no address of a service: 10.43.0.0"
    );
    assert_eq!(found("clusterDns: 10.44.0.10, serviceCidr: 10.44.0.0/16"), "");
    assert_eq!(
        found("clusterCidr: [10.42.0.0/16, 10.44.0.0/16]"),
        "`clusterCidr` has two networks of one family"
    );
    assert_eq!(
        found("clusterCidr: \"fd42::/56\""),
        "services have addresses of a family that pods have none of: 10.43.0.0/16"
    );
    assert_eq!(found("clusterCidr: []"), "the list of networks is empty");
    assert_eq!(
        found("server: \"https://10.43.0.1:6443\""),
        "the address belongs to the cluster's own network 10.43.0.0/16: 10.43.0.1"
    );
    // One mistake is one problem.
    assert_eq!(
        found("clusterCidr: 10.43.0.1/16"),
        "this is an address in a network, whose own is 10.43.0.0/16: \"10.43.0.1/16\""
    );
}

#[test]
fn fields_that_are_wrong() {
    for (body, wanted) in [
        (
            "cluster: {server: \"https://a/b\"}\n",
            "the address has more than scheme, host and port: \"https://a/b\"",
        ),
        (
            "cluster: {server: \"http://a\"}\n",
            "the address starts with https://: \"http://a\"",
        ),
        (
            "mirror: {url: \"http://a\", ca: x}\n",
            "`ca` needs a mirror with https",
        ),
        (
            "cluster: {dataDir: data}\n",
            "a path on the node is absolute and plain: \"data\"",
        ),
        (
            "cluster: {dataDir: /a/../b}\n",
            "a path on the node is absolute and plain: \"/a/../b\"",
        ),
        (
            "cluster: {dataDir: /}\n",
            "a path on the node is absolute and plain: \"/\"",
        ),
        (
            "cluster: {tlsSan: [10.0.0.300]}\n",
            "this is neither a name nor an address: \"10.0.0.300\"",
        ),
        ("cluster: {cis: maybe}\n", "unknown value `maybe`"),
        (
            "cluster: {disable: [traefic]}\n",
            "unknown component of k3s `traefic`",
        ),
        (
            "cluster: {config: {tls-sans: [a]}}\n",
            "unknown option of k3s `tls-sans`",
        ),
        (
            "cluster: {config: {data-dir: /a}}\n",
            "`data-dir` is not set here",
        ),
        (
            "cluster: {config: {tls-san: {a: b}}}\n",
            "an option of k3s is a value or a list of values: `tls-san`",
        ),
        (
            "cluster: {config: {tlsSan: a}}\n",
            "options of k3s are written as in its config.yaml, tls-san: \"tlsSan\"",
        ),
        (
            "cluster: {agentConfig: {tls-san: a}}\n",
            "`tls-san` is an option of servers, and agents pass over it",
        ),
        (
            "cluster: {namespace: Kube}\n",
            "a namespace is called with at most 63 lower-case letters, digits and '-': \"Kube\"",
        ),
        (
            "charts: [{release: a}, {release: a}]\n",
            "two charts are called `a`",
        ),
        (
            "charts: [{release: a, source: registry}]\n",
            "a chart from the registry needs a mirror",
        ),
        (
            "charts: [{release: a, timeout: 10}]\n",
            "a length of time is written as 10m, 1h30m or 90s: \"10\"",
        ),
        (
            "charts: [{release: a, backOffLimit: -1}]\n",
            "a back-off limit is a number from 0 to 1000: \"-1\"",
        ),
        ("packages: [-y]\n", "this is not the name of a package: \"-y\""),
        (
            "hosts: {registry.site: 10.0.0.1}\n",
            "this is not an address: \"registry.site\"",
        ),
        (
            "hosts: {10.0.0.1: \"a b\"}\n",
            "a name is lower-case letters, digits and '-' between dots: \"a b\"",
        ),
        (
            "services: {ntp: {}}\n",
            "a node without time servers needs `localStratum`",
        ),
        (
            "services: {ca: {certificate: a, leaves: [{names: [a], certificate: /a, key: /b}]}}\n",
            "certificates are issued with `keyFile`",
        ),
        (
            "services: {ca: {certificate: a, keyFile: k, leaves: [{names: [a], certificate: /a, key: /a}]}}\n",
            "certificate and key are the same file",
        ),
    ] {
        assert_eq!(messages(body), [wanted], "{body}");
    }
}

#[test]
fn charts_that_wait_for_each_other() {
    insta::assert_snapshot!(problems("charts:\n- {release: z, after: [a]}\n- {release: a, after: [b, d]}\n- {release: b, after: [c]}\n- {release: c, after: [a]}\n- {release: d}\n"), @r##"
    error: the charts wait for each other
     --> /etc/site/site.yaml:6:4
      |
    6 | - {release: a, after: [b, d]}
      |    ^^^^^^^
      = help: a after b after c after a
    "##);
    assert_eq!(
        messages("charts: [{release: a, after: [a]}]\n"),
        ["the charts wait for each other"]
    );
    // Two ways to one chart are no circle.
    assert!(messages("charts: [{release: a, after: [b, c]}, {release: b, after: [d]}, {release: c, after: [d]}, {release: d, after: [bundled]}]\n").is_empty());
    let long: Vec<String> = (0..10_000)
        .map(|at| format!("- {{release: c{at}, after: [c{}]}}", at + 1))
        .collect();
    let long = long.join("\n");
    assert!(messages(&format!("charts:\n{long}")).is_empty());
}

#[test]
fn options_of_k3s_keep_their_spelling() {
    let site = read("cluster:\n  config: {debug: true, v: 2, write-kubeconfig-mode: 0644, etcd-s3-timeout: 5m0s, kubelet-arg: [max-pods=110], \"node-label+\": [a=1], brand-new: [x]}\n").unwrap();
    assert_eq!(
        serde_json::to_string(&site.cluster.config).unwrap(),
        r#"{"brand-new":["x"],"debug":true,"etcd-s3-timeout":"5m0s","kubelet-arg":["max-pods=110"],"node-label+":["a=1"],"v":2,"write-kubeconfig-mode":"0644"}"#
    );
    for (fields, told) in [
        (
            "config: {disable-apiserver-lb: true}",
            "`disable-apiserver-lb` is an option of agents, and servers pass over it",
        ),
        (
            "agentConfig: {tls-san: [a]}",
            "`tls-san` is an option of servers, and agents pass over it",
        ),
        (
            "config: {airgap-extra-registry: [a]}, agentConfig: {disable-apiserver-lb: true}",
            "",
        ),
    ] {
        assert_eq!(messages(&format!("cluster: {{{fields}}}\n")).join(";"), told);
    }
    let relative = Site::read(
        &format!("{HEAD}cluster: {{tokenFile: a}}\n"),
        Path::new("site.yaml"),
    )
    .unwrap();
    assert_eq!(relative.cluster.token_file, Some(PathBuf::from("a")));
}

#[test]
fn the_schema_has_the_fields_that_the_reader_knows() {
    let schema = schema();
    for (name, known) in [
        ("", known::SITE),
        ("Metadata", known::METADATA),
        ("Mirror", known::MIRROR),
        ("MirrorAuth", known::MIRROR_AUTH),
        ("Cluster", known::CLUSTER),
        ("ClusterAuthority", known::AUTHORITY),
        ("Chart", known::CHART),
        ("Services", known::SERVICES),
        ("Ntp", known::NTP),
        ("Dns", known::DNS),
        ("InternalAuthority", known::INTERNAL_AUTHORITY),
        ("Leaf", known::LEAF),
    ] {
        let node = if name.is_empty() {
            &schema
        } else {
            &schema["$defs"][name]
        };
        assert_eq!(node["additionalProperties"], false, "{name}");
        let known: BTreeSet<&str> = known.iter().copied().collect();
        let fields: BTreeSet<&str> = node["properties"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(fields, known, "{name}");
        for (field, property) in node["properties"].as_object().unwrap() {
            assert!(
                property.get("description").is_some(),
                "{field} has no description"
            );
        }
    }
    let words = |name: &str| -> BTreeSet<String> {
        let node = &schema["$defs"][name];
        let listed = node["enum"].as_array().into_iter().flatten();
        let described =
            node["oneOf"]
                .as_array()
                .into_iter()
                .flatten()
                .flat_map(|one| match one["enum"].as_array() {
                    Some(words) => words.iter().collect(),
                    None => vec![&one["const"]],
                });
        listed
            .chain(described)
            .map(|word| word.as_str().unwrap().to_owned())
            .collect()
    };
    let set = |known: &[&str]| known.iter().map(|word| (*word).to_owned()).collect();
    assert_eq!(words("Component"), set(super::read::COMPONENTS));
    assert_eq!(words("FlannelBackend"), set(super::read::BACKENDS));
}

#[test]
fn the_schema_in_the_repository_is_this_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/site.schema.json");
    let file: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(file, schema(), "run `cargo xtask schema`");
}

#[test]
fn any_text_is_read_without_panic() {
    use proptest::prelude::*;
    proptest!(|(text in "[a-zA-Z:\\-{}\\[\\]\"'&*!|>%@/ \\n\\t#,.0-9é]{0,80}", at in 0usize..4000, cut in 0usize..40)| {
        let at = (0..=at.min(EXAMPLE.len())).rev().find(|at| EXAMPLE.is_char_boundary(*at)).unwrap();
        let end = (0..=(at + cut).min(EXAMPLE.len())).rev().find(|end| EXAMPLE.is_char_boundary(*end)).unwrap();
        let mixed = format!("{}{text}{}", &EXAMPLE[..at], &EXAMPLE[end.max(at)..]);
        let body = format!("{HEAD}{text}");
        for text in [text, mixed, body] {
            if let Err(problems) = Site::read(&text, Path::new("site.yaml")) {
                prop_assert!(!problems.0.is_empty());
                problems.render();
            }
        }
    });
}
