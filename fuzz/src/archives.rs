//! Images that lie on this machine: archives of docker and podman, OCI layouts.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use airlock_content::{BlobSource, ManifestSelector, MetadataSource, Origin, digest_of};
use airlock_local::Local;
use airlock_types::{Descriptor, Manifest};
use futures::StreamExt;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// More than any input holds, less than a bomb.
const LIMIT: u64 = 1 << 20;

/// Runs to the end on this thread; blocking work has a thread of its own.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME
        .get_or_init(|| {
            Builder::new_current_thread()
                .build()
                .unwrap_or_else(|error| panic!("{error}"))
        })
        .block_on(work)
}

/// One folder for all inputs of this process, in memory where the machine has such a place.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            TempDir::new_in("/dev/shm")
                .or_else(|_| TempDir::new())
                .unwrap_or_else(|error| panic!("{error}"))
        })
        .path()
}

/// What `docker save` writes.
pub fn docker_archive(input: &[u8]) {
    archive("docker.tar", input, Origin::DockerArchive);
}

/// A tar of an OCI layout.
pub fn oci_archive(input: &[u8]) {
    archive("oci.tar", input, Origin::OciArchive);
}

fn archive(name: &str, input: &[u8], origin: impl Fn(PathBuf) -> Origin) {
    let path = folder().join(format!("{:?}-{name}", std::thread::current().id()));
    fs::write(&path, input).unwrap_or_else(|error| panic!("{error}"));
    block_on(walk(&origin(path)));
}

/// A folder: `index.json`, then blobs, each after a line of `--`. `@N@` stands for the digest of the Nth part.
pub fn oci_layout(input: &[u8]) {
    let mut parts: Vec<Vec<u8>> = crate::parts(input).take(8).map(<[u8]>::to_vec).collect();
    let folder = folder().join(format!("{:?}-layout", std::thread::current().id()));
    let blobs = folder.join("blobs/sha256");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&blobs).unwrap_or_else(|error| panic!("{error}"));
    // From the last to the first, since manifests name what comes after them.
    for at in (1..parts.len()).rev() {
        let digest = digest_of(&parts[at]);
        let name = format!("@{at}@");
        for part in &mut parts[..at] {
            if let Ok(text) = std::str::from_utf8(part)
                && text.contains(&name)
            {
                *part = text.replace(&name, &digest.to_string()).into_bytes();
            }
        }
        let _ = fs::write(blobs.join(digest.hex()), &parts[at]);
    }
    let _ = fs::write(folder.join("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}");
    let _ = fs::write(
        folder.join("index.json"),
        parts.first().map_or(&[][..], |part| part),
    );
    block_on(walk(&Origin::OciLayout(folder)));
}

/// Everything that a build would ask for.
async fn walk(origin: &Origin) {
    let local = Local::new("/");
    let mut open = vec![
        ManifestSelector::Only,
        ManifestSelector::Named("app:1".to_owned()),
    ];
    let mut steps = 0;
    while let Some(selector) = open.pop() {
        steps += 1;
        if steps > 64 {
            return;
        }
        let Ok(found) = local.manifest(origin, &selector).await else {
            continue;
        };
        assert_eq!(digest_of(&found.bytes), found.descriptor.digest);
        assert_eq!(found.bytes.len() as u64, found.descriptor.size);
        let _ = local.referrers(origin, &found.descriptor.digest).await;
        match Manifest::parse(&found.descriptor.media_type, &found.bytes) {
            Ok(Manifest::Image(manifest)) => {
                for blob in manifest.layers.iter().chain([&manifest.config]) {
                    read(&local, origin, blob).await;
                }
            }
            Ok(index @ Manifest::Index(_)) => {
                open.extend(
                    index
                        .children()
                        .map(|child| ManifestSelector::Digest(child.digest)),
                );
            }
            Err(_) => {}
        }
    }
}

/// Both ways to read must agree, and give nothing but what was asked for.
async fn read(local: &Local, origin: &Origin, want: &Descriptor) {
    let whole = local.blob(origin, want, LIMIT).await;
    if let Ok(bytes) = &whole {
        assert!(
            want.digest.algorithm() != airlock_types::Algorithm::Sha256 || digest_of(bytes) == want.digest
        );
    }
    if let Ok(mut stream) = local.open(origin, want, 0).await {
        let mut read = 0;
        while let Some(Ok(piece)) = stream.next().await {
            read += piece.len() as u64;
            if read > LIMIT {
                return;
            }
        }
        assert!(whole.is_err() || read == want.size);
    }
}
