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
    let contents = Contents::new(Arc::new(view));
    let held = of(&contents, expected)?;
    expected.releases = releases(&contents, &held, site, global);
    Ok(())
}

/// Adds the images and the release of k3s in a store or bundle.
pub(in crate::commands) fn of(contents: &Contents<Opened>, expected: &mut Expected) -> Result<Held> {
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
    Ok(held)
}

/// The releases that are installed from a store or bundle.
pub(in crate::commands) fn releases(
    contents: &Contents<Opened>,
    held: &Held,
    site: Option<&Site>,
    global: &Global,
) -> Vec<Release> {
    // With another site they would be other charts, so that no more than their names is known.
    let Some(site) = site else {
        return carried(held, |_| true);
    };
    written(contents, site).unwrap_or_else(|failure| {
        print::note(
            global,
            &format!(
                "note: whether the charts are as this site.yaml has them is not checked: {:#}",
                failure.error
            ),
        );
        carried(held, |name| {
            site.charts
                .iter()
                .all(|chart| chart.release != name || chart.enabled)
        })
    })
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
