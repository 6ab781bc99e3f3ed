//! The changes that make a machine a node.

use std::path::{Path, PathBuf};
use std::time::Duration;

use airlock_node::{Change, Content, FirewallRules, Packages, Service, ServiceManager};
use airlock_spec::k3s::{K3sRelease, NodeFiles, ReleaseFile};
use airlock_spec::site::{self, Addresses, Datastore, Selinux, Site};
use airlock_types::Host;

use crate::config::{self, Facts};
use crate::k3s::{BINARY, LINKS, Paths};
use crate::{
    IssuedLeaf, Machine, PackageSource, PlanError, Role, Secret, Secrets, authority, cis, openrc, registries,
    services, systemd,
};

/// The networks of pods and services where none are given.
const DEFAULT_NETWORKS: [&str; 2] = ["10.42.0.0/16", "10.43.0.0/16"];

/// What is wanted of a machine, and everything that has to be known for it.
pub struct Wanted<'a> {
    /// What the node is to be.
    pub role: Role,
    /// The site.
    pub site: &'a Site,
    /// The release.
    pub release: &'a K3sRelease,
    /// The machine.
    pub machine: &'a Machine,
    /// What the files named in the site's document hold.
    pub secrets: &'a Secrets,
    /// The content of a file of the release.
    pub file: &'a dyn Fn(&ReleaseFile) -> Content,
    /// Archives of images that the node imports, by file name.
    pub images: Vec<(String, Content)>,
    /// Archives of an earlier bundle in the same folder, which are not imported any more.
    pub stale: Vec<String>,
    /// Registries that images come from.
    pub hosts: Vec<Host>,
    /// Where the packages of the bundle are found; none where there are none, so that they come from where the machine
    /// looks already.
    pub packages: Option<PackageSource>,
    /// Certificates of the site's authority for this node.
    pub leaves: Vec<IssuedLeaf>,
    /// The `airlock` that is installed as well, so that it is there for uninstalling.
    pub itself: Option<Content>,
    /// How long k3s may take to be ready.
    pub wait: Duration,
}

impl std::fmt::Debug for Wanted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wanted")
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// The changes, in the order in which they are made; the last one starts k3s.
pub fn plan(wanted: &Wanted<'_>) -> Result<Vec<Change>, PlanError> {
    let node = node_files(wanted)?;
    tokens(wanted)?;
    let is_selinux = match wanted.site.cluster.selinux {
        Selinux::Auto => wanted.machine.selinux,
        Selinux::On => true,
        Selinux::Off => false,
    };
    let paths = Paths::new(&wanted.site.cluster.data_dir);
    // First of all, so that it is known what was there before anything of k3s was.
    let mut changes = grown(&paths);
    changes.extend(services::hosts(wanted.site));
    changes.extend(services::trust(wanted.machine, wanted.secrets));
    changes.extend(wanted.leaves.iter().flat_map(|leaf| {
        [
            Change::secret_file(&leaf.key, leaf.secret.expose()),
            Change::file(&leaf.certificate, 0o644, leaf.chain.as_str()),
        ]
    }));
    changes.extend(packages(wanted)?);
    if let Some(ntp) = &wanted.site.services.ntp {
        changes.extend(services::ntp(wanted.machine, ntp));
    }
    if let Some(dns) = &wanted.site.services.dns {
        changes.extend(services::dns(wanted.machine, dns));
    }
    if is_selinux {
        changes.extend(selinux_packages(wanted)?);
    }
    changes.extend(wanted.itself.iter().map(|content| Change::File {
        path: "/usr/local/bin/airlock".into(),
        mode: 0o755,
        content: content.clone(),
        secret: false,
    }));

    // From here on, what k3s reads when it starts.
    let mut read = vec![Change::File {
        path: BINARY.into(),
        mode: 0o755,
        content: (wanted.file)(&node.binary),
        secret: false,
    }];
    read.extend(LINKS.map(|name| Change::Link {
        path: Path::new("/usr/local/bin").join(name),
        target: "k3s".into(),
        keep: true,
    }));
    read.extend(folders(wanted.role, &paths));
    read.extend(images(wanted, node, &paths));
    read.extend(configuration(wanted, &paths, is_selinux)?);
    if wanted.site.cluster.cis {
        read.extend(hardening(wanted.role, &paths));
    }
    if wanted.role == Role::Server {
        read.extend(authority::changes(&wanted.secrets.authorities, &paths)?);
    }
    let (unit, files) = unit(wanted.role, wanted.machine.services);
    read.extend(files);
    let fingerprint = services::fingerprint(&read);
    changes.extend(read);

    if is_selinux {
        changes.push(Change::Relabel {
            paths: vec![BINARY.into(), paths.data.clone()],
            // Millions of files on a node that has run for a while, which have the labels of their containers.
            except: vec![paths.data.join("agent/containerd"), paths.data.join("storage")],
        });
    }
    changes.extend(firewall(wanted));
    changes.push(Change::Service(Service {
        manager: wanted.machine.services,
        unit,
        fingerprint,
        wait: wanted.wait,
    }));
    Ok(changes)
}

