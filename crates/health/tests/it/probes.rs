//! Probes leave nothing behind, whatever comes between.

use std::time::Duration;

use airlock_health::{Status, check, select};
use serde_json::json;

use crate::failures::{in_runtime, is_clean, runtime};
use crate::server::Server;
use crate::world::{CORE, Kubelet, fake, good, question};

#[test]
fn nothing_is_made_unless_it_is_asked_for() {
    let server = Server::start(good());
    let mut question = question(fake());
    question.probe = None;
    let report = in_runtime(&server, &question);
    assert_eq!(report.summary.skipped, 3, "{}", report.text());
    let asked = server.asked();
    assert!(asked.iter().all(|asked| asked.starts_with("GET ")), "{asked:?}");
}

/// Stopped at any moment: what was made is removed.
#[test]
fn an_interrupted_probe_removes_what_it_has_made() {
    for after in [0, 20, 60, 150, 400, 900, 1500] {
        let mut world = good();
        world.kubelet = Kubelet::Idle;
        world.no_account = 1;
        let server = Server::start(world);
        let mut question = question(fake());
        question.probe.as_mut().unwrap().patience = Duration::from_mins(1);
        question.selection = select(&["probe".to_owned()]).unwrap();
        let stop = tokio::time::Duration::from_millis(after);
        let report = runtime().block_on(async {
            check(&server.client(), &question, &mut |_| {}, tokio::time::sleep(stop)).await
        });
        assert!(
            report
                .checks
                .iter()
                .all(|one| one.status == Status::NotEstablished),
            "{}",
            report.text()
        );
        is_clean(&server.world());
    }
}

#[test]
fn what_a_killed_run_has_left_is_removed_by_the_next() {
    let mut world = good();
    world.objects.push((
        CORE,
        "namespaces",
        json!({"metadata": {"name": "airlock-probe-old", "labels": {"airlock.dev/probe": "true"}}}),
    ));
    world.no_account = 2;
    let server = Server::start(world);
    let report = in_runtime(&server, &question(fake()));
    assert_eq!(report.summary.fail, 0, "{}", report.text());
    is_clean(&server.world());
    let asked = server.asked();
    assert!(
        asked.contains(&"DELETE /api/v1/namespaces/airlock-probe-old".to_owned()),
        "{asked:?}"
    );
}

#[test]
fn what_cannot_be_made_or_removed_is_told() {
    let mut world = good();
    world.no_namespaces = true;
    let server = Server::start(world);
    let report = in_runtime(&server, &question(fake()));
    let pull = report.checks.iter().find(|one| one.id == "probe.pull").unwrap();
    assert_eq!(pull.status, Status::NotEstablished);
    assert!(
        pull.evidence.contains("no namespaces on Sundays"),
        "{}",
        pull.evidence
    );

    let mut world = good();
    world.keeps_namespaces = true;
    let server = Server::start(world);
    let report = in_runtime(&server, &question(fake()));
    let network = report
        .checks
        .iter()
        .find(|one| one.id == "probe.network")
        .unwrap();
    assert_eq!(network.status, Status::Fail);
    assert!(
        network
            .evidence
            .contains("airlock-probe-0123abcd could not be removed"),
        "{}",
        network.evidence
    );

    // Nothing to probe with.
    let server = Server::start(good());
    let mut question = question(fake());
    question.expected.images.as_mut().unwrap().remove(0);
    let report = in_runtime(&server, &question);
    let pull = report.checks.iter().find(|one| one.id == "probe.pull").unwrap();
    assert_eq!(pull.status, Status::NotEstablished, "{}", report.text());
    assert!(pull.remedy.as_deref().unwrap().contains("--probe-image"));
}

#[test]
fn pods_that_never_start_end_the_probe_in_time() {
    let mut world = good();
    world.kubelet = Kubelet::Idle;
    let server = Server::start(world);
    let report = in_runtime(&server, &question(fake()));
    let of = |id: &str| report.checks.iter().find(|one| one.id == id).unwrap();
    assert_eq!(of("probe.pull").status, Status::Fail);
    assert!(
        of("probe.pull")
            .evidence
            .contains("not pulled within 3 s on n1; n2"),
        "{}",
        of("probe.pull").evidence
    );
    assert_eq!(of("probe.network").status, Status::NotEstablished);
    is_clean(&server.world());
}

/// As Pod Security wants it at its strictest, and bounded in time should nobody come back.
#[test]
fn probes_ask_for_nothing_that_they_do_not_need() {
    let server = Server::start(good());
    {
        // The pods are kept to be looked at.
        server.world().keeps_namespaces = true;
    }
    in_runtime(&server, &question(fake()));
    let world = server.world();
    let pods = world
        .objects
        .iter()
        .filter(|object| object.2["metadata"]["namespace"] == "airlock-probe-0123abcd");
    let pods: Vec<_> = pods.map(|object| &object.2["spec"]).collect();
    assert_eq!(pods.len(), 6);
    for spec in pods {
        let container = &spec["containers"][0];
        assert_eq!(spec["securityContext"]["runAsNonRoot"], true);
        assert_eq!(
            spec["securityContext"]["seccompProfile"]["type"],
            "RuntimeDefault"
        );
        assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
        assert_eq!(
            container["securityContext"]["capabilities"]["drop"],
            json!(["ALL"])
        );
        assert_eq!(spec["automountServiceAccountToken"], false);
        assert!(spec["activeDeadlineSeconds"].as_i64().unwrap() <= 600);
    }
}
