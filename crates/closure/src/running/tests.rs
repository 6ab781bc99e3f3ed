use super::pods::digest;
use super::{DumpError, Running, RunningLimits, Standing};

fn read(text: &str) -> Running {
    let mut running = Running::new(RunningLimits::default());
    running.read(text.as_bytes()).unwrap();
    running
}

/// One line for each use: image, standing, object and place.
fn told(running: &Running) -> Vec<String> {
    let mut out = Vec::new();
    for (reference, uses) in &running.images {
        for by in uses {
            out.push(format!("{reference} {:?} {by}", by.standing));
        }
    }
    out
}

fn failed(text: &str) -> DumpError {
    Running::new(RunningLimits::default())
        .read(text.as_bytes())
        .unwrap_err()
}

/// As `kubectl get pods -A -o json` prints them: sorted keys, so that the kind of the list comes after its items.
const PODS: &str = r#"{
    "apiVersion": "v1",
    "items": [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "web-0", "namespace": "shop", "ownerReferences": [{"controller": true, "kind": "StatefulSet", "name": "web"}]},
            "spec": {
                "containers": [{"name": "web", "image": "nginx:1.27"}, {"name": "side", "image": "a.example/side"}],
                "ephemeralContainers": [{"name": "debugger-x2v", "image": "busybox", "targetContainerName": "web"}],
                "initContainers": [{"name": "init", "image": "docker.io/library/busybox:1.36"}],
                "volumes": [{"name": "model", "image": {"reference": "ghcr.io/acme/model:3"}}]
            },
            "status": {
                "containerStatuses": [
                    {"name": "side", "image": "sha256:11", "imageID": "", "state": {"waiting": {"reason": "ImagePullBackOff"}}},
                    {"name": "web", "image": "docker.io/library/nginx:1.27", "imageID": "docker.io/library/nginx@sha256:0101010101010101010101010101010101010101010101010101010101010101", "state": {"running": {}}}
                ],
                "ephemeralContainerStatuses": [{"name": "debugger-x2v", "imageID": "", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}],
                "initContainerStatuses": [{"name": "init", "imageID": "sha256:0202020202020202020202020202020202020202020202020202020202020202", "state": {"terminated": {}}}],
                "phase": "Running"
            }
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "backup-1-x", "namespace": "shop"},
            "spec": {"containers": [{"name": "c", "image": "a.example/backup:1"}]},
            "status": {"phase": "Succeeded", "containerStatuses": [{"name": "c", "imageID": "a.example/backup@sha256:0303030303030303030303030303030303030303030303030303030303030303"}]}
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "broken", "namespace": "shop"},
            "spec": {"containers": [{"name": "c", "image": "Not A Reference"}, {"name": "d", "image": ""}]},
            "status": {"phase": "Pending"}
        }
    ],
    "kind": "List",
    "metadata": {"resourceVersion": ""}
}"#;

const SEEN: [&str; 6] = [
    "a.example/backup:1 Ended Pod shop/backup-1-x, container c",
    "a.example/side:latest Wanted Pod shop/web-0, container side",
    "docker.io/library/busybox:1.36 Runs Pod shop/web-0, container init",
    "docker.io/library/busybox:latest Runs Pod shop/web-0, container debugger-x2v",
    "docker.io/library/nginx:1.27 Runs Pod shop/web-0, container web",
    "ghcr.io/acme/model:3 Wanted Pod shop/web-0, volumes[0].image.reference",
];

#[test]
fn pods_tell_what_runs_with_its_digest() {
    let running = read(PODS);
    assert_eq!(told(&running), SEEN);
    assert_eq!(running.objects(), 3);
    let digests: Vec<String> = running
        .images
        .values()
        .flatten()
        .filter_map(|by| Some(by.digest?.to_string().get(7..11)?.to_owned()))
        .collect();
    assert_eq!(digests, ["0303", "0202", "0101"]);
    assert_eq!(
        running.unread(),
        [
            "no image is named: Pod shop/broken, container d",
            "this is no reference: \"Not A Reference\" (Pod shop/broken, container c)",
        ]
    );
}