fn node_files<'a>(wanted: &'a Wanted<'_>) -> Result<&'a NodeFiles, PlanError> {
    let nodes = &wanted.release.nodes;
    nodes
        .iter()
        .find(|node| node.platform == wanted.machine.platform)
        .ok_or_else(|| {
            let held: Vec<String> = nodes.iter().map(|node| node.platform.to_string()).collect();
            PlanError::Platform {
                wanted: wanted.machine.platform.to_string(),
                held: held.join(", "),
            }
        })
}

/// Tokens that can be written into a file, and that are there where they are needed.
fn tokens(wanted: &Wanted<'_>) -> Result<(), PlanError> {
    let secrets = wanted.secrets;
    for (token, what) in [
        (&secrets.token, "token"),
        (&secrets.agent_token, "token of agents"),
    ] {
        let is_bad =
            |token: &Secret| token.expose().trim().is_empty() || token.expose().contains(['\n', '\r']);
        if token.as_ref().is_some_and(is_bad) {
            return Err(PlanError::Token(what));
        }
    }
    let joins = wanted.site.cluster.server.is_some();
    match wanted.role {
        Role::Agent if !joins => Err(PlanError::Agent("the address of a server")),
        Role::Agent if secrets.token.is_none() && secrets.agent_token.is_none() => {
            Err(PlanError::Agent("a token"))
        }
        Role::Server if joins && secrets.token.is_none() => Err(PlanError::Join),
        _ => Ok(()),
    }
}

fn packages(wanted: &Wanted<'_>) -> Result<Vec<Change>, PlanError> {
    let names = services::os_packages(wanted.site);
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let os = &wanted.machine.os;
    let manager = os
        .packages()
        .ok_or_else(|| PlanError::Distribution(wanted.machine.distro()))?;
    let source = wanted.packages.clone().unwrap_or_default();
    let mut changes = source.files;
    changes.push(Change::Packages(Packages {
        manager,
        names,
        files: Vec::new(),
        refresh: source.refresh,
    }));
    Ok(changes)
}

/// The policy packages of k3s, installed from files: there is no repository of them.
fn selinux_packages(wanted: &Wanted<'_>) -> Result<Vec<Change>, PlanError> {
    let os = &wanted.machine.os;
    let absent = || PlanError::Selinux(wanted.machine.distro());
    let distro = os.selinux().ok_or_else(absent)?;
    let files = wanted.release.selinux.get(&distro).ok_or_else(absent)?;
    let manager = os.packages().ok_or_else(absent)?;
    let path = |file: &ReleaseFile| Path::new(crate::packages::FOLDER).join(&file.name);
    let mut changes: Vec<Change> = files
        .iter()
        .map(|file| Change::File {
            path: path(file),
            mode: 0o644,
            content: (wanted.file)(file),
            secret: false,
        })
        .collect();
    changes.push(Change::Packages(Packages {
        manager,
        names: files
            .iter()
            .map(|file| package_name(&file.name).to_owned())
            .collect(),
        files: files.iter().map(path).collect(),
        refresh: Vec::new(),
    }));
    Ok(changes)
}

/// The name in `NAME-VERSION-RELEASE.ARCH.rpm`.
fn package_name(file: &str) -> &str {
    let mut parts = file.rsplitn(3, '-');
    let (_, _) = (parts.next(), parts.next());
    parts.next().unwrap_or(file)
}

/// What k3s and its kubelet make themselves.
fn grown(paths: &Paths) -> Vec<Change> {
    let fixed = [
        "/etc/rancher",
        "/var/lib/kubelet",
        "/var/lib/cni",
        "/var/log/pods",
        "/var/log/containers",
        "/run/k3s",
        "/run/flannel",
    ];
    std::iter::once(paths.data.clone())
        .chain(fixed.map(PathBuf::from))
        .map(|path| Change::Grown { path })
        .collect()
}

fn folders(role: Role, paths: &Paths) -> Vec<Change> {
    let folder = |path: &Path| Change::Directory {
        path: path.to_owned(),
        mode: 0o700,
    };
    match role {
        Role::Server => vec![folder(&paths.server), folder(&paths.manifests)],
        Role::Agent => Vec::new(),
    }
}

fn images(wanted: &Wanted<'_>, node: &NodeFiles, paths: &Paths) -> Vec<Change> {
    let archives = wanted
        .images
        .iter()
        .map(|(name, content)| (name.as_str(), content.clone()));
    let upstream = node
        .archive
        .iter()
        .map(|file| (file.name.as_str(), (wanted.file)(file)));
    let stale = wanted.stale.iter().map(|name| Change::Absent {
        path: paths.images.join(name),
    });
    archives
        .chain(upstream)
        .map(|(name, content)| Change::File {
            path: paths.images.join(name),
            mode: 0o644,
            content,
            secret: false,
        })
        .chain(stale)
        .collect()
}

