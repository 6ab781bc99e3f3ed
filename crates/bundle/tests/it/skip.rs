//! A receiver that holds some content already.

use std::io::Cursor;

use airlock_bundle::{Entry, EntrySink, Take, Unverified};
use airlock_content::{BlobWriter, StoreError};

use crate::fixture::Fixture;

/// Skips blobs, checks the rest.
#[derive(Default)]
struct SkipBlobs {
    progress: u64,
}

enum Never {}

impl BlobWriter for Never {
    fn write(&mut self, _: &[u8]) -> Result<(), StoreError> {
        match *self {}
    }

    fn commit(self) -> Result<(), StoreError> {
        match self {}
    }
}

impl EntrySink for SkipBlobs {
    type Writer = Never;

    fn take(&mut self, entry: &Entry) -> Result<Take<Never>, StoreError> {
        Ok(if entry.path.is_blob() {
            Take::Skip
        } else {
            Take::Verify
        })
    }

    fn progress(&mut self, bytes: u64) {
        self.progress += bytes;
    }
}

#[test]
fn skipped_content_is_not_looked_at_but_its_frame_is() {
    let fixture = Fixture::new();
    let folder = tempfile::tempdir().unwrap();
    let unpacked = folder.path().join("unpacked");
    let open = |archive: Vec<u8>| {
        Unverified::from_reader(Cursor::new(archive)).and_then(|bundle| bundle.verify(&fixture.policy()))
    };
    open(fixture.archive.clone())
        .unwrap()
        .extract_to(&unpacked)
        .unwrap();
    let blob = fixture
        .layout
        .entries()
        .iter()
        .find(|entry| entry.name.starts_with("blobs/") && entry.size > 0)
        .unwrap();
    let at = usize::try_from(blob.content).unwrap();
    let mut damaged = fixture.archive.clone();
    damaged[at] ^= 1;
    std::fs::write(
        unpacked.join(&blob.name),
        &damaged[at..at + usize::try_from(blob.size).unwrap()],
    )
    .unwrap();
    let blobs = fixture
        .layout
        .entries()
        .iter()
        .filter(|entry| entry.name.starts_with("blobs/"))
        .count();
    for bundle in [
        open(damaged),
        Unverified::open(&unpacked).and_then(|bundle| bundle.verify(&fixture.policy())),
    ] {
        let bundle = bundle.unwrap();
        let total = bundle.index().total_size();
        let mut sink = SkipBlobs::default();
        let streamed = bundle.stream(&mut sink).unwrap();
        assert_eq!(streamed.skipped, blobs as u64);
        assert_eq!(sink.progress, total);
    }

    std::fs::write(unpacked.join(&blob.name), "longer than before, or shorter").unwrap();
    let bundle = Unverified::open(&unpacked)
        .unwrap()
        .verify(&fixture.policy())
        .unwrap();
    bundle.stream(&mut SkipBlobs::default()).unwrap_err();
    for at in [at - 1, at - 512] {
        let mut damaged = fixture.archive.clone();
        damaged[at] ^= 1;
        open(damaged)
            .unwrap()
            .stream(&mut SkipBlobs::default())
            .unwrap_err();
    }
}
