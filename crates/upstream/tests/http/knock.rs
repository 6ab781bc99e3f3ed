//! Why a registry lets nobody in, told apart.

use std::time::{Duration, SystemTime};

use airlock_testkit::{Auth, Options};
use airlock_upstream::{Config, KnockError, Knocked, NoAnswer, Secret, knock};

use crate::{quick, serve};

async fn ask(url: &str, config: Config, password: Option<&str>) -> Result<Knocked, KnockError> {
    let password = password.map(Secret::new);
    let credential = password.as_ref().map(|password| ("ci", password));
    knock(config, &url.parse().unwrap(), credential).await
}

#[track_caller]
fn refused(result: Result<Knocked, KnockError>, reason: NoAnswer) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.reason(), reason, "{error:?}");
    error.detail()
}

#[tokio::test]
async fn credentials_that_are_right_wrong_and_missing() {
    let basic = Auth::Basic {
        user: "ci".to_owned(),
        password: "right".to_owned(),
    };
    let token = Auth::Token {
        credentials: Some(("ci".to_owned(), "right".to_owned())),
        identity_token: None,
        expires_in: None,
    };
    for auth in [basic, token] {
        let server = serve(
            Options {
                auth,
                ..Options::default()
            },
            |_| {},
        )
        .await;
        let url = server.url("");
        assert_eq!(ask(&url, quick(), Some("right")).await.unwrap().status, 200);
        for password in [Some("wrong"), None] {
            match ask(&url, quick(), password).await {
                Ok(knocked) => assert_eq!(knocked.status, 401),
                // A token service that denies is not the registry.
                Err(error) => assert!(error.to_string().contains("credentials"), "{error}"),
            }
        }
    }
}

#[tokio::test]
async fn certificates() {
    let options = Options {
        tls: true,
        ..Options::default()
    };
    let server = serve(options, |_| {}).await;
    let trusting = || Config {
        authorities: vec![server.authority().unwrap().as_bytes().to_vec()],
        ..quick()
    };
    let url = server.url("/");
    assert_eq!(ask(&url, trusting(), None).await.unwrap().status, 200);
    refused(ask(&url, quick(), None).await, NoAnswer::UnknownAuthority);
    // `127.0.0.2` is the same machine, and not in the certificate.
    let detail = refused(
        ask(&url.replace("127.0.0.1", "127.0.0.2"), trusting(), None).await,
        NoAnswer::Refused,
    );
    assert!(detail.contains("refused"), "{detail}");
    let nonsense = Config {
        authorities: vec![b"nonsense".to_vec()],
        ..quick()
    };
    assert!(matches!(
        ask(&url, nonsense, None).await,
        Err(KnockError::Config(_))
    ));
}

#[tokio::test]
async fn nobody_and_no_tls() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    refused(
        ask(&format!("https://{free}"), quick(), None).await,
        NoAnswer::Refused,
    );
    let server = serve(Options::default(), |_| {}).await;
    let url = server.url("").replace("http://", "https://");
    refused(ask(&url, quick(), None).await, NoAnswer::NotTls);
    // Someone who listens and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = Config {
        stall_timeout: Duration::from_millis(300),
        ..quick()
    };
    let url = format!("http://{}", silent.local_addr().unwrap());
    refused(ask(&url, config, None).await, NoAnswer::TimedOut);
}

#[tokio::test]
async fn the_time_of_a_registry_is_read() {
    let server = serve(Options::default(), |_| {}).await;
    let knocked = ask(&server.url(""), quick(), None).await.unwrap();
    assert!(knocked.is_registry);
    if let Some(date) = knocked.date {
        let apart = SystemTime::now().duration_since(date).unwrap_or_default();
        assert!(apart < Duration::from_mins(1), "{apart:?}");
    }
}
