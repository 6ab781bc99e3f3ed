//! What kind of machine a node is.

use airlock_node::{FirewallTool, Node, NodeError, OsRelease, ServiceManager};
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

impl Machine {
    /// Its distribution as manifests name it, for look-ups and messages.
    pub fn distro(&self) -> String {
        self.os.distro().unwrap_or_else(|| "unknown".to_owned())
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
