//! Our own signatures, in the eyes of gpg, gpgv and sqv.

use airlock_ospkg::openpgp::{
    Keyring, NewKey, Policy, RepositoryKey, SecretKeyError, needs_password, verify_cleartext, verify_detached,
};
use airlock_tests::peer;
use jiff::Timestamp;

use crate::gnupg::{Gpg, MADE, now};

const TEXT: &str = "Origin: Site\nSuite: stable\n- dash\n-----dashes\n\nFrom here\nLast: line\n";

pub(crate) fn site_key() -> RepositoryKey {
    RepositoryKey::generate(NewKey {
        seed: &[7; 32],
        user_id: "Edge site packages <ops@site.example>",
        created: Timestamp::from_second(1_735_000_000).unwrap(),
    })
    .unwrap()
}

fn at() -> Timestamp {
    Timestamp::from_second(1_735_700_000).unwrap()
}

#[test]
fn gpgv_and_sqv_accept_what_is_signed_here() {
    let key = site_key();
    let keys = key.public_keyring().unwrap();
    let message = key.sign_cleartext(TEXT, at()).unwrap();
    let signature = key.sign_detached(TEXT.as_bytes(), at()).unwrap();
    let ours = Keyring::read(key.public_armored().unwrap().as_bytes()).unwrap();
    let policy = Policy::at(now());
    let verified = verify_cleartext(message.as_bytes(), &ours, &policy).unwrap();
    assert_eq!(verified.bytes(), TEXT.trim_end().as_bytes());
    assert_eq!(verified.signers()[0].certificate, key.fingerprint());
    verify_detached(TEXT.as_bytes(), signature.as_bytes(), &ours, &policy).unwrap();

    if !peer::require(&["gpgv"]) {
        return;
    }
    let gpg = Gpg::new();
    let (message, signature) = (
        gpg.write("InRelease", message),
        gpg.write("Release.gpg", signature),
    );
    let text = gpg.write("Release", TEXT);
    for files in [&[&*message][..], &[&*signature, &*text]] {
        let verdict = gpg.gpgv(&keys, files);
        assert!(verdict.good, "{}", verdict.status);
        assert!(!verdict.status.contains("WARNING"), "{}", verdict.status);
    }
    if !peer::require(&["sqv"]) {
        return;
    }
    gpg.sqv(&keys, &[signature.as_ref(), text.as_ref()]).unwrap();
    let armored = key.public_armored().unwrap();
    gpg.sqv(armored.as_bytes(), &[signature.as_ref(), text.as_ref()])
        .unwrap();
    gpg.write("Release", "other");
    gpg.sqv(&keys, &[signature.as_ref(), text.as_ref()]).unwrap_err();
}

#[test]
fn gpg_reads_the_key_and_the_message() {
    if !peer::require(&["gpg"]) {
        return;
    }
    let key = site_key();
    let gpg = Gpg::new();
    let secret = key.to_encrypted(b"secret", &[3; 24]).unwrap();
    let path = gpg.write("key.asc", secret.as_bytes());
    let path = path.to_str().unwrap();
    gpg.run(&["--passphrase", "secret", "--import", path]);
    assert_eq!(gpg.fingerprint("ops@site.example"), key.fingerprint());
    let message = gpg.write("InRelease", key.sign_cleartext(TEXT, at()).unwrap());
    let text = gpg.run(&["--output", "-", "--decrypt", message.to_str().unwrap()]);
    assert_eq!(text, TEXT.as_bytes());
    let file = gpg.write("text", TEXT);
    // What gpg signs with the key, under its password, is what we verify.
    let options = [
        "--passphrase",
        "secret",
        "--output",
        "-",
        "--clearsign",
        file.to_str().unwrap(),
    ];
    let theirs = gpg.run(&options);
    let keys = Keyring::read(&key.public_keyring().unwrap()).unwrap();
    verify_cleartext(&theirs, &keys, &Policy::at(now())).unwrap();
    let wrong = Gpg::new();
    let other = wrong.write("key.asc", secret.as_bytes());
    wrong.run(&["--passphrase", "wrong", "--import", other.to_str().unwrap()]);
    wrong.write("text", TEXT);
    let file = wrong.path("text");
    let wrongly = [
        "--passphrase",
        "wrong",
        "--output",
        "-",
        "--clearsign",
        file.to_str().unwrap(),
    ];
    assert!(!wrong.try_at("20250101T000000", &wrongly).status.success());
}

