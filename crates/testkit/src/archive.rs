//! Images as files of this machine: OCI layout, `oci-archive` and `docker save` tars.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use airlock_types::{annotation, media_type};
use serde_json::json;

use crate::{Blob, Image, tarball};

/// The files of an OCI image layout that holds `images` under their names (`None`: no name).
pub fn oci_layout_files(images: &[(Option<&str>, &Image)]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut manifests = Vec::new();
    for (name, image) in images {
        let mut descriptor = image.descriptor();
        if let Some(name) = name {
            descriptor
                .annotations
                .insert(annotation::REF_NAME.to_owned(), (*name).to_owned());
        }
        manifests.push(descriptor);
        for blob in image.all_manifests().chain(&image.blobs) {
            files.insert(format!("blobs/sha256/{}", blob.digest.hex()), blob.bytes.to_vec());
        }
    }
    let index = Blob::json(
        media_type::OCI_INDEX,
        &json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": manifests}),
    );
    files.insert("index.json".to_owned(), index.bytes.to_vec());
    files.insert(
        "oci-layout".to_owned(),
        br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec(),
    );
    files
}

/// Writes an OCI image layout into `folder`, which is made where it does not exist.
pub fn write_oci_layout(folder: &Path, images: &[(Option<&str>, &Image)]) -> io::Result<()> {
    for (path, bytes) in oci_layout_files(images) {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, bytes)?;
    }
    Ok(())
}

/// The tar that `skopeo copy … oci-archive:` would write.
pub fn oci_archive(images: &[(Option<&str>, &Image)]) -> Vec<u8> {
    tarball(oci_layout_files(images))
}

/// The tar that `docker save TAG…` would write of one single-platform image, with uncompressed layers
/// given as `tars`.
///
/// # Panics
/// If the image has no configuration.
pub fn docker_archive(tags: &[&str], image: &Image, tars: &[Vec<u8>]) -> Vec<u8> {
    let config = image
        .blobs
        .first()
        .expect("an image starts with its configuration");
    let mut files = BTreeMap::new();
    let config_name = format!("{}.json", config.digest.hex());
    let mut layers = Vec::new();
    for tar in tars {
        let path = format!("{}/layer.tar", Blob::new("", tar.clone()).digest.hex());
        layers.push(path.clone());
        files.insert(path, tar.clone());
    }
    let manifest = json!([{"Config": config_name, "RepoTags": tags, "Layers": layers}]);
    files.insert(config_name, config.bytes.to_vec());
    files.insert(
        "manifest.json".to_owned(),
        airlock_types::json::to_canonical(&manifest),
    );
    tarball(files)
}
