//! Debian packages: from a repository that Debian's own programs made, over the gap, to apt.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use airlock_tests::debian::{self, Apt, Archive, Signing};
use airlock_tests::tree::Tree;
use airlock_tests::{Airlock, Run, Served, command, digest, http, peer};
use serde_json::Value;

/// A builder and a site.
struct Place {
    archive: Archive,
    airlock: Airlock,
}

impl Place {
    /// An archive with a few packages, and a manifest that wants one of them.
    fn new() -> Option<Self> {
        if !debian::require() {
            return None;
        }
        let archive = Archive::new();
        archive.package("base", "12", "Essential: yes\n");
        archive.package("apt", "2.6", "Depends: base\n");
        archive.package("app", "1.0", "Depends: libapp (>= 1.0), tool | other\n");
        archive.package("libapp", "1.0", "Depends: base, libbase (= 5)\n");
        archive.package("libbase", "5", "Depends: base-data (= 5)\nPriority: required\n");
        archive.package("base-data", "5", "Priority: required\n");
        archive.package("tool", "1:3-1", "Architecture: all\n");
        archive.package("unwanted", "1", "");
        archive.publish(&Signing::default());
        let airlock = Airlock::new();
        airlock.write("keys/archive.asc", archive.public("archive"));
        airlock
            .run(["keygen", "--out", "a.key", "--insecure-no-password"])
            .succeeds();
        let place = Self { archive, airlock };
        place.manifest("site", "1.0.0", "[app]", "");
        Some(place)
    }

    fn manifest(&self, name: &str, version: &str, names: &str, more: &str) {
        let url = self.archive.url();
        let text = format!(
            "apiVersion: airlock.dev/v1\nkind: Manifest\nmetadata: {{name: {name}, version: {version}, sequence: {}}}\n\
             platforms: [linux/amd64]\ncomponents:\n- name: node\n  packages:\n  - distro: debian-12\n    names: {names}\n    \
             repos: [{{uri: \"{url}\", suites: [bookworm], components: [main], signed-by: keys/archive.asc}}]\n{more}",
            version.replace('.', "")
        );
        self.airlock.write("airlock.yaml", text);
    }

    fn lock(&self) -> Run {
        let _ = fs::remove_file(self.airlock.path("airlock.lock"));
        self.airlock.run(["lock"])
    }

    fn pack(&self) -> Run {
        self.airlock.run([
            "pack",
            "airlock.lock",
            "--key",
            "a.key",
            "--no-cache",
            "--no-importer",
            "--out",
            "out",
        ])
    }

    /// Locks, packs, verifies and imports what the manifest wants now.
    fn carry(&self, bundle: &str, store: &str) {
        self.lock().succeeds();
        self.pack().succeeds();
        let bundle = format!("out/{bundle}.airlock.tar");
        let key = ["--key", "a.pub"];
        self.airlock
            .run([&["verify", &bundle], &key[..]].concat())
            .succeeds();
        self.airlock
            .run([&["import", &bundle, "--store", store], &key[..]].concat())
            .succeeds();
    }

    fn serve(&self, store: &str) -> Served {
        self.airlock.serve(&self.airlock.path(store), [] as [&str; 0])
    }

    /// An apt that is configured by `airlock config apt`.
    fn client(&self, store: &str, served: &Served) -> Apt {
        let apt = Apt::new();
        let etc = apt.etc();
        let url = format!("http://{}", served.address());
        let etc = etc.to_str().unwrap();
        self.airlock
            .run(["config", "apt", "--from", store, "--url", &url, "--write", etc])
            .succeeds();
        apt
    }

    /// Says that a client has these packages of the pool.
    fn install(&self, apt: &Apt, packages: &[&str]) {
        let files: Vec<PathBuf> = packages
            .iter()
            .map(|name| self.archive.path(format!("pool/{name}.deb").as_str()))
            .collect();
        apt.install_status(&files);
    }

