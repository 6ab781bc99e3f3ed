//! Verification: gpg makes what is verified, and gpgv has the second opinion.

use airlock_ospkg::openpgp::{
    Keyring, KeyringError, OpenPgpError, Override, Policy, Problem, Verified, verify_cleartext,
    verify_detached,
};
use airlock_tests::peer;
use jiff::Timestamp;

use crate::gnupg::{Gpg, MADE, NOW, now};

const TEXT: &str = "Origin: Example\nSuite: stable\n- a dash\n-----dashes\n\nFrom here\nSHA256:\n abc 1 x\n";

fn keyring(bytes: &[u8]) -> Keyring {
    Keyring::read(bytes).unwrap()
}

fn verify(message: &[u8], keys: &[u8]) -> Result<Verified, OpenPgpError> {
    verify_cleartext(message, &keyring(keys), &Policy::at(now()))
}

/// The one problem that a message was refused for.
fn problem(result: Result<Verified, OpenPgpError>) -> Problem {
    let error = result.unwrap_err();
    let [finding] = error.findings() else {
        panic!("{error:?}")
    };
    finding.problem.clone().unwrap()
}

/// What both gpgv and we say; they have to agree.
fn agreed(gpg: &Gpg, message: &[u8], keys: &[u8]) -> Result<Verified, OpenPgpError> {
    let path = gpg.write("InRelease", message);
    let theirs = gpg.gpgv(keys, &[&path]);
    let ours = verify(message, keys);
    assert_eq!(ours.is_ok(), theirs.good, "{ours:?}\n{}", theirs.status);
    ours
}

#[test]
fn every_algorithm_is_verified_in_every_form() {
    if !peer::require(&["gpg", "gpgv"]) {
        return;
    }
    let gpg = Gpg::new();
    for algorithm in [
        "ed25519", "rsa2048", "rsa3072", "nistp256", "nistp384", "nistp521",
    ] {
        let fingerprint = gpg.key(algorithm, algorithm);
        let keys = gpg.export(&[algorithm]);
        let verified = agreed(&gpg, &gpg.clearsign(algorithm, TEXT), &keys).unwrap();
        assert_eq!(verified.bytes(), TEXT.trim_end().as_bytes(), "{algorithm}");
        let [signer] = verified.signers() else {
            panic!("{algorithm}")
        };
        assert_eq!(signer.certificate, fingerprint);
        assert_eq!(signer.key, fingerprint);
        assert_eq!(
            signer.user_id.as_deref(),
            Some(&*format!("{algorithm} <{algorithm}@example.org>"))
        );
        assert_eq!(signer.signed_at, 1_735_689_600);
        for armored in [false, true] {
            let contents = b"binary \0 \r\n \xff";
            let signature = gpg.detach(algorithm, contents, armored);
            let policy = Policy::at(now());
            let verified = verify_detached(contents, &signature, &keyring(&keys), &policy).unwrap();
            assert_eq!(verified.bytes(), contents);
            let other = verify_detached(b"other", &signature, &keyring(&keys), &policy).unwrap_err();
            assert!(matches!(other, OpenPgpError::Bad(_)), "{other:?}");
        }
    }
}

