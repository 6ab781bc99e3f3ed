//! Charts, from wherever they come, as the standard Helm artifact.

use airlock_content::{
    FetchedManifest, ManifestSelector, MetadataSource, Origin, Reporter, SourceError, SourceErrorKind,
    digest_of,
};
use airlock_helm::{
    ChartMetadata, LooseVersion, MAX_INDEX, VersionRange, chart_versions, choose, config_json, manifest_json,
};
use airlock_spec::lock::{Artifact, Kind, Pin, Source};
use airlock_spec::manifest::ChartSource;
use airlock_types::{Descriptor, Digest, ImageManifest, Manifest, Reference, Tag, media_type};
use bytes::Bytes;
use url::Url;

use crate::ask::{Asker, read};
use crate::error::Cause;
use crate::pins::sorted;
use crate::request::Request;
use crate::resolve::Options;
use crate::{image, names};

/// The largest chart archive that is read. Helm refuses charts far below that.
pub(crate) const MAX_CHART: u64 = 32 << 20;
/// The largest provenance file.
const MAX_PROVENANCE: u64 = 1 << 20;

/// Resolves an entry of `charts`.
pub(crate) async fn resolve<S: MetadataSource>(
    asker: &Asker<'_, S>,
    request: &Request,
    chart: &ChartSource,
) -> Result<Artifact, Cause> {
    match chart {
        ChartSource::Repository { repo, name, version } => {
            from_repository(asker, request, repo, name, version.as_deref()).await
        }
        ChartSource::Oci { reference, version } => {
            from_registry(asker, request, reference, version.as_deref()).await
        }
        ChartSource::Folder { path } => {
            let archive = asker.chart_folder(&asker.folder.join(path)).await?;
            let metadata = airlock_helm::inspect(&archive)?;
            let reference = names::of_local_chart(&metadata.name, &metadata.tag())?;
            let chart = layer(media_type::HELM_CHART, &archive);
            let source = Source::ChartFolder { path: path.clone() };
            make(request, source, reference, &metadata, &chart, None)
        }
    }
}

/// The range that a version text means; the newest release where none is given.
pub(crate) fn range(version: Option<&str>) -> Result<VersionRange, Cause> {
    version.unwrap_or("*").parse().map_err(Cause::Range)
}

