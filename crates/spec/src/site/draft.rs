//! A `site.yaml` to start from: what is known of a site, with the other fields as comments.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

mod environment;
mod options;
mod words;

pub use environment::{Becomes, FromEnvironment, SETTINGS, SecretFile, Setting, from_environment};

/// What is known of a site that has no `site.yaml` yet. Values are checked when it is read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// `metadata.name`.
    pub name: Option<String>,
    /// `mirror.url`.
    pub mirror: Option<String>,
    /// `mirror.ca`.
    pub mirror_ca: Option<String>,
    /// `mirror.auth.username`.
    pub mirror_user: Option<String>,
    /// `mirror.auth.passwordFile`.
    pub mirror_password_file: Option<String>,
    /// `cluster.server`.
    pub server: Option<String>,
    /// `cluster.tokenFile`.
    pub token_file: Option<String>,
    /// `cluster.agentTokenFile`.
    pub agent_token_file: Option<String>,
    /// `cluster.tlsSan`.
    pub tls_san: Vec<String>,
    /// `cluster.clusterCidr`.
    pub cluster_cidr: Vec<String>,
    /// `cluster.serviceCidr`.
    pub service_cidr: Vec<String>,
    /// `cluster.clusterDns`.
    pub cluster_dns: Option<String>,
    /// `cluster.clusterDomain`.
    pub cluster_domain: Option<String>,
    /// `cluster.flannelBackend`.
    pub flannel_backend: Option<String>,
    /// `cluster.datastore`.
    pub datastore: Option<String>,
    /// `cluster.disable`.
    pub disable: Vec<String>,
    /// `cluster.cis`.
    pub cis: bool,
    /// `cluster.secretsEncryption`.
    pub secrets_encryption: Option<bool>,
    /// `cluster.embeddedRegistry`.
    pub embedded_registry: Option<bool>,
    /// `cluster.dataDir`.
    pub data_dir: Option<String>,
    /// `cluster.selinux`.
    pub selinux: Option<String>,
    /// `cluster.namespace`.
    pub namespace: Option<String>,
    /// `cluster.config`.
    pub config: BTreeMap<String, Value>,
    /// `cluster.agentConfig`.
    pub agent_config: BTreeMap<String, Value>,
    /// `services.ntp.servers`.
    pub ntp_servers: Vec<String>,
}

impl Draft {
    /// The text of a `site.yaml`: what is known, and every other field as a comment with an example.
    pub fn render(&self) -> String {
        let mut out = Text(String::new());
        out.line("# What is true of this site, and of no other. The bundle says what is installed, this says where.");
        out.line("# Paths are relative to the folder of this file. Tokens, passwords and keys are never written here, only their files.");
        out.line("apiVersion: airlock.dev/v1");
        out.line("kind: Site");
        let name = self.name.as_deref().unwrap_or("site");
        out.line(&format!("metadata: {{name: {}}}", scalar(name)));
        self.mirror(&mut out);
        self.cluster(&mut out);
        out.line("");
        out.line("# Charts of the bundle are installed as they are, unless something is said of them here.");
        out.line("# charts:");
        out.line("#   - {release: monitoring, after: [cert-manager], values: [values/monitoring.yaml], timeout: 10m}");
        out.line("");
        out.line("# hosts: {10.0.0.5: [registry.site]}          # lines of /etc/hosts");
        out.line("# packages: [chrony]                          # packages of the bundle, on every node");
        out.line("# firewall: auto                              # leave: add no rules");
        out.line("");
        if self.ntp_servers.is_empty() {
            out.line("# services:                                   # what a node does for the site besides");
            out.line("#   ntp: {servers: [10.0.0.1]}");
        } else {
            out.line("services:                                     # what a node does for the site besides");
            out.line(&format!("  ntp: {{servers: {}}}", list(&self.ntp_servers)));
        }
        out.line("#   dns: {listen: [10.0.0.5], domain: site, records: {registry.site: [10.0.0.5]}}");
        out.line("#   ca: {certificate: tls/site-ca.pem}");
        out.0
    }

    fn mirror(&self, out: &mut Text) {
        out.line("");
        let Some(mirror) = &self.mirror else {
            out.line("# mirror:                                     # airlock serve, or a registry of the site's own");
            out.line("#   url: https://registry.site:5000");
            out.line("#   ca: tls/site-ca.pem");
            out.line("#   auth: {username: node, passwordFile: secrets/mirror-password}");
            return;
        };
        out.line(
            "mirror:                                       # airlock serve, or a registry of the site's own",
        );
        out.line(&format!("  url: {}", scalar(mirror)));
        out.field(
            "ca",
            self.mirror_ca.as_deref().map(scalar),
            "tls/site-ca.pem",
            "its authority",
        );
        let auth = self.mirror_user.is_some() || self.mirror_password_file.is_some();
        let auth = auth.then(|| {
            let file = self
                .mirror_password_file
                .as_deref()
                .unwrap_or("secrets/mirror-password");
            let user = self.mirror_user.as_deref().unwrap_or("node");
            format!("{{username: {}, passwordFile: {}}}", scalar(user), scalar(file))
        });
        out.field(
            "auth",
            auth,
            "{username: node, passwordFile: secrets/mirror-password}",
            "",
        );
    }

