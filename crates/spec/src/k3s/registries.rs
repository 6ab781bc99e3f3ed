//! `registries.yaml`: where a node gets its images.

use std::fmt;
use std::path::Path;

use airlock_types::{Host, yaml};
use serde_json::{Map, Value, json};

/// What the `registries.yaml` of a node says (docs.k3s.io, "Private Registry Configuration").
///
/// Every registry, and all that are not named, lead to one place. None of it is a fall-back: what the upstream registry
/// is asked for in the end is switched off by `disable-default-registry-endpoint` in the configuration of k3s.
#[derive(Clone, Copy, Debug)]
pub struct Registries<'a> {
    /// Registries with an entry of their own, since `"*"` counts only for those without one, which another file or a
    /// later hand may add.
    pub hosts: &'a [Host],
    /// Where images come from; `None` where nodes only pass on to each other what they have.
    pub mirror: Option<RegistriesMirror<'a>>,
}

/// The mirror, as nodes reach it.
#[derive(Clone, Copy)]
pub struct RegistriesMirror<'a> {
    /// Scheme, host and port: `https://registry.site:5000`.
    pub endpoint: &'a str,
    /// The path of its authority's certificate on the node.
    pub ca: Option<&'a Path>,
    /// User and password.
    pub auth: Option<(&'a str, &'a str)>,
}

impl fmt::Debug for RegistriesMirror<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistriesMirror")
            .field("endpoint", &self.endpoint)
            .field("ca", &self.ca)
            .field("user", &self.auth.map(|(user, _)| user))
            .finish_non_exhaustive()
    }
}

impl RegistriesMirror<'_> {
    /// Host and port, under which k3s looks for credentials and authority: those of the mirror itself, not of the
    /// registry that it stands for.
    fn authority(&self) -> &str {
        self.endpoint
            .split_once("://")
            .map_or(self.endpoint, |(_, authority)| authority)
    }
}

impl Registries<'_> {
    /// The text of the file, which holds the password.
    pub fn render(&self) -> String {
        let entry = match &self.mirror {
            Some(mirror) => json!({"endpoint": [mirror.endpoint]}),
            None => json!({}),
        };
        let names = self.hosts.iter().map(Host::as_str).chain(["*"]);
        let mirrors: Map<String, Value> = names.map(|name| (name.to_owned(), entry.clone())).collect();
        let mut document = json!({"mirrors": mirrors});
        if let Some(mirror) = &self.mirror {
            let mut own = Map::new();
            if let Some((username, password)) = mirror.auth {
                own.insert(
                    "auth".to_owned(),
                    json!({"username": username, "password": password}),
                );
            }
            if let Some(ca) = mirror.ca {
                own.insert("tls".to_owned(), json!({"ca_file": ca.to_string_lossy()}));
            }
            if !own.is_empty() {
                document["configs"] = json!({mirror.authority(): own});
            }
        }
        format!(
            "# Written by Airlock. Every node needs it; k3s reads it when it starts. The fall-back to the upstream registry is\n\
             # switched off by disable-default-registry-endpoint in the configuration of k3s.\n{}",
            yaml::render(&document)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authority_and_credentials_stand_under_the_mirror_itself() {
        let hosts = ["docker.io".parse().unwrap(), "quay.io:443".parse().unwrap()];
        let mirror = RegistriesMirror {
            endpoint: "https://registry.site:5000",
            ca: Some(Path::new("/etc/rancher/k3s/airlock-ca.pem")),
            auth: Some(("node", "p\"w: #")),
        };
        assert!(!format!("{mirror:?}").contains("p\\\"w"));
        let all = Registries {
            hosts: &hosts,
            mirror: Some(mirror),
        };
        let text = all.render();
        let body: String = text.split_inclusive('\n').skip(2).collect();
        assert_eq!(
            body,
            r#"configs:
  "registry.site:5000":
    auth:
      password: "p\"w: #"
      username: "node"
    tls:
      ca_file: "/etc/rancher/k3s/airlock-ca.pem"
mirrors:
  "*":
    endpoint:
      - "https://registry.site:5000"
  docker.io:
    endpoint:
      - "https://registry.site:5000"
  "quay.io:443":
    endpoint:
      - "https://registry.site:5000"
"#
        );
        let plain = RegistriesMirror {
            endpoint: "http://[::1]:5000",
            ca: None,
            auth: None,
        };
        let text = Registries {
            hosts: &[],
            mirror: Some(plain),
        }
        .render();
        assert!(text.ends_with("mirrors:\n  \"*\":\n    endpoint:\n      - \"http://[::1]:5000\"\n"));
        assert!(!text.contains("configs"));
    }

    #[test]
    fn nodes_that_pass_images_on_name_no_endpoint() {
        let hosts = ["docker.io".parse().unwrap()];
        let text = Registries {
            hosts: &hosts,
            mirror: None,
        }
        .render();
        assert!(text.ends_with("\nmirrors:\n  \"*\": {}\n  docker.io: {}\n"));
    }
}
