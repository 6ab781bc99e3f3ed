//! Several at once: imports into one store, an import while clients pull, and collections during both.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use airlock_tests::layout::Layout;
use airlock_tests::{Airlock, Pushed, http};

use crate::flag::Raise;

/// A bundle, and one blob of every image in it.
struct Built {
    bundle: PathBuf,
    blobs: Vec<Pushed>,
}

fn site() -> Airlock {
    let airlock = Airlock::new();
    airlock.write("password", "only for a test\n");
    airlock
        .run(["keygen", "--out", "airlock.key", "--password-file", "password"])
        .succeeds();
    airlock
}

/// Images with a layer of their own each, and one layer that every bundle has.
fn build(airlock: &Airlock, name: &str) -> Built {
    const IMAGES: usize = 12;
    let mut layout = Layout::create(&airlock.path(format!("{name}/images")));
    let shared = layout.layer(&vec![7; 300_000]);
    let mut blobs = vec![shared.clone()];
    let mut text = format!(
        "apiVersion: airlock.dev/v1\nkind: Manifest\nmetadata: {{name: {name}, version: 1.0.0}}\n\
         platforms: [linux/amd64]\ncomponents:\n- name: images\n  images:\n"
    );
    for number in 0..IMAGES {
        let layer = layout.layer(format!("{name} {number} ").repeat(20_000).as_bytes());
        layout.image(&format!("n{number}"), &[shared.clone(), layer.clone()]);
        text.push_str(&format!("  - oci-layout:./images:n{number}\n"));
        blobs.push(layer);
    }
    layout.finish();
    airlock.write(&format!("{name}/airlock.yaml"), text);
    let manifest = format!("{name}/airlock.yaml");
    airlock
        .run([
            "build",
            &manifest,
            "--no-cache",
            "--no-importer",
            "--out",
            name,
            "--key",
            "airlock.key",
            "--password-file",
            "password",
        ])
        .succeeds();
    Built {
        bundle: airlock.path(format!("{name}/{name}-1.0.0.airlock.tar")),
        blobs,
    }
}

fn import(airlock: &Airlock, built: &Built) {
    let mut command = airlock.command(["import", "--store", "store", "--key", "airlock.pub"]);
    command.arg(&built.bundle);
    airlock
        .finish(&mut command, std::process::Stdio::null())
        .succeeds();
}

#[test]
fn two_imports_into_one_store_both_arrive() {
    let airlock = site();
    let bundles = [build(&airlock, "first"), build(&airlock, "second")];
    thread::scope(|scope| {
        for built in &bundles {
            scope.spawn(|| import(&airlock, built));
        }
    });
    for built in &bundles {
        for blob in &built.blobs {
            let path = airlock.path("store/blobs").join(blob.digest.replace(':', "/"));
            assert_eq!(
                airlock_tests::tree::hash(&path),
                blob.digest,
                "a blob of {}",
                built.bundle.display()
            );
        }
    }
    let history = airlock.run(["generations", "--store", "store"]);
    for name in ["first", "second"] {
        assert!(history.succeeds().stdout.contains(name), "{}", history.render());
    }
    airlock.run(["scrub", "--store", "store"]).succeeds();
    let left = std::fs::read_dir(airlock.path("store/airlock/tmp"))
        .unwrap()
        .count();
    assert_eq!(left, 0, "temporary files were left");
}

#[test]
fn clients_pull_while_an_import_runs() {
    let airlock = site();
    let (first, second) = (build(&airlock, "first"), build(&airlock, "second"));
    import(&airlock, &first);
    let served = airlock.serve(&airlock.path("store"), ["--quiet"]);
    let names = || {
        let answer = http::get(served.address(), "/v2/_catalog?n=1000").unwrap();
        let text: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let list = text["repositories"].as_array().expect("a catalog").clone();
        list.iter()
            .map(|name| name.as_str().expect("a name").to_owned())
            .collect::<Vec<_>>()
    };
    let before = names();
    let (done, pulls) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                // Once more after the end, with the new generation.
                loop {
                    let last = done.load(Ordering::SeqCst);
                    for blob in &first.blobs {
                        let target = format!("/v2/{}/blobs/{}", before[0], blob.digest);
                        let answer = http::get(served.address(), &target).unwrap();
                        assert_eq!(answer.status, 200, "{target}");
                        assert_eq!(airlock_tests::digest(&answer.body), blob.digest);
                        pulls.fetch_add(1, Ordering::Relaxed);
                    }
                    if last {
                        break;
                    }
                }
            });
        }
        let done = Raise(&done);
        import(&airlock, &second);
        drop(done);
    });
    assert!(pulls.load(Ordering::Relaxed) >= 2 * first.blobs.len());
    let after = names();
    assert!(after.len() >= before.len());
    let found = after.iter().any(|name| {
        let target = format!("/v2/{name}/blobs/{}", second.blobs[1].digest);
        http::get(served.address(), &target).is_ok_and(|answer| answer.status == 200)
    });
    assert!(found, "the new content is not served: {after:?}");
}

