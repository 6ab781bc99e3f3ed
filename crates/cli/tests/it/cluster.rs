//! What runs in a cluster against what a bundle holds: from dumps, and from an API server on loopback.

mod asked;
mod dumps;
mod health;
mod refused;
mod server;

use std::collections::BTreeMap;
use std::ops::Deref;
use std::process::Command;

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
    let key = &server.https.client.1;
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
