//! The server, asked over a plain socket.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use airlock_testkit::{Action, Auth, FakeUpstream, Fault, Options, Upstream, image};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends one request and returns all that comes back before the connection closes.
async fn ask(server: &FakeUpstream, request: &str) -> String {
    let mut stream = TcpStream::connect(server.host()).await.unwrap();
    let text = format!("{request}\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let _ = tokio::time::timeout(Duration::from_secs(5), read).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

async fn server(options: Options) -> FakeUpstream {
    let mut content = Upstream::new();
    content.push("acme/app", "v1", &image("app", "linux/amd64"));
    for tag in ["v2", "v3"] {
        content.push("acme/app", tag, &image("app", "linux/amd64"));
    }
    content.file("/f", "0123456789");
    FakeUpstream::start(content, options).await.unwrap()
}

#[tokio::test]
async fn answers_manifests_tags_and_ranges() {
    let server = server(Options {
        page_size: 2,
        ..Options::default()
    })
    .await;
    let digest = image("app", "linux/amd64").digest();
    let answer = ask(&server, "GET /v2/acme/app/manifests/v1 HTTP/1.1").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.contains(&format!("docker-content-digest: {digest}")),
        "{answer}"
    );
    let answer = ask(&server, "GET /v2/acme/app/tags/list HTTP/1.1").await;
    assert!(
        answer.contains(r#""tags":["v1","v2"]"#) && answer.contains("last=v2"),
        "{answer}"
    );
    let answer = ask(&server, "GET /f HTTP/1.1\r\nRange: bytes=7-").await;
    assert!(
        answer.starts_with("HTTP/1.1 206") && answer.ends_with("\r\n789"),
        "{answer}"
    );
    let answer = ask(&server, "GET /f HTTP/1.1\r\nRange: bytes=10-").await;
    assert!(answer.starts_with("HTTP/1.1 416"), "{answer}");
    assert!(
        ask(&server, "HEAD /f HTTP/1.1")
            .await
            .contains("content-length: 10")
    );
    assert!(ask(&server, "GET /g HTTP/1.1").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn faults_act_as_often_as_told_and_are_logged() {
    let server = server(Options::default()).await;
    server.fault(Fault::on("/f", Action::Status(503)).times(1));
    server.fault(Fault::on("/f", Action::Reset(3)).after(1).times(1));
    assert!(ask(&server, "GET /f HTTP/1.1").await.starts_with("HTTP/1.1 503"));
    let broken = ask(&server, "GET /f HTTP/1.1").await;
    assert!(
        broken.contains("content-length: 10") && broken.ends_with("\r\n012"),
        "{broken}"
    );
    assert!(ask(&server, "GET /f HTTP/1.1").await.ends_with("0123456789"));
    server.fault(Fault::on("/f", Action::Close));
    assert_eq!(ask(&server, "GET /f HTTP/1.1").await, "");
    let log: Vec<_> = server
        .log()
        .iter()
        .map(|entry| (entry.status, entry.sent))
        .collect();
    assert_eq!(log[1..], [(200, 3), (200, 10), (0, 0)]);
}

#[tokio::test]
async fn tokens_open_one_repository() {
    let auth = Auth::Token {
        credentials: None,
        identity_token: None,
        expires_in: None,
    };
    let server = server(Options {
        auth,
        ..Options::default()
    })
    .await;
    let refused = ask(&server, "GET /v2/acme/app/manifests/v1 HTTP/1.1").await;
    assert!(
        refused.contains("scope=\"repository:acme/app:pull\""),
        "{refused}"
    );
    let answer = ask(
        &server,
        "GET /token?service=test,%20with%20a%20comma&scope=repository:acme/app:pull HTTP/1.1",
    )
    .await;
    assert!(answer.contains(r#""token":"token-1""#), "{answer}");
    let with_token = "GET /v2/acme/app/manifests/v1 HTTP/1.1\r\nAuthorization: Bearer token-1";
    assert!(ask(&server, with_token).await.starts_with("HTTP/1.1 200"));
    server.revoke_tokens();
    assert!(ask(&server, with_token).await.starts_with("HTTP/1.1 401"));
}
