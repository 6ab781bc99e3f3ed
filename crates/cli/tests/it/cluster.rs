//! What runs in a cluster against what a bundle holds: from dumps, and from an API server on loopback.

mod server;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::ops::Deref;
use std::process::{Command, Stdio};

use airlock_testkit::{self as testkit, Image, Options};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::desk::{Said, finish};
use crate::guarded::Session;
use server::{ApiServer, Rules};

const TOKEN: &str = "token-hunter2-of-the-cluster";
const PASSWORD: &str = "swordfish-of-the-basic-auth";

/// A desk with a bundle of two images.
struct Site {
    session: Session,
    app: Image,
    host: String,
}

impl Deref for Site {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Site {
    fn new() -> Self {
        let mut content = testkit::Upstream::new();
        let app = testkit::multi_arch("app", &["linux/amd64", "linux/arm64"]);
        content.push("team/app", "1", &app);
        content.push("team/tool", "1", &testkit::image("tool", "linux/amd64"));
        let session = Session::new(content, Options::default());
        let host = session.server.host();
        session.manifest(&[format!("{host}/team/app:1"), format!("{host}/team/tool:1")], "");
        for said in [session.lock(&["-q"]), session.build(&["-q"])] {
            assert_eq!(said.0, 0, "{}", said.1);
        }
        Self { session, app, host }
    }

    fn image(&self) -> String {
        format!("{}/team/app:1", self.host)
    }

    /// The `imageID` of a container that runs what is held.
    fn id(&self) -> String {
        format!("{}/team/app@{}", self.host, self.app.digest())
    }

    fn check(&self, more: &[&str]) -> Said {
        finish(self.check_command(more))
    }

    fn check_command(&self, more: &[&str]) -> Command {
        let words = ["check", "bundles/edge-1.0.0.airlock.tar", "--key", "airlock.pub"];
        self.command(&[&words, more].concat())
    }

    fn dump(&self, objects: &[Value]) {
        let list = json!({"apiVersion": "v1", "items": objects, "kind": "List", "metadata": {"resourceVersion": ""}});
        self.write("dump.json", &format!("{list:#}\n"));
    }

    fn kubeconfig(&self, cluster: &Value, user: &Value) {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "preferences": {}, "current-context": "here",
            "contexts": [{"name": "there", "context": {"cluster": "none"}}, {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "x"}}],
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "other", "user": {"exec": {}}}, {"name": "u", "user": user}],
        });
        self.write("kubeconfig", &config.to_string());
    }
}

fn pod(name: &str, image: &str, id: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"containers": [{"name": "main", "image": image}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "main", "image": image, "imageID": id, "state": {"running": {}}}]},
    })
}

fn deployment(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}},
    })
}

fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn dumps_tell_what_runs_and_is_not_held() {
    let site = Site::new();
    let (image, id) = (site.image(), site.id());
    site.dump(&[pod("a", &image, &id), deployment("a", &image)]);
    let (code, text) = site.check(&["--cluster", "dump.json"]);
    assert_eq!(code, 0, "{text}");
    let shown = text.replace(&site.host, "[HOST]");
    assert_eq!(
        shown,
        "cluster dump.json: 1 image in 2 objects\n  \
         established       1 image of what runs or is wanted here, 1 with the digest that runs\n  \
         1 image here and not used\n"
    );
    let (_, text) = site.check(&["-v", "--cluster", "dump.json"]);
    contains(&text, &[&format!("    {}/team/tool:1\n", site.host)]);
    // The image of one platform is in the bundle as well as the index.
    let child = site.app.manifests[0].digest;
    site.dump(&[pod("a", &image, &format!("x@{child}"))]);
    assert_eq!(site.check(&["--cluster", "dump.json"]).0, 0);

    let wrong = format!("sha256:{}", "ab".repeat(32));
    let objects = [
        pod("a", &image, &format!("{}/team/app@{wrong}", site.host)),
        deployment("new", "registry.k8s.io/new:2"),
        pod("mirrored", "registry.site:5000/team/app:1", &id),
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "status": {"images": [{"names": ["docker.io/rancher/mirrored-pause:3.6"]}]}}),
    ];
    site.dump(&objects);
    let (code, text) = site.check(&["--cluster", "dump.json"]);
    assert_eq!(code, 1, "{text}");
    let shown = text
        .replace(&site.host, "[HOST]")
        .replace(&wrong, "[WRONG]")
        .replace(&site.app.digest().to_string(), "[RIGHT]");
    assert_eq!(
        shown,
        "cluster dump.json: 3 images in 4 objects
  not established   2 images not here
    registry.k8s.io/new:2
      wanted by Deployment shop/new, container main
    registry.site:5000/team/app:1
      run by Pod shop/mirrored, container main: [RIGHT]
      the same content is here as [HOST]/team/app:1
  not established   1 image with another digest than here
    [HOST]/team/app:1, here [RIGHT]
      run by Pod shop/a, container main: [WRONG]
  1 image on nodes, not here and not used
  1 image here and not used
error: of 3 images in the cluster, 2 not here and 1 not as they are here

hint: only exact references count; let nodes pull the upstream names through a mirror, so that they run what is here under its own name
"
    );

    // Drift alone is a no, too.
    site.dump(&objects[..1]);
    let (code, text) = site.check(&["--cluster", "dump.json"]);
    assert_eq!(code, 1, "{text}");
    contains(&text, &["of 1 image in the cluster, 1 not as they are here"]);
}

#[test]
fn dumps_come_in_many_forms_and_those_that_are_none_are_refused() {
    let site = Site::new();
    let objects = [
        pod("a", &site.image(), &site.id()),
        deployment("new", "registry.k8s.io/new:2"),
    ];
    site.dump(&objects);
    let json = ["--output", "json", "--cluster"];
    let output = site
        .check_command(&[&json[..], &["dump.json"]].concat())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        report,
        json!({
            "established": false,
            "deployments": [],
            "cluster": {
                "established": false,
                "source": "dump.json",
                "objects": 2,
                "nodes": 0,
                "images": 2,
                "held": 1,
                "confirmed": 1,
                "missing": [{
                    "reference": "registry.k8s.io/new:2",
                    "usedBy": [{"standing": "wanted", "namespace": "shop", "kind": "Deployment", "name": "new", "container": "main"}],
                }],
                "drifted": [],
                "unjudged": [],
                "idle": [format!("{}/team/tool:1", site.host)],
                "onNodes": [],
                "skipped": [],
            },
        })
    );

    // From a pipe.
    let mut child = site
        .check_command(&["--cluster", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let dump = fs::read(site.path("dump.json")).unwrap();
    child.stdin.take().unwrap().write_all(&dump).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    contains(
        &String::from_utf8(output.stdout).unwrap(),
        &["registry.k8s.io/new:2"],
    );

    // A folder with logs among the objects, as `kubectl cluster-info dump` makes it.
    fs::create_dir_all(site.path("folder/shop/a")).unwrap();
    site.write(
        "folder/nodes.json",
        "{\"kind\": \"NodeList\", \"apiVersion\": \"v1\", \"items\": null}\n",
    );
    site.write("folder/shop/a/logs.txt", "==== START\n{\n");
    site.write(
        "folder/shop/pods.yaml",
        &format!("apiVersion: v1\nkind: PodList\nitems:\n- metadata: {{name: a, namespace: shop}}\n  spec:\n    containers:\n    - name: main\n      image: {}\n", site.image()),
    );
    site.write("folder/other.json", "{\"a\": 1}");
    let (code, text) = site.check(&["--cluster", "folder"]);
    assert_eq!(code, 0, "{text}");
    contains(
        &text,
        &[
            "1 image in 1 object\n",
            "folder/other.json holds no objects of Kubernetes",
        ],
    );
    std::os::unix::fs::symlink("..", site.path("folder/shop/up")).unwrap();
    assert_eq!(site.check(&["--cluster", "folder"]).0, 0);

    // Nodes alone.
    site.dump(&[json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "status": {"images": [{"names": [site.image()]}]}})]);
    let (code, text) = site.check(&["--cluster", "dump.json"]);
    assert_eq!(code, 0, "{text}");
    contains(
        &text,
        &["the dump has nodes only, so that nobody knows what runs"],
    );

    let deep = format!("{{\"kind\": \"Pod\", \"spec\": {}}}", "[".repeat(1_000_000));
    for (text, wanted) in [
        ("", "nothing of what runs in a cluster is in dump.json"),
        (
            "{\"kind\": \"List\", \"items\": []}",
            "nothing of what runs in a cluster is in dump.json",
        ),
        ("secret: hunter2\n", "this is no object of Kubernetes: document 1"),
        (
            "{\"secret\": hunter2}",
            "this is not valid JSON, or nested too deeply: line 1, column 12",
        ),
        (&deep, "this is not valid JSON, or nested too deeply"),
        ("a: [hunter2\n", "this is not valid YAML, or beyond its limits"),
        ("\u{7f}ELF", "this is no"),
    ] {
        site.write("dump.json", text);
        let (code, said) = site.check(&["--cluster", "dump.json"]);
        assert_eq!(code, 2, "{said}");
        contains(
            &said,
            &[wanted, "hint: make a dump with kubectl get pods,deployments"],
        );
        assert!(!said.contains("hunter2"), "{said}");
    }
    let (code, said) = site.check(&["--cluster", "nowhere.json"]);
    assert_eq!(code, 2, "{said}");
    contains(
        &said,
        &["the dump or kubeconfig of the cluster could not be read: nowhere.json"],
    );
    // Names steer no terminal.
    site.dump(&[deployment("a\u{1b}[2Jb", "registry.k8s.io/new:2")]);
    let (code, said) = site.check(&["--cluster", "dump.json"]);
    assert_eq!(code, 1, "{said}");
    assert!(!said.contains('\u{1b}'), "{said:?}");
}

