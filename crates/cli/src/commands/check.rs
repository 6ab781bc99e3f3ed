//! `airlock check`: is every image that is installed from here really here?
//!
//! Charts and manifests are taken from the bundle or store and rendered again, with the values that travel with them and
//! those that the site adds. What the bundle says of itself is not taken for an answer. With a cluster, what runs there
//! is compared with what is held as well.

mod cluster;
mod report;

use std::path::Path;

use airlock_closure::{AgainError, Blobs, Held, HeldError, SiteValues, again, compare, missing};
use airlock_content::GenerationView;

use self::cluster::Seen;
use self::report::{Checked, Report};
use crate::args::{CheckArgs, Global};
use crate::failure::{Failure, Result};
use crate::opened::{self, Verify};
use crate::{cluster as clusters, files, print};

/// What is enough for values.
const MAX_VALUES: u64 = 64 << 20;

pub(crate) fn run(args: &CheckArgs, global: &Global) -> Result {
    let view = opened::open(&args.path, &args.bundle, "checked", Verify::Signatures)?;
    let report = check(&view, args, &values(&args.values)?)?;
    print::result(global, &report, || report.text(global.verbose > 0))?;
    if report.established {
        return Ok(());
    }
    if report.missing() == 0
        && let Some(seen) = &report.cluster
    {
        let failure = Failure::no(anyhow::anyhow!("{}", seen.verdict()));
        return Err(failure.hint(seen.hint()));
    }
    let failure = Failure::no(anyhow::anyhow!(
        "{} of {} images are not here",
        report.missing(),
        report.images()
    ));
    Err(failure.hint(
        "where the bundle is made, add them to `images` of the component, or give the chart these values as `discover: {values: […]}`",
    ))
}

/// Values of the site: `NAME=FILE`, or a file for all releases.
fn values(given: &[String]) -> Result<Vec<SiteValues>> {
    let mut out = Vec::new();
    for text in given {
        let (release, name) = match text.split_once('=') {
            Some((release, name)) if !release.is_empty() && !Path::new(text).exists() => {
                (Some(release.to_owned()), name)
            }
            _ => (None, text.as_str()),
        };
        out.push(SiteValues {
            release,
            name: name.to_owned(),
            values: files::read("the values", Path::new(name), MAX_VALUES)?,
        });
    }
    Ok(out)
}

fn check<V: GenerationView>(view: &V, args: &CheckArgs, values: &[SiteValues]) -> Result<Report> {
    let held = Held::read(view).map_err(damaged)?;
    let deployments = held.deployments();
    // What runs can be compared without knowing what was meant to.
    if deployments.is_empty() && (args.cluster.is_none() || !values.is_empty()) {
        return Err(Failure::from(anyhow::anyhow!(
            "nothing is installed from here, so there is nothing to check: {}",
            args.path.display()
        ))
        .hint("a bundle says what is installed from it if its manifest has `charts` or `manifests`"));
    }
    for one in values {
        let mut charts = deployments.iter().flat_map(|(_, deployment)| &deployment.charts);
        if !charts.any(|chart| one.is_for(chart)) {
            let all = deployments.iter().flat_map(|(_, deployment)| &deployment.charts);
            let names: Vec<&str> = all.map(|chart| chart.release.as_str()).collect();
            let name = one.release.as_deref().unwrap_or_default();
            return Err(
                Failure::from(anyhow::anyhow!("there is no release of this name: {name:?}"))
                    .hint(format!("the releases are {}", names.join(", "))),
            );
        }
    }
    let mut checked = Vec::new();
    for (reference, before) in deployments {
        let now = again(&Blobs(view), before, values).map_err(not_rendered)?;
        let missing = missing(&held, &now);
        checked.push(Checked::new(reference, before, &now, missing));
    }
    let seen = match &args.cluster {
        Some(path) => {
            let seen = clusters::read(path)?;
            Some(Seen::new(path, compare(&held, &seen.running), seen))
        }
        None => None,
    };
    Ok(Report::new(checked, seen))
}

fn damaged(error: HeldError) -> Failure {
    let hint = match &error {
        HeldError::Absent(_) | HeldError::Damaged(_) => {
            Some("`airlock scrub` finds all of the damage in a store; importing the bundle again mends it")
        }
        _ => None,
    };
    let failure = Failure::no(error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn not_rendered(error: AgainError) -> Failure {
    match error {
        AgainError::Held(error) => damaged(error),
        error => Failure::no(error)
            .hint("`airlock template` renders a chart alone; see whether the values of the site fit this version of it"),
    }
}
