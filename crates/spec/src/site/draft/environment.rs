//! Settings of the classic install scripts, as a draft of a `site.yaml`.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::{Draft, options};
use crate::k3s::Flag;
use crate::yaml::below;

/// What becomes of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Becomes {
    /// A field of `site.yaml`.
    Field(String),
    /// A file that `site.yaml` names, since it is a secret.
    SecretFile(String),
    /// Something that the manifest says, on the connected side.
    Manifest,
    /// An argument of a command.
    Command,
    /// Nothing: it is done by Airlock itself.
    Own,
    /// Nothing: it is not understood, or must not be written down.
    NotUnderstood,
}

/// A setting, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The variable, with the option in it: `INSTALL_K3S_EXEC --tls-san`.
    pub name: String,
    /// What became of it.
    pub becomes: Becomes,
    /// What is to be known of that; never a secret.
    pub about: String,
}

/// A secret, to be written to a file that only its owner reads.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretFile {
    /// Relative to the folder of the `site.yaml`.
    pub path: String,
    /// The secret.
    pub value: String,
}

impl std::fmt::Debug for SecretFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretFile")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// What an environment says of a site.
#[derive(Clone, Debug, Default)]
pub struct FromEnvironment {
    /// The draft.
    pub draft: Draft,
    /// The secrets.
    pub secrets: Vec<SecretFile>,
    /// What became of each setting, in order of name.
    pub settings: Vec<Setting>,
}

