//! Walking an image: from its root to every manifest and blob that is carried.

use std::collections::BTreeSet;

use airlock_content::{FetchedManifest, ManifestSelector, MetadataSource, Origin};
use airlock_spec::lock::{Artifact, Kind, LeftOut, Pin, PlatformPin, Source};
use airlock_spec::manifest::ImageSource;
use airlock_types::{
    Descriptor, Digest, ImageManifest, IndexManifest, Manifest, Platform, Reference, media_type,
};
use futures::future::{BoxFuture, FutureExt, try_join_all};
use serde::Deserialize;

use crate::ask::{Asker, read};
use crate::error::Cause;
use crate::pins::{Found, sorted};
use crate::request::Request;
use crate::{names, referrers};

/// How deep indexes may hold indexes.
const MAX_DEPTH: usize = 4;
/// The largest configuration that is read for its platform.
const MAX_CONFIG: u64 = 8 << 20;
/// Docker's type of an image configuration.
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// Resolves an entry of `images`.
pub(crate) async fn resolve<S: MetadataSource>(
    asker: &Asker<'_, S>,
    request: &Request,
    image: &ImageSource,
    wanted: &[Platform],
    served: Option<&Reference>,
) -> Result<Artifact, Cause> {
    let (source, selector) = match image {
        ImageSource::Registry { reference } => (
            Source::Registry {
                repository: reference.repository.clone(),
            },
            match reference.digest {
                Some(digest) => ManifestSelector::Digest(digest),
                None => ManifestSelector::Tag(reference.tag_or_latest()),
            },
        ),
        ImageSource::OciLayout { path, image } => {
            (Source::OciLayout { path: path.clone() }, by_name(image.as_ref()))
        }
        ImageSource::OciArchive { path, image } => {
            (Source::OciArchive { path: path.clone() }, by_name(image.as_ref()))
        }
        ImageSource::DockerArchive { path, image } => (
            Source::DockerArchive { path: path.clone() },
            by_name(image.as_ref()),
        ),
    };
    let origin = crate::origin(&source, asker.folder);
    let root = asker.manifest(&origin, &selector).await?;
    if let ImageSource::Registry {
        reference:
            Reference {
                repository,
                tag: Some(tag),
                digest: Some(digest),
            },
    } = image
    {
        // Both were written: the digest counts. That the tag has moved on is worth a word, not a failure.
        match asker.manifest(&origin, &ManifestSelector::Tag(tag.clone())).await {
            Ok(found) if found.descriptor.digest == *digest => {}
            Ok(found) => asker.note(&format!(
                "{repository}:{tag} now means {}; the digest in the manifest counts: {digest}",
                found.descriptor.digest
            )),
            Err(error) => asker.note(&format!(
                "{repository}:{tag} could not be compared with its digest: {error}"
            )),
        }
    }
    let reference = match (served, image) {
        (Some(served), _) => served.clone(),
        (None, ImageSource::Registry { reference }) => reference.clone(),
        _ => names::of_local_image(image, root.name.as_deref())?,
    };
    carry(
        asker,
        request,
        Kind::Image,
        reference,
        source,
        &root,
        Some(wanted),
    )
    .await
}

fn by_name(name: Option<&String>) -> ManifestSelector {
    name.map_or(ManifestSelector::Only, |name| {
        ManifestSelector::Named(name.clone())
    })
}

/// Pins everything below a root manifest, and what refers to it. Without `wanted`, platforms do not matter.
pub(crate) async fn carry<S: MetadataSource>(
    asker: &Asker<'_, S>,
    request: &Request,
    kind: Kind,
    reference: Reference,
    source: Source,
    root: &FetchedManifest,
    wanted: Option<&[Platform]>,
) -> Result<Artifact, Cause> {
    let origin = crate::origin(&source, asker.folder);
    let mut found = match read(root)? {
        Manifest::Index(index) => below_index(asker, &origin, &index, wanted, 0).await?,
        Manifest::Image(image) => single(asker, &origin, &image, root.descriptor.digest, wanted).await?,
    };
    if let Some(wanted) = wanted {
        check_platforms(wanted, &found)?;
    }
    keep_generated(&mut found, root);
    let manifests = sorted(std::mem::take(&mut found.manifests))?;
    let referrers = if asker.referrers && !matches!(origin, Origin::DockerArchive(_)) {
        let subjects = std::iter::once(root.descriptor.digest).chain(manifests.iter().map(|pin| pin.digest));
        referrers::of(asker, &origin, subjects.collect()).await?
    } else {
        Vec::new()
    };
    found
        .platforms
        .sort_by(|a, b| (&a.platform, a.digest).cmp(&(&b.platform, b.digest)));
    found.platforms.dedup();
    found.left_out.sort_by_key(|left| left.digest);
    found.left_out.dedup();
    Ok(Artifact {
        kind,
        name: request.name.clone(),
        reference,
        version: None,
        source,
        root: Pin::of(&root.descriptor),
        platforms: found.platforms,
        left_out: found.left_out,
        manifests,
        blobs: sorted(found.blobs)?,
        inline: found.inline,
        referrers,
        why: request.why.clone(),
        request: request.fingerprint,
    })
}

