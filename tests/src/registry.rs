//! Debian's `docker-registry` as the upstream, and the pushes that no tool can make.

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::daemon::{Daemon, free_port};
use crate::http::{self, Response};

/// User and password of a registry started with [`Registry::with_password`].
pub const CREDENTIALS: (&str, &str) = ("airlock", "loopback-only");
/// [`CREDENTIALS`] as an `Authorization` header has them; the last word is the form of `auth.json`.
pub const BASIC: &str = "Basic YWlybG9jazpsb29wYmFjay1vbmx5";
/// [`CREDENTIALS`] as a bcrypt line with the lowest cost there is.
const HTPASSWD: &str = "airlock:$2y$04$rYNVxcmVkzvf7FjIb5W3c.3VNpOB1hu08h5/.tjO5LnAXEyBajVcW\n";

const MANIFEST_TYPES: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// Content as a registry has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Its type.
    pub media_type: String,
    /// Its digest.
    pub digest: String,
    /// Its length in bytes.
    pub size: u64,
}

/// A running `docker-registry` on a free port of loopback, deletions allowed, empty at the start.
#[derive(Debug)]
pub struct Registry {
    address: SocketAddr,
    password: bool,
    // Before the folder: the server ends first.
    daemon: Daemon,
    folder: TempDir,
}

impl Registry {
    /// Starts one that anybody may read and write.
    pub fn start() -> Self {
        Self::launch(false)
    }

    /// Starts one that wants [`CREDENTIALS`] (basic authentication) for everything.
    pub fn with_password() -> Self {
        Self::launch(true)
    }

    fn launch(password: bool) -> Self {
        let mut last = String::new();
        for _ in 0..3 {
            match Self::try_start(password) {
                Ok(registry) => return registry,
                Err(log) => last = log,
            }
        }
        panic!("docker-registry did not start: {last}");
    }

