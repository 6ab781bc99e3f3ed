//! `kill -9` at random moments of every command that writes, with readers pulling all the while.
//!
//! Four moments of each in the normal run; `AIRLOCK_TEST_KILLS=50` for more.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use airlock_tests::tree::{self, Tree};
use airlock_tests::{Airlock, digest, http};
use serde_json::Value;

use crate::world::{World, only_bundle};

fn kills() -> u64 {
    std::env::var("AIRLOCK_TEST_KILLS").map_or(4, |count| count.parse().unwrap())
}

/// Moments spread over the time that a whole run takes, the same in every run of this suite.
struct Moments {
    whole: Duration,
    state: u64,
    killed: usize,
}

impl Moments {
    /// Lets the command run to its end once.
    fn of(command: &mut Command) -> Self {
        let start = Instant::now();
        let status = quiet(command).status().unwrap();
        assert!(status.success(), "{command:?}: {status}");
        Self {
            whole: start.elapsed(),
            state: 0x9e37_79b9_7f4a_7c15,
            killed: 0,
        }
    }

    /// Starts the command and kills it at the next moment, if it is still there.
    fn strike(&mut self, command: &mut Command) {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let share = u32::try_from(self.state % 1000).unwrap();
        let mut child = quiet(command).spawn().unwrap();
        thread::sleep(self.whole * share / 1000);
        self.killed += usize::from(child.try_wait().unwrap().is_none());
        // Fails only when it has ended already.
        let _ = child.kill();
        child.wait().unwrap();
    }
}

fn quiet(command: &mut Command) -> &mut Command {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
}

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// A folder with the manifest of a world, and nothing else.
fn workplace(world: &World, name: &str) -> Airlock {
    let folder = world.airlock.path(name);
    fs::create_dir_all(&folder).unwrap();
    let airlock = Airlock::within(&folder);
    for file in ["airlock.yaml", "site.conf"] {
        fs::copy(world.airlock.path(file), airlock.path(file)).unwrap();
    }
    airlock
}

#[test]
fn lock() {
    let Some(world) = World::small() else { return };
    let place = workplace(world, "kills-lock");
    let mut arguments = vec!["lock".to_owned(), "airlock.yaml".to_owned()];
    arguments.extend(world.upstream());
    let file = place.path("airlock.lock");
    let some = [&arguments[..], &["--component".to_owned(), "images".to_owned()]].concat();
    place.run(&some).succeeds();
    let old = fs::read(&file).unwrap();
    let mut moments = Moments::of(&mut place.command(&arguments));
    let expected = names(&place.path("."));
    let wanted = fs::read(&file).unwrap();
    assert!(old != wanted);
    for at in 0..kills() {
        if at % 2 == 0 {
            fs::remove_file(&file).unwrap();
        } else {
            fs::write(&file, &old).unwrap();
        }
        moments.strike(&mut place.command(&arguments));
        if let Ok(found) = fs::read(&file) {
            assert!(found == wanted || found == old, "half a lock");
        }
        place.run(&arguments).succeeds();
        assert!(fs::read(&file).unwrap() == wanted);
        assert_eq!(names(&place.path(".")), expected, "leftovers");
    }
    assert!(moments.killed > 0);
}

#[test]
fn build() {
    let Some(world) = World::small() else { return };
    let place = workplace(world, "kills-build");
    fs::copy(world.airlock.path("airlock.lock"), place.path("airlock.lock")).unwrap();
    let arguments = |out: &str| {
        let mut words: Vec<String> = ["build", "airlock.yaml", "--locked", "--no-importer", "--out", out]
            .map(str::to_owned)
            .to_vec();
        for (flag, file) in [("--key", "airlock.key"), ("--password-file", "password")] {
            let path = world.airlock.path(file).display().to_string();
            words.extend([flag.to_owned(), path]);
        }
        words.extend(["--cache".to_owned(), format!("{out}-cache")]);
        words.extend(world.upstream());
        words
    };
    let mut moments = Moments::of(&mut place.command(arguments("whole")));
    let wanted = tree::hash(&world.bundle);
    let cache = Tree::of(&place.path("whole-cache/blobs"));
    for at in 0..kills() {
        let out = format!("out-{at}");
        moments.strike(&mut place.command(arguments(&out)));
        place.run(arguments(&out)).succeeds();
        assert_eq!(tree::hash(&only_bundle(&place.path(&out))), wanted);
        assert_eq!(names(&place.path(&out)).len(), 1, "leftovers");
        let now = Tree::of(&place.path(format!("{out}-cache/blobs")));
        // What the killed run had put into the bundle need not be in the cache; nothing else may be.
        let differences = cache.diff(&now);
        assert!(
            differences.lines().all(|line| line.starts_with("gone: ")),
            "{differences}"
        );
        assert!(temporaries(&place.path(format!("{out}-cache"))).is_empty());
        for folder in [out.clone(), format!("{out}-cache")] {
            fs::remove_dir_all(place.path(folder)).unwrap();
        }
    }
    assert!(moments.killed > 0);
}