    /// Refusals say why and leave nothing.
    #[track_caller]
    fn refuses(&self, run: &Run, code: i32, words: &[&str]) {
        run.exits(code);
        for word in words {
            assert!(run.stderr.contains(word), "no {word:?} in\n{}", run.render());
        }
        assert!(!self.airlock.path("airlock.lock").exists());
    }
}

fn get(served: &Served, path: &str) -> Vec<u8> {
    let answer = http::get(served.address(), &format!("/apt/debian-12/{path}")).unwrap();
    assert_eq!(answer.status, 200, "{path}");
    answer.body
}

/// Every index and the release itself, by path, as the release lists them.
fn metadata(served: &Served) -> BTreeMap<String, Vec<u8>> {
    let release = get(served, "dists/bookworm/Release");
    let text = String::from_utf8(release.clone()).unwrap();
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with(' ')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let bytes = get(served, &format!("dists/bookworm/{}", words[2]));
        assert_eq!(digest(&bytes), format!("sha256:{}", words[0]), "{line}");
        assert_eq!(bytes.len().to_string(), words[1], "{line}");
        let (folder, _) = words[2].rsplit_once('/').unwrap();
        let by_hash = get(
            served,
            &format!("dists/bookworm/{folder}/by-hash/SHA256/{}", words[0]),
        );
        assert!(by_hash == bytes, "{line}");
        files.insert(words[2].to_owned(), bytes);
    }
    files.insert("Release".to_owned(), release);
    files
}

#[test]
fn from_an_archive_to_apt() {
    let Some(place) = Place::new() else { return };
    place.carry("site-1.0.0", "store");
    let served = place.serve("store");
    let apt = place.client("store", &served);
    apt.quietly(&["update"]);
    // What the nodes have already is not carried, nor is what nobody needs.
    place.install(&apt, &["base_12", "apt_2.6"]);
    apt.quietly(&["install", "--yes", "--download-only", "app"]);
    let downloaded: Vec<(String, Vec<u8>)> = apt
        .downloaded()
        .into_iter()
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                fs::read(&path).unwrap(),
            )
        })
        .collect();
    let upstream = |name: &str| fs::read(place.archive.path(format!("pool/{name}.deb").as_str())).unwrap();
    // But for what has to be in step with it.
    let expected = [
        ("app_1.0_amd64.deb", upstream("app_1.0")),
        ("base-data_5_amd64.deb", upstream("base-data_5")),
        ("libapp_1.0_amd64.deb", upstream("libapp_1.0")),
        ("libbase_5_amd64.deb", upstream("libbase_5")),
        ("tool_1%3a3-1_all.deb", upstream("tool_1:3-1")),
    ];
    let names: Vec<&str> = downloaded.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, expected.each_ref().map(|(name, _)| *name));
    assert!(downloaded.iter().zip(&expected).all(|((_, a), (_, b))| a == b));
    let refused = apt.run(&["install", "--yes", "--download-only", "unwanted"]);
    assert!(!refused.status.success());

    // The forms of an index agree, and the detached signature is good as well.
    let files = metadata(&served);
    assert_eq!(files.len(), 4, "{:?}", files.keys());
    let plain = &files["main/binary-amd64/Packages"];
    for (program, form) in [("gzip", "gz"), ("xz", "xz")] {
        let packed = place.airlock.write(
            &format!("Packages.{form}"),
            &files[&format!("main/binary-amd64/Packages.{form}")],
        );
        let unpacked = command::succeed(
            command::clean(program, &place.airlock.path(".home"))
                .arg("-dc")
                .arg(packed),
        );
        assert!(unpacked.stdout == *plain, "{form}");
    }
    if peer::require(&["gpgv"]) {
        let release = place.airlock.write("Release", &files["Release"]);
        let signature = place
            .airlock
            .write("Release.gpg", get(&served, "dists/bookworm/Release.gpg"));
        let keyring = place.airlock.path("site.gpg");
        let home = place.airlock.path(".home");
        command::succeed(
            command::clean("gpg", &home)
                .args(["--batch", "--yes", "--dearmor", "--output"])
                .arg(&keyring)
                .arg(place.airlock.path("store/airlock/keys/packages.asc")),
        );
        command::succeed(
            command::clean("gpgv", &home)
                .arg("--keyring")
                .args([&keyring, &signature, &release]),
        );
    }
}

