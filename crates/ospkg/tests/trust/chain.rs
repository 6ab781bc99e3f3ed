//! From a signature to a package, and everything that may go wrong on the way.

use std::fmt::Write as _;
use std::io::Write as _;

use airlock_ospkg::deb::chain::audit::{Claim, Status, audit};
use airlock_ospkg::deb::chain::{ChainError, Evidence, SignedRelease};
use airlock_ospkg::deb::release::{Checksum, ReleaseError};
use airlock_ospkg::openpgp::{Keyring, NewKey, OpenPgpError, Override, Policy, RepositoryKey};
use jiff::Timestamp;

use crate::gnupg::now;
use crate::signing::site_key;

const DEB: &[u8] = b"the package's bytes";
const PATH: &str = "main/binary-amd64/Packages";

fn at() -> Timestamp {
    Timestamp::from_second(1_735_700_000).unwrap()
}

fn keyring() -> Keyring {
    Keyring::read(&site_key().public_keyring().unwrap()).unwrap()
}

fn policy() -> Policy {
    Policy::at(now())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn packages() -> String {
    format!(
        "Package: hello\nVersion: 1.0-1\nArchitecture: amd64\nFilename: pool/main/h/hello/hello_1.0-1_amd64.deb\n\
         Size: {}\nSHA256: {}\n\n",
        DEB.len(),
        Checksum::sha256(DEB).hex()
    )
}

/// A release that lists these files.
fn release_with(extra: &str, files: &[(&str, &[u8])]) -> String {
    let mut text = format!(
        "Origin: Test\nSuite: stable\nCodename: stable\nDate: Wed, 01 Jan 2025 00:00:00 UTC\n{extra}SHA256:\n"
    );
    for (path, bytes) in files {
        let _ = writeln!(text, " {} {} {path}", Checksum::sha256(bytes).hex(), bytes.len());
    }
    text
}

fn in_release(text: &str) -> Vec<u8> {
    site_key().sign_cleartext(text, at()).unwrap().into_bytes()
}

fn open_release(message: &[u8]) -> Result<SignedRelease, ChainError> {
    SignedRelease::from_in_release(message, &keyring(), &policy())
}

/// A release with the index in two forms.
fn good() -> (SignedRelease, Vec<u8>) {
    let (plain, packed) = (packages().into_bytes(), gzip(packages().as_bytes()));
    let packed_path = format!("{PATH}.gz");
    let text = release_with(
        "Acquire-By-Hash: yes\n",
        &[(PATH, &plain), (&packed_path, &packed)],
    );
    (open_release(&in_release(&text)).unwrap(), packed)
}

#[test]
fn a_signature_leads_to_a_package() {
    let (release, packed) = good();
    assert_eq!(release.signers()[0].certificate, site_key().fingerprint());
    let forms = release.packages("main", "amd64");
    assert_eq!(forms.len(), 2);
    let hash = Checksum::sha256(&packed).hex();
    assert_eq!(
        forms[0].locations,
        [
            format!("main/binary-amd64/by-hash/SHA256/{hash}"),
            format!("{PATH}.gz")
        ]
    );
    assert!(release.packages("main", "arm64").is_empty());
    let index = release.open(&forms[0].path, &packed).unwrap();
    assert_eq!(index.text(), packages().as_bytes());
    let listed: Vec<_> = index.packages().map(Result::unwrap).collect();
    let [package] = listed[..] else { panic!() };
    assert_eq!(
        (package.name, package.version, package.size),
        ("hello", "1.0-1", 19)
    );
    let mut check = package.check();
    check.update(&DEB[..5]).unwrap();
    check.update(&DEB[5..]).unwrap();
    check.finish().unwrap();

    let text = release_with("", &[(PATH, packages().as_bytes())]);
    let signature = site_key().sign_detached(text.as_bytes(), at()).unwrap();
    let detached =
        SignedRelease::from_detached(text.as_bytes(), signature.as_bytes(), &keyring(), &policy()).unwrap();
    assert_eq!(detached.packages("main", "amd64")[0].locations, [PATH]);
    detached.open(PATH, packages().as_bytes()).unwrap();
    let other = text.replace("stable", "strange");
    SignedRelease::from_detached(other.as_bytes(), signature.as_bytes(), &keyring(), &policy()).unwrap_err();
}

#[test]
fn a_release_that_is_not_signed_well_is_none() {
    let text = release_with("", &[(PATH, packages().as_bytes())]);
    let message = String::from_utf8(in_release(&text)).unwrap();
    let changed = message.replace("Suite: stable", "Suite: sid");
    let error = open_release(changed.as_bytes()).unwrap_err();
    assert!(
        matches!(error, ChainError::Signature(OpenPgpError::Bad(_))),
        "{error}"
    );
    let other = RepositoryKey::generate(NewKey {
        seed: &[8; 32],
        user_id: "Other",
        created: at(),
    })
    .unwrap();
    let error = open_release(other.sign_cleartext(&text, at()).unwrap().as_bytes()).unwrap_err();
    assert!(
        error.to_string().ends_with("which is in none of the keyrings"),
        "{error}"
    );
    assert!(open_release(text.as_bytes()).is_err());

    let expired = release_with("Valid-Until: Thu, 02 Jan 2025 00:00:00 UTC\n", &[(PATH, b"")]);
    let error = open_release(&in_release(&expired)).unwrap_err();
    assert!(
        matches!(error, ChainError::Release(ReleaseError::Expired(_))),
        "{error}"
    );
    assert_eq!(error.accepted_by(), Some(Override::ExpiredRelease));
    let lifted = policy().with_override(Override::ExpiredRelease);
    SignedRelease::from_in_release(&in_release(&expired), &keyring(), &lifted).unwrap();
    let weak = "Date: Wed, 01 Jan 2025 00:00:00 UTC\nMD5Sum:\n d41d8cd98f00b204e9800998ecf8427e 0 a\n";
    let error = open_release(&in_release(weak)).unwrap_err();
    assert_eq!(error.accepted_by(), Some(Override::WeakChecksum));
}

#[test]
fn an_index_that_was_not_signed_is_none() {
    let (release, packed) = good();
    let path = format!("{PATH}.gz");
    for (bytes, size) in [
        (packed[..packed.len() - 1].to_vec(), true),
        ([&packed[..], b"x"].concat(), true),
        (Vec::new(), true),
        (
            {
                let mut changed = packed.clone();
                changed[20] ^= 1;
                changed
            },
            false,
        ),
    ] {
        match release.open(&path, &bytes).unwrap_err() {
            ChainError::Size { .. } => assert!(size),
            ChainError::Checksum { .. } => assert!(!size),
            other => panic!("{other}"),
        }
    }
    assert!(matches!(
        release.open("main/binary-arm64/Packages", b""),
        Err(ChainError::NotListed(_))
    ));

    // What is compressed is not what is listed beside it, or is no end of it.
    let bomb = gzip(&vec![b'\n'; 10 << 20]);
    let text = release_with("", &[(PATH, b"short"), (&path, &bomb)]);
    let error = open_release(&in_release(&text))
        .unwrap()
        .open(&path, &bomb)
        .unwrap_err();
    assert!(matches!(error, ChainError::Decompress { .. }), "{error}");
    let text = release_with("", &[(PATH, b"other"), (&path, &gzip(b"otter"))]);
    let error = open_release(&in_release(&text))
        .unwrap()
        .open(&path, &gzip(b"otter"))
        .unwrap_err();
    assert!(matches!(error, ChainError::Checksum { .. }), "{error}");
    let damaged = b"\x1f\x8b\x08\0garbage";
    let text = release_with("", &[(&path, damaged)]);
    let error = open_release(&in_release(&text))
        .unwrap()
        .open(&path, damaged)
        .unwrap_err();
    assert!(matches!(error, ChainError::Decompress { .. }), "{error}");
    let bzip2 = format!("{PATH}.bz2");
    let text = release_with("", &[(&bzip2, b"x")]);
    let release = open_release(&in_release(&text)).unwrap();
    assert!(release.packages("main", "amd64").is_empty());
    assert!(matches!(
        release.open(&bzip2, b"x"),
        Err(ChainError::Compression(_))
    ));
}

#[test]
fn a_package_that_was_not_signed_is_none() {
    let (release, packed) = good();
    let index = release.open(&format!("{PATH}.gz"), &packed).unwrap();
    let package = index.packages().next().unwrap().unwrap();
    let mut short = package.check();
    short.update(&DEB[1..]).unwrap();
    assert!(matches!(short.finish(), Err(ChainError::Size { .. })));
    let mut long = package.check();
    long.update(DEB).unwrap();
    assert!(matches!(long.update(b"x"), Err(ChainError::Size { .. })));
    let mut other = package.check();
    other.update(&[b'x'; DEB.len()]).unwrap();
    assert!(matches!(other.finish(), Err(ChainError::Checksum { .. })));

    for (from, to, part) in [
        ("pool/", "../pool/", "leads elsewhere"),
        ("pool/", "/pool/", "absolute"),
        ("Size: 19", "Size: -19", "its size is"),
        ("Size: 19\n", "", "has no Size"),
        ("SHA256: ", "MD5sum: ", "neither SHA256 nor SHA512"),
        ("SHA256: ", "SHA256: 0", "SHA256 is damaged"),
        ("Package: hello", "Package: ../hello", "its name is none"),
        (
            "Version: 1.0-1\n",
            "Version: 1.0-1\nVersion: 2\n",
            "Version twice",
        ),
        ("amd64\n", "a/b\n", "its architecture is none"),
    ] {
        let text = packages().replacen(from, to, 1);
        let release = open_release(&in_release(&release_with("", &[(PATH, text.as_bytes())]))).unwrap();
        let index = release.open(PATH, text.as_bytes()).unwrap();
        let error = index.packages().next().unwrap().unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

fn claim() -> Claim {
    Claim {
        name: "hello".to_owned(),
        version: "1.0-1".to_owned(),
        architecture: "amd64".to_owned(),
        size: 19,
        digest: Checksum::sha256(DEB).as_sha256().unwrap(),
        paragraph: None,
    }
}

/// Who serves a package with other dependencies than were signed decides what is installed beside it.
#[test]
fn what_is_said_of_a_package_is_what_was_signed() {
    let (release, packed) = good();
    let mut evidence = release.evidence().clone();
    evidence.add_index(format!("{PATH}.gz"), packed);
    // The keys that come along with it are enough.
    let keys = Keyring::read(release.keys().to_armored().unwrap().as_bytes()).unwrap();
    assert_eq!(keys.certificates()[0].fingerprint(), site_key().fingerprint());
    let said = |text: String| {
        let mut claim = claim();
        claim.paragraph = Some(text);
        let report = audit(&[(&evidence, &keys)], &[claim], &policy());
        match &report.packages[0].1 {
            Status::Established { .. } => None,
            Status::NotEstablished { why } => Some(why.clone()),
        }
    };
    assert_eq!(said(packages()), None);
    for (text, field) in [
        (packages().replace("amd64\n", "amd64\nDepends: evil\n"), "Depends"),
        (packages().replace("Architecture: amd64\n", ""), "Architecture"),
        (packages().replace("hello_1.0-1", "hello_1.0-2"), "Filename"),
        (packages().replace("Size", "size"), "its form"),
        (String::new(), "its form"),
    ] {
        let why = said(text).unwrap();
        assert!(
            why.ends_with(&format!("says something else of it: {field}")),
            "{why}"
        );
    }
}

#[test]
fn an_auditor_walks_the_same_way_from_what_was_carried() {
    let (release, packed) = good();
    let mut evidence = release.evidence().clone();
    evidence.add_index(format!("{PATH}.gz"), packed.clone());
    // As files and back, as a bundle carries them.
    let files = evidence
        .files()
        .into_iter()
        .map(|(path, bytes)| (path.to_owned(), bytes.to_vec()));
    let carried = Evidence::from_files(files);
    assert_eq!(carried, evidence);
    let keys = keyring();
    let mut other = claim();
    other.digest = Checksum::sha256(b"other").as_sha256().unwrap();
    let mut absent = claim();
    absent.name = "absent".to_owned();
    let claims = [claim(), other, absent];
    let report = audit(&[(&carried, &keys)], &claims, &policy());
    assert_eq!(
        report.releases[0].signers[0].certificate,
        site_key().fingerprint()
    );
    assert!(report.releases[0].problems.is_empty() && !report.is_complete());
    let index = format!("{PATH}.gz");
    assert_eq!(report.packages[0].1, Status::Established { release: 0, index });
    for (number, part) in [(1, "lists other contents"), (2, "no signed index lists it")] {
        match &report.packages[number].1 {
            Status::NotEstablished { why } => assert!(why.contains(part), "{why}"),
            Status::Established { .. } => panic!("{number}"),
        }
    }
    assert!(audit(&[(&carried, &keys)], &claims[..1], &policy()).is_complete());

    // Evidence that was changed, or belongs to somebody else, establishes nothing.
    let mut changed = carried.clone();
    changed.in_release.as_mut().unwrap()[100] ^= 1;
    let mut index = carried.clone();
    index.add_index(format!("{PATH}.gz"), gzip(b"Package: evil\n"));
    let none = Evidence::default();
    for evidence in [&changed, &index, &none] {
        let report = audit(&[(evidence, &keys)], &claims[..1], &policy());
        assert!(!report.is_complete());
        assert!(!report.releases[0].problems.is_empty());
        // Good evidence beside it still counts.
        assert!(audit(&[(evidence, &keys), (&carried, &keys)], &claims[..1], &policy()).is_complete());
    }
    let strangers = RepositoryKey::generate(NewKey {
        seed: &[9; 32],
        user_id: "Stranger",
        created: at(),
    });
    let strangers = Keyring::read(&strangers.unwrap().public_keyring().unwrap()).unwrap();
    let report = audit(&[(&carried, &strangers)], &claims[..1], &policy());
    assert!(report.releases[0].problems[0].contains("in none of the keyrings"));
}
