//! Files that cosign 3.1.3 made: `cosign generate-key-pair`, and `cosign sign-blob --key cosign.key
//! --signing-config` (an empty one) `--bundle cosign.sigstore.json airlock.json`.

use airlock_trust::{
    KeyError, Outcome, Policy, Protection, PublicKey, SecretKey, needs_password, sign_blob, verify,
};

const KEY: &[u8] = include_bytes!("../data/cosign.key");
const PUBLIC: &[u8] = include_bytes!("../data/cosign.pub");
const SIGNATURE: &[u8] = include_bytes!("../data/cosign.sigstore.json");
const INDEX: &[u8] = br#"{"name":"edge-site"}"#;
const PASSWORD: &[u8] = b"open sesame";

#[test]
fn its_key_is_read() {
    assert!(needs_password(KEY).unwrap());
    let (key, protection) = SecretKey::from_pem(KEY, Some(PASSWORD)).unwrap();
    assert_eq!(protection, Protection::Password);
    assert_eq!(key.public(), &PublicKey::from_pem(PUBLIC).unwrap());
    assert_eq!(key.public().to_pem().as_bytes(), PUBLIC);

    let old = String::from_utf8_lossy(KEY).replace("SIGSTORE", "COSIGN");
    assert!(SecretKey::from_pem(old.as_bytes(), Some(PASSWORD)).is_ok());
}

#[test]
fn its_key_needs_its_password() {
    assert!(matches!(
        SecretKey::from_pem(KEY, None),
        Err(KeyError::PasswordNeeded)
    ));
    assert!(matches!(
        SecretKey::from_pem(KEY, Some(b"open sesam")),
        Err(KeyError::WrongPassword)
    ));
}

#[test]
fn its_signature_is_established() {
    let key = PublicKey::from_pem(PUBLIC).unwrap();
    let policy = Policy::new([key.clone()]).unwrap();
    let verified = verify(INDEX, &[("cosign.sigstore.json", SIGNATURE)], &policy).unwrap();
    assert!(matches!(
        &verified.verdict().findings()[0].outcome,
        Outcome::Established { key: id, unchecked } if *id == key.key_id() && unchecked.is_empty()
    ));
}

#[test]
fn its_key_signs_for_us() {
    let (key, _) = SecretKey::from_pem(KEY, Some(PASSWORD)).unwrap();
    let policy = Policy::new([PublicKey::from_pem(PUBLIC).unwrap()]).unwrap();
    let signature = sign_blob(&key, INDEX);
    let _ = verify(INDEX, &[(signature.path(), signature.to_json())], &policy).unwrap();
}