/// What a kill leaves in the very moment of writing, whenever that is.
#[test]
fn what_a_killed_lock_left_is_taken_away() {
    let Some(world) = World::small() else { return };
    let place = workplace(world, "kills-lock-left");
    let mut arguments = vec!["lock".to_owned(), "airlock.yaml".to_owned()];
    arguments.extend(world.upstream());
    let left = place.path(".airlock.lock.new");
    for _ in 0..2 {
        // The second time there is nothing to be written.
        fs::write(&left, "{").unwrap();
        place.run(&arguments).succeeds();
        assert!(!left.exists());
    }
}

#[test]
fn scrub() {
    let (Some(world), Some(earlier)) = (World::small(), World::earlier()) else {
        return;
    };
    let store = world.airlock.path("kills-scrub");
    earlier.import(&store);
    world.import(&store);
    let content = || Tree::of(&store).without("airlock");
    let whole = content();
    let blobs: Vec<PathBuf> = names(&store.join("blobs/sha256"))
        .into_iter()
        .map(|name| store.join("blobs/sha256").join(name))
        .filter(|path| fs::metadata(path).unwrap().len() > 0)
        .collect();
    let scrub = [
        "scrub".as_ref(),
        "--quarantine".as_ref(),
        "--store".as_ref(),
        store.as_os_str(),
    ];
    let mut moments = Moments::of(&mut world.airlock.command(scrub));
    for at in 0..usize::try_from(kills()).unwrap() {
        let damaged: BTreeSet<&PathBuf> = [1, 7, 13]
            .iter()
            .map(|step| &blobs[at * step % blobs.len()])
            .collect();
        for path in &damaged {
            fs::write(path, "damaged").unwrap();
        }
        moments.strike(&mut world.airlock.command(scrub));
        world.airlock.run(scrub).exits(1);
        assert!(damaged.iter().all(|path| !path.exists()));
        assert_eq!(names(&store.join("airlock/quarantine")).len(), damaged.len());
        assert!(temporaries(&store).is_empty());
        // Both, since a blob may be of either.
        for world in [earlier, world] {
            world
                .airlock
                .run(world.import_arguments(&world.bundle, &store))
                .succeeds();
        }
        let now = content();
        assert!(now == whole, "{}", whole.diff(&now));
        world.airlock.run(scrub).succeeds();
        fs::remove_dir_all(store.join("airlock/quarantine")).unwrap();
    }
    assert!(moments.killed > 0);
}

fn temporaries(store: &Path) -> BTreeSet<String> {
    names(&store.join("airlock/tmp"))
}

/// A client that asks for everything, again and again.
struct Reader<'a> {
    address: SocketAddr,
    /// The list of repositories before and after.
    lists: [&'a BTreeSet<String>; 2],
    stop: &'a AtomicBool,
    rounds: &'a AtomicUsize,
}

