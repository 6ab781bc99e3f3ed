//! The same client against a real API server: kube-apiserver and etcd, where `AIRLOCK_TEST_KUBE_APISERVER` and
//! `AIRLOCK_TEST_ETCD` name them, and the CustomResourceDefinition of HelmChart, where `AIRLOCK_TEST_HELM_CRD` does.
//! They are no Debian packages, so that no test needs them.

use std::collections::BTreeMap;
use std::fs;
use std::future::pending;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use airlock_health::{
    Access, Awaited, Client, Expected, Patience, Probe, Question, Selection, Status, check, wait,
};
use airlock_helm::call::Budget;
use airlock_helm::format::{JsonStyle, to_json, yaml_documents};
use airlock_helm::value::Value as Go;
use airlock_installer::charts;
use airlock_spec::deployment::Deployment;
use airlock_spec::site::{Chart, ChartSource, FailurePolicy, Mirror, MirrorAuth, Site};
use airlock_tests::peer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::failures::runtime;
use crate::world;

/// Ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Cluster {
    access: Access,
    folder: TempDir,
    _processes: [Process; 2],
}

/// Pod Security at its strictest wherever a namespace does not say otherwise, as after the CIS benchmark.
const ADMISSION: &str = "apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: PodSecurity
  configuration:
    apiVersion: pod-security.admission.config.k8s.io/v1
    kind: PodSecurityConfiguration
    defaults: {enforce: restricted, enforce-version: latest}
";

fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn start(program: &Path, args: &[String], log: &Path) -> Process {
    let log = fs::File::create(log).unwrap();
    let child = Command::new(program)
        .args(args)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn();
    Process(child.unwrap())
}

fn cluster() -> Option<Cluster> {
    let program = |name: &str| {
        let path = std::env::var_os(name).map(PathBuf::from);
        if path.is_none() {
            peer::not_asked(&format!("a real API server: {name} is not set"));
        }
        path
    };
    let (server, etcd) = (
        program("AIRLOCK_TEST_KUBE_APISERVER")?,
        program("AIRLOCK_TEST_ETCD")?,
    );
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    let text = |name: &str| at(name).display().to_string();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let issue = |name: &str, group: &str| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params
            .subject_alt_names
            .push(SanType::IpAddress([127, 0, 0, 1].into()));
        params.distinguished_name.push(DnType::CommonName, name);
        params.distinguished_name.push(DnType::OrganizationName, group);
        (
            params.signed_by(&key, &authority).unwrap().pem(),
            key.serialize_pem(),
        )
    };
    let (certificate, key) = issue("kube-apiserver", "none");
    let (client, client_key) = issue("admin", "system:masters");
    let account = KeyPair::generate().unwrap();
    for (name, content) in [
        ("ca.pem", authority.pem()),
        ("tls.pem", certificate),
        ("tls.key", key),
        ("sa.key", account.serialize_pem()),
        ("sa.pub", account.public_key_pem()),
        ("admission.yaml", ADMISSION.to_owned()),
    ] {
        fs::write(at(name), content).unwrap();
    }
    let (clients, peers, secure) = (port(), port(), port());
    let url = |port: u16| format!("http://127.0.0.1:{port}");
    let etcd = start(
        &etcd,
        &[
            format!("--data-dir={}", text("etcd")),
            format!("--listen-client-urls={}", url(clients)),
            format!("--advertise-client-urls={}", url(clients)),
            format!("--listen-peer-urls={}", url(peers)),
            format!("--initial-advertise-peer-urls={}", url(peers)),
            format!("--initial-cluster=default={}", url(peers)),
            "--unsafe-no-fsync".to_owned(),
        ],
        &at("etcd.log"),
    );
    let server = start(
        &server,
        &[
            format!("--etcd-servers={}", url(clients)),
            "--bind-address=127.0.0.1".to_owned(),
            "--advertise-address=127.0.0.1".to_owned(),
            format!("--secure-port={secure}"),
            format!("--tls-cert-file={}", text("tls.pem")),
            format!("--tls-private-key-file={}", text("tls.key")),
            format!("--client-ca-file={}", text("ca.pem")),
            format!("--service-account-key-file={}", text("sa.pub")),
            format!("--service-account-signing-key-file={}", text("sa.key")),
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
            "--service-cluster-ip-range=10.43.0.0/16".to_owned(),
            "--authorization-mode=RBAC".to_owned(),
            format!("--admission-control-config-file={}", text("admission.yaml")),
            // There is no controller that would make the accounts.
            "--disable-admission-plugins=ServiceAccount".to_owned(),
        ],
        &at("kube-apiserver.log"),
    );
    let access = Access {
        authority: Some(authority.pem().into_bytes()),
        identity: Some(format!("{client}\n{client_key}").into()),
        ..Access::new(format!("https://127.0.0.1:{secure}").parse().unwrap())
    };
    Some(Cluster {
        access,
        folder,
        _processes: [server, etcd],
    })
}

