//! Releases of k3s: which one is meant, what a node needs of it, and the images on its list.
//!
//! [`channel`] asks which release a channel is at, [`upstream`] knows where its files lie and what they must hash to,
//! [`artifact`] puts together what is carried. The images are wanted like all others, which [`with_images`] sees to.

mod artifact;
mod channel;
mod upstream;

use std::collections::BTreeMap;

use airlock_content::{MetadataSource, digest_of};
use airlock_spec::k3s::{K3sRelease, UpgradeFiles, VERSION, image_tag_of};
use airlock_spec::lock::{Artifact, Kind};
use airlock_spec::manifest::{Effective, ImageSource, K3sRequest, KubernetesRequest, UpgradeRequest};
use airlock_types::{Platform, Reference};
use url::Url;

use self::artifact::Parts;
use self::upstream::Upstream;
use crate::ask::Asker;
use crate::error::Cause;
use crate::request::{Ask, Asked, Request, ready};

pub(crate) use self::channel::newer;

/// Why a release of k3s could not be pinned.
#[derive(Debug, thiserror::Error)]
pub enum K3sError {
    /// There are no files for a platform.
    #[error("k3s is not built for {0}")]
    Platform(Platform),
    /// A channel that leads elsewhere.
    #[error("the channel {channel} leads to no release of k3s: {address}")]
    Channel {
        /// The channel.
        channel: String,
        /// Where it leads.
        address: String,
    },
    /// The list of images has a line that is no image.
    #[error("the list of images cannot be read, line {line} is no reference: {text:?}")]
    List {
        /// Which line.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// The list of images is empty.
    #[error("the list of images is empty: {0}")]
    EmptyList(String),
    /// A file that must be text is not.
    #[error("the file is not text: {0}")]
    NotText(String),
    /// Neither version nor channel, or a release that no address or tag can be made of.
    #[error("no address can be made of this release of k3s: {0:?}")]
    Release(String),
}

impl K3sError {
    /// What to do about it, where there is something to do.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Platform(_) => Some(
                "it is built for linux/amd64, linux/arm64 and linux/arm/v7; leave other platforms out of the manifest"
                    .to_owned(),
            ),
            Self::Channel { .. } => Some(
                "channels are stable, latest, testing and those of a minor version, v1.34; a mirror is given with `channels`"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// Resolves `k3s` of a component.
pub(crate) async fn resolve<S: MetadataSource>(
    asker: &Asker<'_, S>,
    request: &Request,
    component: &str,
    wanted: &K3sRequest,
    platforms: &[Platform],
) -> Result<Artifact, Cause> {
    let release = match (&wanted.version, &wanted.channel) {
        (Some(version), _) => version.clone(),
        (None, Some(channel)) => channel::release(asker, &wanted.channels, channel).await?,
        (None, None) => return Err(K3sError::Release(component.to_owned()).into()),
    };
    let upstream = Upstream::new(asker, &wanted.releases, &release)?;
    let mut parts = Parts::default();
    let mut nodes = Vec::new();
    for platform in platforms {
        nodes.push(upstream.node(&mut parts, platform, wanted.images).await?);
    }
    let images = if wanted.images.is_each() {
        upstream.images(&mut parts).await?
    } else {
        Vec::new()
    };
    let mut selinux = BTreeMap::new();
    for package in &wanted.selinux {
        let title = format!("selinux/{}/{}", package.distro, upstream::file_name(&package.url));
        let file = upstream::pinned(asker, &mut parts, &title, &package.url, Some(package.sha256)).await?;
        let files: &mut Vec<_> = selinux.entry(package.distro.clone()).or_default();
        files.push(file);
    }
    let upgrade = match &wanted.upgrade {
        Some(wanted) => Some(upgrade(asker, &mut parts, wanted, &release).await?),
        None => None,
    };
    let document = K3sRelease {
        version: VERSION,
        component: component.to_owned(),
        release,
        nodes,
        images,
        selinux,
        upgrade,
        lists: parts.lists.clone(),
    };
    artifact::make(request, &document, parts, upstream.base())
}

async fn upgrade<S: MetadataSource>(
    asker: &Asker<'_, S>,
    parts: &mut Parts,
    wanted: &UpgradeRequest,
    release: &str,
) -> Result<UpgradeFiles, Cause> {
    let tag = image_tag_of(release).ok_or_else(|| K3sError::Release(release.to_owned()))?;
    let mut images = wanted.images.clone();
    let mut manifests = Vec::new();
    for manifest in &wanted.manifests {
        let (file, found) = upstream::manifest(asker, parts, manifest).await?;
        manifests.push(file);
        images.extend(found);
    }
    images.sort();
    images.dedup();
    Ok(UpgradeFiles {
        image: Reference {
            repository: wanted.image.clone(),
            tag: Some(tag),
            digest: None,
        },
        manifests,
        images,
    })
}

/// The releases among artifacts. One that says nothing readable about itself is none.
fn releases<'a>(
    artifacts: impl IntoIterator<Item = &'a Artifact>,
) -> impl Iterator<Item = (&'a Artifact, K3sRelease)> {
    let artifacts = artifacts.into_iter();
    artifacts
        .filter(|artifact| artifact.kind == Kind::K3s)
        .filter_map(|artifact| Some((artifact, K3sRelease::of(artifact).ok()?)))
}

/// The cluster that charts are rendered for: a channel's release counts as well as one that is written.
pub(crate) fn cluster<'a>(
    manifest: &Effective,
    artifacts: impl IntoIterator<Item = &'a Artifact>,
) -> KubernetesRequest {
    let mut cluster = manifest.cluster();
    if cluster.version.is_none() {
        cluster.version = releases(artifacts).map(|(_, release)| release.release).next();
    }
    cluster
}