#[test]
fn keyrings_are_read_in_every_form() {
    if !peer::require(&["gpg"]) {
        return;
    }
    let gpg = Gpg::new();
    gpg.key("one", "ed25519");
    gpg.key("two", "nistp256");
    let message = gpg.clearsign("two", TEXT);
    let one = gpg.run(&["--armor", "--export", "one"]);
    let two = gpg.run(&["--armor", "--export", "two"]);
    let both = gpg.run(&["--armor", "--export", "one", "two"]);
    let remarks = [b"Some remark\n", &one[..], b"\nAnother\n\n", &two[..]].concat();
    for keys in [
        gpg.export(&["one", "two"]),
        both,
        [one.clone(), two].concat(),
        remarks,
    ] {
        assert_eq!(keyring(&keys).certificates().len(), 2);
        verify(&message, &keys).unwrap();
    }
    let mut together = keyring(&one);
    assert!(matches!(problem(verify(&message, &one)), Problem::UnknownKey(_)));
    together.extend(keyring(&gpg.export(&["two"])));
    verify_cleartext(&message, &together, &Policy::at(now())).unwrap();
    let only = together.clone().only(&[gpg.fingerprint("two").to_lowercase()]);
    verify_cleartext(&message, &only, &Policy::at(now())).unwrap();
    let other = together.only(&[gpg.fingerprint("one")]);
    verify_cleartext(&message, &other, &Policy::at(now())).unwrap_err();

    let secret = gpg.run(&["--export-secret-keys", "one"]);
    assert_eq!(Keyring::read(&secret).unwrap_err(), KeyringError::Private);
    let secret = gpg.run(&["--armor", "--export-secret-keys", "one"]);
    assert_eq!(Keyring::read(&secret).unwrap_err(), KeyringError::Private);
    let keybox = std::fs::read(gpg.path("pubring.kbx")).unwrap();
    assert_eq!(Keyring::read(&keybox).unwrap_err(), KeyringError::Keybox);
    for nothing in [
        &b""[..],
        b"\n",
        b"hello",
        b"-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n",
    ] {
        assert!(
            matches!(Keyring::read(nothing), Err(KeyringError::Empty(_))),
            "{nothing:?}"
        );
    }
}

#[test]
fn a_signing_subkey_signs_for_its_certificate() {
    if !peer::require(&["gpg", "gpgv"]) {
        return;
    }
    let gpg = Gpg::new();
    let primary = gpg.key_at(MADE, "sub", "ed25519", "cert", "never");
    gpg.at(MADE, &["--quick-add-key", &primary, "cv25519", "encr", "never"]);
    gpg.at(MADE, &["--quick-add-key", &primary, "ed25519", "sign", "never"]);
    let subkey = gpg.fingerprints("sub").pop().unwrap();
    let keys = gpg.export(&["sub"]);
    let verified = agreed(&gpg, &gpg.clearsign("sub", TEXT), &keys).unwrap();
    let [signer] = verified.signers() else { panic!() };
    assert_eq!((&signer.certificate, &signer.key), (&primary, &subkey));

    // A revoked subkey takes nothing else with it.
    let message = gpg.clearsign("sub", TEXT);
    revoke_subkey(&gpg, "sub", 2);
    let keys = gpg.export(&["sub"]);
    let found = problem(agreed(&gpg, &message, &keys));
    assert!(matches!(found, Problem::KeyRevoked { .. }), "{found}");
}

/// Through the editor, which is the only way that GnuPG 2.2 has.
fn revoke_subkey(gpg: &Gpg, name: &str, number: usize) {
    let commands = gpg.write("commands", format!("key {number}\nrevkey\ny\n0\n\ny\nsave\n"));
    let commands = commands.to_str().unwrap();
    gpg.run(&["--no-batch", "--command-file", commands, "--edit-key", name]);
}

#[test]
fn expired_keys_and_signatures_are_refused_unless_named() {
    if !peer::require(&["gpg", "gpgv"]) {
        return;
    }
    let gpg = Gpg::new();
    gpg.key_at(MADE, "short", "ed25519", "sign", "2025-06-01");
    let primary = gpg.key_at(MADE, "sub", "ed25519", "cert", "never");
    gpg.at(
        MADE,
        &["--quick-add-key", &primary, "ed25519", "sign", "2025-06-01"],
    );
    for name in ["short", "sub"] {
        let keys = gpg.export(&[name]);
        let message = gpg.clearsign(name, TEXT);
        let error = agreed(&gpg, &message, &keys).unwrap_err();
        assert!(error.to_string().contains(" expired on 2025-06-0"), "{error}");
        assert_eq!(error.accepted_by(), Some(Override::ExpiredKey));
        let lifted = Policy::at(now()).with_override(Override::ExpiredKey);
        verify_cleartext(&message, &keyring(&keys), &lifted).unwrap();
        let then = Policy::at(Timestamp::from_second(1_740_000_000).unwrap());
        verify_cleartext(&message, &keyring(&keys), &then).unwrap();
    }
    // Renewed, it counts again.
    let message = gpg.clearsign("short", TEXT);
    let short = gpg.fingerprint("short");
    gpg.run(&["--quick-set-expire", &short, "2036-01-01"]);
    agreed(&gpg, &message, &gpg.export(&["short"])).unwrap();

    gpg.key("long", "ed25519");
    let message = gpg.clearsign_with("long", TEXT, &["--default-sig-expire", "2025-02-01"]);
    let error = agreed(&gpg, &message, &gpg.export(&["long"])).unwrap_err();
    assert!(error.to_string().contains("the signature by"), "{error}");
    assert!(error.to_string().contains("expired on 2025-02-01"), "{error}");
}

