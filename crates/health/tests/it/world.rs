//! A cluster in memory: objects, and what a kubelet would do with pods.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use airlock_health::{Commands, Expected, Image, Probe, Question, Release, Said, Selection, ThisNode};
use airlock_types::Reference;
use serde_json::{Value, json};

use crate::server::Asked;

pub(crate) const K3S: &str = "v1.34.5+k3s1";
pub(crate) const BUSYBOX: &str = "docker.io/rancher/mirrored-library-busybox:1.36.1";
pub(crate) const COREDNS: &str = "docker.io/rancher/mirrored-coredns-coredns:1.12.3";
pub(crate) const APP: &str = "ghcr.io/acme/app:1.0.0";
/// 2026-06-01.
pub(crate) const NOW: i64 = 1_780_272_000;

/// What the kubelets do with probes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kubelet {
    #[default]
    Good,
    /// No image can be pulled.
    NoPull,
    /// Pods find no names.
    NoNames,
    /// Pods do not reach pods of other nodes.
    NoPods,
    /// Nothing ever starts.
    Idle,
}

#[derive(Clone, Default)]
pub(crate) struct World {
    pub(crate) version: String,
    pub(crate) readyz: (u16, String),
    /// The path of the group, the plural, and the object.
    pub(crate) objects: Vec<(&'static str, &'static str, Value)>,
    /// Beginnings of paths that nobody may see.
    pub(crate) denied: Vec<&'static str>,
    /// How many objects a page has at most.
    pub(crate) page: usize,
    /// How often a list that goes on is told to begin anew.
    pub(crate) gone: usize,
    pub(crate) kubelet: Kubelet,
    /// How often pods are refused for want of a service account.
    pub(crate) no_account: usize,
    pub(crate) no_namespaces: bool,
    pub(crate) keeps_namespaces: bool,
    /// How often the API server fails before it works.
    pub(crate) broken: usize,
    /// Called after every answer with how many there were: how the world goes on.
    pub(crate) time: usize,
    pub(crate) story: Option<fn(&mut World)>,
}

pub(crate) const CORE: &str = "/api/v1";
pub(crate) const APPS: &str = "/apis/apps/v1";
pub(crate) const BATCH: &str = "/apis/batch/v1";
pub(crate) const HELM: &str = "/apis/helm.cattle.io/v1";

fn status(code: u16, message: &str) -> (u16, String) {
    (
        code,
        json!({"kind": "Status", "apiVersion": "v1", "code": code, "message": message}).to_string(),
    )
}

impl World {
    pub(crate) fn answer(&mut self, asked: &Asked) -> (u16, String) {
        self.time += 1;
        if let Some(story) = self.story {
            story(self);
        }
        if self.broken > 0 {
            self.broken -= 1;
            return status(503, &asked.head);
        }
        if self.denied.iter().any(|denied| asked.path.starts_with(denied)) {
            return status(403, &asked.head);
        }
        match asked.path.as_str() {
            "/version" => return (200, json!({"gitVersion": self.version}).to_string()),
            "/readyz" => return self.readyz.clone(),
            _ => {}
        }
        let groups = [CORE, APPS, BATCH, HELM];
        let Some((group, rest)) = groups
            .iter()
            .find_map(|group| Some((*group, asked.path.strip_prefix(group)?)))
        else {
            return status(404, &asked.head);
        };
        let parts: Vec<&str> = rest.trim_matches('/').split('/').collect();
        let (namespace, plural, name) = match parts[..] {
            ["namespaces", namespace, plural] => (Some(namespace), plural, None),
            ["namespaces", namespace, plural, name] => (Some(namespace), plural, Some(name)),
            [plural] => (None, plural, None),
            [plural, name] => (None, plural, Some(name)),
            _ => return status(404, &asked.head),
        };
        let is_one = |object: &(&str, &str, Value)| {
            object.0 == group
                && object.1 == plural
                && namespace.is_none_or(|namespace| object.2["metadata"]["namespace"] == namespace)
                && name.is_none_or(|name| object.2["metadata"]["name"] == name)
        };
        match (asked.method.as_str(), name) {
            ("GET", Some(_)) => match self.objects.iter().find(|object| is_one(object)) {
                Some((_, _, object)) => (200, object.to_string()),
                None => status(404, &asked.head),
            },
            ("GET", None) => {
                if !self.objects.iter().any(|object| object.0 == group) {
                    return status(404, &asked.head);
                }
                let found: Vec<&Value> = self
                    .objects
                    .iter()
                    .filter(|object| is_one(object))
                    .map(|one| &one.2)
                    .collect();
                let (found, gone) = (found.into_iter().cloned().collect::<Vec<_>>(), self.gone);
                self.list(asked, &found, gone)
            }
            ("POST", None) => self.create(group, plural, namespace, &asked.body),
            ("DELETE", Some(name)) => {
                if self.keeps_namespaces {
                    return status(403, "namespaces are forever");
                }
                self.objects.retain(|object| !is_one(object));
                if plural == "namespaces" {
                    self.objects
                        .retain(|object| object.2["metadata"]["namespace"] != name);
                }
                status(200, "")
            }
            _ => status(405, ""),
        }
    }

