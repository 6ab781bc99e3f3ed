//! Archives that differ from what was signed, in every way that a tar reader could be talked into.

use std::fs;
use std::io::{Cursor, Read};

use airlock_bundle::{BundleFile, Extras, Plan, Unverified};

use crate::fixture::{Fixture, signed, write};

/// An archive cut into entries: header, content and padding each.
fn pieces(fixture: &Fixture) -> Vec<Vec<u8>> {
    let mut starts: Vec<usize> = fixture
        .layout
        .entries()
        .iter()
        .map(|entry| usize::try_from(entry.content).unwrap() - 512)
        .collect();
    starts.push(fixture.archive.len() - 1024);
    starts
        .windows(2)
        .map(|pair| fixture.archive[pair[0]..pair[1]].to_vec())
        .collect()
}

fn join(pieces: &[Vec<u8>]) -> Vec<u8> {
    let mut out = pieces.concat();
    out.extend([0; 1024]);
    out
}

/// Both readers must refuse; returns what the streaming one says.
fn refused(fixture: &Fixture, archive: &[u8], what: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.tar");
    fs::write(&path, archive).unwrap();
    let in_place =
        BundleFile::open(&path, &fixture.policy()).and_then(|bundle| bundle.check_content(1, &|_| ()));
    assert!(in_place.is_err(), "read in place: {what}");
    match fixture.read(archive.to_vec()) {
        Ok(_) => panic!("read: {what}"),
        Err(error) => error.to_string(),
    }
}