#[test]
fn what_comes_from_the_future_or_before_its_key_is_refused() {
    if !peer::require(&["gpg"]) {
        return;
    }
    let gpg = Gpg::new();
    gpg.key("clock", "ed25519");
    let keys = keyring(&gpg.export(&["clock"]));
    let message = gpg.clearsign("clock", TEXT);
    let at = |second: i64| Policy::at(Timestamp::from_second(second).unwrap());
    // Signed at 1735689600.
    verify_cleartext(&message, &keys, &at(1_735_689_400)).unwrap();
    let found = problem(verify_cleartext(&message, &keys, &at(1_735_689_200)));
    assert!(matches!(found, Problem::SignatureFromFuture { .. }), "{found}");
    verify_cleartext(&message, &keys, &at(1_735_689_200).with_tolerance(1000)).unwrap();

    gpg.write("text", TEXT);
    let file = gpg.path("text");
    let early = gpg.at(
        "20230101T000000",
        &[
            "--ignore-time-conflict",
            "--local-user",
            "clock",
            "--output",
            "-",
            "--clearsign",
            file.to_str().unwrap(),
        ],
    );
    let found = problem(verify_cleartext(&early, &keys, &Policy::at(now())));
    assert!(matches!(found, Problem::SignatureBeforeKey { .. }), "{found}");
    let found = problem(verify_cleartext(&early, &keys, &at(1_690_000_000)));
    assert!(matches!(found, Problem::KeyFromFuture { .. }), "{found}");
}

#[test]
fn revoked_keys_are_refused() {
    if !peer::require(&["gpg", "gpgv"]) {
        return;
    }
    for (reason, hard) in [("0", true), ("1", true), ("2", false), ("3", false)] {
        let gpg = Gpg::new();
        gpg.key("gone", "ed25519");
        let before = gpg.clearsign("gone", TEXT);
        gpg.write("text", TEXT);
        let file = gpg.path("text");
        let after = gpg.at(
            "20250301T000000",
            &[
                "--local-user",
                "gone",
                "--output",
                "-",
                "--clearsign",
                file.to_str().unwrap(),
            ],
        );
        // GnuPG asks for 0 none, 1 compromised, 2 superseded, 3 retired.
        let commands = gpg.write("commands", format!("y\n{reason}\n\ny\n"));
        let commands = commands.to_str().unwrap();
        let revocation = gpg.at(
            "20250201T000000",
            &[
                "--no-batch",
                "--command-file",
                commands,
                "--output",
                "-",
                "--gen-revoke",
                "gone",
            ],
        );
        gpg.write("revocation", revocation);
        gpg.run(&["--import", gpg.path("revocation").to_str().unwrap()]);
        let keys = gpg.export(&["gone"]);
        let found = problem(agreed(&gpg, &after, &keys));
        assert!(matches!(found, Problem::KeyRevoked { .. }), "{found}");
        assert!(found.to_string().contains("was revoked on 2025-02-01"), "{found}");
        // gpgv knows no difference here; Sequoia does.
        assert_eq!(verify(&before, &keys).is_err(), hard, "{reason}");
    }
}

