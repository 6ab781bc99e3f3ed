//! Servers that are not what they seem: everything ends, and no secret is shown.

use std::future::pending;
use std::time::{Duration, Instant};

use airlock_health::{AccessError, Client, Status, check};

use crate::failures::{in_runtime, runtime};
use crate::server::{Manner, Server, TOKEN};
use crate::world::{fake, good, question};

#[test]
fn servers_that_say_nothing_or_nonsense_end_in_time() {
    let says = |text: &str| Manner::Says(text.as_bytes().to_vec());
    for (manner, evidence) in [
        (Manner::Silent, "does not answer within 1 s"),
        (Manner::Deaf, "does not answer within 1 s"),
        (says("SSH-2.0-OpenSSH_9\r\n"), "cannot be reached"),
        (
            says("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"),
            "no version",
        ),
        (
            says("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]"),
            "no version",
        ),
        (
            says("HTTP/1.1 301 x\r\nlocation: https://example.com/\r\ncontent-length: 0\r\n\r\n"),
            "answers 301",
        ),
        (
            says("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"),
            "cannot be reached",
        ),
        (Manner::Endless, ""),
    ] {
        let server = Server::with(good(), manner.clone(), (2020, 2090));
        let mut access = server.access();
        access.patience = Duration::from_secs(1);
        let start = Instant::now();
        let report = runtime().block_on(async {
            let client = Client::new(access).unwrap();
            check(&client, &question(fake()), &mut |_| {}, pending()).await
        });
        // Every check waits once at most.
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "{manner:?}: {:?}",
            start.elapsed()
        );
        let first = &report.checks[0];
        assert_eq!(
            (first.id, first.status),
            ("api.answers", Status::Fail),
            "{manner:?}: {}",
            report.text()
        );
        assert!(
            first.evidence.contains(evidence),
            "{manner:?}: {}",
            first.evidence
        );
        let others = report.checks.iter().skip(1);
        // What the node itself knows is known all the same.
        assert!(
            others
                .filter(|one| one.status != Status::NotEstablished)
                .all(|one| ["node.certificates", "api.certificate"].contains(&one.id)
                    || one.status == Status::Fail),
            "{manner:?}: {}",
            report.text()
        );
    }
}

#[test]
fn nobody_there_is_told_once() {
    let server = Server::start(good());
    let access = server.access();
    let report = runtime().block_on(async {
        let client = Client::new(access).unwrap();
        drop(server);
        tokio::time::sleep(Duration::from_millis(100)).await;
        check(&client, &question(fake()), &mut |_| {}, pending()).await
    });
    assert_eq!(report.checks[0].status, Status::Fail);
    assert_eq!(report.summary.fail, 1, "{}", report.text());
}

#[test]
fn whoever_is_not_trusted_is_not_asked() {
    let (server, other) = (Server::start(good()), Server::start(good()));
    let mut access = server.access();
    access.authority = Some(other.https.authority.clone().into_bytes());
    let report = runtime().block_on(async {
        let client = Client::new(access).unwrap();
        check(&client, &question(fake()), &mut |_| {}, pending()).await
    });
    assert_eq!(report.checks[0].status, Status::Fail, "{}", report.text());
    assert!(
        report.checks[0].evidence.contains("certificate"),
        "{}",
        report.text()
    );
    assert!(server.asked().is_empty(), "{:?}", server.asked());
}

/// A token opens as a certificate does; a wrong one is repeated by the server, and by nobody else.
#[test]
fn tokens_are_shown_nowhere() {
    let server = Server::start(good());
    for (token, status) in [(TOKEN, Status::Ok), ("wrong-swordfish-token", Status::Fail)] {
        let mut access = server.access();
        access.identity = None;
        access.token = Some(token.to_owned().into());
        let mut seen = format!("{access:?}");
        let report = runtime().block_on(async {
            let client = Client::new(access).unwrap();
            seen.push_str(&format!("{client:?}"));
            check(&client, &question(fake()), &mut |_| {}, pending()).await
        });
        assert_eq!(report.checks[0].status, status, "{}", report.text());
        seen.push_str(&format!("{report:?}{}", report.text()));
        assert!(!seen.contains(token), "{seen}");
    }
    // Denied things repeat the question too.
    let mut world = good();
    world.denied.push("/api");
    let server = Server::start(world);
    let mut access = server.access();
    access.token = Some(TOKEN.to_owned().into());
    let report = runtime().block_on(async {
        let client = Client::new(access).unwrap();
        check(&client, &question(fake()), &mut |_| {}, pending()).await
    });
    assert!(!report.text().contains(TOKEN), "{}", report.text());
}

#[test]
fn what_is_no_certificate_or_key_is_refused_without_repeating_it() {
    let server = Server::start(good());
    let runtime = runtime();
    let _inside = runtime.enter();
    let mut access = server.access();
    access.authority = Some(b"swordfish".to_vec());
    assert!(matches!(Client::new(access), Err(AccessError::Authority)));
    for identity in [
        "swordfish",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ] {
        let mut access = server.access();
        access.identity = Some(identity.to_owned().into());
        let error = Client::new(access).unwrap_err();
        assert!(matches!(error, AccessError::Identity));
        assert!(!format!("{error}{error:?}").contains("AAAA"));
    }
}

/// What a cluster says cannot steer a terminal, and not flood it.
#[test]
fn foreign_text_in_objects_is_one_line() {
    let mut world = good();
    world.at("pods", "app-1")["status"] = serde_json::json!({"phase": "\u{1b}[2J\n".repeat(100_000)});
    let server = Server::start(world);
    let report = in_runtime(&server, &question(fake()));
    let text = report.text();
    assert!(text.len() < 20_000 && !text.contains('\u{1b}'), "{}", text.len());
}
