use airlock_types::Digest;

use super::{Compared, compare};
use crate::held::Held;
use crate::running::{Running, RunningLimits};

fn digest(number: u8) -> Digest {
    format!("sha256:{}", format!("{number:02x}").repeat(32))
        .parse()
        .unwrap()
}

/// The index 1 with the image 2, whose configuration is 3.
fn held() -> Held {
    let mut below = vec![digest(2), digest(3)];
    below.dedup();
    Held::of(&[
        ("docker.io/library/busybox:1.36", digest(1), &below),
        ("a.example/idle:1", digest(4), &[]),
        (
            "a.example/pinned@sha256:0505050505050505050505050505050505050505050505050505050505050505",
            digest(5),
            &[],
        ),
    ])
}

fn pod(name: &str, image: &str, id: &str) -> String {
    format!(
        r#"{{"apiVersion": "v1", "kind": "Pod", "metadata": {{"name": "{name}", "namespace": "default"}},
        "spec": {{"containers": [{{"name": "main", "image": "{image}"}}]}},
        "status": {{"phase": "Running", "containerStatuses": [{{"name": "main", "image": "{image}", "imageID": "{id}"}}]}}}}"#
    )
}

fn compared(documents: &[String]) -> Compared {
    let mut running = Running::new(RunningLimits::default());
    for document in documents {
        running.read(document.as_bytes()).unwrap();
    }
    compare(&held(), &running)
}

#[test]
fn index_image_and_configuration_are_all_what_is_held() {
    let ids = [
        format!("docker.io/library/busybox@{}", digest(1)),
        format!("docker-pullable://busybox@{}", digest(2)),
        digest(3).to_string(),
        format!("docker://{}", digest(3)),
    ];
    for id in ids {
        let seen = compared(&[pod("a", "busybox:1.36", &id)]);
        assert_eq!((seen.images, seen.held, seen.confirmed), (1, 1, 1), "{id}");
        assert!(seen.is_established(), "{id}");
    }
    // Nothing says what runs.
    let seen = compared(&[pod("a", "busybox:1.36", "")]);
    assert_eq!((seen.images, seen.held, seen.confirmed), (1, 1, 0));
}

#[test]
fn another_digest_under_the_same_name_is_drift_of_those_who_run_it() {
    let right = format!("docker.io/library/busybox@{}", digest(1));
    let wrong = format!("docker.io/library/busybox@{}", digest(9));
    let seen = compared(&[
        pod("a", "busybox:1.36", &right),
        pod("b", "busybox:1.36", &wrong),
        pod("c", "busybox:1.36", &digest(8).to_string()),
    ]);
    assert!(!seen.is_established());
    assert_eq!((seen.images, seen.held), (1, 0));
    let [drifted] = seen.drifted.as_slice() else {
        panic!("{seen:?}")
    };
    assert_eq!(drifted.held, digest(1));
    let names: Vec<&str> = drifted.used_by.iter().map(|by| by.name.as_str()).collect();
    assert_eq!(names, ["b", "c"]);
}

#[test]
fn what_is_not_held_is_told_with_the_name_that_its_content_has_here() {
    let mirrored = format!("registry.site:5000/busybox@{}", digest(1));
    let seen = compared(&[
        pod("a", "registry.site:5000/busybox:1.36", &mirrored),
        pod("b", "a.example/other:2", ""),
        pod("c", "a.example/pinned:7", ""),
    ]);
    let told: Vec<String> = seen
        .missing
        .iter()
        .map(|one| {
            let held: Vec<String> = one.held_as.iter().map(ToString::to_string).collect();
            format!("{} [{}]", one.reference, held.join(" "))
        })
        .collect();
    assert_eq!(
        told,
        [
            "a.example/other:2 []",
            "a.example/pinned:7 []",
            "registry.site:5000/busybox:1.36 [docker.io/library/busybox:1.36]",
        ]
    );
    assert!(!seen.is_established());
}

#[test]
fn a_digest_decides_and_what_nothing_names_is_idle() {
    let seen = compared(&[pod(
        "a",
        &format!("a.example/pinned:7@{}", digest(5)),
        &format!("a.example/pinned@{}", digest(5)),
    )]);
    assert!(seen.is_established(), "{seen:?}");
    let idle: Vec<String> = seen.idle.iter().map(ToString::to_string).collect();
    assert_eq!(idle, ["docker.io/library/busybox:1.36", "a.example/idle:1"]);
}

#[test]
fn what_has_ended_or_is_only_named_is_not_judged() {
    let ended = pod("a", "a.example/gone:1", "").replace("Running", "Succeeded");
    let deployment = r#"{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "op"}, "spec": {"template": {"spec":
        {"containers": [{"name": "op", "image": "busybox:1.36", "args": ["--agent-image=a.example/agent:1"]}]}}}}"#;
    let seen = compared(&[ended, deployment.to_owned()]);
    assert!(seen.is_established(), "{seen:?}");
    let told: Vec<String> = seen
        .unjudged
        .iter()
        .map(|one| one.reference.to_string())
        .collect();
    assert_eq!(told, ["a.example/agent:1", "a.example/gone:1"]);
    assert_eq!(seen.images, 1);
}

#[test]
fn what_lies_on_nodes_is_told_and_not_judged() {
    let node = format!(
        r#"{{"apiVersion": "v1", "kind": "Node", "metadata": {{"name": "n"}}, "status": {{"images": [
        {{"names": ["docker.io/library/busybox@{}", "docker.io/library/busybox:1.36"], "sizeBytes": 1}},
        {{"names": ["docker.io/rancher/mirrored-pause@{}", "docker.io/rancher/mirrored-pause:3.6"]}},
        {{"names": ["<none>@<none>", "<none>:<none>"]}},
        {{"names": ["a.example/untagged@{}"]}}, {{}}]}}}}"#,
        digest(1),
        digest(7),
        digest(6),
    );
    let seen = compared(&[node]);
    let told: Vec<String> = seen.on_nodes.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            format!("a.example/untagged@{}", digest(6)),
            "docker.io/rancher/mirrored-pause:3.6".to_owned(),
        ]
    );
    assert!(seen.is_established());
}
