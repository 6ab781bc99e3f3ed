//! The files and processes that k3s makes when it starts.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::settings::{Role, Settings};

/// What is added to the name of the node.
pub(crate) const NODE_ID: &str = "/etc/rancher/node/id";

fn folder(path: &Path, mode: u32) -> Result<(), String> {
    DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .map_err(|error| format!("mkdir {}: {error}", path.display()))
}

fn file(path: &Path, mode: u32, text: &str) -> Result<(), String> {
    let written = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| format!("open {}: {error}", path.display()))
}

/// Makes the files, and reads what is to be applied.
pub(crate) fn write(role: Role, settings: &Settings) -> Result<(), String> {
    let data = &settings.data;
    for name in ["agent/etc/containerd", "agent/containerd", "data/current/bin"] {
        folder(&data.join(name), 0o700)?;
    }
    for path in [
        "/var/lib/kubelet/pods",
        "/var/lib/cni",
        "/run/k3s/containerd",
        "/run/flannel",
    ] {
        folder(Path::new(path), 0o755)?;
    }
    folder(Path::new("/etc/rancher/node"), 0o755)?;
    file(Path::new("/etc/rancher/node/password"), 0o600, "stub\n")?;
    if settings.one("with-node-id") == Some("true") {
        file(Path::new(NODE_ID), 0o644, "0badcafe\n")?;
    }
    file(
        &data.join("agent/etc/containerd/config.toml"),
        0o644,
        "version = 3\n",
    )?;
    if role == Role::Agent {
        return Ok(());
    }
    for name in [
        "server/tls/etcd",
        "server/db",
        "server/manifests",
        "server/static/charts",
        "server/cred",
    ] {
        folder(&data.join(name), 0o700)?;
    }
    for (name, files) in [("server-ca", ["crt", "key"]), ("client-ca", ["crt", "key"])] {
        let there = files.map(|end| data.join(format!("server/tls/{name}.{end}")).exists());
        if there[0] != there[1] {
            return Err(format!("{name}.crt and {name}.key are not both in server/tls"));
        }
        if !there[0] {
            file(&data.join(format!("server/tls/{name}.crt")), 0o644, "stub\n")?;
            file(&data.join(format!("server/tls/{name}.key")), 0o600, "stub\n")?;
        }
    }
    let given = settings.token.clone();
    let kept = fs::read_to_string(data.join("server/token")).ok();
    let password = |token: &str| {
        token
            .rsplit("::server:")
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    if let (Some(given), Some(kept)) = (&given, &kept)
        && password(given) != password(kept)
    {
        return Err("bootstrap data already found and encrypted with different token".to_owned());
    }
    let token = given
        .or(kept)
        .map_or_else(|| "0123456789abcdef".to_owned(), |token| password(&token));
    let full = format!("K10{}::server:{token}\n", "ab".repeat(32));
    file(&data.join("server/token"), 0o600, &full)?;
    if !data.join("server/node-token").exists() {
        std::os::unix::fs::symlink(data.join("server/token"), data.join("server/node-token")).unwrap();
    }
    if let Some(token) = &settings.agent_token {
        file(
            &data.join("server/agent-token"),
            0o600,
            &format!("K10{}::node:{token}\n", "ab".repeat(32)),
        )?;
    }
    for path in manifests(&data.join("server/manifests")) {
        objects(&path)?;
    }
    Ok(())
}

/// The files in the folder of manifests, in their order.
pub(crate) fn manifests(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|end| ["yaml", "yml", "json"].iter().any(|known| end == *known))
        })
        .collect();
    paths.sort();
    paths
}

/// The objects in a file.
pub(crate) fn objects(path: &Path) -> Result<Vec<Value>, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    let objects: Vec<Value> = documents.into_iter().filter(|object| !object.is_null()).collect();
    for object in &objects {
        for field in ["apiVersion", "kind"] {
            if !object[field].is_string() {
                return Err(format!("{}: an object without {field}", path.display()));
            }
        }
    }
    Ok(objects)
}

/// A process that stays when the service is stopped, as the shims of containers do.
#[expect(
    clippy::zombie_processes,
    reason = "it outlives this process, which is the point of it"
)]
pub(crate) fn shim(settings: &Settings) {
    let program = settings.data.join("data/current/bin/containerd-shim-runc-v2");
    let known = crate::record::FOLDER.to_owned() + "/shim";
    let alive = fs::read_to_string(&known).is_ok_and(|pid| Path::new("/proc").join(pid.trim()).exists());
    if alive {
        return;
    }
    if fs::copy("/bin/sleep", &program).is_err() {
        return;
    }
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let child = Command::new(&program)
        .arg("1000000")
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    fs::write(known, child.id().to_string()).unwrap();
}