fn check_platforms(wanted: &[Platform], found: &Found) -> Result<(), Cause> {
    // Nothing in it has a platform: an artifact, which is carried for all of them.
    if found.platforms.is_empty() && found.available.is_empty() {
        return Ok(());
    }
    let missing: Vec<Platform> = wanted
        .iter()
        .filter(|wanted| !found.platforms.iter().any(|pin| pin.platform.satisfies(wanted)))
        .cloned()
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let available: BTreeSet<Platform> = found.available.iter().cloned().collect();
    // What cannot be run anywhere (attestations call themselves unknown/unknown) is no offer.
    let available = available
        .into_iter()
        .filter(|platform| platform.os() != "unknown")
        .collect();
    Err(Cause::Platforms { missing, available })
}

fn wants(wanted: Option<&[Platform]>, platform: &Platform) -> bool {
    wanted.is_none_or(|wanted| wanted.iter().any(|wanted| platform.satisfies(wanted)))
}

fn keep_generated(found: &mut Found, fetched: &FetchedManifest) {
    if fetched.generated {
        let text = String::from_utf8_lossy(&fetched.bytes).into_owned();
        found.inline.insert(fetched.descriptor.digest, text);
    }
}

/// Everything below an index that is carried. `None` wants all of it.
pub(crate) fn below_index<'a, S: MetadataSource>(
    asker: &'a Asker<'_, S>,
    origin: &'a Origin,
    index: &'a IndexManifest,
    wanted: Option<&'a [Platform]>,
    depth: usize,
) -> BoxFuture<'a, Result<Found, Cause>> {
    async move {
        if depth > MAX_DEPTH {
            return Err(Cause::Depth(MAX_DEPTH));
        }
        let (attestations, children): (Vec<_>, Vec<_>) = index
            .manifests
            .iter()
            .partition(|child| attested(child).is_some());
        let parts = try_join_all(
            children
                .into_iter()
                .map(|child| below_child(asker, origin, child, wanted, depth)),
        );
        let mut found = Found::default();
        for part in parts.await? {
            found.merge(part);
        }
        let chosen: BTreeSet<Digest> = found.manifests.iter().map(|pin| pin.digest).collect();
        // An attestation travels with the manifest that it is about.
        let (carried, left): (Vec<_>, Vec<_>) = attestations.into_iter().partition(|child| {
            wanted.is_none() || attested(child).is_some_and(|about| chosen.contains(&about))
        });
        found.left_out.extend(left.into_iter().map(left_out));
        for part in try_join_all(carried.into_iter().map(|child| whole(asker, origin, child))).await? {
            found.merge(part);
        }
        Ok(found)
    }
    .boxed()
}

/// The digest of the manifest that a buildkit attestation is about.
fn attested(child: &Descriptor) -> Option<Digest> {
    let kind = child.annotations.get("vnd.docker.reference.type")?;
    let about = child.annotations.get("vnd.docker.reference.digest")?;
    (kind == "attestation-manifest")
        .then(|| about.parse().ok())
        .flatten()
}

fn left_out(child: &Descriptor) -> LeftOut {
    LeftOut {
        digest: child.digest,
        platform: child.platform.clone(),
    }
}

fn only_left_out(child: &Descriptor) -> Found {
    Found {
        left_out: vec![left_out(child)],
        available: child.platform.iter().cloned().collect(),
        ..Found::default()
    }
}

