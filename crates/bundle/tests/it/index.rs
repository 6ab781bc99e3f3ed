//! Bundles that a trusted key did sign, but that contradict themselves.

use std::collections::BTreeMap;
use std::io::Cursor;

use airlock_bundle::{BundleError, Extras, Plan, PlanError, Unverified};
use airlock_content::digest_of;
use airlock_spec::index::{BundleIndex, FileEntry, HexSha256, MAX_FILES, MAX_ROOTS};
use airlock_types::Digest;

use crate::fixture::{Contents, Fixture, artifact, lock, signature};

fn header(name: &str, size: usize) -> Vec<u8> {
    let mut header = vec![0; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(
        100,
        if name.starts_with("bin/") {
            "0000755"
        } else {
            "0000644"
        },
    );
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{size:011o}"));
    put(136, "00000000000");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    put(329, "0000000");
    put(337, "0000000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

fn append(out: &mut Vec<u8>, name: &str, content: &[u8]) {
    out.extend(header(name, content.len()));
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(512), 0);
}

/// Signs these bytes as an index, and puts `files` after them.
fn archive(fixture: &Fixture, index: &[u8], files: &BTreeMap<usize, (String, Vec<u8>)>) -> Vec<u8> {
    let mut out = Vec::new();
    append(&mut out, "airlock.json", index);
    let (key, content) = signature(&fixture.key, index);
    append(&mut out, &format!("signatures/{key}.sigstore.json"), &content);
    for (name, content) in files.values() {
        append(&mut out, name, content);
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// What the fixture's archive holds, by its place in the index.
fn files(fixture: &Fixture) -> BTreeMap<usize, (String, Vec<u8>)> {
    let entries = fixture.layout.entries();
    entries[2..]
        .iter()
        .map(|entry| {
            let at = usize::try_from(entry.content).unwrap();
            let content = fixture.archive[at..at + usize::try_from(entry.size).unwrap()].to_vec();
            (entry.name.clone(), content)
        })
        .enumerate()
        .collect()
}

fn verify(fixture: &Fixture, index: &[u8]) -> Result<(), BundleError> {
    let bundle = Unverified::from_reader(Cursor::new(archive(fixture, index, &files(fixture))))?;
    bundle.verify(&fixture.policy()).map(drop)
}

#[test]
fn the_unchanged_index_is_accepted() {
    let fixture = Fixture::new();
    let index = fixture.layout.index().to_bytes();
    verify(&fixture, &index).unwrap();
    assert_eq!(archive(&fixture, &index, &files(&fixture)), fixture.archive);
}

type Change<'a> = (&'a str, &'a dyn Fn(&mut BundleIndex));

#[test]
fn contradictions_are_refused_before_any_entry_is_read() {
    let fixture = Fixture::new();
    let changes: [Change<'_>; 20] = [
        ("is listed twice or out of order", &|index| {
            index.files.push(index.files[0].clone());
        }),
        ("is listed twice or out of order", &|index| index.files.swap(0, 1)),
        ("is listed twice or out of order", &|index| {
            let last = index.files.len() - 1;
            index.files.insert(last, index.files[last].clone());
        }),
        ("cannot have a file of this name: \"../x\"", &|index| {
            index.files[0].path = "../x".into();
        }),
        ("cannot have a file of this name: \"Airlock.lock\"", &|index| {
            index.files[1].path = "Airlock.lock".into();
        }),
        ("cannot have a file of this name: \"airlock.json\"", &|index| {
            index.files.insert(
                0,
                FileEntry {
                    path: "airlock.json".into(),
                    ..index.files[0].clone()
                },
            );
        }),
        ("cannot have a file of this name: \"signatures/x\"", &|index| {
            index.files.insert(
                0,
                FileEntry {
                    path: "signatures/x".into(),
                    ..index.files[0].clone()
                },
            );
        }),
        ("is listed with the digest", &|index| {
            let blob = index
                .files
                .iter_mut()
                .find(|file| file.path.starts_with("blobs/"))
                .unwrap();
            blob.sha256 = HexSha256(digest_of(b"other"));
        }),
        ("SHA256SUMS is not listed", &|index| drop(index.files.remove(0))),
        ("SHA256SUMS is not the one", &|index| drop(index.files.remove(1))),
        ("SHA256SUMS is not the one", &|index| index.files[0].size += 1),
        ("index.json is not the one", &|index| drop(index.roots.pop())),
        ("oci-layout is not the one", &|index| {
            let mut files = index.files.iter_mut();
            files.find(|file| file.path == "oci-layout").unwrap().size += 1;
            fix_sums(index);
        }),
        ("the index before it is not named by SHA-256", &|index| {
            index.previous = Some(Digest::Sha512([1; 64]));
        }),
        ("it names two digests for airlock.lock", &|index| {
            index.lock = digest_of(b"other");
        }),
        ("is not among the blobs", &|index| {
            index.roots[0].size += 1;
            fix_oci_index(index);
        }),
        ("is listed twice or out of order", &|index| {
            index.roots.insert(0, index.roots[0].clone());
            fix_oci_index(index);
        }),
        ("is listed twice or out of order", &|index| {
            index.roots.swap(0, 1);
            fix_oci_index(index);
        }),
        ("is listed twice or out of order", &|index| {
            let reference = index.roots[0].reference.clone();
            index.roots[1].reference = reference;
            index
                .roots
                .sort_by_key(|root| (root.reference.clone(), root.digest));
            fix_oci_index(index);
        }),
        ("more than a file can hold", &|index| {
            for file in index
                .files
                .iter_mut()
                .filter(|file| file.path.starts_with("blobs/"))
            {
                file.size = u64::MAX / 2;
            }
        }),
    ];
    for (text, change) in changes {
        let mut index = fixture.layout.index().clone();
        change(&mut index);
        let error = verify(&fixture, &index.to_bytes()).unwrap_err().to_string();
        assert!(error.contains(text), "{error:?} instead of {text:?}");
    }
}

/// Makes `index.json` and `SHA256SUMS` those of the roots.
fn fix_oci_index(index: &mut BundleIndex) {
    let roots = airlock_bundle::root_entries(&index.roots);
    let content = airlock_content::Generation::render(&roots);
    let entry = index
        .files
        .iter_mut()
        .find(|file| file.path == "index.json")
        .unwrap();
    (entry.sha256, entry.size) = (HexSha256(digest_of(&content)), content.len() as u64);
    fix_sums(index);
}

fn fix_sums(index: &mut BundleIndex) -> Vec<u8> {
    let sums: Vec<String> = index.files[1..]
        .iter()
        .map(|file| format!("{}  {}\n", file.sha256.0.hex(), file.path))
        .collect();
    let sums = sums.concat();
    (index.files[0].sha256, index.files[0].size) = (HexSha256(digest_of(sums.as_bytes())), sums.len() as u64);
    sums.into_bytes()
}

#[test]
fn more_than_a_bundle_may_hold_is_refused_on_both_sides() {
    let fixture = Fixture::new();
    let index = fixture.layout.index();
    let mut files = index.clone();
    files.files = vec![index.files[0].clone(); MAX_FILES + 1];
    let mut roots = index.clone();
    roots.roots = vec![index.roots[0].clone(); MAX_ROOTS + 1];
    for (index, limit) in [(files, MAX_FILES), (roots, MAX_ROOTS)] {
        let bytes = index.to_bytes();
        let error = verify(&fixture, &bytes).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(
            cause.starts_with(&format!("more than the {limit} items allowed")),
            "{cause}"
        );
        let unsigned = Unverified::from_reader(Cursor::new(archive(&fixture, &bytes, &BTreeMap::new())));
        assert_eq!(
            unsigned.unwrap().claimed_index().unwrap_err().to_string(),
            error.to_string()
        );
    }
    let mut lock_too_large = index.clone();
    lock_too_large.files[1].size = (32 << 20) + 1;
    fix_sums(&mut lock_too_large);
    assert_eq!(
        verify(&fixture, &lock_too_large.to_bytes())
            .unwrap_err()
            .to_string(),
        "airlock.lock is larger than the 33554432 bytes allowed: 33554433"
    );

    let mut contents = Contents::new();
    let mut one = artifact(&mut contents, "ghcr.io/acme/app:1", &[]);
    one.referrers.clear();
    let mut many = one.clone();
    many.blobs = (0..MAX_FILES as u64)
        .map(|number| {
            let mut pin = one.root.clone();
            pin.digest = digest_of(&number.to_le_bytes());
            pin
        })
        .collect();
    let error = Plan::new(&lock(vec![many]), Extras::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the lock names more than one bundle can hold, {MAX_FILES} files: {}",
            MAX_FILES + 5
        )
    );
    assert!(error.hint().is_some());
    let many = (0..=MAX_ROOTS)
        .map(|number| {
            let mut next = one.clone();
            next.reference = format!("ghcr.io/acme/app:{number}").parse().unwrap();
            next
        })
        .collect();
    let error = Plan::new(&lock(many), Extras::default()).unwrap_err();
    assert!(
        matches!(error, PlanError::TooMany { what: "roots", .. }),
        "{error}"
    );
    let mut long = one;
    long.why = vec!["x".repeat(33 << 20)];
    let error = Plan::new(&lock(vec![long]), Extras::default()).unwrap_err();
    assert!(
        matches!(
            error,
            PlanError::TooMany {
                what: "bytes of lock",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn other_bytes_for_the_same_index_are_refused() {
    let fixture = Fixture::new();
    let text = String::from_utf8(fixture.layout.index().to_bytes()).unwrap();
    for (changed, expected) in [
        (text.trim_end().to_owned(), "not canonical"),
        (format!("{text}\n"), "not canonical"),
        (text.replacen(',', ", ", 1), "not canonical"),
        (text.replacen('{', "{\"channel\":\"stable\",", 1), "not valid"),
        (text.replacen('{', "{\"Channel\":\"stable\",", 1), "not valid"),
        (text.replacen("\"format\":1", "\"format\":2", 1), "cannot read: 2"),
        ("[".repeat(100_000), "not valid"),
    ] {
        let error = verify(&fixture, changed.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} instead of {expected:?}");
    }
}

#[test]
fn a_lock_that_disagrees_with_the_index_is_refused() {
    let fixture = Fixture::new();
    let mut contents = Contents::new();
    let mut other_name = fixture.lock.clone();
    other_name.name = "other".parse().unwrap();
    let changed = |change: &dyn Fn(&mut airlock_spec::lock::Lock)| {
        let mut lock = fixture.lock.clone();
        change(&mut lock);
        lock
    };
    let mut fewer_roots = fixture.lock.clone();
    fewer_roots.artifacts[0].referrers.pop();
    let other_blobs = lock(vec![
        {
            let mut changed = fixture.lock.artifacts[0].clone();
            changed.blobs.pop();
            changed
        },
        {
            let mut changed = fixture.lock.artifacts[1].clone();
            changed.blobs = artifact(&mut contents, "ghcr.io/acme/app:2", &[b"new".to_vec()]).blobs;
            changed
        },
    ]);
    for (lock, expected) in [
        (other_name, "name"),
        (changed(&|lock| lock.release = "2.0".parse().unwrap()), "version"),
        (changed(&|lock| lock.channel = "beta".parse().unwrap()), "channel"),
        (changed(&|lock| lock.sequence += 1), "sequence"),
        (fewer_roots, "roots"),
        (other_blobs, "blobs"),
    ] {
        let bytes = lock.to_bytes();
        let mut index = fixture.layout.index().clone();
        index.lock = digest_of(&bytes);
        (index.files[1].sha256, index.files[1].size) = (HexSha256(index.lock), bytes.len() as u64);
        let sums = fix_sums(&mut index);
        let mut files = files(&fixture);
        files.insert(0, ("SHA256SUMS".to_owned(), sums));
        files.insert(1, ("airlock.lock".to_owned(), bytes));
        let archive = archive(&fixture, &index.to_bytes(), &files);
        let error = fixture.read(archive.clone()).unwrap_err().to_string();
        assert!(
            error.starts_with("airlock.lock and the bundle index disagree: "),
            "{error}"
        );
        assert!(error.contains(expected), "{error}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.tar");
        std::fs::write(&path, archive).unwrap();
        let in_place = airlock_bundle::BundleFile::open(&path, &fixture.policy()).unwrap_err();
        assert_eq!(in_place.to_string(), error);
    }
}

/// The fixture's archive with another lock, which its index names.
fn with_lock(fixture: &Fixture, lock: &[u8]) -> Vec<u8> {
    let mut index = fixture.layout.index().clone();
    index.lock = digest_of(lock);
    (index.files[1].sha256, index.files[1].size) = (HexSha256(index.lock), lock.len() as u64);
    let sums = fix_sums(&mut index);
    let mut files = files(fixture);
    files.insert(0, ("SHA256SUMS".to_owned(), sums));
    files.insert(1, ("airlock.lock".to_owned(), lock.to_vec()));
    archive(fixture, &index.to_bytes(), &files)
}

#[test]
fn a_lock_that_two_readers_could_read_differently_is_refused() {
    let fixture = Fixture::new();
    let text = String::from_utf8(fixture.lock.to_bytes()).unwrap();
    fixture.read(with_lock(&fixture, text.as_bytes())).unwrap();
    for (what, changed) in [
        ("a key twice", text.replacen('{', "{\"name\":\"other\",", 1)),
        (
            "a key twice, escaped",
            text.replacen('{', "{\"n\\u0061me\":\"other\",", 1),
        ),
        (
            "a key twice further in",
            text.replacen("\"kind\":", "\"kind\":\"chart\",\"kind\":", 1),
        ),
        (
            "a key that only case tells apart",
            text.replacen('{', "{\"Name\":\"other\",", 1),
        ),
        ("a key that is not read", text.replacen('{', "{\"x\":1,", 1)),
        ("white space", text.replacen(',', ", ", 1)),
        ("nothing but depth", "[".repeat(100_000)),
        (
            "depth in a field",
            text.replacen('{', &format!("{{\"x\":{}", "[".repeat(100_000)), 1),
        ),
        ("depth of objects", "{\"a\":".repeat(100_000)),
        ("another document behind it", format!("{text}{{}}")),
    ] {
        let archive = with_lock(&fixture, changed.as_bytes());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.tar");
        std::fs::write(&path, &archive).unwrap();
        let in_place = airlock_bundle::BundleFile::open(&path, &fixture.policy());
        assert!(fixture.read(archive).is_err() && in_place.is_err(), "{what}");
    }
}

#[test]
fn locks_that_no_bundle_can_hold_are_refused() {
    let mut contents = Contents::new();
    let one = artifact(&mut contents, "ghcr.io/acme/app:1", &[b"a".to_vec()]);
    let mut other = artifact(&mut contents, "ghcr.io/acme/app:1", &[b"a".to_vec()]);
    other.root.digest = digest_of(b"other");
    let error = Plan::new(&lock(vec![one.clone(), other]), Extras::default()).unwrap_err();
    assert!(matches!(error, PlanError::Conflict { .. }), "{error}");

    let mut sha512 = one.clone();
    sha512.blobs[0].digest = Digest::Sha512([1; 64]);
    let error = Plan::new(&lock(vec![sha512]), Extras::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("ghcr.io/acme/app:1 needs content that is not named by SHA-256")
    );
    assert!(error.hint().is_some());

    let mut huge = one.clone();
    huge.blobs[0].size = u64::MAX - 5;
    let error = Plan::new(&lock(vec![huge]), Extras::default()).unwrap_err();
    assert_eq!(error, PlanError::TooLarge);

    let plan = || Plan::new(&lock(vec![one.clone()]), Extras::default()).unwrap();
    for key in ["", "../x", &"A".repeat(64)] {
        let error = plan().layout(&[(key.to_owned(), Vec::new())]).unwrap_err();
        assert!(matches!(error, PlanError::Signature(_)));
    }
    let key = "a".repeat(64);
    assert!(plan().layout(&[(key.clone(), vec![0; 65_537])]).is_err());
    assert!(plan().layout(&[(key.clone(), vec![]), (key, vec![])]).is_err());
}

#[test]
fn strangers_and_missing_signatures_are_refused() {
    let fixture = Fixture::new();
    let stranger = Fixture::new();
    let error = Unverified::from_reader(Cursor::new(fixture.archive.clone()))
        .unwrap()
        .verify(&stranger.policy())
        .unwrap_err();
    assert!(matches!(error, BundleError::Trust(_)), "{error}");
    assert!(error.hint().is_some());

    let layout = Plan::new(&fixture.lock, Extras::default())
        .unwrap()
        .layout(&[])
        .unwrap();
    let unsigned = crate::fixture::write(layout, &fixture.contents);
    let bundle = Unverified::from_reader(Cursor::new(unsigned)).unwrap();
    assert!(bundle.signatures().is_empty());
    assert_eq!(bundle.claimed_index().unwrap().index().name.as_str(), "edge");
    let error = bundle.verify(&fixture.policy()).unwrap_err();
    assert_eq!(error.to_string(), "the bundle is not signed");
}