    fn list(&mut self, asked: &Asked, found: &[Value], gone: usize) -> (u16, String) {
        let parameter = |name: &str| {
            let pairs = url::form_urlencoded::parse(asked.query.as_bytes());
            pairs
                .into_iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        let selector = parameter("labelSelector").unwrap_or_default();
        let fits = |object: &&Value| {
            selector
                .split(',')
                .filter(|one| !one.is_empty())
                .all(|one| match one.split_once('=') {
                    Some((key, value)) => object["metadata"]["labels"][key] == value,
                    None => object["metadata"]["labels"].get(one).is_some(),
                })
        };
        let items: Vec<&Value> = found.iter().filter(fits).collect();
        let from: usize =
            parameter("continue").map_or(0, |next| next.trim_start_matches("more/").parse().unwrap());
        if from > 0 && gone > 0 {
            self.gone -= 1;
            return status(410, "too old");
        }
        let limit: usize = parameter("limit").map_or(usize::MAX, |limit| limit.parse().unwrap());
        let to = items.len().min(from.saturating_add(limit.min(self.page)));
        let mut metadata = json!({"resourceVersion": "1"});
        if to < items.len() {
            metadata["continue"] = format!("more/{to}").into();
        }
        let page = json!({"metadata": metadata, "items": &items[from.min(to)..to]});
        // As Go does it where there is nothing.
        let page = if items.is_empty() {
            json!({"metadata": metadata, "items": null})
        } else {
            page
        };
        (200, page.to_string())
    }

    fn create(&mut self, group: &str, plural: &str, namespace: Option<&str>, body: &[u8]) -> (u16, String) {
        let mut object: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(group, CORE);
        if plural == "namespaces" {
            if self.no_namespaces {
                return status(
                    403,
                    "admission webhook \"policy\" denied the request: no namespaces on Sundays",
                );
            }
            self.objects.push((CORE, "namespaces", object));
            return status(201, "");
        }
        let namespace = namespace.unwrap();
        assert!(
            self.names(CORE, "namespaces").contains(namespace),
            "{namespace} is not there"
        );
        if self.no_account > 0 {
            self.no_account -= 1;
            return status(
                403,
                "pods \"x\" is forbidden: error looking up service account airlock/default: serviceaccount \"default\" not found",
            );
        }
        object["metadata"]["namespace"] = namespace.into();
        self.run(&mut object);
        self.objects.push((CORE, "pods", object));
        status(201, "")
    }

    /// What becomes of a pod.
    fn run(&self, pod: &mut Value) {
        let name = pod["metadata"]["name"].as_str().unwrap().to_owned();
        let node = pod["spec"]["nodeName"].as_str().unwrap().to_owned();
        let number: u32 = name.rsplit('-').next().unwrap().parse().unwrap();
        let ended = |phase: &str, code: i32, message: &str| json!({"phase": phase, "containerStatuses": [{"name": "probe", "state": {"terminated": {"exitCode": code, "reason": "Error", "message": message}}}]});
        pod["status"] = match (self.kubelet, name.split('-').next().unwrap()) {
            (Kubelet::Idle, _) => json!({"phase": "Pending"}),
            (Kubelet::NoPull, "pull") if node == "n2" => {
                json!({"phase": "Pending", "containerStatuses": [{"name": "probe", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "x509: certificate signed by unknown authority"}}}]})
            }
            (Kubelet::NoNames, "client") => ended(
                "Failed",
                10,
                "kubernetes.default.svc.cluster.local is not found: timed out\n",
            ),
            (Kubelet::NoPods, "client") if node == "n1" => ended("Failed", 20, "10.42.1.5 does not answer\n"),
            (_, "server") => json!({"phase": "Running", "podIP": format!("10.42.{number}.5")}),
            _ => ended("Succeeded", 0, ""),
        };
    }

    pub(crate) fn names(&self, group: &str, plural: &str) -> BTreeSet<String> {
        let found = self
            .objects
            .iter()
            .filter(|object| object.0 == group && object.1 == plural);
        found
            .map(|object| object.2["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// An object to change.
    pub(crate) fn at(&mut self, plural: &str, name: &str) -> &mut Value {
        let mut found = self
            .objects
            .iter_mut()
            .filter(|object| object.1 == plural && object.2["metadata"]["name"] == name);
        &mut found.next().unwrap().2
    }

    pub(crate) fn remove(&mut self, plural: &str, name: &str) {
        self.objects
            .retain(|object| object.1 != plural || object.2["metadata"]["name"] != name);
    }
}

pub(crate) fn meta(namespace: &str, name: &str) -> Value {
    json!({"name": name, "namespace": namespace, "creationTimestamp": "2026-06-01T00:00:00Z"})
}

pub(crate) fn pod(namespace: &str, name: &str, image: &str) -> Value {
    json!({
        "metadata": meta(namespace, name),
        "spec": {"nodeName": "n1", "containers": [{"name": "main", "image": image}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "main", "image": image, "ready": true, "restartCount": 0, "state": {"running": {}}}]},
    })
}

fn node(name: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {},
        "status": {
            "conditions": [
                {"type": "MemoryPressure", "status": "False"}, {"type": "DiskPressure", "status": "False"},
                {"type": "PIDPressure", "status": "False"},
                {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"},
            ],
            "nodeInfo": {"kubeletVersion": K3S, "architecture": "amd64"},
            "images": [{"names": [BUSYBOX, "docker.io/rancher/mirrored-library-busybox@sha256:aa"]}, {"names": [COREDNS]}, {"names": [APP]}, {"names": null}],
        },
    })
}