async fn below_child<S: MetadataSource>(
    asker: &Asker<'_, S>,
    origin: &Origin,
    child: &Descriptor,
    wanted: Option<&[Platform]>,
    depth: usize,
) -> Result<Found, Cause> {
    let declined = child
        .platform
        .as_ref()
        .is_some_and(|platform| !wants(wanted, platform));
    if declined || !media_type::is_manifest(&child.media_type) {
        return Ok(only_left_out(child));
    }
    if media_type::is_index(&child.media_type) {
        let (fetched, manifest) = asker.named(origin, child).await?;
        let Manifest::Index(index) = manifest else {
            return Ok(only_left_out(child));
        };
        let mut found = below_index(asker, origin, &index, wanted, depth + 1).await?;
        if found.manifests.is_empty() && wanted.is_some() {
            let available = found.available;
            return Ok(Found {
                available,
                ..only_left_out(child)
            });
        }
        found.manifests.push(Pin::of(child));
        keep_generated(&mut found, &fetched);
        return Ok(found);
    }
    if let Some(platform) = &child.platform {
        let mut found = whole(asker, origin, child).await?;
        found.platforms.push(PlatformPin {
            platform: platform.clone(),
            digest: child.digest,
        });
        found.available.push(platform.clone());
        return Ok(found);
    }
    // The index is silent about the platform: the image itself knows.
    let (fetched, manifest) = asker.named(origin, child).await?;
    let Manifest::Image(image) = manifest else {
        return Ok(only_left_out(child));
    };
    let mut found = Found::default();
    if let Some(platform) = configured_platform(asker, origin, &image).await? {
        found.available.push(platform.clone());
        if !wants(wanted, &platform) {
            found.left_out.push(LeftOut {
                digest: child.digest,
                platform: Some(platform),
            });
            return Ok(found);
        }
        found.platforms.push(PlatformPin {
            platform,
            digest: child.digest,
        });
    }
    found.manifests.push(Pin::of(child));
    found.blobs.extend(blobs(&image));
    keep_generated(&mut found, &fetched);
    Ok(found)
}

/// A manifest with everything below it, whatever it runs on.
pub(crate) async fn whole<S: MetadataSource>(
    asker: &Asker<'_, S>,
    origin: &Origin,
    descriptor: &Descriptor,
) -> Result<Found, Cause> {
    let (fetched, manifest) = asker.named(origin, descriptor).await?;
    let mut found = match manifest {
        Manifest::Image(image) => Found {
            blobs: blobs(&image),
            ..Found::default()
        },
        Manifest::Index(index) => below_index(asker, origin, &index, None, 1).await?,
    };
    found.manifests.push(Pin::of(descriptor));
    keep_generated(&mut found, &fetched);
    Ok(found)
}

/// A root that is not an index.
async fn single<S: MetadataSource>(
    asker: &Asker<'_, S>,
    origin: &Origin,
    image: &ImageManifest,
    digest: Digest,
    wanted: Option<&[Platform]>,
) -> Result<Found, Cause> {
    let mut found = Found {
        blobs: blobs(image),
        ..Found::default()
    };
    if wanted.is_some()
        && let Some(platform) = configured_platform(asker, origin, image).await?
    {
        found.available.push(platform.clone());
        if wants(wanted, &platform) {
            found.platforms.push(PlatformPin { platform, digest });
        }
    }
    Ok(found)
}

/// The platform that an image's configuration names; `None` for artifacts that are no images.
async fn configured_platform<S: MetadataSource>(
    asker: &Asker<'_, S>,
    origin: &Origin,
    image: &ImageManifest,
) -> Result<Option<Platform>, Cause> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Configured {
        os: Option<String>,
        architecture: Option<String>,
        variant: Option<String>,
    }
    if !matches!(
        image.config.media_type.as_str(),
        media_type::OCI_CONFIG | DOCKER_CONFIG
    ) || image.artifact_type.is_some()
    {
        return Ok(None);
    }
    let bytes = asker.blob(origin, &image.config, MAX_CONFIG).await?;
    // Artifacts of older tools use this type for an empty configuration, or one of their own.
    let Ok(configured) = serde_json::from_slice::<Configured>(&bytes) else {
        return Ok(None);
    };
    let part = Option::unwrap_or_default;
    Ok(Platform::new(
        &part(configured.os),
        &part(configured.architecture),
        configured.variant.as_deref(),
    )
    .ok())
}

/// Configuration and layers, without those that must not be distributed (they stay with their vendor,
/// and every client knows to fetch them there).
fn blobs(image: &ImageManifest) -> Vec<Pin> {
    std::iter::once(&image.config)
        .chain(&image.layers)
        .filter(|blob| {
            !blob.media_type.contains(".nondistributable.") && !blob.media_type.contains(".foreign.")
        })
        .map(Pin::of)
        .collect()
}
