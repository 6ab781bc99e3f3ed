//! The key that signs a site's repositories of OS packages.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use airlock_ospkg::openpgp::{NewKey, RepositoryKey};
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

/// The key of a store, made where there is none. It has no password, since a server starts without anyone to ask; it is
/// worth what the store's own files are.
///
/// Of two who make it at the same time, one does and both use it.
pub(crate) fn of_store(store: &Path) -> Result<Arc<RepositoryKey>> {
    let path = store.join(KEY);
    if !files::exists("the key of the packages", &path)? {
        let folder = store.join("airlock/keys");
        fs::create_dir_all(&folder)
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
        .with_context(|| format!("the key of the packages could not be used: {}", path.display()))?;
    let public = key.public_armored()?;
    let beside = store.join(PUBLIC);
    // The private half counts: whoever puts a key of the site's own there need not care for the other file.
    if fs::read(&beside).ok().as_deref() != Some(public.as_bytes()) {
        files::replace("the public key of the packages", &beside, public.as_bytes())?;
    }
    Ok(Arc::new(key))
}

/// Whether a store has a key already.
pub(crate) fn is_made(store: &Path) -> Result<bool> {
    files::exists("the key of the packages", &store.join(KEY))
}

/// The public half of a store's key, in armour. It needs no access to the private one where there is a key already.
pub(crate) fn public_of_store(store: &Path) -> Result<String> {
    let path = store.join(PUBLIC);
    if files::exists("the public key of the packages", &path)? {
        return files::read_text("the public key of the packages", &path, LIMIT);
    }
    Ok(of_store(store)?.public_armored()?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_store_has_one_key_for_good() {
        let store = tempfile::tempdir().unwrap();
        let public = public_of_store(store.path()).unwrap();
        assert!(
            public.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----"),
            "{public}"
        );
        let key = of_store(store.path()).unwrap();
        assert_eq!(key.public_armored().unwrap(), public);
        assert_eq!(key.created().as_second(), CREATED);
        let facts = fs::metadata(store.path().join(KEY)).unwrap();
        assert_eq!(facts.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_key_of_the_sites_own_takes_its_place() {
        let store = tempfile::tempdir().unwrap();
        let first = public_of_store(store.path()).unwrap();
        let seed = [7; 32];
        let own = RepositoryKey::generate(NewKey {
            seed: &seed,
            user_id: "Site <ops@site.example>",
            created: jiff::Timestamp::from_second(CREATED).unwrap(),
        })
        .unwrap();
        fs::write(store.path().join(KEY), own.to_armored().unwrap().as_bytes()).unwrap();
        of_store(store.path()).unwrap();
        let second = public_of_store(store.path()).unwrap();
        assert_eq!(second, own.public_armored().unwrap());
        assert_ne!(first, second);
    }
}
