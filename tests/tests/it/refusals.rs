//! A bundle that is not exactly what was signed is refused, and the store does not change.
//!
//! The store holds another bundle's content, so that anything taken from a refused one would show.

use std::fs;
use std::path::{Path, PathBuf};

use airlock_tests::archive::{self, Entry};
use airlock_tests::tree::Tree;

use crate::world::World;

/// A store that holds an earlier import, and a place for broken bundles.
struct Site<'a> {
    world: &'a World,
    folder: String,
    store: PathBuf,
    before: Tree,
    tar: Vec<u8>,
    entries: Vec<Entry>,
}

impl<'a> Site<'a> {
    fn new(world: &'a World, name: &str) -> Option<Self> {
        let folder = format!("refusals-{name}");
        let store = world.airlock.path(format!("{folder}/store"));
        World::earlier()?.import(&store);
        let tar = fs::read(&world.bundle).unwrap();
        Some(Self {
            world,
            folder,
            before: Tree::of(&store),
            store,
            entries: archive::entries(&tar),
            tar,
        })
    }

    fn entry(&self, matches: impl Fn(&str) -> bool) -> &Entry {
        self.entries
            .iter()
            .find(|entry| matches(&entry.name))
            .expect("every bundle has it")
    }

    /// The bundle with one bit of another value at `at`.
    fn flipped(&self, at: usize) -> Vec<u8> {
        let mut tar = self.tar.clone();
        tar[at] ^= 0x10;
        tar
    }

    /// Asks verify and import, from a file and from a pipe, into the store and into a new one.
    fn refuses(&self, what: &str, tar: &[u8]) {
        let broken = self
            .world
            .airlock
            .write(&format!("{}/broken.airlock.tar", self.folder), tar);
        let airlock = &self.world.airlock;
        let key = self.world.public_key.as_os_str();
        let verified = airlock.run(["verify".as_ref(), broken.as_os_str(), "--key".as_ref(), key]);
        assert_eq!(verified.code, Some(1), "verify, {what}\n{}", verified.render());
        assert!(
            verified.stderr.contains("error:"),
            "{what}\n{}",
            verified.render()
        );

        let imported = airlock.run(self.world.import_arguments(&broken, &self.store));
        assert_eq!(imported.code, Some(1), "import, {what}\n{}", imported.render());
        self.unchanged(what);
        let piped = airlock.run_reading(&broken, self.world.import_arguments(Path::new("-"), &self.store));
        assert_eq!(
            piped.code,
            Some(1),
            "import from a pipe, {what}\n{}",
            piped.render()
        );
        self.unchanged(what);

        let fresh = airlock.path(format!("{}/fresh", self.folder));
        let imported = airlock.run(self.world.import_arguments(&broken, &fresh));
        assert_eq!(
            imported.code,
            Some(1),
            "import into a new store, {what}\n{}",
            imported.render()
        );
        let left: Vec<String> = Tree::of(&fresh)
            .names()
            .map(|name| name.display().to_string())
            .collect();
        assert!(left.is_empty(), "left behind in a new store, {what}: {left:?}");

        let mut served = airlock.command(["serve".as_ref(), broken.as_os_str(), "--key".as_ref(), key]);
        served.args(["--listen", "127.0.0.1:0"]);
        // Serving checks what it needs before it listens (index, signatures, lists) and blobs as they are
        // read, so only damage in front of the blobs is sure to stop it.
        if what.starts_with("head: ") {
            let served = airlock.finish(&mut served, std::process::Stdio::null());
            assert_eq!(served.code, Some(1), "serve, {what}\n{}", served.render());
        }
    }

    fn unchanged(&self, what: &str) {
        let now = Tree::of(&self.store);
        assert!(
            now == self.before,
            "the store changed, {what}:\n{}",
            self.before.diff(&now)
        );
    }
}

#[test]
fn the_bundle_as_it_is_is_accepted() {
    let Some(world) = World::small() else { return };
    let key = world.public_key.as_os_str();
    world
        .airlock
        .run(["verify".as_ref(), world.bundle.as_os_str(), "--key".as_ref(), key])
        .succeeds();
    world
        .airlock
        .run_reading(
            &world.bundle,
            ["verify".as_ref(), "-".as_ref(), "--key".as_ref(), key],
        )
        .succeeds();
}

