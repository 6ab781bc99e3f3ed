//! A thousand damaged copies of one bundle.
//!
//! `AIRLOCK_TEST_FLIPS` sets the number of copies.
#![allow(clippy::unwrap_used)]

mod fixture;

use std::io::Cursor;

use airlock_bundle::Unverified;
use airlock_content::{GenerationView, Silent};
use airlock_importer::{ImportOptions, import};
use airlock_store::Store;
use airlock_trust::{Policy, SecretKey};
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
