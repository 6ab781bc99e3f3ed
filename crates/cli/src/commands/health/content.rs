//! What a bundle or store says that a cluster should have.

use std::io::Read;
use std::path::Path;

use airlock_bundle::BundleFile;
use airlock_closure::{Held, Holdings as _};
use airlock_content::{BlobRead, GenerationView};
use airlock_health::{Expected, Image, Release};
use airlock_spec::k3s::K3sRelease;
use airlock_spec::site::Site;
use airlock_store::Store;
use airlock_types::{Descriptor, Digest, Manifest, annotation};
use anyhow::Context;

use crate::args::BundleKeys;
use crate::failure::{Failure, Result};
use crate::{bundles, keys};

/// The largest manifest, and the largest description of a release.
const MAX_BYTES: u64 = 8 << 20;
/// Where HelmCharts are.
const CHARTS: &str = airlock_installer::charts::NAMESPACE;

/// Adds to what is expected.
pub(super) fn read(path: &Path, trust: &BundleKeys, site: Option<&Site>, expected: &mut Expected) -> Result {
    let facts = std::fs::metadata(path)
        .with_context(|| format!("the store or bundle could not be read: {}", path.display()))?;
    if facts.is_dir() {
        return of(&Store::open(path)?, site, expected);
    }
    if trust.keys.is_empty() {
        return Err(Failure::from(anyhow::anyhow!(
            "a bundle is compared only with a key that it must be signed by"
        ))
        .hint("add --key PUBLIC_KEY"));
    }
    let policy = keys::policy(&trust.keys, trust.threshold)?;
    let bundle = BundleFile::open(path, &policy).map_err(|error| bundles::refused(path, error))?;
    of(&bundle, site, expected)
}

fn of<V: GenerationView>(view: &V, site: Option<&Site>, expected: &mut Expected) -> Result {
    let held = Held::read(view).map_err(Failure::no)?;
    let mut images: Vec<Image> = held
        .images()
        .map(|(reference, _)| {
            let platforms = held.platforms(reference).unwrap_or_default();
            let architectures = platforms
                .iter()
                .map(|platform| platform.architecture().to_owned());
            Image {
                reference: reference.clone(),
                architectures: architectures.collect(),
            }
        })
        .collect();
    let mut releases = Vec::new();
    for root in &view.generation()?.roots {
        let kind = root.descriptor.annotations.get(annotation::KIND);
        if root.subject.is_none() && kind.is_some_and(|kind| kind == "k3s") {
            releases.push(release(view, &root.descriptor)?);
        }
    }
    for release in &releases {
        // They are artifacts too, unless upstream's archive is carried.
        for reference in &release.images {
            if !images.iter().any(|image| image.reference == *reference) {
                images.push(reference.clone().into());
            }
        }
    }
    images.sort();
    images.dedup();
    expected.images = Some(images);
    // With several releases nobody knows which one this cluster should have.
    if let [one] = &releases[..] {
        expected.k3s = Some(one.release.clone());
    }
    let is_off = |name: &str| {
        let mut charts = site.iter().flat_map(|site| &site.charts);
        charts.any(|chart| chart.release == name && !chart.enabled)
    };
    for (_, deployment) in held.deployments() {
        for chart in deployment.charts.iter().filter(|chart| !is_off(&chart.release)) {
            expected.releases.push(Release {
                name: chart.release.clone(),
                chart_namespace: CHARTS.to_owned(),
                namespace: chart.namespace.clone(),
                written: None,
                chart: None,
            });
        }
    }
    Ok(())
}

fn release<V: BlobRead>(view: &V, root: &Descriptor) -> Result<K3sRelease> {
    let about = || format!("the release of k3s could not be read: {}", root.digest);
    let manifest = Manifest::parse(&root.media_type, &bytes(view, &root.digest)?).with_context(about)?;
    let Manifest::Image(image) = manifest else {
        return Err(anyhow::anyhow!(about()).into());
    };
    Ok(K3sRelease::from_bytes(&bytes(view, &image.config.digest)?).with_context(about)?)
}

fn bytes<V: BlobRead>(view: &V, digest: &Digest) -> Result<Vec<u8>> {
    let about = || format!("the content could not be read: {digest}");
    let body = view.open(digest)?.with_context(about)?;
    let mut out = Vec::new();
    body.into_reader()
        .and_then(|reader| reader.take(MAX_BYTES).read_to_end(&mut out))
        .with_context(about)?;
    Ok(out)
}