/// The index of a repository, at `index.yaml` below its address.
pub(crate) fn index_url(repo: &Url) -> Url {
    let mut url = repo.clone();
    let path = format!("{}/index.yaml", repo.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

fn no_version<'a>(range: &VersionRange, versions: impl Iterator<Item = &'a LooseVersion>) -> Cause {
    Cause::NoVersion {
        range: range.to_string(),
        known: versions
            .take(5)
            .map(|version| version.as_str().to_owned())
            .collect(),
    }
}

/// Where the index of a repository has a version of a chart.
struct Place {
    version: String,
    url: Url,
    /// What the index says of the archive.
    digest: Option<Digest>,
}

impl Place {
    /// The version of a chart that is wanted.
    async fn find<S: MetadataSource>(
        asker: &Asker<'_, S>,
        repo: &Url,
        name: &str,
        version: Option<&str>,
    ) -> Result<Self, Cause> {
        let range = range(version)?;
        let index = asker.shared_document(&index_url(repo), MAX_INDEX).await?;
        let versions = chart_versions(&index, name)?;
        let chosen = choose(&versions, version.unwrap_or_default(), &range)
            .ok_or_else(|| no_version(&range, versions.iter().map(|version| &version.version)))?;
        let version = chosen.version.as_str().to_owned();
        match chosen.url(repo) {
            Some(url) => Ok(Self {
                version,
                url,
                digest: chosen.digest,
            }),
            None => Err(Cause::NoAddress(version)),
        }
    }

    /// What the address means if it is in a registry: some repositories only point there.
    fn in_registry(&self) -> Result<Option<Reference>, Cause> {
        let Some(address) = self.url.as_str().strip_prefix("oci://") else {
            return Ok(None);
        };
        let bad = |_| Cause::NoAddress(self.version.clone());
        address.parse().map(Some).map_err(bad)
    }

    fn check(&self, repo: &Url, actual: Digest) -> Result<(), Cause> {
        match self.digest {
            Some(expected) if expected != actual => Err(Cause::Digest {
                expected,
                announced_by: format!("index of {repo}"),
                actual,
            }),
            _ => Ok(()),
        }
    }

    /// The archive, which is the chart that the index says it is.
    async fn archive<S: MetadataSource>(
        &self,
        asker: &Asker<'_, S>,
        repo: &Url,
        name: &str,
    ) -> Result<(Bytes, ChartMetadata), Cause> {
        // It is rendered later, so it is kept until then.
        let archive = asker.shared_document(&self.url, MAX_CHART).await?;
        self.check(repo, digest_of(&archive))?;
        let metadata = airlock_helm::inspect(&archive)?;
        if metadata.name != name
            || metadata.version.trim_start_matches('v') != self.version.trim_start_matches('v')
        {
            return Err(Cause::OtherChart(format!(
                "{} {}",
                metadata.name, metadata.version
            )));
        }
        Ok((archive, metadata))
    }
}

async fn from_repository<S: MetadataSource>(
    asker: &Asker<'_, S>,
    request: &Request,
    repo: &Url,
    name: &str,
    version: Option<&str>,
) -> Result<Artifact, Cause> {
    let place = Place::find(asker, repo, name, version).await?;
    if let Some(found) = airlock_spec::secret_in(&place.url) {
        let version = place.version;
        return Err(Cause::SecretAddress { version, found });
    }
    if let Some(reference) = place.in_registry()? {
        let artifact = from_registry(asker, request, &reference, Some(&place.version)).await?;
        archive_of(&artifact).map_or(Ok(()), |actual| place.check(repo, actual))?;
        return Ok(artifact);
    }
    let (archive, metadata) = place.archive(asker, repo, name).await?;
    let chart = layer(media_type::HELM_CHART, &archive);
    let url = place.url;
    let provenance = provenance(asker, &url).await?;
    let reference = names::of_repository_chart(repo, name, &metadata.tag())?;
    make(
        request,
        Source::Http { url },
        reference,
        &metadata,
        &chart,
        provenance,
    )
}

/// The signature that `helm package --sign` puts beside an archive.
async fn provenance<S: MetadataSource>(
    asker: &Asker<'_, S>,
    archive: &Url,
) -> Result<Option<Pin>, SourceError> {
    let mut url = archive.clone();
    url.set_path(&format!("{}.prov", archive.path()));
    match asker.document(&url, MAX_PROVENANCE).await {
        // Servers that answer everything with a page would otherwise put that page into the chart.
        Ok(bytes) if !bytes.starts_with(b"-----BEGIN PGP SIGNED MESSAGE-----") => Ok(None),
        Ok(bytes) => {
            let mut pin = Pin::of(&layer(media_type::HELM_PROVENANCE, &bytes));
            pin.source = Some(Source::Http { url });
            Ok(Some(pin))
        }
        // Storage buckets answer "denied" for what does not exist.
        Err(error) if matches!(error.kind, SourceErrorKind::NotFound | SourceErrorKind::Denied) => Ok(None),
        Err(error) => Err(error),
    }
}

fn layer(kind: &str, bytes: &[u8]) -> Descriptor {
    Descriptor::new(kind, digest_of(bytes), bytes.len() as u64)
}

/// The artifact of a chart archive: manifest and configuration are made here and kept in the lock.
fn make(
    request: &Request,
    source: Source,
    reference: Reference,
    metadata: &ChartMetadata,
    chart: &Descriptor,
    provenance: Option<Pin>,
) -> Result<Artifact, Cause> {
    let config_bytes = config_json(metadata);
    let config = layer(media_type::HELM_CONFIG, &config_bytes);
    let manifest_bytes = manifest_json(
        metadata,
        &config,
        chart,
        provenance.as_ref().map(Pin::descriptor).as_ref(),
    );
    let root = layer(media_type::OCI_MANIFEST, &manifest_bytes);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Artifact {
        kind: Kind::Chart,
        name: request.name.clone(),
        reference,
        version: Some(metadata.version.clone()),
        source,
        root: Pin::of(&root),
        platforms: Vec::new(),
        left_out: Vec::new(),
        manifests: Vec::new(),
        blobs: sorted([Pin::of(&config), Pin::of(chart)].into_iter().chain(provenance))?,
        inline: [
            (root.digest, text(&manifest_bytes)),
            (config.digest, text(&config_bytes)),
        ]
        .into(),
        referrers: Vec::new(),
        why: request.why.clone(),
        request: request.fingerprint,
    })
}

/// A chart in a registry.
struct Registered {
    /// With the tag that was chosen, if none was given.
    reference: Reference,
    source: Source,
    origin: Origin,
    root: FetchedManifest,
    manifest: Box<ImageManifest>,
}