/// Years later and without us: the archive's own signature and sums lead to the packages in the store.
#[test]
fn an_auditor_walks_the_chain_with_other_tools() {
    let Some(place) = Place::new() else { return };
    if !peer::require(&["gpgv", "xz"]) {
        return;
    }
    place.carry("site-1.0.0", "store");
    let lock: Value = serde_json::from_slice(&fs::read(place.airlock.path("airlock.lock")).unwrap()).unwrap();
    let artifact = &lock["artifacts"][0];
    let root = artifact["root"]["digest"].as_str().unwrap();
    let manifest: Value = serde_json::from_str(artifact["inline"][root].as_str().unwrap()).unwrap();
    let blob = |digest: &str| {
        let name = digest.replacen(':', "/", 1);
        place.airlock.path(format!("store/blobs/{name}").as_str())
    };
    let layers: BTreeMap<&str, PathBuf> = manifest["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| {
            let title = layer["annotations"]["org.opencontainers.image.title"].as_str();
            (title.unwrap(), blob(layer["digest"].as_str().unwrap()))
        })
        .collect();
    let home = place.airlock.path(".home");
    let keyring = place.airlock.path("archive.gpg");
    command::succeed(
        command::clean("gpg", &home)
            .args(["--batch", "--yes", "--dearmor", "--output"])
            .args([&keyring, &place.airlock.path("keys/archive.asc")]),
    );
    let release = &layers["evidence/0/InRelease"];
    command::succeed(
        command::clean("gpgv", &home)
            .arg("--keyring")
            .args([&keyring, release]),
    );
    let index = &layers["evidence/0/main/binary-amd64/Packages.xz"];
    let sum = digest(&fs::read(index).unwrap()).replace("sha256:", " ");
    assert!(fs::read_to_string(release).unwrap().contains(&sum));
    let unpacked = command::succeed(command::clean("xz", &home).arg("-dc").arg(index));
    let mut packages = 0;
    for (_, path) in layers.iter().filter(|(title, _)| title.starts_with("pool/")) {
        let sum = digest(&fs::read(path).unwrap()).replace("sha256:", "SHA256: ");
        assert!(unpacked.stdout().contains(&sum));
        packages += 1;
    }
    assert_eq!(packages, 5);
}

