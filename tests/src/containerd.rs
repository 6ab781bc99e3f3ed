//! A private `containerd`, driven by `ctr`: Debian's, or another one with its `ctr` and shim in the folder that
//! `AIRLOCK_TEST_CONTAINERD` names.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use crate::command::{Output, clean, run, succeed};
use crate::daemon::Daemon;

/// A running containerd with its own root, state and sockets; nothing of the machine's is touched.
#[derive(Debug)]
pub struct Containerd {
    daemon: Daemon,
    folder: TempDir,
    runs: AtomicU32,
    /// Whether its `ctr` wants the manifests of every platform, unlike the kubelet: so from version 2 on.
    wants_all: bool,
}

impl Containerd {
    /// Starts one and waits until it answers.
    pub fn start() -> Self {
        Self::with(|folder| config(folder, true))
    }

    /// Starts one that a kubelet could ask, configured as k3s does it: the folder of `hosts.toml` files, and a mirror
    /// (host and port) with user and password.
    pub fn for_kubelet(hosts_dir: &Path, mirror: &str, user: &str, password: &str) -> Self {
        Self::with(|folder| {
            format!(
                "{}[plugins.\"io.containerd.grpc.v1.cri\".containerd]\n  snapshotter = \"native\"\n\
                 [plugins.\"io.containerd.grpc.v1.cri\".registry]\n  config_path = \"{}\"\n\
                 [plugins.\"io.containerd.grpc.v1.cri\".registry.configs.\"{mirror}\".auth]\n  \
                   username = \"{user}\"\n  password = \"{password}\"\n",
                config(folder, false),
                hosts_dir.display()
            )
        })
    }

    fn with(config: impl FnOnce(&Path) -> String) -> Self {
        // A short path: a Unix socket's name has 108 bytes.
        let folder = tempfile::Builder::new().prefix("airlock-ctr-").tempdir().unwrap();
        let path = folder.path();
        fs::write(path.join("config.toml"), config(path)).unwrap();
        let mut argv: Vec<OsString> = Vec::new();
        if let Some(search) = search() {
            // Its shim is looked for on the way as well.
            let mut word = OsString::from("PATH=");
            word.push(search);
            argv.extend(["env".into(), word]);
        }
        argv.extend(["containerd".into(), "-c".into(), path.join("config.toml").into()]);
        let daemon = Daemon::start(&argv, path, &path.join("log"), Some(path));
        let mut containerd = Self {
            daemon,
            folder,
            runs: AtomicU32::new(0),
            wants_all: false,
        };
        let help = succeed(containerd.ctr().args(["images", "pull", "--help"])).stdout();
        containerd.wants_all = help.contains("--skip-metadata");
        let mut version = containerd.ctr();
        version.arg("version");
        let ready = || run(&mut version).status.success();
        assert!(
            containerd.daemon.wait_until(Duration::from_secs(30), ready),
            "containerd did not start: {}",
            containerd.daemon.log()
        );
        containerd
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("ctr.sock")
    }

    /// What it has said.
    pub fn log(&self) -> String {
        self.daemon.log()
    }

    /// A ctr command line to be completed.
    pub fn ctr(&self) -> Command {
        let mut command = clean("ctr", self.folder.path());
        if let Some(search) = search() {
            command.env("PATH", search);
        }
        command.arg("--address").arg(self.folder.path().join("ctr.sock"));
        command
    }

    /// Writes the `hosts.toml` of one registry name and returns the folder for `--hosts-dir`.
    pub fn hosts(&self, registry: &str, hosts_toml: &str) -> PathBuf {
        let folder = self.folder.path().join("certs.d");
        fs::create_dir_all(folder.join(registry)).unwrap();
        fs::write(folder.join(registry).join("hosts.toml"), hosts_toml).unwrap();
        folder
    }

    /// Sends everything asked of `registry` to the plain-HTTP server at `mirror`: containerd 1.6 falls
    /// back to the registry itself unless both `server` and `[host]` say so.
    pub fn mirror(&self, registry: &str, mirror: &str) -> PathBuf {
        self.hosts(
            registry,
            &format!(
                "server = \"http://{mirror}\"\n\
                 [host.\"http://{mirror}\"]\n  capabilities = [\"pull\", \"resolve\"]\n"
            ),
        )
    }

    /// Pulls through the configuration in `hosts_dir`.
    pub fn pull(&self, hosts_dir: &Path, reference: &str) {
        let mut command = self.pulling(hosts_dir);
        succeed(command.arg(reference));
    }