impl Registered {
    async fn find<S: MetadataSource>(
        asker: &Asker<'_, S>,
        reference: &Reference,
        version: Option<&str>,
    ) -> Result<Self, Cause> {
        let source = Source::Registry {
            repository: reference.repository.clone(),
        };
        let origin = crate::origin(&source, asker.folder);
        let mut reference = reference.clone();
        if reference.tag.is_none() && reference.digest.is_none() {
            reference.tag = Some(choose_tag(asker, &reference, version).await?);
        }
        let selector = match (reference.digest, &reference.tag) {
            (Some(digest), _) => ManifestSelector::Digest(digest),
            (None, tag) => ManifestSelector::Tag(tag.clone().unwrap_or_else(Tag::latest)),
        };
        let root = asker.manifest(&origin, &selector).await?;
        match read(&root)? {
            Manifest::Image(manifest) if manifest.config.media_type == media_type::HELM_CONFIG => Ok(Self {
                reference,
                source,
                origin,
                root,
                manifest,
            }),
            Manifest::Image(manifest) => Err(Cause::NotAChart(manifest.effective_artifact_type().to_owned())),
            Manifest::Index(_) => Err(Cause::NotAChart(root.descriptor.media_type)),
        }
    }

    async fn archive<S: MetadataSource>(&self, asker: &Asker<'_, S>) -> Result<Bytes, Cause> {
        let layers = &mut self.manifest.layers.iter();
        let Some(chart) = layers.find(|layer| layer.media_type == media_type::HELM_CHART) else {
            return Err(Cause::NotAChart(
                self.manifest.effective_artifact_type().to_owned(),
            ));
        };
        Ok(asker.blob(&self.origin, chart, MAX_CHART).await?)
    }
}

async fn from_registry<S: MetadataSource>(
    asker: &Asker<'_, S>,
    request: &Request,
    reference: &Reference,
    version: Option<&str>,
) -> Result<Artifact, Cause> {
    let found = Registered::find(asker, reference, version).await?;
    let Registered {
        reference,
        source,
        root,
        ..
    } = found;
    let mut artifact = image::carry(asker, request, Kind::Chart, reference, source, &root, None).await?;
    artifact.version = artifact
        .reference
        .tag
        .as_ref()
        .map(|tag| tag.as_str().replace('_', "+"));
    Ok(artifact)
}

/// Charts as they are, for those who render them and lock nothing.
///
/// The index of a repository is fetched once, however many charts come from it.
pub struct Charts<'a, S>(Asker<'a, S>);

impl<'a, S: MetadataSource> Charts<'a, S> {
    /// Asks this source.
    pub fn new(source: &'a S, options: &'a Options, reporter: &'a dyn Reporter) -> Self {
        Self(Asker::new(source, options, reporter))
    }

    /// The packaged chart (`.tgz`) that is meant, checked as [`resolve`](crate::resolve) checks it: against the
    /// digest of the index or of the manifest, and against the name and version that the index gives.
    pub async fn archive(&self, chart: &ChartSource) -> Result<Bytes, Cause> {
        let asker = &self.0;
        match chart {
            ChartSource::Repository { repo, name, version } => {
                let place = Place::find(asker, repo, name, version.as_deref()).await?;
                if let Some(reference) = place.in_registry()? {
                    let found = Registered::find(asker, &reference, Some(&place.version)).await?;
                    let archive = found.archive(asker).await?;
                    place.check(repo, digest_of(&archive))?;
                    return Ok(archive);
                }
                Ok(place.archive(asker, repo, name).await?.0)
            }
            ChartSource::Oci { reference, version } => {
                let found = Registered::find(asker, reference, version.as_deref()).await?;
                found.archive(asker).await
            }
            ChartSource::Folder { path } => Ok(asker.chart_folder(&asker.folder.join(path)).await?),
        }
    }
}

impl<S> std::fmt::Debug for Charts<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Charts").finish_non_exhaustive()
    }
}

/// The tag of the newest version in the range; `+` is written `_` in tags.
async fn choose_tag<S: MetadataSource>(
    asker: &Asker<'_, S>,
    reference: &Reference,
    version: Option<&str>,
) -> Result<Tag, Cause> {
    let range = range(version)?;
    if let Some(version) = version.filter(|_| range.is_exact()) {
        let tag = version.trim_start_matches('=').replace('+', "_");
        return tag.parse().map_err(|_| Cause::Reference(tag));
    }
    let mut versions: Vec<LooseVersion> = asker
        .tags(&reference.repository)
        .await?
        .iter()
        .filter_map(|tag| tag.as_str().replace('_', "+").parse().ok())
        .collect();
    versions.sort_by(|a, b| b.cmp(a));
    let chosen = range
        .best(&versions)
        .ok_or_else(|| no_version(&range, versions.iter()))?;
    let tag = chosen.as_str().replace('+', "_");
    tag.parse().map_err(|_| Cause::Reference(tag))
}

/// The digest of the archive of a chart artifact.
pub(crate) fn archive_of(artifact: &Artifact) -> Option<Digest> {
    artifact
        .blobs
        .iter()
        .find(|pin| pin.media_type == media_type::HELM_CHART)
        .map(|pin| pin.digest)
}