/// A new version comes and goes again; no client is left behind.
#[test]
fn an_upgrade_and_a_roll_back() {
    let Some(place) = Place::new() else { return };
    place.archive.sign(&Signing {
        date: Some("Sat, 01 Nov 2025 10:00:00 UTC"),
        ..Signing::default()
    });
    place.carry("site-1.0.0", "store");
    let served = place.serve("store");
    let apt = place.client("store", &served);
    apt.quietly(&["update"]);
    let before = metadata(&served);
    place.install(
        &apt,
        &[
            "base_12",
            "apt_2.6",
            "app_1.0",
            "libapp_1.0",
            "libbase_5",
            "base-data_5",
            "tool_1:3-1",
        ],
    );
    let nothing = apt.quietly(&["--simulate", "upgrade"]);
    assert!(nothing.contains("0 upgraded"), "{nothing}");

    place
        .archive
        .package("libapp", "1.1", "Depends: base, libbase (= 5)\n");
    place.archive.publish(&Signing::default());
    let outdated = place.airlock.run(["outdated"]);
    let news = "1 packages, 0 of them for security (lock --update)\n    ~ libapp 1.0 → 1.1 (amd64)\n";
    assert!(outdated.stdout.contains(news), "{}", outdated.render());
    place.manifest("site", "2.0.0", "[app]", "");
    fs::copy(
        place.airlock.path("airlock.lock"),
        place.airlock.path("before.lock"),
    )
    .unwrap();
    place.carry("site-2.0.0", "store");
    let diff = place.airlock.run(["diff", "before.lock", "airlock.lock"]);
    assert!(
        diff.stdout.contains("~ libapp 1.0 → 1.1 (amd64)"),
        "{}",
        diff.render()
    );
    let why = place.airlock.run(["why", "libapp"]);
    let because = "libapp 1.1 (amd64) is a package of it: app Depends libapp (>= 1.0)";
    assert!(why.stdout.contains(because), "{}", why.render());
    // A client that has begun before goes on with what it has begun with.
    for (path, bytes) in &before {
        let Some((folder, _)) = path.rsplit_once('/') else {
            continue;
        };
        let digest = digest(bytes);
        let hex = digest.trim_start_matches("sha256:");
        let now = get(&served, &format!("dists/bookworm/{folder}/by-hash/SHA256/{hex}"));
        assert!(now == *bytes, "{path}");
    }
    apt.quietly(&["update"]);
    let upgrade = apt.quietly(&["--simulate", "upgrade"]);
    assert!(upgrade.contains("Inst libapp [1.0] (1.1 "), "{upgrade}");
    // Old versions stay as long as the generation has them.
    apt.quietly(&["--simulate", "--allow-downgrades", "install", "libapp=1.0"]);

    // Back: apt would pass over an older release without a word, and keep a list of what is gone.
    place.airlock.run(["rollback", "--store", "store"]).succeeds();
    apt.quietly(&["update"]);
    let back = apt.quietly(&["--simulate", "upgrade"]);
    assert!(back.contains("0 upgraded"), "{back}");
    assert!(!apt.run(&["--simulate", "install", "libapp=1.1"]).status.success());
    // And forward again.
    place.airlock.run(["rollback", "--store", "store"]).succeeds();
    apt.quietly(&["update"]);
    let again = apt.quietly(&["--simulate", "upgrade"]);
    assert!(again.contains("Inst libapp [1.0] (1.1 "), "{again}");
}

/// What several bundles bring for one distribution is one repository.
#[test]
fn bundles_are_merged() {
    let Some(place) = Place::new() else { return };
    place.carry("site-1.0.0", "store");
    place.manifest("extra", "1.0.0", "[unwanted]", "");
    place.carry("extra-1.0.0", "store");
    let served = place.serve("store");
    let apt = place.client("store", &served);
    place.install(&apt, &["base_12", "apt_2.6"]);
    apt.quietly(&["update"]);
    let both = apt.quietly(&["--simulate", "install", "app", "unwanted"]);
    assert!(both.contains("6 newly installed"), "{both}");
}

#[test]
fn one_lock_makes_one_repository() {
    let Some(place) = Place::new() else { return };
    place.carry("site-1.0.0", "one");
    let lock = fs::read(place.airlock.path("airlock.lock")).unwrap();
    place.lock().succeeds();
    assert!(fs::read(place.airlock.path("airlock.lock")).unwrap() == lock);
    let bundle = "out/site-1.0.0.airlock.tar";
    place
        .airlock
        .run(["import", bundle, "--store", "two", "--key", "a.pub"])
        .succeeds();
    let (one, two) = (place.serve("one"), place.serve("two"));
    assert!(metadata(&one) == metadata(&two));
    // Each is signed with a key of its own, and always in the same way.
    let signed = get(&one, "dists/bookworm/InRelease");
    assert!(signed != get(&two, "dists/bookworm/InRelease"));
    drop(one);
    assert!(signed == get(&place.serve("one"), "dists/bookworm/InRelease"));
}

