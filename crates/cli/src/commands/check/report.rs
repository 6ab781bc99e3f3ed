//! What a check has found, for people and for programs.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use airlock_closure::Missing;
use airlock_spec::deployment::{Deployment, NeededImage};
use airlock_types::{Platform, Reference};
use serde::Serialize;

use super::cluster::Seen;

/// How many places that need an image are shown.
pub(super) const SHOWN: usize = 4;

/// All deployments.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    /// Whether everything is here.
    pub(super) established: bool,
    deployments: Vec<Checked>,
    /// What runs, where a cluster was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cluster: Option<Seen>,
}

/// One deployment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Checked {
    component: String,
    reference: Reference,
    platforms: Vec<Platform>,
    charts: usize,
    manifests: usize,
    /// How many images are needed.
    images: usize,
    missing: Vec<Missing>,
    /// What is needed now and was not when the lock was made.
    added: Vec<Reference>,
    /// What was needed then and is not any more.
    dropped: Vec<Reference>,
    /// What nobody can tell, and nobody has decided about.
    gaps: Vec<String>,
}

fn needed(deployment: &Deployment) -> BTreeSet<&Reference> {
    let images = deployment.images.iter();
    let carried = images.filter(|image: &&NeededImage| image.decision.is_carried());
    carried.map(|image| &image.reference).collect()
}

impl Checked {
    pub(super) fn new(
        reference: &Reference,
        before: &Deployment,
        now: &Deployment,
        missing: Vec<Missing>,
    ) -> Self {
        let (then, images) = (needed(before), needed(now));
        let gaps = now.gaps.iter().filter(|gap| gap.ignored.is_none());
        Self {
            component: now.component.clone(),
            reference: reference.clone(),
            platforms: now.platforms.clone(),
            charts: now.charts.len(),
            manifests: now.manifests.len(),
            images: images.len(),
            missing,
            added: images.difference(&then).map(|image| (*image).clone()).collect(),
            dropped: then.difference(&images).map(|image| (*image).clone()).collect(),
            gaps: gaps.map(ToString::to_string).collect(),
        }
    }

    fn text(&self) -> String {
        let platforms: Vec<String> = self.platforms.iter().map(ToString::to_string).collect();
        let mut out = format!(
            "{}: {}, {}, {} for {}\n",
            self.component,
            count(self.charts, "chart"),
            count(self.manifests, "manifest"),
            count(self.images, "image"),
            platforms.join(" and ")
        );
        if self.missing.is_empty() {
            out.push_str("  established       every image is here\n");
        } else {
            let _ = writeln!(
                out,
                "  not established   {} not here",
                count(self.missing.len(), "image")
            );
        }
        for missing in &self.missing {
            let _ = writeln!(out, "    {missing}");
            for place in missing.needed_by.iter().take(SHOWN) {
                let _ = writeln!(out, "      needed by {place}");
            }
            if let Some(more) = missing
                .needed_by
                .len()
                .checked_sub(SHOWN)
                .filter(|more| *more > 0)
            {
                let _ = writeln!(out, "      and by {more} more");
            }
        }
        for (what, images) in [
            ("needed since the lock was made", &self.added),
            ("no longer needed", &self.dropped),
        ] {
            for image in images {
                let _ = writeln!(out, "  {what}: {image}");
            }
        }
        if !self.gaps.is_empty() {
            let _ = writeln!(
                out,
                "  skipped           {} that nobody can tell from the charts",
                count(self.gaps.len(), "gap")
            );
        }
        for gap in &self.gaps {
            let _ = writeln!(out, "    {gap}");
        }
        out
    }
}

pub(super) fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

impl Report {
    pub(super) fn new(deployments: Vec<Checked>, cluster: Option<Seen>) -> Self {
        Self {
            established: deployments.iter().all(|checked| checked.missing.is_empty())
                && cluster.as_ref().is_none_or(|seen| seen.established),
            deployments,
            cluster,
        }
    }

    /// How many images are not here.
    pub(super) fn missing(&self) -> usize {
        self.deployments.iter().map(|checked| checked.missing.len()).sum()
    }

    /// How many images are needed.
    pub(super) fn images(&self) -> usize {
        self.deployments.iter().map(|checked| checked.images).sum()
    }

    /// Lines for people.
    pub(super) fn text(&self, verbose: bool) -> String {
        let deployments = self.deployments.iter().map(Checked::text);
        let cluster = self.cluster.iter().map(|seen| seen.text(verbose));
        deployments.chain(cluster).collect()
    }
}