/// A client that has nothing of ours.
fn plain(access: &Access) -> kube::Client {
    let mut config = kube::Config::new(access.server.as_str().parse().unwrap());
    let der = |pem: &str| {
        let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        STANDARD.decode(text).unwrap()
    };
    let authority = String::from_utf8(access.authority.clone().unwrap()).unwrap();
    config.root_cert = Some(vec![der(&authority)]);
    let identity = access.identity.as_ref().unwrap();
    let middle = identity.find("-----BEGIN PRIVATE KEY").unwrap();
    config.auth_info.client_certificate_data = Some(STANDARD.encode(&identity[..middle]));
    config.auth_info.client_key_data = Some(STANDARD.encode(&identity[middle..]).into());
    kube::Client::try_from(config).unwrap()
}

/// Sends an object; what a real server says against it is the error.
async fn send(client: &kube::Client, method: &str, path: &str, object: &Value) -> Result<Value, String> {
    let kind = if method == "PATCH" {
        "application/merge-patch+json"
    } else {
        "application/json"
    };
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", kind)
        .body(object.to_string().into_bytes())
        .unwrap();
    client.request(request).await.map_err(|error| error.to_string())
}

async fn make(client: &kube::Client, path: &str, object: &Value) {
    if let Err(error) = send(client, "POST", &format!("{path}?fieldValidation=Strict"), object).await {
        panic!("{error}\n{object:#}");
    }
}

/// HelmCharts with everything that a site can say of them, and the Secrets beside them.
fn planned() -> Vec<Value> {
    let deployment = Deployment::from_bytes(DEPLOYMENT.as_bytes()).unwrap();
    let said = |release: &str, source| Chart {
        values: vec!["site.yaml".into()],
        source,
        failure_policy: FailurePolicy::Abort,
        back_off_limit: Some(7),
        timeout: Some("10m30s".to_owned()),
        ..Chart::new(release)
    };
    let site = Site {
        mirror: Some(Mirror {
            url: "https://registry.site:5000".parse().unwrap(),
            ca: None,
            auth: Some(MirrorAuth {
                username: "node".to_owned(),
                password_file: "password".into(),
            }),
            hosts: Vec::new(),
        }),
        charts: vec![
            said("app", ChartSource::Static),
            said("mirrored", ChartSource::Registry),
        ],
        ..Site::default()
    };
    let values = BTreeMap::from([(PathBuf::from("site.yaml"), b"password: hunter2\n".to_vec())]);
    let plan = charts::plan(&charts::Inputs {
        deployments: &[deployment],
        site: &site,
        layer: &|_| Some(Arc::from(&b"replicas: 3\ntext: |\n  a\n  b\n"[..])),
        values: &values,
        mirror_ca: Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        mirror_password: Some("swordfish"),
    })
    .unwrap();
    let mut objects = Vec::new();
    for file in plan.waves.iter().flat_map(|wave| &wave.files) {
        if let charts::FileContent::Bytes(bytes) = &file.content {
            objects.extend(documents(bytes));
        }
    }
    objects
}

fn documents(yaml: &[u8]) -> Vec<Value> {
    let mut budget = Budget::new(1 << 24, 1 << 28);
    let documents = yaml_documents(yaml, &mut budget).unwrap();
    let json = documents.into_iter().map(|document| {
        let text = to_json(&Go::Map(document), JsonStyle::RAW, &mut budget).unwrap();
        serde_json::from_str(&text).unwrap()
    });
    json.collect()
}

/// A component with two charts of one archive.
const DEPLOYMENT: &str = r#"{"charts":[
    {"archive":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","entry":"charts[0]","name":"app","namespace":"shop","reference":"ghcr.io/acme/app:1.0.0","release":"app","values":[{"digest":"sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","path":"values.yaml"}]},
    {"archive":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","entry":"charts[1]","name":"app","namespace":"shop","reference":"ghcr.io/acme/app:1.0.0","release":"mirrored"}
],"component":"shop","kubernetes":{},"platforms":["linux/amd64"],"version":1}"#;

/// The findings by name.
async fn found(client: &Client, expected: Expected, probe: bool) -> BTreeMap<&'static str, (Status, String)> {
    let question = Question {
        expected,
        selection: Selection::default(),
        this: None,
        probe: probe.then(|| Probe {
            id: "0123abcd".to_owned(),
            image: Some("docker.io/library/busybox:1".parse().unwrap()),
            patience: Duration::from_secs(2),
        }),
        now: world::NOW,
    };
    let report = check(client, &question, &mut |_| {}, pending()).await;
    let findings = report.checks.into_iter();
    findings
        .map(|finding| (finding.id, (finding.status, finding.evidence)))
        .collect()
}

