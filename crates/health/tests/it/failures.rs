//! Each failure alone: it is found by its own check, and no other changes its mind.

use std::future::pending;

use airlock_health::{Question, Report, Selection, Status, check, select};
use serde_json::json;

use crate::server::{Manner, Server};
use crate::world::{self, APP, CORE, Fake, Kubelet, NOW, World, fake, good, images, pod, question, said};

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

pub(crate) fn is_clean(world: &World) {
    let names = world.names(CORE, "namespaces");
    assert!(!names.iter().any(|name| name.contains("probe")), "{names:?}");
    assert!(
        world
            .names(CORE, "pods")
            .iter()
            .all(|name| !name.starts_with("pull-"))
    );
}

/// Clients are made within a runtime.
pub(crate) fn in_runtime(server: &Server, question: &Question) -> Report {
    runtime().block_on(async { check(&server.client(), question, &mut |_| {}, pending()).await })
}

/// Certificates are looked for where this node has them.
#[test]
fn certificates_of_a_data_folder_of_its_own() {
    let commands = std::sync::Arc::new(fake());
    let mut question = question(fake());
    question.selection = select(&["node.certificates".to_owned()]).unwrap();
    question.this = Some(airlock_health::ThisNode {
        name: "n1".to_owned(),
        commands: std::sync::Arc::clone(&commands) as std::sync::Arc<dyn airlock_health::Commands>,
        data: Some("/srv/k3s".into()),
    });
    let server = Server::start(good());
    let report = in_runtime(&server, &question);
    assert_eq!(report.summary.ok, 1, "{}", report.text());
    assert_eq!(
        *commands.ran.lock().unwrap(),
        ["k3s certificate check --output json --data-dir /srv/k3s"]
    );
}

#[test]
fn all_is_well_in_a_good_cluster() {
    let server = Server::start(good());
    let report = in_runtime(&server, &question(fake()));
    let bad: Vec<_> = report
        .checks
        .iter()
        .filter(|one| one.status != Status::Ok)
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
    assert!(report.is_good());
    is_clean(&server.world());
    insta::assert_snapshot!(report.text().replace(&server.address.to_string(), "SERVER"));
}

/// A seeded failure: its name, what it does, the check that finds it, how, and a part of the evidence.
type Seed = (
    &'static str,
    fn(&mut World, &mut Question),
    &'static str,
    Status,
    &'static str,
);

fn with(question: &mut Question, command: &'static str, says: Result<airlock_health::Said, String>) {
    let mut fake = Fake {
        says: vec![(command, says)],
        ..Fake::default()
    };
    fake.says.extend(world::fake().says);
    question.this.as_mut().unwrap().commands = std::sync::Arc::new(fake);
}

fn set(world: &mut World, node: &str, kind: &str, status: &str) {
    let conditions = world.at("nodes", node)["status"]["conditions"]
        .as_array_mut()
        .unwrap();
    conditions.retain(|one| one["type"] != kind);
    conditions
        .push(json!({"type": kind, "status": status, "reason": "KubeletNotReady", "message": "it does not"}));
}

fn job(world: &mut World, kind: &str) {
    world.at("jobs", "helm-install-app")["status"] = json!({"failed": 3, "conditions": [{"type": kind, "status": "True", "reason": "BackoffLimitExceeded", "message": "enough"}]});
}