    fn cluster(&self, out: &mut Text) {
        let text = |value: &Option<String>| value.as_deref().map(scalar);
        let texts = |values: &Vec<String>| (!values.is_empty()).then(|| list(values));
        let flag = |value: Option<bool>| value.map(|value| value.to_string());
        out.line("");
        // A mapping without a field would be nothing, and nothing is what it then is.
        out.line("cluster:");
        out.field(
            "server",
            text(&self.server),
            "https://10.0.0.10:6443",
            "what agents and further servers join",
        );
        out.field(
            "tokenFile",
            text(&self.token_file),
            "secrets/token",
            "the token of servers",
        );
        out.field(
            "agentTokenFile",
            text(&self.agent_token_file),
            "secrets/agent-token",
            "",
        );
        out.field(
            "tlsSan",
            texts(&self.tls_san),
            "[k3s.site]",
            "names and addresses in the server's certificate",
        );
        out.field(
            "clusterCidr",
            texts(&self.cluster_cidr),
            "[10.42.0.0/16]",
            "addresses of pods",
        );
        out.field(
            "serviceCidr",
            texts(&self.service_cidr),
            "[10.43.0.0/16]",
            "addresses of services",
        );
        out.field(
            "clusterDns",
            text(&self.cluster_dns),
            "10.43.0.10",
            "an address of a service",
        );
        out.field("clusterDomain", text(&self.cluster_domain), "cluster.local", "");
        out.field(
            "flannelBackend",
            text(&self.flannel_backend),
            "vxlan",
            "wireguard-native, host-gw, none",
        );
        out.field(
            "datastore",
            text(&self.datastore),
            "sqlite",
            "etcd, for more than one server",
        );
        out.field(
            "disable",
            texts(&self.disable),
            "[servicelb]",
            "components of k3s that are not wanted",
        );
        out.field(
            "cis",
            flag(self.cis.then_some(true)),
            "true",
            "hardening after the CIS benchmark",
        );
        out.field("secretsEncryption", flag(self.secrets_encryption), "true", "");
        out.field(
            "embeddedRegistry",
            flag(self.embedded_registry),
            "true",
            "nodes pass images on to each other",
        );
        out.field("dataDir", text(&self.data_dir), "/var/lib/rancher/k3s", "");
        out.field("selinux", text(&self.selinux), "auto", "on, off");
        out.field(
            "namespace",
            text(&self.namespace),
            "default",
            "of charts that name none",
        );
        self.options(out);
    }

    fn options(&self, out: &mut Text) {
        options(
            out,
            "config",
            &self.config,
            "{write-kubeconfig-mode: \"0640\"}",
            "any other option of k3s",
        );
        options(
            out,
            "agentConfig",
            &self.agent_config,
            "{node-label: [tier=worker]}",
            "on agents only",
        );
    }
}

/// How wide a field is before its comment.
const WIDTH: usize = 46;

struct Text(String);

impl Text {
    fn line(&mut self, text: &str) {
        self.0.push_str(text.trim_end());
        self.0.push('\n');
    }

    /// A field below the last mapping, or a comment that shows it.
    fn field(&mut self, name: &str, value: Option<String>, example: &str, about: &str) {
        let text = match value {
            Some(value) => format!("  {name}: {value}"),
            None => format!("  # {name}: {example}"),
        };
        let about = if about.is_empty() {
            String::new()
        } else {
            format!(" # {about}")
        };
        self.line(&format!("{text:WIDTH$}{about}"));
    }
}

fn options(out: &mut Text, name: &str, values: &BTreeMap<String, Value>, example: &str, about: &str) {
    if values.is_empty() {
        out.field(name, None, example, about);
        return;
    }
    out.line(&format!("{:WIDTH$} # {about}", format!("  {name}:")));
    for (key, value) in values {
        let value = match value {
            Value::Array(items) => {
                let items: Vec<String> = items.iter().map(value_text).collect();
                format!("[{}]", items.join(", "))
            }
            other => value_text(other),
        };
        out.line(&format!("    {}: {value}", scalar(key)));
    }
}

fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

fn list(values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| scalar(value)).collect();
    format!("[{}]", values.join(", "))
}

/// A text as YAML, in quotes unless it cannot be taken for anything else (YAML 1.2.2, section 7.3; JSON's strings are
/// YAML's).
fn scalar(text: &str) -> String {
    let inner = |c: char| c.is_ascii_alphanumeric() || "./_-".contains(c);
    let word = matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | "null"
    );
    let plain =
        text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') && text.chars().all(inner) && !word;
    // Addresses and networks are no numbers either.
    let dotted =
        text.matches('.').count() > 1 && text.chars().all(|c| c.is_ascii_digit() || "./".contains(c));
    if plain || dotted {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() || !(c.is_ascii() || c.is_alphanumeric()) => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests;