/// A process that does nothing for as long as this lives.
struct Stopped(u32);

impl Stopped {
    /// Returns when every thread of it has stopped, which takes a moment.
    fn stop(child: &std::process::Child) -> Self {
        let stopped = Self(child.id());
        assert!(stopped.signal("-STOP"));
        for _ in 0..10_000 {
            let tasks = std::fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
            let mut states = tasks.map(|task| {
                let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap_or_default();
                let state = status.lines().find_map(|line| line.strip_prefix("State:"));
                state.unwrap_or_default().trim().to_owned()
            });
            // Of a zombie nothing is to be expected either.
            if states.all(|state| state.is_empty() || state.starts_with(['T', 'Z', 'X'])) {
                return stopped;
            }
            thread::sleep(std::time::Duration::from_millis(1));
        }
        panic!("it does not stop");
    }

    /// By the command that every system has.
    fn signal(&self, name: &str) -> bool {
        std::process::Command::new("kill")
            .args([name, &self.0.to_string()])
            .status()
            .unwrap()
            .success()
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        self.signal("-CONT");
    }
}

/// A collection finds the blobs of an import that is under way, which no generation names yet.
#[test]
fn collections_during_imports_and_pulls_take_nothing_that_is_needed() {
    const ROUNDS: usize = 6;
    let airlock = site();
    let (first, second) = (build(&airlock, "first"), build(&airlock, "second"));
    let (mut overlaps, collected) = (0, AtomicUsize::new(0));
    for round in 0..ROUNDS {
        let store = airlock.path(format!("store-{round}"));
        let import = |built: &Built| {
            let mut command = airlock.command(["import", "--key", "airlock.pub", "--store"]);
            command
                .arg(&store)
                .arg(&built.bundle)
                .stdin(std::process::Stdio::null());
            command
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null());
            command.spawn().unwrap()
        };
        assert!(import(&first).wait().unwrap().success());
        let served = airlock.serve(&store, ["--quiet"]);
        let collect = || {
            let mut command = airlock.command(["gc", "--keep", "1", "--store"]);
            command.arg(&store);
            airlock.finish(&mut command, std::process::Stdio::null())
        };
        let held = || std::fs::read_dir(store.join("blobs/sha256")).unwrap().count();
        let index = || std::fs::read(store.join("index.json")).unwrap();
        let (before, old) = (held(), index());
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let reader = scope.spawn(|| {
                loop {
                    let last = done.load(Ordering::SeqCst);
                    let answer = http::get(served.address(), "/v2/_catalog?n=1000").unwrap();
                    let text: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
                    let name = text["repositories"][0].as_str().expect("a name").to_owned();
                    for blob in &first.blobs {
                        let target = format!("/v2/{name}/blobs/{}", blob.digest);
                        let answer = http::get(served.address(), &target).unwrap();
                        // Another image's layer is not served under this name in every layout of names.
                        if answer.status == 200 {
                            assert_eq!(airlock_tests::digest(&answer.body), blob.digest);
                        }
                    }
                    let shared = format!("/v2/{name}/blobs/{}", first.blobs[0].digest);
                    assert_eq!(
                        http::get(served.address(), &shared).unwrap().status,
                        200,
                        "{shared}"
                    );
                    if last {
                        break;
                    }
                }
            });
            let done = Raise(&done);
            let mut child = import(&second);
            while held() == before && child.try_wait().unwrap().is_none() {
                std::hint::spin_loop();
            }
            if child.try_wait().unwrap().is_none() {
                let stopped = Stopped::stop(&child);
                // Some of it is there, and nothing says what for.
                if held() > before && index() == old {
                    let (count, run) = (held(), collect());
                    run.exits(2);
                    assert!(
                        run.stderr.contains("in use by another airlock process"),
                        "{}",
                        run.render()
                    );
                    assert_eq!(held(), count);
                    overlaps += 1;
                }
                drop(stopped);
            }
            // And as it comes, until the import has ended.
            while child.try_wait().unwrap().is_none() {
                let run = collect();
                assert!(matches!(run.code, Some(0 | 2)), "{}", run.render());
                collected.fetch_add(usize::from(run.code == Some(0)), Ordering::Relaxed);
            }
            assert!(child.wait().unwrap().success());
            collect().succeeds();
            drop(done);
            reader.join().unwrap();
        });
        for blob in first.blobs.iter().chain(&second.blobs) {
            let path = store.join("blobs").join(blob.digest.replace(':', "/"));
            assert_eq!(airlock_tests::tree::hash(&path), blob.digest, "round {round}");
        }
        let mut scrub = airlock.command(["scrub", "--store"]);
        scrub.arg(&store);
        airlock.finish(&mut scrub, std::process::Stdio::null()).succeeds();
        assert_eq!(std::fs::read_dir(store.join("airlock/tmp")).unwrap().count(), 0);
    }
    assert!(overlaps > 0, "no collection met an import");
}