fn rules(site: &Site) -> Rules {
    let items = |count: usize| -> Vec<Value> {
        let pods = (0..count).map(|at| {
            let mut pod = pod(&format!("p{at}"), &site.image(), &site.id());
            // As an API answers.
            pod.as_object_mut()
                .unwrap()
                .retain(|key, _| key != "kind" && key != "apiVersion");
            pod
        });
        pods.collect()
    };
    let lists = BTreeMap::from([
        ("/api/v1/pods", ("PodList", items(5))),
        ("/apis/apps/v1/deployments", ("DeploymentList", vec![])),
        ("/apis/apps/v1/statefulsets", ("StatefulSetList", vec![])),
        ("/apis/batch/v1/jobs", ("JobList", vec![])),
        ("/apis/batch/v1/cronjobs", ("CronJobList", vec![])),
    ]);
    Rules {
        token: Some(TOKEN.to_owned()),
        wants_certificate: true,
        lists,
        denied: vec!["/apis/apps/v1/daemonsets"],
        page: 2,
        ..Rules::default()
    }
}

/// Everything secret of a server's kubeconfig, as it stands there and as it is used.
fn secrets(server: &ApiServer) -> Vec<String> {
    let key = &server.client.1;
    let mut out = vec![
        TOKEN.to_owned(),
        PASSWORD.to_owned(),
        STANDARD.encode(key)[40..].to_owned(),
    ];
    out.extend(
        key.lines()
            .filter(|line| !line.contains("-----"))
            .map(str::to_owned),
    );
    out.push(STANDARD.encode(PASSWORD));
    out
}

