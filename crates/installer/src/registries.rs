//! `registries.yaml`: where a node gets its images.

use airlock_spec::site::Mirror;
use airlock_types::{Host, yaml};
use serde_json::{Map, Value, json};

use crate::Secret;

/// Where the authority of the mirror is on a node.
pub(crate) const CA_FILE: &str = "/etc/rancher/k3s/airlock-ca.pem";

/// The text of the file: every registry, and all that are not named, lead to the mirror.
///
/// The key below `configs` is the host and port of the mirror itself, not of the registry that it stands for. The
/// hosts stand beside `"*"`, which counts only for those without an entry of their own. With `embedded`, nodes pass
/// images on to each other first.
pub(crate) fn registries(
    mirror: Option<&Mirror>,
    hosts: &[Host],
    has_ca: bool,
    password: Option<&Secret>,
    embedded: bool,
) -> Option<String> {
    let mut mirrors = Map::new();
    let mut document = Map::new();
    let names = || hosts.iter().map(Host::as_str).chain(["*"]);
    if let Some(mirror) = mirror {
        let endpoint = mirror.url.as_str().trim_end_matches('/');
        mirrors.extend(names().map(|name| (name.to_owned(), json!({"endpoint": [endpoint]}))));
        let mut own = Map::new();
        if let (Some(auth), Some(password)) = (&mirror.auth, password) {
            own.insert(
                "auth".to_owned(),
                json!({"username": auth.username, "password": password.expose()}),
            );
        }
        if has_ca {
            own.insert("tls".to_owned(), json!({"ca_file": CA_FILE}));
        }
        if !own.is_empty() {
            document.insert("configs".to_owned(), json!({authority(mirror): own}));
        }
    } else if embedded {
        mirrors.extend(names().map(|name| (name.to_owned(), json!({}))));
    } else {
        return None;
    }
    document.insert("mirrors".to_owned(), Value::Object(mirrors));
    Some(format!(
        "# Written by Airlock. k3s reads it when it starts.\n{}",
        yaml::render(&Value::Object(document))
    ))
}

/// Host and port of the mirror, the port also where it is the usual one of its scheme and was written.
fn authority(mirror: &Mirror) -> String {
    mirror.url[url::Position::BeforeHost..url::Position::AfterPort].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_stand_under_the_mirror_itself() {
        let mirror = Mirror {
            url: "https://registry.site:5000".parse().unwrap(),
            ca: Some("ca.pem".into()),
            auth: Some(airlock_spec::site::MirrorAuth {
                username: "node".into(),
                password_file: "password".into(),
            }),
            hosts: Vec::new(),
        };
        let hosts = ["docker.io".parse().unwrap(), "quay.io:443".parse().unwrap()];
        let text = registries(Some(&mirror), &hosts, true, Some(&Secret::new("p\"w: #")), false).unwrap();
        insta::assert_snapshot!(text, @r##"
        # Written by Airlock. k3s reads it when it starts.
        configs:
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
        "##);
        let embedded = registries(None, &hosts[..1], false, None, true).unwrap();
        assert!(embedded.ends_with("mirrors:\n  \"*\": {}\n  docker.io: {}\n"));
        assert_eq!(registries(None, &hosts, false, None, false), None);
    }
}
