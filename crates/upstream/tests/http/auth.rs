use std::sync::Arc;

use airlock_content::{MetadataSource, SourceErrorKind};
use airlock_testkit::{Action, Auth, FakeUpstream, Fault, Listener, Options, image};
use airlock_upstream::{
    AuthFile, Credential, CredentialHelper, Credentials, HelperError, HelperFuture, NoHelpers, Secret,
};
use base64::Engine as _;

use crate::{anonymous, client, quick, read, registry, serve, tag, told};

const PASSWORD: &str = "hunter2-and-more";

fn token(credentials: bool) -> Auth {
    Auth::Token {
        credentials: credentials.then(|| ("robot$ci".to_owned(), PASSWORD.to_owned())),
        identity_token: Some("refresh-me".to_owned()),
        expires_in: Some(300),
    }
}

async fn guarded(auth: Auth) -> FakeUpstream {
    serve(
        Options {
            auth,
            ..Options::default()
        },
        |content| {
            for name in ["acme/app", "acme/other"] {
                content.push(name, "v1", &image("app", "linux/amd64"));
            }
        },
    )
    .await
}

/// Credentials as a file holds them.
fn logged_in(server: &FakeUpstream, password: &str) -> Credentials {
    known_to(&server.host(), &format!("robot$ci:{password}"))
}

/// A user and password for one host.
pub(crate) fn known_to(host: &str, secret: &str) -> Credentials {
    let auth = base64::engine::general_purpose::STANDARD.encode(secret);
    let text = format!(r#"{{"auths": {{"{host}": {{"auth": "{auth}"}}}}}}"#);
    Credentials::new(vec![AuthFile::parse(&text).unwrap()], Arc::new(NoHelpers))
}

#[tokio::test]
async fn anonymous_tokens_are_fetched_once_per_repository() {
    let server = guarded(token(false)).await;
    let upstream = anonymous();
    let app = registry(&server, "acme/app");
    let (v1, other) = (tag("v1"), registry(&server, "acme/other"));
    // Many at once share one token.
    let many = (0..8).map(|_| upstream.manifest(&app, &v1));
    assert!(futures::future::join_all(many).await.iter().all(Result::is_ok));
    assert_eq!(server.requests("/token").len(), 1);
    upstream.manifest(&app, &v1).await.unwrap();
    upstream.manifest(&other, &v1).await.unwrap();
    let asked = server.requests("/token");
    assert_eq!(asked.len(), 2);
    assert_eq!(
        asked[1].query,
        "service=test%2C+with+a+comma&scope=repository%3Aacme%2Fother%3Apull"
    );
    assert_eq!(asked[0].header("authorization"), "");
}

#[tokio::test]
async fn a_worthless_token_is_replaced_once() {
    let server = guarded(token(true)).await;
    let upstream = client(quick(), logged_in(&server, PASSWORD));
    let app = registry(&server, "acme/app");
    upstream.manifest(&app, &tag("v1")).await.unwrap();
    server.revoke_tokens();
    upstream.manifest(&app, &tag("v1")).await.unwrap();
    assert_eq!(server.requests("/token").len(), 2);
    // A registry that refuses fresh tokens is not asked for ever.
    server.clear_log();
    let challenge = format!(
        "Bearer realm=\"{}\",service=\"test, with a comma\"",
        server.url("/token")
    );
    let refuse = Action::StatusWith(401, vec![("www-authenticate", challenge)]);
    server.fault(Fault::on("/v2/*/manifests/*", refuse));
    let error = upstream.manifest(&app, &tag("v1")).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Denied);
    assert_eq!(server.requests("/manifests/").len(), 2);
}

#[tokio::test]
async fn wrong_and_missing_credentials_are_told_apart_and_not_told() {
    let server = guarded(token(true)).await;
    let app = registry(&server, "acme/app");
    let wrong = client(quick(), logged_in(&server, "wrong-secret"));
    let error = wrong.manifest(&app, &tag("v1")).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Denied);
    let text = format!("{}{error:?}", told(&error));
    assert!(
        text.contains("refuses the credentials") && text.contains("podman login"),
        "{text}"
    );
    assert!(!text.contains("wrong-secret"), "{text}");
    let error = anonymous().manifest(&app, &tag("v1")).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Denied);
    assert!(error.to_string().contains("wants credentials"), "{error}");
}

