use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use airlock_content::{BlobSource, ManifestSelector, MetadataSource, Origin, SourceErrorKind, digest_of};
use airlock_local::Local;
use airlock_types::{Descriptor, Digest};
use futures::StreamExt;

use crate::support::{collect, noise, read, wait};

#[test]
fn facts_and_content_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let content = noise(7, 1_300_000);
    fs::write(folder.path().join("tool"), &content).unwrap();
    symlink("tool", folder.path().join("link")).unwrap();
    let local = Local::new(folder.path());
    let digest = digest_of(&content);
    let sha512 = Digest::Sha512(airlock_hash::sha512(&content));
    for name in ["tool".into(), "link".into(), folder.path().join("tool")] {
        let origin = Origin::File(name);
        wait(async {
            for expected in [None, Some(&digest), Some(&sha512)] {
                let facts = local.file(&origin, expected).await.unwrap();
                assert_eq!((facts.digest, facts.size), (digest, content.len() as u64));
            }
            let want = Descriptor::new("", digest, content.len() as u64);
            assert!(read(&local, &origin, &want, 0).await.unwrap() == content);
            assert!(read(&local, &origin, &want, 700_001).await.unwrap() == content[700_001..]);
            assert!(local.blob(&origin, &want, want.size).await.unwrap() == content);
        });
    }
}

#[test]
fn a_file_that_is_not_the_expected_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("f"), "content").unwrap();
    let (local, origin) = (Local::new(folder.path()), Origin::File("f".into()));
    for expected in [
        digest_of(b"other"),
        Digest::Sha512(airlock_hash::sha512(b"other")),
    ] {
        let error = wait(local.file(&origin, Some(&expected))).unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Corrupt);
        assert!(error.source.unwrap().to_string().contains(&expected.to_string()));
        assert!(error.hint.is_some());
    }
    let want = Descriptor::new("", digest_of(b"longer content"), 14);
    let error = wait(read(&local, &origin, &want, 0)).unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (SourceErrorKind::Corrupt, "the file changed since the lock")
    );
}

#[test]
fn a_file_that_becomes_shorter_while_it_is_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    let content = noise(3, 4 << 20);
    fs::write(&path, &content).unwrap();
    let (local, origin) = (Local::new(folder.path()), Origin::File("f".into()));
    let want = Descriptor::new("", digest_of(&content), content.len() as u64);
    let error = wait(async {
        let mut stream = local.open(&origin, &want, 0).await.unwrap();
        stream.next().await.unwrap().unwrap();
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(1_000_000).unwrap();
        collect(stream).await.unwrap_err()
    });
    assert_eq!(error.message, "the file became shorter while it was read");
}

#[test]
fn an_empty_file_is_a_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("f"), "").unwrap();
    let (local, origin) = (Local::new(folder.path()), Origin::File("f".into()));
    assert_eq!(wait(local.file(&origin, None)).unwrap().digest, digest_of(b""));
    assert_eq!(
        wait(read(&local, &origin, &Descriptor::new("", digest_of(b""), 0), 0)).unwrap(),
        b""
    );
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let local = Local::new(folder.path());
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    let mut names = vec![
        (".", "a folder"),
        ("/dev/zero", "a device"),
        ("absent", "cannot be read"),
    ];
    match made {
        Ok(status) if status.success() => names.push(("pipe", "pipe")),
        _ => eprintln!("SKIPPED a pipe as a file: mkfifo is not installed"),
    }
    for (name, part) in names {
        let asked = async {
            tokio::time::timeout(
                Duration::from_secs(20),
                local.file(&Origin::File(name.into()), None),
            )
            .await
        };
        let error = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(asked)
            .unwrap()
            .unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Local);
        assert!(error.message.contains(part), "{error}");
    }
    let error = wait(local.file(&Origin::ChartFolder(".".into()), None)).unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unsupported);
    let error = wait(local.manifest(&Origin::File("f".into()), &ManifestSelector::Only)).unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unsupported);
}
