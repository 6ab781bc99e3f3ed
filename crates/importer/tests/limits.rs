//! How much a bundle may claim, and what the largest that is taken costs.
#![allow(clippy::unwrap_used)]

mod fixture;

use std::fs::File;
use std::io::{BufWriter, Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use airlock_bundle::{BundleFile, Unverified};
use airlock_content::{GenerationView, Silent};
use airlock_importer::{ImportOptions, import};
use airlock_spec::index::{MAX_FILES, MAX_ROOTS};
use airlock_store::Store;
use airlock_trust::{Policy, PublicKey, SecretKey, sign_blob};
use fixture::{Contents, picture};

const FILE: &str = "LIMITS_TEST_FILE";
const TASK: &str = "LIMITS_TEST_TASK";
/// What a process may hold at most, in KiB: 120 MB.
const MOST_KIB: u64 = 120_000_000 / 1024;

fn options() -> ImportOptions<'static> {
    ImportOptions::new("2026-01-02T03:04:05Z", "airlock 0.1.0")
}

/// The most memory that this process ever held.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Reads a bundle in one way, in a process of its own; says whether it was taken, or why not.
#[test]
#[ignore = "only as a child of the tests below"]
fn child() {
    let path = PathBuf::from(std::env::var(FILE).unwrap());
    let folder = path.parent().unwrap();
    let key = PublicKey::from_pem(&std::fs::read(folder.join("key.pub")).unwrap()).unwrap();
    let policy = Policy::new([key]).unwrap();
    let piped = || Unverified::from_reader(File::open(&path).unwrap());
    let opened = || Unverified::open(&path)?.verify(&policy);
    let refused = match std::env::var(TASK).unwrap().as_str() {
        "inspect" => Unverified::open(&path)
            .and_then(|bundle| bundle.claimed_index())
            .err(),
        "verify" => BundleFile::open(&path, &policy)
            .and_then(|file| file.check_content(2, &|_| ()))
            .err(),
        "verify a pipe" => piped()
            .and_then(|bundle| bundle.verify(&policy)?.check(&mut |_| ()))
            .err(),
        _ => {
            let store = Store::open(&folder.join("store")).unwrap();
            let options = ImportOptions {
                threads: 2,
                ..options()
            };
            let result = opened()
                .map_err(Into::into)
                .and_then(|bundle| import(bundle, &store, &options, &Silent));
            println!(
                "refused {}",
                result.as_ref().err().map_or(String::new(), ToString::to_string)
            );
            println!("peak {}", peak_kib());
            return;
        }
    };
    println!(
        "refused {}",
        refused.map_or(String::new(), |error| error.to_string())
    );
    println!("peak {}", peak_kib());
}

/// What a child found wrong with the bundle in `folder`; nothing when it took it. Within bounds, either way.
fn ask(folder: &Path, task: &str, limit: Duration) -> String {
    let start = Instant::now();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(FILE, folder.join("bundle"))
        .env(TASK, task)
        .output()
        .unwrap();
    let took = start.elapsed();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{task}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let said = |word: &str| {
        text.lines()
            .find_map(|line| Some(line.split_once(word)?.1.to_owned()))
    };
    let peak: u64 = said("peak ").unwrap().parse().unwrap();
    let refused = said("refused ").unwrap();
    assert!(peak <= MOST_KIB, "{task}: {peak} KiB");
    assert!(took < limit, "{task}: {took:?}");
    refused
}

/// Refused by everything that reads bundles, in the same words, the store as it was.
fn refused(folder: &Path, tasks: &[&str], reason: &str) {
    let before = picture(&folder.join("store"));
    for task in tasks {
        let refused = ask(folder, task, Duration::from_secs(20));
        assert!(
            refused.contains(reason),
            "{task}: {refused:?} instead of {reason:?}"
        );
    }
    assert!(
        picture(&folder.join("store")) == before,
        "{reason}: the store changed"
    );
}

const ALL: [&str; 4] = ["inspect", "verify", "verify a pipe", "import"];
/// Those that look at signatures first.
const TRUST: &[&str] = &["verify", "verify a pipe", "import"];

