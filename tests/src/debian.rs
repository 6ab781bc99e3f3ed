//! Debian's side: a signed repository made by Debian's own programs, and apt as the client of a site.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use tempfile::TempDir;

use crate::command::{Output, clean, run, succeed};
use crate::peer;

/// The programs that [`Archive`] and [`Apt`] need.
const PEERS: [&str; 6] = ["apt-get", "apt-ftparchive", "dpkg-deb", "gpg", "gzip", "xz"];
/// Before every key and signature that a test does not want to be old.
const LONG_AGO: &str = "20240101T000000";

/// Whether Debian's programs are here.
pub fn require() -> bool {
    peer::require(&PEERS)
}

/// A repository upstream: `dists/bookworm` with one component and packages for amd64, served on loopback.
#[derive(Debug)]
pub struct Archive {
    folder: TempDir,
    address: SocketAddr,
}

/// How a release is written and signed.
#[derive(Clone, Debug)]
pub struct Signing<'a> {
    /// Who signs; the name of a key in the archive's keyring.
    pub key: &'a str,
    /// More arguments for gpg.
    pub gpg: &'a [&'a str],
    /// More fields of the release, as `Valid-Until: …`.
    pub fields: &'a str,
    /// The `Date`, where it is not now.
    pub date: Option<&'a str>,
    /// Leaves out the checksums that are strong.
    pub weak: bool,
}

impl Default for Signing<'_> {
    fn default() -> Self {
        Self {
            key: "archive",
            gpg: &[],
            fields: "",
            date: None,
            weak: false,
        }
    }
}