/// What is asked for, together with the images of those releases of k3s among it that are known.
pub(crate) fn with_images<'a>(
    manifest: &Effective,
    requests: Vec<Request>,
    artifacts: impl IntoIterator<Item = &'a Artifact>,
    referrers: bool,
) -> Vec<Request> {
    let mut images = Vec::new();
    for (artifact, release) in releases(artifacts) {
        let mut asking = requests.iter();
        let asking = asking.find(|request| request.fingerprint == artifact.request);
        images.extend(
            asking
                .into_iter()
                .flat_map(|request| wanted(manifest, request, &release)),
        );
    }
    let (mut out, mut others): (Vec<_>, Vec<_>) = requests
        .into_iter()
        .partition(|request| request.kind == Kind::K3s);
    others.extend(images);
    out.extend(ready(others, referrers));
    out
}

/// The images of a release, as they are wanted.
fn wanted(manifest: &Effective, request: &Request, release: &K3sRelease) -> Vec<Request> {
    let wanted = |reference: &Reference, why: &str| Request {
        kind: Kind::Image,
        name: reference.to_string(),
        why: vec![format!("{} → {why}", release.component)],
        components: request.components.clone(),
        place: request.place.clone(),
        ask: Ask::Image {
            source: ImageSource::Registry {
                reference: reference.clone(),
            },
            platforms: manifest.platforms.clone(),
            served: None,
        },
        asked: Asked::OfK3s,
        fingerprint: digest_of(b""),
    };
    let own = release.images.iter();
    let mut out: Vec<Request> = own
        .map(|image| wanted(image, airlock_spec::k3s::IMAGE_LIST))
        .collect();
    if let Some(upgrade) = &release.upgrade {
        out.push(wanted(&upgrade.image, "k3s → upgrade"));
        let controller = upgrade.images.iter();
        out.extend(controller.map(|image| wanted(image, "k3s → upgrade → manifests")));
    }
    out
}

/// An address below a folder.
fn below(folder: &Url, words: &[&str]) -> Result<Url, K3sError> {
    let mut url = folder.clone();
    let bad = || K3sError::Release(words.join("/"));
    // A query would stand before what is added.
    url.set_query(None);
    url.set_fragment(None);
    url.path_segments_mut()
        .map_err(|()| bad())?
        .pop_if_empty()
        .extend(words);
    // The releases of k3s have a plus, which some servers take for a space.
    let path = url.path().replace('+', "%2B");
    url.set_path(&path);
    Ok(url)
}
