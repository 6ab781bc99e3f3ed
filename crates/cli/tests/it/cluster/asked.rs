//! API servers, asked with what a kubeconfig says.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use airlock_tests::peer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::server::{ApiServer, Rules};
use super::{Site, TOKEN, are_nowhere, contains, deployment, rules, secrets};

#[test]
fn an_api_server_is_asked_with_what_a_kubeconfig_says() {
    let site = Site::new();
    let server = ApiServer::start(rules(&site));
    let encode = |text: &str| STANDARD.encode(text);
    let cluster =
        json!({"server": server.url(), "certificate-authority-data": encode(&server.https.authority)});
    let mut said = Vec::new();
    let loud = ["-vv", "--cluster", "kubeconfig"];

    // By certificate.
    let identity = json!({"client-certificate-data": encode(&server.https.client.0), "client-key-data": encode(&server.https.client.1)});
    site.kubeconfig(&cluster, &identity);
    let (code, text) = site.check(&loud);
    assert_eq!(code, 0, "{text}");
    contains(
        &text,
        &[
            "cluster kubeconfig: 1 image in 5 objects\n",
            "1 image of what runs or is wanted here, 1 with the digest that runs",
            "daemonsets: the cluster denies access (403)",
        ],
    );
    assert_eq!(
        server.asked(),
        [
            "/api/v1/pods?limit=500",
            "/api/v1/pods?limit=500&continue=more%2F2",
            "/api/v1/pods?limit=500&continue=more%2F4",
            "/apis/apps/v1/deployments?limit=500",
            "/apis/apps/v1/daemonsets?limit=500",
            "/apis/apps/v1/statefulsets?limit=500",
            "/apis/batch/v1/jobs?limit=500",
            "/apis/batch/v1/cronjobs?limit=500",
        ]
        .map(|asked| format!("{asked} with a certificate"))
    );
    said.push((code, text));

    // By token, from files whose names are relative to the kubeconfig.
    fs::create_dir(site.path("sub")).unwrap();
    site.write("sub/ca.pem", &server.https.authority);
    site.write("sub/token", &format!("{TOKEN}\n"));
    site.write("sub/client.pem", &server.https.client.0);
    site.write("sub/client.key", &server.https.client.1);
    let by_file = json!({"server": server.url(), "certificate-authority": "ca.pem"});
    for user in [
        json!({"tokenFile": "token"}),
        json!({"client-certificate": "client.pem", "client-key": "client.key"}),
    ] {
        site.kubeconfig(&by_file, &user);
        fs::rename(site.path("kubeconfig"), site.path("sub/kubeconfig")).unwrap();
        let (code, text) = site.check(&["-vv", "--cluster", "sub/kubeconfig"]);
        assert_eq!(code, 0, "{text}");
        said.push((code, text));
    }
    site.kubeconfig(&cluster, &json!({"token": TOKEN}));
    assert_eq!(site.check(&loud).0, 0);

    // Not the right one, and nobody at all.
    for user in [
        json!({"token": "another-token-that-is-wrong"}),
        json!({}),
        Value::Null,
    ] {
        site.kubeconfig(&cluster, &user);
        let (code, text) = site.check(&loud);
        assert_eq!(code, 2, "{text}");
        contains(&text, &["the cluster does not know who asks (401)"]);
        assert!(!text.contains("another-token"), "{text}");
        said.push((code, text));
    }

    // The certificate of somebody else, and one that nobody vouches for.
    let other = ApiServer::start(Rules::default());
    let before = server.asked().len();
    for authority in [Some(encode(&other.https.authority)), None] {
        let cluster = json!({"server": server.url(), "certificate-authority-data": authority});
        site.kubeconfig(&cluster, &json!({"token": TOKEN}));
        let (code, text) = site.check(&loud);
        assert_eq!(code, 2, "{text}");
        contains(
            &text,
            &[&format!(
                "the certificate of {} is not trusted",
                server.https.address
            )],
        );
        said.push((code, text));
    }
    assert_eq!(
        server.asked().len(),
        before,
        "a server that is not trusted was told something"
    );
    let stranger = json!({"client-certificate-data": encode(&other.https.client.0), "client-key-data": encode(&other.https.client.1)});
    site.kubeconfig(&cluster, &stranger);
    let (code, text) = site.check(&loud);
    assert_eq!(code, 2, "{text}");
    said.push((code, text));

    // Told loudly, even to those who asked for quiet.
    let cluster = json!({"server": server.url(), "insecure-skip-tls-verify": true});
    site.kubeconfig(&cluster, &json!({"token": TOKEN}));
    let (code, text) = site.check(&["-q", "--cluster", "kubeconfig"]);
    assert_eq!(code, 0, "{text}");
    contains(&text, &["warning: the kubeconfig says insecure-skip-tls-verify"]);

    let all = [secrets(&server), secrets(&other)].concat();
    are_nowhere(&all, &said);
}

