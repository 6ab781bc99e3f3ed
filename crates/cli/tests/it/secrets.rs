//! Secrets are seeded everywhere, and then looked for in everything that was printed or written.

use std::fs;
use std::path::{Path, PathBuf};

use airlock_testkit::{self as testkit, Action, Auth, Fault, Options};

use crate::desk::Said;
use crate::guarded::Session;

const USER: &str = "releaser";
const PASSWORD: &str = "hunter2-of-the-authfile";
const URL_PASSWORD: &str = "swordfish-of-the-address";
/// `USER:PASSWORD` and `USER:URL_PASSWORD` as they travel.
const ENCODED: [&str; 2] = [
    "cmVsZWFzZXI6aHVudGVyMi1vZi10aGUtYXV0aGZpbGU=",
    "cmVsZWFzZXI6c3dvcmRmaXNoLW9mLXRoZS1hZGRyZXNz",
];

/// Neither in what was said nor in any file, its name included.
fn are_nowhere(secrets: &[&str], session: &Session, said: &[Said]) {
    for (code, text) in said {
        for secret in secrets {
            assert!(!text.contains(secret), "{secret} is shown (exit {code}):\n{text}");
        }
    }
    let mut files = Vec::new();
    contents(session.folder(), &mut files);
    assert!(files.len() > 3, "there is nothing to look at: {files:?}");
    for (path, bytes) in files {
        for secret in secrets {
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is in {}", path.display());
            assert!(!path.to_string_lossy().contains(secret), "{}", path.display());
        }
    }
}

/// Every file below a folder, but those in which somebody wrote the secrets.
fn contents(folder: &Path, out: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            contents(&path, out);
        } else if !["auth.json", "airlock.yaml", "docker-credential-seeded"]
            .iter()
            .any(|name| path.ends_with(name))
        {
            out.push((path.clone(), fs::read(path).unwrap()));
        }
    }
}

#[test]
fn secrets_are_nowhere() {
    let mut content = testkit::Upstream::new();
    content.push(
        "team/app",
        "1",
        &testkit::multi_arch("app", &["linux/amd64", "linux/arm64"]),
    );
    content.file("/tool.txt", "a tool\n");
    let auth = Auth::Token {
        credentials: Some((USER.to_owned(), PASSWORD.to_owned())),
        identity_token: None,
        expires_in: Some(300),
    };
    let session = Session::new(
        content,
        Options {
            auth,
            ..Options::default()
        },
    );
    let host = session.server.host();
    let auths = |encoded: &str| format!("{{\"auths\": {{\"{host}\": {{\"auth\": \"{encoded}\"}}}}}}");
    session.write("auth.json", &auths(ENCODED[0]));
    let manifest = |url: &str| {
        let tool = format!("  files: [{{url: \"{url}\"}}]\n");
        session.manifest(&[format!("{host}/team/app:1")], &tool);
    };
    let mut said = Vec::new();
    let loud = ["-vvv", "--authfile", "auth.json", "--progress", "json"];
    let json = ["-vv", "--authfile", "auth.json", "--output", "json"];
    manifest(&format!("http://{USER}:{URL_PASSWORD}@{host}/tool.txt"));
    for more in [&loud[..], &json[..]] {
        let refused = session.lock(more);
        assert_eq!(refused.0, 2, "{}", refused.1);
        said.push(refused);
    }
    manifest(&session.server.url("/tool.txt"));
    let start = said.len();
    said.push(session.lock(&loud));
    said.push(session.build(&loud));
    assert!(said[start..].iter().all(|(code, _)| *code == 0), "{said:?}");
    assert_eq!(session.bundles().len(), 1);
    for command in ["ls", "tree", "inspect"] {
        let bundle = session.bundles().remove(0);
        said.push(session.run(&[command, bundle.to_str().unwrap()]));
    }
    // Now everything goes wrong that can.
    for action in [
        Action::Status(500),
        Action::Status(401),
        Action::Status(403),
        Action::Status(404),
        Action::Close,
        Action::RedirectLoop,
        Action::Corrupt,
        Action::Redirect(format!("http://{USER}:{URL_PASSWORD}@127.0.0.1:1/elsewhere")),
    ] {
        session.server.fault(Fault::on("*", action));
        for more in [&loud[..], &json[..]] {
            let locked = session.lock(&[more, &["--lock-file", "other.lock"]].concat());
            let built = session.build(&[more, &["--out", "other"]].concat());
            assert!(locked.0 != 0 && built.0 != 0, "{locked:?} {built:?}");
            said.extend([locked, built]);
        }
        session.server.heal();
    }
    assert!(
        said.iter().any(|(_, text)| text.contains("airlock_upstream::")),
        "there are no logs to look at"
    );
    // A wrong password is a secret as well, if only of another place.
    session.write("auth.json", &auths(ENCODED[1]));
    let refused = session.lock(&[&loud[..], &["--lock-file", "other.lock"]].concat());
    assert_ne!(refused.0, 0);
    said.push(refused);
    session.write(
        "auth.json",
        &format!("{{\"auths\": {{\"{host}\": {{\"auth\": \"{PASSWORD}\"}}}}"),
    );
    said.push(session.lock(&loud));

    let secrets = [
        PASSWORD,
        URL_PASSWORD,
        ENCODED[0],
        ENCODED[1],
        "token-1",
        "token-2",
    ];
    are_nowhere(&secrets, &session, &said);
}

