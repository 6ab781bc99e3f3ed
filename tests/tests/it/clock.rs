//! A clock that jumps back decades between two commands: what came later stays later.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use airlock_tests::peer;
use serde_json::Value;

use crate::world::World;

/// Takes the place of the system's clock.
const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *out) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, out);
    if (result == 0 && id == CLOCK_REALTIME) out->tv_sec -= 30L * 365 * 24 * 3600;
    return result;
}
"#;

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_clock_that_jumps_back_changes_no_order() {
    let (Some(world), Some(earlier)) = (World::small(), World::earlier()) else {
        return;
    };
    if !peer::require(&["gcc"]) {
        return;
    }
    let store = world.airlock.path("clock-store");
    earlier.import(&store);
    // As if the clock had been ahead until now.
    let ahead = SystemTime::now() + Duration::from_hours(24 * 365);
    for path in files(&store) {
        File::open(path).unwrap().set_modified(ahead).unwrap();
    }
    let source = world.airlock.write("clock.c", CLOCK);
    let library = world.airlock.path("clock.so");
    let compiled = Command::new("gcc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(&source)
        .arg("-ldl")
        .status();
    assert!(compiled.unwrap().success());
    let back = |words: &[&str]| {
        let mut command = world.airlock.command(words);
        command.env("LD_PRELOAD", &library);
        world.airlock.finish(&mut command, Stdio::null())
    };
    let path = store.to_str().unwrap();
    let on_store = |words: &[&'static str]| [words, &["--store", path, "--output", "json"]].concat();
    let bundle = world.bundle.to_str().unwrap();
    let import = [
        "import",
        bundle,
        "--store",
        path,
        "--key",
        world.public_key.to_str().unwrap(),
    ];
    back(&import).succeeds();
    // A kill, or a rollback, or a second import: everything counts by numbers.
    back(&import).succeeds();
    let list = || -> Vec<Value> {
        let run = world.airlock.run(on_store(&["generations"]));
        run.succeeds();
        serde_json::from_str(&run.stdout).unwrap()
    };
    let before = list();
    let times: Vec<&str> = before.iter().map(|line| line["time"].as_str().unwrap()).collect();
    if times[0] < times[1] {
        peer::skip("this binary asks the kernel for the time itself");
        return;
    }
    assert_eq!(
        before
            .iter()
            .map(|line| line["number"].as_u64().unwrap())
            .collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(before[1]["current"], true);
    back(&on_store(&["rollback"])).succeeds();
    let after = list();
    assert_eq!(after[2]["number"], 3);
    assert_eq!(
        (&after[2]["current"], &after[2]["generation"]),
        (&Value::Bool(true), &after[0]["generation"])
    );
    let served = world.airlock.serve(&store, [] as [&str; 0]);
    back(&import).succeeds();
    let back_again = list();
    assert_eq!(
        (back_again.len(), &back_again[3]["current"]),
        (4, &Value::Bool(true))
    );
    drop(served);
    // The two last used are kept, though the first one says that it is the newest.
    back(&on_store(&["gc", "--keep", "1"])).succeeds();
    let kept = list();
    assert_eq!(kept[3]["held"], true);
    assert_eq!(kept[0]["held"], false);
    back(&on_store(&["scrub"])).succeeds();
    let receipts = world.airlock.run(on_store(&["receipts"]));
    receipts.succeeds();
}
