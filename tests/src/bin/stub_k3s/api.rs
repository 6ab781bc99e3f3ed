//! A little of the API on port 6443: enough to be told healthy.

use std::io::{self, Write};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;

use airlock_tests::https::{Connection, Https, Identity};
use serde_json::{Value, json};

use crate::helm::{self, Shared};
use crate::record::FOLDER;
use crate::settings::Settings;
use crate::state::NODE_ID;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Listens, writes the kubeconfig, and answers from now on.
pub(crate) fn serve(settings: &Settings) -> Result<(), String> {
    let port: u16 = settings
        .one("https-listen-port")
        .unwrap_or("6443")
        .parse()
        .map_err(|_| "invalid port")?;
    let listener =
        TcpListener::bind(("0.0.0.0", port)).map_err(|error| format!("listen tcp :{port}: bind: {error}"))?;
    let mut identity = Identity::default();
    identity.names.push("kubernetes".to_owned());
    identity.names.extend(settings.all("tls-san").iter().cloned());
    let cluster = helm::start(&settings.data);
    let server = Https::on(listener, &identity, move |connection| {
        answer(connection, &cluster)
    });
    kubeconfig(settings, port, &server.authority).map_err(|error| error.to_string())?;
    // It serves as long as this process lives.
    std::mem::forget(server);
    Ok(())
}

fn kubeconfig(settings: &Settings, port: u16, authority: &str) -> Result<(), Failure> {
    let path = settings
        .one("write-kubeconfig")
        .unwrap_or("/etc/rancher/k3s/k3s.yaml");
    let mode = u32::from_str_radix(settings.one("write-kubeconfig-mode").unwrap_or("600"), 8)?;
    let encoded = base64(authority.as_bytes());
    let text = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n    certificate-authority-data: {encoded}\n    \
         server: https://127.0.0.1:{port}\n  name: default\ncontexts:\n- context: {{cluster: default, user: default}}\n  \
         name: default\ncurrent-context: default\nusers:\n- name: default\n  user: {{token: stub-admin}}\n"
    );
    let _ = std::fs::remove_file(path);
    std::fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(mode)
        .open(path)?
        .write_all(text.as_bytes())?;
    Ok(())
}

fn base64(bytes: &[u8]) -> String {
    const WORDS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let three = [chunk[0], *chunk.get(1).unwrap_or(&0), *chunk.get(2).unwrap_or(&0)];
        let word = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
        for at in 0..4 {
            let index = (word >> (18 - 6 * at)) & 63;
            out.push(if at > chunk.len() {
                '='
            } else {
                char::from(WORDS[index as usize])
            });
        }
    }
    out
}

/// Answers the requests of one connection.
fn answer(mut connection: Connection, cluster: &Shared) -> io::Result<()> {
    while let Some(request) = connection.request()? {
        let (status, kind, body) = match reply(&request.method, &request.target, cluster) {
            Some(Value::String(text)) => (200, "text/plain", text),
            Some(value) => (200, "application/json", value.to_string()),
            None => (
                404,
                "application/json",
                json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}).to_string(),
            ),
        };
        connection.answer(&request, status, kind, &body)?;
    }
    Ok(())
}

/// The name of this machine, under which k3s registers it.
pub(crate) fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match std::fs::read_to_string(NODE_ID) {
        Ok(id) => format!("{}-{}", name.trim(), id.trim()),
        Err(_) => name.trim().to_owned(),
    }
}

fn node() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": host(), "labels": {"node-role.kubernetes.io/control-plane": "true"}},
        "status": {
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": ""}],
            "nodeInfo": {"kubeletVersion": crate::record::version(), "architecture": architecture()},
            "addresses": [{"type": "InternalIP", "address": "10.99.0.10"}],
        },
    })
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "amd64",
    }
}

fn deployments() -> Vec<Value> {
    let down = std::fs::read_to_string(format!("{FOLDER}/down")).unwrap_or_default();
    let deployment = |name: &&str| {
        let is_up = down.trim() != *name;
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": "kube-system"},
            "spec": {"replicas": 1},
            "status": {"replicas": 1, "readyReplicas": u8::from(is_up), "availableReplicas": u8::from(is_up),
                "conditions": [{"type": "Available", "status": if is_up { "True" } else { "False" }}]},
        })
    };
    ["coredns", "local-path-provisioner", "metrics-server", "traefik"]
        .iter()
        .map(deployment)
        .collect()
}

/// The objects of a kind, by the address of their list without a namespace.
fn objects(list: &str, cluster: &Shared) -> Option<Vec<Value>> {
    let cluster = helm::lock(cluster);
    Some(match list {
        "/api/v1/nodes" => vec![node()],
        "/api/v1/pods" => cluster.pods(),
        "/api/v1/secrets" => cluster.releases(),
        "/apis/apps/v1/deployments" => deployments(),
        "/apis/batch/v1/jobs" => cluster.jobs(),
        "/apis/helm.cattle.io/v1/helmcharts" => cluster.helm_charts(),
        _ => return None,
    })
}

fn reply(method: &str, target: &str, cluster: &Shared) -> Option<Value> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    match path {
        "/readyz" if query.contains("verbose") => {
            return Some(json!("[+]ping ok\n[+]etcd ok\nreadyz check passed\n"));
        }
        "/readyz" | "/livez" | "/healthz" => return Some(json!("ok")),
        "/version" => {
            let version = crate::record::version();
            return Some(
                json!({"major": "1", "minor": "34", "gitVersion": version, "platform": "linux/amd64"}),
            );
        }
        _ => {}
    }
    // GROUP[/namespaces/NAMESPACE]/PLURAL[/NAME]
    let depth = if path.starts_with("/apis/") { 4 } else { 3 };
    let parts: Vec<&str> = path.split('/').collect();
    let (group, rest) = parts.split_at_checked(depth)?;
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some(*namespace), rest),
        rest => (None, rest),
    };
    let (plural, name) = match rest {
        [plural] => (plural, None),
        [plural, name] => (plural, Some(*name)),
        _ => return None,
    };
    let mut all = objects(&format!("{}/{plural}", group.join("/")), cluster)?;
    all.retain(|object| {
        namespace.is_none_or(|namespace| object["metadata"]["namespace"] == namespace)
            && name.is_none_or(|name| object["metadata"]["name"] == name)
            && selected(object, query)
    });
    match (method, name) {
        ("GET", None) => Some(
            json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": "1"},
            "items": all}),
        ),
        ("GET", Some(_)) => all.pop(),
        ("DELETE", Some(name)) if *plural == "jobs" => {
            let chart = name.strip_prefix("helm-install-")?;
            crate::record::call(&["delete".to_owned(), name.to_owned()]);
            helm::lock(cluster)
                .remove_job(chart)
                .then(|| json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}))
        }
        _ => None,
    }
}

/// Whether an object has the labels that are asked for: `key`, or `key=value`, with commas between.
fn selected(object: &Value, query: &str) -> bool {
    let selector = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("labelselector="));
    let selector = selector
        .unwrap_or_default()
        .replace("%3d", "=")
        .replace("%2c", ",")
        .replace("%2f", "/");
    selector.split(',').filter(|one| !one.is_empty()).all(|one| {
        let (key, value) = one
            .split_once('=')
            .map_or((one, None), |(key, value)| (key, Some(value)));
        match &object["metadata"]["labels"][key] {
            Value::Null => false,
            found => value.is_none_or(|value| found == value),
        }
    })
}
