//! `airlock config apt`: where a node gets its packages, and the key that they are signed with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use airlock_content::{BlobRead, GenerationView};
use airlock_ospkg::deb::repository::{ClientKey, client_sources};
use airlock_registry::client_config::{Files, Mirror};
use airlock_spec::packages::DebSet;
use airlock_store::Store;
use airlock_types::{Manifest, media_type};

use crate::args::ConfigArgs;
use crate::failure::{Failure, Result};
use crate::repository_key;

const LIMIT: u64 = 64 << 20;

/// A `.sources` file for each distribution that the store has packages for.
pub(crate) fn files(args: &ConfigArgs, mirror: &Mirror) -> Result<Files> {
    let Some(path) = &args.from else {
        return Err(Failure::from(anyhow::anyhow!(
            "packages are signed with a key of the store, and no store is given"
        ))
        .hint("add --from STORE"));
    };
    let store = Store::open(path)?;
    let offers = offers(&store)?;
    if offers.is_empty() {
        return Err(Failure::from(anyhow::anyhow!(
            "the store holds no packages: {}",
            path.display()
        )));
    }
    let key = repository_key::of_store(path)?.public_armored()?;
    let mut files: Files = offers
        .into_iter()
        .map(|(distro, offer)| {
            let components: Vec<&str> = offer.components.iter().map(String::as_str).collect();
            let text = client_sources(
                &format!("{mirror}/apt/{distro}"),
                &offer.codename,
                &components,
                ClientKey::Armored(&key),
            );
            (
                PathBuf::from(format!("sources.list.d/airlock-{distro}.sources")),
                text,
            )
        })
        .collect();
    if let Some(ca) = &args.ca {
        files.insert("apt.conf.d/90airlock".into(), trust(mirror, ca));
    }
    Ok(files)
}

/// apt trusts a certificate authority for one host only when told so.
fn trust(mirror: &Mirror, ca: &Path) -> String {
    let host = mirror.host().as_str();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    format!("Acquire::https::{name}::CAInfo \"{}\";\n", ca.display())
}

/// What there is for a distribution.
#[derive(Default)]
struct Offer {
    codename: String,
    components: BTreeSet<String>,
}

fn offers(store: &Store) -> Result<BTreeMap<String, Offer>> {
    let generation = store.generation()?;
    let mut offers: BTreeMap<String, Offer> = BTreeMap::new();
    for root in &generation.roots {
        let read = |digest| -> Result<Option<bytes::Bytes>> {
            Ok(store
                .open(digest)?
                .map(|body| body.into_bytes(LIMIT))
                .transpose()?)
        };
        let kind = root.descriptor.annotations.get(airlock_types::annotation::KIND);
        if kind.is_none_or(|kind| kind != "packages") {
            continue;
        }
        let Some(bytes) = read(&root.descriptor.digest)? else {
            continue;
        };
        let Manifest::Image(manifest) = Manifest::parse(&root.descriptor.media_type, &bytes)? else {
            continue;
        };
        if manifest.config.media_type != media_type::AIRLOCK_DEB_SET {
            continue;
        }
        if let Some(bytes) = read(&manifest.config.digest)? {
            let set = DebSet::from_bytes(&bytes)?;
            let offer = offers.entry(set.distro).or_default();
            offer.codename = set.codename;
            offer
                .components
                .extend(set.packages.into_iter().map(|package| package.component));
        }
    }
    Ok(offers)
}
