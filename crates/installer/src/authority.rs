//! Authorities of the site's own for a cluster, put in place before its first start.

use std::path::Path;

use airlock_node::{Change, Content};

use crate::k3s::Paths;
use crate::{AuthorityFile, PlanError};

/// Pairs of `.crt` and `.key` that a cluster needs, those of etcd also where it has none (docs.k3s.io, "k3s certificate",
/// "Using Custom CA Certificates").
const PAIRS: [&str; 5] = [
    "server-ca",
    "client-ca",
    "request-header-ca",
    "etcd/server-ca",
    "etcd/peer-ca",
];
/// The key that signs the tokens of service accounts.
const SERVICE_KEY: &str = "service.key";

/// The files below `server/tls`.
pub(crate) fn changes(files: &[AuthorityFile], paths: &Paths) -> Result<Vec<Change>, PlanError> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let wanted: Vec<String> = PAIRS
        .iter()
        .flat_map(|pair| [format!("{pair}.crt"), format!("{pair}.key")])
        .chain([SERVICE_KEY.to_owned()])
        .collect();
    if let Some(unknown) = files.iter().find(|file| !wanted.contains(&file.name)) {
        return Err(PlanError::Authority(unknown.name.clone()));
    }
    let is_missing = |name: &&String| !files.iter().any(|file| file.name == **name);
    if let Some(missing) = wanted.iter().find(is_missing) {
        return Err(PlanError::AuthorityMissing(missing.clone()));
    }
    let mut changes = vec![Change::Directory {
        path: paths.tls.clone(),
        mode: 0o700,
    }];
    changes.push(Change::Directory {
        path: paths.tls.join("etcd"),
        mode: 0o700,
    });
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
