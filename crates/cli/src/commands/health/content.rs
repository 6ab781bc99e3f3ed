//! What a bundle or store says that a cluster should have.

use std::path::Path;
use std::sync::Arc;

use airlock_closure::{Held, Holdings as _};
use airlock_health::{Expected, Image, Release};
use airlock_installer::Contents;
use airlock_spec::site::Site;

use crate::args::{BundleKeys, Global};
use crate::commands::install::{charts, secrets};
use crate::failure::{Failure, Result};
use crate::opened::{self, Opened, Verify};
use crate::print;

/// Adds to what is expected.
pub(super) fn read(
    path: &Path,
    trust: &BundleKeys,
    site: Option<&Site>,
    global: &Global,
    expected: &mut Expected,
) -> Result {
    let view = opened::open(path, trust, "compared", Verify::Signatures)?;
    of(&Contents::new(Arc::new(view)), site, global, expected)
}

/// Adds what is in a store or bundle.
pub(in crate::commands) fn of(
    contents: &Contents<Opened>,
    site: Option<&Site>,
    global: &Global,
    expected: &mut Expected,
) -> Result {
    let view = &**contents.view();
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
    match site {
        Some(site) => match written(contents, site) {
            Ok(releases) => expected.releases = releases,
            Err(failure) => {
                print::note(
                    global,
                    &format!(
                        "note: whether the charts are as this site.yaml has them is not checked: {:#}",
                        failure.error
                    ),
                );
                expected.releases = carried(&held, |name| {
                    site.charts
                        .iter()
                        .all(|chart| chart.release != name || chart.enabled)
                });
            }
        },
        // With another site they would be other charts, so that no more than their names is known.
        None => expected.releases = carried(&held, |_| true),
    }
    Ok(())
}

/// The releases as `airlock install` writes them.
fn written(contents: &Contents<Opened>, site: &Site) -> Result<Vec<Release>> {
    let plan = charts::plan(contents, site, &secrets::of_charts(site)?)?;
    let releases = plan.waves.iter().flat_map(|wave| &wave.releases);
    Ok(releases.map(charts::expected).collect())
}

/// The releases of the bundle by their names.
fn carried(held: &Held, is_wanted: impl Fn(&str) -> bool) -> Vec<Release> {
    let deployments = held.deployments().iter();
    let charts = deployments.flat_map(|(_, deployment)| &deployment.charts);
    charts
        .filter(|chart| is_wanted(&chart.release))
        .map(|chart| Release {
            name: chart.release.clone(),
            chart_namespace: airlock_installer::charts::NAMESPACE.to_owned(),
            namespace: chart.namespace.clone(),
            written: None,
            chart: None,
        })
        .collect()
}
