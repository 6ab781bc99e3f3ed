//! Foreign programs: are they here, and what to do when they are not.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

const TABLE: &str = include_str!("../peers.txt");

/// Whether every named peer can be used. If not, says which one is missing on standard error (past the
/// test runner's capture) and in the file that `AIRLOCK_SKIPPED_LOG` names, so that a skipped test is
/// never a silent one. With `AIRLOCK_REQUIRE_PEERS=1` a missing peer fails the test instead.
///
/// The test is named after its thread, as the test runner does.
pub fn require(names: &[&str]) -> bool {
    for name in names {
        if let Err(reason) = check(name) {
            skip(&format!("peer {name} {reason}"));
            return false;
        }
    }
    true
}

/// Reports the running test as skipped.
pub fn skip(reason: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("unnamed test");
    assert!(
        std::env::var_os("AIRLOCK_REQUIRE_PEERS").is_none_or(|value| value != "1"),
        "{test}: {reason}, and AIRLOCK_REQUIRE_PEERS=1 wants every peer"
    );
    note(&format!("SKIPPED {test}: {reason}"));
}

/// Reports that a peer which no test needs, since it is not from Debian, was not asked.
pub fn not_asked(what: &str) {
    let _ = writeln!(std::io::stderr(), "skipped, and not required: {what}");
}

/// Reports something left out, required or not.
pub(crate) fn note(line: &str) {
    // Straight to the descriptor: the `eprintln!` of a passing test is never shown.
    let _ = writeln!(std::io::stderr(), "{line}");
    if let Some(log) = std::env::var_os("AIRLOCK_SKIPPED_LOG") {
        let mut file = OpenOptions::new().create(true).append(true).open(&log).unwrap();
        writeln!(file, "{line}").unwrap();
    }
}

fn check(name: &str) -> Result<(), &'static str> {
    let program = TABLE
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_whitespace())
        .find_map(|mut words| (words.next() == Some(name)).then(|| words.next())?)
        .unwrap_or_else(|| panic!("{name} is not in tests/peers.txt"));
    if find(program).is_none() {
        return Err("is not installed");
    }
    if ["podman", "buildah", "containerd", "ctr"].contains(&name) && !is_root() {
        return Err("needs root");
    }
    Ok(())
}

/// The full path of a program on `PATH`.
pub fn find(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
