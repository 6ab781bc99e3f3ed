//! skopeo, podman and buildah, each with a configuration of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::command::{clean, succeed};

/// What the container tools read instead of `/etc/containers`: trust anything, plain HTTP for the named
/// registries, and resource limits that an unprivileged machine can grant.
#[derive(Debug)]
pub(crate) struct Configuration {
    folder: PathBuf,
}

impl Configuration {
    pub(crate) fn write(folder: &Path, plain_http: &[&str]) -> Self {
        use std::fmt::Write as _;
        let mut registries = "unqualified-search-registries = []\n".to_owned();
        for host in plain_http {
            write!(
                registries,
                "[[registry]]\nlocation = \"{host}\"\ninsecure = true\n"
            )
            .unwrap();
        }
        for (name, text) in [
            (
                "policy.json",
                r#"{"default":[{"type":"insecureAcceptAnything"}]}"#,
            ),
            ("registries.conf", &registries),
            // runc because crun refuses hybrid cgroups; limits because the default asks for more than
            // a container may have.
            (
                "containers.conf",
                "[containers]\ndefault_ulimits = [\"nofile=4096:4096\", \"nproc=4096:4096\"]\n\
                 [engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"none\"\n",
            ),
            ("auth.json", "{}"),
        ] {
            fs::write(folder.join(name), text).unwrap();
        }
        Self {
            folder: folder.to_owned(),
        }
    }

    pub(crate) fn policy(&self) -> PathBuf {
        self.folder.join("policy.json")
    }

    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = clean(program, &self.folder);
        command
            .env("CONTAINERS_CONF", self.folder.join("containers.conf"))
            .env("CONTAINERS_REGISTRIES_CONF", self.folder.join("registries.conf"))
            .env("REGISTRY_AUTH_FILE", self.folder.join("auth.json"));
        command
    }

    /// A tool over containers/storage, with everything it keeps below the folder.
    pub(crate) fn storage_command(&self, program: &str) -> Command {
        let mut command = self.command(program);
        command
            .args(["--storage-driver", "vfs", "--root"])
            .arg(self.folder.join("root"))
            .arg("--runroot")
            .arg(self.folder.join("run"));
        command
    }
}

/// `skopeo`, the judge of digests.
#[derive(Debug)]
pub struct Skopeo {
    configuration: Configuration,
    folder: TempDir,
}

impl Skopeo {
    /// With a home of its own. Whoever calls has asked [`crate::peer::require`] before.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let configuration = Configuration::write(folder.path(), &[]);
        Self {
            configuration,
            folder,
        }
    }

    /// A skopeo command line to be completed.
    pub fn command(&self, verb: &str) -> Command {
        let mut command = self.configuration.command("skopeo");
        command.arg("--policy").arg(self.configuration.policy()).arg(verb);
        command
    }

    /// The exact bytes of the manifest that a plain-HTTP registry has under `host/repo:tag` or `…@digest`.
    pub fn raw(&self, reference: &str) -> Vec<u8> {
        let mut command = self.command("inspect");
        command
            .args(["--tls-verify=false", "--raw"])
            .arg(format!("docker://{reference}"));
        succeed(&mut command).stdout
    }

    /// Copies an image between any two places, of an index the one for this machine; every digest is
    /// checked on the way.
    pub fn copy(&self, from: &str, to: &str) {
        let mut command = self.command("copy");
        command.args([
            "--quiet",
            "--preserve-digests",
            "--src-tls-verify=false",
            "--dest-tls-verify=false",
        ]);
        succeed(command.args([from, to]));
    }

    /// A folder for what is copied.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Default for Skopeo {
    fn default() -> Self {
        Self::new()
    }
}

/// `podman` with its own storage.
#[derive(Debug)]
pub struct Podman {
    configuration: Configuration,
    folder: TempDir,
}

impl Podman {
    /// A podman that reaches the named registries over plain HTTP.
    pub fn new(plain_http: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let configuration = Configuration::write(folder.path(), plain_http);
        Self {
            configuration,
            folder,
        }
    }

    /// The same with another `registries.conf`, for example one that `airlock config podman` prints.
    pub fn with_registries(registries_conf: &str) -> Self {
        let podman = Self::new(&[]);
        fs::write(podman.folder.path().join("registries.conf"), registries_conf).unwrap();
        podman
    }

    /// A podman command line to be completed.
    pub fn command(&self, verb: &str) -> Command {
        let mut command = self.configuration.storage_command("podman");
        command.arg(verb);
        command
    }

    /// Pulls an image and returns its id.
    pub fn pull(&self, reference: &str) -> String {
        let mut command = self.command("pull");
        command
            .arg("--quiet")
            .arg("--signature-policy")
            .arg(self.configuration.policy())
            .arg(reference);
        succeed(&mut command).stdout().trim().to_owned()
    }

    /// Runs a pulled image with its own entry point, without a network, and returns what it printed.
    pub fn run(&self, reference: &str) -> String {
        let mut command = self.command("run");
        command.args(["--rm", "--pull=never", "--network=none", reference]);
        succeed(&mut command).stdout()
    }
}