/// A release with its HelmChart, job and Secrets of two revisions.
fn release(world: &mut World, name: &str, namespace: &str) {
    let job = format!("helm-install-{name}");
    world.objects.push((HELM, "helmcharts", json!({
        "metadata": {"name": name, "namespace": "kube-system", "annotations": {"airlock.dev/spec": "sha256:1"}},
        "spec": {"chart": "https://%{KUBERNETES_API}%/static/charts/app.tgz", "targetNamespace": namespace, "failurePolicy": "abort"},
        "status": {"jobName": job, "conditions": [{"type": "JobCreated", "status": "True"}, {"type": "Failed", "status": "False"}]},
    })));
    world.objects.push((BATCH, "jobs", json!({
        "metadata": {"name": job, "namespace": "kube-system", "labels": {"helmcharts.helm.cattle.io/chart": name}, "creationTimestamp": "2026-06-01T00:00:00Z"},
        "spec": {"template": {"spec": {"containers": [{"env": [{"name": "CHART", "value": "https://%{KUBERNETES_API}%/static/charts/app.tgz"}]}]}}},
        "status": {"conditions": [{"type": "Complete", "status": "True"}]},
    })));
    for (revision, status) in [(1, "superseded"), (2, "deployed")] {
        world.objects.push((CORE, "secrets", json!({
            "metadata": {
                "name": format!("sh.helm.release.v1.{name}.v{revision}"), "namespace": namespace,
                "labels": {"owner": "helm", "name": name, "version": revision.to_string(), "status": status},
            },
        })));
    }
}