impl Archive {
    /// An archive with a key called `archive`, and nothing in it.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("archive-").tempdir().unwrap();
        let gnupg = folder.path().join("gnupg");
        fs::create_dir_all(folder.path().join("site/pool")).unwrap();
        fs::create_dir(&gnupg).unwrap();
        fs::set_permissions(&gnupg, fs::Permissions::from_mode(0o700)).unwrap();
        let address = serve(folder.path().join("site"));
        let archive = Self { folder, address };
        archive.key("archive", "never");
        archive
    }

    /// The address above `dists` and `pool`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A file of it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("site").join(name)
    }

    fn gpg(&self) -> Command {
        let mut gpg = clean("gpg", self.folder.path());
        gpg.env("GNUPGHOME", self.folder.path().join("gnupg"))
            .args(["--batch", "--yes", "--quiet", "--no-tty"])
            .args(["--pinentry-mode", "loopback", "--passphrase", ""])
            .args(["--trust-model", "always"]);
        gpg
    }

    /// Makes a key that is some years old.
    pub fn key(&self, name: &str, expires: &str) {
        let user = format!("{name} <{name}@archive.example>");
        succeed(
            self.gpg()
                .args(["--faked-system-time", &format!("{LONG_AGO}!")])
                .args(["--quick-generate-key", &user, "rsa2048", "sign", expires]),
        );
    }

    /// Says of a key that it is not to be relied on any more.
    pub fn revoke(&self, name: &str) {
        let certificates = self.folder.path().join("gnupg/openpgp-revocs.d");
        let listed = succeed(self.gpg().args(["--with-colons", "--list-keys", name])).stdout();
        let fingerprint = listed
            .lines()
            .find_map(|line| line.strip_prefix("fpr:"))
            .and_then(|rest| rest.split(':').nth(8))
            .expect("a key has a fingerprint");
        let made = fs::read_to_string(certificates.join(format!("{fingerprint}.rev"))).unwrap();
        // A colon keeps it from being imported by accident.
        let ready = self.folder.path().join("revocation.asc");
        fs::write(&ready, made.replace(":-----BEGIN", "-----BEGIN")).unwrap();
        succeed(self.gpg().arg("--import").arg(&ready));
    }

    /// The public half of a key, in armour.
    pub fn public(&self, name: &str) -> Vec<u8> {
        succeed(self.gpg().args(["--armor", "--export", name])).stdout
    }

    /// Builds a package into the pool; `fields` are whole lines of its control file. Returns its path in the archive.
    pub fn package(&self, name: &str, version: &str, fields: &str) -> String {
        self.package_with(name, version, fields, "")
    }

    /// The same with a copyright file, unless that is empty.
    pub fn package_with(&self, name: &str, version: &str, fields: &str, copyright: &str) -> String {
        let tree = self.folder.path().join("build");
        let _ = fs::remove_dir_all(&tree);
        let documentation = tree.join("usr/share/doc").join(name);
        fs::create_dir_all(tree.join("DEBIAN")).unwrap();
        fs::create_dir_all(&documentation).unwrap();
        fs::write(documentation.join("version"), format!("{name} {version}\n")).unwrap();
        if !copyright.is_empty() {
            fs::write(documentation.join("copyright"), copyright).unwrap();
        }
        let architecture = if fields.contains("Architecture:") {
            ""
        } else {
            "Architecture: amd64\n"
        };
        let control = format!(
            "Package: {name}\nVersion: {version}\n{architecture}{fields}Maintainer: Nobody <nobody@archive.example>\n\
             Description: test of {name}\n It has a longer text as well.\n"
        );
        fs::write(tree.join("DEBIAN/control"), control).unwrap();
        let path = format!("pool/{name}_{version}.deb");
        succeed(
            clean("dpkg-deb", self.folder.path())
                .args(["--build", "--root-owner-group"])
                .arg(&tree)
                .arg(self.path(&path)),
        );
        path
    }

    /// Lists what is in the pool and signs the list.
    pub fn publish(&self, signing: &Signing<'_>) {
        let site = self.path("");
        let binary = self.path("dists/bookworm/main/binary-amd64");
        let _ = fs::remove_dir_all(self.path("dists"));
        fs::create_dir_all(&binary).unwrap();
        let packages = succeed(
            clean("apt-ftparchive", self.folder.path())
                .current_dir(&site)
                .args(["packages", "pool"]),
        );
        let plain = binary.join("Packages");
        fs::write(&plain, &packages.stdout).unwrap();
        succeed(clean("gzip", self.folder.path()).args(["-9nk"]).arg(&plain));
        succeed(clean("xz", self.folder.path()).arg("-k").arg(&plain));
        self.sign(signing);
    }

    /// The same packages as a flat repository in `flat`, in the oldest form there is: one list without another form, and
    /// a signature beside the release.
    pub fn publish_flat(&self) {
        let folder = self.path("flat");
        fs::create_dir_all(&folder).unwrap();
        for entry in fs::read_dir(self.path("pool")).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(
                &path,
                folder.join(path.file_name().expect("a package has a name")),
            )
            .unwrap();
        }
        let list = |what: &str| {
            let mut command = clean("apt-ftparchive", self.folder.path());
            succeed(command.current_dir(&folder).args([what, "."])).stdout
        };
        fs::write(folder.join("Packages"), list("packages")).unwrap();
        fs::write(folder.join("Release"), list("release")).unwrap();
        let release = folder.join("Release");
        let mut gpg = self.gpg();
        gpg.args(["--local-user", "archive", "--armor", "--output"])
            .arg(folder.join("Release.gpg"))
            .arg("--detach-sign")
            .arg(&release);
        succeed(&mut gpg);
    }

    /// Signs what lies in `dists/bookworm`, whatever that is.
    pub fn sign(&self, signing: &Signing<'_>) {
        let release = self.path("dists/bookworm/Release");
        for name in ["Release", "Release.gpg", "InRelease"] {
            let _ = fs::remove_file(release.with_file_name(name));
        }
        let by_hash = self.path("dists/bookworm/main/binary-amd64/by-hash");
        let _ = fs::remove_dir_all(&by_hash);
        let option = |name: &str, value: &str| {
            let name = format!("APT::FTPArchive::{name}={value}");
            ["-o".to_owned(), name]
        };
        let mut command = clean("apt-ftparchive", self.folder.path());
        command.current_dir(self.path(""));
        for (name, value) in [
            ("Release::Origin", "Archive"),
            ("Release::Suite", "stable"),
            ("Release::Codename", "bookworm"),
            ("Release::Version", "12.1"),
            ("Release::Architectures", "amd64"),
            ("Release::Components", "main"),
            ("Release::Acquire-By-Hash", "yes"),
        ] {
            command.args(option(name, value));
        }
        if signing.weak {
            command
                .args(option("SHA256", "false"))
                .args(option("SHA512", "false"));
        }
        let made = succeed(command.args(["release", "dists/bookworm"])).stdout();
        let text: String = made
            .lines()
            .map(|line| match signing.date {
                Some(date) if line.starts_with("Date:") => format!("Date: {date}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        fs::write(&release, format!("{}{text}", signing.fields)).unwrap();
        fs::create_dir_all(by_hash.join("SHA256")).unwrap();
        for name in ["Packages", "Packages.gz", "Packages.xz"] {
            let file = by_hash.with_file_name(name);
            if let Ok(bytes) = fs::read(&file) {
                let digest = crate::digest(&bytes);
                let hex = digest.trim_start_matches("sha256:");
                fs::copy(&file, by_hash.join("SHA256").join(hex)).unwrap();
            }
        }
        let mut gpg = self.gpg();
        gpg.args(signing.gpg).args(["--local-user", signing.key]);
        succeed(
            gpg.arg("--output")
                .arg(release.with_file_name("InRelease"))
                .arg("--clearsign")
                .arg(&release),
        );
    }
}

impl Default for Archive {
    fn default() -> Self {
        Self::new()
    }
}

/// A web server on loopback for the files of a folder, until the process ends.
fn serve(folder: PathBuf) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { continue };
            // Whoever goes away early misses the answer.
            let _ = answer(&folder, stream);
        }
    });
    address
}

