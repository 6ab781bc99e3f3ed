//! `airlock health` from the command line: kubeconfig, exit codes, what is printed, and what never is.

use std::io::Read;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::server::{ApiServer, Rules};
use super::{Site, TOKEN, are_nowhere, contains, secrets};
use crate::desk::{Said, finish};

const DEPLOYMENTS: [&str; 4] = [
    "/apis/apps/v1/namespaces/kube-system/deployments/coredns",
    "/apis/apps/v1/namespaces/kube-system/deployments/local-path-provisioner",
    "/apis/apps/v1/namespaces/kube-system/deployments/metrics-server",
    "/apis/apps/v1/namespaces/kube-system/deployments/traefik",
];

/// A cluster of one node with the images of the site's bundle.
fn healthy(site: &Site, ready: &str) -> Rules {
    let tool = format!("{}/team/tool:1", site.host);
    let node = json!({
        "metadata": {"name": "n1"},
        "status": {
            "conditions": [{"type": "Ready", "status": ready, "reason": "Kubelet", "message": "says so"}],
            "nodeInfo": {"kubeletVersion": "v1.34.5+k3s1"},
            "images": [{"names": [site.image()]}, {"names": [tool]}],
        },
    });
    let mut rules = Rules {
        token: Some(TOKEN.to_owned()),
        page: 10,
        ..Rules::default()
    };
    rules.lists.insert("/api/v1/nodes", ("NodeList", vec![node]));
    let mut pod = super::pod("p", &site.image(), &site.id());
    pod["status"]["containerStatuses"][0]["ready"] = true.into();
    rules.lists.insert("/api/v1/pods", ("PodList", vec![pod]));
    rules
        .bodies
        .insert("/version", json!({"gitVersion": "v1.34.5+k3s1"}).to_string());
    rules
        .bodies
        .insert("/readyz", "[+]ping ok\n[+]etcd ok\n".to_owned());
    for path in DEPLOYMENTS {
        let deployment = json!({"status": {"replicas": 1, "availableReplicas": 1, "conditions": [{"type": "Available", "status": "True"}]}});
        rules.bodies.insert(path, deployment.to_string());
    }
    rules
}

/// A kubeconfig as k3s writes it, but with a token.
fn kubeconfig(site: &Site, server: &ApiServer) {
    let cluster = json!({"server": server.url(), "certificate-authority-data": STANDARD.encode(&server.https.authority)});
    site.kubeconfig(&cluster, &json!({"token": TOKEN}));
}

fn health(site: &Site, more: &[&str]) -> Said {
    finish(site.command(&[&["health", "--kubeconfig", "kubeconfig"], more].concat()))
}

#[test]
fn a_good_cluster_is_compared_with_its_bundle() {
    let site = Site::new();
    let server = ApiServer::start(healthy(&site, "True"));
    kubeconfig(&site, &server);
    let bundle = ["bundles/edge-1.0.0.airlock.tar", "--key", "airlock.pub"];
    let (code, text) = health(&site, &bundle);
    assert_eq!(code, 0, "{text}");
    contains(
        &text,
        &[
            "  ok              node.ready                     n1 is ready\n",
            "  ok              images.present                 2 images on 1 node\n",
            "  skipped         charts.deployed                the cluster has no helm-controller",
            "  skipped         probe.pull                     only with --probe",
            "12 ok, 5 skipped, 0 not established, 0 warnings, 0 failed\n",
        ],
    );
    let (code, json) = health(
        &site,
        &["--output", "json", "--only", "node", "--only", "api.ready", "-q"],
    );
    assert_eq!(code, 0, "{json}");
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        json["summary"],
        json!({"ok": 4, "warn": 0, "fail": 0, "skipped": 1, "notEstablished": 0})
    );
    assert_eq!(
        json["checks"][1],
        json!({"id": "node.ready", "title": "all nodes are ready", "status": "ok", "evidence": "n1 is ready"})
    );
    let (code, text) = health(&site, &["bundles/edge-1.0.0.airlock.tar"]);
    assert_eq!(code, 2, "{text}");
    contains(
        &text,
        &[
            "a bundle is compared only with a key",
            "hint: add --key PUBLIC_KEY",
        ],
    );
}