/// A cluster of two nodes in which all is well.
pub(crate) fn good() -> World {
    let mut world = World {
        version: K3S.to_owned(),
        readyz: (
            200,
            "[+]ping ok\n[+]log ok\n[+]etcd ok\nreadyz check passed\n".to_owned(),
        ),
        page: 2,
        ..World::default()
    };
    world
        .objects
        .push((CORE, "namespaces", json!({"metadata": {"name": "kube-system"}})));
    for name in ["n1", "n2"] {
        world.objects.push((CORE, "nodes", node(name)));
    }
    for name in ["coredns", "local-path-provisioner", "metrics-server", "traefik"] {
        world.objects.push((APPS, "deployments", json!({
            "metadata": meta("kube-system", name),
            "status": {"replicas": 1, "availableReplicas": 1, "conditions": [{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}]},
        })));
    }
    release(&mut world, "traefik", "kube-system");
    release(&mut world, "app", "shop");
    world
        .objects
        .push((CORE, "pods", pod("kube-system", "coredns-1", COREDNS)));
    world.objects.push((CORE, "pods", pod("shop", "app-1", APP)));
    let mut done = pod("kube-system", "helm-install-app-x", "klipper");
    done["metadata"]["labels"] = json!({"helmcharts.helm.cattle.io/chart": "app"});
    done["status"] = json!({"phase": "Succeeded"});
    world.objects.push((CORE, "pods", done));
    world
}

/// A node whose commands say what they are told to.
#[derive(Default)]
pub(crate) struct Fake {
    /// What each command line that begins so says.
    pub(crate) says: Vec<(&'static str, Result<Said, String>)>,
    pub(crate) ran: Mutex<Vec<String>>,
}

#[expect(clippy::unnecessary_wraps, reason = "as a command has it")]
pub(crate) fn said(code: i32, stdout: &str) -> Result<Said, String> {
    Ok(Said {
        code: Some(code),
        stdout: stdout.to_owned(),
        stderr: if code == 0 {
            String::new()
        } else {
            "level=fatal msg=\"it does not work\"".to_owned()
        },
    })
}

impl Commands for Fake {
    fn run(&self, program: &str, args: &[&str]) -> Result<Said, String> {
        let line = format!("{program} {}", args.join(" "));
        self.ran.lock().unwrap().push(line.clone());
        let found = self.says.iter().find(|(start, _)| line.starts_with(start));
        found.map_or_else(
            || Err(format!("the command is not on this machine: {line}")),
            |(_, said)| said.clone(),
        )
    }
}

pub(crate) const CERTIFICATES: &str = r#"time="x" level=info msg="Server detected"
{"Certificates":[{"Filename":"client-admin.crt","Subject":"system:admin","Issuer":"k3s-client-ca","Usages":["ClientAuth"],"ExpiryTime":"2027-01-01T00:00:00Z","ResidualTime":1,"Status":"OK"},{"Filename":"serving-kube-apiserver.crt","Subject":"kube-apiserver","ExpiryTime":"2027-01-01T00:00:00Z","Status":"OK"}]}
"#;

pub(crate) fn images(names: &[&str]) -> String {
    json!({"images": [{"id": "sha256:00", "repoTags": names, "repoDigests": ["<none>@<none>"]}]}).to_string()
}

pub(crate) fn fake() -> Fake {
    Fake {
        says: vec![
            ("k3s crictl images", said(0, &images(&[BUSYBOX, COREDNS, APP]))),
            ("k3s certificate check", said(0, CERTIFICATES)),
            ("k3s etcd-snapshot", said(0, "saved")),
        ],
        ran: Mutex::default(),
    }
}

pub(crate) fn app() -> Release {
    Release {
        name: "app".to_owned(),
        chart_namespace: "kube-system".to_owned(),
        namespace: "shop".to_owned(),
        written: Some(("airlock.dev/spec".to_owned(), "sha256:1".to_owned())),
        chart: Some("https://%{KUBERNETES_API}%/static/charts/app.tgz".to_owned()),
    }
}

pub(crate) fn image(name: &str) -> Image {
    name.parse::<Reference>().unwrap().into()
}

/// Everything is asked for.
pub(crate) fn question(fake: Fake) -> Question {
    Question {
        expected: Expected {
            k3s: Some(K3S.to_owned()),
            disabled: Some(BTreeSet::new()),
            releases: vec![app()],
            images: Some([BUSYBOX, COREDNS, APP].map(image).to_vec()),
            mirror: true,
            etcd: Some(true),
            domain: None,
        },
        selection: Selection::default(),
        this: Some(ThisNode {
            name: "n1".to_owned(),
            commands: Arc::new(fake),
            data: None,
        }),
        probe: Some(Probe {
            id: "0123abcd".to_owned(),
            image: None,
            patience: Duration::from_secs(3),
        }),
        now: NOW,
    }
}
