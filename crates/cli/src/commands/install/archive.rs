//! The archive of images that a node imports.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use airlock_content::GenerationView;
use airlock_export::{Archive, images};
use airlock_installer::Contents;
use airlock_node::{Blob, Content, Node};
use airlock_spec::k3s::K3sRelease;
use airlock_spec::site::Site;
use airlock_types::{Digest, Host, Platform, Reference};
use anyhow::Context;

use crate::failure::{Failure, Result};

/// How archives of Airlock are called in the folder of images.
const PREFIX: &str = "airlock-images-";

/// The archive for a node: with a mirror, the images of k3s itself, which it needs before it can reach anything; without
/// one, every image there is. None where the release has no images of its own, and upstream's archive instead.
///
/// The name has its digest in it, since k3s takes an archive of the same name and length for the same.
pub(super) fn of<V: GenerationView + 'static>(
    contents: &Contents<V>,
    release: &K3sRelease,
    site: &Site,
    platform: &Platform,
) -> Result<Option<(String, Content)>> {
    let view = contents.view();
    let references: Vec<Reference> = if site.mirror.is_some() {
        release.images.clone()
    } else {
        images(&**view)?
    };
    if references.is_empty() {
        return Ok(None);
    }
    let archive = Archive::plan(&**view, &references, Some(platform))?;
    let missing: Vec<String> = archive
        .left_out()
        .iter()
        .filter(|left| release.images.contains(&left.reference))
        .map(|left| left.reference.to_string())
        .collect();
    if !missing.is_empty() {
        return Err(Failure::from(anyhow::anyhow!(
            "images that k3s itself needs are not there for {platform}: {}",
            missing.join(", ")
        ))
        .hint("add the platform to `platforms` of the manifest, and build the bundle again"));
    }
    if archive.images().is_empty() {
        return Ok(None);
    }
    let digest = archive.digest(Arc::clone(view))?;
    let name = format!("{PREFIX}{}.tar", &digest.hex()[..12]);
    let size = archive.size();
    let view = Arc::clone(view);
    let content = Blob::new(digest, size, move || {
        Ok(Box::new(archive.reader(Arc::clone(&view))))
    });
    Ok(Some((name, Content::Blob(content))))
}

/// Archives of Airlock that are in the folder, and are not the one that is wanted.
pub(super) fn stale(node: &Node, folder: &Path, wanted: Option<&str>) -> Result<Vec<String>> {
    let Ok(entries) = std::fs::read_dir(node.followed(folder)?) else {
        return Ok(Vec::new());
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with(PREFIX) && Some(name.as_str()) != wanted)
        .filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "tar"))
        .collect();
    names.sort();
    Ok(names)
}

/// Registries that images of the bundle come from.
pub(super) fn hosts<V: GenerationView>(view: &V) -> Result<Vec<Host>> {
    let mut hosts: Vec<Host> = images(view)?
        .into_iter()
        .map(|reference| reference.repository.host)
        .filter(|host| !host.is_own())
        .collect();
    hosts.sort();
    hosts.dedup();
    Ok(hosts)
}

/// A file of this machine, read when it is needed.
pub(super) fn file(path: &Path) -> Result<Content> {
    let about = || format!("the file could not be read: {}", path.display());
    let mut file = File::open(path).with_context(about)?;
    let size = file.metadata().with_context(about)?.len();
    let mut hash = airlock_hash::Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match std::io::Read::read(&mut file, &mut buffer).with_context(about)? {
            0 => break,
            count => hash.update(&buffer[..count]),
        }
    }
    let path = path.to_owned();
    Ok(Content::Blob(Blob::new(
        Digest::sha256(hash.finish()),
        size,
        move || Ok(Box::new(File::open(&path)?)),
    )))
}
