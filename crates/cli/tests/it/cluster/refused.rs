//! Kubeconfigs that are refused.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::server::ApiServer;
use super::{PASSWORD, Site, TOKEN, are_nowhere, contains, rules, secrets};

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn kubeconfigs_that_are_not_supported_are_refused_with_a_way_out() {
    let site = Site::new();
    let server = ApiServer::start(rules(&site));
    let (certificate, key) = (
        STANDARD.encode(&server.https.client.0),
        STANDARD.encode(&server.https.client.1),
    );
    let cluster = json!({"server": server.url(), "certificate-authority-data": STANDARD.encode(&server.https.authority)});
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let with = |key: &str, value: Value| {
        let mut cluster = cluster.clone();
        cluster[key] = value;
        cluster
    };
    let token = json!({"token": TOKEN});
    let plain = format!("http://{}", server.https.address);
    let distant = "http://192.0.2.1:6443";
    let bad_key = STANDARD.encode(format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(PASSWORD)
    ));
    let cases = [
        (
            cluster.clone(),
            json!({"exec": {"command": "touch", "args": ["ran"], "env": [{"name": "X", "value": PASSWORD}]}}),
            "not supported: exec",
        ),
        (
            cluster.clone(),
            json!({"auth-provider": {"name": "oidc", "config": {"id-token": TOKEN}}}),
            "not supported: auth-provider",
        ),
        (
            cluster.clone(),
            json!({"username": "admin", "password": PASSWORD}),
            "not supported: username and password",
        ),
        (
            cluster.clone(),
            json!({"token": TOKEN, "as": "root"}),
            "not supported: as",
        ),
        (
            with("tls-server-name", "kubernetes".into()),
            token.clone(),
            "not supported: tls-server-name",
        ),
        (
            with("proxy-url", format!("http://u:{PASSWORD}@127.0.0.1:1").into()),
            token.clone(),
            "not supported: proxy-url",
        ),
        (
            cluster.clone(),
            json!({"client-certificate-data": certificate, "client-key-data": STANDARD.encode(locked)}),
            "protected by a password",
        ),
        (
            cluster.clone(),
            json!({"client-certificate-data": certificate, "client-key-data": STANDARD.encode(old)}),
            "protected by a password",
        ),
        (
            cluster.clone(),
            json!({"client-certificate-data": certificate, "client-key-data": bad_key}),
            "the client's certificate and key cannot be used",
        ),
        (
            cluster.clone(),
            json!({"client-key-data": key}),
            "only one of client-certificate and client-key",
        ),
        (
            cluster.clone(),
            json!({"client-certificate-data": certificate, "client-key-data": format!("{key}!")}),
            "`client-key-data` of the kubeconfig is not base64",
        ),
        (
            cluster.clone(),
            json!({"client-certificate-data": certificate, "client-key": "nowhere.key"}),
            "the client-key of the kubeconfig could not be read: nowhere.key",
        ),
        (
            cluster.clone(),
            json!({"token": format!("{TOKEN}\n{PASSWORD}")}),
            "the token holds characters that cannot be sent",
        ),
        (
            cluster.clone(),
            json!({"token": {TOKEN: PASSWORD}}),
            "the kubeconfig cannot be read: line 1",
        ),
        (
            with("certificate-authority-data", STANDARD.encode("nothing").into()),
            token.clone(),
            "certificate authority of the cluster is not a PEM certificate",
        ),
        (
            with("insecure-skip-tls-verify", TOKEN.into()),
            token.clone(),
            "the kubeconfig cannot be read: line 1",
        ),
        (
            json!({"server": plain}),
            token.clone(),
            "not asked over plain HTTP",
        ),
        (json!({"server": distant}), json!({}), "not asked over plain HTTP"),
        (
            json!({"server": format!("https://admin:{PASSWORD}@127.0.0.1:1")}),
            token.clone(),
            "`server` of the kubeconfig is not an address",
        ),
        (
            json!({"server": TOKEN}),
            token.clone(),
            "`server` of the kubeconfig is not an address",
        ),
    ];
    let mut said = Vec::new();
    for (cluster, user, wanted) in cases {
        site.kubeconfig(&cluster, &user);
        let (code, text) = site.check(&["-vv", "--cluster", "kubeconfig"]);
        assert_eq!(code, 2, "{text}");
        contains(&text, &[wanted]);
        if wanted.starts_with("not supported") {
            contains(&text, &["| airlock check STORE --cluster -"]);
        }
        said.push((code, text));
    }
    assert!(!site.path("ran").exists(), "a plugin was run");

    // Contexts that lead nowhere, and files that are broken in the middle.
    site.kubeconfig(&cluster, &token);
    let good = fs::read_to_string(site.path("kubeconfig")).unwrap();
    for (from, to, wanted) in [
        (
            "\"current-context\":\"here\"",
            "\"current-context\":\"there\"",
            "has no cluster of this name: \"none\"",
        ),
        (
            "\"current-context\":\"here\"",
            "\"current-context\":\"gone\"",
            "has no context of this name: \"gone\"",
        ),
        (
            "\"current-context\":\"here\"",
            "\"current-context\":\"\"",
            "has no current context",
        ),
        (
            "\"user\":\"u\"",
            "\"user\":\"w\"",
            "has no user of this name: \"w\"",
        ),
        ("}]}", "}]", "this is not valid JSON"),
    ] {
        assert!(good.contains(from), "{good}");
        site.write("kubeconfig", &good.replace(from, to));
        let (code, text) = site.check(&["-vv", "--cluster", "kubeconfig"]);
        assert_eq!(code, 2, "{text}");
        contains(&text, &[wanted]);
        said.push((code, text));
    }
    assert_eq!(server.asked(), Vec::<String>::new());
    are_nowhere(&secrets(&server), &said);
}
