use airlock_content::{FileFacts, MetadataSource, Origin, SourceErrorKind, digest_of};
use airlock_testkit::{Action, Auth, Chart, FakeUpstream, Fault, Options, image, noise};
use airlock_types::{Descriptor, Digest};
use airlock_upstream::{Config, Credential, Credentials, Proxies, Secret};
use url::Url;

use crate::{anonymous, client, quick, read, serve, tag, told};

async fn server(auth: Auth) -> FakeUpstream {
    serve(
        Options {
            auth,
            ..Options::default()
        },
        |content| {
            content.chart_repository("/charts", &[Chart::new("web", "1.0.0", "acme/web:1")]);
            content.file_tree("/files", &[("tool", &noise("tool", 100_000))]);
        },
    )
    .await
}

fn url(server: &FakeUpstream, path: &str) -> Url {
    server.url(path).parse().unwrap()
}

#[tokio::test]
async fn documents_have_a_limit() {
    let server = server(Auth::None).await;
    let index = url(&server, "/charts/index.yaml");
    let bytes = anonymous().document(&index, 10_000).await.unwrap();
    assert!(bytes.starts_with(b"apiVersion: v1"));
    let error = anonymous().document(&index, 100).await.unwrap_err();
    assert!(error.to_string().contains("larger than the 100 bytes"), "{error}");
    server.fault(Fault::on("/charts/index.yaml", Action::Gzip));
    assert_eq!(anonymous().document(&index, 10_000).await.unwrap(), bytes);
    let error = anonymous()
        .document(&url(&server, "/nothing"), 100)
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::NotFound);
}

/// One step, and nothing is asked of the place that it leads to.
#[tokio::test]
async fn where_an_address_leads() {
    let server = server(Auth::None).await;
    let asked = url(&server, "/channels/stable");
    let nowhere = "https://releases.invalid/tag/v1.34.5%2Bk3s1";
    let redirect = Action::Redirect(nowhere.to_owned());
    server.fault(Fault::on("/channels/stable", redirect));
    server.fault(Fault::on("/channels/stable", Action::Status(503)).times(1));
    let to = client(quick(), Credentials::none())
        .leads_to(&asked)
        .await
        .unwrap();
    assert_eq!(to.as_str(), nowhere);
    let index = url(&server, "/charts/index.yaml");
    assert_eq!(anonymous().leads_to(&index).await.unwrap(), index);
    let error = anonymous().leads_to(&url(&server, "/nothing")).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::NotFound);
    server.fault(Fault::on("/bad", Action::Redirect("ftp://a.example/".to_owned())));
    let error = anonymous().leads_to(&url(&server, "/bad")).await.unwrap_err();
    assert!(error.to_string().contains("another protocol"), "{error}");
}

#[tokio::test]
async fn an_archive_labelled_as_encoded_is_kept_as_it_is() {
    let server = server(Auth::None).await;
    let chart = Chart::new("web", "1.0.0", "acme/web:1");
    server.fault(Fault::on("*", Action::Header("content-encoding", "gzip".into())));
    let bytes = anonymous()
        .document(&url(&server, "/charts/web-1.0.0.tgz"), 10_000)
        .await
        .unwrap();
    assert_eq!(bytes, chart.archive);
}

#[tokio::test]
async fn facts_of_files() {
    let server = server(Auth::None).await;
    let content = noise("tool", 100_000);
    let origin = Origin::Http(url(&server, "/files/tool"));
    let facts = FileFacts {
        digest: digest_of(&content),
        size: 100_000,
    };
    let methods = || {
        server
            .log()
            .iter()
            .map(|entry| entry.method.clone())
            .collect::<Vec<_>>()
    };
    // A digest at hand: the length is enough.
    assert_eq!(
        anonymous().file(&origin, Some(&facts.digest)).await.unwrap(),
        facts
    );
    assert_eq!(methods(), ["HEAD"]);
    // No digest: everything is read, over breaks too.
    server.fault(Fault::on("/files/tool", Action::Reset(40_000)).times(1));
    assert_eq!(anonymous().file(&origin, None).await.unwrap(), facts);
    assert_eq!(methods(), ["HEAD", "GET", "GET"]);
    // No HEAD, or one without a length: everything is read and compared.
    let sha512 = Digest::Sha512(airlock_hash::sha512(&content));
    server.fault(Fault::on("/files/tool", Action::Status(403)).method("HEAD"));
    assert_eq!(
        anonymous().file(&origin, Some(&sha512)).await.unwrap().digest,
        sha512
    );
    server.heal();
    server.fault(Fault::on("/files/tool", Action::WithoutHeader("content-length")));
    assert_eq!(
        anonymous().file(&origin, Some(&facts.digest)).await.unwrap(),
        facts
    );
    let error = anonymous()
        .file(&origin, Some(&digest_of(b"other")))
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Corrupt);
}

#[tokio::test]
async fn files_are_read_as_blobs() {
    let server = server(Auth::None).await;
    let content = noise("tool", 100_000);
    let origin = Origin::Http(url(&server, "/files/tool"));
    let want = Descriptor::new("application/octet-stream", digest_of(&content), 100_000);
    server.fault(Fault::on("/files/tool", Action::Reset(40_000)).times(1));
    assert_eq!(read(&anonymous(), &origin, &want, 0).await.unwrap(), content);
    assert_eq!(anonymous().blob(&origin, &want, 1 << 20).await.unwrap(), content);
    // Nothing refers to files.
    assert_eq!(anonymous().referrers(&origin, &want.digest).await.unwrap(), []);
}