#[tokio::test]
async fn identity_tokens_are_exchanged() {
    let server = guarded(token(true)).await;
    let credential = Credential::IdentityToken(Secret::new("refresh-me"));
    let credentials = Credentials::none().with(&server.host(), credential);
    let upstream = client(quick(), credentials);
    upstream
        .manifest(&registry(&server, "acme/app"), &tag("v1"))
        .await
        .unwrap();
    let asked = server.requests("/token");
    assert_eq!((asked[0].method.as_str(), asked[0].query.as_str()), ("POST", ""));
}

/// A refresh token is good for everything, so its form goes to the address named and nowhere else.
#[tokio::test]
async fn identity_tokens_follow_no_redirect() {
    let server = guarded(token(true)).await;
    let there = format!("http://{}/token", server.cdn_host());
    server.fault(Fault::on("/token", Action::Redirect(there)).listener(Listener::Main));
    let credential = Credential::IdentityToken(Secret::new("refresh-me"));
    let credentials = Credentials::none().with(&server.host(), credential);
    let error = client(quick(), credentials)
        .manifest(&registry(&server, "acme/app"), &tag("v1"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("(307"), "{error}");
    assert!(server.log().iter().all(|entry| entry.listener == Listener::Main));
}

#[tokio::test]
async fn basic() {
    let auth = Auth::Basic {
        user: "robot$ci".into(),
        password: PASSWORD.into(),
    };
    let server = guarded(auth).await;
    let app = registry(&server, "acme/app");
    let upstream = client(quick(), logged_in(&server, PASSWORD));
    upstream.manifest(&app, &tag("v1")).await.unwrap();
    upstream.manifest(&app, &tag("v1")).await.unwrap();
    let refused = server
        .requests("/manifests/")
        .iter()
        .filter(|entry| entry.status == 401)
        .count();
    assert_eq!(refused, 1);
    let wrong = client(quick(), logged_in(&server, "wrong"));
    // What was refused before is presented again, but not twice in a row: accounts are locked for less.
    for requests in [2, 1] {
        server.clear_log();
        let error = wrong.manifest(&app, &tag("v1")).await.unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Denied);
        assert_eq!(server.requests("/manifests/").len(), requests);
    }
}

#[tokio::test]
async fn credentials_stay_at_home() {
    let options = Options {
        auth: token(true),
        redirect_blobs: true,
        ..Options::default()
    };
    let app = image("app", "linux/amd64");
    let server = serve(options, |content| content.push("acme/app", "v1", &app)).await;
    let upstream = client(quick(), logged_in(&server, PASSWORD));
    let origin = registry(&server, "acme/app");
    let layer = &app.blobs[1];
    // The other host refuses requests with credentials, so this works only without.
    let got = read(&upstream, &origin, &layer.descriptor(), 0).await.unwrap();
    assert_eq!(got, layer.bytes);
    for entry in server
        .log()
        .iter()
        .filter(|entry| entry.listener == Listener::Cdn)
    {
        assert_eq!(entry.header("authorization"), "");
    }
    // And the signature of the other host's address is told to nobody.
    server.fault(Fault::on("*", Action::Status(403)).listener(Listener::Cdn));
    let error = read(&upstream, &origin, &layer.descriptor(), 0)
        .await
        .unwrap_err();
    let text = format!("{}{error:?}", told(&error));
    assert!(
        text.contains(&server.cdn_host()) && !text.contains("secret-of-the-cdn"),
        "{text}"
    );
    // A round trip through it does not bring them back.
    server.heal();
    server.clear_log();
    let back = server.url("/v2/acme/app/manifests/v1");
    let there = format!("http://{}/away", server.cdn_host());
    server.fault(Fault::on("*", Action::Redirect(back)).listener(Listener::Cdn));
    server.fault(Fault::on("*/manifests/*", Action::Redirect(there)).listener(Listener::Main));
    let error = upstream.manifest(&origin, &tag("v1")).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unsupported);
    let log = server.log();
    assert!(log.len() > 4 && log[0].header("authorization").starts_with("Bearer"));
    assert!(
        log[1..]
            .iter()
            .all(|entry| entry.header("authorization").is_empty())
    );
}