#[test]
fn weak_keys_and_digests_are_refused_unless_named() {
    if !peer::require(&["gpg"]) {
        return;
    }
    let gpg = Gpg::new();
    gpg.key("rsa", "rsa1024");
    gpg.key("dsa", "dsa2048");
    for (name, what) in [("rsa", "RSA of 1024 bits"), ("dsa", "DSA")] {
        let (message, keys) = (gpg.clearsign(name, TEXT), gpg.export(&[name]));
        let error = verify(&message, &keys).unwrap_err();
        assert!(error.to_string().ends_with(what), "{error}");
        assert_eq!(error.accepted_by(), Some(Override::WeakKey));
        let lifted = Policy::at(now()).with_override(Override::WeakKey);
        verify_cleartext(&message, &keyring(&keys), &lifted).unwrap();
    }
    gpg.key("good", "rsa2048");
    let keys = gpg.export(&["good"]);
    for (digest, can_lift) in [("SHA1", true), ("RIPEMD160", false), ("MD5", false)] {
        let options = ["--allow-weak-digest-algos", "--digest-algo", digest];
        let message = gpg.clearsign_with("good", TEXT, &options);
        let error = verify(&message, &keys).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with(&format!("uses a weak digest: {digest}")),
            "{error}"
        );
        let mut lifted = Policy::at(now());
        for any in [Override::WeakDigest, Override::WeakKey, Override::ExpiredKey] {
            lifted = lifted.with_override(any);
        }
        let result = verify_cleartext(&message, &keyring(&keys), &lifted);
        assert_eq!(result.is_ok(), can_lift, "{digest}");
    }
    // A key that vouches for itself with SHA-1 only.
    let options = ["--allow-weak-digest-algos", "--cert-digest-algo", "SHA1"];
    gpg.at(
        MADE,
        &[
            &options[..],
            &["--quick-generate-key", "old", "rsa2048", "sign", "never"],
        ]
        .concat(),
    );
    let (message, keys) = (gpg.clearsign("old", TEXT), gpg.export(&["old"]));
    let error = verify(&message, &keys).unwrap_err();
    assert!(error.to_string().contains("the self-signature by"), "{error}");
    assert_eq!(error.accepted_by(), Some(Override::WeakDigest));
    let lifted = Policy::at(now()).with_override(Override::WeakDigest);
    verify_cleartext(&message, &keyring(&keys), &lifted).unwrap();
}

#[test]
fn what_is_critical_and_unknown_is_refused() {
    if !peer::require(&["gpg", "gpgv"]) {
        return;
    }
    let gpg = Gpg::new();
    gpg.key("note", "ed25519");
    let keys = gpg.export(&["note"]);
    let mild = gpg.clearsign_with("note", TEXT, &["--sig-notation", "x@example.org=1"]);
    agreed(&gpg, &mild, &keys).unwrap();
    let strict = gpg.clearsign_with("note", TEXT, &["--sig-notation", "!x@example.org=1"]);
    let found = problem(agreed(&gpg, &strict, &keys));
    assert!(matches!(found, Problem::Critical { .. }), "{found}");
    assert!(found.to_string().contains("x@example.org"), "{found}");
}

#[test]
fn keys_for_other_purposes_do_not_sign() {
    if !peer::require(&["gpg"]) {
        return;
    }
    let gpg = Gpg::new();
    // GnuPG will not sign with such a key, so the key's purpose is changed after it signed.
    let fingerprint = gpg.key("purpose", "ed25519");
    let message = gpg.clearsign("purpose", TEXT);
    verify(&message, &gpg.export(&["purpose"])).unwrap();
    let commands = gpg.write("commands", "change-usage\ns\nq\nsave\n");
    let commands = commands.to_str().unwrap();
    gpg.at(
        "20250101T000001",
        &[
            "--no-batch",
            "--command-file",
            commands,
            "--edit-key",
            &fingerprint,
        ],
    );
    let found = problem(verify(&message, &gpg.export(&["purpose"])));
    assert!(matches!(found, Problem::NotForSigning(_)), "{found}");
}

#[test]
fn several_signatures_need_one_that_is_good_and_none_that_is_bad() {
    if !peer::require(&["gpg"]) {
        return;
    }
    let gpg = Gpg::new();
    gpg.key("one", "ed25519");
    gpg.key("two", "nistp256");
    let message = gpg.clearsign_with("one", TEXT, &["--local-user", "two"]);
    let (one, both) = (gpg.export(&["one"]), gpg.export(&["one", "two"]));
    let verified = verify(&message, &both).unwrap();
    assert_eq!(verified.signers().len(), 2);
    let verified = verify(&message, &one).unwrap();
    assert_eq!(verified.signers().len(), 1);
    let unknown = verified
        .findings()
        .iter()
        .find_map(|finding| finding.problem.as_ref());
    assert!(unknown.unwrap().to_string().contains("in none of the keyrings"));
    let neither = {
        let other = Gpg::new();
        other.key("three", "ed25519");
        other.export(&["three"])
    };
    let error = verify(&message, &neither).unwrap_err();
    assert_eq!(error.findings().len(), 2);

    // One good signature and one that was made for something else.
    let good = gpg.detach("one", TEXT.as_bytes(), false);
    let other = gpg.detach("two", b"other", false);
    let mixed = [good, other].concat();
    let policy = Policy::at(now());
    let error = verify_detached(TEXT.as_bytes(), &mixed, &keyring(&both), &policy).unwrap_err();
    assert!(matches!(error, OpenPgpError::Bad(_)), "{error:?}");
    verify_detached(TEXT.as_bytes(), &mixed, &keyring(&one), &policy).unwrap();
}

