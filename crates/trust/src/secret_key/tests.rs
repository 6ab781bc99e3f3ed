use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::der::Encode as _;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::pkcs5::pbes2 as pkcs5;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::sign_blob;

const PASSWORD: &[u8] = b"correct horse";

fn same(a: &SecretKey, b: &SecretKey) -> bool {
    a.key.to_bytes() == b.key.to_bytes()
}

#[test]
fn every_form_round_trips_and_says_how_it_is_protected() {
    let key = SecretKey::generate().unwrap();
    for (pem, label) in [
        (
            key.to_encrypted_pkcs8_pem(PASSWORD).unwrap(),
            "ENCRYPTED PRIVATE KEY",
        ),
        (
            key.to_cosign_pem(PASSWORD).unwrap(),
            "ENCRYPTED SIGSTORE PRIVATE KEY",
        ),
    ] {
        assert!(pem.starts_with(&format!("-----BEGIN {label}-----\n")));
        assert!(needs_password(pem.as_bytes()).unwrap());
        let (read, protection) = SecretKey::from_pem(pem.as_bytes(), Some(PASSWORD)).unwrap();
        assert!(same(&read, &key));
        assert_eq!(protection, Protection::Password);
        assert!(matches!(
            SecretKey::from_pem(pem.as_bytes(), Some(b"correct hors")),
            Err(KeyError::WrongPassword)
        ));
        assert!(matches!(
            SecretKey::from_pem(pem.as_bytes(), None),
            Err(KeyError::PasswordNeeded)
        ));
    }
    let pem = key.to_unencrypted_pkcs8_pem();
    assert!(!needs_password(pem.as_bytes()).unwrap());
    let (read, protection) = SecretKey::from_pem(pem.as_bytes(), None).unwrap();
    assert!(same(&read, &key));
    assert_eq!(protection, Protection::Unprotected);
    assert_eq!(
        PublicKey::from_pem(key.public().to_pem().as_bytes()).unwrap(),
        *key.public()
    );
}

#[test]
fn an_empty_password_protects_nothing() {
    let key = SecretKey::generate().unwrap();
    assert!(matches!(key.to_cosign_pem(b""), Err(KeyError::EmptyPassword)));
    assert!(matches!(
        key.to_encrypted_pkcs8_pem(b""),
        Err(KeyError::EmptyPassword)
    ));
    // Others write such files; they are read and called what they are.
    let file = pem::encode(
        cosign::LABEL,
        &cosign::encrypt(key.to_pkcs8().as_bytes(), b"").unwrap(),
    );
    let (_, protection) = SecretKey::from_pem(file.as_bytes(), Some(b"")).unwrap();
    assert_eq!(protection, Protection::Unprotected);
}

#[test]
fn debug_shows_no_secret() {
    let key = SecretKey::generate().unwrap();
    let text = format!("{key:?}");
    assert!(text.contains(&key.public().key_id().to_string()));
    let secret = airlock_types::Digest::sha256(key.key.to_bytes().into()).hex();
    assert!(!text.contains(&secret), "the private value in hex");
    assert_eq!(
        text.len(),
        format!("SecretKey {{ public: {}, .. }}", key.public().key_id()).len()
    );
}

/// RFC 6979, A.2.5, "sample" with SHA-256.
#[test]
fn signatures_are_those_of_rfc_6979() {
    let bytes = |hex: &str| -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    };
    let secret = bytes("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
    let key = SecretKey::new(SigningKey::from_slice(&secret).unwrap());
    let expected = bytes(
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716\
         F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
    );
    assert_eq!(sign_blob(&key, b"sample").signature().to_bytes()[..], expected);
}

#[test]
fn scrypt_is_bounded_before_it_runs() {
    assert_eq!(check_scrypt(1 << 15, 8, 1).unwrap(), 15);
    assert_eq!(check_scrypt(1 << 17, 8, 1).unwrap(), 17);
    assert_eq!(check_scrypt(1 << 18, 8, 4).unwrap(), 18);
    for (n, r, p) in [
        (1 << 19, 8, 1),
        (1 << 63, 8, 1),
        (1 << 18, 8, 5),
        (2, u32::MAX, 1),
        (2, 1, u32::MAX),
        (2, 1, 17),
    ] {
        assert!(
            matches!(check_scrypt(n, r, p), Err(KeyError::TooCostly(_))),
            "{n} {r} {p}"
        );
    }
    for (n, r, p) in [
        (0, 8, 1),
        (1, 8, 1),
        (3, 8, 1),
        (2, 0, 1),
        (2, 8, 0),
        (u64::MAX, 8, 1),
    ] {
        assert!(
            matches!(check_scrypt(n, r, p), Err(KeyError::Malformed(_))),
            "{n} {r} {p}"
        );
    }
}

fn encrypted_pkcs8(params: &pkcs5::Parameters, data: &[u8]) -> Vec<u8> {
    let info = EncryptedPrivateKeyInfoRef {
        encryption_algorithm: params.clone().into(),
        encrypted_data: OctetStringRef::new(data).unwrap(),
    };
    info.to_der().unwrap()
}