fn configuration(wanted: &Wanted<'_>, paths: &Paths, is_selinux: bool) -> Result<Vec<Change>, PlanError> {
    let (site, secrets) = (wanted.site, wanted.secrets);
    let mut changes = Vec::new();
    if let (Some(_), Some(ca)) = (&site.mirror, &secrets.mirror_ca) {
        changes.push(Change::file(registries::CA_FILE, 0o644, ca.as_str()));
    }
    let mut hosts = wanted.hosts.clone();
    hosts.extend(site.mirror.iter().flat_map(|mirror| mirror.hosts.clone()));
    hosts.sort();
    hosts.dedup();
    let registries = registries::registries(
        site.mirror.as_ref(),
        &hosts,
        secrets.mirror_ca.is_some(),
        secrets.mirror_password.as_ref(),
        site.cluster.embedded_registry,
    );
    // An agent joins with the token of agents where there is one; the token of servers stays on servers.
    let (token, agent_token) = match wanted.role {
        Role::Server => (secrets.token.as_ref(), secrets.agent_token.as_ref()),
        Role::Agent => (secrets.agent_token.as_ref().or(secrets.token.as_ref()), None),
    };
    for (path, token) in [(&paths.token, token), (&paths.agent_token, agent_token)] {
        if let Some(token) = token {
            changes.push(Change::secret_file(path, token.expose()));
        }
    }
    if let Some(text) = &registries {
        changes.push(Change::secret_file(&paths.registries, text.as_str()));
    }
    let text = config::config(&Facts {
        role: wanted.role,
        cluster: &site.cluster,
        paths,
        token,
        agent_token,
        has_registries: registries.is_some(),
        is_selinux,
    })?;
    changes.push(Change::file(&paths.config, 0o600, text));
    Ok(changes)
}

fn hardening(role: Role, paths: &Paths) -> Vec<Change> {
    let mut changes = vec![Change::file(
        "/etc/sysctl.d/90-airlock-k3s.conf",
        0o644,
        cis::sysctl_file(),
    )];
    changes.extend(cis::SYSCTLS.map(|(name, value)| Change::Sysctl {
        name: name.to_owned(),
        value: value.to_owned(),
    }));
    if role == Role::Server {
        changes.push(Change::Directory {
            path: paths.logs.clone(),
            mode: 0o700,
        });
        changes.push(Change::file(&paths.admission, 0o600, cis::admission()));
        changes.push(Change::file(&paths.audit, 0o600, cis::audit()));
        let policies = paths.manifests.join("airlock-cis-network-policies.yaml");
        changes.push(Change::file(&policies, 0o600, cis::network_policies()));
    }
    changes
}

/// The service's name and its files.
fn unit(role: Role, manager: ServiceManager) -> (String, Vec<Change>) {
    // What somebody writes into it would be gone with the next installation.
    let env_text = format!(
        "# Written by Airlock, and again with every installation. The environment of k3s, proxies and the like, goes into\n\
         # {}, which is read too.\n",
        match manager {
            ServiceManager::Systemd => format!(
                "/etc/default/{0} or /etc/sysconfig/{0} as NAME=VALUE",
                role.service()
            ),
            ServiceManager::OpenRc => format!("/etc/conf.d/{} as export NAME=VALUE", role.service()),
        }
    );
    let [unit, env, link] = match manager {
        ServiceManager::Systemd => Paths::unit(role),
        ServiceManager::OpenRc => Paths::openrc(role),
    };
    let shown = env.display().to_string();
    let (name, text, mode) = match manager {
        ServiceManager::Systemd => (
            format!("{}.service", role.service()),
            systemd::unit(role, &shown),
            0o644,
        ),
        ServiceManager::OpenRc => (role.service().to_owned(), openrc::service(role, &shown), 0o755),
    };
    let changes = vec![
        Change::file(&unit, mode, text),
        Change::file(&env, 0o600, env_text),
        Change::Link {
            path: link,
            target: unit,
            keep: false,
        },
    ];
    (name, changes)
}

fn firewall(wanted: &Wanted<'_>) -> Option<Change> {
    if wanted.site.firewall == site::Firewall::Leave {
        return None;
    }
    let tool = wanted.machine.firewall?;
    let cluster = &wanted.site.cluster;
    let mut ports = vec!["10250/tcp"];
    let api;
    if wanted.role == Role::Server {
        // A number in site.yaml, or a text.
        let given = cluster.config.get("https-listen-port").map(ToString::to_string);
        let given = given.as_deref().map(|port| port.trim_matches('"'));
        api = format!("{}/tcp", given.unwrap_or("6443"));
        ports.push(&api);
        if cluster.datastore == Datastore::Etcd {
            ports.push("2379-2380/tcp");
        }
    }
    match cluster.flannel_backend.as_deref() {
        None | Some("vxlan") => ports.push("8472/udp"),
        Some("wireguard-native") => ports.extend(["51820/udp", "51821/udp"]),
        _ => {}
    }
    if cluster.embedded_registry {
        ports.push("5001/tcp");
    }
    let given = cluster.cluster_cidr.iter().chain(&cluster.service_cidr);
    let mut sources: Vec<String> = given.map(Addresses::to_string).collect();
    if sources.is_empty() {
        sources = DEFAULT_NETWORKS.map(str::to_owned).into();
    }
    Some(Change::Firewall(FirewallRules {
        tool,
        ports: ports.into_iter().map(str::to_owned).collect(),
        sources,
    }))
}