#[test]
fn yaml_and_typed_lists_and_streams_tell_the_same() {
    let value: serde_json::Value = serde_json::from_str(PODS).unwrap();
    let items = value["items"].as_array().unwrap();
    // As an API answers: the items do not say what they are.
    let mut typed = serde_json::json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"continue": "on"}, "items": items});
    for item in typed["items"].as_array_mut().unwrap() {
        item.as_object_mut().unwrap().remove("kind");
        item.as_object_mut().unwrap().remove("apiVersion");
    }
    let mut running = Running::new(RunningLimits::default());
    let listed = running.read(typed.to_string().as_bytes()).unwrap();
    assert_eq!(listed.next.as_deref(), Some("on"));
    assert_eq!(told(&running), SEEN);
    // JSON objects one after the other, and each as a document of YAML, which JSON is.
    let stream: Vec<String> = items.iter().map(|item| format!("{item:#}")).collect();
    assert_eq!(told(&read(&stream.join("\n"))), SEEN);
    let documents: Vec<String> = items.iter().map(ToString::to_string).collect();
    let documents = documents.join("\n---\n");
    assert_eq!(
        told(&read(&format!("# a comment\n---\n{documents}\n---\n"))),
        SEEN
    );
    assert_eq!(told(&read(&format!("\u{feff}{PODS}"))), SEEN);
    let nested = serde_json::json!({"kind": "List", "apiVersion": "v1", "items": [typed, {"kind": "NodeList", "items": null}]});
    assert_eq!(told(&read(&nested.to_string())), SEEN);
}

/// As `kubectl get -o yaml` prints it.
#[test]
fn workloads_of_kubernetes_tell_what_is_wanted() {
    let text = "\
apiVersion: v1
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: op, namespace: sys, annotations: {kubectl.kubernetes.io/last-applied-configuration: '{\"image\":\"a.example/old:0\"}'}}
  spec:
    template:
      spec:
        containers:
        - args: [--reloader-image=a.example/reloader:2]
          image: a.example/op:1
          name: op
  status: {message: a.example/status:1}
- apiVersion: batch/v1
  kind: CronJob
  metadata: {name: nightly, namespace: sys}
  spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: c, image: 'a.example/cron:1'}]}}}}}
- apiVersion: batch/v1
  kind: Job
  metadata: {name: done, namespace: sys}
  spec: {template: {spec: {containers: [{name: c, image: 'a.example/done:1'}]}}}
  status: {conditions: [{type: SuccessCriteriaMet, status: 'True'}, {type: Complete, status: 'True'}]}
- apiVersion: batch/v1
  kind: Job
  metadata: {name: busy, namespace: sys}
  spec: {template: {spec: {containers: [{name: c, image: 'a.example/busy:1'}]}}}
  status: {active: 1}
- apiVersion: apps/v1
  kind: ReplicaSet
  metadata: {name: op-1, namespace: sys, ownerReferences: [{kind: Deployment, name: op, controller: true}]}
  spec: {replicas: 0, template: {spec: {containers: [{name: op, image: 'a.example/op:0', args: ['--reloader-image=a.example/reloader:1']}]}}}
- apiVersion: apps/v1
  kind: DaemonSet
  metadata: {name: d, namespace: sys}
  spec: {template: {spec: {initContainers: [{name: i, image: 'a.example/d:1'}]}}}
- apiVersion: monitoring.coreos.com/v1
  kind: Prometheus
  metadata: {name: k8s, namespace: mon}
  spec: {image: 'quay.io/prometheus/prometheus:v3.0.0'}
- apiVersion: batch.volcano.sh/v1alpha1
  kind: Job
  metadata: {name: vol, namespace: sys}
  spec: {tasks: [{template: {spec: {containers: [{name: c, image: 'a.example/vol:1'}]}}}]}
- apiVersion: apps/v1
  kind: ControllerRevision
  metadata: {name: old, namespace: sys}
  data: {spec: {template: {spec: {containers: [{name: c, image: 'a.example/revision:1'}]}}}}
- apiVersion: v1
  kind: Secret
  metadata: {name: s, namespace: sys}
  data: {image: YS5leGFtcGxlL3NlY3JldDox}
kind: List
metadata:
  resourceVersion: \"\"
";
    let expected = [
        "a.example/busy:1 Wanted Job sys/busy, container c",
        "a.example/cron:1 Wanted CronJob sys/nightly, container c",
        "a.example/d:1 Wanted DaemonSet sys/d, container i",
        "a.example/done:1 Ended Job sys/done, container c",
        "a.example/op:0 Ended ReplicaSet sys/op-1, container op",
        "a.example/op:1 Wanted Deployment sys/op, container op",
        "a.example/reloader:2 Named Deployment sys/op, spec.template.spec.containers[0].args[0]",
        "a.example/vol:1 Wanted Job sys/vol, spec.tasks[0].template.spec.containers[0].image",
        "quay.io/prometheus/prometheus:v3.0.0 Wanted Prometheus mon/k8s, spec.image",
    ];
    assert_eq!(told(&read(text)), expected);
}

#[test]
fn image_ids_of_all_runtimes() {
    let some = format!("sha256:{}", "ab".repeat(32));
    for id in [
        format!("docker.io/library/busybox@{some}"),
        some.clone(),
        format!("docker-pullable://busybox@{some}"),
        format!("docker://{some}"),
        format!("registry.site:5000/a/b@{some}"),
    ] {
        assert_eq!(digest(&id).unwrap().to_string(), some, "{id}");
    }
    for id in [
        "",
        "sha256:abc",
        "busybox:1.36",
        "docker.io/library/busybox@",
        "@",
        "://",
    ] {
        assert_eq!(digest(id), None, "{id}");
    }
}

