//! Repositories for apt: what is in them, who signs them, and what they are after a generation went and came.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use airlock_content::{BlobRead, GenerationView, digest_of};
use airlock_ospkg::openpgp::{Keyring, NewKey, Policy, RepositoryKey, verify_cleartext, verify_detached};
use airlock_registry::offers;
use airlock_spec::packages::{DebPackage, DebRepository, DebSet, VERSION};
use airlock_types::{Descriptor, Digest, annotation, media_type};
use common::{Memory, Running, config, start, start_with};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// 2026-01-10 00:00:00 UTC.
const DAY: i64 = 1_768_003_200;

fn key() -> RepositoryKey {
    RepositoryKey::generate(NewKey {
        seed: &[9; 32],
        user_id: "Site",
        created: Timestamp::from_second(DAY - 100 * 86_400).unwrap(),
    })
    .unwrap()
}

/// A set of packages (name and version), from a release of that many days after [`DAY`].
fn set(store: &Memory, days: i64, packages: &[(&str, &str)]) -> Descriptor {
    let file = |(name, version): &(&str, &str)| format!("{name} {version}").into_bytes();
    let set = DebSet {
        version: VERSION,
        distro: "debian-12".into(),
        codename: "bookworm".into(),
        architectures: vec!["amd64".into()],
        wanted: Vec::new(),
        recommends: true,
        inputs: Vec::new(),
        base: Vec::new(),
        packages: packages
            .iter()
            .map(|package| DebPackage {
                control: format!(
                    "Package: {}\nVersion: {}\nArchitecture: amd64\nFilename: elsewhere\nSHA256: {}\n",
                    package.0,
                    package.1,
                    store.blob(&file(package)).hex()
                ),
                component: "main".into(),
                repository: 0,
                why: Vec::new(),
            })
            .collect(),
        repositories: vec![DebRepository {
            uri: "https://deb.example.org/debian".into(),
            suite: "bookworm".into(),
            label: None,
            date: DAY + days * 86_400,
            signers: Vec::new(),
            keyring: None,
            evidence: Vec::new(),
        }],
    };
    let bytes = set.to_bytes();
    let layers: Vec<_> = packages
        .iter()
        .map(|package| json!({"mediaType": media_type::DEB, "digest": store.blob(&file(package)), "size": file(package).len()}))
        .collect();
    let config =
        json!({"mediaType": media_type::AIRLOCK_DEB_SET, "digest": store.blob(&bytes), "size": bytes.len()});
    let mut root = store.image(
        &[],
        &json!({"artifactType": media_type::AIRLOCK_PACKAGES, "config": config, "layers": layers}),
    );
    root.annotations
        .insert(annotation::KIND.to_owned(), "packages".to_owned());
    root
}

fn serve(store: &Arc<Memory>) -> Running {
    let mut config = config();
    let key = Arc::new(key());
    config.repository_key = Some(Arc::new(move || Ok(Arc::clone(&key))));
    start_with(Arc::clone(store), config)
}

fn text(server: &Running, path: &str) -> String {
    let answer = server.get(&format!("/apt/debian-12/{path}"));
    assert_eq!(
        answer.status,
        200,
        "{path}: {:?}",
        String::from_utf8_lossy(&answer.body)
    );
    String::from_utf8(answer.body).unwrap()
}

fn date(server: &Running) -> String {
    let release = text(server, "dists/bookworm/Release");
    let line = release.lines().find(|line| line.starts_with("Date: ")).unwrap();
    line["Date: ".len()..].to_owned()
}

#[test]
fn a_generation_is_signed() {
    let store = Arc::new(Memory::default());
    let root = set(&store, 0, &[("app", "1.0"), ("tool", "1:2")]);
    store.root("airlock.local/packages/node/debian-12:latest", root);
    store.publish();
    let server = serve(&store);
    assert_eq!(server.get("/apt/").text(), "debian-12/\n");
    let keyring = Keyring::read(&key().public_keyring().unwrap()).unwrap();
    let policy = Policy::at(Timestamp::from_second(DAY).unwrap());
    let release = text(&server, "dists/bookworm/Release");
    let message = text(&server, "dists/bookworm/InRelease");
    let signed = verify_cleartext(message.as_bytes(), &keyring, &policy).unwrap();
    assert_eq!(signed.bytes(), release.trim_end().as_bytes());
    let signature = text(&server, "dists/bookworm/Release.gpg");
    verify_detached(release.as_bytes(), signature.as_bytes(), &keyring, &policy).unwrap();
    // A client whose clock is a day late accepts it.
    let late = Policy::at(Timestamp::from_second(DAY).unwrap() - SignedDuration::from_hours(24));
    verify_cleartext(message.as_bytes(), &keyring, &late).unwrap();
    assert_eq!(date(&server), "Thu, 08 Jan 2026 12:00:00 UTC");
    let packages = text(&server, "dists/bookworm/main/binary-amd64/Packages");
    let path = packages
        .lines()
        .find_map(|line| line.strip_prefix("Filename: "))
        .unwrap();
    assert_eq!(text(&server, path), "app 1.0");
    for path in ["dists/trixie/InRelease", "pool/", "", "dists/bookworm/../x"] {
        assert_eq!(
            server.get(&format!("/apt/debian-12/{path}")).status,
            404,
            "{path}"
        );
    }
    assert_eq!(server.get("/apt/debian-13/dists/trixie/InRelease").status, 404);
    let found = offers(&*store, &store.generation().unwrap()).unwrap();
    assert_eq!(found["debian-12"].suite, "bookworm");
}

