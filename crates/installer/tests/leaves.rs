//! Certificates of the site's authority: issued once, kept while they are right, and read by openssl.
#![allow(clippy::unwrap_used, reason = "tests fail by panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use airlock_installer::{IssuedLeaf, LeafError, Secret, Secrets, leaves};
use airlock_node::Node;
use airlock_spec::site::Site;
use airlock_tests::command::{run, succeed};
use airlock_tests::peer;

const DAY: Duration = Duration::from_hours(24);

/// An authority that openssl made, and the tree of a node.
struct Place {
    folder: tempfile::TempDir,
    node: Node,
}

impl Place {
    fn new(key: &[&str]) -> Option<Self> {
        if !peer::require(&["openssl"]) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let node = Node::tree(folder.path().join("node"));
        let place = Self { folder, node };
        place.authority("ca", key, "basicConstraints=critical,CA:TRUE", 3650);
        Some(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self) -> Command {
        let mut command = Command::new("openssl");
        command.current_dir(self.folder.path());
        command
    }

    fn authority(&self, name: &str, key: &[&str], extension: &str, days: u32) {
        // All are called the same, as those are that one program made.
        let subject = "/O=Plant/CN=ca";
        let (key_file, file) = (format!("{name}.key"), format!("{name}.pem"));
        succeed(self.openssl().args(key).args(["-out", &key_file]));
        succeed(
            self.openssl()
                .args([
                    "req",
                    "-x509",
                    "-new",
                    "-subj",
                    subject,
                    "-days",
                    &days.to_string(),
                ])
                .args(["-key", &key_file, "-out", &file, "-addext", extension])
                .args(["-addext", "keyUsage=critical,keyCertSign,cRLSign"]),
        );
    }

    fn secrets(&self, certificate: &str, key: &str) -> Secrets {
        Secrets {
            site_ca: Some(fs::read_to_string(self.path(certificate)).unwrap()),
            site_ca_key: Some(Secret::new(&fs::read_to_string(self.path(key)).unwrap())),
            ..Secrets::default()
        }
    }

    fn issue(&self, site: &Site, now: SystemTime) -> Vec<IssuedLeaf> {
        leaves(site, &self.secrets("ca.pem", "ca.key"), &self.node, now).unwrap()
    }

    /// Puts what was issued where the node has it.
    fn put(&self, issued: &[IssuedLeaf]) {
        for leaf in issued {
            for (path, text) in [
                (&leaf.certificate, leaf.chain.as_str()),
                (&leaf.key, leaf.secret.expose()),
            ] {
                let path = self.node.path(path).unwrap();
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
        }
    }

    /// Whether openssl takes the certificate of the node for this name at this time.
    fn verifies(&self, name: &[&str], at: SystemTime) -> bool {
        let seconds = at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let output = run(self
            .openssl()
            .args([
                "verify",
                "-CAfile",
                "ca.pem",
                "-purpose",
                "sslserver",
                "-x509_strict",
            ])
            .args(["-attime", &seconds.to_string()])
            .args(name)
            .arg(self.path("node/etc/a.crt")));
        output.status.success()
    }
}

/// Some days after the authority was made, so that what is dated back is within its validity.
fn now() -> SystemTime {
    SystemTime::now() + 3 * DAY
}

fn site(leaf: &str) -> Site {
    let text = format!(
        "apiVersion: airlock.dev/v1\nkind: Site\nmetadata: {{name: plant}}\n\
         services: {{ca: {{certificate: ca.pem, keyFile: ca.key, leaves: [{{certificate: /etc/a.crt, key: /etc/a.key, {leaf}}}]}}}}\n"
    );
    Site::read(&text, Path::new("site.yaml")).unwrap()
}

const EC: [&str; 5] = [
    "genpkey",
    "-algorithm",
    "EC",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
];
const NAMES: &str = "names: [registry.site, 10.0.0.5, \"fd00::5\"]";

#[test]
fn openssl_takes_what_is_issued_for_its_names_and_no_other() {
    let keys: [&[&str]; 4] = [
        &EC,
        &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        &["ecparam", "-name", "secp384r1", "-genkey", "-noout"],
        &["genrsa", "-traditional"],
    ];
    let now = now();
    for key in keys {
        let Some(place) = Place::new(key) else { return };
        place.put(&place.issue(&site(NAMES), now));
        for name in [
            ["-verify_hostname", "registry.site"],
            ["-verify_ip", "10.0.0.5"],
            ["-verify_ip", "fd00::5"],
        ] {
            assert!(place.verifies(&name, now), "{key:?} {name:?}");
            // A client whose clock is a day late is served too.
            assert!(place.verifies(&name, now - DAY), "{key:?} {name:?}");
            assert!(place.verifies(&name, now + 364 * DAY), "{key:?} {name:?}");
            assert!(!place.verifies(&name, now + 366 * DAY), "{key:?} {name:?}");
        }
        assert!(!place.verifies(&["-verify_hostname", "other.site"], now));
        assert!(!place.verifies(&["-verify_ip", "10.0.0.6"], now));
        let public = |arguments: &[&str]| succeed(place.openssl().args(arguments)).stdout();
        assert_eq!(
            public(&["pkey", "-in", "node/etc/a.key", "-pubout"]),
            public(&["x509", "-in", "node/etc/a.crt", "-noout", "-pubkey"])
        );
    }
}

#[test]
fn a_certificate_stays_while_it_is_right() {
    let Some(place) = Place::new(&EC) else { return };
    let now = now();
    let wanted = site(NAMES);
    let first = place.issue(&wanted, now);
    place.put(&first);
    let again = |site: &Site, now: SystemTime| place.issue(site, now)[0].chain == first[0].chain;
    assert!(again(&wanted, now));
    assert!(again(&wanted, now + 200 * DAY));
    // The names in another order are the same names.
    assert!(again(
        &site("names: [10.0.0.5, \"fd00:0::5\", registry.site]"),
        now
    ));
    // In its last third, and by a clock before it was issued, it is issued anew.
    assert!(!again(&wanted, now + 250 * DAY));
    assert!(!again(&wanted, now + 400 * DAY));
    assert!(!again(&site("names: [registry.site]"), now));
    assert!(!again(
        &site("names: [registry.site, 10.0.0.5, \"fd00::5\", more.site]"),
        now
    ));
    assert!(!again(&site(&format!("{NAMES}, days: 30")), now));
    assert!(!again(&site(&format!("{NAMES}, days: 3000")), now));

    // Another key beside it, none at all, or something else in its place.
    let key = place.path("node/etc/a.key");
    let own = fs::read(&key).unwrap();
    for other in [
        fs::read(place.path("ca.key")).unwrap(),
        Vec::new(),
        vec![0xff; 10],
    ] {
        fs::write(&key, &other).unwrap();
        assert!(!again(&wanted, now));
    }
    fs::remove_file(&key).unwrap();
    assert!(!again(&wanted, now));
    fs::write(&key, own).unwrap();
    assert!(again(&wanted, now));

    // Of another authority, even if that is called the same.
    succeed(Command::new("mkdir").arg(place.path("other")));
    place.authority("other/ca", &EC, "basicConstraints=critical,CA:TRUE", 3650);
    let secrets = place.secrets("other/ca.pem", "other/ca.key");
    assert_ne!(
        leaves(&wanted, &secrets, &place.node, now).unwrap()[0].chain,
        first[0].chain
    );
}

#[test]
fn none_outlives_its_authority() {
    let Some(place) = Place::new(&EC) else { return };
    place.authority("ca", &EC, "basicConstraints=critical,CA:TRUE", 20);
    let now = now();
    let wanted = site(NAMES);
    let first = place.issue(&wanted, now);
    place.put(&first);
    assert!(place.verifies(&["-verify_hostname", "registry.site"], now + 16 * DAY));
    // Issuing it again would not make it any longer.
    assert_eq!(place.issue(&wanted, now + 16 * DAY)[0].chain, first[0].chain);
    let late = leaves(
        &wanted,
        &place.secrets("ca.pem", "ca.key"),
        &place.node,
        now + 21 * DAY,
    );
    assert!(matches!(late, Err(LeafError::Time { .. })), "{late:?}");
    let early = leaves(
        &wanted,
        &place.secrets("ca.pem", "ca.key"),
        &place.node,
        SystemTime::UNIX_EPOCH,
    );
    assert!(matches!(early, Err(LeafError::Time { .. })), "{early:?}");
}

#[test]
fn an_authority_that_another_vouches_for_is_in_the_chain() {
    let Some(place) = Place::new(&EC) else { return };
    succeed(place.openssl().args(EC).args(["-out", "sub.key"]));
    succeed(place.openssl().args([
        "req", "-new", "-key", "sub.key", "-subj", "/CN=sub", "-out", "sub.csr",
    ]));
    fs::write(
        place.path("ext"),
        "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n",
    )
    .unwrap();
    succeed(
        place
            .openssl()
            .args([
                "x509", "-req", "-in", "sub.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            ])
            .args(["-days", "900", "-extfile", "ext", "-out", "sub.pem"]),
    );
    let now = now();
    let secrets = place.secrets("sub.pem", "sub.key");
    let issued = leaves(&site(NAMES), &secrets, &place.node, now).unwrap();
    place.put(&issued);
    let chain = fs::read_to_string(place.path("node/etc/a.crt")).unwrap();
    assert_eq!(chain.matches("BEGIN CERTIFICATE").count(), 2, "{chain}");
    let name = [
        "-untrusted",
        "node/etc/a.crt",
        "-verify_hostname",
        "registry.site",
    ];
    assert!(place.verifies(&name, now));
    assert!(!place.verifies(&name[2..], now), "without the one in between");
    let again = leaves(&site(NAMES), &secrets, &place.node, now).unwrap();
    assert_eq!(again[0].chain, issued[0].chain);
}

#[test]
fn an_authority_that_is_none_is_refused() {
    let Some(place) = Place::new(&EC) else { return };
    place.authority("none", &EC, "basicConstraints=critical,CA:FALSE", 100);
    fs::write(place.path("empty"), "").unwrap();
    succeed(place.openssl().args([
        "pkcs8",
        "-topk8",
        "-in",
        "ca.key",
        "-out",
        "locked.key",
        "-passout",
        "pass:x",
    ]));
    let refusals: Vec<String> = [
        ("none.pem", "none.key"),
        ("ca.pem", "none.key"),
        ("ca.pem", "empty"),
        ("ca.pem", "locked.key"),
        ("empty", "ca.key"),
        ("ca.key", "ca.key"),
    ]
    .into_iter()
    .map(|(certificate, key)| {
        let secrets = place.secrets(certificate, key);
        let error = leaves(&site(NAMES), &secrets, &place.node, now()).unwrap_err();
        format!("{certificate} {key}: {error}; {}", error.hint())
    })
    .collect();
    insta::assert_snapshot!("leaves_refused", refusals.join("\n"));
}
