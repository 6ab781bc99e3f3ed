//! OS packages on a host without a network: out of the bundle, and from a mirror that wants a password.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use airlock_tests::command::{Output, run_within};
use airlock_tests::debian::{self, Archive, Signing};
use airlock_tests::{Host, peer, shared};

use super::authority;
use super::release::{self, Offer, Release, Wish};
use super::{INSTALL, LIMIT, TREE, said, succeeds};

const PACKAGE: &str = "airlock-probe";
const NEEDED: &str = "airlock-probe-data";
const PASSWORD: &str = "opensesame-of-the-mirror";

/// A release with two packages for the distribution of this machine, whose root is that of every host.
fn release() -> Option<&'static Release> {
    static SHARED: OnceLock<Option<Release>> = OnceLock::new();
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim_matches('"').to_owned()
    };
    if field("ID=") != "debian" || field("VERSION_ID=").is_empty() {
        peer::skip("this machine is no Debian that has a number");
        return None;
    }
    if !debian::require() {
        return None;
    }
    Some(shared(&SHARED, "the release with packages", || {
        let archive = Archive::new();
        // Of all architectures, so that any machine takes them.
        archive.package(NEEDED, "2", "Architecture: all\n");
        archive.package(
            PACKAGE,
            "1:1.0-1",
            &format!("Architecture: all\nDepends: {NEEDED} (= 2)\n"),
        );
        archive.publish(&Signing::default());
        Release::build(&Offer {
            version: release::RELEASE.to_owned(),
            binary: release::stub(release::RELEASE),
            archive: None,
            images: release::IMAGES.into(),
            charts: Vec::new(),
            packages: Some(Wish {
                archive: &archive,
                distro: format!("debian-{}", field("VERSION_ID=")),
                name: PACKAGE,
            }),
        })
    }))
}

fn write(host: &Host, name: &str, text: &str) {
    fs::write(host.share().join(name), text).unwrap();
}

fn run(host: &Host, words: &[&str]) -> Output {
    let mut command = host.command(&[&["/srv/share/airlock"], words].concat());
    run_within(&mut command, Stdio::null(), LIMIT)
}

/// What dpkg says of the two.
fn installed(host: &Host) -> Vec<String> {
    [PACKAGE, NEEDED]
        .map(|name| {
            let output = host.run(&["dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Version}", name]);
            output.stdout().trim().to_owned()
        })
        .into()
}

const SITE: &str =
    "apiVersion: airlock.dev/v1\nkind: Site\nmetadata: {name: edge}\npackages: [airlock-probe]\n";

#[test]
fn the_bundle_alone_is_enough() {
    let Some(release) = release() else { return };
    let Some(host) = Host::start() else { return };
    release.share(&host.share());
    for name in ["bundle", "a.pub"] {
        fs::copy(release.path(name), host.share().join(name)).unwrap();
    }
    write(&host, "site.yaml", SITE);
    // apt asks servers that nobody can reach from here, and that is no hindrance.
    let foreign =
        "Types: deb\nURIs: http://10.99.0.7/debian\nSuites: bookworm\nComponents: main\nTrusted: yes\n";
    fs::write(host.path("/etc/apt/sources.list.d/foreign.sources"), foreign).unwrap();
    let before = host.snapshot(&TREE);
    let install = [
        "install",
        "/srv/share/bundle",
        "--key",
        "/srv/share/a.pub",
        "--role",
        "server",
        "--config",
        "/srv/share/site.yaml",
        "--no-preflight",
    ];
    let dry = succeeds(&run(&host, &[&install[..], &["--dry-run"]].concat()));
    assert!(dry.contains("packages airlock-probe"), "{dry}");
    assert_eq!(before.diff(&host.snapshot(&TREE)), "");
    succeeds(&run(&host, &install));
    assert_eq!(installed(&host), ["ii 1:1.0-1", "ii 2"]);
    assert_eq!(host.property("k3s", "ActiveState"), "active");
    let text = succeeds(&run(&host, &install));
    assert!(text.contains(": 0 changes made"), "{text}");
    // Later on, the administrator finds them where apt looks.
    let policy = host.succeed(&["apt-cache", "policy", PACKAGE]);
    assert!(
        policy.contains("file:/var/lib/airlock/packages/debian-"),
        "{policy}"
    );
    // A file that is not from this bundle goes from the folder.
    let stale = host
        .snapshot(&["/var/lib/airlock/packages"])
        .paths()
        .find(|path| Path::new(path).extension().is_some_and(|ending| ending == "deb"))
        .unwrap()
        .replace(".deb", "-old.deb");
    fs::write(host.path(&stale), "old").unwrap();
    succeeds(&run(&host, &install));
    assert!(!host.path(&stale).exists());

    succeeds(&run(&host, &["uninstall", "--delete-data"]));
    // What was not of Airlock is put back, as everything else that was there.
    let diff = before.diff(&host.snapshot(&TREE));
    let left: Vec<&str> = diff
        .lines()
        .filter(|line| !stale.starts_with(line.trim_start_matches("new: ")))
        .collect();
    assert!(left.is_empty() && host.path(&stale).exists(), "{diff}");
    assert!(
        installed(&host).iter().all(|state| !state.starts_with("ii")),
        "{:?}",
        installed(&host)
    );
}