const SEEDS: &[Seed] = &[
    (
        "etcd is not ready",
        |world, _| {
            world.readyz = (500, "[+]ping ok\n[-]etcd failed: reason withheld\n[-]poststarthook/rbac/bootstrap-roles failed: x\n".to_owned())
        },
        "api.ready",
        Status::Fail,
        "not ready: etcd; poststarthook/rbac/bootstrap-roles",
    ),
    (
        "not ready, and no reason",
        |world, _| world.readyz = (500, String::new()),
        "api.ready",
        Status::Fail,
        "answers 500",
    ),
    (
        "a node is not ready",
        |world, question| {
            set(world, "n2", "Ready", "False");
            // It takes no part in probes then.
            question.probe = None;
        },
        "node.ready",
        Status::Fail,
        "not ready: n2: KubeletNotReady (it does not)",
    ),
    (
        "a node has not told for long",
        |world, question| {
            set(world, "n2", "Ready", "Unknown");
            question.probe = None;
        },
        "node.ready",
        Status::Fail,
        "n2",
    ),
    (
        "a node is cordoned",
        |world, _| world.at("nodes", "n2")["spec"]["unschedulable"] = true.into(),
        "node.ready",
        Status::Warn,
        "takes no pods: n2",
    ),
    (
        "a node of another version",
        |world, _| world.at("nodes", "n2")["status"]["nodeInfo"]["kubeletVersion"] = "v1.34.5+k3s2".into(),
        "node.version",
        Status::Fail,
        "not v1.34.5+k3s1: n2: v1.34.5+k3s2",
    ),
    (
        "a disk is full",
        |world, _| set(world, "n1", "DiskPressure", "True"),
        "node.pressure",
        Status::Fail,
        "n1: DiskPressure",
    ),
    (
        "no network on a node",
        |world, _| set(world, "n1", "NetworkUnavailable", "True"),
        "node.pressure",
        Status::Fail,
        "n1: NetworkUnavailable",
    ),
    (
        "a certificate has expired",
        |_, question| {
            let text = world::CERTIFICATES.replacen("\"Status\":\"OK\"", "\"Status\":\"EXPIRED\"", 1);
            with(question, "k3s certificate check", said(0, &text));
        },
        "node.certificates",
        Status::Fail,
        "client-admin.crt (system:admin): EXPIRED",
    ),
    (
        "a certificate expires soon",
        |_, question| {
            let text = world::CERTIFICATES.replacen("\"Status\":\"OK\"", "\"Status\":\"WARNING\"", 1);
            with(question, "k3s certificate check", said(0, &text));
        },
        "node.certificates",
        Status::Warn,
        "WARNING",
    ),
    (
        "an old k3s has no JSON",
        |_, question| with(question, "k3s certificate check", said(0, "FILENAME SUBJECT")),
        "node.certificates",
        Status::NotEstablished,
        "does not print",
    ),
    (
        "k3s is not there",
        |_, question| {
            with(
                question,
                "k3s certificate check",
                Err("the command is not on this machine: k3s".to_owned()),
            )
        },
        "node.certificates",
        Status::NotEstablished,
        "not on this machine",
    ),
    (
        "coredns is not available",
        |world, _| {
            world.at("deployments", "coredns")["status"] = json!({"replicas": 1, "conditions": [{"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable", "message": "no"}]});
        },
        "system.coredns",
        Status::Fail,
        "MinimumReplicasUnavailable: no",
    ),
    (
        "local-path-provisioner is not there",
        |world, _| world.remove("deployments", "local-path-provisioner"),
        "system.local-path-provisioner",
        Status::Fail,
        "it is not there",
    ),
    (
        "metrics-server has never been available",
        |world, _| world.at("deployments", "metrics-server")["status"] = json!({}),
        "system.metrics-server",
        Status::Fail,
        "never been available",
    ),
    (
        "traefik is not there",
        |world, _| world.remove("deployments", "traefik"),
        "system.traefik",
        Status::Fail,
        "it is not there",
    ),
    (
        "traefik is not wanted",
        |world, question| {
            world.remove("deployments", "traefik");
            question.expected.disabled = Some(["traefik".to_owned()].into());
        },
        "system.traefik",
        Status::Skipped,
        "site.yaml disables traefik",
    ),
    (
        "a chart has failed",
        |world, _| {
            world.at("helmcharts", "app")["status"]["conditions"] = json!([{"type": "Failed", "status": "True", "reason": "Job failed", "message": "Job has reached configured number of retries"}]);
        },
        "charts.deployed",
        Status::Fail,
        "app: Job failed: Job has reached",
    ),
    (
        "a chart's job has failed",
        |world, _| job(world, "Failed"),
        "charts.deployed",
        Status::Fail,
        "app: its job has failed: BackoffLimitExceeded",
    ),
    (
        "a chart's job is under way",
        |world, _| {
            job(world, "Suspended");
            let mut helm = pod("kube-system", "helm-install-app-x", "klipper");
            helm["metadata"]["labels"] = json!({"helmcharts.helm.cattle.io/chart": "app"});
            helm["status"]["containerStatuses"][0]["restartCount"] = 4.into();
            helm["status"]["containerStatuses"][0]["ready"] = false.into();
            helm["status"]["containerStatuses"][0]["state"] =
                json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}});
            world.objects.push((CORE, "pods", helm));
        },
        "charts.deployed",
        Status::Fail,
        "app: its job has failed 7 times so far, and waits: CrashLoopBackOff",
    ),
    (
        "a chart has no job",
        |world, _| world.remove("jobs", "helm-install-app"),
        "charts.deployed",
        Status::Fail,
        "app: there is no job",
    ),
    (
        "a release is stuck",
        |world, _| {
            world.at("secrets", "sh.helm.release.v1.app.v2")["metadata"]["labels"]["status"] =
                "pending-upgrade".into()
        },
        "charts.deployed",
        Status::Fail,
        "app: Helm says that it is pending-upgrade",
    ),
    (
        "a failed release that nobody tries again",
        |world, _| {
            job(world, "Suspended");
            world.at("secrets", "sh.helm.release.v1.app.v2")["metadata"]["labels"]["status"] =
                "failed".into();
        },
        "charts.deployed",
        Status::Fail,
        "failurePolicy is abort",
    ),
    (
        "a release is gone",
        |world, _| {
            world.remove("secrets", "sh.helm.release.v1.app.v1");
            world.remove("secrets", "sh.helm.release.v1.app.v2");
        },
        "charts.deployed",
        Status::Fail,
        "Helm has no release of it in shop",
    ),
    (
        "a HelmChart is not there",
        |world, _| world.remove("helmcharts", "app"),
        "charts.deployed",
        Status::Fail,
        "app: there is no HelmChart for it",
    ),
    (
        "a HelmChart is an old one",
        |world, _| {
            world.at("helmcharts", "app")["metadata"]["annotations"] = json!({"airlock.dev/spec": "sha256:0"})
        },
        "charts.deployed",
        Status::Fail,
        "app: k3s has not applied its manifest as it is now",
    ),
    (
        "there is no helm-controller",
        |world, _| world.objects.retain(|object| object.0 != world::HELM),
        "charts.deployed",
        Status::Fail,
        "no HelmCharts",
    ),
    (
        "an image that the bundle holds is not pulled",
        |world, _| {
            world.at("pods", "app-1")["status"] = json!({"phase": "Pending", "containerStatuses": [{"name": "main", "image": APP, "state": {"waiting": {"reason": "ImagePullBackOff"}}}]});
        },
        "pods.running",
        Status::Fail,
        "shop/app-1: ImagePullBackOff: the image ghcr.io/acme/app:1.0.0, which the bundle holds",
    ),
    (
        "an image that the bundle does not hold",
        |world, _| {
            let mut other = pod("shop", "other", "quay.io/x/y:1");
            other["metadata"]["ownerReferences"] = json!([{"kind": "Job", "name": "j"}]);
            other["status"] = json!({"phase": "Pending", "initContainerStatuses": [{"name": "init", "image": "quay.io/x/y:1", "state": {"waiting": {"reason": "ErrImagePull"}}}]});
            world.objects.push((CORE, "pods", other));
        },
        "pods.running",
        Status::Fail,
        "shop/other: ErrImagePull: the image quay.io/x/y:1, which the bundle does not hold",
    ),
    (
        "a pod crashes",
        |world, _| {
            let status = &mut world.at("pods", "app-1")["status"]["containerStatuses"][0];
            status["ready"] = false.into();
            status["state"] = json!({"waiting": {"reason": "CrashLoopBackOff"}});
            status["lastState"] = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
        },
        "pods.running",
        Status::Fail,
        "main: CrashLoopBackOff, last ended with 137 (OOMKilled)",
    ),
    (
        "a pod finds no node",
        |world, _| {
            world.at("pods", "app-1")["status"] = json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/2 nodes are available"}]});
        },
        "pods.running",
        Status::Fail,
        "no node takes it: 0/2 nodes",
    ),
    (
        "a pod is not ready",
        |world, _| world.at("pods", "app-1")["status"]["containerStatuses"][0]["ready"] = false.into(),
        "pods.running",
        Status::Fail,
        "main: runs, and is not ready",
    ),
    (
        "a pod was evicted",
        |world, _| {
            world.at("pods", "app-1")["status"] =
                json!({"phase": "Failed", "reason": "Evicted", "message": "low on memory"})
        },
        "pods.running",
        Status::Fail,
        "failed: Evicted low on memory",
    ),
    (
        "an image is not on this node, and there is no mirror",
        |_, question| {
            question.expected.mirror = false;
            // Without a mirror there is nothing to pull from.
            question.selection = without("probe.pull");
            with(
                question,
                "k3s crictl images",
                said(0, &images(&[world::BUSYBOX, world::COREDNS])),
            );
        },
        "images.present",
        Status::Fail,
        "n1 lacks ghcr.io/acme/app:1.0.0",
    ),
    (
        "an image is not on the other node, and there is no mirror",
        |world, question| {
            question.expected.mirror = false;
            question.selection = without("probe.pull");
            world.at("nodes", "n2")["status"]["images"] =
                json!([{"names": [world::BUSYBOX]}, {"names": [world::COREDNS]}]);
        },
        "images.present",
        Status::Fail,
        "n2 lacks ghcr.io/acme/app:1.0.0",
    ),
    (
        "an image that there is for another architecture alone",
        |_, question| {
            question.expected.mirror = false;
            question.selection = without("probe.pull");
            let images = question.expected.images.as_mut().unwrap();
            images.push(airlock_health::Image {
                architectures: vec!["arm64".to_owned()],
                ..world::image("ghcr.io/acme/arm:1")
            });
        },
        "images.present",
        Status::Ok,
        "on 2 nodes",
    ),
    (
        "a node tells no more than fifty images",
        |world, _| {
            let all: Vec<_> = (0..50)
                .map(|at| json!({"names": [format!("quay.io/x/{at}:1")]}))
                .collect();
            world.at("nodes", "n2")["status"]["images"] = all.into();
        },
        "images.present",
        Status::NotEstablished,
        "3 of 3 on n2",
    ),
    (
        "the mirror is not trusted",
        |world, _| world.kubelet = Kubelet::NoPull,
        "probe.pull",
        Status::Fail,
        "n2: ImagePullBackOff: x509",
    ),
    (
        "there is no mirror",
        |_, question| question.expected.mirror = false,
        "probe.pull",
        Status::Skipped,
        "no mirror",
    ),
    (
        "names are not found",
        |world, _| world.kubelet = Kubelet::NoNames,
        "probe.network",
        Status::Fail,
        "n1: kubernetes.default.svc.cluster.local is not found: timed out",
    ),
    (
        "pods do not reach each other",
        |world, _| world.kubelet = Kubelet::NoPods,
        "probe.network",
        Status::Fail,
        "n1: 10.42.1.5 does not answer",
    ),
    (
        "a snapshot cannot be saved",
        |_, question| with(question, "k3s etcd-snapshot save", said(1, "")),
        "probe.snapshot",
        Status::Fail,
        "it does not work",
    ),
    (
        "the state is in SQLite",
        |_, question| question.expected.etcd = Some(false),
        "probe.snapshot",
        Status::Skipped,
        "not kept in etcd",
    ),
    (
        "secrets may not be seen",
        |world, _| world.denied.push("/api/v1/namespaces/shop/secrets"),
        "charts.deployed",
        Status::NotEstablished,
        "denies access (403)",
    ),
];

