//! `INSTALL_K3S_EXEC`: the command line of k3s, option by option.

use serde_json::Value;

use super::environment::{Becomes, Translation};
use super::words::words;
use crate::k3s::{Flag, FlagKind};
use crate::site::read::COMPONENTS;

/// Options that are true of one node only.
const OF_ONE_NODE: [&str; 7] = [
    "node-name",
    "node-ip",
    "node-external-ip",
    "advertise-address",
    "bind-address",
    "node-internal-dns",
    "node-external-dns",
];

/// Takes over a command line.
pub(super) fn take(to: &mut Translation<'_>, name: &str, line: &str) {
    let Some(words) = words(line) else {
        to.told(name, Becomes::NotUnderstood, "a quote is not closed");
        return;
    };
    let mut words = words.into_iter().peekable();
    if let Some(role) = words.next_if(|word| word == "server" || word == "agent") {
        to.is_agent = role == "agent";
        let about = format!("`airlock install --role {role}`");
        to.told(&format!("{name} {role}"), Becomes::Command, &about);
    }
    while let Some(word) = words.next() {
        let (option, given) = match word.split_once('=') {
            Some((option, value)) => (option.to_owned(), Some(value.to_owned())),
            None => (word.clone(), None),
        };
        if !option.starts_with('-') || option.trim_start_matches('-').is_empty() {
            // It may be the value of an option with a secret in it that was written in another way.
            to.told(
                name,
                Becomes::NotUnderstood,
                "there is a word that belongs to no option",
            );
            continue;
        }
        let shown = format!("{name} {option}");
        match Flag::of_word(&option) {
            Some(flag) if flag.kind == FlagKind::Switch => {
                let on = given.is_none_or(|value| is_true(&value));
                switch(to, &shown, flag.name, on);
            }
            Some(flag) => match given.or_else(|| words.next()) {
                Some(value) => self::value(to, &shown, flag, &value),
                None => to.told(&shown, Becomes::NotUnderstood, "it has no value"),
            },
            None => {
                let value = given.or_else(|| words.next_if(|next| !next.starts_with('-')));
                unknown(to, &shown, option.trim_start_matches('-'), value);
            }
        }
    }
}

pub(super) fn is_true(text: &str) -> bool {
    !matches!(
        text.to_ascii_lowercase().as_str(),
        "" | "false" | "0" | "no" | "f" | "off"
    )
}

fn switch(to: &mut Translation<'_>, shown: &str, name: &str, on: bool) {
    match name {
        "selinux" => {
            to.draft.selinux = Some(if on { "on" } else { "off" }.to_owned());
            to.field(shown, "cluster.selinux");
        }
        "secrets-encryption" => {
            to.draft.secrets_encryption = Some(on);
            to.field(shown, "cluster.secretsEncryption");
        }
        "embedded-registry" => {
            to.draft.embedded_registry = Some(on);
            to.field(shown, "cluster.embeddedRegistry");
        }
        "cluster-init" => {
            if on {
                to.draft.datastore = Some("etcd".to_owned());
            }
            to.field(shown, "cluster.datastore");
        }
        "cluster-reset" => to.told(
            shown,
            Becomes::NotUnderstood,
            "resetting a cluster is something that is done once, by hand",
        ),
        _ => to.option(shown, name, Value::Bool(on), false, ""),
    }
}

pub(super) fn value(to: &mut Translation<'_>, shown: &str, flag: &Flag, value: &str) {
    let text = || Some(value.to_owned());
    let parts = || {
        value
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
    };
    match flag.name {
        "cluster-cidr" => {
            to.draft.cluster_cidr.extend(parts());
            to.field(shown, "cluster.clusterCidr");
        }
        "service-cidr" => {
            to.draft.service_cidr.extend(parts());
            to.field(shown, "cluster.serviceCidr");
        }
        "cluster-dns" => {
            to.draft.cluster_dns = text();
            to.field(shown, "cluster.clusterDns");
        }
        "cluster-domain" => {
            to.draft.cluster_domain = text();
            to.field(shown, "cluster.clusterDomain");
        }
        "flannel-backend" => {
            let backend = if value == "wireguard" {
                "wireguard-native"
            } else {
                value
            };
            to.draft.flannel_backend = Some(backend.to_owned());
            to.field(shown, "cluster.flannelBackend");
        }
        "tls-san" => {
            to.draft.tls_san.extend(parts());
            to.field(shown, "cluster.tlsSan");
        }
        "disable" => {
            let (known, unknown): (Vec<String>, Vec<String>) =
                parts().partition(|part| COMPONENTS.contains(&part.as_str()));
            to.draft.disable.extend(known);
            to.field(shown, "cluster.disable");
            for name in unknown {
                let about = format!("`{name}` is no component of k3s");
                to.told(shown, Becomes::NotUnderstood, &about);
            }
        }
        "data-dir" => {
            to.draft.data_dir = text();
            to.field(shown, "cluster.dataDir");
        }
        "server" => to.server(shown, value),
        "token" => to.token(shown, value),
        "agent-token" => to.agent_token(shown, value),
        "token-file" => {
            to.draft.token_file = Some(to.path(value));
            to.field(shown, "cluster.tokenFile");
        }
        "agent-token-file" => {
            to.draft.agent_token_file = Some(to.path(value));
            to.field(shown, "cluster.agentTokenFile");
        }
        "private-registry" => to.told(shown, Becomes::Own, "registries.yaml is written from `mirror`"),
        "config" => to.told(
            shown,
            Becomes::NotUnderstood,
            "take what this file has over into `cluster.config`",
        ),
        name if flag.secret => to.refused(
            shown,
            &format!("give it to the node itself: it is not written into site.yaml ({name})"),
        ),
        "datastore-endpoint" => to.data_store(shown, value),
        name => {
            let about = if OF_ONE_NODE.contains(&name) {
                "true of one node only; take it out where there are several"
            } else {
                ""
            };
            to.option(
                shown,
                name,
                Value::from(value),
                flag.kind == FlagKind::List,
                about,
            );
        }
    }
}

fn unknown(to: &mut Translation<'_>, shown: &str, name: &str, value: Option<String>) {
    match (name, value) {
        ("no-deploy", Some(value)) => {
            if let Some(flag) = Flag::named("disable") {
                self::value(to, shown, flag, &value);
            }
        }
        ("no-flannel", None) => {
            to.draft.flannel_backend = Some("none".to_owned());
            to.field(shown, "cluster.flannelBackend");
        }
        ("cluster-secret", Some(value)) => to.token(shown, &value),
        (name, value) => {
            let plain = name
                .bytes()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
                && !name.starts_with('-')
                && !name.ends_with('-')
                && !name.contains("--");
            // What is not known may be a secret.
            let secret = ["token", "secret", "password", "key", "auth"]
                .iter()
                .any(|word| name.contains(word));
            if !plain {
                to.told(shown, Becomes::NotUnderstood, "this is no option of k3s");
            } else if secret && value.is_some() {
                to.refused(
                    shown,
                    "it may be a secret, and is not known: give it to the node itself",
                );
            } else {
                let value = value.map_or(Value::Bool(true), Value::from);
                to.option(
                    shown,
                    name,
                    value,
                    false,
                    "not known to Airlock, and given to k3s as it is",
                );
            }
        }
    }
}
