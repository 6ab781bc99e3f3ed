//! Configuration for the clients of a mirror, as files by their path below the client's own folder.
//!
//! Pure functions: who calls them decides where the files go. None of these configurations lets a
//! client fall back to the upstream registry, which an isolated site cannot reach: it would only hide
//! the mirror's own answer behind a time-out.
//!
//! ```
//! use airlock_registry::client_config::{self, Mirror};
//!
//! let mirror: Mirror = "https://registry.site:5000".parse()?;
//! let files = client_config::containerd(&mirror, &["docker.io".parse().unwrap()], None);
//! assert!(files.contains_key(std::path::Path::new("certs.d/docker.io/hosts.toml")));
//! # Ok::<(), client_config::MirrorError>(())
//! ```

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use airlock_spec::k3s::{Registries, RegistriesMirror};
use airlock_types::{Host, ReferenceError, RepositoryName};

use crate::catalog::host_in_path;
use airlock_types::yaml::quote;

/// Files to be written, by relative path.
pub type Files = BTreeMap<PathBuf, String>;

/// The address under which clients reach the mirror: scheme, host and port, nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    tls: bool,
    host: Host,
}

/// A text is not the address of a mirror.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// Neither `http://` nor `https://`.
    #[error("the address of a mirror starts with https:// or http://: {0:?}")]
    Scheme(String),
    /// What follows is no host.
    #[error("the address of a mirror is https://HOST[:PORT], without a path: {address:?}")]
    Host {
        /// The address given.
        address: String,
        /// What is wrong with the host.
        #[source]
        source: ReferenceError,
    },
}

impl FromStr for Mirror {
    type Err = MirrorError;

    fn from_str(s: &str) -> Result<Self, MirrorError> {
        let clip = || s.chars().take(300).collect::<String>();
        let (tls, rest) = match (s.strip_prefix("https://"), s.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(MirrorError::Scheme(clip())),
        };
        let host = rest
            .strip_suffix('/')
            .unwrap_or(rest)
            .parse()
            .map_err(|source| MirrorError::Host {
                address: clip(),
                source,
            })?;
        Ok(Self { tls, host })
    }
}

impl Mirror {
    /// Host and port.
    pub fn host(&self) -> &Host {
        &self.host
    }
}

impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host)
    }
}

/// `certs.d/<host>/hosts.toml` for every host, and `certs.d/_default/hosts.toml` for all others, below
/// `/etc/containerd`. `ca` is the path of the mirror's CA certificate on the nodes.
///
/// containerd 1.6 ignores a file that has only `server`, and with only `[host]` it falls back to the
/// upstream registry, so both name the mirror.
pub fn containerd(mirror: &Mirror, hosts: &[Host], ca: Option<&Path>) -> Files {
    let mut text = String::from(
        "# Written by Airlock. Needs `config_path = \"/etc/containerd/certs.d\"` (one folder, no ':') in containerd's\n\
         # config.toml, section [plugins.\"io.containerd.grpc.v1.cri\".registry], from version 2 on\n\
         # [plugins.\"io.containerd.cri.v1.images\".registry].\n",
    );
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "server = \"{mirror}\"\n\n[host.\"{mirror}\"]\n  capabilities = [\"pull\", \"resolve\"]\n"
    );
    if let Some(ca) = ca {
        let _ = writeln!(text, "  ca = {}", quote(&ca.to_string_lossy()));
    }
    // From version 2.1 on; earlier ones pass over it.
    text.push_str("  dial_timeout = \"5s\"\n");
    hosts
        .iter()
        .map(Host::as_str)
        .chain(["_default"])
        .map(|host| (Path::new("certs.d").join(host).join("hosts.toml"), text.clone()))
        .collect()
}

/// `registries.yaml` and `config.yaml.d/airlock-mirror.yaml`, below `/etc/rancher/k3s`, on every node.
/// k3s reads them when it starts.
pub fn k3s(mirror: &Mirror, hosts: &[Host], ca: Option<&Path>) -> Files {
    let registries = Registries {
        hosts,
        mirror: Some(RegistriesMirror {
            endpoint: &mirror.to_string(),
            ca,
            auth: None,
        }),
    };
    Files::from([
        ("registries.yaml".into(), registries.render()),
        (
            "config.yaml.d/airlock-mirror.yaml".into(),
            "# Written by Airlock. Without it, an image that the mirror lacks ends in a time-out of the upstream registry.\n\
             disable-default-registry-endpoint: true\n"
                .into(),
        ),
    ])
}