#[test]
fn without_a_key_it_says_so() {
    let store = Arc::new(Memory::default());
    let root = set(&store, 0, &[("app", "1.0")]);
    store.root("airlock.local/packages/node/debian-12:latest", root);
    store.publish();
    let server = start(store);
    let answer = server.get("/apt/debian-12/dists/bookworm/InRelease");
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("no key"), "{}", answer.text());
    assert_eq!(server.get("/charts/index.yaml").status, 200);
}

#[test]
fn clients_that_began_before_go_on_and_dates_do_not_go_back() {
    let store = Arc::new(Memory::default());
    let (old, new) = (
        set(&store, 0, &[("app", "1.0")]),
        set(&store, 3, &[("app", "2.0")]),
    );
    let publish = |root: &Descriptor| {
        store.clear_roots();
        store.root("airlock.local/packages/node/debian-12:latest", root.clone());
        store.publish();
    };
    publish(&old);
    let server = serve(&store);
    let indexes = |server: &Running| -> BTreeMap<String, String> {
        let release = text(server, "dists/bookworm/Release");
        let lines = release.lines().filter(|line| line.starts_with(' '));
        lines
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .filter(|words| words[2].ends_with("/Packages"))
            .map(|words| {
                (
                    words[0].to_owned(),
                    text(server, &format!("dists/bookworm/{}", words[2])),
                )
            })
            .collect()
    };
    let before = indexes(&server);
    let path = "pool/main/a/app/app_1.0_amd64.deb";
    assert_eq!(text(&server, path), "app 1.0");
    publish(&new);
    let after = indexes(&server);
    assert_ne!(before, after);
    let newest = date(&server);
    assert_eq!(newest, "Sun, 11 Jan 2026 12:00:00 UTC");
    let by_hash = |hex: &str| {
        text(
            &server,
            &format!("dists/bookworm/main/binary-amd64/by-hash/SHA256/{hex}"),
        )
    };
    for (hex, index) in before.iter().chain(&after) {
        assert_eq!(by_hash(hex), *index);
    }
    assert_eq!(text(&server, path), "app 1.0");
    // It is there for those who have seen it, and not listed any more.
    assert!(!after.values().any(|index| index.contains("app_1.0")));

    // What other distributions or bundles have done in between does not count.
    store.root("docker.io/library/busybox:1", store.image(&[], &json!({})));
    store.publish();
    for (hex, index) in before.iter().chain(&after) {
        assert_eq!(by_hash(hex), *index);
    }

    publish(&old);
    assert_eq!(indexes(&server), before);
    assert_eq!(date(&server), newest);
    for hex in after.keys() {
        by_hash(hex);
    }
}

#[test]
fn packages_of_one_name_that_differ_are_not_served() {
    let store = Arc::new(Memory::default());
    let one = set(&store, 0, &[("app", "1.0")]);
    // The same set of another vendor, whose file has other bytes.
    let (ours, theirs) = (digest_of(b"app 1.0"), store.blob(b"another vendor's"));
    let read = |digest: &Digest| {
        let blob = store.open(digest).unwrap().unwrap();
        String::from_utf8(blob.into_bytes(1 << 20).unwrap().into()).unwrap()
    };
    let manifest = read(&one.digest);
    let value: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let config: Digest = value["config"]["digest"].as_str().unwrap().parse().unwrap();
    let other_config = read(&config).replace(ours.hex().as_str(), &theirs.hex());
    let other_manifest = manifest
        .replace(
            &config.to_string(),
            &store.blob(other_config.as_bytes()).to_string(),
        )
        .replace(&ours.to_string(), &theirs.to_string());
    let mut other = one.clone();
    other.digest = store.blob(other_manifest.as_bytes());
    store.root("airlock.local/packages/a/debian-12:latest", one);
    store.root("airlock.local/packages/b/debian-12:latest", other);
    store.publish();
    let answer = serve(&store).get("/apt/debian-12/dists/bookworm/InRelease");
    assert_eq!(answer.status, 503);
    assert!(
        answer.text().contains("two packages are called app 1.0"),
        "{}",
        answer.text()
    );
    assert!(answer.text().contains("leave one out"), "{}", answer.text());
}