#[test]
fn servers_that_are_not_there_or_answer_something_else() {
    let site = Site::new();
    let mut said = Vec::new();
    let loud = ["-vv", "--cluster", "kubeconfig"];
    let mut ask = |rules: Rules, code: i32, wanted: &str| {
        let server = ApiServer::start(rules);
        let cluster = json!({"server": server.url(), "certificate-authority-data": STANDARD.encode(&server.https.authority)});
        site.kubeconfig(&cluster, &json!({"token": TOKEN}));
        let (is, text) = site.check(&loud);
        assert_eq!(is, code, "{text}");
        contains(&text, &[wanted]);
        said.push((is, text));
        server.asked().len()
    };
    // A list that took too long is asked for again, once.
    assert_eq!(
        ask(
            Rules {
                gone: 1,
                ..rules(&site)
            },
            0,
            "1 image in 7 objects"
        ),
        10
    );
    ask(
        Rules {
            gone: 2,
            ..rules(&site)
        },
        2,
        "the cluster answers 410 to /api/v1/pods",
    );
    let everything = rules(&site)
        .lists
        .keys()
        .copied()
        .chain(["/apis/apps/v1/daemonsets"])
        .collect();
    ask(
        Rules {
            denied: everything,
            ..rules(&site)
        },
        2,
        "nothing of what runs in a cluster is in kubeconfig; pods: the cluster denies access (403); deployments: the cluster denies",
    );
    let page = |text: String| Rules {
        bodies: BTreeMap::from([("/api/v1/pods", text)]),
        ..rules(&site)
    };
    let web = "<html><title>log in</title></html>".to_owned();
    ask(
        page(web),
        2,
        "the answer of the cluster to /api/v1/pods could not be read",
    );
    ask(
        page(format!(
            "{{\"kind\": \"PodList\", \"items\": {}",
            "[".repeat(100_000)
        )),
        2,
        "could not be read",
    );
    ask(
        Rules {
            is_endless: true,
            ..rules(&site)
        },
        2,
        "the cluster answers without end: /api/v1/pods",
    );

    // A port that nobody listens on.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    site.kubeconfig(
        &json!({"server": format!("https://{free}")}),
        &json!({"token": TOKEN}),
    );
    let (code, text) = site.check(&loud);
    assert_eq!(code, 2, "{text}");
    contains(
        &text,
        &[&format!("{free} cannot be reached"), "hint: check `server`"],
    );
    said.push((code, text));
    are_nowhere(&[TOKEN.to_owned()], &said);
}

/// What kubectl itself prints, asked of the same server with the same kubeconfig.
#[test]
fn kubectl_prints_what_is_read() {
    let found = Command::new("kubectl").args(["version", "--client"]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        peer::not_asked("kubectl, which reads the same server");
        return;
    }
    let site = Site::new();
    let resource = |name: &str, kind: &str| json!({"name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": ["get", "list"]});
    let list = |version: &str, resources: Value| {
        json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}).to_string()
    };
    let group = json!({"name": "apps", "versions": [{"groupVersion": "apps/v1", "version": "v1"}], "preferredVersion": {"groupVersion": "apps/v1", "version": "v1"}});
    let mut rules = rules(&site);
    rules.bodies = BTreeMap::from([
        (
            "/api",
            json!({"kind": "APIVersions", "versions": ["v1"]}).to_string(),
        ),
        (
            "/apis",
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]}).to_string(),
        ),
        ("/api/v1", list("v1", json!([resource("pods", "Pod")]))),
        (
            "/apis/apps/v1",
            list("apps/v1", json!([resource("deployments", "Deployment")])),
        ),
    ]);
    let mut wanted = deployment("new", "registry.k8s.io/new:2");
    wanted
        .as_object_mut()
        .unwrap()
        .retain(|key, _| key != "kind" && key != "apiVersion");
    rules
        .lists
        .insert("/apis/apps/v1/deployments", ("DeploymentList", vec![wanted]));
    let server = ApiServer::start(rules);
    let cluster = json!({"server": server.url(), "certificate-authority-data": STANDARD.encode(&server.https.authority)});
    let identity = json!({"client-certificate-data": STANDARD.encode(&server.https.client.0), "client-key-data": STANDARD.encode(&server.https.client.1)});
    site.kubeconfig(&cluster, &identity);
    let (_, asked) = site.check(&["--cluster", "kubeconfig"]);
    let asked = asked
        .replace("kubeconfig", "dump")
        .lines()
        .filter(|line| !line.contains("daemonsets") && !line.contains("skipped"))
        .collect::<Vec<_>>()
        .join("\n");
    for format in ["json", "yaml"] {
        let output = Command::new("kubectl")
            .args([
                "get",
                "pods,deployments",
                "-A",
                "-o",
                format,
                "--kubeconfig",
                "kubeconfig",
                "--cache-dir",
                "cache",
            ])
            .current_dir(site.folder())
            .env("HOME", site.folder())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        fs::write(site.path("dump"), &output.stdout).unwrap();
        let (code, text) = site.check(&["--cluster", "dump"]);
        assert_eq!(code, 1, "{text}");
        contains(
            &text,
            &[
                "cluster dump: 2 images in 6 objects",
                "wanted by Deployment shop/new, container main",
            ],
        );
        assert_eq!(text.trim_end(), asked.trim_end(), "{format}");
    }
}
