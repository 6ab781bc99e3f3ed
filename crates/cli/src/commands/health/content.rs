//! What a bundle or store says that a cluster should have.

use std::path::Path;

use airlock_closure::{Held, Holdings as _};
use airlock_health::{Expected, Image, Release};
use airlock_spec::site::Site;

use crate::args::BundleKeys;
use crate::failure::{Failure, Result};
use crate::opened::{self, Verify};

/// Where HelmCharts are.
const CHARTS: &str = airlock_installer::charts::NAMESPACE;

/// Adds to what is expected.
pub(super) fn read(path: &Path, trust: &BundleKeys, site: Option<&Site>, expected: &mut Expected) -> Result {
    let view = &opened::open(path, trust, "compared", Verify::Signatures)?;
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
    let releases = airlock_installer::releases(view)?;
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