#[test]
fn every_change_to_a_message_is_seen_or_does_not_matter() {
    if !peer::require(&["gpg"]) {
        return;
    }
    let gpg = Gpg::new();
    gpg.key("one", "ed25519");
    let keys = keyring(&gpg.export(&["one"]));
    let policy = Policy::at(now());
    let message = gpg.clearsign("one", TEXT);
    let signed = verify_cleartext(&message, &keys, &policy)
        .unwrap()
        .bytes()
        .to_vec();
    let accepted = |bytes: &[u8]| match verify_cleartext(bytes, &keys, &policy) {
        Ok(verified) => {
            assert_eq!(verified.bytes(), signed, "{}", String::from_utf8_lossy(bytes));
            true
        }
        Err(_) => false,
    };
    let text = String::from_utf8(message.clone()).unwrap();
    assert!(accepted(text.replace('\n', "\r\n").as_bytes()));
    assert!(accepted(
        text.replace("Suite: stable\n", "Suite: stable \t\n").as_bytes()
    ));
    assert!(!accepted(format!("{text}Suite: evil\n").as_bytes()));
    assert!(!accepted(format!("Suite: evil\n{text}").as_bytes()));
    assert!(!accepted(text.replace("Suite: stable", "Suite: evil").as_bytes()));
    assert!(!accepted(format!("{text}{text}").as_bytes()));
    for index in 0..message.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut changed = message.clone();
            changed[index] ^= flip;
            accepted(&changed);
        }
        let mut shorter = message.clone();
        shorter.remove(index);
        accepted(&shorter);
        accepted(&message[..index]);
    }
}

#[test]
fn debian_signs_its_own_indexes() {
    let lists = std::path::Path::new("/var/lib/apt/lists");
    let archive = std::path::Path::new("/usr/share/keyrings/debian-archive-keyring.gpg");
    let found = std::fs::read_dir(lists)
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    let files: Vec<_> = found
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().ends_with("_InRelease"))
        .filter(|path| path.to_string_lossy().contains("debian"))
        .collect();
    let Ok(keys) = std::fs::read(archive) else {
        return peer::skip("no keyring of Debian's archive is installed");
    };
    let keys = keyring(&keys);
    let mut checked = 0;
    for path in files {
        let message = std::fs::read(&path).unwrap();
        if !String::from_utf8_lossy(&message).contains("\nOrigin: Debian\n") {
            continue;
        }
        // Judged when it was made: which of the keys have expired since does not matter here.
        let far = Policy::at(Timestamp::from_second(NOW).unwrap())
            .with_tolerance(u32::MAX)
            .with_override(Override::ExpiredKey);
        let verified = verify_cleartext(&message, &keys, &far).unwrap();
        for signer in verified.signers() {
            assert!(signer.user_id.as_ref().unwrap().contains("Debian"), "{signer:?}");
        }
        let at = verified.signers()[0].signed_at;
        let then = Policy::at(Timestamp::from_second(at).unwrap());
        verify_cleartext(&message, &keys, &then).unwrap();
        let mut changed = message;
        let place = changed
            .windows(8)
            .position(|window| window == b"SHA256:\n")
            .unwrap()
            + 20;
        changed[place] ^= 1;
        verify_cleartext(&changed, &keys, &then).unwrap_err();
        checked += 1;
    }
    if checked == 0 {
        peer::skip("apt holds no index of Debian's on this machine");
    }
}