fn answer(folder: &Path, mut stream: TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .for_each(drop);
    let mut words = request.split(' ');
    let head_only = words.next() == Some("HEAD");
    let path = words.next().unwrap_or_default().trim_start_matches('/');
    let (status, body) = match fs::read(folder.join(path)) {
        Ok(bytes) => ("200 OK", bytes),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    if !head_only {
        stream.write_all(&body)?;
    }
    Ok(())
}

/// An apt that knows nothing of this machine.
#[derive(Debug)]
pub struct Apt {
    root: TempDir,
}

impl Apt {
    /// With no sources and nothing installed.
    pub fn new() -> Self {
        let root = tempfile::Builder::new().prefix("apt-").tempdir().unwrap();
        for folder in [
            "etc/apt/sources.list.d",
            "etc/apt/preferences.d",
            "etc/apt/trusted.gpg.d",
            "var/lib/apt/lists/partial",
            "var/cache/apt/archives/partial",
            "var/lib/dpkg",
            "none",
        ] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let path = root.path().to_str().expect("temporary folders have plain names");
        let config = format!(
            "Dir \"{path}/\";\nDir::Etc \"{path}/etc/apt\";\nDir::Etc::parts \"{path}/none\";\nDir::Etc::main \"none\";\n\
             Dir::State \"{path}/var/lib/apt\";\nDir::State::status \"{path}/var/lib/dpkg/status\";\n\
             Dir::Cache \"{path}/var/cache/apt\";\nDir::Log \"{path}/log\";\nDir::Bin::methods \"/usr/lib/apt/methods\";\n\
             APT::Architecture \"amd64\";\nAPT::Architectures {{ \"amd64\"; }};\nAPT::Sandbox::User \"root\";\n\
             Acquire::Languages \"none\";\nAcquire::http::Proxy \"DIRECT\";\nDebug::NoLocking \"true\";\n"
        );
        fs::write(root.path().join("apt.conf"), config).unwrap();
        fs::write(root.path().join("var/lib/dpkg/status"), "").unwrap();
        Self { root }
    }

    /// A file or folder of its root.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Where `/etc/apt` is.
    pub fn etc(&self) -> PathBuf {
        self.path("etc/apt")
    }

    /// Says that packages are installed: those in these files.
    pub fn install_status(&self, files: &[PathBuf]) {
        let mut text = String::new();
        for file in files {
            let control = succeed(clean("dpkg-deb", self.root.path()).arg("--field").arg(file)).stdout();
            text.push_str("Status: install ok installed\n");
            text.push_str(&control);
            text.push('\n');
        }
        fs::write(self.path("var/lib/dpkg/status"), text).unwrap();
    }

    /// Runs apt-get below `wrapper` (a program with arguments, none for apt-get itself).
    pub fn run_below(&self, wrapper: &[&str], arguments: &[&str]) -> Output {
        let argv = [wrapper, &["apt-get"], arguments].concat();
        run(clean(argv[0], self.root.path())
            .current_dir(self.root.path())
            .env("APT_CONFIG", self.path("apt.conf"))
            .args(&argv[1..]))
    }

    /// Runs apt-get.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_below(&[], arguments)
    }

    /// Runs apt-get, which has to succeed without a word of complaint.
    #[track_caller]
    pub fn quietly(&self, arguments: &[&str]) -> String {
        quiet(&self.run(arguments))
    }

    /// The packages that were downloaded, in order of their names.
    pub fn downloaded(&self) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = fs::read_dir(self.path("var/cache/apt/archives"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "deb"))
            .collect();
        found.sort();
        found
    }
}

impl Default for Apt {
    fn default() -> Self {
        Self::new()
    }
}

/// What apt-get said, if it did not complain.
#[track_caller]
pub fn quiet(output: &Output) -> String {
    let text = output.stdout();
    assert!(output.status.success(), "{text}{}", output.stderr());
    assert_eq!(output.stderr(), "", "{text}");
    let complains = text.lines().any(|line| {
        ["W:", "N:", "E:", "Ign:", "Err:"]
            .iter()
            .any(|word| line.starts_with(word))
    });
    assert!(!complains, "{text}");
    text
}
