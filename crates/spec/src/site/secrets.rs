//! What must not stand in a `site.yaml`, since it is passed on: tokens, passwords, private keys.

use std::collections::BTreeMap;

use crate::k3s::Flag;
use crate::yaml::{Decoder, Diagnostic, Node, Span, Value};

/// Names of fields that would hold a secret, in lower case and without `-` and `_`.
const NAMES: [&str; 12] = [
    "token",
    "servertoken",
    "agenttoken",
    "password",
    "passwd",
    "passphrase",
    "secret",
    "secretkey",
    "privatekey",
    "keydata",
    "bearer",
    "credentials",
];

/// Takes secrets out of the tree, each of them a problem, and tells where they stand, so that nobody shows them.
///
/// The places are ordered by line.
pub(super) fn take(decoder: &mut Decoder<'_>, root: &mut Node) -> BTreeMap<usize, Vec<Span>> {
    let mut spans = Vec::new();
    walk(decoder, root, &mut Vec::new(), &mut spans);
    let mut lines: BTreeMap<usize, Vec<Span>> = BTreeMap::new();
    for span in spans {
        lines.entry(span.line).or_default().push(span);
    }
    lines
}

/// Keeps a secret out of the excerpt of a document that could not be read at all.
pub(super) fn hide(problem: &mut Diagnostic) {
    problem.cut_after(&[
        "token:",
        "password:",
        "token\":",
        "password\":",
        "secret",
        "-----begin",
    ]);
}

fn walk(decoder: &mut Decoder<'_>, node: &mut Node, path: &mut Vec<String>, spans: &mut Vec<Span>) {
    match &mut node.value {
        Value::Map(entries) => {
            // Names of hosts are free, and none of them is a secret.
            let free = matches!(path_of(path).as_str(), "hosts" | "services.dns.records");
            let options = matches!(path_of(path).as_str(), "cluster.config" | "cluster.agentConfig");
            entries.retain_mut(|(key, value)| {
                let found = match &value.value {
                    Value::Text(text) if !free => {
                        let secret = if options {
                            Flag::named(&key.name).is_some_and(|flag| flag.secret)
                        } else {
                            let plain = key.name.to_ascii_lowercase().replace(['-', '_'], "");
                            NAMES.contains(&plain.as_str())
                        };
                        secret || has_password(text)
                    }
                    _ => false,
                };
                if found {
                    refuse(decoder, path, &key.name, key.span, value.span, spans);
                    return false;
                }
                path.push(key.name.clone());
                walk(decoder, value, path, spans);
                path.pop();
                true
            });
        }
        Value::List(items) => {
            for item in items {
                walk(decoder, item, path, spans);
            }
        }
        Value::Text(text) if text.contains("-----BEGIN") && text.contains("PRIVATE KEY") => {
            spans.push(node.span);
            let problem = decoder.problem(node.span, "a private key has no place in a site.yaml");
            problem.help = Some("write it to a file of mode 0600, and name the file".to_owned());
            node.value = Value::Null;
        }
        Value::Text(_) | Value::Null => {}
    }
}

/// Whether a data source's name has a password in it: `postgres://user:password@host/db`, `mysql://user:password@tcp(host)/db`.
fn has_password(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else {
        return false;
    };
    rest.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

fn path_of(path: &[String]) -> String {
    path.join(".")
}

fn refuse(
    decoder: &mut Decoder<'_>,
    path: &[String],
    name: &str,
    key: Span,
    value: Span,
    spans: &mut Vec<Span>,
) {
    let place = path_of(path);
    let help = match (place.as_str(), name) {
        ("cluster.config" | "cluster.agentConfig", "token") | ("cluster", "token" | "serverToken") => {
            "write it to a file of mode 0600, and name the file: `cluster.tokenFile: secrets/token`"
        }
        ("cluster.config", "agent-token") | ("cluster", "agentToken") => {
            "write it to a file of mode 0600, and name the file: `cluster.agentTokenFile: secrets/agent-token`"
        }
        ("mirror.auth" | "mirror", "password") => {
            "write it to a file of mode 0600, and name the file: `mirror.auth.passwordFile: secrets/mirror`"
        }
        (_, "vpn-auth") => "write it to a file on the node, and name the file: `vpn-auth-file`",
        (_, name) if name.starts_with("etcd-s3-") => {
            "keep it in a Secret of the cluster, and name that: `etcd-s3-config-secret`"
        }
        (_, "datastore-endpoint") => {
            "let the data store know k3s by its certificate (`datastore-certfile`), or set it on the node in a file of \
             /etc/rancher/k3s/config.yaml.d with mode 0600"
        }
        _ => "write it to a file of mode 0600, and name the file in the field that ends with File",
    };
    spans.push(value);
    let problem = decoder.problem(key, format!("a secret has no place in a site.yaml: `{name}`"));
    problem.help = Some(help.to_owned());
}
