//! A kubeconfig: which server, trusted by what, asked as whom.
//!
//! It is a secret. No error repeats what stands in it but the names of contexts, clusters and users, the names of
//! files, and the host of the server.

use std::path::{Path, PathBuf};

use airlock_upstream::{ApiAccess, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use url::Url;
use zeroize::Zeroizing;

use crate::failure::{Failure, Result};
use crate::files;

/// No kubeconfig is longer.
const MAX_BYTES: usize = 4 << 20;
/// The longest certificate, key or token.
const MAX_FILE: u64 = 1 << 20;

/// What to do where something of a kubeconfig is not supported.
const INSTEAD: &str = "let kubectl ask the cluster, and give its answer: kubectl get pods,deployments,daemonsets,statefulsets,jobs,cronjobs -A -o json | airlock check STORE --cluster -";

#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    clusters: Option<IgnoredAny>,
    #[serde(default)]
    contexts: Option<IgnoredAny>,
}

/// The parts of the file that are used, and those that are refused.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Kubeconfig {
    #[serde(default)]
    current_context: Option<String>,
    #[serde(default)]
    contexts: Option<Vec<NamedContext>>,
    #[serde(default)]
    clusters: Option<Vec<NamedCluster>>,
    #[serde(default)]
    users: Option<Vec<NamedUser>>,
}

#[derive(Deserialize)]
struct NamedContext {
    name: String,
    context: Context,
}

#[derive(Deserialize)]
struct Context {
    cluster: String,
    #[serde(default)]
    user: Option<String>,
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    cluster: Cluster,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    server: String,
    #[serde(default)]
    certificate_authority: Option<PathBuf>,
    #[serde(default)]
    certificate_authority_data: Option<String>,
    #[serde(default)]
    insecure_skip_tls_verify: Option<bool>,
    #[serde(default)]
    tls_server_name: Option<String>,
    #[serde(default)]
    proxy_url: Option<Secret>,
}

#[derive(Deserialize)]
struct NamedUser {
    name: String,
    #[serde(default)]
    user: Option<User>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct User {
    #[serde(default)]
    client_certificate: Option<PathBuf>,
    #[serde(default)]
    client_certificate_data: Option<Secret>,
    #[serde(default)]
    client_key: Option<PathBuf>,
    #[serde(default)]
    client_key_data: Option<Secret>,
    #[serde(default)]
    token: Option<Secret>,
    // This one is written otherwise than its neighbours.
    #[serde(default, rename = "tokenFile")]
    token_file: Option<PathBuf>,
    #[serde(default)]
    username: Option<Secret>,
    #[serde(default)]
    password: Option<Secret>,
    #[serde(default, rename = "as")]
    impersonate: Option<IgnoredAny>,
    #[serde(default)]
    as_uid: Option<IgnoredAny>,
    #[serde(default)]
    as_groups: Option<IgnoredAny>,
    #[serde(default)]
    exec: Option<IgnoredAny>,
    #[serde(default)]
    auth_provider: Option<IgnoredAny>,
}

/// A server, and how it is asked.
pub(crate) struct Access {
    pub(crate) server: Url,
    pub(crate) access: ApiAccess,
}

impl Access {
    pub(crate) fn is_insecure(&self) -> bool {
        self.access.insecure
    }
}

fn parse<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, serde_saphyr::Error> {
    let options = serde_saphyr::options! {
        with_snippet: false,
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        budget: serde_saphyr::budget! {
            max_depth: 32,
            max_nodes: 100_000,
            max_total_scalar_bytes: 2 * MAX_BYTES,
        },
    };
    serde_saphyr::with_deserializer_from_str_with_options(text, options, |yaml| T::deserialize(yaml))
}

impl Kubeconfig {
    /// Reads a kubeconfig; `None` for what is none.
    pub(crate) fn recognise(bytes: &[u8]) -> Result<Option<Self>> {
        if bytes.len() > MAX_BYTES {
            return Ok(None);
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Ok(None);
        };
        let is_one = match parse::<Head>(text) {
            Ok(head) => match head.kind.as_deref() {
                Some(kind) => kind == "Config" && head.clusters.is_some(),
                // kubectl takes one that does not say what it is.
                None => head.clusters.is_some() && head.contexts.is_some(),
            },
            Err(_) => false,
        };
        if !is_one {
            return Ok(None);
        }
        // The error of the library repeats values, so that only its place is told.
        parse(text).map(Some).map_err(|error| {
            let line = error.location().map_or(1, |at| at.line());
            Failure::from(anyhow::anyhow!("the kubeconfig cannot be read: line {line}"))
                .hint("compare it with `kubectl config view`")
        })
    }