/// How a variable is taken over.
#[derive(Clone, Copy, Debug)]
enum How {
    Manifest(&'static str),
    Own(&'static str),
    NotUnderstood(&'static str),
    /// As this option of k3s.
    Option(&'static str),
    /// As this switch of k3s.
    Switch(&'static str),
    CommandLine,
    Namespace,
    Mirror,
    MirrorCa,
    MirrorUser,
    MirrorPassword,
    MirrorPasswordFile,
    TimeServers,
}

use How::{CommandLine, Manifest, NotUnderstood, Option as K3sOption, Own, Switch};

const OFFLINE: &str = "everything comes from the bundle";
const PLACES: &str = "files go where k3s and systemd look for them";

/// Every variable that is known. A test holds the table of the documentation against it.
#[rustfmt::skip]
const VARIABLES: &[(&str, How)] = &[
    ("AGENT_TOKEN", K3sOption("agent-token")),
    ("CLUSTER_CIDR", K3sOption("cluster-cidr")),
    ("CLUSTER_DNS", K3sOption("cluster-dns")),
    ("CLUSTER_DOMAIN", K3sOption("cluster-domain")),
    ("DATA_DIR", K3sOption("data-dir")),
    ("FLANNEL_BACKEND", K3sOption("flannel-backend")),
    ("HTTPS_PROXY", NotUnderstood("a proxy leads out of the site; set it in /etc/default/k3s where one is needed inside")),
    ("HTTP_PROXY", NotUnderstood("a proxy leads out of the site; set it in /etc/default/k3s where one is needed inside")),
    ("INSTALL_K3S_ARTIFACT_URL", Own(OFFLINE)),
    ("INSTALL_K3S_BIN_DIR", Own(PLACES)),
    ("INSTALL_K3S_BIN_DIR_READ_ONLY", Own(PLACES)),
    ("INSTALL_K3S_CHANNEL", Manifest("components[].k3s.channel")),
    ("INSTALL_K3S_CHANNEL_URL", Manifest("components[].k3s.channels")),
    ("INSTALL_K3S_COMMIT", NotUnderstood("releases only, with their checksums: components[].k3s.version of the manifest")),
    ("INSTALL_K3S_EXEC", CommandLine),
    ("INSTALL_K3S_FORCE_RESTART", Own("a service is restarted when something that it reads has changed")),
    ("INSTALL_K3S_NAME", NotUnderstood("the service is called k3s or k3s-agent")),
    ("INSTALL_K3S_PR", NotUnderstood("releases only, with their checksums: components[].k3s.version of the manifest")),
    ("INSTALL_K3S_SELINUX_WARN", Own("`airlock preflight` says whether the policy is there")),
    ("INSTALL_K3S_SKIP_DOWNLOAD", Own(OFFLINE)),
    ("INSTALL_K3S_SKIP_ENABLE", NotUnderstood("services are enabled and started; `airlock install --root` only writes files")),
    ("INSTALL_K3S_SKIP_SELINUX_RPM", Own("the policy is installed where `cluster.selinux` wants it and the bundle has it")),
    ("INSTALL_K3S_SKIP_START", NotUnderstood("services are enabled and started; `airlock install --root` only writes files")),
    ("INSTALL_K3S_SYMLINK", Own("links to kubectl, crictl and ctr are made where there is nothing of that name")),
    ("INSTALL_K3S_SYSTEMD_DIR", Own(PLACES)),
    ("INSTALL_K3S_TYPE", Own("units of k3s are of type notify")),
    ("INSTALL_K3S_VERSION", Manifest("components[].k3s.version")),
    ("K3S_AGENT_TOKEN", K3sOption("agent-token")),
    ("K3S_AGENT_TOKEN_FILE", K3sOption("agent-token-file")),
    ("K3S_CHANNEL", Manifest("components[].k3s.channel")),
    ("K3S_CLUSTER_INIT", Switch("cluster-init")),
    ("K3S_CLUSTER_RESET", NotUnderstood("resetting a cluster is something that is done once, by hand")),
    ("K3S_CLUSTER_SECRET", K3sOption("token")),
    ("K3S_CONFIG_FILE", K3sOption("config")),
    ("K3S_DATASTORE_CAFILE", K3sOption("datastore-cafile")),
    ("K3S_DATASTORE_CERTFILE", K3sOption("datastore-certfile")),
    ("K3S_DATASTORE_ENDPOINT", K3sOption("datastore-endpoint")),
    ("K3S_DATASTORE_KEYFILE", K3sOption("datastore-keyfile")),
    ("K3S_DATA_DIR", K3sOption("data-dir")),
    ("K3S_DEBUG", Switch("debug")),
    ("K3S_EXEC", CommandLine),
    ("K3S_KUBECONFIG_GROUP", K3sOption("write-kubeconfig-group")),
    ("K3S_KUBECONFIG_MODE", K3sOption("write-kubeconfig-mode")),
    ("K3S_KUBECONFIG_OUTPUT", K3sOption("write-kubeconfig")),
    ("K3S_LB_SERVER_PORT", K3sOption("lb-server-port")),
    ("K3S_NODE_NAME", K3sOption("node-name")),
    ("K3S_RESOLV_CONF", K3sOption("resolv-conf")),
    ("K3S_SELINUX", Switch("selinux")),
    ("K3S_SYSTEM_DEFAULT_REGISTRY", K3sOption("system-default-registry")),
    ("K3S_TLS_SAN", K3sOption("tls-san")),
    ("K3S_TOKEN", K3sOption("token")),
    ("K3S_TOKEN_FILE", K3sOption("token-file")),
    ("K3S_URL", K3sOption("server")),
    ("K3S_VERSION", Manifest("components[].k3s.version")),
    ("K3S_VPN_AUTH", K3sOption("vpn-auth")),
    ("K3S_VPN_AUTH_FILE", K3sOption("vpn-auth-file")),
    ("NAMESPACE", How::Namespace),
    ("NTP_SERVER", How::TimeServers),
    ("NTP_SERVERS", How::TimeServers),
    ("PRIVATE_REGISTRY", How::Mirror),
    ("REGISTRY", How::Mirror),
    ("REGISTRY_CA", How::MirrorCa),
    ("REGISTRY_CA_FILE", How::MirrorCa),
    ("REGISTRY_PASSWORD", How::MirrorPassword),
    ("REGISTRY_PASSWORD_FILE", How::MirrorPasswordFile),
    ("REGISTRY_URL", How::Mirror),
    ("REGISTRY_USER", How::MirrorUser),
    ("REGISTRY_USERNAME", How::MirrorUser),
    ("SERVICE_CIDR", K3sOption("service-cidr")),
    ("TLS_SAN", K3sOption("tls-san")),
];

/// The names of every variable that is known.
pub const SETTINGS: [&str; VARIABLES.len()] = {
    let mut names = [""; VARIABLES.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = VARIABLES[at].0;
        at += 1;
    }
    names
};

/// What the settings of the classic install scripts say of a site. Paths in them are relative to `cwd`.
///
/// Variables that belong to something else (`HOME`) are passed over; every other one is in the answer, also if nothing
/// becomes of it. No secret is in the draft or in what is told.
pub fn from_environment(environment: &BTreeMap<String, String>, cwd: &Path) -> FromEnvironment {
    let mut to = Translation {
        draft: Draft::default(),
        secrets: Vec::new(),
        settings: Vec::new(),
        is_agent: environment.get("K3S_URL").is_some_and(|url| !url.is_empty())
            && !["INSTALL_K3S_EXEC", "K3S_EXEC"].iter().any(|name| {
                environment
                    .get(*name)
                    .is_some_and(|line| line.trim_start().starts_with("server"))
            }),
        cwd,
    };
    for (name, value) in environment.iter().filter(|(_, value)| !value.trim().is_empty()) {
        match VARIABLES.iter().find(|(known, _)| known == name) {
            Some((_, how)) => variable(&mut to, name, *how, value.trim()),
            None if name.starts_with("K3S_") || name.starts_with("INSTALL_K3S_") => {
                to.told(
                    name,
                    Becomes::NotUnderstood,
                    "k3s and its install script may know it, Airlock does not",
                );
            }
            None => {}
        }
    }
    FromEnvironment {
        draft: to.draft,
        secrets: to.secrets,
        settings: to.settings,
    }
}

fn variable(to: &mut Translation<'_>, name: &str, how: How, value: &str) {
    match how {
        Manifest(field) => {
            let about = format!("{field} of the manifest: {value}");
            to.told(name, Becomes::Manifest, &about);
        }
        Own(about) => to.told(name, Becomes::Own, about),
        NotUnderstood(about) => to.told(name, Becomes::NotUnderstood, about),
        CommandLine => options::take(to, name, value),
        K3sOption(option) => {
            // Scripts write several names with spaces between, k3s wants commas.
            let value = match option {
                "tls-san" => value.split_whitespace().collect::<Vec<_>>().join(","),
                _ => value.to_owned(),
            };
            if let Some(flag) = Flag::named(option) {
                options::value(to, name, flag, &value);
            }
        }
        Switch(option) => {
            let line = format!("--{option}={}", options::is_true(value));
            options::take(to, name, &line);
            // The option is how it is read, not what was written.
            if let Some(last) = to.settings.last_mut() {
                name.clone_into(&mut last.name);
            }
        }
        How::Namespace => {
            to.draft.namespace = Some(value.to_owned());
            to.field(name, "cluster.namespace");
        }
        How::Mirror => to.mirror(name, value),
        How::MirrorCa => {
            to.draft.mirror_ca = Some(to.path(value));
            to.field(name, "mirror.ca");
        }
        How::MirrorUser => {
            to.draft.mirror_user = Some(value.to_owned());
            to.field(name, "mirror.auth.username");
        }
        How::MirrorPassword => {
            let path = to.secret(name, "secrets/mirror-password", value);
            to.draft.mirror_password_file = Some(path);
        }
        How::MirrorPasswordFile => {
            to.draft.mirror_password_file = Some(to.path(value));
            to.field(name, "mirror.auth.passwordFile");
        }
        How::TimeServers => {
            let servers = value.split([',', ' ']).filter(|part| !part.is_empty());
            to.draft.ntp_servers.extend(servers.map(str::to_owned));
            to.field(name, "services.ntp.servers");
        }
    }
}

/// A translation under way.
pub(super) struct Translation<'a> {
    pub(super) draft: Draft,
    secrets: Vec<SecretFile>,
    settings: Vec<Setting>,
    pub(super) is_agent: bool,
    cwd: &'a Path,
}

impl Translation<'_> {
    pub(super) fn told(&mut self, name: &str, becomes: Becomes, about: &str) {
        self.settings.push(Setting {
            name: name.to_owned(),
            becomes,
            about: about.to_owned(),
        });
    }

    pub(super) fn field(&mut self, name: &str, field: &str) {
        self.told(name, Becomes::Field(field.to_owned()), "");
    }

    pub(super) fn refused(&mut self, name: &str, about: &str) {
        self.told(name, Becomes::NotUnderstood, about);
    }

    /// A path that does not depend on where the command is run.
    pub(super) fn path(&self, path: &str) -> String {
        below(self.cwd, Path::new(path)).display().to_string()
    }

    fn secret(&mut self, name: &str, path: &str, value: &str) -> String {
        let known = self.secrets.iter().find(|secret| secret.path == path);
        match known {
            Some(known) if known.value == value => {
                self.told(name, Becomes::SecretFile(path.to_owned()), "the same as before");
            }
            Some(_) => self.told(
                name,
                Becomes::NotUnderstood,
                "another value was given for the same before",
            ),
            None => {
                self.secrets.push(SecretFile {
                    path: path.to_owned(),
                    value: value.to_owned(),
                });
                self.told(name, Becomes::SecretFile(path.to_owned()), "");
            }
        }
        path.to_owned()
    }

    pub(super) fn token(&mut self, name: &str, value: &str) {
        let path = self.secret(name, "secrets/token", value);
        self.draft.token_file = Some(path);
    }

    pub(super) fn agent_token(&mut self, name: &str, value: &str) {
        let path = self.secret(name, "secrets/agent-token", value);
        self.draft.agent_token_file = Some(path);
    }

    pub(super) fn server(&mut self, name: &str, value: &str) {
        if value.contains('@') {
            self.refused(name, "the address of a server has no credentials in it");
            return;
        }
        self.draft.server = Some(value.to_owned());
        self.field(name, "cluster.server");
    }

    fn mirror(&mut self, name: &str, value: &str) {
        if value.contains('@') {
            self.refused(
                name,
                "the address of the mirror has no credentials in it; use REGISTRY_USER and REGISTRY_PASSWORD",
            );
        } else if value.starts_with(['/', '.'])
            || Path::new(value).extension().is_some_and(|end| end == "yaml")
        {
            self.told(name, Becomes::Own, "registries.yaml is written from `mirror`");
        } else {
            // Scripts name a host, and often a path in it.
            let (scheme, rest) = value.split_once("://").unwrap_or(("https", value));
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            self.draft.mirror = Some(format!("{scheme}://{host}"));
            self.field(name, "mirror.url");
            if !path.is_empty() {
                let about = format!("the path below the registry is left out: {path}");
                self.told(name, Becomes::NotUnderstood, &about);
            }
        }
    }

    pub(super) fn data_store(&mut self, name: &str, value: &str) {
        if value.contains('@') {
            self.refused(name, "it may hold a password: give it to the node itself, in /etc/rancher/k3s/config.yaml.d with mode 0600");
        } else {
            self.option(name, "datastore-endpoint", Value::from(value), false, "");
        }
    }

    /// An option of k3s that has no field of its own.
    pub(super) fn option(&mut self, name: &str, option: &str, value: Value, list: bool, about: &str) {
        let (field, options) = if self.is_agent {
            ("cluster.agentConfig", &mut self.draft.agent_config)
        } else {
            ("cluster.config", &mut self.draft.config)
        };
        let (is_known, why) = if self.is_agent {
            (
                Flag::named(option).is_none_or(|flag| flag.agent),
                "it is an option of servers, and this is an agent",
            )
        } else {
            (
                Flag::named(option).is_none_or(|flag| flag.server),
                "it is an option of agents, and this is a server",
            )
        };
        if !is_known {
            self.told(name, Becomes::NotUnderstood, why);
            return;
        }
        if list {
            match options
                .entry(option.to_owned())
                .or_insert_with(|| Value::Array(Vec::new()))
            {
                Value::Array(values) => values.push(value),
                other => *other = value,
            }
        } else {
            options.insert(option.to_owned(), value);
        }
        self.told(name, Becomes::Field(format!("{field}.{option}")), about);
    }
}