#[tokio::test]
async fn credentials_from_the_file_or_the_address() {
    let auth = Auth::Basic {
        user: "u".into(),
        password: "p@ss".into(),
    };
    let server = server(auth).await;
    let index = url(&server, "/charts/index.yaml");
    let credential = Credential::Password {
        user: "u".into(),
        password: Secret::new("p@ss"),
    };
    let credentials = Credentials::none().with(&format!("{}/charts", server.host()), credential);
    let upstream = client(quick(), credentials);
    assert!(upstream.document(&index, 10_000).await.is_ok());
    let error = upstream
        .document(&url(&server, "/files/tool"), 10_000)
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Denied);
    let mut with_password = index.clone();
    with_password.set_username("u").unwrap();
    with_password.set_password(Some("p@ss")).unwrap();
    server.clear_log();
    assert!(anonymous().document(&with_password, 10_000).await.is_ok());
    // Presented when they are asked for.
    let log = server.log();
    assert_eq!((log.len(), log[0].header("authorization")), (2, ""));
    with_password.set_password(Some("wrong-one")).unwrap();
    let error = anonymous().document(&with_password, 10_000).await.unwrap_err();
    assert!(
        !format!("{}{error:?}", told(&error)).contains("wrong-one"),
        "{error:?}"
    );
}

#[tokio::test]
async fn plain_http_needs_permission() {
    let error = anonymous()
        .document(&Url::parse("http://files.example/a").unwrap(), 10)
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unsupported);
    assert!(error.hint.unwrap().contains("--insecure files.example"));
}

/// What is signed, or known by its digest, may come over plain HTTP from anywhere; secrets do not go there.
#[tokio::test]
async fn plain_http_for_what_vouches_for_itself() {
    let through = |proxy: &FakeUpstream, credentials| {
        let config = Config {
            proxies: Proxies {
                http: Some(url(proxy, "/")),
                ..Proxies::default()
            },
            ..quick()
        };
        client(config, credentials)
    };
    let there = Url::parse("http://files.example/files/tool").unwrap();
    let open = server(Auth::None).await;
    let upstream = through(&open, Credentials::none());
    let content = noise("tool", 100_000);
    assert_eq!(upstream.signed_document(&there, 1 << 20).await.unwrap(), content);
    let descriptor = Descriptor::new("a/b", digest_of(&content), content.len() as u64);
    let origin = Origin::Http(there.clone());
    assert_eq!(
        upstream.blob(&origin, &descriptor, 1 << 20).await.unwrap(),
        content
    );
    assert!(upstream.signed_document(&there, 10).await.is_err());
    assert!(upstream.document(&there, 1 << 20).await.is_err());

    let (user, password) = ("robot".to_owned(), "hunter2".to_owned());
    let closed = server(Auth::Basic { user, password }).await;
    let known = crate::auth::known_to("files.example", "robot:hunter2");
    let error = through(&closed, known)
        .signed_document(&there, 1 << 20)
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Denied);
    let log = closed.log();
    assert!(
        !log.is_empty()
            && log
                .iter()
                .all(|request| request.header("authorization").is_empty())
    );
}

/// A registry that does not speak TLS is not asked without it, though it would answer.
#[tokio::test]
async fn a_registry_over_plain_http_needs_permission() {
    let proxy = serve(Options::default(), |content| {
        content.push("acme/app", "v1", &image("app", "linux/amd64"));
    })
    .await;
    let config = |insecure: &str| Config {
        proxies: Proxies {
            http: Some(url(&proxy, "/")),
            // Nobody is there.
            https: Some("http://127.0.0.1:1".parse().unwrap()),
            ..Proxies::default()
        },
        insecure: [insecure.parse().unwrap()].into(),
        ..quick()
    };
    let origin = Origin::Registry("registry.example/acme/app".parse().unwrap());
    let strict = client(config("other.example"), Credentials::none());
    let error = strict.manifest(&origin, &tag("v1")).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unreachable);
    assert!(proxy.log().is_empty());
    let lax = client(config("registry.example"), Credentials::none());
    lax.manifest(&origin, &tag("v1")).await.unwrap();
}

#[tokio::test]
async fn proxies_are_used_except_for_loopback() {
    // A server that is asked for anything by its full address is as good as a proxy.
    let proxy = server(Auth::None).await;
    let config = Config {
        proxies: Proxies {
            http: Some(url(&proxy, "/")),
            ..Proxies::default()
        },
        insecure: ["files.example".parse().unwrap()].into(),
        ..quick()
    };
    let upstream = client(config, Credentials::none());
    let there = Url::parse("http://files.example/files/tool").unwrap();
    assert_eq!(
        upstream.document(&there, 1 << 20).await.unwrap(),
        noise("tool", 100_000)
    );
    assert_eq!(proxy.log()[0].header("host"), "files.example");
    let direct = server(Auth::None).await;
    assert!(
        upstream
            .document(&url(&direct, "/files/tool"), 1 << 20)
            .await
            .is_ok()
    );
    assert_eq!((proxy.log().len(), direct.log().len()), (1, 1));
}
