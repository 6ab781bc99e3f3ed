//! What a bundle or store needs of a node: room, the release of k3s, a time before which it cannot be.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::time::SystemTime;

use airlock_content::{BlobRead, GenerationView, PublishStore};
use airlock_installer::releases;
use airlock_preflight::{Need, NotBefore};
use airlock_spec::k3s::K3sRelease;
use airlock_spec::receipt::Receipt;
use airlock_store::Store;
use airlock_types::{Descriptor, Digest, Manifest, Platform, annotation};
use anyhow::Context;

use crate::args::{BundleKeys, Global};
use crate::commands::receipts::RECEIPT;
use crate::failure::Result;
use crate::opened::{self, Verify};
use crate::{bundles, print};

/// The largest manifest.
const MAX_MANIFEST: u64 = 8 << 20;
/// Beside the images as they are carried, containerd keeps them again as it pulled them, and unpacked: two to three
/// times as large for common images.
const COPIES: u64 = 2;
const UNPACKED_TENTHS: u64 = 25;
/// k3s unpacks its programs: about as much as four times the binary.
const UNPACKED_BINARY: u64 = 4;

/// What is known of the content.
#[derive(Debug, Default)]
pub(in crate::commands) struct Content {
    /// The release of k3s.
    pub(super) release: Option<String>,
    pub(super) not_before: Option<NotBefore>,
    pub(super) selinux_policies: Vec<String>,
    /// Bytes of the images for this platform, as they are carried.
    images: u64,
    binary: u64,
    archive: u64,
    is_known: bool,
}

impl Content {
    /// The room that it needs, by folder.
    pub(in crate::commands) fn needs(&self, data_dir: &Path) -> Vec<Need> {
        if !self.is_known {
            return Vec::new();
        }
        let images = self.images.saturating_add(self.archive);
        let unpacked = images / 10 * UNPACKED_TENTHS;
        let mut needs = vec![Need {
            folder: data_dir.to_owned(),
            bytes: images.saturating_mul(COPIES).saturating_add(unpacked),
            what: "the images".to_owned(),
        }];
        if self.binary > 0 {
            needs.push(Need {
                folder: data_dir.to_owned(),
                bytes: self.binary.saturating_mul(UNPACKED_BINARY),
                what: "the programs of k3s".to_owned(),
            });
            needs.push(Need {
                folder: "/usr/local/bin".into(),
                bytes: self.binary,
                what: "the binary".to_owned(),
            });
        }
        needs
    }
}

/// Reads a store, or a bundle file: verified with a key, otherwise as it says of itself.
pub(super) fn read(path: &Path, trust: &BundleKeys, global: &Global) -> Result<Content> {
    if !opened::is_store(path)? && trust.keys.is_empty() {
        print::note(
            global,
            "note: without --key the bundle is not verified, and only counted as it says of itself",
        );
        let bundle = bundles::open(path)?;
        let index = bundle
            .claimed_index()
            .map_err(|error| bundles::refused(path, error))?;
        return Ok(Content {
            images: index.blobs().map(|entry| entry.size).sum(),
            is_known: true,
            ..Content::default()
        });
    }
    let view = opened::open(path, trust, "counted", Verify::Signatures)?;
    let mut content = of(&view)?;
    if let Some(store) = view.store() {
        content.not_before = newest(store)?;
    }
    Ok(content)
}

/// The newest import, by this machine's clock or that of another.
fn newest(store: &Store) -> Result<Option<NotBefore>> {
    let mut newest: Option<NotBefore> = None;
    for name in store.records()? {
        let Some(bytes) = store.read_record(&name, RECEIPT)? else {
            continue;
        };
        let receipt =
            Receipt::from_bytes(&bytes).with_context(|| format!("the receipt cannot be read: {name}"))?;
        let Ok(time) = receipt.time.parse::<jiff::Timestamp>() else {
            continue;
        };
        let time = SystemTime::from(time);
        if newest.as_ref().is_none_or(|known| known.time < time) {
            newest = Some(NotBefore {
                time,
                what: format!(
                    "the import of {} {} ({})",
                    receipt.name, receipt.version, receipt.time
                ),
            });
        }
    }
    Ok(newest)
}

fn platform() -> Option<Platform> {
    Platform::new("linux", std::env::consts::ARCH, None).ok()
}

/// What a view needs of a node.
pub(in crate::commands) fn of<V: GenerationView>(view: &V) -> Result<Content> {
    let platform = platform();
    let mut blobs: BTreeMap<Digest, u64> = BTreeMap::new();
    let mut content = Content {
        is_known: true,
        ..Content::default()
    };
    for root in &view.generation()?.roots {
        let kind = root.descriptor.annotations.get(annotation::KIND);
        if root.subject.is_none() && kind.is_some_and(|kind| kind == "image") {
            image(view, &root.descriptor, platform.as_ref(), &mut blobs)?;
        }
    }
    for release in releases(view)? {
        take_up(release, platform.as_ref(), &mut content);
    }
    content.images = blobs.values().sum();
    Ok(content)
}

fn bytes<V: BlobRead>(view: &V, descriptor: &Descriptor) -> Result<Vec<u8>> {
    let about = || format!("the content could not be read: {}", descriptor.digest);
    if descriptor.size > MAX_MANIFEST {
        return Err(anyhow::anyhow!(
            "the content is larger than {MAX_MANIFEST} bytes: {}",
            descriptor.digest
        )
        .into());
    }
    let body = view.open(&descriptor.digest)?.with_context(about)?;
    let mut out = Vec::new();
    body.into_reader()
        .and_then(|reader| reader.take(MAX_MANIFEST).read_to_end(&mut out))
        .with_context(about)?;
    Ok(out)
}

fn manifest<V: BlobRead>(view: &V, descriptor: &Descriptor) -> Result<Manifest> {
    let bytes = bytes(view, descriptor)?;
    Ok(Manifest::parse(&descriptor.media_type, &bytes)
        .with_context(|| format!("the manifest could not be read: {}", descriptor.digest))?)
}

/// Adds the blobs of an image that a node of this platform pulls.
fn image<V: BlobRead>(
    view: &V,
    root: &Descriptor,
    platform: Option<&Platform>,
    blobs: &mut BTreeMap<Digest, u64>,
) -> Result {
    let mut left = vec![(root.clone(), 0)];
    while let Some((descriptor, depth)) = left.pop() {
        match manifest(view, &descriptor)? {
            Manifest::Image(image) => {
                blobs.extend(
                    std::iter::once(&image.config)
                        .chain(&image.layers)
                        .map(|blob| (blob.digest, blob.size)),
                );
            }
            Manifest::Index(index) => {
                for child in index.manifests {
                    let is_wanted = match (child.platform.as_ref(), platform) {
                        (Some(of), Some(wanted)) => of.satisfies(wanted),
                        _ => true,
                    };
                    // What is not carried is not pulled, and an index in an index in an index is none.
                    if is_wanted && depth < 4 && view.size(&child.digest)?.is_some() {
                        left.push((child, depth + 1));
                    }
                }
            }
        }
    }
    Ok(())
}

/// Takes up what a release of k3s says of itself.
fn take_up(release: K3sRelease, platform: Option<&Platform>, content: &mut Content) {
    if let Some(node) = platform.and_then(|platform| release.node(platform)) {
        content.binary = content.binary.max(node.binary.size);
        content.archive = content
            .archive
            .max(node.archive.as_ref().map_or(0, |file| file.size));
    }
    content.selinux_policies.extend(release.selinux.into_keys());
    content.release = Some(release.release);
}
