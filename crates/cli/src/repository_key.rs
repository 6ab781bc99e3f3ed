//! The key that signs a site's repositories of OS packages.

use std::path::Path;
use std::sync::Arc;

use airlock_content::Generation;
use airlock_ospkg::openpgp::{NewKey, RepositoryKey};
use airlock_types::annotation;
use anyhow::Context;
use zeroize::Zeroizing;

use crate::failure::Result;
use crate::files;

/// Where a store keeps it.
const KEY: &str = "airlock/keys/packages.key";
/// Where clients find the public half.
const PUBLIC: &str = "airlock/keys/packages.asc";
const USER_ID: &str = "Airlock site packages";
/// When every such key says that it was made: 2020-01-01. A client whose clock is late would refuse a key of today.
const CREATED: i64 = 1_577_836_800;
const LIMIT: u64 = 64 * 1024;

/// Whether a generation holds OS packages.
pub(crate) fn is_needed(generation: &Generation) -> bool {
    generation.roots.iter().any(|root| {
        let kind = root.descriptor.annotations.get(annotation::KIND);
        kind.is_some_and(|kind| kind == "packages")
    })
}

/// The key of a store, made where there is none. It has no password, since a server starts without anyone to ask; it is
/// worth what the store's own files are.
///
/// Of two who make it at the same time, one does and both use it.
pub(crate) fn of_store(store: &Path) -> Result<Arc<RepositoryKey>> {
    let path = store.join(KEY);
    if !files::exists("the key of the packages", &path)? {
        let folder = store.join("airlock/keys");
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("the folder for keys could not be made: {}", folder.display()))?;
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).context("there is no randomness for a key")?;
        let key = RepositoryKey::generate(NewKey {
            seed: &seed,
            user_id: USER_ID,
            created: jiff::Timestamp::from_second(CREATED)?,
        })?;
        files::create_private("the key of the packages", &path, key.to_armored()?.as_bytes())?;
    }
    let text = Zeroizing::new(files::read("the key of the packages", &path, LIMIT)?);
    let (key, _) = RepositoryKey::read(&text, None)
        .with_context(|| format!("the key of the packages could not be read: {}", path.display()))?;
    let public = store.join(PUBLIC);
    if !files::exists("the public key of the packages", &public)? {
        files::replace(
            "the public key of the packages",
            &public,
            key.public_armored()?.as_bytes(),
        )?;
    }
    Ok(Arc::new(key))
}
