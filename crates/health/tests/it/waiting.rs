//! Waiting: for what comes late, not for what never comes, and never for ever.

use std::time::{Duration, Instant};

use airlock_health::{Awaited, Patience, Progress, Release, WaitError, retry, wait};
use serde_json::json;

use crate::failures::runtime;
use crate::server::Server;
use crate::world::{K3S, World, app, good};

const PATIENCE: Patience = Patience {
    all: Duration::from_secs(5),
    between: Duration::from_millis(20),
};

fn waited(world: World, what: &[Awaited], patience: Patience) -> (Result<(), WaitError>, Vec<String>) {
    let server = Server::start(world);
    let mut states = Vec::new();
    let mut observer = |progress: Progress| states.push(format!("{}: {}", progress.what, progress.state));
    let result = runtime().block_on(async { wait(&server.client(), what, patience, &mut observer).await });
    (result, states)
}

fn node(version: Option<&str>) -> Awaited {
    Awaited::Node {
        name: "n1".to_owned(),
        version: version.map(str::to_owned),
    }
}

#[test]
fn what_comes_late_is_waited_for() {
    let mut world = good();
    world.broken = 3;
    world.story = Some(|world| {
        if world.time == 4 {
            world.readyz.0 = 500;
        }
        if world.time == 7 {
            world.readyz.0 = 200;
        }
    });
    let what = [Awaited::Api, node(Some(K3S)), Awaited::Release(app())];
    let (result, states) = waited(world, &what, PATIENCE);
    assert_eq!(result, Ok(()), "{states:?}");
    assert_eq!(states.first().unwrap(), "the API server: it is not ready (503)");
    assert!(
        states.contains(&"the API server: it is not ready (500)".to_owned()),
        "{states:?}"
    );
    assert_eq!(
        states
            .iter()
            .filter(|state| state.ends_with("it is there"))
            .count(),
        3,
        "{states:?}"
    );
}