    /// Pulls with a user's name and password.
    pub fn pull_as(&self, hosts_dir: &Path, reference: &str, user: &str) -> Output {
        let mut command = self.pulling(hosts_dir);
        run(command.args(["--user", user]).arg(reference))
    }

    fn pulling(&self, hosts_dir: &Path) -> Command {
        let mut command = self.ctr();
        command
            .args(["images", "pull", "--snapshotter=native", "--hosts-dir"])
            .arg(hosts_dir);
        if self.wants_all {
            command.arg("--skip-metadata");
        }
        command
    }

    /// Takes the images of an archive, as a node of this machine's platform does.
    pub fn import(&self, archive: &Path, more: &[&str]) -> Output {
        let mut command = self.ctr();
        command
            .args(["images", "import", "--snapshotter=native"])
            .args(more);
        run(command.arg(archive))
    }

    /// Every image with its digest.
    pub fn images(&self) -> BTreeMap<String, String> {
        let mut command = self.ctr();
        let list = succeed(command.args(["images", "ls"])).stdout();
        let digest = |line: &str| {
            let mut words = line.split_whitespace();
            let name = words.next()?.to_owned();
            let digest = words.find(|word| word.starts_with("sha256:"))?;
            Some((name, digest.to_owned()))
        };
        list.lines().skip(1).filter_map(digest).collect()
    }

    /// The images of which something is missing for this machine's platform, as containerd sees it.
    pub fn incomplete(&self) -> Vec<String> {
        let mut command = self.ctr();
        let list = succeed(command.args(["images", "check", "--snapshotter=native"])).stdout();
        let lines = list.lines().skip(1).filter(|line| !line.contains(" complete ("));
        lines.map(str::to_owned).collect()
    }

    /// The digest under which a pulled image is known.
    pub fn digest(&self, reference: &str) -> String {
        let mut command = self.ctr();
        let list = succeed(command.args(["images", "ls", &format!("name=={reference}")])).stdout();
        list.split_whitespace()
            .find(|word| word.starts_with("sha256:"))
            .unwrap_or_else(|| panic!("{reference} is not in containerd:\n{list}"))
            .to_owned()
    }

    /// Runs a pulled image with its own entry point and returns what it printed.
    pub fn run(&self, reference: &str) -> String {
        let mut command = self.ctr();
        // runc keeps its containers in one place for the whole machine, so their names must differ.
        let folder = self
            .folder
            .path()
            .file_name()
            .expect("a temporary folder has a name");
        let name = format!(
            "{}-{}",
            folder.to_string_lossy(),
            self.runs.fetch_add(1, Ordering::Relaxed)
        );
        command.args(["run", "--rm", "--snapshotter=native", reference, &name]);
        succeed(&mut command).stdout()
    }
}

/// Where programs are looked for, if a containerd of one's own is to be found first.
fn search() -> Option<OsString> {
    let own = std::env::var_os("AIRLOCK_TEST_CONTAINERD")?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(PathBuf::from(own)).chain(std::env::split_paths(&path));
    Some(std::env::join_paths(all).unwrap())
}

fn config(folder: &Path, by_ctr_alone: bool) -> String {
    let folder = folder.display();
    let cri = if by_ctr_alone {
        "\"io.containerd.grpc.v1.cri\", "
    } else {
        ""
    };
    let architecture = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "amd64",
    };
    // The native snapshotter copies, and works on every file system; the others only log complaints. From version 2 on,
    // the daemon unpacks what is pulled; what earlier ones do not know they pass over.
    format!(
        "version = 2\n\
         root = \"{folder}/root\"\nstate = \"{folder}/state\"\n\
         disabled_plugins = [{cri}\"io.containerd.snapshotter.v1.aufs\",\n\
           \"io.containerd.snapshotter.v1.btrfs\", \"io.containerd.snapshotter.v1.devmapper\",\n\
           \"io.containerd.snapshotter.v1.zfs\"]\n\
         [grpc]\n  address = \"{folder}/ctr.sock\"\n\
         [ttrpc]\n  address = \"{folder}/ttrpc.sock\"\n\
         [[plugins.\"io.containerd.transfer.v1.local\".unpack_config]]\n  \
           platform = \"linux/{architecture}\"\n  snapshotter = \"native\"\n  differ = \"walking\"\n"
    )
}
