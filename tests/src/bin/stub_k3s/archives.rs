//! Archives of images in `agent/images`, as containerd would import them.
//!
//! k3s logs an archive that it cannot import, and goes on (`pkg/agent/containerd`, `preloadImages`). Here it ends the start.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use serde_json::Value;

/// References, and the digest of what each of them is.
pub(crate) type Images = BTreeMap<String, String>;

pub(crate) fn read(folder: &Path) -> Result<Images, String> {
    let mut images = Images::new();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(images);
    };
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        archive(&path, &mut images)
            .map_err(|problem| format!("Failed to import {}: {problem}", path.display()))?;
    }
    Ok(images)
}

fn archive(path: &Path, images: &mut Images) -> Result<(), String> {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let open = || {
        File::open(path)
            .map(BufReader::new)
            .map_err(|error| error.to_string())
    };
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    if ends(&[".txt"]) {
        return Ok(());
    }
    let reader: Box<dyn Read> = if ends(&[".tar"]) {
        Box::new(open()?)
    } else if ends(&[".tar.gz", ".tgz"]) {
        Box::new(flate2::read::GzDecoder::new(open()?))
    } else if ends(&[".tar.zst", ".tzst"]) {
        Box::new(ruzstd::decoding::StreamingDecoder::new(open()?).map_err(|error| error.to_string())?)
    } else {
        // Half-written files of an installer must not have one of these names.
        return Err("k3s takes no file with this ending for an archive".to_owned());
    };
    take(reader, images)
}

fn take(reader: Box<dyn Read>, images: &mut Images) -> Result<(), String> {
    let mut blobs = BTreeMap::new();
    let mut documents = BTreeMap::new();
    let mut archive = tar::Archive::new(reader);
    for entry in archive.entries().map_err(|error| error.to_string())? {
        let mut entry = entry.map_err(|error| error.to_string())?;
        let name = entry
            .path()
            .map_err(|error| error.to_string())?
            .display()
            .to_string();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        if let Some(hex) = name.strip_prefix("blobs/sha256/") {
            let digest = airlock_tests::digest(&bytes);
            if !hex.is_empty() && digest != format!("sha256:{hex}") {
                return Err(format!("the blob {hex} hashes to {digest}"));
            }
            blobs.insert(digest, bytes.len());
        } else if ["index.json", "manifest.json"].contains(&name.as_str()) {
            let document: Value =
                serde_json::from_slice(&bytes).map_err(|error| format!("{name}: {error}"))?;
            documents.insert(name, document);
        }
    }
    let mut found = false;
    for entry in documents
        .get("index.json")
        .and_then(|index| index["manifests"].as_array())
        .into_iter()
        .flatten()
    {
        let digest = entry["digest"].as_str().unwrap_or_default().to_owned();
        if !blobs.contains_key(&digest) {
            return Err(format!("index.json names {digest}, which is not in the archive"));
        }
        let annotations = &entry["annotations"];
        let name = ["io.containerd.image.name", "org.opencontainers.image.ref.name"]
            .iter()
            .find_map(|key| annotations[*key].as_str());
        images.insert(name.unwrap_or(&digest).to_owned(), digest.clone());
        found = true;
    }
    for entry in documents
        .get("manifest.json")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        for tag in entry["RepoTags"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            images.entry(tag.to_owned()).or_default();
            found = true;
        }
    }
    if found {
        Ok(())
    } else {
        Err("it names no image".to_owned())
    }
}