/// Behind a gap clocks are wrong.
#[test]
fn clocks_that_are_a_day_off() {
    let Some(place) = Place::new() else { return };
    if !peer::require(&["faketime"]) {
        return;
    }
    place.carry("site-1.0.0", "store");
    let served = place.serve("store");
    for skew in ["-1 day", "+1 day"] {
        let apt = place.client("store", &served);
        place.install(&apt, &["base_12", "apt_2.6"]);
        let faketime = ["faketime", "-f", if skew == "-1 day" { "-1d" } else { "+1d" }];
        debian::quiet(&apt.run_below(&faketime, &["update"]));
        debian::quiet(&apt.run_below(&faketime, &["install", "--yes", "--download-only", "app"]));
        assert_eq!(apt.downloaded().len(), 5, "{skew}");
    }
}

/// A vendor's repository without suites, described by a `.sources` file with the key in it.
#[test]
fn a_flat_repository_with_a_detached_signature() {
    let Some(place) = Place::new() else { return };
    place.archive.publish_flat();
    let key = String::from_utf8(place.archive.public("archive")).unwrap();
    // As a field of several lines, in which a dot stands for an empty one.
    let key = format!(" {}\n", key.trim().replace("\n\n", "\n.\n").replace('\n', "\n "));
    let url = place.archive.url();
    place.airlock.write(
        "vendor.sources",
        format!("Types: deb\nURIs: {url}/flat\nSuites: ./\nSigned-By:\n{key}"),
    );
    place.airlock.write(
        "airlock.yaml",
        "apiVersion: airlock.dev/v1\nkind: Manifest\nmetadata: {name: site, version: 1.0.0}\nplatforms: [linux/amd64]\n\
         components: [{name: node, packages: [{distro: debian-12, names: [app], repos: {sources: vendor.sources}}]}]\n",
    );
    place.carry("site-1.0.0", "store");
    let served = place.serve("store");
    let apt = place.client("store", &served);
    place.install(&apt, &["base_12", "apt_2.6"]);
    apt.quietly(&["update"]);
    apt.quietly(&["install", "--yes", "--download-only", "app"]);
    assert_eq!(apt.downloaded().len(), 5);
    // The signature counts here, too.
    let release = place.archive.path("flat/Release");
    let mut text = fs::read_to_string(&release).unwrap();
    text.push_str("Origin: elsewhere\n");
    fs::write(&release, text).unwrap();
    place.refuses(
        &place.lock(),
        2,
        &["cannot be trusted", "does not fit the contents"],
    );
}

#[test]
fn a_release_that_cannot_be_trusted() {
    let Some(place) = Place::new() else { return };
    let archive = &place.archive;
    place.lock().succeeds();
    let lock = |signing: &Signing<'_>| {
        archive.sign(signing);
        place.lock()
    };

    archive.key("stranger", "never");
    let stranger = Signing {
        key: "stranger",
        ..Signing::default()
    };
    place.refuses(
        &lock(&stranger),
        2,
        &["cannot be trusted", "in none of the keyrings"],
    );

    archive.key("old", "30d");
    place.airlock.write("keys/archive.asc", archive.public("old"));
    let old = Signing {
        key: "old",
        gpg: &["--faked-system-time", "20240110T000000!"],
        ..Signing::default()
    };
    place.refuses(&lock(&old), 2, &["expired", "allow: [expired-release]"]);

    archive.key("revoked", "never");
    let revoked = Signing {
        key: "revoked",
        ..Signing::default()
    };
    archive.sign(&revoked);
    archive.revoke("revoked");
    place.airlock.write("keys/archive.asc", archive.public("revoked"));
    place.refuses(&place.lock(), 2, &["revoked"]);

    place.airlock.write("keys/archive.asc", archive.public("archive"));
    let weak_signature = Signing {
        gpg: &["--digest-algo", "SHA1"],
        ..Signing::default()
    };
    place.refuses(&lock(&weak_signature), 2, &["SHA1", "allow: [weak-digest]"]);
    let weak_sums = Signing {
        weak: true,
        ..Signing::default()
    };
    place.refuses(&lock(&weak_sums), 2, &["weak checksums", "allow: [weak-digest]"]);
    let stale = Signing {
        fields: "Valid-Until: Sat, 01 Jan 2022 00:00:00 UTC\n",
        ..Signing::default()
    };
    place.refuses(&lock(&stale), 2, &["expired on", "allow: [expired-release]"]);
    // What is accepted by name is accepted.
    place.manifest("site", "1.0.0", "[app]", "    allow: [expired-release]\n");
    place.lock().succeeds();
}