/// A header that passes for one of ours.
fn header(name: &str, size: u64) -> Vec<u8> {
    let mut header = vec![0; 512];
    let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, b"0000644\x000000000\x000000000");
    if size < 1 << 33 {
        put(124, format!("{size:011o}").as_bytes());
    } else {
        put(124, &[0x80]);
        put(128, &size.to_be_bytes());
    }
    put(136, b"00000000000\0        0");
    put(257, b"ustar\x0000");
    put(329, b"0000000\x000000000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

fn entry(name: &str, content: &[u8]) -> Vec<u8> {
    let mut out = header(name, content.len() as u64);
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

/// A folder with a key and a store in which something is.
struct Site {
    folder: tempfile::TempDir,
    key: SecretKey,
}

impl Site {
    fn new() -> Self {
        let (folder, key) = (tempfile::tempdir().unwrap(), SecretKey::generate().unwrap());
        std::fs::write(folder.path().join("key.pub"), key.public().to_pem()).unwrap();
        let store = Store::create(&folder.path().join("store")).unwrap();
        let policy = Policy::new([key.public().clone()]).unwrap();
        let mut earlier = Contents::new("other", "1", 0);
        earlier.image("docker.io/library/other:1", &["there before"]);
        let earlier = Unverified::from_reader(Cursor::new(earlier.bundle(&key))).unwrap();
        import(earlier.verify(&policy).unwrap(), &store, &options(), &Silent).unwrap();
        Self { folder, key }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A file of these bytes, and a hole up to `len`.
    fn write(&self, parts: &[&[u8]], len: Option<u64>) {
        let mut file = BufWriter::new(File::create(self.path().join("bundle")).unwrap());
        for part in parts {
            file.write_all(part).unwrap();
        }
        let file = file.into_inner().unwrap();
        if let Some(len) = len {
            file.set_len(len).unwrap();
        }
    }

    /// An index, whatever it is, and our signature over it.
    fn signed(&self, index: &[u8]) -> Vec<u8> {
        let signature = sign_blob(&self.key, index).to_json();
        let name = format!("signatures/{}.sigstore.json", self.key.public().key_id());
        [entry("airlock.json", index), entry(&name, &signature)].concat()
    }
}

#[test]
fn claims_cost_neither_memory_nor_time() {
    let site = Site::new();
    // An index of 1 TiB, there in full as a hole.
    site.write(&[&header("airlock.json", 1 << 40)], Some((1 << 40) + 1024));
    refused(
        site.path(),
        &ALL,
        "airlock.json is larger than the 16777216 bytes allowed",
    );
    // The largest that is read at all, unsigned and signed, of what takes most memory for its length.
    for (fill, reason) in [
        ("[", "the bundle index is not valid"),
        ("0", "the bundle index is not valid"),
        ("\0", "the bundle index is not valid"),
        ("\"k{}\":0,", "the bundle index is not valid"),
        ("\"files\":[],", "the bundle index is not valid"),
    ] {
        let mut index = String::from(if fill.len() > 1 { "{" } else { "" });
        for number in 0.. {
            let next = fill.replace("{}", &number.to_string());
            if index.len() + next.len() > 16 << 20 {
                break;
            }
            index.push_str(&next);
        }
        index.extend(std::iter::repeat_n(' ', (16 << 20) - index.len()));
        site.write(&[&entry("airlock.json", index.as_bytes()), &[0; 1024]], None);
        refused(site.path(), &["inspect"], reason);
        refused(site.path(), TRUST, "the bundle is not signed");
        site.write(&[&site.signed(index.as_bytes()), &[0; 1024]], None);
        refused(site.path(), &ALL, reason);
    }

    // Signed by us, and larger than any disk. The hole is what it claims to be, so it must be refused before it is read.
    let mut huge = Contents::new("edge", "1", 1);
    huge.huge("docker.io/library/app:1", 1 << 40);
    let head = huge.bundle(&site.key);
    site.write(&[&head], Some((1 << 40) + (1 << 20)));
    refused(site.path(), &["verify"], "is missing: the archive ends before it");
    refused(site.path(), &["import"], "the store has no room for the bundle");
}

/// A tar of a million entries that are all there, after an index that lists them, and after a good bundle.
#[test]
fn a_million_entries_are_left_after_a_few() {
    const COUNT: u32 = 1_000_000;
    let site = Site::new();
    let hex = "0".repeat(64);
    let mut index = String::from("{\"channel\":\"stable\",\"files\":[");
    for number in 0..COUNT {
        let path = format!("blobs/sha256/{number:064}");
        index.push_str(&format!(
            "{{\"path\":\"{path}\",\"sha256\":\"{hex}\",\"size\":0}},"
        ));
    }
    index.push_str("],\"format\":1}\n");
    let mut entries = header("blobs/sha256/", 0).repeat(COUNT as usize);
    for (number, header) in (0..COUNT).zip(entries.chunks_exact_mut(512)) {
        header[13..77].copy_from_slice(format!("{number:064}").as_bytes());
        let sum = header[..148]
            .iter()
            .chain(&header[156..])
            .map(|byte| u32::from(*byte))
            .sum::<u32>()
            + 8 * 32;
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    site.write(&[&site.signed(index.as_bytes()), &entries, &[0; 1024]], None);
    drop(index);
    refused(
        site.path(),
        &ALL,
        "airlock.json is larger than the 16777216 bytes allowed",
    );

    let mut contents = Contents::new("edge", "1", 1);
    contents.image("docker.io/library/app:1", &["base"]);
    let good = contents.bundle(&site.key);
    site.write(&[&good[..good.len() - 1024], &entries, &[0; 1024]], None);
    refused(site.path(), TRUST, "the bundle does not end after its last entry");

    let names = header(&format!("signatures/{hex}.sigstore.json"), 0);
    for entry in entries.chunks_exact_mut(512) {
        entry.copy_from_slice(&names);
    }
    site.write(&[&entry("airlock.json", b"{}"), &entries, &[0; 1024]], None);
    refused(site.path(), &ALL, "stands twice or out of order");
}

/// As many files and roots as a bundle may have: everything that reads it keeps to its bounds.
#[test]
fn the_largest_bundle_is_taken_in_bounded_memory() {
    let site = Site::new();
    let mut largest = Contents::new("edge", "1", 1);
    // Five files are no blobs.
    largest.many(MAX_ROOTS, MAX_FILES - 5);
    let bundle = largest.bundle(&site.key);
    site.write(&[&bundle], None);
    drop((largest, bundle));
    for task in ALL {
        assert_eq!(ask(site.path(), task, Duration::from_mins(3)), "", "{task}");
    }
    let store = Store::open(&site.path().join("store")).unwrap();
    assert_eq!(store.generation().unwrap().roots.len(), MAX_ROOTS + 1);
}
