//! Several threads come to what one comes to.

use std::fs;
use std::path::Path;

use airlock_bundle::{BundleError, Streamed, Unverified};

use crate::fixture::{Contents, Fixture, Keep};

/// Streams a file, and says what arrived.
fn stream(fixture: &Fixture, path: &Path, threads: usize) -> Result<(Streamed, Contents, bool), BundleError> {
    let bundle = Unverified::open(path)?.verify(&fixture.policy())?;
    let mut sink = Keep::default();
    let streamed = bundle.stream_on(threads, &mut sink)?;
    let kept = std::mem::take(&mut *sink.kept.lock().unwrap());
    Ok((streamed, kept, sink.saw_lock))
}

#[test]
fn the_same_content_arrives() {
    let fixture = Fixture::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle");
    fs::write(&path, &fixture.archive).unwrap();
    let (one, expected, saw_lock) = stream(&fixture, &path, 1).unwrap();
    assert!(saw_lock);
    for threads in [2, 3, 8] {
        let (streamed, kept, saw_lock) = stream(&fixture, &path, threads).unwrap();
        assert!(saw_lock);
        assert_eq!(streamed.checked, one.checked);
        assert!(kept == expected, "other content with {threads} threads");
    }
}

#[test]
fn the_same_damage_is_found() {
    let fixture = Fixture::small();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle");
    let mut seen = 0;
    let mut compare = |archive: &[u8], what: String| {
        fs::write(&path, archive).unwrap();
        let one = stream(&fixture, &path, 1).unwrap_err().to_string();
        let many = stream(&fixture, &path, 4).unwrap_err().to_string();
        // A file that ends too early is known to before its last content was read; both name a truncation.
        let cut = one.contains("ends in");
        assert!(
            one == many || cut && many.contains("ends in"),
            "{what}: {one} / {many}"
        );
        seen += 1;
    };
    let len = fixture.archive.len();
    for at in (0..len).step_by(len / 200 + 1) {
        let mut damaged = fixture.archive.clone();
        damaged[at] ^= 0x10;
        compare(&damaged, format!("byte {at}"));
    }
    // Two at once: the first in the archive is the one that is told.
    for at in (0..len / 2).step_by(len / 50 + 1) {
        let mut damaged = fixture.archive.clone();
        damaged[at] ^= 1;
        damaged[len - 1500 - at / 2] ^= 1;
        compare(&damaged, format!("bytes {at} and {}", len - 1500 - at / 2));
    }
    for at in (0..len).step_by(len / 50 + 1) {
        compare(&fixture.archive[..at], format!("cut at {at}"));
    }
    assert!(seen > 200);
}

/// Also where no zero bytes follow the content, so that only who reads it can notice.
#[test]
fn content_that_ends_early_is_called_so() {
    let fixture = Fixture::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle");
    let entries = &fixture.layout.entries()[2..];
    assert!(entries.iter().any(|entry| entry.size > 0 && entry.padding() == 0));
    for entry in entries.iter().filter(|entry| entry.size > 1) {
        let middle = usize::try_from(entry.content + entry.size / 2).unwrap();
        fs::write(&path, &fixture.archive[..middle]).unwrap();
        for threads in [1, 4] {
            let error = stream(&fixture, &path, threads).unwrap_err().to_string();
            let wanted = "the bundle ends in the middle of ";
            assert!(
                error.starts_with(wanted) && error.ends_with(&entry.name),
                "{threads}: {error}"
            );
        }
    }
}
