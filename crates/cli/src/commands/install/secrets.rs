//! What the files named in a `site.yaml` hold. Nothing of it is ever printed.

use std::path::Path;

use airlock_installer::{AuthorityFile, Secret, Secrets};
use airlock_spec::site::Site;
use anyhow::Context;
use zeroize::Zeroizing;

use crate::failure::Result;
use crate::files;

/// More than any token, key or certificate needs.
const LIMIT: u64 = 1 << 20;

/// All of it.
pub(super) fn read(site: &Site) -> Result<Secrets> {
    let cluster = &site.cluster;
    let internal = site.services.ca.as_ref();
    Ok(Secrets {
        token: secret("the token", cluster.token_file.as_deref())?,
        agent_token: secret("the token of agents", cluster.agent_token_file.as_deref())?,
        site_ca: text(
            "the site's authority",
            internal.map(|internal| internal.certificate.as_path()),
        )?,
        site_ca_key: secret(
            "the key of the site's authority",
            internal.and_then(|internal| internal.key_file.as_deref()),
        )?,
        authorities: match &cluster.ca {
            Some(ca) => authorities(&ca.folder)?,
            None => Vec::new(),
        },
        ..of_charts(site)?
    })
}

/// What charts need of it.
pub(in crate::commands) fn of_charts(site: &Site) -> Result<Secrets> {
    let mirror = site.mirror.as_ref();
    let auth = mirror.and_then(|mirror| mirror.auth.as_ref());
    Ok(Secrets {
        mirror_password: secret(
            "the mirror's password",
            auth.map(|auth| auth.password_file.as_path()),
        )?,
        mirror_ca: text(
            "the mirror's authority",
            mirror.and_then(|mirror| mirror.ca.as_deref()),
        )?,
        ..Secrets::default()
    })
}

fn secret(what: &str, path: Option<&Path>) -> Result<Option<Secret>> {
    let Some(path) = path else {
        return Ok(None);
    };
    let text = Zeroizing::new(files::read_text(what, path, LIMIT)?);
    Ok(Some(Secret::new(&text)))
}

fn text(what: &str, path: Option<&Path>) -> Result<Option<String>> {
    path.map(|path| files::read_text(what, path, LIMIT)).transpose()
}

/// Every certificate and key of the folder, and of `etcd` in it. Others, such as a root that signed them, stay there.
fn authorities(folder: &Path) -> Result<Vec<AuthorityFile>> {
    let mut found = Vec::new();
    for below in ["", "etcd"] {
        let folder = folder.join(below);
        if !below.is_empty() && !folder.is_dir() {
            continue;
        }
        let about = || {
            format!(
                "the folder of authorities could not be read: {}",
                folder.display()
            )
        };
        for entry in std::fs::read_dir(&folder).with_context(about)? {
            let path = entry.with_context(about)?.path();
            let is_wanted = path
                .extension()
                .is_some_and(|ending| ending == "crt" || ending == "key");
            let Some(name) = path
                .file_name()
                .and_then(|name| name.to_str())
                .filter(|_| is_wanted)
            else {
                continue;
            };
            let name = if below.is_empty() {
                name.to_owned()
            } else {
                format!("{below}/{name}")
            };
            let text = Zeroizing::new(files::read_text("the authority", &path, LIMIT)?);
            found.push(AuthorityFile {
                name,
                text: Secret::whole(&text),
            });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}
