//! openssl reads what we write, and we read what openssl writes.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use airlock_trust::{
    KeyError, Policy, Protection, PublicKey, SecretKey, SignatureError, needs_password, sign_blob, verify,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Runs openssl in a folder of its own; `None` where it is not installed.
struct OpenSsl(tempfile::TempDir);

impl OpenSsl {
    #[expect(
        clippy::print_stderr,
        reason = "a skipped oracle must be seen in the test's output"
    )]
    fn find() -> Option<Self> {
        if Command::new("openssl").arg("version").output().is_err() {
            eprintln!("SKIPPED oracle openssl: not installed");
            return None;
        }
        Some(Self(tempfile::tempdir().unwrap()))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        std::fs::write(self.path().join(name), contents).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path().join(name)).unwrap()
    }

    fn output(&self, args: &[impl AsRef<OsStr>]) -> std::process::Output {
        Command::new("openssl")
            .args(args)
            .current_dir(self.path())
            .output()
            .unwrap()
    }

    /// The standard output of a command line without quoting.
    fn run(&self, line: &str) -> Vec<u8> {
        let args: Vec<_> = line.split_whitespace().collect();
        let output = self.output(&args);
        assert!(
            output.status.success(),
            "{line}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    fn p256(&self, name: &str) {
        self.run(&format!(
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {name}"
        ));
    }
}

#[test]
fn it_opens_our_keys() {
    let Some(openssl) = OpenSsl::find() else { return };
    let key = SecretKey::generate().unwrap();
    openssl.write("plain.pem", key.to_unencrypted_pkcs8_pem().as_bytes());
    openssl.write("key.pem", key.to_encrypted_pkcs8_pem(b"pass").unwrap().as_bytes());
    openssl.write("pub.pem", key.public().to_pem());
    let public = key.public().to_pem().into_bytes();
    assert_eq!(openssl.run("pkey -in plain.pem -pubout"), public);
    assert_eq!(openssl.run("pkey -in key.pem -passin pass:pass -pubout"), public);
    assert_eq!(
        openssl.run("pkey -pubin -in pub.pem -outform DER"),
        key.public().as_der()
    );
    let id = openssl.run("dgst -sha256 -r pub.pem");
    assert_ne!(
        id[..64],
        *key.public().key_id().to_string().as_bytes(),
        "the id is of the DER"
    );
    openssl.run("pkey -pubin -in pub.pem -outform DER -out pub.der");
    let id = openssl.run("dgst -sha256 -r pub.der");
    assert_eq!(id[..64], *key.public().key_id().to_string().as_bytes());
}

#[test]
fn we_open_its_keys() {
    let Some(openssl) = OpenSsl::find() else { return };
    openssl.p256("plain.pem");
    let public = PublicKey::from_pem(&openssl.run("pkey -in plain.pem -pubout")).unwrap();

    let plain = openssl.read("plain.pem");
    assert!(!needs_password(&plain).unwrap());
    let (key, protection) = SecretKey::from_pem(&plain, None).unwrap();
    assert_eq!((key.public(), protection), (&public, Protection::Unprotected));

    for options in [
        "-v2 aes-256-cbc",
        "-v2 aes-128-cbc -iter 100000",
        "-v2 aes-192-cbc -v2prf hmacWithSHA512",
        "-v2 aes-256-cbc -v2prf hmacWithSHA384",
        "-scrypt",
        "-scrypt -scrypt_N 2048 -scrypt_r 16 -scrypt_p 2",
    ] {
        openssl.run(&format!(
            "pkcs8 -topk8 -in plain.pem {options} -passout pass:pass -out key.pem"
        ));
        let pem = openssl.read("key.pem");
        assert!(needs_password(&pem).unwrap());
        let (key, protection) = SecretKey::from_pem(&pem, Some(b"pass")).unwrap();
        assert_eq!(
            (key.public(), protection),
            (&public, Protection::Password),
            "{options}"
        );
        let wrong = SecretKey::from_pem(&pem, Some(b"Pass"));
        assert!(matches!(wrong, Err(KeyError::WrongPassword)), "{options}");
        assert!(matches!(
            SecretKey::from_pem(&pem, None),
            Err(KeyError::PasswordNeeded)
        ));
    }
}

#[test]
fn weak_encryption_is_refused_with_a_way_out() {
    let Some(openssl) = OpenSsl::find() else { return };
    openssl.p256("plain.pem");
    for options in ["-v2 des3", "-v2 aes-256-cbc -v2prf hmacWithSHA1"] {
        openssl.run(&format!(
            "pkcs8 -topk8 -in plain.pem {options} -passout pass:pass -out key.pem"
        ));
        let error = SecretKey::from_pem(&openssl.read("key.pem"), Some(b"pass")).unwrap_err();
        assert!(matches!(error, KeyError::Encryption(_)), "{options}: {error:?}");
        // The way out that the hint names works.
        let hint = error.hint().unwrap();
        let command = hint.split('`').nth(1).unwrap();
        let command = command
            .replace("openssl ", "")
            .replace("KEY", "key.pem")
            .replace("NEW", "new.pem");
        openssl.run(&format!("{command} -passin pass:pass -passout pass:pass"));
        assert!(SecretKey::from_pem(&openssl.read("new.pem"), Some(b"pass")).is_ok());
    }
    openssl.run("pkcs8 -topk8 -in plain.pem -v2 aes-256-cbc -iter 10000001 -passout pass:p -out slow.pem");
    let error = SecretKey::from_pem(&openssl.read("slow.pem"), Some(b"p")).unwrap_err();
    assert!(matches!(error, KeyError::TooCostly(_)), "{error:?}");
}