/// Sets a field and makes the checksum right again.
fn patch(piece: &mut [u8], at: usize, bytes: &[u8]) {
    piece[at..at + bytes.len()].copy_from_slice(bytes);
    piece[148..156].copy_from_slice(b"        ");
    let sum: u32 = piece[..512].iter().map(|byte| u32::from(*byte)).sum();
    piece[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

#[test]
fn the_fixture_itself_is_accepted() {
    let fixture = Fixture::new();
    assert_eq!(join(&pieces(&fixture)), fixture.archive);
    let (streamed, kept) = fixture.read(fixture.archive.clone()).unwrap();
    assert_eq!(streamed.lock, fixture.lock);
    assert!(
        fixture
            .contents
            .iter()
            .all(|(digest, content)| kept.get(digest) == Some(content))
    );
}

#[test]
fn flipped_bytes_are_noticed() {
    flip(3);
}

#[test]
#[ignore = "takes half a minute"]
fn every_flipped_byte_is_noticed() {
    flip(1);
}

fn flip(step: usize) {
    let fixture = Fixture::small();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.tar");
    let signature = &fixture.layout.entries()[1];
    let signature = usize::try_from(signature.content).unwrap()
        ..usize::try_from(signature.content + signature.size).unwrap();
    let (_, good) = fixture.read(fixture.archive.clone()).unwrap();
    for at in (0..fixture.archive.len()).step_by(step) {
        let mut archive = fixture.archive.clone();
        archive[at] ^= 1 << (at % 8);
        if at % 16 == 0 {
            fs::write(&path, &archive).unwrap();
            let result = BundleFile::open(&path, &fixture.policy())
                .and_then(|bundle| bundle.check_content(1, &|_| ()));
            assert!(result.is_err() || signature.contains(&at), "byte {at} in place");
        }
        match fixture.read(archive) {
            Err(_) => {}
            // Nothing signs a signature, but what it establishes must be the same.
            Ok((_, kept)) => assert!(signature.contains(&at) && kept == good, "byte {at}"),
        }
    }
}

/// The lock is read as a document, so it is not enough that somebody else compares its hash later.
#[test]
fn no_bit_of_the_lock_can_be_changed() {
    let fixture = Fixture::small();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.tar");
    let mut entries = fixture.layout.entries().iter();
    let lock = entries.find(|entry| entry.name == "airlock.lock").unwrap();
    let start = usize::try_from(lock.content).unwrap();
    for at in start..start + usize::try_from(lock.size).unwrap() {
        let mut archive = fixture.archive.clone();
        archive[at] ^= 1 << (at % 8);
        fs::write(&path, &archive).unwrap();
        let opened = BundleFile::open(&path, &fixture.policy());
        assert!(opened.is_err(), "byte {at} in place");
        let checked = Unverified::from_reader(Cursor::new(archive))
            .and_then(|bundle| bundle.verify(&fixture.policy())?.check(&mut |_| ()));
        assert!(checked.is_err(), "byte {at}");
    }
}

#[test]
fn a_truncated_archive_is_refused_wherever_it_ends() {
    let fixture = Fixture::new();
    let len = fixture.archive.len();
    for end in (0..len).step_by(512).chain(len - 1030..len - 1018) {
        let error = fixture
            .read(fixture.archive[..end].to_vec())
            .unwrap_err()
            .to_string();
        assert!(!error.is_empty());
    }
    for entry in fixture.layout.entries() {
        let content = usize::try_from(entry.content).unwrap();
        for end in [content - 512, content - 1, content] {
            refused(
                &fixture,
                &fixture.archive[..end],
                &format!("cut before {}", entry.name),
            );
        }
    }
    let last = fixture.layout.entries().last().unwrap();
    let content = usize::try_from(last.content).unwrap();
    let error = refused(&fixture, &fixture.archive[..=content], "cut inside");
    assert_eq!(error, "the bundle ends in the middle of bin/airlock-linux-amd64");
    // The end of a header is zero bytes, so that what is there of it looks like all of it.
    let error = refused(&fixture, &fixture.archive[..content - 12], "cut inside a header");
    assert_eq!(
        error,
        "the bundle ends in the middle of the header of bin/airlock-linux-amd64"
    );
    assert!(last.padding() > 1);
    let size = usize::try_from(last.size).unwrap();
    let error = refused(
        &fixture,
        &fixture.archive[..=content + size],
        "cut inside padding",
    );
    assert_eq!(
        error,
        "the bundle ends in the middle of the zero bytes after bin/airlock-linux-amd64"
    );
}

#[test]
fn the_end_must_be_exactly_two_zero_blocks() {
    let fixture = Fixture::new();
    let len = fixture.archive.len();
    for (cut, text) in [
        (1024, "the two zero blocks at the end are missing"),
        (512, "the two zero blocks at the end are missing"),
        (1, "the two zero blocks at the end are missing"),
    ] {
        let error = refused(&fixture, &fixture.archive[..len - cut], text);
        assert!(error.ends_with(text), "{error}");
    }
    for trailing in [&[0][..], b"x", &[0; 512], &[0; 9216]] {
        let mut archive = fixture.archive.clone();
        archive.extend_from_slice(trailing);
        let error = refused(&fixture, &archive, "trailing bytes");
        assert!(
            error.ends_with("bytes follow the two zero blocks at its end"),
            "{error}"
        );
    }
    let last = fixture.layout.entries().last().unwrap();
    assert!(last.padding() > 0);
    for at in [len - 1, len - 512, len - 1024, len - 1025] {
        let mut archive = fixture.archive.clone();
        archive[at] = b'x';
        refused(&fixture, &archive, &format!("a byte that is not zero at {at}"));
    }
    let mut more = pieces(&fixture);
    more.push(more[0].clone());
    let error = refused(&fixture, &join(&more), "one entry more");
    assert!(error.ends_with("\"airlock.json\" follows"), "{error}");
}

#[test]
fn entries_are_there_once_and_in_order() {
    let fixture = Fixture::new();
    let pieces = pieces(&fixture);
    for at in 0..pieces.len() {
        let mut removed = pieces.clone();
        removed.remove(at);
        refused(&fixture, &join(&removed), &format!("without entry {at}"));
        let mut doubled = pieces.clone();
        doubled.insert(at, pieces[at].clone());
        refused(&fixture, &join(&doubled), &format!("entry {at} twice"));
        let mut last = pieces.clone();
        last.push(pieces[at].clone());
        refused(&fixture, &join(&last), &format!("entry {at} again at the end"));
        if at > 0 {
            let mut swapped = pieces.clone();
            swapped.swap(at - 1, at);
            refused(&fixture, &join(&swapped), &format!("entries {at} swapped"));
        }
    }
    let mut swapped = pieces.clone();
    swapped.swap(8, 9);
    let error = refused(&fixture, &join(&swapped), "swapped");
    assert!(
        error.contains("is not where it must be: \"blobs/sha256/"),
        "{error}"
    );
}

#[test]
fn renamed_entries_are_refused_under_any_name() {
    let fixture = Fixture::new();
    let pieces = pieces(&fixture);
    for at in 0..pieces.len() {
        for name in [
            "../escape",
            "/etc/passwd",
            "./index.json",
            "index.json",
            "INDEX.JSON",
            "index.json/",
            "signatures/../index.json",
            "ｉndex.json",
            "index.json\0x",
            "",
        ] {
            let mut renamed = pieces.clone();
            let mut field = [0; 100];
            field[..name.len()].copy_from_slice(name.as_bytes());
            if renamed[at][..100] == field {
                continue;
            }
            patch(&mut renamed[at], 0, &field);
            refused(&fixture, &join(&renamed), &format!("entry {at} as {name:?}"));
        }
        let mut prefixed = pieces.clone();
        patch(&mut prefixed[at], 345, b"..");
        refused(&fixture, &join(&prefixed), &format!("entry {at} with a prefix"));
    }
}

/// Names that some file systems take for the same file, one more entry each, at every place.
#[test]
fn entries_under_a_name_of_another_form_are_refused() {
    let fixture = Fixture::new();
    let pieces = pieces(&fixture);
    for at in 0..pieces.len() {
        let original = fixture.layout.entries()[at].name.clone();
        for name in [
            original.to_uppercase(),
            original.replace(['a', 'A'], "\u{ff41}"),
            original.replace('e', "e\u{301}"),
            original.replace('s', "\u{17f}"),
            format!("{original}."),
            format!("{original} "),
            format!("./{original}"),
            original.replace('/', "//"),
            original.replace('/', "\\"),
            format!("{original}\u{200d}"),
        ] {
            if name == original || name.len() > 100 {
                continue;
            }
            let mut field = [0; 100];
            field[..name.len()].copy_from_slice(name.as_bytes());
            let mut twin = pieces[at].clone();
            patch(&mut twin, 0, &field);
            for place in [at + 1, pieces.len()] {
                let mut doubled = pieces.clone();
                doubled.insert(place, twin.clone());
                refused(&fixture, &join(&doubled), &format!("{name:?} at {place}"));
            }
        }
    }
}

#[test]
fn only_plain_files_are_read() {
    let fixture = Fixture::new();
    let pieces = pieces(&fixture);
    let types = [
        (b'1', "a hard link"),
        (b'2', "a symbolic link"),
        (b'3', "a character device"),
        (b'4', "a block device"),
        (b'5', "a folder"),
        (b'6', "a FIFO"),
        (b'7', "an entry of unknown type"),
        (0, "an entry of unknown type"),
        (b'S', "a sparse file"),
        (b'x', "a PAX extension"),
        (b'g', "a PAX extension"),
        (b'L', "a GNU long name"),
        (b'K', "a GNU long name"),
    ];
    for at in 0..pieces.len() {
        for (kind, text) in types {
            let mut changed = pieces.clone();
            patch(&mut changed[at], 156, &[kind]);
            let error = refused(&fixture, &join(&changed), text);
            // In the place of airlock.json it may also be called no bundle at all.
            assert!(error.ends_with(text), "entry {at}: {error}");
        }
    }
    // As an extension of the entry after it, with the content such an extension has.
    for (kind, content) in [
        (b'x', &b"20 path=index.json\n"[..]),
        (b'x', b"13 size=4096\n"),
        (b'g', b"13 size=4096\n"),
        (b'L', b"index.json\0"),
    ] {
        for at in 0..=pieces.len() {
            let mut extension = pieces[0][..512].to_vec();
            patch(&mut extension, 156, &[kind]);
            patch(&mut extension, 124, format!("{:011o}", content.len()).as_bytes());
            extension.extend_from_slice(content);
            extension.resize(1024, 0);
            let mut changed = pieces.clone();
            changed.insert(at, extension);
            refused(
                &fixture,
                &join(&changed),
                &format!("an extension before entry {at}"),
            );
        }
    }
}

#[test]
fn fields_that_do_not_matter_to_others_matter_here() {
    let fixture = Fixture::new();
    let pieces = pieces(&fixture);
    for at in 0..pieces.len() {
        for (field, bytes) in [
            (100, &b"0000777"[..]),
            (100, b"0004755"),
            (108, b"0000001"),
            (116, b"0000001"),
            (136, b"00000000001"),
            (157, b"target"),
            (257, b"ustar  \0"),
            (265, b"root"),
            (297, b"root"),
            (329, b"0000001"),
            (500, b"x"),
        ] {
            let mut changed = pieces.clone();
            patch(&mut changed[at], field, bytes);
            refused(
                &fixture,
                &join(&changed),
                &format!("entry {at}, field at {field}"),
            );
        }
    }
}

#[test]
fn sizes_that_lie_are_refused_before_anything_is_read_for_them() {
    let fixture = Fixture::new();
    let pieces = pieces(&fixture);
    for at in 0..pieces.len() {
        for size in [
            "00000000000",
            "77777777777",
            "00000001000",
            "0000000001x",
            "-0000000001",
        ] {
            let mut changed = pieces.clone();
            if changed[at][124..135] == *size.as_bytes() {
                continue;
            }
            patch(&mut changed[at], 124, size.as_bytes());
            refused(&fixture, &join(&changed), &format!("entry {at} of size {size}"));
        }
        let mut changed = pieces.clone();
        patch(&mut changed[at], 124, &[0x80, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
        refused(&fixture, &join(&changed), &format!("entry {at} of 1 TiB"));
    }
    let mut changed = pieces.clone();
    patch(&mut changed[0], 124, b"77777777777");
    assert_eq!(
        refused(&fixture, &join(&changed), "8 GiB of index"),
        "airlock.json is larger than the 16777216 bytes allowed: 8589934591"
    );
    let mut changed = pieces;
    patch(&mut changed[1], 124, b"00000200001");
    let error = refused(&fixture, &join(&changed), "64 KiB of signature");
    assert!(
        error.ends_with("is larger than the 65536 bytes allowed: 65537"),
        "{error}"
    );
}

/// Refused while they are read, not once all of them are in memory.
#[test]
fn more_signatures_than_anyone_needs_are_refused() {
    let fixture = Fixture::new();
    let pieces = pieces(&fixture);
    let open = |count: usize| {
        let mut many = vec![pieces[0].clone()];
        for number in 0..count {
            let mut signature = pieces[1].clone();
            let mut name = [0; 100];
            let text = format!("signatures/{number:064}.sigstore.json");
            name[..text.len()].copy_from_slice(text.as_bytes());
            patch(&mut signature, 0, &name);
            many.push(signature);
        }
        many.extend_from_slice(&pieces[2..]);
        Unverified::from_reader(Cursor::new(join(&many)))
    };
    // A name proves nothing, so each of them counts for the key that it holds.
    open(32).unwrap().verify(&fixture.policy()).unwrap();
    let error = open(33).unwrap_err();
    assert_eq!(error.to_string(), "the bundle has more than 32 signatures");
}

#[test]
fn an_endless_stream_is_left_early() {
    struct Endless {
        start: Cursor<Vec<u8>>,
        read: std::sync::Arc<std::sync::atomic::AtomicUsize>,
    }
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = match self.start.read(buffer)? {
                0 => {
                    buffer.fill(b'x');
                    buffer.len()
                }
                count => count,
            };
            self.read.fetch_add(count, std::sync::atomic::Ordering::Relaxed);
            Ok(count)
        }
    }
    let fixture = Fixture::new();
    let signature = pieces(&fixture)[1].clone();
    let many = [pieces(&fixture)[0].clone(), signature.repeat(1000)].concat();
    for start in [
        Vec::new(),
        fixture.archive.clone(),
        fixture.archive[..3000].to_vec(),
        many,
    ] {
        let read = std::sync::Arc::default();
        let stream = Endless {
            start: Cursor::new(start),
            read: std::sync::Arc::clone(&read),
        };
        Unverified::from_reader(stream)
            .and_then(|bundle| bundle.verify(&fixture.policy()))
            .and_then(|bundle| bundle.check(&mut |_| ()))
            .unwrap_err();
        let read = read.load(std::sync::atomic::Ordering::Relaxed);
        assert!(read < 2 << 20, "{read}");
    }
}

#[test]
fn what_is_no_bundle_is_called_so() {
    let fixture = Fixture::new();
    for (bytes, text) in [
        (&b""[..], "this is not a bundle: it is empty"),
        (b"hello", "this is not a bundle: it is too short"),
        (&[0; 2048], "this is not a bundle: it is not a tar archive"),
        (
            b"\x1f\x8b\x08\0\0",
            "this is not a bundle: it is compressed with gzip",
        ),
        (
            b"\x28\xb5\x2f\xfd\0",
            "this is not a bundle: it is compressed with zstd",
        ),
        (b"\xfd7zXZ\0\0", "this is not a bundle: it is compressed with xz"),
        (b"BZh91AY", "this is not a bundle: it is compressed with bzip2"),
        (
            &fixture.archive[1024..],
            "this is not a bundle: it is a tar archive that does not start with airlock.json",
        ),
    ] {
        let error = Unverified::from_reader(Cursor::new(bytes.to_vec())).unwrap_err();
        if bytes == &fixture.archive[1024..] {
            // The second kibibyte may be in the middle of the index.
            assert!(error.to_string().starts_with("this is not a bundle: "));
        } else {
            assert_eq!(error.to_string(), text);
        }
        assert!(error.hint().is_some());
    }
    let tar = join(&pieces(&fixture)[2..]);
    assert_eq!(
        Unverified::from_reader(Cursor::new(tar)).unwrap_err().to_string(),
        "this is not a bundle: it is a tar archive that does not start with airlock.json"
    );
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        Unverified::open(folder.path()).unwrap_err().to_string(),
        "this is not a bundle: it is a folder without airlock.json"
    );
    assert!(
        Unverified::open(&folder.path().join("absent"))
            .unwrap_err()
            .to_string()
            .starts_with("opening the bundle failed: ")
    );
}

/// Only a file can be read at any place, and a pipe must not make us wait for somebody to write to it.
#[test]
fn what_is_no_file_is_not_read_in_place() {
    let fixture = Fixture::small();
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo of coreutils");
    for path in [pipe, folder.path().to_owned(), "/dev/zero".into()] {
        let policy = fixture.policy();
        let (answer, answered) = std::sync::mpsc::channel();
        std::thread::spawn(move || answer.send(BundleFile::open(&path, &policy).map(drop)));
        let result = answered.recv_timeout(std::time::Duration::from_secs(20));
        let error = result.expect("it waits for a writer").unwrap_err();
        assert_eq!(
            error.to_string(),
            "this is not a bundle: it is not a file, which is needed to read it in place"
        );
    }
}

mod folder {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    type Attack<'a> = (&'a str, &'a dyn Fn(&Path));

    fn unpacked(fixture: &Fixture, folder: &Path) -> std::path::PathBuf {
        let target = folder.join("unpacked");
        Unverified::from_reader(Cursor::new(fixture.archive.clone()))
            .unwrap()
            .verify(&fixture.policy())
            .unwrap()
            .extract_to(&target)
            .unwrap();
        target
    }

    fn check(fixture: &Fixture, folder: &Path) -> Result<(), String> {
        Unverified::open(folder)
            .and_then(|bundle| bundle.verify(&fixture.policy()))
            .and_then(|bundle| bundle.check(&mut |_| ()))
            .map(drop)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn links_extra_files_and_changed_files_are_refused() {
        let fixture = Fixture::new();
        let entries = fixture.layout.entries();
        let blob = entries
            .iter()
            .find(|entry| entry.name.starts_with("blobs/") && entry.size > 0)
            .unwrap();
        let pipe = |path: std::path::PathBuf| {
            let made = std::process::Command::new("mkfifo").arg(&path).status();
            assert!(made.is_ok_and(|status| status.success()), "mkfifo of coreutils");
        };
        let attacks: [Attack<'_>; 18] = [
            ("must be a plain file, but is not", &|folder| {
                fs::remove_file(folder.join(&blob.name)).unwrap();
                pipe(folder.join(&blob.name));
            }),
            ("must be a plain file, but is not", &|folder| {
                fs::remove_file(folder.join("airlock.json")).unwrap();
                pipe(folder.join("airlock.json"));
            }),
            ("must be a plain file, but is not", &|folder| {
                fs::remove_file(folder.join(&blob.name)).unwrap();
                fs::create_dir(folder.join(&blob.name)).unwrap();
            }),
            ("is a symbolic link", &|folder| {
                fs::remove_file(folder.join("SHA256SUMS")).unwrap();
                symlink("/dev/zero", folder.join("SHA256SUMS")).unwrap();
            }),
            ("not of the bundle: ", &|folder| {
                fs::copy(folder.join("index.json"), folder.join("Index.json")).unwrap();
            }),
            ("not of the bundle: ", &|folder| {
                fs::copy(folder.join("index.json"), folder.join("\u{ff49}ndex.json")).unwrap();
            }),
            ("not of the bundle: ", &|folder| {
                pipe(folder.join("blobs/sha256").join("0".repeat(64)));
            }),
            (
                "is larger than the 16777216 bytes allowed: 1099511627776",
                &|folder| {
                    let file = fs::OpenOptions::new()
                        .write(true)
                        .open(folder.join("airlock.json"));
                    file.unwrap().set_len(1 << 40).unwrap();
                },
            ),
            ("long, but is 1099511627776", &|folder| {
                let file = fs::OpenOptions::new().write(true).open(folder.join(&blob.name));
                file.unwrap().set_len(1 << 40).unwrap();
            }),
            ("is a symbolic link", &|folder| {
                fs::rename(folder.join(&blob.name), folder.join("../moved")).unwrap();
                symlink(folder.join("../moved"), folder.join(&blob.name)).unwrap();
            }),
            ("opening the file failed", &|folder| {
                fs::rename(folder.join("blobs"), folder.join("../blobs")).unwrap();
                symlink("../blobs", folder.join("blobs")).unwrap();
            }),
            ("not of the bundle: ", &|folder| {
                fs::write(folder.join("extra"), "").unwrap();
            }),
            ("not of the bundle: ", &|folder| {
                fs::write(folder.join("blobs/extra"), "").unwrap();
            }),
            ("not of the bundle: ", &|folder| {
                fs::create_dir(folder.join("blobs/sha512")).unwrap();
            }),
            ("not of the bundle: ", &|folder| {
                fs::write(folder.join("signatures/x"), "").unwrap();
            }),
            ("is missing in the folder", &|folder| {
                fs::remove_file(folder.join(&blob.name)).unwrap();
            }),
            ("long, but is 0", &|folder| {
                fs::write(folder.join(&blob.name), "").unwrap();
            }),
            ("is damaged or was changed", &|folder| {
                fs::write(
                    folder.join(&blob.name),
                    vec![b'x'; usize::try_from(blob.size).unwrap()],
                )
                .unwrap();
            }),
        ];
        refused_after(&fixture, &attacks);
    }

    fn refused_after(fixture: &Fixture, attacks: &[Attack<'_>]) {
        for (text, attack) in attacks {
            let temporary = tempfile::tempdir().unwrap();
            let folder = unpacked(fixture, temporary.path());
            check(fixture, &folder).unwrap();
            attack(&folder);
            let error = check(fixture, &folder).unwrap_err();
            assert!(error.contains(text), "{error}");
        }
    }

    #[test]
    fn signatures_are_few_and_small_and_behind_no_link() {
        let attacks: [Attack<'_>; 4] = [
            ("opening the file failed", &|folder| {
                fs::rename(folder.join("signatures"), folder.join("../moved")).unwrap();
                symlink("../moved", folder.join("signatures")).unwrap();
            }),
            ("not of the bundle: ", &|folder| {
                use std::os::unix::ffi::OsStrExt;
                let name = std::ffi::OsStr::from_bytes(b"index.json\xff");
                fs::write(folder.join(name), "").unwrap();
            }),
            ("has more than 32 signatures", &|folder| {
                let good = fs::read_dir(folder.join("signatures")).unwrap().next();
                let good = fs::read(good.unwrap().unwrap().path()).unwrap();
                for number in 0..33 {
                    let name = format!("signatures/{number:064}.sigstore.json");
                    fs::write(folder.join(name), &good).unwrap();
                }
            }),
            ("is larger than the 65536 bytes allowed", &|folder| {
                let name = format!("signatures/{:064}.sigstore.json", 0);
                fs::write(folder.join(name), vec![b' '; 65_537]).unwrap();
            }),
        ];
        refused_after(&Fixture::new(), &attacks);
    }

    /// Nothing of the bundle is in it, so only its kind tells that it does not belong there.
    #[test]
    fn a_link_in_place_of_an_empty_folder_is_refused() {
        let fixture = Fixture::new();
        let plan = Plan::new(&fixture.lock, Extras::default()).unwrap();
        let layout = signed(&fixture.key, plan);
        let without_importer = Fixture {
            archive: write(layout.clone(), &fixture.contents),
            layout,
            ..fixture
        };
        let temporary = tempfile::tempdir().unwrap();
        let folder = unpacked(&without_importer, temporary.path());
        check(&without_importer, &folder).unwrap();
        fs::create_dir(folder.join("bin")).unwrap();
        check(&without_importer, &folder).unwrap();
        fs::remove_dir(folder.join("bin")).unwrap();
        fs::create_dir(temporary.path().join("elsewhere")).unwrap();
        symlink("../elsewhere", folder.join("bin")).unwrap();
        let error = check(&without_importer, &folder).unwrap_err();
        assert!(error.contains("not of the bundle: "), "{error}");
    }
}