fn is(found: &BTreeMap<&'static str, (Status, String)>, id: &str, status: Status, evidence: &str) {
    let (seen, said) = &found[id];
    assert!(
        *seen == status && said.contains(evidence),
        "{id}: {seen:?} {said}"
    );
}

async fn look(cluster: &Cluster, client: &Client) {
    let plain = plain(&cluster.access);
    // Nothing but the server.
    let empty = found(client, Expected::default(), false).await;
    is(&empty, "api.answers", Status::Ok, "is v");
    is(&empty, "api.ready", Status::Ok, " parts ready");
    is(&empty, "api.certificate", Status::Ok, "valid until 4096");
    is(&empty, "node.ready", Status::Fail, "the cluster has no nodes");
    is(
        &empty,
        "system.coredns",
        Status::NotEstablished,
        "it is not there",
    );
    is(&empty, "charts.deployed", Status::Skipped, "no helm-controller");
    is(&empty, "pods.running", Status::Ok, "0 pods running or done");

    // A node that tells of itself.
    make(
        &plain,
        "/api/v1/nodes",
        &json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}),
    )
    .await;
    let status = json!({"status": {
        "nodeInfo": {"kubeletVersion": "v1.34.2+k3s1", "machineID": "", "systemUUID": "", "bootID": "", "kernelVersion": "", "osImage": "", "containerRuntimeVersion": "", "kubeProxyVersion": "", "operatingSystem": "linux", "architecture": "amd64"},
        "images": [{"names": ["docker.io/library/busybox:1"], "sizeBytes": 1}],
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "x"}, {"type": "DiskPressure", "status": "True", "message": "full"}],
    }});
    send(&plain, "PATCH", "/api/v1/nodes/n1/status", &status)
        .await
        .unwrap();
    // And a pod that does not run.
    make(&plain, "/api/v1/namespaces", &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"pod-security.kubernetes.io/enforce": "privileged"}}})).await;
    make(&plain, "/api/v1/namespaces/shop/pods", &json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app"}, "spec": {"nodeName": "n1", "containers": [{"name": "main", "image": "quay.io/x/y:1"}]}})).await;
    let status = json!({"status": {"phase": "Pending", "containerStatuses": [{"name": "main", "image": "quay.io/x/y:1", "imageID": "", "ready": false, "restartCount": 0, "state": {"waiting": {"reason": "ImagePullBackOff", "message": "x"}}}]}});
    send(
        &plain,
        "PATCH",
        "/api/v1/namespaces/shop/pods/app/status",
        &status,
    )
    .await
    .unwrap();
    let expected = Expected {
        k3s: Some("v1.34.2+k3s1".to_owned()),
        images: Some(vec![
            world::image("busybox:1"),
            world::image("ghcr.io/acme/app:1"),
        ]),
        mirror: true,
        ..Expected::default()
    };
    let some = found(client, expected.clone(), true).await;
    is(&some, "node.ready", Status::Ok, "n1 is ready");
    is(&some, "node.pressure", Status::Fail, "n1: DiskPressure (full)");
    is(&some, "node.version", Status::Fail, "the API server: v");
    is(
        &some,
        "pods.running",
        Status::Fail,
        "shop/app: ImagePullBackOff: the image quay.io/x/y:1, which the bundle does not hold",
    );
    is(
        &some,
        "images.present",
        Status::Ok,
        "from the mirror: n1 lacks ghcr.io/acme/app:1",
    );
    // No kubelet runs the probes; that they were made at all, in a cluster that enforces `restricted`, is what counts.
    is(
        &some,
        "probe.pull",
        Status::Fail,
        "was not pulled within 2 s on n1",
    );
    is(
        &some,
        "probe.network",
        Status::NotEstablished,
        "n1: the probe did not end",
    );
    let left: Value = send(
        &plain,
        "GET",
        "/api/v1/namespaces?labelSelector=airlock.dev%2Fprobe",
        &json!(null),
    )
    .await
    .unwrap();
    let left = left["items"].as_array().unwrap();
    // Nobody finishes what is to be removed where there are no controllers.
    assert!(
        left.iter()
            .all(|one| one["metadata"].get("deletionTimestamp").is_some()),
        "{left:?}"
    );
    follow(client, &plain, expected).await;
}