fn are_nowhere(secrets: &[String], said: &[Said]) {
    assert!(secrets.iter().all(|secret| secret.len() > 20), "{secrets:?}");
    for (code, text) in said {
        for secret in secrets {
            assert!(!text.contains(secret), "{secret} is shown (exit {code}):\n{text}");
        }
    }
}

#[test]
fn an_api_server_is_asked_with_what_a_kubeconfig_says() {
    let site = Site::new();
    let server = ApiServer::start(rules(&site));
    let encode = |text: &str| STANDARD.encode(text);
    let cluster = json!({"server": server.url(), "certificate-authority-data": encode(&server.authority)});
    let mut said = Vec::new();
    let loud = ["-vv", "--cluster", "kubeconfig"];

    // By certificate.
    let identity = json!({"client-certificate-data": encode(&server.client.0), "client-key-data": encode(&server.client.1)});
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
    site.write("sub/ca.pem", &server.authority);
    site.write("sub/token", &format!("{TOKEN}\n"));
    site.write("sub/client.pem", &server.client.0);
    site.write("sub/client.key", &server.client.1);
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
    for authority in [Some(encode(&other.authority)), None] {
        let cluster = json!({"server": server.url(), "certificate-authority-data": authority});
        site.kubeconfig(&cluster, &json!({"token": TOKEN}));
        let (code, text) = site.check(&loud);
        assert_eq!(code, 2, "{text}");
        contains(
            &text,
            &[&format!("the certificate of {} is not trusted", server.address)],
        );
        said.push((code, text));
    }
    assert_eq!(
        server.asked().len(),
        before,
        "a server that is not trusted was told something"
    );
    let stranger = json!({"client-certificate-data": encode(&other.client.0), "client-key-data": encode(&other.client.1)});
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
        let cluster =
            json!({"server": server.url(), "certificate-authority-data": STANDARD.encode(&server.authority)});
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

#[test]
fn kubeconfigs_that_are_not_supported_are_refused_with_a_way_out() {
    let site = Site::new();
    let server = ApiServer::start(rules(&site));
    let (certificate, key) = (
        STANDARD.encode(&server.client.0),
        STANDARD.encode(&server.client.1),
    );
    let cluster =
        json!({"server": server.url(), "certificate-authority-data": STANDARD.encode(&server.authority)});
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let with = |key: &str, value: Value| {
        let mut cluster = cluster.clone();
        cluster[key] = value;
        cluster
    };
    let token = json!({"token": TOKEN});
    let plain = format!("http://{}", server.address);
    let distant = "http://192.0.2.1:6443";
    let bad_key = STANDARD.encode(format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(PASSWORD)
    ));
    let cases = [
        (
            cluster.clone(),
            json!({"exec": {"command": "touch", "args": ["ran"], "env": [{"name": "X", "value": PASSWORD}]}}),
            "not supported: exec",
        ),
        (
            cluster.clone(),
            json!({"auth-provider": {"name": "oidc", "config": {"id-token": TOKEN}}}),
            "not supported: auth-provider",
        ),
        (
            cluster.clone(),
            json!({"username": "admin", "password": PASSWORD}),
            "not supported: username and password",
        ),
        (
            cluster.clone(),
            json!({"token": TOKEN, "as": "root"}),
            "not supported: as",
        ),
        (
            with("tls-server-name", "kubernetes".into()),
            token.clone(),
            "not supported: tls-server-name",
        ),
        (
            with("proxy-url", format!("http://u:{PASSWORD}@127.0.0.1:1").into()),
            token.clone(),
            "not supported: proxy-url",
        ),
        (
            cluster.clone(),
            json!({"client-certificate-data": certificate, "client-key-data": STANDARD.encode(locked)}),
            "protected by a password",
        ),
        (
            cluster.clone(),
            json!({"client-certificate-data": certificate, "client-key-data": STANDARD.encode(old)}),
            "protected by a password",
        ),
        (
            cluster.clone(),
            json!({"client-certificate-data": certificate, "client-key-data": bad_key}),
            "the client's certificate and key cannot be used",
        ),
        (
            cluster.clone(),
            json!({"client-key-data": key}),
            "only one of client-certificate and client-key",
        ),
        (
            cluster.clone(),
            json!({"client-certificate-data": certificate, "client-key-data": format!("{key}!")}),
            "`client-key-data` of the kubeconfig is not base64",
        ),
        (
            cluster.clone(),
            json!({"client-certificate-data": certificate, "client-key": "nowhere.key"}),
            "the client-key of the kubeconfig could not be read: nowhere.key",
        ),
        (
            cluster.clone(),
            json!({"token": format!("{TOKEN}\n{PASSWORD}")}),
            "the token holds characters that cannot be sent",
        ),
        (
            cluster.clone(),
            json!({"token": {TOKEN: PASSWORD}}),
            "the kubeconfig cannot be read: line 1",
        ),
        (
            with("certificate-authority-data", STANDARD.encode("nothing").into()),
            token.clone(),
            "certificate authority of the cluster is not a PEM certificate",
        ),
        (
            with("insecure-skip-tls-verify", TOKEN.into()),
            token.clone(),
            "the kubeconfig cannot be read: line 1",
        ),
        (
            json!({"server": plain}),
            token.clone(),
            "not asked over plain HTTP",
        ),
        (json!({"server": distant}), json!({}), "not asked over plain HTTP"),
        (
            json!({"server": format!("https://admin:{PASSWORD}@127.0.0.1:1")}),
            token.clone(),
            "`server` of the kubeconfig is not an address",
        ),
        (
            json!({"server": TOKEN}),
            token.clone(),
            "`server` of the kubeconfig is not an address",
        ),
    ];
    let mut said = Vec::new();
    for (cluster, user, wanted) in cases {
        site.kubeconfig(&cluster, &user);
        let (code, text) = site.check(&["-vv", "--cluster", "kubeconfig"]);
        assert_eq!(code, 2, "{text}");
        contains(&text, &[wanted]);
        if wanted.starts_with("not supported") {
            contains(&text, &["| airlock check STORE --cluster -"]);
        }
        said.push((code, text));
    }
    assert!(!site.path("ran").exists(), "a plugin was run");

    // Contexts that lead nowhere, and files that are broken in the middle.
    site.kubeconfig(&cluster, &token);
    let good = fs::read_to_string(site.path("kubeconfig")).unwrap();
    for (from, to, wanted) in [
        (
            "\"current-context\":\"here\"",
            "\"current-context\":\"there\"",
            "has no cluster of this name: \"none\"",
        ),
        (
            "\"current-context\":\"here\"",
            "\"current-context\":\"gone\"",
            "has no context of this name: \"gone\"",
        ),
        (
            "\"current-context\":\"here\"",
            "\"current-context\":\"\"",
            "has no current context",
        ),
        (
            "\"user\":\"u\"",
            "\"user\":\"w\"",
            "has no user of this name: \"w\"",
        ),
        ("}]}", "}]", "this is not valid JSON"),
    ] {
        assert!(good.contains(from), "{good}");
        site.write("kubeconfig", &good.replace(from, to));
        let (code, text) = site.check(&["-vv", "--cluster", "kubeconfig"]);
        assert_eq!(code, 2, "{text}");
        contains(&text, &[wanted]);
        said.push((code, text));
    }
    assert_eq!(server.asked(), Vec::<String>::new());
    are_nowhere(&secrets(&server), &said);
}

/// What kubectl itself prints, asked of the same server with the same kubeconfig.
#[test]
fn kubectl_prints_what_is_read() {
    let found = Command::new("kubectl").args(["version", "--client"]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: there is no kubectl on this machine");
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
    let cluster =
        json!({"server": server.url(), "certificate-authority-data": STANDARD.encode(&server.authority)});
    let identity = json!({"client-certificate-data": STANDARD.encode(&server.client.0), "client-key-data": STANDARD.encode(&server.client.1)});
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
