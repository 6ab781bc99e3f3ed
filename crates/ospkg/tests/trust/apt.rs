//! apt in a root of its own takes packages from a repository that is written and signed here.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use airlock_ospkg::deb::archive::Archive;
use airlock_ospkg::deb::chain::SignedRelease;
use airlock_ospkg::deb::release::Checksum;
use airlock_ospkg::deb::repository::{ClientKey, Description, Entry, RepositoryError, client_sources, write};
use airlock_ospkg::openpgp::{Keyring, Policy};
use airlock_tests::debian::Apt;
use airlock_tests::peer;
use jiff::Timestamp;

use crate::archive::build;
use crate::gnupg::now;
use crate::signing::site_key;

fn at() -> Timestamp {
    Timestamp::from_second(1_735_700_000).unwrap()
}

fn description() -> Description {
    Description {
        suite: "bookworm".to_owned(),
        codename: "bookworm".to_owned(),
        origin: "Airlock".to_owned(),
        label: "Edge site".to_owned(),
        date: Timestamp::from_second(1_735_689_600).unwrap(),
        architectures: ["amd64".to_owned()].into(),
    }
}

fn entry(control: &str, contents: &[u8]) -> Entry {
    entry_in("main", control, contents)
}

fn entry_in(component: &str, control: &str, contents: &[u8]) -> Entry {
    let paragraph = airlock_ospkg::deb::control::paragraphs(control.as_bytes())
        .next()
        .unwrap()
        .unwrap();
    let digest = Checksum::sha256(contents).as_sha256().unwrap();
    Entry::new(
        paragraph,
        component,
        u64::try_from(contents.len()).unwrap(),
        digest,
    )
    .unwrap()
}

/// An apt with these sources.
fn apt_of(sources: &str) -> Apt {
    let apt = Apt::new();
    std::fs::write(apt.etc().join("sources.list.d/site.sources"), sources).unwrap();
    apt
}

/// A web server on the loopback for the files of a folder; it keeps a list of what was asked for.
fn serve(folder: PathBuf) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().take(200) {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap())
                .lines()
                .map_while(Result::ok);
            let request = lines.next().unwrap_or_default();
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
            let answer = match std::fs::read(folder.join(path.trim_start_matches('/'))) {
                Ok(bytes) => {
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                        bytes.len()
                    );
                    [head.into_bytes(), bytes].concat()
                }
                Err(_) => {
                    b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_vec()
                }
            };
            log.lock().unwrap().push(path);
            let _ = stream.write_all(&answer);
        }
    });
    (address, asked)
}

