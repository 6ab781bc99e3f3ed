//! What a stranger sees who gets something wrong: exit code, standard output and standard error, as they are.

use std::ops::Deref;

use crate::desk::{Desk, manifest};

/// A desk where a run renders everything that can be seen of it.
struct Session(Desk);

impl Session {
    fn new() -> Self {
        Self(Desk::new())
    }

    fn run(&self, words: &[&str]) -> String {
        let output = self.command(words).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut out = format!("exit code: {}\n", output.status.code().unwrap());
        for (name, stream) in [("stdout", text(&output.stdout)), ("stderr", text(&output.stderr))] {
            if !stream.is_empty() {
                out.push_str(&format!("--- {name}\n{stream}"));
            }
        }
        out.replace(&self.folder().display().to_string(), "[FOLDER]")
    }
}

impl Deref for Session {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        &self.0
    }
}

macro_rules! seen {
    ($name:literal, $run:expr) => {
        insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!($name, $run);
        });
    };
}

#[test]
fn a_wrong_command_and_a_wrong_flag() {
    let session = Session::new();
    seen!("wrong_command", session.run(&["verfy"]));
    seen!("wrong_flag", session.run(&["verify", "a.tar", "--kee", "b"]));
    seen!("missing_argument", session.run(&["verify", "a.tar"]));
    seen!("wrong_value", session.run(&["serve", ".", "--listen", "here"]));
}

#[test]
fn missing_files() {
    let session = Session::new();
    seen!("no_manifest", session.run(&["lock"]));
    seen!("no_lock", session.run(&["tree"]));
    seen!(
        "no_public_key",
        session.run(&["verify", "a.tar", "--key", "airlock.pub"])
    );
    session.run(&["keygen"]);
    seen!(
        "no_bundle",
        session.run(&["verify", "a.tar", "--key", "airlock.pub"])
    );
    seen!("no_store", session.run(&["generations", "--store", "nowhere"]));
    session.write(
        "airlock.yaml",
        &manifest("  - {name: a, files: [{path: site.conf}]}\n"),
    );
    seen!("no_private_key", session.run(&["build", "--key", "other.key"]));
    seen!("no_local_file", session.run(&["lock"]));
}

/// Paths in a manifest are relative to its folder, wherever the command runs.
#[test]
fn a_manifest_in_another_folder() {
    let session = Session::new();
    session.run(&["keygen"]);
    std::fs::create_dir(session.path("sub")).unwrap();
    session.write(
        "sub/airlock.yaml",
        &manifest("  - {name: a, files: [{path: site.conf}]}\n"),
    );
    session.write("sub/site.conf", "listen = 127.0.0.1\n");
    let built = session.run(&[
        "build",
        "sub/airlock.yaml",
        "--key",
        "airlock.key",
        "--no-cache",
        "--no-importer",
        "-q",
    ]);
    assert!(built.starts_with("exit code: 0"), "{built}");
    assert!(session.path("sub/airlock.lock").is_file());
    let verified = session.run(&[
        "verify",
        "bundles/edge-1.0.0.airlock.tar",
        "--key",
        "airlock.pub",
        "-q",
    ]);
    assert!(verified.starts_with("exit code: 0"), "{verified}");
    session.write("sub/site.conf", "listen = 127.0.0.2\n");
    seen!("drift", session.run(&["lock", "sub/airlock.yaml", "--check"]));
    seen!(
        "changed_since_the_lock",
        session.run(&[
            "pack",
            "sub/airlock.lock",
            "--key",
            "airlock.key",
            "--no-cache",
            "--no-importer",
            "--no-progress",
            "--out",
            "other"
        ])
    );
}

#[test]
fn mistakes_in_a_manifest() {
    let session = Session::new();
    session.write("airlock.yaml", &manifest("  - name: a\n    imagse: [busybox]\n"));
    seen!("unknown_field", session.run(&["lock"]));
    session.write(
        "airlock.yaml",
        &manifest("  - name: a\n    images: [\"${registry}/busybox\", \"Not A Reference\"]\n"),
    );
    seen!("unknown_variable", session.run(&["lock"]));
    session.write(
        "airlock.yaml",
        "apiVersion: airlock.dev/v1\nkind: Manifest\n  metadata: {}\n",
    );
    seen!("no_yaml", session.run(&["lock"]));
    session.write(
        "airlock.yaml",
        &manifest("  - {name: a, images: [a]}\npolicy: {require: [{match: \"docker.io/acme/*\", key: keys/acme.pub}]}\n"),
    );
    seen!("not_supported_yet", session.run(&["lock"]));
}

#[test]
fn an_unreachable_registry() {
    let session = Session::new();
    // Port 1 of loopback: nothing listens there.
    session.write(
        "airlock.yaml",
        &manifest("  - {name: tools, images: [\"127.0.0.1:1/acme/app:1.0\"]}\n"),
    );
    seen!(
        "unreachable",
        session.run(&["lock", "--retries", "0", "--no-progress"])
    );
}

#[test]
fn files_that_are_something_else() {
    let session = Session::new();
    session.run(&["keygen"]);
    session.write("text.tar", &"no bundle at all\n".repeat(100));
    seen!(
        "no_bundle_at_all",
        session.run(&["verify", "text.tar", "--key", "airlock.pub"])
    );
    session.write("airlock.lock", "{\"version\":1}");
    seen!("no_lock_at_all", session.run(&["tree"]));
    seen!(
        "private_for_public",
        session.run(&["verify", "text.tar", "--key", "airlock.key"])
    );
    std::fs::create_dir(session.path("folder")).unwrap();
    session.write("folder/notes.txt", "mine");
    seen!(
        "no_store_at_all",
        session.run(&["generations", "--store", "folder"])
    );
    seen!("key_exists", session.run(&["keygen"]));
}

/// Bundles and image archives that were compressed on their way: nothing is unpacked, and the way out is named.
#[test]
fn compressed_files() {
    let session = Session::new();
    session.run(&["keygen"]);
    for (name, bytes) in [
        ("edge.tar.gz", &b"\x1f\x8b\x08\0\0\0\0\0"[..]),
        ("edge.tar.zst", b"\x28\xb5\x2f\xfd\0\xa8\xfb\xff"),
    ] {
        std::fs::write(session.path(name), bytes).unwrap();
    }
    seen!(
        "compressed_verify",
        session.run(&["verify", "edge.tar.zst", "--key", "airlock.pub"])
    );
    seen!(
        "compressed_import",
        session.run(&[
            "import",
            "edge.tar.gz",
            "--key",
            "airlock.pub",
            "--store",
            "store"
        ])
    );
    assert!(!session.path("store").exists());
    session.write(
        "airlock.yaml",
        &manifest("  - {name: a, images: [\"docker-archive:edge.tar.zst\"]}\n"),
    );
    seen!("compressed_input", session.run(&["lock", "--no-progress"]));
}

#[test]
fn a_wrong_password() {
    let session = Session::new();
    session.run(&["keygen"]);
    session.write(
        "airlock.yaml",
        &manifest("  - {name: a, files: [{path: airlock.yaml}]}\n"),
    );
    session.write("password", "guess\n");
    seen!(
        "wrong_password",
        session.run(&["build", "--key", "airlock.key", "--password-file", "password"])
    );
}
