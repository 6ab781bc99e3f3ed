//! What a command reads from: a store, or a bundle file and the keys that it must be signed by.

use std::path::Path;
use std::sync::Arc;

use airlock_bundle::BundleFile;
use airlock_content::{BlobBody, BlobRead, Generation, GenerationView, Move, StoreError};
use airlock_hash::Engine;
use airlock_store::Store;
use airlock_types::Digest;
use anyhow::Context;

use crate::args::{BundleKeys, Global};
use crate::commands::verify;
use crate::failure::{Failure, Result};
use crate::{bundles, keys, progress};

/// A store, or a bundle file that was found to be signed.
#[derive(Debug)]
pub(crate) enum Opened {
    /// A store.
    Store(Store),
    /// A bundle file.
    Bundle(Box<BundleFile>),
}

/// How much of a bundle file is verified before anything of it is used.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Verify<'a> {
    /// Index and signatures.
    Signatures,
    /// Every byte, with progress.
    Content(&'a Global),
}

/// Opens a store or bundle. `done` says what is done with a bundle: `served`.
pub(crate) fn open(path: &Path, trust: &BundleKeys, done: &str, verify: Verify<'_>) -> Result<Opened> {
    if is_store(path)? {
        return Ok(Opened::Store(Store::open(path)?));
    }
    if trust.keys.is_empty() {
        return Err(Failure::from(anyhow::anyhow!(
            "a bundle is {done} only with a key that it must be signed by"
        ))
        .hint("add --key PUBLIC_KEY"));
    }
    let policy = keys::policy(&trust.keys, trust.threshold)?;
    let bundle = match verify {
        Verify::Signatures => {
            BundleFile::open(path, &policy).map_err(|error| bundles::refused(path, error))?
        }
        Verify::Content(global) => {
            verify::open_checked(path, &policy, Engine::best(), &progress::reporter(global))?
        }
    };
    Ok(Opened::Bundle(Box::new(bundle)))
}

/// Whether there is a store; a bundle is a file.
pub(crate) fn is_store(path: &Path) -> Result<bool> {
    let facts = std::fs::metadata(path)
        .with_context(|| format!("the store or bundle could not be read: {}", path.display()))?;
    Ok(facts.is_dir())
}

impl Opened {
    /// The store, if it is one.
    pub(crate) fn store(&self) -> Option<&Store> {
        match self {
            Self::Store(store) => Some(store),
            Self::Bundle(_) => None,
        }
    }

    fn view(&self) -> &dyn GenerationView {
        match self {
            Self::Store(store) => store,
            Self::Bundle(bundle) => &**bundle,
        }
    }
}

impl BlobRead for Opened {
    fn size(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        self.view().size(digest)
    }

    fn open(&self, digest: &Digest) -> Result<Option<BlobBody>, StoreError> {
        self.view().open(digest)
    }
}

impl GenerationView for Opened {
    fn generation(&self) -> Result<Arc<Generation>, StoreError> {
        self.view().generation()
    }

    fn moves(&self) -> Result<Vec<Move>, StoreError> {
        self.view().moves()
    }

    fn earlier(&self, id: &Digest) -> Result<Option<Generation>, StoreError> {
        self.view().earlier(id)
    }
}
