//! Where k3s keeps its files on a node.

use std::path::{Path, PathBuf};

use crate::Role;

/// Paths of a node.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    /// `/var/lib/rancher/k3s`
    pub(crate) data: PathBuf,
    pub(crate) config: PathBuf,
    pub(crate) registries: PathBuf,
    pub(crate) token: PathBuf,
    pub(crate) agent_token: PathBuf,
    /// Archives in it are imported at every start.
    pub(crate) images: PathBuf,
    pub(crate) server: PathBuf,
    pub(crate) tls: PathBuf,
    /// What is in it is applied to the cluster.
    pub(crate) manifests: PathBuf,
    pub(crate) admission: PathBuf,
    pub(crate) audit: PathBuf,
    pub(crate) logs: PathBuf,
}

/// The binary.
pub(crate) const BINARY: &str = "/usr/local/bin/k3s";
/// Names under which the binary is `kubectl`, `crictl` and `ctr`.
pub(crate) const LINKS: [&str; 3] = ["kubectl", "crictl", "ctr"];

impl Paths {
    pub(crate) fn new(data: &Path) -> Self {
        let etc = Path::new("/etc/rancher/k3s");
        let server = data.join("server");
        Self {
            config: etc.join("config.yaml"),
            registries: etc.join("registries.yaml"),
            token: etc.join("token"),
            agent_token: etc.join("agent-token"),
            images: data.join("agent/images"),
            tls: server.join("tls"),
            manifests: server.join("manifests"),
            admission: server.join("psa.yaml"),
            audit: server.join("audit.yaml"),
            logs: server.join("logs"),
            server,
            data: data.to_owned(),
        }
    }

    /// Unit or service file, its environment, and the link that starts it with the machine.
    pub(crate) fn unit(role: Role) -> [PathBuf; 3] {
        let unit = format!("{}.service", role.service());
        let folder = Path::new("/etc/systemd/system");
        [
            folder.join(&unit),
            folder.join(format!("{unit}.env")),
            folder.join("multi-user.target.wants").join(&unit),
        ]
    }

    pub(crate) fn openrc(role: Role) -> [PathBuf; 3] {
        let name = role.service();
        [
            Path::new("/etc/init.d").join(name),
            Path::new("/etc/rancher/k3s").join(format!("{name}.env")),
            Path::new("/etc/runlevels/default").join(name),
        ]
    }
}