impl Reader<'_> {
    fn run(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            let list = repositories(self.address);
            assert!(self.lists.contains(&&list), "a mixture: {list:?}");
            for name in &list {
                let whole = pull(self.address, name);
                // What is not in both may go while it is pulled, and then only as a whole.
                assert!(
                    whole.is_ok() || !self.lists.iter().all(|list| list.contains(name)),
                    "{name}: {whole:?}"
                );
            }
            self.rounds.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn repositories(address: SocketAddr) -> BTreeSet<String> {
    let answer = http::get(address, "/v2/_catalog?n=1000").unwrap();
    assert_eq!(answer.status, 200);
    let value: Value = serde_json::from_slice(&answer.body).unwrap();
    let names = value["repositories"].as_array().unwrap();
    names
        .iter()
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

/// Pulls whatever the first tag leads to; wrong content fails at once, missing content is returned.
fn pull(address: SocketAddr, name: &str) -> Result<(), String> {
    let get = |target: String| {
        let answer = http::get(address, &target).map_err(|error| format!("{target}: {error}"))?;
        (answer.status == 200)
            .then_some(answer.body)
            .ok_or(format!("{target}: {}", answer.status))
    };
    let tags: Value = serde_json::from_slice(&get(format!("/v2/{name}/tags/list"))?).unwrap();
    let Some(tag) = tags["tags"][0].as_str() else {
        return Ok(());
    };
    let mut open = vec![get(format!("/v2/{name}/manifests/{tag}"))?];
    while let Some(manifest) = open.pop() {
        let value: Value = serde_json::from_slice(&manifest).unwrap();
        let digests = |field: &str| -> Vec<String> {
            let list = value[field].as_array().map_or(&[][..], Vec::as_slice);
            list.iter()
                .map(|entry| entry["digest"].as_str().unwrap().to_owned())
                .collect()
        };
        for child in digests("manifests") {
            // A platform that was not asked for is not carried.
            let Ok(bytes) = get(format!("/v2/{name}/manifests/{child}")) else {
                continue;
            };
            assert_eq!(digest(&bytes), child, "{name}");
            open.push(bytes);
        }
        for blob in digests("layers") {
            let bytes = get(format!("/v2/{name}/blobs/{blob}"))?;
            assert_eq!(digest(&bytes), blob, "{name}");
        }
    }
    Ok(())
}

#[test]
fn import_rollback_and_gc_while_clients_pull() {
    let (Some(world), Some(earlier)) = (World::small(), World::earlier()) else {
        return;
    };
    let store = world.airlock.path("kills-store");
    let index = || fs::read(store.join("index.json")).unwrap();
    let content = || Tree::of(&store).without("airlock");
    let on_store = |words: &[&str]| -> Vec<std::ffi::OsString> {
        let store = PathBuf::from(&store).into_os_string();
        words
            .iter()
            .map(Into::into)
            .chain(["--store".into(), store])
            .collect()
    };

    earlier.import(&store);
    let old = (index(), content());
    let served = world.airlock.serve(&store, [] as [&str; 0]);
    let old_list = repositories(served.address());
    let import = world.import_arguments(&world.bundle, &store);
    let mut imports = Moments::of(&mut world.airlock.command(&import));
    let new = (index(), content());
    assert_ne!(old.0, new.0);
    thread::sleep(Duration::from_millis(100));
    let new_list = repositories(served.address());
    assert_ne!(old_list, new_list);
    let back = digest(&old.0);
    let rollback = on_store(&["rollback", "--to", &back]);
    let mut rollbacks = Moments::of(&mut world.airlock.command(&rollback));
    assert!(index() == old.0);
    let collect = on_store(&["gc", "--keep", "1"]);
    let mut collections = Moments::of(&mut world.airlock.command(&collect));
    assert!(content() == old.1, "{}", old.1.diff(&content()));

    let (stop, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
    let reader = Reader {
        address: served.address(),
        lists: [&old_list, &new_list],
        stop: &stop,
        rounds: &rounds,
    };
    thread::scope(|scope| {
        let readers = [scope.spawn(|| reader.run()), scope.spawn(|| reader.run())];
        // Whatever fails in here, the readers must end.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..kills() {
                imports.strike(&mut world.airlock.command(&import));
                assert!([&old.0, &new.0].contains(&&index()), "a mixture");
                world.airlock.run(&import).succeeds();
                assert!(content() == new.1, "import: {}", new.1.diff(&content()));
                assert!(temporaries(&store).is_empty());

                rollbacks.strike(&mut world.airlock.command(&rollback));
                assert!([&old.0, &new.0].contains(&&index()), "a mixture");
                world.airlock.run(&rollback).succeeds();
                assert!(index() == old.0);

                collections.strike(&mut world.airlock.command(&collect));
                assert!(index() == old.0);
                world.airlock.run(&collect).succeeds();
                assert!(content() == old.1, "gc: {}", old.1.diff(&content()));
                assert!(temporaries(&store).is_empty());
            }
        }));
        stop.store(true, Ordering::Relaxed);
        for reader in readers {
            if let Err(panic) = reader.join() {
                std::panic::resume_unwind(panic);
            }
        }
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
    let scrub = on_store(&["scrub"]);
    world.airlock.run(&scrub).succeeds();
    assert!(imports.killed > 0 && rollbacks.killed > 0 && collections.killed > 0);
    assert!(rounds.into_inner() > 1, "nobody pulled");
}