#[test]
fn a_changed_bit_anywhere() {
    let Some(world) = World::small() else { return };
    let Some(site) = Site::new(world, "bit") else {
        return;
    };
    let signature = |name: &str| name.ends_with(".sigstore.json");
    for (what, entry) in [
        ("head: the index", site.entry(|name| name == "airlock.json")),
        ("head: the signature", site.entry(signature)),
        ("SHA256SUMS", site.entry(|name| name == "SHA256SUMS")),
        ("the lock", site.entry(|name| name == "airlock.lock")),
        ("index.json", site.entry(|name| name == "index.json")),
        (
            "the last blob",
            site.entries.last().expect("a bundle has entries"),
        ),
    ] {
        let middle = entry.content.start + entry.content.len() / 2;
        site.refuses(what, &site.flipped(middle));
    }
    let largest = site
        .entries
        .iter()
        .max_by_key(|entry| entry.content.len())
        .expect("a bundle has entries");
    for at in [largest.content.start, largest.content.end - 1] {
        site.refuses("the edge of the largest blob", &site.flipped(at));
    }
}

#[test]
fn a_truncated_bundle() {
    let Some(world) = World::small() else { return };
    let Some(site) = Site::new(world, "short") else {
        return;
    };
    let blob = site.entries.last().expect("a bundle has entries");
    for length in [
        0,
        100,
        512,
        site.entries[1].whole.start,
        site.entries[2].whole.start,
        site.tar.len() / 2,
        blob.whole.start,
        blob.content.start,
        blob.content.end - 1,
    ] {
        site.refuses(&format!("cut at {length}"), &site.tar[..length]);
    }
}

#[test]
fn an_unsigned_bundle_and_one_signed_by_a_stranger() {
    let Some(world) = World::small() else { return };
    let Some(site) = Site::new(world, "unsigned") else {
        return;
    };
    let unsigned = archive::without(&site.tar, |name| name.starts_with("signatures/"));
    site.refuses("head: unsigned", &unsigned);

    world.keygen("stranger");
    let stranger = world.airlock.path("stranger.pub");
    for arguments in [
        vec![
            "verify".as_ref(),
            world.bundle.as_os_str(),
            "--key".as_ref(),
            stranger.as_os_str(),
        ],
        vec![
            "import".as_ref(),
            world.bundle.as_os_str(),
            "--store".as_ref(),
            site.store.as_os_str(),
            "--key".as_ref(),
            stranger.as_os_str(),
        ],
    ] {
        world.airlock.run(arguments).exits(1);
        site.unchanged("a stranger's key");
    }
}

#[test]
fn added_missing_and_misplaced_entries() {
    let Some(world) = World::small() else { return };
    let Some(site) = Site::new(world, "entries") else {
        return;
    };
    let file = |name: &str, content: &[u8], position: usize| {
        let header = archive::header(name, tar::EntryType::Regular, content.len());
        archive::with(&site.tar, position, &header, content)
    };
    let last = site.entries.len() - 1;
    let stray = format!("blobs/sha256/{}", "0".repeat(64));
    site.refuses("a blob that nobody named", &file(&stray, b"stray", last));
    site.refuses("a way out of the folder", &file("../evil", b"evil", last));
    site.refuses("an absolute path", &file("/tmp/airlock-evil", b"evil", last));
    assert!(!Path::new("/tmp/airlock-evil").exists());
    site.refuses("the index twice", &file("airlock.json", b"{}", 1));
    site.refuses("head: something before the index", &file("README", b"", 0));

    let mut link = archive::header("blobs/link", tar::EntryType::Symlink, 0);
    link.set_link_name("/etc/passwd").unwrap();
    link.set_cksum();
    site.refuses("a symbolic link", &archive::with(&site.tar, last, &link, b""));

    let victim = site.entries[last].name.clone();
    site.refuses(
        "a blob left out",
        &archive::without(&site.tar, |name| name == victim),
    );
    let two: Vec<&Entry> = site
        .entries
        .iter()
        .filter(|entry| entry.name.len() > 70)
        .take(2)
        .collect();
    let swapped = [
        &site.tar[..two[0].whole.start],
        &site.tar[two[1].whole.clone()],
        &site.tar[two[0].whole.end..two[1].whole.start],
        &site.tar[two[0].whole.clone()],
        &site.tar[two[1].whole.end..],
    ]
    .concat();
    assert_eq!(swapped.len(), site.tar.len());
    site.refuses("two blobs in each other's place", &swapped);
}
