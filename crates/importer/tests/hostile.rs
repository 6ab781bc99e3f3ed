//! A thousand damaged copies of one bundle, and claims that no machine could meet.
//!
//! `AIRLOCK_TEST_FLIPS` sets the number of copies.
#![allow(clippy::unwrap_used)]

mod fixture;

use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use airlock_bundle::{BundleFile, Unverified};
use airlock_content::{GenerationView, Silent};
use airlock_importer::{ImportOptions, import};
use airlock_store::Store;
use airlock_trust::{Policy, PublicKey, SecretKey};
use fixture::{Contents, picture};

/// xorshift64*: all that a test needs.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }
}

fn layer(random: &mut Random, kib: usize) -> String {
    let words: Vec<String> = (0..kib * 64).map(|_| format!("{:016x}", random.next())).collect();
    words.concat()
}

fn options() -> ImportOptions<'static> {
    ImportOptions::new("2026-01-02T03:04:05Z", "airlock 0.1.0")
}

fn attempt(bytes: Vec<u8>, store: &Store, policy: &Policy) -> bool {
    Unverified::from_reader(Cursor::new(bytes))
        .and_then(|bundle| bundle.verify(policy))
        .is_ok_and(|bundle| import(bundle, store, &options(), &Silent).is_ok())
}

#[test]
fn a_thousand_flips_anywhere_leave_the_store_as_it_was() {
    let flips = std::env::var("AIRLOCK_TEST_FLIPS").map_or(1000, |count| count.parse().unwrap());
    let seed = 0x5eed_0001;
    let mut random = Random(seed);
    let key = SecretKey::generate().unwrap();
    let policy = Policy::new([key.public().clone()]).unwrap();
    let mut earlier = Contents::new("other", "1", 0);
    earlier.image("docker.io/library/other:1", &["there before"]);
    let mut contents = Contents::new("edge", "1", 1);
    let layers: Vec<String> = (1..6).map(|kib| layer(&mut random, kib * 8)).collect();
    contents.image("docker.io/library/app:1", &[&layers[0], &layers[1]]);
    contents.index_image("ghcr.io/x/multi:2", &[&layers[2], &layers[3], &layers[4]]);
    let good = contents.bundle(&key);
    let index_end = 512 + usize::from_str_radix(std::str::from_utf8(&good[124..135]).unwrap(), 8).unwrap();
    let signature = index_end.next_multiple_of(512) + 512;
    let signature = signature..signature + 4096;

    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    assert!(attempt(earlier.bundle(&key), &store, &policy));
    let before = picture(store.root());
    let mut accepted = 0;
    for turn in 0..flips {
        // Every third one hits the part before the blobs, which is small beside them.
        let at = random.below(if turn % 3 == 0 {
            good.len().min(16 << 10)
        } else {
            good.len()
        });
        let mut bad = good.clone();
        bad[at] ^= 1 << random.below(8);
        if attempt(bad, &store, &policy) {
            // Only what no signature covers, the signature's own notes, may differ without harm.
            assert!(signature.contains(&at), "byte {at} of {}", good.len());
            accepted += 1;
            break;
        }
        assert!(picture(store.root()) == before, "byte {at} of {}", good.len());
    }
    assert_eq!(accepted, 0, "no flip of this seed is harmless");
    assert!(attempt(good, &store, &policy));
}

const FILE: &str = "HOSTILE_TEST_FILE";
/// What a reader may take on top of a process that does nothing, in KiB: the largest index that is allowed, and half
/// of that again for reading it.
const MOST_KIB: u64 = 100 << 10;

/// The most memory that this process ever held.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Reads a bundle in all ways in a process of its own; all must refuse it.
#[test]
#[ignore = "only as a child of the test below"]
fn child() {
    let path = PathBuf::from(std::env::var(FILE).unwrap());
    let folder = path.parent().unwrap();
    let key = PublicKey::from_pem(&std::fs::read(folder.join("key.pub")).unwrap()).unwrap();
    let policy = Policy::new([key]).unwrap();
    let store = Store::open(&folder.join("store")).unwrap();
    let streamed = Unverified::from_reader(File::open(&path).unwrap())
        .and_then(|bundle| bundle.verify(&policy))
        .is_ok_and(|bundle| import(bundle, &store, &options(), &Silent).is_ok());
    let opened = Unverified::open(&path)
        .and_then(|bundle| bundle.verify(&policy))
        .is_ok_and(|bundle| import(bundle, &store, &options(), &Silent).is_ok());
    let in_place = BundleFile::open(&path, &policy).is_ok_and(|file| file.check_content(2, &|_| ()).is_ok());
    assert!(!streamed && !opened && !in_place, "accepted");
    println!("peak {}", peak_kib());
}

