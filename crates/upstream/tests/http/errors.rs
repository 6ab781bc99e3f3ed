//! What a stranger reads when things go wrong.

use airlock_content::{MetadataSource, SourceErrorKind};
use airlock_testkit::{Action, Fault, Options, image};
use airlock_upstream::{Config, ConfigError, Credentials, Upstream};

use crate::{Notes, anonymous, client, quick, registry, serve, tag, told};

#[tokio::test]
async fn nobody_there() {
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let origin = airlock_content::Origin::Registry(format!("{free}/acme/app").parse().unwrap());
    let notes = std::sync::Arc::new(Notes::default());
    let upstream = Upstream::new(quick(), Credentials::none(), notes.clone()).unwrap();
    let error = upstream.manifest(&origin, &tag("v1")).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unreachable);
    // Two more tries for the first who asks, none for those who come after.
    assert_eq!(notes.0.lock().unwrap().len(), 2);
    upstream.manifest(&origin, &tag("v1")).await.unwrap_err();
    assert_eq!(notes.0.lock().unwrap().len(), 2);
    let text = told(&error);
    assert!(
        text.starts_with(&format!("error: {free} cannot be reached: {free}/acme/app:v1\n")),
        "{text}"
    );
    assert!(text.contains("Connection refused"), "{text}");
    assert!(
        text.contains("hint: check the name") && text.contains("--insecure"),
        "{text}"
    );
}

/// The address of a request may hold a secret, and the errors of the HTTP library hold the address.
#[tokio::test]
async fn addresses_in_causes_are_not_shown() {
    let server = serve(Options::default(), |_| {}).await;
    server.fault(Fault::on("*", Action::Close));
    for url in [
        "http://127.0.0.1:1/x?signature=hush-hush".to_owned(),
        server.url("/x?signature=hush-hush"),
    ] {
        let error = anonymous().document(&url.parse().unwrap(), 10).await.unwrap_err();
        let text = format!("{}{error:?}", told(&error));
        assert!(text.contains("cause: ") && !text.contains("hush-hush"), "{text}");
    }
}

#[tokio::test]
async fn unknown_authority() {
    let options = Options {
        tls: true,
        ..Options::default()
    };
    let server = serve(options, |content| {
        content.push("a", "v1", &image("a", "linux/amd64"));
    })
    .await;
    let error = anonymous()
        .manifest(&registry(&server, "a"), &tag("v1"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unreachable);
    let text = told(&error);
    assert!(
        text.contains("is not trusted") && text.contains("--ca FILE"),
        "{text}"
    );
    assert!(server.log().is_empty());
}

#[tokio::test]
async fn not_found_says_what_the_registry_says() {
    let server = serve(Options::default(), |_| {}).await;
    let error = anonymous()
        .manifest(&registry(&server, "acme/app"), &tag("v1"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::NotFound);
    let text = told(&error);
    assert!(text.contains("cause: the server says: NAME_UNKNOWN"), "{text}");
}

#[tokio::test]
async fn redirects_in_circles_and_downwards() {
    let server = serve(Options::default(), |_| {}).await;
    server.fault(Fault::on("*", Action::RedirectLoop));
    let error = anonymous()
        .manifest(&registry(&server, "a"), &tag("v1"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("in circles"), "{error}");
    assert_eq!(server.requests("/manifests/").len(), 11);

    let options = Options {
        tls: true,
        ..Options::default()
    };
    let secure = serve(options, |_| {}).await;
    secure.fault(Fault::on("/v2/a/*", Action::Redirect(server.url("/x"))));
    let config = Config {
        authorities: vec![secure.authority().unwrap().into()],
        ..quick()
    };
    let error = client(config, Credentials::none())
        .manifest(&registry(&secure, "a"), &tag("v1"))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("redirects from HTTPS to http"),
        "{error}"
    );
    assert!(server.requests("/x").is_empty());
}

#[tokio::test]
async fn retries_are_reported() {
    let server = serve(Options::default(), |content| {
        content.push("a", "v1", &image("a", "linux/amd64"));
    })
    .await;
    server.fault(Fault::on("*/manifests/*", Action::Status(503)).times(1));
    let notes = std::sync::Arc::new(Notes::default());
    let upstream = Upstream::new(quick(), Credentials::none(), notes.clone()).unwrap();
    upstream
        .manifest(&registry(&server, "a"), &tag("v1"))
        .await
        .unwrap();
    let notes = notes.0.lock().unwrap();
    assert_eq!(notes.len(), 1);
    assert!(
        notes[0].starts_with("Retry") && notes[0].contains("503"),
        "{notes:?}"
    );
}

#[test]
fn a_wrong_authority_is_told_at_once() {
    for pem in [
        "",
        "not a certificate",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let config = Config {
            authorities: vec![pem.into()],
            ..Config::default()
        };
        let error = Upstream::new(config, Credentials::none(), std::sync::Arc::new(Notes::default())).err();
        assert!(matches!(error, Some(ConfigError::Authority(_))), "{pem:?}");
    }
}