    /// The server of the current context. Files are relative to `base`.
    pub(crate) fn access(self, base: &Path) -> Result<Access> {
        let current = self
            .current_context
            .filter(|name| !name.is_empty())
            .ok_or_else(|| {
                Failure::from(anyhow::anyhow!("the kubeconfig has no current context"))
                    .hint("choose one with `kubectl config use-context NAME`")
            })?;
        let absent = |what: &str, name: &str| {
            Failure::from(anyhow::anyhow!(
                "the kubeconfig has no {what} of this name: {name:?}"
            ))
            .hint("`kubectl config get-contexts` lists what there is")
        };
        let context = self.contexts.unwrap_or_default().into_iter();
        let context = context
            .filter(|one| one.name == current)
            .map(|one| one.context)
            .next()
            .ok_or_else(|| absent("context", &current))?;
        let cluster = self.clusters.unwrap_or_default().into_iter();
        let cluster = cluster
            .filter(|one| one.name == context.cluster)
            .map(|one| one.cluster)
            .next()
            .ok_or_else(|| absent("cluster", &context.cluster))?;
        let user = match context.user.filter(|name| !name.is_empty()) {
            None => User::default(),
            Some(name) => {
                let user = self.users.unwrap_or_default().into_iter();
                let user = user.filter(|one| one.name == name).map(|one| one.user).next();
                user.ok_or_else(|| absent("user", &name))?.unwrap_or_default()
            }
        };
        refuse(&cluster, &user)?;
        let server = server(&cluster, &user)?;
        let authority = match (
            &cluster.certificate_authority_data,
            &cluster.certificate_authority,
        ) {
            (Some(data), _) if !data.is_empty() => {
                Some(decoded("certificate-authority-data", data)?.to_vec())
            }
            (_, Some(path)) => Some(files::read(
                "the cluster's certificate authority",
                &base.join(path),
                MAX_FILE,
            )?),
            _ => None,
        };
        let token = match (user.token, &user.token_file) {
            (Some(token), _) if !token.expose().is_empty() => Some(token),
            (_, Some(path)) => {
                let text = Zeroizing::new(files::read_text("the token", &base.join(path), MAX_FILE)?);
                Some(Secret::new(text.trim()))
            }
            _ => None,
        };
        let access = ApiAccess {
            authority,
            insecure: cluster.insecure_skip_tls_verify == Some(true),
            identity: identity(
                [
                    (user.client_certificate_data, user.client_certificate),
                    (user.client_key_data, user.client_key),
                ],
                base,
            )?,
            token,
        };
        Ok(Access { server, access })
    }
}

/// What would be asked in another way than kubectl does, if it were ignored.
fn refuse(cluster: &Cluster, user: &User) -> Result {
    let refused = [
        (user.exec.is_some(), "exec"),
        (user.auth_provider.is_some(), "auth-provider"),
        (
            user.username.is_some() || user.password.is_some(),
            "username and password",
        ),
        (
            user.impersonate.is_some() || user.as_uid.is_some() || user.as_groups.is_some(),
            "as",
        ),
        (
            cluster
                .tls_server_name
                .as_ref()
                .is_some_and(|name| !name.is_empty()),
            "tls-server-name",
        ),
        (
            cluster
                .proxy_url
                .as_ref()
                .is_some_and(|url| !url.expose().is_empty()),
            "proxy-url",
        ),
    ];
    match refused.iter().find(|(is_there, _)| *is_there) {
        Some((_, what)) => Err(Failure::from(anyhow::anyhow!(
            "the kubeconfig asks for what is not supported: {what}"
        ))
        .hint(INSTEAD)),
        None => Ok(()),
    }
}

fn server(cluster: &Cluster, user: &User) -> Result<Url> {
    let not_an_address = || {
        Failure::from(anyhow::anyhow!("`server` of the kubeconfig is not an address"))
            .hint("it is written as https://HOST:6443")
    };
    let url: Url = cluster.server.parse().map_err(|_| not_an_address())?;
    if !url.has_host() || !url.username().is_empty() || url.password().is_some() {
        return Err(not_an_address());
    }
    let is_loopback = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let has_secrets = user.token.is_some() || user.token_file.is_some();
    match url.scheme() {
        "https" => Ok(url),
        // `kubectl proxy` is asked so.
        "http" if is_loopback && !has_secrets => Ok(url),
        "http" => Err(Failure::from(anyhow::anyhow!(
            "`server` of the kubeconfig is not asked over plain HTTP"
        ))
        .hint("it is written as https://HOST:6443; plain HTTP is for `kubectl proxy` on this machine, without a token")),
        _ => Err(not_an_address()),
    }
}

fn decoded(what: &str, data: &str) -> Result<Zeroizing<Vec<u8>>> {
    let bare: Zeroizing<String> = Zeroizing::new(data.split_ascii_whitespace().collect());
    STANDARD.decode(bare.as_bytes()).map(Zeroizing::new).map_err(|_| {
        // The library's error repeats a character of it.
        anyhow::anyhow!("`{what}` of the kubeconfig is not base64").into()
    })
}

/// Certificate and key in one text.
fn identity(parts: [(Option<Secret>, Option<PathBuf>); 2], base: &Path) -> Result<Option<Secret>> {
    let mut pem = Zeroizing::new(Vec::new());
    let mut found = 0;
    for ((data, path), what) in parts.into_iter().zip(["client-certificate", "client-key"]) {
        let bytes = match (data, path) {
            (Some(data), _) if !data.expose().is_empty() => decoded(&format!("{what}-data"), data.expose())?,
            (_, Some(path)) => Zeroizing::new(files::read(
                &format!("the {what} of the kubeconfig"),
                &base.join(path),
                MAX_FILE,
            )?),
            _ => continue,
        };
        found += 1;
        pem.extend_from_slice(&bytes);
        pem.push(b'\n');
    }
    match found {
        0 => return Ok(None),
        1 => {
            return Err(
                anyhow::anyhow!("the kubeconfig has only one of client-certificate and client-key").into(),
            );
        }
        _ => {}
    }
    let text = std::str::from_utf8(&pem)
        .map_err(|_| anyhow::anyhow!("client-certificate and client-key of the kubeconfig are not PEM"))?;
    if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(Failure::from(anyhow::anyhow!(
            "the client's key of the kubeconfig is protected by a password"
        ))
        .hint(INSTEAD));
    }
    Ok(Some(Secret::new(text)))
}