/// Refused within seconds and [`MOST_KIB`], the store as it was.
fn refused_in_bounds(folder: &Path, what: &str) {
    let before = picture(&folder.join("store"));
    let start = Instant::now();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(FILE, folder.join("bundle"))
        .output()
        .unwrap();
    let took = start.elapsed();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{what}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let peak: u64 = text
        .lines()
        .find_map(|line| line.split_once("peak ")?.1.parse().ok())
        .unwrap();
    assert!(peak < MOST_KIB, "{what}: {peak} KiB");
    assert!(took < Duration::from_secs(20), "{what}: {took:?}");
    assert!(
        picture(&folder.join("store")) == before,
        "{what}: the store changed"
    );
}

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

#[test]
fn claims_cost_neither_memory_nor_time() {
    let key = SecretKey::generate().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("key.pub"), key.public().to_pem()).unwrap();
    let store = Store::create(&folder.join("store")).unwrap();
    let policy = Policy::new([key.public().clone()]).unwrap();
    let mut earlier = Contents::new("other", "1", 0);
    earlier.image("docker.io/library/other:1", &["there before"]);
    assert!(attempt(earlier.bundle(&key), &store, &policy));
    let generation = store.generation().unwrap();

    let write = |parts: &[&[u8]], len: Option<u64>| {
        let mut file = File::create(folder.join("bundle")).unwrap();
        for part in parts {
            file.write_all(part).unwrap();
        }
        if let Some(len) = len {
            file.set_len(len).unwrap();
        }
        file
    };
    let mut contents = Contents::new("edge", "1", 1);
    contents.image("docker.io/library/app:1", &["base"]);
    let good = contents.bundle(&key);

    // An index of 1 TiB, there in full as a hole; and the largest that is read at all, of nothing but brackets.
    write(&[&header("airlock.json", 1 << 40)], Some((1 << 40) + 1024));
    refused_in_bounds(folder, "an index of 1 TiB");
    for fill in [b"[", b"0", b"\0"] {
        let block = fill.repeat(1 << 20);
        let mut parts = vec![header("airlock.json", 64 << 20)];
        parts.extend(vec![block; 64]);
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        write(&parts, None);
        refused_in_bounds(folder, "an index of 64 MiB of one character");
    }

    // A million entries, each a signature; and a million after a good bundle.
    let name = format!("signatures/{}.sigstore.json", "0".repeat(64));
    let entries = header(&name, 0).repeat(10_000);
    let index = [header("airlock.json", 2), b"{}".to_vec(), vec![0; 510]].concat();
    for start in [&index[..], &good[..good.len() - 1024]] {
        let mut parts = vec![start];
        parts.extend(vec![&entries[..]; 20]);
        let mut file = write(&parts, None);
        // The rest is holes, which read as blocks of zeros: what follows is not looked at any more.
        file.seek(SeekFrom::Start(1_000_000 * 512)).unwrap();
        file.write_all(&header(&name, 0)).unwrap();
        refused_in_bounds(folder, "a million entries");
    }

    // Signed by us, and larger than any disk.
    let mut huge = Contents::new("edge", "1", 1);
    huge.huge("docker.io/library/app:1", 1 << 40);
    let head = huge.bundle(&key);
    write(&[&head], Some((1 << 40) + (1 << 20)));
    // The hole would be read as what it claims to be, so it must be refused before.
    let mut start = [0; 512];
    File::open(folder.join("bundle"))
        .unwrap()
        .read_exact(&mut start)
        .unwrap();
    refused_in_bounds(folder, "a signed layer of 1 TiB");
    assert_eq!(store.generation().unwrap().id, generation.id);
}

/// A clock that went back changes what the receipt says, and nothing else.
#[test]
fn a_clock_that_jumps_back_is_no_obstacle() {
    let key = SecretKey::generate().unwrap();
    let policy = Policy::new([key.public().clone()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    for (sequence, time) in [
        (1, "2030-01-01T00:00:00Z"),
        (2, "1970-01-01T00:00:00Z"),
        (3, "2026-01-01T00:00:00Z"),
    ] {
        let mut contents = Contents::new("edge", &sequence.to_string(), sequence);
        contents.image(
            &format!("docker.io/library/app:{sequence}"),
            &[&format!("layer {sequence}")],
        );
        let bundle = Unverified::from_reader(Cursor::new(contents.bundle(&key))).unwrap();
        import(
            bundle.verify(&policy).unwrap(),
            &store,
            &ImportOptions::new(time, "airlock 0.1.0"),
            &Silent,
        )
        .unwrap();
    }
    let moves = store.generations().unwrap();
    assert!(moves.last().unwrap().current);
    let roots = store.generation().unwrap();
    assert!(
        roots
            .roots
            .iter()
            .any(|root| root.reference.to_string().ends_with("app:3"))
    );
    assert!(store.gc(1, false).unwrap().blobs > 0);
}
