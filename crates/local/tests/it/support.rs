use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use airlock_content::{
    BlobSource, ByteStream, MetadataSource, Origin, SourceError, SourceErrorKind, digest_of,
};
use airlock_local::Local;
use airlock_types::{Descriptor, Digest, annotation, media_type};
use futures::TryStreamExt;
use serde_json::{Value, json};

/// Runs a future to its end on this thread.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

/// Everything that a stream gives.
pub(crate) async fn collect(stream: ByteStream) -> Result<Vec<u8>, SourceError> {
    stream
        .try_fold(Vec::new(), |mut all, chunk| async move {
            all.extend_from_slice(&chunk);
            Ok(all)
        })
        .await
}

/// Opens and reads to the end.
pub(crate) async fn read(
    local: &Local,
    origin: &Origin,
    want: &Descriptor,
    offset: u64,
) -> Result<Vec<u8>, SourceError> {
    collect(local.open(origin, want, offset).await?).await
}

/// Bytes that gzip cannot guess, the same in every run.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    })
    .take(len)
    .collect()
}

/// A tar with one file, as a layer has it.
pub(crate) fn layer_tar(name: &str, content: &[u8]) -> Vec<u8> {
    tar_of(&[(name, content)])
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A tar of regular files in the order given.
pub(crate) fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// The configuration of an image with these uncompressed layers.
pub(crate) fn config(layers: &[&[u8]]) -> Vec<u8> {
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| digest_of(layer)).collect();
    json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}})
        .to_string()
        .into_bytes()
}

/// An OCI image layout under construction.
#[derive(Default)]
pub(crate) struct Layout {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) roots: Vec<Value>,
}

impl Layout {
    pub(crate) fn blob(&mut self, media_type: &str, bytes: &[u8]) -> Descriptor {
        let digest = digest_of(bytes);
        self.files
            .insert(format!("blobs/sha256/{}", digest.hex()), bytes.to_vec());
        Descriptor::new(media_type, digest, bytes.len() as u64)
    }

    pub(crate) fn document(&mut self, media_type: &str, value: &Value) -> Descriptor {
        self.blob(media_type, value.to_string().as_bytes())
    }

    /// An image of one gzipped layer; `subject` makes it a referrer.
    pub(crate) fn image(&mut self, text: &str, subject: Option<&Descriptor>) -> Descriptor {
        let tar = layer_tar("text", text.as_bytes());
        let config = self.blob(media_type::OCI_CONFIG, &config(&[&tar]));
        let layer = self.blob(media_type::OCI_LAYER_GZIP, &gzip(&tar));
        let mut manifest = json!({
            "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": config, "layers": [layer]
        });
        if let Some(subject) = subject {
            manifest["subject"] = json!(subject);
            manifest["artifactType"] = json!("application/vnd.example.note");
            manifest["annotations"] = json!({"note": text});
        }
        self.document(media_type::OCI_MANIFEST, &manifest)
    }

    pub(crate) fn index(&mut self, children: &[Descriptor]) -> Descriptor {
        let index = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": children});
        self.document(media_type::OCI_INDEX, &index)
    }

    pub(crate) fn root(&mut self, descriptor: &Descriptor, name: Option<&str>) {
        let mut descriptor = descriptor.clone();
        if let Some(name) = name {
            descriptor
                .annotations
                .insert(annotation::REF_NAME.to_owned(), name.to_owned());
        }
        self.roots.push(json!(descriptor));
    }

    /// All files, with the two that make it a layout.
    pub(crate) fn finish(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.files.clone();
        files.insert("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec());
        let index = json!({"schemaVersion": 2, "manifests": self.roots});
        files.insert("index.json".into(), index.to_string().into_bytes());
        files
    }

    pub(crate) fn write_folder(&self, folder: &Path) -> Origin {
        for (name, bytes) in self.finish() {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        Origin::OciLayout(folder.to_owned())
    }

    pub(crate) fn tar(&self) -> Vec<u8> {
        let files = self.finish();
        let files: Vec<(&str, &[u8])> = files
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
            .collect();
        tar_of(&files)
    }

    pub(crate) fn write_archive(&self, path: PathBuf) -> Origin {
        fs::write(&path, self.tar()).unwrap();
        Origin::OciArchive(path)
    }
}

/// The error that a question was answered with, for assertions on what a person reads.
pub(crate) fn shown(error: &SourceError) -> (SourceErrorKind, String, String) {
    (
        error.kind,
        error.message.clone(),
        error.hint.clone().unwrap_or_default(),
    )
}

/// Asks everything that a resolver and a packer ask about one image: every answer must be verified
/// content or an error. Returns how many blobs were read.
pub(crate) fn exhaust(local: &Local, origin: &Origin, name: &str) -> usize {
    use airlock_content::ManifestSelector::{Digest as ByDigest, Named, Only};
    wait(async {
        let mut blobs = 0;
        for selector in [Only, Named(name.to_owned())] {
            let Ok(manifest) = local.manifest(origin, &selector).await else {
                continue;
            };
            assert_eq!(digest_of(&manifest.bytes), manifest.descriptor.digest);
            let digest = manifest.descriptor.digest;
            assert_eq!(local.manifest(origin, &ByDigest(digest)).await.unwrap(), manifest);
            let _ = local.referrers(origin, &digest).await;
            let parsed = airlock_types::Manifest::parse(&manifest.descriptor.media_type, &manifest.bytes);
            for child in parsed.iter().flat_map(airlock_types::Manifest::children) {
                if let Ok(bytes) = local.blob(origin, child, 1 << 20).await {
                    assert_eq!(
                        (digest_of(&bytes), bytes.len() as u64),
                        (child.digest, child.size)
                    );
                    assert_eq!(read(local, origin, child, 0).await.unwrap(), bytes);
                    blobs += 1;
                } else {
                    let _ = read(local, origin, child, 0).await;
                }
            }
        }
        blobs
    })
}
