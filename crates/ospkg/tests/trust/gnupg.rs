//! gpg makes keys and signatures in a home of its own; gpgv and sqv judge.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use jiff::Timestamp;

/// 2026-01-01, when everything here is judged unless a test says otherwise. It is in the past, so that gpgv,
/// which asks the clock, sees nothing differently.
pub(crate) const NOW: i64 = 1_767_225_600;
/// The day after which most keys here are made.
pub(crate) const MADE: &str = "20240101T000000";

pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

/// A GnuPG home; its agent ends with it.
pub(crate) struct Gpg {
    home: tempfile::TempDir,
}

impl Gpg {
    pub(crate) fn new() -> Self {
        let home = tempfile::Builder::new().prefix("gpg").tempdir().unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
        }
        Self { home }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, contents).unwrap();
        path
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("GNUPGHOME", self.home.path())
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .stdin(Stdio::null());
        command
    }

    /// gpg at a time of our choice.
    pub(crate) fn try_at<S: AsRef<OsStr>>(&self, time: &str, arguments: &[S]) -> Output {
        self.command("gpg")
            .args([
                "--batch",
                "--yes",
                "--quiet",
                "--no-tty",
                "--pinentry-mode",
                "loopback",
            ])
            .args(["--passphrase", "", "--trust-model", "always"])
            // The exclamation mark stops the clock.
            .args(["--faked-system-time", &format!("{time}!")])
            .args(arguments)
            .output()
            .unwrap()
    }

    pub(crate) fn at<S: AsRef<OsStr>>(&self, time: &str, arguments: &[S]) -> Vec<u8> {
        let output = self.try_at(time, arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        output.stdout
    }

    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Vec<u8> {
        self.at("20250101T000000", arguments)
    }

    /// A primary key for certification and signing.
    pub(crate) fn key(&self, name: &str, algorithm: &str) -> String {
        self.key_at(MADE, name, algorithm, "sign", "never")
    }

    pub(crate) fn key_at(
        &self,
        time: &str,
        name: &str,
        algorithm: &str,
        usage: &str,
        expires: &str,
    ) -> String {
        let user = format!("{name} <{name}@example.org>");
        self.at(time, &["--quick-generate-key", &user, algorithm, usage, expires]);
        self.fingerprint(name)
    }

    pub(crate) fn fingerprint(&self, name: &str) -> String {
        self.fingerprints(name).remove(0)
    }

    /// Of the primary key and its subkeys.
    pub(crate) fn fingerprints(&self, name: &str) -> Vec<String> {
        let listing = self.run(&["--with-colons", "--list-keys", name]);
        let listing = String::from_utf8(listing).unwrap();
        let fingerprints = listing.lines().filter(|line| line.starts_with("fpr:"));
        fingerprints
            .map(|line| line.split(':').nth(9).unwrap().to_owned())
            .collect()
    }

    pub(crate) fn export(&self, names: &[&str]) -> Vec<u8> {
        self.run(&[&["--export"], names].concat())
    }

    pub(crate) fn clearsign(&self, name: &str, text: &str) -> Vec<u8> {
        self.clearsign_with(name, text, &[])
    }

    pub(crate) fn clearsign_with(&self, name: &str, text: &str, options: &[&str]) -> Vec<u8> {
        self.write("text", text);
        let file = self.path("text");
        let local = [
            "--local-user",
            name,
            "--output",
            "-",
            "--clearsign",
            file.to_str().unwrap(),
        ];
        self.run(&[options, &local].concat())
    }

    pub(crate) fn detach(&self, name: &str, contents: &[u8], armored: bool) -> Vec<u8> {
        self.write("text", contents);
        let file = self.path("text");
        let form = if armored { "--armor" } else { "--no-armor" };
        self.run(&[
            "--local-user",
            name,
            form,
            "--output",
            "-",
            "--detach-sign",
            file.to_str().unwrap(),
        ])
    }

    /// gpgv's verdict in apt's terms.
    pub(crate) fn gpgv(&self, keyring: &[u8], files: &[&Path]) -> Verdict {
        let keyring = self.write("gpgv.gpg", keyring);
        let output = self
            .command("gpgv")
            .args(["--status-fd", "1", "--keyring"])
            .arg(keyring)
            .args(files)
            .output()
            .unwrap();
        Verdict::read(&output)
    }

    /// Whether sqv finds a good signature.
    pub(crate) fn sqv(&self, keyring: &[u8], arguments: &[&OsStr]) -> Result<(), String> {
        let keyring = self.write("sqv.gpg", keyring);
        let output = self
            .command("sqv")
            .arg("--keyring")
            .arg(keyring)
            .args(arguments)
            .output()
            .unwrap();
        if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        // The agent of this home alone.
        let _ = self.command("gpgconf").args(["--kill", "all"]).output();
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) good: bool,
    pub(crate) status: String,
}

impl Verdict {
    /// apt counts a signature that gpgv calls good and valid, and nothing that has expired or was revoked.
    fn read(output: &Output) -> Self {
        let status = String::from_utf8_lossy(&output.stdout).into_owned();
        let says = |word: &str| status.contains(&format!("[GNUPG:] {word} "));
        Self {
            good: output.status.success() && says("GOODSIG") && says("VALIDSIG"),
            status: format!("{status}{}", String::from_utf8_lossy(&output.stderr)),
        }
    }
}
