use std::time::{Duration, Instant};

use airlock_content::{MetadataSource, SourceErrorKind};
use airlock_testkit::{Action, FakeUpstream, Fault, Hold, Options, image};
use airlock_upstream::{Config, Credentials};

use crate::{anonymous, client, impatient, quick, registry, serve, tag};

async fn server() -> FakeUpstream {
    serve(Options::default(), |content| {
        content.push("acme/app", "v1", &image("app", "linux/amd64"));
    })
    .await
}

#[tokio::test]
async fn passing_trouble_is_waited_out() {
    let server = server().await;
    let origin = registry(&server, "acme/app");
    for action in [
        Action::Status(500),
        Action::Status(502),
        Action::Status(503),
        Action::Status(504),
        Action::Status(408),
        Action::Status(429),
        Action::Close,
        Action::Reset(10),
        Action::Stall(10),
    ] {
        let stalls = matches!(action, Action::Stall(_));
        let upstream = if stalls { impatient() } else { anonymous() };
        server.heal();
        server.clear_log();
        server.fault(Fault::on("*/manifests/*", action.clone()).times(2));
        let fetched = upstream.manifest(&origin, &tag("v1")).await;
        assert!(fetched.is_ok(), "{action:?}: {fetched:?}");
        assert_eq!(server.requests("/manifests/").len(), 3, "{action:?}");
    }
}

#[tokio::test]
async fn lasting_trouble_ends() {
    let server = server().await;
    let origin = registry(&server, "acme/app");
    for (status, kind) in [
        (503, SourceErrorKind::Unreachable),
        (429, SourceErrorKind::RateLimited),
    ] {
        server.heal();
        server.clear_log();
        server.fault(Fault::on("*/manifests/*", Action::Status(status)));
        let error = anonymous().manifest(&origin, &tag("v1")).await.unwrap_err();
        assert_eq!(error.kind, kind);
        assert_eq!(server.requests("/manifests/").len(), 4);
    }
    // What more tries cannot change is asked once.
    for status in [400, 403, 404, 418] {
        server.heal();
        server.clear_log();
        server.fault(Fault::on("*/manifests/*", Action::Status(status)));
        assert!(anonymous().manifest(&origin, &tag("v1")).await.is_err());
        assert_eq!(server.requests("/manifests/").len(), 1, "{status}");
    }
}

#[tokio::test]
async fn retry_after_holds_for_all_requests_to_the_host() {
    let server = server().await;
    let origin = registry(&server, "acme/app");
    let upstream = anonymous();
    upstream.manifest(&origin, &tag("v1")).await.unwrap();
    let slow = |value: &str, date: &str| {
        Action::StatusWith(
            429,
            vec![("retry-after", value.to_owned()), ("date", date.to_owned())],
        )
    };
    // A date is read against the answer's own: one second from then.
    let action = slow("Sun, 06 Nov 1994 08:49:38 GMT", "Sun, 06 Nov 1994 08:49:37 GMT");
    server.fault(Fault::on("*/manifests/*", action).times(1));
    let start = Instant::now();
    let selector = tag("v1");
    let first = async {
        upstream.manifest(&origin, &selector).await.unwrap();
        start.elapsed()
    };
    let second = async {
        // Starts when the first has been told to wait.
        while server.log().iter().all(|entry| entry.status != 429) {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        upstream.manifest(&origin, &selector).await.unwrap();
        start.elapsed()
    };
    let (first, second) = futures::join!(first, second);
    assert!(first >= Duration::from_millis(990), "{first:?}");
    assert!(second >= Duration::from_millis(990), "{second:?}");
}

#[tokio::test]
async fn too_long_a_pause_is_an_error() {
    let server = server().await;
    let action = Action::StatusWith(429, vec![("retry-after", "86400".into())]);
    server.fault(Fault::on("*/manifests/*", action));
    let error = anonymous()
        .manifest(&registry(&server, "acme/app"), &tag("v1"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::RateLimited);
    assert!(error.hint.unwrap().contains("86400 s"));
    assert_eq!(server.requests("/manifests/").len(), 1);
}

#[tokio::test]
async fn no_more_requests_at_a_time_than_jobs() {
    let server = server().await;
    let origin = registry(&server, "acme/app");
    let drip = Action::Drip(100, Duration::from_millis(2));
    server.fault(Fault::on("*/manifests/*", drip));
    let selector = tag("v1");
    let peak = async |jobs| {
        let upstream = client(Config { jobs, ..quick() }, Credentials::none());
        let many = (0..8).map(|_| upstream.manifest(&origin, &selector));
        let all = futures::future::join_all(many).await;
        assert!(all.iter().all(Result::is_ok));
        server.peak()
    };
    assert_eq!(peak(1).await, 1);
    assert_eq!(peak(3).await, 3);
}

/// Half as many at a time after a burst of refusals or a stall, then one more after each good round.
#[tokio::test]
async fn concurrency_falls_and_rises() {
    const JOBS: usize = 8;
    let refusals = [
        Action::Status(429),
        Action::StatusWith(429, vec![("retry-after", "0".into())]),
        Action::Status(503),
        Action::Status(504),
        Action::Stall(10),
    ];
    for refusal in refusals {
        let server = server().await;
        let origin = registry(&server, "acme/app");
        let stalls = matches!(refusal, Action::Stall(_));
        let hold = Hold::new();
        server.fault(Fault::on("*/manifests/*", refusal.clone()).times(8));
        server.fault(Fault::on("*/manifests/*", Action::Hold(hold.clone())));
        let config = Config {
            jobs: JOBS,
            // Nobody who is merely held may take that for a stall.
            stall_timeout: Duration::from_secs(if stalls { 3 } else { 30 }),
            ..quick()
        };
        let upstream = client(config, Credentials::none());
        let selector = tag("v1");
        let many = (0..4 + 5 + 6 + 7 + 8).map(|_| upstream.manifest(&origin, &selector));
        let conduct = async {
            hold.held(JOBS).await;
            hold.release(JOBS);
            for limit in 4..=JOBS {
                // The refused ones are on their way out; what comes now was let in after the refusal.
                hold.held(limit).await;
                // Nobody else comes; a moment makes sure that nobody else was about to.
                tokio::time::sleep(Duration::from_millis(20)).await;
                assert_eq!(hold.waiting(), limit, "{refusal:?}");
                hold.release(limit);
            }
        };
        let (all, ()) = futures::join!(futures::future::join_all(many), conduct);
        assert!(all.iter().all(Result::is_ok), "{refusal:?}");
    }
}
