//! `airlock config apt`: where a node gets its packages, and the key that they are signed with.

use std::path::Path;

use airlock_content::GenerationView;
use airlock_ospkg::deb::repository::{ClientKey, client_sources};
use airlock_registry::client_config::{Files, Mirror};
use airlock_registry::{Offer, offers};
use airlock_store::Store;

use crate::args::ConfigArgs;
use crate::failure::{Failure, Result};
use crate::repository_key;

/// A `.sources` file for each distribution that the store has packages for, below `/etc/apt`.
pub(crate) fn files(args: &ConfigArgs, mirror: &Mirror) -> Result<Files> {
    let Some(path) = args.from.as_deref() else {
        return Err(Failure::from(anyhow::anyhow!(
            "packages are signed with the key of a store, and no store is given"
        ))
        .hint("add --from STORE"));
    };
    let store = Store::open(path)?;
    let offers = offers(&store, &*store.generation()?)?;
    if offers.is_empty() {
        return Err(
            Failure::from(anyhow::anyhow!("the store holds no packages: {}", path.display()))
                .hint("`airlock ls` lists what it holds"),
        );
    }
    of_offers(path, offers, mirror, args.ca.as_deref())
}

/// The same for some of what the store in this folder has.
pub(crate) fn of_offers(
    path: &Path,
    offers: impl IntoIterator<Item = (String, Offer)>,
    mirror: &Mirror,
    ca: Option<&Path>,
) -> Result<Files> {
    let key = repository_key::public_of_store(path)?;
    let mut files = Files::new();
    for (distro, offer) in offers {
        let components: Vec<&str> = offer.components.iter().map(String::as_str).collect();
        let text = client_sources(
            &format!("{mirror}/apt/{distro}"),
            &offer.suite,
            &components,
            ClientKey::Armored(&key),
        );
        files.insert(format!("sources.list.d/airlock-{distro}.sources").into(), text);
    }
    if let Some(ca) = ca {
        files.insert("apt.conf.d/90airlock".into(), trust(mirror, ca));
    }
    Ok(files)
}

/// apt trusts a certificate authority for one host only when told so (apt-transport-https(1)).
fn trust(mirror: &Mirror, ca: &Path) -> String {
    let host = mirror.host().as_str();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    format!("Acquire::https::{name}::CAInfo \"{}\";\n", ca.display())
}