#[test]
fn indexes_that_are_not_what_was_signed() {
    let Some(place) = Place::new() else { return };
    let archive = &place.archive;
    let folder = archive.path("dists/bookworm/main/binary-amd64");
    let good = fs::read(folder.join("Packages.xz")).unwrap();
    let digest = digest(&good);
    let by_hash = format!("by-hash/SHA256/{}", digest.trim_start_matches("sha256:"));
    let put = |bytes: &[u8]| {
        fs::write(folder.join("Packages.xz"), bytes).unwrap();
        fs::write(folder.join(&by_hash), bytes).unwrap();
        // No other form to fall back to.
        for other in ["Packages", "Packages.gz"] {
            let _ = fs::remove_file(folder.join(other));
        }
        for entry in fs::read_dir(folder.join("by-hash/SHA256")).unwrap() {
            let path = entry.unwrap().path();
            if !by_hash.ends_with(path.file_name().unwrap().to_str().unwrap()) {
                fs::remove_file(path).unwrap();
            }
        }
        place.lock()
    };
    place.refuses(
        &put(&good[..good.len() / 2]),
        2,
        &["cannot be trusted", "instead of"],
    );
    let mut longer = good.clone();
    longer.resize(good.len() + 100_000, 0);
    place.refuses(&put(&longer), 2, &["larger than"]);
    let mut other = good.clone();
    *other.last_mut().unwrap() ^= 1;
    place.refuses(&put(&other), 2, &["other contents than were signed", "try again"]);
    put(&good).succeeds();
}

/// Packages that have changed or gone since the lock was made.
#[test]
fn packages_that_are_not_what_was_locked() {
    let Some(place) = Place::new() else { return };
    place.lock().succeeds();
    let app = place.archive.path("pool/app_1.0.deb");
    let good = fs::read(&app).unwrap();
    let refuses = |words: &[&str]| {
        let run = place.pack();
        run.exits(3);
        for word in words {
            assert!(run.stderr.contains(word), "no {word:?} in\n{}", run.render());
        }
        assert!(
            Tree::of(&place.airlock.path("out"))
                .names()
                .all(|name| { !name.to_string_lossy().ends_with(".airlock.tar") })
        );
    };
    let mut other = good.clone();
    *other.last_mut().unwrap() ^= 1;
    fs::write(&app, &other).unwrap();
    refuses(&["node/debian-12", "app_1.0.deb"]);
    fs::remove_file(&app).unwrap();
    refuses(&["1 of", "node/debian-12", "app_1.0.deb", "lock --update"]);
    fs::write(&app, &good).unwrap();
    // An archive that has moved on keeps what it had under its digest for a while, and that is what the lock names.
    let index = place.archive.path("dists/bookworm/main/binary-amd64/Packages.xz");
    let before = fs::read(&index).unwrap();
    place.archive.package("libapp", "1.1", "");
    place.archive.publish(&Signing::default());
    // What has come already is kept, and the index is a part of that.
    fs::remove_dir_all(place.airlock.path("out")).unwrap();
    refuses(&["1 of", "by-hash"]);
    let hex = digest(&before).trim_start_matches("sha256:").to_owned();
    fs::write(index.with_file_name("by-hash/SHA256").join(hex), before).unwrap();
    place.pack().succeeds();
}

