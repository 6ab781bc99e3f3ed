//! `airlock config`: what a client needs to use the mirror, ready to be copied.

use std::collections::BTreeSet;
use std::path::Path;

use airlock_content::GenerationView;
use airlock_registry::client_config::{self, Files, Mirror};
use airlock_store::Store;
use airlock_types::Host;
use anyhow::Context;

use crate::args::{ConfigArgs, ConfigClient, Global};
use crate::failure::{Failure, Result};
use crate::{files, manifests, print};

/// The registries that most software comes from.
const USUAL: [&str; 5] = ["docker.io", "ghcr.io", "quay.io", "registry.k8s.io", "gcr.io"];

pub(crate) fn run(args: &ConfigArgs, global: &Global) -> Result {
    let mirror: Mirror = args.url.parse().map_err(|error| {
        Failure::from(anyhow::Error::new(error)).hint("for example --url https://mirror.site:5000")
    })?;
    let ca = args.ca.as_deref();
    let made = match args.client {
        ConfigClient::Containerd => client_config::containerd(&mirror, &hosts(args)?, ca),
        ConfigClient::K3s => client_config::k3s(&mirror, &hosts(args)?, ca),
        ConfigClient::Podman => client_config::podman(&mirror, &hosts(args)?, ca),
        ConfigClient::Apt => super::config_apt::files(args, &mirror)?,
    };
    if let Some(dir) = &args.write {
        return write(dir, &made, global);
    }
    print::result(global, &made, || {
        let mut out = String::new();
        for (path, text) in &made {
            // One file is printed as it is, so that it can be redirected to its place.
            if made.len() > 1 {
                out.push_str(&format!("### {}\n", path.display()));
            }
            out.push_str(text);
            if made.len() > 1 {
                out.push('\n');
            }
        }
        out
    })
}

fn hosts(args: &ConfigArgs) -> Result<Vec<Host>> {
    let mut hosts = BTreeSet::new();
    for text in &args.registry {
        hosts.insert(text.parse::<Host>()?);
    }
    if let Some(from) = &args.from {
        if from.is_dir() {
            let generation = Store::open(from)?.generation()?;
            hosts.extend(
                generation
                    .roots
                    .iter()
                    .map(|root| root.reference.repository.host.clone()),
            );
        } else {
            let lock = manifests::lock(from)?;
            hosts.extend(
                lock.artifacts
                    .iter()
                    .map(|artifact| artifact.reference.repository.host.clone()),
            );
        }
        // Names that Airlock gave itself are asked for by no client.
        hosts.retain(|host| !host.is_own());
    }
    if hosts.is_empty() {
        for text in USUAL {
            hosts.insert(text.parse()?);
        }
    }
    Ok(hosts.into_iter().collect())
}

fn write(dir: &Path, made: &Files, global: &Global) -> Result {
    for (path, text) in made {
        let target = dir.join(path);
        let folder = target.parent().unwrap_or(dir);
        std::fs::create_dir_all(folder)
            .with_context(|| format!("the folder could not be made: {}", folder.display()))?;
        files::replace("the configuration", &target, text.as_bytes())?;
        print::note(global, &format!("wrote {}", target.display()));
    }
    Ok(())
}
