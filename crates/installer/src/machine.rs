//! What kind of machine a node is.

use airlock_node::{FirewallTool, Node, NodeError, PackageManager, ServiceManager};
use airlock_types::Platform;

/// The largest file of facts.
const MAX_FACTS: u64 = 1 << 20;

/// What has to be known of a machine to plan for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// What its programs are made for.
    pub platform: Platform,
    /// What starts its services.
    pub services: ServiceManager,
    /// Its distribution.
    pub os: OsRelease,
    /// Whether SELinux enforces.
    pub selinux: bool,
    /// The firewall that is active.
    pub firewall: Option<FirewallTool>,
}

/// `os-release(5)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OsRelease {
    /// `debian`, `rocky`, `sles`.
    pub id: String,
    /// What it is like: `rhel fedora`.
    pub like: Vec<String>,
    /// `12`, `9.4`.
    pub version: String,
    /// `coreos`, `iot`; empty where there is none.
    pub variant: String,
    /// Whether its files come as one tree (`OSTREE_VERSION`), so that packages are layered on it.
    pub is_ostree: bool,
}

/// Why nothing can be planned for a machine.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// Its files cannot be read.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// Neither systemd nor OpenRC.
    #[error("neither systemd nor OpenRC starts the services of this machine")]
    Services,
    /// An architecture without a name in OCI.
    #[error("the architecture of this machine is not known: {0}")]
    Architecture(String),
}

impl OsRelease {
    /// Reads the text of `/etc/os-release`.
    pub fn parse(text: &str) -> Self {
        let mut os = Self::default();
        for line in text.lines() {
            let Some((name, value)) = line.split_once('=') else {
                continue;
            };
            let value = value.trim().trim_matches(['"', '\'']);
            match name.trim() {
                "ID" => value.clone_into(&mut os.id),
                "ID_LIKE" => os.like = value.split_whitespace().map(str::to_owned).collect(),
                "VERSION_ID" => value.clone_into(&mut os.version),
                "VARIANT_ID" => value.clone_into(&mut os.variant),
                "OSTREE_VERSION" => os.is_ostree = !value.is_empty(),
                _ => {}
            }
        }
        os
    }

    fn is_like(&self, names: &[&str]) -> bool {
        names.contains(&self.id.as_str()) || self.like.iter().any(|like| names.contains(&like.as_str()))
    }

    /// The part of the version before the first dot.
    pub fn major(&self) -> &str {
        self.version.split('.').next().unwrap_or_default()
    }

    /// As manifests name a distribution: `debian-12`, `ubuntu-24.04`.
    pub fn distro(&self) -> String {
        format!("{}-{}", self.id, self.version)
    }

    /// As k3s names the distribution of its SELinux policy: `el9`, `sle`, `coreos`. A Fedora after 36 takes the one of
    /// `el8`, as does Amazon Linux 2023 (k3s, `install.sh`, `setup_selinux`); `el10` is a folder of k3s-selinux's own.
    pub fn selinux(&self) -> Option<String> {
        if self.is_like(&["suse", "sles", "opensuse"]) {
            return Some("sle".to_owned());
        }
        if !self.is_like(&["rhel", "centos", "fedora", "coreos"]) {
            return None;
        }
        let is_fedora = self.id == "fedora" || self.like == ["fedora"];
        if self.like == ["coreos"]
            || ["coreos", "iot"].contains(&self.variant.as_str())
            || (is_fedora && self.is_ostree)
        {
            return Some("coreos".to_owned());
        }
        let distro = match (self.id.as_str(), self.major()) {
            (_, "7") | ("amzn", "2") => "el7",
            (_, "8" | "V10") => "el8",
            (_, "10") => "el10",
            (_, major) if major.parse::<u32>().is_ok_and(|major| major > 36) => "el8",
            _ => "el9",
        };
        Some(distro.to_owned())
    }

    /// What installs packages.
    pub fn packages(&self) -> Option<PackageManager> {
        if self.is_like(&["debian", "ubuntu"]) {
            Some(PackageManager::Apt)
        } else if self.is_like(&["rhel", "centos", "fedora"]) {
            Some(PackageManager::Dnf)
        } else if self.is_like(&["suse", "sles", "opensuse"]) {
            Some(PackageManager::Zypper)
        } else {
            None
        }
    }
}

