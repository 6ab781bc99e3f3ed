//! What a person has not decided about.

use airlock_spec::deployment::{Certainty, Decision, Deployment, Gap, NeededImage};

/// What is open in a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open<'a> {
    /// The deployment.
    pub deployment: &'a Deployment,
    /// Images that are not sure, and neither confirmed nor ignored.
    pub images: Vec<&'a NeededImage>,
    /// Gaps that are not ignored.
    pub gaps: Vec<&'a Gap>,
}

impl Open<'_> {
    /// Whether nothing is open.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty() && self.gaps.is_empty()
    }
}

/// What nobody has decided about: everything of a deployment that is not sure, but confirmed and ignored things.
pub fn open(deployment: &Deployment) -> Open<'_> {
    let is_open = |image: &&NeededImage| {
        image.certainty != Certainty::Sure && matches!(image.decision, Decision::Carried | Decision::Open)
    };
    Open {
        deployment,
        images: deployment.images.iter().filter(is_open).collect(),
        gaps: deployment
            .gaps
            .iter()
            .filter(|gap| gap.ignored.is_none())
            .collect(),
    }
}