/// HelmCharts are taken by the server with the definition of k3s, field by field, and followed to their end.
#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
async fn follow(client: &Client, plain: &kube::Client, mut expected: Expected) {
    let Some(crd) = std::env::var_os("AIRLOCK_TEST_HELM_CRD") else {
        peer::not_asked("the CustomResourceDefinition of HelmChart: AIRLOCK_TEST_HELM_CRD is not set");
        return;
    };
    for document in documents(&fs::read(crd).unwrap()) {
        make(
            plain,
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            &document,
        )
        .await;
    }
    let path = "/apis/helm.cattle.io/v1/namespaces/kube-system/helmcharts";
    for _ in 0..100 {
        if send(plain, "GET", path, &json!(null)).await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut spec = String::new();
    for object in planned() {
        let path = if object["kind"] == "HelmChart" {
            path
        } else {
            "/api/v1/namespaces/kube-system/secrets"
        };
        make(plain, path, &object).await;
        if object["metadata"]["name"] == "app" {
            object["metadata"]["annotations"][charts::SPEC]
                .as_str()
                .unwrap()
                .clone_into(&mut spec);
            let mut wrong = object.clone();
            wrong["spec"]["failurePolicy"] = "panic".into();
            wrong["metadata"]["name"] = "wrong".into();
            let error = send(plain, "POST", path, &wrong).await.unwrap_err();
            assert!(error.contains("Unsupported value"), "{error}");
        }
    }
    let release = airlock_health::Release {
        name: "app".to_owned(),
        chart_namespace: charts::NAMESPACE.to_owned(),
        namespace: "shop".to_owned(),
        written: Some((charts::SPEC.to_owned(), spec)),
        chart: None,
    };
    expected.releases = vec![release.clone()];
    let seen = found(client, expected.clone(), false).await;
    is(
        &seen,
        "charts.deployed",
        Status::Fail,
        "app: there is no job for it yet; mirrored: there is no job",
    );

    let name = "helm-install-app";
    let labels = json!({"helmcharts.helm.cattle.io/chart": "app"});
    let jobs = "/apis/batch/v1/namespaces/kube-system/jobs";
    make(plain, jobs, &json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "labels": labels}, "spec": {"template": {"spec": {"restartPolicy": "OnFailure", "containers": [{"name": "helm", "image": "klipper"}]}}}})).await;
    let seen = found(client, expected.clone(), false).await;
    is(
        &seen,
        "charts.deployed",
        Status::Fail,
        "app: its job is under way",
    );
    let time = "2026-06-01T00:00:00Z";
    let condition = |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": time});
    let done = json!({"status": {"startTime": time, "completionTime": time, "succeeded": 1, "conditions": [condition("SuccessCriteriaMet"), condition("Complete")]}});
    send(plain, "PATCH", &format!("{jobs}/{name}/status"), &done)
        .await
        .unwrap();
    for (revision, status) in [(9, "superseded"), (10, "deployed")] {
        let name = format!("sh.helm.release.v1.app.v{revision}");
        let labels =
            json!({"owner": "helm", "name": "app", "version": revision.to_string(), "status": status});
        make(plain, "/api/v1/namespaces/shop/secrets", &json!({"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1", "metadata": {"name": name, "labels": labels}, "data": {"release": "AAAA"}})).await;
    }
    let seen = found(client, expected, false).await;
    is(
        &seen,
        "charts.deployed",
        Status::Fail,
        "not deployed: mirrored: there is no job",
    );
    let patience = Patience {
        all: Duration::from_secs(30),
        between: Duration::from_millis(100),
    };
    assert_eq!(
        wait(
            client,
            &[Awaited::Release(release.clone())],
            patience,
            &mut |_| {}
        )
        .await,
        Ok(())
    );
    let failed = json!({"status": {"conditions": [{"type": "Failed", "status": "True", "reason": "Job failed", "message": "enough"}]}});
    send(plain, "PATCH", &format!("{path}/app/status"), &failed)
        .await
        .unwrap();
    let error = wait(client, &[Awaited::Release(release)], patience, &mut |_| {})
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the release app has failed: Job failed: enough"
    );
}

#[test]
fn a_real_api_server_is_read_as_ours_is() {
    let Some(cluster) = cluster() else { return };
    runtime().block_on(async {
        let client = Client::new(cluster.access.clone()).unwrap();
        let patience = Patience {
            all: Duration::from_mins(3),
            between: Duration::from_millis(500),
        };
        let ready = wait(&client, &[Awaited::Api], patience, &mut |_| {}).await;
        let log = fs::read_to_string(cluster.folder.path().join("kube-apiserver.log")).unwrap_or_default();
        assert_eq!(
            ready,
            Ok(()),
            "{}",
            log.lines().rev().take(20).collect::<Vec<_>>().join("\n")
        );
        look(&cluster, &client).await;
    });
}
