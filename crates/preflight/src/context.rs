//! What checks are told: the machine, and what is going to be installed on it.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use airlock_spec::site::{Addresses, Datastore, Site};
use serde::Serialize;

use crate::Host;
use crate::mirror::{Answer, Mirror, Refusal};

/// Where k3s keeps its data unless it is told otherwise.
pub const DATA_DIR: &str = "/var/lib/rancher/k3s";

/// What a node does in its cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It runs the control plane, and pods.
    #[default]
    Server,
    /// It runs pods.
    Agent,
}

/// Room that an installation takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Below which folder.
    pub folder: PathBuf,
    /// How much.
    pub bytes: u64,
    /// What for, `the images`.
    pub what: String,
}

/// A time before which it cannot be, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotBefore {
    /// The time.
    pub time: SystemTime,
    /// What was done then, `the import of edge 1.2`.
    pub what: String,
}

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// What is known of the installation that is to come. All of it is the caller's to find out.
#[derive(Clone)]
pub struct Settings {
    /// The role of the node.
    pub role: Role,
    /// The release of k3s, `v1.34.5+k3s1`, where it is known.
    pub release: Option<String>,
    /// The site, where there is a `site.yaml`.
    pub site: Option<Site>,
    /// Another place of the data than the site's.
    pub data_dir: Option<PathBuf>,
    /// The room that is needed; empty where no bundle or store was named.
    pub needs: Vec<Need>,
    /// The system's clock.
    pub clock: Clock,
    /// The newest time that is known.
    pub not_before: Option<NotBefore>,
    /// The mirror.
    pub mirror: Option<Arc<dyn Mirror>>,
    /// Variables that k3s will be started with, besides those in its files on the machine.
    pub environment: Vec<(String, String)>,
    /// The distributions whose SELinux policy for k3s comes with the installation, `el9`.
    pub selinux_policies: Vec<String>,
    /// Whether the k3s of this machine was installed by Airlock, so that it may be there already.
    pub is_installed: bool,
}

impl Settings {
    /// A server with the defaults of k3s, of which nothing else is known.
    pub fn new(clock: Clock) -> Self {
        Self {
            role: Role::Server,
            release: None,
            site: None,
            data_dir: None,
            needs: Vec::new(),
            clock,
            not_before: None,
            mirror: None,
            environment: Vec::new(),
            selinux_policies: Vec::new(),
            is_installed: false,
        }
    }
}

impl fmt::Debug for Settings {
    // By hand, since variables hold the passwords of proxies.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("role", &self.role)
            .field("release", &self.release)
            .field("needs", &self.needs)
            .finish_non_exhaustive()
    }
}

/// The machine and the settings, as a check sees them.
#[derive(Debug)]
pub struct Context {
    pub(crate) host: Host,
    pub(crate) settings: Settings,
    asked: OnceLock<Result<Answer, Refusal>>,
}

impl Context {
    /// Puts them together.
    pub fn new(host: Host, settings: Settings) -> Self {
        Self {
            host,
            settings,
            asked: OnceLock::new(),
        }
    }

    /// What the mirror answers, asked once; `None` where there is no mirror.
    pub(crate) fn mirror(&self) -> Option<(&dyn Mirror, &Result<Answer, Refusal>)> {
        let mirror = self.settings.mirror.as_deref()?;
        Some((mirror, self.asked.get_or_init(|| mirror.ask())))
    }

    pub(crate) fn site(&self) -> Option<&Site> {
        self.settings.site.as_ref()
    }

    pub(crate) fn is_server(&self) -> bool {
        self.settings.role == Role::Server
    }

    /// Whether this node keeps the embedded etcd.
    pub(crate) fn has_etcd(&self) -> bool {
        self.is_server()
            && self
                .site()
                .is_some_and(|site| site.cluster.datastore == Datastore::Etcd)
    }

    pub(crate) fn data_dir(&self) -> &Path {
        self.settings
            .data_dir
            .as_deref()
            .or_else(|| self.site().map(|site| site.cluster.data_dir.as_path()))
            .filter(|path| path.is_absolute())
            .unwrap_or(Path::new(DATA_DIR))
    }

    /// An option of k3s' own configuration that the site sets.
    pub(crate) fn option(&self, name: &str) -> Option<&serde_json::Value> {
        let cluster = &self.site()?.cluster;
        let options = if self.is_server() {
            &cluster.config
        } else {
            &cluster.agent_config
        };
        options.get(name)
    }

    /// Whether a list among the options holds this item: `kubelet-arg`, `fail-swap-on=false`.
    pub(crate) fn has_argument(&self, name: &str, item: &str) -> bool {
        match self.option(name) {
            Some(serde_json::Value::String(text)) => text == item,
            Some(serde_json::Value::Array(items)) => items.iter().any(|it| it.as_str() == Some(item)),
            _ => false,
        }
    }

    /// Whether an option is on.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        match self.option(name) {
            Some(serde_json::Value::Bool(on)) => *on,
            Some(serde_json::Value::String(text)) => text == "true",
            _ => false,
        }
    }

    /// How pods of different nodes reach each other.
    pub(crate) fn flannel_backend(&self) -> &str {
        self.site()
            .and_then(|site| site.cluster.flannel_backend.as_deref())
            .or_else(|| {
                // Agents learn it from the servers.
                let given = self.site()?.cluster.config.get("flannel-backend");
                given.and_then(serde_json::Value::as_str)
            })
            .unwrap_or("vxlan")
    }

    /// The networks of pods and services, with the names that k3s has for them.
    pub(crate) fn cluster_networks(&self) -> Vec<(&'static str, Addresses)> {
        let cluster = self.site().map(|site| &site.cluster);
        let of = |name: &'static str, given: Option<&Vec<Addresses>>, usual: [u8; 4]| {
            let given = given.filter(|given| !given.is_empty());
            let usual = Addresses {
                network: IpAddr::from(usual),
                prefix: 16,
            };
            given
                .cloned()
                .unwrap_or_else(|| vec![usual])
                .into_iter()
                .map(move |network| (name, network))
        };
        let pods = of("cluster-cidr", cluster.map(|it| &it.cluster_cidr), [10, 42, 0, 0]);
        let services = of("service-cidr", cluster.map(|it| &it.service_cidr), [10, 43, 0, 0]);
        pods.chain(services).collect()
    }

    /// The minor version of Kubernetes, `34`.
    pub(crate) fn minor(&self) -> Option<u32> {
        let release = self.settings.release.as_deref()?;
        let mut parts = release.strip_prefix('v').unwrap_or(release).split('.');
        let major: u32 = parts.next()?.parse().ok()?;
        let minor: u32 = parts.next()?.parse().ok()?;
        (major == 1).then_some(minor)
    }
}
