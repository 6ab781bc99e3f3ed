//! Disks that are read-only and folders that are forbidden: every command says so and changes nothing, and what only
//! reads goes on working.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use airlock_tests::disk::Disk;
use airlock_tests::tree::Tree;
use airlock_tests::{Airlock, Run, command, http, peer};

use crate::world::World;

/// A command line, and whether it has to write.
type Case = (&'static str, Vec<OsString>, bool);

/// A folder with a site's store of two generations and a builder's manifest, lock and cache.
struct Place {
    airlock: Airlock,
    store: PathBuf,
}

impl Place {
    fn new(world: &World, earlier: &World, folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        // The home is elsewhere, so that it can be written.
        let airlock = Airlock::within(folder);
        for file in ["airlock.yaml", "site.conf", "airlock.lock"] {
            fs::copy(world.airlock.path(file), airlock.path(file)).unwrap();
        }
        let store = folder.join("store");
        earlier.import(&store);
        world.import(&store);
        let back = ["rollback".as_ref(), "--store".as_ref(), store.as_os_str()];
        world.airlock.run(back).succeeds();
        // Something to be set aside.
        let garbage = store.join("blobs/sha256").join("0".repeat(64));
        fs::write(garbage, "not this").unwrap();
        Self { airlock, store }
    }

    fn cases(&self, world: &World, earlier: &World) -> Vec<Case> {
        let text = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let on_store = |words: &[&str]| {
            let mut all = text(words);
            all.extend(["--store".into(), (&self.store).into()]);
            all
        };
        let upstream = |words: &[&str]| {
            let mut all = text(words);
            all.extend(world.upstream().into_iter().map(OsString::from));
            all
        };
        let manifest = self.airlock.path("airlock.yaml").display().to_string();
        let mut pack: Vec<OsString> = world
            .pack_arguments(&self.airlock.path("out"))
            .into_iter()
            .map(Into::into)
            .collect();
        pack[1] = self.airlock.path("airlock.lock").into();
        let mut cached = pack.clone();
        let out = cached.iter().position(|word| word == "--out").unwrap();
        cached[out + 1] = world.airlock.path("forbidden-out").into();
        cached.extend(["--cache".into(), self.airlock.path("cache").into()]);
        pack.push("--no-cache".into());
        let key = self.airlock.path("new.key").display().to_string();
        let absent = self.airlock.path("absent");
        vec![
            ("lock", upstream(&["lock", &manifest, "--update"]), false),
            (
                "lock of a changed manifest",
                upstream(&["lock", &manifest, "--component", "images"]),
                true,
            ),
            ("pack", pack, true),
            ("pack with a cache", cached, true),
            (
                "keygen",
                text(&["keygen", "--out", &key, "--insecure-no-password"]),
                true,
            ),
            (
                "import",
                world.import_arguments(&world.bundle, &self.store).to_vec(),
                true,
            ),
            (
                "first import",
                world.import_arguments(&world.bundle, &absent).to_vec(),
                true,
            ),
            (
                "import of what is there",
                earlier.import_arguments(&earlier.bundle, &self.store).to_vec(),
                false,
            ),
            ("rollback", on_store(&["rollback"]), true),
            ("gc", on_store(&["gc", "--keep", "1"]), true),
            ("scrub --quarantine", on_store(&["scrub", "--quarantine"]), true),
            ("generations", on_store(&["generations"]), false),
            ("receipts", on_store(&["receipts"]), false),
        ]
    }
}

/// One clause with the path at its end, one cause, one hint.
#[track_caller]
fn told(what: &str, run: &Run, cause: &str) {
    let text = run.render();
    assert_eq!(run.code, Some(2), "{what}: {text}");
    assert!(run.stderr.contains(cause), "{what}: {text}");
    assert!(run.stderr.contains("\nhint: "), "{what}: {text}");
    let error = run
        .stderr
        .lines()
        .find(|line| line.starts_with("error: "))
        .unwrap();
    let last = error.rsplit(": ").next().unwrap();
    assert!(last.contains('/'), "{what}: the path is not last in {error:?}");
    assert!(!run.stderr.contains("panicked"), "{what}: {text}");
}

#[test]
fn a_read_only_disk() {
    let (Some(world), Some(earlier)) = (World::small(), World::earlier()) else {
        return;
    };
    let Some(mut disk) = Disk::new("size=200m") else {
        return;
    };
    let place = Place::new(world, earlier, &disk.path("place"));
    let cases = place.cases(world, earlier);
    let before = Tree::of(&disk.path("."));
    disk.remount("ro");
    for (what, words, writes) in &cases {
        let run = world.airlock.run(words);
        if *writes {
            told(what, &run, "Read-only file system");
        } else {
            assert_eq!(run.code, Some(0), "{what}: {}", run.render());
        }
    }
    // Damage is damage, whatever the disk.
    let scrub = ["scrub".as_ref(), "--store".as_ref(), place.store.as_os_str()];
    world.airlock.run(scrub).exits(1);
    let served = world.airlock.serve(&place.store, [] as [&str; 0]);
    assert_eq!(http::get(served.address(), "/v2/_catalog").unwrap().status, 200);
    drop(served);
    // With TLS there is something to be kept, which can be elsewhere.
    let tls = [
        "serve".as_ref(),
        place.store.as_os_str(),
        "--listen".as_ref(),
        "0.0.0.0:0".as_ref(),
    ];
    let run = world.airlock.run(tls);
    told("serve with TLS", &run, "Read-only file system");
    assert!(run.stderr.contains("--tls-dir"), "{}", run.render());
    let now = Tree::of(&disk.path("."));
    assert!(now == before, "{}", before.diff(&now));
    disk.remount("rw");
    for (what, words, writes) in &cases {
        let run = world.airlock.run(words);
        // What was damaged on purpose is told.
        let code = i32::from(*what == "scrub --quarantine");
        assert!(!writes || run.code == Some(code), "{what}: {}", run.render());
        if *what == "rollback" {
            world.import(&place.store);
        }
        if *what == "gc" {
            fs::write(place.store.join("blobs/sha256").join("0".repeat(64)), "not this").unwrap();
        }
    }
}

/// Takes a right from a folder and everything below, or gives it back.
fn change_modes(path: &Path, change: &dyn Fn(u32) -> u32) {
    let facts = fs::symlink_metadata(path).unwrap();
    let mode = facts.permissions().mode();
    let set = |mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    // A folder must be readable while what is in it is changed.
    set(mode | 0o700);
    if facts.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            change_modes(&entry.unwrap().path(), change);
        }
    }
    set(change(mode));
}