#[test]
fn what_fails_is_told_with_its_remedy_and_secrets_are_not() {
    let site = Site::new();
    let mut rules = healthy(&site, "False");
    rules.denied.push("/api/v1/pods");
    let server = ApiServer::start(rules);
    kubeconfig(&site, &server);
    let said = vec![
        health(&site, &["-vv"]),
        health(&site, &["-vv", "--output", "json"]),
        health(&site, &["--wait", "1s"]),
    ];
    are_nowhere(&secrets(&server), &said);
    assert_eq!(said[0].0, 1, "{}", said[0].1);
    contains(
        &said[0].1,
        &[
            "  fail            node.ready                     not ready: n1: Kubelet (says so)\n",
            "                  → `journalctl -u k3s`",
            "  not established pods.running                   the API server denies access (403)\n",
            "error: one check fails\n",
        ],
    );
    assert_eq!(said[2].0, 1);
    contains(&said[2].1, &["waiting: node.ready\n", "1 failed\n"]);
}

#[test]
fn what_cannot_be_asked_is_not_called_unhealthy() {
    let site = Site::new();
    site.write("other.yaml", "a: b\n");
    for (words, parts) in [
        (
            &["health", "--kubeconfig", "lost"][..],
            &["the kubeconfig", "hint: k3s writes its own to"][..],
        ),
        (
            &["health", "--kubeconfig", "other.yaml"],
            &["this is no kubeconfig: other.yaml"],
        ),
        (
            &["health", "--only", "nodes"],
            &["there is no such check: nodes", "`airlock health --list`"],
        ),
        (&["health", "--wait", "soon"], &["the form is 90s, 10m or 1h30m"]),
        (&["health", "--probe-image", "busybox"], &["--probe"]),
    ] {
        let (code, text) = finish(site.command(words));
        assert_eq!(code, 2, "{text}");
        contains(&text, parts);
    }
    site.kubeconfig(
        &json!({"server": "https://127.0.0.1:1"}),
        &json!({"exec": {"command": "x"}}),
    );
    let (code, text) = health(&site, &[]);
    assert_eq!(code, 2, "{text}");
    contains(&text, &["not supported: exec", "hint: k3s writes its own to"]);
    let (code, text) = finish(site.command(&["health", "--list"]));
    assert_eq!(code, 0, "{text}");
    contains(
        &text,
        &[
            "node.ready                     all nodes are ready\n",
            "probe.snapshot",
        ],
    );
    // Nobody answers: that is an answer, and it is no.
    let server = ApiServer::start(healthy(&site, "True"));
    kubeconfig(&site, &server);
    drop(server);
    std::thread::sleep(std::time::Duration::from_millis(200));
    let (code, text) = health(&site, &[]);
    assert_eq!(code, 1, "{text}");
    contains(
        &text,
        &[
            "fail            api.answers",
            "cannot be reached",
            "systemctl status k3s",
        ],
    );
}

#[test]
fn waiting_ends_at_ctrl_c() {
    let site = Site::new();
    let server = ApiServer::start(healthy(&site, "False"));
    kubeconfig(&site, &server);
    let mut command = site.command(&["health", "--kubeconfig", "kubeconfig", "--wait", "10m"]);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let mut text = String::new();
    let mut byte = [0];
    while !text.ends_with('\n') && stderr.read(&mut byte).unwrap() > 0 {
        text.push(char::from(byte[0]));
    }
    assert_eq!(text, "waiting: node.ready\n");
    let killed = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    stderr.read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{text}");
    assert!(text.ends_with("error: interrupted\n"), "{text}");
}