impl Machine {
    /// As Debian calls its architecture (deb-architecture(7)); `None` where Debian has none.
    pub fn debian_architecture(&self) -> Option<&'static str> {
        match self.platform.architecture() {
            "amd64" => Some("amd64"),
            "arm64" => Some("arm64"),
            "arm" => Some("armhf"),
            "riscv64" => Some("riscv64"),
            "s390x" => Some("s390x"),
            "ppc64le" => Some("ppc64el"),
            _ => None,
        }
    }

    /// The machine of a node: its files tell most; of a tree, what it does not tell is what this binary was made for,
    /// and systemd.
    pub fn of(node: &Node) -> Result<Self, MachineError> {
        let mut os = OsRelease::default();
        for path in ["/etc/os-release", "/usr/lib/os-release"] {
            if let Some(bytes) = node.read(path, MAX_FACTS)? {
                os = OsRelease::parse(&String::from_utf8_lossy(&bytes));
                break;
            }
        }
        let has = |path: &str| node.followed(path).is_ok_and(|path| path.exists());
        let services = if has("/run/systemd/system") {
            ServiceManager::Systemd
        } else if has("/sbin/openrc-run") || has("/run/openrc") {
            ServiceManager::OpenRc
        } else if node.is_machine() {
            return Err(MachineError::Services);
        } else {
            ServiceManager::Systemd
        };
        let enforce = node.read("/sys/fs/selinux/enforce", MAX_FACTS)?;
        Ok(Self {
            platform: platform()?,
            services,
            os,
            selinux: enforce.is_some_and(|text| text.starts_with(b"1")),
            firewall: node.is_machine().then(FirewallTool::active).flatten(),
        })
    }
}

/// The platform of this machine, as OCI names it.
fn platform() -> Result<Platform, MachineError> {
    let machine = rustix::system::uname().machine().to_string_lossy().into_owned();
    let architecture = match machine.as_str() {
        "x86_64" => "linux/amd64",
        "aarch64" => "linux/arm64",
        "armv7l" | "armv8l" => "linux/arm/v7",
        "riscv64" => "linux/riscv64",
        "s390x" => "linux/s390x",
        _ => return Err(MachineError::Architecture(machine)),
    };
    architecture
        .parse()
        .map_err(|_| MachineError::Architecture(machine))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_are_told_apart() {
        let read = |text: &str| {
            let os = OsRelease::parse(text);
            (os.distro(), os.selinux(), os.packages())
        };
        assert_eq!(
            read("ID=debian\nVERSION_ID=\"12\"\n"),
            ("debian-12".into(), None, Some(PackageManager::Apt))
        );
        assert_eq!(
            read("NAME=x\nID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID='9.4'"),
            ("rocky-9.4".into(), Some("el9".into()), Some(PackageManager::Dnf))
        );
        assert_eq!(
            read("ID=sles\nID_LIKE=suse\nVERSION_ID=15.6"),
            (
                "sles-15.6".into(),
                Some("sle".into()),
                Some(PackageManager::Zypper)
            )
        );
        assert_eq!(read("garbage"), ("-".into(), None, None));
    }

    #[test]
    fn policies_of_selinux_are_those_that_the_installer_of_k3s_takes() {
        let policy = |text: &str| OsRelease::parse(text).selinux().unwrap_or_default();
        for (text, wanted) in [
            ("ID=fedora\nVERSION_ID=41\nVARIANT_ID=server\n", "el8"),
            ("ID=fedora\nVERSION_ID=36\n", "el9"),
            (
                "ID=fedora\nVERSION_ID=41\nVARIANT_ID=coreos\nOSTREE_VERSION='41.2'\n",
                "coreos",
            ),
            ("ID=fedora\nVERSION_ID=41\nOSTREE_VERSION='41.2'\n", "coreos"),
            ("ID=\"amzn\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"2023\"\n", "el8"),
            (
                "ID=\"amzn\"\nID_LIKE=\"centos rhel fedora\"\nVERSION_ID=\"2\"\n",
                "el7",
            ),
            (
                "ID=\"almalinux\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"10.0\"\n",
                "el10",
            ),
            (
                "ID=opensuse-leap\nID_LIKE=\"suse opensuse\"\nVERSION_ID=15.6\n",
                "sle",
            ),
            ("ID=debian\nVERSION_ID=12\n", ""),
        ] {
            assert_eq!(policy(text), wanted, "{text}");
        }
    }
}
