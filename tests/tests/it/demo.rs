//! `airlock demo`: one command for a stranger, without root.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::process::Stdio;
use std::time::{Duration, Instant};

use airlock_tests::{Airlock, archive};

/// Any user that is not root.
const NOBODY: u32 = 65534;

#[test]
fn the_round_trip_needs_no_root_and_little_time() {
    let airlock = Airlock::new();
    let folder = airlock.path("");
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let program = airlock.command([""; 0]).get_program().to_owned();
    let mut command = if root {
        // A copy that others may read, in a folder that is theirs.
        let copy = folder.join("airlock");
        fs::copy(&program, &copy).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
        chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
        chown(folder.join(".home"), Some(NOBODY), Some(NOBODY)).unwrap();
        let mut command = airlock_tests::command::clean("setpriv", &folder.join(".home"));
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(copy);
        command.current_dir(&folder);
        command
    } else {
        airlock.command([""; 0])
    };
    command.args(["demo", "--dir", "demo"]);
    let start = Instant::now();
    let run = airlock.finish(&mut command, Stdio::null());
    run.succeeds();
    assert!(start.elapsed() < Duration::from_mins(2), "{:?}", start.elapsed());

    // What it says is there is there.
    let bundle = find(&folder.join("demo"), ".airlock.tar");
    assert!(archive::read(&bundle, "airlock.json").is_some());
    for word in ["refused", "demo"] {
        assert!(
            run.stdout.contains(word),
            "nothing about {word:?}:\n{}",
            run.render()
        );
    }
}

fn find(folder: &std::path::Path, ending: &str) -> std::path::PathBuf {
    let mut todo = vec![folder.to_owned()];
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            todo.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.to_string_lossy().ends_with(ending) {
            return path;
        }
    }
    panic!("no *{ending} below {}", folder.display())
}