/// A chart as it is installed: resource, job, release, each a while after the other.
#[test]
fn a_release_is_followed_from_its_manifest_to_its_end() {
    let mut world = good();
    let chart = world.at("helmcharts", "app").clone();
    let job = world.at("jobs", "helm-install-app").clone();
    world.remove("helmcharts", "app");
    world.at("jobs", "helm-install-app")["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] =
        "old.tgz".into();
    let mut old = chart.clone();
    old["metadata"]["annotations"] = json!({});
    // Each as a hidden object that the story brings out.
    world
        .objects
        .push(("", "story", json!({"metadata": {"name": "old"}, "is": old})));
    world
        .objects
        .push(("", "story", json!({"metadata": {"name": "chart"}, "is": chart})));
    world
        .objects
        .push(("", "story", json!({"metadata": {"name": "job"}, "is": job})));
    world.story = Some(|world| {
        let is = |world: &mut World, name: &str| world.at("story", name)["is"].clone();
        match world.time {
            3 => {
                let old = is(world, "old");
                world.objects.push((crate::world::HELM, "helmcharts", old));
            }
            6 => *world.at("helmcharts", "app") = is(world, "chart"),
            12 => {
                let mut job = is(world, "job");
                job["status"] = json!({"active": 1});
                *world.at("jobs", "helm-install-app") = job;
            }
            24 => *world.at("jobs", "helm-install-app") = is(world, "job"),
            _ => {}
        }
    });
    let (result, states) = waited(world, &[Awaited::Release(app())], PATIENCE);
    assert_eq!(result, Ok(()));
    assert_eq!(
        states,
        [
            "the release app: k3s has not applied its manifest",
            "the release app: k3s has not applied its manifest as it is now",
            "the release app: its job is still the one for another chart",
            "the release app: its job is under way",
            "the release app: it is deployed, which is looked at once more",
            "the release app: it is there",
        ]
    );
}

#[test]
fn what_has_failed_is_not_waited_for() {
    let mut world = good();
    world.at("helmcharts", "app")["status"]["conditions"] =
        json!([{"type": "Failed", "status": "True", "reason": "Job failed", "message": "enough"}]);
    let start = Instant::now();
    let (result, _) = waited(world, &[Awaited::Release(app())], PATIENCE);
    assert_eq!(
        result.unwrap_err().to_string(),
        "the release app has failed: Job failed: enough"
    );
    assert!(start.elapsed() < Duration::from_secs(4));
}

/// Values that were wrong and are mended: the failure of before is still told for a moment.
#[test]
fn a_failure_of_before_is_not_taken_for_one_of_now() {
    let mut world = good();
    world.at("helmcharts", "app")["status"]["conditions"] =
        json!([{"type": "Failed", "status": "True", "reason": "Job failed", "message": "enough"}]);
    world.story = Some(|world| {
        if world.time == 4 {
            world.at("helmcharts", "app")["status"]["conditions"] = json!([]);
        }
    });
    let (result, states) = waited(world, &[Awaited::Release(app())], PATIENCE);
    assert_eq!(result, Ok(()), "{states:?}");
    assert!(
        states[0].contains("enough; that is looked at again"),
        "{states:?}"
    );
}

#[test]
fn only_jobs_that_have_failed_for_good_are_made_anew() {
    let failed = || {
        let mut world = good();
        world.at("jobs", "helm-install-app")["status"] =
            json!({"failed": 3, "conditions": [{"type": "Failed", "status": "True"}]});
        world
    };
    let retried = |world: World, releases: &[Release], times: usize| {
        let server = Server::start(world);
        runtime().block_on(async {
            let client = server.client();
            let mut all = Vec::new();
            for _ in 0..times {
                all.push(retry(&client, releases).await);
            }
            all
        })
    };
    // The second time its job is gone, and the controller has not made another one yet.
    assert_eq!(retried(failed(), &[app()], 2), [vec!["app"], vec![]]);
    assert_eq!(retried(good(), &[app()], 1), [Vec::<String>::new()]);
    // A manifest that k3s has not taken over as it is now brings another job by itself.
    let changed = Release {
        written: Some(("airlock.dev/spec".to_owned(), "sha256:another".to_owned())),
        ..app()
    };
    assert_eq!(retried(failed(), &[changed], 1), [Vec::<String>::new()]);
    let mut denied = failed();
    denied.denied.push("/apis/batch");
    assert_eq!(retried(denied, &[app()], 1), [Vec::<String>::new()]);
}

#[test]
fn waiting_has_an_end_and_says_what_lacks() {
    let patience = Patience {
        all: Duration::from_millis(400),
        ..PATIENCE
    };
    let mut world = good();
    world.remove("nodes", "n1");
    let what = [Awaited::Api, node(None)];
    let (result, _) = waited(world, &what, patience);
    assert_eq!(
        result.unwrap_err().to_string(),
        "not there within 0 s: the node n1: it has not joined the cluster"
    );
    let (result, _) = waited(good(), &[node(Some("v1.35.0+k3s1"))], patience);
    assert!(
        result
            .unwrap_err()
            .to_string()
            .contains("it runs v1.34.5+k3s1, not v1.35.0+k3s1")
    );
    let mut world = good();
    world.denied.push("/api");
    let (result, _) = waited(world, &[node(None)], patience);
    assert!(result.unwrap_err().to_string().contains("denies access"));
}

/// A server that takes the connection and says nothing does not take more than there is.
#[test]
fn a_silent_server_does_not_stretch_the_time() {
    let server = Server::with(good(), crate::server::Manner::Silent, (2020, 2090));
    let start = Instant::now();
    let patience = Patience {
        all: Duration::from_secs(1),
        ..PATIENCE
    };
    let result =
        runtime().block_on(async { wait(&server.client(), &[Awaited::Api], patience, &mut |_| {}).await });
    assert!(matches!(result, Err(WaitError::TooLong { .. })));
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}