#[test]
fn other_algorithms_are_refused_by_name() {
    let Some(openssl) = OpenSsl::find() else { return };
    for (options, name) in [
        ("RSA -pkeyopt rsa_keygen_bits:2048", "RSA"),
        ("EC -pkeyopt ec_paramgen_curve:P-384", "P-384"),
        ("EC -pkeyopt ec_paramgen_curve:secp256k1", "secp256k1"),
        ("ED25519", "Ed25519"),
    ] {
        openssl.run(&format!("genpkey -algorithm {options} -out key.pem"));
        let error = SecretKey::from_pem(&openssl.read("key.pem"), None).unwrap_err();
        assert!(
            matches!(&error, KeyError::Algorithm(text) if text.contains(name)),
            "{error:?}"
        );
        let error = PublicKey::from_pem(&openssl.run("pkey -in key.pem -pubout")).unwrap_err();
        assert!(
            matches!(&error, KeyError::Algorithm(text) if text.contains(name)),
            "{error:?}"
        );
        assert!(error.hint().unwrap().contains("airlock keygen"));
    }
}

#[test]
fn old_files_and_mixed_up_halves_get_a_hint() {
    let Some(openssl) = OpenSsl::find() else { return };
    openssl.p256("plain.pem");
    openssl.run("ec -in plain.pem -out ec.pem");
    let error = SecretKey::from_pem(&openssl.read("ec.pem"), None).unwrap_err();
    assert!(
        error.hint().unwrap().contains("openssl pkcs8 -topk8"),
        "{error:?}"
    );
    let both = openssl.run("ecparam -name prime256v1 -genkey");
    let error = SecretKey::from_pem(&both, None).unwrap_err();
    assert!(matches!(error, KeyError::SeveralBlocks(2)), "{error:?}");

    let public = openssl.run("pkey -in plain.pem -pubout");
    let error = SecretKey::from_pem(&public, None).unwrap_err();
    assert!(error.hint().unwrap().contains("private key"));
    let error = PublicKey::from_pem(&openssl.read("plain.pem")).unwrap_err();
    assert!(error.hint().unwrap().contains("public key"));
}

#[test]
fn a_compressed_point_is_the_same_key() {
    let Some(openssl) = OpenSsl::find() else { return };
    openssl.p256("plain.pem");
    let whole = openssl.run("pkey -in plain.pem -pubout");
    let compressed = openssl.run("ec -in plain.pem -pubout -conv_form compressed");
    assert!(compressed.len() < whole.len());
    let (whole, compressed) = (
        PublicKey::from_pem(&whole).unwrap(),
        PublicKey::from_pem(&compressed).unwrap(),
    );
    assert_eq!(whole, compressed);
    assert_eq!(whole.key_id(), compressed.key_id());
}

#[test]
fn it_accepts_our_signatures_and_we_accept_its() {
    let Some(openssl) = OpenSsl::find() else { return };
    let key = SecretKey::generate().unwrap();
    let index = br#"{"name":"edge-site"}"#;
    openssl.write("key.pem", key.to_unencrypted_pkcs8_pem().as_bytes());
    openssl.write("pub.pem", key.public().to_pem());
    openssl.write("airlock.json", index);
    openssl.write("ours.sig", sign_blob(&key, index).der_signature());
    openssl.run("dgst -sha256 -verify pub.pem -signature ours.sig airlock.json");
    openssl.write("other.json", b"{}");
    let refused = openssl.output(
        &"dgst -sha256 -verify pub.pem -signature ours.sig other.json"
            .split(' ')
            .collect::<Vec<_>>(),
    );
    assert!(!refused.status.success());

    let theirs = openssl.run("dgst -sha256 -sign key.pem airlock.json");
    let mut bundle: serde_json::Value = serde_json::from_slice(&sign_blob(&key, index).to_json()).unwrap();
    bundle["messageSignature"]["signature"] = STANDARD.encode(theirs).into();
    let file = serde_json::to_vec(&bundle).unwrap();
    let policy = Policy::new([key.public().clone()]).unwrap();
    let _ = verify(&index[..], &[("openssl", &file)], &policy).unwrap();

    let theirs = openssl.run("dgst -sha256 -sign key.pem other.json");
    bundle["messageSignature"]["signature"] = STANDARD.encode(theirs).into();
    let file = serde_json::to_vec(&bundle).unwrap();
    let refused = verify(&index[..], &[("openssl", &file)], &policy).unwrap_err();
    assert!(matches!(
        refused.verdict().unwrap().findings()[0].outcome,
        airlock_trust::Outcome::Invalid(SignatureError::Wrong(id)) if id == key.public().key_id()
    ));
}
