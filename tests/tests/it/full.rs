//! A disk that runs full at any moment: it is said, nothing is lost, and the same command completes when there is
//! room again.
//!
//! By default every fourth page is tried; with `AIRLOCK_TEST_FULL=1` each.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use airlock_tests::disk::{Disk, PAGE, copy_folder};
use airlock_tests::tree::{self, Tree};
use airlock_tests::{Airlock, Run};

use crate::world::{World, only_bundle};

const FILLER: &str = "filler";
/// More than any number of pages that the end of an import needs.
const PAGES: u64 = 200;

fn index(store: &Path) -> Vec<u8> {
    fs::read(store.join("index.json")).unwrap()
}

fn content(store: &Path) -> Tree {
    Tree::of(store).without("airlock")
}

#[track_caller]
fn no_temporaries(store: &Path) {
    let left: Vec<_> = fs::read_dir(store.join("airlock/tmp")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

fn on_store(words: &[&str], store: &Path) -> Vec<OsString> {
    let mut all: Vec<OsString> = words.iter().map(Into::into).collect();
    all.extend(["--store".into(), store.into()]);
    all
}

/// Two bundles, one after the other, and a small disk.
fn two_worlds(disk: &str) -> Option<(&'static World, &'static World, Disk)> {
    Some((World::small()?, World::earlier()?, Disk::new(disk)?))
}

/// The store of a site that imported the earlier bundle, and what it is after the new one.
struct Site {
    old: PathBuf,
    old_index: Vec<u8>,
    old_content: Tree,
    new_index: Vec<u8>,
    new_content: Tree,
}

impl Site {
    fn new(world: &World, earlier: &World, name: &str) -> Self {
        let (old, new) = (
            world.airlock.path(format!("{name}-old")),
            world.airlock.path(format!("{name}-new")),
        );
        earlier.import(&old);
        copy_folder(&old, &new);
        world.import(&new);
        Self {
            old_index: index(&old),
            old_content: content(&old),
            new_index: index(&new),
            new_content: content(&new),
            old,
        }
    }
}

/// An import that was given all of the bundle but its last bytes, and has begun to write blobs.
struct Stalled {
    child: Child,
    rest: Vec<u8>,
}

impl Stalled {
    fn start(world: &World, store: &Path) -> Self {
        let before = count(&store.join("blobs/sha256"));
        let mut arguments = world.import_arguments(&world.bundle, store);
        arguments[1] = "-".into();
        let mut child = world
            .airlock
            .command(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut bytes = fs::read(&world.bundle).unwrap();
        // The two zero blocks at its end.
        let rest = bytes.split_off(bytes.len() - 1024);
        child.stdin.as_mut().unwrap().write_all(&bytes).unwrap();
        let deadline = Instant::now() + Duration::from_mins(1);
        while count(&store.join("blobs/sha256")) == before {
            assert!(Instant::now() < deadline, "no blob was written");
            thread::sleep(Duration::from_millis(2));
        }
        Self { child, rest }
    }

    fn finish(mut self) -> Output {
        // It may have given up already.
        let _ = self.child.stdin.take().unwrap().write_all(&self.rest);
        self.child.wait_with_output().unwrap()
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn count(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[test]
fn an_import_runs_out_of_room_at_any_page() {
    let Some((world, earlier, disk)) = two_worlds("size=300m") else {
        return;
    };
    let site = Site::new(world, earlier, "full-pages");
    let step = if std::env::var_os("AIRLOCK_TEST_FULL").is_some_and(|value| value == "1") {
        1
    } else {
        4
    };
    let mut places: BTreeSet<&str> = BTreeSet::new();
    let mut fitted = false;
    for pages in (0..PAGES).step_by(step) {
        let store = disk.path(format!("store-{pages}"));
        copy_folder(&site.old, &store);
        let import = Stalled::start(world, &store);
        disk.fill(FILLER, pages * PAGE);
        let output = import.finish();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let now = index(&store);
        match output.status.code() {
            Some(0) => fitted = true,
            Some(2) => {
                assert!(
                    text.contains("no room for") && text.contains(" are free"),
                    "{text}"
                );
                assert!(text.contains("hint:"), "{text}");
                let words = [
                    "receipt",
                    "journal",
                    "index.json",
                    "generations/",
                    "marker",
                    "/blobs/",
                    "unsynced",
                ];
                places.extend(words.into_iter().filter(|word| text.contains(word)));
            }
            other => panic!("{pages} pages: {other:?}\n{text}"),
        }
        let [old, new] = [&site.old_index, &site.new_index].map(|index| *index == now);
        assert!(old || new, "a mixture after {pages} pages");
        if old {
            let there = content(&store);
            assert!(
                there == site.old_content,
                "{pages} pages: {}\n{text}",
                site.old_content.diff(&there)
            );
        }
        no_temporaries(&store);
        disk.empty(FILLER);
        world.import(&store);
        let there = content(&store);
        assert!(
            there == site.new_content,
            "{pages} pages: {}",
            site.new_content.diff(&there)
        );
        no_temporaries(&store);
        assert_eq!(count(&store.join("airlock/receipts")), 2);
        fs::remove_dir_all(&store).unwrap();
        if fitted {
            break;
        }
    }
    assert!(fitted, "{PAGES} pages were not enough");
    assert!(places.len() > 1, "it always ended at the same place: {places:?}");
}

#[test]
fn an_import_that_is_killed_on_a_full_disk() {
    let Some((world, earlier, disk)) = two_worlds("size=100m") else {
        return;
    };
    let site = Site::new(world, earlier, "full-killed");
    let store = disk.path("store");
    copy_folder(&site.old, &store);
    let import = Stalled::start(world, &store);
    disk.fill(FILLER, 0);
    import.kill();
    assert_eq!(index(&store), site.old_index);
    let arguments = world.import_arguments(&world.bundle, &store);
    let run = world.airlock.run(&arguments);
    full(&run);
    no_temporaries(&store);
    // What the next one takes away itself does not count as used: here it is all there is.
    disk.empty(FILLER);
    disk.fill("store/airlock/tmp/blob-0123456789abcdef", 0);
    world.airlock.run(&arguments).succeeds();
    let there = content(&store);
    assert!(there == site.new_content, "{}", site.new_content.diff(&there));
    no_temporaries(&store);
}

/// Says how much is needed, how much there is, where, and what to do.
#[track_caller]
fn full(run: &Run) {
    run.exits(2);
    let text = run.render();
    let named = text.contains(" are free") || text.contains("No space left on device");
    assert!(named && text.contains("hint:"), "{text}");
    assert!(
        text.lines().filter(|line| line.starts_with("error:")).count() == 1,
        "{text}"
    );
}

#[test]
fn the_care_of_a_store_on_a_full_disk() {
    let Some((world, earlier, disk)) = two_worlds("size=100m") else {
        return;
    };
    let store = disk.path("store");
    earlier.import(&store);
    world.import(&store);
    disk.fill(FILLER, 0);
    let before = Tree::of(&store);
    let run = |words: &[&str]| world.airlock.run(on_store(words, &store));
    full(&run(&["rollback"]));
    let now = Tree::of(&store);
    assert!(now == before, "{}", before.diff(&now));
    for words in [
        &["scrub"][..],
        &["generations"],
        &["receipts"],
        &["gc", "--dry-run"],
    ] {
        run(words).succeeds();
    }
    // The same bundle again needs no room; one that is not there does, and says how much.
    world
        .airlock
        .run(world.import_arguments(&world.bundle, &store))
        .succeeds();
    let other = disk.path("other");
    let refused = world.airlock.run(world.import_arguments(&world.bundle, &other));
    full(&refused);
    assert!(!other.exists() || count(&other) == 0 || !other.join("index.json").exists());
    let served = world.airlock.serve(&store, [] as [&str; 0]);
    let answer = airlock_tests::http::get(served.address(), "/v2/_catalog").unwrap();
    assert_eq!(answer.status, 200);
    drop(served);
    let now = Tree::of(&store);
    assert!(now == before, "{}", before.diff(&now));

    // Damage is set aside without room, and room is made without room.
    let blob = fs::read_dir(store.join("blobs/sha256"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let size = usize::try_from(fs::metadata(&blob).unwrap().len()).unwrap();
    File::options()
        .write(true)
        .open(&blob)
        .unwrap()
        .write_all(&vec![b'x'; size])
        .unwrap();
    run(&["scrub", "--quarantine"]).exits(1);
    assert!(!blob.exists());
    disk.empty(FILLER);
    world.airlock.run(world.import_arguments(&world.bundle, &store));
    earlier
        .airlock
        .run(earlier.import_arguments(&earlier.bundle, &store))
        .succeeds();
    world.import(&store);
    disk.fill(FILLER, 0);
    run(&["gc", "--keep", "1"]).succeeds();
    run(&["scrub"]).succeeds();
    run(&["gc", "--keep", "1"]).succeeds();
    disk.empty(FILLER);
    no_temporaries(&store);
}

#[test]
fn a_rollback_that_ran_out_of_room_completes() {
    let Some((world, earlier, disk)) = two_worlds("size=100m") else {
        return;
    };
    let store = disk.path("store");
    earlier.import(&store);
    let old = index(&store);
    world.import(&store);
    let new = index(&store);
    let mut failures = 0;
    for pages in 0..8 {
        disk.fill(FILLER, pages * PAGE);
        let run = world.airlock.run(on_store(&["rollback", "--to", "1"], &store));
        disk.empty(FILLER);
        no_temporaries(&store);
        if run.code == Some(0) {
            assert_eq!(index(&store), old);
            break;
        }
        full(&run);
        failures += 1;
        assert_eq!(index(&store), new);
    }
    // The record and the generation each need a page.
    assert!(failures >= 2, "{failures} failures");
    world
        .airlock
        .run(on_store(&["rollback", "--to", "1"], &store))
        .succeeds();
    assert_eq!(index(&store), old);
    assert_eq!(count(&store.join("airlock/journal")), 3);
}

#[test]
fn a_lock_and_a_key_on_a_full_disk() {
    let Some(world) = World::small() else { return };
    let Some(disk) = Disk::new("size=50m") else { return };
    let place = Airlock::within(&disk.path("."));
    for file in ["airlock.yaml", "site.conf", "airlock.lock"] {
        fs::copy(world.airlock.path(file), place.path(file)).unwrap();
    }
    fs::create_dir_all(place.path(".home")).unwrap();
    // Another version of it, so that there is something to write.
    let manifest = fs::read_to_string(place.path("airlock.yaml")).unwrap();
    fs::write(place.path("airlock.yaml"), manifest.replace("1.0.0}", "1.0.1}")).unwrap();
    let mut arguments = vec!["lock".to_owned(), "airlock.yaml".to_owned()];
    arguments.extend(world.upstream());
    disk.fill(FILLER, 0);
    let before = Tree::of(&disk.path("."));
    full(&place.run(&arguments));
    full(&place.run(["keygen", "--out", "new.key", "--insecure-no-password"]));
    let now = Tree::of(&disk.path("."));
    assert!(now == before, "{}", before.diff(&now));
    disk.empty(FILLER);
    place.run(&arguments).succeeds();
    assert!(
        fs::read_to_string(place.path("airlock.lock"))
            .unwrap()
            .contains("1.0.1")
    );
    place
        .run(["keygen", "--out", "new.key", "--insecure-no-password"])
        .succeeds();
    let new = before.diff(&Tree::of(&disk.path(".")));
    assert!(!new.contains(".airlock-") && !new.contains(".new\n"), "{new}");
}

/// There is room for the bundle, and not for a second copy of everything in it.
#[test]
fn a_cache_that_does_not_fit_is_done_without() {
    let Some(world) = World::small() else { return };
    let Some(disk) = Disk::new("size=200m") else {
        return;
    };
    let (out, cache) = (disk.path("out"), disk.path("cache"));
    let mut arguments = world.pack_arguments(&out);
    arguments.extend(["--cache".to_owned(), cache.to_str().unwrap().to_owned()]);
    let length = fs::metadata(&world.bundle).unwrap().len();
    disk.fill(FILLER, length + length / 10 + 64 * PAGE);
    let run = world.airlock.run(&arguments);
    run.succeeds();
    assert!(
        run.stderr.contains("the cache has no room for"),
        "{}",
        run.render()
    );
    assert_eq!(tree::hash(&only_bundle(&out)), tree::hash(&world.bundle));
    assert_eq!(count(&cache.join("blobs/sha256")), 0);
    disk.empty(FILLER);
    fs::remove_dir_all(&out).unwrap();
    let run = world.airlock.run(&arguments);
    run.succeeds();
    assert!(!run.stderr.contains("no room"), "{}", run.render());
    assert!(count(&cache.join("blobs/sha256")) > 0);
    no_temporaries(&cache);
}

/// A web server with one file, that can stop in the middle of it.
struct Web {
    address: SocketAddr,
    stalls: Arc<AtomicBool>,
    /// Hears of every stop, and ends it.
    stopped: Receiver<Sender<()>>,
}

impl Web {
    fn start(content: Vec<u8>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let stalls = Arc::new(AtomicBool::new(false));
        let (sender, stopped) = mpsc::channel();
        let flag = Arc::clone(&stalls);
        // Ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (content, flag, sender) = (content.clone(), Arc::clone(&flag), sender.clone());
                thread::spawn(move || answer(stream.unwrap(), &content, &flag, &sender));
            }
        });
        Self {
            address,
            stalls,
            stopped,
        }
    }
}

fn answer(mut stream: TcpStream, content: &[u8], stalls: &AtomicBool, stopped: &Sender<Sender<()>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap())
        .lines()
        .map_while(Result::ok);
    let Some(request) = lines.next() else { return };
    // The rest of the request's head.
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let head = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        content.len()
    );
    let (first, second) = content.split_at(if request.starts_with("HEAD") {
        0
    } else {
        content.len() / 2
    });
    let _ = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(first));
    if first.is_empty() {
        return;
    }
    if stalls.load(Ordering::SeqCst) {
        let (sender, go_on) = mpsc::channel();
        let _ = stopped.send(sender);
        let _ = go_on.recv_timeout(Duration::from_mins(1));
    }
    // The client may have left.
    let _ = stream.write_all(second);
}

#[test]
fn a_build_runs_out_of_room_or_is_killed_when_it_has() {
    let Some(world) = World::small() else { return };
    let Some(disk) = Disk::new("size=100m") else {
        return;
    };
    let content: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let web = Web::start(content.clone());
    let place = Airlock::new();
    place.write(
        "airlock.yaml",
        format!(
            "apiVersion: airlock.dev/v1\nkind: Manifest\nmetadata: {{name: web, version: 1.0.0}}\n\
             platforms: [linux/amd64]\n\
             components:\n- name: extras\n  files: [{{url: \"http://{}/file\", sha256: {}, path: file}}]\n",
            web.address,
            airlock_tests::digest(&content).trim_start_matches("sha256:"),
        ),
    );
    let (host, key) = (web.address.to_string(), world.airlock.path("airlock.key"));
    let password = world.airlock.path("password");
    let build = |out: &Path| -> Vec<OsString> {
        let mut words: Vec<OsString> = ["build", "--no-cache", "--no-importer", "--insecure", &host]
            .map(Into::into)
            .to_vec();
        words.extend([
            "--key".into(),
            (&key).into(),
            "--password-file".into(),
            (&password).into(),
        ]);
        words.extend(["--out".into(), out.into()]);
        words
    };
    place.run(build(&place.path("whole"))).succeeds();
    let whole = tree::hash(&only_bundle(&place.path("whole")));
    for kills in [false, true] {
        let out = disk.path(if kills { "killed" } else { "out" });
        web.stalls.store(true, Ordering::SeqCst);
        let mut child = place
            .command(build(&out))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let go_on = web.stopped.recv_timeout(Duration::from_mins(1)).unwrap();
        disk.fill(FILLER, 0);
        web.stalls.store(false, Ordering::SeqCst);
        if kills {
            child.kill().unwrap();
            child.wait().unwrap();
        } else {
            go_on.send(()).unwrap();
            let output = child.wait_with_output().unwrap();
            let text = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{text}");
            assert!(
                text.contains("the bundle needs") && text.contains("hint: make room"),
                "{text}"
            );
        }
        // While the disk is full, it is said at once.
        let run = place.run(build(&out));
        full(&run);
        assert!(run.stderr.contains("the bundle needs"), "{}", run.render());
        assert!(!out.join("web-1.0.0.airlock.tar").exists());
        disk.empty(FILLER);
        place.run(build(&out)).succeeds();
        assert_eq!(tree::hash(&only_bundle(&out)), whole);
        assert_eq!(count(&out), 1, "leftovers");
    }
}

#[test]
fn a_disk_without_inodes() {
    let Some(world) = World::small() else { return };
    let Some(mut disk) = Disk::new("size=100m,nr_inodes=60") else {
        return;
    };
    let store = disk.path("store");
    let arguments = world.import_arguments(&world.bundle, &store);
    let run = world.airlock.run(&arguments);
    run.exits(2);
    assert!(
        run.stderr.contains("inodes are needed") && run.stderr.contains("df -i"),
        "{}",
        run.render()
    );
    assert!(!store.exists(), "{}", Tree::default().diff(&Tree::of(&store)));
    disk.remount("nr_inodes=10000");
    world.airlock.run(&arguments).succeeds();
}
