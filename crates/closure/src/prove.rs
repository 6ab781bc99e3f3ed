//! The proof that nothing points outside: everything that deployments need is held, at every platform.

use airlock_spec::deployment::{Deployment, NeededImage, resolve};
use airlock_spec::lock::Lock;
use airlock_types::{Platform, Reference};
use serde::Serialize;

/// Who is asked what is held: a lock, a bundle, a store.
pub trait Holdings {
    /// The platforms that a reference is held for, resolved as a registry does; `None` if it is not held, and empty for
    /// what has no platform.
    fn platforms(&self, reference: &Reference) -> Option<Vec<Platform>>;
}

/// A lock says what the bundle made from it will hold.
impl Holdings for Lock {
    fn platforms(&self, reference: &Reference) -> Option<Vec<Platform>> {
        let artifact = resolve(&self.artifacts, reference)?;
        Some(
            artifact
                .platforms
                .iter()
                .map(|pin| pin.platform.clone())
                .collect(),
        )
    }
}

/// An image that is needed and not held, or not for every platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Missing {
    /// The component.
    pub component: String,
    /// The image.
    pub reference: Reference,
    /// The platforms that it is not there for; empty if it is not there at all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<Platform>,
    /// Who needs it: entry, file, object and path.
    pub needed_by: Vec<String>,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.reference)?;
        if !self.platforms.is_empty() {
            let platforms: Vec<String> = self.platforms.iter().map(ToString::to_string).collect();
            write!(f, " for {}", platforms.join(", "))?;
        }
        Ok(())
    }
}

/// What the deployment needs and nobody holds, in order of reference.
pub fn missing(held: &dyn Holdings, deployment: &Deployment) -> Vec<Missing> {
    let carried = deployment
        .images
        .iter()
        .filter(|image| image.decision.is_carried());
    carried
        .filter_map(|image| missing_image(held, deployment, image))
        .collect()
}

fn missing_image(held: &dyn Holdings, deployment: &Deployment, image: &NeededImage) -> Option<Missing> {
    let wanted = if image.platforms.is_empty() {
        &deployment.platforms
    } else {
        &image.platforms
    };
    let platforms = match held.platforms(&image.reference) {
        None => Vec::new(),
        Some(there) => {
            let lacking = lacking(&there, wanted);
            if lacking.is_empty() {
                return None;
            }
            lacking
        }
    };
    Some(Missing {
        component: deployment.component.clone(),
        reference: image.reference.clone(),
        platforms,
        needed_by: image.needs.iter().map(ToString::to_string).collect(),
    })
}

/// The platforms of `wanted` that are not there. What has no platform is there for all.
fn lacking(there: &[Platform], wanted: &[Platform]) -> Vec<Platform> {
    if there.is_empty() {
        return Vec::new();
    }
    let is_there = |wanted: &Platform| there.iter().any(|platform| platform.satisfies(wanted));
    wanted
        .iter()
        .filter(|wanted| !is_there(wanted))
        .cloned()
        .collect()
}
