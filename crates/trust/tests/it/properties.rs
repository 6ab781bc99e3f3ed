//! No single changed bit passes, and no input panics.

use std::sync::LazyLock;

use airlock_trust::{Policy, PublicKey, SecretKey, SigstoreBundle, needs_password, sign_blob, verify};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

const INDEX: &[u8] = br#"{"format":1,"name":"edge-site","sequence":7}"#;

static KEY: LazyLock<SecretKey> = LazyLock::new(|| SecretKey::generate().unwrap());
static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::new([KEY.public().clone()]).unwrap());

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let bit = bit % (bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

fn established(index: &[u8], file: &[u8]) -> bool {
    verify(index, &[("file", file)], &POLICY).is_ok()
}

#[test]
fn the_unchanged_files_pass() {
    assert!(established(INDEX, &sign_blob(&KEY, INDEX).to_json()));
}

/// All of them, since there are only a few thousand.
#[test]
fn no_bit_of_the_signature_file_can_be_changed() {
    let file = sign_blob(&KEY, INDEX).to_json();
    for bit in 0..file.len() * 8 {
        let changed = flipped(&file, bit);
        assert!(
            !established(INDEX, &changed),
            "{}",
            String::from_utf8_lossy(&changed)
        );
    }
}

#[test]
fn no_bit_of_the_index_can_be_changed() {
    let file = sign_blob(&KEY, INDEX).to_json();
    for bit in 0..INDEX.len() * 8 {
        assert!(!established(&flipped(INDEX, bit), &file));
    }
}

#[test]
fn no_bit_of_the_signature_can_be_changed() {
    let signature = sign_blob(&KEY, INDEX);
    let mut value: serde_json::Value = serde_json::from_slice(&signature.to_json()).unwrap();
    for bit in 0..signature.der_signature().len() * 8 {
        let changed = flipped(signature.der_signature(), bit);
        value["messageSignature"]["signature"] = STANDARD.encode(changed).into();
        assert!(
            !established(INDEX, &serde_json::to_vec(&value).unwrap()),
            "bit {bit}"
        );
    }
}

proptest! {
    #[test]
    fn whatever_is_signed_verifies(index in proptest::collection::vec(any::<u8>(), 0..2000), bit in any::<usize>()) {
        let file = sign_blob(&KEY, &index).to_json();
        prop_assert!(established(&index, &file));
        if !index.is_empty() {
            prop_assert!(!established(&flipped(&index, bit), &file));
        }
    }

    #[test]
    fn any_bytes_are_parsed_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
        let _ = SigstoreBundle::parse(&bytes);
        let _ = PublicKey::from_pem(&bytes);
        let _ = PublicKey::from_der(&bytes);
        let _ = SecretKey::from_pem(&bytes, None);
        let _ = needs_password(&bytes);
        prop_assert!(!established(INDEX, &bytes));
    }

    #[test]
    fn cut_and_changed_files_are_parsed_without_panic(bit in any::<usize>(), cut in 0usize..1000) {
        let secret = KEY.to_unencrypted_pkcs8_pem();
        for file in [sign_blob(&KEY, INDEX).to_json(), KEY.public().to_pem().into_bytes(), secret.as_bytes().to_vec()] {
            let changed = flipped(&file, bit);
            for bytes in [&changed[..], &file[..cut.min(file.len())]] {
                let _ = SigstoreBundle::parse(bytes);
                let _ = PublicKey::from_pem(bytes);
                let _ = SecretKey::from_pem(bytes, None);
            }
        }
        let _ = PublicKey::from_der(&flipped(KEY.public().as_der(), bit));
    }
}