fn without(id: &str) -> Selection {
    let all = airlock_health::CHECKS.iter().map(|check| check.id.to_owned());
    select(&all.filter(|one| one != id).collect::<Vec<_>>()).unwrap()
}

#[test]
fn every_failure_is_found_by_its_own_check_alone() {
    let mut wrong = Vec::new();
    for (name, seed, id, status, evidence) in SEEDS {
        let (mut world, mut question) = (good(), question(fake()));
        seed(&mut world, &mut question);
        let server = Server::start(world);
        let report = in_runtime(&server, &question);
        for finding in &report.checks {
            let probes_are_off = question.probe.is_none() && finding.id.starts_with("probe.");
            let is_it = finding.id == *id;
            let wanted = if is_it { *status } else { Status::Ok };
            if finding.status != wanted && !probes_are_off {
                wrong.push(format!(
                    "{name}: {} is {:?}: {}",
                    finding.id, finding.status, finding.evidence
                ));
            }
            if is_it && !finding.evidence.contains(evidence) {
                wrong.push(format!("{name}: {}", finding.evidence));
            }
            if is_it && [Status::Fail, Status::Warn].contains(status) && finding.remedy.is_none() {
                wrong.push(format!("{name}: no remedy"));
            }
        }
        if !report.checks.iter().any(|finding| finding.id == *id) {
            wrong.push(format!("{name}: {id} was not made"));
        }
        assert_eq!(report.is_good(), *status != Status::Fail, "{name}");
        is_clean(&server.world());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What may not be seen is not established; what may is.
#[test]
fn what_is_denied_is_not_established() {
    for (path, ids) in [
        (
            "/api/v1/nodes",
            &[
                "node.ready",
                "node.version",
                "node.pressure",
                "images.present",
                "probe.pull",
                "probe.network",
                "probe.snapshot",
            ][..],
        ),
        ("/api/v1/pods", &["pods.running"][..]),
        ("/readyz", &["api.ready"][..]),
        ("/apis/helm.cattle.io", &["charts.deployed"][..]),
        ("/apis/batch", &["charts.deployed"][..]),
        (
            "/apis/apps",
            &[
                "system.coredns",
                "system.local-path-provisioner",
                "system.metrics-server",
                "system.traefik",
            ][..],
        ),
        (
            "/api/v1/namespaces",
            &["charts.deployed", "probe.pull", "probe.network"][..],
        ),
    ] {
        let mut world = good();
        world.denied.push(path);
        let server = Server::start(world);
        let report = in_runtime(&server, &question(fake()));
        let found: Vec<&str> = report
            .checks
            .iter()
            .filter(|finding| finding.status == Status::NotEstablished)
            .map(|finding| finding.id)
            .collect();
        assert_eq!(found, ids, "{path}");
        assert_eq!(report.summary.fail, 0, "{path}: {}", report.text());
    }
}

#[test]
fn certificates_that_end_are_seen_whoever_trusts_them() {
    for (years, now, status, evidence) in [
        ((2020, 2090), NOW, Status::Ok, "valid until 2090-01-01"),
        (
            (2020, 2027),
            NOW + 200 * 86_400,
            Status::Warn,
            "it expires on 2027-01-01, in 14 days",
        ),
        ((2020, 2021), NOW, Status::Fail, "it expired on 2021-01-01"),
        (
            (2080, 2090),
            NOW,
            Status::Fail,
            "it is not valid before 2080-01-01",
        ),
    ] {
        let server = Server::with(good(), Manner::Good, years);
        let mut question = question(fake());
        question.now = now;
        question.selection = select(&["api.certificate".to_owned()]).unwrap();
        let report = in_runtime(&server, &question);
        assert_eq!(report.checks[0].status, status, "{}", report.text());
        assert!(report.checks[0].evidence.contains(evidence), "{}", report.text());
    }
}

/// Without a bundle and `site.yaml` less is known, and nothing of it is a failure.
#[test]
fn what_nobody_has_said_is_not_held_against_a_cluster() {
    let mut world = good();
    world.remove("deployments", "traefik");
    let mut question = question(fake());
    question.expected = airlock_health::Expected::default();
    question.this = None;
    question.probe = None;
    let server = Server::start(world);
    let report = in_runtime(&server, &question);
    let found = |status: Status| -> Vec<&str> {
        let found = report.checks.iter().filter(|finding| finding.status == status);
        found.map(|finding| finding.id).collect()
    };
    assert!(report.is_good());
    assert_eq!(found(Status::NotEstablished), ["system.traefik"]);
    assert_eq!(
        found(Status::Skipped),
        [
            "node.certificates",
            "images.present",
            "probe.pull",
            "probe.network",
            "probe.snapshot"
        ]
    );
    let mut world = good();
    world.at("nodes", "n2")["status"]["nodeInfo"]["kubeletVersion"] = "v1.33.0+k3s1".into();
    let server = Server::start(world);
    let report = in_runtime(&server, &question);
    let version = report
        .checks
        .iter()
        .find(|finding| finding.id == "node.version")
        .unwrap();
    assert_eq!(version.status, Status::Warn);
}

/// A list that gets too old on the way is read anew, once.
#[test]
fn lists_that_get_too_old_are_read_anew() {
    for (gone, status) in [(1, Status::Ok), (100, Status::NotEstablished)] {
        let mut world = good();
        world.gone = gone;
        let mut question = question(fake());
        question.selection = select(&["pods".to_owned()]).unwrap();
        let server = Server::start(world);
        let report = in_runtime(&server, &question);
        assert_eq!(report.checks[0].status, status, "{}", report.text());
    }
}