#[test]
fn foreign_pkcs8_parameters_are_bounded() {
    let mut params = pkcs5::Parameters {
        kdf: pkcs5::Kdf::Scrypt(pkcs5::ScryptParams {
            salt: pkcs5::Salt::new([0; 16]).unwrap(),
            cost_parameter: 0,
            block_size: 8,
            parallelization: 1,
            key_length: None,
        }),
        encryption: pkcs5::EncryptionScheme::Aes256Cbc { iv: [0; 16] },
    };
    let error =
        |params: &pkcs5::Parameters| pbes2::decrypt(&encrypted_pkcs8(params, &[0; 160]), b"x").unwrap_err();
    assert!(
        matches!(error(&params), KeyError::Malformed(_)),
        "N = 0 must not panic"
    );
    let pkcs5::Kdf::Scrypt(scrypt) = &mut params.kdf else {
        panic!("made above");
    };
    scrypt.cost_parameter = 1 << 40;
    let refused = error(&params);
    assert!(matches!(&refused, KeyError::TooCostly(text) if text.contains("N=1099511627776")));
    assert!(refused.hint().unwrap().contains("openssl pkcs8"));
    params.kdf = pkcs5::Pbkdf2Params::hmac_sha256(90_000_000, &[0; 16])
        .unwrap()
        .into();
    assert!(matches!(error(&params), KeyError::TooCostly(_)));
}

/// The padding of CBC looks right under one wrong password in 256; the answer must be the same.
#[test]
fn a_wrong_password_is_called_that_whatever_it_decrypts_to() {
    let key = SecretKey::generate().unwrap();
    let params = pkcs5::Parameters::generate_pbkdf2_sha256_aes256cbc(1, &[1; 16], [2; 16]).unwrap();
    let data = params.encrypt(PASSWORD, key.to_pkcs8().as_bytes()).unwrap();
    let der = encrypted_pkcs8(&params, &data);
    let file = pem::encode(pbes2::LABEL, &der);
    let mut padded = 0;
    for attempt in 0..3000 {
        let wrong = format!("wrong {attempt}");
        padded += usize::from(pbes2::decrypt(&der, wrong.as_bytes()).is_ok());
        let result = SecretKey::from_pem(file.as_bytes(), Some(wrong.as_bytes()));
        assert!(matches!(result, Err(KeyError::WrongPassword)), "{result:?}");
    }
    assert!(padded > 0, "the case that this test is about did not come up");
    assert!(SecretKey::from_pem(file.as_bytes(), Some(PASSWORD)).is_ok());
}

#[test]
fn foreign_cosign_parameters_are_bounded_and_named() {
    let key = SecretKey::generate().unwrap();
    let file = cosign::encrypt(key.to_pkcs8().as_bytes(), PASSWORD).unwrap();
    let error = |change: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_slice(&file).unwrap();
        change(&mut value);
        cosign::decrypt(&serde_json::to_vec(&value).unwrap(), PASSWORD).unwrap_err()
    };
    assert!(matches!(
        error(&|v| v["kdf"]["params"]["N"] = json!(1u64 << 40)),
        KeyError::TooCostly(_)
    ));
    assert!(matches!(
        error(&|v| v["kdf"]["params"]["p"] = json!(100)),
        KeyError::TooCostly(_)
    ));
    assert!(matches!(
        error(&|v| v["kdf"]["params"]["r"] = json!(-1)),
        KeyError::Malformed(_)
    ));
    assert!(matches!(
        error(&|v| v["kdf"]["name"] = json!("argon2")),
        KeyError::Encryption(_)
    ));
    assert!(matches!(
        error(&|v| v["cipher"]["name"] = json!("aes")),
        KeyError::Encryption(_)
    ));
    assert!(matches!(
        error(&|v| v["cipher"]["nonce"] = json!("AAAA")),
        KeyError::Malformed(_)
    ));
    assert!(matches!(
        error(&|v| v["ciphertext"] = json!("*")),
        KeyError::Malformed(_)
    ));
    assert!(matches!(
        error(&|v| v["ciphertext"] = json!("")),
        KeyError::WrongPassword
    ));
}

proptest! {
    #[test]
    fn changed_encrypted_keys_never_panic(bit in any::<usize>(), byte in any::<u8>()) {
        let params = pkcs5::Parameters::generate_pbkdf2_sha256_aes256cbc(1, &[1; 16], [2; 16]).unwrap();
        let data = params.encrypt(PASSWORD, &[7; 120]).unwrap();
        let envelope = json!({
            "kdf": {"name": "scrypt", "params": {"N": 2, "r": 1, "p": 1}, "salt": "AAAA"},
            "cipher": {"name": "nacl/secretbox", "nonce": "A".repeat(32)},
            "ciphertext": "A".repeat(64),
        });
        let envelope = serde_json::to_vec(&envelope).unwrap();
        for (label, mut contents) in [(pbes2::LABEL, encrypted_pkcs8(&params, &data)), (cosign::LABEL, envelope)] {
            let at = bit % contents.len();
            contents[at] ^= byte;
            let file = pem::encode(label, &contents);
            prop_assert!(SecretKey::from_pem(file.as_bytes(), Some(PASSWORD)).is_err());
        }
    }
}
