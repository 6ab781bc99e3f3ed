//! What tests want to know, in `/run/stub-k3s`; for root alone, since it may hold secrets.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use serde_json::{Value, json};

use crate::archives::Images;
use crate::settings::{Role, Settings};

pub(crate) const FOLDER: &str = "/run/stub-k3s";
/// What stands before the version at the end of the binary, so that two releases have two binaries.
const MARK: &str = "\nstub-k3s-version=";

/// The release that this binary says it is.
pub(crate) fn version() -> String {
    let read = || -> std::io::Result<String> {
        let mut file = fs::File::open("/proc/self/exe")?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(64)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let end = read().unwrap_or_default();
    let version = end
        .rsplit_once(MARK)
        .map(|(_, version)| version.trim().to_owned());
    version.unwrap_or_else(|| "v1.34.5+k3s1".to_owned())
}

fn line(file: &str, value: &Value) {
    let _ = DirBuilder::new().mode(0o700).create(FOLDER);
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(Path::new(FOLDER).join(file))
        .unwrap();
    writeln!(file, "{value}").unwrap();
}

/// A start of the service.
pub(crate) fn start(role: Role, words: &[String], settings: &Settings) {
    let hash = |path: &Path| fs::read(path).ok().map(|bytes| airlock_tests::digest(&bytes));
    let files: serde_json::Map<String, Value> = settings
        .files
        .iter()
        .chain([&settings.registries])
        .filter_map(|path| Some((path.display().to_string(), hash(path)?.into())))
        .collect();
    let environment: std::collections::BTreeMap<String, String> = std::env::vars().collect();
    let value = json!({
        "role": role.name(),
        "version": version(),
        "pid": std::process::id(),
        "arguments": words,
        "environment": environment,
        "files": files,
        "binary": hash(Path::new("/proc/self/exe")),
        "options": settings.options,
    });
    line("starts", &value);
}

/// What the archives hold.
pub(crate) fn images(images: &Images) {
    let _ = fs::remove_file(Path::new(FOLDER).join("images"));
    line("images", &json!(images));
}

/// A file of manifests, seen for the first time or changed.
pub(crate) fn applied(value: &Value) {
    line("applied", value);
}

/// A run of Helm that came to nothing.
pub(crate) fn failed(value: &Value) {
    line("failed", value);
}

/// The time, as the API writes it.
pub(crate) fn now() -> String {
    let time = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    // A date that nobody calculates with; what matters is that no two are the same.
    format!("2026-01-01T00:00:00.{}Z", time.as_nanos())
}

/// `k3s certificate check --output json`.
pub(crate) fn certificates() -> Value {
    json!({"Certificates": [{"Filename": "serving-kube-apiserver.crt", "Subject": "kube-apiserver",
        "ExpiryTime": "2030-01-01T00:00:00Z", "Status": "OK"}]})
}

/// A command that is not the service.
pub(crate) fn call(words: &[String]) {
    line("calls", &json!(words));
}

/// `crictl images --output json`.
pub(crate) fn crictl_images() -> Value {
    let text = fs::read_to_string(Path::new(FOLDER).join("images")).unwrap_or_default();
    let images: Images = serde_json::from_str(text.trim()).unwrap_or_default();
    let images: Vec<Value> = images
        .iter()
        .map(|(name, digest)| json!({"id": digest, "repoTags": [name], "repoDigests": []}))
        .collect();
    json!({"images": images})
}

/// Tells systemd that the service is ready (sd_notify(3)).
pub(crate) fn ready() {
    let Ok(socket) = std::env::var("NOTIFY_SOCKET") else {
        return;
    };
    let sender = UnixDatagram::unbound().unwrap();
    sender.send_to(b"READY=1\nSTATUS=the stub runs", socket).unwrap();
}