#[test]
fn what_is_no_dump_is_refused_without_a_word_of_it() {
    let json = DumpError::Json { line: 2, column: 12 };
    assert_eq!(failed("{\"kind\": \"Pod\",\n  \"token\": hunter2}"), json);
    for (text, wanted) in [
        (
            "{\"token\": \"hunter2\"}",
            "this is no object of Kubernetes: document 1",
        ),
        ("token: hunter2\n", "this is no object of Kubernetes: document 1"),
        (
            "kind: Pod\n---\ntoken: [hunter2\n",
            "this is not valid YAML, or beyond its limits: line 3",
        ),
        ("hunter2", "this is not valid YAML, or beyond its limits: line 1"),
        (
            "[{\"kind\": \"Pod\", \"token\": \"hunter2\"}]",
            "this is not valid YAML, or beyond its limits: line 1",
        ),
        (
            "{\"kind\": 2}",
            "this is not valid JSON, or nested too deeply: line 1, column 10",
        ),
        (
            "{\"kind\": \"List\", \"items\": \"hunter2\"}",
            "this is not valid JSON, or nested too deeply: line 1, column 35",
        ),
        (
            "kind: &a hunter2\nname: *a\n",
            "this is not valid YAML, or beyond its limits: line 1",
        ),
    ] {
        assert_eq!(failed(text).to_string(), wanted, "{text}");
    }
    let binary = Running::default().read(b"kind: \xff").unwrap_err();
    assert_eq!(binary, DumpError::NotText(6));
    assert_eq!(read("").objects(), 0);
}

#[test]
fn depth_and_number_are_bounded() {
    for (open, close) in [("{\"a\":", "}"), ("[", "]")] {
        let deep = format!("{}1{}", open.repeat(200_000), close.repeat(200_000));
        for text in [
            format!("{{\"kind\": \"Pod\", \"spec\": {deep}}}"),
            format!("{{\"kind\": \"PodList\", \"items\": [{{\"spec\": {deep}}}]}}"),
            format!("kind: Pod\nspec: {deep}\n"),
        ] {
            assert!(matches!(
                failed(&text),
                DumpError::Json { .. } | DumpError::Yaml(_)
            ));
        }
    }
    let lists = format!(
        "{}{}",
        "{\"kind\": \"List\", \"items\": [".repeat(50),
        "]}".repeat(50)
    );
    assert!(read(&lists).objects() <= 1);
    let limits = RunningLimits {
        objects: 1000,
        uses: 1000,
        ..RunningLimits::default()
    };
    let pod = r#"{"metadata": {"name": "NAME"}, "spec": {"containers": [{"name": "c", "image": "busybox"}, {"name": "d", "image": "busybox"}]}}"#;
    let pods = |count: usize| {
        let pods: Vec<String> = (0..count)
            .map(|at| pod.replace("NAME", &format!("p{at}")))
            .collect();
        format!("{{\"kind\": \"PodList\", \"items\": [{}]}}", pods.join(","))
    };
    let mut running = Running::new(limits);
    assert_eq!(
        running.read(pods(2000).as_bytes()),
        Err(DumpError::TooMany {
            what: "places that name images",
            limit: 1000
        })
    );
    let mut running = Running::new(limits);
    running.read(pods(500).as_bytes()).unwrap();
    let empty = format!(
        "{{\"kind\": \"List\", \"items\": [{}]}}",
        vec!["{}"; 1000].join(",")
    );
    assert_eq!(
        running.read(empty.as_bytes()),
        Err(DumpError::TooMany {
            what: "objects",
            limit: 1000
        })
    );
}

#[test]
fn what_is_too_much_to_search_is_told() {
    let limits = RunningLimits {
        steps: 100,
        ..RunningLimits::default()
    };
    let mut running = Running::new(limits);
    let object = |at: usize| {
        format!(
            r#"{{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {{"name": "d{at}"}}, "spec": {{"template": {{"spec": {{"containers": [{{"name": "c", "image": "a.example/a:{at}", "args": ["--x-image=a.example/x:{at}"]}}]}}}}}}}}"#
        )
    };
    for at in 0..100 {
        running.read(object(at).as_bytes()).unwrap();
    }
    let wanted = running
        .images
        .values()
        .flatten()
        .filter(|by| by.standing == Standing::Wanted);
    assert_eq!(wanted.count(), 100);
    let [told] = running.unread().try_into().unwrap();
    assert!(
        told.starts_with("of ") && told.ends_with("search for other images"),
        "{told}"
    );
}
