//! Bundles: as any bytes, and as what a trusted signer could have signed by mistake.

use std::io::{Cursor, Write};
use std::sync::OnceLock;

use airlock_bundle::{BundleFile, Unverified};
use airlock_trust::{Policy, SecretKey, sign_blob};

fn key() -> &'static (SecretKey, Policy) {
    static KEY: OnceLock<(SecretKey, Policy)> = OnceLock::new();
    KEY.get_or_init(|| {
        let key = SecretKey::generate().unwrap_or_else(|error| panic!("{error}"));
        let policy = Policy::new([key.public().clone()]).unwrap_or_else(|error| panic!("{error}"));
        (key, policy)
    })
}

/// An archive of any bytes. Nobody signed it, so it must never be accepted.
pub fn tar(input: &[u8]) {
    if let Ok(bundle) = Unverified::from_reader(Cursor::new(input.to_vec())) {
        let _ = bundle.claimed_index();
        assert!(bundle.verify(&key().1).is_err());
    }
}

/// An index that is signed, whatever it says; what follows it in the archive comes after a line of `--`.
pub fn bundle(input: &[u8]) {
    let (key, policy) = key();
    let cut = input.windows(4).position(|window| window == b"\n--\n");
    let (index, rest) = cut.map_or((input, &[][..]), |at| (&input[..=at], &input[at + 4..]));
    let signature = sign_blob(key, index);
    let mut archive = Vec::new();
    entry(&mut archive, "airlock.json", index);
    entry(&mut archive, &signature.path(), &signature.to_json());
    archive.extend_from_slice(rest);
    let Ok(bundle) = Unverified::from_reader(Cursor::new(archive.clone())) else {
        return;
    };
    let Ok(bundle) = bundle.verify(policy) else { return };
    let entries = bundle.index().entries().len();
    let streamed = bundle.check(&mut |_| ());
    // The reader that serves in place must come to the same answer.
    let mut file = tempfile::NamedTempFile::new().unwrap_or_else(|error| panic!("{error}"));
    file.write_all(&archive).unwrap_or_else(|error| panic!("{error}"));
    let in_place = BundleFile::open(file.path(), policy).and_then(|file| file.check_content(1, &|_| ()));
    assert_eq!(streamed.is_ok(), in_place.is_ok(), "{entries} entries");
}

/// A file in the one form that bundles have.
fn entry(archive: &mut Vec<u8>, path: &str, content: &[u8]) {
    let mut header = [0; 512];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, path.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", content.len()).as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    put(329, b"0000000");
    put(337, b"0000000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    archive.extend_from_slice(&header);
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(512), 0);
}