/// Who asks for credentials says where they are to be sent, so only the host that they are for may ask.
#[tokio::test]
async fn another_host_cannot_ask_for_credentials() {
    let options = Options {
        auth: token(true),
        redirect_blobs: true,
        ..Options::default()
    };
    let app = image("app", "linux/amd64");
    let server = serve(options, |content| content.push("acme/app", "v1", &app)).await;
    let challenge = format!(
        "Bearer realm=\"http://{}/token\",service=\"x\"",
        server.cdn_host()
    );
    let ask = Action::StatusWith(401, vec![("www-authenticate", challenge)]);
    server.fault(Fault::on("*", ask).listener(Listener::Cdn));
    let upstream = client(quick(), logged_in(&server, PASSWORD));
    let origin = registry(&server, "acme/app");
    // From here on there is a token, so that the answer of the other host is the first one.
    upstream.manifest(&origin, &tag("v1")).await.unwrap();
    let error = read(&upstream, &origin, &app.blobs[1].descriptor(), 0).await;
    assert_eq!(error.unwrap_err().kind, SourceErrorKind::Denied);
    let log = server.log();
    let mut there = log.iter().filter(|entry| entry.listener == Listener::Cdn);
    assert_eq!(there.clone().count(), 1);
    assert!(there.all(|entry| entry.header("authorization").is_empty() && entry.path != "/token"));
}

/// Two registries that have a repository of the same name.
#[tokio::test]
async fn a_token_of_one_host_is_not_shown_to_another() {
    let (one, other) = (guarded(token(false)).await, guarded(token(false)).await);
    let upstream = anonymous();
    for server in [&one, &other] {
        let app = registry(server, "acme/app");
        upstream.manifest(&app, &tag("v1")).await.unwrap();
    }
    let first = other.requests("/manifests/").remove(0);
    assert_eq!((first.status, first.header("authorization")), (401, ""));
}

#[tokio::test]
async fn an_endless_token_is_not_read() {
    let server = guarded(token(true)).await;
    let long = format!("{{\"token\": {}\"t\"}}", " ".repeat(2 << 20));
    server.fault(Fault::on("/token", Action::Body(long.into())));
    let upstream = client(quick(), logged_in(&server, PASSWORD));
    let error = upstream
        .manifest(&registry(&server, "acme/app"), &tag("v1"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("gives no token"), "{error}");
}

/// The error of a parser may quote what it could not read.
#[tokio::test]
async fn a_token_that_cannot_be_read_is_not_shown() {
    let server = guarded(token(true)).await;
    for answer in [
        "{\"token\": 17, \"access_token\": \"hush-hush\"}",
        "\"hush-hush\"",
        "hush-hush",
    ] {
        server.heal();
        server.fault(Fault::on("/token", Action::Body(answer.into())));
        let upstream = client(quick(), logged_in(&server, PASSWORD));
        let error = upstream
            .manifest(&registry(&server, "acme/app"), &tag("v1"))
            .await
            .unwrap_err();
        let text = format!("{}{error:?}", told(&error));
        assert!(
            text.contains("gives no token") && !text.contains("hush-hush"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_token_service_without_tls_gets_nothing() {
    let server = guarded(token(true)).await;
    let challenge = "Bearer realm=\"http://auth.example/token\",service=\"x\"".to_owned();
    server.fault(Fault::on(
        "/v2/*/manifests/*",
        Action::StatusWith(401, vec![("www-authenticate", challenge)]),
    ));
    let upstream = client(quick(), logged_in(&server, PASSWORD));
    let error = upstream
        .manifest(&registry(&server, "acme/app"), &tag("v1"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Denied);
    assert!(error.to_string().contains("without TLS"), "{error}");
}

struct Broken;

impl CredentialHelper for Broken {
    fn get<'a>(&'a self, helper: &'a str, _: &'a str) -> HelperFuture<'a> {
        let program = helper.to_owned();
        Box::pin(async move { Err(HelperError::Timeout { program }) })
    }
}

#[tokio::test]
async fn a_broken_helper_is_told_and_nothing_is_asked_for_anonymously() {
    let server = guarded(token(false)).await;
    let file = AuthFile::parse(r#"{"credsStore": "desktop"}"#).unwrap();
    let upstream = client(quick(), Credentials::new(vec![file], Arc::new(Broken)));
    let error = upstream
        .manifest(&registry(&server, "acme/app"), &tag("v1"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Denied);
    let text = told(&error);
    assert!(
        text.contains("the credential helper does not answer: desktop"),
        "{text}"
    );
    assert!(server.requests("/token").is_empty());
}

#[test]
fn nothing_prints_secrets() {
    let secret = Secret::new(PASSWORD);
    let credential = Credential::Password {
        user: "u".into(),
        password: secret.clone(),
    };
    let config = airlock_upstream::Proxies {
        https: Some(format!("http://u:{PASSWORD}@proxy.example:3128").parse().unwrap()),
        ..Default::default()
    };
    let text = format!("{secret} {secret:?} {credential:?} {config:?}");
    assert!(
        !text.contains(PASSWORD) && text.contains("proxy.example"),
        "{text}"
    );
}
