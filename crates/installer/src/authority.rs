//! Authorities of the site's own for a cluster, put in place before its first start.

use std::path::Path;

use airlock_node::{Change, Content};
use airlock_spec::site::Datastore;

use crate::k3s::Paths;
use crate::{AuthorityFile, PlanError};

/// Pairs of `.crt` and `.key` that a cluster needs, as k3s' documentation of custom authorities has them.
const PAIRS: [&str; 3] = ["server-ca", "client-ca", "request-header-ca"];
/// Those of the embedded etcd.
const ETCD_PAIRS: [&str; 2] = ["etcd/server-ca", "etcd/peer-ca"];
/// The key that signs the tokens of service accounts.
const SERVICE_KEY: &str = "service.key";

/// The files below `server/tls`.
pub(crate) fn changes(
    files: &[AuthorityFile],
    paths: &Paths,
    datastore: Datastore,
) -> Result<Vec<Change>, PlanError> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let pairs = || PAIRS.iter().chain(&ETCD_PAIRS);
    let is_known = |name: &str| {
        name == SERVICE_KEY
            || pairs().any(|pair| {
                name.strip_prefix(pair)
                    .is_some_and(|ending| [".crt", ".key"].contains(&ending))
            })
    };
    if let Some(unknown) = files.iter().find(|file| !is_known(&file.name)) {
        return Err(PlanError::Authority(unknown.name.clone()));
    }
    let has = |name: &str| files.iter().any(|file| file.name == name);
    for pair in pairs() {
        let is_needed = PAIRS.contains(pair) || datastore == Datastore::Etcd;
        let names = [format!("{pair}.crt"), format!("{pair}.key")];
        let is_begun = names.iter().any(|name| has(name));
        for name in names {
            if (is_needed || is_begun) && !has(&name) {
                return Err(PlanError::AuthorityMissing(name));
            }
        }
    }
    let mut changes = vec![Change::Directory {
        path: paths.tls.clone(),
        mode: 0o700,
    }];
    if files.iter().any(|file| file.name.starts_with("etcd/")) {
        changes.push(Change::Directory {
            path: paths.tls.join("etcd"),
            mode: 0o700,
        });
    }
    changes.extend(files.iter().map(|file| {
        let is_key = Path::new(&file.name)
            .extension()
            .is_some_and(|ending| ending == "key");
        Change::File {
            path: paths.tls.join(&file.name),
            mode: if is_key { 0o600 } else { 0o644 },
            content: Content::from(file.text.expose()),
            secret: is_key,
        }
    }));
    Ok(changes)
}