fn put(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    for (path, bytes) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// A repository of four small packages, checked by ourselves.
fn publish(folder: &Path) -> (PathBuf, [(&'static str, Vec<u8>); 4]) {
    let debs = [
        ("main", build(folder, "hello", "1.0", "", "xz")),
        (
            "main",
            build(
                folder,
                "hello",
                "1:0.9",
                "Depends: libgreet1 (>= 2), greet-data\n",
                "xz",
            ),
        ),
        (
            "main",
            build(folder, "libgreet1", "2.1-1", "Source: greet (2.1)\n", "zstd"),
        ),
        (
            "contrib",
            build(folder, "greet-data", "3", "Architecture: all\n", "gzip"),
        ),
    ];
    let site = folder.join("site");
    let mut entries = Vec::new();
    for (component, bytes) in &debs {
        let archive = Archive::read_control(&bytes[..]).unwrap();
        let control = String::from_utf8(archive.control_bytes().to_vec()).unwrap();
        let entry = entry_in(component, &control, bytes);
        put(&site, &[(entry.pool_path(), bytes.clone())].into());
        entries.push(entry);
    }
    let unsigned = write(&description(), entries).unwrap();
    assert_eq!(unsigned.pool().len(), 4);
    for path in unsigned.pool().keys() {
        assert!(site.join(path).is_file(), "{path}");
    }
    let key = site_key();
    put(&site, &unsigned.sign(&key, at()).unwrap());

    // We verify what we write.
    let keys = Keyring::read(&key.public_keyring().unwrap()).unwrap();
    let message = std::fs::read(site.join("dists/bookworm/InRelease")).unwrap();
    let release = SignedRelease::from_in_release(&message, &keys, &Policy::at(now())).unwrap();
    for form in release.packages("main", "amd64") {
        for location in &form.locations {
            let stored = std::fs::read(site.join("dists/bookworm").join(location)).unwrap();
            let index = release.open(&form.path, &stored).unwrap();
            assert_eq!(index.packages().map(Result::unwrap).count(), 3, "{location}");
        }
    }
    (site, debs)
}

#[test]
fn apt_updates_resolves_and_downloads() {
    if !peer::require(&["apt-get", "dpkg-deb", "gpgv"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (site, debs) = publish(folder.path());
    let key = site_key();
    let keyring = folder.path().join("site.gpg");
    std::fs::write(&keyring, key.public_keyring().unwrap()).unwrap();
    let armored = key.public_armored().unwrap();
    let (address, asked) = serve(site.clone());
    let local = format!("file:{}", site.display());
    let components = ["contrib", "main"];
    for (number, uri, client) in [
        (0, &address, ClientKey::Path(keyring.to_str().unwrap())),
        (1, &address, ClientKey::Armored(&armored)),
        (2, &local, ClientKey::Armored(&armored)),
    ] {
        let apt = apt_of(&client_sources(uri, "bookworm", &components, client));
        asked.lock().unwrap().clear();
        apt.quietly(&["update"]);
        if number < 2 {
            let asked = asked.lock().unwrap().clone();
            assert!(
                asked.iter().any(|path| path.contains("/by-hash/SHA256/")),
                "{asked:?}"
            );
            assert!(!asked.iter().any(|path| path.contains("/Packages")), "{asked:?}");
        }
        let plan = apt.quietly(&["install", "--print-uris", "-qq", "hello"]);
        let names: Vec<&str> = plan.lines().filter_map(|line| line.split(' ').nth(1)).collect();
        assert_eq!(
            names,
            [
                "greet-data_3_all.deb",
                "libgreet1_2.1-1_amd64.deb",
                "hello_1%3a0.9_amd64.deb"
            ]
        );
        if number < 2 {
            apt.quietly(&["install", "-qq", "-y", "--download-only", "hello"]);
            let cached = apt.path("var/cache/apt/archives/hello_1%3a0.9_amd64.deb");
            assert_eq!(std::fs::read(cached).unwrap(), debs[1].1);
        }
        // The old version is still there for who wants it.
        let old = apt.quietly(&["install", "--print-uris", "-qq", "hello=1.0"]);
        assert!(old.contains("hello_1.0_amd64.deb"), "{old}");
    }

    // Without InRelease, by the detached signature.
    std::fs::remove_file(site.join("dists/bookworm/InRelease")).unwrap();
    let sources = client_sources(&address, "bookworm", &components, ClientKey::Armored(&armored));
    let apt = apt_of(&sources);
    let output = apt.run(&["update"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    // And not without either, or with another key's.
    std::fs::remove_file(site.join("dists/bookworm/Release.gpg")).unwrap();
    let apt = apt_of(&sources);
    assert!(!apt.run(&["update"]).status.success());
}

#[test]
fn the_same_packages_give_the_same_repository_in_any_order() {
    let control = |name: &str, version: &str| {
        format!(
            "Package: {name}\nVersion: {version}\nArchitecture: amd64\nFilename: elsewhere\nSHA1: x\nDescription: d\n  verbatim\n .\n more\n"
        )
    };
    let mut entries = vec![
        entry(&control("a", "1"), b"a1"),
        entry(&control("a", "2"), b"a2"),
        entry(&control("a", "1:1"), b"a11"),
        entry(&control("b", "1"), b"b1"),
        // From another list, with other words.
        entry(&control("b", "1").replace("Desc", "Tag: x\nDesc"), b"b1"),
        entry(&control("c", "1").replace("amd64", "all"), b"c1"),
        entry(&control("d", "1").replace("amd64", "arm64"), b"d1"),
    ];
    let first = write(&description(), entries.clone()).unwrap();
    assert_eq!(first.pool().len(), 6);
    for _ in 0..entries.len() {
        entries.rotate_left(1);
        let again = entries.iter().cloned().chain(entries.iter().rev().cloned());
        assert_eq!(write(&description(), again).unwrap(), first);
    }
    let key = site_key();
    assert_eq!(first.sign(&key, at()).unwrap(), first.sign(&key, at()).unwrap());
    let index =
        String::from_utf8(first.files()["dists/bookworm/main/binary-amd64/Packages"].clone()).unwrap();
    assert!(
        index.contains("Description: d\n  verbatim\n .\n more\nFilename: pool/main/a/a/a_1_amd64.deb\n"),
        "{index}"
    );
    assert!(!index.contains("elsewhere") && !index.contains("SHA1"), "{index}");
    assert_eq!(index.matches("Package: ").count(), 5);
    let arm = String::from_utf8(first.files()["dists/bookworm/main/binary-arm64/Packages"].clone()).unwrap();
    assert_eq!(arm.matches("Package: ").count(), 2);
    assert!(!first.release().contains("Valid-Until") && !first.release().contains("MD5"));

    entries.push(entry(&control("a", "1"), b"other"));
    let error = write(&description(), entries).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("two packages are called a 1 (amd64) and differ"),
        "{error}"
    );
    assert!(matches!(error, RepositoryError::Conflict { .. }));
}

#[test]
fn an_empty_repository_is_one_too_and_odd_names_are_none() {
    let empty = write(&description(), []).unwrap();
    assert_eq!(empty.files()["dists/bookworm/main/binary-amd64/Packages"], b"");
    for (field, value) in [
        ("suite", "../x"),
        ("suite", ""),
        ("origin", "a\nb"),
        ("label", ""),
    ] {
        let mut description = description();
        let place = match field {
            "suite" => &mut description.suite,
            "origin" => &mut description.origin,
            _ => &mut description.label,
        };
        *place = value.to_owned();
        assert!(
            matches!(write(&description, []), Err(RepositoryError::Name { .. })),
            "{field} {value:?}"
        );
    }
    let mut none = description();
    none.architectures.clear();
    assert!(matches!(write(&none, []), Err(RepositoryError::NoArchitecture)));
}
