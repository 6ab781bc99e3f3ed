//! What is told of images that charts and manifests need.

use std::fmt::Write as _;

use airlock_closure::{Open, open};
use airlock_spec::deployment::{Certainty, Decision, Deployment};
use airlock_spec::lock::Lock;
use serde::Serialize;

use crate::failure::{Failure, Result};

/// How many images were found.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counts {
    sure: usize,
    probable: usize,
    possible: usize,
    /// Those that a bundle made from the lock will hold.
    carried: usize,
    ignored: usize,
    /// Those that are not carried, and nobody has said anything.
    open: usize,
    gaps: usize,
    /// Images and gaps that nobody has decided about, though they are not sure.
    unconfirmed: usize,
}

impl Counts {
    /// None if nothing is installed from the lock.
    pub(super) fn of(lock: &Lock) -> Result<Option<Self>> {
        let deployments = Deployment::all(lock)?;
        if deployments.is_empty() {
            return Ok(None);
        }
        let mut counts = Self::default();
        for deployment in &deployments {
            for image in &deployment.images {
                *match image.certainty {
                    Certainty::Sure => &mut counts.sure,
                    Certainty::Probable => &mut counts.probable,
                    Certainty::Possible => &mut counts.possible,
                } += 1;
                *match image.decision {
                    Decision::Carried | Decision::Confirmed => &mut counts.carried,
                    Decision::Ignored { .. } => &mut counts.ignored,
                    Decision::Open => &mut counts.open,
                } += 1;
            }
            let open = open(deployment);
            counts.gaps += deployment.gaps.len();
            counts.unconfirmed += open.images.len() + open.gaps.len();
        }
        Ok(Some(counts))
    }

    /// Lines for people.
    pub(super) fn text(self) -> String {
        let mut out = format!(
            "images needed by charts and manifests: {} sure, {} probable, {} possible; {} carried",
            self.sure, self.probable, self.possible, self.carried
        );
        if self.ignored > 0 {
            let _ = write!(out, ", {} ignored", self.ignored);
        }
        out.push('\n');
        if self.unconfirmed > 0 {
            let _ = writeln!(
                out,
                "{} images and gaps are not confirmed: `airlock lock --strict` lists them",
                self.unconfirmed
            );
        }
        out
    }
}

/// How many places that need an image are shown.
const SHOWN: usize = 3;

/// Fails unless a person has decided about everything that is not sure.
pub(crate) fn confirmed(lock: &Lock) -> Result {
    let deployments = Deployment::all(lock)?;
    let all: Vec<Open<'_>> = deployments
        .iter()
        .map(open)
        .filter(|open| !open.is_empty())
        .collect();
    if all.is_empty() {
        return Ok(());
    }
    let (mut images, mut gaps) = (0, 0);
    let mut text = String::new();
    let mut hint = String::from("decide about them in the manifest, such as");
    for open in &all {
        images += open.images.len();
        gaps += open.gaps.len();
        let component = &open.deployment.component;
        let mut confirm = Vec::new();
        let mut ignore = Vec::new();
        for image in &open.images {
            let becomes = match image.decision {
                Decision::Open => "not carried",
                _ => "carried",
            };
            let _ = write!(text, "\n\n  {} ({}, {becomes})", image.reference, image.certainty);
            for need in image.needs.iter().take(SHOWN) {
                let _ = write!(text, "\n    {component} → {need} [{}]", need.rule);
            }
            if let Some(more) = image.needs.len().checked_sub(SHOWN).filter(|more| *more > 0) {
                let _ = write!(text, "\n    and {more} more places");
            }
            if image.certainty == Certainty::Probable {
                confirm.push(image.reference.to_string());
            } else {
                ignore.push(format!("{{match: {:?}, reason: …}}", image.reference.to_string()));
            }
        }
        for gap in &open.gaps {
            let _ = write!(text, "\n\n  {component} → {gap}");
            ignore.push(format!("{{gap: {:?}, reason: …}}", gap.text));
        }
        let _ = write!(hint, "\n      - name: {component}\n        images:");
        if !confirm.is_empty() {
            let _ = write!(hint, "\n          confirm: [{}]", confirm.join(", "));
        }
        if !ignore.is_empty() {
            let _ = write!(hint, "\n          ignore: [{}]", ignore.join(", "));
        }
    }
    let what = match (images, gaps) {
        (images, 0) => format!("{images} images"),
        (0, gaps) => format!("{gaps} gaps"),
        (images, gaps) => format!("{images} images and {gaps} gaps"),
    };
    Err(Failure::no(anyhow::anyhow!("nobody has decided about {what}{text}")).hint(hint))
}
