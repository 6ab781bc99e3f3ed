//! An import that is killed at any moment, and run again.
#![allow(clippy::unwrap_used)]

mod fixture;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use airlock_bundle::Unverified;
use airlock_content::{GenerationView, Silent};
use airlock_importer::{ImportOptions, Imported, Outcome, import};
use airlock_store::{ScrubOptions, Store};
use airlock_trust::{Policy, PublicKey, SecretKey};
use fixture::{Contents, picture};

const FOLDER: &str = "IMPORT_TEST_FOLDER";
const STOP: &str = "IMPORT_TEST_STOP";

/// Reads a file up to some point, says so, and waits there to be killed.
struct Stalling {
    file: File,
    left: usize,
}

impl Read for Stalling {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            let mut out = std::io::stdout();
            writeln!(out, "stalled")?;
            out.flush()?;
            // The parent never writes anything; should it die, this ends.
            std::io::stdin().read_exact(&mut [0])?;
        }
        let len = buffer.len().min(self.left).min(1000);
        let count = self.file.read(&mut buffer[..len])?;
        self.left -= count;
        Ok(count)
    }
}

fn run(folder: &Path, stop: usize) -> Imported {
    let key = PublicKey::from_pem(&std::fs::read(folder.join("key.pub")).unwrap()).unwrap();
    let reader = Stalling {
        file: File::open(folder.join("bundle")).unwrap(),
        left: stop,
    };
    let policy = Policy::new([key]).unwrap();
    let bundle = Unverified::from_reader(reader).unwrap().verify(&policy).unwrap();
    let store = Store::open(&folder.join("mirror")).unwrap();
    let options = ImportOptions::new("2026-01-02T03:04:05Z", "airlock 0.1.0");
    import(bundle, &store, &options, &Silent).unwrap()
}

#[test]
#[ignore = "only as a child of the test below"]
fn child() {
    let folder = PathBuf::from(std::env::var(FOLDER).unwrap());
    run(&folder, std::env::var(STOP).unwrap().parse().unwrap());
}

#[test]
fn a_killed_import_completes_when_it_is_run_again() {
    let key = SecretKey::generate().unwrap();
    let mut contents = Contents::new("edge", "1", 1);
    contents.image("docker.io/library/app:1", &["base", "app"]);
    contents.index_image("ghcr.io/x/multi:2", &["base", "multi"]);
    let bytes = contents.bundle(&key);
    let reference = tempfile::tempdir().unwrap();
    let prepare = |folder: &Path| {
        std::fs::write(folder.join("key.pub"), key.public().to_pem()).unwrap();
        std::fs::write(folder.join("bundle"), &bytes).unwrap();
        Store::create(&folder.join("mirror")).unwrap();
    };
    prepare(reference.path());
    run(reference.path(), usize::MAX);
    let blobs = picture(&reference.path().join("mirror/blobs")).len();
    // From just behind the lock to the last byte.
    for stop in (0..bytes.len()).rev().step_by(3001).take(5) {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--ignored", "--nocapture"])
            .env(FOLDER, folder.path())
            .env(STOP, stop.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stalled = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .any(|line| line.contains("stalled"));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(stalled, "stop at {stop}");
        let store = Store::open(&folder.path().join("mirror")).unwrap();
        assert!(store.generation().unwrap().roots.is_empty());

        let done = run(folder.path(), usize::MAX);
        assert_eq!(done.outcome, Outcome::Imported);
        let found = store.scrub(ScrubOptions::default(), &Silent).unwrap();
        assert!(found.is_sound() && found.unreachable.is_empty());
        assert_eq!(picture(&folder.path().join("mirror/blobs")).len(), blobs);
        assert!(picture(&folder.path().join("mirror/airlock/tmp")).is_empty());
        assert_eq!(
            std::fs::read(folder.path().join("mirror/index.json")).unwrap(),
            std::fs::read(reference.path().join("mirror/index.json")).unwrap()
        );
    }
}