#[test]
fn keys_are_kept_with_and_without_a_password() {
    let key = site_key();
    let clear = key.to_armored().unwrap();
    assert!(!needs_password(clear.as_bytes()).unwrap());
    let (read, locked) = RepositoryKey::read(clear.as_bytes(), None).unwrap();
    assert!(!locked);
    assert_eq!(
        read.sign_cleartext(TEXT, at()).unwrap(),
        key.sign_cleartext(TEXT, at()).unwrap()
    );
    assert_eq!(read.public_armored().unwrap(), key.public_armored().unwrap());

    let secret = key.to_encrypted(b"secret", &[3; 24]).unwrap();
    assert!(needs_password(secret.as_bytes()).unwrap());
    let (read, locked) = RepositoryKey::read(secret.as_bytes(), Some(b"secret")).unwrap();
    assert!(locked);
    assert_eq!(read.to_armored().unwrap(), clear);
    let none = RepositoryKey::read(secret.as_bytes(), None).unwrap_err();
    assert!(matches!(none, SecretKeyError::PasswordNeeded), "{none}");
    let wrong = RepositoryKey::read(secret.as_bytes(), Some(b"wrong")).unwrap_err();
    assert!(matches!(wrong, SecretKeyError::WrongPassword), "{wrong}");
    let empty = key.to_encrypted(b"", &[3; 24]).unwrap_err();
    assert!(matches!(empty, SecretKeyError::EmptyPassword), "{empty}");
    let public = RepositoryKey::read(key.public_armored().unwrap().as_bytes(), None).unwrap_err();
    assert!(matches!(public, SecretKeyError::NotPrivate), "{public}");
    assert_eq!(format!("{read:?}").len(), format!("{key:?}").len());
}

#[test]
fn keys_that_gpg_made_can_sign() {
    if !peer::require(&["gpg", "gpgv"]) {
        return;
    }
    let gpg = Gpg::new();
    for (algorithm, of_subkey) in [
        ("ed25519", "ed25519"),
        ("rsa3072", "rsa3072"),
        ("nistp256", "nistp256/ecdsa"),
    ] {
        let primary = gpg.key_at(MADE, algorithm, algorithm, "cert", "never");
        gpg.at(MADE, &["--quick-add-key", &primary, of_subkey, "sign", "never"]);
        let secret = gpg.run(&["--armor", "--export-secret-keys", algorithm]);
        let (key, _) = RepositoryKey::read(&secret, None).unwrap();
        let message = key.sign_cleartext(TEXT, at()).unwrap();
        let keys = gpg.export(&[algorithm]);
        let verified = verify_cleartext(
            message.as_bytes(),
            &Keyring::read(&keys).unwrap(),
            &Policy::at(now()),
        )
        .unwrap();
        assert_eq!(verified.signers()[0].key, gpg.fingerprints(algorithm)[1]);
        let path = gpg.write("InRelease", message);
        let verdict = gpg.gpgv(&key.public_keyring().unwrap(), &[&path]);
        assert!(verdict.good, "{}", verdict.status);

        // The primary key may be kept elsewhere.
        let subkeys = gpg.run(&["--export-secret-subkeys", algorithm]);
        let (key, _) = RepositoryKey::read(&subkeys, None).unwrap();
        key.sign_cleartext(TEXT, at()).unwrap();
    }
}

#[test]
fn what_a_verifier_would_refuse_is_not_signed() {
    let key = site_key();
    let early = Timestamp::from_second(1_734_000_000).unwrap();
    let error = key.sign_cleartext(TEXT, early).unwrap_err();
    assert!(matches!(error, SecretKeyError::Unusable(_)), "{error}");
    let error = key.sign_cleartext("a\nb \nc\n", at()).unwrap_err();
    assert!(matches!(error, SecretKeyError::Text(2)), "{error}");
    for name in ["", "two\nlines"] {
        let made = RepositoryKey::generate(NewKey {
            seed: &[7; 32],
            user_id: name,
            created: at(),
        });
        assert!(matches!(made, Err(SecretKeyError::Name(_))), "{name:?}");
    }
}