/// Runs it as a user like any other: root without its privileges is one.
fn unprivileged(airlock: &Airlock, words: &[OsString]) -> Run {
    let plain = airlock.command(words);
    let mut command = command::clean("setpriv", &airlock.path(".home"));
    command
        .current_dir(airlock.path("."))
        .args(["--bounding-set=-all", "--inh-caps=-all"])
        .arg(plain.get_program())
        .args(words);
    airlock.finish(&mut command, Stdio::null())
}

#[test]
fn a_folder_that_this_user_may_not_write_or_not_even_read() {
    let (Some(world), Some(earlier)) = (World::small(), World::earlier()) else {
        return;
    };
    if peer::find("setpriv").is_none() {
        peer::skip("setpriv is not installed");
        return;
    }
    let folder = world.airlock.path("forbidden");
    let place = Place::new(world, earlier, &folder);
    let cases = place.cases(world, earlier);
    let before = Tree::of(&folder);
    change_modes(&folder, &|mode| mode & !0o222);
    for (what, words, writes) in &cases {
        let run = unprivileged(&world.airlock, words);
        if *writes {
            told(what, &run, "Permission denied");
        } else {
            assert_eq!(run.code, Some(0), "{what}: {}", run.render());
        }
    }
    change_modes(&folder, &|mode| mode & !0o777);
    for (what, words, _) in &cases {
        // What was kept outside is not asked for here.
        told(what, &unprivileged(&world.airlock, words), "Permission denied");
    }
    let serve = ["serve".into(), place.store.clone().into_os_string()];
    told(
        "serve",
        &unprivileged(&world.airlock, &serve),
        "Permission denied",
    );
    change_modes(&folder, &|mode| {
        if mode & 0o170_000 == 0o040_000 {
            0o755
        } else {
            0o644
        }
    });
    let now = Tree::of(&folder);
    let difference = before.diff(&now);
    let names: Vec<&str> = difference
        .lines()
        .filter(|line| !line.starts_with("changed: store/airlock/keys/site.key"))
        .collect();
    assert!(names.is_empty(), "{names:?}");
}
