//! What a repository of Debian packages consists of: signatures, releases, indexes, lists of sources, packages.

use std::sync::OnceLock;

use airlock_ospkg::deb::archive::{Archive, Limits};
use airlock_ospkg::deb::chain::SignedRelease;
use airlock_ospkg::deb::release::{Checksum, Release, by_hash};
use airlock_ospkg::deb::repository::{Description, Entry, write};
use airlock_ospkg::deb::{copyright, sources};
use airlock_ospkg::openpgp::{
    Keyring, NewKey, Override, Policy, RepositoryKey, needs_password, verify_cleartext, verify_detached,
};
use jiff::Timestamp;

/// The second of 2025-01-02 at which everything here happens.
const NOW: i64 = 1_735_776_000;
/// The only text that the key of this target ever signed.
const SIGNED: &[u8] = b"Origin: Fuzz\n- dash\n\nlast";

fn policy() -> Policy {
    Policy::at(Timestamp::from_second(NOW).unwrap_or_default())
}

/// A key whose signatures nobody can make but us.
fn key() -> &'static (RepositoryKey, Keyring) {
    static KEY: OnceLock<(RepositoryKey, Keyring)> = OnceLock::new();
    KEY.get_or_init(|| {
        let key = RepositoryKey::generate(NewKey {
            seed: &[42; 32],
            user_id: "Fuzz <fuzz@site.example>",
            created: Timestamp::from_second(NOW - 1000).unwrap_or_default(),
        })
        .expect("the arguments are good");
        let public = key.public_keyring().expect("a key has a public half");
        let keyring = Keyring::read(&public).expect("what is written is read");
        (key, keyring)
    })
}

/// Keyrings, messages, signatures and private keys; a message under its own keyring after a line of `--`.
pub fn openpgp(input: &[u8]) {
    let (_, ours) = key();
    if let Ok(verified) = verify_cleartext(input, ours, &policy()) {
        assert_eq!(verified.bytes(), SIGNED, "nothing else was ever signed");
    }
    if let Ok(verified) = verify_detached(SIGNED, input, ours, &policy()) {
        assert_eq!(verified.bytes(), SIGNED);
    }
    assert!(verify_detached(b"another text", input, ours, &policy()).is_err());
    let _ = needs_password(input);
    if let Ok((key, _)) = RepositoryKey::read(input, None)
        && let Ok(text) = key.to_armored()
    {
        let again = RepositoryKey::read(text.as_bytes(), None);
        assert!(again.is_ok_and(|(again, _)| again.fingerprint() == key.fingerprint()));
    }
    let mut parts = crate::parts(input);
    let (Some(keyring), message) = (parts.next(), parts.next()) else {
        return;
    };
    if let Ok(keyring) = Keyring::read(keyring) {
        assert!(!keyring.certificates().is_empty());
        let lenient = [Override::WeakKey, Override::WeakDigest, Override::ExpiredKey]
            .into_iter()
            .fold(policy(), Policy::with_override);
        if let Some(message) = message {
            let strict = verify_cleartext(message, &keyring, &policy());
            let loose = verify_cleartext(message, &keyring, &lenient);
            assert!(loose.is_ok() || strict.is_err(), "an override never forbids");
            let _ = verify_detached(SIGNED, message, &keyring, &lenient);
        }
    }
}

/// `Release`.
pub fn release(input: &[u8]) {
    let lenient = policy()
        .with_override(Override::WeakChecksum)
        .with_override(Override::ExpiredRelease)
        .with_override(Override::FutureRelease);
    let strict = Release::read(input, &policy());
    let Ok(release) = Release::read(input, &lenient) else {
        assert!(strict.is_err(), "an override never forbids");
        return;
    };
    for (path, listed) in &release.files {
        for path in [path, &by_hash(path, &listed.checksum)] {
            stays_below(path);
        }
    }
}

fn stays_below(path: &str) {
    let mut names = path.split('/');
    assert!(names.all(|name| !["", ".", ".."].contains(&name)), "{path:?}");
    assert!(!path.contains(['\0', '\n', '\\']), "{path:?}");
}

/// `Packages`, signed as it is, and the repository that is made of it.
pub fn apt_index(input: &[u8]) {
    let (key, keyring) = key();
    let at = Timestamp::from_second(NOW).unwrap_or_default();
    let text = format!(
        "Suite: x\nDate: Wed, 01 Jan 2025 00:00:00 UTC\nSHA256:\n {} {} Packages\n",
        Checksum::sha256(input).hex(),
        input.len()
    );
    let message = key.sign_cleartext(&text, at).expect("the text is good");
    let release = SignedRelease::from_in_release(message.as_bytes(), keyring, &policy())
        .expect("the signature is our own");
    let index = release.open("Packages", input).expect("it is what is listed");
    let mut entries = Vec::new();
    for package in index.packages().take(100).filter_map(Result::ok) {
        stays_below(package.path);
        if let Ok(entry) = Entry::from_signed(&package, "main") {
            stays_below(&entry.pool_path());
            entries.push(entry);
        }
    }
    let description = Description {
        suite: "site".to_owned(),
        codename: "site".to_owned(),
        origin: "Fuzz".to_owned(),
        label: "Fuzz".to_owned(),
        date: at,
        architectures: ["amd64".to_owned()].into(),
    };
    let mut turned = entries.clone();
    turned.reverse();
    let (one, other) = (write(&description, entries), write(&description, turned));
    match (one, other) {
        (Ok(one), Ok(other)) => {
            assert_eq!(one, other, "the order does not matter");
            let signed = one.sign(key, at).expect("what is written can be signed");
            let message = &signed["dists/site/InRelease"];
            let release =
                SignedRelease::from_in_release(message, keyring, &policy()).expect("what is written is read");
            for form in release.packages("main", "amd64") {
                let stored = &signed[&format!("dists/site/{}", form.path)];
                let index = release.open(&form.path, stored).expect("what is written is read");
                assert!(index.packages().all(|package| package.is_ok()));
            }
        }
        (one, other) => assert!(one.is_err() && other.is_err()),
    }
}

/// `.sources` files and `sources.list`.
pub fn apt_sources(input: &[u8]) {
    let lists = [sources::read_sources(input), sources::read_list(input)];
    for source in lists.into_iter().filter_map(Result::ok).flatten() {
        assert!(!source.uris.is_empty() && !source.suites.is_empty());
        for suite in &source.suites {
            let address = sources::Source::release_address(&source.uris[0], suite, "amd64");
            assert!(address.ends_with('/'), "{address:?}");
        }
        source
            .components
            .iter()
            .for_each(|component| stays_below(component));
    }
}

/// `.deb`, and the copyright file in it.
pub fn deb(input: &[u8]) {
    let limits = Limits { contents: 4 << 20 };
    if let Ok(archive) = Archive::read(input, limits) {
        assert!(archive.control().is_ok());
        let alone = Archive::read_control(input);
        assert!(alone.is_ok_and(|alone| alone.control_bytes() == archive.control_bytes()));
    }
    assert!(!copyright::read(input).expression().is_empty());
}