#[test]
fn a_mirror_that_wants_a_password_is_asked_with_it() {
    if !peer::require(&["curl", "update-ca-certificates"]) {
        return;
    }
    let Some(release) = release() else { return };
    let Some(host) = Host::start() else { return };
    release.share(&host.share());
    write(&host, "password", PASSWORD);
    let before = authority::settled(&host);
    // A listener that is not on loopback alone has a certificate of its own.
    let mut server = host
        .command(&[
            "/srv/share/airlock",
            "serve",
            "/srv/share/store",
            "--listen",
            "0.0.0.0:5443",
            "--username",
            "node",
            "--password-file",
            "/srv/share/password",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let address = "https://localhost:5443/apt/";
    let ca = "/srv/share/store/airlock/tls/ca.pem";
    let answers = |host: &Host| {
        let output = host.run(&[
            "curl",
            "-s",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "--cacert",
            ca,
            address,
        ]);
        output.stdout() == "401"
    };
    assert!(host.wait_until(Duration::from_secs(30), answers));
    write(
        &host,
        "site.yaml",
        &format!(
            "{SITE}mirror: {{url: \"https://localhost:5443\", ca: store/airlock/tls/ca.pem, \
             auth: {{username: node, passwordFile: password}}}}\n"
        ),
    );
    let install = [&INSTALL[..], &["--no-preflight"]].concat();
    write(&host, "password", "another");
    let refused = run(&host, &install);
    assert!(!refused.status.success(), "{}", said(&refused));
    assert!(refused.stderr().contains("401"), "{}", said(&refused));
    assert!(!refused.stderr().contains("another"), "{}", said(&refused));
    write(&host, "password", PASSWORD);
    succeeds(&run(&host, &install));
    assert_eq!(installed(&host), ["ii 1:1.0-1", "ii 2"]);
    let policy = host.succeed(&["apt-cache", "policy", PACKAGE]);
    assert!(policy.contains("https://localhost:5443/apt/debian-"), "{policy}");
    // Who is not root does not learn it.
    let shown = host.run(&[
        "setpriv",
        "--reuid=65534",
        "--clear-groups",
        "grep",
        "-r",
        PASSWORD,
        "/etc",
    ]);
    assert!(!shown.stdout().contains(PASSWORD), "{}", shown.stdout());
    let text = succeeds(&run(&host, &install));
    assert!(text.contains(": 0 changes made"), "{text}");

    succeeds(&run(&host, &["uninstall", "--delete-data"]));
    assert_eq!(authority::differing(&before, &host), "");
    let _ = Command::new("kill").arg(server.id().to_string()).status();
    server.wait().unwrap();
}