/// Secrets that travel: in the queries of redirects and token services, from a helper, in addresses, and in what
/// servers say of them.
#[test]
fn secrets_on_the_way_are_nowhere() {
    use std::os::unix::fs::PermissionsExt;

    const SIGNATURE: &str = "f00dfeedsignaturef00dfeed";
    const REALM: &str = "key-in-the-realm-address";
    const USERNAME: &str = "ghp_tokenasausername0123";
    const PROXY: &str = "password-of-the-proxy";
    let mut content = testkit::Upstream::new();
    content.push("team/app", "1", &testkit::image("app", "linux/amd64"));
    let auth = Auth::Token {
        credentials: Some((USER.to_owned(), PASSWORD.to_owned())),
        identity_token: None,
        expires_in: Some(300),
    };
    let options = Options {
        auth,
        redirect_blobs: true,
        ..Options::default()
    };
    let session = Session::new(content, options);
    let host = session.server.host();
    let helper = session.path("bin/docker-credential-seeded");
    fs::create_dir(session.path("bin")).unwrap();
    let answer = format!("{{\"ServerURL\":\"x\",\"Username\":\"{USER}\",\"Secret\":\"{PASSWORD}\"}}");
    let works = format!("#!/bin/sh\nread -r host\necho '{answer}'\n");
    let script = |text: &str| {
        fs::write(&helper, text).unwrap();
        fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let path = format!("{}:/usr/bin:/bin", session.path("bin").display());
    session.set("PATH", path);
    session.write(
        "auth.json",
        &format!("{{\"credHelpers\": {{\"{host}\": \"seeded\"}}}}"),
    );
    let image = format!("{host}/team/app:1");
    session.manifest(std::slice::from_ref(&image), "");
    let mut said = Vec::new();
    let loud = ["-vvv", "--authfile", "auth.json", "--progress", "json"];
    let json = ["-vv", "--authfile", "auth.json", "--output", "json"];
    let both = |said: &mut Vec<(i32, String)>, fails: bool| {
        for more in [&loud[..], &json[..]] {
            let locked = session.lock(&[more, &["--lock-file", "other.lock", "--update"]].concat());
            let built = session.build(&[more, &["--out", "other"]].concat());
            assert!(!fails || locked.0 != 0 || built.0 != 0, "{locked:?} {built:?}");
            said.extend([locked, built]);
        }
    };

    // It works, over a token service with a key in its address and signed redirects.
    script(&works);
    let challenge = |realm: &str| {
        let value = format!(
            "Bearer realm=\"{realm}\",service=\"test, with a comma\",scope=\"repository:team/app:pull\""
        );
        Action::StatusWith(401, vec![("www-authenticate", value)])
    };
    let realm = session.server.url(&format!("/token?key={REALM}"));
    session
        .server
        .fault(Fault::on("/v2/team/*", challenge(&realm)).times(1));
    said.push(session.lock(&loud));
    session
        .server
        .fault(Fault::on("/v2/team/*", challenge(&realm)).times(1));
    said.push(session.build(&loud));
    assert!(said.iter().all(|(code, _)| *code == 0), "{said:?}");
    assert!(
        session
            .server
            .requests("/token")
            .iter()
            .any(|asked| asked.query.contains(REALM))
    );

    // Helpers that fail or talk nonsense.
    for text in [
        format!("#!/bin/sh\necho '{answer}'\nexit 3\n"),
        format!("#!/bin/sh\necho '{PASSWORD}'\necho '{PASSWORD}' >&2\n"),
    ] {
        script(&text);
        both(&mut said, true);
    }
    script(&works);

    // Token services that fail.
    for realm in [
        format!("http://127.0.0.1:1/token?key={REALM}"),
        format!("http://auth.example/token?key={REALM}"),
        format!("http://{USER}:{PASSWORD}@{host}/nowhere?key={REALM}"),
        format!("no address {REALM}"),
    ] {
        session.server.fault(Fault::on("/v2/team/*", challenge(&realm)));
        both(&mut said, true);
        session.server.heal();
    }

    // Redirects that lead nowhere, and servers that repeat what they were told.
    let signed = format!("http://127.0.0.1:1/x?X-Amz-Signature={SIGNATURE}&X-Amz-Credential={SIGNATURE}");
    // A server can repeat only what it was told, by this very process.
    let echo = |more: &str| -> Action {
        let message = format!("{PASSWORD} {}{more}", ENCODED[0]);
        Action::Body(format!("{{\"errors\":[{{\"code\":\"DENIED\",\"message\":\"{message}\"}}]}}").into())
    };
    let cases: Vec<(&str, Option<testkit::Listener>, Vec<Action>)> = vec![
        ("*/blobs/*", None, vec![Action::Redirect(signed.clone())]),
        ("*/manifests/*", None, vec![Action::Redirect(signed)]),
        ("*", Some(testkit::Listener::Cdn), vec![Action::Status(403)]),
        ("*", Some(testkit::Listener::Cdn), vec![Action::Status(500)]),
        ("*", Some(testkit::Listener::Cdn), vec![Action::Close]),
        ("*", Some(testkit::Listener::Cdn), vec![Action::Reset(3)]),
        ("*", Some(testkit::Listener::Cdn), vec![Action::RedirectLoop]),
        (
            "*",
            Some(testkit::Listener::Cdn),
            vec![Action::Status(403), echo(" secret-of-the-cdn")],
        ),
        ("/token", None, vec![Action::Status(403), echo("")]),
    ];
    for (path, listener, actions) in cases {
        for action in actions {
            let mut fault = Fault::on(path, action);
            if let Some(listener) = listener {
                fault = fault.listener(listener);
            }
            session.server.fault(fault);
        }
        both(&mut said, true);
        session.server.heal();
    }
    assert!(
        said.iter().any(|(_, text)| text.contains("***")),
        "no server repeated anything"
    );

    // Addresses in the manifest, the environment and on the command line.
    for url in [
        format!("http://{USERNAME}@{host}/tool.txt"),
        format!("http://{host}/tool.txt?X-Amz-Signature={SIGNATURE}"),
        format!("ftp://{USER}:{PASSWORD}@{host}/tool.txt"),
        format!("http://{USER}:{PASSWORD}@{host}:port/tool.txt"),
    ] {
        session.manifest(
            std::slice::from_ref(&image),
            &format!("  files: [{{url: \"{url}\"}}]\n"),
        );
        let refused = session.lock(&loud);
        assert_eq!(refused.0, 2, "{}", refused.1);
        said.push(refused);
    }
    session.manifest(&[format!("https://{USER}:{PASSWORD}@{host}/team/app:1")], "");
    said.push(session.lock(&loud));
    session.manifest(std::slice::from_ref(&image), "");
    let mirror = format!("docker.io=https://{USER}:{PASSWORD}@mirror.example");
    said.push(session.lock(&[&loud[..], &["--mirror", &mirror]].concat()));
    session.manifest(&["registry.example/team/app:1".to_owned()], "");
    for address in [
        format!("http://u:{PROXY}@127.0.0.1:1"),
        format!("http://u:{PROXY}@:1"),
    ] {
        session.set("HTTPS_PROXY", address);
        let failed = session.lock(&loud);
        assert_ne!(failed.0, 0);
        said.push(failed);
    }

    let secrets = [
        PASSWORD,
        ENCODED[0],
        SIGNATURE,
        REALM,
        USERNAME,
        PROXY,
        "secret-of-the-cdn",
        "token-1",
        "token-2",
    ];
    are_nowhere(&secrets, &session, &said);
}