    fn try_start(password: bool) -> Result<Self, String> {
        let folder = tempfile::Builder::new()
            .prefix("airlock-registry-")
            .tempdir()
            .unwrap();
        let address = free_port();
        fs::write(folder.path().join("htpasswd"), HTPASSWD).unwrap();
        fs::write(
            folder.path().join("config.yml"),
            config(folder.path(), address, password),
        )
        .unwrap();
        let argv = [
            "docker-registry".into(),
            "serve".into(),
            folder.path().join("config.yml").into(),
        ];
        let daemon = start_in(folder.path(), &argv);
        let mut registry = Self {
            address,
            password,
            daemon,
            folder,
        };
        let wanted = if password { 401 } else { 200 };
        let ready = || http::get(address, "/v2/").is_ok_and(|answer| answer.status == wanted);
        if registry.daemon.wait_until(Duration::from_secs(20), ready) {
            Ok(registry)
        } else {
            Err(registry.daemon.log())
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its `host:port`, as references begin.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// A folder that is removed after the server's end, even if nothing is ever dropped: the place for
    /// what the tests of one process share.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has said.
    pub fn log(&self) -> String {
        self.daemon.log()
    }

    /// The most memory that it has held so far, in bytes.
    pub fn peak_memory(&self) -> Option<u64> {
        self.daemon.peak_memory()
    }

    /// Uploads a blob.
    pub fn put_blob(&self, repository: &str, media_type: &str, bytes: &[u8]) -> Pushed {
        self.put_blob_from(repository, media_type, bytes.len() as u64, &mut &bytes[..])
    }

    /// Uploads the next `size` bytes of `from` as a blob, hashing on the way.
    pub fn put_blob_from(
        &self,
        repository: &str,
        media_type: &str,
        size: u64,
        from: &mut dyn Read,
    ) -> Pushed {
        let answer = self.send("POST", &format!("/v2/{repository}/blobs/uploads/"), &[], None);
        assert_eq!(answer.status, 202, "{answer:?}");
        let mut from = Hashing {
            from,
            hasher: airlock_hash::Sha256::new(),
        };
        let target = target(&answer);
        let kind = [("Content-Type", "application/octet-stream")];
        let answer = self.send("PATCH", &target, &kind, Some((size, &mut from)));
        assert_eq!(answer.status, 202, "{answer:?}");
        let digest = crate::digest_text(&from.hasher.finish());
        let target = target_with_digest(&answer, &digest);
        let answer = self.send("PUT", &target, &[], Some((0, &mut std::io::empty())));
        assert_eq!(answer.status, 201, "{answer:?}");
        Pushed {
            media_type: media_type.to_owned(),
            digest,
            size,
        }
    }

    /// Uploads a manifest under a tag, or under its digest without one.
    pub fn put_manifest(
        &self,
        repository: &str,
        tag: Option<&str>,
        media_type: &str,
        bytes: &[u8],
    ) -> Pushed {
        let digest = crate::digest(bytes);
        let reference = tag.unwrap_or(&digest);
        let answer = self.send(
            "PUT",
            &format!("/v2/{repository}/manifests/{reference}"),
            &[("Content-Type", media_type)],
            Some((bytes.len() as u64, &mut &bytes[..])),
        );
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
        assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
        Pushed {
            media_type: media_type.to_owned(),
            digest,
            size: bytes.len() as u64,
        }
    }

    /// A manifest by tag or digest with its bytes, if the registry has it.
    pub fn manifest(&self, repository: &str, reference: &str) -> Option<(Pushed, Vec<u8>)> {
        let accept = MANIFEST_TYPES.map(|kind| ("Accept", kind));
        let answer = self.send(
            "GET",
            &format!("/v2/{repository}/manifests/{reference}"),
            &accept,
            None,
        );
        if answer.status == 404 {
            return None;
        }
        assert_eq!(answer.status, 200, "{answer:?}");
        let pushed = Pushed {
            media_type: answer.header("content-type")?.to_owned(),
            digest: answer.header("docker-content-digest")?.to_owned(),
            size: answer.body.len() as u64,
        };
        Some((pushed, answer.body))
    }

    /// Removes a manifest and its tags.
    pub fn delete_manifest(&self, repository: &str, digest: &str) {
        let answer = self.send(
            "DELETE",
            &format!("/v2/{repository}/manifests/{digest}"),
            &[],
            None,
        );
        assert_eq!(answer.status, 202, "{answer:?}");
    }

    fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Option<(u64, &mut dyn Read)>,
    ) -> Response {
        let mut headers = headers.to_vec();
        if self.password {
            headers.push(("Authorization", BASIC));
        }
        http::send(self.address, method, target, &headers, body)
            .unwrap_or_else(|error| panic!("{method} {target}: {error}\n{}", self.log()))
    }
}

fn start_in(folder: &Path, argv: &[OsString]) -> Daemon {
    Daemon::start(argv, folder, &folder.join("log"), Some(folder))
}

fn config(folder: &Path, address: SocketAddr, password: bool) -> String {
    let storage = folder.join("storage");
    let auth = if password {
        let file = folder.join("htpasswd");
        format!(
            "auth: {{htpasswd: {{realm: loopback, path: {}}}}}\n",
            file.display()
        )
    } else {
        String::new()
    };
    format!(
        "version: 0.1\n\
         log: {{level: warn, accesslog: {{disabled: true}}}}\n\
         storage:\n  filesystem: {{rootdirectory: {}}}\n  delete: {{enabled: true}}\n\
         http: {{addr: {address}}}\n{auth}",
        storage.display(),
    )
}

/// The path and query of an answer's absolute `Location`.
fn target(answer: &Response) -> String {
    let location = answer.header("location").expect("an upload has a location");
    match location.split_once("://") {
        Some((_, rest)) => rest[rest.find('/').expect("a URL with a path")..].to_owned(),
        None => location.to_owned(),
    }
}

fn target_with_digest(answer: &Response, digest: &str) -> String {
    let target = target(answer);
    let separator = if target.contains('?') { '&' } else { '?' };
    format!("{target}{separator}digest={digest}")
}

struct Hashing<'a> {
    from: &'a mut dyn Read,
    hasher: airlock_hash::Sha256,
}

impl Read for Hashing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}
