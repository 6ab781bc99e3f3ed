//! `config.yaml`: the options of k3s.

use airlock_spec::site::{Addresses, Cluster, Datastore};
use airlock_types::yaml;
use serde_json::{Map, Value, json};

use crate::k3s::Paths;
use crate::{PlanError, Role, Secret, cis};

/// Options that other files and fields decide, or that would put a secret into this file.
const OWN: [&str; 8] = [
    "token",
    "agent-token",
    "token-file",
    "agent-token-file",
    "server",
    "data-dir",
    "private-registry",
    "config",
];

/// What `config.yaml` is made of besides the site's own words.
pub(crate) struct Facts<'a> {
    pub(crate) role: Role,
    pub(crate) cluster: &'a Cluster,
    pub(crate) paths: &'a Paths,
    pub(crate) token: Option<&'a Secret>,
    pub(crate) agent_token: Option<&'a Secret>,
    pub(crate) has_registries: bool,
    pub(crate) is_selinux: bool,
}

/// The text of the file.
pub(crate) fn config(facts: &Facts<'_>) -> Result<String, PlanError> {
    let mut options = both(facts);
    if facts.role == Role::Server {
        server(facts, &mut options);
    }
    let own: &[_] = match facts.role {
        Role::Server => &[&facts.cluster.config],
        Role::Agent => &[&facts.cluster.agent_config],
    };
    for (name, value) in own.iter().flat_map(|options| options.iter()) {
        if OWN.contains(&name.as_str()) {
            return Err(PlanError::Option(name.clone()));
        }
        merge(&mut options, name, value);
    }
    Ok(format!(
        "# Written by Airlock from site.yaml. k3s reads it when it starts.\n{}",
        yaml::render(&Value::Object(options))
    ))
}

/// Arguments for parts of Kubernetes are added to those that are there; anything else is replaced.
fn merge(options: &mut Map<String, Value>, name: &str, value: &Value) {
    if let (true, Some(Value::Array(there))) = (name.ends_with("-arg"), options.get_mut(name)) {
        match value {
            Value::Array(more) => there.extend(more.iter().cloned()),
            one => there.push(one.clone()),
        }
        return;
    }
    options.insert(name.to_owned(), value.clone());
}

fn both(facts: &Facts<'_>) -> Map<String, Value> {
    let mut options = Map::new();
    let mut put = |name: &str, value: Value| options.insert(name.to_owned(), value);
    let cluster = facts.cluster;
    put("data-dir", json!(facts.paths.data));
    if facts.token.is_some() {
        put("token-file", json!(facts.paths.token));
    }
    if let Some(server) = &cluster.server {
        put("server", json!(server.as_str().trim_end_matches('/')));
    }
    if facts.is_selinux {
        put("selinux", json!(true));
    }
    if facts.has_registries {
        // Tried last, the upstream registry would hide the mirror's own answer behind a time-out.
        put("disable-default-registry-endpoint", json!(true));
    }
    if cluster.cis {
        put("protect-kernel-defaults", json!(true));
        put("kubelet-arg", json!(cis::kubelet()));
    }
    options
}

fn server(facts: &Facts<'_>, options: &mut Map<String, Value>) {
    let cluster = facts.cluster;
    let mut put = |name: &str, value: Value| options.insert(name.to_owned(), value);
    put("write-kubeconfig-mode", json!("0600"));
    if facts.agent_token.is_some() {
        put("agent-token-file", json!(facts.paths.agent_token));
    }
    if cluster.datastore == Datastore::Etcd && cluster.server.is_none() {
        put("cluster-init", json!(true));
    }
    if !cluster.tls_san.is_empty() {
        put("tls-san", json!(cluster.tls_san));
    }
    if !cluster.cluster_cidr.is_empty() {
        put("cluster-cidr", json!(listed(&cluster.cluster_cidr)));
    }
    if !cluster.service_cidr.is_empty() {
        put("service-cidr", json!(listed(&cluster.service_cidr)));
    }
    if let Some(dns) = &cluster.cluster_dns {
        put("cluster-dns", json!(dns.to_string()));
    }
    if let Some(domain) = &cluster.cluster_domain {
        put("cluster-domain", json!(domain));
    }
    if let Some(backend) = &cluster.flannel_backend {
        put("flannel-backend", json!(backend));
    }
    if !cluster.disable.is_empty() {
        put("disable", json!(cluster.disable));
    }
    if cluster.secrets_encryption || cluster.cis {
        put("secrets-encryption", json!(true));
    }
    if cluster.embedded_registry {
        put("embedded-registry", json!(true));
    }
    if cluster.cis {
        put("kube-apiserver-arg", json!(cis::api_server(facts.paths)));
        put("kube-controller-manager-arg", json!(cis::controller_manager()));
    }
}

fn listed(networks: &[Addresses]) -> String {
    let all: Vec<String> = networks.iter().map(ToString::to_string).collect();
    all.join(",")
}
