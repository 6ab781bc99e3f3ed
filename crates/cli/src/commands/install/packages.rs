//! Where a node finds the OS packages of a store or bundle.

use std::collections::BTreeMap;
use std::path::Path;

use airlock_content::GenerationView;
use airlock_installer::PackageSource;
use airlock_node::PackageManager;
use airlock_ospkg::deb::architecture;
use airlock_ospkg::deb::repository::{ClientKey, client_sources};
use airlock_registry::{offers, unsigned};
use airlock_spec::site::Mirror;
use airlock_store::Store;
use anyhow::Context;

use super::Asked;
use crate::commands::config_apt;
use crate::failure::Result;
use crate::{print, repository_key};

/// Where the mirror's authority is trusted from on nodes with apt, before any package comes.
const MIRROR_CA: &str = "/usr/local/share/ca-certificates/airlock-mirror.crt";

/// The mirror of a store serves its packages, signed with the store's key. Without a mirror, or from a bundle, they are
/// put into a folder of the node.
pub(super) fn source(asked: &Asked<'_>) -> Result<Option<PackageSource>> {
    let Asked {
        args, machine, site, ..
    } = asked;
    let is_wanted = !airlock_installer::os_packages(site).is_empty();
    if !is_wanted || machine.os.packages() != Some(PackageManager::Apt) {
        return Ok(None);
    }
    let source = match (&site.mirror, asked.contents.view().store()) {
        (Some(mirror), Some(store)) => served(asked, mirror, store)?,
        _ => carried(asked)?,
    };
    if source.is_none() {
        print::note(
            asked.global,
            &format!(
                "note: there are no packages for {} in {}; apt looks for them where this machine's own lists say",
                machine.distro(),
                args.path.display()
            ),
        );
    }
    Ok(source)
}

fn served(asked: &Asked<'_>, mirror: &Mirror, store: &Store) -> Result<Option<PackageSource>> {
    let args = asked.args;
    let distro = asked.machine.distro();
    // Other distributions are none of this node's matters.
    let Some(own) = offers(store, &*store.generation()?)?.remove_entry(&distro) else {
        return Ok(None);
    };
    if args.dry_run && !repository_key::is_made(&args.path)? {
        print::note(
            asked.global,
            "note: the store has no key for packages yet; `airlock serve` makes it, and this node's list names it then",
        );
        return Ok(Some(PackageSource::default()));
    }
    let address = mirror.url.as_str().trim_end_matches('/').parse()?;
    let ca = mirror.ca.as_ref().map(|_| Path::new(MIRROR_CA));
    let files = config_apt::of_offers(&args.path, [own], &address, ca)?;
    let password = asked.secrets.mirror_password.as_ref();
    let source = PackageSource::apt_mirror(files, mirror, password).map_err(super::not_planned)?;
    Ok(Some(source))
}

fn carried(asked: &Asked<'_>) -> Result<Option<PackageSource>> {
    let Asked {
        contents,
        machine,
        node,
        ..
    } = asked;
    let Some(architecture) = architecture::of_platform(&machine.platform) else {
        return Ok(None);
    };
    let view = contents.view();
    let distro = machine.distro();
    let found = unsigned(&**view, &*view.generation()?, &distro, architecture)
        .with_context(|| format!("there is no repository of the packages for {distro}"))?;
    let Some((offer, repository)) = found else {
        return Ok(None);
    };
    let mut files = BTreeMap::new();
    for (path, bytes) in repository.files() {
        files.insert(path.clone(), bytes.clone().into());
    }
    for (path, pooled) in repository.pool() {
        files.insert(path.clone(), contents.blob(pooled.digest, pooled.size));
    }
    let components: Vec<&str> = offer.components.iter().map(String::as_str).collect();
    let list = |address: &str| client_sources(address, &offer.suite, &components, ClientKey::Unsigned);
    Ok(Some(PackageSource::apt_folder(node, &distro, files, list)?))
}
