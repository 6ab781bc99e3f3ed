//! The manifest and the lock as files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use airlock_spec::lock::Lock;
use airlock_spec::manifest::{self, Effective, Inputs};
use anyhow::Context;

use crate::args::ManifestArgs;
use crate::failure::{Failure, Result};
use crate::files;

/// More than any lock needs: about 300 bytes a blob.
pub(crate) const LOCK_LIMIT: u64 = 1 << 30;
/// More than any manifest needs.
const MANIFEST_LIMIT: u64 = 16 << 20;

/// Reads the manifest with its imports, variables and selection.
pub(crate) fn load(args: &ManifestArgs) -> Result<Effective> {
    // Not being there is one thing, and not being readable is another.
    if !files::exists("the manifest", &args.manifest)? {
        return Err(Failure::from(anyhow::anyhow!(
            "there is no manifest: {}",
            args.manifest.display()
        ))
        .hint("name one, or start from manifests/quickstart/airlock.yaml"));
    }
    std::fs::File::open(&args.manifest)
        .with_context(|| format!("the manifest could not be read: {}", args.manifest.display()))?;
    let inputs = Inputs {
        variables: args.set.iter().cloned().collect::<BTreeMap<_, _>>(),
        components: args.components.clone(),
    };
    manifest::load(&args.manifest, &inputs, &mut read_manifest).map_err(|errors| {
        let count = errors.0.len();
        let what = if count == 1 {
            "a mistake".to_owned()
        } else {
            format!("{count} mistakes")
        };
        Failure::from(anyhow::anyhow!(
            "the manifest has {what}\n\n{}",
            errors.render().trim_end()
        ))
    })
}

fn read_manifest(path: &Path) -> std::io::Result<String> {
    let length = std::fs::metadata(path)?.len();
    if length > MANIFEST_LIMIT {
        return Err(std::io::Error::new(
            std::io::ErrorKind::FileTooLarge,
            "larger than 16 MiB",
        ));
    }
    std::fs::read_to_string(path)
}

/// The folder that paths in a manifest and its lock are relative to; empty for the working folder.
pub(crate) fn base(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).to_owned()
}

/// Where the lock of a manifest is.
pub(crate) fn lock_path(args: &ManifestArgs) -> PathBuf {
    args.lock_file
        .clone()
        .unwrap_or_else(|| args.manifest.with_extension("lock"))
}

/// Reads a lock that must be there.
pub(crate) fn lock(path: &Path) -> Result<Lock> {
    if !files::exists("the lock", path)? {
        return Err(
            Failure::from(anyhow::anyhow!("there is no lock: {}", path.display()))
                .hint("make it with `airlock lock`"),
        );
    }
    read_lock(path)
}

/// Reads a lock that may be there.
pub(crate) fn lock_if_any(path: &Path) -> Result<Option<Lock>> {
    if files::exists("the lock", path)? {
        read_lock(path).map(Some)
    } else {
        Ok(None)
    }
}

fn read_lock(path: &Path) -> Result<Lock> {
    let bytes = files::read("the lock", path, LOCK_LIMIT)?;
    Ok(
        Lock::from_bytes(&bytes)
            .with_context(|| format!("the lock could not be read: {}", path.display()))?,
    )
}