/// `registries.conf.d/airlock.conf`, below `/etc/containers`, for podman, skopeo, buildah and CRI-O.
///
/// Each host is moved below the mirror, `docker.io/library/busybox` to `MIRROR/docker.io/library/busybox`;
/// a host with a port gets `_` for `:` there, which the registry understands. An IPv6 address cannot
/// be written as a path at all; it is left out with a comment.
pub fn podman(mirror: &Mirror, hosts: &[Host], ca: Option<&Path>) -> Files {
    let mut text = String::from("# Written by Airlock.\n");
    if let Some(ca) = ca {
        let _ = writeln!(
            text,
            "# The mirror's CA certificate belongs to /etc/containers/certs.d/{}/ca.crt, a copy of:\n#   {}",
            mirror.host,
            // A comment ends with its line.
            ca.to_string_lossy().replace(['\n', '\r'], " ")
        );
    }
    text.push_str("unqualified-search-registries = [\"docker.io\"]\n");
    for host in hosts {
        if host_in_path(host).parse::<RepositoryName>().is_err() {
            let _ = writeln!(text, "\n# Left out, since it cannot be written as a path: {host}");
            continue;
        }
        let _ = write!(
            text,
            "\n[[registry]]\nprefix = \"{host}\"\nlocation = \"{}/{}\"\n",
            mirror.host,
            host_in_path(host)
        );
        if !mirror.tls {
            text.push_str("insecure = true\n");
        }
    }
    // Images may also be named by the mirror itself.
    if !mirror.tls && !hosts.contains(&mirror.host) {
        let _ = write!(
            text,
            "\n[[registry]]\nlocation = \"{}\"\ninsecure = true\n",
            mirror.host
        );
    }
    Files::from([("registries.conf.d/airlock.conf".into(), text)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Vec<Host> {
        vec![
            "docker.io".parse().unwrap(),
            "registry.site:5000".parse().unwrap(),
        ]
    }

    #[test]
    fn mirrors_are_addresses_without_a_path() {
        for (text, shown) in [
            ("https://Registry.site:5000", "https://registry.site:5000"),
            ("http://127.0.0.1:5000/", "http://127.0.0.1:5000"),
            ("http://[::1]:5000", "http://[::1]:5000"),
        ] {
            assert_eq!(text.parse::<Mirror>().unwrap().to_string(), shown);
        }
        for bad in [
            "registry.site",
            "ftp://a",
            "https://a/b",
            "https://a\"b",
            "https://",
            "https://a:b",
        ] {
            assert!(bad.parse::<Mirror>().is_err(), "{bad}");
        }
    }

    #[test]
    fn containerd_names_the_mirror_twice() {
        let mirror: Mirror = "https://m.site".parse().unwrap();
        let files = containerd(&mirror, &hosts(), Some(Path::new("/etc/ca \"x\".pem")));
        let paths: Vec<_> = files.keys().map(|path| path.display().to_string()).collect();
        assert_eq!(
            paths,
            [
                "certs.d/_default/hosts.toml",
                "certs.d/docker.io/hosts.toml",
                "certs.d/registry.site:5000/hosts.toml"
            ]
        );
        let text = &files[Path::new("certs.d/docker.io/hosts.toml")];
        assert!(text.contains("\nserver = \"https://m.site\"\n\n[host.\"https://m.site\"]\n"));
        assert!(text.contains("  ca = \"/etc/ca \\\"x\\\".pem\"\n"));
    }

    #[test]
    fn k3s_keys_the_ca_by_the_endpoint() {
        let mirror: Mirror = "https://m.site:5000".parse().unwrap();
        let files = k3s(&mirror, &hosts(), Some(Path::new("/ca.pem")));
        let text = &files[Path::new("registries.yaml")];
        assert!(text.contains("configs:\n  \"m.site:5000\":\n    tls:\n      ca_file: \"/ca.pem\"\n"));
        for host in ["\"*\"", "docker.io", "\"registry.site:5000\""] {
            let entry = format!("\n  {host}:\n    endpoint:\n      - \"https://m.site:5000\"\n");
            assert!(text.contains(&entry), "{text}");
        }
        assert!(files.contains_key(Path::new("config.yaml.d/airlock-mirror.yaml")));
    }

    #[test]
    fn podman_moves_hosts_below_the_mirror() {
        let mirror: Mirror = "http://m.site:5000".parse().unwrap();
        let files = podman(&mirror, &hosts(), None);
        let text = &files[Path::new("registries.conf.d/airlock.conf")];
        assert!(text.contains(
            "prefix = \"registry.site:5000\"\nlocation = \"m.site:5000/registry.site_5000\"\ninsecure = true\n"
        ));
        assert!(text.contains("\n[[registry]]\nlocation = \"m.site:5000\"\ninsecure = true\n"));
        let v6 = podman(&mirror, &["[::1]:5000".parse().unwrap()], None);
        let text = &v6[Path::new("registries.conf.d/airlock.conf")];
        assert!(
            !text.contains("prefix")
                && text.contains("# Left out, since it cannot be written as a path: [::1]:5000\n")
        );
        let tls = podman(&"https://m.site".parse().unwrap(), &hosts(), None);
        assert!(!tls[Path::new("registries.conf.d/airlock.conf")].contains("insecure"));
    }
}
