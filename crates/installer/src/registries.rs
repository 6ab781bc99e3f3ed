//! What a site says about `registries.yaml`.

use std::path::Path;

use airlock_spec::k3s::{Registries, RegistriesMirror};
use airlock_spec::site::Mirror;
use airlock_types::Host;

use crate::Secret;

/// Where the authority of the mirror is on a node.
pub(crate) const CA_FILE: &str = "/etc/rancher/k3s/airlock-ca.pem";

/// The text of the file, for a site with a mirror or with nodes that pass images on (`embedded`).
pub(crate) fn registries(
    mirror: Option<&Mirror>,
    hosts: &[Host],
    has_ca: bool,
    password: Option<&Secret>,
    embedded: bool,
) -> Option<String> {
    if mirror.is_none() && !embedded {
        return None;
    }
    let mirror = mirror.map(|mirror| RegistriesMirror {
        endpoint: mirror.url.as_str().trim_end_matches('/'),
        ca: has_ca.then(|| Path::new(CA_FILE)),
        auth: mirror
            .auth
            .as_ref()
            .zip(password)
            .map(|(auth, password)| (auth.username.as_str(), password.expose())),
    });
    Some(Registries { hosts, mirror }.render())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_of_a_site_is_the_endpoint() {
        let mirror = Mirror {
            url: "https://registry.site:5000/".parse().unwrap(),
            ca: Some("ca.pem".into()),
            auth: Some(airlock_spec::site::MirrorAuth {
                username: "node".into(),
                password_file: "password".into(),
            }),
            hosts: Vec::new(),
        };
        let text = registries(Some(&mirror), &[], true, Some(&Secret::new("pw\n")), false).unwrap();
        for part in [
            "- \"https://registry.site:5000\"\n",
            "\n  \"registry.site:5000\":\n",
            "username: \"node\"\n",
            "password: \"pw\"\n",
            "ca_file: \"/etc/rancher/k3s/airlock-ca.pem\"\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(registries(None, &[], false, None, true).is_some());
        assert_eq!(registries(None, &[], false, None, false), None);
    }
}