/// What stands beside the manifest counts as a part of it.
#[test]
fn a_lock_notices_that_its_keyring_changed() {
    let Some(place) = Place::new() else { return };
    place.lock().succeeds();
    place.airlock.run(["lock", "--check"]).succeeds();
    let mut key = place.archive.public("archive");
    key.push(b'\n');
    place.airlock.write("keys/archive.asc", key);
    let run = place.airlock.run(["lock", "--check"]);
    run.exits(1);
    assert!(
        run.stderr.contains("changed: keys/archive.asc"),
        "{}",
        run.render()
    );
}

/// What a site gets, by name.
fn served_names(place: &Place, store: &str) -> Vec<String> {
    let served = place.serve(store);
    let packages = String::from_utf8(get(&served, "dists/bookworm/main/binary-amd64/Packages")).unwrap();
    let names = packages.lines().filter_map(|line| line.strip_prefix("Package: "));
    names.map(str::to_owned).collect()
}

/// A name that every node has already is a wish all the same.
#[test]
fn what_is_named_is_carried() {
    let Some(place) = Place::new() else { return };
    place.manifest("site", "1.0.0", "[base]", "");
    place.carry("site-1.0.0", "store");
    assert_eq!(served_names(&place, "store"), ["base"]);
}

/// What a node has is what its own list says, and nothing at all is a base as well.
#[test]
fn other_bases() {
    let Some(place) = Place::new() else { return };
    let node = Apt::new();
    place.install(
        &node,
        &["base_12", "apt_2.6", "libapp_1.0", "libbase_5", "base-data_5"],
    );
    let status = fs::read(node.path("var/lib/dpkg/status")).unwrap();
    place.airlock.write("node/status", status);
    place.manifest("site", "1.0.0", "[app]", "    base: {status: node/status}\n");
    place.carry("site-1.0.0", "node-store");
    assert_eq!(served_names(&place, "node-store"), ["app", "tool"]);
    place.manifest("site", "1.0.0", "[app]", "    base: empty\n");
    place.carry("site-1.0.0", "empty-store");
    let all = ["app", "base", "base-data", "libapp", "libbase", "tool"];
    assert_eq!(served_names(&place, "empty-store"), all);
}

#[test]
fn versions_and_pins_choose() {
    let Some(place) = Place::new() else { return };
    place.archive.package("libapp", "1.1", "Depends: base\n");
    place.archive.publish(&Signing::default());
    let pin = "    pins: {package: libapp, pin: version 1.0, priority: 1001}\n";
    for (names, more, version) in [
        ("[app]", "", "1.1"),
        ("[app, libapp=1.0]", "", "1.0"),
        ("[app]", pin, "1.0"),
        ("[app, libapp/stable]", "", "1.1"),
    ] {
        place.manifest("site", "1.0.0", names, more);
        place.lock().succeeds();
        let why = place.airlock.run(["why", "libapp"]);
        let line = format!("libapp {version} (amd64) is a package of it");
        assert!(why.stdout.contains(&line), "{names} {more}\n{}", why.render());
    }
}

#[test]
fn names_that_nothing_has() {
    let Some(place) = Place::new() else { return };
    for (names, words) in [
        (
            "[ap]",
            &["no package for amd64 of this name: ap", "did you mean a"][..],
        ),
        (
            "[app=9]",
            &["cannot be had for amd64", "version of app (there is 1.0): 9"],
        ),
        ("[\"app:arm64\"]", &["an architecture that is not"]),
    ] {
        place.manifest("site", "1.0.0", names, "");
        place.refuses(&place.lock(), 2, words);
    }
    place.archive.package("broken", "1", "Depends: libapp (>= 7)\n");
    place.archive.publish(&Signing::default());
    place.manifest("site", "1.0.0", "[broken]", "");
    place.refuses(&place.lock(), 2, &["cannot be installed on amd64", "libapp", "7"]);
}
